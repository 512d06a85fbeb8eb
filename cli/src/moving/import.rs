//! A whole file into the tables: every row that can be, each bad one noted, nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::{Catalog, KeyRing, LicenseId, LicenseKey, Product, UnixMillis};
use jiff::tz::TimeZone;

use super::bulk::{Bulk, BulkError};
use super::cells::{BadFile, Row, Sheet, written};
use super::intake::{FreeText, Intake, Keyed, SettleError, Settled};
use super::sheet::Reading;
use super::side_file::SideFile;
use super::{BadRow, Incoming, own, postgres, sheet};
use crate::in_use::CatalogsInUse;
use crate::random;

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// S2's sheet, or our own export.
    Sheet(Reading, FreeText),
    /// S1's table, whose server ran in a time zone.
    Postgres(TimeZone),
}

/// Who imports what into where. The paths are of the files that are left behind.
pub struct Import<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The ring.
    pub ring: &'a KeyRing,
    /// Who, for the audit.
    pub actor: &'a str,
    /// Why, for the audit.
    pub reason: Option<&'a str>,
    /// When.
    pub now: UnixMillis,
    /// For the customers whose key is another one now.
    pub mapping: &'a Path,
    /// For whoever mends the bad rows.
    pub refused: &'a Path,
}

/// What is done about rows that could be imported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Store,
    /// They are counted.
    Look,
}

/// What came of a file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Rows there were.
    pub rows: u64,
    /// Licenses stored now, or that would be.
    pub imported: u64,
    /// Rows whose license is there already.
    pub there: u64,
    /// Bad rows.
    pub refused: u64,
    /// Where the fresh keys stand, if there are any.
    pub mapping: Option<PathBuf>,
    /// Where the bad rows stand, if there are any.
    pub refused_file: Option<PathBuf>,
}

/// Why a file was not imported to its end. What is stored stays, and importing again goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The tables.
    #[error("{0}; what was imported stays, and the same command goes on from there")]
    Store(#[from] StoreError),
    /// A file beside the sheet.
    #[error("{0} cannot be written: {1}; what was imported stays, and the same command goes on from there")]
    File(PathBuf, std::io::Error),
    /// The operating system.
    #[error("the operating system gave no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

impl Source {
    /// Reads the header of a file of this kind.
    ///
    /// # Errors
    /// [`BadFile`].
    pub fn open<'a>(&self, bytes: &'a [u8]) -> Result<Sheet<'a>, BadFile> {
        Sheet::open(
            bytes,
            if matches!(self, Self::Sheet(..)) { &sheet::REQUIRED } else { &postgres::REQUIRED },
        )
    }

    /// Columns that mean nothing here.
    #[must_use]
    pub fn unknown<'a>(&self, sheet: &'a Sheet<'_>) -> Vec<&'a str> {
        let known: Vec<&str> = match self {
            Self::Sheet(..) => sheet::COLUMNS.into_iter().chain(own::COLUMNS).chain(NOTED).collect(),
            Self::Postgres(_) => {
                postgres::COLUMNS.into_iter().chain([postgres::METADATA]).chain(NOTED).collect()
            }
        };
        sheet.unknown(&known)
    }

    fn read(&self, row: &Row<'_>) -> Result<Incoming, BadRow> {
        match self {
            Self::Sheet(reading, _) => sheet::read(row, reading),
            Self::Postgres(zone) => postgres::read(row, zone),
        }
    }

    const fn free_text(&self) -> FreeText {
        match self {
            Self::Sheet(_, free_text) => *free_text,
            Self::Postgres(_) => FreeText::Refused,
        }
    }

    /// The products that rows of a file can be of.
    fn products(&self, sheet: &Sheet<'_>) -> BTreeSet<Product> {
        let Self::Sheet(reading, _) = self else { return Product::parse("QF").into_iter().collect() };
        let of_row = |row: Row<'_>| {
            let named = row.cell("product").and_then(|text| Product::parse(&text));
            let key = row.cell("license_key").and_then(|text| LicenseKey::parse(&text));
            named.into_iter().chain(key.and_then(|key| key.product().cloned())).collect::<Vec<_>>()
        };
        sheet.rows().flat_map(of_row).chain([reading.product.clone()]).collect()
    }
}

/// Columns that a file of refused rows has in front; such a file can be mended and imported.
const NOTED: [&str; 2] = ["line", "reason"];

impl Import<'_> {
    /// Imports a file. `progress` is told after every row how many there were.
    ///
    /// # Errors
    /// [`ImportError`]; bad rows are none.
    pub async fn run(
        &self,
        source: &Source,
        sheet: &Sheet<'_>,
        mode: Mode,
        mut progress: impl FnMut(u64),
    ) -> Result<Imported, ImportError> {
        let catalogs = self.catalogs(source.products(sheet)).await?;
        let known = self.store.license_ids().await?;
        let mut intake = Intake::new(self.ring, catalogs, source.free_text(), known, self.now);
        let mut bulk = Bulk::into(self.store);
        let mut mapping = Table::at(self.mapping, MAPPING_HEADER.iter().map(|name| (*name).to_owned()));
        let header = NOTED.into_iter().chain(sheet.header.iter().filter(|name| !is_noted(name)));
        let mut refused = Table::at(self.refused, header.map(str::to_owned));
        let mut outcome = Imported::default();
        for row in sheet.rows() {
            outcome.rows += 1;
            progress(outcome.rows);
            let settled = match source.read(&row).map_err(SettleError::Row) {
                Ok(incoming) => {
                    let person = Person::of(&incoming);
                    intake.settle(row.line, incoming).map(|settled| (settled, person))
                }
                Err(why) => Err(why),
            };
            let (id, keyed, person, came_to) = match settled {
                Ok((Settled::New(new, keyed), person)) => {
                    let id = new.license.id.clone();
                    outcome.imported += 1;
                    if mode == Mode::Store {
                        let audit = self.audit(&id)?;
                        bulk.push(*new, audit).await.map_err(bulk_error)?;
                    }
                    (id, keyed, person, "imported")
                }
                Ok((Settled::There(id, keyed), person)) => {
                    outcome.there += 1;
                    (id, keyed, person, "there")
                }
                Err(SettleError::Row(why)) => {
                    outcome.refused += 1;
                    refused.bad_row(&row, &why, sheet)?;
                    continue;
                }
                Err(SettleError::Random(why)) => return Err(why.into()),
            };
            if let (Keyed::Fresh(key), Mode::Store) = (&keyed, mode) {
                mapping.fresh_key(&row, key, &id, &person, came_to)?;
            }
        }
        let stored = bulk.finish().await.map_err(bulk_error)?;
        // Those that somebody else has stored since the table was looked through.
        outcome.imported -= stored.there;
        outcome.there += stored.there;
        outcome.mapping = mapping.finish()?;
        outcome.refused_file = refused.finish()?;
        Ok(outcome)
    }

    async fn catalogs(&self, products: BTreeSet<Product>) -> Result<BTreeMap<Product, Catalog>, StoreError> {
        let (in_use, mut catalogs) = (CatalogsInUse::of(self.store), BTreeMap::new());
        for product in products {
            if let Some(catalog) = in_use.get(&product).await? {
                catalogs.insert(product, catalog);
            }
        }
        Ok(catalogs)
    }

    fn audit(&self, id: &LicenseId) -> Result<AuditRow, getrandom::Error> {
        let row = AuditRow::change(id, self.now, &random::id()?, "import", "IMPORTED", self.actor);
        Ok(AuditRow { reason: self.reason.map(str::to_owned), ..row })
    }
}

fn bulk_error(error: BulkError) -> ImportError {
    match error {
        BulkError::Store(error) => error.into(),
        BulkError::Random(error) => error.into(),
    }
}

/// Whom a fresh key is mailed to.
struct Person {
    old_key: String,
    name: String,
    email: String,
}

impl Person {
    fn of(incoming: &Incoming) -> Self {
        Self {
            old_key: incoming.key.clone(),
            name: incoming.order.licensee_name.clone().unwrap_or_default(),
            email: incoming.order.email.clone().unwrap_or_default(),
        }
    }
}

/// The columns of a list of old and new keys.
pub(crate) const MAPPING_HEADER: [&str; 7] =
    ["line", "old_key", "license_key", "license_id", "licensee_name", "licensee_email", "outcome"];

/// A CSV file that is begun with its first row.
struct Table<'a> {
    path: &'a Path,
    header: Vec<String>,
    writer: Option<csv::Writer<SideFile>>,
}

impl<'a> Table<'a> {
    fn at(path: &'a Path, header: impl Iterator<Item = String>) -> Self {
        Self { path, header: header.collect(), writer: None }
    }

    fn fresh_key(
        &mut self,
        row: &Row<'_>,
        key: &LicenseKey,
        id: &LicenseId,
        person: &Person,
        came_to: &str,
    ) -> Result<(), ImportError> {
        let (line, key) = (row.line.to_string(), key.to_string());
        let cells = [&line, &person.old_key, &key, id.as_str(), &person.name, &person.email, came_to];
        self.row(cells.map(|cell| written(cell).into_owned().into_bytes()))
    }

    fn bad_row(&mut self, row: &Row<'_>, why: &BadRow, sheet: &Sheet<'_>) -> Result<(), ImportError> {
        let noted = [row.line.to_string().into_bytes(), why.to_string().into_bytes()];
        // As they stand, not as they were read: nothing of a row is lost by being refused.
        let cells = row.raw.iter().enumerate();
        let cells = cells.filter(|(index, _)| !sheet.header.get(*index).is_some_and(is_noted));
        // The import takes the apostrophe away again that keeps a spreadsheet from calculating.
        let escaped = |cell: &[u8]| match std::str::from_utf8(cell) {
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
            let file = SideFile::begin(self.path).map_err(failed)?;
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(file);
            writer.write_record(&self.header).map_err(|why| failed(why.into()))?;
            self.writer.insert(writer)
        };
        writer.write_record(cells).map_err(|why| failed(why.into()))
    }

    fn finish(self) -> Result<Option<PathBuf>, ImportError> {
        let failed = |why: std::io::Error| ImportError::File(self.path.to_owned(), why);
        let Some(writer) = self.writer else { return Ok(None) };
        let file = writer.into_inner().map_err(|why| failed(why.into_error()))?;
        file.finish().map(Some).map_err(failed)
    }
}

fn is_noted(name: &str) -> bool {
    NOTED.contains(&name.trim().to_lowercase().as_str())
}
