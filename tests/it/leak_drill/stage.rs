//! A vendor with a root, applications that pin it, and the network between them.

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{Activation, HttpTransport, Licensing, PublicKeys, State, StoreFormat, Transport};
use falconer_domain::jwks::Jwks;
use falconer_domain::statement::{KeyStatement, RootKey};
use falconer_domain::{KeyRing, UnixMillis};
use falconer_tests::{Fixture, TestStack};
use serde_json::{Value, json};

use crate::computer::{FixtureHardware, TestClock};
use crate::distrust::{distrust, forged, promote, published, start_anew};
use crate::manners::Folder;
use crate::operator::told;

const PASSPHRASE: &str = "six words that nobody would guess";

/// The way between an application and the server, and who is in it.
#[derive(Clone)]
pub(super) struct Network {
    server: HttpTransport,
    pub(super) held: Arc<Mutex<Held>>,
}

#[derive(Default)]
pub(super) struct Held {
    pub(super) is_offline: bool,
    /// Answers every request with a forged yes.
    pub(super) forger: Option<KeyRing>,
    /// In place of the answer of `/api/keys`.
    pub(super) keys: Option<String>,
    /// Requests for `/api/keys` that were answered.
    pub(super) looks: usize,
}

impl Network {
    pub(super) fn to(stack: &TestStack) -> Self {
        Self { server: HttpTransport::new(&stack.gateway().url()), held: Arc::default() }
    }

    pub(super) fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Transport for Network {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let mut held = self.held();
        if held.is_offline {
            return Err(NetworkFailure::Other);
        }
        if request.endpoint == ApiEndpoint::Keys {
            held.looks += 1;
            return match &held.keys {
                Some(keys) => Ok(Reply::new(200, keys.clone().into_bytes())),
                None => self.server.send(request),
            };
        }
        let (Some(ring), Some(body)) = (&held.forger, request.body) else { return self.server.send(request) };
        let lease = forged(ring, &serde_json::from_str(body).unwrap());
        let body = json!({ "valid": true, "success": true, "code": "VALID", "lease": lease });
        Ok(Reply::new(200, body.to_string().into_bytes()))
    }
}

/// A vendor with a root, and applications that pin it.
pub(super) struct Drill {
    pub(super) stack: TestStack,
    pub(super) folder: Folder,
    pub(super) network: Network,
    pub(super) clock: TestClock,
    /// The build of before the leak: generation 1, the root, and its first statement.
    pub(super) build: String,
}

impl Drill {
    pub(super) fn start() -> Self {
        let (stack, folder) = (TestStack::start(), Folder::new());
        folder.file("passphrase", PASSPHRASE);
        let (network, clock) = (Network::to(&stack), TestClock::right());
        let mut drill = Self { stack, folder, network, clock, build: String::new() };
        let made = drill.root(&["init", "--out", "root.key", "--passphrase-file", "passphrase"]);
        drill.sign(&[]);
        drill.build = drill.pin();
        let pinned: Value = serde_json::from_str(&drill.build).unwrap();
        assert_eq!(pinned["root"], made["root"]);
        drill
    }

    /// A command of the root; names with a dot, and the passphrase, are files of the drill's folder.
    pub(super) fn root(&self, arguments: &[&str]) -> Value {
        let is_file = |text: &str| text.contains('.') || text == "passphrase";
        let named = |text: &&str| if is_file(text) { self.folder.path(text) } else { (*text).to_owned() };
        let arguments: Vec<_> =
            std::iter::once("root".to_owned()).chain(arguments.iter().map(named)).collect();
        told(&self.stack, &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    }

    pub(super) fn sign(&self, more: &[&str]) -> Value {
        let signed =
            self.root(&[&["sign", "--key", "root.key", "--passphrase-file", "passphrase"], more].concat());
        start_anew(&self.stack);
        signed["statement"].clone()
    }

    /// The keys that a release of today is built with.
    pub(super) fn pin(&self) -> String {
        let out = ["--passphrase-file", "passphrase", "--out", "falconer-keys.json"];
        self.root(&[["pin", "--key", "root.key"].as_slice(), &out].concat());
        fs::read_to_string(self.folder.path("falconer-keys.json")).unwrap()
    }

    /// The vendor acts: another generation signs, 1 is distrusted, and a statement says so.
    pub(super) fn recover(&self) {
        assert_eq!(promote(&self.stack), 3);
        distrust(&self.stack, 1);
        let statement = self.sign(&[]);
        assert_eq!((&statement["distrusted"], &statement["good"]["1"]), (&json!(["1"]), &Value::Null));
        assert!(statement["good"]["3"].is_string());
    }

    pub(super) fn open(&self, build: &str, machine: &'static str) -> Licensing {
        let keys = PublicKeys::parse(build).expect("public keys");
        Licensing::builder("QF", "https://licenses.example.com", keys)
            .transport(self.network.clone())
            .clock(self.clock.clone())
            .hardware(FixtureHardware(machine))
            .store(self.store(machine))
            .store_format(StoreFormat::PlainFile)
            .open()
            .expect("an open license")
    }

    pub(super) fn store(&self, machine: &str) -> String {
        self.folder.path(&format!("{machine}.json"))
    }

    pub(super) fn activated(&self, machine: &'static str) -> String {
        let key = self.stack.put(Fixture::pro());
        let done = Ok(Activation::Done(State::Active));
        assert_eq!(self.open(&self.build, machine).activate(&key, "", ""), done);
        key
    }

    /// True if an application believes a lease that this ring signs: with the forger in its network, for a license that
    /// it has not got.
    pub(super) fn believes(&self, build: &str, machine: &'static str, forger: KeyRing) -> bool {
        let key = self.stack.put(Fixture::pro());
        self.network.held().forger = Some(forger);
        let application = self.open(build, machine);
        let _ = application.activate(&key, "", "");
        let _ = application.refresh();
        self.network.held().forger = None;
        application.has_feature("everything")
    }

    /// The answer of `/api/keys` now, with this statement or without one.
    pub(super) fn keys_with(&self, statement: Option<&str>) -> String {
        let jwks = Jwks { statement: statement.map(str::to_owned), ..published(&self.stack) };
        serde_json::to_string(&jwks).unwrap()
    }

    pub(super) fn statement(&self) -> String {
        published(&self.stack).statement.expect("a statement")
    }

    /// A newer statement that distrusts nothing, by another root or of another issuer.
    pub(super) fn forged_statement(&self, iss: &str, seed: u8) -> String {
        let [newest, first] = [self.statement(), self.first_statement()]
            .map(|statement| KeyStatement::unverified(&statement).expect("a statement"));
        let later = UnixMillis(newest.serial + 1);
        KeyStatement::new(iss, first.keys, [].into(), later, None)
            .sign(&RootKey::from_seed(&zeroize::Zeroizing::new([seed; 32])))
    }

    pub(super) fn first_statement(&self) -> String {
        let build: Value = serde_json::from_str(&self.build).unwrap();
        build["statement"].as_str().unwrap().to_owned()
    }
}
