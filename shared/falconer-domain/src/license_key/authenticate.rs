//! Does the ring vouch for this text? Answered before any I/O is spent on it.

use super::{CurrentKey, ImportedKey, LegacyKey, LicenseKey, fold, loose, nearly};
use crate::keyring::{Generation, GenerationNumber, KeyRing};
use crate::license_id::LicenseId;

/// A key the ring vouches for, and the row it opens.
#[derive(Clone, Debug)]
pub struct Authentic {
    /// The key.
    pub key: LicenseKey,
    /// The generation that vouches for it.
    pub generation: GenerationNumber,
    /// The partition key of its license.
    pub license_id: LicenseId,
}

/// Why the ring does not vouch for a text. All of these are `INVALID_SIGNATURE` to the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAuthentic {
    /// No form of key, or a tag that does not verify.
    Refused,
    /// The ring has no generation that could tell: a newer ring might, so an ageing one is re-read first.
    UnknownGeneration,
}

/// The system that a text in a column of keys came from, as an import has to know.
#[derive(Clone, Debug)]
pub enum Origin {
    /// A key that a master of this ring has made.
    Signed(Authentic),
    /// A key of this form that no master of this ring has made, or one that has a slip in it: a fresh key in its place
    /// would be a second license.
    Mistyped,
    /// A key of another system, and what it is as a kept one, if it can be kept.
    Foreign(Option<LicenseKey>),
}

impl KeyRing {
    /// Checks a license key as it was typed. Of the readings that a text has, the one counts whose tag verifies; only a
    /// text that none of them fits is looked for among the imported keys. A text that has the very form of a key is
    /// taken at its word: it has one reading.
    ///
    /// # Errors
    /// [`NotAuthentic`]. A legacy key before the ring names a `legacy` generation counts as an unknown generation:
    /// the operator may have added it a minute ago.
    pub fn authenticate(&self, typed: &str) -> Result<Authentic, NotAuthentic> {
        let folded = fold::fold(typed).ok_or(NotAuthentic::Refused)?;
        if let Some(key) = LicenseKey::signed(&folded) {
            return self.vouched(key);
        }
        let signed = self.loosely(&folded);
        let imported =
            || ImportedKey::of(&folded).and_then(|key| self.vouched(LicenseKey::Imported(key)).ok());
        signed.or_else(|why| imported().ok_or(why))
    }

    /// Finds the system that a text in a column of keys came from. Unlike [`authenticate`](Self::authenticate) it is
    /// slow: thousands of tags are computed for a text that is nearly a key.
    #[must_use]
    pub fn origin(&self, typed: &str) -> Origin {
        let Some(folded) = fold::fold(typed) else { return Origin::Foreign(None) };
        if let Some(key) = LicenseKey::signed(&folded) {
            return self.vouched(key).map_or(Origin::Mistyped, Origin::Signed);
        }
        if let Ok(authentic) = self.loosely(&folded) {
            return Origin::Signed(authentic);
        }
        if nearly::readings(&folded).any(|key| self.vouched(key).is_ok()) {
            return Origin::Mistyped;
        }
        Origin::Foreign(ImportedKey::of(&folded).map(LicenseKey::Imported))
    }

    /// The reading of a text without the form of a key whose tag verifies.
    fn loosely(&self, folded: &str) -> Result<Authentic, NotAuthentic> {
        let current = |keys: Vec<CurrentKey>| keys.into_iter().map(LicenseKey::Current);
        let readings = current(loose::current(folded))
            .chain(loose::legacy(folded).into_iter().map(LicenseKey::Legacy))
            .chain(current(loose::current_without_underscore(folded)))
            .take(loose::MAX_READINGS);
        let mut refused = NotAuthentic::Refused;
        for key in readings {
            match self.vouched(key) {
                Ok(authentic) => return Ok(authentic),
                Err(NotAuthentic::UnknownGeneration) => refused = NotAuthentic::UnknownGeneration,
                Err(NotAuthentic::Refused) => {}
            }
        }
        Err(refused)
    }

    fn vouched(&self, key: LicenseKey) -> Result<Authentic, NotAuthentic> {
        let generation = self.voucher_of(&key)?;
        let license_id = LicenseId::of(generation, &key);
        Ok(Authentic { generation: generation.number(), license_id, key })
    }

    fn voucher_of(&self, key: &LicenseKey) -> Result<&Generation, NotAuthentic> {
        let (generation, vouched) = match key {
            LicenseKey::Current(key) => {
                let generation = self.generation(key.generation()).ok_or(NotAuthentic::UnknownGeneration)?;
                (generation, self.vouches(generation.number()) && key.is_tagged_by(generation))
            }
            LicenseKey::Legacy(key) => {
                let generation = self.legacy().ok_or(NotAuthentic::UnknownGeneration)?;
                (generation, key.is_signed_by(generation))
            }
            LicenseKey::Imported(_) => (self.imported().ok_or(NotAuthentic::Refused)?, true),
        };
        vouched.then_some(generation).ok_or(NotAuthentic::Refused)
    }
}

impl LicenseKey {
    /// A folded text that has the very form of a key that carries a tag.
    pub(super) fn signed(folded: &str) -> Option<Self> {
        let current = CurrentKey::parse(folded).map(Self::Current);
        current.or_else(|| LegacyKey::parse(folded).map(Self::Legacy))
    }
}
