//! Folding of typed keys: one function for every form of key and every place.

use crate::unicode;

/// Longest text taken for a key, in bytes: a key in quotes, in a sentence, with a mark of direction around each
/// character.
pub const MAX_TYPED_BYTES: usize = 1_024;
/// Longest folded text, in bytes. The longest signed key has 61.
pub const MAX_KEY_BYTES: usize = 128;
/// The one separator that replaces any run of blanks, dashes, dots, line ends and quotes.
pub(super) const SEPARATOR: char = '-';
/// A separator that may also be a part of a tier's name.
pub(super) const UNDERSCORE: char = '_';
/// So many letters and digits after a `:` or `=` can be a key, and what is before it is called a label.
const LABELLED_CHARS: usize = 6;

/// A key's text, folded: `A-Z`, `0-9` and `_`, with one hyphen for each run of anything that separates, and none at the
/// ends. A letter of another alphabet stays, and makes the key invalid. `None` for a text that is too long.
///
/// In this order: what nobody sees is dropped (Unicode's default-ignorable code points), compatibility forms and widths
/// are made plain (NFKC), letters are put in upper case, then each character is read: Turkish `ı` and `İ` are an `I`,
/// digits of any script are digits, Greek and Cyrillic capitals that look like a Latin one are that one, and everything
/// else separates, the long marks of Japanese keyboards included. The fold of a folded text is that text.
pub fn fold(text: &str) -> Option<String> {
    if text.len() > MAX_TYPED_BYTES {
        return None;
    }
    let seen: String = text.chars().filter(|c| !unicode::is_ignorable(*c)).collect();
    let mut folded = String::with_capacity(seen.len());
    let mut label_end = 0;
    // Capitals first, and then once more: a capital may have another compatibility form than its small letter.
    let capitals = unicode::compatible(&seen).to_uppercase();
    for c in unicode::compatible(&capitals).chars() {
        match read(c) {
            Read::Nothing => {}
            Read::Part(c) | Read::Letter(c) => folded.push(c),
            Read::Separator => {
                if !folded.ends_with(SEPARATOR) {
                    folded.push(SEPARATOR);
                }
                let is_label = matches!(c, ':' | '=') && !folded.contains(|c: char| c.is_ascii_digit());
                label_end = if is_label { folded.len() } else { label_end };
            }
        }
    }
    let labelled = &folded[label_end..];
    let is_key = labelled.chars().filter(char::is_ascii_alphanumeric).count() >= LABELLED_CHARS;
    let key = if is_key { labelled } else { &folded };
    let key = key.trim_matches([SEPARATOR, UNDERSCORE]);
    (key.len() <= MAX_KEY_BYTES).then(|| key.to_owned())
}

/// The letters and digits of a text alone, folded: two free texts with the same name are one key. `None` where the text
/// is too long, or has neither letters nor digits.
#[must_use]
pub fn name(text: &str) -> Option<String> {
    let name: String = fold(text)?.chars().filter(|c| c.is_alphanumeric()).collect();
    (!name.is_empty()).then_some(name)
}

enum Read {
    Part(char),
    /// Of an alphabet that no key is written in.
    Letter(char),
    Separator,
    Nothing,
}

fn read(c: char) -> Read {
    match c {
        '0'..='9' | 'A'..='Z' | UNDERSCORE => Read::Part(c),
        // With its dot, which is composed before where it is a character of its own.
        '\u{130}' => Read::Part('I'),
        // A letter to Unicode; beside Latin ones it is what a Japanese keyboard has for a hyphen.
        '\u{30FC}' => Read::Separator,
        _ if unicode::is_ignorable(c) => Read::Nothing,
        _ => match (unicode::decimal(c), lookalike(c)) {
            (Some(value), _) => Read::Part(char::from(b'0' + value)),
            (None, Some(latin)) => Read::Part(latin),
            (None, None) if c.is_alphanumeric() => Read::Letter(c),
            (None, None) => Read::Separator,
        },
    }
}

/// The Latin capital that a Greek or Cyrillic letter looks like, in capitals, in which keys are printed: what a person
/// on a Greek or Russian keyboard types when it is the wrong one of two.
fn lookalike(c: char) -> Option<char> {
    const OTHERS: &str = "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧАВЕЅІЈКМНОРСТУХԚԜ";
    const LATIN: &str = "ABEZHIKMNOPTYXABESIJKMHOPCTYXQW";
    let place = OTHERS.chars().position(|other| other == c)?;
    LATIN.chars().nth(place)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn folded(text: &str) -> String {
        fold(text).unwrap()
    }

    #[test]
    fn a_dot_above_is_part_of_its_letter() {
        assert_eq!(folded("LI\u{307}FE"), folded("LIFE"));
        assert_eq!(folded("\u{130}"), "I");
    }

    #[test]
    fn drops_invisible_characters() {
        for nothing in "\u{AD}\u{34F}\u{61C}\u{180E}\u{200B}\u{200C}\u{200D}\u{200E}\u{200F}\u{202A}\u{202E}\u{2060}\u{2066}\u{2069}\u{FE00}\u{FE0F}\u{FEFF}\u{E0100}".chars() {
            assert_eq!(folded(&format!("{nothing}a{nothing}b{nothing}")), "AB", "{nothing:?}");
        }
    }

    #[test]
    fn folds_width_case_and_turkish_i() {
        for (typed, expected) in [
            ("ｑｆ－ｐｒｏ－３ｄ", "QF-PRO-3D"),
            ("l\u{131}fet\u{131}me", "LIFETIME"),
            ("L\u{130}FET\u{130}ME", "LIFETIME"),
            ("li\u{307}feti\u{307}me", "LIFETIME"),
            ("I\u{307}x", "IX"),
            ("\u{1D400}\u{24B7}\u{2102}", "ABC"),
            ("\u{661}\u{6F2}\u{969}\u{FF14}", "1234"),
            ("\u{410}\u{0412}\u{421}-\u{391}\u{392}-\u{440}\u{440}\u{43E}", "ABC-AB-PPO"),
        ] {
            assert_eq!(folded(typed), expected, "{typed}");
        }
    }

    #[test]
    fn separators_become_one_hyphen() {
        let separators = "- _\u{2010}\u{2011}\u{2012}\u{2013}\u{2014}\u{2015}\u{2212}\u{FE58}\u{FE63}\u{FF0D}\u{30FC}\u{FF70}\u{2500}\u{301C}\u{30FB}./\\,;|+~\t\n\r\u{A0}\u{3000}\u{2028}";
        for separator in separators.chars().filter(|c| *c != UNDERSCORE) {
            assert_eq!(folded(&format!("a{separator}b")), "A-B", "{separator:?}");
            assert_eq!(folded(&format!("a {separator} {separator}b")), "A-B", "{separator:?}");
        }
        assert_eq!(folded("a_b"), "A_B");
    }

    #[test]
    fn drops_surrounding_text() {
        for (before, after) in [
            ("\"", "\""),
            ("\u{201E}", "\u{201C}"),
            ("\u{AB} ", " \u{BB}"),
            ("(", ")."),
            ("<", ">,"),
            ("**`", "`**"),
            ("[", "];"),
            ("_", "_"),
            ("\u{300C}", "\u{300D}\u{3002}"),
            ("Key: ", ""),
            ("Lizenzschl\u{FC}ssel\u{FF1A}", "\r\n"),
            ("https://example.com/activate?key=", ""),
            ("\u{2705} ", " \u{1F44D}\u{FE0F}"),
        ] {
            assert_eq!(folded(&format!("{before}ABC-123_x{after}")), "ABC-123_X", "{before}{after}");
        }
        assert_eq!(folded("ABC-DEF:"), "ABC-DEF", "a label of nothing is none");
        assert_eq!(folded("AB1:CDEFGH"), "AB1-CDEFGH", "a label has no digit");
    }

    #[test]
    fn bounds_length_before_and_after() {
        let key = "A".repeat(MAX_KEY_BYTES);
        assert_eq!(fold(&key), Some(key.clone()));
        assert_eq!(fold(&format!("{key}A")), None);
        let padded = format!("{key}{}", " ".repeat(MAX_TYPED_BYTES - MAX_KEY_BYTES));
        assert_eq!(fold(&padded), Some(key));
        assert_eq!(fold(&format!("{padded} ")), None);
    }

    #[test]
    fn name_keeps_letters_and_digits() {
        assert_eq!(name(" abc_123-x/z "), Some("ABC123XZ".to_owned()));
        assert_eq!(name("any text; even \u{FC}nfit"), Some("ANYTEXTEVEN\u{DC}NFIT".to_owned()));
        assert_eq!((name("***"), name(&"x".repeat(1_025))), (None, None));
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in "([\\PC\\pC]|[ -~]|[ıİ\u{307}ßŉǰΐ\u{345}:=_-]){0,80}") {
            if let Some(once) = fold(&text) {
                prop_assert_eq!(fold(&once), Some(once.clone()));
                prop_assert_eq!(name(&once), name(&text));
            }
        }
    }
}
