//! What each error code means: who must act, and how. This table has a row for every code. Its texts are written and changed nowhere else.
//!
//! What retries, and how the user gives slacktrail a new token, depends on the place where a hint is shown. A text therefore contains
//! placeholders: `{wait}`, `{connect}`, and ` {id}` for the source.

use crate::error::ErrorKind::{self, Investigate, Reauthorize, Reconfigure, Retry};
use crate::error::Origin;

/// The place where a hint is shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// The poller's log and response, and the status of a deployment. The next tick retries.
    Poller,
    /// A run of `slacktrail pull`, and the status of its directory. The token comes from `SLACK_TOKEN`.
    Pull,
    /// A command that failed. Only the user retries it.
    Command,
    /// A command that failed, and that works on a directory. The token comes from `SLACK_TOKEN`.
    CommandWithToken,
    /// A page or the log of the OAuth function.
    Page,
}

impl Place {
    /// Returns `true` if the deployment is a directory.
    fn is_directory(self) -> bool {
        match self {
            Place::Pull | Place::CommandWithToken => true,
            Place::Poller | Place::Command | Place::Page => false,
        }
    }

    /// Returns the words for `{wait}` and for `{connect}`.
    fn words(self) -> (&'static str, &'static str) {
        const CONNECT: &str = "connect the source again (`slacktrail connect {id}`)";
        const SET: &str = "set `SLACK_TOKEN` to a new token";
        const RUN_AGAIN: &str = "run the command again in a minute";
        match self {
            Place::Poller => ("wait for the next tick", CONNECT),
            Place::Pull => ("wait until `slacktrail pull` tries again", SET),
            Place::Command => (RUN_AGAIN, CONNECT),
            Place::CommandWithToken => (RUN_AGAIN, SET),
            Place::Page => {
                ("run `slacktrail connect {id}` again in a few minutes", "run `slacktrail connect {id}` again")
            }
        }
    }
}

/// The kind of an error, and its hint with placeholders.
type Row = (ErrorKind, &'static str);

/// The row of Slack's codes that are not in the table. Slack's lists of codes are incomplete by its own account. If the error persists,
/// `health` makes the stream `failing`.
const UNKNOWN: Row = (Retry, "{wait}; if this persists, look up the code in Slack's documentation of the method");
/// The row of other codes that are not in the table. Another version of slacktrail stored them.
const UNKNOWN_OF_DEPLOYMENT: Row = (Investigate, "look up the code in docs/operations.md");

/// Returns who must act on an error with this code.
pub(crate) fn kind(origin: Origin, code: &str) -> ErrorKind {
    row(origin, code).0
}

/// Returns the hint for an error with this code. Without a known source, commands in it contain no source ID.
pub(crate) fn hint(origin: Origin, code: &str, is_unconfirmed: bool, place: Place, source: Option<&str>) -> String {
    let (kind, text) = row(origin, code);
    let text = if place.is_directory() { in_directory(origin, code).unwrap_or(text) } else { text };
    // An error that needs no action is not confirmed by a retry.
    let first = if is_unconfirmed && kind != Retry { "{wait}; if Slack returns the error again: " } else { "" };
    let (wait, connect) = place.words();
    let id = source.map(|id| format!(" {id}")).unwrap_or_default();
    format!("{first}{text}").replace("{wait}", wait).replace("{connect}", connect).replace(" {id}", &id)
}

/// Returns `true` if Slack documents the code. A message may repeat such a code, because it is no secret.
pub fn is_documented_by_slack(code: &str) -> bool {
    of_slack(code).is_some()
}

/// Returns `true` if the table has a row for this code of the deployment.
pub(crate) fn is_of_deployment(code: &str) -> bool {
    of_deployment(code).is_some()
}

fn row(origin: Origin, code: &str) -> Row {
    match origin {
        Origin::Slack => of_slack(code).or_else(|| of_calls(code)).unwrap_or(UNKNOWN),
        Origin::Deployment => of_deployment(code).unwrap_or(UNKNOWN_OF_DEPLOYMENT),
    }
}

/// Returns the row of a code that Slack returns. The codes come from docs.slack.dev and from Slack's SDKs.
fn of_slack(code: &str) -> Option<Row> {
    Some(match code {
        "ratelimited" | "rate_limited" => (Retry, "{wait}: Slack limits the call rate"),
        "internal_error" | "fatal_error" | "service_unavailable" | "request_timeout" => {
            (Retry, "{wait}: Slack had an internal error")
        }
        "team_added_to_org" | "org_login_required" => {
            (Retry, "{wait}: Slack is moving the workspace to an organization, which can take hours")
        }

        "token_expired" => (Reauthorize, "{connect}: its token has expired"),
        "invalid_auth" => (
            Reauthorize,
            "{connect}; if the token is valid, check whether the app's allowed IP addresses exclude slacktrail",
        ),
        "not_authed" | "missing_authentication" | "invalid_authentication" => {
            (Reauthorize, "{connect}: Slack does not accept the token")
        }
        "account_inactive" => {
            (Reauthorize, "{connect}: the user who installed the app is deactivated, so another user must install it")
        }
        "token_revoked" => (Reauthorize, "{connect}: the token was revoked or the app removed"),
        "invalid_refresh_token" | "authorization_not_found" => (Reauthorize, "{connect}: the refresh token is invalid"),
        "two_factor_setup_required" => {
            (Reauthorize, "let the installing user set up two-factor authentication, then {connect}")
        }

        "invalid_client_id" | "bad_client_secret" => (
            Reconfigure,
            "connect the source again with the client ID and the client secret of its app, which was deleted or has a new secret",
        ),
        "bad_redirect_uri" | "oauth_authorization_url_mismatch" => (
            Reconfigure,
            "add the redirect URL that `slacktrail connect` shows to the app's settings, then connect again",
        ),
        "invalid_code" | "code_already_used" => {
            (Reauthorize, "{connect}: Slack's code was used before, has expired, or belongs to another app")
        }
        "no_scopes" => {
            (Reconfigure, "add the user token scopes that `slacktrail connect` names to the app, then connect again")
        }
        "cannot_install_an_org_installed_app" => (
            Reconfigure,
            "connect the organization, where the app is already installed, or create a separate app for the workspace",
        ),
        "user_email_unverified" => {
            (Reconfigure, "let the installing user confirm their email address in Slack, then connect again")
        }
        "pkce_not_allowed" | "invalid_code_verifier" | "preview_feature_not_available" => {
            (Reconfigure, "use an app without PKCE and preview features: `slacktrail connect` creates one")
        }

        "user_not_authorized" => {
            (Reconfigure, "connect the source as the Org Owner: only Owners can read audit logs, not Admins")
        }
        "team_not_authorized" => (Reconfigure, "install the app on the organization, not on one of its workspaces"),
        "team_access_not_granted" => {
            (Reconfigure, "add the app to the workspace in the organization's app management page")
        }
        "no_permission" | "access_denied" => (Reconfigure, "connect the source as an admin or owner"),
        "user_is_bot" | "is_bot" => (Reconfigure, "connect the source with a user's token (`xoxp-`), not a bot's"),
        "enterprise_is_restricted" => (
            Reconfigure,
            "connect the source with a token of the organization or of another workspace: Slack does not allow this method here",
        ),
        "paid_only" | "upgrade_required" => {
            (Reconfigure, "upgrade to a paid plan, which this log requires, or omit the log")
        }
        "feature_not_enabled" | "invalid_workspace" => {
            (Reconfigure, "omit the audit log, which requires the Enterprise plan, or upgrade to it")
        }
        "missing_scope" => (
            Reconfigure,
            "add the scope to the app's user token scopes (audit: auditlogs:read, others: admin) and reinstall the app",
        ),
        "not_allowed_token_type" | "method_not_allowed" => {
            (Reconfigure, "connect the source with a user token (`xoxp-`) from the required installation type")
        }
        "accesslimited" | "ekm_access_denied" => {
            (Reconfigure, "ask the administrator of the organization's network and key policies to allow this app")
        }

        "invalid_limit"
        | "over_pagination_limit"
        | "invalid_team_id"
        | "missing_argument"
        | "invalid_arguments"
        | "invalid_arg_name"
        | "invalid_array_arg"
        | "invalid_charset"
        | "invalid_form_data"
        | "invalid_post_type"
        | "missing_post_type"
        | "invalid_json"
        | "json_not_object"
        | "unknown_method"
        | "method_deprecated"
        | "deprecated_endpoint"
        | "bad_endpoint"
        | "invalid_action"
        | "invalid_range"
        | "invalid_cursor"
        | "invalid_grant_type" => (Investigate, "report this message: Slack rejected the request as invalid"),

        // Errors of Slack's consent page, which Slack returns in the redirect URL.
        "invalid_scope"
        | "invalid_scope_requested"
        | "unapproved_scope"
        | "invalid_team_for_non_distributed_app"
        | "unsupported_response_type" => {
            (Reconfigure, "follow Slack's message, change the app's settings, and run `slacktrail connect` again")
        }
        _ => return None,
    })
}

/// Returns the row of a code for what happened when slacktrail called Slack.
fn of_calls(code: &str) -> Option<Row> {
    Some(match code {
        "unreachable" => (Retry, "{wait}; if this persists, check whether a firewall or proxy blocks the host"),
        "invalid_response" => (Retry, "{wait}; if this persists, check whether a proxy alters Slack's responses"),
        "response_too_large" => {
            (Retry, "{wait}; if this persists, report this message: smaller pages, down to one row, are too large too")
        }
        "no_progress" => (Retry, "{wait}; if this persists, report this message to Slack"),
        "page_unfinished" => (Retry, "{wait}; if this persists, increase `PollerMemory` to get more CPU"),
        "incomplete_response" | "no_page" | "pagination_loop" | "workspace_list_failed" => (Retry, "{wait}"),
        "http_400" | "http_404" | "http_405" | "http_414" => {
            (Investigate, "check the URL settings, or report this message: Slack rejected the request as invalid")
        }
        status if status.starts_with("http_") => (Retry, "{wait}"),
        "workspaces_unreadable" => (
            Investigate,
            "look up the codes in docs/operations.md; let the app's owner join a workspace that rejects the app, or remove the app from it; \
             slacktrail collects the missing records once Slack returns them",
        ),
        "silent_stream" => (
            Investigate,
            "check in Slack whether users are active; if nobody is, raise the threshold: `slacktrail set {id} --silent-after 72h`",
        ),
        "no_workspace" => (Reconfigure, "add the app to workspaces in the organization's app management page"),
        "no_client_secret" => (Reauthorize, "{connect}"),
        "not_revoked" => (Retry, "remove the app in Slack"),
        _ => return None,
    })
}

/// Returns the row of a code of the deployment: AWS, the directory, what they store, and the settings.
fn of_deployment(code: &str) -> Option<Row> {
    Some(match code {
        "aws_unavailable" => {
            (Retry, "{wait}; if this persists, check AWS's health dashboard and the endpoint settings")
        }
        "access_denied" => (
            Reconfigure,
            "allow the needed permissions for the identity that runs slacktrail; also check the policies of the resource and of its key",
        ),
        "no_such_bucket" => {
            (Reconfigure, "check `BUCKET_NAME` (for the CLI, `SLACKTRAIL_BUCKET`), and check the region")
        }
        "no_such_table" => (Reconfigure, "check `TABLE_NAME` (for the CLI, `SLACKTRAIL_TABLE`), and check the region"),
        "no_such_function" => (Reconfigure, "deploy the stack again: the poller invokes itself by its function name"),
        "no_such_secret" | "unreadable_secret" | "no_token" | "tenant_mismatch" => (
            Reconfigure,
            "connect the source (`slacktrail connect {id}`), or check that `SECRET_PREFIX` matches the deployment",
        ),
        "no_aws_credentials" => (
            Reconfigure,
            "set `AWS_REGION`, and `AWS_PROFILE` or other credentials; to renew session credentials, run `aws login` or `aws sso login`",
        ),
        "credentials_refused" => (
            Reconfigure,
            "renew the AWS credentials (`aws login` or `aws sso login`), and check the clock of this machine",
        ),
        "wrong_region" => (Reconfigure, "set `AWS_REGION` to the region of the bucket"),
        "bad_aws_endpoint" => (
            Reconfigure,
            "set `AWS_ENDPOINT_URL` to a URL with a scheme, such as `http://127.0.0.1:5000`, or unset it to use AWS",
        ),
        "object_archived" => {
            (Reconfigure, "restore the object, and change the lifecycle rule that archives objects in their first days")
        }
        "kms_key_unavailable" => (
            Reconfigure,
            "check that the KMS key is enabled, and that its policy allows the identity that runs this to use it",
        ),
        "secret_deletion_in_progress" => (Retry, "{wait}"),
        "too_many_secret_versions" => (
            Investigate,
            "find out what else writes to this secret, and stop it; AWS accepts new versions once the others are older than 24 hours",
        ),
        "secret_pending_deletion" => (
            Reconfigure,
            "restore the secret, or wait a minute if `slacktrail disconnect` has just deleted it; then run `slacktrail connect {id}`",
        ),
        "aws_error" => (Investigate, "look up the code in AWS's documentation of the call, or report this line"),

        "poller_not_running" => {
            (Investigate, "run `slacktrail doctor`, which checks the poller's schedule and its log")
        }
        "token_replaced" | "credentials_conflict" | "source_contended" | "authorization_conflict" => (Retry, "{wait}"),
        "deadline_reached" => (Retry, "{wait}; if this persists, check the status pages of AWS and Slack"),
        "day_log_contention" => {
            (Retry, "{wait}; if this persists, make sure that only one deployment writes to this bucket")
        }
        "day_log_read_timeout" => (Retry, "{wait}; if this persists, increase `PollerMemory` to get more CPU"),
        "missing_object" => (
            Investigate,
            "restore it from its versions or a copy; without one, move the other objects of the day aside, and collect the day again with \
             `slacktrail backfill` (see \"Deleted day\" in docs/operations.md)",
        ),
        "corrupt_object" => (
            Investigate,
            "restore the object's first version, or move it away if slacktrail did not create it; until then, slacktrail cannot add records to this day log",
        ),
        "object_too_large" => {
            (Investigate, "restore the object's first version, or move it away if slacktrail did not write it")
        }
        "unexpected_object" => (Investigate, "move it away, because slacktrail reads everything in a day log"),
        "malformed_cursor" => (
            Investigate,
            "restore it from the table's backup, or delete it: slacktrail then collects the stream again from its start and stores no duplicates",
        ),
        "corrupt_cursor" => (
            Investigate,
            "find out what else writes to the table; slacktrail collects the stream again from its start and stores no duplicates",
        ),
        "newer_cursor" => (Investigate, "deploy the newer slacktrail that wrote it, or use its CLI"),
        "corrupt_source" => (
            Investigate,
            "connect it again (`slacktrail connect {id}`), which keeps its cursors, or use the newer slacktrail that wrote it",
        ),
        "corrupt_secret" => (Investigate, "find out what else writes to this secret; no data was lost"),
        "corrupt_authorization" => {
            (Investigate, "run `slacktrail connect` again, with the CLI version of the deployment")
        }
        "table_too_large" => (
            Investigate,
            "find out who writes to the table, then delete the items of this partition that slacktrail did not write, or restore the table from its backup",
        ),

        "unsupported_event" => (Reconfigure, "invoke it from an EventBridge rule or Scheduler, or with `{}`"),
        "no_domain_name" => (
            Reconfigure,
            "invoke the function through an API Gateway HTTP API with payload format 2.0, as in template.yaml",
        ),
        "bad_url" => (Reconfigure, "unset it to use Slack's own URL, or set a URL such as `https://slack.com/api/`"),
        "no_tls" => (
            Reconfigure,
            "install the system's certificates (the package `ca-certificates`), and check the value of `HTTPS_PROXY`",
        ),
        "no_random_bytes" => (Retry, "{wait}; if this persists, check the machine"),

        "directory_denied" => {
            (Reconfigure, "give the user that runs this read and write access, or choose another directory")
        }
        "directory_read_only" => (Reconfigure, "choose a writable directory"),
        "not_a_directory" => (
            Reconfigure,
            "move it away, because slacktrail needs a directory instead of a file here or the reverse, or choose another directory",
        ),
        "no_space" => (Reconfigure, "free some space, or choose a directory on another disk"),
        "directory_unsuited" => {
            (Reconfigure, "choose a directory on a local disk, because this file system does not support the operation")
        }
        "symbolic_link" => (
            Reconfigure,
            "replace it with a regular directory or file: slacktrail follows no symbolic link below the directory",
        ),
        "not_a_file" => (Reconfigure, "move it away"),
        "directory_locked" => (
            Retry,
            "stop the other `slacktrail` that uses this directory, or wait until it ends; then run the command again",
        ),
        "not_collected" => {
            (Investigate, "run `slacktrail pull {id} --dir DIR`; if it is running, look at its output and restart it")
        }
        "directory_unavailable" => (Retry, "{wait}; if this persists, check the disk"),
        "working_files_unusable" => (
            Investigate,
            "check the disk and the permissions of the directory; or set `XDG_CACHE_HOME` to another directory, and run the command again",
        ),
        _ => return None,
    })
}

/// Returns the hint in a directory for a code whose other hint names something that only a deployment on AWS has.
fn in_directory(origin: Origin, code: &str) -> Option<&'static str> {
    match origin {
        Origin::Slack => of_slack_in_directory(code),
        Origin::Deployment => of_directory(code),
    }
}

fn of_slack_in_directory(code: &str) -> Option<&'static str> {
    Some(match code {
        "user_not_authorized" => {
            "set `SLACK_TOKEN` to a token of the Org Owner: only Owners can read audit logs, not Admins"
        }
        "team_not_authorized" => {
            "set `SLACK_TOKEN` to a token of an app that is installed on the organization, not on one of its workspaces"
        }
        "no_permission" | "access_denied" => "set `SLACK_TOKEN` to a token of an admin or owner",
        "user_is_bot" | "is_bot" => "set `SLACK_TOKEN` to a user's token (`xoxp-`), not a bot's",
        "enterprise_is_restricted" => {
            "set `SLACK_TOKEN` to a token of the organization or of another workspace: Slack does not allow this method here"
        }
        "not_allowed_token_type" | "method_not_allowed" => {
            "set `SLACK_TOKEN` to a user token (`xoxp-`) from the required installation type"
        }
        "paid_only" | "upgrade_required" => {
            "upgrade to a paid plan, which this log requires, or omit the log (`slacktrail pull --logs LOGS`)"
        }
        "feature_not_enabled" | "invalid_workspace" => {
            "omit the audit log, which requires the Enterprise plan (`slacktrail pull --logs access,integration`), or upgrade to it"
        }
        "missing_scope" => {
            "add the scope to the app's user token scopes (audit: auditlogs:read, others: admin), reinstall the app, and set `SLACK_TOKEN` to the token that Slack then shows"
        }
        "silent_stream" => {
            "check in Slack whether users are active; if nobody is, raise the threshold: `slacktrail set {id} --silent-after 72h --dir DIR`"
        }
        "page_unfinished" => BUSY,
        _ => return None,
    })
}

/// The hint in a directory for work that does not end in time.
const BUSY: &str = "{wait}; if this persists, check what else uses this machine's CPU and disk";

fn of_directory(code: &str) -> Option<&'static str> {
    Some(match code {
        "day_log_read_timeout" | "deadline_reached" => BUSY,
        "day_log_contention" => {
            "{wait}; if this persists, make sure that nothing except `slacktrail` writes to the directory"
        }
        "missing_object" => {
            "restore it from a backup; without one, move the other objects of the day aside, and collect the day again with \
             `slacktrail backfill` (see \"Deleted day\" in docs/operations.md)"
        }
        "corrupt_object" => {
            "restore the object from a backup, or move it away if slacktrail did not create it; until then, slacktrail cannot add records to this day log"
        }
        "object_too_large" => "restore the object from a backup, or move it away if slacktrail did not write it",
        "malformed_cursor" => {
            "restore its file in `.slacktrail/cursors` from a backup, or delete it: slacktrail then collects the stream again from its start and stores no duplicates"
        }
        "corrupt_cursor" => {
            "check this machine's clock, and what else writes to `.slacktrail`; slacktrail collects the stream again from its start and stores no duplicates"
        }
        "newer_cursor" => "use the newer slacktrail that wrote it",
        "corrupt_source" => {
            "use the newer slacktrail that wrote it, restore its file in `.slacktrail/sources` from a backup, or delete the file: \
             `slacktrail pull {id} --dir DIR` then creates it, and keeps its cursors"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(place: Place, code: &str, is_unconfirmed: bool) -> String {
        hint(Origin::Slack, code, is_unconfirmed, place, Some("acme"))
    }

    #[test]
    fn hint_names_what_retries_at_its_place() {
        for (place, retries) in [
            (Place::Poller, "wait for the next tick"),
            (Place::Pull, "wait until `slacktrail pull` tries again"),
            (Place::Command, "run the command again in a minute"),
            (Place::Page, "run `slacktrail connect acme` again in a few minutes"),
        ] {
            assert_eq!(at(place, "http_500", false), retries);
            assert_eq!(at(place, "http_500", true), retries, "a retry needs no confirmation");
            let expected =
                format!("{retries}; if Slack returns the error again: {}", at(place, "missing_scope", false));
            assert_eq!(at(place, "missing_scope", true), expected);
        }
    }

    #[test]
    fn hint_says_how_to_replace_token_at_its_place() {
        for (place, action) in [
            (Place::Poller, "connect the source again (`slacktrail connect acme`)"),
            (Place::Pull, "set `SLACK_TOKEN` to a new token"),
            (Place::Command, "connect the source again (`slacktrail connect acme`)"),
            (Place::Page, "run `slacktrail connect acme` again"),
        ] {
            assert_eq!(at(place, "token_expired", false), format!("{action}: its token has expired"));
        }
        let unnamed = hint(Origin::Slack, "token_expired", false, Place::Page, None);
        assert_eq!(unnamed, "run `slacktrail connect` again: its token has expired");
    }

    #[test]
    fn code_has_own_meaning_for_slack_and_deployment() {
        let codes = ["access_denied", "never_heard_of"];
        assert_eq!(codes.map(|code| kind(Origin::Slack, code)), [Reconfigure, Retry]);
        assert_eq!(codes.map(|code| kind(Origin::Deployment, code)), [Reconfigure, Investigate]);
        assert_ne!(row(Origin::Slack, "access_denied"), row(Origin::Deployment, "access_denied"));
    }

    /// Words of AWS, and the command that works only there.
    const ONLY_ON_AWS: &str = "AWS AWS_REGION AWS_PROFILE CloudTrail BUCKET_NAME TABLE_NAME SECRET_PREFIX PollerMemory bucket table \
        secret secrets stack deploy deployment version versions connect";

    /// The codes that a command on a directory never gets: of AWS, of the functions, and of the installation of an app.
    const NOT_IN_DIRECTORY: &str = "aws_unavailable access_denied no_such_bucket no_such_table no_such_function no_such_secret \
        unreadable_secret no_token tenant_mismatch no_aws_credentials credentials_refused wrong_region bad_aws_endpoint object_archived \
        kms_key_unavailable secret_deletion_in_progress too_many_secret_versions secret_pending_deletion aws_error poller_not_running corrupt_secret \
        corrupt_authorization table_too_large unsupported_event no_domain_name invalid_client_id bad_client_secret \
        bad_redirect_uri oauth_authorization_url_mismatch no_scopes cannot_install_an_org_installed_app user_email_unverified \
        pkce_not_allowed invalid_code_verifier preview_feature_not_available invalid_scope invalid_scope_requested \
        unapproved_scope invalid_team_for_non_distributed_app unsupported_response_type";

    /// Returns each code in the quotes of this file's tables.
    fn codes() -> Vec<(Origin, String)> {
        let tables = include_str!("codes.rs");
        let between = |start: &str, end: &str| tables.split(start).nth(1).unwrap().split(end).next().unwrap();
        let quoted = |text: &'static str| {
            let is_code = |word: &&str| {
                !word.is_empty()
                    && word.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase() || byte.is_ascii_digit())
            };
            text.split('"').filter(is_code).map(str::to_owned).collect::<Vec<_>>()
        };
        let slack = quoted(between("fn of_slack(", "\n/// Returns the row of a code of the deployment"));
        let deployment = quoted(between("fn of_deployment(", "\n/// Returns the hint in a directory"));
        let slack = slack.into_iter().map(|code| (Origin::Slack, code));
        slack.chain(deployment.into_iter().map(|code| (Origin::Deployment, code))).collect()
    }

    /// The verbs that hints start with.
    const VERBS: &str = "add allow ask check choose connect deploy find follow free give increase install invoke let look move omit remove \
        renew replace report restore run set stop unset upgrade use wait";

    #[test]
    fn every_hint_starts_with_verb() {
        let unknown = [(Origin::Slack, "never_heard_of".to_owned()), (Origin::Deployment, "never_heard_of".to_owned())];
        for (origin, code) in codes().into_iter().chain(unknown) {
            for place in [Place::Poller, Place::Pull, Place::Command, Place::CommandWithToken, Place::Page] {
                let hint = hint(origin, &code, false, place, Some("acme"));
                let first = hint.split(' ').next().unwrap();
                assert!(VERBS.split_whitespace().any(|verb| verb == first), "{place:?}, {code}: {hint}");
            }
        }
    }

    #[test]
    fn hint_in_directory_names_nothing_that_only_aws_has() {
        let codes = codes();
        assert!(codes.len() > 120, "{codes:?}");
        let never: Vec<&str> = NOT_IN_DIRECTORY.split_whitespace().collect();
        for (origin, code) in &codes {
            if never.contains(&code.as_str()) && (*origin, code.as_str()) != (Origin::Slack, "access_denied") {
                continue;
            }
            for place in [Place::Pull, Place::CommandWithToken] {
                let hint = hint(*origin, code, false, place, Some("acme"));
                let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let mut words = hint.split(|c| !is_word(c));
                let named = words.find(|word| ONLY_ON_AWS.split_whitespace().any(|only| only == *word));
                assert_eq!(named, None, "{place:?}, {code}: {hint}");
                assert!(!hint.contains('{'), "{hint}");
            }
        }
    }
}
