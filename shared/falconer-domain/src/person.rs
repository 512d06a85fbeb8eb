//! Texts about people: bounded, one line each, and never shown by `Debug`. Logs hold no person.

use std::fmt;

/// Longest name or e-mail, in characters: the width of S1's columns.
pub const MAX_PERSON_CHARS: usize = 255;
/// Longest name of a device, in characters: what a dialog shows on one line.
pub const MAX_DEVICE_NAME_CHARS: usize = 120;

/// A text that is too long, or has control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {max_chars} characters and no control characters")]
pub struct BadLine {
    /// The longest that is taken.
    pub max_chars: usize,
}

/// One line of text, trimmed, not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Line<const MAX_CHARS: usize>(String);

/// A person's name.
pub type PersonName = Line<MAX_PERSON_CHARS>;
/// What a customer calls a device.
pub type DeviceName = Line<MAX_DEVICE_NAME_CHARS>;

impl<const MAX_CHARS: usize> Line<MAX_CHARS> {
    /// Reads a text; one that is blank is absent, not wrong.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn read(text: &str) -> Result<Option<Self>, BadLine> {
        let text = text.trim();
        if text.chars().count() > MAX_CHARS || text.chars().any(is_unfit) {
            return Err(BadLine { max_chars: MAX_CHARS });
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that hide or turn around what stands beside them: one line must look like what it says.
/// Joiners stay: names of people need them.
fn is_unfit(c: char) -> bool {
    let hides = matches!(c, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}');
    c.is_control() || hides || matches!(c, '\u{2028}'..='\u{202E}')
}

impl<const MAX_CHARS: usize> fmt::Debug for Line<MAX_CHARS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line(…)")
    }
}

/// Longest note, in characters: a paragraph. Every verification reads it with the rest of its row.
pub const MAX_NOTE_CHARS: usize = 1_000;

/// What an operator writes down about a license: lines of text, trimmed, not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// Reads a text; one that is blank is absent.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn read(text: &str) -> Result<Option<Self>, BadLine> {
        let text = text.trim();
        let unprintable = text.chars().any(|c| c.is_control() && c != '\n');
        if text.chars().count() > MAX_NOTE_CHARS || unprintable {
            return Err(BadLine { max_chars: MAX_NOTE_CHARS });
        }
        Ok((!text.is_empty()).then(|| Self(text.to_owned())))
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Note(…)")
    }
}

/// An e-mail address, trimmed and in lower case, which is how two of them are compared.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address as a client typed it; a blank one is absent. Only a mail that arrives proves one, so it is not
    /// judged further.
    ///
    /// # Errors
    /// [`BadLine`].
    pub fn read(text: &str) -> Result<Option<Self>, BadLine> {
        // In lower case some letters are two characters, so that comes first: what is stored has to read back.
        Ok(PersonName::read(&text.to_lowercase())?.map(|line| Self(line.0)))
    }

    /// The address itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has an `@` between two parts: enough to catch a name in the wrong column.
    #[must_use]
    pub fn looks_right(&self) -> bool {
        matches!(self.0.rsplit_once('@'), Some((local, domain)) if !local.is_empty() && !domain.is_empty())
            && !self.0.contains(char::is_whitespace)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_trimmed_bounded_and_absent_when_blank() {
        let read = |text: &str| DeviceName::read(text).map(|line| line.map(|line| line.0));
        assert_eq!(read("  Anna's laptop "), Ok(Some("Anna's laptop".to_owned())));
        assert_eq!(read(" \t\n "), Ok(None));
        assert_eq!(read(&"ü".repeat(120)), Ok(Some("ü".repeat(120))));
        assert_eq!(read(&"ü".repeat(121)), Err(BadLine { max_chars: 120 }));
        assert_eq!(read("two\nlines"), Err(BadLine { max_chars: 120 }));
        for unfit in ["bell\u{7}", "turned \u{202E}around", "two\u{2028}lines", "hidden\u{200B}"] {
            assert_eq!(read(unfit), Err(BadLine { max_chars: 120 }), "{unfit:?}");
        }
        assert!(read("joined \u{1F469}\u{200D}\u{1F4BB}").is_ok());
    }

    #[test]
    fn each_character_that_hides_or_turns_is_refused() {
        for unfit in "\u{200B}\u{200E}\u{200F}\u{2028}\u{202E}\u{2060}\u{206F}\u{FEFF}\u{7F}".chars() {
            assert!(PersonName::read(&format!("a{unfit}b")).is_err(), "{unfit:?}");
        }
    }

    #[test]
    fn notes_have_lines_and_a_length_and_are_shown_nowhere() {
        let read = |text: &str| Note::read(text).map(|note| note.map(|note| note.as_str().to_owned()));
        assert_eq!(read(" two\nlines "), Ok(Some("two\nlines".to_owned())));
        assert_eq!(read(" \n "), Ok(None));
        assert_eq!(read(&"ü".repeat(1_000)), Ok(Some("ü".repeat(1_000))));
        for text in [&"ü".repeat(1_001), "a\tb", "bell\u{7}!"] {
            assert_eq!(read(text), Err(BadLine { max_chars: 1_000 }), "{text}");
        }
        let (note, name) =
            (Note::read("secret").unwrap().unwrap(), PersonName::read("Anna").unwrap().unwrap());
        assert_eq!(format!("{note:?} {name:?} {}", name.as_str()), "Note(…) Line(…) Anna");
    }

    proptest! {
        /// What is taken can be stored and read again, or one request would make a row unreadable.
        #[test]
        fn what_was_taken_reads_back(text in "[\\PC\u{130}\u{DF} ]{0,260}") {
            if let Ok(Some(email)) = Email::read(&text) {
                prop_assert_eq!(Email::read(email.as_str()), Ok(Some(email.clone())));
            }
            if let Ok(Some(name)) = PersonName::read(&text) {
                prop_assert_eq!(PersonName::read(name.as_str()), Ok(Some(name.clone())));
            }
        }
    }

    #[test]
    fn an_address_that_grows_in_lower_case_is_measured_as_it_is_stored() {
        assert_eq!(Email::read(&"\u{130}".repeat(128)), Err(BadLine { max_chars: 255 }));
        let longest = Email::read(&"\u{130}".repeat(127)).unwrap().unwrap();
        assert_eq!(Email::read(longest.as_str()), Ok(Some(longest.clone())));
    }

    #[test]
    fn addresses_are_compared_in_lower_case_and_shown_nowhere() {
        let email = Email::read(" Anna@Example.COM ").unwrap().unwrap();
        assert_eq!(email.as_str(), "anna@example.com");
        assert_eq!((format!("{email:?}"), Email::read("").unwrap()), ("Email(…)".to_owned(), None));
        for (text, expected) in
            [("a@b", true), ("nobody", false), ("@b", false), ("a@", false), ("a b@c", false)]
        {
            assert_eq!(Email::read(text).unwrap().unwrap().looks_right(), expected, "{text}");
        }
    }
}
