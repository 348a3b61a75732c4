//! The checks, in the order in which they run.

mod alarms;
mod api;
mod athena;
mod bucket;
mod bucket_policy;
mod clocks;
mod credentials;
mod day_objects;
mod function_errors;
mod functions;
mod log_format;
mod log_lines;
mod metrics;
mod outputs;
mod policy;
mod poller;
mod roles;
mod secrets;
mod slack;
mod stack;
mod table;
mod topic;
mod upload;

use std::future::Future;
use std::pin::Pin;

use super::facts::Facts;
use super::verdict::Verdict;

/// A check.
pub(super) struct Check {
    /// The name in the report and in docs/operations.md.
    pub(super) name: &'static str,
    /// `true` if the check may create something and then remove it. Ctrl-C does not interrupt such a check.
    pub(super) creates: bool,
    /// The function that runs the check.
    pub(super) run: Run,
}

type Run = for<'a> fn(&'a Facts) -> Pin<Box<dyn Future<Output = Verdict> + 'a>>;

macro_rules! check {
    ($name:literal, $run:path) => {
        Check { name: $name, creates: false, run: |facts| Box::pin($run(facts)) }
    };
    ($name:literal, $run:path, creates) => {
        Check { name: $name, creates: true, run: |facts| Box::pin($run(facts)) }
    };
}

/// All checks. `poller_runs` runs before `poller_answers`, because otherwise it would find the log line of that invocation.
pub(super) const CHECKS: [Check; 32] = [
    check!("credentials", credentials::check),
    check!("aws_clock", clocks::aws),
    check!("stack", stack::check),
    check!("outputs", outputs::check),
    check!("poller_function", functions::poller),
    check!("oauth_function", functions::oauth),
    check!("schedule", poller::schedule),
    check!("poller_runs", poller::runs),
    check!("poller_answers", poller::answers),
    check!("function_errors", function_errors::check),
    check!("log_format", log_format::check),
    check!("bucket_policy", bucket_policy::check, creates),
    check!("bucket_grants", bucket_policy::grants),
    check!("upload_once", upload::check, creates),
    check!("bucket_versioning", bucket::versioning),
    check!("bucket_encryption", bucket::encryption),
    check!("bucket_public_access", bucket::public_access),
    check!("table_conditions", table::check, creates),
    check!("secrets", secrets::exist),
    check!("secret_policies", secrets::policies),
    check!("role_policies", roles::check),
    check!("slack", slack::check),
    check!("slack_clock", clocks::slack),
    check!("athena_workgroup", athena::workgroup),
    check!("athena_tables", athena::tables),
    check!("athena_views", athena::views),
    check!("athena_rows", athena::rows),
    check!("alarms", alarms::check),
    check!("metrics", metrics::check),
    check!("alarm_states", alarms::states),
    check!("alarm_recipients", topic::check),
    check!("api", api::check),
];
