//! Members of the JSON of requests, as they were written: a value that cannot be read spoils no other member.
//!
//! Each value stays as it was sent until it is asked for, so a number without bounds in a member that nobody reads is
//! skipped. Texts are read as bytes: half of a surrogate pair, which JavaScript makes of an emoji that it cuts, becomes
//! U+FFFD instead of an error.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Deepest nesting taken: `serde_json`'s own limit for values that are read. Nothing below the second level is ever
/// read.
const MAX_DEPTH: usize = 127;

/// The replacement for invalid characters in a text.
pub const NO_CHARACTER: char = char::REPLACEMENT_CHARACTER;

/// An object.
#[derive(Clone, Default)]
pub struct Members(pub Vec<Member>);

/// One member of it.
#[derive(Clone)]
pub struct Member {
    /// The name, as it was written.
    pub name: String,
    value: Box<RawValue>,
}

/// A value, as far as requests use values.
pub enum Given {
    /// Nothing, as languages write it: `null`, a text of white space, an empty list, an empty object. PHP writes an
    /// empty map as `[]`. The text `null` is a text: people are called that.
    Nothing,
    /// A text.
    Text(String),
    /// A number, as it was written.
    Number(String),
    /// An object with members.
    Object(Members),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    Other,
}

impl Members {
    /// Reads a text that holds one object. `None` where it holds anything else, or nests too deep.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        (depth(text) <= MAX_DEPTH).then(|| serde_json::from_str(text).ok()).flatten()
    }

    /// The last member of this name that holds something.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<usize> {
        self.0.iter().rposition(|member| member.name == name && !member.is_nothing())
    }

    /// Returns the value of the last member of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Given {
        let named = self.0.iter().rev().filter(|member| member.name == name);
        named.map(Member::given).find(|given| !matches!(given, Given::Nothing)).unwrap_or(Given::Nothing)
    }

    /// A text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.get(name) {
            Given::Text(text) => Some(text),
            _ => None,
        }
    }

    /// An object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Self> {
        match self.get(name) {
            Given::Object(members) => Some(members),
            _ => None,
        }
    }
}

impl Member {
    /// Returns the value.
    #[must_use]
    pub fn given(&self) -> Given {
        let written = self.value.get();
        match written.as_bytes().first() {
            Some(b'"') => match text(written) {
                Some(text) if !text.trim().is_empty() => Given::Text(text),
                _ => Given::Nothing,
            },
            Some(b'{') => match Members::read(written) {
                Some(members) if !members.0.is_empty() => Given::Object(members),
                _ => Given::Nothing,
            },
            Some(b'[') if written[1..].trim_start().starts_with(']') => Given::Nothing,
            Some(b'n') => Given::Nothing,
            Some(b't') => Given::Flag(true),
            Some(b'f') => Given::Flag(false),
            Some(b'-' | b'0'..=b'9') => Given::Number(written.to_owned()),
            _ => Given::Other,
        }
    }

    /// Returns true if it says nothing.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        matches!(self.given(), Given::Nothing)
    }

    /// Returns true if it is `true`.
    #[must_use]
    pub fn is_true(&self) -> bool {
        self.value.get() == "true"
    }

    /// Returns true if it is a text, blank or not.
    #[must_use]
    pub fn is_text(&self) -> bool {
        self.value.get().starts_with('"')
    }

    /// Returns true if another member says the same.
    #[must_use]
    pub fn says_what(&self, other: &Self) -> bool {
        self.value.get() == other.value.get()
    }
}

/// The text of a JSON text.
#[must_use]
pub fn text(written: &str) -> Option<String> {
    serde_json::from_str::<Text>(written).ok().map(|text| text.0)
}

/// Decodes a body, without a byte-order mark and without the byte that ends a string in C. UTF-16, which Windows
/// calls Unicode, is known by its mark or by its first character; bytes that are not UTF-8 cost no more than the
/// character they were meant to be.
#[must_use]
pub fn decoded(body: &[u8]) -> Cow<'_, str> {
    let unit = |pair: &[u8], of: fn([u8; 2]) -> u16| of([pair[0], pair.get(1).copied().unwrap_or_default()]);
    let utf16 = |bytes: &[u8], of| {
        let units = bytes.chunks(2).map(|pair| unit(pair, of));
        char::decode_utf16(units).map(|read| read.unwrap_or(NO_CHARACTER)).collect::<String>()
    };
    let text = match body {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes).into(),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes).into(),
        [b'{', 0, ..] => utf16(body, u16::from_le_bytes).into(),
        [0, b'{', ..] => utf16(body, u16::from_be_bytes).into(),
        _ => String::from_utf8_lossy(body),
    };
    let bare = |text: &str| text.trim_start_matches('\u{FEFF}').trim_end_matches('\0').trim().len();
    if bare(&text) == text.len() {
        return text;
    }
    text.trim_start_matches('\u{FEFF}').trim_end_matches('\0').trim().to_owned().into()
}

/// An object, or the object inside a JSON text: a body that was encoded twice.
#[must_use]
pub fn object(text: &str) -> Option<Members> {
    Members::read(text).or_else(|| Members::read(&self::text(text)?))
}

/// Nesting outside texts.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'{' | b'[' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    members.push(Member { name, value });
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A text in which everything invalid is U+FFFD.
struct Text(String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Text, E> {
                Ok(Text(String::from_utf8_lossy(bytes).into_owned()))
            }
        }
        // As bytes, because serde_json lets half a pair through there alone.
        deserializer.deserialize_bytes(Bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> String {
        let object = format!(r#"{{"a":{json}}}"#);
        match Members::read(&object).map(|members| members.get("a")) {
            None => "no object".to_owned(),
            Some(Given::Nothing) => "nothing".to_owned(),
            Some(Given::Text(text)) => format!("text {text}"),
            Some(Given::Number(number)) => format!("number {number}"),
            Some(Given::Object(members)) => format!("object {}", members.0.len()),
            Some(Given::Flag(flag)) => format!("flag {flag}"),
            Some(Given::Other) => "other".to_owned(),
        }
    }

    #[test]
    fn members_answer_by_kind() {
        let members = Members::read(r#"{"o":{"a":1},"t":"x","yes":true,"no":false,"same":"x"}"#).unwrap();
        let inner = members.object("o").expect("an object");
        assert!(matches!(inner.get("a"), Given::Number(_)));
        assert!(members.object("t").is_none());
        let member = |name| &members.0[members.find(name).unwrap()];
        assert!(member("yes").is_true() && !member("no").is_true());
        assert!(member("t").is_text() && !member("yes").is_text());
        assert!(member("t").says_what(member("same")) && !member("t").says_what(member("yes")));
    }

    #[test]
    fn an_object_may_be_inside_a_text() {
        let members = |text: &str| object(text).map(|members| members.0.len());
        assert_eq!(members(r#"{"a":1,"b":2}"#), Some(2));
        assert_eq!(members(r#""{\"a\":1}""#), Some(1));
        assert_eq!(members(r#""a text""#), None);
        assert_eq!(members("[1]"), None);
    }

    #[test]
    fn brackets_in_texts_nest_nothing() {
        let of = |text: &str, list: usize| {
            let (open, close) = ("[".repeat(list), "]".repeat(list));
            Members::read(&format!(r#"{{"a":"{text}","b":{open}{close}}}"#)).is_some()
        };
        assert!(of(&"[{".repeat(MAX_DEPTH), 1));
        assert!(of(&r#"\"["#.repeat(MAX_DEPTH), 1), "an escaped quotation mark ends no text");
        assert!(of("", MAX_DEPTH - 1));
        assert!(!of(&"]}".repeat(MAX_DEPTH), MAX_DEPTH), "a text closes nothing");
    }

    #[test]
    fn values_are_what_they_were_sent_as() {
        for (json, expected) in [
            ("null", "nothing"),
            (r#""""#, "nothing"),
            (r#"" \n ""#, "nothing"),
            ("[ ]", "nothing"),
            ("{ }", "nothing"),
            (r#""null""#, "text null"),
            (r#""\ud83d""#, "text \u{FFFD}\u{FFFD}\u{FFFD}"),
            (r#""\ud83d\ude00!""#, "text 😀!"),
            ("1e999", "number 1e999"),
            ("-0.50", "number -0.50"),
            (r#"{"b":1,"b":2}"#, "object 2"),
            ("[1]", "other"),
            ("true", "flag true"),
            ("false", "flag false"),
            ("NaN", "no object"),
            (r#""\ud83""#, "no object"),
            ("1]", "no object"),
        ] {
            assert_eq!(given(json), expected, "{json}");
        }
    }

    #[test]
    fn the_last_member_that_says_something_counts() {
        let members = Members::read(r#"{"a":"1","a":"2","a":null,"\ud83d":3}"#).unwrap();
        assert_eq!(members.text("a").as_deref(), Some("2"));
        assert_eq!(members.0[3].name, "\u{FFFD}\u{FFFD}\u{FFFD}");
        assert!(Members::read("[1]").is_none() && Members::read("{} {}").is_none());
    }

    #[test]
    fn nesting_is_bounded_and_texts_do_not_nest() {
        let nested = |depth: usize| format!(r#"{{"a":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
        assert!(Members::read(&nested(MAX_DEPTH)).is_some());
        assert!(Members::read(&nested(MAX_DEPTH + 1)).is_none());
        let text = format!(r#"{{"a":"{}\"{}"}}"#, "[".repeat(500), "{".repeat(500));
        assert!(Members::read(&text).is_some());
        let beside = format!(r#"{{"a":[{}[]]}}"#, "[],{},".repeat(100));
        assert!(Members::read(&beside).is_some());
    }

    #[test]
    fn bodies_are_decoded_whatever_wrote_them() {
        let utf16 = |of: fn(u16) -> [u8; 2], mark: &str| {
            format!("{mark}{{\"ü\":1}}").encode_utf16().flat_map(of).collect::<Vec<u8>>()
        };
        for (body, expected) in [
            ("{\"ü\":1}".as_bytes().to_vec(), "{\"ü\":1}"),
            ("\u{FEFF}{\"ü\":1}\n".as_bytes().to_vec(), "{\"ü\":1}"),
            (b"{\"a\":1}\0".to_vec(), "{\"a\":1}"),
            (utf16(u16::to_le_bytes, "\u{FEFF}"), "{\"ü\":1}"),
            (utf16(u16::to_be_bytes, "\u{FEFF}"), "{\"ü\":1}"),
            (utf16(u16::to_le_bytes, ""), "{\"ü\":1}"),
            (utf16(u16::to_be_bytes, ""), "{\"ü\":1}"),
            (b"{\"J\xFCrgen\":1}".to_vec(), "{\"J\u{FFFD}rgen\":1}"),
            (b"{\0".to_vec(), "{"),
            (Vec::new(), ""),
        ] {
            assert_eq!(decoded(&body), expected, "{body:?}");
        }
    }
}
