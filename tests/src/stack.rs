//! The stack of template.yaml, made by the emulated account's CloudFormation.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use slacktrail_adapters::aws::ResourceNames;

use crate::emulated_aws::{EmulatedAws, checks, python};
use crate::grants::Statement;

/// What there is once the template is deployed.
#[derive(Debug, Deserialize)]
pub struct Stack {
    /// The stack's outputs.
    pub outputs: BTreeMap<String, String>,
    /// The function that collects.
    pub poller: DeployedFunction,
    /// The function that connects.
    pub oauth: DeployedFunction,
}

/// A function as Lambda knows it.
#[derive(Debug, Deserialize)]
pub struct DeployedFunction {
    /// Its name.
    pub name: String,
    /// The variables that the template sets.
    pub environment: BTreeMap<String, String>,
    /// What its role grants.
    pub statements: Vec<Statement>,
    /// Its role's own credentials as variables, where the account checks permissions.
    #[serde(default)]
    pub credentials: BTreeMap<String, String>,
}

impl Stack {
    /// Deploys the template with its defaults to an account that was started [with CloudFormation](EmulatedAws::start_with_cloudformation).
    ///
    /// # Panics
    /// When the template cannot be deployed: what was said is in the message.
    pub fn deploy(aws: &EmulatedAws) -> Stack {
        Stack::deploy_with(aws, &[])
    }

    /// Deploys it with other values of some parameters, such as `Architecture=x86_64`.
    ///
    /// # Panics
    /// As [`Stack::deploy`].
    pub fn deploy_with(aws: &EmulatedAws, parameters: &[&str]) -> Stack {
        Stack::make("deploy.py", aws, parameters)
    }

    /// Deploys what can be deployed to an account that [checks permissions](EmulatedAws::start_with_permissions), without the statements
    /// of these ids in the roles' policies.
    ///
    /// # Panics
    /// As [`Stack::deploy`].
    pub fn deploy_with_permissions(aws: &EmulatedAws, without: &[&str]) -> Stack {
        Stack::make("deploy_with_permissions.py", aws, without)
    }

    fn make(program: &str, aws: &EmulatedAws, arguments: &[&str]) -> Stack {
        let done = Command::new(python())
            .arg(checks(program))
            .arg(aws.endpoint())
            .args(arguments)
            .env("EMULATED_REGION", aws.region())
            .output();
        let done = done.expect("Python can be run");
        assert!(done.status.success(), "the template was not deployed:\n{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap_or_else(|error| panic!("`{program}` prints a stack: {error}"))
    }

    /// What the outputs say that things are called.
    ///
    /// # Panics
    /// When an output is missing.
    pub fn names(&self) -> ResourceNames {
        ResourceNames {
            bucket: self.outputs["BucketName"].clone(),
            table: self.outputs["TableName"].clone(),
            secret_prefix: self.outputs["SecretPrefix"].clone(),
        }
    }
}
