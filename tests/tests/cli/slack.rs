//! A small simulated Slack on loopback, with the system's clock.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::settings::{ORGANIZATION_TOKEN, WORKSPACE_TOKEN};
use slacktrail_simulator::{Row, Server, Settings, World};

/// The valid token of a simulated organization.
pub(crate) const ORGANIZATION: &str = ORGANIZATION_TOKEN;
/// The valid token of a simulated workspace.
pub(crate) const WORKSPACE: &str = WORKSPACE_TOKEN;

/// A simulated Slack.
pub(crate) struct Slack {
    world: Arc<Mutex<World>>,
    server: Server,
}

impl Slack {
    /// Starts an organization of two workspaces with some rows in each log.
    pub(crate) async fn organization() -> Slack {
        let mut world = World::new(Settings::organization());
        for (hours, id) in [(60, "a"), (59, "b"), (59, "c"), (20, "d"), (1, "e")] {
            world.add(Row::small_audit(hours_ago(hours), id));
        }
        for (hours, user) in [(60, "U1"), (20, "U2"), (1, "U3")] {
            let (first, last) = (hours_ago(hours), hours_ago(1));
            world.add(Row::small_access(first, last, user, "203.0.113.7", "x").in_workspace("T1"));
        }
        // Equal rows are separate records, in the same workspace and in different ones.
        for (hours, app, workspace) in [(60, "A1", "T1"), (60, "A1", "T1"), (60, "A1", "T2"), (1, "A2", "T2")] {
            world.add(Row::small_integration(hours_ago(hours), app).in_workspace(workspace));
        }
        Slack::serve(world).await
    }

    /// Starts a workspace without an organization.
    pub(crate) async fn workspace() -> Slack {
        let mut world = World::new(Settings::workspace());
        world.add(Row::small_access(hours_ago(60), hours_ago(1), "U1", "203.0.113.7", "x"));
        world.add(Row::small_integration(hours_ago(60), "A1"));
        Slack::serve(world).await
    }

    async fn serve(world: World) -> Slack {
        let world = Arc::new(Mutex::new(world));
        let server = Server::start(Arc::clone(&world), Arc::new(Timestamp::now)).await.unwrap();
        Slack { world, server }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    pub(crate) fn api_url(&self) -> String {
        self.server.api_url()
    }

    pub(crate) fn authorize_url(&self) -> String {
        self.server.authorize_url()
    }

    pub(crate) fn audit_url(&self) -> String {
        self.server.audit_url()
    }
}

pub(crate) fn hours_ago(hours: i64) -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second()).unwrap() - SignedDuration::from_hours(hours)
}
