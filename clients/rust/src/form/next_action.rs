//! The action that a dialog offers after a failure.

use super::{Field, NextAction};
use crate::failure::{Failure, FailureKind, InvalidAnswer, InvalidInput};

impl NextAction {
    pub(super) fn after(failure: &Failure) -> Self {
        match failure.kind {
            FailureKind::Input(InvalidInput::Key | InvalidInput::MissingKey)
            | FailureKind::Answer(InvalidAnswer::OtherProduct) => Self::Correct(Field::Key),
            FailureKind::Input(InvalidInput::Name) => Self::Correct(Field::Name),
            FailureKind::Input(InvalidInput::Email) => Self::Correct(Field::Email),
            FailureKind::Refused => Self::after_refusal(failure),
            FailureKind::Offline(_)
            | FailureKind::Busy
            | FailureKind::NothingSent
            | FailureKind::Forked
            | FailureKind::Answer(
                InvalidAnswer::NotTheServer
                | InvalidAnswer::UntrustedSignature
                | InvalidAnswer::NotForThisRequest
                | InvalidAnswer::NotAnAnswer
                | InvalidAnswer::OwnText
                | InvalidAnswer::DamagedText
                | InvalidAnswer::NewerText
                | InvalidAnswer::AlreadyImported
                | InvalidAnswer::NoRequest
                | InvalidAnswer::Ended,
            ) => Self::TryAgain,
            FailureKind::NotAirGapped
            | FailureKind::Answer(InvalidAnswer::OtherMachine)
            | FailureKind::Store
            | FailureKind::Setting(_) => Self::AskVendor,
        }
    }

    fn after_refusal(failure: &Failure) -> Self {
        match (failure.code.as_deref().unwrap_or_default(), failure.next_transfer_at) {
            ("SEATS_EXHAUSTED" | "DEVICE_REQUIRED" | "HARDWARE_MISMATCH", _) => {
                Self::MoveHere(failure.holders.clone())
            }
            ("INVALID_SIGNATURE" | "NOT_FOUND", _) => Self::Correct(Field::Key),
            ("EMAIL_MISMATCH", _) => Self::Correct(Field::Email),
            ("TRANSFER_COOLDOWN", Some(moment)) => Self::WaitUntil(moment),
            ("CONCURRENT_UPDATE" | "TRANSFER_COOLDOWN", _) => Self::TryAgain,
            _ => Self::AskVendor,
        }
    }
}
