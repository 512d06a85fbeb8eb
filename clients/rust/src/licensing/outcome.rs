//! Results of the calls, and reading of typed input.

use falconer_domain::person::{BadLine, Email, PersonName};
use falconer_domain::{Code, LicenseKey, Product};

use crate::failure::{Failure, InvalidInput};
use crate::state::State;
use crate::store::Licensee;

/// Result of an activation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activation {
    /// The server assigned a seat; the new state.
    Done(State),
    /// No answer counts. The activation is saved, and a refresh will send it.
    Waiting(Failure),
}

/// Result of a deactivation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deactivation {
    /// The seat is free and the license forgotten, or no license was stored.
    Done,
    /// No answer counts. The deactivation is saved, and a refresh will send it.
    Waiting(Failure),
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
    pub(super) fn first_known<A>(self, mut ask: impl FnMut(T) -> Result<A, Failure>) -> Result<A, Failure> {
        let mut answer = ask(self.likeliest);
        for other in self.others {
            let code = answer.as_ref().err().and_then(|failure| failure.code.as_deref());
            if code != Some(Code::InvalidSignature.name()) {
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
    let name = PersonName::read(name).map_err(|_: BadLine| InvalidInput::Name)?;
    let email = Email::read(email).map_err(|_: BadLine| InvalidInput::Email)?;
    if email.as_ref().is_some_and(|email| !email.looks_right()) {
        return Err(InvalidInput::Email);
    }
    let licensee = Licensee { name, email };
    Ok(keys.map(|key| Input { key, licensee: licensee.clone() }))
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
