//! Requests and answers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{KEY, KEYS, program, start};
use crate::server;

#[test]
fn looks_are_answered_while_calls_wait() {
    let server = server::silent();
    let mut application = start(&server.url);
    application.ask(1, "activate", &json!({ "key": KEY }));
    application.ask("look", "status", &json!({}));
    let answer = application.answer();
    assert_eq!((&answer["id"], &answer["result"]["state"]), (&json!("look"), &json!("NotActivated")));
    for (method, member) in [
        ("snapshot", "state"),
        ("license", "license"),
        ("notice", "notice"),
        ("pending", "pending"),
        ("device", "device"),
    ] {
        application.ask(2, method, &Value::Null);
        let answer = application.answer();
        assert!(answer["id"] == 2 && answer["result"].get(member).is_some(), "{answer}");
    }
    application.ask(3, "has_feature", &json!({ "name": "copy_trading" }));
    assert_eq!(application.answer(), json!({ "id": 3, "result": { "on": false } }));
}

#[test]
fn bad_lines_cost_only_themselves() {
    let mut application = start(&server::absent());
    let long = "x".repeat(200_000);
    for (line, id, cause) in [
        (&b"\xff\xfe"[..], Value::Null, "not_utf8"),
        (b"{", Value::Null, "not_json"),
        (long.as_bytes(), Value::Null, "line_too_long"),
        (b"[]", Value::Null, "invalid_request"),
        (br#"{"id":7,"method":"unlock"}"#, json!(7), "unknown_method"),
        (br#"{"id":"a","method":"activate"}"#, json!("a"), "invalid_params"),
    ] {
        application.write(line);
        let answer = application.answer();
        assert_eq!((&answer["id"], &answer["error"]["cause"]), (&id, &json!(cause)), "{answer}");
        assert_eq!(answer["error"]["kind"], "protocol");
        application.ask(1, "status", &json!({}));
        assert_eq!(application.answer()["id"], 1, "after {cause}");
    }
}

#[test]
fn calls_are_bounded_and_have_one_id_each() {
    let server = server::silent();
    let mut application = start(&server.url);
    for id in 0..16 {
        application.ask(id, "activate", &json!({ "key": KEY }));
    }
    for (id, answered, cause) in [(3, Value::Null, "id_in_use"), (16, json!(16), "too_many_calls")] {
        application.ask(id, "refresh", &json!({}));
        let answer = application.answer();
        assert_eq!((&answer["id"], &answer["error"]["cause"]), (&answered, &json!(cause)), "{answer}");
    }
    application.ask("c", "cancel", &json!({ "id": 15 }));
    let (call, cancel) = (application.answer(), application.answer());
    assert_eq!((&call["id"], &call["error"]["cause"]), (&json!(15), &json!("cancelled")), "{call}");
    assert_eq!(cancel, json!({ "id": "c", "result": { "cancelled": true } }));
    application.ask("d", "cancel", &json!({ "id": 15 }));
    assert_eq!(application.answer(), json!({ "id": "d", "result": { "cancelled": false } }));
}

/// The server has the request and never answers; the call ends because the application asks.
#[test]
fn running_call_is_cancelled() {
    let server = server::silent();
    let mut application = start(&server.url);
    application.ask(1, "activate", &json!({ "key": KEY }));
    while server.connections.load(Ordering::SeqCst) == 0 {
        std::thread::sleep(Duration::from_millis(10));
    }
    application.ask(2, "cancel", &json!({ "id": 1 }));
    let mut answers = [application.answer(), application.answer()];
    answers.sort_by_key(|answer| answer["id"].as_i64());
    assert_eq!(answers[0]["error"]["cause"], "cancelled", "{answers:?}");
    assert_eq!(answers[1]["result"]["cancelled"], true);
    assert_eq!(server.connections.load(Ordering::SeqCst), 1, "no second attempt");
}

/// What anybody on the way may say without the vendor's signature. None of it locks or unlocks.
#[test]
fn lying_servers_change_nothing() {
    let unsigned = r#"{"success":false,"valid":false,"code":"REVOKED","error":"revoked"}"#;
    let forged = r#"{"success":true,"lease":"eyJhbGciOiJFZERTQSIsImtpZCI6IjEifQ.e30.AAAA"}"#;
    let servers = [
        server::lying(200, "text/html", "<html>Sign in to the network</html>"),
        server::lying(403, "application/json", unsigned),
        server::lying(200, "application/json", forged),
        server::lying(200, "application/json", "null"),
    ];
    for server in &servers {
        let mut application = start(&server.url);
        application.ask(1, "activate", &json!({ "key": KEY, "name": "Anna", "email": "" }));
        let answer = application.answer();
        let snapshot = application.call("snapshot", &json!({}));
        let state = &snapshot["result"]["state"];
        assert_eq!(state, "NotActivated", "{answer}");
        assert!(server.connections.load(Ordering::SeqCst) > 0);
    }
}

#[test]
fn absent_server_lets_the_activation_wait() {
    let mut application = start(&server::absent());
    application.ask(1, "activate", &json!({ "key": KEY, "name": "Anna", "email": "" }));
    let answer = application.answer();
    assert_eq!(answer["result"]["done"], false, "{answer}");
    assert_eq!(answer["result"]["waiting_for"]["kind"], "offline");
    assert_eq!(answer["result"]["snapshot"]["state"], "NotActivated");
    assert_eq!(application.call("pending", &json!({}))["result"]["pending"]["name"], "activate");
}

/// The key in every place of a line, in lines of every kind.
#[test]
fn key_is_never_repeated() {
    let unsigned = format!(r#"{{"success":false,"code":"INVALID_SIGNATURE","error":"{KEY}"}}"#);
    let server = server::lying(403, "application/json", &unsigned);
    let mut application = start(&server.url);
    let lines = [
        KEY.to_owned(),
        format!("\"{KEY}\""),
        format!(r#"{{"{KEY}":1}}"#),
        format!(r#"{{"id":1,"method":"{KEY}"}}"#),
        format!(r#"{{"id":1,"method":"status","params":"{KEY}"}}"#),
        format!(r#"{{"id":1,"method":"status","params":{{"{KEY}":1}}}}"#),
        format!(r#"{{"id":1,"method":"status","{KEY}":1}}"#),
        format!(r#"{{"id":1,"method":"activate","params":{{"key":["{KEY}"]}}}}"#),
        format!(r#"{{"id":1,"method":"activate","params":{{"key":"{KEY}","nam":"x"}}}}"#),
        format!(r#"{{"id":1,"method":"cancel","params":{{"id":["{KEY}"]}}}}"#),
        format!(r#"{{"id":1,"method":"activate","params":{{"key":"{KEY}"}}}}"#),
        format!(r#"{{"id":1,"method":"transfer","params":{{"key":"{KEY}"}}}}"#),
        format!(r#"{{"id":1,"method":"activate","params":{{"key":"{KEY}","email":"{KEY}"}}}}"#),
    ];
    for line in &lines {
        application.write(line.as_bytes());
        application.answer();
    }
    let seen = std::mem::take(&mut application.seen);
    application.close_input();
    let (_, said) = application.wait();
    for text in [seen, said] {
        assert!(!text.contains("ZD3T9") && !text.contains("3D93F"), "{text}");
    }
}

#[test]
fn first_keys_are_never_fetched() {
    let server = server::lying(200, "application/json", KEYS);
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("keys.json");
    for mode in ["--serve", "refresh"] {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_headless"));
        program.args(["--product", "QF", "--server", &server.url, "--store-in-memory", "--keys"]);
        let output = program.arg(&missing).arg(mode).output().expect("the program runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(output.stdout.is_empty() && !missing.exists());
        assert!(String::from_utf8_lossy(&output.stderr).contains("public keys"), "{output:?}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 0);
}

#[test]
fn bad_network_options_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").expect("a file");
    let (empty, missing) = (empty.to_str().expect("a path"), "/nonexistent/authority.pem");
    for (option, value, named) in [
        ("--proxy", "no proxy", "proxy"),
        ("--root-certificate", missing, "certificates in /nonexistent/authority.pem cannot be read"),
        ("--root-certificate", empty, "certificate"),
    ] {
        let output = program(&server::absent()).args([option, value, "status"]).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{option} {value}: {said}");
        assert!(said.contains(named), "{option} {value}: {said}");
    }
}

#[test]
fn one_command_prints_one_line() {
    let output = program(&server::absent()).arg("status").output().expect("the program runs");
    let line: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(line["result"]["snapshot"]["state"], "NotActivated", "{line}");
    let output = program(&server::absent()).args(["activate", "short"]).output().expect("the program runs");
    let line: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(line["error"]["kind"], "input", "{line}");
}
