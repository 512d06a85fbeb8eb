//! Builder: the settings of an application, and opening with them.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use falconer_domain::person::{DeviceName, MAX_DEVICE_NAME_CHARS};
use falconer_domain::{CalendarDate, Product};

use super::device_name::{DeviceNameSource, default_name, overridden};
use super::forked::MemoryCopies;
use super::location::{FolderNames, StoreLocation, host_of, read_app_id};
use super::session::{Session, SessionState};
use super::verified_record::{self, VerifiedRecord};
use super::{Config, Device, Licensing, Memory, Pending, Shared};
use crate::cancel::CancelToken;
use crate::clock::{Clock, SystemClock};
use crate::hardware::{Hardware, RawComponents, SystemHardware};
use crate::random::{Random, SystemRandom};
use crate::state::State;
use crate::store::{ApplicationStore, FileAccess, Owner, Store, StoreFormat, machine_names};
use crate::timeline::Timeline;
use crate::transport::{HttpTransport, InvalidCertificate, InvalidProxy, Transport, is_this_machine};
use crate::trust::{PublicKeys, PublicKeysError};

/// Environment variable that replaces all hardware, where the application allows it.
const MACHINE_ID: &str = "FALCONER_MACHINE_ID";

/// Mistake in the settings that an application opens with. Problems on the user's machine, such as a full disk, never
/// keep the library from opening; [`Licensing::notice`] reports them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Product code with other than 2 to 8 characters of A-Z and 0-9.
    #[error("a product code has 2 to 8 characters of A-Z and 0-9; use the one your license keys begin with")]
    InvalidProduct,
    /// Address that is not an `https` URL.
    #[error("the server's address must look like https://licenses.example.com")]
    InvalidServer,
    /// Plain HTTP to another machine, which would show the license key to the network.
    #[error("the server's address must begin with https; http is allowed for this machine alone")]
    InsecureServer,
    /// Device name that is too long.
    #[error("a device name has at most {MAX_DEVICE_NAME_CHARS} characters")]
    InvalidDeviceName,
    /// System without a folder for application data.
    #[error("this system names no folder for application data; choose one with store()")]
    NoDataFolder,
    /// Address that is not a proxy's.
    #[error(transparent)]
    InvalidProxy(#[from] InvalidProxy),
    /// Text that holds no certificate.
    #[error(transparent)]
    InvalidCertificate(#[from] InvalidCertificate),
    /// Application id that is not a domain in reverse.
    #[error("an application id looks like com.example.app: letters, digits, - and _ between dots")]
    InvalidAppId,
    /// Build date that is not a date.
    #[error("a build date looks like 2026-11-01")]
    InvalidBuildDate,
    /// Former host that is neither a host nor an address.
    #[error("a former host looks like licenses.example.com")]
    InvalidFormerHost,
    /// Root that is not an Ed25519 key, or statement of another root.
    #[error(transparent)]
    InvalidRoot(#[from] PublicKeysError),
}

/// Settings for opening. Only those of [`Licensing::builder`] have no default.
#[must_use]
pub struct Builder {
    product: String,
    server: String,
    pins: PublicKeys,
    root: Option<String>,
    app_id: Option<String>,
    former_servers: Vec<String>,
    place: StoreLocation,
    format: StoreFormat,
    transport: Option<Box<dyn Transport>>,
    network: NetworkSettings,
    clock: Box<dyn Clock>,
    random: Box<dyn Random>,
    hardware: Box<dyn Hardware>,
    machine_id: Option<String>,
    device_name: Option<String>,
    on_change: Option<Box<dyn Fn(State) + Send + Sync>>,
    build_date: Option<String>,
}

impl Builder {
    pub(super) fn new(product: &str, server: &str, pins: PublicKeys) -> Self {
        Self {
            product: product.to_owned(),
            server: server.to_owned(),
            pins,
            root: None,
            app_id: None,
            former_servers: Vec::new(),
            place: StoreLocation::DataFolder,
            format: StoreFormat::default(),
            transport: None,
            network: NetworkSettings::default(),
            clock: Box::new(SystemClock::new()),
            random: Box::new(SystemRandom),
            hardware: Box::new(SystemHardware),
            machine_id: None,
            device_name: None,
            on_change: None,
            build_date: None,
        }
    }

    /// Names the application by a domain in reverse, as `com.example.app`. The id names the folder with the license, so
    /// it must not change between releases. Without an id the server's host names the folder.
    pub fn app_id(mut self, id: &str) -> Self {
        self.app_id = Some(id.to_owned());
        self
    }

    /// Pins the vendor's root by the member `x` of its key, where the JSON of the public keys has none. See
    /// [`PublicKeys::with_root`].
    pub fn root(mut self, x: &str) -> Self {
        self.root = Some(x.to_owned());
        self
    }

    /// Names a host that the server had before; call it once for each. A license that was activated there is used here,
    /// and its key goes to the present server. Keys that were activated at any other host stay where they are.
    pub fn formerly(mut self, host: &str) -> Self {
        self.former_servers.push(host.to_owned());
        self
    }

    /// Stores the license in this file, readable by its owner alone. The default is `license.db` in the user's data
    /// folder, below the [application id](Self::app_id).
    pub fn store(mut self, path: impl AsRef<Path>) -> Self {
        self.place = StoreLocation::File(path.as_ref().to_owned(), FileAccess::Owner);
        self
    }

    /// Stores the license in this file for all users of the machine, such as a service and a program at a desktop. Users
    /// who may write to the folder may read and write the file. The application's installer creates the folder and
    /// decides who may write to it. On Unix, do not set the folder's sticky bit.
    pub fn store_for_all_users(mut self, path: impl AsRef<Path>) -> Self {
        self.place = StoreLocation::File(path.as_ref().to_owned(), FileAccess::LikeFolder);
        self
    }

    /// Stores the license in a place of the application's own.
    pub fn store_with(mut self, store: impl Store + 'static) -> Self {
        self.place = StoreLocation::Own(Box::new(store));
        self
    }

    /// Chooses the format of the file. A license in another format is not taken over.
    pub fn store_format(mut self, format: StoreFormat) -> Self {
        self.format = format;
        self
    }

    /// Keeps the license in memory until the program ends, for tests and for machines that keep nothing.
    pub fn store_in_memory(mut self) -> Self {
        self.place = StoreLocation::Memory;
        self
    }

    /// Goes by this proxy instead of the one in the machine's settings, such as
    /// `http://user:password@proxy.example.com:8080`. [`HttpTransport`] lists the schemes and the settings it reads.
    pub fn proxy(mut self, url: &str) -> Self {
        self.network.proxy = Some(url.to_owned());
        self
    }

    /// Sets the limit of one attempt to between [one second](crate::transport::MIN_ATTEMPT_TIMEOUT) and
    /// [one minute](crate::transport::MAX_ATTEMPT_TIMEOUT). The default is
    /// [five seconds](crate::transport::ATTEMPT_TIMEOUT); a request has up to three attempts.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.network.timeout = Some(timeout);
        self
    }

    /// Trusts the certificates in this text (PEM) beside the operating system's, for a server inside of a company. May be
    /// called more than once.
    pub fn root_certificate(mut self, pem: &str) -> Self {
        self.network.roots.push(pem.to_owned());
        self
    }

    /// Replaces HTTPS by another transport, to which proxy, time-out and certificates of this builder do not apply.
    pub fn transport(mut self, transport: impl Transport + 'static) -> Self {
        self.transport = Some(Box::new(transport));
        self
    }

    /// Replaces the machine's clocks.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Box::new(clock);
        self
    }

    /// Replaces the random generator. With a predictable nonce, a recorded answer would count as fresh.
    pub fn random(mut self, random: impl Random + 'static) -> Self {
        self.random = Box::new(random);
        self
    }

    /// Replaces the machine's hardware.
    pub fn hardware(mut self, hardware: impl Hardware + 'static) -> Self {
        self.hardware = Box::new(hardware);
        self
    }

    /// Sets the device name that other users of the license see. The default names operating system, kind of machine and
    /// model, with a mark that tells machines apart: "Windows computer (Latitude 5440, 3F9A)". It never names the host,
    /// which is often a person's name.
    pub fn device_name(mut self, name: &str) -> Self {
        self.device_name = Some(name.to_owned());
        self
    }

    /// Lets the environment variable `FALCONER_MACHINE_ID` replace all hardware, for containers and build machines with
    /// new hardware at every start. It is off by default, because anyone who can set it can make many machines look
    /// like one. While it is set, the device name says so.
    pub fn allow_machine_id_override(mut self) -> Self {
        #[expect(clippy::disallowed_methods, reason = "the one setting a user may bring along, read once")]
        let set = std::env::var(MACHINE_ID).ok();
        self.machine_id = set.filter(|text| !text.trim().is_empty());
        self
    }

    /// Names the date on which this build of the application was made. A license whose maintenance ended before that day
    /// is `UPDATES_ENDED`; builds of that day and earlier ones stay active. Write a constant of the build, never today's
    /// date. `2026-11-01`, a moment such as `2026-11-01T10:00:00Z`, and the `Nov  1 2026` of C compilers are read. Without
    /// a date every build is covered.
    pub fn build_date(mut self, date: &str) -> Self {
        self.build_date = Some(date.to_owned());
        self
    }

    /// Sets a listener for new states. It runs on the thread that found the change and must not block.
    pub fn on_change(mut self, listener: impl Fn(State) + Send + Sync + 'static) -> Self {
        self.on_change = Some(Box::new(listener));
        self
    }

    /// Opens the license. Reads file and hardware, sends no request, and never fails for a problem on the user's
    /// machine.
    ///
    /// # Errors
    /// [`OpenError`], for a mistake in the settings.
    pub fn open(mut self) -> Result<Licensing, OpenError> {
        if let Some(x) = &self.root {
            self.pins = self.pins.with_root(x)?;
        }
        let product = Product::parse(&self.product).ok_or(OpenError::InvalidProduct)?;
        check_server(&self.server)?;
        let https = self.network.apply(HttpTransport::new(&self.server))?;
        let server = host_of(&self.server).ok_or(OpenError::InvalidServer)?;
        let former = self.former_servers.iter().map(|host| host_of(host).ok_or(OpenError::InvalidFormerHost));
        let former_servers = former.collect::<Result<Vec<_>, _>>()?;
        let build_date = self.build_date.as_deref().map(CalendarDate::read).transpose();
        let build_date = build_date.map_err(|_| OpenError::InvalidBuildDate)?;
        let app_id = self.app_id.as_deref().map(read_app_id).transpose()?;
        let seen = self.hardware.read();
        let raw = match &self.machine_id {
            Some(id) => seen.replaced_by(id),
            None => seen,
        };
        let device = device(&self, &raw)?;
        let device_name = self.device_name_source();
        let names = FolderNames {
            app_id: app_id.as_deref(),
            server: &server,
            former_servers: &former_servers,
            product: &product,
        };
        let (opened, earlier) = self.place.open(&names, self.format)?;
        let owner = Owner {
            product: product.as_str().to_owned(),
            server,
            former_servers,
            machines: machine_names(&raw, &product),
            belonging: verified_record::belonging(&product, &self.pins, &raw),
        };
        let store = ApplicationStore::new(opened.store, owner, earlier);
        let config = Config {
            device,
            device_name,
            product,
            pins: self.pins,
            transport: match self.transport {
                Some(transport) => transport,
                None => Box::new(https),
            },
            clock: Arc::from(self.clock),
            random: self.random,
            raw,
            on_change: self.on_change,
            build_date,
        };
        let session = SessionState::new(store, opened.notice, &config);
        let memory = memory(&session, &config);
        let shared = Shared {
            process: std::process::id(),
            copies: MemoryCopies::new(&memory),
            memory: Mutex::new(memory),
            session: Mutex::new(session),
            notified: Mutex::new(State::NotActivated),
            changed: Condvar::new(),
            refreshers: Mutex::default(),
            config,
        };
        if shared.config.pins.has_root()
            && let Ok(mut session) = Session::begin(&shared, &CancelToken::new())
        {
            session.take_statement_of_build();
        }
        // The caller can read the first state; listeners get changes.
        *shared.notified.lock().unwrap_or_else(std::sync::PoisonError::into_inner) =
            shared.evaluation().state;
        Ok(Licensing { shared: Arc::new(shared), cancel: CancelToken::new() })
    }

    fn device_name_source(&self) -> DeviceNameSource {
        match (&self.device_name, &self.machine_id) {
            (None, None) => DeviceNameSource::Default,
            _ => DeviceNameSource::Application,
        }
    }
}

/// Settings of the network that differ from the machine's.
#[derive(Default)]
struct NetworkSettings {
    proxy: Option<String>,
    timeout: Option<Duration>,
    roots: Vec<String>,
}

impl NetworkSettings {
    fn apply(&self, mut transport: HttpTransport) -> Result<HttpTransport, OpenError> {
        if let Some(url) = &self.proxy {
            transport = transport.proxy(url)?;
        }
        if let Some(timeout) = self.timeout {
            transport = transport.timeout(timeout);
        }
        for pem in &self.roots {
            transport = transport.root_certificate(pem)?;
        }
        Ok(transport)
    }
}

fn memory(state: &SessionState, config: &Config) -> Memory {
    let VerifiedRecord { key, fingerprint, claims, decision, integrity, .. } = state.verified.clone();
    let record = &state.record;
    Memory {
        decision,
        claims,
        key,
        fingerprint,
        failed_at: record.failed_at,
        pending: Pending::of(record),
        notice: state.notice,
        timeline: Timeline::resumed(record.checkpoint, integrity, config.clock.now()),
    }
}

fn check_server(server: &str) -> Result<(), OpenError> {
    let address: ureq::http::Uri = server.parse().map_err(|_| OpenError::InvalidServer)?;
    let host = address.host().filter(|host| !host.is_empty()).ok_or(OpenError::InvalidServer)?;
    match address.scheme_str() {
        Some("https") => Ok(()),
        Some("http") if is_this_machine(host) => Ok(()),
        Some("http") => Err(OpenError::InsecureServer),
        _ => Err(OpenError::InvalidServer),
    }
}

fn device(builder: &Builder, raw: &RawComponents) -> Result<Device, OpenError> {
    let platform = raw.platform();
    let given = match &builder.device_name {
        Some(name) => DeviceName::read(name).map_err(|_| OpenError::InvalidDeviceName)?,
        None => None,
    };
    let name = given.map_or_else(
        || default_name(platform, builder.hardware.model().as_deref()),
        |name| name.as_str().to_owned(),
    );
    let name = match builder.machine_id {
        Some(_) => overridden(&name),
        None => name,
    };
    Ok(Device { name, labels: raw.labels().collect(), platform })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_needs_https_or_loopback() {
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
}
