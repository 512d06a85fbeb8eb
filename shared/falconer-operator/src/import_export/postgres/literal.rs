//! Python's text of a list or a dictionary, as pandas writes it into a cell: `['a', None]`, `{'b': True}`.
//! JSON is read by the same rules.

use serde_json::Number;

/// Deeper than any metadata, and far from the end of the stack.
const MAX_DEPTH: usize = 64;

/// A value as Python writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Literal {
    /// `None`, `null`, and what is not a number: `nan`.
    Null,
    /// `True` or `False`.
    Bool(bool),
    /// A number, as it is written.
    Number(Number),
    /// A text.
    Text(String),
    /// A list or a tuple.
    List(Vec<Self>),
    /// A dictionary whose keys are texts, in its order.
    Map(Vec<(String, Self)>),
}

impl Literal {
    /// Reads a text; `None` if it is not a literal of this kind.
    #[must_use]
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut reader = LiteralReader { rest: text };
        let value = reader.value(0)?;
        reader.skip_blanks();
        reader.rest.is_empty().then_some(value)
    }

    /// The elements of a list as texts, `None` for a `None`; those of lists in it one after the other. `None` if it is
    /// not a list of texts.
    #[must_use]
    pub(super) fn texts(&self) -> Option<Vec<Option<String>>> {
        let Self::List(values) = self else { return None };
        let mut texts = Vec::new();
        for value in values {
            match value {
                Self::Null => texts.push(None),
                Self::Text(text) => texts.push(Some(text.clone())),
                Self::List(_) => texts.extend(value.texts()?),
                Self::Bool(_) | Self::Number(_) | Self::Map(_) => return None,
            }
        }
        Some(texts)
    }

    /// The same as JSON.
    #[must_use]
    pub(super) fn to_json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(value) => text(value),
            Self::List(values) => {
                format!("[{}]", values.iter().map(Self::to_json).collect::<Vec<_>>().join(", "))
            }
            Self::Map(members) => {
                let member = |(name, value): &(String, Self)| format!("{}: {}", text(name), value.to_json());
                format!("{{{}}}", members.iter().map(member).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

struct LiteralReader<'a> {
    rest: &'a str,
}

impl LiteralReader<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    }

    fn skip(&mut self, c: char) -> bool {
        self.skip_blanks();
        let rest = self.rest.strip_prefix(c);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn value(&mut self, depth: usize) -> Option<Literal> {
        self.skip_blanks();
        match self.rest.chars().next()? {
            _ if depth > MAX_DEPTH => None,
            '[' => self.list('[', ']', depth),
            '(' => self.list('(', ')', depth),
            '{' => self.map(depth),
            quote @ ('\'' | '"') => self.text(quote).map(Literal::Text),
            _ => self.word(),
        }
    }

    fn list(&mut self, open: char, close: char, depth: usize) -> Option<Literal> {
        self.skip(open);
        let mut values = Vec::new();
        while !self.skip(close) {
            values.push(self.value(depth + 1)?);
            if !self.skip(',') {
                return self.skip(close).then_some(Literal::List(values));
            }
        }
        Some(Literal::List(values))
    }

    fn map(&mut self, depth: usize) -> Option<Literal> {
        self.skip('{');
        let mut members = Vec::new();
        while !self.skip('}') {
            self.skip_blanks();
            let quote = self.rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
            let name = self.text(quote)?;
            if !self.skip(':') {
                return None;
            }
            members.push((name, self.value(depth + 1)?));
            if !self.skip(',') {
                return self.skip('}').then_some(Literal::Map(members));
            }
        }
        Some(Literal::Map(members))
    }

    fn word(&mut self) -> Option<Literal> {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)));
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        match word {
            "None" | "null" | "nan" | "NaN" | "NaT" => Some(Literal::Null),
            "True" | "true" => Some(Literal::Bool(true)),
            "False" | "false" => Some(Literal::Bool(false)),
            number => serde_json::from_str(number).ok().map(Literal::Number),
        }
    }

    fn text(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut chars = self.rest.chars();
        chars.next();
        // The first half of what JSON writes as two.
        let mut high: Option<u32> = None;
        loop {
            let c = chars.next()?;
            if c == quote {
                break;
            }
            let unit = match c {
                '\\' => escaped(&mut chars)?,
                '\n' | '\r' => return None,
                c => u32::from(c),
            };
            match (high.take(), unit) {
                (None, 0xD800..=0xDBFF) => high = Some(unit),
                (Some(high), 0xDC00..=0xDFFF) => {
                    let both = 0x1_0000 + ((high - 0xD800) << 10) + (unit - 0xDC00);
                    text.push(char::from_u32(both)?);
                }
                (None, unit) => text.push(char::from_u32(unit)?),
                (Some(_), _) => return None,
            }
        }
        self.rest = chars.as_str();
        high.is_none().then_some(text)
    }
}

/// Reads the escape after a backslash.
fn escaped(chars: &mut std::str::Chars<'_>) -> Option<u32> {
    let hex = |chars: &mut std::str::Chars<'_>, digits: usize| {
        let text = chars.as_str().get(..digits)?;
        chars.nth(digits - 1);
        text.bytes().all(|b| b.is_ascii_hexdigit()).then(|| u32::from_str_radix(text, 16).ok()).flatten()
    };
    Some(match chars.next()? {
        'n' => u32::from('\n'),
        'r' => u32::from('\r'),
        't' => u32::from('\t'),
        'a' => 7,
        'b' => 8,
        'f' => 12,
        'v' => 11,
        'x' => hex(chars, 2)?,
        'u' => hex(chars, 4)?,
        'U' => hex(chars, 8)?,
        c @ ('\\' | '\'' | '"' | '/') => u32::from(c),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_python_and_json_lists() {
        for (text, elements) in [
            ("[]", &[][..]),
            ("['a', 'b']", &[Some("a"), Some("b")]),
            ("[\"a\",\"b\"]", &[Some("a"), Some("b")]),
            ("['a', None, \"it's\", 'say \"hi\"']", &[Some("a"), None, Some("it's"), Some("say \"hi\"")]),
            (
                r"['it\'s', 'back\\slash', '\x01\u00fc\U0001f600', 'a\nb']",
                &[Some("it's"), Some("back\\slash"), Some("\u{1}ü😀"), Some("a\nb")],
            ),
            (r#"["\ud83d\ude00", "\/"]"#, &[Some("😀"), Some("/")]),
            ("[['a'], ['b', None]]", &[Some("a"), Some("b"), None]),
            ("('a',)", &[Some("a")]),
        ] {
            let read = Literal::read(text).and_then(|list| list.texts());
            let read = read.unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.iter().map(Option::as_deref).collect::<Vec<_>>(), elements, "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_literals() {
        for text in [
            "",
            "a",
            "{a,b}",
            "['a'",
            "['a' 'b']",
            "'a",
            "[a]",
            "['a']]",
            r"['\q']",
            r#"["\ud83d"]"#,
            "{1: 2}",
            "['a\nb']",
            "{'a'}",
            "[,]",
            "['é\\xé']",
        ] {
            assert_eq!(Literal::read(text), None, "{text}");
        }
        for text in ["[1]", "['a', {}]", "{'a': 1}", "'a'"] {
            assert_eq!(Literal::read(text).and_then(|value| value.texts()), None, "{text}");
        }
        assert_eq!(Literal::read(&"[".repeat(100_000)), None);
    }

    #[test]
    fn dictionary_becomes_ordered_json() {
        let text = r#"{'z': 1, 'a': [True, None, 1.5e3, -2], 'it\'s': {"q": '"', 'n': nan}, 'empty': {}}"#;
        let json = r#"{"z": 1, "a": [true, null, 1500.0, -2], "it's": {"q": "\"", "n": null}, "empty": {}}"#;
        assert_eq!(Literal::read(text).map(|value| value.to_json()).as_deref(), Some(json));
        let value: serde_json::Value = serde_json::from_str(json).unwrap();
        assert_eq!(value["a"][1], serde_json::Value::Null);
    }

    proptest! {
        #[test]
        fn json_of_any_list_reads_back(texts in proptest::collection::vec("\\PC{0,6}|[\\x00-\\x7F]{0,6}", 0..5)) {
            let written = serde_json::to_string(&texts).unwrap();
            let read = Literal::read(&written).and_then(|list| list.texts());
            prop_assert_eq!(read, Some(texts.into_iter().map(Some).collect()));
        }

        #[test]
        fn any_literal_becomes_valid_json(text in "[\\[\\]{}()'\"\\\\,: a-f0-9NT\\-.]{0,40}|\\PC{0,40}") {
            if let Some(value) = Literal::read(&text) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&value.to_json()).is_ok());
            }
        }
    }
}
