//! What comes of an operation, in words for a program and for its user.

use falconer_domain::person::{BadLine, Email, PersonName};
use falconer_domain::{Code, LicenseKey, Product};

use crate::answer::{Refusal, RequestFailure};
use crate::state::State;
use crate::store::Licensee;
use crate::user_message::UserMessage;

/// What came of an activation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// The server answered yes; the state from now on.
    Done(State),
    /// No answer that counts: it waits, and will be sent by a refresh.
    Waiting(RequestFailure),
}

/// What came of a deactivation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deactivation {
    /// The seat is free and the license forgotten, or there was none.
    Done,
    /// No answer that counts: it waits, and will be sent by a refresh.
    Waiting(RequestFailure),
}

/// Something typed that cannot be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum InvalidInput {
    /// No form of license key.
    Key,
    /// A name that is too long.
    Name,
    /// An e-mail without an `@` between two parts, or too long.
    Email,
    /// No license was activated here, and no key was given.
    MissingKey,
}

impl InvalidInput {
    /// A sentence and a next step for the user.
    #[must_use]
    pub const fn user_message(self) -> UserMessage {
        match self {
            Self::Key => UserMessage::new(
                "This is not a license key.",
                "Compare it with the mail it came in; copying and pasting is safest.",
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

/// Why an activation did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivateError {
    /// What was typed. Nothing was sent.
    Input(InvalidInput),
    /// The server said no.
    Refused(Refusal),
    /// The server's word, about another machine or another product than this one.
    Mismatch(RequestFailure),
}

/// Why a transfer did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// What was typed. Nothing was sent.
    Input(InvalidInput),
    /// The server said no.
    Refused(Refusal),
    /// No answer that counts. It may have happened; trying again is safe.
    RequestFailed(RequestFailure),
}

/// Why a refresh brought nothing new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RefreshError {
    /// A refusal that locks nothing.
    Refused(Refusal),
    /// No answer that counts.
    RequestFailed(RequestFailure),
}

/// Why a deactivation did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeactivateError {
    /// The server said no.
    Refused(Refusal),
}

/// Sentences and `Display` of an error: by variant, from the advice of what it holds.
macro_rules! advised {
    ($($error:ident { $($pattern:pat => $message:expr),+ $(,)? })+) => {$(
        impl $error {
            /// A sentence and a next step for the user.
            #[must_use]
            pub fn user_message(&self) -> UserMessage {
                match self { $($pattern => $message),+ }
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
                self.user_message().fmt(f)
            }
        }

        impl std::error::Error for $error {}
    )+};
}

advised! {
    ActivateError {
        Self::Input(bad) => bad.user_message(),
        Self::Refused(refusal) => refusal.user_message(),
        Self::Mismatch(failure) => failure.user_message(),
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
    }
}

impl From<InvalidInput> for ActivateError {
    fn from(bad: InvalidInput) -> Self {
        Self::Input(bad)
    }
}

impl From<InvalidInput> for TransferError {
    fn from(bad: InvalidInput) -> Self {
        Self::Input(bad)
    }
}

/// An activation, as it was typed.
pub(super) struct Input {
    pub(super) key: LicenseKey,
    pub(super) licensee: Licensee,
}

/// What a typed key can mean, and so what is asked for with it.
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

    /// Asks with one after the other, as long as the server says that it has never issued such a key. Nothing is stored
    /// or counted there for that answer.
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

/// Reads what a person typed.
pub(super) fn read_input(
    product: &Product,
    key: &str,
    name: &str,
    email: &str,
) -> Result<Candidates<Input>, InvalidInput> {
    let keys = read_key(product, key)?;
    let name = PersonName::read(name).map_err(|_: BadLine| InvalidInput::Name)?;
    let email = Email::read(email).map_err(|_: BadLine| InvalidInput::Email)?;
    if email.as_ref().is_some_and(|email| !email.looks_right()) {
        return Err(InvalidInput::Email);
    }
    let licensee = Licensee { name, email };
    Ok(keys.map(|key| Input { key, licensee: licensee.clone() }))
}

/// Reads a key. Which product it is for, the server says where the text is a whole key: what it prints is for people.
pub(super) fn read_key(product: &Product, key: &str) -> Result<Candidates<LicenseKey>, InvalidInput> {
    let mut keys = LicenseKey::readings(key, product).into_iter().filter(|_| can_be_key(key));
    let likeliest = keys.next().ok_or(InvalidInput::Key)?;
    Ok(Candidates { likeliest, others: keys.collect() })
}

/// Whether a text can be a key of any product. Keys of other systems are any text; but words without a digit among them
/// are something else that was pasted.
pub(crate) fn can_be_key(text: &str) -> bool {
    let is_prose = text.trim().contains(char::is_whitespace) && !text.chars().any(char::is_numeric);
    !is_prose && LicenseKey::has_reading(text)
}
