//! Rows of a CSV file by the names in its header, and cells that no spreadsheet takes for a formula.

use std::borrow::Cow;
use std::collections::BTreeMap;

use csv::{ByteRecord, ReaderBuilder, StringRecord};

use super::BadRow;

/// What Excel and Google Sheets write in front of UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Largest row: half of the 400 KB of an item, whose attributes have names too.
const MAX_ROW_BYTES: usize = 200_000;
/// Characters at which spreadsheets begin to calculate, after OWASP's page on CSV injection; the wide forms are read as
/// the narrow ones by spreadsheets of East Asia.
const FORMULA_STARTS: [char; 11] =
    ['=', '+', '-', '@', '\t', '\r', '\n', '\u{FF1D}', '\u{FF0B}', '\u{FF0D}', '\u{FF20}'];
/// Characters inside a cell at which a spreadsheet begins another one, if it takes them for what separates cells: Excel
/// does so in most of Europe, and then knows no quotation marks of ours.
const INNER_SEPARATORS: [char; 4] = [';', '\t', '\n', '\r'];

/// Why a file is no sheet of the kind asked for.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// No header.
    #[error("the file is empty; its first line must name the columns")]
    Empty,
    /// A column is missing.
    #[error("the first line lacks the column {0}; it names {1}")]
    NoColumn(&'static str, String),
    /// A column stands there twice.
    #[error("the first line names the column {0} twice")]
    Twice(String),
    /// Not CSV.
    #[error("the first line does not read as CSV in UTF-8: {0}")]
    Csv(#[from] csv::Error),
}

/// The bytes of a CSV file, its header read.
#[derive(Debug)]
pub struct Sheet<'a> {
    bytes: &'a [u8],
    /// The header, as it stands.
    pub header: StringRecord,
    columns: BTreeMap<String, usize>,
}

/// One row.
#[derive(Debug)]
pub struct Row<'a> {
    /// The line it begins on.
    pub line: u64,
    /// Its cells, in the order of the header.
    pub cells: Result<StringRecord, BadRow>,
    /// The same as they stand, for handing them back.
    pub raw: ByteRecord,
    columns: &'a BTreeMap<String, usize>,
}

impl<'a> Sheet<'a> {
    /// Reads the header. Names count without regard to case and to spaces around them.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open(bytes: &'a [u8], required: &[&'static str]) -> Result<Self, BadFile> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let header = ReaderBuilder::new().flexible(true).from_reader(bytes).headers()?.clone();
        if header.iter().all(str::is_empty) {
            return Err(BadFile::Empty);
        }
        let mut columns = BTreeMap::new();
        for (index, name) in header.iter().enumerate() {
            let name = name.trim().to_lowercase();
            if !name.is_empty() && columns.insert(name.clone(), index).is_some() {
                return Err(BadFile::Twice(name));
            }
        }
        if let Some(missing) = required.iter().find(|name| !columns.contains_key(**name)) {
            let named: Vec<_> = columns.keys().map(String::as_str).collect();
            return Err(BadFile::NoColumn(missing, named.join(", ")));
        }
        Ok(Self { bytes, header, columns })
    }

    /// Columns that are none of these.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Vec<&str> {
        self.columns.keys().map(String::as_str).filter(|name| !known.contains(name)).collect()
    }

    /// Rows below the header; blank lines are none.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows().fold(0, |count, _| count + 1)
    }

    /// The rows below the header.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let reader = ReaderBuilder::new().flexible(true).from_reader(self.bytes);
        let mut lines = Lines { bytes: self.bytes, byte: 0, line: 1 };
        reader.into_byte_records().filter_map(move |record| {
            // Reading bytes from memory, with any number of cells in a row, does not fail.
            let raw = record.ok()?;
            let (found, named) = (raw.len(), self.header.len());
            let cells = if raw.as_slice().len() > MAX_ROW_BYTES {
                Err(BadRow::TooLarge(raw.as_slice().len()))
            } else if found == named {
                StringRecord::from_byte_record(raw.clone()).map_err(|_| BadRow::NotText)
            } else {
                Err(BadRow::Cells(found, named))
            };
            let line = lines.of_record_at(raw.position().map_or(0, csv::Position::byte));
            Some(Row { line, cells, raw, columns: &self.columns })
        })
    }
}

/// Counts lines up to a record. The reader's own count stands still before blank lines and the second half of a CR LF.
struct Lines<'a> {
    bytes: &'a [u8],
    byte: usize,
    line: u64,
}

impl Lines<'_> {
    fn of_record_at(&mut self, byte: u64) -> u64 {
        let start = usize::try_from(byte).unwrap_or(usize::MAX).min(self.bytes.len());
        let ends = self.bytes[start..].iter().take_while(|byte| matches!(**byte, b'\r' | b'\n')).count();
        let until = start + ends;
        let counted = &self.bytes[self.byte.min(until)..until];
        let followed = counted.iter().skip(1).chain(b" ");
        let breaks = counted.iter().zip(followed).filter(|(byte, next)| match byte {
            b'\n' => true,
            b'\r' => **next != b'\n',
            _ => false,
        });
        self.line += breaks.count() as u64;
        self.byte = until;
        self.line
    }
}

impl Row<'_> {
    /// A cell by its column's name, trimmed; blank cells and missing columns are `None`.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<Cow<'_, str>> {
        let cells = self.cells.as_ref().ok()?;
        let text = cells.get(*self.columns.get(column)?)?.trim();
        (!text.is_empty()).then(|| read(text))
    }

    /// A cell that must not be blank.
    ///
    /// # Errors
    /// [`BadRow::Empty`].
    pub fn required(&self, column: &'static str) -> Result<Cow<'_, str>, BadRow> {
        self.cell(column).ok_or(BadRow::Empty(column))
    }

    /// Names in a cell, parted by spaces or semicolons.
    #[must_use]
    pub fn names(&self, column: &str) -> Vec<String> {
        let cell = self.cell(column).unwrap_or_default();
        let names = cell.split(|c: char| c == ';' || c.is_whitespace()).filter(|name| !name.is_empty());
        names.map(str::to_owned).collect()
    }

    /// A cell read by a function.
    ///
    /// # Errors
    /// [`BadRow::Cell`], with what the function says.
    pub fn parsed<T, E: std::fmt::Display>(
        &self,
        column: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, BadRow> {
        self.cell(column).map(|text| read(&text).map_err(|why| BadRow::cell(column, why))).transpose()
    }
}

/// A text as a cell that no spreadsheet calculates: what begins like a formula gets an apostrophe, at the beginning of the
/// cell and of what a spreadsheet may take for one, and so does what would read as such a cell.
#[must_use]
pub fn written(text: &str) -> Cow<'_, str> {
    let cell = each_part(text, |part| Cow::Owned(format!("'{part}")), begins_like_a_formula);
    if begins_like_a_formula(text) { Cow::Owned(format!("'{cell}")) } else { cell }
}

fn read(cell: &str) -> Cow<'_, str> {
    let is_guarded = |part: &str| part.strip_prefix('\'').is_some_and(begins_like_a_formula);
    let unguarded = |part: &str| part.strip_prefix('\'').unwrap_or(part).to_owned();
    let text = each_part(cell, |part| Cow::Owned(unguarded(part)), is_guarded);
    if is_guarded(&text) { Cow::Owned(unguarded(&text)) } else { text }
}

/// A text, each part of which that follows an inner separator and is as asked for is changed.
fn each_part(
    text: &str,
    change: impl Fn(&str) -> Cow<'_, str>,
    is_asked_for: impl Fn(&str) -> bool,
) -> Cow<'_, str> {
    let mut parts = text.split_inclusive(INNER_SEPARATORS);
    let first = parts.next().unwrap_or_default();
    if !parts.clone().any(&is_asked_for) {
        return Cow::Borrowed(text);
    }
    let changed = parts.map(|part| if is_asked_for(part) { change(part) } else { Cow::Borrowed(part) });
    Cow::Owned(std::iter::once(Cow::Borrowed(first)).chain(changed).collect())
}

fn begins_like_a_formula(text: &str) -> bool {
    text.trim_start_matches(['\'', ' ', '"']).starts_with(FORMULA_STARTS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn cells_are_found_by_name_and_lines_are_counted() {
        let text = "\u{FEFF} License_Key ,NOTES\r\nA,\"one, two\nthree\"\r\n\r\nB,\r\nC\r\n";
        let sheet = Sheet::open(text.as_bytes(), &["license_key", "notes"]).unwrap();
        let rows: Vec<_> = sheet.rows().collect();
        assert_eq!((sheet.count(), rows.len()), (3, 3));
        assert_eq!(rows[0].cell("notes").as_deref(), Some("one, two\nthree"));
        assert_eq!((rows[1].line, rows[1].cell("license_key").as_deref()), (5, Some("B")));
        assert_eq!((rows[1].cell("notes"), rows[1].cell("tier")), (None, None));
        assert_eq!(rows[2].cells, Err(BadRow::Cells(1, 2)));
        assert_eq!(sheet.unknown(&["license_key"]), ["notes"]);
    }

    #[test]
    fn what_is_no_sheet_is_said() {
        for (text, sentence) in [
            ("", "the file is empty; its first line must name the columns"),
            ("a,b\n", "the first line lacks the column license_key; it names a, b"),
            ("license_key,License_Key\n", "the first line names the column license_key twice"),
        ] {
            let said = Sheet::open(text.as_bytes(), &["license_key"]).unwrap_err().to_string();
            assert_eq!(said, sentence);
        }
        let latin = Sheet::open(b"license_key\nM\xFCller\n", &["license_key"]).unwrap();
        assert_eq!(latin.rows().next().unwrap().cells, Err(BadRow::NotText));
    }

    #[test]
    fn formulas_become_texts() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("+49 30", "'+49 30"),
            ("-", "'-"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("'=1", "''=1"),
            ("it's", "it's"),
            ("a=b", "a=b"),
            ("\n=1", "'\n'=1"),
            ("\u{FF1D}1+1", "'\u{FF1D}1+1"),
            ("\u{FF20}SUM", "'\u{FF20}SUM"),
            ("x;=cmd|'/C calc'!A0;", "x;'=cmd|'/C calc'!A0;"),
            ("[{\"name\":\"x; \"=1\"}]", "[{\"name\":\"x;' \"=1\"}]"),
            ("a;b\n- c\t+d", "a;b\n'- c\t'+d"),
            ("it;'s", "it;'s"),
        ] {
            assert_eq!((written(text).as_ref(), read(cell).as_ref()), (cell, text));
        }
    }

    proptest! {
        #[test]
        fn every_text_reads_back_and_none_is_a_formula(text in "['=+@a;\"\n\r\t\u{FF1D}\u{FF0B} \\-]{0,9}") {
            let cell = written(&text);
            let skipped = [' ', '"'];
            prop_assert!(!cell.trim_start_matches(skipped).starts_with(FORMULA_STARTS));
            let calculates = |part: &str| {
                let part = part.trim_start_matches(skipped);
                part.starts_with(FORMULA_STARTS) && !part.starts_with(INNER_SEPARATORS)
            };
            prop_assert!(!cell.split(INNER_SEPARATORS).any(calculates), "{cell:?}");
            prop_assert_eq!(read(&cell).into_owned(), text.as_str());
        }
    }
}
