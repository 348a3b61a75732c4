//! The stack of template.yaml, made by the emulated account's CloudFormation.

use std::collections::BTreeMap;
use std::process::Command;

use serde::Deserialize;
use slacktrail_shared::aws::Names;

use crate::grants::Statement;
use crate::moto::{Moto, checks, python};

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
}

impl Stack {
    /// Deploys the template with its defaults to an account that was started [with CloudFormation](Moto::start_with_cloudformation).
    ///
    /// # Panics
    /// When the template cannot be deployed: what was said is in the message.
    pub fn deploy(moto: &Moto) -> Stack {
        Stack::deploy_with(moto, &[])
    }

    /// Deploys it with other values of some parameters, such as `Architecture=x86_64`.
    ///
    /// # Panics
    /// As [`Stack::deploy`].
    pub fn deploy_with(moto: &Moto, parameters: &[&str]) -> Stack {
        let done = Command::new(python()).arg(checks("deploy.py")).arg(moto.endpoint()).args(parameters).output();
        let done = done.expect("Python can be run");
        assert!(done.status.success(), "the template was not deployed:\n{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).expect("deploy.py prints what it deployed")
    }

    /// What the outputs say that things are called.
    ///
    /// # Panics
    /// When an output is missing.
    pub fn names(&self) -> Names {
        Names {
            bucket: self.outputs["BucketName"].clone(),
            table: self.outputs["TableName"].clone(),
            secret_prefix: self.outputs["SecretPrefix"].clone(),
        }
    }
}
