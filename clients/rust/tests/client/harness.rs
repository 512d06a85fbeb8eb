//! Test environment: a server that decides by the domain's rules, a clock that tests turn, and machines of three
//! components.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};
use std::time::Duration;

use falconer_client::transport::{ApiEndpoint, NetworkFailure, Reply, TransportRequest};
use falconer_client::{
    Builder, CancelToken, Clock, ClockReading, Hardware, Label, Licensing, NoRandomness, PublicKeys, Random,
    RawComponents, StoreFormat, Transport, UnixMillis, UnixSeconds,
};
use falconer_domain::catalog::Policy;
use falconer_domain::hardware::{DeviceId, LeaseComponents, ReceivedComponents};
use falconer_domain::jwks::Jwks;
use falconer_domain::lease::{Bound, Claims, LeaseContext, Terms};
use falconer_domain::license_key::{CurrentKey, PrintedTier};
use falconer_domain::{Code, KeyRing, LicenseKey, Limits, Maintenance, Product, TierName};
use serde_json::{Value, json};

pub(crate) const START: UnixMillis = UnixMillis(1_800_000_000_000);
pub(crate) const DAY: i64 = 86_400;
/// Check interval plus grace of the built-in policy, in seconds.
pub(crate) const LEASE_SECONDS: i64 = 8 * DAY;
pub(crate) const FEATURE: &str = "copy_trading";

/// A clock with its real time and the time that the machine shows.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<Mutex<Times>>);

#[derive(Clone, Copy, Debug)]
struct Times {
    real: i64,
    turned: i64,
    monotonic: Duration,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Times { real: START.0, turned: 0, monotonic: Duration::ZERO })))
    }

    /// Lets time pass while the machine runs.
    pub(crate) fn pass(&self, seconds: i64) {
        let mut times = self.0.lock().unwrap();
        times.real += seconds * 1_000;
        times.monotonic += Duration::from_secs(seconds.unsigned_abs());
    }

    /// Lets time pass while the machine is off or asleep.
    pub(crate) fn pass_unseen(&self, seconds: i64) {
        self.0.lock().unwrap().real += seconds * 1_000;
    }

    /// Turns the machine's clock by some seconds.
    pub(crate) fn turn(&self, seconds: i64) {
        self.0.lock().unwrap().turned += seconds * 1_000;
    }

    /// Sets the machine's clock to the real time.
    pub(crate) fn turn_right(&self) {
        self.0.lock().unwrap().turned = 0;
    }

    pub(crate) fn real(&self) -> UnixMillis {
        self.truly().real
    }

    pub(crate) fn truly(&self) -> Moment {
        let times = *self.0.lock().unwrap();
        Moment { real: UnixMillis(times.real), ran: times.monotonic }
    }

    /// Lead of the machine's clock over the real time, in seconds.
    pub(crate) fn ahead_seconds(&self) -> i64 {
        self.0.lock().unwrap().turned / 1_000
    }
}

impl Clock for TestClock {
    fn now(&self) -> ClockReading {
        let times = *self.0.lock().unwrap();
        ClockReading::new(UnixMillis(times.real + times.turned), times.monotonic)
    }

    /// Lets the time pass at once. The refresher waits a moment instead, so that tests alone move the time under it.
    fn sleep(&self, time: Duration, cancel: &CancelToken) {
        if std::thread::current().name() == Some("falconer-refresher") {
            let _ = cancel.wait(Duration::from_millis(1));
            return;
        }
        let mut times = self.0.lock().unwrap();
        times.real += i64::try_from(time.as_millis()).unwrap();
        times.monotonic += time;
    }
}

/// Counter of all clients of this process, so that a restarted client repeats no nonce.
static NONCES: AtomicU64 = AtomicU64::new(0);

/// Counts instead of drawing random bytes; nonces only have to differ.
#[derive(Clone, Default)]
pub(crate) struct CountingRandom;

impl Random for CountingRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        let count = NONCES.fetch_add(1, Ordering::Relaxed) + 1;
        for (place, byte) in bytes.iter_mut().enumerate() {
            *byte = count.to_be_bytes()[place % 8];
        }
        Ok(())
    }
}

/// A computer, as a list of components.
#[derive(Clone, Debug)]
pub(crate) struct Machine(pub(crate) Vec<(Label, String)>);

impl Machine {
    /// A machine that shares no component with one of another name.
    pub(crate) fn named(name: &str) -> Self {
        let part = |label: Label| (label, format!("{name}-{}", label.as_str()));
        Self([Label::Mac, Label::Board, Label::Cpu].map(part).to_vec())
    }

    /// The same machine with one component of another.
    pub(crate) fn with_part_of(mut self, label: Label, other: &Self) -> Self {
        let part = other.0.iter().find(|(theirs, _)| *theirs == label).unwrap().clone();
        self.0.retain(|(own, _)| *own != label);
        self.0.push(part);
        self
    }
}

impl Hardware for Machine {
    fn read(&self) -> RawComponents {
        self.0.iter().fold(RawComponents::default(), |raw, (label, value)| raw.with(*label, value))
    }
}

/// Fault of the network or of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NetworkFault {
    None,
    /// No answer arrives.
    Down,
    /// The server acts, but its answer is lost.
    LostReply,
    /// An empty answer of this status.
    Status(u16),
    /// An unsigned refusal with this code.
    Unsigned(&'static str),
    /// None, and keys whose tag does not verify are unknown.
    TagsChecked,
    /// An HTML page with status 200.
    Portal,
    /// The first half of the answer.
    Truncated,
    /// The answer with one changed character in its signature.
    BadSignature,
    /// The answer signed by a key without an endorsement.
    Forged,
    /// The first good answer of this endpoint, repeated.
    Replay,
    /// A good answer to another nonce.
    OtherNonce,
}

/// A good answer and the moment of its signature.
#[derive(Clone, Debug)]
pub(crate) struct Delivered {
    pub(crate) code: Code,
    pub(crate) at: Moment,
}

/// A real moment, independent of the machine's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// Calendar time.
    pub(crate) real: UnixMillis,
    /// Running time of the machine.
    pub(crate) ran: Duration,
}

pub(crate) struct ServerState {
    pub(crate) ring: &'static KeyRing,
    pub(crate) fault: NetworkFault,
    /// Code of the server's refusal; `Code::Valid` means that it refuses nothing.
    pub(crate) license: Code,
    pub(crate) expires_at: Option<UnixMillis>,
    pub(crate) policy: Policy,
    pub(crate) limits: Limits,
    pub(crate) maintenance: Option<Maintenance>,
    pub(crate) devices: BTreeMap<DeviceId, LeaseComponents>,
    /// Answers that reached the client whole.
    pub(crate) delivered: Vec<Delivered>,
    /// Endpoint and body of every request.
    pub(crate) requests: Vec<(ApiEndpoint, Value)>,
    replays: BTreeMap<&'static str, Reply>,
    clock: TestClock,
}

/// The server and the network before it.
#[derive(Clone)]
pub(crate) struct Server(Arc<Mutex<ServerState>>);

/// Ring of generations 1 to `newest`. Made once, because deriving keys is slow.
pub(crate) fn ring(newest: u8) -> &'static KeyRing {
    static RINGS: LazyLock<Vec<KeyRing>> = LazyLock::new(|| (1..10).map(new_ring).collect());
    &RINGS[usize::from(newest) - 1]
}

fn new_ring(newest: u8) -> KeyRing {
    let mut ring: BTreeMap<_, _> =
        (1..=newest).map(|number| (number.to_string(), format!("{}{number}", "m".repeat(31)))).collect();
    ring.insert("current".to_owned(), newest.to_string());
    KeyRing::parse(&serde_json::to_string(&ring).unwrap()).unwrap()
}

/// Public keys of an application built while generation 1 was the only one.
pub(crate) fn pins() -> PublicKeys {
    PublicKeys::parse(&serde_json::to_string(&Jwks::of(ring(1))).unwrap()).unwrap()
}

pub(crate) fn product() -> Product {
    Product::parse("QF").unwrap()
}

pub(crate) fn key(number: u8) -> String {
    key_of_tier("PRO", number)
}

pub(crate) fn key_of_tier(tier: &str, number: u8) -> String {
    let tier = PrintedTier::parse(tier).unwrap();
    CurrentKey::issue(ring(1).current(), product(), tier, [number; 10]).to_string()
}

impl Server {
    pub(crate) fn new(clock: &TestClock) -> Self {
        Self(Arc::new(Mutex::new(ServerState {
            ring: ring(1),
            fault: NetworkFault::None,
            license: Code::Valid,
            expires_at: None,
            policy: Policy { seats: 1, ..Policy::DEFAULT },
            limits: Limits::default(),
            maintenance: None,
            devices: BTreeMap::new(),
            delivered: Vec::new(),
            requests: Vec::new(),
            replays: BTreeMap::new(),
            clock: clock.clone(),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.0.lock().unwrap()
    }

    pub(crate) fn asked(&self) -> Vec<ApiEndpoint> {
        self.state().requests.iter().map(|(endpoint, _)| *endpoint).collect()
    }
}

impl Transport for Server {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let &TransportRequest { endpoint, body, .. } = request;
        let mut state = self.state();
        let body: Value = body.map_or(Value::Null, |body| serde_json::from_str(body).unwrap());
        state.requests.push((endpoint, body.clone()));
        state.answer(endpoint, &body)
    }
}

impl ServerState {
    fn answer(&mut self, endpoint: ApiEndpoint, body: &Value) -> Result<Reply, NetworkFailure> {
        let fault = self.fault;
        match fault {
            NetworkFault::Down => return Err(NetworkFailure::Other),
            NetworkFault::Status(status) => return Ok(reply(status, b"".to_vec())),
            NetworkFault::Unsigned(code) => {
                return Ok(reply(409, json!({ "code": code, "valid": false }).to_string().into_bytes()));
            }
            NetworkFault::TagsChecked if is_unknown(body) => {
                let body = json!({ "code": "INVALID_SIGNATURE", "valid": false });
                return Ok(reply(403, serde_json::to_vec(&body).unwrap()));
            }
            NetworkFault::Portal => return Ok(reply(200, b"<html>Welcome to the hotel</html>".to_vec())),
            _ => {}
        }
        if endpoint == ApiEndpoint::Keys {
            return Ok(reply(200, serde_json::to_vec(&Jwks::of(self.ring)).unwrap()));
        }
        let mut good = self.decide(endpoint, body);
        match fault {
            NetworkFault::LostReply => return Err(NetworkFailure::Other),
            NetworkFault::Replay => {
                let replay = self.replays.get(endpoint.path()).cloned();
                return Ok(replay.unwrap_or_else(|| reply(502, b"".to_vec())));
            }
            NetworkFault::Truncated => good.body.truncate(good.body.len() / 2),
            NetworkFault::BadSignature => {
                good.body = with_lease(&good.body, |lease| changed_at_the_end(&lease));
            }
            _ => {
                if fault == NetworkFault::None {
                    self.replays.entry(endpoint.path()).or_insert_with(|| good.clone());
                }
            }
        }
        Ok(good)
    }

    /// Decides by seats, hardware and status, as the server does.
    fn decide(&mut self, endpoint: ApiEndpoint, body: &Value) -> Reply {
        let typed = LicenseKey::parse(body["license_key"].as_str().unwrap()).unwrap();
        let shown = received(&body["hardware"]);
        let stated = shown.lease(&Label::ALL);
        let known = self
            .devices
            .iter()
            .find(|(_, stored)| stored.are_matched_by(&stated, 2))
            .map(|(id, _)| id.clone());
        let (code, device) = match (endpoint, self.license, known) {
            (ApiEndpoint::Deactivate, _, Some(id)) => {
                self.devices.remove(&id);
                (Code::Deactivated, None)
            }
            (ApiEndpoint::Deactivate, _, None) => (Code::DeviceNotBound, None),
            (_, code, _) if code != Code::Valid => (code, None),
            (ApiEndpoint::Verify, _, Some(id)) => (Code::Valid, Some(id)),
            (ApiEndpoint::Verify, _, None) if self.devices.is_empty() => (Code::NotActivated, None),
            (ApiEndpoint::Verify, _, None) => (Code::HardwareMismatch, None),
            (_, _, Some(id)) => (Code::Refreshed, Some(id)),
            (_, _, None) if body["refresh"] == true => (Code::HardwareMismatch, None),
            (_, _, None) if self.devices.len() < self.policy.seats as usize => {
                (Code::Activated, Some(self.bind(stated.clone())))
            }
            (ApiEndpoint::Transfer, _, None) => {
                self.devices.pop_first();
                (Code::Transferred, Some(self.bind(stated.clone())))
            }
            (_, _, None) => (Code::SeatsExhausted, None),
        };
        let lease = self.signed(&typed, code, device.as_ref().map(|id| (id, &shown)), body["nonce"].as_str());
        let devices: Vec<_> =
            self.devices.keys().map(|id| json!({ "id": id.as_str(), "name": "Laptop" })).collect();
        let body = json!({ "code": code.name(), "lease": lease, "devices": devices });
        reply(code.status(), serde_json::to_vec(&body).unwrap())
    }

    fn bind(&mut self, components: LeaseComponents) -> DeviceId {
        let id = DeviceId::from_random([u8::try_from(self.requests.len() % 256).unwrap(); 10]);
        self.devices.insert(id.clone(), components);
        id
    }

    fn signed(
        &mut self,
        typed: &LicenseKey,
        code: Code,
        device: Option<(&DeviceId, &ReceivedComponents)>,
        nonce: Option<&str>,
    ) -> String {
        let signer = match self.fault {
            NetworkFault::Forged => ring(9),
            _ => self.ring,
        };
        let nonce = if self.fault == NetworkFault::OtherNonce { Some("somebody-elses-nonce") } else { nonce };
        let claims = self.claims(typed, code, device, nonce);
        let lease = claims.sign(signer.current());
        if self.fault == NetworkFault::None {
            self.delivered.push(Delivered { code, at: self.clock.truly() });
        }
        lease
    }

    pub(crate) fn claims(
        &self,
        typed: &LicenseKey,
        code: Code,
        device: Option<(&DeviceId, &ReceivedComponents)>,
        nonce: Option<&str>,
    ) -> Claims {
        let license_id = falconer_domain::LicenseId::of(ring(1).current(), typed);
        let (product, tier) = (product(), TierName::parse("pro").unwrap());
        let occasion = LeaseContext {
            issuer: "https://licenses.example.com",
            product: &product,
            license_id: &license_id,
            request_id: "r",
            nonce,
            now: self.clock.real(),
        };
        let features = [FEATURE.to_owned()];
        let terms = Terms {
            tier: &tier,
            features: &features,
            limits: &self.limits,
            maintenance: self.maintenance.as_ref(),
            expires_at: self.expires_at,
            policy: &self.policy,
        };
        let components = device.map(|(_, shown)| shown.lease(&Label::ALL)).unwrap_or_default();
        let bound = device.map(|(device, _)| Bound { device, components: &components, kept_until: None });
        if code.status() == 200 && code != Code::Deactivated {
            Claims::granted(&occasion, code, &terms, bound)
        } else {
            Claims::refused(&occasion, code, Some(&terms))
        }
    }
}

fn is_unknown(body: &Value) -> bool {
    body["license_key"].as_str().is_some_and(|key| ring(1).authenticate(key).is_err())
}

pub(crate) fn received(hardware: &Value) -> ReceivedComponents {
    let mut received = ReceivedComponents::default();
    for (label, text) in hardware.as_object().unwrap() {
        received.insert(Label::parse(label).unwrap(), text.as_str().unwrap()).unwrap();
    }
    received
}

pub(crate) fn reply(status: u16, body: Vec<u8>) -> Reply {
    Reply::new(status, body)
}

pub(crate) fn with_lease(body: &[u8], change: impl FnOnce(String) -> String) -> Vec<u8> {
    let mut body: Value = serde_json::from_slice(body).unwrap();
    let lease = body["lease"].as_str().unwrap().to_owned();
    body["lease"] = change(lease).into();
    serde_json::to_vec(&body).unwrap()
}

/// Changes the character before the last, because the last one holds padding bits.
pub(crate) fn changed_at_the_end(lease: &str) -> String {
    let place = lease.len() - 2;
    let other = if lease.as_bytes()[place] == b'A' { "B" } else { "A" };
    format!("{}{other}{}", &lease[..place], &lease[place + 1..])
}

/// Builder of a client on a machine, with a server or a transport before it.
pub(crate) fn builder(
    transport: &(impl Transport + Clone + 'static),
    clock: &TestClock,
    machine: &Machine,
) -> Builder {
    Licensing::builder("QF", "https://licenses.example.com", pins())
        .transport(transport.clone())
        .clock(clock.clone())
        .random(CountingRandom)
        .hardware(machine.clone())
        .store_in_memory()
}

/// Server, clock, machine, and a client that keeps its license in memory.
pub(crate) struct TestSetup {
    pub(crate) clock: TestClock,
    pub(crate) server: Server,
    pub(crate) machine: Machine,
    pub(crate) client: Licensing,
    /// Format of the files that clients open.
    pub(crate) format: StoreFormat,
}

impl TestSetup {
    pub(crate) fn new() -> Self {
        let clock = TestClock::new();
        let (server, machine) = (Server::new(&clock), Machine::named("home"));
        let client = builder(&server, &clock, &machine).open().unwrap();
        Self { clock, server, machine, client, format: StoreFormat::default() }
    }

    /// The same with files of this format.
    pub(crate) fn with_format(format: StoreFormat) -> Self {
        Self { format, ..Self::new() }
    }

    /// The same after an activation.
    pub(crate) fn activated() -> Self {
        let setup = Self::new();
        setup.client.activate(&key(1), "Anna Example", "anna@example.com").unwrap();
        setup
    }

    /// Opens a client on a file.
    pub(crate) fn on(&self, path: &Path) -> Licensing {
        self.of(path, &self.machine)
    }

    /// Opens a client on a file, on a given machine.
    pub(crate) fn of(&self, path: &Path, machine: &Machine) -> Licensing {
        builder(&self.server, &self.clock, machine).store(path).store_format(self.format).open().unwrap()
    }

    pub(crate) fn set_fault(&self, fault: NetworkFault) {
        self.server.state().fault = fault;
    }

    pub(crate) fn real_seconds(&self) -> UnixSeconds {
        self.clock.real().into()
    }
}

/// True while the application may use its feature.
pub(crate) fn unlocked(client: &Licensing) -> bool {
    client.has_feature(FEATURE)
}
