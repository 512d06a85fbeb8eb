//! A whole file into the tables: every row that can be, each bad one noted, nothing twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::issue::NewLicense;
use falconer_domain::{Catalog, KeyRing, LicenseId, LicenseKey, Product, Status, UnixMillis};

use super::bulk::{Bulk, BulkError};
use super::cells::{BadFile, Row, Sheet, written};
use super::intake::{FreeText, Intake, Keyed, SettleError, Settled};
use super::noticed::{Noticed, Notices};
use super::sheet::Reading;
use super::side_file::SideFile;
use super::update::{self, Mended, Update};
use super::{BadRow, Incoming, own, postgres, sheet};
use crate::in_use::CatalogsInUse;
use crate::random;

/// Where rows come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// S2's sheet, or our own export.
    Sheet(Reading, FreeText),
    /// The Flask server's table.
    Postgres(postgres::Reading),
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
    /// What is done about licenses that are there already.
    pub there: There,
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

/// What is done about rows whose license is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Left,
    /// What an earlier import set and the file has otherwise is mended.
    Updated,
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
    /// Those of them that are mended now, or that would be, or that differ and are left alone.
    pub mended: Vec<Mended>,
    /// What there is to tell about the licenses stored now.
    pub notices: Notices,
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
    /// The bytes of a file as CSV.
    #[must_use]
    pub fn as_csv<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let converted = match self {
            Self::Sheet(..) => None,
            Self::Postgres(_) => postgres::copied_text::to_csv(bytes),
        };
        converted.map_or(Cow::Borrowed(bytes), Cow::Owned)
    }

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

    fn read(&self, row: &Row<'_>) -> Result<(Incoming, postgres::Notes), BadRow> {
        match self {
            Self::Sheet(reading, _) => sheet::read(row, reading).map(|incoming| (incoming, Vec::new())),
            Self::Postgres(reading) => postgres::read(row, reading),
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
        // To be compared, a license that is there has to be made as if it were not.
        let hidden = if self.there == There::Updated { HashSet::new() } else { known.clone() };
        let mut intake = Intake::new(self.ring, catalogs.clone(), source.free_text(), hidden, self.now);
        let mut bulk = Bulk::into(self.store);
        let mut mapping = Table::at(self.mapping, MAPPING_HEADER.iter().map(|name| (*name).to_owned()));
        let header = NOTED.into_iter().chain(sheet.header.iter().filter(|name| !is_noted(name)));
        let mut refused = Table::at(self.refused, header.map(str::to_owned));
        let mut outcome = Imported::default();
        for row in sheet.rows() {
            outcome.rows += 1;
            progress(outcome.rows);
            let (settled, notes) = match source.read(&row).map_err(SettleError::Row) {
                Ok((incoming, notes)) => {
                    let person = Person::of(&incoming);
                    (intake.settle(row.line, incoming).map(|settled| (settled, person)), notes)
                }
                Err(why) => (Err(why), Vec::new()),
            };
            let (id, keyed, person, came_to) = match settled {
                Ok((Settled::New(new, keyed), person)) if known.contains(&new.license.id) => {
                    outcome.there += 1;
                    outcome.mended.extend(self.mended(&new, mode).await?);
                    (new.license.id.clone(), keyed, person, "there")
                }
                Ok((Settled::New(new, keyed), person)) => {
                    let id = new.license.id.clone();
                    outcome.imported += 1;
                    let notes = notes.into_iter().chain(self.noticed(&new, &catalogs));
                    notes.for_each(|(noticed, detail)| outcome.notices.note(noticed, row.line, detail));
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

    async fn mended(&self, file: &NewLicense, mode: Mode) -> Result<Option<Mended>, ImportError> {
        let update = Update { store: self.store, actor: self.actor, reason: self.reason, now: self.now };
        match mode {
            Mode::Store => update.mend(file).await.map_err(bulk_error),
            Mode::Look => Ok(update.look(file).await?),
        }
    }

    /// What there is to tell about a license that is stored now, whatever file it comes from.
    fn noticed(&self, new: &NewLicense, catalogs: &BTreeMap<Product, Catalog>) -> postgres::Notes {
        let license = &new.license;
        let features = |extras: &[String]| {
            catalogs.get(&license.product).and_then(|catalog| catalog.features(&license.tier, extras))
        };
        let more = features(&license.features) != features(&[]);
        let ended = license.status != Status::Revoked && license.has_expired(self.now);
        let noticed = [(Noticed::MoreFeatures, more), (Noticed::Ended, ended)];
        noticed.into_iter().filter(|(_, is_so)| *is_so).map(|(noticed, _)| (noticed, None)).collect()
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
        let row =
            AuditRow::change(id, self.now, &random::id()?, update::ACTION, update::IMPORTED, self.actor);
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

const MAPPING_HEADER: [&str; 7] =
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
