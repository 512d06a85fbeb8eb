//! License keys: what a customer types, in its three forms.
//!
//! | form | looks like | proves itself by |
//! | --- | --- | --- |
//! | current | `QF-PRO-3D93F-4699X-ZD3T9-CSAZB-DAS0J-4BYWJ` | a 64-bit tag |
//! | legacy (the Flask server's) | `QF-PRO-b4243599e011bd9f-1788049460` | a 64-bit tag under its master |
//! | imported (another system's) | free text | nothing; only where the ring says so |
//!
//! There is one reader of all of them: [`fold`] says which characters of a text count, `loose` which keys it can mean,
//! and the ring which of those was issued.

mod authenticate;
mod current;
mod fold;
mod imported;
mod legacy;
mod loose;
mod nearly;

use std::fmt;

pub use authenticate::{Authentic, NotAuthentic, Origin};
pub use current::{CurrentKey, RANDOM_BYTES};
pub use fold::{MAX_KEY_BYTES, MAX_TYPED_BYTES, fold, name};
pub use imported::ImportedKey;
pub use legacy::LegacyKey;
pub use loose::MAX_READINGS;

/// A product's code, `[A-Z0-9]{2,8}`, the first part of its keys and the audience of its leases.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product(String);

impl Product {
    /// Longest code.
    pub const MAX_CHARS: usize = 8;

    /// `text` as a product code, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (2..=Self::MAX_CHARS).contains(&text.len())
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
    /// Longest name.
    pub const MAX_CHARS: usize = 16;

    /// `text` as a printed tier, exactly as it must be written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let good = (1..=Self::MAX_CHARS).contains(&text.len())
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
/// `Display` is the printed spelling and must never be logged; `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub enum LicenseKey {
    /// A key that Falconer issued.
    Current(CurrentKey),
    /// A key that the Flask server issued.
    Legacy(LegacyKey),
    /// A key that another system issued.
    Imported(ImportedKey),
}

impl LicenseKey {
    /// Reads a key without a ring or a product to tell what it means where its separators are lost: then it is free
    /// text.
    /// `None` if no form fits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let folded = fold(text)?;
        Self::signed(&folded).or_else(|| ImportedKey::of(&folded).map(Self::Imported))
    }

    /// The keys that a text can mean to an application of one product, the likeliest first, at most
    /// [`MAX_TRIES`](Self::MAX_TRIES). An application keys its hardware parts by the canonical key, so it has to know
    /// which one before it asks; where a text means several, the server knows which of them was issued.
    #[must_use]
    pub fn readings(text: &str, product: &Product) -> Vec<Self> {
        let Some(folded) = fold(text) else { return Vec::new() };
        if let Some(key) = Self::signed(&folded) {
            return vec![key];
        }
        let mut readings: Vec<Self> = Vec::new();
        let legacy: Vec<_> = loose::legacy(&folded).into_iter().map(Self::Legacy).collect();
        let is_legacy = !legacy.is_empty();
        // In the order of the server, so that a text is read here as it is there.
        let current = loose::current(&folded).into_iter().chain(loose::current_without_underscore(&folded));
        let current = current.map(Self::Current);
        for key in legacy.into_iter().chain(current).filter(|key| key.product() == Some(product)) {
            if !readings.contains(&key) {
                readings.push(key);
            }
        }
        // A text in groups of four or six may begin with the product and be another system's all the same.
        if readings.is_empty() || !(is_legacy || loose::is_in_fives(&folded)) {
            readings.truncate(Self::MAX_TRIES - 1);
            readings.extend(ImportedKey::of(&folded).map(Self::Imported));
        }
        readings.truncate(Self::MAX_TRIES);
        readings
    }

    /// Returns true if a text can be a key of any product at all.
    #[must_use]
    pub fn has_reading(text: &str) -> bool {
        let Some(folded) = fold(text) else { return false };
        let is_whole = Self::signed(&folded).is_some() || ImportedKey::of(&folded).is_some();
        is_whole || !loose::current(&folded).is_empty() || !loose::legacy(&folded).is_empty()
    }

    /// Keys of one text that an application asks about. A tier of up to 8 letters and digits that has lost its underscore
    /// has as many readings, and an address has ten requests a minute.
    pub const MAX_TRIES: usize = 8;

    /// The one text for every spelling of the key: what ids and hardware parts are keyed by.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self {
            Self::Current(_) | Self::Legacy(_) => self.to_string(),
            Self::Imported(key) => key.canonical(),
        }
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
            _ => imported::mask(&self.canonical()),
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
