//! Texts guarded from spreadsheet programs, which calculate or convert what they open.

use std::borrow::Cow;

use super::super::{booleans, dates, spoiled};

/// Characters at which spreadsheets begin to calculate, after OWASP's page on CSV injection; the wide forms are read as
/// the narrow ones by spreadsheets of East Asia.
const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];
/// Characters inside a cell at which a spreadsheet begins another one, if it takes them for what separates cells: Excel
/// does so in most of Europe, and then ignores CSV's quotation marks.
const INNER_SEPARATORS: [char; 4] = [';', '\t', '\n', '\r'];

/// A text as a cell that no spreadsheet calculates: what begins like a formula gets an apostrophe, at the beginning of
/// the cell and of what a spreadsheet may take for one, and so does what would read as such a cell.
#[must_use]
pub fn written(text: &str) -> Cow<'_, str> {
    let cell = each_part(text, |part| Cow::Owned(format!("'{part}")), begins_like_a_formula);
    if begins_like_a_formula(text) { Cow::Owned(format!("'{cell}")) } else { cell }
}

/// A text that stays one: what a spreadsheet program or a data frame would read as a number, a date, a yes or nothing,
/// and save as something else, gets an apostrophe. [`written`] has the rest.
#[must_use]
pub fn kept_as_text(text: &str) -> Cow<'_, str> {
    if is_changed(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// Returns true if a program that opens and saves a text would write another one: `0042`, `1E5`, `1/2`, `MAR1`, `TRUE`,
/// `NA`.
fn is_changed(text: &str) -> bool {
    let bare = text.trim_start_matches('\'').trim();
    let digits = bare.bytes().all(|byte| byte.is_ascii_digit());
    if bare.is_empty() || begins_like_a_formula(text) || (digits && is_plain_number(bare)) {
        return false;
    }
    let (month, number) = bare.split_at(bare.find(|c: char| !c.is_alphabetic()).unwrap_or(bare.len()));
    let is_number = |c: char| c.is_ascii_digit() || ".,:/ eE+-%()$€£¥'’\u{A0}".contains(c);
    let folded = bare.to_lowercase();
    bare.contains(|c: char| c.is_ascii_digit()) && bare.chars().all(is_number)
        || dates::read(bare).is_ok()
        || dates::is_day_of_a_month(bare)
        || number.contains(|c: char| c.is_ascii_digit()) && dates::is_month(month)
        || (bare.starts_with(|c: char| c.is_ascii_digit())
            && (folded.ends_with("am") || folded.ends_with("pm")))
        || booleans::is_constant(bare)
        || spoiled::is_nothing(bare)
        || spoiled::is_error(bare)
        || ["inf", "infinity"].contains(&folded.as_str())
}

/// A number that a spreadsheet writes as it has read it: fifteen digits at most, the first not zero.
fn is_plain_number(digits: &str) -> bool {
    digits == "0" || (digits.len() <= 15 && !digits.starts_with('0'))
}

/// A cell without what [`written`], [`kept_as_text`] or a person has put around it.
pub(in super::super) fn read(cell: &str) -> Cow<'_, str> {
    // `="0042"` is how people keep a spreadsheet from reading a text as a number; our own never begins like that.
    let by_hand = cell.strip_prefix("=\"").and_then(|text| text.strip_suffix('"'));
    if let Some(text) = by_hand.filter(|text| !text.contains('"')) {
        return Cow::Owned(text.to_owned());
    }
    let is_guarded = |part: &str| part.strip_prefix('\'').is_some_and(begins_like_a_formula);
    let unguarded = |part: &str| part.strip_prefix('\'').unwrap_or(part).to_owned();
    let text = each_part(cell, |part| Cow::Owned(unguarded(part)), is_guarded);
    match text.strip_prefix('\'') {
        Some(inner) if begins_like_a_formula(inner) || is_changed(inner) => Cow::Owned(inner.to_owned()),
        _ => text,
    }
}

/// A text, each part of which that follows an inner separator and is as asked for is changed.
fn each_part(
    text: &str,
    change: impl Fn(&str) -> Cow<'_, str>,
    is_asked_for: impl Fn(&str) -> bool,
) -> Cow<'_, str> {
    let mut parts = text.split_inclusive(INNER_SEPARATORS);
    let first = parts.next().unwrap_or_default();
    if !parts.clone().any(&is_asked_for) {
        return Cow::Borrowed(text);
    }
    let changed = parts.map(|part| if is_asked_for(part) { change(part) } else { Cow::Borrowed(part) });
    Cow::Owned(std::iter::once(Cow::Borrowed(first)).chain(changed).collect())
}

fn begins_like_a_formula(text: &str) -> bool {
    text.trim_start_matches(['\'', ' ', '"']).starts_with(FORMULA_STARTS)
}
