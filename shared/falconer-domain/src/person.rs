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
        if text.chars().count() > MAX_CHARS || text.chars().any(char::is_control) {
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

impl<const MAX_CHARS: usize> fmt::Debug for Line<MAX_CHARS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line(…)")
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
        let line = PersonName::read(text)?;
        Ok(line.map(|line| Self(line.0.to_lowercase())))
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
    use super::*;

    #[test]
    fn lines_are_trimmed_bounded_and_absent_when_blank() {
        let read = |text: &str| DeviceName::read(text).map(|line| line.map(|line| line.0));
        assert_eq!(read("  Anna's laptop "), Ok(Some("Anna's laptop".to_owned())));
        assert_eq!(read(" \t\n "), Ok(None));
        assert_eq!(read(&"ü".repeat(120)), Ok(Some("ü".repeat(120))));
        assert_eq!(read(&"ü".repeat(121)), Err(BadLine { max_chars: 120 }));
        assert_eq!(read("two\nlines"), Err(BadLine { max_chars: 120 }));
        assert_eq!(read("bell\u{7}"), Err(BadLine { max_chars: 120 }));
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
