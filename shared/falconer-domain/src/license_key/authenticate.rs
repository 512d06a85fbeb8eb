//! Does the ring vouch for this text? Answered before any I/O is spent on it.

use super::LicenseKey;
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

impl KeyRing {
    /// Checks the tag of a license key as it was typed.
    ///
    /// # Errors
    /// [`NotAuthentic`]. A legacy key before the ring names a `legacy` generation counts as an unknown generation:
    /// the operator may have added it a minute ago.
    pub fn authenticate(&self, typed: &str) -> Result<Authentic, NotAuthentic> {
        let key = LicenseKey::parse(typed).ok_or(NotAuthentic::Refused)?;
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
