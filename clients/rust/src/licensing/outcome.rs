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
    /// The readings of the typed text that follow, should the server never have issued this key.
    pub(super) others: Vec<LicenseKey>,
    pub(super) licensee: Licensee,
}

impl Input {
    /// An input for each of the keys that a text can mean. `None` without a key.
    pub(super) fn of_readings(keys: &[LicenseKey], licensee: &Licensee) -> Option<Candidates<Self>> {
        let others = |place| keys.iter().skip(place + 1).cloned().collect();
        let mut inputs = keys.iter().enumerate().map(|(place, key)| Self {
            key: key.clone(),
            others: others(place),
            licensee: licensee.clone(),
        });
        let likeliest = inputs.next()?;
        Some(Candidates { likeliest, others: inputs.collect() })
    }
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
    let keys = LicenseKey::readings(key, product);
    if keys.is_empty() {
        return Err(InvalidInput::Key);
    }
    Input::of_readings(&keys, &read_licensee(name, email)?).ok_or(InvalidInput::Key)
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

/// Reads the likeliest key that a typed text can mean, where nobody can be asked which one it is.
pub(super) fn read_likeliest_key(product: &Product, key: &str) -> Result<LicenseKey, InvalidInput> {
    Ok(read_key(product, key)?.likeliest)
}

/// Reads a key as the server does: an imported key may be any words. The product printed in a whole key is not compared
/// with this application's: the server decides about that.
pub(super) fn read_key(product: &Product, key: &str) -> Result<Candidates<LicenseKey>, InvalidInput> {
    let mut keys = LicenseKey::readings(key, product).into_iter();
    let likeliest = keys.next().ok_or(InvalidInput::Key)?;
    Ok(Candidates { likeliest, others: keys.collect() })
}
