//! The form of the three texts: a mark, then the content in Crockford's base32 with its length before it and a checksum
//! behind it. Letters and digits survive what mail programs, screens and people do to a text, and a QR code holds them in
//! its compact mode.

use std::fmt;
use std::ops::Deref;

use sha2::{Digest, Sha256};

use crate::encoding::CROCKFORD_UPPER;

/// Longest text that is looked at: a mail around the largest answer.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// Bytes of the length before the content.
const LENGTH_BYTES: usize = 2;
/// Longest content, which is what `LENGTH_BYTES` can say.
pub const MAX_CONTENT_BYTES: usize = u16::MAX as usize;
/// Bytes of the checksum: a slip goes unnoticed once in four thousand million.
const CHECKSUM_BYTES: usize = 4;
/// Characters of a line in a file. Mail programs break lines at 76.
const LINE_CHARS: usize = 64;
/// Bits of a base32 character.
const CHAR_BITS: usize = 5;

/// The kinds of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    /// A machine asks for a lease.
    Request,
    /// The operator's answer.
    Answer,
    /// A machine gives its seat back.
    Receipt,
}

impl TextKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Request, Self::Answer, Self::Receipt];

    /// The mark at the beginning. A QR code's compact mode has each of its characters.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Request => "FALCONER-REQUEST-1:",
            Self::Answer => "FALCONER-ANSWER-1:",
            Self::Receipt => "FALCONER-RECEIPT-1:",
        }
    }

    /// The word for sentences.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
            Self::Receipt => "receipt",
        }
    }
}

/// Why a text is not one of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// No mark of any kind.
    #[error(
        "this text holds none of FALCONER-REQUEST-1:, FALCONER-ANSWER-1: and FALCONER-RECEIPT-1:; take the whole file"
    )]
    NotFound,
    /// The mark of another kind.
    #[error("this is the {}, and the {} is needed", .found.word(), .wanted.word())]
    Other {
        /// The kind that the text is of.
        found: TextKind,
        /// The kind that is needed.
        wanted: TextKind,
    },
    /// Characters are missing or were changed.
    #[error("a part of this text is missing or was changed; take the whole file once more")]
    Damaged,
}

/// Content of a text, whose length the text can say.
#[derive(Clone, PartialEq, Eq)]
pub struct AirGapContent(Vec<u8>);

/// Content that no text can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text would hold {0} bytes, and a text holds at most {MAX_CONTENT_BYTES}")]
pub struct ContentTooLong(pub usize);

impl AirGapContent {
    /// Checks the length of content.
    ///
    /// # Errors
    /// [`ContentTooLong`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, ContentTooLong> {
        if bytes.len() > MAX_CONTENT_BYTES { Err(ContentTooLong(bytes.len())) } else { Ok(Self(bytes)) }
    }
}

impl Deref for AirGapContent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

/// Without the content: a request names a person.
impl fmt::Debug for AirGapContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AirGapContent({} bytes)", self.0.len())
    }
}

/// Writes content as one line, for a QR code.
#[must_use]
pub fn short_text(kind: TextKind, content: &AirGapContent) -> String {
    // Unwrap safety: content has at most MAX_CONTENT_BYTES.
    let length = u16::try_from(content.len()).unwrap();
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.extend_from_slice(content);
    bytes.extend_from_slice(&checksum(kind, content));
    format!("{}{}", kind.mark(), CROCKFORD_UPPER.encode(&bytes))
}

/// Writes content as a file: sentences for people, then the short text in lines.
#[must_use]
pub fn file_text(kind: TextKind, words: &[String], content: &AirGapContent) -> String {
    let short = short_text(kind, content);
    let (mark, body) = short.split_at(kind.mark().len());
    let lines = body.as_bytes().chunks(LINE_CHARS).map(String::from_utf8_lossy);
    let mut text = format!("{}\n\n{mark}\n", words.join("\n"));
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Finds the content in a file, a short text or a mail around one of them. White space, line breaks, quotation marks, a
/// byte order mark, lower case and everything before the mark and behind the checksum do not count.
///
/// # Errors
/// [`TextError`].
pub fn read_text(kind: TextKind, text: &str) -> Result<Vec<u8>, TextError> {
    let text = text.get(..MAX_TEXT_BYTES).unwrap_or(text);
    let plain: String = text.chars().filter_map(counting).collect();
    if let Some(place) = plain.find(kind.mark()) {
        return content(kind, &plain[place + kind.mark().len()..]).ok_or(TextError::Damaged);
    }
    let other = TextKind::ALL.into_iter().find(|other| plain.contains(other.mark()));
    Err(other.map_or(TextError::NotFound, |found| TextError::Other { found, wanted: kind }))
}

/// The character that counts, if one does: programs put other hyphens and full-width forms in place of the plain ones.
fn counting(c: char) -> Option<char> {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => Some('-'),
        '\u{FF1A}' => Some(':'),
        '-' | ':' => Some(c),
        _ if c.is_ascii_alphanumeric() => Some(c.to_ascii_uppercase()),
        _ => None,
    }
}

fn content(kind: TextKind, body: &str) -> Option<Vec<u8>> {
    let symbols: Vec<u8> = body.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let length = decoded(&symbols, LENGTH_BYTES)?;
    let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
    let bytes = decoded(&symbols, LENGTH_BYTES + length + CHECKSUM_BYTES)?;
    let (content, sum) = bytes[LENGTH_BYTES..].split_at(length);
    (sum == checksum(kind, content)).then(|| content.to_vec())
}

/// The first bytes that symbols stand for. Bits behind them belong to the next byte or to nothing.
fn decoded(symbols: &[u8], count: usize) -> Option<Vec<u8>> {
    let chars = (count * 8).div_ceil(CHAR_BITS);
    let (mut bytes, mut held, mut bits) = (Vec::with_capacity(count), 0_u32, 0_u32);
    for symbol in symbols.get(..chars)? {
        // Beside a zero its value is in the upper five bits of the byte.
        let value = CROCKFORD_UPPER.decode(&[*symbol, b'0']).ok()?[0] >> 3;
        held = (held << CHAR_BITS) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((held >> bits) & 0xFF).ok()?);
        }
    }
    Some(bytes)
}

fn checksum(kind: TextKind, content: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut hash = Sha256::new();
    hash.update(kind.mark().as_bytes());
    hash.update(content);
    let digest = hash.finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Vec<u8>, TextError> {
        read_text(TextKind::Answer, text)
    }

    fn content_of(bytes: impl Into<Vec<u8>>) -> AirGapContent {
        AirGapContent::new(bytes.into()).unwrap()
    }

    #[test]
    fn longest_content_reads_back_and_no_longer() {
        let longest = vec![0xA5; MAX_CONTENT_BYTES];
        let text = file_text(TextKind::Answer, &[], &content_of(longest.clone()));
        assert!(text.len() < MAX_TEXT_BYTES);
        assert_eq!(read(&text), Ok(longest));
        for more in [1, 1_000, MAX_CONTENT_BYTES] {
            let length = MAX_CONTENT_BYTES + more;
            assert_eq!(AirGapContent::new(vec![0; length]), Err(ContentTooLong(length)));
        }
        assert_eq!(format!("{:?}", content_of(*b"Anna")), "AirGapContent(4 bytes)");
    }

    #[test]
    fn every_disguise_of_a_text_reads() {
        let content: Vec<u8> = (0..=200).collect();
        let bounded = content_of(content.clone());
        let file = file_text(TextKind::Answer, &["Words for people.".to_owned()], &bounded);
        let short = short_text(TextKind::Answer, &bounded);
        let quoted = format!("> > {}\r\n", file.lines().collect::<Vec<_>>().join("\r\n> > "));
        let (mark, body) = short.split_at(TextKind::Answer.mark().len());
        let retyped = body.replace('0', "O").replace('1', "l");
        for text in [
            file.clone(),
            short.clone(),
            format!("\u{FEFF}{file}"),
            format!("“{short}”"),
            file.replace('\n', "\r\n"),
            file.replace('\n', " =\n\n\t"),
            short.to_lowercase(),
            format!("{} {retyped}", mark.replace('-', "\u{2011}")),
            format!("{}{body}", mark.replace('-', "\u{FF0D}").replace(':', "\u{FF1A}")),
            format!("Dear Ms Example,\n\nhere it is:\n{quoted}\nKind regards\nYour vendor, 7 Lane, U-Town"),
            short.chars().flat_map(|c| [c, '\u{200B}', ' ']).collect(),
        ] {
            assert_eq!(read(&text), Ok(content.clone()), "{text}");
        }
    }

    #[test]
    fn damage_and_other_kinds_are_named() {
        let request = short_text(TextKind::Request, &content_of(*b"content"));
        let other = TextError::Other { found: TextKind::Request, wanted: TextKind::Answer };
        assert_eq!(read(&request), Err(other));
        assert_eq!(other.to_string(), "this is the request, and the answer is needed");
        for text in ["", "<html>", "QF-PRO-3D93F-4699X-ZD3T9-CSAZB-DAS0J-4BYWJ", "FALCONER-ANSWER-2:00"] {
            assert_eq!(read(text), Err(TextError::NotFound), "{text}");
        }
        // The checksum covers the kind: a request under an answer's mark is damaged.
        let swapped = request.replace(TextKind::Request.mark(), TextKind::Answer.mark());
        assert_eq!(read(&swapped), Err(TextError::Damaged));
        assert_eq!(read(TextKind::Answer.mark()), Err(TextError::Damaged));
    }

    proptest! {
        #[test]
        fn any_content_reads_back(content in prop::collection::vec(any::<u8>(), 0..600)) {
            for kind in TextKind::ALL {
                let bounded = content_of(content.clone());
                prop_assert_eq!(read_text(kind, &short_text(kind, &bounded)), Ok(content.clone()));
                prop_assert_eq!(read_text(kind, &file_text(kind, &[], &bounded)), Ok(content.clone()));
            }
        }

        #[test]
        fn one_changed_character_is_damage(place in 18..60_usize, with in 0..32_u8) {
            let mut text = short_text(TextKind::Answer, &content_of(*b"a lease of some length, in bytes")).into_bytes();
            let symbol = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[usize::from(with)];
            prop_assume!(text[place] != symbol);
            text[place] = symbol;
            prop_assert_eq!(read(&String::from_utf8(text).unwrap()), Err(TextError::Damaged));
        }

        #[test]
        fn no_text_panics(text in ".{0,300}") {
            let _ = read(&text);
            let _ = read(&format!("FALCONER-ANSWER-1:{text}"));
        }
    }
}
