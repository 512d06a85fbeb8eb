//! The partition key of a license, derived from its key.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::encoding::CROCKFORD_LOWER;
use crate::keyring::{Generation, Purpose};
use crate::license_key::LicenseKey;

const ID_PREFIX: &str = "lic_";
/// 120 of the hash's bits: 24 characters, and no two licenses of any vendor ever meet.
const ID_BYTES: usize = 15;

/// `lic_` and 24 lower-case Crockford characters: the partition key of a license.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LicenseId(String);

impl LicenseId {
    /// The id of the license a key opens: a keyed hash, so that the table never holds the key.
    #[must_use]
    pub fn of(generation: &Generation, key: &LicenseKey) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(generation.subkey(Purpose::LicenseLookup).as_ref())
            // Unwrap safety: HMAC takes a key of any length.
            .unwrap();
        mac.update(key.canonical().as_bytes());
        Self::from_hash(&mac.finalize().into_bytes())
    }

    pub(crate) fn from_hash(hash: &[u8]) -> Self {
        Self(format!("{ID_PREFIX}{}", CROCKFORD_LOWER.encode(&hash[..ID_BYTES])))
    }

    /// `text` as a license id, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let hash = CROCKFORD_LOWER.decode(text.strip_prefix(ID_PREFIX)?.as_bytes()).ok()?;
        (hash.len() == ID_BYTES).then(|| Self(text.to_owned()))
    }

    /// The id itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for LicenseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back() {
        let id = LicenseId::from_hash(&[0xAB; 32]);
        assert_eq!(id.as_str().len(), 28);
        assert_eq!(format!("{id} {id:?}"), format!("{0} {0}", id.as_str()));
        assert_eq!(LicenseId::parse(id.as_str()), Some(id.clone()));
        for text in ["", "lic_", "lic_0", &id.as_str().to_uppercase(), &format!("{id}0")] {
            assert_eq!(LicenseId::parse(text), None, "{text}");
        }
    }
}
