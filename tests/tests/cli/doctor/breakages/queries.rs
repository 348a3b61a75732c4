//! Defects of the queries.

use super::changes::*;
use super::{Breakage, broken};

/// Returns the defects of Athena.
pub(super) fn of_queries() -> Vec<Breakage> {
    vec![
        broken(
            "a workgroup with a wrong scan limit",
            "athena_workgroup",
            DEPLOY,
            edit("GetWorkGroup", "", "107374182400", "10000000000000"),
        ),
        broken(
            "a workgroup that does not enforce its settings",
            "athena_workgroup",
            DEPLOY,
            edit(
                "GetWorkGroup",
                "",
                r#""EnforceWorkGroupConfiguration": true"#,
                r#""EnforceWorkGroupConfiguration": false"#,
            ),
        ),
        broken(
            "a table that Athena cannot read",
            "athena_tables",
            DEPLOY,
            fail_query("select * from integration where"),
        ),
        broken("a stale view", "athena_views", DEPLOY, fail_query("select * from audit_events where")),
        broken("a wrong row count in Athena", "athena_rows", "\"Verify completeness\"", count_wrong()),
    ]
}
