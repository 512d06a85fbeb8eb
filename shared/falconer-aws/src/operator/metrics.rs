//! Counts of a stack's requests by day, from CloudWatch's metrics.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::operation::get_metric_data::GetMetricDataOutput;
use aws_sdk_cloudwatch::types::{Dimension, Metric, MetricDataQuery, MetricStat, StatusCode};
use aws_smithy_types::DateTime;
use falconer_domain::time::MILLIS_PER_DAY;
use falconer_domain::{Code, UnixMillis};

use crate::clients::{Budgets, Operator, stand_in_config};
use crate::error::kind;
use crate::metrics::{DIMENSION, LATENCY, NAMESPACE};

/// Seconds of a day, the period of each count. CloudWatch keeps periods of five minutes for 63 days.
const DAY_SECONDS: i32 = 86_400;
/// Pages of an answer. One page takes 100,800 numbers, and a month of every code is a thousand.
const MAX_PAGES: usize = 10;
/// Id of the query that counts every request. Those of codes are `code` and a number.
const ALL_REQUESTS: &str = "all";

/// The metrics of one stack. Nothing is asked until somebody wants them.
#[derive(Clone, Debug)]
pub struct StackMetrics {
    cloudwatch: aws_sdk_cloudwatch::Client,
    stack: String,
}

/// Requests by day and code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DailyRequests {
    /// All requests that the functions answered, whatever the answer.
    pub all: u64,
    /// Code, then the moment at which a day begins in UTC, then how many. Days without any are left out.
    pub by_code: BTreeMap<&'static str, BTreeMap<i64, u64>>,
}

/// Why the metrics are not known: the service's code, or the SDK's own stage.
#[derive(Debug, thiserror::Error)]
#[error("CloudWatch does not answer ({0})")]
pub struct MetricsError(pub String);

impl StackMetrics {
    /// The metrics of a stack of this name, with an operator's credentials.
    #[must_use]
    pub fn of(operator: &Operator, stack: &str) -> Self {
        Self { cloudwatch: operator.cloudwatch.clone(), stack: stack.to_owned() }
    }

    /// The same from an emulator, for tests.
    #[must_use]
    pub fn of_stand_in(endpoint: &str, stack: &str) -> Self {
        let config = aws_sdk_cloudwatch::config::Builder::from(&stand_in_config(&Budgets::OPERATOR));
        let config = config.endpoint_url(endpoint);
        Self { cloudwatch: aws_sdk_cloudwatch::Client::from_conf(config.build()), stack: stack.to_owned() }
    }

    /// The name of the stack.
    #[must_use]
    pub fn stack(&self) -> &str {
        &self.stack
    }

    /// Metrics that [`Self::daily`] asks for: CloudWatch takes money for each.
    #[must_use]
    pub const fn asked_for(codes: &[Code]) -> usize {
        codes.len() + 1
    }

    /// Counts the answers with these codes between two moments, day by day. `from` begins a day in UTC.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub async fn daily(
        &self,
        codes: &[Code],
        from: UnixMillis,
        until: UnixMillis,
    ) -> Result<DailyRequests, MetricsError> {
        let of_code = |(index, code): (usize, &Code)| self.query(&format!("code{index}"), code.name(), "Sum");
        let queries = codes.iter().enumerate().map(of_code);
        let queries = queries.chain([self.query(ALL_REQUESTS, LATENCY, "SampleCount")]);
        let mut pages = self
            .cloudwatch
            .get_metric_data()
            .set_metric_data_queries(Some(queries.collect()))
            .start_time(DateTime::from_millis(from.0))
            .end_time(DateTime::from_millis(until.0))
            .into_paginator()
            .send();
        let mut requests = DailyRequests::default();
        for _ in 0..MAX_PAGES {
            match pages.next().await {
                Some(Ok(page)) => requests.add(codes, &page)?,
                Some(Err(error)) => return Err(MetricsError(kind(&error))),
                None => return Ok(requests),
            }
        }
        Err(MetricsError("more pages than its data can have".to_owned()))
    }

    fn query(&self, id: &str, metric: &str, statistic: &str) -> MetricDataQuery {
        let dimension = Dimension::builder().name(DIMENSION).value(&self.stack).build();
        let metric = Metric::builder().namespace(NAMESPACE).metric_name(metric).dimensions(dimension).build();
        let stat = MetricStat::builder().metric(metric).period(DAY_SECONDS).stat(statistic).build();
        MetricDataQuery::builder().id(id).metric_stat(stat).build()
    }
}

impl DailyRequests {
    /// Adds a page of an answer. Its results are known by the ids of their queries: no text of it is kept.
    fn add(&mut self, codes: &[Code], page: &GetMetricDataOutput) -> Result<(), MetricsError> {
        for result in page.metric_data_results() {
            if let Some(status @ (StatusCode::Forbidden | StatusCode::InternalError)) = result.status_code() {
                return Err(MetricsError(status.as_str().to_owned()));
            }
            let days = result.timestamps().iter().zip(result.values());
            let days = days.filter_map(|(at, value)| Some((day(at.to_millis().ok()?), count(*value))));
            match result.id() {
                Some(ALL_REQUESTS) => {
                    self.all = days.fold(self.all, |all, (_, count)| all.saturating_add(count));
                }
                Some(id) => {
                    let index = id.strip_prefix("code").and_then(|index| index.parse::<usize>().ok());
                    let Some(code) = index.and_then(|index| codes.get(index)) else { continue };
                    for (day, count) in days.filter(|(_, count)| *count > 0) {
                        let known = self.by_code.entry(code.name()).or_default().entry(day).or_default();
                        *known = known.saturating_add(count);
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// The moment at which a day begins, in UTC.
fn day(at: i64) -> i64 {
    at - at.rem_euclid(MILLIS_PER_DAY)
}

/// A sum of ones as a number of things.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a cast of a float ends at both bounds, and what is no number becomes 0"
)]
fn count(value: f64) -> u64 {
    value.round() as u64
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudwatch::types::MetricDataResult;

    use super::*;

    const CODES: [Code; 2] = [Code::Expired, Code::Revoked];
    const DAY: i64 = 1_799_798_400;

    fn result(id: &str, points: &[(i64, f64)]) -> MetricDataResult {
        let (moments, values): (Vec<_>, Vec<_>) = points.iter().copied().unzip();
        MetricDataResult::builder()
            .id(id)
            .label("<script>alert(1)</script>")
            .set_timestamps(Some(moments.into_iter().map(DateTime::from_secs).collect()))
            .set_values(Some(values))
            .build()
    }

    fn page(results: Vec<MetricDataResult>) -> GetMetricDataOutput {
        GetMetricDataOutput::builder().set_metric_data_results(Some(results)).build()
    }

    #[test]
    fn answers_are_known_by_their_ids() {
        let mut requests = DailyRequests::default();
        let first = page(vec![
            result("code0", &[(DAY + 5, 2.0), (DAY + 86_400, 0.0)]),
            result("code7", &[(DAY, 1.0)]),
            result("<b>", &[(DAY, 1.0)]),
            result("all", &[(DAY, 7.0), (DAY + 86_400, 3.0)]),
        ]);
        requests.add(&CODES, &first).unwrap();
        // A second page goes on with the same metric.
        requests.add(&CODES, &page(vec![result("code0", &[(DAY + 9, 1.0)])])).unwrap();
        let day = BTreeMap::from([(DAY * 1_000, 3)]);
        assert_eq!(requests, DailyRequests { all: 10, by_code: BTreeMap::from([("EXPIRED", day)]) });
    }

    /// The numbers of an answer are the service's: whatever they are, they are counts here.
    #[test]
    fn any_number_is_a_count() {
        for (value, expected) in [
            (1.0, 1),
            (1.4999, 1),
            (-3.0, 0),
            (f64::NAN, 0),
            (f64::INFINITY, u64::MAX),
            (f64::NEG_INFINITY, 0),
            (1e300, u64::MAX),
        ] {
            assert_eq!(count(value), expected, "{value}");
        }
    }

    #[test]
    fn failed_results_fail_the_whole() {
        let failed = MetricDataResult::builder().id("code0").status_code(StatusCode::InternalError).build();
        let why = DailyRequests::default().add(&CODES, &page(vec![failed])).unwrap_err().to_string();
        assert_eq!(why, "CloudWatch does not answer (InternalError)");
    }
}
