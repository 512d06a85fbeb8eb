//! Results and errors of the calls, and reading of typed input.

use falconer_domain::person::{BadLine, Email, PersonName};
use falconer_domain::{Code, LicenseKey, Product};

use crate::answer::{Refusal, RequestFailure};
use crate::state::State;
use crate::store::Licensee;
use crate::user_message::UserMessage;

/// Result of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The server assigned a seat; the new state.
    Done(State),
    /// No answer counts. The activation is saved, and a refresh will send it.
    Waiting(RequestFailure),
}

/// Result of a deactivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deactivation {
    /// The seat is free and the license forgotten, or no license was stored.
    Done,
    /// No answer counts. The deactivation is saved, and a refresh will send it.
    Waiting(RequestFailure),
}

/// Typed text that cannot be valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidInput {
    /// A license key in no known form.
    Key,
    /// A name that is too long.
    Name,
    /// An e-mail address without an `@` between two parts, or one that is too long.
    Email,
    /// No key was given, and no license was activated here.
    MissingKey,
}

impl InvalidInput {
    /// Sentence and next step for the user.
    #[must_use]
    pub const fn user_message(self) -> UserMessage {
        match self {
            Self::Key => UserMessage::new(
                "This is not a license key.",
                "Compare it with the mail that it came in. Copying and pasting is safest.",
            ),
            Self::Name => {
                UserMessage::new("This name cannot be used.", "Enter one line of at most 255 characters.")
            }
            Self::Email => UserMessage::new(
                "This is not an e-mail address.",
                "Enter one like anna@example.com, or leave the field empty.",
            ),
            Self::MissingKey => {
                UserMessage::new("No license was activated here.", "Enter the license key you were sent.")
            }
        }
    }
}

/// Error of an activation.
#[derive(Clone, Debug, derive_more::Display, derive_more::From, PartialEq, Eq)]
#[display("{}", self.user_message())]
pub enum ActivateError {
    /// The input is not valid; nothing was sent.
    #[from]
    Input(InvalidInput),
    /// The server refused.
    Refused(Refusal),
    /// The server's answer is about another machine or another product. The activation does not wait.
    Mismatch(RequestFailure),
    /// The call ended early: it was cancelled, or made in a forked process. The activation does not wait.
    Stopped(RequestFailure),
}

/// Error of a transfer.
#[derive(Clone, Debug, derive_more::Display, derive_more::From, PartialEq, Eq)]
#[display("{}", self.user_message())]
pub enum TransferError {
    /// The input is not valid; nothing was sent.
    #[from]
    Input(InvalidInput),
    /// The server refused.
    Refused(Refusal),
    /// No answer counts. The transfer may have happened, and repeating it is safe.
    RequestFailed(RequestFailure),
}

/// Error of a refresh.
#[derive(Clone, Debug, derive_more::Display, PartialEq, Eq)]
#[display("{}", self.user_message())]
pub enum RefreshError {
    /// The server refused, with a code that locks nothing.
    Refused(Refusal),
    /// No answer counts.
    RequestFailed(RequestFailure),
}

/// Error of a deactivation.
#[derive(Clone, Debug, derive_more::Display, PartialEq, Eq)]
#[display("{}", self.user_message())]
pub enum DeactivateError {
    /// The server refused.
    Refused(Refusal),
    /// The call ended early: it was cancelled, or made in a forked process. The deactivation does not wait.
    Stopped(RequestFailure),
}

/// Implements message and refusal of an error, by variant.
macro_rules! advised {
    ($($error:ident { $($pattern:pat => $message:expr),+ $(,)? })+) => {$(
        impl $error {
            /// Sentence and next step for the user.
            #[must_use]
            pub fn user_message(&self) -> UserMessage {
                match self { $($pattern => $message),+ }
            }

            /// The server's refusal, if that is the reason.
            #[must_use]
            pub fn refusal(&self) -> Option<&Refusal> {
                match self {
                    Self::Refused(refusal) => Some(refusal),
                    _ => None,
                }
            }
        }

        impl std::error::Error for $error {}
    )+};
}

advised! {
    ActivateError {
        Self::Input(bad) => bad.user_message(),
        Self::Refused(refusal) => refusal.user_message(),
        Self::Mismatch(failure) | Self::Stopped(failure) => failure.user_message(),
    }
    TransferError {
        Self::Input(bad) => bad.user_message(),
        Self::Refused(refusal) => refusal.user_message(),
        Self::RequestFailed(failure) => failure.user_message(),
    }
    RefreshError {
        Self::Refused(refusal) => refusal.user_message(),
        Self::RequestFailed(failure) => failure.user_message(),
    }
    DeactivateError {
        Self::Refused(refusal) => refusal.user_message(),
        Self::Stopped(failure) => failure.user_message(),
    }
}

/// Input of an activation, read.
pub(super) struct Input {
    pub(super) key: LicenseKey,
    pub(super) licensee: Licensee,
}

/// Keys that a typed text can mean, the likeliest first, and what is derived from them.
pub(super) struct Candidates<T> {
    likeliest: T,
    others: Vec<T>,
}

impl<T> Candidates<T> {
    pub(super) const fn of(only: T) -> Self {
        Self { likeliest: only, others: Vec::new() }
    }

    pub(super) fn map<U>(self, mut each: impl FnMut(T) -> U) -> Candidates<U> {
        Candidates { likeliest: each(self.likeliest), others: self.others.into_iter().map(each).collect() }
    }

    /// Asks with one candidate after another, as long as the server answers that it never issued the key. The server
    /// stores and counts nothing for that answer.
    pub(super) fn first_known<A, E>(
        self,
        refusal: fn(&E) -> Option<&Refusal>,
        mut ask: impl FnMut(T) -> Result<A, E>,
    ) -> Result<A, E> {
        let mut answer = ask(self.likeliest);
        for other in self.others {
            let refused = answer.as_ref().err().and_then(refusal);
            if refused.is_none_or(|refusal| refusal.code != Code::InvalidSignature.name()) {
                break;
            }
            answer = ask(other);
        }
        answer
    }
}

/// Reads key, name and e-mail.
pub(super) fn read_input(
    product: &Product,
    key: &str,
    name: &str,
    email: &str,
) -> Result<Candidates<Input>, InvalidInput> {
    let keys = read_key(product, key)?;
    let licensee = read_licensee(name, email)?;
    Ok(keys.map(|key| Input { key, licensee: licensee.clone() }))
}

/// Reads name and e-mail; either may be empty.
pub(super) fn read_licensee(name: &str, email: &str) -> Result<Licensee, InvalidInput> {
    let name = PersonName::read(name).map_err(|_: BadLine| InvalidInput::Name)?;
    let email = Email::read(email).map_err(|_: BadLine| InvalidInput::Email)?;
    if email.as_ref().is_some_and(|email| !email.looks_right()) {
        return Err(InvalidInput::Email);
    }
    Ok(Licensee { name, email })
}

/// Reads a key. The product printed in a whole key is not compared with this application's: the server decides about
/// that.
pub(super) fn read_key(product: &Product, key: &str) -> Result<Candidates<LicenseKey>, InvalidInput> {
    let mut keys = LicenseKey::readings(key, product).into_iter().filter(|_| can_be_key(key));
    let likeliest = keys.next().ok_or(InvalidInput::Key)?;
    Ok(Candidates { likeliest, others: keys.collect() })
}

/// True if a text can be a key of any product. Imported keys are any text, but words without a digit are something else
/// that was pasted.
pub(crate) fn can_be_key(text: &str) -> bool {
    let is_prose = text.trim().contains(char::is_whitespace) && !text.chars().any(char::is_numeric);
    !is_prose && LicenseKey::has_reading(text)
}
