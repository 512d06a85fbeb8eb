//! `falconer explain` says what verify says: for any license, at any moment, on any hardware.

use std::collections::BTreeSet;
use std::fs;

use falconer_domain::{Status, UnixMillis};
use falconer_http::{App, Request};
use falconer_tests::{Fixture, Machine, TestStack};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use serde_json::{Value, json};
use tokio::time::{Duration, Instant};

use crate::events::event;
use crate::operator::{run, told};

/// Enough that every verdict is met; each starts a process.
const CASES: u32 = 96;
/// Around this moment everything happens.
const MIDDLE: i64 = 1_800_000_000_000;
/// Machines there are; those of a license and those that ask are among them.
const MACHINES: [&str; 3] = ["first", "second", "third"];

/// A license, a moment and a machine that asks.
#[derive(Clone, Debug)]
struct ExplainCase {
    status: Status,
    /// From the middle on.
    ends_after: Option<i64>,
    bound: Vec<usize>,
    required: bool,
    threshold: u32,
    /// From the middle on.
    asked_after: i64,
    presented: Option<Presented>,
}

/// Parts of a machine, some of them perhaps another one's, and the form they are sent in.
#[derive(Clone, Debug)]
struct Presented {
    parts: [Option<usize>; 3],
    form: HardwareForm,
}

#[derive(Clone, Copy, Debug)]
enum HardwareForm {
    Object,
    Columns,
    Short,
}

fn case() -> impl Strategy<Value = ExplainCase> {
    let near = prop_oneof![Just(0_i64), -2_i64..=2, -10_000_000_000_i64..10_000_000_000];
    let presented = (
        prop::array::uniform3(prop::option::weighted(0.8, 0..MACHINES.len())),
        prop_oneof![Just(HardwareForm::Object), Just(HardwareForm::Columns), Just(HardwareForm::Short)],
    );
    (
        prop::sample::select(vec![
            Status::Active,
            Status::Active,
            Status::Active,
            Status::Pending,
            Status::Suspended,
            Status::Revoked,
        ]),
        prop::option::of(near.clone()),
        prop::collection::vec(0..MACHINES.len(), 0..3),
        any::<bool>(),
        1_u32..=3,
        near,
        prop::option::of(presented.prop_map(|(parts, form)| Presented { parts, form })),
    )
        .prop_map(|(status, ends_after, mut bound, required, threshold, asked_after, presented)| {
            bound.sort_unstable();
            bound.dedup();
            ExplainCase { status, ends_after, bound, required, threshold, asked_after, presented }
        })
}

impl Presented {
    fn request(&self, key: &str) -> Value {
        let part = |index: usize, part: &str| {
            self.parts[index].map(|machine| format!("fixture-hardware-{}-{part}", MACHINES[machine]))
        };
        let (mac, cpu, board) = (part(0, "mac"), part(1, "cpu"), part(2, "board"));
        match self.form {
            HardwareForm::Object => {
                let parts = [("mac", mac), ("cpu", cpu), ("board", board)];
                let parts: serde_json::Map<_, _> = parts
                    .into_iter()
                    .filter_map(|(name, part)| Some((name.to_owned(), part?.into())))
                    .collect();
                json!({ "license": key, "hardware": parts })
            }
            HardwareForm::Columns => {
                json!({ "license": key, "hw_component_1": mac, "hwComponent2": cpu, "hw_component_3": board, "hw1": "never-looked-at" })
            }
            HardwareForm::Short => json!({ "license": key, "hw1": mac, "hw2": cpu, "hw3": board }),
        }
    }
}

fn stored(stack: &TestStack, case: &ExplainCase) -> String {
    let ExplainCase { status, ends_after, required, threshold, .. } = case.clone();
    let mut fixture = Fixture::pro().seats(3).with(move |new, _| {
        new.license.status = status;
        new.license.expires_at = ends_after.map(|after| UnixMillis(MIDDLE + after));
        new.license.policy.hardware_required = Some(required);
        new.license.policy.hardware_match_threshold = Some(threshold);
    });
    for (number, machine) in (1..).zip(&case.bound) {
        fixture = fixture.bound(number, &Machine::named(MACHINES[*machine]), UnixMillis(MIDDLE));
    }
    stack.put(fixture)
}

/// Returns the function's answer at a moment, in this process.
fn verdict(stack: &TestStack, app: &App, request: &Value, at: UnixMillis) -> Value {
    let mut event = event("verify", "post");
    event["body"] = request.to_string().into();
    stack.wait(async {
        let request = Request::read(&event.to_string(), at, Instant::now() + Duration::from_secs(60))
            .expect("a request");
        let response = app.respond(&request).await.into_http(&request, app.endpoint.effect);
        serde_json::from_slice(response.body()).expect("a JSON body")
    })
}

#[test]
fn agrees_with_verify_on_any_license() {
    let stack = TestStack::start();
    let app = App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.json");
    let met = std::cell::RefCell::new(BTreeSet::new());
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        // Every verdict has to be met: by chance one run in some thousands would miss one.
        rng_seed: RngSeed::Fixed(1_800_000_000),
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&case(), |case| {
        let key = stored(&stack, &case);
        let at = UnixMillis(MIDDLE + case.asked_after);
        let request =
            case.presented.as_ref().map_or_else(|| json!({ "license": key }), |it| it.request(&key));
        let said = verdict(&stack, &app, &request, at);
        let moment = falconer_operator::time::written(at);
        let mut arguments = vec!["explain", key.as_str(), "--at", moment.as_str()];
        if case.presented.is_some() {
            fs::write(&file, request.to_string()).unwrap();
            arguments.extend(["--hardware", file.to_str().unwrap()]);
        }
        let explained = told(&stack, &arguments);
        prop_assert_eq!(&explained["code"], &said["code"]);
        prop_assert_eq!(&explained["valid"], &said["valid"]);
        if said["valid"] == true {
            prop_assert_eq!(&explained["device"], &said["device"]["id"].clone());
        }
        met.borrow_mut().insert(said["code"].as_str().unwrap_or_default().to_owned());
        Ok(())
    });
    outcome.unwrap();
    let met = met.into_inner();
    let all = ["EXPIRED", "HARDWARE_MISMATCH", "NOT_ACTIVATED", "PENDING", "REVOKED", "SUSPENDED", "VALID"];
    assert_eq!(met.iter().map(String::as_str).collect::<Vec<_>>(), all, "every verdict was met");
}

/// One reader of hardware: whatever a request may look like, `explain` reads the file as verify reads the body.
#[test]
fn explain_reads_hardware_as_verify_does() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let key = stack.put(Fixture::pro().bound(1, &machine, UnixMillis(MIDDLE)));
    let parts = machine.hardware();
    let mut odd = parts.clone();
    odd["colour"] = json!("red");
    odd["disk"] = json!("short");
    let mut camel = serde_json::Map::new();
    for (name, value) in parts.as_object().unwrap() {
        camel.insert(if name == "machine_id" { "machineId".to_owned() } else { name.clone() }, value.clone());
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("request.json");
    for (name, body) in [
        ("plain", json!({ "hardware": parts })),
        ("in camelCase", json!({ "hardware": camel })),
        ("with labels that are not known", json!({ "hardware": odd })),
        ("as JSON text", json!({ "hardware": parts.to_string() })),
        ("as a list of nothing", json!({ "hardware": [] })),
        ("with no part that counts", json!({ "hardware": { "colour": "red" } })),
        ("of numbers", json!({ "hardware": { "board": 123_456_789, "mac": 987_654_321 } })),
        ("as a number", json!({ "hardware": 7 })),
        ("in another format", json!({ "hardware": parts, "hardware_format": 2 })),
    ] {
        let mut request = body.clone();
        request["license"] = json!(key);
        let verdict = stack.post("/api/verify", &request);
        let as_utf16: Vec<u8> = format!("\u{FEFF}{body}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [body.to_string().into_bytes(), as_utf16] {
            fs::write(&file, bytes).unwrap();
            let explained = run(&stack, &["explain", &key, "--json", "--hardware", file.to_str().unwrap()]);
            let document: Value = serde_json::from_slice(&explained.stdout).unwrap();
            if verdict.code() == "INVALID_FIELD" {
                assert_eq!(explained.status.code(), Some(2), "{name}: {document}");
                let said = document["error"]["message"].as_str().unwrap().to_owned() + ".";
                assert!(said.ends_with(verdict.body["detail"].as_str().unwrap()), "{name}: {said}");
            } else {
                assert_eq!(document["code"], verdict.code(), "{name}: {document}");
            }
        }
    }
    fs::write(&file, odd.to_string()).unwrap();
    let told = run(&stack, &["explain", &key, "--hardware", file.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert!(told.status.success() && said.contains("colour, disk"), "{said}");
}
