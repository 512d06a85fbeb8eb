//! The handle an application holds.

mod builder;
mod desk;
mod merge;
mod outbox;
mod outcome;
mod refresher;
mod schedule;
mod verified_record;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use falconer_domain::lease::Claims;
use falconer_domain::{LicenseKey, Product};

use crate::clock::{Clock, UnixSeconds};
use crate::hardware::{Platform, RawComponents};
use crate::random::Random;
use crate::state::{Evaluation, Evidence, State, StoredDecision, evaluate};
use crate::store::{PendingRequest, Record};
use crate::timeline::{ReconciledTime, Timeline};
use crate::transport::Transport;
use crate::trust::PublicKeys;
use crate::user_message::UserMessage;
use desk::{Session, SessionState};
use falconer_domain::hardware::Label;
use outcome::Candidates;

pub use builder::{Builder, OpenError};
pub(crate) use outcome::can_be_key;
pub use outcome::{
    ActivateError, Activation, DeactivateError, Deactivation, InvalidInput, RefreshError, TransferError,
};
pub use refresher::Refresher;

/// How often a wait looks at the clock: what changes by time alone announces itself to nobody.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A licensed installation. Cheap to clone; every clone is the same one.
///
/// What asks the server waits for another such call to end, so that answers count in the order of their questions;
/// [`status`](Self::status) and the other looks never wait for the network.
#[derive(Clone)]
pub struct Licensing {
    shared: Arc<Shared>,
}

/// Something that waits to be sent until the server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pending {
    /// An activation.
    Activate,
    /// Freeing this device's seat.
    Deactivate,
    /// Freeing the seat that an earlier key may have taken: its activation waited when another key took its place.
    ReleaseSeat,
}

impl Pending {
    /// What waits in a row; first what the user wants now.
    fn of(record: &Record) -> Option<Self> {
        match &record.pending {
            Some(PendingRequest::Activate(_)) => Some(Self::Activate),
            Some(PendingRequest::Deactivate) => Some(Self::Deactivate),
            None => (!record.abandoned_keys.is_empty()).then_some(Self::ReleaseSeat),
        }
    }

    /// As machines read it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::ReleaseSeat => "release_seat",
        }
    }

    /// A sentence and a next step for the user.
    #[must_use]
    pub const fn user_message(self) -> UserMessage {
        match self {
            Self::Activate => UserMessage::new(
                "The activation is saved and waits for the license server.",
                "Connect this device to the internet, then check the license: it is sent with that.",
            ),
            Self::Deactivate => UserMessage::new(
                "The deactivation is saved and waits for the license server.",
                "Connect this device to the internet, then check the license; it works until that is sent.",
            ),
            Self::ReleaseSeat => UserMessage::new(
                "The key that was tried before may hold a seat for this device, which is to be freed.",
                "Connect this device to the internet, then check the license: it is sent with that.",
            ),
        }
    }
}

/// What the last signed answer says of the license. It is there in every state that has one, locked ones too; whether
/// the features are on is another question: [`Licensing::has_feature`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// The license's id, `lic_…`.
    pub id: String,
    /// Its key as it may be shown, `QF-PRO-…-4BYWJ`.
    pub masked_key: String,
    /// Its tier.
    pub tier: Option<String>,
    /// Its features.
    pub features: Vec<String>,
    /// When it ends; `None` is perpetual.
    pub expires_at: Option<UnixSeconds>,
    /// This device's id, where it holds a seat.
    pub device_id: Option<String>,
    /// Until when it works without another answer; `None` where it does not work now.
    pub offline_until: Option<UnixSeconds>,
}

/// This device, as the library sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// What other devices' users see it called.
    pub name: String,
    /// The kinds of hardware found. The values are told to nobody.
    pub labels: Vec<Label>,
    /// What it runs on.
    pub platform: Platform,
}

struct Config {
    product: Product,
    pins: PublicKeys,
    transport: Box<dyn Transport>,
    clock: Box<dyn Clock>,
    random: Box<dyn Random>,
    raw: RawComponents,
    device: Device,
    on_change: Option<Box<dyn Fn(State) + Send + Sync>>,
}

/// What a look needs, in memory.
struct Memory {
    standing: StoredDecision,
    claims: Option<Claims>,
    key: Option<LicenseKey>,
    failed_at: Option<UnixSeconds>,
    pending: Option<Pending>,
    notice: Option<UserMessage>,
    time: Timeline,
}

struct Shared {
    config: Config,
    memory: Mutex<Memory>,
    /// CurrentAnswer through a whole exchange with the server.
    desk: Mutex<SessionState>,
    /// The state that listeners know.
    told: Mutex<State>,
    changed: Condvar,
}

impl Licensing {
    /// Begins with what every application has to say: the product's code (`QF`), the server's address
    /// (`https://licenses.example.com`), and the public keys it was built with.
    pub fn builder(product: &str, server: &str, public_keys: PublicKeys) -> Builder {
        Builder::new(product, server, public_keys)
    }

    /// Where the installation stands at this instant. No network, no disk.
    #[must_use]
    pub fn status(&self) -> State {
        self.shared.verdict().state
    }

    /// Whether a feature is on at this instant. No network, no disk.
    #[must_use]
    pub fn has_feature(&self, name: &str) -> bool {
        let mut memory = self.shared.memory();
        let unlocked = memory.verdict(&self.shared.config).unlocked;
        let features = memory.claims.as_ref().and_then(|claims| claims.features.as_ref());
        unlocked && features.is_some_and(|features| features.iter().any(|feature| feature == name))
    }

    /// What is known of the license.
    #[must_use]
    pub fn license(&self) -> Option<License> {
        let mut memory = self.shared.memory();
        let unlocked = memory.verdict(&self.shared.config).unlocked;
        let (claims, key) = memory.claims.as_ref().zip(memory.key.as_ref())?;
        Some(License {
            id: claims.sub.clone(),
            masked_key: key.masked(),
            tier: claims.tier.clone(),
            features: claims.features.clone().unwrap_or_default(),
            expires_at: claims.license_expires_at.map(UnixSeconds),
            device_id: claims.device.clone(),
            offline_until: unlocked.then_some(UnixSeconds(claims.exp)),
        })
    }

    /// The moment that counts now: the later of the local clock and what is known to have passed.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.shared.memory().look(&self.shared.config).now()
    }

    /// What waits to be sent.
    #[must_use]
    pub fn pending(&self) -> Option<Pending> {
        self.shared.memory().pending
    }

    /// What the user has to know about the place where the license is saved: a full disk, a damaged file. `None` is well.
    #[must_use]
    pub fn notice(&self) -> Option<UserMessage> {
        self.shared.memory().notice
    }

    /// This device.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.shared.config.device
    }

    /// Takes a seat for this device. Name and e-mail may be empty. Where the server cannot be reached the activation
    /// waits, the state stays as it is, and a later [`refresh`](Self::refresh) sends it.
    ///
    /// # Errors
    /// [`ActivateError`]: what was typed is no key, or the server said no. Several tries of five seconds may pass.
    pub fn activate(&self, key: &str, name: &str, email: &str) -> Result<Activation, ActivateError> {
        let inputs = outcome::read_input(&self.shared.config.product, key, name, email)?;
        let activated =
            inputs.first_known(ActivateError::refusal, |input| Session::begin(&self.shared).activate(&input));
        self.shared.tell();
        activated.map(|waiting| waiting.map_or_else(|| Activation::Done(self.status()), Activation::Waiting))
    }

    /// Asks the server whether the license is still good here, after sending what waits. Never takes a seat, but for
    /// an activation that waits. A locking refusal is an answer: the state is `Locked` then.
    ///
    /// # Errors
    /// [`RefreshError`]: no answer that counts, or a refusal that locks nothing. The state is as it was, or `Grace`. Where
    /// something waited, it tells what came of that; the stored license was checked all the same.
    pub fn refresh(&self) -> Result<State, RefreshError> {
        let refreshed = Session::begin(&self.shared).refresh();
        self.shared.tell();
        refreshed.map(|()| self.status())
    }

    /// Moves a seat to this device: of `key`, or of the license that was activated here. `from_device` names the device
    /// that loses it, where several hold one. Needs the server.
    ///
    /// # Errors
    /// [`TransferError`].
    pub fn transfer(&self, key: Option<&str>, from_device: Option<&str>) -> Result<State, TransferError> {
        let keys = match key {
            Some(key) => outcome::read_key(&self.shared.config.product, key)?.map(Some),
            None => Candidates::of(None),
        };
        let moved = keys.first_known(TransferError::refusal, |key| {
            Session::begin(&self.shared).transfer(key, from_device)
        });
        self.shared.tell();
        moved.map(|()| self.status())
    }

    /// Frees this device's seat and forgets the license. Where the server cannot be reached it waits, and the license
    /// goes on working until it is sent.
    ///
    /// # Errors
    /// [`DeactivateError`]: the server said no.
    pub fn deactivate(&self) -> Result<Deactivation, DeactivateError> {
        let freed = Session::begin(&self.shared).deactivate();
        self.shared.tell();
        freed.map(|waiting| waiting.map_or(Deactivation::Done, Deactivation::Waiting))
    }

    /// Starts the thread that keeps the license fresh, until the result is dropped. Returns at once.
    #[must_use = "the thread ends when this is dropped"]
    pub fn start_refresher(&self) -> Refresher {
        Refresher::start(&self.shared)
    }

    /// Waits until the state is another than `seen`, at most so long, and returns it.
    #[must_use]
    pub fn wait_for_change(&self, seen: State, at_most: Duration) -> State {
        let started = Instant::now();
        loop {
            let state = self.status();
            let left = at_most.saturating_sub(started.elapsed());
            if state != seen || left.is_zero() {
                return state;
            }
            let told = self.shared.told.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.shared.changed.wait_timeout(told, left.min(POLL_INTERVAL)));
        }
    }
}

impl std::fmt::Debug for Licensing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Licensing").field("state", &self.status()).finish_non_exhaustive()
    }
}

impl Shared {
    /// A thread that panicked while it held the memory left it whole: it is replaced by plain assignments.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn verdict(&self) -> Evaluation {
        self.memory().verdict(&self.config)
    }

    /// Tells those who wait that the state has changed, if it has. No lock is held while the listener runs.
    fn tell(&self) {
        let state = self.verdict().state;
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if *told == state {
            return;
        }
        *told = state;
        drop(told);
        self.changed.notify_all();
        if let Some(listener) = &self.config.on_change {
            listener(state);
        }
    }
}

impl Drop for Shared {
    /// What has passed is kept, as far as the disk allows.
    fn drop(&mut self) {
        Session::begin(self).keep_time(Duration::from_secs(1));
    }
}

impl Memory {
    fn look(&mut self, config: &Config) -> ReconciledTime {
        self.time.observe(config.clock.now())
    }

    fn verdict(&mut self, config: &Config) -> Evaluation {
        let time = self.look(config);
        evaluate(&Evidence { decision: self.standing, time, failed_at: self.failed_at })
    }
}
