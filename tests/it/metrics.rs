//! Counts of requests from CloudWatch's metrics.
//!
//! The cases "of the service" hold our CloudWatch responder against another implementation: with `CLOUDWATCH_ENDPOINT`
//! set, as `cargo xtask e2e` sets it, they run there instead.

use std::time::Duration;

use falconer_aws::metrics::{DIMENSION, LATENCY, NAMESPACE};
use falconer_aws::operator::StackMetrics;
use falconer_domain::UnixMillis;
use falconer_domain::time::MILLIS_PER_DAY;
use falconer_emulators::cloudwatch::{CloudWatch, Rights};
use falconer_operator::refusals::{Refusals, RefusedCode};
use falconer_tests::now;
use serde_json::{Value, json};

/// The moment at which today begins, in UTC.
fn beginning_of_today() -> i64 {
    now().0 - now().0.rem_euclid(MILLIS_PER_DAY)
}

/// Somebody's metrics.
struct MetricsService {
    endpoint: String,
    _ours: Option<CloudWatch>,
}

impl MetricsService {
    fn start() -> Self {
        #[expect(clippy::disallowed_methods, reason = "tests read what xtask tells them")]
        let theirs = std::env::var("CLOUDWATCH_ENDPOINT").ok();
        let ours = theirs.is_none().then(|| CloudWatch::start(0).unwrap());
        let endpoint = theirs.unwrap_or_else(|| ours.as_ref().unwrap().endpoint());
        Self { endpoint, _ours: ours }
    }

    /// The metrics of a stack with a name that no other run has used.
    fn stack(&self, name: &str) -> (String, StackMetrics) {
        let name = format!("{name}-{}", falconer_operator::random::id().unwrap());
        let metrics = StackMetrics::of_stand_in(&self.endpoint, &name);
        (name, metrics)
    }
}

/// A value of a metric of a stack, as `PutMetricData` takes it.
pub(crate) fn datum(stack: &str, metric: &str, at: UnixMillis, value: f64) -> Value {
    let seconds = Duration::from_millis(u64::try_from(at.0).unwrap()).as_secs_f64();
    json!({
        "MetricName": metric, "Dimensions": [{ "Name": DIMENSION, "Value": stack }],
        "Timestamp": seconds, "Value": value,
    })
}

/// Puts metric data, as an agent of somebody does that sends JSON.
pub(crate) fn put(endpoint: &str, namespace: &str, data: &[Value]) {
    let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
    let answer = ureq::Agent::from(agent)
        .post(endpoint)
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "GraniteServiceVersion20100801.PutMetricData")
        // Nobody looks at the signature; ministack finds the service by its scope.
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/monitoring/aws4_request",
        )
        .send(json!({ "Namespace": namespace, "MetricData": data }).to_string())
        .unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn of_the_service_counts_codes_by_day() {
    let service = MetricsService::start();
    let (stack, metrics) = service.stack("counts");
    let today = beginning_of_today();
    let days_ago = |days: i64| UnixMillis(today - days * MILLIS_PER_DAY + 1_000);
    let data = [
        datum(&stack, "EXPIRED", UnixMillis(today), 1.0),
        datum(&stack, "EXPIRED", days_ago(3), 2.0),
        datum(&stack, "EXPIRED", days_ago(3), 3.0),
        datum(&stack, "RATE_LIMITED", days_ago(10), 40.0),
        datum(&stack, "VALID", days_ago(3), 7.0),
        datum(&stack, LATENCY, days_ago(3), 3.5),
        datum(&stack, LATENCY, days_ago(3), 12.0),
        datum(&stack, LATENCY, days_ago(10), 900.0),
        datum("another-stack", "EXPIRED", days_ago(3), 100.0),
    ];
    put(&service.endpoint, NAMESPACE, &data);
    put(&service.endpoint, "Another", &[datum(&stack, "EXPIRED", days_ago(3), 100.0)]);

    let refusals = Refusals::of_days(&metrics, 12, now()).await.unwrap();
    let of = |counts: &[(usize, u64)]| {
        let count = |back| counts.iter().find(|(day, _)| *day == back).map_or(0, |(_, count)| *count);
        (0..12).rev().map(count).collect::<Vec<_>>()
    };
    let expected = [
        RefusedCode { code: "RATE_LIMITED", days: of(&[(10, 40)]) },
        RefusedCode { code: "EXPIRED", days: of(&[(0, 1), (3, 5)]) },
    ];
    assert_eq!((refusals.codes.as_slice(), refusals.requests), (&expected[..], 3), "whatever they took");
    assert_eq!((refusals.days.len(), refusals.days[11]), (12, today));
    let two_days = Refusals::of_days(&metrics, 2, now()).await.unwrap();
    assert_eq!((two_days.codes.len(), two_days.requests), (1, 0), "older days are left out: {two_days:?}");
}

#[tokio::test]
async fn of_the_service_has_nothing_of_a_new_stack() {
    let service = MetricsService::start();
    let (_, metrics) = service.stack("new");
    let refusals = Refusals::of_days(&metrics, 30, now()).await.unwrap();
    assert!(refusals.requests == 0 && refusals.codes.is_empty(), "{refusals:?}");
}

#[tokio::test]
async fn errors_name_the_services_code() {
    let service = CloudWatch::start(0).unwrap();
    let metrics = StackMetrics::of_stand_in(&service.endpoint(), "any");
    service.grant(Rights::None);
    let denied = Refusals::of_days(&metrics, 30, now()).await.unwrap_err();
    assert_eq!(denied.to_string(), "CloudWatch does not answer (AccessDenied)");
    service.grant(Rights::All);
    assert!(Refusals::of_days(&metrics, 30, now()).await.is_ok());
    let nobody = StackMetrics::of_stand_in("http://127.0.0.1:1", "any");
    let gone = Refusals::of_days(&nobody, 30, now()).await.unwrap_err();
    assert_eq!(gone.to_string(), "CloudWatch does not answer (connection)");
}
