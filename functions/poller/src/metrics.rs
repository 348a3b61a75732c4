//! Writes a tick's metrics as one log line in the embedded metric format. CloudWatch extracts the metrics without an API call (CloudWatch user
//! guide, embedded metric format specification).
//!
//! CloudWatch charges per month for each combination of metric and dimension values, however often it is written. The poller therefore writes only
//! four metrics, with the function's name as the only dimension. The log lines and `slacktrail status` name the streams.

use std::io::Write;

use jiff::Timestamp;
use serde_json::{Value, json};
use slacktrail_collector::tick::Summary;
use slacktrail_core::health::{Class, State};

/// The namespace that the template's alarms and dashboard name.
const NAMESPACE: &str = "slacktrail";

/// Writes the tick's metrics to standard output, which Lambda sends to CloudWatch Logs. Ignores write errors, because they must not fail the tick.
pub(crate) fn write(function: &str, summary: &Summary, now: Timestamp) {
    let _ = writeln!(std::io::stdout(), "{}", line(function, summary, now));
}

fn line(function: &str, summary: &Summary, now: Timestamp) -> Value {
    let streams = |of: fn(State) -> bool| summary.streams.iter().filter(|stream| of(stream.state)).count();
    let lag = summary.streams.iter().filter(|stream| stream.state != State::Paused).map(|stream| stream.lag_seconds);
    json!({
        "_aws": {
            "Timestamp": now.as_millisecond(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [["FunctionName"]],
                "Metrics": [
                    { "Name": "RecordsStored", "Unit": "Count" },
                    { "Name": "LagSeconds", "Unit": "Seconds" },
                    { "Name": "StreamsRequiringAction", "Unit": "Count" },
                    { "Name": "SilentStreams", "Unit": "Count" },
                ],
            }],
        },
        "FunctionName": function,
        "RecordsStored": summary.streams.iter().map(|stream| stream.counts.records).sum::<u64>(),
        "LagSeconds": lag.max().unwrap_or(0),
        "StreamsRequiringAction": streams(|state| state.class() == Class::Stopped),
        "SilentStreams": streams(|state| state == State::Silent),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_tick_writes_zero_metrics_in_cloudwatch_format() {
        let summary = Summary::of_shards(0);
        let line = line("slacktrail-poller", &summary, Timestamp::UNIX_EPOCH);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&line["_aws"]["Timestamp"], &directive["Namespace"]), (&json!(0), &json!("slacktrail")));
        for dimension in directive["Dimensions"][0].as_array().expect("array") {
            assert!(line[dimension.as_str().expect("string")].is_string(), "{dimension}");
        }
        for metric in directive["Metrics"].as_array().expect("array") {
            assert_eq!(line[metric["Name"].as_str().expect("string")], json!(0), "{metric}");
        }
    }
}
