//! Sources of rows, and what a file of each can have.

use std::borrow::Cow;
use std::collections::BTreeSet;

use encoding_rs::Encoding;
use falconer_domain::{KeyRing, Product};

use crate::import_export::cells::{BadFile, CsvRow, Sheet};
use crate::import_export::dates::Undecided;
use crate::import_export::row_resolver::FreeText;
use crate::import_export::sheet::{Reading, Undated};
use crate::import_export::{Draft, export_columns, postgres, sheet, spoiled};

/// Source of rows.
#[derive(Clone, Debug)]
pub enum Source {
    /// The spreadsheet, or a Falconer export.
    Sheet(Reading, FreeText),
    /// The Flask server's table.
    Postgres(postgres::Reading),
}

/// Columns that a file of refused rows has in front; such a file can be mended and imported.
pub(super) const NOTED: [&str; 2] = ["line", "reason"];

impl Source {
    /// The bytes of a file as CSV.
    #[must_use]
    pub fn as_csv<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let converted = match self {
            Self::Sheet(..) => None,
            Self::Postgres(_) => postgres::copied_text::to_csv(bytes),
        };
        converted.map_or(Cow::Borrowed(bytes), Cow::Owned)
    }

    /// Reads the header of a file of this kind, in an encoding that the operator names.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open<'a>(
        &self,
        encoding: Option<&'static Encoding>,
        bytes: &'a [u8],
    ) -> Result<Sheet<'a>, BadFile> {
        match self {
            Self::Sheet(..) => Sheet::open_in(encoding, bytes, &sheet::REQUIRED),
            Self::Postgres(_) => {
                Sheet::open_in(encoding, bytes, &postgres::REQUIRED).map_err(|why| match why {
                    BadFile::NoHeader(names) => BadFile::NoHeaderOfTable(names),
                    other => other,
                })
            }
        }
    }

    /// The same source, knowing what only the whole file tells.
    ///
    /// # Errors
    /// [`Undecided`].
    pub fn surveyed(self, sheet: &Sheet<'_>) -> Result<Self, Undecided> {
        match self {
            Self::Sheet(reading, free_text) => Ok(Self::Sheet(reading.surveyed(sheet)?, free_text)),
            Self::Postgres(reading) => Ok(Self::Postgres(reading)),
        }
    }

    /// The rows that are of licenses.
    pub fn rows<'a>(&'a self, sheet: &'a Sheet<'_>) -> impl Iterator<Item = CsvRow<'a>> {
        sheet.rows().filter(|row| !(matches!(self, Self::Sheet(..)) && sheet::names_nothing(row)))
    }

    /// Columns that mean nothing here.
    #[must_use]
    pub fn unknown<'a>(&self, sheet: &'a Sheet<'_>) -> Vec<&'a str> {
        let known: Vec<&str> = match self {
            Self::Sheet(reading, _) => {
                let counted =
                    if let Undated::From(column) = &reading.undated { Some(&**column) } else { None };
                sheet::COLUMNS
                    .into_iter()
                    .chain(export_columns::COLUMNS)
                    .chain(NOTED)
                    .chain(counted)
                    .collect()
            }
            Self::Postgres(_) => {
                postgres::COLUMNS.into_iter().chain([postgres::METADATA]).chain(NOTED).collect()
            }
        };
        sheet.unknown(&known)
    }

    pub(super) fn read(&self, row: &CsvRow<'_>) -> Draft {
        match self {
            Self::Sheet(reading, _) => sheet::read(row, reading),
            Self::Postgres(reading) => match postgres::read(row, reading) {
                Ok((incoming, notes)) => Draft::whole(incoming, notes),
                Err(why) => Draft::unread(why),
            },
        }
    }

    /// Identity of a row's license: its id in a Falconer export, else its key.
    pub(super) fn keys<'a>(&'a self, sheet: &'a Sheet<'_>) -> impl Iterator<Item = (u64, Cow<'a, str>)> {
        self.rows(sheet).filter_map(|row| {
            let key = row.cell("license_id").or_else(|| row.cell("license_key"));
            let key = key.filter(|key| !spoiled::is_spoiled_key(key))?;
            Some((row.line, Cow::Owned(key.into_owned())))
        })
    }

    pub(super) const fn free_text(&self) -> FreeText {
        match self {
            Self::Sheet(_, free_text) => *free_text,
            Self::Postgres(_) => FreeText::Refused,
        }
    }

    /// The products that rows of a file can be of.
    pub(super) fn products(&self, sheet: &Sheet<'_>, ring: &KeyRing) -> BTreeSet<Product> {
        let Self::Sheet(reading, _) = self else { return Product::parse("QF").into_iter().collect() };
        let of_row = |row: CsvRow<'_>| {
            let named = row.cell("product").and_then(|text| Product::parse(&text.to_uppercase()));
            let key = row.cell("license_key").and_then(|text| ring.authenticate(&text).ok());
            named.into_iter().chain(key.and_then(|found| found.key.product().cloned())).collect::<Vec<_>>()
        };
        sheet.rows().flat_map(of_row).chain([reading.product.clone()]).collect()
    }
}

/// True for a column that a file of refused rows has in front.
pub(super) fn is_noted(name: &str) -> bool {
    NOTED.contains(&name.trim().to_lowercase().as_str())
}
