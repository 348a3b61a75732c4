//! The simulated world conforms to the ports, as the directory and AWS do. Results of the simulation therefore apply to them.

use slacktrail_core::source::{LogType, SourceId, StreamId};
use slacktrail_simulation::{BEGINNING, SimulatedPorts, SimulatedWorld, StoredCursor};
use slacktrail_simulator::{Settings, World};
use slacktrail_tests::conformance;

fn world() -> SimulatedWorld {
    SimulatedWorld::new(BEGINNING, World::new(Settings::organization()), [])
}

#[tokio::test]
async fn simulated_bucket_conforms_to_day_logs() {
    let world = world();
    let plant = async |key: &str| world.with(|state| state.foreign.push(key.to_owned()));
    conformance::day_log_store(&SimulatedPorts::of(&world, 0), plant, 20).await;
}

#[tokio::test]
async fn simulated_table_conforms_to_sources_and_cursors() {
    let world = world();
    let garble = async |id: &SourceId| {
        world.with(|state| {
            state.garbled_sources.insert(id.clone(), "{\"id\":".to_owned());
            let stream = StreamId { source: id.clone(), log: LogType::Audit };
            state.cursors.insert(stream, StoredCursor { version: 1, text: String::new() });
        });
    };
    conformance::deployment_store(&SimulatedPorts::of(&world, 0), garble).await;
}

#[tokio::test]
async fn simulated_table_conforms_to_authorizations() {
    conformance::authorization_store(&SimulatedPorts::of(&world(), 0)).await;
}

#[tokio::test]
async fn simulated_secrets_conform_to_credentials() {
    let world = world();
    // Without this, a source without credentials would get the first token of the simulated Slack.
    world.with(|state| state.slack.settings_mut().tokens.clear());
    conformance::credential_store(&SimulatedPorts::of(&world, 0), &SimulatedPorts::of(&world, 1)).await;
}
