//! A vendor, and a room without a network: files pass between them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{AirGapText, Builder, HttpTransport, Licensing, PublicKeys, State, Transport};
use falconer_domain::UnixMillis;
use falconer_tests::{Fixture, TestStack, now};
use serde_json::Value;

use super::path;
use crate::computer::{FixtureHardware, TestClock};
use crate::operator::{run, said, told};

/// The machine's network, which is not there unless a test plugs it in. It counts whoever looks for it.
#[derive(Clone)]
pub(super) struct Network {
    server: HttpTransport,
    is_plugged: Arc<AtomicBool>,
    looks: Arc<AtomicUsize>,
}

impl Network {
    fn to(stack: &TestStack) -> Self {
        let server = HttpTransport::new(&stack.gateway().url());
        Self { server, is_plugged: Arc::default(), looks: Arc::default() }
    }

    pub(super) fn plug(&self) {
        self.is_plugged.store(true, Ordering::Relaxed);
    }

    pub(super) fn unplug(&self) {
        self.is_plugged.store(false, Ordering::Relaxed);
    }

    pub(super) fn looks(&self) -> usize {
        self.looks.load(Ordering::Relaxed)
    }
}

impl Transport for Network {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        self.looks.fetch_add(1, Ordering::Relaxed);
        if self.is_plugged.load(Ordering::Relaxed) {
            self.server.send(request)
        } else {
            Err(NetworkFailure::Connect)
        }
    }
}

/// A vendor, and a room without a network.
pub(super) struct AirGap {
    pub(super) stack: TestStack,
    pub(super) keys: PublicKeys,
    pub(super) key: String,
    pub(super) network: Network,
    pub(super) clock: TestClock,
    pub(super) folder: tempfile::TempDir,
}

impl AirGap {
    /// With a license whose offline leases last for so many days.
    pub(super) fn of_days(days: u32) -> Self {
        let stack = TestStack::start();
        let keys = PublicKeys::parse(&stack.get("/api/keys").body.to_string()).expect("public keys");
        let key = stack.put(Fixture::pro().with(move |new, _| new.license.policy.air_gap_days = Some(days)));
        let folder = tempfile::tempdir().expect("a folder");
        let network = Network::to(&stack);
        Self { stack, keys, key, network, clock: TestClock::right(), folder }
    }

    pub(super) fn builder(&self, machine: &'static str, store: &str) -> Builder {
        Licensing::builder("QF", "https://licenses.example.com", self.keys.clone())
            .transport(self.network.clone())
            .clock(self.clock.clone())
            .hardware(FixtureHardware(machine))
            .device_name(machine)
            .store(self.folder.path().join(store))
    }

    pub(super) fn machine(&self, machine: &'static str) -> Licensing {
        self.builder(machine, machine).open().expect("an open license")
    }

    pub(super) fn store(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// The operator's answer to a request, as a file.
    pub(super) fn answer(&self, request: &AirGapText, more: &[&str]) -> String {
        let (asked, answered) = (self.store("request.txt"), self.store("answer.txt"));
        std::fs::write(&asked, &request.file).expect("a file");
        let arguments = [&["--yes", "activate-offline", path(&asked), "--out", path(&answered)], more];
        let output = run(&self.stack, &arguments.concat());
        assert!(output.status.success(), "{}", said(&output));
        std::fs::read_to_string(answered).expect("an answer")
    }

    /// The sentence of the operator's program instead of an answer.
    pub(super) fn refusal(&self, request: &AirGapText, more: &[&str]) -> String {
        let asked = self.store("refused.txt");
        std::fs::write(&asked, &request.file).expect("a file");
        let output = run(&self.stack, &[&["--yes", "activate-offline", path(&asked)], more].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{}", said(&output));
        said(&output)
    }

    pub(super) fn receipt(&self, receipt: &AirGapText, more: &[&str]) -> Value {
        let file = self.store("receipt.txt");
        std::fs::write(&file, &receipt.file).expect("a file");
        told(&self.stack, &[&["accept-receipt", path(&file)], more].concat())
    }

    pub(super) fn activated(&self, machine: &'static str) -> (Licensing, String) {
        let client = self.machine(machine);
        let request = client.activation_request(&self.key, "", "").expect("a request");
        let answer = self.answer(&request, &[]);
        assert_eq!(client.import_response(&answer), Ok(State::Active));
        (client, answer)
    }

    pub(super) fn seats_taken(&self) -> u32 {
        let license = self.stack.stored(&self.stack.license_id(&self.key));
        license.seats_taken(UnixMillis(now().0))
    }
}
