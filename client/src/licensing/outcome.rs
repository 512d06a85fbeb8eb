//! What comes of an operation, in words for a program and for its user.

use falconer_domain::LicenseKey;
use falconer_domain::person::{BadLine, Email, PersonName};

use crate::advice::Advice;
use crate::answer::{Refusal, Trouble};
use crate::state::State;
use crate::store::Person;

/// What came of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The server answered yes; the state from now on.
    Done(State),
    /// No answer that counts: it waits, and will be sent by a refresh.
    Waiting(Trouble),
}

/// What came of a deactivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deactivation {
    /// The seat is free and the license forgotten, or there was none.
    Done,
    /// No answer that counts: it waits, and will be sent by a refresh.
    Waiting(Trouble),
}

/// Something typed that cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadInput {
    /// No form of license key.
    Key,
    /// A name that is too long.
    Name,
    /// An e-mail without an `@` between two parts, or too long.
    Email,
    /// No license was activated here, and no key was given.
    NoKey,
}

impl BadInput {
    /// A sentence and a next step for the user.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::Key => Advice::new(
                "This is not a license key.",
                "Compare it with the mail it came in; copying and pasting is safest.",
            ),
            Self::Name => {
                Advice::new("This name cannot be used.", "Enter one line of at most 255 characters.")
            }
            Self::Email => Advice::new(
                "This is not an e-mail address.",
                "Enter one like anna@example.com, or leave the field empty.",
            ),
            Self::NoKey => {
                Advice::new("No license was activated here.", "Enter the license key you were sent.")
            }
        }
    }
}

/// Why an activation did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivateError {
    /// What was typed. Nothing was sent.
    Input(BadInput),
    /// The server said no.
    Refused(Refusal),
    /// The server's word, about another machine or another product than this one.
    Elsewhere(Trouble),
}

/// Why a transfer did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// What was typed. Nothing was sent.
    Input(BadInput),
    /// The server said no.
    Refused(Refusal),
    /// No answer that counts. It may have happened; trying again is safe.
    NoAnswer(Trouble),
}

/// Why a refresh brought nothing new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// A refusal that locks nothing.
    Refused(Refusal),
    /// No answer that counts.
    NoAnswer(Trouble),
}

/// Why a deactivation did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeactivateError {
    /// The server said no.
    Refused(Refusal),
}

/// Sentences and `Display` of an error: by variant, from the advice of what it holds.
macro_rules! advised {
    ($($error:ident { $($pattern:pat => $advice:expr),+ $(,)? })+) => {$(
        impl $error {
            /// A sentence and a next step for the user.
            #[must_use]
            pub fn advice(&self) -> Advice {
                match self { $($pattern => $advice),+ }
            }

            /// The server's no, if it is one.
            #[must_use]
            pub fn refusal(&self) -> Option<&Refusal> {
                #[allow(unreachable_patterns, reason = "one of the errors has no other variant")]
                match self {
                    Self::Refused(refusal) => Some(refusal),
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $error {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.advice().fmt(f)
            }
        }

        impl std::error::Error for $error {}
    )+};
}

advised! {
    ActivateError {
        Self::Input(bad) => bad.advice(),
        Self::Refused(refusal) => refusal.advice(),
        Self::Elsewhere(trouble) => trouble.advice(),
    }
    TransferError {
        Self::Input(bad) => bad.advice(),
        Self::Refused(refusal) => refusal.advice(),
        Self::NoAnswer(trouble) => trouble.advice(),
    }
    RefreshError {
        Self::Refused(refusal) => refusal.advice(),
        Self::NoAnswer(trouble) => trouble.advice(),
    }
    DeactivateError {
        Self::Refused(refusal) => refusal.advice(),
    }
}

impl From<BadInput> for ActivateError {
    fn from(bad: BadInput) -> Self {
        Self::Input(bad)
    }
}

impl From<BadInput> for TransferError {
    fn from(bad: BadInput) -> Self {
        Self::Input(bad)
    }
}

/// An activation, as it was typed.
pub(super) struct Input {
    pub(super) key: LicenseKey,
    pub(super) person: Person,
}

/// Reads what a person typed.
pub(super) fn read_input(key: &str, name: &str, email: &str) -> Result<Input, BadInput> {
    let key = read_key(key)?;
    let name = PersonName::read(name).map_err(|_: BadLine| BadInput::Name)?;
    let email = Email::read(email).map_err(|_: BadLine| BadInput::Email)?;
    if email.as_ref().is_some_and(|email| !email.looks_right()) {
        return Err(BadInput::Email);
    }
    Ok(Input { key, person: Person { name, email } })
}

/// Reads a key. Which product it is for, the server says: what a key prints is for people.
pub(super) fn read_key(key: &str) -> Result<LicenseKey, BadInput> {
    LicenseKey::parse(key).ok_or(BadInput::Key)
}
