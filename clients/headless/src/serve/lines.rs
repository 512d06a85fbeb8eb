//! Lines of standard input, each bounded.

use std::io::{BufRead, ErrorKind, Read as _};

/// Longest line that is read, in bytes. The longest genuine request has a key, a name and an address of some hundred
/// characters each.
pub(super) const MAX_LINE_BYTES: usize = 64 * 1024;

/// One line as it came in.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Without its end.
    Text(String),
    /// More than [`MAX_LINE_BYTES`]. The rest of it was read and dropped.
    TooLong,
    NotUtf8,
}

/// Reads the next line. `None` at the end of the input, and where it cannot be read any more.
pub(super) fn next(input: &mut impl BufRead) -> Option<Line> {
    let mut bytes = Vec::new();
    let limit = MAX_LINE_BYTES + 1;
    let read = input.by_ref().take(limit as u64).read_until(b'\n', &mut bytes);
    if read.ok()? == 0 {
        return None;
    }
    let is_whole = bytes.pop_if(|byte| *byte == b'\n').is_some();
    if !is_whole && bytes.len() == limit {
        drop_rest(input);
        return Some(Line::TooLong);
    }
    bytes.pop_if(|byte| *byte == b'\r');
    // Encoders of .NET and PowerShell begin a stream with a byte order mark.
    let text = String::from_utf8(bytes).map(|text| text.trim_start_matches('\u{feff}').to_owned());
    Some(text.map_or(Line::NotUtf8, Line::Text))
}

/// Reads up to the end of the line without keeping it.
fn drop_rest(input: &mut impl BufRead) {
    loop {
        let buffer = match input.fill_buf() {
            Ok([]) => return,
            Ok(buffer) => buffer,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let count = end.map_or(buffer.len(), |place| place + 1);
        input.consume(count);
        if end.is_some() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<Line> {
        std::iter::from_fn(|| next(&mut input)).collect()
    }

    fn text(text: &str) -> Line {
        Line::Text(text.to_owned())
    }

    #[test]
    fn lines_end_as_on_every_system() {
        assert_eq!(all(b"one\ntwo\r\n\nlast"), [text("one"), text("two"), text(""), text("last")]);
        assert_eq!(all("\u{feff}first\nsecond".as_bytes()), [text("first"), text("second")]);
        assert_eq!(all(b""), []);
    }

    #[test]
    fn bad_lines_cost_only_themselves() {
        assert_eq!(all(b"\xff\xfe\nnext"), [Line::NotUtf8, text("next")]);
        for length in [MAX_LINE_BYTES - 1, MAX_LINE_BYTES] {
            let line = "x".repeat(length);
            assert_eq!(all(format!("{line}\nnext").as_bytes()), [text(&line), text("next")]);
            assert_eq!(all(line.as_bytes()), [text(&line)]);
        }
        for length in [MAX_LINE_BYTES + 1, 10 * MAX_LINE_BYTES] {
            let line = "x".repeat(length);
            assert_eq!(all(format!("{line}\nnext").as_bytes()), [Line::TooLong, text("next")]);
            assert_eq!(all(line.as_bytes()), [Line::TooLong]);
        }
    }
}
