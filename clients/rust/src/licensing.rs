//! The handle an application holds.
//!
//! A license passes through three forms, each derived from the one before it:
//!
//! ```text
//!  store::Record      the row on disk: text that anybody may have edited
//!      │  VerifiedRecord::of: signature, hardware, seal
//!      ▼
//!  VerifiedRecord     the part of the row that is proved on this machine
//!      │  Session::adopt: after each read and each write
//!      ▼
//!  Memory             what `status` and `has_feature` look at, with the running clock
//! ```
//!
//! A `Session` (one at a time, held through a whole exchange with the server) changes the first and derives the others.
//! The three parts of a session are `session` (requests and answers), `persist` (reading, writing, merging the row) and
//! `time_keeping` (the time in the row); `outbox` decides about requests that have to wait. Looks lock the memory alone,
//! so they never wait for the network.

mod builder;
mod forked;
mod location;
mod merge;
mod outbox;
mod outcome;
mod persist;
mod refresher;
mod schedule;
mod session;
mod time_keeping;
mod verified_record;
mod waiting;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use falconer_domain::hardware::Label;
use falconer_domain::lease::Claims;
use falconer_domain::{LicenseKey, Product};

use crate::cancel::CancelToken;
use crate::clock::{Clock, UnixSeconds};
use crate::failure::Failure;
use crate::hardware::{Platform, RawComponents};
use crate::random::Random;
use crate::state::{Evaluation, Evidence, State, StoredDecision, evaluate};
use crate::store::{PendingRequest, Record};
use crate::timeline::{ReconciledTime, Timeline};
use crate::transport::Transport;
use crate::trust::PublicKeys;
use crate::user_message::{MessageId, UserMessage};
use forked::MemoryCopies;
use outcome::Candidates;
use session::{Session, SessionState};

pub use builder::{Builder, OpenError};
pub use outcome::{Activation, Deactivation};
pub use refresher::Refresher;

/// A licensed installation. Cheap to clone; all clones share one license.
///
/// Calls that ask the server run one after another, so that answers count in the order of their requests.
/// [`status`](Self::status) and the other looks never wait for the network.
#[derive(Clone, derive_more::Debug)]
#[debug("Licensing {{ state: {:?}, .. }}", self.status())]
pub struct Licensing {
    shared: Arc<Shared>,
    /// Ends the calls that wait. Each handle has its own.
    cancel: CancelToken,
}

/// A request that waits until the server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pending {
    /// An activation of this device.
    Activate,
    /// A deactivation: frees the seat of this device.
    Deactivate,
    /// Freeing the seat of an earlier key. That key's activation was waiting when another key replaced it, and it may have
    /// taken a seat although its answer was lost.
    ReleaseSeat,
}

impl Pending {
    /// The request that waits in a row. A wish of the user comes before seats to release.
    fn of(record: &Record) -> Option<Self> {
        match &record.pending {
            Some(PendingRequest::Activate(_)) => Some(Self::Activate),
            Some(PendingRequest::Deactivate) => Some(Self::Deactivate),
            None => (!record.abandoned_keys.is_empty()).then_some(Self::ReleaseSeat),
        }
    }

    /// Name for programs: `activate`, `deactivate` or `release_seat`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::ReleaseSeat => "release_seat",
        }
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub const fn user_message(self) -> UserMessage {
        let id = match self {
            Self::Activate => MessageId::ActivationWaits,
            Self::Deactivate => MessageId::DeactivationWaits,
            Self::ReleaseSeat => MessageId::ReleaseWaits,
        };
        id.message()
    }
}

/// The license as the last signed answer describes it. Locked states have one too; [`Licensing::has_feature`] says
/// whether its features are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// License id, `lic_…`; safe to log.
    pub id: String,
    /// License key in a form that may be shown, `QF-PRO-…-4BYWJ`.
    pub masked_key: String,
    /// Tier of the catalog, `pro`.
    pub tier: Option<String>,
    /// Features of the tier and of this license.
    pub features: Vec<String>,
    /// End of the license; `None` for a perpetual one.
    pub expires_at: Option<UnixSeconds>,
    /// Id of this device, where it holds a seat.
    pub device_id: Option<String>,
    /// End of offline use; `None` while the features are off.
    pub offline_until: Option<UnixSeconds>,
}

/// This device, as the server and other users of the license see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name that other users of the license see.
    pub name: String,
    /// Kinds of hardware components that were found. Their values never leave the process.
    pub labels: Vec<Label>,
    /// Physical machine, container or virtual machine.
    pub platform: Platform,
}

struct Config {
    product: Product,
    pins: PublicKeys,
    transport: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Box<dyn Random>,
    raw: RawComponents,
    device: Device,
    on_change: Option<Box<dyn Fn(State) + Send + Sync>>,
}

/// Everything that a look needs, without disk and network.
#[derive(Clone)]
struct Memory {
    decision: StoredDecision,
    claims: Option<Claims>,
    key: Option<LicenseKey>,
    failed_at: Option<UnixSeconds>,
    pending: Option<Pending>,
    notice: Option<UserMessage>,
    timeline: Timeline,
}

struct Shared {
    config: Config,
    /// Id of the process that opened the license.
    process: u32,
    memory: Mutex<Memory>,
    /// The memory as the session last left it.
    copies: MemoryCopies,
    /// Locked through a whole exchange with the server.
    session: Mutex<SessionState>,
    /// State of the last notification.
    notified: Mutex<State>,
    changed: Condvar,
    /// Tokens that end the refreshers.
    refreshers: Mutex<Vec<CancelToken>>,
}

impl Licensing {
    /// Starts a builder with the three settings that have no default: the product's code (`QF`), the server's address
    /// (`https://licenses.example.com`), and the public keys that the application was built with.
    pub fn builder(product: &str, server: &str, public_keys: PublicKeys) -> Builder {
        Builder::new(product, server, public_keys)
    }

    /// Evaluates the state at this instant, without network or disk.
    #[must_use]
    pub fn status(&self) -> State {
        self.shared.evaluation().state
    }

    /// Returns true while a feature is on. Evaluated at this instant, without network or disk.
    #[must_use]
    pub fn has_feature(&self, name: &str) -> bool {
        self.shared.look(|memory| {
            let unlocked = memory.evaluation(&self.shared.config).unlocked;
            let features = memory.claims.as_ref().and_then(|claims| claims.features.as_ref());
            unlocked && features.is_some_and(|features| features.iter().any(|feature| feature == name))
        })
    }

    /// Describes the license; `None` where no signed answer about this machine is stored.
    #[must_use]
    pub fn license(&self) -> Option<License> {
        self.shared.look(|memory| {
            let unlocked = memory.evaluation(&self.shared.config).unlocked;
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
        })
    }

    /// Returns the moment that the library goes by: the later of the local clock and the time known to have passed.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.shared.look(|memory| memory.observe_time(&self.shared.config).now())
    }

    /// Returns the request that waits for the server, if there is one.
    #[must_use]
    pub fn pending(&self) -> Option<Pending> {
        self.shared.look(|memory| memory.pending)
    }

    /// Reports a problem with the place where the license is saved, such as a full disk or a damaged file. `None` means
    /// that the license is saved.
    #[must_use]
    pub fn notice(&self) -> Option<UserMessage> {
        self.shared.look(|memory| memory.notice)
    }

    /// Describes this device as it was read when the library was opened.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.shared.config.device
    }

    /// Takes a seat for this device; name and e-mail may be empty. Where the server cannot be reached, the activation
    /// waits, the state stays as it is, and a later [`refresh`](Self::refresh) sends it. May take several attempts of five
    /// seconds.
    ///
    /// # Errors
    /// [`Failure`], where the key cannot be one, the server refused, or the call ended early.
    pub fn activate(&self, key: &str, name: &str, email: &str) -> Result<Activation, Failure> {
        let inputs = outcome::read_input(&self.shared.config.product, key, name, email)?;
        let activated = inputs.first_known(|input| self.session()?.activate(&input));
        self.shared.notify_if_changed();
        activated.map(|waiting| waiting.map_or_else(|| Activation::Done(self.status()), Activation::Waiting))
    }

    /// Sends the pending request, if there is one, then verifies the stored license with the server. Takes a seat only for
    /// a pending activation. A refusal that locks is a result and no error: the state is then `Locked`.
    ///
    /// # Errors
    /// [`Failure`], where no answer counts or a refusal locks nothing. The state stays, or becomes `Grace`. With a
    /// pending request the error reports that request; the stored license was checked all the same.
    pub fn refresh(&self) -> Result<State, Failure> {
        let refreshed = self.session().and_then(|mut session| session.refresh());
        self.shared.notify_if_changed();
        refreshed.map(|()| self.status())
    }

    /// Moves a seat to this device. `key` is the license's key; `None` means the license that was activated here.
    /// `name` and `email` are of the license's owner and may be empty; the server may ask for the e-mail. `from_device` is
    /// the id of the device that loses its seat, needed where several hold one. Never waits for a server that cannot be
    /// reached.
    ///
    /// # Errors
    /// [`Failure`], where the input is not valid, the server refused, or no answer counts.
    pub fn transfer(
        &self,
        key: Option<&str>,
        name: &str,
        email: &str,
        from_device: Option<&str>,
    ) -> Result<State, Failure> {
        let keys = match key {
            Some(key) => outcome::read_key(&self.shared.config.product, key)?.map(Some),
            None => Candidates::of(None),
        };
        let licensee = outcome::read_licensee(name, email)?;
        let moved = keys.first_known(|key| self.session()?.transfer(key, &licensee, from_device));
        self.shared.notify_if_changed();
        moved.map(|()| self.status())
    }

    /// Frees the seat of this device and forgets the license. Where the server cannot be reached, the request waits and
    /// the license works until it is sent.
    ///
    /// # Errors
    /// [`Failure`], where the server refused or the call ended early.
    pub fn deactivate(&self) -> Result<Deactivation, Failure> {
        let freed = self.session().and_then(|mut session| session.deactivate());
        self.shared.notify_if_changed();
        freed.map(|waiting| waiting.map_or(Deactivation::Done, Deactivation::Waiting))
    }
}

impl Shared {
    /// Ignores lock poisoning: the memory is changed by plain assignments, so a panic leaves it whole.
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn evaluation(&self) -> Evaluation {
        self.look(|memory| memory.evaluation(&self.config))
    }

    /// Wakes waiting threads and calls the listener, if the state has changed. The listener runs without a lock held.
    fn notify_if_changed(&self) {
        if self.is_forked() {
            return;
        }
        let state = self.evaluation().state;
        let mut notified = self.notified.lock().unwrap_or_else(PoisonError::into_inner);
        if *notified == state {
            return;
        }
        *notified = state;
        drop(notified);
        self.changed.notify_all();
        if let Some(listener) = &self.config.on_change {
            listener(state);
        }
    }
}

impl Drop for Licensing {
    /// In a forked child the license is never closed: that would write the parent's file and end its connections.
    fn drop(&mut self) {
        if self.shared.is_forked() {
            std::mem::forget(Arc::clone(&self.shared));
        }
    }
}

impl Drop for Shared {
    /// Ends the refreshers and stores the time that has passed, as far as the disk allows.
    fn drop(&mut self) {
        for refresher in self.refreshers.get_mut().unwrap_or_else(PoisonError::into_inner) {
            refresher.cancel();
        }
        if let Ok(mut session) = Session::begin(self, &CancelToken::new()) {
            session.keep_time(Duration::from_secs(1));
        }
    }
}

impl Memory {
    fn observe_time(&mut self, config: &Config) -> ReconciledTime {
        self.timeline.observe(config.clock.now())
    }

    fn evaluation(&mut self, config: &Config) -> Evaluation {
        let time = self.observe_time(config);
        evaluate(&Evidence { decision: self.decision, time, failed_at: self.failed_at })
    }
}
