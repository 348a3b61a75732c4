//! The checks, in the order in which they run.

mod alarms;
mod athena;
mod bucket;
mod bucket_policy;
mod clocks;
mod credentials;
mod functions;
mod log_lines;
mod metrics;
mod policy;
mod roles;
mod secrets;
mod stack;
mod table;
pub(super) mod web;

use std::future::Future;
use std::pin::Pin;

use super::facts::Facts;
use super::verdict::Verdict;

pub(super) struct Check {
    /// The name in the report and in docs/operations.md.
    pub(super) name: &'static str,
    /// `true` if the check may create something and then remove it. Ctrl-C does not interrupt such a check.
    pub(super) creates: bool,
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

/// All checks. `poller_runs` runs before `poller_responds`, because otherwise it would find the log line of that invocation.
pub(super) const CHECKS: [Check; 32] = [
    check!("credentials", credentials::check),
    check!("aws_clock", clocks::aws),
    check!("stack", stack::check),
    check!("outputs", stack::outputs),
    check!("poller_function", functions::poller),
    check!("oauth_function", functions::oauth),
    check!("schedule", functions::schedule),
    check!("poller_runs", functions::runs),
    check!("poller_responds", functions::responds),
    check!("function_errors", log_lines::function_errors),
    check!("log_format", log_lines::log_format),
    check!("bucket_policy", bucket_policy::check, creates),
    check!("bucket_grants", bucket_policy::grants),
    check!("upload_once", bucket::upload_once, creates),
    check!("bucket_versioning", bucket::versioning),
    check!("bucket_encryption", bucket::encryption),
    check!("bucket_public_access", bucket::public_access),
    check!("table_conditions", table::check, creates),
    check!("secrets", secrets::exist),
    check!("secret_policies", secrets::policies),
    check!("role_policies", roles::check),
    check!("slack", web::slack),
    check!("slack_clock", clocks::slack),
    check!("athena_workgroup", athena::workgroup),
    check!("athena_tables", athena::tables),
    check!("athena_views", athena::views),
    check!("athena_rows", athena::rows),
    check!("alarms", alarms::check),
    check!("metrics", metrics::check),
    check!("alarm_states", alarms::states),
    check!("alarm_recipients", alarms::recipients),
    check!("api", web::api),
];
