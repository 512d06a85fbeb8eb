//! Texts from elsewhere: the words of an operator that the audit keeps, and whatever the tables hold when a person
//! reads it. Nothing of them reaches a terminal that could move its cursor, colour it, or turn letters around.

use std::borrow::Cow;
use std::fmt::Write;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Longest reason, in characters: a paragraph, as a note.
pub const MAX_REASON_CHARS: usize = 1_000;
/// Longest name of an actor, in characters: an ARN of a role's session fits.
pub const MAX_ACTOR_CHARS: usize = 255;

/// A text that is too long to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} has {chars} characters, and {longest} are the most; shorten it")]
pub struct TooLong {
    name: &'static str,
    chars: usize,
    longest: usize,
}

/// Reads a reason for the audit: one line, without what a terminal would obey. A blank one is absent.
///
/// # Errors
/// [`TooLong`], beyond [`MAX_REASON_CHARS`].
pub fn reason(text: &str) -> Result<Option<String>, TooLong> {
    read("the reason", text, MAX_REASON_CHARS)
}

/// Reads the name of an actor, as [`reason`] reads a reason.
///
/// # Errors
/// [`TooLong`], beyond [`MAX_ACTOR_CHARS`].
pub fn actor(text: &str) -> Result<Option<String>, TooLong> {
    read("the actor", text, MAX_ACTOR_CHARS)
}

fn read(name: &'static str, text: &str, longest: usize) -> Result<Option<String>, TooLong> {
    let line = line(text);
    let line = line.trim();
    let chars = line.chars().count();
    if chars > longest {
        return Err(TooLong { name, chars, longest });
    }
    Ok((!line.is_empty()).then(|| line.to_owned()))
}

/// A text on one line, as a person may see it: ends of lines and tabs are spaces, and what hides or obeys is gone.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !is_unprintable(c)) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{B}' | '\u{C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Some(' '),
        c => (!is_unprintable(c)).then_some(c),
    };
    Cow::Owned(text.chars().filter_map(shown).collect())
}

/// Lines of text, as a person may see them.
#[must_use]
pub fn lines(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c == '\n' || !is_unprintable(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.split('\n').map(line).collect::<Vec<_>>().join("\n"))
}

/// A JSON text in which each character that a terminal would obey, or that nobody sees, is written as its escape. The
/// document says the same.
#[must_use]
pub fn json(document: &serde_json::Value) -> String {
    let text = document.to_string();
    if text.chars().all(|c| !is_unprintable(c)) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unprintable(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing into memory does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// Control characters, ends of lines, and what Unicode calls formats that nobody sees: directions, zero-width spaces.
/// Joiners and the tags in flags are no such thing: Persian, Hindi and emoji need them.
fn is_unprintable(c: char) -> bool {
    let is_needed = matches!(c, '\u{200C}' | '\u{200D}' | '\u{E0020}'..='\u{E007F}');
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator => {
            true
        }
        GeneralCategory::Format => {
            !is_needed && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn strips_terminal_controls() {
        for (text, shown) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred[0m"),
            ("\u{9b}31mred", "31mred"),
            ("bell\u{7}, back\u{8}space, del\u{7f}", "bell, backspace, del"),
            ("two\nlines\r\nand\ta tab", "two lines  and a tab"),
            ("turned \u{202e}around\u{2066} or \u{200f}not\u{61c}", "turned around or not"),
            ("zero\u{200b}width\u{feff}", "zerowidth"),
            ("two\u{2028}lines\u{85}more", "two lines more"),
            (
                "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
                "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
            ),
            ("\u{1F469}\u{200D}\u{1F4BB}\u{FE0F}", "\u{1F469}\u{200D}\u{1F4BB}\u{FE0F}"),
            ("M\u{fc}ller & S\u{f6}hne", "M\u{fc}ller & S\u{f6}hne"),
        ] {
            assert_eq!(line(text), shown, "{text:?}");
        }
        assert_eq!(lines("a\u{1b}b\nc\rd"), "ab\nc d");
    }

    #[test]
    fn bounds_reasons_and_actors() {
        assert_eq!(reason(" \n "), Ok(None));
        assert_eq!(reason(" paid\ntwice "), Ok(Some("paid twice".to_owned())));
        assert_eq!(reason(&"\u{fc}".repeat(1_000)), Ok(Some("\u{fc}".repeat(1_000))));
        let said = reason(&"x".repeat(120_000)).unwrap_err().to_string();
        assert_eq!(said, "the reason has 120000 characters, and 1000 are the most; shorten it");
        assert_eq!(actor("anna\u{1b}]0;title\u{7}"), Ok(Some("anna]0;title".to_owned())));
        assert!(actor(&"x".repeat(256)).is_err() && actor(&"x".repeat(255)).is_ok());
    }

    proptest! {
        #[test]
        fn leaves_nothing_unprintable(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_unprintable));
            prop_assert!(!lines(&text).chars().any(|c| c != '\n' && is_unprintable(c)));
            let once = line(&text).into_owned();
            prop_assert_eq!(line(&once), once.as_str());
        }

        #[test]
        fn escaped_json_keeps_its_meaning(text in any::<String>(), hidden in "[\u{80}-\u{9f}\u{202a}-\u{202e}\u{1b}]{0,3}") {
            let document = json!({ "member": [text, hidden] });
            let written = super::json(&document);
            prop_assert!(!written.chars().any(is_unprintable));
            prop_assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), document);
        }
    }
}
