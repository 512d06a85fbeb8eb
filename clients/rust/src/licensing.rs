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
//! `time_keeping` (the time in the row); `key_fetching` learns keys, and `outbox` decides about requests that have to wait. Looks lock the memory alone,
//! so they never wait for the network.

mod air_gap;
mod builder;
mod coverage;
mod device_name;
mod forked;
mod key_fetching;
mod license;
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

use falconer_domain::lease::Claims;
use falconer_domain::{CalendarDate, LicenseKey, Product};

use crate::cancel::CancelToken;
use crate::clock::{Clock, UnixSeconds};
use crate::failure::Failure;
use crate::hardware::{Fingerprint, RawComponents};
use crate::random::Random;
use crate::snapshot::Snapshot;
use crate::state::{Evaluation, Evidence, LockCode, State, StoredDecision, evaluate};
use crate::timeline::{ReconciledTime, Timeline};
use crate::transport::Transport;
use crate::trust::PublicKeys;
use crate::user_message::{MessageId, UserMessage};
use device_name::DeviceNameSource;
use forked::MemoryCopies;
use outcome::Candidates;
use session::{Session, SessionState};

pub use air_gap::AirGapText;
pub use builder::{Builder, OpenError};
pub use license::{Device, License, Pending};
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

struct Config {
    product: Product,
    pins: PublicKeys,
    transport: Box<dyn Transport>,
    clock: Arc<dyn Clock>,
    random: Box<dyn Random>,
    raw: RawComponents,
    device: Device,
    device_name: DeviceNameSource,
    on_change: Option<Box<dyn Fn(State) + Send + Sync>>,
    build_date: Option<CalendarDate>,
}

/// Everything that a look needs, without disk and network.
#[derive(Clone)]
struct Memory {
    decision: StoredDecision,
    claims: Option<Claims>,
    key: Option<LicenseKey>,
    /// This machine under the key.
    fingerprint: Option<Fingerprint>,
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

    /// Returns true while the application may run. Decide by this and not by comparing states: a clock that was turned back
    /// makes the state `ClockSuspect`, and leaves a paying user unlocked. Evaluated at this instant, without network or
    /// disk.
    #[must_use]
    pub fn is_unlocked(&self) -> bool {
        self.shared.look(|memory| memory.evaluation(&self.shared.config).unlocked)
    }

    /// Returns everything that the library knows, evaluated once at this instant, without network or disk. It can be
    /// written as JSON.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.look(|memory| {
            let time = memory.observe_time(&self.shared.config);
            let Evaluation { state, unlocked } = memory.evaluation_at(time, &self.shared.config);
            let license = memory.license(unlocked);
            let on = license.as_ref().filter(|_| unlocked);
            Snapshot {
                version: Snapshot::VERSION,
                state,
                unlocked,
                lock_code: match state {
                    State::Locked { code } => Some(code),
                    _ => None,
                },
                message: memory.message_of(state),
                detail: memory.detail(state),
                features: on.map(|license| license.features.clone()).unwrap_or_default(),
                limits: on.map(|license| license.limits.clone()).unwrap_or_default(),
                updates_until: license.as_ref().and_then(|license| license.updates_until),
                updates_version: license.as_ref().and_then(|license| license.updates_version.clone()),
                build_date: self.shared.config.build_date,
                license,
                pending: memory.pending,
                notice: memory.notice,
                device: memory.device(&self.shared.config),
                now: time.now(),
            }
        })
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
            memory.license(unlocked)
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
    pub fn device(&self) -> Device {
        self.shared.look(|memory| memory.device(&self.shared.config))
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
        // Under the lock, so that an older state is never announced after a newer one.
        let mut notified = self.notified.lock().unwrap_or_else(PoisonError::into_inner);
        let state = self.evaluation().state;
        if *notified == state {
            return;
        }
        *notified = state;
        drop(notified);
        self.changed.notify_all();
        if let Some(listener) = &self.config.on_change {
            // Another thread may have announced a newer state before the listener ran for this one.
            listener(self.evaluation().state);
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
        self.evaluation_at(time, config)
    }

    fn evaluation_at(&self, time: ReconciledTime, config: &Config) -> Evaluation {
        let (decision, failed_at, build_date) = (self.decision, self.failed_at, config.build_date);
        evaluate(&Evidence { decision, time, failed_at, build_date })
    }

    /// True where the stored lease came as a file, so that no network may be expected.
    fn is_air_gapped(&self) -> bool {
        self.claims.as_ref().is_some_and(|claims| claims.air_gap == Some(true))
    }

    /// The message of a state. A license that came as a file gets a next step that needs no network.
    fn message_of(&self, state: State) -> UserMessage {
        let by_file = match state {
            State::RefreshDue | State::Grace { .. } => Some(MessageId::RenewByFile),
            State::Locked { code: LockCode::LeaseExpired } => Some(MessageId::AirGapEnded),
            State::ClockSuspect => Some(MessageId::AirGapClock),
            _ => None,
        };
        let by_file = by_file.filter(|_| self.is_air_gapped());
        by_file.map_or_else(|| state.user_message(), MessageId::message)
    }

    fn license(&self, unlocked: bool) -> Option<License> {
        let (claims, key) = self.claims.as_ref().zip(self.key.as_ref())?;
        Some(License {
            id: claims.sub.clone(),
            masked_key: key.masked(),
            tier: claims.tier.clone(),
            features: claims.features.clone().unwrap_or_default(),
            limits: coverage::limits(claims),
            updates_until: claims.updates_until,
            updates_version: claims.updates_version.clone(),
            expires_at: claims.license_expires_at.map(UnixSeconds),
            device_id: claims.device.clone(),
            offline_until: match self.decision {
                StoredDecision::Leased(term) if unlocked => Some(term.exp),
                _ => None,
            },
            refresh_at: match self.decision {
                StoredDecision::Leased(term) => Some(term.refresh_at),
                _ => None,
            },
            checked_at: UnixSeconds(claims.at),
            air_gap: claims.air_gap == Some(true),
        })
    }

    /// This device under the name that other users of the license see.
    fn device(&self, config: &Config) -> Device {
        let Device { name, labels, platform } = &config.device;
        let name = match &self.fingerprint {
            Some(own) => config.device_name.marked(name, own),
            None => name.clone(),
        };
        Device { name, labels: labels.clone(), platform: *platform }
    }
}
