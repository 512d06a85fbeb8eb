//! The bytes of a file as text: UTF-8, UTF-16, or an older encoding that the operator names.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// Marks that a spreadsheet program needs to read non-ASCII letters.
pub const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Bytes that are looked at to find UTF-16 without a byte-order mark.
const LOOKED_AT: usize = 400;
/// First bytes of files that spreadsheet programs keep as their own, and what such a file is.
const WORKBOOKS: [(&[u8], &str); 3] = [
    (b"PK\x03\x04", "a workbook (.xlsx or .ods) or another zip file"),
    (b"\xD0\xCF\x11\xE0", "a workbook (.xls)"),
    (b"%PDF", "a PDF"),
];

/// A file that does not read as text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotText {
    /// A workbook.
    #[error("the file is {0}, and not CSV; save the sheet as CSV in UTF-8")]
    Workbook(&'static str),
    /// An older encoding, probably.
    #[error(
        "line {0} is not UTF-8; save the sheet as CSV in UTF-8, or name its encoding \
         (--encoding windows-1252 for what Excel writes in western Europe)"
    )]
    Unnamed(u64),
    /// Not what its byte-order mark or the operator says.
    #[error("the file does not read as {0} to its end; save the sheet as CSV in UTF-8")]
    Broken(&'static str),
    /// Zero bytes in a text other than UTF-16.
    #[error("the file has zero bytes and is not text; save the sheet as CSV in UTF-8")]
    Binary,
}

/// A file as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text, without a byte-order mark.
    pub text: Cow<'a, str>,
    /// The byte-order mark.
    pub mark: Mark,
}

/// True if a spreadsheet program needs a byte-order mark to read a file's letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The file was UTF-8 without one.
    Absent,
    /// The file had one, or was not UTF-8.
    Present,
}

/// An encoding by a name that people use for it: `windows-1252`, `latin1`, `shift_jis`.
#[must_use]
pub fn named(name: &str) -> Option<&'static Encoding> {
    Encoding::for_label(name.trim().as_bytes())
}

/// Reads the bytes of a file. A byte-order mark counts before the name, and text that is UTF-8 is not read as an
/// encoding of single bytes, which would spoil its letters silently.
///
/// # Errors
/// [`NotText`].
pub fn decode<'a>(bytes: &'a [u8], named: Option<&'static Encoding>) -> Result<Decoded<'a>, NotText> {
    if let Some((_, what)) = WORKBOOKS.iter().find(|(start, _)| bytes.starts_with(start)) {
        return Err(NotText::Workbook(what));
    }
    let (encoding, rest) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (Some(encoding), &bytes[length..]),
        None => (unmarked_utf_16(bytes), bytes),
    };
    let utf_8 = std::str::from_utf8(rest);
    let text = match (encoding, named, utf_8) {
        (Some(encoding), ..) if encoding != UTF_8 => in_encoding(encoding, rest)?,
        (_, Some(named), Err(_)) => in_encoding(named, rest)?,
        (None, Some(named), Ok(_)) if !named.is_single_byte() => in_encoding(named, rest)?,
        (_, _, Ok(text)) => Cow::Borrowed(text),
        (_, None, Err(why)) => return Err(NotText::Unnamed(line_of(rest, why.valid_up_to()))),
    };
    if text.contains('\0') {
        return Err(NotText::Binary);
    }
    let plain = encoding.is_none() && utf_8.is_ok();
    Ok(Decoded { text, mark: if plain { Mark::Absent } else { Mark::Present } })
}

fn in_encoding<'a>(encoding: &'static Encoding, bytes: &'a [u8]) -> Result<Cow<'a, str>, NotText> {
    let text = encoding.decode_without_bom_handling_and_without_replacement(bytes);
    text.ok_or_else(|| NotText::Broken(encoding.name()))
}

/// UTF-16 as some programs write it, without a mark: every other byte of a header is zero.
fn unmarked_utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let start = &bytes[..bytes.len().min(LOOKED_AT)];
    let pairs = start.chunks_exact(2);
    let (count, zeros) = (pairs.len(), |at: usize| pairs.clone().filter(|pair| pair[at] == 0).count());
    let most = |zeros: usize| count > 1 && zeros * 10 > count * 8;
    match (most(zeros(0)), most(zeros(1))) {
        (true, false) => Some(UTF_16BE),
        (false, true) => Some(UTF_16LE),
        _ => None,
    }
}

fn line_of(bytes: &[u8], byte: usize) -> u64 {
    bytes[..byte].iter().fold(1, |line, byte| line + u64::from(*byte == b'\n'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf_16(text: &str, of: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(of).collect()
    }

    #[test]
    fn decodes_every_encoding() {
        let text = "license_key;status\nÄ-1;größer\n";
        let (le, be) = (utf_16(text, u16::to_le_bytes), utf_16(text, u16::to_be_bytes));
        let with = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for (bytes, encoding) in [
            (text.as_bytes().to_vec(), None),
            (with(b"\xEF\xBB\xBF", text.as_bytes()), None),
            (with(b"\xFF\xFE", &le), None),
            (with(b"\xFE\xFF", &be), None),
            (le, None),
            (be, None),
            (encoding_rs::WINDOWS_1252.encode(text).0.into_owned(), named("windows-1252")),
            (encoding_rs::MACINTOSH.encode(text).0.into_owned(), named("macintosh")),
            (text.as_bytes().to_vec(), named("latin1")),
        ] {
            let decoded = decode(&bytes, encoding).unwrap();
            assert_eq!(decoded.text, text);
            let plain = bytes == text.as_bytes();
            assert_eq!(decoded.mark == Mark::Absent, plain);
        }
    }

    #[test]
    fn non_text_files_get_advice() {
        for (bytes, sentence) in [
            (&b"PK\x03\x04rest"[..], "the file is a workbook (.xlsx or .ods)"),
            (b"\xD0\xCF\x11\xE0rest", "the file is a workbook (.xls)"),
            (
                b"license_key\nA-1\nM\xFCller\n",
                "line 3 is not UTF-8; save the sheet as CSV in UTF-8, or name",
            ),
            (b"\xFF\xFEa\0b\0c", "the file does not read as UTF-16LE to its end"),
            (b"license_key\nA\0B\n", "the file has zero bytes"),
        ] {
            let said = decode(bytes, None).unwrap_err().to_string();
            assert!(said.starts_with(sentence), "{said}");
        }
        assert!(named("no such encoding").is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_fail(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for encoding in [None, named("windows-1252"), named("shift_jis")] {
                let _ = decode(&bytes, encoding);
            }
        }
    }
}
