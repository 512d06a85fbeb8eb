//! Where one operation at a time asks the server, understands what came back, and keeps it.

use std::cell::Cell;
use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use falconer_domain::LicenseKey;
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::person::{Email, PersonName};
use serde_json::{Map, Value, json};

use super::merge::merge;
use super::outcome::RefreshError;
use super::verified_record::{self, VerifiedRecord};
use super::{Config, Pending, Shared};
use crate::answer::{self, Refusal, RequestFailure, ServerAnswer, SignedAnswer};
use crate::clock::UnixSeconds;
use crate::decision::{CurrentAnswer, Decision, Question, decide};
use crate::hardware::{Fingerprint, HARDWARE_FORMAT, InstallId};
use crate::retry::send_with_retry;
use crate::seal;
use crate::state::StoredDecision;
use crate::store::{Licensee, Opened, Record, SentComponents, Store, StoredKey};
use crate::timeline::{CheckpointIntegrity, TimeCheckpoint, Timeline};
use crate::transport::ApiEndpoint;
use crate::trust::TrustedKeys;
use crate::user_message::UserMessage;

const NONCE_BYTES: usize = 16;
/// How often the server stores that this machine is in use. Verify changes no license, so it has to be told; a person
/// whose seats are taken chooses between machines by the day they were last seen.
const SEEN_EVERY_SECONDS: i64 = 7 * 86_400;

/// The store, and what it says.
pub(super) struct SessionState {
    store: Store,
    pub(super) record: Record,
    pub(super) known: VerifiedRecord,
    pub(super) notice: Option<UserMessage>,
    /// Where `record` holds something that could not be written: the row as the disk had it last.
    unsaved: Option<Record>,
    /// Who activated last, also where that was refused: a transfer that follows may have to tell the e-mail.
    pub(super) typed: Licensee,
}

impl SessionState {
    pub(super) fn new(opened: Opened, config: &Config) -> Self {
        let Opened { store, notice } = opened;
        let record = store.read().unwrap_or_default();
        let known = VerifiedRecord::of(&record, config);
        let typed = record.person.clone();
        Self { store, record, known, notice, unsaved: None, typed }
    }
}

/// What came of one question.
pub(super) enum Exchange {
    /// Signed and fresh.
    Decided(Decision, Refusal),
    /// A no that nobody signed.
    Unsigned(Refusal),
    /// Nothing that says anything.
    Failed(RequestFailure),
}

/// One operation. While it runs no other does.
pub(super) struct Session<'a> {
    shared: &'a Shared,
    pub(super) desk: MutexGuard<'a, SessionState>,
}

impl<'a> Session<'a> {
    /// Waits for the one before, and takes up what another process may have stored meanwhile.
    pub(super) fn begin(shared: &'a Shared) -> Self {
        let desk = shared.desk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut operation = Self { shared, desk };
        operation.reload();
        operation
    }

    /// See [`Licensing::refresh`](super::Licensing::refresh).
    pub(super) fn refresh(&mut self) -> Result<(), RefreshError> {
        let waited = self.desk.record.pending.is_some();
        let sent = self.send_pending();
        if waited && sent.is_ok() {
            return Ok(());
        }
        // What waits says nothing about the license that is stored: that one is checked all the same, and shows in the
        // state. What came of what waited is told here and nowhere else.
        let checked = self.check();
        sent.and(checked)
    }

    /// Keeps how late it is, if that is `at_least` later than what is kept, or if the clock was seen to be set since: a later
    /// start could not tell.
    pub(super) fn keep_time(&mut self, at_least: Duration) {
        let (marks, _) = self.shared.marks();
        let kept = self.desk.record.marks;
        let later = marks.floor.0.saturating_sub(kept.floor.0);
        let is_later = u128::try_from(later).is_ok_and(|later| later >= at_least.as_millis());
        if is_later || marks.skew_millis != kept.skew_millis {
            self.write_time();
        }
    }

    /// Keeps how late it is, under a seal. Only a lease needs it. CheckpointIntegrity that were changed stay as they are: a new seal would
    /// make them good. Where another process kept the time since, the later floor counts.
    fn write_time(&mut self) {
        let config = &self.shared.config;
        let (marks, believed) = self.shared.marks();
        let (answer, read) = (self.desk.record.answer.clone(), self.desk.record.marks);
        self.keep(|record| {
            let VerifiedRecord {
                standing: StoredDecision::Leased(_),
                marks: CheckpointIntegrity::Intact,
                claims: Some(claims),
                key: Some(key),
                ..
            } = VerifiedRecord::of(record, config)
            else {
                return;
            };
            let answer = record.answer.as_ref().filter(|kept| Some(*kept) == answer.as_ref());
            let (Some(answer), CheckpointIntegrity::Intact) = (answer, believed) else { return };
            let marks = if record.marks == read {
                marks
            } else {
                TimeCheckpoint { floor: record.marks.floor.max(marks.floor), ..record.marks }
            };
            record.seal = Some(seal::seal(marks, answer, &key, &verified_record::stated(&claims)));
            record.marks = marks;
        });
    }

    /// Asks whether the stored license is still good here; then, if this machine is not quite what the server saw last, or
    /// was shown to it a week ago, shows it to the server. That takes no seat, whatever has happened since.
    fn check(&mut self) -> Result<(), RefreshError> {
        let VerifiedRecord { key: Some(key), own: Some(own), .. } = self.desk.known.clone() else {
            return Ok(());
        };
        match self.ask(ApiEndpoint::Verify, Question::Verify, &key, &own, members(&key, &own)) {
            Exchange::Decided(Decision::Lease, _) => {
                if self.is_to_be_shown(&own) {
                    self.ask_for_seat(
                        ApiEndpoint::Activate,
                        &key,
                        &Licensee::default(),
                        [("refresh", json!(true))],
                    );
                }
                Ok(())
            }
            Exchange::Decided(Decision::Lock(_), _) => Ok(()),
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                self.failed();
                Err(RefreshError::Refused(refusal))
            }
            Exchange::Failed(failure) => {
                self.failed();
                Err(RefreshError::RequestFailed(failure))
            }
        }
    }

    /// Whether the server saw this machine otherwise last, or a week ago by its own time.
    fn is_to_be_shown(&self, own: &Fingerprint) -> bool {
        let now = self.desk.known.claims.as_ref().map_or(0, |claims| claims.at);
        let is_recent = |at: i64| at <= now && now < at.saturating_add(SEEN_EVERY_SECONDS);
        let was_shown = |sent: &SentComponents| sent.digest == own.digest() && is_recent(sent.at.0);
        !self.desk.record.sent.as_ref().is_some_and(was_shown)
    }

    /// Asks for a seat, with an install id where the hardware is too little.
    pub(super) fn take_seat(
        &mut self,
        endpoint: ApiEndpoint,
        key: &LicenseKey,
        person: &Licensee,
        from_device: Option<&str>,
    ) -> Exchange {
        self.ask_for_seat(endpoint, key, person, from_device.map(|id| ("from_device", json!(id))))
    }

    fn ask_for_seat(
        &mut self,
        endpoint: ApiEndpoint,
        key: &LicenseKey,
        person: &Licensee,
        further: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> Exchange {
        let own = self.fingerprint(key);
        let mut members = members(key, &own);
        members.insert("device_name".to_owned(), json!(self.shared.config.device.name));
        let texts = [
            ("licensee_name", person.name.as_ref().map(PersonName::as_str)),
            ("licensee_email", person.email.as_ref().map(Email::as_str)),
        ];
        members.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text?)))));
        members.extend(further.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let heard = self.ask(endpoint, Question::TakeSeat, key, &own, members);
        if matches!(heard, Exchange::Decided(Decision::Lease, _)) {
            let at = self.desk.known.claims.as_ref().map_or(0, |claims| claims.at);
            let sent = SentComponents { digest: own.digest(), at: UnixSeconds(at) };
            self.keep(|record| {
                record.sent = Some(sent.clone());
                if *person != Licensee::default() {
                    record.person = person.clone();
                }
            });
        }
        heard
    }

    /// This machine as a license knows it. Once made, an install id stays.
    pub(super) fn fingerprint(&mut self, key: &LicenseKey) -> Fingerprint {
        let raw = &self.shared.config.raw;
        let own = Fingerprint::of(key, raw, self.desk.record.install.as_ref());
        let mut random = [0; InstallId::BYTES];
        if own.can_bind() || self.shared.config.random.fill(&mut random).is_err() {
            return own;
        }
        let install = InstallId::from_random(random);
        self.keep(|record| record.install = Some(install.clone()));
        Fingerprint::of(key, raw, Some(&install))
    }

    /// One question and what it does.
    pub(super) fn ask(
        &mut self,
        endpoint: ApiEndpoint,
        question: Question,
        key: &LicenseKey,
        own: &Fingerprint,
        members: Map<String, Value>,
    ) -> Exchange {
        let heard = match self.exchange(endpoint, members) {
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
        self.log(endpoint, &heard);
        heard
    }

    /// Sends, and reads what comes back; where an unknown key signed it, after learning the keys.
    fn exchange(&mut self, endpoint: ApiEndpoint, mut members: Map<String, Value>) -> ServerAnswer {
        let Config { transport, clock, random, product, .. } = &self.shared.config;
        let mut bytes = [0; NONCE_BYTES];
        if random.fill(&mut bytes).is_err() {
            return ServerAnswer::Failed(RequestFailure::NothingSent);
        }
        let nonce = HEXLOWER.encode(&bytes);
        members.insert("nonce".to_owned(), json!(nonce));
        let body = Value::Object(members).to_string();
        let reply = send_with_retry(&**clock, &**random, || transport.send(endpoint, Some(&body)));
        let read = |record: &Record| {
            answer::read(
                reply.as_ref(),
                product,
                &nonce,
                &verified_record::trusted_keys(record, &self.shared.config),
            )
        };
        match read(&self.desk.record) {
            ServerAnswer::UnknownKey => {
                self.learn_keys();
                read(&self.desk.record)
            }
            answer => answer,
        }
    }

    /// Fetches the server's keys and keeps those that a trusted one endorses.
    fn learn_keys(&mut self) {
        let Config { transport, clock, random, pins, .. } = &self.shared.config;
        let reply = send_with_retry(&**clock, &**random, || transport.send(ApiEndpoint::Keys, None));
        let Ok(reply) = reply else { return };
        let Ok(fetched) = std::str::from_utf8(&reply.body) else { return };
        self.keep(|record| {
            if let Some(keys) = TrustedKeys::merge(pins, record.keys.as_deref(), fetched) {
                record.keys = Some(keys);
            }
        });
    }

    /// Does what a signed answer says. What it says of the time counts with it. Another process may hear something newer
    /// at any moment, so it is held against what is stored when nobody else can write.
    fn act(
        &mut self,
        question: Question,
        key: &LicenseKey,
        own: &Fingerprint,
        signed: &SignedAnswer,
    ) -> Decision {
        let SignedAnswer { claims, jws, .. } = signed;
        let config = &self.shared.config;
        let (issued_at, tick) = (UnixSeconds(claims.at), config.clock.now());
        let marks = TimeCheckpoint::at(issued_at, tick);
        let decided = Cell::new(Decision::Unrelated);
        self.keep(|record| {
            let held = VerifiedRecord::of(record, config).claims;
            let held = held
                .as_ref()
                .map(|held| CurrentAnswer { license_id: &held.sub, issued_at: UnixSeconds(held.at) });
            decided.set(decide(question, claims, held, &own.stated()));
            match decided.get() {
                Decision::Unrelated | Decision::OtherMachine | Decision::Refused | Decision::SeatReleased => {
                }
                Decision::Lease => {
                    record.key = Some(StoredKey(key.to_string()));
                    record.answer = Some(jws.clone());
                    record.failed_at = None;
                    record.marks = marks;
                    record.seal = Some(seal::seal(marks, jws, key, &verified_record::stated(claims)));
                }
                Decision::Lock(_) => {
                    record.answer = Some(jws.clone());
                    record.failed_at = None;
                    (record.marks, record.seal) = (marks, None);
                }
                Decision::Freed => {
                    record.abandon_activation();
                    // The install id is the machine's, and the keys are the vendor's.
                    *record = Record {
                        keys: record.keys.take(),
                        install: record.install.take(),
                        abandoned_keys: std::mem::take(&mut record.abandoned_keys),
                        ..Record::default()
                    };
                }
            }
        });
        match decided.get() {
            Decision::Freed => self.desk.typed = Licensee::default(),
            Decision::Refused | Decision::SeatReleased => {
                self.shared.memory().time.accept(issued_at, tick);
                self.write_time();
            }
            _ => {}
        }
        decided.get()
    }

    /// A check failed. From when that matters is the state's business.
    fn failed(&mut self) {
        let now = self.shared.memory().look(&self.shared.config).now();
        self.keep(|record| record.failed_at = Some(now));
        self.keep_time(Duration::from_secs(1));
    }

    /// Changes the row, on disk where that works and in memory in any case. `change` may run twice.
    pub(super) fn keep(&mut self, change: impl Fn(&mut Record)) {
        let (shared, desk) = (self.shared, &mut *self.desk);
        let (own, unsaved) = (&desk.record, &desk.unsaved);
        let kept = desk.store.update(|record| {
            if let Some(base) = unsaved {
                *record = merge(record, base, own, |row| issued_at(row, &shared.config));
            }
            change(record);
        });
        match kept {
            Ok(record) => {
                desk.unsaved = None;
                self.take_up(record);
            }
            Err(failure) => {
                let mut record = desk.record.clone();
                change(&mut record);
                if desk.unsaved.is_none() {
                    if record == desk.record {
                        return;
                    }
                    desk.unsaved = Some(desk.record.clone());
                }
                desk.notice = Some(failure.user_message_while_running());
                tracing::warn!(error = ?failure, "license not saved; kept in memory");
                self.take_up(record);
            }
        }
    }

    /// Reads what is on disk. What could not be written stays where nothing newer stands there.
    fn reload(&mut self) {
        let (shared, desk) = (self.shared, &mut *self.desk);
        let Ok(row) = desk.store.read() else { return };
        let record = match &mut desk.unsaved {
            None => row,
            Some(base) => {
                let record = merge(&row, base, &desk.record, |row| issued_at(row, &shared.config));
                *base = row;
                record
            }
        };
        if record != desk.record {
            self.take_up(record);
        }
    }

    /// Takes a row for the one that counts, and works out what it means, for those who look.
    ///
    /// Its marks of time come with its answer. Where that is the same or an older one, they may only add to what this
    /// process has seen pass itself.
    fn take_up(&mut self, record: Record) {
        let config = &self.shared.config;
        let tick = config.clock.now();
        let desk = &mut *self.desk;
        let before = std::mem::replace(&mut desk.record, record);
        let known = VerifiedRecord::of(&desk.record, config);
        let known_before = std::mem::replace(&mut desk.known, known);
        let (record, known) = (&desk.record, &desk.known);
        let mut memory = self.shared.memory();
        memory.standing = known.standing;
        memory.claims.clone_from(&known.claims);
        memory.key.clone_from(&known.key);
        memory.failed_at = record.failed_at;
        memory.pending = Pending::of(record);
        memory.notice = desk.notice;
        if record.answer != before.answer && !goes_back(known, &known_before) {
            memory.time = Timeline::resumed(record.marks, known.marks, tick);
        } else if (record.marks, &record.seal, &record.answer) != (before.marks, &before.seal, &before.answer)
        {
            memory.time.join(record.marks, known.marks, tick);
        }
    }

    fn log(&mut self, endpoint: ApiEndpoint, heard: &Exchange) {
        let outcome = match heard {
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => refusal.code.as_str(),
            Exchange::Failed(failure) => failure.name(),
        };
        tracing::info!(endpoint = endpoint.path(), outcome, "license server asked");
        let now = self.shared.memory().look(&self.shared.config).local;
        // The log helps support; nothing depends on it.
        let _ = self.desk.store.log(now, endpoint.path(), outcome);
    }
}

/// When the answer of a row was signed.
fn issued_at(record: &Record, config: &Config) -> Option<i64> {
    VerifiedRecord::of(record, config).claims.map(|claims| claims.at)
}

/// Whether what is known now is an older answer of the license that was known before. No process writes that.
fn goes_back(now: &VerifiedRecord, before: &VerifiedRecord) -> bool {
    let claims = now.claims.as_ref().zip(before.claims.as_ref());
    claims.is_some_and(|(now, before)| now.sub == before.sub && now.at < before.at)
}

impl Shared {
    /// How late it is, to be kept.
    fn marks(&self) -> (TimeCheckpoint, CheckpointIntegrity) {
        let mut memory = self.memory();
        memory.look(&self.config);
        (memory.time.marks(), memory.time.believed())
    }
}

/// What every request says: the key, and this machine.
pub(super) fn members(key: &LicenseKey, own: &Fingerprint) -> Map<String, Value> {
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
