//! A leaked master, from the leak to the end of its generation: what the distrusted generation still does, what nobody
//! believes of it any more and from when on, and new keys for all of its licenses.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{
    Activation, FailureKind, HttpTransport, InvalidAnswer, Licensing, LockCode, MessageId, PublicKeys, State,
    Transport,
};
use falconer_domain::jwks::Jwks;
use falconer_domain::lease::{self, Claims};
use falconer_domain::{KeyRing, LicenseId, Product, Status, UnixMillis};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_http::{App, Request};
use falconer_operator::keyring::operations as keyring;
use falconer_tests::{Fixture, MASTER_A, Machine, TestStack, TestStackOptions, now, turned_clock};
use serde_json::{Value, json};

use crate::computer::{FixtureHardware, TestClock};
use crate::events::event;
use crate::issuing::falconer;
use crate::manners::Folder;
use crate::moving_in::{killed, rows};
use crate::operator::{run, said, told};

pub(crate) const DAY: i64 = 86_400;

fn product() -> Product {
    Product::parse("QF").unwrap()
}

/// Instances that are running read the ring every five minutes; new ones at once.
pub(crate) fn start_anew(stack: &TestStack) {
    for function in ["verify", "keys", "activate-sync"] {
        stack.gateway().kill(function, 0).expect("an instance to kill");
    }
}

/// Another generation signs, and whoever is asked knows it. Its number.
pub(crate) fn promote(stack: &TestStack) -> u64 {
    told(stack, &["keyring", "add"]);
    let promoted = told(stack, &["keyring", "promote", "--now"])["generation"].as_u64().unwrap();
    start_anew(stack);
    promoted
}

pub(crate) fn distrust(stack: &TestStack, generation: u64) {
    let told = told(stack, &["keyring", "distrust", &generation.to_string()]);
    assert_eq!((&told["outcome"], &told["generation"]), (&json!("changed"), &json!(generation)));
    start_anew(stack);
}

pub(crate) fn published(stack: &TestStack) -> Jwks {
    serde_json::from_value(stack.get("/api/keys").body).expect("public keys")
}

fn kids(jwks: &Jwks) -> Vec<&str> {
    jwks.keys.iter().map(|key| key.kid.as_str()).collect()
}

/// The verdict of any JWT library on a lease and the published keys.
fn verifies(lease: &str, jwks: &Jwks) -> bool {
    let key = |kid: &str| jwks.keys.iter().find(|key| key.kid == kid)?.public_key();
    lease::verify(lease, &product(), key).is_ok()
}

fn roles(stack: &TestStack) -> BTreeMap<u64, String> {
    let listed = told(stack, &["keyring", "list"]);
    let generations = listed["generations"].as_array().unwrap().iter();
    let role = |listed: &Value| {
        (listed["generation"].as_u64().unwrap(), listed["role"].as_str().unwrap().to_owned())
    };
    generations.map(role).collect()
}

/// A way to the server, on which somebody may sit who has a master: while the ring is there, every answer is a forged
/// yes.
#[derive(Clone)]
struct ForgingTransport {
    server: HttpTransport,
    forger: Arc<Mutex<Option<KeyRing>>>,
}

impl ForgingTransport {
    fn to(stack: &TestStack) -> Self {
        let server = HttpTransport::new(&stack.gateway().url());
        Self { server, forger: Arc::default() }
    }

    fn forge(&self, with: Option<KeyRing>) {
        *self.forger.lock().unwrap() = with;
    }
}

impl Transport for ForgingTransport {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let forger = self.forger.lock().unwrap();
        let (Some(ring), Some(body)) = (forger.as_ref(), request.body) else {
            return self.server.send(request);
        };
        let request: Value = serde_json::from_str(body).unwrap();
        let lease = forged(ring, &request);
        let body = json!({ "valid": true, "success": true, "code": "VALID", "lease": lease });
        let body = body.to_string().into_bytes();
        Ok(Reply::new(200, body))
    }
}

/// A lease for the machine and the license that a request names, by whoever has the master of a generation.
pub(crate) fn forged(ring: &KeyRing, request: &Value) -> String {
    let key = request["license"].as_str().or(request["license_key"].as_str()).unwrap();
    let key = falconer_domain::LicenseKey::parse(key).unwrap();
    let mut received = falconer_domain::hardware::ReceivedComponents::default();
    for (label, text) in request["hardware"].as_object().unwrap() {
        let label = falconer_domain::hardware::Label::parse(label).unwrap();
        received.insert(label, text.as_str().unwrap()).unwrap();
    }
    let at = now().0 / 1_000;
    let claims = Claims {
        iss: "falconer".to_owned(),
        aud: "QF".to_owned(),
        sub: LicenseId::of(ring.current(), &key).to_string(),
        jti: "forged".to_owned(),
        at,
        iat: at,
        nbf: at,
        exp: at + 3_650 * DAY,
        nonce: request["nonce"].as_str().map(str::to_owned),
        valid: true,
        code: "VALID".to_owned(),
        tier: Some("elite".to_owned()),
        features: Some(vec!["everything".to_owned()]),
        license_expires_at: None,
        device: Some("dev_0000000000000000".to_owned()),
        hw: Some(received.lease(&falconer_domain::hardware::Label::ALL).to_wire()),
        hw_threshold: Some(2),
        refresh_at: Some(at + 3_650 * DAY),
        interval: Some(3_650 * DAY),
        grace: Some(0),
        air_gap: None,
        limits: None,
        updates_until: None,
        updates_version: None,
    };
    claims.sign(ring.current())
}

/// The leaked master.
pub(crate) fn leaked() -> KeyRing {
    KeyRing::parse(&json!({ "current": "1", "1": MASTER_A }).to_string()).unwrap()
}

/// A start of an application that was built with some keys.
fn application(
    keys: &Jwks,
    way: &ForgingTransport,
    machine: &'static str,
    clock: &TestClock,
    store: &Path,
) -> Licensing {
    let keys = PublicKeys::parse(&serde_json::to_string(keys).unwrap()).expect("public keys");
    Licensing::builder("QF", "https://licenses.example.com", keys)
        .transport(way.clone())
        .clock(clock.clone())
        .hardware(FixtureHardware(machine))
        .store(store)
        .open()
        .expect("an open license")
}

/// Everything a distrusted generation still does for its customers, and nothing that anybody else would believe.
#[test]
fn authenticates_keys_signs_nothing() {
    let stack = TestStack::start();
    let machine = Machine::named("first");
    let key = stack.put(Fixture::pro().seats(2).bound(1, &machine, UnixMillis(5)));
    let legacy = stack.put(Fixture::pro().with_legacy_key());
    let before = stack.verify(&key).body["lease"].as_str().unwrap().to_owned();
    assert!(verifies(&before, &published(&stack)));
    assert_eq!(promote(&stack), 3);
    let between = published(&stack);
    assert_eq!(kids(&between), ["1", "3"]);
    assert!(between.keys[1].is_endorsed_by("1", &between.keys[0].public_key().unwrap()));

    distrust(&stack, 1);
    let after = published(&stack);
    assert_eq!(kids(&after), ["3"], "not published");
    assert!(after.keys[0].endorsed_by.is_empty(), "endorses none: {after:?}");
    assert!(!verifies(&before, &after));
    // Keys of both forms, ids, peppers and sealed keys.
    for (key, hardware) in [(&key, machine.hardware()), (&legacy, Value::Null)] {
        let body = json!({ "license": key, "hardware": hardware, "hardware_format": 1 });
        let reply = stack.post("/api/verify", &body);
        assert_eq!((reply.code(), &reply.lease_parts().0["kid"]), ("VALID", &json!("3")));
        assert_eq!(reply.body["device"].is_object(), hardware.is_object(), "the bound device is known");
        assert!(verifies(reply.body["lease"].as_str().unwrap(), &after));
        let id = stack.license_id(key);
        assert_eq!(told(&stack, &["reveal", id.as_str()])["licenseKey"], key.as_str());
        assert_eq!(told(&stack, &["show", key])["licenseId"], id.as_str());
    }
    let second = Machine::named("second").request(&key);
    assert_eq!(stack.post("/api/activate-sync", &second).code(), "ACTIVATED");
    let issued = told(&stack, &["issue", "--tier", "pro", "--perpetual"]);
    let new = issued["licenseKey"].as_str().unwrap();
    stack.speak(new);
    assert_eq!((new.as_bytes()[7], stack.verify(new).code()), (b'3', "VALID"));

    let listed = run(&stack, &["keyring", "list"]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.lines().any(|line| line.starts_with("1           distrusted  ")), "{listed}");
    assert_eq!(roles(&stack)[&1], "distrusted");
    // The way back, for one that was named by mistake.
    assert_eq!(told(&stack, &["keyring", "trust", "1"])["outcome"], "changed");
    start_anew(&stack);
    assert_eq!(published(&stack), between);
}

/// An instance goes on with the ring it holds for 300 s, and publishes the distrusted key that long.
#[test]
fn reaches_an_instance_within_300_s() {
    let stack = TestStack::start();
    promote(&stack);
    let runtime = turned_clock();
    let app = App::new(keys::ENDPOINT, stack.settings.clone(), &stack.tapped);
    let kids = async || {
        let deadline = tokio::time::Instant::now() + keys::ENDPOINT.deadline;
        let event = event("keys", "get").to_string();
        let request = Request::read(&event, UnixMillis(now().0), deadline).expect("a request");
        let response = app.respond(&request).await.into_http(&request, app.endpoint.effect);
        let jwks: Jwks = serde_json::from_slice(response.body()).unwrap();
        jwks.keys.into_iter().map(|key| key.kid).collect::<Vec<_>>()
    };
    runtime.block_on(async { assert_eq!(kids().await, ["1", "3"]) });
    stack.wait(keyring::distrust(&stack.ring_writer(), 1)).unwrap();
    runtime.block_on(async {
        falconer_tests::pass(Duration::from_secs(299)).await;
        assert_eq!(kids().await, ["1", "3"], "held");
        falconer_tests::pass(Duration::from_secs(1)).await;
        assert_eq!(kids().await, ["3"], "read again");
    });
}

/// A ring edited by hand: every function serves, each readable entry counts, and the operator hears of the others.
#[test]
fn bad_member_takes_no_function_down() {
    for (member, kids_after, doubted) in [
        (json!("1"), vec!["3"], false),
        (json!("1,two"), vec!["3"], true),
        (json!("1;2"), vec!["1", "3"], true),
        (json!(["1"]), vec!["1", "3"], true),
        (json!("3"), vec!["1", "3"], true),
        (json!("9"), vec!["1", "3"], false),
    ] {
        let ring = json!({
            "current": "3", "1": MASTER_A, "3": falconer_tests::MASTER_B, "x-distrusted": member,
        });
        let stack = TestStack::with(&TestStackOptions {
            ring: Some(ring.to_string()),
            ..TestStackOptions::default()
        });
        let key = stack.put(Fixture::pro());
        assert_eq!(stack.verify(&key).code(), "VALID", "{member}");
        assert_eq!(kids(&published(&stack)), kids_after, "{member}");
        let listed = run(&stack, &["keyring", "list"]);
        assert_eq!(said(&listed).contains("x-distrusted"), doubted, "{member}: {}", said(&listed));
        let warned = stack.gateway().logs().iter().any(|line| line.text.contains("x-distrusted"));
        assert_eq!(warned, doubted && member != json!("3"), "{member}");
    }
}

/// The drill of docs/runbook.md, from the leak to the end of the generation.
#[test]
fn a_leak_is_survived_to_retirement() {
    let stack = TestStack::start();
    let customers = [Fixture::pro(), Fixture::of_tier("elite"), Fixture::pro().with_legacy_key()];
    let customers = customers.map(|fixture| stack.put(fixture));
    let pinned = published(&stack);
    let request = json!({
        "license": customers[0], "nonce": "n",
        "hardware": { "mac": "forger-mac", "board": "forger-board", "cpu": "forger-cpu" },
    });
    let forgery = forged(&leaked(), &request);
    assert!(verifies(&forgery, &pinned), "before: whoever reads /api/keys believes it");

    let current = promote(&stack);
    assert!(verifies(&forgery, &published(&stack)), "promoting alone changes nothing about that");
    distrust(&stack, 1);
    let after = published(&stack);
    assert!(!verifies(&forgery, &after), "and now nobody does");
    // Freshly opened with the keys of today, and its network in the forger's hands.
    let (way, clock, folder) = (ForgingTransport::to(&stack), TestClock::right(), Folder::new());
    let store = |name: &str| folder.path(name);
    let fresh = application(&after, &way, "forger", &clock, Path::new(&store("fresh.db")));
    way.forge(Some(leaked()));
    let refused = fresh.activate(&customers[0], "", "");
    assert_eq!(
        refused,
        Ok(Activation::Waiting(FailureKind::Answer(InvalidAnswer::UntrustedSignature).into()))
    );
    assert_eq!((fresh.status(), fresh.has_feature("everything")), (State::NotActivated, false));
    way.forge(None);
    for key in &customers {
        assert_eq!(stack.verify(key).code(), "VALID", "every customer's key works");
    }

    // New keys for all of them, and the generation goes.
    let mapping = folder.path("mapping.csv");
    let refused = run(&stack, &["--yes", "keyring", "retire", "1"]);
    assert!(said(&refused).contains("`falconer rotate-key --generation 1`"), "{}", said(&refused));
    let report =
        told(&stack, &["rotate-key", "--generation", "1", "--mapping", &mapping, "--reason", "leak"]);
    assert_eq!((&report["rotated"], &report["there"]), (&json!(3), &json!(0)));
    assert_eq!(told(&stack, &["keyring", "retire", "1"])["outcome"], "changed");
    start_anew(&stack);
    assert_eq!(kids(&published(&stack)), [current.to_string()]);
    let mailed = rows(Path::new(&mapping));
    assert_eq!(mailed.len(), 3);
    for row in &mailed {
        let new = row["license_key"].as_str().unwrap();
        stack.speak(new);
        let reply = stack.verify(new);
        assert_eq!((reply.code(), &reply.body["licenseId"]), ("VALID", &row["license_id"]));
    }
    // The Flask server's key belongs to its own generation, which is still there; the others' generation is gone.
    assert_eq!(stack.verify(&customers[0]).code(), "INVALID_SIGNATURE");
    assert_eq!(stack.verify(&customers[2]).code(), "REVOKED");
    let secret = &stack.settings.master_key_secret_id;
    for stage in ["AWSCURRENT", "AWSPREVIOUS"] {
        assert!(!stack.secrets.staged(secret, stage).unwrap().contains(MASTER_A), "{stage}");
    }
}

/// Today's client library, which pins a generation: what it hears of the distrust, and what it goes on believing.
#[test]
fn pinned_clients_hear_as_documented() {
    let stack = TestStack::start();
    let (way, clock, folder) = (ForgingTransport::to(&stack), TestClock::right(), Folder::new());
    let store = |name: &str| folder.path(name);
    let pinned = published(&stack);
    let open = |machine, keys: &Jwks| {
        application(keys, &way, machine, &clock, Path::new(&store(&format!("{machine}.db"))))
    };
    let keys = [stack.put(Fixture::pro()), stack.put(Fixture::pro())];
    for (machine, key) in ["met", "away"].into_iter().zip(&keys) {
        assert_eq!(open(machine, &pinned).activate(key, "", ""), Ok(Activation::Done(State::Active)));
    }
    promote(&stack);
    assert_eq!(open("met", &pinned).refresh(), Ok(State::Active), "it meets the new key while 1 endorses it");
    distrust(&stack, 1);

    // The one that has met the new key goes on, through a restart too.
    clock.pass(2 * DAY);
    assert_eq!(open("met", &pinned).refresh(), Ok(State::Active));
    // The one that was away takes no new lease. It has the one it has, to its end, and says what helps.
    let away = open("away", &pinned);
    assert_eq!(away.refresh(), Err(FailureKind::Answer(InvalidAnswer::UntrustedSignature).into()));
    assert!(matches!(away.status(), State::Grace { .. }), "{:?}", away.status());
    assert!(MessageId::UntrustedSignature.message().next_step.contains("update the application"));
    clock.pass(7 * DAY);
    assert_eq!(away.refresh(), Err(FailureKind::Answer(InvalidAnswer::UntrustedSignature).into()));
    assert_eq!(away.status(), State::Locked { code: LockCode::LeaseExpired });
    drop(away);
    // A release with the keys of today heals it, on the store as it is.
    let after = published(&stack);
    assert_eq!(kids(&after), ["3"]);
    assert_eq!(open("away", &after).refresh(), Ok(State::Active));

    // What only a release ends: an application that pins the leaked key believes whoever has it.
    way.forge(Some(leaked()));
    let forger = open("forger", &pinned);
    assert!(matches!(forger.activate(&keys[0], "", ""), Ok(Activation::Done(State::Active))));
    assert!(forger.has_feature("everything"), "as docs/runbook.md and SECURITY.md say");
    drop(forger);
    let forger = open("forger", &after);
    assert_eq!(forger.refresh(), Err(FailureKind::Answer(InvalidAnswer::UntrustedSignature).into()));
    assert!(!forger.has_feature("everything"), "the release takes along what the leaked key has signed");
}

/// Every change of the ring asks; where nobody is there to answer it refuses, and a dry run says what would happen.
#[test]
fn ring_changes_ask_and_can_dry_run() {
    let stack = TestStack::start();
    let empty = TestStack::with(&TestStackOptions { ring: None, ..TestStackOptions::default() });
    told(&stack, &["keyring", "add"]);
    told(&stack, &["keyring", "promote", "--now"]);
    told(&stack, &["keyring", "add"]);
    told(&stack, &["keyring", "distrust", "1"]);
    for (stack, command, line) in [
        (&empty, vec!["init"], "generation 1 is made, and signs"),
        (&stack, vec!["add"], "generation 5 is published"),
        (&stack, vec!["promote", "--now"], "generation 5 signs new licenses and leases"),
        (&stack, vec!["distrust", "4"], "deploy a newer one first"),
        (&stack, vec!["trust", "1"], "only where its master was never in other hands"),
        (&stack, vec!["enable-imported"], "anyone can try to guess one"),
        (&stack, vec!["retire", "4"], "AWS deletes versions of a secret that no stage names in its own time"),
    ] {
        let secret = &stack.settings.master_key_secret_id;
        let before = stack.secrets.current(secret);
        let command = [&["keyring"], command.as_slice()].concat();
        let asked = run(stack, &command);
        assert_eq!(asked.status.code(), Some(1), "{command:?}");
        assert!(said(&asked).contains("nobody is there to confirm this; give --yes"), "{}", said(&asked));
        let json = run(stack, &[&["--json"], command.as_slice()].concat());
        assert!(said(&json).contains("nobody is there to confirm this"), "{command:?}: {}", said(&json));
        let dry = run(stack, &[&["--dry-run"], command.as_slice()].concat());
        let printed = String::from_utf8(dry.stdout.clone()).unwrap();
        assert!(dry.status.success() && printed.contains(line), "{command:?}: {printed} {}", said(&dry));
        assert!(printed.ends_with("Nothing was changed: this was a dry run.\n"), "{printed}");
        assert_eq!(told(stack, &[&["--dry-run"], command.as_slice()].concat())["outcome"], "dry_run");
        assert_eq!(stack.secrets.current(secret), before, "{command:?}");
        assert_eq!(told(stack, &command)["outcome"], "changed", "{command:?}");
        assert_ne!(stack.secrets.current(secret), before, "{command:?}");
    }
}

#[test]
fn refusals_say_what_to_do() {
    let stack = TestStack::start();
    let refused = |arguments: &[&str], code: i32| {
        let output = run(&stack, &[&["--yes"], arguments].concat());
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        said(&output)
    };
    let before = stack.secrets.current(&stack.settings.master_key_secret_id);
    for (arguments, code, sentence) in [
        (["keyring", "distrust", "1"], 1, "`falconer keyring promote --now` put another one in its place"),
        (["keyring", "distrust", "2"], 1, "generation 2 is the legacy one: it signs nothing"),
        (["keyring", "distrust", "9"], 4, "the key ring has no generation 9"),
        (["keyring", "trust", "1"], 1, "generation 1 is not distrusted"),
        (["rotate-key", "--generation", "1"], 1, "generation 1 makes the new keys"),
        (["rotate-key", "--generation", "9"], 4, "the key ring has no generation 9"),
    ] {
        let told = refused(&arguments, code);
        assert!(told.contains(sentence), "{arguments:?}: {told}");
    }
    assert_eq!(stack.secrets.current(&stack.settings.master_key_secret_id), before);
    promote(&stack);
    distrust(&stack, 1);
    assert_eq!(told(&stack, &["keyring", "distrust", "1"])["outcome"], "unchanged");
    let none = run(&stack, &["keyring", "promote", "--now", "--yes"]);
    assert!(said(&none).contains("no generation is waiting"), "{}", said(&none));
}

/// A stack with many licenses of generation 1, and generation 3 current. The ids of those that live.
fn many(count: usize) -> (TestStack, Vec<LicenseId>) {
    let stack = TestStack::start();
    let mut ids = Vec::new();
    for number in 0..count {
        let fixture = Fixture::pro();
        let key = stack.put(if number % 10 == 9 { fixture.with_legacy_key() } else { fixture });
        ids.push(stack.license_id(&key));
    }
    told(&stack, &["revoke", ids[0].as_str(), "--reason", "refund"]);
    promote(&stack);
    (stack, ids)
}

/// Old license → new key, of a list for mailing.
fn listed(stack: &TestStack, mapping: &str) -> BTreeMap<String, String> {
    let mut keys = BTreeMap::new();
    for row in rows(Path::new(mapping)) {
        let [old, new] = ["old_key", "license_key"].map(|cell| row[cell].as_str().unwrap().to_owned());
        stack.speak(&new);
        assert_eq!(row["license_id"], stack.license_id(&new).as_str());
        assert_eq!(row["licensee_email"], "fixture.person@example.com");
        assert!(keys.insert(stack.license_id(&old).to_string(), new).is_none(), "listed twice");
    }
    keys
}

/// Each license that lives has been replaced once, by the license that the list says, with the same terms.
fn is_rotated_once(stack: &TestStack, ids: &[LicenseId], keys: &BTreeMap<String, String>) {
    assert_eq!(keys.len(), ids.len() - 1);
    let total = told(stack, &["list", "--all", "--limit", "100000"]);
    assert_eq!(total["licenses"].as_array().unwrap().len(), 2 * ids.len() - 1, "one new license for each");
    for id in &ids[1..] {
        let (old, key) = (stack.stored(id), &keys[id.as_str()]);
        let new = stack.stored(&stack.license_id(key));
        assert_eq!((old.status, old.replaced_by.as_ref()), (Status::Revoked, Some(&new.id)));
        assert_eq!((new.status, new.replaces.as_ref(), new.generation.get()), (Status::Active, Some(id), 3));
        assert_eq!((&new.tier, &new.email, new.expires_at), (&old.tier, &old.email, old.expires_at));
        let rows = stack.audit_rows(id);
        let rotated = rows.iter().filter(|row| row["code"]["S"] == "KEY_ROTATED").count();
        assert_eq!(rotated, 1, "{rows:?}");
    }
    assert_eq!(stack.stored(&ids[0]).replaced_by, None, "a revoked license gets no new key");
}

fn rotation(stack: &TestStack, mapping: &str) -> Command {
    let mut command = falconer(stack);
    command.args(["--yes", "--json", "rotate-key", "--generation", "1", "--mapping", mapping]);
    command.args(["--reason", "the leak"]);
    command
}

#[test]
fn killed_rotation_gives_one_key() {
    const LICENSES: usize = 200;
    let (stack, ids) = many(LICENSES);
    let folder = Folder::new();
    let mapping = folder.path("mapping.csv");
    let dry = told(&stack, &["--dry-run", "rotate-key", "--generation", "1"]);
    assert_eq!((&dry["outcome"], &dry["rotated"]), (&json!("dry_run"), &json!(LICENSES - 1)));
    let mut stages = Vec::new();
    for transactions in [0, 1, 20, 60] {
        assert!(killed(&stack, rotation(&stack, &mapping), transactions), "{stages:?}");
        assert!(!Path::new(&mapping).exists(), "whole or not at all");
        let left = told(&stack, &["--dry-run", "rotate-key", "--generation", "1"]);
        stages.push(left["there"].as_u64().unwrap());
    }
    assert!(stages.is_sorted() && (1..LICENSES as u64 - 1).contains(&stages[3]), "{stages:?}");
    let report: Value = serde_json::from_slice(&rotation(&stack, &mapping).output().unwrap().stdout).unwrap();
    assert_eq!(report["rotated"].as_u64().unwrap() + report["there"].as_u64().unwrap(), LICENSES as u64 - 1);
    let keys = listed(&stack, &mapping);
    is_rotated_once(&stack, &ids, &keys);
    for key in keys.values().step_by(40) {
        assert_eq!(stack.verify(key).code(), "VALID");
    }
    // Once more: nothing changes, and the list has the same keys.
    stack.settle();
    stack.forget();
    let again = folder.path("again.csv");
    let report: Value = serde_json::from_slice(&rotation(&stack, &again).output().unwrap().stdout).unwrap();
    assert_eq!((&report["outcome"], &report["there"]), (&json!("unchanged"), &json!(LICENSES - 1)));
    assert_eq!(stack.dynamodb.matching(&Matcher::operation("TransactWriteItems")).len(), 0);
    assert_eq!(listed(&stack, &again), keys);
    let told_again = stack.audit_rows(&stack.license_id(keys.values().next().unwrap()));
    assert_eq!(
        told_again.last().unwrap()["code"]["S"],
        "KEY_REVEALED",
        "the audit knows that keys were read"
    );
    assert_eq!(told(&stack, &["keyring", "retire", "1"])["outcome"], "changed");
}

#[test]
fn two_rotations_at_once_give_one_key() {
    let (stack, ids) = many(60);
    let folder = Folder::new();
    let files = ["one.csv", "two.csv"].map(|name| folder.path(name));
    let child = |mapping: &String| {
        rotation(&stack, mapping).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let reports = files.each_ref().map(child).map(|child| {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["rotated"].as_u64().unwrap()
    });
    assert_eq!(reports.iter().sum::<u64>(), 59, "{reports:?}");
    let [one, two] = files.map(|file| listed(&stack, &file));
    assert_eq!(one, two, "both lists are whole, and the same");
    is_rotated_once(&stack, &ids, &one);
}

/// The table comes back from a backup of before the rotation, and its list was mailed already: those keys are good again.
#[test]
fn restored_table_gets_the_mailed_keys() {
    let (stack, ids) = many(12);
    let ring = stack.secrets.current(&stack.settings.master_key_secret_id);
    let restored = TestStack::with(&TestStackOptions { ring, ..TestStackOptions::default() });
    for id in &ids {
        restored.put_item(&stack.item(id));
    }
    let folder = Folder::new();
    let [mailed, again] = [(&stack, "mailed.csv"), (&restored, "again.csv")].map(|(stack, name)| {
        let output = rotation(stack, &folder.path(name)).output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        listed(stack, &folder.path(name))
    });
    assert_eq!(again, mailed);
    is_rotated_once(&restored, &ids, &again);
}

/// A list that cannot be written costs no key, and a table that fails is asked again later.
#[test]
fn no_key_is_lost_when_the_list_fails() {
    let (stack, ids) = many(20);
    let folder = Folder::new();
    let nowhere = rotation(&stack, &folder.path("no-such-folder/mapping.csv")).output().unwrap();
    assert_eq!(nowhere.status.code(), Some(3));
    assert!(said(&nowhere).contains("the same command lists every new key again"), "{}", said(&nowhere));
    let left = told(&stack, &["--dry-run", "rotate-key", "--generation", "1"]);
    assert_eq!(left["rotated"], 19, "found out before the first license was changed");
    // A folder has the name of the file: found before the first license too.
    let taken = folder.path("taken.csv");
    fs::create_dir(&taken).unwrap();
    fs::write(folder.path("taken.csv/inside"), "").unwrap();
    let failed = rotation(&stack, &taken).output().unwrap();
    assert_eq!(failed.status.code(), Some(3));
    assert!(said(&failed).contains("taken.csv cannot be written"), "{}", said(&failed));
    let mapping = folder.path("mapping.csv");
    let report: Value = serde_json::from_slice(&rotation(&stack, &mapping).output().unwrap().stdout).unwrap();
    assert_eq!((&report["rotated"], &report["there"]), (&json!(19), &json!(0)));
    // A list that was lost is written again, with the same keys.
    let (first, again) = (listed(&stack, &mapping), folder.path("again.csv"));
    assert!(rotation(&stack, &again).output().unwrap().status.success());
    assert_eq!(listed(&stack, &again), first, "no key was lost");
    is_rotated_once(&stack, &ids, &listed(&stack, &mapping));

    let (stack, ids) = many(20);
    stack.dynamodb.break_all(Matcher::operation("TransactWriteItems"), Fault::internal());
    let down = rotation(&stack, &mapping).output().unwrap();
    assert_eq!(down.status.code(), Some(6), "{}", said(&down));
    assert!(said(&down).contains("the same command goes on from there"), "{}", said(&down));
    stack.dynamodb.heal();
    assert!(rotation(&stack, &mapping).output().unwrap().status.success());
    is_rotated_once(&stack, &ids, &listed(&stack, &mapping));
    // What was on that path is kept: somebody may not have mailed it yet.
    assert_eq!(listed_count(&format!("{mapping}.before-1")), 19);
}

fn listed_count(mapping: &str) -> usize {
    rows(Path::new(mapping)).len()
}

/// Licenses that somebody rotated one by one, or ended, before the generation is rotated as a whole.
#[test]
fn rotation_lists_only_keys_in_use() {
    let stack = TestStack::start();
    let put = || stack.license_id(&stack.put(Fixture::pro()));
    let (within, across, ended, twice) = (put(), put(), put(), put());
    let rotate = |id: &LicenseId| {
        let told = told(&stack, &["rotate-key", id.as_str()]);
        stack.speak(told["licenseKey"].as_str().unwrap());
        LicenseId::parse(told["licenseId"].as_str().unwrap()).unwrap()
    };
    // While generation 1 signs, the new license is of generation 1 as well.
    let second = rotate(&within);
    promote(&stack);
    rotate(&across);
    let new = rotate(&ended);
    told(&stack, &["revoke", new.as_str(), "--reason", "refund"]);
    rotate(&rotate(&twice));
    let (folder, plan) = (Folder::new(), told(&stack, &["--dry-run", "rotate-key", "--generation", "1"]));
    assert_eq!((&plan["rotated"], &plan["there"]), (&json!(1), &json!(3)));
    let mapping = folder.path("mapping.csv");
    let report = told(&stack, &["rotate-key", "--generation", "1", "--mapping", &mapping]);
    assert_eq!((&report["rotated"], &report["there"]), (&json!(1), &json!(1)));
    let keys = listed(&stack, &mapping);
    assert_eq!(keys.keys().collect::<Vec<_>>(), {
        let mut ids = vec![second.as_str(), across.as_str()];
        ids.sort_unstable();
        ids
    });
    assert_eq!(told(&stack, &["keyring", "retire", "1"])["outcome"], "changed");
}

/// The ring is changed and the stages are not yet moved: the same command, run again, moves them.
#[test]
fn retire_is_finished_by_the_next_run() {
    let stack = TestStack::start();
    promote(&stack);
    let previous = || stack.secrets.staged(&stack.settings.master_key_secret_id, "AWSPREVIOUS").unwrap();
    stack.secrets_tap.break_all(Matcher::operation("DescribeSecret"), Fault::internal());
    let stopped = run(&stack, &["--yes", "keyring", "retire", "1"]);
    assert_eq!(stopped.status.code(), Some(6), "{}", said(&stopped));
    assert!(said(&stopped).contains("run `falconer keyring retire 1` again"), "{}", said(&stopped));
    assert!(previous().contains(MASTER_A), "the ring before is still named by a stage");
    assert!(!roles(&stack).contains_key(&1), "and generation 1 has left the ring");
    stack.secrets_tap.heal();
    let finished = run(&stack, &["--yes", "keyring", "retire", "1"]);
    let printed = String::from_utf8(finished.stdout.clone()).unwrap();
    assert!(
        printed.starts_with("Generation 1 has left the key ring already.\n"),
        "{printed}{}",
        said(&finished)
    );
    assert!(!previous().contains(MASTER_A));
}
