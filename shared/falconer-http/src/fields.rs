//! Members of a request that several endpoints share, parsed once and carried as what they are.

use std::fmt;

use falconer_domain::person::{self, Cleaned, Email, Loss};

use crate::problem::Problem;
use falconer_domain::members::NO_CHARACTER;

/// Longest `origin`, in characters: the width of the Flask server's column.
pub const MAX_ORIGIN_CHARS: usize = 255;

/// The members that name a license and mark its answer.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The license key.
    pub license: TypedKey,
    /// The nonce that the lease repeats.
    pub nonce: Option<Nonce>,
    /// The caller's own account of its origin.
    pub origin: Option<Origin>,
}

/// A license key as it was typed: any text. The key ring says whether it is one.
#[derive(Clone, PartialEq, Eq)]
pub struct TypedKey(pub(crate) String);

/// A license key never reaches a log, mistyped or not.
impl fmt::Debug for TypedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TypedKey(…)")
    }
}

/// A caller's nonce: 16 to 128 visible ASCII characters, returned inside the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nonce(String);

impl Nonce {
    /// The nonce itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Problem> {
        let good = (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let rule = "must be 16 to 128 visible ASCII characters";
        if good { Ok(Self(text.to_owned())) } else { Err(Problem::field("nonce", rule)) }
    }
}

/// The caller's own account of its origin. The audit has it; no decision uses it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Origin {
    /// Reads a line.
    pub(crate) fn read(text: &str) -> Option<CleanedLine<Self>> {
        let CleanedLine { value, is_whole } = name::<MAX_ORIGIN_CHARS>(text)?;
        Some(CleanedLine { value: Self(value.as_str().to_owned()), is_whole })
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.0
    }
}

/// A cleaned line of text, with a mark if it is whole.
pub(crate) struct CleanedLine<T> {
    pub(crate) value: T,
    pub(crate) is_whole: bool,
}

/// Reads what somebody or something is called: cleaned, and cut to its limit.
pub(crate) fn name<const MAX_CHARS: usize>(text: &str) -> Option<CleanedLine<person::TextLine<MAX_CHARS>>> {
    let Cleaned { kept, loss } = person::TextLine::clean(&without_holes(text));
    Some(CleanedLine { value: kept?, is_whole: loss == Loss::Nothing && !text.contains(NO_CHARACTER) })
}

/// Reads an e-mail address. One that is too long is not cut: its beginning is not an address of the same person.
pub(crate) fn email(text: &str) -> Option<CleanedLine<Email>> {
    let Cleaned { kept, loss } = Email::clean(&without_holes(text));
    let value = kept.filter(|_| loss != Loss::Cut)?;
    Some(CleanedLine { value, is_whole: loss == Loss::Nothing && !text.contains(NO_CHARACTER) })
}

/// Removes the replacements of invalid characters, such as half an emoji.
fn without_holes(text: &str) -> String {
    text.replace(NO_CHARACTER, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cleaned_cut_or_nothing() {
        let read = |text: &str| name::<10>(text).map(|line| (line.value.as_str().to_owned(), line.is_whole));
        for (text, expected) in [
            (" Anna's PC ", Some(("Anna's PC", true))),
            ("Bu\u{308}ro", Some(("B\u{FC}ro", true))),
            ("half \u{FFFD}\u{FFFD}", Some(("half", false))),
            ("turned\u{200F}", Some(("turned", false))),
            ("more than ten", Some(("more than", false))),
            ("\u{FFFD}\u{7}", None),
        ] {
            assert_eq!(read(text), expected.map(|(line, whole)| (line.to_owned(), whole)), "{text:?}");
        }
    }

    #[test]
    fn an_address_is_cleaned_and_never_cut() {
        let read = |text: &str| email(text).map(|line| (line.value.as_str().to_owned(), line.is_whole));
        assert_eq!(read(" Anna@Example.com "), Some(("anna@example.com".to_owned(), true)));
        assert_eq!(read("anna\u{200B}@example.com"), Some(("anna@example.com".to_owned(), false)));
        assert_eq!(read(&format!("{}@example.com", "a".repeat(255))), None);
    }
}
