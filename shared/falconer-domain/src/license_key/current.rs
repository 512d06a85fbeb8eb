//! Keys Falconer issues: `PRODUCT-TIER-` and 30 Crockford characters in six groups of five,
//! `generation (1) ‖ random (16) ‖ tag (13)`.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{PrintedTier, Product};
use crate::encoding::CROCKFORD_UPPER;
use crate::keyring::{Generation, GenerationNumber, Purpose};

/// Random bytes in a key: 80 bits, so that a million keys collide with a chance of one in 10¹².
pub const RANDOM_BYTES: usize = 10;
const TAG_BYTES: usize = 8;
const RANDOM_CHARS: usize = 16;
pub(super) const BODY_CHARS: usize = 30;
const GROUP_CHARS: usize = 5;
pub(super) const CROCKFORD_DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A text of the form Falconer issues.
#[derive(Clone, PartialEq, Eq)]
pub struct CurrentKey {
    product: Product,
    tier: PrintedTier,
    generation: GenerationNumber,
    random: [u8; RANDOM_BYTES],
    tag: [u8; TAG_BYTES],
}

impl CurrentKey {
    /// Issues a key. `random` comes from the operating system at the edge, or from an import's derivation.
    #[must_use]
    pub fn issue(
        generation: &Generation,
        product: Product,
        tier: PrintedTier,
        random: [u8; RANDOM_BYTES],
    ) -> Self {
        let mut key = Self { product, tier, generation: generation.number(), random, tag: [0; TAG_BYTES] };
        let mac = key.mac(generation).finalize().into_bytes();
        key.tag.copy_from_slice(&mac[..TAG_BYTES]);
        key
    }

    /// The key that takes the place of a sheet's free text: random to everyone without the master, and the same
    /// whenever the same text comes again, so that a repeated import is the same import. `old_key` is folded.
    #[must_use]
    pub fn in_place_of(old_key: &str, generation: &Generation, product: Product, tier: PrintedTier) -> Self {
        let mut mac = Hmac::<Sha256>::new_from_slice(generation.subkey(Purpose::SheetImport).as_ref())
            // Unwrap safety: HMAC takes a key of any length.
            .unwrap();
        mac.update(old_key.as_bytes());
        let mut random = [0; RANDOM_BYTES];
        random.copy_from_slice(&mac.finalize().into_bytes()[..RANDOM_BYTES]);
        Self::issue(generation, product, tier, random)
    }

    /// Returns true if `generation` issued this key; compared in constant time.
    #[must_use]
    pub fn is_tagged_by(&self, generation: &Generation) -> bool {
        self.mac(generation).verify_truncated_left(&self.tag).is_ok()
    }

    /// The product the key is for.
    #[must_use]
    pub const fn product(&self) -> &Product {
        &self.product
    }

    /// The tier that was issued.
    #[must_use]
    pub const fn tier(&self) -> &PrintedTier {
        &self.tier
    }

    /// The generation the key claims.
    #[must_use]
    pub const fn generation(&self) -> GenerationNumber {
        self.generation
    }

    /// Reads a folded text that has every separator in its place.
    pub(super) fn parse(spelled: &str) -> Option<Self> {
        let mut parts = spelled.splitn(3, '-');
        let product = Product::parse(parts.next()?)?;
        let tier = PrintedTier::parse(parts.next()?)?;
        Some(Code::parse(&ungrouped(parts.next()?)?)?.of(product, tier))
    }

    fn mac(&self, generation: &Generation) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(generation.subkey(Purpose::LicenseKeyTag).as_ref())
            // Unwrap safety: HMAC takes a key of any length.
            .unwrap();
        mac.update(b"falconer/key/v2\0");
        mac.update(self.product.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(self.tier.as_str().as_bytes());
        mac.update(&[0, self.generation.get()]);
        mac.update(&self.random);
        mac
    }
}

impl fmt::Display for CurrentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = char::from(CROCKFORD_DIGITS[usize::from(self.generation.get())]);
        let body =
            format!("{digit}{}{}", CROCKFORD_UPPER.encode(&self.random), CROCKFORD_UPPER.encode(&self.tag));
        write!(f, "{}-{}", self.product, self.tier.as_str())?;
        for (index, digit) in body.chars().enumerate() {
            if index % GROUP_CHARS == 0 {
                f.write_str("-")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// The content of the 30 characters.
#[derive(Clone, Copy)]
pub(super) struct Code {
    generation: GenerationNumber,
    random: [u8; RANDOM_BYTES],
    tag: [u8; TAG_BYTES],
}

impl Code {
    /// Reads 30 characters without hyphens.
    pub(super) fn parse(body: &str) -> Option<Self> {
        let (first, rest) = body.split_at_checked(1)?;
        let (random, tag) = rest.split_at_checked(RANDOM_CHARS)?;
        Some(Self {
            generation: generation_of(first.as_bytes()[0])?,
            random: decoded(random)?,
            tag: decoded(tag)?,
        })
    }

    /// The key that has this code.
    pub(super) const fn of(self, product: Product, tier: PrintedTier) -> CurrentKey {
        CurrentKey { product, tier, generation: self.generation, random: self.random, tag: self.tag }
    }
}

/// Removes the hyphens between groups. A hyphen elsewhere stays, and does not decode.
fn ungrouped(grouped: &str) -> Option<String> {
    let mut body = String::with_capacity(BODY_CHARS);
    let mut may_split = false;
    for c in grouped.chars() {
        if c == '-' && may_split && body.len() < BODY_CHARS {
            may_split = false;
        } else {
            body.push(c);
            may_split = body.len().is_multiple_of(GROUP_CHARS);
        }
    }
    (body.len() == BODY_CHARS).then_some(body)
}

fn generation_of(digit: u8) -> Option<GenerationNumber> {
    let digit = match digit {
        b'I' | b'L' => b'1',
        other => other,
    };
    let value = CROCKFORD_DIGITS.iter().position(|symbol| *symbol == digit)?;
    GenerationNumber::new(u8::try_from(value).ok()?)
}

/// Exactly `N` bytes, or nothing: a set padding bit, a `U` or a wrong length all fail here.
fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    CROCKFORD_UPPER.decode(text.as_bytes()).ok()?.try_into().ok()
}
