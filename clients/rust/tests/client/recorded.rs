//! Stores that earlier versions wrote. Every later version has to read them.
//!
//! `tests/fixtures/0.2/client-stores` has a store of each format in three states, the keys of their application, and what
//! a client concludes from them; `client-stores-by-file` the same of a machine without a network, whose application pins a
//! root. Nothing in there is ever edited.

use std::fs;
use std::path::{Path, PathBuf};

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{
    Hardware, Licensing, Pending, PublicKeys, RawComponents, State, StoreFormat, Transport,
};
use falconer_domain::hardware::Label;
use falconer_domain::jwks::Jwks;
use falconer_domain::statement::{KeyStatement, RootKey};
use falconer_domain::{Code, KeyRing};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::air_gap::{answered, asked};
use crate::harness::{FEATURE, NetworkFault, START, TestClock, TestSetup, key, ring as ring_of_tests};
use crate::stored::{self, FORMATS};

/// Stores of one application.
struct Records {
    folder: &'static str,
    states: [&'static str; 3],
    /// The keys that the application is built with.
    keys: fn() -> Value,
    /// Brings a client into a state.
    reach: fn(&TestSetup, &Licensing, &str),
}

const RECORDS: [Records; 2] = [
    Records {
        folder: "client-stores",
        states: ["active", "revoked", "waiting"],
        keys: || serde_json::to_value(Jwks::of(ring_of_tests(1))).unwrap(),
        reach: reach_over_the_network,
    },
    Records {
        folder: "client-stores-by-file",
        states: ["by-file", "renewing", "given-back"],
        keys: keys_with_a_root,
        reach: reach_by_file,
    },
];

impl Records {
    fn path(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/0.2").join(self.folder)
    }

    fn each(&self) -> impl Iterator<Item = (&'static str, StoreFormat)> {
        self.states.into_iter().flat_map(|state| FORMATS.map(|format| (state, format)))
    }
}

fn reach_over_the_network(setup: &TestSetup, client: &Licensing, state: &str) {
    if state == "waiting" {
        setup.set_fault(NetworkFault::Down);
    }
    client.activate(&key(1), "Anna Example", "anna@example.com").unwrap();
    if state == "revoked" {
        setup.clock.pass(60);
        setup.server.state().license = Code::Revoked;
        client.refresh().unwrap();
    }
}

fn reach_by_file(setup: &TestSetup, client: &Licensing, state: &str) {
    let answer = answered(setup, &asked(client), &key(1));
    client.import_response(&answer).unwrap();
    match state {
        "renewing" => drop(client.renewal_request().unwrap()),
        "given-back" => drop(client.deactivate_by_receipt().unwrap()),
        _ => {}
    }
}

/// Keys of a build with a root and its first statement, which the store takes.
fn keys_with_a_root() -> Value {
    let root = RootKey::from_seed(&Zeroizing::new([7; 32]));
    let mut keys = serde_json::to_value(Jwks::of(ring_of_tests(1))).unwrap();
    let named = keys["keys"].as_array().unwrap().iter();
    let named = named.map(|key| [&key["kid"], &key["x"]].map(|text| text.as_str().unwrap().to_owned()));
    let named = named.map(|[kid, x]| (kid, x)).collect();
    let statement = KeyStatement::new("https://licenses.example.com", named, [].into(), START, None);
    keys["root"] = json!({ "kty": "OKP", "crv": "Ed25519", "x": root.public().x() });
    keys["statement"] = statement.sign(&root).into();
    keys
}

fn file(state: &str, format: StoreFormat) -> String {
    Path::new(state)
        .with_extension(if format == StoreFormat::Sqlite { "db" } else { "json" })
        .display()
        .to_string()
}

/// The machine of the records.
struct Recorded(Value);

impl Hardware for Recorded {
    fn read(&self) -> RawComponents {
        let parts = self.0.as_object().unwrap().iter();
        parts.fold(RawComponents::default(), |raw, (label, value)| {
            raw.with(Label::parse(label).unwrap(), value.as_str().unwrap())
        })
    }
}

/// A network without a server.
struct Offline;

impl Transport for Offline {
    fn send(&self, _: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        Err(NetworkFailure::Other)
    }
}

/// Everything that a client says about a store, as text.
fn conclusion(client: &Licensing) -> Value {
    let license = client.license();
    json!({
        "state": format!("{:?}", client.status()),
        "feature": client.has_feature(FEATURE),
        "pending": client.pending().map(Pending::name),
        "key": license.as_ref().map(|license| license.masked_key.clone()),
        "offline_until": license.and_then(|license| license.offline_until).map(|until| until.0),
    })
}

#[test]
fn recorded_client_stores_are_read() {
    for records in &RECORDS {
        are_read(records);
    }
}

fn are_read(records: &Records) {
    let folder = records.path();
    let expected: Value = serde_json::from_slice(&fs::read(folder.join("expected.json")).unwrap()).unwrap();
    let keys = fs::read_to_string(folder.join("keys.json")).unwrap();
    for (state, format) in records.each() {
        let copies = tempfile::tempdir().unwrap();
        let path = copies.path().join(file(state, format));
        fs::copy(folder.join(file(state, format)), &path).unwrap();
        let open = || {
            let clock = TestClock::new();
            clock.pass((expected["at_millis"].as_i64().unwrap() - START.0) / 1_000);
            Licensing::builder("QF", "https://licenses.example.com", PublicKeys::parse(&keys).unwrap())
                .transport(Offline)
                .hardware(Recorded(expected["hardware"].clone()))
                .clock(clock)
                .store(&path)
                .store_format(format)
                .open()
                .unwrap()
        };
        let client = open();
        assert_eq!(client.notice(), None, "{state} {format:?}");
        assert_eq!(conclusion(&client), expected[state], "{state} {format:?}");
        // Written once more by this version, it says the same.
        let _ = client.refresh();
        drop(client);
        assert_eq!(open().pending().map(Pending::name), expected[state]["pending"].as_str());
    }
}

/// The tables of 0.1.0 hold one row that names nobody. It counts where this application's keys signed its answer.
#[test]
fn store_of_0_1_belongs_to_its_vendor() {
    let records = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/0.1");
    let ring = KeyRing::parse(&fs::read_to_string(records.join("ring.json")).unwrap()).unwrap();
    let (own, other) = (Jwks::of(&ring), Jwks::of(ring_of_tests(1)));
    for (keys, is_asked) in [(&other, false), (&own, true), (&other, false), (&own, true)] {
        let copies = tempfile::tempdir().unwrap();
        let path = copies.path().join("license.db");
        fs::copy(records.join("client-store.db"), &path).unwrap();
        for _ in 0..2 {
            let keys = PublicKeys::parse(&serde_json::to_string(keys).unwrap()).unwrap();
            let client = Licensing::builder("QF", "https://licenses.example.com", keys)
                .transport(Offline)
                .clock(TestClock::new())
                .store(&path)
                .open()
                .unwrap();
            assert_eq!((client.status(), client.notice()), (State::NotActivated, None));
            assert_eq!(client.refresh().is_err(), is_asked, "only a known key is asked about");
        }
    }
}

/// Writes the records if they are missing: `RECORD_FIXTURES=1 cargo test -p falconer-client --test client recorded`.
#[test]
fn record_client_stores() {
    #[expect(clippy::disallowed_methods, reason = "asked for by whoever records a version")]
    let asked = std::env::var_os("RECORD_FIXTURES").is_some();
    let missing: Vec<_> = RECORDS.iter().filter(|records| !records.path().exists()).collect();
    if !asked {
        let folders: Vec<_> = missing.iter().map(|records| records.folder).collect();
        assert!(folders.is_empty(), "{folders:?} have to be recorded");
        return;
    }
    assert!(!missing.is_empty(), "all are there already, and none is ever written over");
    for records in missing {
        record(records);
    }
}

fn record(records: &Records) {
    let folder = records.path();
    fs::create_dir_all(&folder).unwrap();
    let mut expected = json!({});
    let keys = serde_json::to_string_pretty(&(records.keys)()).unwrap();
    for (state, format) in records.each() {
        let setup = TestSetup::with_format(format);
        let path = folder.join(file(state, format));
        let pins = PublicKeys::parse(&keys).unwrap();
        let client = setup.built_with(pins, &path);
        (records.reach)(&setup, &client, state);
        expected[state] = conclusion(&client);
        let parts = setup.machine.0.iter().map(|(label, value)| (label.as_str().to_owned(), json!(value)));
        expected["hardware"] = Value::Object(parts.collect());
        drop(client);
        assert_eq!(stored::open(&path, format).read().unwrap().len(), 1);
    }
    expected["at_millis"] = (START.0 + 60_000).into();
    for (name, text) in
        [("keys.json", keys), ("expected.json", serde_json::to_string_pretty(&expected).unwrap())]
    {
        fs::write(folder.join(name), text + "\n").unwrap();
    }
    for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        // What is beside a closed store is empty, or a log for people.
        let name = entry.file_name();
        let is_record = records.each().any(|(state, format)| *name == *file(state, format));
        if !is_record && name != "keys.json" && name != "expected.json" {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}
