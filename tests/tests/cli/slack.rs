//! A small simulated Slack on loopback, with the system's clock.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use slacktrail_simulator::settings::{ORGANIZATION_TOKEN, WORKSPACE_TOKEN};
use slacktrail_simulator::{Row, Server, Settings, World};

/// The valid token of a simulated organization.
pub(crate) const ORGANIZATION: &str = ORGANIZATION_TOKEN;
/// The valid token of a simulated workspace.
pub(crate) const WORKSPACE: &str = WORKSPACE_TOKEN;

pub(crate) struct Slack {
    world: Arc<Mutex<World>>,
    server: Server,
    /// The time at which this Slack was created, in whole seconds.
    created: Timestamp,
}

impl Slack {
    /// Starts an organization of two workspaces with some rows in each log.
    pub(crate) async fn organization() -> Slack {
        let mut world = World::new(Settings::organization());
        let created = hours_ago(0);
        let ago = |hours| created - SignedDuration::from_hours(hours);
        for (hours, id) in [(60, "a"), (59, "b"), (59, "c"), (20, "d"), (1, "e")] {
            world.add(Row::small_audit(ago(hours), id));
        }
        for (hours, user) in [(60, "U1"), (20, "U2"), (1, "U3")] {
            let (first, last) = (ago(hours), ago(1));
            world.add(Row::small_access(first, last, user, "203.0.113.7", "x").in_workspace("T1"));
        }
        // Equal rows are separate records, in the same workspace and in different ones.
        for (hours, app, workspace) in [(60, "A1", "T1"), (60, "A1", "T1"), (60, "A1", "T2"), (1, "A2", "T2")] {
            world.add(Row::small_integration(ago(hours), app).in_workspace(workspace));
        }
        Slack::serve(world, created).await
    }

    /// Starts a workspace without an organization.
    pub(crate) async fn workspace() -> Slack {
        let mut world = World::new(Settings::workspace());
        let created = hours_ago(0);
        let ago = |hours| created - SignedDuration::from_hours(hours);
        world.add(Row::small_access(ago(60), ago(1), "U1", "203.0.113.7", "x"));
        world.add(Row::small_integration(ago(60), "A1"));
        Slack::serve(world, created).await
    }

    async fn serve(world: World, created: Timestamp) -> Slack {
        let world = Arc::new(Mutex::new(world));
        let server = Server::start(Arc::clone(&world), Arc::new(Timestamp::now)).await.unwrap();
        Slack { world, server, created }
    }

    /// Returns the time `hours` before this Slack was created.
    ///
    /// Unlike [`hours_ago`], it is the time of the rows of that age throughout a test, also if a UTC day has begun since.
    pub(crate) fn hours_before(&self, hours: i64) -> Timestamp {
        self.created - SignedDuration::from_hours(hours)
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
