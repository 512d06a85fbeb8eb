//! A license without a network: requests, answers and receipts as texts that people carry. Nothing here sends a request.
//!
//! **Invariant:** an answer counts once, on the machine that asked, and never moves time back. The nonce of the request
//! waits in the row and leaves it with the first answer; the lease states the machine; and `exp` counts against the
//! latest moment that is known to have passed, whatever the answer's own moment is.

use std::cell::Cell;

use falconer_domain::air_gap::{
    self, AirGapAnswer, AirGapPurpose, AirGapRequest, LicenseName, NONCE_BYTES, Receipt, TextError, TextKind,
};
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::hardware::DeviceId;
use falconer_domain::lease::{Claims, LeaseError};
use falconer_domain::person::DeviceName;
use falconer_domain::seats::ReportedMachine;
use falconer_domain::{LicenseId, LicenseKey, UnixMillis};

use super::outcome;
use super::session::{Session, current_answer};
use super::verified_record::{self, VerifiedRecord};
use super::{Config, Licensing};
use crate::clock::UnixSeconds;
use crate::decision::{Decision, Question, decide};
use crate::failure::{Failure, FailureKind, InvalidAnswer, InvalidInput};
use crate::signed;
use crate::state::State;
use crate::store::{FileRequest, Licensee, PendingRequest, Record, StoredKey};
use crate::timeline::{CheckpointIntegrity, TimeCheckpoint};

/// A text that a person carries between a machine without a network and the vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AirGapText {
    /// Whole content of a file, with sentences for people.
    pub file: String,
    /// The same on one line, for a QR code: capital letters, digits, `-` and `:` alone. A request of usual length has some
    /// 700 characters and fits version 15; the longest has 1,754 and fits version 25.
    pub short: String,
    /// Name for the file, `falconer-request.txt`.
    pub file_name: &'static str,
}

impl AirGapText {
    fn of(kind: TextKind, words: &[String], content: &[u8]) -> Self {
        let file_name = match kind {
            TextKind::Request => "falconer-request.txt",
            TextKind::Answer => "falconer-answer.txt",
            TextKind::Receipt => "falconer-receipt.txt",
        };
        let file = air_gap::file_text(kind, words, content);
        Self { file, short: air_gap::short_text(kind, content), file_name }
    }
}

impl Licensing {
    /// Makes a request for a seat, for a machine without a network; name and e-mail may be empty. The vendor answers it by
    /// `falconer activate-offline`, and [`import_response`](Self::import_response) takes the answer. The request waits in
    /// the store; making another replaces it, and then only the answer to the new one counts. The text holds no license
    /// key, and a tag proves that its maker has one. Of a text that can mean several keys, the likeliest counts.
    ///
    /// # Errors
    /// [`Failure`], where the input cannot be valid, or the operating system has no random bytes.
    pub fn activation_request(&self, key: &str, name: &str, email: &str) -> Result<AirGapText, Failure> {
        let key = outcome::read_likeliest_key(&self.shared.config.product, key)?;
        let licensee = outcome::read_licensee(name, email)?;
        let text = self.session()?.request(&key, AirGapPurpose::Activate, &licensee);
        self.shared.notify_if_changed();
        text
    }

    /// Makes a request for a later end of the license that was activated here, also where it has ended. The answer is
    /// taken like that of an activation.
    ///
    /// # Errors
    /// [`Failure`], where no license is stored, or the operating system has no random bytes.
    pub fn renewal_request(&self) -> Result<AirGapText, Failure> {
        let mut session = self.session()?;
        let key = session.state.verified.key.clone().ok_or(InvalidInput::MissingKey)?;
        let licensee = session.state.record.licensee.clone();
        session.request(&key, AirGapPurpose::Renew, &licensee)
    }

    /// Takes the vendor's answer: the text of its file, its short text, or a mail around one of them. It counts if it
    /// answers the request that waits here, for this machine, and has not ended by the latest moment known to have passed.
    /// It never moves time back.
    ///
    /// # Errors
    /// [`Failure`], where the text is not an answer that counts. The license stays as it was, and the request waits on.
    pub fn import_response(&self, text: &str) -> Result<State, Failure> {
        let imported = self.session().and_then(|mut session| session.import(text));
        self.shared.notify_if_changed();
        imported.map(|()| self.status())
    }

    /// Gives the seat of this device back without a network: forgets the license, and returns a receipt for the vendor's
    /// `falconer accept-receipt`. This device is locked until a new activation. The receipt stays in the store until then,
    /// so a second call returns it again.
    ///
    /// # Errors
    /// [`Failure`]: `NotAirGapped` for a license that came over the network, which [`deactivate`](Self::deactivate) gives
    /// back, or an input error where no license is stored.
    pub fn deactivate_by_receipt(&self) -> Result<AirGapText, Failure> {
        let receipt = self.session().and_then(|mut session| session.give_back());
        self.shared.notify_if_changed();
        receipt
    }
}

impl Session<'_> {
    fn request(
        &mut self,
        key: &LicenseKey,
        purpose: AirGapPurpose,
        licensee: &Licensee,
    ) -> Result<AirGapText, Failure> {
        let mut nonce = [0; NONCE_BYTES];
        let config = &self.shared.config;
        config.random.fill(&mut nonce).map_err(|_| FailureKind::NothingSent)?;
        let own = self.fingerprint(key);
        let known =
            self.state.verified.claims.as_ref().filter(|_| self.state.verified.key.as_ref() == Some(key));
        let license = known.and_then(|claims| LicenseId::parse(&claims.sub)).map(LicenseName::Id);
        let trusted = verified_record::trusted_keys(&self.state.record, config);
        let request = AirGapRequest {
            product: config.product.clone(),
            purpose,
            license: license.unwrap_or_else(|| LicenseName::Masked(key.masked())),
            nonce,
            hardware: own.received().clone(),
            machine: if config.raw.is_in_virtual_machine() {
                ReportedMachine::Virtual
            } else {
                ReportedMachine::Ordinary
            },
            device_name: DeviceName::clean(&self.device_name(&own)).kept,
            licensee_name: licensee.name.clone(),
            licensee_email: licensee.email.clone(),
            trusted_kids: trusted.kids(),
            made_at: self.shared.memory().observe_time(config).now().0,
        };
        let stored = self.state.record.key.clone();
        let waits = FileRequest { key: StoredKey(key.to_string()), purpose, nonce: request.nonce_text() };
        self.keep(|record| {
            record.replace_pending(&waits.key, stored.as_ref(), Some(PendingRequest::File(waits.clone())));
            record.licensee = licensee.clone();
        });
        let words = [
            "A device without a network asks for its license. Send this file to the vendor.".to_owned(),
            String::new(),
            format!("Product: {}", request.product),
            format!("License: {}", request.license.as_str()),
            format!("Device:  {}", self.device_name(&own)),
            format!("Purpose: {}", purpose.as_str()),
        ];
        Ok(AirGapText::of(TextKind::Request, &words, &request.to_content(key)))
    }

    fn import(&mut self, text: &str) -> Result<(), Failure> {
        let content = air_gap::read_text(TextKind::Answer, text).map_err(bad_text)?;
        let answer = AirGapAnswer::of_content(&content).map_err(|_| InvalidAnswer::NewerText)?;
        if let Some(keys) = &answer.keys {
            self.learn_keys(keys);
        }
        let config = &self.shared.config;
        let trusted = verified_record::trusted_keys(&self.state.record, config);
        let claims = signed::verify(&answer.lease, &config.product, |kid| trusted.key(kid));
        let claims = claims.map_err(|error| match error {
            LeaseError::WrongAudience => InvalidAnswer::OtherProduct,
            _ => InvalidAnswer::UntrustedSignature,
        })?;
        let imported = self.take(&claims, &answer.lease);
        let outcome = match &imported {
            Ok(()) => "lease",
            Err(reason) => FailureKind::Answer(*reason).cause().unwrap_or("answer"),
        };
        let now = self.shared.memory().observe_time(&self.shared.config).local;
        // The stored log is for support alone, so a failure to write it is ignored.
        let _ = self.state.store.log(now, "import", outcome);
        Ok(imported?)
    }

    /// Applies an answer inside the store's transaction, because another process may take the same answer at this moment.
    fn take(&mut self, claims: &Claims, jws: &str) -> Result<(), InvalidAnswer> {
        let config = &self.shared.config;
        let time = self.time_of_answer(claims);
        let outcome = Cell::new(Err(InvalidAnswer::NoRequest));
        self.keep(|record| {
            let floor = time.floor.max(record.checkpoint.floor);
            outcome.set(Err(reason_without_request(record, claims, jws, floor)));
            let Some(PendingRequest::File(request)) = record.pending.clone() else { return };
            if claims.nonce.as_deref() != Some(request.nonce.as_str()) {
                return;
            }
            let Some(key) = LicenseKey::parse(&request.key.0) else { return };
            let verified = VerifiedRecord::of(record, config);
            // One that has ended would unlock nothing, and take the place of a lease that may.
            let decided = match decided(&request, &key, claims, &verified, record, config) {
                Ok(()) if has_ended(claims, floor) => Err(InvalidAnswer::Ended),
                decided => decided,
            };
            outcome.set(decided);
            if decided.is_err() {
                return;
            }
            let checkpoint = TimeCheckpoint { floor, ..time };
            record.key = Some(request.key);
            record.answer = Some(jws.to_owned());
            record.failed_at = None;
            (record.checkpoint, record.pending) = (checkpoint, None);
            // Nobody can know how much time has passed since a checkpoint that was changed by hand. It stays suspect.
            record.seal = match verified.integrity {
                CheckpointIntegrity::Intact => Some(verified_record::seal_of(record, jws, &key, claims)),
                CheckpointIntegrity::Tampered => None,
            };
        });
        outcome.get()
    }

    /// The time that counts after an answer. The answer may have travelled for days, so its moment is the least that has
    /// passed and never a reason to go back.
    fn time_of_answer(&self, claims: &Claims) -> TimeCheckpoint {
        let config = &self.shared.config;
        let clocks = config.clock.now();
        let mut memory = self.shared.memory();
        let time = memory.timeline.observe(clocks);
        let checkpoint = memory.timeline.checkpoint();
        let signed_at = TimeCheckpoint::at(UnixSeconds(claims.at), clocks);
        let skew_millis =
            if signed_at.floor > time.local { signed_at.skew_millis } else { checkpoint.skew_millis };
        TimeCheckpoint { floor: checkpoint.floor.max(signed_at.floor), skew_millis }
    }

    fn give_back(&mut self) -> Result<AirGapText, Failure> {
        if let Some(PendingRequest::Receipt(receipt)) = &self.state.record.pending {
            return kept_receipt(receipt);
        }
        let VerifiedRecord { key: Some(key), claims: Some(claims), .. } = self.state.verified.clone() else {
            return Err(InvalidInput::MissingKey.into());
        };
        let device = claims.device.as_deref().and_then(DeviceId::parse);
        let (Some(true), Some(device), Some(license)) =
            (claims.air_gap, device, LicenseId::parse(&claims.sub))
        else {
            return Err(FailureKind::NotAirGapped.into());
        };
        let made_at = self.shared.memory().observe_time(&self.shared.config).now().0;
        let content = Receipt { license, device, lease: claims.jti, made_at }.to_content(&key);
        let receipt = HEXLOWER.encode(&content);
        self.keep(|record| {
            *record = Record {
                trusted_keys: record.trusted_keys.take(),
                install_id: record.install_id.take(),
                abandoned_keys: std::mem::take(&mut record.abandoned_keys),
                pending: Some(PendingRequest::Receipt(receipt.clone())),
                ..Record::default()
            };
        });
        kept_receipt(&receipt)
    }
}

/// Decides about an answer whose nonce waits in the row.
fn decided(
    request: &FileRequest,
    key: &LicenseKey,
    claims: &Claims,
    verified: &VerifiedRecord,
    record: &Record,
    config: &Config,
) -> Result<(), InvalidAnswer> {
    let own = crate::hardware::Fingerprint::of(key, &config.raw, record.install_id.as_ref());
    let question = match request.purpose {
        AirGapPurpose::Activate => Question::TakeSeat,
        AirGapPurpose::Renew => Question::Verify,
    };
    match decide(question, claims, current_answer(verified, question, claims), &own.lease_components()) {
        Decision::Lease => Ok(()),
        Decision::OtherMachine => Err(InvalidAnswer::OtherMachine),
        _ => Err(InvalidAnswer::NotForThisRequest),
    }
}

/// True where a lease has ended by the latest moment that is known to have passed.
fn has_ended(claims: &Claims, floor: UnixMillis) -> bool {
    UnixSeconds(claims.exp) <= floor.into()
}

/// The reason why no request of this row waits for an answer.
fn reason_without_request(record: &Record, claims: &Claims, jws: &str, floor: UnixMillis) -> InvalidAnswer {
    let is_stored = record.answer.as_deref() == Some(jws);
    match &record.pending {
        _ if is_stored && has_ended(claims, floor) => InvalidAnswer::Ended,
        _ if is_stored => InvalidAnswer::AlreadyImported,
        Some(PendingRequest::File(_)) if claims.nonce.is_some() => InvalidAnswer::NotForThisRequest,
        _ => InvalidAnswer::NoRequest,
    }
}

fn kept_receipt(receipt: &str) -> Result<AirGapText, Failure> {
    let content = HEXLOWER.decode(receipt.as_bytes()).map_err(|_| InvalidInput::MissingKey)?;
    let words = ["A device has given its license back. Send this file to the vendor.".to_owned()];
    Ok(AirGapText::of(TextKind::Receipt, &words, &content))
}

fn bad_text(error: TextError) -> InvalidAnswer {
    match error {
        TextError::NotFound => InvalidAnswer::NotAnAnswer,
        TextError::Other { .. } => InvalidAnswer::OwnText,
        TextError::Damaged => InvalidAnswer::DamagedText,
    }
}
