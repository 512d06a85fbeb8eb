use serde_json::{Value, json};

use super::{CBOR, CloudWatch, JSON, Rights, cbor};

/// The beginning of 2027-01-13 in UTC, in seconds.
const DAY: f64 = 1_799_798_400.0;
/// Seconds of a day.
const SECONDS: f64 = 86_400.0;

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

/// A request in JSON.
fn ask(service: &CloudWatch, operation: &str, body: &Value) -> (u16, Value) {
    let request = agent()
        .post(service.endpoint())
        .header("content-type", JSON)
        .header("x-amz-target", format!("GraniteServiceVersion20100801.{operation}"));
    let mut answer = request.send(body.to_string()).unwrap();
    (answer.status().as_u16(), answer.body_mut().read_json().unwrap())
}

/// The same in CBOR, as the SDK sends it.
fn ask_in_cbor(service: &CloudWatch, operation: &str, body: &Value) -> (u16, Value) {
    let path = format!("{}/service/GraniteServiceVersion20100801/operation/{operation}", service.endpoint());
    let mut answer = agent().post(path).header("content-type", CBOR).send(cbor::write(body)).unwrap();
    assert_eq!(answer.headers()["smithy-protocol"], "rpc-v2-cbor");
    (answer.status().as_u16(), cbor::read(&answer.body_mut().read_to_vec().unwrap()).unwrap())
}

fn metric(name: &str, stack: &str) -> Value {
    json!({ "Namespace": "N", "MetricName": name, "Dimensions": [{ "Name": "Stack", "Value": stack }] })
}

fn datum(name: &str, stack: &str, at: f64, value: f64) -> Value {
    let mut datum = metric(name, stack);
    datum["Timestamp"] = json!(at);
    datum["Value"] = json!(value);
    datum
}

fn query(id: &str, name: &str, stat: &str) -> Value {
    json!({ "Id": id, "MetricStat": { "Metric": metric(name, "one"), "Period": 86_400, "Stat": stat } })
}

fn get(queries: &[Value]) -> Value {
    json!({ "MetricDataQueries": queries, "StartTime": DAY, "EndTime": DAY + 3.0 * SECONDS })
}

#[test]
fn periods_have_sums_and_counts() {
    let service = CloudWatch::start(0).unwrap();
    let data = [
        datum("A", "one", DAY, 2.0),
        datum("A", "one", DAY + SECONDS - 1.0, 3.0),
        datum("A", "one", DAY + 2.0 * SECONDS, 4.0),
        datum("A", "other", DAY, 9.0),
        datum("A", "one", DAY - 1.0, 9.0),
        datum("A", "one", DAY + 3.0 * SECONDS, 9.0),
    ];
    assert_eq!(ask(&service, "PutMetricData", &json!({ "Namespace": "N", "MetricData": data })).0, 200);
    let asked = get(&[query("sum", "A", "Sum"), query("count", "A", "SampleCount"), query("b", "B", "Sum")]);
    let (status, answer) = ask_in_cbor(&service, "GetMetricData", &asked);
    assert_eq!(status, 200, "{answer}");
    let of = |index: usize| {
        let result = &answer["MetricDataResults"][index];
        (result["Id"].clone(), result["Timestamps"].clone(), result["Values"].clone())
    };
    let days = json!([1_799_971_200, 1_799_798_400]);
    assert_eq!(of(0), (json!("sum"), days.clone(), json!([4.0, 5.0])), "the newest first");
    assert_eq!(of(1), (json!("count"), days, json!([1.0, 2.0])));
    assert_eq!(of(2), (json!("b"), json!([]), json!([])), "a metric that nobody has put");
    assert_eq!(ask(&service, "GetMetricData", &asked).0, 200, "in JSON too");
}

#[test]
fn limits_of_the_service_hold() {
    let service = CloudWatch::start(0).unwrap();
    let many: Vec<_> = (0..501).map(|number| query(&format!("q{number}"), "A", "Sum")).collect();
    let mut without_period = query("a", "A", "Sum");
    without_period["MetricStat"]["Period"] = json!(0);
    let backwards =
        json!({ "MetricDataQueries": [query("a", "A", "Sum")], "StartTime": DAY, "EndTime": DAY });
    for (asked, complaint) in [
        (get(&[]), "1 to 500"),
        (get(&many), "1 to 500"),
        (get(&[query("A", "A", "Sum")]), "small letter"),
        (get(&[query("a", "A", "Sum"), query("a", "B", "Sum")]), "once"),
        (get(&[without_period]), "multiple of 60"),
        (get(&[query("a", "A", "p99")]), "statistics"),
        (backwards, "before"),
    ] {
        let (status, refusal) = ask_in_cbor(&service, "GetMetricData", &asked);
        assert_eq!((status, &refusal["__type"]), (400, &json!("ValidationError")), "{refusal}");
        assert!(refusal["message"].as_str().unwrap().contains(complaint), "{refusal}");
    }
    assert_eq!(ask(&service, "PutDashboard", &json!({})).0, 404);
}

#[test]
fn nothing_is_told_without_the_right() {
    let service = CloudWatch::start(0).unwrap();
    service.grant(Rights::None);
    let (status, refusal) = ask_in_cbor(&service, "GetMetricData", &get(&[query("a", "A", "Sum")]));
    assert_eq!((status, &refusal["__type"]), (403, &json!("AccessDenied")), "{refusal}");
    service.grant(Rights::All);
    assert_eq!(ask_in_cbor(&service, "GetMetricData", &get(&[query("a", "A", "Sum")])).0, 200);
}
