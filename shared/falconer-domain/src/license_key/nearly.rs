//! Texts that are one slip away from a signed key: one wrong, missing or extra character, or two that changed places.
//! Only an import asks: a customer is asked to compare, and the import of a sheet has to name the rows that are
//! slips, and to take the rows that are keys of another system.

use super::current::{BODY_CHARS, CROCKFORD_DIGITS, Code};
use super::fold::{SEPARATOR, UNDERSCORE};
use super::legacy::{LegacyKey, SIGNATURE_CHARS, TIME_CHARS};
use super::{LicenseKey, PrintedTier, Product};

const HEX: &[u8] = b"0123456789ABCDEF";
const DECIMAL: &[u8] = b"0123456789";
const NAMES: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";

/// The keys that a folded text could have been before one slip. Some four thousand for a text with a product, a tier
/// and about 30 characters; none for a text whose parts are of other lengths, as the keys of other systems are.
pub(super) fn readings(folded: &str) -> Box<dyn Iterator<Item = LicenseKey> + '_> {
    let parts: Vec<&str> = folded.split(SEPARATOR).collect();
    match parts.as_slice() {
        [product, tier, signature, time] if is_about(signature.len(), SIGNATURE_CHARS) => {
            Box::new(legacy(product, tier, signature, time).chain(current(product, tier, &parts[2..])))
        }
        [product, tier, groups @ ..] => Box::new(current(product, tier, groups)),
        _ => Box::new(std::iter::empty()),
    }
}

fn current<'a>(
    product: &'a str,
    tier: &'a str,
    groups: &[&str],
) -> Box<dyn Iterator<Item = LicenseKey> + 'a> {
    let body: String = groups.concat().chars().filter(|c| *c != UNDERSCORE).collect();
    if !is_about(body.len(), BODY_CHARS) || !body.is_ascii() {
        return Box::new(std::iter::empty());
    }
    let head = Product::parse(product).zip(PrintedTier::parse(tier));
    let code = Code::parse(&body);
    let in_the_code = head.into_iter().flat_map(move |(product, tier)| {
        let codes = slips(&body, CROCKFORD_DIGITS).into_iter().filter_map(|body| Code::parse(&body));
        codes.map(move |code| code.of(product.clone(), tier.clone()))
    });
    let before_it = code.into_iter().flat_map(move |code| {
        heads(product, tier).into_iter().map(move |(product, tier)| code.of(product, tier))
    });
    Box::new(in_the_code.chain(before_it).map(LicenseKey::Current))
}

fn heads(product: &str, tier: &str) -> Vec<(Product, PrintedTier)> {
    let (products, tiers) = (slips(product, NAMES), slips(tier, NAMES));
    let products = products.iter().map(|product| (product.as_str(), tier));
    let pairs = products.chain(tiers.iter().map(|tier| (product, tier.as_str())));
    pairs.filter_map(|(product, tier)| Product::parse(product).zip(PrintedTier::parse(tier))).collect()
}

fn legacy(
    product: &str,
    tier: &str,
    signature: &str,
    time: &str,
) -> impl Iterator<Item = LicenseKey> + use<> {
    let is_ours = product == LegacyKey::PREFIX;
    let of = |tier: &str, signature: &str, time: &str| {
        LegacyKey::of(PrintedTier::parse(tier)?, signature, time).map(LicenseKey::Legacy)
    };
    let mut keys = Vec::new();
    if is_ours {
        keys.extend(slips(signature, HEX).iter().map(|signature| of(tier, signature, time)));
        keys.extend(slips(tier, NAMES).iter().map(|tier| of(tier, signature, time)));
        keys.extend(slips(time, DECIMAL).iter().map(|time| of(tier, signature, time)));
    } else if slips(product, NAMES).iter().any(|product| product == LegacyKey::PREFIX) {
        keys.push(of(tier, signature, time));
    }
    keys.into_iter().flatten()
}

/// Returns true if a length is right but for one character.
const fn is_about(length: usize, right: usize) -> bool {
    length.abs_diff(right) <= 1
}

/// Every text that is one slip away from this one. Of a text that no part of a key is as long as, none.
fn slips(text: &str, alphabet: &[u8]) -> Vec<String> {
    const LONGEST: usize = BODY_CHARS + 1;
    const { assert!(LONGEST > PrintedTier::MAX_CHARS && LONGEST > TIME_CHARS[2] && LONGEST > SIGNATURE_CHARS) };
    if !text.is_ascii() || text.len() > LONGEST {
        return Vec::new();
    }
    let mut slips = Vec::new();
    let digits = || alphabet.iter().copied().map(char::from);
    for place in 0..=text.len() {
        let (before, after) = text.split_at(place);
        slips.extend(digits().map(|digit| format!("{before}{digit}{after}")));
        let Some(rest) = after.get(1..) else { continue };
        slips.push(format!("{before}{rest}"));
        slips.extend(digits().map(|digit| format!("{before}{digit}{rest}")));
        if let (Some(next), Some(further)) = (rest.get(..1), rest.get(1..)) {
            slips.push(format!("{before}{next}{}{further}", &after[..1]));
        }
    }
    slips
}
