//! What connects sources in a deployment on loopback: the compiled oauth function behind an emulated API.

use std::sync::Arc;

use crate::deployment::LocalDeployment;
use crate::function::{Function, oauth_binary};
use crate::http_api::{HttpApi, Settings};
use crate::lambda_runtime_api::Emulator;

/// The routes of the template's API.
const ROUTES: [&str; 2] = ["GET /oauth/start", "GET /oauth/callback"];

/// The oauth function and its API. Both end with this value.
pub struct Connecting {
    /// The API.
    pub api: HttpApi,
    /// The function.
    pub function: Function,
}

impl Connecting {
    /// Starts both for a deployment.
    ///
    /// # Panics
    /// When something does not start.
    pub async fn start(deployment: &LocalDeployment) -> Connecting {
        let lambda = Arc::new(Emulator::start().await);
        let binary = oauth_binary().unwrap_or_else(|why| panic!("{why}"));
        let function = lambda.spawn(&binary, deployment.oauth_environment());
        let api = HttpApi::start(lambda, Settings::new(&ROUTES)).await;
        Connecting { api, function }
    }
}
