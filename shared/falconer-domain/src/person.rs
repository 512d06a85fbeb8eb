//! Texts about people: bounded, one line each, and never shown by `Debug`. Logs hold no person.
//!
//! A name is not a key: nothing that a language needs is folded away. It is composed (NFC), and loses what hides or
//! turns around what is beside it; joiners stay, since Persian, Hindi and emoji need them. A loss is reported to the
//! caller, which decides whether that matters. Two texts are compared in a form of their own, [`is_same`].

use std::fmt;

use crate::unicode;

/// Longest name or e-mail, in characters: the width of the Flask server's columns.
pub const MAX_PERSON_CHARS: usize = 255;
/// Longest name of a device, in characters: what a dialog shows on one line.
pub const MAX_DEVICE_NAME_CHARS: usize = 120;
/// Longest note, in characters: a paragraph. Every verification reads it with the rest of its row.
pub const MAX_NOTE_CHARS: usize = 1_000;

/// A text that is too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have at most {max_chars} characters")]
pub struct BadLine {
    /// The longest that is taken.
    pub max_chars: usize,
}

/// A text as it is kept, and what reading it has cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleaned<T> {
    /// The cleaned text; `None` if nothing visible is left.
    pub kept: Option<T>,
    /// The loss.
    pub loss: Loss,
}

/// The loss of a text by cleaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loss {
    /// Nothing. White space around it, the way its accents are written and, in an e-mail, capitals do not count.
    Nothing,
    /// Control and direction marks, line ends in one line, or what was around an address.
    Cleaned,
    /// The end: it was too long.
    Cut,
}

impl<T> Cleaned<T> {
    /// The text, where its length is right; what else was lost does not matter here.
    fn whole(self, max_chars: usize) -> Result<Option<T>, BadLine> {
        if self.loss == Loss::Cut { Err(BadLine { max_chars }) } else { Ok(self.kept) }
    }
}

/// One line of text, trimmed, composed, not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct TextLine<const MAX_CHARS: usize>(String);

/// A person's name.
pub type PersonName = TextLine<MAX_PERSON_CHARS>;
/// A customer's name for a device.
pub type DeviceName = TextLine<MAX_DEVICE_NAME_CHARS>;

impl<const MAX_CHARS: usize> TextLine<MAX_CHARS> {
    /// Reads a text; one that is blank is absent, not wrong. What hides is dropped.
    ///
    /// # Errors
    /// [`BadLine`] where it is too long.
    pub fn read(text: &str) -> Result<Option<Self>, BadLine> {
        Self::clean(text).whole(MAX_CHARS)
    }

    /// Makes any text a line that can be kept, and says what that has cost.
    #[must_use]
    pub fn clean(text: &str) -> Cleaned<Self> {
        let (kept, loss) = cleaned(text, MAX_CHARS, TextForm::Line);
        Cleaned { kept: kept.map(Self), loss }
    }

    /// The text itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX_CHARS: usize> fmt::Debug for TextLine<MAX_CHARS> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line(…)")
    }
}

/// An operator's notes on a license: lines of text, trimmed, composed, not empty.
#[derive(Clone, PartialEq, Eq)]
pub struct Note(String);

impl Note {
    /// Reads a text; one that is blank is absent. What hides is dropped.
    ///
    /// # Errors
    /// [`BadLine`] where it is too long.
    pub fn read(text: &str) -> Result<Option<Self>, BadLine> {
        Self::clean(text).whole(MAX_NOTE_CHARS)
    }

    /// Makes any text a note that can be kept, and says what that has cost.
    #[must_use]
    pub fn clean(text: &str) -> Cleaned<Self> {
        let (kept, loss) = cleaned(text, MAX_NOTE_CHARS, TextForm::Paragraph);
        Cleaned { kept: kept.map(Self), loss }
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

/// An e-mail address, trimmed, composed and in lower case, the form in which the index of addresses has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email(String);

impl Email {
    /// Reads an address as a client typed it; a blank one is absent. Only a mail that arrives proves one, so it is not
    /// judged further.
    ///
    /// # Errors
    /// [`BadLine`] where it is too long.
    pub fn read(text: &str) -> Result<Option<Self>, BadLine> {
        Self::clean(text).whole(MAX_PERSON_CHARS)
    }

    /// Makes any text an address that can be kept, and says what that has cost: of `Anna <anna@example.com>`, of
    /// `mailto:anna@example.com` and of several addresses, the first address is kept.
    #[must_use]
    pub fn clean(text: &str) -> Cleaned<Self> {
        // In lower case some letters are two characters, so that comes before the length is measured.
        let typed = plain_width(text).to_lowercase();
        let (line, loss) = cleaned(&typed, MAX_PERSON_CHARS, TextForm::Line);
        let Some(line) = line else { return Cleaned { kept: None, loss } };
        if is_address(&line) {
            return Cleaned { kept: Some(Self(line)), loss };
        }
        match first_address(&line) {
            Some(address) => Cleaned { kept: Some(Self(address.to_owned())), loss: Loss::Cleaned },
            None => Cleaned { kept: Some(Self(line)), loss },
        }
    }

    /// The address itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if it has an `@` between two parts, and nothing around it: enough to catch a name in the wrong
    /// column.
    #[must_use]
    pub fn looks_right(&self) -> bool {
        is_address(&self.0)
    }

    /// Returns true if a person would say that both are one address: see [`is_same`].
    #[must_use]
    pub fn is_same_as(&self, other: &Self) -> bool {
        is_same(&self.0, &other.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Email(…)")
    }
}

/// Returns true if two texts are one to a person: whatever their case, their width, the way their accents are written,
/// the white space between words, and whatever nobody sees.
#[must_use]
pub fn is_same(one: &str, other: &str) -> bool {
    one == other || unicode::folded(one) == unicode::folded(other)
}

/// Returns true if a text holds another one, both as [`is_same`] compares them: for those who search by a part of a
/// name.
#[must_use]
pub fn holds(text: &str, part: &str) -> bool {
    unicode::folded(text).contains(&unicode::folded(part))
}

/// Returns true if a text has another one in it as a word, or as some, both as [`is_same`] compares them: `anna` in
/// `Anna, by mail` and not in `annals`.
#[must_use]
pub fn mentions(text: &str, part: &str) -> bool {
    let (text, part) = (unicode::folded(text), unicode::folded(part));
    let is_within_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let mut places = text.match_indices(&part);
    !part.is_empty()
        && places.any(|(at, found)| {
            !is_within_word(text[..at].chars().next_back())
                && !is_within_word(text[at + found.len()..].chars().next())
        })
}

#[derive(Clone, Copy)]
enum TextForm {
    /// White space that ends lines is a space.
    Line,
    /// Lines end with a line feed.
    Paragraph,
}

fn cleaned(text: &str, max_chars: usize, form: TextForm) -> (Option<String>, Loss) {
    let (seen, loss) = without_hidden(text.trim(), form);
    let composed = unicode::composed(&seen);
    let whole = composed.trim();
    let kept: String = whole.chars().take(max_chars).collect();
    let loss = if kept.len() < whole.len() { Loss::Cut } else { loss };
    // What joins to the next character has none any more.
    let kept = kept.trim_end_matches(|c: char| c.is_whitespace() || c == '\u{200D}');
    let is_seen = kept.chars().any(|c| !c.is_whitespace() && !unicode::is_ignorable(c));
    (is_seen.then(|| kept.to_owned()), loss)
}

/// A text without what hides: controls and direction marks dropped, line ends and tabs as the form has them.
fn without_hidden(text: &str, form: TextForm) -> (String, Loss) {
    let mut seen = String::with_capacity(text.len());
    let mut loss = Loss::Nothing;
    let mut previous = ' ';
    for c in text.chars() {
        let breaks = matches!(c, '\t' | '\n' | '\u{B}' | '\u{C}' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
        match form {
            TextForm::Paragraph if c == '\n' && previous == '\r' => {}
            TextForm::Paragraph if matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}') => seen.push('\n'),
            _ if breaks => {
                loss = Loss::Cleaned;
                if !seen.ends_with(' ') {
                    seen.push(' ');
                }
            }
            _ if unicode::is_hidden(c) => loss = Loss::Cleaned,
            _ => seen.push(c),
        }
        previous = c;
    }
    (seen, loss)
}

/// Full-width characters as an East Asian keyboard leaves them in an address; a mail server knows the plain ones alone.
fn plain_width(text: &str) -> String {
    let plain = |c: char| match c {
        '\u{FF01}'..='\u{FF5E}' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{3002}' | '\u{FF61}' => '.',
        other => other,
    };
    text.chars().map(plain).collect()
}

fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else { return false };
    let is_around = |c: char| c.is_whitespace() || is_beside_addresses(c);
    let is_link = text.starts_with(MAILTO);
    !local.is_empty() && !domain.is_empty() && !is_link && !text.contains(is_around) && !text.ends_with('.')
}

/// The scheme of a link to an address, which copying the link brings along.
const MAILTO: &str = "mailto:";

/// The first address in a line that is more than one. White space alone separates addresses and nothing else: in
/// `anna meier@example.com` it is a slip, and the mail would go to somebody.
fn first_address(line: &str) -> Option<&str> {
    let is_list = line.split_whitespace().map(bare_address).all(is_address);
    let first_of_list = line.split_whitespace().map(bare_address).find(|_| is_list);
    first_of_list.or_else(|| line.split(is_beside_addresses).map(bare_address).find(|part| is_address(part)))
}

fn bare_address(part: &str) -> &str {
    let part = part.trim_matches(|c: char| c.is_whitespace() || is_beside_addresses(c));
    let address = part.strip_prefix(MAILTO).unwrap_or(part);
    address.split('?').next().unwrap_or_default().trim_matches('.')
}

/// Characters that separate or surround addresses, and that real addresses do not have.
const fn is_beside_addresses(c: char) -> bool {
    matches!(c, '<' | '>' | ',' | ';' | '"' | '(' | ')' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lines_are_trimmed_and_bounded() {
        let read = |text: &str| DeviceName::read(text).map(|line| line.map(|line| line.0));
        assert_eq!(read("  Anna's laptop "), Ok(Some("Anna's laptop".to_owned())));
        assert_eq!(read(" \t\n "), Ok(None));
        assert_eq!(read(&"ü".repeat(120)), Ok(Some("ü".repeat(120))));
        assert_eq!(read(&"ü".repeat(121)), Err(BadLine { max_chars: 120 }));
        assert_eq!(read("two\nlines"), Ok(Some("two lines".to_owned())));
    }

    fn clean(text: &str) -> (Option<String>, Loss) {
        let cleaned = PersonName::clean(text);
        (cleaned.kept.map(|line| line.0), cleaned.loss)
    }

    #[test]
    fn reports_dropped_hidden_characters() {
        let dropped = "\u{200B}\u{200E}\u{200F}\u{202A}\u{202E}\u{2060}\u{2066}\u{2069}\u{206F}\u{61C}\u{AD}\u{FEFF}\u{0}\u{7}\u{7F}\u{9F}\u{3164}";
        for hidden in dropped.chars() {
            let expected = (Some("ab".to_owned()), Loss::Cleaned);
            assert_eq!(clean(&format!("{hidden}a{hidden}b{hidden}")), expected, "{hidden:?}");
            assert_eq!(clean(&hidden.to_string()), (None, Loss::Cleaned), "{hidden:?}");
        }
        for end in "\t\n\r\u{85}\u{2028}\u{2029}".chars() {
            assert_eq!(
                clean(&format!("a{end}{end}b{end}")),
                (Some("a b".to_owned()), Loss::Cleaned),
                "{end:?}"
            );
        }
    }

    #[test]
    fn keeps_joiners_of_scripts_and_emoji() {
        for name in [
            "\u{1F469}\u{200D}\u{1F4BB}", // a woman at a computer, joined
            "\u{645}\u{6CC}\u{200C}\u{62E}\u{648}\u{627}\u{647}\u{645}", // Persian, with a non-joiner
            "\u{915}\u{94D}\u{200D}\u{937}", // Hindi, with a joiner
            "\u{2764}\u{FE0F}",           // a heart in its coloured form
            "\u{1F3F4}\u{E0067}\u{E0062}\u{E007F}", // a flag spelled in tags
            "\u{182E}\u{180E}\u{1820}",   // Mongolian, with its vowel separator
            "Jos\u{E9} O'Neill-\u{141}ukasz, Jr.",
        ] {
            assert_eq!(clean(name), (Some(name.to_owned()), Loss::Nothing), "{name:?}");
        }
    }

    #[test]
    fn composes_names_without_loss() {
        for text in ["Zoe\u{308}", "\u{a0}Zo\u{EB} ", "Zo\u{EB}\n"] {
            assert_eq!(clean(text), (Some("Zo\u{EB}".to_owned()), Loss::Nothing), "{text:?}");
        }
        for blank in ["", " \t\n ", "\u{3000}"] {
            assert_eq!(clean(blank), (None, Loss::Nothing), "{blank:?}");
        }
        assert_eq!(clean("\u{200D}\u{FE0F}").0, None, "nothing to be seen is nothing");
    }

    #[test]
    fn cuts_long_text_at_a_character() {
        let family = "\u{1F469}\u{200D}".repeat(200);
        let cut = DeviceName::clean(&family);
        assert_eq!(cut.loss, Loss::Cut);
        let kept = cut.kept.unwrap().0;
        assert!(kept.ends_with('\u{1F469}') && kept.chars().count() == 119, "{}", kept.chars().count());
        assert_eq!(clean(&"e\u{301}".repeat(255)), (Some("\u{E9}".repeat(255)), Loss::Nothing));
        assert_eq!(Note::clean(&"x".repeat(1_001)).loss, Loss::Cut);
        assert_eq!(Email::clean(&format!("{}@example.com", "x".repeat(300))).loss, Loss::Cut);
    }

    #[test]
    fn compares_as_a_person_reads() {
        for (one, other) in [
            ("Zoe\u{308} Mu\u{308}ller", "ZO\u{CB}  M\u{DC}LLER"),
            ("\u{FF21}\u{FF4E}\u{FF4E}\u{FF41}\u{3000}\u{FF22}", "anna b"),
            ("\u{FF76}\u{FF9E}", "\u{30AC}"),
            ("Stra\u{DF}e", "STRASSE"),
            ("\u{130}lker I\u{15F}\u{131}k", "ilker i\u{15F}ik"),
            (
                "\u{39F}\u{394}\u{3A5}\u{3A3}\u{3A3}\u{395}\u{3A5}\u{3A3}",
                "\u{3BF}\u{3B4}\u{3C5}\u{3C3}\u{3C3}\u{3B5}\u{3C5}\u{3C2}",
            ),
            ("\u{200E}Anna\u{200B}", "anna"),
            ("\u{2764}\u{FE0F}", "\u{2764}"),
        ] {
            assert!(is_same(one, other) && holds(one, other) && holds(other, one), "{one} {other}");
        }
        for (one, other) in [("Anna", "Ann"), ("Zo\u{EB}", "Zoe"), ("a b", "ab"), ("1", "l")] {
            assert!(!is_same(one, other), "{one} {other}");
        }
        assert!(holds("Anna \u{CB}xample", "e\u{308}X") && !holds("Anna", "Berta"));
    }

    #[test]
    fn finds_address_in_surrounding_text() {
        for (text, expected, loss) in [
            (" Anna@Example.COM ", "anna@example.com", Loss::Nothing),
            ("an\u{200B}na@example.com", "anna@example.com", Loss::Cleaned),
            ("anna\u{FF20}example\u{3002}com", "anna@example.com", Loss::Nothing),
            ("Anna <anna@example.com>", "anna@example.com", Loss::Cleaned),
            ("\"Anna, B.\" <Anna@example.com>", "anna@example.com", Loss::Cleaned),
            ("mailto:anna@example.com?subject=key", "anna@example.com", Loss::Cleaned),
            ("anna@example.com; berta@example.com", "anna@example.com", Loss::Cleaned),
            ("anna@example.com berta@example.com", "anna@example.com", Loss::Cleaned),
            ("Anna, anna@example.com", "anna@example.com", Loss::Cleaned),
            ("anna@example.com.", "anna@example.com", Loss::Cleaned),
            ("anna meier@example.com", "anna meier@example.com", Loss::Nothing),
            ("anna", "anna", Loss::Nothing),
        ] {
            let read = Email::clean(text);
            assert_eq!((read.kept.unwrap().as_str(), read.loss), (expected, loss), "{text}");
        }
    }

    #[test]
    fn notes_are_bounded_and_hidden() {
        let read = |text: &str| Note::read(text).map(|note| note.map(|note| note.as_str().to_owned()));
        assert_eq!(read(" two\nlines "), Ok(Some("two\nlines".to_owned())));
        assert_eq!(read(" \n "), Ok(None));
        assert_eq!(read(&"ü".repeat(1_000)), Ok(Some("ü".repeat(1_000))));
        assert_eq!(read(&"ü".repeat(1_001)), Err(BadLine { max_chars: 1_000 }));
        for (text, kept, loss) in [
            ("a\tb", "a b", Loss::Cleaned),
            ("bell\u{7}!", "bell!", Loss::Cleaned),
            ("two\r\nlines\rthree", "two\nlines\nthree", Loss::Nothing),
        ] {
            let cleaned = Note::clean(text);
            assert_eq!((cleaned.kept.unwrap().as_str(), cleaned.loss), (kept, loss), "{text:?}");
        }
        let (note, name) =
            (Note::read("secret").unwrap().unwrap(), PersonName::read("Anna").unwrap().unwrap());
        assert_eq!(format!("{note:?} {name:?} {}", name.as_str()), "Note(…) Line(…) Anna");
    }

    proptest! {
        /// Every cleaned text can be stored and read again, or one request would make a row unreadable.
        #[test]
        fn accepted_text_reads_back(
            text in "([\\PC\\pC\u{130}\u{DF}\u{200D}\u{958}\u{FB2A} ]|[a@<>.,;: ]|mailto:){0,260}",
        ) {
            if let Some(email) = Email::clean(&text).kept {
                let again = Cleaned { kept: Some(email.clone()), loss: Loss::Nothing };
                prop_assert_eq!(Email::clean(email.as_str()), again);
                prop_assert!(email.is_same_as(&email));
            }
            if let Some(name) = DeviceName::clean(&text).kept {
                prop_assert_eq!(DeviceName::clean(name.as_str()), Cleaned { kept: Some(name.clone()), loss: Loss::Nothing });
            }
            if let Some(note) = Note::clean(&text).kept {
                prop_assert_eq!(Note::clean(note.as_str()), Cleaned { kept: Some(note.clone()), loss: Loss::Nothing });
            }
            let folded = unicode::folded(&text);
            prop_assert_eq!(unicode::folded(&folded), folded.clone());
        }
    }

    #[test]
    fn measures_address_in_lower_case() {
        assert_eq!(Email::read(&"\u{130}".repeat(128)), Err(BadLine { max_chars: 255 }));
        let longest = Email::read(&"\u{130}".repeat(127)).unwrap().unwrap();
        assert_eq!(Email::read(longest.as_str()), Ok(Some(longest.clone())));
    }

    #[test]
    fn addresses_are_lowercase_and_hidden() {
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
