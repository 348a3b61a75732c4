//! Deploys `template.yaml` with the CloudFormation of an emulated account.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use slacktrail_adapters::aws::ResourceNames;

use crate::emulated_aws::{EmulatedAws, checks, python};
use crate::permissions::Statement;

/// A deployed stack.
#[derive(Debug, Deserialize)]
pub struct Stack {
    /// The stack's outputs.
    pub outputs: BTreeMap<String, String>,
    /// The poller function.
    pub poller: DeployedFunction,
    /// The oauth function.
    pub oauth: DeployedFunction,
}

/// A deployed Lambda function.
#[derive(Debug, Deserialize)]
pub struct DeployedFunction {
    /// The function name.
    pub name: String,
    /// The environment variables that the template sets.
    pub environment: BTreeMap<String, String>,
    /// The policy statements of the function's role.
    pub statements: Vec<Statement>,
    /// The role's credentials as environment variables. Empty if the account does not check permissions.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
}

impl Stack {
    /// Deploys the template to an account [with CloudFormation](EmulatedAws::start_with_cloudformation), with some parameters changed, such as
    /// `Architecture=x86_64`.
    pub fn deploy(aws: &EmulatedAws, parameters: &[&str]) -> Stack {
        Stack::make("deploy.py", aws, parameters)
    }

    /// Deploys the supported part of the template to an account that [checks permissions](EmulatedAws::start_with_permissions).
    ///
    /// `without` lists the IDs of statements to omit from the roles' policies.
    pub fn deploy_with_permissions(aws: &EmulatedAws, without: &[&str]) -> Stack {
        Stack::make("deploy_with_permissions.py", aws, without)
    }

    fn make(program: &str, aws: &EmulatedAws, arguments: &[&str]) -> Stack {
        let output = Command::new(python())
            .arg(checks(program))
            .arg(aws.endpoint())
            .args(arguments)
            .env("EMULATED_REGION", aws.region())
            .output();
        let output = output.expect("Python can be run");
        assert!(output.status.success(), "the template was not deployed:\n{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("invalid output of `{program}`: {error}"))
    }

    /// Returns the resource names in the outputs.
    pub fn names(&self) -> ResourceNames {
        ResourceNames {
            bucket: self.outputs["BucketName"].clone(),
            table: self.outputs["TableName"].clone(),
            secret_prefix: self.outputs["SecretPrefix"].clone(),
        }
    }
}
