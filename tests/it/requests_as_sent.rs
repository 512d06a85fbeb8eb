//! Requests as other languages, HTTP clients and monitors send them: read for what decides, and the rest named.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use falconer_domain::person::Email;
use falconer_domain::{Status, UnixMillis};
use falconer_http::{App, Request};
use falconer_tests::{Fixture, Machine, Reply, TestStack, now};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::contract::with_status;
use crate::events::event;
use crate::manners::Folder;
use crate::operator::told;

const JSON: (&str, &str) = ("content-type", "application/json");

/// `POST` of a text that no JSON library would write.
fn post(stack: &TestStack, path: &str, body: &str) -> Reply {
    stack.send("POST", path, &[JSON], body.as_bytes())
}

/// The members of a machine's request, without the braces.
fn members(key: &str, machine: &Machine) -> String {
    let request = machine.request(key).to_string();
    request[1..request.len() - 1].to_owned()
}

fn ignored(reply: &Reply) -> Vec<&str> {
    let names = reply.body["ignored"].as_array();
    names.into_iter().flatten().map(|name| name.as_str().expect("a name")).collect()
}

#[test]
fn optional_members_never_refuse() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().seats(100));
    let long = "x".repeat(200);
    let nested = format!(r#""deep":{}1{}"#, "[".repeat(100), "]".repeat(100));
    for (number, (sent, expected, name)) in [
        (r#""device_name":"PC \ud83d""#, vec!["device_name"], Some("PC")),
        (r#""device_name":"\ude00""#, vec!["device_name"], None),
        (r#""device_name":"P\u200fC\u202e""#, vec!["device_name"], Some("PC")),
        (r#""device_name":"two\nlines""#, vec!["device_name"], Some("two lines")),
        (&format!(r#""device_name":"{long}""#), vec!["device_name"], Some(&long[..120])),
        (r#""device_name":42"#, vec![], Some("42")),
        (r#""device_name":["PC"]"#, vec!["device_name"], None),
        (r#""deviceName":true"#, vec!["deviceName"], None),
        (r#""device_name":" PC \u00fc""#, vec![], Some("PC ü")),
        (r#""licensee_name":{"first":"A"}"#, vec!["licensee_name"], None),
        (r#""licensee_email":"a\u200b@example.com""#, vec!["licensee_email"], None),
        (r#""licensee_email":7e400,"licensee_name":"\ud83d""#, vec!["licensee_email", "licensee_name"], None),
        (&format!(r#""licensee_email":"{long}{long}@example.com""#), vec!["licensee_email"], None),
        (r#""origin":"two\nlines""#, vec!["origin"], None),
        (&format!(r#""origin":"{long}{long}""#), vec!["origin"], None),
        (r#""foo":1e999"#, vec!["foo"], None),
        (r#""foo":-0.0e-9999,"bar":"\udfff\ud800""#, vec!["foo", "bar"], None),
        (r#""foo":1,"foo":2"#, vec!["foo"], None),
        (r#""b":1,"a":null,"c":"","d":[],"e":{},"\ud83d":1"#, vec!["b", "\u{FFFD}\u{FFFD}\u{FFFD}"], None),
        (r#""timestamp":1234567890000,"status":"active""#, vec![], None),
        (r#""timestamp":1e999,"status":{"a":1}"#, vec!["timestamp", "status"], None),
        (r#""refusal_status":200"#, vec!["refusal_status"], None),
        (r#""hw_component_1":"fixture-hardware-unused""#, vec!["hw_component_1"], None),
        (&nested, vec!["deep"], None),
    ]
    .into_iter()
    .enumerate()
    {
        let request = members(&key, &Machine::named(&format!("machine-{number}")));
        for body in [format!("{{{sent},{request}}}"), format!("{{{request},{sent}}}")] {
            let reply = post(&stack, "/api/activate-sync", &body);
            assert!(["ACTIVATED", "REFRESHED"].contains(&reply.code()), "{sent}: {}", reply.body);
            assert_eq!(ignored(&reply), expected, "{sent}");
            assert_eq!(reply.body.get("ignored").is_some(), !expected.is_empty(), "{sent}");
            assert_eq!(reply.body["device"]["name"], json!(name), "{sent}");
        }
    }
    let latin = [
        br#"{"device_name":"J"#.as_slice(),
        &[0xFC],
        format!("rgen\",{}}}", members(&key, &Machine::named("latin"))).as_bytes(),
    ]
    .concat();
    let reply = stack.send("POST", "/api/activate-sync", &[JSON], &latin);
    assert_eq!((reply.code(), ignored(&reply)), ("ACTIVATED", vec!["device_name"]), "{}", reply.body);
    assert_eq!(reply.body["device"]["name"], "Jrgen");
}

#[test]
fn unusable_parts_are_ignored_by_name() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let machine = Machine::named("a");
    let Machine { mac, board, .. } = &machine;
    for (parts, expected) in [
        (r#""hostname":"pc-07""#.to_owned(), vec!["hostname"]),
        (r#""disk":"fixture-hardware-\ud83d""#.to_owned(), vec!["disk"]),
        (format!(r#""disk":"{}""#, "xy".repeat(65)), vec!["disk"]),
        (r#""cpu":true,"gpu":"fixture-hardware-gpu""#.to_owned(), vec!["cpu", "gpu"]),
        (r#""cpu":null,"disk":"","install":[],"hostname":{}"#.to_owned(), vec![]),
        (r#""disk":"none","cpu":"To be filled by O.E.M.""#.to_owned(), vec![]),
        (format!(r#""board":"fixture-hardware-old","board":"{board}""#), vec!["board"]),
        (format!(r#""mac":"{mac}""#), vec![]),
    ] {
        let body = format!(r#"{{"license":"{key}","hardware":{{{parts},"mac":"{mac}","board":"{board}"}}}}"#);
        let reply = post(&stack, "/api/activate-sync", &body);
        assert!(["ACTIVATED", "REFRESHED"].contains(&reply.code()), "{parts}: {}", reply.body);
        assert_eq!(ignored(&reply), expected, "{parts}");
        let reply = post(&stack, "/api/verify", &body);
        assert_eq!((reply.code(), ignored(&reply)), ("VALID", expected), "{parts}");
        assert!(reply.body["device"].is_object(), "{parts}");
    }
    let flat = format!(
        r#"{{"license":"{key}","hw_component_1":"{mac}","hw_component_2":"short","hw_component_3":"{board}"}}"#
    );
    let reply = post(&stack, "/api/verify", &flat);
    assert_eq!((reply.code(), ignored(&reply)), ("VALID", vec!["hw_component_2"]));
}

#[test]
fn unusable_hardware_is_not_absent() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().bound(1, &Machine::named("a"), UnixMillis(1_700_000_000_000)));
    for hardware in [
        r#""hardware":{"hostname":"pc-07"}"#,
        r#""hardware":{"machineID":"fixture-hardware-id"}"#,
        r#""hardware":{"mac":"\ud83d\ud83d\ud83d\ud83d\ud83d\ud83d\ud83d\ud83d"}"#,
        r#""hardware":{"mac":"","board":"none","cpu":"short"}"#,
        r#""hardware":{"mac":{"value":"fixture-hardware-mac"}}"#,
        r#""hardware":["fixture-hardware-mac"]"#,
        r#""hardware":"fixture-hardware-mac""#,
        r#""hardware":"{\"mac\":\"short\"}""#,
        r#""hardware":true"#,
        r#""hw1":"short","hw2":false"#,
    ] {
        for endpoint in ["verify", "activate-sync", "transfer", "deactivate"] {
            let reply =
                post(&stack, &format!("/api/{endpoint}"), &format!(r#"{{"license":"{key}",{hardware}}}"#));
            assert_eq!((reply.status, reply.code()), (400, "INVALID_FIELD"), "{endpoint} {hardware}");
        }
    }
}

#[test]
fn empty_values_are_absent() {
    let stack = TestStack::start();
    let (key, machine) = (stack.put(Fixture::pro()), Machine::named("a"));
    for nothing in [r#""""#, "null", "[]", "{}", r#"" \n""#, "[ ]"] {
        let members = [
            "hardware",
            "hardware_format",
            "nonce",
            "origin",
            "device_name",
            "licensee_name",
            "licensee_email",
            "from_device",
            "refusal_status",
            "license",
            "foo",
            "timestamp",
        ];
        for member in members {
            let body = format!(r#"{{"license_key":"{key}","{member}":{nothing}}}"#);
            let reply = post(&stack, "/api/verify", &body);
            assert_eq!((reply.code(), ignored(&reply)), ("VALID", vec![]), "{body}");
        }
        let body = format!(r#"{{"{}":{nothing},{}}}"#, "fromDevice", self::members(&key, &machine));
        let reply = post(&stack, "/api/transfer", &body);
        assert!(["ACTIVATED", "ALREADY_BOUND"].contains(&reply.code()), "{body}: {}", reply.body);
        let flat = format!(
            r#"{{"license":"{key}","hardware":{nothing},"hw1":"{}","hw3":"{}"}}"#,
            machine.mac, machine.board
        );
        assert!(post(&stack, "/api/verify", &flat).body["device"].is_object(), "{flat}");
    }
    for one in ["1", "1.0", "1e0", r#""1""#, r#"" 1 ""#] {
        let hardware = machine.hardware();
        let body = format!(r#"{{"license":"{key}","hardware":{hardware},"hardware_format":{one}}}"#);
        let reply = post(&stack, "/api/verify", &body);
        assert_eq!((reply.code(), ignored(&reply)), ("VALID", vec![]), "{one}");
    }
    // A blank key beside a good one is ignored; a blank key alone is refused.
    for (body, status, code) in [
        (format!(r#"{{"license":"","licenseKey":"{key}"}}"#), 200, "VALID"),
        (format!(r#"{{"license":[],"license_key":"{key}"}}"#), 200, "VALID"),
        (r#"{"license":""}"#.to_owned(), 401, "INVALID_SIGNATURE"),
        (r#"{"license":[]}"#.to_owned(), 400, "MISSING_LICENSE"),
    ] {
        let reply = post(&stack, "/api/verify", &body);
        assert_eq!((reply.status, reply.code()), (status, code), "{body}");
    }
}

/// A text of characters that nobody sees is nothing, as a blank one is.
#[test]
fn invisible_key_does_not_hide_another_name() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    for nothing in ["", " ", "\u{200B}", "\u{2066}\u{2069}", "-", "\"\""] {
        let body = json!({ "license": nothing, "license_key": key }).to_string();
        let reply = post(&stack, "/api/verify", &body);
        assert_eq!((reply.status, reply.code()), (200, "VALID"), "{nothing:?}: {}", reply.body);
    }
}

#[test]
fn deciding_members_are_not_ignored() {
    let stack = TestStack::start();
    let (key, machine) = (stack.put(Fixture::pro()), Machine::named("a"));
    for (sent, status, code) in [
        // No key has such a character, neither at its end nor in the place of another one.
        (format!(r#""license":"{}\ud83d{}""#, &key[..20], &key[21..]), 401, "INVALID_SIGNATURE"),
        (format!(r#""license":"{key}","license":"{}""#, &key[..key.len() - 1]), 401, "INVALID_SIGNATURE"),
        (format!(r#""license":12,"license_key":"{key}""#), 400, "INVALID_FIELD"),
        (format!(r#""license":"{key}","nonce":"\ud83d""#), 400, "INVALID_FIELD"),
        (format!(r#""license":"{key}","nonce":1234567890123456"#), 400, "INVALID_FIELD"),
        (format!(r#""license":"{key}","hardware_format":2"#), 400, "INVALID_FIELD"),
        (format!(r#""license":"{key}","hardware_format":[1]"#), 400, "INVALID_FIELD"),
        (format!(r#""license":"{key}","from_device":7"#), 400, "INVALID_FIELD"),
    ] {
        let body = format!(r#"{{"hardware":{},{sent}}}"#, machine.hardware());
        let reply = post(&stack, "/api/transfer", &body);
        assert_eq!((reply.status, reply.code()), (status, code), "{sent}: {}", reply.body);
    }
}

#[test]
fn unusable_email_is_a_mismatch() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().bound(1, &Machine::named("a"), now()).with(|new, _| {
        new.license.policy.transfer_requires_email = Some(true);
        new.license.email = Email::read("fixture.person@example.com").unwrap();
    }));
    let request = members(&key, &Machine::named("b"));
    let long = "x".repeat(300);
    for (sent, code) in [
        (r#""licensee_email":["fixture.person@example.com"]"#, "EMAIL_MISMATCH"),
        (r#""licensee_email":"fixture.person@example.co""#, "EMAIL_MISMATCH"),
        (&format!(r#""licensee_email":"fixture.person@example.com{long}""#), "EMAIL_MISMATCH"),
        (r#""licensee_email":"\ud83d""#, "EMAIL_MISMATCH"),
        (r#""licensee_email":"Fixture.Person@example.com\u200b""#, "TRANSFERRED"),
    ] {
        let reply = post(&stack, "/api/transfer", &format!("{{{request},{sent}}}"));
        assert_eq!(reply.code(), code, "{sent}: {}", reply.body);
    }
}

#[test]
fn reads_json_of_any_content_type() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let plain = format!(r#"{{"license":"{key}"}}"#);
    let utf16 =
        |of: fn(u16) -> [u8; 2]| format!("\u{FEFF}{plain}").encode_utf16().flat_map(of).collect::<Vec<u8>>();
    let twice = json!(plain).to_string();
    let types: [&[(&str, &str)]; 8] = [
        &[],
        &[("content-type", "text/plain;charset=utf-8")],
        &[("content-type", "application/x-www-form-urlencoded")],
        &[("content-type", "application/octet-stream")],
        &[JSON, JSON],
        &[("content-type", "text/plain"), JSON],
        &[("content-type", "nonsense")],
        &[JSON],
    ];
    for headers in types {
        for body in [
            plain.clone().into_bytes(),
            format!("\u{FEFF}{plain}").into_bytes(),
            format!(" \r\n{plain}\r\n\0").into_bytes(),
            utf16(u16::to_le_bytes),
            utf16(u16::to_be_bytes),
            twice.clone().into_bytes(),
        ] {
            let reply = stack.send("POST", "/api/verify", headers, &body);
            assert_eq!(reply.code(), "VALID", "{headers:?} {}", String::from_utf8_lossy(&body));
        }
    }
    for (headers, body, status) in [
        (&[("content-type", "application/x-www-form-urlencoded")][..], format!("license={key}"), 415),
        (&[("content-type", "text/plain")], "hello".to_owned(), 415),
        (&[("content-type", "text/plain")], plain[..20].to_owned(), 415),
        (&[JSON, JSON], plain[..20].to_owned(), 400),
        (&[], "hello".to_owned(), 400),
        (&[("content-type", "text/plain")], "[1]".to_owned(), 400),
        (&[JSON], json!(twice).to_string(), 400),
    ] {
        let reply = stack.send("POST", "/api/verify", headers, body.as_bytes());
        assert_eq!(reply.status, status, "{headers:?}: {}", reply.body);
    }
}

#[test]
fn reads_camel_case_labels() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let parts = json!({ "machineId": "fixture-hardware-id", "board": "fixture-hardware-board" });
    let reply = stack.post("/api/activate-sync", &json!({ "license": key, "hardware": parts }));
    assert_eq!(reply.code(), "ACTIVATED");
    assert!(reply.lease_parts().1["hw"]["machine_id"].is_string());
    let snake = r#"{"machineId":"fixture-hardware-other","machine_id":"fixture-hardware-id","Board":"x","board":"fixture-hardware-board"}"#;
    let reply = post(&stack, "/api/verify", &format!(r#"{{"license":"{key}","hardware":{snake}}}"#));
    assert_eq!((reply.code(), ignored(&reply)), ("VALID", vec!["machineId", "Board"]), "snake_case wins");
}

#[test]
fn ignored_names_are_bounded() {
    let stack = TestStack::start();
    let key = stack.put(with_status(Fixture::pro(), Status::Revoked));
    let many: Vec<_> = (0..300).map(|number| format!(r#","member-{number}":"value-{number}""#)).collect();
    let many = many.concat();
    let odd = format!(r#","tu\u001b[31m\u202ern":"value","{}":1"#, "n".repeat(500));
    let body = format!(r#"{{"license":"{key}"{odd}{many}}}"#);
    let reply = post(&stack, "/api/verify", &body);
    assert_eq!((reply.status, reply.code()), (401, "REVOKED"), "refusals name them too");
    let names = ignored(&reply);
    assert_eq!((names.len(), names[0], names[20]), (21, "tu[31mrn", "…"));
    assert_eq!(names[1], format!("{}…", "n".repeat(40)));
    assert!(!reply.body.to_string().contains("value"), "{}", reply.body);
    let unsigned = post(&stack, "/api/verify", r#"{"license":"ABC-123-XYZ","foo":1}"#);
    assert_eq!((unsigned.code(), ignored(&unsigned)), ("INVALID_SIGNATURE", vec!["foo"]));
    let freed = post(&stack, "/api/deactivate", &format!(r#"{{"license":"{key}","device_name":"x"}}"#));
    assert_eq!((freed.code(), ignored(&freed)), ("DEVICE_NOT_BOUND", vec!["device_name"]));
}

#[test]
fn refusal_status_can_be_403() {
    let stack = TestStack::start();
    let revoked = stack.put(with_status(Fixture::pro(), Status::Revoked));
    let good = stack.put(Fixture::pro().bound(1, &Machine::named("a"), now()));
    for (path, key, status, code) in [
        ("/api/verify", revoked.as_str(), 403, "REVOKED"),
        ("/api/verify", "ABC-123-XYZ", 403, "INVALID_SIGNATURE"),
        ("/api/deactivate", "ABC-123-XYZ", 403, "INVALID_SIGNATURE"),
        ("/api/activate-sync", revoked.as_str(), 403, "REVOKED"),
        ("/api/transfer", revoked.as_str(), 403, "REVOKED"),
        ("/api/verify", good.as_str(), 403, "HARDWARE_MISMATCH"),
        ("/api/activate-sync", good.as_str(), 409, "SEATS_EXHAUSTED"),
    ] {
        for (name, wanted) in [("refusal_status", json!(403)), ("refusalStatus", json!("403"))] {
            let mut request = Machine::named("b").request(key);
            request[name] = wanted;
            let reply = stack.post(path, &request);
            assert_eq!(
                (reply.status, reply.code(), ignored(&reply)),
                (status, code, vec![]),
                "{path} {name}"
            );
            assert_eq!(reply.body["lease"].is_string(), code != "INVALID_SIGNATURE", "{path}");
            request[name] = json!(200);
            let reply = stack.post(path, &request);
            let plain = if status == 403 { 401 } else { status };
            assert_eq!((reply.status, ignored(&reply)), (plain, vec![name]), "{path} {name}");
        }
    }
    let request =
        json!({ "license": good, "refusal_status": 403, "hardware": Machine::named("a").hardware() });
    assert_eq!(stack.post("/api/verify", &request).status, 200);
    assert_eq!(stack.post("/api/verify", &json!({ "license": 7, "refusal_status": 403 })).status, 400);
}

#[test]
fn head_answers_as_get_without_body() {
    let stack = TestStack::start();
    for path in ["/api/health", "/api/health/ready", "/api/keys"] {
        let (head, get) = (stack.send("HEAD", path, &[], &[]), stack.get(path));
        assert_eq!((head.status, &head.body, get.status), (200, &Value::Null, 200), "{path}");
        for name in ["content-type", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path}");
        }
    }
    // Paths are exact: the gateway has no route for another spelling.
    assert_eq!(stack.get("/api/health/").status, 404);
    assert_eq!(stack.send("HEAD", "/api/verify", &[], &[]).status, 404);
    let mut event = event("health", "live-head");
    event["requestContext"]["http"]["method"] = "POST".into();
    let answer = stack.gateway().invoke("health", &event).unwrap().into_json().unwrap();
    assert_eq!((&answer["statusCode"], &answer["headers"]["allow"]), (&json!(405), &json!("GET, HEAD")));
}

#[test]
fn answers_pings_refuses_other_events() {
    let stack = TestStack::start();
    for function in ["verify", "activate-sync", "transfer", "deactivate", "keys", "health"] {
        for (folder, name, status) in [
            ("verify", "ping", 200),
            ("health", "ping", 200),
            ("verify", "rest", 400),
            ("verify", "alb", 400),
            ("verify", "function-url", 400),
            ("verify", "queue", 400),
        ] {
            let answer = stack.gateway().invoke(function, &event(folder, name)).unwrap().into_json().unwrap();
            assert_eq!(answer["statusCode"], status, "{function} {name}");
            let body: Value = serde_json::from_str(answer["body"].as_str().unwrap()).unwrap();
            assert_eq!(body["status"] == "ok", status == 200, "{function} {name}: {body}");
        }
        for scalar in
            [json!(null), json!([]), json!("ping"), json!(7), json!({}), json!({ "key1": "value1" })]
        {
            let answer = stack.gateway().invoke(function, &scalar).unwrap().into_json().unwrap();
            assert!([json!(200), json!(400)].contains(&answer["statusCode"]), "{function} {scalar}");
        }
    }
    let refused =
        || stack.log_text().lines().filter(|line| line.contains("not a request of API Gateway")).count();
    // The gateway reads what the functions write a moment after their answers.
    for _ in 0..1_000 {
        if refused() >= 6 * (4 + 3) {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let (log, refused) = (stack.log_text(), refused());
    assert_eq!(refused, 6 * (4 + 3), "{log}");
    assert!(log.contains("an Application Load Balancer") && !log.contains("errorMessage"), "{log}");
    assert_eq!(stack.gateway().starts().len(), stack.instances(), "nobody died of it");
}

#[test]
fn irrelevant_headers_are_not_parsed() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let body = format!(r#"{{"license":"{key}"}}"#);
    let host = stack.gateway().url().replace("http://", "");
    let mut stream = TcpStream::connect(&host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = [
        format!("POST /api/verify HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n").into_bytes(),
        b"x-name: J\xFCrgen \xE9\xFF\r\nuser-agent: \xDCber/1.0\r\ncookie: a=\xE9\r\n".to_vec(),
        format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len())
            .into_bytes(),
    ]
    .concat();
    stream.write_all(&head).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(r#""code":"VALID""#), "{answer}");

    let mut event = event("verify", "post");
    event["body"] = body.into();
    event["headers"]["x-broken name"] = json!(["\u{0}", 7]);
    event["headers"]["content-type"] = json!(["application/json"]);
    event["cookies"] = json!(7);
    event["requestContext"]["authorizer"] = json!("\u{7}");
    let answer = stack.gateway().invoke("verify", &event).unwrap().into_json().unwrap();
    assert_eq!(answer["statusCode"], 200, "{answer}");
}

#[test]
fn machine_matches_in_any_spelling() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let parts = |mac: &str, board: &str, hostname: &str| json!({ "license": key, "hardware": { "mac": mac, "board": board, "hostname": hostname } });
    let bound = parts("AA:BB:CC:DD:EE:0F", "{4C4C4544-0042-3510-8054-B7C04F4E4E32}", "Bu\u{308}ro-Rechner");
    let reply = stack.post("/api/activate-sync", &bound);
    assert_eq!(reply.code(), "ACTIVATED");
    let device = reply.body["device"]["id"].clone();
    let mut states = std::collections::BTreeSet::new();
    for request in [
        bound,
        parts("aa-bb-cc-dd-ee-0f", "4c4c4544-0042-3510-8054-b7c04f4e4e32", "b\u{FC}ro-rechner"),
        parts("aabb.ccdd.ee0f", "4C4C4544004235108054B7C04F4E4E32", " B\u{DC}RO-RECHNER "),
        parts("aabbccddee0f", "{4c4c4544-0042-3510-8054-b7c04f4e4e32}", "b\u{FC}ro-rechner"),
    ] {
        let reply = stack.post("/api/verify", &request);
        assert_eq!((reply.code(), &reply.body["device"]["id"]), ("VALID", &device), "{request}");
        let hw = reply.lease_parts().1["hw"].clone();
        assert_eq!(hw.as_object().unwrap().len(), 3, "{request}");
        states.insert(hw.to_string());
        assert_eq!(stack.post("/api/activate-sync", &request).code(), "REFRESHED", "{request}");
    }
    assert_eq!(states.len(), 4, "a lease is over the text as it was received");
    let other = parts("AA:BB:CC:DD:EE:F0", "4c4c4544-0042-3510-8054-b7c04f4e4e33", "b\u{FC}ro-rechner");
    assert_eq!(stack.post("/api/verify", &other).code(), "HARDWARE_MISMATCH");
}

#[test]
fn imported_machine_in_any_spelling() {
    let (stack, folder) = (TestStack::start(), Folder::new());
    let sheet = "license_key,status,license_tier,hw_component_1,hw_component_2,hw_component_3\n\
                 ABC-123-XYZ,active,pro,AA:BB:CC:DD:EE:0F,,BOARD  No 12345\n";
    let file = folder.file("customers.csv", sheet);
    told(&stack, &["import", "sheet", &file, "--reason", "moving in"]);
    let mapping = std::fs::read_to_string(format!("{file}.mapping.csv")).unwrap();
    let mut reader = csv::Reader::from_reader(mapping.as_bytes());
    let at = reader.headers().unwrap().iter().position(|name| name == "license_key").unwrap();
    let key = reader.records().next().unwrap().unwrap()[at].to_owned();
    stack.speak(&key);
    let request = json!({ "license": key, "hw1": "aa-bb-cc-dd-ee-0f", "hw3": "board no 12345" });
    assert_eq!(stack.post("/api/verify", &request).code(), "VALID");
    assert_eq!(stack.post("/api/activate-sync", &request).code(), "REFRESHED");
}

#[test]
fn preflight_follows_the_template() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let preflight = |origin: &str| {
        let asked = [("origin", origin), ("access-control-request-method", "POST")];
        stack.send("OPTIONS", "/api/verify", &asked, &[])
    };
    let listed = preflight("https://app.example.com");
    assert_eq!(listed.status, 204);
    for (name, expected) in [
        ("access-control-allow-origin", Some("https://app.example.com")),
        ("access-control-allow-methods", Some("GET,POST")),
        ("access-control-allow-headers", Some("content-type")),
        ("access-control-max-age", Some("600")),
        ("access-control-allow-credentials", None),
    ] {
        assert_eq!(listed.header(name), expected, "{name}");
    }
    for origin in ["https://evil.example", "null", "tauri://localhost", "http://tauri.localhost"] {
        let unlisted = preflight(origin);
        assert_eq!(
            (unlisted.status, unlisted.header("access-control-allow-origin")),
            (204, None),
            "{origin}"
        );
    }
    let body = json!({ "license": key }).to_string();
    for (origin, allowed) in [("https://app.example.com", true), ("https://evil.example", false)] {
        let reply = stack.send("POST", "/api/verify", &[JSON, ("origin", origin)], body.as_bytes());
        assert_eq!(reply.code(), "VALID", "the gateway answers whoever asks");
        assert_eq!(reply.header("access-control-allow-origin"), allowed.then_some(origin));
        let exposed = reply.header("access-control-expose-headers");
        assert_eq!(exposed, allowed.then_some("RateLimit,RateLimit-Policy,Retry-After,X-Request-Id"));
    }
}

#[test]
fn problem_type_names_its_code() {
    let stack = TestStack::start();
    let reply = stack.post("/api/verify", &json!({}));
    assert_eq!(reply.body["type"], "urn:falconer:problem:missing_license");
    let documented = include_str!("../../docs/errors.md");
    assert!(documented.contains("urn:falconer:problem:"), "docs/errors.md says what the names are");
}

/// Members that decide nothing, as text: names that are known, names that are not, values of every kind.
fn anything_else() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        proptest::sample::select(
            &[
                "device_name",
                "licenseeName",
                "licensee_email",
                "origin",
                "timestamp",
                "status",
                "from_device",
                "foo"
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-z]{1,3}-[a-zA-Z_0-9-]{1,20}",
        Just(r"\ud83d".to_owned()),
        Just(r"\u202e\u0000".to_owned()),
    ];
    let value = prop_oneof![
        Just("1e999".to_owned()),
        Just("-1e-999".to_owned()),
        Just(r#""\ud83d""#.to_owned()),
        Just(r#""\udfff\ud800 \u200f\u0000""#.to_owned()),
        Just(format!(r#""{}""#, "x".repeat(400))),
        (1_usize..100).prop_map(|depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth))),
        (1_usize..60).prop_map(|depth| format!("{}1{}", r#"{"license":"#.repeat(depth), "}".repeat(depth))),
        any::<f64>().prop_map(|number| json!(number).to_string()),
        "\\PC{0,60}".prop_map(|text| json!(text).to_string()),
        proptest::sample::select(&["null", "true", "[]", "{}", r#""""#, "[null,{}]"][..])
            .prop_map(str::to_owned),
    ];
    proptest::collection::vec((name, value), 0..8).prop_map(|members| {
        members.into_iter().map(|(name, value)| format!(r#""{name}":{value},"#)).collect::<Vec<_>>().concat()
    })
}

/// Parts beside the good ones.
fn other_parts() -> impl Strategy<Value = String> {
    let label = proptest::sample::select(&["hostname", "cpu", "gpu", "machineID", r"\ud83d"][..]);
    let value = prop_oneof![
        Just(r#""pc-07""#.to_owned()),
        Just("1e999".to_owned()),
        Just(r#""\ud83d\ud83d\ud83d\ud83d""#.to_owned()),
        Just("[[[]]]".to_owned()),
        Just("null".to_owned()),
        "[ -!#-\\[\\]-~]{0,140}".prop_map(|text| json!(text).to_string()),
    ];
    proptest::collection::vec((label, value), 0..5).prop_map(|parts| {
        parts.into_iter().map(|(label, value)| format!(r#""{label}":{value},"#)).collect::<Vec<_>>().concat()
    })
}

/// Returns verify's answer in this process.
fn verdict(stack: &TestStack, app: &App, body: &str) -> Value {
    let mut event = event("verify", "post");
    event["body"] = body.into();
    stack.wait(async {
        let deadline = Instant::now() + Duration::from_secs(60);
        let request = Request::read(&event.to_string(), now(), deadline).expect("a request");
        let response = app.respond(&request).await.into_http(&request, app.endpoint.effect);
        serde_json::from_slice(response.body()).expect("a JSON body")
    })
}

#[test]
fn unknown_members_decide_nothing() {
    let stack = TestStack::start();
    let app = App::new(verify::ENDPOINT, stack.settings.clone(), &stack.tapped);
    let (here, elsewhere) = (Machine::named("here"), Machine::named("elsewhere"));
    let bound = stack.put(Fixture::pro().bound(1, &here, now()));
    let unbound = stack.put(Fixture::pro());
    let revoked = stack.put(with_status(Fixture::pro().bound(1, &here, now()), Status::Revoked));
    let mut runner = TestRunner::new(Config { cases: 300, failure_persistence: None, ..Config::default() });
    let strategy = (anything_else(), other_parts(), anything_else());
    runner
        .run(&strategy, |(before, parts, after)| {
            for (key, machine, expected) in [
                (&bound, &here, "VALID"),
                (&bound, &elsewhere, "HARDWARE_MISMATCH"),
                (&unbound, &here, "NOT_ACTIVATED"),
                (&revoked, &here, "REVOKED"),
            ] {
                let (mac, board, cpu) = (&machine.mac, &machine.board, &machine.cpu);
                let hardware = format!(r#"{{{parts}"mac":"{mac}","board":"{board}","cpu":"{cpu}"}}"#);
                let body = format!(r#"{{{before}"license":"{key}",{after}"hardware":{hardware}}}"#);
                prop_assume!(body.len() <= falconer_http::body::MAX_BODY_BYTES);
                let answer = verdict(&stack, &app, &body);
                prop_assert_eq!(&answer["code"], expected, "{}: {}", body, answer);
                let names = answer["ignored"].as_array().map_or(0, Vec::len);
                prop_assert!(names <= 21, "{}", answer);
            }
            Ok(())
        })
        .unwrap();
}
