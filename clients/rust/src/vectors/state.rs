//! The profile `state`: the library as an application holds it, with a store on disk.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use falconer_domain::UnixMillis;
use falconer_domain::encoding::HEXLOWER;
use serde_json::{Value, json};

use super::hardware::machine;
use super::{public_keys, reply, run, text};
use crate::cancel::CancelToken;
use crate::clock::{Clock, ClockReading};
use crate::hardware::{Hardware, RawComponents};
use crate::licensing::Licensing;
use crate::random::{NoRandomness, Random};
use crate::state::State;
use crate::store::{PlainFile, SqliteFile, Store, StoreFormat, StoredLicense};
use crate::transport::{ApiEndpoint, NetworkFailure, Reply, Transport, TransportRequest};

#[test]
fn licenses_are_kept_as_specified() {
    for format in [StoreFormat::Sqlite, StoreFormat::PlainFile] {
        run("state", 222, |given| Installation::new(given, format).conclude(given));
    }
}

/// What the step that runs now shows to the library.
#[derive(Clone)]
struct ScriptedMachine(Arc<Mutex<Shown>>);

struct Shown {
    step: Value,
    clock: ClockReading,
    hardware: Value,
}

/// An installation, and the folder that its store is in.
struct Installation {
    world: ScriptedMachine,
    folder: tempfile::TempDir,
    pinned: Value,
    build_date: Option<String>,
    format: StoreFormat,
    running: Option<Licensing>,
}

impl Installation {
    fn new(given: &Value, format: StoreFormat) -> Self {
        let first = &given["steps"][0];
        let shown = Shown { step: first.clone(), clock: clock(first), hardware: given["hardware"].clone() };
        let mut installation = Self {
            world: ScriptedMachine(Arc::new(Mutex::new(shown))),
            folder: tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap(),
            pinned: given["pinned"].clone(),
            build_date: given["build_date"].as_str().map(str::to_owned),
            format,
            running: None,
        };
        installation.start(text(&given["product"]));
        installation
    }

    fn conclude(mut self, given: &Value) -> Value {
        let mut seen = Value::Null;
        for step in given["steps"].as_array().unwrap() {
            self.run(step, text(&given["product"]));
            seen = conclusion(self.running());
            if let Some(asked) = given["asked"].as_object() {
                let limit = |(name, default): (&String, &Value)| {
                    (name.clone(), json!(self.running().limit(name, default.as_u64().unwrap())))
                };
                seen["limits"] = asked.iter().map(limit).collect();
            }
            if step["keep_store"] == true {
                self.running = None;
                fs::copy(self.store(), self.copy()).unwrap();
                self.start(text(&given["product"]));
            }
        }
        seen
    }

    fn run(&mut self, step: &Value, product: &str) {
        if step["do"] == "restart" {
            // The program ends while the clocks show the step before.
            self.running = None;
            self.change_while_closed(step);
        }
        let mut shown = self.world.shown();
        (shown.step, shown.clock) = (step.clone(), clock(step));
        drop(shown);
        // Errors are the state's to show.
        match text(&step["do"]) {
            "activate" => drop(self.running().activate(text(&step["license_key"]), "", "")),
            "refresh" => drop(self.running().refresh()),
            "deactivate" => drop(self.running().deactivate()),
            "request" => drop(match step["license_key"].as_str() {
                Some(key) => self.running().activation_request(key, "", ""),
                None => self.running().renewal_request(),
            }),
            "import" => drop(self.running().import_response(text(&step["text"]))),
            "give_back" => drop(self.running().deactivate_by_receipt()),
            "look" => {}
            "restart" => self.start(product),
            other => panic!("the step {other} is unknown"),
        }
    }

    fn change_while_closed(&mut self, step: &Value) {
        if let Some(pinned) = step.get("pinned") {
            self.pinned = pinned.clone();
        }
        if let Some(date) = step["build_date"].as_str() {
            self.build_date = Some(date.to_owned());
        }
        if let Some(hardware) = step.get("hardware") {
            self.world.shown().hardware = hardware.clone();
        }
        match step["store"].as_str() {
            None => {}
            Some("kept") => drop(fs::copy(self.copy(), self.store()).unwrap()),
            Some("time_changed") => {
                let mut store: Box<dyn Store> = match self.format {
                    StoreFormat::Sqlite => Box::new(SqliteFile::open(self.store()).unwrap()),
                    StoreFormat::PlainFile => Box::new(PlainFile::open(self.store()).unwrap()),
                };
                store.update(&mut |licenses| licenses.iter_mut().for_each(change_time)).unwrap();
            }
            Some(other) => panic!("the store {other} is unknown"),
        }
    }

    fn start(&mut self, product: &str) {
        let licensing =
            Licensing::builder(product, "https://licenses.example.com", public_keys(&self.pinned))
                .store(self.store())
                .store_format(self.format)
                .clock(self.world.clone())
                .random(self.world.clone())
                .hardware(self.world.clone())
                .transport(self.world.clone());
        let licensing = match &self.build_date {
            Some(date) => licensing.build_date(date),
            None => licensing,
        };
        let licensing = licensing.open().unwrap();
        self.running = Some(licensing);
    }

    fn running(&self) -> &Licensing {
        self.running.as_ref().unwrap()
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("license.db")
    }

    fn copy(&self) -> PathBuf {
        self.folder.path().join("kept.db")
    }
}

fn change_time(license: &mut StoredLicense) {
    let floor: i64 = license.fields["floor_millis"].parse().unwrap();
    license.fields.insert("floor_millis".to_owned(), (floor - 1).to_string());
}

fn clock(step: &Value) -> ClockReading {
    ClockReading {
        wall: UnixMillis(step["clock"]["wall_ms"].as_i64().unwrap()),
        monotonic: Duration::from_millis(step["clock"]["monotonic_ms"].as_u64().unwrap()),
    }
}

fn conclusion(licensing: &Licensing) -> Value {
    let (state, license) = (licensing.status(), licensing.license());
    let name = match state {
        State::NotActivated => "NOT_ACTIVATED",
        State::Active => "ACTIVE",
        State::RefreshDue => "REFRESH_DUE",
        State::Grace { .. } => "GRACE",
        State::Locked { .. } => "LOCKED",
        State::ClockSuspect => "CLOCK_SUSPECT",
    };
    let lock_code = match state {
        State::Locked { code } => Some(code.name()),
        _ => None,
    };
    let offline_until = license.as_ref().and_then(|license| license.offline_until);
    let features = license.into_iter().flat_map(|license| license.features);
    let on: Vec<String> = features.filter(|feature| licensing.has_feature(feature)).collect();
    json!({
        "state": name,
        "unlocked": offline_until.is_some(),
        "lock_code": lock_code,
        "offline_until": offline_until.map(|until| until.0),
        "features": on,
    })
}

impl ScriptedMachine {
    fn shown(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().unwrap()
    }
}

impl Clock for ScriptedMachine {
    fn now(&self) -> ClockReading {
        self.shown().clock
    }

    fn sleep(&self, _: Duration, _: &CancelToken) {}
}

impl Random for ScriptedMachine {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let nonce =
            self.shown().step["nonce"].as_str().map(|nonce| HEXLOWER.decode(nonce.as_bytes()).unwrap());
        match nonce {
            Some(nonce) if nonce.len() == bytes.len() => bytes.copy_from_slice(&nonce),
            _ => bytes.fill(0),
        }
        Ok(())
    }
}

impl Hardware for ScriptedMachine {
    fn read(&self) -> RawComponents {
        machine(&self.shown().hardware)
    }
}

impl Transport for ScriptedMachine {
    /// Answers the step's own question and the question for keys; nobody answers any other.
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let endpoint = request.endpoint;
        let shown = self.shown();
        let (step, asks) = (&shown.step, shown.step["do"].as_str());
        match (endpoint, asks) {
            (ApiEndpoint::Keys, _) => reply(&step["keys"]),
            (ApiEndpoint::Activate, Some("activate"))
            | (ApiEndpoint::Verify, Some("refresh"))
            | (ApiEndpoint::Deactivate, Some("deactivate")) => reply(&step["answer"]),
            _ => Err(NetworkFailure::Other),
        }
    }
}
