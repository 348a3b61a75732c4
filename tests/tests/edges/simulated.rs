//! The simulated world keeps the laws of the ports, as the directory and AWS do: what is proven there holds for them.

use slacktrail_shared::source::{LogType, SourceId, StreamId};
use slacktrail_simulation::{SimulatedEdges, Stage, StoredCursor};
use slacktrail_simulator::{Settings, World};
use slacktrail_tests::conformance;

fn stage() -> Stage {
    Stage::new(jiff::Timestamp::constant(1_795_356_000, 0), World::new(Settings::organisation()), [])
}

#[tokio::test]
async fn the_simulated_bucket_keeps_the_laws_of_day_logs() {
    let stage = stage();
    let plant = async |key: &str| stage.with(|state| state.foreign.push(key.to_owned()));
    conformance::day_log_store(&SimulatedEdges::of(&stage, 0), plant, 20).await;
}

#[tokio::test]
async fn the_simulated_table_keeps_the_laws_of_sources_and_cursors() {
    let stage = stage();
    let garble = async |id: &SourceId| {
        stage.with(|state| {
            state.garbled_sources.insert(id.clone(), "{\"id\":".to_owned());
            let stream = StreamId { source: id.clone(), log: LogType::Audit };
            state.cursors.insert(stream, StoredCursor { version: 1, text: String::new() });
        });
    };
    conformance::deployment_store(&SimulatedEdges::of(&stage, 0), garble).await;
}

#[tokio::test]
async fn the_simulated_table_keeps_the_laws_of_connections() {
    conformance::connection_store(&SimulatedEdges::of(&stage(), 0)).await;
}

#[tokio::test]
async fn the_simulated_secrets_keep_the_laws_of_tokens() {
    let stage = stage();
    // The simulated Slack's own token is everybody's, unless it has none to give.
    stage.with(|state| state.slack.settings_mut().tokens.clear());
    conformance::credential_store(&SimulatedEdges::of(&stage, 0), &SimulatedEdges::of(&stage, 1)).await;
}
