//! Rows of a CSV file by the names in its header, and cells that no spreadsheet takes for a formula.

mod guard;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use csv::{ByteRecord, ReaderBuilder, StringRecord};
use encoding_rs::Encoding;

use super::BadRow;
use super::encoding::{self, Decoded, Mark, NotText};
use super::numbers::{self, Point};

pub(super) use guard::read;
pub use guard::{kept_as_text, written};

/// Largest row: half of the 400 KB of an item, whose attributes have names too.
const MAX_ROW_BYTES: usize = 200_000;

/// Cell separators, the most common first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// A line that Excel writes and reads in front of the header, with the separator behind it.
const SEPARATOR_LINE: &str = "sep=";
/// Marks the end behind the last row while a file is read. Where a row has swallowed it, a quotation mark was never closed.
const END_OF_FILE: &[u8] = b"\n\x01end";
/// Names of a first line that a message shows: more than any sheet of the kind has.
const MAX_NAMES_SHOWN: usize = 40;

/// Reasons why a file is not the expected kind of sheet.
#[derive(Debug, thiserror::Error)]
pub enum BadFile {
    /// No header.
    #[error("the file is empty; its first line must name the columns")]
    Empty,
    /// A column is missing.
    #[error("the first line lacks the column {0}; it names {1}")]
    NoColumn(&'static str, String),
    /// The first line is data, or something else.
    #[error("the first line names no column that is needed ({0}); put the names above the rows")]
    NoHeader(String),
    /// The same of a table that a database program has exported.
    #[error(
        "the first line names no column that is needed ({0}); export the table with the names of its columns \
         (psql: `csv header`), or put them above the rows"
    )]
    NoHeaderOfTable(String),
    /// A column appears twice.
    #[error("the first line names the column {0} twice")]
    Twice(String),
    /// Not text.
    #[error(transparent)]
    NotText(#[from] NotText),
    /// Not CSV.
    #[error("the first line does not read as CSV: {0}")]
    Csv(#[from] csv::Error),
}

/// A CSV file as text, its header read.
#[derive(Debug)]
pub struct Sheet<'a> {
    text: Cow<'a, str>,
    mark: Mark,
    separator: u8,
    /// Offset of the first row after the header.
    body: u64,
    /// The header, unchanged.
    pub header: StringRecord,
    columns: BTreeMap<String, usize>,
}

/// One row.
#[derive(Debug)]
pub struct CsvRow<'a> {
    /// The line it begins on.
    pub line: u64,
    /// The cells, one for each name of the header.
    pub cells: Result<StringRecord, BadRow>,
    /// The same names, unchanged, for output.
    pub raw: ByteRecord,
    columns: &'a BTreeMap<String, usize>,
    separator: u8,
}

impl<'a> Sheet<'a> {
    /// Reads the header of a file in UTF-8 or UTF-16.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open(bytes: &'a [u8], required: &[&'static str]) -> Result<Self, BadFile> {
        Self::open_in(None, bytes, required)
    }

    /// Reads the header of a file that may be in another encoding. The separator is the one with which the header names
    /// the most of what is required. Names count without regard to case, and to blanks and hyphens for underscores.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open_in(
        encoding: Option<&'static Encoding>,
        bytes: &'a [u8],
        required: &[&'static str],
    ) -> Result<Self, BadFile> {
        let Decoded { text, mark } = encoding::decode(bytes, encoding)?;
        let (named, after) = separator_line(&text);
        let mut best: Option<(usize, Self)> = None;
        for separator in named.into_iter().chain(SEPARATORS) {
            let Some((header, body)) = first_record(&text, after, separator)? else {
                return Err(BadFile::Empty);
            };
            let columns = columns_of(&header);
            let found = required.iter().filter(|name| columns.contains_key(**name)).count();
            let score = found * MAX_ROW_BYTES + columns.len();
            if best.as_ref().is_none_or(|(most, _)| score > *most) {
                best = Some((score, Self { text: text.clone(), mark, separator, body, header, columns }));
            }
        }
        let (_, sheet) = best.ok_or(BadFile::Empty)?;
        sheet.with_columns(required)
    }

    fn with_columns(self, required: &[&'static str]) -> Result<Self, BadFile> {
        if let Some(missing) = required.iter().find(|name| !self.columns.contains_key(**name)) {
            // A first line that names nothing known may be a row: no part of a key or of a person is shown.
            if !required.iter().any(|name| self.columns.contains_key(*name)) {
                return Err(BadFile::NoHeader(required.join(", ")));
            }
            let named = self.columns.keys().map(String::as_str).filter(|name| looks_like_a_name(name));
            let named: Vec<_> = named.take(MAX_NAMES_SHOWN).collect();
            return Err(BadFile::NoColumn(missing, named.join(", ")));
        }
        let mut seen = BTreeSet::new();
        match self.header.iter().map(folded_name).find(|name| !name.is_empty() && !seen.insert(name.clone()))
        {
            Some(name) => Err(BadFile::Twice(name)),
            None => Ok(self),
        }
    }

    /// Returns the cell separator: a comma, a semicolon, a tab or a bar.
    #[must_use]
    pub const fn separator(&self) -> u8 {
        self.separator
    }

    /// Returns true if a file written for the same program needs a byte-order mark.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        self.mark
    }

    /// Returns true if the header names a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// Returns the columns outside this list.
    #[must_use]
    pub fn unknown(&self, known: &[&str]) -> Vec<&str> {
        self.columns.keys().map(String::as_str).filter(|name| !known.contains(name)).collect()
    }

    /// Rows below the header that are not blank.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows().fold(0, |count, _| count + 1)
    }

    /// Returns the rows below the header, without blank rows. Missing cells are blank; surplus blank cells are ignored.
    pub fn rows(&self) -> impl Iterator<Item = CsvRow<'_>> {
        let bytes = self.text.as_bytes();
        let body = usize::try_from(self.body).unwrap_or(usize::MAX).min(bytes.len());
        let reader = reader(self.separator).from_reader(bytes[body..].chain(END_OF_FILE));
        let mut lines = Lines { bytes, byte: 0, line: 1 };
        reader.into_byte_records().filter_map(move |record| {
            // Reading bytes from memory, with any number of cells in a row, does not fail.
            let raw = record.ok()?;
            let (raw, cells) = match swallowed_the_end(&raw) {
                Swallowed::Nothing => {
                    let cells = self.fitted(&raw);
                    (raw, cells)
                }
                Swallowed::IsTheEnd => return None,
                Swallowed::TheEnd(raw) => (raw, Err(BadRow::OpenQuote)),
            };
            if raw.iter().all(is_blank) {
                return None;
            }
            let line = lines.of_record_at(self.body + raw.position().map_or(0, csv::Position::byte));
            Some(CsvRow { line, cells, raw, columns: &self.columns, separator: self.separator })
        })
    }

    /// As many cells as the header has.
    fn fitted(&self, raw: &ByteRecord) -> Result<StringRecord, BadRow> {
        let (found, named) = (raw.len(), self.header.len());
        if raw.as_slice().len() > MAX_ROW_BYTES {
            return Err(BadRow::TooLarge(raw.as_slice().len()));
        }
        if raw.iter().skip(named).any(|cell| !is_blank(cell)) {
            return Err(BadRow::Cells(found, named));
        }
        let missing = std::iter::repeat_n(&b""[..], named.saturating_sub(found));
        let cells = raw.iter().take(named).chain(missing).collect();
        // A cell of text is text: cells end at characters of ASCII.
        StringRecord::from_byte_record(cells).map_err(|_| BadRow::OpenQuote)
    }
}

fn reader(separator: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.flexible(true).has_headers(false).delimiter(separator);
    builder
}

/// The separator that a first line `sep=;` names, and where the line after it begins.
fn separator_line(text: &str) -> (Option<u8>, usize) {
    let line = text.split_inclusive(['\r', '\n']).next().unwrap_or_default();
    let bare = line.trim_end_matches(['\r', '\n']).trim_matches('"');
    let named = bare.get(..SEPARATOR_LINE.len()).filter(|start| start.eq_ignore_ascii_case(SEPARATOR_LINE));
    match (named, bare.as_bytes()) {
        (Some(_), [_, _, _, _, separator]) if SEPARATORS.contains(separator) => {
            (Some(*separator), line.len())
        }
        _ => (None, 0),
    }
}

/// The first row that is not blank, and where the next one begins.
fn first_record(text: &str, after: usize, separator: u8) -> Result<Option<(StringRecord, u64)>, csv::Error> {
    let mut reader = reader(separator).from_reader(&text.as_bytes()[after..]);
    let mut record = StringRecord::new();
    while reader.read_record(&mut record)? {
        if !record.iter().all(|cell| is_blank(cell.as_bytes())) {
            return Ok(Some((record, after as u64 + reader.position().byte())));
        }
    }
    Ok(None)
}

fn columns_of(header: &StringRecord) -> BTreeMap<String, usize> {
    let mut columns = BTreeMap::new();
    for (index, name) in header.iter().enumerate() {
        let name = folded_name(name);
        if !name.is_empty() {
            columns.entry(name).or_insert(index);
        }
    }
    columns
}

/// A column's name as it counts: in lower case, blanks and hyphens as underscores, without what nobody sees.
#[must_use]
pub fn folded_name(name: &str) -> String {
    let seen: String = name.chars().filter(|c| !is_unseen(*c)).collect();
    let parts =
        seen.split(|c: char| c.is_whitespace() || c == '-' || c == '_').filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_").to_lowercase()
}

/// Returns true if a message may show a cell of the first line: words and small numbers, as in column names.
fn looks_like_a_name(name: &str) -> bool {
    let is_part = |part: &str| {
        let number = part.len() <= 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        number || part.chars().all(char::is_alphabetic)
    };
    name.chars().count() <= 32 && name.split('_').all(is_part)
}

/// Invisible characters at the ends of cells: byte-order marks and zero-width blanks.
fn is_unseen(c: char) -> bool {
    matches!(c, '\u{FEFF}' | '\u{200B}' | '\u{2060}' | '\u{200E}' | '\u{200F}')
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}

fn is_blank(cell: &[u8]) -> bool {
    std::str::from_utf8(cell).is_ok_and(|cell| trimmed(cell).is_empty())
}

enum Swallowed {
    Nothing,
    IsTheEnd,
    TheEnd(ByteRecord),
}

fn swallowed_the_end(raw: &ByteRecord) -> Swallowed {
    let (last, alone) = (raw.iter().next_back().unwrap_or_default(), &END_OF_FILE[1..]);
    if raw.len() == 1 && last == alone {
        return Swallowed::IsTheEnd;
    }
    let Some(cell) = last.strip_suffix(END_OF_FILE) else { return Swallowed::Nothing };
    let mut kept = ByteRecord::from(raw.iter().take(raw.len() - 1).chain([cell]).collect::<Vec<_>>());
    kept.set_position(raw.position().cloned());
    Swallowed::TheEnd(kept)
}

/// Counts lines up to a record. The reader's own count omits blank lines and the second half of a CR LF.
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

impl CsvRow<'_> {
    /// A cell by its column's name, trimmed; blank cells and missing columns are `None`.
    #[must_use]
    pub fn cell(&self, column: &str) -> Option<Cow<'_, str>> {
        self.cells.as_ref().ok()?;
        let text = trimmed(self.text(column)?);
        (!text.is_empty()).then(|| read(text))
    }

    /// Returns a cell unchanged; `None` for a missing column.
    #[must_use]
    pub fn text(&self, column: &str) -> Option<&str> {
        let index = *self.columns.get(column)?;
        match &self.cells {
            Ok(cells) => cells.get(index),
            // Most of the row may be of no account, as the metadata of a table is.
            Err(BadRow::TooLarge(_)) => std::str::from_utf8(self.raw.get(index)?).ok(),
            Err(_) => None,
        }
    }

    /// Returns true if the file has a column.
    #[must_use]
    pub fn has(&self, column: &str) -> bool {
        self.columns.contains_key(column)
    }

    /// Returns the row's cell separator.
    #[must_use]
    pub const fn separator(&self) -> u8 {
        self.separator
    }

    /// A cell read as a whole number.
    ///
    /// # Errors
    /// [`BadRow::Cell`].
    pub fn whole(&self, column: &'static str) -> Result<Option<u64>, BadRow> {
        self.parsed(column, |text| numbers::whole(text, self.point()))
    }

    /// Meaning of a point in this file.
    const fn point(&self) -> Point {
        if self.separator == b';' { Point::PartsThousands } else { Point::Unknown }
    }

    /// A cell that must not be blank.
    ///
    /// # Errors
    /// [`BadRow::Empty`].
    pub fn required(&self, column: &'static str) -> Result<Cow<'_, str>, BadRow> {
        self.cell(column).ok_or(BadRow::Empty(column))
    }

    /// Names in a cell, parted by blanks, commas or semicolons.
    #[must_use]
    pub fn names(&self, column: &str) -> Vec<String> {
        let cell = self.cell(column).unwrap_or_default();
        let names =
            cell.split(|c: char| c == ';' || c == ',' || c.is_whitespace()).filter(|name| !name.is_empty());
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

#[cfg(test)]
mod tests;
