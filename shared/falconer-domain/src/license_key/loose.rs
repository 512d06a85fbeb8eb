//! Readings of a text in which the separators of a signed key are lost or are others: no hyphens, blanks or dots, a key
//! read out over the telephone. What is missing is only where the product ends and the tier begins; the tag tells.
//!
//! Every reading is one more tag that a forged key could happen to have. [`MAX_READINGS`] bounds that: at most 2⁹
//! readings of 2⁶⁴ tags, so that a text nobody issued passes with a chance of 2⁻⁵⁵.

use super::current::{BODY_CHARS, Code, CurrentKey};
use super::fold::{SEPARATOR, UNDERSCORE};
use super::legacy::{self, LegacyKey};
use super::{PrintedTier, Product};

/// How many readings of one text have their tag computed. A head in one piece has 7 places where a product can end, and
/// after each a tier of at most 3 spellings: 21. Read out letter by letter, its 24 characters may each begin the
/// product: 504.
pub const MAX_READINGS: usize = 512;
/// Longest product and tier, in characters.
const MAX_HEAD_CHARS: usize = Product::MAX_CHARS + PrintedTier::MAX_CHARS;

/// Lists the readings of a folded text as a signed key, the likeliest first. The last 30 characters are its code.
pub(super) fn current(folded: &str) -> Vec<CurrentKey> {
    readings(folded, tiers)
}

/// The same for a tier that has lost its one underscore and has nothing in its place: after all others, since there are
/// as many as the tier has characters.
pub(super) fn current_without_underscore(folded: &str) -> Vec<CurrentKey> {
    readings(folded, underscored)
}

fn readings(folded: &str, tiers: fn(&str) -> Vec<PrintedTier>) -> Vec<CurrentKey> {
    let Some((head, body)) = tail(folded, BODY_CHARS) else { return Vec::new() };
    // All readings share one code, so a text without a valid one costs nothing more.
    let Some(code) = Code::parse(&body) else { return Vec::new() };
    heads(head, tiers).map(|(product, tier)| code.of(product, tier)).take(MAX_READINGS).collect()
}

/// The readings of a folded text as a key of the Flask server: its last characters are a signature and a time.
pub(super) fn legacy(folded: &str) -> Vec<LegacyKey> {
    let of = |time_chars: usize| {
        let (head, body) = tail(folded, legacy::SIGNATURE_CHARS + time_chars)?;
        Some(legacy_of(head, &body))
    };
    // Where the time is a word of its own, its length is known.
    let last = folded.rsplit([SEPARATOR, UNDERSCORE]).next().map(str::len);
    let mut lengths = legacy::TIME_CHARS;
    lengths.sort_by_key(|length| Some(*length) != last);
    lengths.into_iter().filter_map(of).flatten().take(MAX_READINGS).collect()
}

fn legacy_of(head: &str, body: &str) -> Vec<LegacyKey> {
    let (signature, time) = body.split_at(legacy::SIGNATURE_CHARS);
    let ours = heads(head, tiers).filter(|(product, _)| product.as_str() == LegacyKey::PREFIX);
    ours.filter_map(|(_, tier)| LegacyKey::of(tier, signature, time)).collect()
}

/// Returns true if the code of a key is in groups of five characters, as a key is printed, or in one piece. A key
/// in groups of four or six is of another kind.
pub(super) fn is_in_fives(folded: &str) -> bool {
    let Some((head, _)) = tail(folded, BODY_CHARS) else { return false };
    let mut groups = folded[head.len()..].split([SEPARATOR, UNDERSCORE]).filter(|group| !group.is_empty());
    groups.all(|group| group.len().is_multiple_of(5))
}

/// The last `count` letters and digits, and what is before them.
fn tail(folded: &str, count: usize) -> Option<(&str, String)> {
    let mut reversed = Vec::with_capacity(count);
    for (place, c) in folded.char_indices().rev() {
        match c {
            SEPARATOR | UNDERSCORE => {}
            c if c.is_ascii_alphanumeric() => reversed.push(c),
            _ => return None,
        }
        if reversed.len() == count {
            return Some((&folded[..place], reversed.into_iter().rev().collect()));
        }
    }
    None
}

/// Each way to read what is before the code as product and tier. It may begin at any word, the last ones first: a
/// person copies "License key" along with the key.
fn heads(head: &str, tiers: fn(&str) -> Vec<PrintedTier>) -> impl Iterator<Item = (Product, PrintedTier)> {
    let words = head.char_indices().filter(|(place, c)| {
        let is_separator = |c: char| matches!(c, SEPARATOR | UNDERSCORE);
        !is_separator(*c) && head[..*place].chars().next_back().is_none_or(is_separator)
    });
    let mut starts: Vec<usize> = words.map(|(place, _)| place).collect();
    starts.reverse();
    let near =
        move |start: &usize| head[*start..].chars().filter(|c| c.is_alphanumeric()).count() <= MAX_HEAD_CHARS;
    let pairs = starts.into_iter().take_while(near).flat_map(move |start| splits(&head[start..]));
    pairs.flat_map(move |(product, rest)| tiers(rest).into_iter().map(move |tier| (product.clone(), tier)))
}

/// Each way to split a text into product and tier; where a separator is between them, that one first.
fn splits(text: &str) -> impl Iterator<Item = (Product, &str)> {
    let mut found = Vec::new();
    let mut letters = String::new();
    for (place, c) in text.char_indices() {
        if matches!(c, SEPARATOR | UNDERSCORE) {
            continue;
        }
        letters.push(c);
        let rest = &text[place + c.len_utf8()..];
        if let Some(product) = Product::parse(&letters) {
            let is_apart = rest.starts_with([SEPARATOR, UNDERSCORE]);
            found.push((!is_apart, product, rest));
        } else if letters.len() > Product::MAX_CHARS {
            break;
        }
    }
    found.sort_by_key(|(is_joined, ..)| *is_joined);
    found.into_iter().map(|(_, product, rest)| (product, rest))
}

/// Lists the tiers that a text may mean. An underscore may belong to a tier's name or replace a hyphen, and a hyphen
/// or a blank may replace an underscore.
fn tiers(text: &str) -> Vec<PrintedTier> {
    let written: String = text.chars().filter(|c| *c != SEPARATOR).collect();
    let words: Vec<&str> = text.split([SEPARATOR, UNDERSCORE]).filter(|word| !word.is_empty()).collect();
    let is_spelled_out = words.len() > 1 && words.iter().all(|word| word.len() == 1);
    let (joined, apart) = (words.concat(), words.join("_"));
    let bare = written.trim_matches(UNDERSCORE).to_owned();
    let candidates = if is_spelled_out {
        [joined, bare, apart, written]
    } else if bare.contains(UNDERSCORE) {
        [bare, apart, joined, written]
    } else {
        [apart, joined, bare, written]
    };
    let mut tiers: Vec<PrintedTier> = Vec::new();
    for tier in candidates.iter().filter_map(|tier| PrintedTier::parse(tier)) {
        if !tiers.contains(&tier) {
            tiers.push(tier);
        }
    }
    tiers
}

/// A tier's letters with one underscore between two of them, those near the middle first: both parts are words.
fn underscored(text: &str) -> Vec<PrintedTier> {
    let joined: String = text.chars().filter(|c| !matches!(*c, SEPARATOR | UNDERSCORE)).collect();
    let mut places: Vec<usize> = joined.char_indices().map(|(place, _)| place).skip(1).collect();
    places.sort_by_key(|place| (2 * place).abs_diff(joined.len()));
    places
        .into_iter()
        .filter_map(|place| PrintedTier::parse(&format!("{}_{}", &joined[..place], &joined[place..])))
        .collect()
}
