//! The client as a program, `headless --serve`, against the real functions.

#[path = "../../clients/headless/tests/headless/application.rs"]
mod application;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use falconer_emulators::tap::{Fault, Matcher, Tap};
use falconer_tests::{Fixture, TestStack, alone, checkout, program};
use serde_json::{Value, json};

use crate::issuing::falconer;
use crate::operator::told;
use application::{Application, PATIENCE};

/// The functions, the network to them, and a computer with the program on it.
struct SidecarVendor {
    stack: TestStack,
    way: Tap,
    key: String,
    folder: tempfile::TempDir,
}

impl SidecarVendor {
    fn new() -> Self {
        let stack = TestStack::start();
        let way = Tap::start(stack.gateway().url()).expect("a way to the server");
        let folder = tempfile::tempdir().expect("a folder");
        let keys = stack.get("/api/keys").body.to_string();
        fs::write(folder.path().join("falconer-keys.json"), keys).expect("public keys");
        let key = stack.put(Fixture::pro());
        Self { stack, way, key, folder }
    }

    /// Each call is a start of the application; each machine has a store of its own.
    fn start(&self, machine: &str) -> Application {
        let file = |name: &str| self.folder.path().join(name);
        let mut command = alone("headless");
        command.args(["--serve", "--product", "QF", "--server", &self.way.endpoint()]);
        command.arg("--keys").arg(file("falconer-keys.json")).arg("--store").arg(file(machine));
        command.args(["--device-name", machine, "--allow-machine-id-override"]);
        command.env("FALCONER_MACHINE_ID", format!("fixture-machine-{machine}"));
        Application::start(&mut command)
    }

    fn activated(&self, machine: &str) -> Application {
        let mut application = self.start(machine);
        let person = json!({ "key": self.key, "name": "Fixture Person", "email": "fixture@example.com" });
        let answer = application.call("activate", &person);
        assert_eq!(answer["result"]["done"], true, "{answer}");
        application
    }

    fn operate(&self, command: &[&str]) {
        let mut program = falconer(&self.stack);
        let output = program.arg("--yes").args(command).arg(&self.key).output().expect("the program runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

fn state(application: &mut Application) -> (String, bool) {
    let answer = application.call("status", &json!({}));
    let status = &answer["result"];
    (status["state"].as_str().unwrap_or_default().to_owned(), status["unlocked"] == true)
}

fn is(name: &str, unlocked: bool) -> (String, bool) {
    (name.to_owned(), unlocked)
}

#[test]
fn documented_example_runs() {
    let vendor = SidecarVendor::new();
    let page = fs::read_to_string(checkout().join("docs/sidecar.md")).expect("the page");
    let (_, rest) = page.split_once("\n```python\n").expect("an example");
    let example = rest.split("```").next().unwrap_or_default();
    let example = example.replace("https://licenses.example.com", &vendor.stack.gateway().url());
    let folder = vendor.folder.path();
    fs::write(folder.join("example.py"), example).expect("the example");

    let run = || {
        let mut python = Command::new("python3");
        let place = program("headless").parent().map(Path::to_owned).expect("a folder of programs");
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", place.display());
        python.env_clear().env("PATH", path).env("HOME", folder).env("FALCONER_MACHINE_ID", "ignored");
        python.arg("example.py").current_dir(folder);
        let piped = python.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = piped.spawn().expect("python3");
        child.stdin.take().unwrap().write_all(format!("{}\n", vendor.key).as_bytes()).ok();
        let output = child.wait_with_output().expect("an end");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        assert!(said.contains("'event': 'ready'") && said.contains("copying trades"), "{said}");
        assert!(!said.contains(&vendor.key), "{said}");
        said
    };
    assert!(run().contains("'done': True"), "the first run activates");
    assert!(!run().contains("'done'"), "the second run is licensed already");
}

#[test]
fn serves_a_license_through_its_life() {
    let vendor = SidecarVendor::new();
    let mut application = vendor.activated("first");
    assert_eq!(state(&mut application), is("Active", true));
    let snapshot = application.call("snapshot", &json!({}))["result"].clone();
    assert_eq!(snapshot["license"]["id"], vendor.stack.license_id(&vendor.key).to_string());
    let feature = application.call("has_feature", &json!({ "name": "copy_trading" }));
    assert_eq!(feature["result"]["on"], true);
    assert_eq!(application.call("start_refresher", &json!({}))["result"]["running"], true);
    assert_eq!(application.call("stop_refresher", &json!({}))["result"]["running"], false);
    application.close_input();
    assert!(application.wait().0.success());

    let mut application = vendor.start("first");
    assert_eq!(state(&mut application), is("Active", true));
    vendor.operate(&["revoke", "--reason", "refund"]);
    let answer = application.call("refresh", &json!({}));
    assert_eq!(answer["result"]["snapshot"]["lock_code"], "REVOKED", "{answer}");
    // The event may come before the answer or after it.
    let begun = Instant::now();
    while !application.seen.contains(r#""changed""#) {
        assert!(begun.elapsed() < PATIENCE, "no event: {}", application.seen);
        application.call("status", &json!({}));
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(state(&mut application), is("Locked", false));
    vendor.operate(&["reinstate"]);
    application.call("refresh", &json!({}));
    assert_eq!(state(&mut application), is("Active", true));
    application.call("deactivate", &json!({}));
    assert_eq!(state(&mut application), is("NotActivated", false));
    assert!(!application.seen.contains(&vendor.key));
}

#[test]
fn second_machine_moves_the_seat() {
    let vendor = SidecarVendor::new();
    let _first = vendor.activated("first");
    let mut second = vendor.start("second");
    let refused = second.call("activate", &json!({ "key": vendor.key }));
    let error = &refused["error"];
    assert_eq!((&error["kind"], &error["code"]), (&json!("refused"), &json!("SEATS_EXHAUSTED")), "{refused}");
    let holder = &error["holders"][0]["id"];
    let moved = second.call("transfer", &json!({ "key": vendor.key, "from_device": holder }));
    assert_eq!(moved["result"]["done"], true, "{moved}");
    assert_eq!(state(&mut second), is("Active", true));
}

/// The four calls of a machine without a network, with the operator's program at the other end.
#[test]
fn files_serve_a_machine_without_a_network() {
    let vendor = SidecarVendor::new();
    told(&vendor.stack, &["set-policy", &vendor.key, "air_gap_days=30"]);
    vendor.way.break_all(Matcher::any(), Fault::Reset);
    let file = |name: &str| vendor.folder.path().join(name).display().to_string();
    let answer = |text: &Value| {
        fs::write(file("request.txt"), text["file"].as_str().expect("a file")).expect("a file");
        told(
            &vendor.stack,
            &[
                "activate-offline",
                &file("request.txt"),
                "--out",
                &file("answer.txt"),
                "--license",
                &vendor.key,
            ],
        );
        json!({ "text": fs::read_to_string(file("answer.txt")).expect("an answer") })
    };
    let mut application = vendor.start("first");
    let cause = |answer: &Value| answer["error"]["cause"].as_str().unwrap_or_default().to_owned();
    for (method, params) in [("activation_request", json!({})), ("import_response", json!({ "text": 7 }))] {
        assert_eq!(application.call(method, &params)["error"]["kind"], "protocol", "{method}");
    }
    for method in ["renewal_request", "deactivate_by_receipt"] {
        assert_eq!(cause(&application.call(method, &json!({}))), "missing_key", "{method}");
    }

    let person = json!({ "key": vendor.key, "name": "Fixture Person", "email": "fixture@example.com" });
    let asked = application.call("activation_request", &person);
    let text = &asked["result"]["text"];
    assert_eq!(text["file_name"], "falconer-request.txt", "{asked}");
    assert!(text["short"].as_str().unwrap().starts_with("FALCONER-REQUEST-1:"), "{asked}");
    assert_eq!(asked["result"]["snapshot"]["pending"]["name"], "answer", "{asked}");
    let own = application.call("import_response", &json!({ "text": text["short"] }));
    assert_eq!(cause(&own), "own_text", "{own}");
    let first = answer(text);
    let imported = application.call("import_response", &first);
    assert_eq!(imported["result"]["done"], true, "{imported}");
    assert_eq!(state(&mut application), is("Active", true));
    assert_eq!(cause(&application.call("import_response", &first)), "already_imported");
    application.close_input();
    assert!(application.wait().0.success());

    let mut application = vendor.start("first");
    assert_eq!(state(&mut application), is("Active", true), "after a restart");
    let renewal = application.call("renewal_request", &json!({}));
    let second = answer(&renewal["result"]["text"]);
    assert_eq!(application.call("import_response", &second)["result"]["done"], true);
    let given = application.call("deactivate_by_receipt", &json!({}));
    assert_eq!(given["result"]["text"]["file_name"], "falconer-receipt.txt", "{given}");
    assert_eq!(given["result"]["snapshot"]["pending"]["name"], "receipt", "{given}");
    assert_eq!(state(&mut application), is("NotActivated", false));
    fs::write(file("receipt.txt"), given["result"]["text"]["file"].as_str().unwrap()).unwrap();
    told(&vendor.stack, &["accept-receipt", &file("receipt.txt"), "--trust-receipt"]);
    assert_eq!(vendor.stack.stored(&vendor.stack.license_id(&vendor.key)).bound(), 0);
    assert_eq!(cause(&application.call("import_response", &second)), "no_request");
    assert!(!application.seen.contains(&vendor.key));
}

/// An absent server, and everything that somebody on the way can say without the vendor's keys.
#[test]
fn no_liar_locks_a_license() {
    let vendor = SidecarVendor::new();
    let mut application = vendor.activated("first");
    let said = |status, body: Value| Fault::Error { status, body };
    let refusal = |code: &str| json!({ "success": false, "valid": false, "code": code, "error": code });
    let lease = "eyJhbGciOiJub25lIn0.eyJjb2RlIjoiUkVWT0tFRCJ9.";
    for lie in [
        Fault::Reset,
        said(500, json!({})),
        said(200, json!("Sign in to the network")),
        said(200, json!({ "success": true, "valid": false, "code": "REVOKED" })),
        said(403, refusal("REVOKED")),
        said(403, refusal("HARDWARE_MISMATCH")),
        said(404, refusal("INVALID_SIGNATURE")),
        said(403, json!({ "success": false, "code": "REVOKED", "lease": lease })),
    ] {
        vendor.way.break_all(Matcher::any(), lie.clone());
        let answer = application.call("refresh", &json!({}));
        assert!(answer.get("error").is_some(), "{lie:?}: {answer}");
        assert_eq!(state(&mut application), is("Active", true), "{lie:?}");
        vendor.way.heal();
    }

    vendor.way.break_all(Matcher::any(), Fault::Reset);
    let mut restarted = vendor.start("first");
    assert_eq!(state(&mut restarted), is("Active", true));
    vendor.way.heal();
    assert_eq!(restarted.call("refresh", &json!({}))["result"]["done"], true);
}

/// A server that takes the request and never answers holds up neither looks nor the end.
#[test]
fn hanging_server_holds_up_nothing_else() {
    let vendor = SidecarVendor::new();
    let mut application = vendor.activated("first");
    vendor.way.break_all(Matcher::any(), Fault::Hang);
    application.ask(1, "refresh", &json!({}));
    for _ in 0..100 {
        assert_eq!(state(&mut application), is("Active", true));
    }
    application.ask(2, "quit", &json!({}));
    assert!(application.wait().0.success());
    vendor.way.heal();
    assert_eq!(state(&mut vendor.start("first")), is("Active", true));
}
