//! Taking and freeing seats, and what of that waits to be sent: one wish of the user, and keys to give back.
//!
//! **Invariant:** no key is forgotten that may hold a seat which nobody uses. An activation whose answer never came may
//! have taken one. It waits until the server has answered it for good; where another wish takes its place, its key is given
//! back at the next refresh.

use falconer_domain::LicenseKey;

use super::desk::{Heard, Operation, members};
use super::outcome::{ActivateError, BadInput, DeactivateError, Input, RefreshError, TransferError};
use crate::answer::Trouble;
use crate::decision::{Decision, Question};
use crate::store::{KeptKey, Record, Waiting};
use crate::transport::Endpoint;

impl Operation<'_> {
    /// See [`Licensing::activate`](super::Licensing::activate). Returns why it waits, if it does.
    pub(super) fn activate(&mut self, input: &Input) -> Result<Option<Trouble>, ActivateError> {
        let Input { key, person } = input;
        self.desk.typed = person.clone();
        let stored = self.desk.record.key.clone();
        match self.take_seat(Endpoint::Activate, key, person, None) {
            Heard::Decided(Decision::Lease, _) => {
                self.wish(key, stored.as_ref(), None);
                Ok(None)
            }
            Heard::Unsigned(refusal) if !refusal.is_about_the_request() => {
                Err(ActivateError::Refused(refusal))
            }
            Heard::Decided(_, refusal) | Heard::Unsigned(refusal) => {
                self.forget_waiting(key);
                Err(ActivateError::Refused(refusal))
            }
            Heard::Trouble(trouble @ (Trouble::NotThisMachine | Trouble::OtherProduct)) => {
                self.forget_waiting(key);
                Err(ActivateError::Elsewhere(trouble))
            }
            Heard::Trouble(trouble) => {
                self.wish(key, stored.as_ref(), Some(&Waiting::Activate(kept(key))));
                self.keep(|record| record.person = person.clone());
                Ok(Some(trouble))
            }
        }
    }

    /// See [`Licensing::transfer`](super::Licensing::transfer).
    pub(super) fn transfer(
        &mut self,
        key: Option<LicenseKey>,
        from_device: Option<&str>,
    ) -> Result<(), TransferError> {
        let key = key.or_else(|| self.desk.known.key.clone()).ok_or(BadInput::NoKey)?;
        let (person, stored) = (self.desk.typed.clone(), self.desk.record.key.clone());
        match self.take_seat(Endpoint::Transfer, &key, &person, from_device) {
            Heard::Decided(Decision::Lease, _) => {
                self.wish(&key, stored.as_ref(), None);
                Ok(())
            }
            Heard::Decided(_, refusal) | Heard::Unsigned(refusal) => Err(TransferError::Refused(refusal)),
            Heard::Trouble(trouble) => Err(TransferError::NoAnswer(trouble)),
        }
    }

    /// See [`Licensing::deactivate`](super::Licensing::deactivate). Returns why it waits, if it does.
    pub(super) fn deactivate(&mut self) -> Result<Option<Trouble>, DeactivateError> {
        if let Some(key) = self.desk.known.key.clone()
            && let Some(trouble) = self.free_seat(&key)?
        {
            return Ok(Some(trouble));
        }
        self.keep(Record::give_up);
        match self.give_back() {
            Ok(()) => Ok(None),
            Err(RefreshError::NoAnswer(trouble)) => Ok(Some(trouble)),
            Err(RefreshError::Refused(refusal)) => Err(DeactivateError::Refused(refusal)),
        }
    }

    /// Frees the seat of the stored license. Returns why that waits, if it does.
    fn free_seat(&mut self, key: &LicenseKey) -> Result<Option<Trouble>, DeactivateError> {
        let stored = kept(key);
        match self.ask_to_free(Question::FreeSeat, key) {
            Heard::Decided(Decision::Freed, _) => Ok(None),
            Heard::Unsigned(refusal) if !refusal.is_about_the_request() => {
                Err(DeactivateError::Refused(refusal))
            }
            Heard::Decided(_, refusal) | Heard::Unsigned(refusal) => {
                self.wish(key, Some(&stored), None);
                Err(DeactivateError::Refused(refusal))
            }
            Heard::Trouble(trouble) => {
                self.wish(key, Some(&stored), Some(&Waiting::Deactivate));
                Ok(Some(trouble))
            }
        }
    }

    /// Sends what waits. What the server answers for good ends the waiting.
    pub(super) fn send_what_waits(&mut self) -> Result<(), RefreshError> {
        let sent = match self.desk.record.waiting.clone() {
            Some(Waiting::Activate(key)) => self.send_activation(&key),
            Some(Waiting::Deactivate) => self.send_deactivation(),
            None => Ok(()),
        };
        match sent {
            // Nobody is there to take a key back either.
            Err(RefreshError::NoAnswer(_)) => sent,
            Ok(()) | Err(RefreshError::Refused(_)) => {
                let given_back = self.give_back();
                sent.and(given_back)
            }
        }
    }

    fn send_activation(&mut self, key: &KeptKey) -> Result<(), RefreshError> {
        let Some(key) = LicenseKey::parse(&key.0) else {
            self.keep(|record| record.waiting = None);
            return Ok(());
        };
        let person = self.desk.record.person.clone();
        match self.activate(&Input { key, person }) {
            Ok(None) | Err(ActivateError::Input(_)) => Ok(()),
            Ok(Some(trouble)) | Err(ActivateError::Elsewhere(trouble)) => {
                Err(RefreshError::NoAnswer(trouble))
            }
            Err(ActivateError::Refused(refusal)) => Err(RefreshError::Refused(refusal)),
        }
    }

    fn send_deactivation(&mut self) -> Result<(), RefreshError> {
        match self.deactivate() {
            Ok(None) => Ok(()),
            Ok(Some(trouble)) => Err(RefreshError::NoAnswer(trouble)),
            Err(DeactivateError::Refused(refusal)) => Err(RefreshError::Refused(refusal)),
        }
    }

    /// Frees the seats of keys that are wanted no longer, up to the first that has to wait on.
    fn give_back(&mut self) -> Result<(), RefreshError> {
        for given_up in self.desk.record.given_up.clone() {
            if let Some(key) = LicenseKey::parse(&given_up.0) {
                let is_stored = self.desk.known.key.as_ref() == Some(&key);
                let question = if is_stored { Question::FreeSeat } else { Question::GiveBack };
                match self.ask_to_free(question, &key) {
                    Heard::Unsigned(refusal) if !refusal.is_about_the_request() => {
                        return Err(RefreshError::Refused(refusal));
                    }
                    Heard::Trouble(trouble) => return Err(RefreshError::NoAnswer(trouble)),
                    // Free, or a key that the server does not know: nothing is left to be freed.
                    Heard::Decided(..) | Heard::Unsigned(_) => {}
                }
            }
            self.keep(|record| record.given_up.retain(|key| *key != given_up));
        }
        Ok(())
    }

    fn ask_to_free(&mut self, question: Question, key: &LicenseKey) -> Heard {
        let own = self.fingerprint(key);
        self.ask(Endpoint::Deactivate, question, key, &own, members(key, &own))
    }

    fn wish(&mut self, key: &LicenseKey, stored: Option<&KeptKey>, waiting: Option<&Waiting>) {
        let key = kept(key);
        self.keep(|record| record.wish(&key, stored, waiting.cloned()));
    }

    /// An activation that was answered for good waits no longer.
    fn forget_waiting(&mut self, key: &LicenseKey) {
        let answered = Waiting::Activate(kept(key));
        self.keep(|record| record.waiting = record.waiting.take().filter(|waiting| *waiting != answered));
    }
}

fn kept(key: &LicenseKey) -> KeptKey {
    KeptKey(key.to_string())
}
