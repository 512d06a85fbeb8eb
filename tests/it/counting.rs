//! The cost of a request: calls on the wire, counted by a tap in front of each service, and units as DynamoDB counts
//! them.

use std::collections::BTreeSet;
use std::time::Duration;

use falconer_domain::UnixMillis;
use falconer_emulators::tap::{Fault, Matcher, TapRecord, Units};
use falconer_tests::{Fixture, Machine, TestStack, TestStackOptions};
use serde_json::{Value, json};

use crate::limits::{counted, wait_for_room_in_the_minute};

fn limited() -> TestStack {
    TestStack::with(&TestStackOptions {
        settings: vec![("RATE_LIMIT_PER_MINUTE", "3".to_owned())],
        ..TestStackOptions::default()
    })
}

/// The operations that reached DynamoDB, in order of arrival.
fn operations(stack: &TestStack) -> Vec<String> {
    stack.dynamodb.records().iter().map(|record| record.operation.clone()).collect()
}

fn units(records: &[&TapRecord]) -> Units {
    records.iter().map(|record| record.units()).sum()
}

#[test]
fn invalid_verify_costs_no_call() {
    let stack = TestStack::start();
    let good = stack.put(Fixture::pro());
    stack.forget();
    for body in ["", "{", "[]", "{}", r#"{"license":7}"#, &format!(r#"{{"license":"{good}","nonce":7}}"#)] {
        assert_eq!(stack.send("POST", "/api/verify", &[], body.as_bytes()).status, 400, "{body}");
    }
    for typed in ["", "ABC-123-XYZ", &good.replace("PRO", "FREE"), "QF-PRO-b4243599e011bd9f-1788049460"] {
        assert_eq!(stack.verify(typed).code(), "INVALID_SIGNATURE", "{typed}");
    }
    stack.settle();
    assert_eq!(operations(&stack), Vec::<String>::new());
    assert!(stack.secrets_tap.records().is_empty(), "the ring is in memory");
}

#[test]
fn unknown_generation_rereads_once_a_minute() {
    let stack = TestStack::start();
    let good = stack.put(Fixture::pro());
    let unknown = format!("{}9{}", &good[..7], &good[8..]);
    stack.forget();
    for _ in 0..20 {
        assert_eq!(stack.verify(&unknown).code(), "INVALID_SIGNATURE");
    }
    assert!(stack.secrets_tap.records().len() <= 1, "{} reads", stack.secrets_tap.records().len());
    assert_eq!(operations(&stack), Vec::<String>::new());
}

/// A stack with the catalog in memory and nothing counted.
fn warmed() -> TestStack {
    let stack = limited();
    assert_eq!(stack.verify(&stack.put(Fixture::pro())).code(), "VALID");
    stack.settle();
    wait_for_room_in_the_minute();
    stack
}

/// The only record of an operation.
fn one<'a>(records: &'a [TapRecord], operation: &str) -> &'a TapRecord {
    let mut of_it = records.iter().filter(|record| record.operation == operation);
    let first = of_it.next().unwrap_or_else(|| panic!("no {operation}"));
    assert!(of_it.next().is_none(), "more than one {operation}");
    first
}

/// P4: the first request of a minute takes one read unit and no write unit before its answer.
#[test]
fn verify_costs_one_read_before_its_row() {
    let stack = warmed();
    let key = stack.put(Fixture::pro());
    stack.forget();
    assert_eq!(stack.verify(&key).code(), "VALID");
    stack.settle();

    let records = stack.dynamodb.records();
    assert_eq!(operations(&stack), ["GetItem", "PutItem"]);
    let (read, row) = (one(&records, "GetItem"), one(&records, "PutItem"));
    let tables = [read, row].map(|record| record.resources.join(" "));
    assert_eq!(
        tables,
        [&stack.settings.licenses_table, &stack.settings.verifications_table].map(String::as_str)
    );
    let verified = stack.gateway().invocations();
    let answered = verified.iter().rfind(|invocation| invocation.function == "verify").unwrap();
    assert!(row.started >= answered.responded.unwrap(), "the row is written after the answer");
    assert!(row.started < answered.free.unwrap(), "and before the next event");
    let (before, after) = (units(&[read]), units(&[row]));
    assert_eq!((before.read, before.write), (1.0, 0.0));
    assert_eq!((after.read, after.write), (0.0, 1.0));
}

/// A second request in the minute is counted beside the read, and the first one with it.
#[test]
fn second_verify_counts_the_first_too() {
    let stack = warmed();
    let key = stack.put(Fixture::pro());
    assert_eq!(stack.verify(&key).code(), "VALID");
    stack.settle();
    // A little latency, so that "side by side" shows on the wire: the second starts before the first is back.
    for operation in ["GetItem", "UpdateItem"] {
        stack.dynamodb.break_all(Matcher::operation(operation), Fault::Delay(Duration::from_millis(50)));
    }
    for total in [2, 1] {
        stack.forget();
        assert_eq!(stack.verify(&key).code(), "VALID");
        stack.settle();
        let records = stack.dynamodb.records();
        assert_eq!(records.len(), 3, "{:?}", operations(&stack));
        let (read, count) = (one(&records, "GetItem"), one(&records, "UpdateItem"));
        assert_eq!(count.resources, [stack.settings.rate_limits_table.as_str()]);
        assert!(
            read.started < count.finished.unwrap() && count.started < read.finished.unwrap(),
            "side by side"
        );
        assert_eq!(counted(&stack), total);
        let before = units(&[read, count]);
        assert_eq!((before.read, before.write), (1.0, 1.0));
    }
    assert_eq!(stack.verify(&key).status, 429, "the limit of three");
}

/// P4: reads are counted in steps of 4 KB. Eighteen devices fit into the first one.
#[test]
fn license_of_4_kb_costs_one_unit() {
    let stack = warmed();
    let of_devices = |devices: u8| {
        (1..=devices).fold(Fixture::pro().seats(100), |fixture, number| {
            fixture.bound(number, &Machine::named(&format!("number{number}")), UnixMillis(1_700_000_000_000))
        })
    };
    let mut cost = Vec::new();
    for devices in [18, 40] {
        let key = stack.put(of_devices(devices));
        let bytes = stored_bytes(&stack.item(&stack.license_id(&key)));
        assert_eq!((3_000..=4_096).contains(&bytes), devices == 18, "{devices} devices: {bytes} bytes");
        stack.forget();
        assert_eq!(stack.verify(&key).code(), "VALID");
        stack.settle();
        let records = stack.dynamodb.records();
        let before: Vec<_> = records.iter().filter(|record| record.operation != "PutItem").collect();
        let units = units(&before);
        cost.push((units.read, units.write));
    }
    assert_eq!(cost[0], (1.0, 0.0));
    assert!(cost[1].0 > 1.0, "beyond that the measure does tell");
}

/// The size of an item about as DynamoDB counts it: names and values, without the signs of JSON.
fn stored_bytes(item: &Value) -> usize {
    match item {
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| match (name.as_str(), value) {
                ("S" | "N", Value::String(text)) => text.len(),
                ("B", Value::String(base64)) => base64.len() / 4 * 3,
                ("BOOL" | "NULL", _) => 1,
                ("M" | "L", value) => 3 + stored_bytes(value),
                (name, value) => name.len() + 1 + stored_bytes(value),
            })
            .sum(),
        Value::Array(items) => items.iter().map(|item| 1 + stored_bytes(item)).sum(),
        _ => 0,
    }
}

#[test]
fn license_over_limit_costs_nothing() {
    let stack = limited();
    let key = stack.put(Fixture::pro());
    // If the minute ends between the first 429 and the second, this counts once more: two such ends in a row would take
    // a minute.
    for _ in 0..2 {
        while stack.verify(&key).status != 429 {}
        stack.settle();
        stack.forget();
        if stack.verify(&key).status == 429 {
            stack.settle();
            assert_eq!(operations(&stack), Vec::<String>::new());
            return;
        }
    }
    panic!("two windows ended within one test");
}

#[test]
fn limited_license_is_refused_from_memory() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![
            ("RATE_LIMIT_PER_MINUTE", "0".to_owned()),
            ("VERIFIES_PER_LICENSE_PER_MINUTE", "14".to_owned()),
        ],
        ..TestStackOptions::default()
    });
    let key = stack.put(Fixture::pro());
    stack.forget();
    let replies: Vec<_> = (0..40).map(|_| stack.verify(&key)).collect();
    stack.settle();
    let over = replies.iter().find(|reply| reply.status == 429).expect("one over the limit");
    assert_eq!(over.header("ratelimit-policy"), Some(r#""license";q=14;w=60"#));
    let admitted = replies.iter().filter(|reply| reply.status == 200).count();
    // One window, or two if the minute ended meanwhile.
    assert!((14..=28).contains(&admitted), "{admitted}");
    let rows = stack.dynamodb.matching(&Matcher::operation("PutItem")).len();
    assert!((10..=20).contains(&rows) && rows < admitted, "{rows} rows of {admitted}");
    let dropped: u64 =
        stack.request_lines().iter().map(|line| line["AuditCapped"].as_u64().unwrap_or_default()).sum();
    assert_eq!(dropped, (admitted - rows) as u64, "the rest is counted");
}

#[test]
fn can_record_refusals_only() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![("VERIFY_AUDIT", "refusals".to_owned())],
        ..TestStackOptions::default()
    });
    let (yes, no) = (stack.put(Fixture::pro()), stack.key_without_license());
    stack.forget();
    assert_eq!(stack.verify(&yes).code(), "VALID");
    stack.settle();
    assert!(stack.dynamodb.matching(&Matcher::operation("PutItem")).is_empty());
    assert_eq!(stack.verify(&no).code(), "NOT_FOUND");
    stack.settle();
    assert_eq!(stack.dynamodb.matching(&Matcher::operation("PutItem")).len(), 1);
}

#[test]
fn audit_row_names_caller_and_expiry() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.forget();
    let request = json!({ "license": key, "origin": "fixture-app" });
    let reply = stack.post_from("2001:db8:1:2:3::4", "/api/verify", &request);
    stack.settle();
    let rows = stack.dynamodb.matching(&Matcher::operation("PutItem"));
    let item = &rows[0].request["Item"];
    let text = |name: &str| item[name]["S"].as_str().unwrap_or_default().to_owned();
    let checked_at = reply.body["checkedAt"].as_i64().unwrap();
    let request_id = reply.header("x-request-id").unwrap();
    assert_eq!(text("license_id"), reply.body["licenseId"].as_str().unwrap());
    assert_eq!(text("at"), format!("{checked_at:013}#{request_id}"));
    assert_eq!(
        (text("action"), text("code"), text("origin"), text("address"), text("request_id")),
        (
            "verify".into(),
            "VALID".into(),
            "fixture-app".into(),
            "2001:db8:1:2::/64".into(),
            request_id.into()
        )
    );
    let kept_until = checked_at.div_euclid(1_000) + 400 * 86_400;
    assert_eq!(item["ttl"]["N"], kept_until.to_string());
    assert!(!item.to_string().contains(&key), "no key in the table");
}

/// P3: two sequential round trips for a change, one for an answer that changes nothing. After the answer of a change
/// its caller's row, and in a transaction twice what the same puts would take alone.
#[test]
fn change_costs_read_and_transaction() {
    let stack = limited();
    let (key, first, second) = (stack.put(Fixture::pro()), Machine::named("first"), Machine::named("second"));
    // Each function reads the catalog once and keeps it.
    for endpoint in ["activate-sync", "transfer", "deactivate"] {
        stack.post(&format!("/api/{endpoint}"), &first.request(&stack.put(Fixture::pro())));
    }
    let (commit, row) = (&["TransactWriteItems", "PutItem"][..], &["PutItem"][..]);
    for (code, endpoint, machine, writes) in [
        ("ACTIVATED", "activate-sync", &first, commit),
        ("REFRESHED", "activate-sync", &first, &[]),
        ("ALREADY_BOUND", "transfer", &first, &[]),
        ("TRANSFERRED", "transfer", &second, commit),
        ("DEACTIVATED", "deactivate", &second, commit),
        ("DEVICE_NOT_BOUND", "deactivate", &second, row),
    ] {
        stack.settle();
        stack.forget();
        assert_eq!(stack.post(&format!("/api/{endpoint}"), &machine.request(&key)).code(), code);
        stack.settle();
        let called: BTreeSet<_> = operations(&stack).into_iter().collect();
        let expected =
            ["GetItem", "UpdateItem"].iter().chain(writes).map(|name| (*name).to_owned()).collect();
        assert_eq!((operations(&stack).len(), called), (2 + writes.len(), expected), "{code}");
        let records = stack.dynamodb.records();
        let of = |operation: &str| records.iter().find(|record| record.operation == operation);
        let (read, count) = (of("GetItem").unwrap(), of("UpdateItem").unwrap());
        let before = units(&[read, count]);
        assert_eq!((before.read, before.write), (1.0, 1.0), "{code}");
        if let Some(commit) = of("TransactWriteItems") {
            let begun = commit.started;
            assert!(
                begun >= read.finished.unwrap() && begun >= count.finished.unwrap(),
                "{code}: one after the other"
            );
            let tables = [&stack.settings.licenses_table, &stack.settings.verifications_table];
            assert_eq!(commit.resources.iter().collect::<Vec<_>>(), tables, "{code}");
            assert!(commit.units().write <= 6.0, "{code}: {} units", commit.units().write);
            let row_beside = of("PutItem").unwrap();
            assert!(row_beside.started >= commit.finished.unwrap(), "{code}: after the answer");
            assert_eq!(
                (&row_beside.resources[0], row_beside.units().write),
                (&stack.settings.verifications_table, 1.0)
            );
        }
    }
}

/// A change that says nothing is one put of the license over the version read, and a name's row comes after the answer.
#[test]
fn a_quiet_change_is_one_put() {
    let stack = limited();
    let machine = Machine::named("first");
    let hours_ago = |hours: i64| UnixMillis(falconer_tests::now().0 - hours * 3_600_000);
    let key = stack.put(Fixture::pro().bound(1, &machine, hours_ago(0)));
    stack.activate(&key, &machine);
    for (name, hours, device_name, puts) in [
        ("within the hour", 0, "Laptop", &[][..]),
        ("after hours", 2, "Laptop", &[&stack.settings.licenses_table][..]),
        ("another name", 2, "Desk", &[&stack.settings.licenses_table, &stack.settings.verifications_table]),
    ] {
        let key = stack.put(Fixture::pro().bound(1, &machine, hours_ago(hours)));
        stack.settle();
        stack.forget();
        let mut request = machine.request(&key);
        request["device_name"] = json!(device_name);
        let reply = stack.post_from(&format!("203.0.113.{hours}"), "/api/activate-sync", &request);
        assert_eq!(reply.code(), "REFRESHED", "{name}");
        stack.settle();
        let records = stack.dynamodb.records();
        let written: Vec<_> = records.iter().filter(|record| record.operation == "PutItem").collect();
        assert_eq!(records.len(), 2 + written.len(), "{name}: {:?}", operations(&stack));
        let tables: Vec<_> = written.iter().map(|record| &record.resources[0]).collect();
        assert_eq!(tables, puts, "{name}");
        assert!(written.iter().all(|record| record.units().write <= 1.0), "{name}");
        if let Some(first) = written.first() {
            let condition = first.request["ConditionExpression"].as_str();
            assert_eq!(condition, Some("version = :version"), "{name}: over the version that was read");
        }
    }
}

#[test]
fn invalid_key_costs_no_call() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    stack.forget();
    for endpoint in ["activate-sync", "transfer", "deactivate"] {
        let path = format!("/api/{endpoint}");
        for body in
            [machine.request("QF-PRO-NO-KEY"), machine.request(&"A".repeat(129)), json!([]), json!({})]
        {
            assert!([400, 401].contains(&stack.post(&path, &body).status), "{path} {body}");
        }
        assert_eq!(stack.send("POST", &path, &[], b"{").status, 400);
    }
    stack.settle();
    assert_eq!(operations(&stack), Vec::<String>::new());
}
