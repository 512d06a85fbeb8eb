use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Fault, Matcher, Tap, Units};
use crate::dynamodb::{DynamoDb, Storage};
use crate::template::{Names, Template};

const TABLE: &str = r"
Resources:
  Things:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: pk, AttributeType: S }]
      KeySchema: [{ AttributeName: pk, KeyType: HASH }]
";

#[test]
fn counts_requests_and_units_unasked() {
    let stand = Stand::new();
    stand.tap.measure_capacity();
    assert_eq!(stand.put("a").unwrap().0, 200);
    assert_eq!(stand.get("a").unwrap().1["Item"]["pk"]["S"], "a");
    let records = stand.tap.records();
    assert_eq!(records[0].operation, "PutItem");
    assert_eq!(records[0].resources, ["things"]);
    assert_eq!(records[0].status, Some(200));
    assert!(records[0].finished.unwrap() <= records[1].started);
    let units: Units = records.iter().map(super::TapRecord::units).sum();
    // An eventually consistent read is half a unit.
    assert_eq!(units, Units { read: 0.5, write: 1.0 });
    assert_eq!(stand.tap.matching(&Matcher::operation("GetItem")).len(), 1);
    stand.tap.forget();
    assert!(stand.tap.records().is_empty());
}

#[test]
fn a_transaction_names_all_its_tables() {
    let body = json!({ "TransactItems": [
        { "Put": { "TableName": "a" } }, { "Update": { "TableName": "b" } }, { "Put": { "TableName": "a" } },
    ]});
    assert_eq!(super::record::resources(&body), ["a", "b"]);
    let body = json!({ "RequestItems": { "c": [], "d": [] } });
    assert_eq!(super::record::resources(&body), ["c", "d"]);
    let answer = json!({ "ConsumedCapacity": [
        { "TableName": "a", "CapacityUnits": 4.0 }, { "TableName": "b", "CapacityUnits": 2.0 },
    ]});
    assert_eq!(super::record::consumed(&answer), [("a".to_owned(), 4.0), ("b".to_owned(), 2.0)]);
}

#[test]
fn the_next_ones_fail_and_the_one_after_passes() {
    let stand = Stand::new();
    stand.tap.break_next(2, Matcher::operation("PutItem"), Fault::throttling());
    assert_eq!(stand.get("a").unwrap().0, 200);
    for _ in 0..2 {
        let (status, body) = stand.put("a").unwrap();
        assert_eq!(status, 400);
        assert!(body["__type"].as_str().unwrap().ends_with("#ThrottlingException"));
    }
    assert_eq!(stand.put("a").unwrap().0, 200);
}

#[test]
fn reset_is_transport_error_store_untouched() {
    let stand = Stand::new();
    stand.tap.break_all(Matcher::resource("things").and_operation("PutItem"), Fault::Reset);
    assert!(stand.put("a").is_err());
    assert_eq!(stand.tap.records()[0].status, None);
    stand.tap.heal();
    assert!(stand.get("a").unwrap().1["Item"].is_null());
}

#[test]
fn a_dropped_reply_has_taken_effect() {
    let stand = Stand::new();
    stand.tap.break_next(1, Matcher::any(), Fault::DropReply);
    assert!(stand.put("a").is_err());
    assert_eq!(stand.get("a").unwrap().1["Item"]["pk"]["S"], "a");
}

#[test]
fn a_hanging_request_never_arrives() {
    let stand = Stand::new();
    stand.tap.break_all(Matcher::any(), Fault::Hang);
    assert!(stand.put("a").is_err(), "the client's own time-out");
    stand.tap.heal();
    assert!(stand.get("a").unwrap().1["Item"].is_null());
}

#[test]
fn a_hanging_request_is_let_go_by_healing() {
    let stand = Stand::new();
    stand.tap.break_all(Matcher::any(), Fault::Hang);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| stand.put("a"));
        while stand.tap.records().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        stand.tap.heal();
        assert!(waiting.join().unwrap().is_err());
    });
    let record = &stand.tap.records()[0];
    assert_eq!((record.status, &record.fault), (None, &Fault::Hang));
}

#[test]
fn a_delay_holds_back_and_a_closure_may_decide() {
    let stand = Stand::new();
    let delay = Duration::from_millis(60);
    stand.tap.break_when(move |seen| (seen.operation == "GetItem").then_some(Fault::Delay(delay)));
    let start = Instant::now();
    stand.get("a").unwrap();
    assert!(start.elapsed() >= delay);
    // The newest rule decides.
    stand.tap.break_all(Matcher::any(), Fault::transaction_canceled(&["None", "ConditionalCheckFailed"]));
    let (_, body) = stand.get("a").unwrap();
    assert_eq!(body["CancellationReasons"][1]["Code"], "ConditionalCheckFailed");
}

#[test]
fn an_upstream_that_is_down_looks_down() {
    let stand = Stand::new();
    let dead = Tap::start("http://127.0.0.1:1").unwrap();
    assert!(stand.send(&dead, "GetItem", &json!({})).is_err());
}

struct Stand {
    _database: DynamoDb,
    tap: Tap,
    agent: ureq::Agent,
}

impl Stand {
    fn new() -> Self {
        let database = DynamoDb::start(Storage::Memory, 0).unwrap();
        let template = Template::parse(TABLE).unwrap();
        let names = Names::default().with("Things", "things");
        database.create_tables(&template, &names).unwrap();
        let tap = Tap::start(database.endpoint()).unwrap();
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(2)))
            .build()
            .into();
        Self { _database: database, tap, agent }
    }

    fn put(&self, pk: &str) -> Result<(u16, Value), ureq::Error> {
        let body = json!({ "TableName": "things", "Item": { "pk": { "S": pk } } });
        self.send(&self.tap, "PutItem", &body)
    }

    fn get(&self, pk: &str) -> Result<(u16, Value), ureq::Error> {
        let body = json!({ "TableName": "things", "Key": { "pk": { "S": pk } } });
        self.send(&self.tap, "GetItem", &body)
    }

    fn send(&self, tap: &Tap, operation: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
        let mut response = self
            .agent
            .post(tap.endpoint())
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", format!("DynamoDB_20120810.{operation}"))
            .header("x-amz-date", "20260101T000000Z")
            .header(
                "authorization",
                "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=a",
            )
            .send(body.to_string())?;
        Ok((response.status().as_u16(), response.body_mut().read_json()?))
    }
}
