//! `metrics`: CloudWatch has the data that the alarms evaluate.
//!
//! Most alarms treat missing data as good, so they stay OK without any data. Each run of the poller writes all of its metrics, so each of
//! its metrics has new data every minute. A function without a schedule, such as the OAuth function, may have no data.

use std::collections::BTreeSet;

use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{Metric, MetricAlarm, MetricDataQuery, MetricStat};
use jiff::{SignedDuration, Timestamp};

use super::alarms;
use crate::doctor::aws::problem;
use crate::doctor::facts::Facts;
use crate::doctor::verdict::{Problem, Verdict, ensure};
use crate::format::quoted;

/// The maximum age of a metric's newest data. CloudWatch publishes Lambda's metrics minutes late.
const DATA_WITHIN: SignedDuration = SignedDuration::from_mins(15);
/// The period of a data point.
const PERIOD_SECONDS: i32 = 60;
/// The namespace of the metrics that CloudWatch extracts from the poller's log lines.
const EMBEDDED: &str = "slacktrail";

pub(super) async fn check(facts: &Facts) -> Verdict {
    let poller = &facts.deployed.get()?.poller;
    let metrics = metrics_of_poller(&alarms::read(facts).await?, poller);
    ensure(
        !metrics.is_empty(),
        format!("no alarm uses a metric of `{poller}`"),
        "deploy the stack again to restore its alarms",
    )?;
    let now = Timestamp::now();
    let silent = without_data(facts, &metrics, now).await?;
    if silent.is_empty() {
        let names = quoted(metrics.iter().map(|metric| metric.metric_name().unwrap_or_default()), ", ");
        return Ok(format!("CloudWatch has data of the last 15 minutes for {names}"));
    }
    let names: Vec<String> = silent.iter().map(|metric| describe(metric)).collect();
    let detail = format!("CloudWatch has no data of the last 15 minutes for {}", names.join("; "));
    if now.duration_since(facts.described.get()?.changed_at) < DATA_WITHIN {
        return Err(Problem::skipped_until(
            format!("the deployment started less than 15 minutes ago: {detail}"),
            "run the command again in 15 minutes",
        ));
    }
    Err(Problem::failed(detail, hint(facts, poller, &silent)))
}

/// Returns each metric of the poller that the alarms use, without duplicates.
fn metrics_of_poller(alarms: &[MetricAlarm], poller: &str) -> Vec<Metric> {
    let mut metrics = Vec::new();
    for metric in alarms.iter().flat_map(metrics_of).filter(|metric| is_of_poller(metric, poller)) {
        if !metrics.contains(&metric) {
            metrics.push(metric);
        }
    }
    metrics
}

/// Returns the metrics that an alarm uses: its own metric, or the metrics in its metric math.
fn metrics_of(alarm: &MetricAlarm) -> Vec<Metric> {
    let queried = alarm.metrics().iter().filter_map(|query| query.metric_stat()?.metric().cloned());
    let own = alarm.metric_name().map(|name| {
        let metric = Metric::builder().metric_name(name).set_namespace(alarm.namespace().map(str::to_owned));
        metric.set_dimensions(Some(alarm.dimensions().to_vec())).build()
    });
    own.into_iter().chain(queried).collect()
}

fn is_of_poller(metric: &Metric, poller: &str) -> bool {
    let mut dimensions = metric.dimensions().iter();
    is_embedded(metric)
        || dimensions.any(|dimension| dimension.name() == Some("FunctionName") && dimension.value() == Some(poller))
}

fn is_embedded(metric: &Metric) -> bool {
    metric.namespace() == Some(EMBEDDED)
}

async fn without_data<'a>(facts: &Facts, metrics: &'a [Metric], now: Timestamp) -> Result<Vec<&'a Metric>, Problem> {
    let id = |index| format!("metric_{index}");
    let queries = metrics.iter().enumerate().map(|(index, metric)| {
        let samples = MetricStat::builder().metric(metric.clone()).period(PERIOD_SECONDS).stat("SampleCount");
        MetricDataQuery::builder().id(id(index)).metric_stat(samples.build()).build()
    });
    let call = Client::new(&facts.config).get_metric_data().set_metric_data_queries(Some(queries.collect()));
    let since = DateTime::from_secs((now - DATA_WITHIN).as_second());
    let mut pages = call.start_time(since).end_time(DateTime::from_secs(now.as_second())).into_paginator().send();
    let mut found = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(problem("cloudwatch:GetMetricData"))?;
        let results = page.metric_data_results().iter().filter(|result| !result.timestamps().is_empty());
        found.extend(results.filter_map(|result| result.id().map(str::to_owned)));
    }
    let silent = metrics.iter().enumerate().filter(|(index, _)| !found.contains(&id(*index)));
    Ok(silent.map(|(_, metric)| metric).collect())
}

fn describe(metric: &Metric) -> String {
    let dimensions = metric.dimensions().iter();
    let dimensions: Vec<String> = dimensions
        .map(|dimension| {
            format!("`{}` = `{}`", dimension.name().unwrap_or_default(), dimension.value().unwrap_or_default())
        })
        .collect();
    let dimensions = if dimensions.is_empty() { "no dimension".to_owned() } else { dimensions.join(", ") };
    let (name, namespace) = (metric.metric_name().unwrap_or_default(), metric.namespace().unwrap_or_default());
    format!("`{name}` in the namespace `{namespace}` with {dimensions}")
}

/// Returns the hint. Lambda's own metrics are missing only if the poller does not run.
fn hint(facts: &Facts, poller: &str, silent: &[&Metric]) -> String {
    if !silent.iter().all(|metric| is_embedded(metric)) {
        return "see \"Poller not running\" in docs/operations.md".to_owned();
    }
    let group =
        facts.poller.get().map_or_else(|_| format!("/aws/lambda/{poller}"), |function| function.log_group.clone());
    format!(
        "deploy the stack again, because CloudWatch extracts these metrics from log lines of `{poller}`, and the template sets their \
         format and level; if that does not help, check that the log group `{group}` exists and has the class `STANDARD`: \
         `aws logs describe-log-groups --log-group-name-prefix {group}`"
    )
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::Dimension;

    use super::*;

    fn metric(namespace: &str, name: &str, function: &str) -> Metric {
        let dimension = Dimension::builder().name("FunctionName").value(function).build();
        Metric::builder().namespace(namespace).metric_name(name).dimensions(dimension).build()
    }

    fn alarm(metric: &Metric) -> MetricAlarm {
        let alarm = MetricAlarm::builder().set_namespace(metric.namespace.clone());
        alarm.set_metric_name(metric.metric_name.clone()).set_dimensions(metric.dimensions.clone()).build()
    }

    fn math(metric: &Metric) -> MetricAlarm {
        let stat = MetricStat::builder().metric(metric.clone()).period(300).stat("Maximum").build();
        let queried = MetricDataQuery::builder().id("lag").metric_stat(stat).build();
        let expression = MetricDataQuery::builder().id("minutes").expression("lag / 60").build();
        MetricAlarm::builder().metrics(queried).metrics(expression).build()
    }

    #[test]
    fn poller_metrics_are_checked_once_and_others_are_not() {
        let lag = metric("slacktrail", "LagSeconds", "poller");
        let elsewhere = metric("slacktrail", "LagSeconds", "other");
        let invocations = metric("AWS/Lambda", "Invocations", "poller");
        let oauth = metric("AWS/Lambda", "Errors", "oauth");
        let alarms = [math(&lag), alarm(&invocations), alarm(&invocations), alarm(&oauth), alarm(&elsewhere)];
        assert_eq!(metrics_of_poller(&alarms, "poller"), [lag, invocations, elsewhere]);
    }

    #[test]
    fn missing_metric_is_described_with_namespace_and_dimension() {
        let lag = metric("slacktrail", "LagSeconds", "poller");
        assert_eq!(describe(&lag), "`LagSeconds` in the namespace `slacktrail` with `FunctionName` = `poller`");
        let bare = Metric::builder().namespace("n").metric_name("m").build();
        assert_eq!(describe(&bare), "`m` in the namespace `n` with no dimension");
    }
}
