//! Opening.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use directories::ProjectDirs;
use falconer_domain::Product;
use falconer_domain::person::{DeviceName, MAX_DEVICE_NAME_CHARS};

use super::session::SessionState;
use super::verified_record::VerifiedRecord;
use super::{Config, Device, Licensing, Memory, Pending, Shared};
use crate::clock::{Clock, SystemClock};
use crate::hardware::{Hardware, Platform, RawComponents, SystemHardware};
use crate::random::{Random, SystemRandom};
use crate::state::State;
use crate::store;
use crate::timeline::Timeline;
use crate::transport::{HttpTransport, Transport};
use crate::trust::PublicKeys;

/// The environment variable that stands for the hardware, where the application allows it.
const MACHINE_ID: &str = "FALCONER_MACHINE_ID";
/// What a device's name ends with then.
const OVERRIDDEN: &str = "(machine id set by hand)";
/// The store's file in the folder of an application's data.
const FILE: &str = "license.db";

/// Why nothing was opened. Each is a mistake in how the application is built; trouble on the user's side (a full disk, a
/// damaged file) never keeps the library from opening, see [`Licensing::notice`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The product's code.
    #[error("a product code has 2 to 8 characters of A-Z and 0-9; use the one your license keys begin with")]
    InvalidProduct,
    /// The server's address.
    #[error("the server's address must look like https://licenses.example.com")]
    InvalidServer,
    /// Plain HTTP to another machine: the license key would travel in clear.
    #[error("the server's address must begin with https; http is for this machine alone")]
    InsecureServer,
    /// The device's name.
    #[error("a device name has at most {MAX_DEVICE_NAME_CHARS} characters")]
    InvalidDeviceName,
    /// The system names no folder for an application's data.
    #[error("this system names no folder for application data; choose one with store()")]
    NoDataFolder,
    /// SQLite itself does not start.
    #[error("the store cannot even be kept in memory; is the machine out of it?")]
    StoreUnavailable,
}

enum StoreLocation {
    DataFolder,
    File(PathBuf),
    Memory,
}

/// How to open. Only what an application has to decide has no default.
#[must_use]
pub struct Builder {
    product: String,
    server: String,
    pins: PublicKeys,
    place: StoreLocation,
    transport: Option<Box<dyn Transport>>,
    clock: Box<dyn Clock>,
    random: Box<dyn Random>,
    hardware: Box<dyn Hardware>,
    machine_id: Option<String>,
    device_name: Option<String>,
    on_change: Option<Box<dyn Fn(State) + Send + Sync>>,
}

impl Builder {
    pub(super) fn new(product: &str, server: &str, pins: PublicKeys) -> Self {
        Self {
            product: product.to_owned(),
            server: server.to_owned(),
            pins,
            place: StoreLocation::DataFolder,
            transport: None,
            clock: Box::new(SystemClock::new()),
            random: Box::new(SystemRandom),
            hardware: Box::new(SystemHardware),
            machine_id: None,
            device_name: None,
            on_change: None,
        }
    }

    /// Keeps the license in this file. Without it: `license.db` in the folder that the system gives the user for the data
    /// of an application named like the product.
    pub fn store(mut self, path: impl AsRef<Path>) -> Self {
        self.place = StoreLocation::File(path.as_ref().to_owned());
        self
    }

    /// Keeps the license in memory: forgotten with the program. For tests, and for machines that keep nothing.
    pub fn store_in_memory(mut self) -> Self {
        self.place = StoreLocation::Memory;
        self
    }

    /// Sends by another way than HTTPS.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// Takes time from elsewhere.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Takes random bytes from elsewhere. A nonce that can be foretold makes old answers count as new ones.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Box::new(random);
        self
    }

    /// Takes hardware from elsewhere.
    pub fn hardware(mut self, hardware: impl Hardware + 'static) -> Self {
        self.hardware = Box::new(hardware);
        self
    }

    /// What other devices' users see this device called. The default names the system and nothing of the machine.
    pub fn device_name(mut self, name: &str) -> Self {
        self.device_name = Some(name.to_owned());
        self
    }

    /// Lets the environment variable `FALCONER_MACHINE_ID` stand for the whole hardware where it is set: for containers
    /// and build machines whose hardware is new at every start. Whoever can set it can make one machine of many, so it is
    /// off unless the application turns it on, and the device's name tells of it.
    pub fn allow_machine_id_override(mut self) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one setting a user may bring along, read once")]
        let set = std::env::var(MACHINE_ID).ok();
        self.machine_id = set.filter(|text| !text.trim().is_empty());
        self
    }

    /// Is called with each new state, on the thread that found it. It may look, and must not wait.
    pub fn on_change(mut self, listener: impl Fn(State) + Send + Sync + 'static) -> Self {
        self.on_change = Some(Box::new(listener));
        self
    }

    /// Opens. Reads the file and the hardware, and asks nobody: what is known counts at once.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(self) -> Result<Licensing, OpenError> {
        let product = Product::parse(&self.product).ok_or(OpenError::InvalidProduct)?;
        check_server(&self.server)?;
        let opened = match &self.place {
            StoreLocation::Memory => store::open_in_memory(),
            StoreLocation::File(path) => store::open(path),
            StoreLocation::DataFolder => store::open(&folder(&product)?.join(FILE)),
        };
        let opened = opened.map_err(|_| OpenError::StoreUnavailable)?;
        let raw = match &self.machine_id {
            Some(id) => RawComponents::all(id),
            None => self.hardware.read(),
        };
        let config = Config {
            device: device(&self, &raw)?,
            product,
            pins: self.pins,
            transport: self.transport.unwrap_or_else(|| Box::new(HttpTransport::new(&self.server))),
            clock: self.clock,
            random: self.random,
            raw,
            on_change: self.on_change,
        };
        let session = SessionState::new(opened, &config);
        let memory = memory(&session, &config);
        let shared = Shared {
            memory: Mutex::new(memory),
            session: Mutex::new(session),
            notified: Mutex::new(State::NotActivated),
            changed: Condvar::new(),
            config,
        };
        // Who opens knows the first state; listeners hear of changes.
        *shared.notified.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            shared.evaluation().state;
        Ok(Licensing { shared: Arc::new(shared) })
    }
}

fn memory(state: &SessionState, config: &Config) -> Memory {
    let VerifiedRecord { key, claims, decision, integrity, .. } = state.verified.clone();
    let record = &state.record;
    Memory {
        decision,
        claims,
        key,
        failed_at: record.failed_at,
        pending: Pending::of(record),
        notice: state.notice,
        timeline: Timeline::resumed(record.checkpoint, integrity, config.clock.now()),
    }
}

fn check_server(server: &str) -> Result<(), OpenError> {
    let address: ureq::http::Uri = server.parse().map_err(|_| OpenError::InvalidServer)?;
    let host = address.host().filter(|host| !host.is_empty()).ok_or(OpenError::InvalidServer)?;
    let loopback =
        |address: &str| address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let here = host == "localhost" || loopback(host.trim_matches(['[', ']']));
    match address.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if here => Ok(()),
        Some("http") => Err(OpenError::InsecureServer),
        _ => Err(OpenError::InvalidServer),
    }
}

fn folder(product: &Product) -> Result<PathBuf, OpenError> {
    let folders = ProjectDirs::from("", "", product.as_str()).ok_or(OpenError::NoDataFolder)?;
    Ok(folders.data_local_dir().to_owned())
}

fn device(builder: &Builder, raw: &RawComponents) -> Result<Device, OpenError> {
    let platform = builder.hardware.platform();
    let given = match &builder.device_name {
        Some(name) => DeviceName::read(name).map_err(|_| OpenError::InvalidDeviceName)?,
        None => None,
    };
    let name = given.map_or_else(|| default_name(platform), |name| name.as_str().to_owned());
    let name = match builder.machine_id {
        Some(_) => overridden(&name),
        None => name,
    };
    Ok(Device { name, labels: raw.labels().collect(), platform })
}

/// Nothing of the machine: a host name is often its owner's.
fn default_name(platform: Platform) -> String {
    let system = match std::env::consts::OS {
        "linux" => "Linux",
        "macos" => "macOS",
        "windows" => "Windows",
        other => other,
    };
    let kind = match platform {
        Platform::Physical => "computer",
        Platform::Container => "container",
        Platform::VirtualMachine => "virtual machine",
    };
    format!("{system} {kind}")
}

fn overridden(name: &str) -> String {
    let room = MAX_DEVICE_NAME_CHARS - OVERRIDDEN.chars().count() - 1;
    let name: String = name.chars().take(room).collect();
    format!("{name} {OVERRIDDEN}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_private_or_here() {
        for (server, expected) in [
            ("https://licenses.example.com", Ok(())),
            ("https://licenses.example.com/prod/", Ok(())),
            ("http://127.0.0.1:9000", Ok(())),
            ("http://localhost:9000", Ok(())),
            ("http://licenses.example.com", Err(OpenError::InsecureServer)),
            ("http://[::1]:9000", Ok(())),
            ("http://127.example.com", Err(OpenError::InsecureServer)),
            ("ftp://licenses.example.com", Err(OpenError::InvalidServer)),
            ("licenses.example.com", Err(OpenError::InvalidServer)),
            ("", Err(OpenError::InvalidServer)),
            ("https://", Err(OpenError::InvalidServer)),
        ] {
            assert_eq!(check_server(server), expected, "{server}");
        }
    }

    #[test]
    fn an_overridden_device_says_so_within_the_limit() {
        assert_eq!(overridden("Linux container"), "Linux container (machine id set by hand)");
        let long = overridden(&"x".repeat(MAX_DEVICE_NAME_CHARS));
        assert_eq!(long.chars().count(), MAX_DEVICE_NAME_CHARS);
        assert!(DeviceName::read(&long).unwrap().is_some());
    }
}
