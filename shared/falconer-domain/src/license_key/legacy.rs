//! Keys the Flask server issued: `QF-TIER-SIG-TS`, SIG the first 16 hex digits of `HMAC(master, "QF-TIER-TS")`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{PrintedTier, Product};
use crate::encoding::HEXLOWER;
use crate::keyring::Generation;

const SIGNATURE_BYTES: usize = 8;
/// Hex digits of the signature.
pub(super) const SIGNATURE_CHARS: usize = 2 * SIGNATURE_BYTES;
/// Decimal digits of the time, the likeliest first: ten from 2001 to 2286.
pub(super) const TIME_CHARS: [usize; 3] = [10, 9, 11];

/// A key of the Flask server's form.
#[derive(Clone, PartialEq, Eq)]
pub struct LegacyKey {
    product: Product,
    tier: PrintedTier,
    signature: [u8; SIGNATURE_BYTES],
    timestamp: String,
}

impl LegacyKey {
    /// The Flask server's only product.
    pub const PREFIX: &str = "QF";

    /// Issues a key of the Flask server's form. `timestamp_seconds` is the second of issue, the only difference between
    /// two keys of a tier, so the caller steps it until the key is unused. `None` outside 9 to 11 decimal digits.
    #[must_use]
    pub fn issue(generation: &Generation, tier: PrintedTier, timestamp_seconds: i64) -> Option<Self> {
        let timestamp = timestamp(&timestamp_seconds.to_string())?;
        let product = Product::parse(Self::PREFIX)?;
        let mut key = Self { product, tier, signature: [0; SIGNATURE_BYTES], timestamp };
        let mac = key.mac(generation).finalize().into_bytes();
        key.signature.copy_from_slice(&mac[..SIGNATURE_BYTES]);
        Some(key)
    }

    /// Returns true if `generation` signed this key; compared in constant time.
    #[must_use]
    pub fn is_signed_by(&self, generation: &Generation) -> bool {
        self.mac(generation).verify_truncated_left(&self.signature).is_ok()
    }

    /// The product, always `QF`.
    #[must_use]
    pub const fn product(&self) -> &Product {
        &self.product
    }

    /// The tier that was issued.
    #[must_use]
    pub const fn tier(&self) -> &PrintedTier {
        &self.tier
    }

    /// Reads a folded text that has every separator in its place.
    pub(super) fn parse(spelled: &str) -> Option<Self> {
        let parts: Vec<&str> = spelled.split('-').collect();
        let [Self::PREFIX, tier, signature, time] = parts.as_slice() else { return None };
        Self::of(PrintedTier::parse(tier)?, signature, time)
    }

    /// The key with these parts, if each has its form.
    pub(super) fn of(tier: PrintedTier, signature: &str, time: &str) -> Option<Self> {
        Some(Self {
            product: Product::parse(Self::PREFIX)?,
            tier,
            signature: HEXLOWER.decode(signature.to_ascii_lowercase().as_bytes()).ok()?.try_into().ok()?,
            timestamp: timestamp(time)?,
        })
    }

    fn mac(&self, generation: &Generation) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(generation.master_bytes())
            // Unwrap safety: HMAC takes a key of any length.
            .unwrap();
        mac.update(format!("{}-{}-{}", Self::PREFIX, self.tier.as_str(), self.timestamp).as_bytes());
        mac
    }
}

impl fmt::Display for LegacyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}-{}-{}-{}",
            Self::PREFIX,
            self.tier.as_str(),
            HEXLOWER.encode(&self.signature),
            self.timestamp
        )
    }
}

/// 9 to 11 decimal digits: 1973 to the year 5138, as the Flask server's `int(time.time())` wrote them.
fn timestamp(text: &str) -> Option<String> {
    (TIME_CHARS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
}
