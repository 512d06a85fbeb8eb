//! Files that an import writes: the list of fresh keys, and the refused rows.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use falconer_domain::{Catalog, LicenseId, PolicyOverrides, Product, UnixMillis};

use super::ImportError;
use super::source::{NOTED, Source, is_noted};
use crate::import_export::atomic_file::AtomicFile;
use crate::import_export::cells::{CsvRow, Sheet, read, written};
use crate::import_export::encoding::{BYTE_ORDER_MARK, Mark};
use crate::import_export::{BadRows, Draft};
use crate::license_state::LicenseState;
use crate::time;

/// Mapping row of a license with a fresh key.
pub(super) enum MappedKey {
    /// The key.
    Key(String),
    /// No key: `rotate-key` has replaced it by that of another license.
    ReplacedBy(LicenseId),
    /// No key: it was revoked here.
    Revoked,
}

/// Whom a fresh key is mailed to, and for what.
#[derive(Default)]
pub(super) struct NewKeyRecipient {
    old_key: String,
    name: String,
    email: String,
    pub(super) status: String,
    tier: String,
    ends: String,
    seats: String,
}

impl NewKeyRecipient {
    pub(super) fn of(draft: &Draft, catalogs: &BTreeMap<Product, Catalog>, now: UnixMillis) -> Self {
        let old_key = draft.key.clone().unwrap_or_default();
        let (Some(order), Some(record)) = (&draft.order, &draft.record) else {
            return Self { old_key, ..Self::default() };
        };
        let own = PolicyOverrides { seats: order.seats, ..PolicyOverrides::default() };
        let policy = catalogs.get(&order.product).and_then(|catalog| catalog.policy(&order.tier, &own));
        Self {
            old_key,
            name: order.licensee_name.clone().unwrap_or_default(),
            email: order.email.clone().unwrap_or_default(),
            status: LicenseState::from_parts(record.status, record.expires_at, now).word().to_owned(),
            tier: order.tier.to_string(),
            ends: record.expires_at.map(time::end_written).unwrap_or_default(),
            seats: policy.map(|policy| policy.seats.to_string()).unwrap_or_default(),
        }
    }
}

pub(super) const MAPPING_HEADER: [&str; 11] = [
    "line",
    "old_key",
    "license_key",
    "license_id",
    "licensee_name",
    "licensee_email",
    "status",
    "license_tier",
    "expiry_date",
    "seats",
    "outcome",
];

/// A CSV file that is begun with its first row.
pub(super) struct CsvFile<'a> {
    path: &'a Path,
    separator: u8,
    mark: Mark,
    header: Vec<String>,
    writer: Option<csv::Writer<AtomicFile>>,
}

impl<'a> CsvFile<'a> {
    /// A table in the form of the sheet it is about, so that the same program opens both.
    pub(super) fn at(path: &'a Path, sheet: &Sheet<'_>, header: impl Iterator<Item = String>) -> Self {
        let (separator, mark) = (sheet.separator(), sheet.mark());
        Self { path, separator, mark, header: header.collect(), writer: None }
    }

    pub(super) fn fresh_key(
        &mut self,
        row: &CsvRow<'_>,
        listed: &MappedKey,
        id: &LicenseId,
        customer: &NewKeyRecipient,
        came_to: &str,
    ) -> Result<(), ImportError> {
        let line = row.line.to_string();
        let (key, id, came_to) = match listed {
            MappedKey::Key(key) => (key.as_str(), id, came_to),
            MappedKey::ReplacedBy(by) => ("", by, "replaced"),
            MappedKey::Revoked => ("", id, "revoked"),
        };
        let NewKeyRecipient { old_key, name, email, status, tier, ends, seats } = customer;
        let cells = [&line, old_key, key, id.as_str(), name, email, status, tier, ends, seats, came_to];
        self.row(cells.map(|cell| written(cell).into_owned().into_bytes()))
    }

    pub(super) fn bad_row(
        &mut self,
        row: &CsvRow<'_>,
        why: &BadRows,
        sheet: &Sheet<'_>,
        cells_are: Cells,
    ) -> Result<(), ImportError> {
        let noted = [row.line.to_string().into_bytes(), why.to_string().into_bytes()];
        // Unchanged, so that a refused row loses nothing.
        let cells = row.raw.iter().enumerate();
        let cells = cells.filter(|(index, _)| !sheet.header.get(*index).is_some_and(is_noted));
        // The import takes the apostrophe away again that keeps a spreadsheet from calculating.
        let escaped = |cell: &[u8]| match std::str::from_utf8(cell) {
            Ok(text) if read(text) != text => match cells_are {
                Cells::Guarded => cell.to_vec(),
                Cells::Plain if text.starts_with('\'') => format!("'{text}").into_bytes(),
                Cells::Plain => written(text).into_owned().into_bytes(),
            },
            Ok(text) => written(text).into_owned().into_bytes(),
            Err(_) => cell.to_vec(),
        };
        self.row(noted.into_iter().chain(cells.map(|(_, cell)| escaped(cell))))
    }

    fn row(&mut self, cells: impl IntoIterator<Item = Vec<u8>>) -> Result<(), ImportError> {
        let failed = |why: std::io::Error| ImportError::File(self.path.to_owned(), why);
        let writer = if let Some(writer) = &mut self.writer {
            writer
        } else {
            let mut file = AtomicFile::begin(self.path).map_err(failed)?;
            if self.mark == Mark::Present {
                file.write_all(BYTE_ORDER_MARK).map_err(failed)?;
            }
            let mut builder = csv::WriterBuilder::new();
            let mut writer = builder.flexible(true).delimiter(self.separator).from_writer(file);
            writer.write_record(&self.header).map_err(|why| failed(why.into()))?;
            self.writer.insert(writer)
        };
        writer.write_record(cells).map_err(|why| failed(why.into()))
    }

    pub(super) fn finish(self) -> Result<Option<PathBuf>, ImportError> {
        let failed = |why: std::io::Error| ImportError::File(self.path.to_owned(), why);
        let Some(writer) = self.writer else { return Ok(None) };
        let file = writer.into_inner().map_err(|why| failed(why.into_error()))?;
        file.finish().map(Some).map_err(failed)
    }
}

/// True if the cells of a file have apostrophes that keep a spreadsheet from calculating, which reading takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cells {
    /// A sheet, our own export, and a file of refused rows.
    Guarded,
    /// A table as a database has written it: an apostrophe is a part of the text.
    Plain,
}

impl Cells {
    pub(super) fn of(source: &Source, sheet: &Sheet<'_>) -> Self {
        let is_of_refused_rows = NOTED.into_iter().all(|name| sheet.has(name));
        match source {
            Source::Postgres(_) if !is_of_refused_rows => Self::Plain,
            _ => Self::Guarded,
        }
    }
}
