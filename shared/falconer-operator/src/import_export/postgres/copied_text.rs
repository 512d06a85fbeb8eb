//! The text format of PostgreSQL's COPY: cells parted by tabs, `\N` for NULL, backslashes before what would be in the
//! way.
//!
//! It looks like CSV with tabs and is not: quotation marks are ordinary characters in it.

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
const NULL: &[u8] = br"\N";
/// End of the rows in a psql script.
const END: &[u8] = br"\.";

/// The same rows as CSV with commas, an empty cell for a NULL. `None` if `bytes` are not in this format.
#[must_use]
pub fn to_csv(bytes: &[u8]) -> Option<Vec<u8>> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    if !is_copied_text(bytes) {
        return None;
    }
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for line in lines(bytes).take_while(|line| *line != END) {
        let cells = cells(line).map(|cell| if cell == NULL { Vec::new() } else { unescaped(cell) });
        // Writing to memory does not fail.
        writer.write_record(cells).ok()?;
    }
    writer.into_inner().ok()
}

/// Returns true if the first line is parted by tabs, and no cell is quoted as in CSV. A NULL spelled `\N` settles it,
/// since a cell of such a file may begin and end with a quotation mark too. Without one, a single backslash
/// shows that another program wrote the file: COPY would have written two.
fn is_copied_text(bytes: &[u8]) -> bool {
    let quoted = |cell: &[u8]| cell.len() > 1 && cell.starts_with(b"\"") && cell.ends_with(b"\"");
    let opens_quoted = |line: &[u8]| cells(line).any(|cell| cell.starts_with(b"\""));
    lines(bytes).next().is_some_and(|first| first.contains(&b'\t') && !cells(first).any(quoted))
        && (lines(bytes).any(|line| line == END || cells(line).any(|cell| cell == NULL))
            || !lines(bytes).any(|line| opens_quoted(line) || has_lone_backslash(line)))
}

fn has_lone_backslash(line: &[u8]) -> bool {
    line.chunk_by(|one, other| one == other).any(|run| run[0] == b'\\' && run.len() % 2 == 1)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter(|line| !line.is_empty())
}

fn cells(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| *byte == b'\t')
}

/// A cell without its backslashes, by the table in the manual's page on COPY.
fn unescaped(cell: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(cell.len());
    let mut rest = cell;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            text.push(*byte);
            continue;
        }
        let Some((named, after)) = rest.split_first() else {
            text.push(b'\\');
            break;
        };
        rest = after;
        text.push(match named {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => digits(&mut rest, 16, 2, 0),
            b'0'..=b'7' => digits(&mut rest, 8, 2, named - b'0'),
            other => *other,
        });
    }
    text
}

/// A byte by its digits, at most so many more of them.
fn digits(rest: &mut &[u8], radix: u8, most: usize, first: u8) -> u8 {
    let mut byte = first;
    for _ in 0..most {
        let digit = rest.first().and_then(|digit| char::from(*digit).to_digit(radix.into()));
        let Some(digit) = digit.and_then(|digit| u8::try_from(digit).ok()) else { break };
        byte = byte.wrapping_mul(radix).wrapping_add(digit);
        *rest = &rest[1..];
    }
    byte
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn converted(text: &str) -> Option<String> {
        to_csv(text.as_bytes()).map(|csv| String::from_utf8(csv).unwrap())
    }

    #[test]
    fn converts_nulls_and_escapes_to_csv() {
        let text = "license_key\tuser_id\tfeatures\r\n\
                    K\t\"quoted\\tname\"\t{\"a\\\\\"b\",c}\n\
                    L\t\\\\N\\x41\\101\\q\t\\N\n\
                    \\.\n";
        let csv = "license_key,user_id,features\n\
                   K,\"\"\"quoted\tname\"\"\",\"{\"\"a\\\"\"b\"\",c}\"\n\
                   L,\\NAAq,\n";
        assert_eq!(converted(text).as_deref(), Some(csv));
        assert_eq!(converted("\u{FEFF}a\tb\n1\t2\n").as_deref(), Some("a,b\n1,2\n"));
    }

    #[test]
    fn csv_with_tabs_is_left_alone() {
        // As pandas writes them, without a quotation mark.
        for text in [r"C:\new\table", r"a\", r"\\server\share"] {
            assert_eq!(converted(&format!("a\tb\n1\t{text}\n")), None, "{text}");
        }
        for text in ["", "a,b\n1,\\N\n", "a\tb\n1\t\"two\twords\"\n", "\"a\"\t\"b\"\n1\t\\N\n"] {
            assert_eq!(converted(text), None, "{text}");
        }
    }

    proptest! {
        /// As PostgreSQL writes it.
        #[test]
        fn every_row_reads_back(rows in proptest::collection::vec("[a\"',;\\\\\t\n\r\u{8}\u{B}\u{C}ü]{0,8}", 1..5)) {
            let escaped = |text: &str| {
                text.chars().map(|c| match c {
                    '\\' => "\\\\".to_owned(),
                    '\t' => "\\t".to_owned(),
                    '\n' => "\\n".to_owned(),
                    '\r' => "\\r".to_owned(),
                    '\u{8}' => "\\b".to_owned(),
                    '\u{B}' => "\\v".to_owned(),
                    '\u{C}' => "\\f".to_owned(),
                    c => c.to_string(),
                }).collect::<String>()
            };
            let lines = rows.iter().map(|row| format!("{}\t\\N\n", escaped(row)));
            let csv = to_csv(format!("a\tb\n{}", lines.collect::<String>()).as_bytes()).unwrap();
            let read: Vec<String> = csv::Reader::from_reader(csv.as_slice())
                .records()
                .map(|record| record.unwrap()[0].to_owned())
                .collect();
            prop_assert_eq!(read, rows);
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = to_csv(&bytes);
        }
    }
}
