//! One exchange with the server at a time: builds the request, reads the answer, and acts on it.
//!
//! [`persist`](super::persist) keeps the outcome and [`time_keeping`](super::time_keeping) keeps the time;
//! [`outbox`](super::outbox) decides about requests that have to wait.

use std::cell::Cell;
use std::sync::{MutexGuard, TryLockError};
use std::time::Duration;

use falconer_domain::LicenseKey;
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::lease::Claims;
use falconer_domain::person::{Email, PersonName};
use serde_json::{Map, Value, json};

use super::verified_record::{self, VerifiedRecord};
use super::{Config, Shared};
use crate::answer::{self, Refusal, RequestFailure, ServerAnswer, SignedAnswer};
use crate::cancel::CancelToken;
use crate::clock::UnixSeconds;
use crate::decision::{CurrentAnswer, Decision, Question, decide};
use crate::failure::Failure;
use crate::hardware::{Fingerprint, HARDWARE_FORMAT, InstallId};
use crate::retry::send_with_retry;
use crate::store::{ApplicationStore, Licensee, Record, SentComponents, StoredKey};
use crate::timeline::TimeCheckpoint;
use crate::transport::{ApiEndpoint, NetworkFailure, TransportRequest};
use crate::trust::{LOOK_WITH_REQUEST_SECONDS, Signer};
use crate::user_message::UserMessage;

const NONCE_BYTES: usize = 16;
/// Interval between two attempts to begin while another session goes on: shorter than a person notices.
const BEGIN_INTERVAL: Duration = Duration::from_millis(10);
/// Interval between requests with `refresh: true`. Verify stores nothing, so without them `lastSeenAt` would grow old,
/// and customers choose between their devices by it.
const PRESENCE_INTERVAL_SECONDS: i64 = 7 * 86_400;

/// State that only the running session may change: the open store and the row that counts.
pub(super) struct SessionState {
    pub(super) store: ApplicationStore,
    pub(super) record: Record,
    pub(super) verified: VerifiedRecord,
    pub(super) notice: Option<UserMessage>,
    /// The row as the disk last had it, while `record` holds changes that could not be written.
    pub(super) unsaved_base: Option<Record>,
}

impl SessionState {
    pub(super) fn new(mut store: ApplicationStore, notice: Option<UserMessage>, config: &Config) -> Self {
        let (record, notice) = match store.read() {
            Ok(record) => (record, notice),
            Err(error) => (Record::default(), notice.or(Some(error.user_message()))),
        };
        let verified = VerifiedRecord::of(&record, config);
        Self { store, record, verified, notice, unsaved_base: None }
    }
}

/// Outcome of one request.
pub(super) enum Exchange {
    /// A signed, fresh answer, and its effect.
    Decided(Decision, Refusal),
    /// A refusal without a signature.
    Unsigned(Refusal),
    /// An answer that decides nothing, or none.
    Failed(RequestFailure),
}

/// Exclusive access to the session state. Only one session exists at a time, so answers count in the order of their
/// requests.
pub(super) struct Session<'a> {
    pub(super) shared: &'a Shared,
    pub(super) state: MutexGuard<'a, SessionState>,
    /// Ends the requests.
    pub(super) cancel: CancelToken,
    /// True if the last request may have reached the server.
    pub(super) may_have_arrived: bool,
}

impl<'a> Session<'a> {
    /// Waits for the session before it, then reads the row again: another process may have written it. Fails if it is
    /// cancelled, and in a forked child.
    pub(super) fn begin(shared: &'a Shared, cancel: &CancelToken) -> Result<Self, RequestFailure> {
        if shared.is_forked() {
            return Err(RequestFailure::Forked);
        }
        let state = loop {
            if cancel.is_cancelled() {
                return Err(RequestFailure::Unreachable(NetworkFailure::Cancelled));
            }
            match shared.session.try_lock() {
                Ok(state) => break state,
                Err(TryLockError::Poisoned(state)) => break state.into_inner(),
                Err(TryLockError::WouldBlock) => drop(cancel.wait(BEGIN_INTERVAL)),
            }
        };
        let mut session = Self { shared, state, cancel: cancel.clone(), may_have_arrived: false };
        session.reload();
        Ok(session)
    }

    /// Sends the pending request, then checks the stored license. See [`Licensing::refresh`](super::Licensing::refresh).
    pub(super) fn refresh(&mut self) -> Result<(), Failure> {
        let had_pending = self.state.record.waits_for_network();
        let sent = self.send_pending();
        if had_pending && sent.is_ok() {
            return Ok(());
        }
        // A failed pending request may be about another key, so the stored license is checked all the same and the state
        // shows the result. Only this return value reports the pending request.
        let checked = self.check();
        sent.and(checked)
    }

    /// Verifies the stored license. Afterwards it reports this machine with `refresh: true` where a component has changed
    /// or a week has passed; the server assigns no seat for that, so a seat moved meanwhile stays moved.
    fn check(&mut self) -> Result<(), Failure> {
        let VerifiedRecord { key: Some(key), fingerprint: Some(own), .. } = self.state.verified.clone()
        else {
            return Ok(());
        };
        match self.ask(ApiEndpoint::Verify, Question::Verify, &key, &own, request_members(&key, &own)) {
            Exchange::Decided(Decision::Lease, _) => {
                if self.must_report(&own) {
                    let refresh = [("refresh", json!(true))];
                    self.ask_for_seat(ApiEndpoint::Activate, &key, &Licensee::default(), refresh);
                }
                Ok(())
            }
            Exchange::Decided(Decision::Lock(_), _) => Ok(()),
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                self.record_failure();
                Err(refusal.into())
            }
            Exchange::Failed(failure) => {
                // A cancelled check says nothing about server and network.
                if !failure.is_early_end() {
                    self.record_failure();
                }
                Err(failure.into())
            }
        }
    }

    /// True where the server last saw other components, or saw these a week ago by its own time.
    fn must_report(&self, own: &Fingerprint) -> bool {
        let now = self.state.verified.claims.as_ref().map_or(0, |claims| claims.at);
        let is_recent = |at: i64| at <= now && now < at.saturating_add(PRESENCE_INTERVAL_SECONDS);
        let is_known = |sent: &SentComponents| sent.digest == own.digest() && is_recent(sent.at.0);
        !self.state.record.sent_components.as_ref().is_some_and(is_known)
    }

    /// Asks for a seat; an install id supplements hardware that is too little to bind.
    pub(super) fn take_seat(
        &mut self,
        endpoint: ApiEndpoint,
        key: &LicenseKey,
        licensee: &Licensee,
        from_device: Option<&str>,
    ) -> Exchange {
        self.ask_for_seat(endpoint, key, licensee, from_device.map(|id| ("from_device", json!(id))))
    }

    fn ask_for_seat(
        &mut self,
        endpoint: ApiEndpoint,
        key: &LicenseKey,
        licensee: &Licensee,
        further: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Exchange {
        let own = self.fingerprint(key);
        let mut members = request_members(key, &own);
        members.insert("device_name".to_owned(), json!(self.device_name(&own)));
        if self.shared.config.raw.is_in_virtual_machine() {
            members.insert("virtual_machine".to_owned(), json!(true));
        }
        let texts = [
            ("licensee_name", licensee.name.as_ref().map(PersonName::as_str)),
            ("licensee_email", licensee.email.as_ref().map(Email::as_str)),
        ];
        members.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
        members.extend(further.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let is_other_license = self.state.verified.key.as_ref() != Some(key);
        let exchange = self.ask(endpoint, Question::TakeSeat, key, &own, members);
        if matches!(exchange, Exchange::Decided(Decision::Lease, _)) {
            let at = self.state.verified.claims.as_ref().map_or(0, |claims| claims.at);
            let sent = SentComponents { digest: own.digest(), at: UnixSeconds(at) };
            self.keep(|record| {
                record.sent_components = Some(sent.clone());
                // The person of another license is not kept beside this one.
                if is_other_license || *licensee != Licensee::default() {
                    record.licensee = licensee.clone();
                }
            });
        }
        exchange
    }

    /// Name of this device, as the server shows it to other users of the license.
    pub(super) fn device_name(&self, own: &Fingerprint) -> String {
        let Config { device, device_name, .. } = &self.shared.config;
        device_name.marked(&device.name, own)
    }

    /// Fingerprint of this machine under a license key. Makes an install id where one is needed; a stored one is kept.
    pub(super) fn fingerprint(&mut self, key: &LicenseKey) -> Fingerprint {
        let raw = &self.shared.config.raw;
        let own = Fingerprint::of(key, raw, self.state.record.install_id.as_ref());
        let mut random = [0; InstallId::BYTES];
        if !raw.needs_install_id(&own) || self.shared.config.random.fill(&mut random).is_err() {
            return own;
        }
        let install_id = InstallId::from_random(random);
        self.keep(|record| record.install_id = Some(install_id.clone()));
        Fingerprint::of(key, raw, Some(&install_id))
    }

    /// Sends one request, acts on the answer, and logs the outcome.
    pub(super) fn ask(
        &mut self,
        endpoint: ApiEndpoint,
        question: Question,
        key: &LicenseKey,
        own: &Fingerprint,
        members: Map<String, Value>,
    ) -> Exchange {
        let cancelled = || Exchange::Failed(RequestFailure::Unreachable(NetworkFailure::Cancelled));
        self.may_have_arrived = false;
        if self.cancel.is_cancelled() {
            return cancelled();
        }
        self.look_for_statement(LOOK_WITH_REQUEST_SECONDS);
        let exchange = match self.send(endpoint, members) {
            // A cancelled call ended for that reason, whatever its last attempt or a look for keys brought.
            ServerAnswer::UnknownKey | ServerAnswer::Failed(_) if self.cancel.is_cancelled() => cancelled(),
            ServerAnswer::Signed(signed) => {
                let decision = self.act(question, key, own, &signed);
                match decision {
                    Decision::Unrelated => Exchange::Failed(RequestFailure::NotForThisRequest),
                    Decision::OtherMachine => Exchange::Failed(RequestFailure::OtherMachine),
                    _ => Exchange::Decided(decision, signed.refusal),
                }
            }
            ServerAnswer::Unsigned(refusal) => Exchange::Unsigned(refusal),
            ServerAnswer::UnknownKey => Exchange::Failed(RequestFailure::UntrustedSignature),
            ServerAnswer::Failed(failure) => Exchange::Failed(failure),
        };
        self.log(endpoint, &exchange);
        exchange
    }

    /// Sends with retries and reads the reply. A signature by an unknown key makes it fetch the server's keys once.
    fn send(&mut self, endpoint: ApiEndpoint, mut members: Map<String, Value>) -> ServerAnswer {
        let Config { transport, clock, random, product, .. } = &self.shared.config;
        let mut bytes = [0; NONCE_BYTES];
        if random.fill(&mut bytes).is_err() {
            return ServerAnswer::Failed(RequestFailure::NothingSent);
        }
        let nonce = HEXLOWER.encode(&bytes);
        members.insert("nonce".to_owned(), json!(nonce));
        let body = Value::Object(members).to_string();
        let (cancel, arrived) = (&self.cancel, Cell::new(false));
        let reply = send_with_retry(&**clock, &**random, cancel, || {
            let reply =
                transport.send(&TransportRequest { endpoint, body: Some(&body), cancel: cancel.clone() });
            arrived.set(
                arrived.get() || reply.as_ref().err().is_none_or(|failure| failure.may_follow_delivery()),
            );
            reply
        });
        self.may_have_arrived = arrived.get();
        let read = |record: &Record| {
            let trusted = verified_record::trusted_keys(record, &self.shared.config);
            answer::read(reply.as_ref(), product, &nonce, &trusted)
        };
        match read(&self.state.record) {
            ServerAnswer::UnknownKey => {
                self.fetch_keys();
                read(&self.state.record)
            }
            answer => answer,
        }
    }

    pub(super) fn now(&self) -> UnixSeconds {
        self.shared.memory().observe_time(&self.shared.config).now()
    }

    /// Applies a signed answer to the row, with the time that it proves. The decision is made inside the store's
    /// transaction, because another process may store a newer answer at any moment.
    fn act(
        &mut self,
        question: Question,
        key: &LicenseKey,
        own: &Fingerprint,
        signed: &SignedAnswer,
    ) -> Decision {
        let SignedAnswer { claims, jws, .. } = signed;
        let config = &self.shared.config;
        let (issued_at, clocks) = (UnixSeconds(claims.at), config.clock.now());
        let checkpoint = TimeCheckpoint::at(issued_at, clocks);
        let decided = Cell::new(Decision::Unrelated);
        self.keep(|record| {
            let stored = VerifiedRecord::of(record, config);
            let current = current_answer(&stored, question, claims);
            decided.set(decide(question, claims, current, &own.lease_components()));
            match decided.get() {
                Decision::Unrelated | Decision::OtherMachine | Decision::Refused => {}
                Decision::Lease => {
                    record.key = Some(StoredKey(key.to_string()));
                    record.answer = Some(jws.clone());
                    record.failed_at = None;
                    record.checkpoint = checkpoint;
                    record.seal = Some(verified_record::seal_of(record, jws, key, claims));
                }
                Decision::Lock(_) => {
                    record.answer = Some(jws.clone());
                    record.failed_at = None;
                    (record.checkpoint, record.seal) = (checkpoint, None);
                }
                Decision::Freed => {
                    record.abandon_activation();
                    // The install id belongs to the machine and the public keys to the vendor, so both stay.
                    *record = Record {
                        trusted_keys: record.trusted_keys.take(),
                        install_id: record.install_id.take(),
                        abandoned_keys: std::mem::take(&mut record.abandoned_keys),
                        ..Record::default()
                    };
                }
            }
        });
        if decided.get() == Decision::Refused {
            self.shared.memory().timeline.accept(issued_at, clocks);
            self.write_time();
        }
        decided.get()
    }

    /// Records the moment of a failed check; the state decides from when on it matters.
    fn record_failure(&mut self) {
        let now = self.shared.memory().observe_time(&self.shared.config).now();
        self.keep(|record| record.failed_at = Some(now));
        self.keep_time(Duration::from_secs(1));
    }

    fn log(&mut self, endpoint: ApiEndpoint, exchange: &Exchange) {
        let outcome = match exchange {
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => refusal.code.as_str(),
            Exchange::Failed(failure) => failure.name(),
        };
        tracing::info!(endpoint = endpoint.path(), outcome, "license server request finished");
        let now = self.shared.memory().observe_time(&self.shared.config).local;
        // The stored log is for support alone, so a failure to write it is ignored.
        let _ = self.state.store.log(now, endpoint.path(), outcome);
    }
}

/// The stored answer, as a new one is compared with it. A stored answer by a key that does not count any more is older than
/// everything, and what it says about the license counts nothing against an answer to a question about that license.
pub(super) fn current_answer<'a>(
    stored: &'a VerifiedRecord,
    question: Question,
    answer: &'a Claims,
) -> Option<CurrentAnswer<'a>> {
    let (claims, issued_at) = stored.claims.as_ref().zip(stored.issued_at())?;
    let is_about_stored = matches!(question, Question::Verify | Question::FreeSeat);
    let license_id = match stored.signer {
        Signer::Former(_) if is_about_stored => &answer.sub,
        _ => &claims.sub,
    };
    Some(CurrentAnswer { license_id, issued_at: UnixSeconds(issued_at) })
}

/// Members that every request has: the license key and the components of this machine.
pub(super) fn request_members(key: &LicenseKey, own: &Fingerprint) -> Map<String, Value> {
    let members = json!({
        "license_key": key.to_string(),
        "hardware_format": HARDWARE_FORMAT,
        "hardware": own.to_wire(),
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
