//! License keys: what a customer types, in its three forms.
//!
//! | form | looks like | proves itself by |
//! | --- | --- | --- |
//! | current | `QF-PRO-3D93F-4699X-ZD3T9-CSAZB-DAS0J-4BYWJ` | a 64-bit tag |
//! | legacy (S1) | `QF-PRO-b4243599e011bd9f-1788049460` | a 64-bit tag under S1's master |
//! | imported (S2) | free text | nothing; only where the ring says so |

mod authenticate;
mod current;
mod imported;
mod legacy;
mod spelling;

use std::fmt;

pub use authenticate::{Authentic, NotAuthentic};
pub use current::{CurrentKey, RANDOM_BYTES};
pub use imported::{ImportedKey, resembles_ours};
pub use legacy::LegacyKey;

/// Longest text taken for a key, in bytes, counted before anything is stripped.
pub const MAX_KEY_BYTES: usize = 128;

/// A product's code, `[A-Z0-9]{2,8}`, the first part of its keys and the audience of its leases.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product(String);

impl Product {
    /// `text` as a product code, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (2..=8).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
        good.then(|| Self(text.to_owned()))
    }

    /// The code itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Product {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The tier printed in a key, `[A-Z0-9_]{1,16}`: what was issued, for humans. The row is the authority.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PrintedTier(String);

impl PrintedTier {
    /// `text` as a printed tier, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=16).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        good.then(|| Self(text.to_owned()))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that has the form of a license key. Whether anyone issued it is another question:
/// [`KeyRing::authenticate`](crate::KeyRing::authenticate) answers it.
///
/// `Display` is the canonical spelling and must never be logged; `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub enum LicenseKey {
    /// What Falconer issues.
    Current(CurrentKey),
    /// What S1 issued.
    Legacy(LegacyKey),
    /// What S2's sheet held.
    Imported(ImportedKey),
}

impl LicenseKey {
    /// Reads a key as people type it: any case, white space, typographic dashes, hyphens between groups or none,
    /// `O` for `0` and `I`, `L` for `1`. `None` if no form fits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_KEY_BYTES {
            return None;
        }
        let spelled = spelling::fold(text);
        CurrentKey::parse(&spelled)
            .map(Self::Current)
            .or_else(|| LegacyKey::parse(&spelled).map(Self::Legacy))
            .or_else(|| ImportedKey::parse(text).map(Self::Imported))
    }

    /// The product the key names; imported keys name none.
    #[must_use]
    pub fn product(&self) -> Option<&Product> {
        match self {
            Self::Current(key) => Some(key.product()),
            Self::Legacy(key) => Some(key.product()),
            Self::Imported(_) => None,
        }
    }

    /// The key as it may be shown: product, tier and last group, `QF-PRO-…-4BYWJ`.
    #[must_use]
    pub fn masked(&self) -> String {
        let canonical = self.to_string();
        match (self, canonical.rsplit_once('-')) {
            (Self::Current(key), Some((_, last))) => {
                format!("{}-{}-…-{last}", key.product(), key.tier().as_str())
            }
            (Self::Legacy(key), Some((_, last))) => {
                format!("{}-{}-…-{last}", key.product(), key.tier().as_str())
            }
            _ => imported::mask(&canonical),
        }
    }
}

impl fmt::Display for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current(key) => key.fmt(f),
            Self::Legacy(key) => key.fmt(f),
            Self::Imported(key) => key.fmt(f),
        }
    }
}

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LicenseKey({})", self.masked())
    }
}

#[cfg(test)]
mod tests;
