//! Defects of the stack.

use super::changes::*;
use super::{Breakage, How, broken};

/// Returns the defects of the stack, the credentials and the local clock.
pub(super) fn of_stack() -> Vec<Breakage> {
    vec![
        broken("an expired session", "credentials", "sign in again", denied("GetCallerIdentity", "ExpiredToken")),
        broken("a wrong clock", "aws_clock", "set this machine's clock", old_date("GetCallerIdentity")),
        broken(
            "a deployment that was rolled back",
            "stack",
            "find the first failure in the stack's events",
            edit("DescribeStacks", "", ">CREATE_COMPLETE<", ">UPDATE_ROLLBACK_COMPLETE<"),
        ),
        broken(
            "a stack without an output",
            "outputs",
            "deploy the current template",
            edit("DescribeStacks", "", ">AthenaWorkGroup<", ">Other<"),
        ),
        broken(
            "a stack without a function",
            "outputs",
            "deploy the current template",
            edit("ListStackResources", "", ">OAuth<", ">Other<"),
        ),
        broken(
            "a stack with a different name",
            "stack",
            "check the stack's name",
            How::Variable("SLACKTRAIL_STACK", "other".to_owned()),
        ),
    ]
}
