//! Free-text keys brought in from S2's sheet. They carry no tag, so anyone can make one up: the ring must enable them.

use std::fmt;

use super::{PrintedTier, Product};

const MIN_CHARS: usize = 6;
const MAX_CHARS: usize = 64;
/// From this many characters after `PRODUCT-TIER-` on, a text is a mistyped Falconer key, not a free one.
const FALCONER_BODY_CHARS: usize = 20;
/// Characters of a free-text key that may be shown; its shortest form has six.
const SHOWN_CHARS: usize = 2;

/// A free-text key.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportedKey(String);

impl ImportedKey {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_uppercase();
        let plain = text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'-');
        ((MIN_CHARS..=MAX_CHARS).contains(&text.len()) && plain && !resembles_ours(&text))
            .then_some(Self(text))
    }
}

impl fmt::Display for ImportedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn mask(canonical: &str) -> String {
    let shown: String =
        canonical.chars().skip(canonical.chars().count().saturating_sub(SHOWN_CHARS)).collect();
    format!("…{shown}")
}

/// Whether a text begins like a key that carries a signature, `XX-TIER-` and 20 characters or more: mistyped, perhaps,
/// and no free text.
#[must_use]
pub fn resembles_ours(text: &str) -> bool {
    let text = text.trim().to_ascii_uppercase();
    let mut parts = text.splitn(3, '-');
    let product = parts.next().and_then(Product::parse).is_some();
    let tier = parts.next().and_then(PrintedTier::parse).is_some();
    product && tier && parts.next().is_some_and(|body| body.len() >= FALCONER_BODY_CHARS)
}
