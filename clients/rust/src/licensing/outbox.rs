//! Taking and freeing seats, and the requests that wait for the server: one wish of the user, and keys to release.
//!
//! **Invariant:** a key that may hold an unused seat is never forgotten. An activation without an answer may have taken
//! one. It waits until the server has answered it for good; where another request replaces it, the next refresh releases
//! the seat of its key.

use falconer_domain::{Code, LicenseKey};

use super::outcome::Input;
use super::session::{Exchange, Session, request_members};
use crate::answer::RequestFailure;
use crate::decision::{Decision, Question};
use crate::failure::{Failure, InvalidInput};
use crate::store::{Licensee, PendingRequest, Record, StoredKey, StoredReadings};
use crate::transport::ApiEndpoint;

impl Session<'_> {
    /// See [`Licensing::activate`](super::Licensing::activate). Returns the reason for waiting, if it waits.
    pub(super) fn activate(&mut self, input: &Input) -> Result<Option<Failure>, Failure> {
        let Input { key, others, licensee } = input;
        let stored = self.state.record.key.clone();
        match self.take_seat(ApiEndpoint::Activate, key, licensee, None) {
            Exchange::Decided(Decision::Lease, _) => {
                self.replace_pending(key, stored.as_ref(), None);
                Ok(None)
            }
            Exchange::Unsigned(refusal) if !refusal.is_final_without_signature() => Err(refusal.into()),
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                let is_unknown = refusal.code == Code::InvalidSignature.name();
                let stored = to_stored(key);
                self.keep(|record| {
                    if is_unknown {
                        record.pass_over_reading(&stored);
                    } else {
                        record.end_activation(&stored);
                    }
                });
                Err(refusal.into())
            }
            Exchange::Failed(failure @ (RequestFailure::OtherMachine | RequestFailure::OtherProduct)) => {
                let stored = to_stored(key);
                self.keep(|record| record.end_activation(&stored));
                Err(failure.into())
            }
            Exchange::Failed(failure) if failure.is_early_end() => {
                // Another user of this machine may have a seat under the same key, so nothing is freed without need.
                if self.may_have_arrived {
                    self.abandon_unless_wanted(key);
                }
                Err(failure.into())
            }
            // The vendor's answer to the file may be on its way, and it is worth more than another try.
            Exchange::Failed(failure) if self.state.record.asks_by_file(&to_stored(key)) => {
                Err(failure.into())
            }
            Exchange::Failed(failure) => {
                let others = others.iter().map(to_stored).collect();
                let readings = StoredReadings { first: to_stored(key), others };
                self.replace_pending(key, stored.as_ref(), Some(&PendingRequest::Activate(readings)));
                self.keep(|record| record.licensee = licensee.clone());
                Ok(Some(failure.into()))
            }
        }
    }

    /// See [`Licensing::transfer`](super::Licensing::transfer).
    pub(super) fn transfer(
        &mut self,
        key: Option<LicenseKey>,
        licensee: &Licensee,
        from_device: Option<&str>,
    ) -> Result<(), Failure> {
        let key = key.or_else(|| self.state.verified.key.clone()).ok_or(InvalidInput::MissingKey)?;
        let stored = self.state.record.key.clone();
        match self.take_seat(ApiEndpoint::Transfer, &key, licensee, from_device) {
            Exchange::Decided(Decision::Lease, _) => {
                self.replace_pending(&key, stored.as_ref(), None);
                Ok(())
            }
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => Err(refusal.into()),
            Exchange::Failed(failure) => Err(failure.into()),
        }
    }

    /// See [`Licensing::deactivate`](super::Licensing::deactivate). Returns the reason for waiting, if it waits.
    pub(super) fn deactivate(&mut self) -> Result<Option<Failure>, Failure> {
        if let Some(key) = self.state.verified.key.clone()
            && let Some(failure) = self.free_seat(&key)?
        {
            return Ok(Some(failure));
        }
        self.keep(Record::abandon_activation);
        match self.release_seats() {
            Ok(()) => Ok(None),
            Err(failure) if failure.is_refusal() || failure.is_early_end() => Err(failure),
            Err(unanswered) => Ok(Some(unanswered)),
        }
    }

    /// Frees the seat of the stored license. Returns the reason for waiting, if it waits.
    fn free_seat(&mut self, key: &LicenseKey) -> Result<Option<Failure>, Failure> {
        let stored = to_stored(key);
        match self.ask_to_free(Question::FreeSeat, key) {
            Exchange::Decided(Decision::Freed, _) => Ok(None),
            Exchange::Unsigned(refusal) if !refusal.is_final_without_signature() => Err(refusal.into()),
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                self.replace_pending(key, Some(&stored), None);
                Err(refusal.into())
            }
            Exchange::Failed(failure) if failure.is_early_end() => Err(failure.into()),
            Exchange::Failed(failure) => {
                self.replace_pending(key, Some(&stored), Some(&PendingRequest::Deactivate));
                Ok(Some(failure.into()))
            }
        }
    }

    /// Sends the pending request, then releases abandoned seats. A final answer of the server ends the waiting.
    pub(super) fn send_pending(&mut self) -> Result<(), Failure> {
        let sent = match self.state.record.pending.clone() {
            Some(PendingRequest::Activate(readings)) => self.send_activation(readings),
            Some(PendingRequest::Deactivate) => self.send_deactivation(),
            // People carry these.
            Some(PendingRequest::File(_) | PendingRequest::Receipt(_)) | None => Ok(()),
        };
        match sent {
            // Without a server the abandoned keys cannot be released either.
            Err(failure) if !failure.is_refusal() => Err(failure),
            sent => {
                let released = self.release_seats();
                sent.and(released)
            }
        }
    }

    /// Asks with the reading that waits, and with the next ones as long as the server never issued a key.
    fn send_activation(&mut self, readings: StoredReadings) -> Result<(), Failure> {
        let keys: Option<Vec<_>> = readings.into_keys().map(|key| LicenseKey::parse(&key.0)).collect();
        let inputs = keys.and_then(|keys| Input::of_readings(&keys, &self.state.record.licensee));
        let Some(inputs) = inputs else {
            self.keep(|record| record.pending = None);
            return Ok(());
        };
        inputs.first_known(|input| self.activate(&input))?.map_or(Ok(()), Err)
    }

    fn send_deactivation(&mut self) -> Result<(), Failure> {
        self.deactivate()?.map_or(Ok(()), Err)
    }

    /// Frees the seats of abandoned keys, up to the first one that has to go on waiting.
    /// Each is looked up again, because another process may activate with it meanwhile.
    fn release_seats(&mut self) -> Result<(), Failure> {
        let mut released = Vec::new();
        loop {
            self.reload();
            let mut waiting = self.state.record.abandoned_keys.iter();
            let Some(abandoned) = waiting.find(|key| !released.contains(*key)).cloned() else {
                return Ok(());
            };
            if let Some(key) = LicenseKey::parse(&abandoned.0) {
                let is_stored = self.state.verified.key.as_ref() == Some(&key);
                let question = if is_stored { Question::FreeSeat } else { Question::ReleaseSeat };
                match self.ask_to_free(question, &key) {
                    Exchange::Unsigned(refusal) if !refusal.is_final_without_signature() => {
                        return Err(refusal.into());
                    }
                    Exchange::Failed(failure) => return Err(failure.into()),
                    // The seat is free, or the server does not know the key: nothing is left to release.
                    Exchange::Decided(..) | Exchange::Unsigned(_) => {}
                }
            }
            self.keep(|record| record.abandoned_keys.retain(|key| *key != abandoned));
            released.push(abandoned);
        }
    }

    fn ask_to_free(&mut self, question: Question, key: &LicenseKey) -> Exchange {
        let own = self.fingerprint(key);
        self.ask(ApiEndpoint::Deactivate, question, key, &own, request_members(key, &own))
    }

    fn replace_pending(
        &mut self,
        key: &LicenseKey,
        stored: Option<&StoredKey>,
        pending: Option<&PendingRequest>,
    ) {
        let key = to_stored(key);
        self.keep(|record| record.replace_pending(&key, stored, pending.cloned()));
    }

    /// Abandons the key of a cancelled activation, which may have taken a seat. A key that is stored or waits keeps its
    /// seat.
    fn abandon_unless_wanted(&mut self, key: &LicenseKey) {
        let key = to_stored(key);
        self.keep(|record| {
            let waits = matches!(&record.pending, Some(PendingRequest::Activate(it)) if it.first == key);
            let is_wanted = record.key.as_ref() == Some(&key) || waits;
            if !is_wanted && !record.abandoned_keys.contains(&key) {
                record.abandoned_keys.push(key.clone());
            }
        });
    }
}

fn to_stored(key: &LicenseKey) -> StoredKey {
    StoredKey(key.to_string())
}
