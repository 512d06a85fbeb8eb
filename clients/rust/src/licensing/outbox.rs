//! Taking and freeing seats, and what of that waits to be sent: one wish of the user, and keys to give back.
//!
//! **Invariant:** no key is forgotten that may hold a seat which nobody uses. An activation whose answer never came may
//! have taken one. It waits until the server has answered it for good; where another wish takes its place, its key is given
//! back at the next refresh.

use falconer_domain::LicenseKey;

use super::desk::{Exchange, Session, members};
use super::outcome::{ActivateError, DeactivateError, Input, InvalidInput, RefreshError, TransferError};
use crate::answer::RequestFailure;
use crate::decision::{Decision, Question};
use crate::store::{PendingRequest, Record, StoredKey};
use crate::transport::ApiEndpoint;

impl Session<'_> {
    /// See [`Licensing::activate`](super::Licensing::activate). Returns why it waits, if it does.
    pub(super) fn activate(&mut self, input: &Input) -> Result<Option<RequestFailure>, ActivateError> {
        let Input { key, person } = input;
        self.desk.typed = person.clone();
        let stored = self.desk.record.key.clone();
        match self.take_seat(ApiEndpoint::Activate, key, person, None) {
            Exchange::Decided(Decision::Lease, _) => {
                self.replace_pending(key, stored.as_ref(), None);
                Ok(None)
            }
            Exchange::Unsigned(refusal) if !refusal.is_about_the_request() => {
                Err(ActivateError::Refused(refusal))
            }
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                self.clear_pending(key);
                Err(ActivateError::Refused(refusal))
            }
            Exchange::Failed(failure @ (RequestFailure::OtherMachine | RequestFailure::OtherProduct)) => {
                self.clear_pending(key);
                Err(ActivateError::Mismatch(failure))
            }
            Exchange::Failed(failure) => {
                self.replace_pending(key, stored.as_ref(), Some(&PendingRequest::Activate(kept(key))));
                self.keep(|record| record.person = person.clone());
                Ok(Some(failure))
            }
        }
    }

    /// See [`Licensing::transfer`](super::Licensing::transfer).
    pub(super) fn transfer(
        &mut self,
        key: Option<LicenseKey>,
        from_device: Option<&str>,
    ) -> Result<(), TransferError> {
        let key = key.or_else(|| self.desk.known.key.clone()).ok_or(InvalidInput::MissingKey)?;
        let (person, stored) = (self.desk.typed.clone(), self.desk.record.key.clone());
        match self.take_seat(ApiEndpoint::Transfer, &key, &person, from_device) {
            Exchange::Decided(Decision::Lease, _) => {
                self.replace_pending(&key, stored.as_ref(), None);
                Ok(())
            }
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                Err(TransferError::Refused(refusal))
            }
            Exchange::Failed(failure) => Err(TransferError::RequestFailed(failure)),
        }
    }

    /// See [`Licensing::deactivate`](super::Licensing::deactivate). Returns why it waits, if it does.
    pub(super) fn deactivate(&mut self) -> Result<Option<RequestFailure>, DeactivateError> {
        if let Some(key) = self.desk.known.key.clone()
            && let Some(failure) = self.free_seat(&key)?
        {
            return Ok(Some(failure));
        }
        self.keep(Record::abandon_activation);
        match self.release_seats() {
            Ok(()) => Ok(None),
            Err(RefreshError::RequestFailed(failure)) => Ok(Some(failure)),
            Err(RefreshError::Refused(refusal)) => Err(DeactivateError::Refused(refusal)),
        }
    }

    /// Frees the seat of the stored license. Returns why that waits, if it does.
    fn free_seat(&mut self, key: &LicenseKey) -> Result<Option<RequestFailure>, DeactivateError> {
        let stored = kept(key);
        match self.ask_to_free(Question::FreeSeat, key) {
            Exchange::Decided(Decision::Freed, _) => Ok(None),
            Exchange::Unsigned(refusal) if !refusal.is_about_the_request() => {
                Err(DeactivateError::Refused(refusal))
            }
            Exchange::Decided(_, refusal) | Exchange::Unsigned(refusal) => {
                self.replace_pending(key, Some(&stored), None);
                Err(DeactivateError::Refused(refusal))
            }
            Exchange::Failed(failure) => {
                self.replace_pending(key, Some(&stored), Some(&PendingRequest::Deactivate));
                Ok(Some(failure))
            }
        }
    }

    /// Sends what waits. What the server answers for good ends the waiting.
    pub(super) fn send_pending(&mut self) -> Result<(), RefreshError> {
        let sent = match self.desk.record.pending.clone() {
            Some(PendingRequest::Activate(key)) => self.send_activation(&key),
            Some(PendingRequest::Deactivate) => self.send_deactivation(),
            None => Ok(()),
        };
        match sent {
            // Nobody is there to take a key back either.
            Err(RefreshError::RequestFailed(_)) => sent,
            Ok(()) | Err(RefreshError::Refused(_)) => {
                let given_back = self.release_seats();
                sent.and(given_back)
            }
        }
    }

    fn send_activation(&mut self, key: &StoredKey) -> Result<(), RefreshError> {
        let Some(key) = LicenseKey::parse(&key.0) else {
            self.keep(|record| record.pending = None);
            return Ok(());
        };
        let person = self.desk.record.person.clone();
        match self.activate(&Input { key, person }) {
            Ok(None) | Err(ActivateError::Input(_)) => Ok(()),
            Ok(Some(failure)) | Err(ActivateError::Mismatch(failure)) => {
                Err(RefreshError::RequestFailed(failure))
            }
            Err(ActivateError::Refused(refusal)) => Err(RefreshError::Refused(refusal)),
        }
    }

    fn send_deactivation(&mut self) -> Result<(), RefreshError> {
        match self.deactivate() {
            Ok(None) => Ok(()),
            Ok(Some(failure)) => Err(RefreshError::RequestFailed(failure)),
            Err(DeactivateError::Refused(refusal)) => Err(RefreshError::Refused(refusal)),
        }
    }

    /// Frees the seats of keys that are wanted no longer, up to the first that has to wait on.
    fn release_seats(&mut self) -> Result<(), RefreshError> {
        for abandoned_keys in self.desk.record.abandoned_keys.clone() {
            if let Some(key) = LicenseKey::parse(&abandoned_keys.0) {
                let is_stored = self.desk.known.key.as_ref() == Some(&key);
                let question = if is_stored { Question::FreeSeat } else { Question::ReleaseSeat };
                match self.ask_to_free(question, &key) {
                    Exchange::Unsigned(refusal) if !refusal.is_about_the_request() => {
                        return Err(RefreshError::Refused(refusal));
                    }
                    Exchange::Failed(failure) => return Err(RefreshError::RequestFailed(failure)),
                    // Free, or a key that the server does not know: nothing is left to be freed.
                    Exchange::Decided(..) | Exchange::Unsigned(_) => {}
                }
            }
            self.keep(|record| record.abandoned_keys.retain(|key| *key != abandoned_keys));
        }
        Ok(())
    }

    fn ask_to_free(&mut self, question: Question, key: &LicenseKey) -> Exchange {
        let own = self.fingerprint(key);
        self.ask(ApiEndpoint::Deactivate, question, key, &own, members(key, &own))
    }

    fn replace_pending(
        &mut self,
        key: &LicenseKey,
        stored: Option<&StoredKey>,
        waiting: Option<&PendingRequest>,
    ) {
        let key = kept(key);
        self.keep(|record| record.replace_pending(&key, stored, waiting.cloned()));
    }

    /// An activation that was answered for good waits no longer.
    fn clear_pending(&mut self, key: &LicenseKey) {
        let answered = PendingRequest::Activate(kept(key));
        self.keep(|record| record.pending = record.pending.take().filter(|waiting| *waiting != answered));
    }
}

fn kept(key: &LicenseKey) -> StoredKey {
    StoredKey(key.to_string())
}
