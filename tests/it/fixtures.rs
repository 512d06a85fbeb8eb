//! Records of earlier versions, written and received: every later version has to read them.
//!
//! `tests/fixtures/VERSION` holds a ring, licenses in every state as the table has them, requests with their answers, events
//! as the gateway sends them, and leases with the keys that verify them. Nothing in there is ever edited. A change that
//! breaks one of them is a change for CHANGELOG, and needs a way over.
//!
//! `tests/fixtures/0.1` holds rows in the form that 0.1.0 wrote. The item writer of that version made them (commit
//! 82d75d9), called from a test of its own; nothing but 0.1.0's own code decided about their form.

use std::fs;
use std::path::PathBuf;

use falconer_domain::hardware::ComponentForm;
use falconer_domain::issue::NewLicense;
use falconer_domain::jwks::Jwks;
use falconer_domain::lease::LeaseError;
use falconer_domain::license::Status;
use falconer_domain::license_key::Product;
use falconer_domain::person::Note;
use falconer_domain::{KeyRing, UnixMillis, escrow, lease};
use falconer_tests::{Fixture, Machine, TestStack, TestStackOptions, checkout};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::operator::{run, said, told};

/// Versions with records in `tests/fixtures`.
const VERSIONS: [&str; 1] = ["0.2"];
/// The version that recorded rows alone.
const FIRST: &str = "0.1";
/// The version that `RECORD_FIXTURES=1` writes, once.
const RECORDED: &str = "0.2";
/// Masters of the recorded ring, and of no other.
const RING: &str = r#"{"current":"3","legacy":"1","imported":"2","1":"fixtures-flask-master","2":"fixtures-imported-0123456789abcdef-0123","3":"fixtures-master-three-0123456789abcdef-01","4":"fixtures-master-four-0123456789abcdef-012"}"#;
/// The recorded licenses end in 2100, or have ended.
const FAR: UnixMillis = UnixMillis(4_102_444_800_000);
const PAST: UnixMillis = UnixMillis(1_700_000_000_000);
const BOUND: UnixMillis = UnixMillis(1_795_000_000_000);

/// A license as it was stored.
#[derive(Serialize, Deserialize)]
struct RecordedRow {
    name: String,
    key: String,
    item: Value,
}

/// A request, and what it was answered. Requests are sent in their order.
#[derive(Serialize, Deserialize)]
struct RecordedRequest {
    name: String,
    path: String,
    content_type: Option<String>,
    /// As text: it may be no JSON at all.
    body: String,
    status: u16,
    code: String,
}

/// A signed answer, and what it says.
#[derive(Serialize, Deserialize)]
struct Signed {
    jws: String,
    valid: bool,
    code: String,
}

/// Signed answers, and the keys of the moment.
#[derive(Serialize, Deserialize)]
struct Leases {
    jwks: Value,
    leases: Vec<Signed>,
}

fn file(version: &str, name: &str) -> PathBuf {
    checkout().join("tests/fixtures").join(version).join(name)
}

fn read<T: for<'de> Deserialize<'de>>(version: &str, name: &str) -> T {
    let file = file(version, name);
    let text = fs::read_to_string(&file).unwrap_or_else(|why| panic!("{}: {why}", file.display()));
    serde_json::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", file.display()))
}

fn stack(ring: &str) -> TestStack {
    TestStack::with(&TestStackOptions { ring: Some(ring.to_owned()), ..TestStackOptions::default() })
}

#[test]
fn recorded_requests_answer_alike() {
    for version in VERSIONS {
        let ring: Value = read(version, "ring.json");
        let (rows, mut requests): (Vec<RecordedRow>, Vec<RecordedRequest>) =
            (read(version, "rows.json"), read(version, "requests.json"));
        // Requests that were recorded later than the version itself.
        let more = read::<Vec<RecordedRequest>>(version, "more-requests.json");
        assert!(
            more.iter().any(|request| request.body.contains(r#"emoji \ud83d""#)),
            "{version}: half a pair"
        );
        requests.extend(more);
        let stack = stack(&ring.to_string());
        for row in &rows {
            stack.speak(&row.key);
            stack.put_item(&row.item);
        }
        for request in &requests {
            let reply = send(&stack, request);
            assert_eq!(
                (reply.status, reply.code()),
                (request.status, request.code.as_str()),
                "{version}, {}: {}",
                request.name,
                reply.body
            );
        }
        assert!(rows.len() >= 10 && requests.len() >= 20, "{version} has fewer records than it had");
    }
}

#[test]
fn recorded_events_are_answered() {
    for version in VERSIONS {
        let ring: Value = read(version, "ring.json");
        let stack = stack(&ring.to_string());
        for row in read::<Vec<RecordedRow>>(version, "rows.json") {
            stack.speak(&row.key);
            stack.put_item(&row.item);
        }
        let events: Vec<Value> = read(version, "events.json");
        assert!(!events.is_empty());
        for recorded in events {
            let function = recorded["function"].as_str().unwrap();
            let answer = stack.gateway().invoke(function, &recorded["event"]).unwrap().into_json().unwrap();
            assert_eq!(answer["statusCode"], recorded["status"], "{version}, {function}: {answer}");
        }
    }
}

#[test]
fn recorded_leases_verify() {
    for version in VERSIONS {
        let ring: Value = read(version, "ring.json");
        let recorded: Leases = read(version, "leases.json");
        // The same ring publishes the same keys for good.
        let jwks: Jwks = serde_json::from_value(recorded.jwks.clone()).unwrap();
        let ours = serde_json::to_value(Jwks::of(&KeyRing::parse(&ring.to_string()).unwrap())).unwrap();
        assert_eq!(ours, recorded.jwks, "{version}");
        let product = Product::parse("QF").unwrap();
        for signed in &recorded.leases {
            let claims = lease::verify(&signed.jws, &product, |kid| {
                jwks.keys.iter().find(|key| key.kid == kid)?.public_key()
            });
            let claims = claims.unwrap_or_else(|why| panic!("{version}, {}: {why:?}", signed.code));
            assert_eq!(
                (claims.valid, claims.code.as_str()),
                (signed.valid, signed.code.as_str()),
                "{version}"
            );
        }
        assert!(recorded.leases.iter().any(|signed| signed.valid));
        assert!(recorded.leases.iter().any(|signed| !signed.valid));
        assert!(recorded.jwks["keys"].as_array().is_some_and(|keys| keys.len() == 2), "{}", recorded.jwks);
    }
}

/// A stack with the ring, the catalog, the licenses and the audit rows of 0.1.0.
fn first_stack() -> (TestStack, Vec<RecordedRow>) {
    let stack = stack(&read::<Value>(FIRST, "ring.json").to_string());
    stack.put_item(&read(FIRST, "catalog.json"));
    let rows: Vec<RecordedRow> = read(FIRST, "rows.json");
    for row in &rows {
        stack.speak(&row.key);
        stack.put_item(&row.item);
    }
    for row in read::<Vec<Value>>(FIRST, "audit.json") {
        stack.put_audit_row(&row);
    }
    (stack, rows)
}

#[test]
fn licenses_of_0_1_are_decided_about() {
    let (stack, rows) = first_stack();
    assert_eq!(rows.len(), 5);
    let (laptop, desktop) = (Machine::named("laptop"), Machine::named("desktop"));
    for RecordedRow { name, key, item } in &rows {
        let verdict = if name.starts_with("pending") { "PENDING" } else { "VALID" };
        assert_eq!(stack.verify(key).code(), verdict, "{name}");
        let seen = stack.post("/api/activate-sync", &laptop.old_request(key));
        assert_eq!((seen.status, seen.code()), (200, "REFRESHED"), "{name}: {}", seen.body);
        assert_eq!(
            stack.activate(key, &laptop).code(),
            "REFRESHED",
            "{name}: a newer client on the same machine"
        );
        let stored = stack.stored(&stack.license_id(key));
        assert_eq!((stored.devices.len(), stored.status.as_str()), (1, "active"), "{name}");
        // What no rule looks at is put back as it was.
        let after = stack.item(&stack.license_id(key));
        for kept in ["key_escrow", "key_hint", "created_at", "schema"] {
            assert_eq!(after[kept], item[kept], "{name}, {kept}");
        }
        let escrow =
            data_encoding::BASE64.decode(item["key_escrow"]["B"].as_str().unwrap().as_bytes()).unwrap();
        let opened = escrow::open(stack.ring().current(), &stored.id, &escrow).expect("the sealed key");
        assert_eq!(*opened, *key, "{name}");
    }
    let key = |part: &str| &rows.iter().find(|row| row.name.contains(part)).expect("a row").key;
    let moved = key("moved once");
    let back = stack.activate(moved, &desktop);
    assert_eq!(back.code(), "ACTIVATED", "the second seat is the catalog's, and the return is remembered");
    assert!(back.body["features"].to_string().contains("render_farm"), "{}", back.body);
    assert_eq!(stack.stored(&stack.license_id(moved)).transfers_total, 1, "a return is not counted");
}

/// 0.1.0 measured a text before it was composed (NFC), where U+0958 is one character and not two, and kept characters
/// that Unicode reserves as invisible.
#[test]
fn words_of_0_1_do_not_hide_a_license() {
    let (stack, rows) = first_stack();
    let license = |part: &str| {
        let row = rows.iter().find(|row| row.name.contains(part)).expect("a row");
        stack.stored(&stack.license_id(&row.key))
    };
    let long = license("composition");
    let chars = |text: &str| text.chars().count();
    assert_eq!(long.licensee_name.as_ref().map(|name| chars(name.as_str())), Some(255));
    assert!(long.licensee_email.as_ref().is_some_and(|email| chars(email.as_str()) <= 255));
    assert_eq!(long.notes.as_ref().map(|note| chars(note.as_str())), Some(1_000));
    assert!(
        long.devices
            .values()
            .all(|device| device.name.as_ref().is_some_and(|name| chars(name.as_str()) == 120))
    );
    let unseen = license("nobody sees");
    assert!(unseen.licensee_name.is_none(), "nothing visible is nothing");
    assert_eq!(unseen.notes.as_ref().map(Note::as_str), Some("paid"));
}

/// Rows of changes by 0.1.0 hold an address and have no time to live: they are read, and an erasure blanks them.
#[test]
fn audit_rows_of_0_1_lose_their_address() {
    let (stack, rows) = first_stack();
    let key = &rows[0].key;
    let address = "203.0.113.7";
    let holds =
        || stack.audit_rows(&stack.license_id(key)).iter().any(|row| row.to_string().contains(address));
    assert!(holds() && stack.audit_rows(&stack.license_id(key)).iter().any(|row| row.get("ttl").is_none()));
    let read = run(&stack, &["audit", key]);
    assert!(read.status.success(), "{}", said(&read));
    assert!(
        String::from_utf8_lossy(&read.stdout).contains("ACTIVATED"),
        "{}",
        String::from_utf8_lossy(&read.stdout)
    );
    told(&stack, &["erase-subject", "--license", key, "--reason", "privacy request 17"]);
    assert!(!holds(), "{:?}", stack.audit_rows(&stack.license_id(key)));
}

/// The one form of 0.1.0 that is not read, as CHANGELOG says: it names no moment, and a refusal looks like a lease. So an
/// old refusal never passes for a lease, and a device that holds an old lease asks the server once.
#[test]
fn leases_of_0_1_are_not_read() {
    let ring: Value = read(FIRST, "ring.json");
    let jwks = Jwks::of(&KeyRing::parse(&ring.to_string()).unwrap());
    let product = Product::parse("QF").unwrap();
    let leases: Vec<Signed> = read(FIRST, "leases.json");
    assert!(leases.iter().any(|signed| signed.valid) && leases.iter().any(|signed| !signed.valid));
    for signed in leases {
        let read = lease::verify(&signed.jws, &product, |kid| {
            jwks.keys.iter().find(|key| key.kid == kid)?.public_key()
        });
        // The key is known and the signature holds: the claims are what is refused.
        assert_eq!(read.unwrap_err(), LeaseError::Malformed, "{}", signed.code);
    }
}

fn send(stack: &TestStack, request: &RecordedRequest) -> falconer_tests::Reply {
    let headers: Vec<_> = request.content_type.iter().map(|value| ("content-type", value.as_str())).collect();
    stack.send("POST", &request.path, &headers, request.body.as_bytes())
}

/// Writes the records of this version if they are missing: `RECORD_FIXTURES=1 cargo xtask test record_fixtures`.
#[test]
fn record_fixtures() {
    #[expect(clippy::disallowed_methods, reason = "asked for by whoever records a version")]
    let asked = std::env::var_os("RECORD_FIXTURES").is_some();
    let folder = checkout().join("tests/fixtures").join(RECORDED);
    if !asked {
        assert!(folder.exists(), "{} has to be recorded", folder.display());
        return;
    }
    assert!(!folder.exists(), "{} is there already, and is never written over", folder.display());
    let stack = stack(RING);
    let rows = rows(&stack);
    let (requests, leases) = requests(&stack, &rows);
    // As they are before any request: what changes a license was recorded on copies of its own.
    fs::create_dir_all(&folder).unwrap();
    write("ring.json", &serde_json::from_str::<Value>(RING).unwrap());
    write("events.json", &events(&rows));
    write("rows.json", &rows);
    write("requests.json", &requests);
    write("leases.json", &Leases { jwks: stack.get("/api/keys").body, leases });
}

/// Licenses in every state, as the table has them.
fn rows(stack: &TestStack) -> Vec<RecordedRow> {
    let laptop = Machine::named("laptop");
    let with_status = |status| move |new: &mut NewLicense, _: &_| new.license.status = status;
    let opaque = |new: &mut NewLicense, _: &_| {
        for device in new.license.devices.values_mut() {
            device.form = ComponentForm::Opaque;
        }
    };
    let imported = |text: &'static str, stack: &TestStack| {
        let id = stack.license_id(text);
        move |new: &mut NewLicense, _: &_| new.license.id = id.clone()
    };
    let plain = [
        ("active, perpetual", Fixture::pro()),
        ("active, with an end", Fixture::of_tier("elite").ending(FAR)),
        ("active, a device", Fixture::pro().bound(1, &laptop, BOUND)),
        ("active, a device of an older client", Fixture::pro().bound(1, &laptop, BOUND).with(opaque)),
        ("active, one of three seats", Fixture::of_tier("elite").seats(3).bound(1, &laptop, BOUND)),
        ("expired", Fixture::of_tier("free").ending(PAST).bound(1, &laptop, BOUND)),
        ("pending", Fixture::pro().with(with_status(Status::Pending))),
        ("suspended", Fixture::pro().bound(1, &laptop, BOUND).with(with_status(Status::Suspended))),
        ("revoked", Fixture::pro().bound(1, &laptop, BOUND).with(with_status(Status::Revoked))),
        ("active, a key of the Flask server", Fixture::pro().with_legacy_key()),
    ];
    let mut rows: Vec<RecordedRow> = plain
        .into_iter()
        .map(|(name, fixture)| {
            let key = stack.put(fixture);
            RecordedRow { name: name.to_owned(), item: stack.item(&stack.license_id(&key)), key }
        })
        .collect();
    for text in ["SHEET-2023-0042", "38b1460a-5104-4067-a91d-77b872934d51"] {
        stack.put(Fixture::pro().with(imported(text, stack)));
        let item = stack.item(&stack.license_id(text));
        rows.push(RecordedRow { name: "active, an imported key".to_owned(), item, key: text.to_owned() });
    }
    rows
}

/// Requests about the rows, and what they are answered: none of them changes what a later one is about.
fn requests(stack: &TestStack, rows: &[RecordedRow]) -> (Vec<RecordedRequest>, Vec<Signed>) {
    let json = Some("application/json".to_owned());
    let laptop = Machine::named("laptop");
    let mut asked: Vec<(String, &str, Option<String>, String)> = Vec::new();
    for row in rows {
        let verify = json!({ "license": row.key, "timestamp": 1_788_049_460_i64, "origin": "fixtures" });
        asked.push((format!("verify, {}", row.name), "/api/verify", json.clone(), verify.to_string()));
        let mut here = laptop.request(&row.key);
        here["nonce"] = "fixtures-nonce-0123456789".into();
        asked.push((format!("verify here, {}", row.name), "/api/verify", json.clone(), here.to_string()));
    }
    let key =
        |name: &str| &rows.iter().find(|row| row.name == name).unwrap_or_else(|| panic!("no row {name}")).key;
    let bound = key("active, a device");
    let spreadsheet = laptop.old_request(key("active, a device of an older client"));
    let typed = format!("\u{201c}{}\u{201d}.", bound.to_lowercase().replace('-', " "));
    for (name, path, content_type, body) in [
        ("a known device", "/api/activate-sync", json.clone(), laptop.request(bound).to_string()),
        ("the spreadsheet's client", "/api/activate-sync", json.clone(), spreadsheet.to_string()),
        (
            "no seat left",
            "/api/activate-sync",
            json.clone(),
            Machine::named("desktop").request(bound).to_string(),
        ),
        (
            "a device that holds no seat",
            "/api/deactivate",
            json.clone(),
            Machine::named("desktop").request(bound).to_string(),
        ),
        ("a key as a mail shows it", "/api/verify", json.clone(), json!({ "license": typed }).to_string()),
        (
            "members that are nice to have",
            "/api/activate-sync",
            Some("text/plain;charset=utf-8".to_owned()),
            format!(
                r#"{{"license_key":"{bound}","hardware":{{"mac":"{}","board":"{}","cpu":"{}","colour":"blue"}},"device_name":"half an emoji \ud83d","timestamp":1e999,"notes":null}}"#,
                laptop.mac, laptop.board, laptop.cpu
            ),
        ),
        ("another key", "/api/verify", json.clone(), json!({ "license": "QF-PRO-NOPE" }).to_string()),
        ("no key", "/api/verify", json.clone(), "{}".to_owned()),
        ("no JSON", "/api/verify", json, "license=QF".to_owned()),
    ] {
        asked.push((name.to_owned(), path, content_type, body));
    }
    let mut signed = Vec::new();
    let requests = asked.into_iter().map(|(name, path, content_type, body)| {
        let mut request = RecordedRequest {
            name,
            path: path.to_owned(),
            content_type,
            body,
            status: 0,
            code: String::new(),
        };
        let reply = send(stack, &request);
        request.status = reply.status;
        reply.code().clone_into(&mut request.code);
        if let Some(jws) = reply.body["lease"].as_str() {
            let valid = reply.body["valid"] == true;
            signed.push(Signed { jws: jws.to_owned(), valid, code: request.code.clone() });
        }
        request
    });
    (requests.collect(), signed)
}

/// The gateway's events about the first row, in both encodings of a body.
fn events(rows: &[RecordedRow]) -> Vec<Value> {
    let body = json!({ "license": rows[0].key }).to_string();
    ["post", "base64"]
        .map(|name| {
            let mut event = crate::events::event("verify", name);
            let encoded = event["isBase64Encoded"] == true;
            let encode = |body: &str| data_encoding::BASE64.encode(body.as_bytes());
            event["body"] = if encoded { encode(&body) } else { body.clone() }.into();
            json!({ "function": "verify", "event": event, "status": 200 })
        })
        .to_vec()
}

fn write(name: &str, value: &impl Serialize) {
    fs::write(file(RECORDED, name), serde_json::to_string_pretty(value).unwrap() + "\n").unwrap();
}
