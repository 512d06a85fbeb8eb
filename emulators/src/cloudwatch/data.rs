//! Metric data, as it is put and read.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

/// Metrics that one request may ask for.
const MAX_QUERIES: usize = 500;
/// Seconds of which a period is a multiple.
const PERIOD_STEP_SECONDS: u32 = 60;

/// Why a request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MetricsRefusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: String,
}

impl MetricsRefusal {
    pub(super) fn denied(operation: &str) -> Self {
        let message = format!(
            "User: nobody is not authorized to perform: cloudwatch:{operation}, and no policy allows it"
        );
        Self { status: 403, code: "AccessDenied", message }
    }

    pub(super) fn unreadable() -> Self {
        let message = "the request cannot be read".to_owned();
        Self { status: 400, code: "SerializationException", message }
    }

    fn of_validation(message: impl Into<String>) -> Self {
        Self { status: 400, code: "ValidationError", message: message.into() }
    }
}

/// A metric: namespace, name and dimensions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Metric {
    #[serde(default)]
    namespace: String,
    #[serde(rename = "MetricName")]
    name: String,
    #[serde(default)]
    dimensions: BTreeSet<Dimension>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct PutRequest {
    namespace: String,
    metric_data: Vec<Datum>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Datum {
    #[serde(flatten)]
    metric: Metric,
    /// Seconds since 1970.
    timestamp: f64,
    value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetRequest {
    metric_data_queries: Vec<Query>,
    start_time: f64,
    end_time: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Query {
    id: String,
    metric_stat: MetricStat,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricStat {
    metric: Metric,
    period: u32,
    stat: String,
}

/// All data: of each metric its moments, in seconds, with their values.
#[derive(Default)]
pub(super) struct MetricData(BTreeMap<Metric, Vec<(f64, f64)>>);

impl MetricData {
    pub(super) fn perform(&mut self, operation: &str, request: &Value) -> Result<Value, MetricsRefusal> {
        let unreadable = |why: serde_json::Error| MetricsRefusal::of_validation(why.to_string());
        match operation {
            "PutMetricData" => Ok(self.put(PutRequest::deserialize(request).map_err(unreadable)?)),
            "GetMetricData" => self.get(&GetRequest::deserialize(request).map_err(unreadable)?),
            _ => {
                let message = format!("{operation:?} is not an operation of this stand-in");
                Err(MetricsRefusal { status: 404, code: "UnknownOperationException", message })
            }
        }
    }

    fn put(&mut self, request: PutRequest) -> Value {
        let PutRequest { namespace, metric_data } = request;
        for Datum { metric, timestamp, value } in metric_data {
            let metric = Metric { namespace: namespace.clone(), ..metric };
            self.0.entry(metric).or_default().push((timestamp, value));
        }
        json!({})
    }

    fn get(&self, request: &GetRequest) -> Result<Value, MetricsRefusal> {
        check(request)?;
        let results = request.metric_data_queries.iter().map(|Query { id, metric_stat }| {
            let periods = self.periods(metric_stat, request.start_time..request.end_time);
            // The newest first, unless a request says otherwise.
            let (timestamps, values): (Vec<_>, Vec<_>) = periods.into_iter().rev().unzip();
            json!({
                "Id": id, "Label": metric_stat.metric.name, "StatusCode": "Complete",
                "Timestamps": timestamps, "Values": values,
            })
        });
        Ok(json!({ "MetricDataResults": results.collect::<Vec<_>>(), "Messages": [] }))
    }

    /// The beginnings of periods that have data, and the statistic of each.
    #[expect(clippy::cast_possible_truncation, reason = "seconds and periods are far below 2^53")]
    fn periods(&self, stat: &MetricStat, times: std::ops::Range<f64>) -> BTreeMap<i64, f64> {
        let mut periods = BTreeMap::new();
        for (at, value) in self.0.get(&stat.metric).into_iter().flatten() {
            if times.contains(at) {
                let period = i64::from(stat.period);
                let begin = (*at as i64).div_euclid(period) * period;
                *periods.entry(begin).or_default() += if stat.stat == "Sum" { *value } else { 1.0 };
            }
        }
        periods
    }
}

fn is_period(seconds: u32) -> bool {
    seconds > 0 && seconds.is_multiple_of(PERIOD_STEP_SECONDS)
}

/// The service's own limits, as far as our clients could break them.
fn check(request: &GetRequest) -> Result<(), MetricsRefusal> {
    let queries = &request.metric_data_queries;
    let ids: BTreeSet<_> = queries.iter().map(|query| query.id.as_str()).collect();
    let is_id = |id: &str| {
        id.starts_with(|first: char| first.is_ascii_lowercase())
            && id.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'_')
    };
    let complaint = if queries.is_empty() || queries.len() > MAX_QUERIES {
        "MetricDataQueries has 1 to 500 members"
    } else if ids.len() < queries.len() || !ids.into_iter().all(is_id) {
        "each Id begins with a small letter, has letters, digits and underscores alone, and is there once"
    } else if request.start_time >= request.end_time {
        "StartTime must be before EndTime"
    } else if queries.iter().any(|query| !is_period(query.metric_stat.period)) {
        "a Period is a multiple of 60"
    } else if queries.iter().any(|query| !["Sum", "SampleCount"].contains(&query.metric_stat.stat.as_str())) {
        "this stand-in knows the statistics Sum and SampleCount"
    } else {
        return Ok(());
    };
    Err(MetricsRefusal::of_validation(complaint))
}
