//! A whole file into the tables: every row that can be, each bad one noted, nothing twice.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::{Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::issue::{NewLicense, OrderRefusal};
use falconer_domain::{Catalog, KeyRing, LicenseId, PolicyOverrides, Product, Status, UnixMillis};

use super::atomic_file::AtomicFile;
use super::bulk::{Bulk, BulkError};
use super::bulk_issue;
use super::cells::{BadFile, CsvRow, Sheet, read, written};
use super::dates::Undecided;
use super::encoding::{BYTE_ORDER_MARK, Mark};
use super::noticed::{Noticed, Notices};
use super::row_resolver::{FreeText, Keyed, Repeated, RowResolver, SettleError, Settled};
use super::sheet::{Reading, Undated};
use super::update::{self, Mended, Update};
use super::{BadRow, BadRows, Draft, Notes, export_columns, postgres, sheet, spoiled};
use crate::catalog_cache::CatalogCache;
use crate::{random, time};

/// Source of rows.
#[derive(Clone, Debug)]
pub enum Source {
    /// The spreadsheet, or a Falconer export.
    Sheet(Reading, FreeText),
    /// The Flask server's table.
    Postgres(postgres::Reading),
}

/// An import. The paths name its output files.
pub struct Import<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The ring.
    pub ring: &'a KeyRing,
    /// The actor, for the audit.
    pub actor: &'a str,
    /// Why, for the audit.
    pub reason: Option<&'a str>,
    /// When.
    pub now: UnixMillis,
    /// Treatment of existing licenses.
    pub there: There,
    /// For the customers whose key is another one now.
    pub mapping: &'a Path,
    /// Statuses to list in the mapping; empty for all.
    pub only: &'a [String],
    /// For whoever mends the bad rows.
    pub refused: &'a Path,
}

/// Treatment of importable rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Store,
    /// They are counted.
    Look,
}

/// Treatment of rows with an existing license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Left,
    /// Values of an earlier import are updated from the file.
    Updated,
}

/// Outcome of an import.
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
    /// Notices about the licenses stored now.
    pub notices: Notices,
    /// Bad rows.
    pub refused: u64,
    /// Their words that are not known here.
    pub words: Words,
    /// Fresh keys that the mapping leaves out, since it is of other licenses only.
    pub unmapped: u64,
    /// The file of an earlier run's bad rows, if there was one and no row is bad any more.
    pub removed: Option<PathBuf>,
    /// File of the fresh keys, if any.
    pub mapping: Option<PathBuf>,
    /// File of the bad rows, if any.
    pub refused_file: Option<PathBuf>,
    /// Where the run ended.
    pub end: ImportEnd,
}

/// The row at which an import ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ImportEnd {
    /// The last one.
    #[default]
    Whole,
    /// An earlier one, at which somebody stopped it. Importing again goes on from there.
    Stopped,
}

/// A row of an import, as it has come out.
pub struct SettledRow<'a> {
    /// Rows so far, with this one.
    pub number: u64,
    /// The row, as the file has it.
    pub row: &'a CsvRow<'a>,
    /// Its license, or why it has none.
    pub came_to: RowOutcome<'a>,
}

/// The license of a row. No `Debug`: it is about a person.
pub enum RowOutcome<'a> {
    /// A new one, and its key.
    New(&'a NewLicense, &'a Keyed),
    /// One that is there already.
    There(&'a LicenseId),
    /// None.
    Refused(&'a BadRows),
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
    #[error("no random bytes from the operating system: {0}")]
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

    fn read(&self, row: &CsvRow<'_>) -> Draft {
        match self {
            Self::Sheet(reading, _) => sheet::read(row, reading),
            Self::Postgres(reading) => match postgres::read(row, reading) {
                Ok((incoming, notes)) => Draft::whole(incoming, notes),
                Err(why) => Draft::unread(why),
            },
        }
    }

    /// Identity of a row's license: its id in a Falconer export, else its key.
    fn keys<'a>(&'a self, sheet: &'a Sheet<'_>) -> impl Iterator<Item = (u64, Cow<'a, str>)> {
        self.rows(sheet).filter_map(|row| {
            let key = row.cell("license_id").or_else(|| row.cell("license_key"));
            let key = key.filter(|key| !spoiled::is_spoiled_key(key))?;
            Some((row.line, Cow::Owned(key.into_owned())))
        })
    }

    const fn free_text(&self) -> FreeText {
        match self {
            Self::Sheet(_, free_text) => *free_text,
            Self::Postgres(_) => FreeText::Refused,
        }
    }

    /// The products that rows of a file can be of.
    fn products(&self, sheet: &Sheet<'_>, ring: &KeyRing) -> BTreeSet<Product> {
        let Self::Sheet(reading, _) = self else { return Product::parse("QF").into_iter().collect() };
        let of_row = |row: CsvRow<'_>| {
            let named = row.cell("product").and_then(|text| Product::parse(&text.to_uppercase()));
            let key = row.cell("license_key").and_then(|text| ring.authenticate(&text).ok());
            named.into_iter().chain(key.and_then(|found| found.key.product().cloned())).collect::<Vec<_>>()
        };
        sheet.rows().flat_map(of_row).chain([reading.product.clone()]).collect()
    }
}

/// Columns that a file of refused rows has in front; such a file can be mended and imported.
const NOTED: [&str; 2] = ["line", "reason"];

impl Import<'_> {
    /// Imports a file. `watch` sees each row as it has come out, and may end the run: that row is the last one then.
    ///
    /// # Errors
    /// [`ImportError`]; bad rows are counted instead.
    pub async fn run(
        &self,
        source: &Source,
        sheet: &Sheet<'_>,
        mode: Mode,
        mut watch: impl FnMut(&SettledRow<'_>) -> ControlFlow<()>,
    ) -> Result<Imported, ImportError> {
        let catalogs = self.catalogs(source.products(sheet, self.ring)).await?;
        let known = self.store.license_ids().await?;
        // To be compared, a license that is there has to be made as if it were not.
        let hidden = if self.there == There::Updated { HashSet::new() } else { known.clone() };
        let mut intake = RowResolver::new(self.ring, catalogs.clone(), source.free_text(), hidden, self.now)
            .without(Repeated::among(source.keys(sheet)));
        let mut bulk = Bulk::into(self.store);
        let mut mapping = CsvFile::at(self.mapping, sheet, MAPPING_HEADER.into_iter().map(str::to_owned));
        let header = NOTED.into_iter().chain(sheet.header.iter().filter(|name| !is_noted(name)));
        let mut refused = CsvFile::at(self.refused, sheet, header.map(str::to_owned));
        let cells = Cells::of(source, sheet);
        let mut outcome = Imported::default();
        for row in source.rows(sheet) {
            outcome.rows += 1;
            let number = outcome.rows;
            bulk_issue::take_turns(number).await;
            let mut seen = |came_to| watch(&SettledRow { number, row: &row, came_to });
            let mut draft = source.read(&row);
            let (notes, customer) =
                (std::mem::take(&mut draft.notes), NewKeyRecipient::of(&draft, &catalogs, self.now));
            let (id, keyed, came_to, goes_on) = match intake.settle(row.line, draft) {
                Ok(Settled::New(new, keyed)) if known.contains(&new.license.id) => {
                    let goes_on = seen(RowOutcome::There(&new.license.id));
                    outcome.there += 1;
                    outcome.mended.extend(self.mended(&new, mode).await?);
                    (new.license.id.clone(), keyed, THERE, goes_on)
                }
                Ok(Settled::New(new, keyed)) => {
                    let id = new.license.id.clone();
                    let goes_on = seen(RowOutcome::New(&new, &keyed));
                    outcome.imported += 1;
                    let notes = notes.into_iter().chain(self.noticed(&new, source, &catalogs));
                    notes.for_each(|(noticed, detail)| outcome.notices.note(noticed, row.line, detail));
                    if mode == Mode::Store {
                        let audit = self.audit(&id)?;
                        bulk.push(*new, audit).await.map_err(bulk_error)?;
                    }
                    (id, keyed, "imported", goes_on)
                }
                Ok(Settled::There(id, keyed)) => {
                    let goes_on = seen(RowOutcome::There(&id));
                    outcome.there += 1;
                    (id, keyed, THERE, goes_on)
                }
                Err(SettleError::Row(why)) => {
                    outcome.refused += 1;
                    outcome.words.count(&why);
                    refused.bad_row(&row, &why, sheet, cells)?;
                    if seen(RowOutcome::Refused(&why)).is_break() {
                        outcome.end = ImportEnd::Stopped;
                        break;
                    }
                    continue;
                }
                Err(SettleError::Random(why)) => return Err(why.into()),
            };
            if let (Keyed::Fresh(key), Mode::Store) = (&keyed, mode) {
                if self.only.is_empty() || self.only.contains(&customer.status) {
                    let listed = MappedKey::Key(key.to_string());
                    let listed =
                        if came_to == THERE { self.as_of_now(listed, &id, &customer).await? } else { listed };
                    mapping.fresh_key(&row, &listed, &id, &customer, came_to)?;
                } else {
                    outcome.unmapped += 1;
                }
            }
            if goes_on.is_break() {
                outcome.end = ImportEnd::Stopped;
                break;
            }
        }
        let stored = bulk.finish().await.map_err(bulk_error)?;
        // Those that somebody else has stored since the table was looked through.
        outcome.imported -= stored.there;
        outcome.there += stored.there;
        outcome.mapping = mapping.finish()?;
        outcome.refused_file = refused.finish()?;
        // Neither a dry run nor a part has made anything untrue.
        if outcome.refused == 0 && mode == Mode::Store && outcome.end == ImportEnd::Whole {
            outcome.removed = self.without_untrue()?;
        }
        Ok(outcome)
    }

    /// Removes the refused rows of an earlier run, when none of them is refused any more.
    fn without_untrue(&self) -> Result<Option<PathBuf>, ImportError> {
        let starts =
            [b',', b';', b'\t', b'|'].map(|separator| [b"line", &[separator][..], b"reason"].concat());
        let is_ours = |bytes: &[u8]| {
            let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
            starts.iter().any(|start| bytes.starts_with(start))
        };
        let mut start = Vec::new();
        let file = File::open(self.refused).and_then(|file| file.take(32).read_to_end(&mut start));
        if file.is_err() || !is_ours(&start) {
            return Ok(None);
        }
        fs::remove_file(self.refused).map_err(|why| ImportError::File(self.refused.to_owned(), why))?;
        Ok(Some(self.refused.to_owned()))
    }

    /// A key that was given before, or what has become of it since: nobody is to be sent a key that opens nothing.
    async fn as_of_now(
        &self,
        given: MappedKey,
        id: &LicenseId,
        customer: &NewKeyRecipient,
    ) -> Result<MappedKey, ImportError> {
        let Some(mut row) = self.store.license(id).await? else { return Ok(given) };
        let mut by = None;
        for _ in 0..MAX_REPLACEMENTS {
            let Some(next) = row.license.replaced_by.clone() else { break };
            let found = self.store.license(&next).await?;
            by = Some(next);
            let Some(next) = found else { break };
            row = next;
        }
        Ok(match (by, row.license.status) {
            (Some(by), _) => MappedKey::ReplacedBy(by),
            // One that the sheet itself calls revoked is listed as it was at first.
            (None, Status::Revoked) if customer.status != Status::Revoked.as_str() => MappedKey::Revoked,
            _ => given,
        })
    }

    async fn mended(&self, file: &NewLicense, mode: Mode) -> Result<Option<Mended>, ImportError> {
        let update = Update { store: self.store, actor: self.actor, reason: self.reason, now: self.now };
        match mode {
            Mode::Store => update.mend(file).await.map_err(bulk_error),
            Mode::Look => Ok(update.look(file).await?),
        }
    }

    /// Returns the notices about a stored license, for any source.
    fn noticed(&self, new: &NewLicense, source: &Source, catalogs: &BTreeMap<Product, Catalog>) -> Notes {
        let license = &new.license;
        let features = |extras: &[String]| {
            catalogs.get(&license.product).and_then(|catalog| catalog.features(&license.tier, extras))
        };
        // The spreadsheet has no features: who writes the column means them.
        let more = matches!(source, Source::Postgres(_)) && features(&license.features) != features(&[]);
        let ended = license.status != Status::Revoked && license.has_expired(self.now);
        let noticed = [(Noticed::MoreFeatures, more), (Noticed::Ended, ended)];
        noticed.into_iter().filter(|(_, is_so)| *is_so).map(|(noticed, _)| (noticed, None)).collect()
    }

    async fn catalogs(&self, products: BTreeSet<Product>) -> Result<BTreeMap<Product, Catalog>, StoreError> {
        let (in_use, mut catalogs) = (CatalogCache::of(self.store), BTreeMap::new());
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

/// Returns the mapping's outcome for an existing license.
const THERE: &str = "there";

/// How many new keys, one after the other, are followed to the license that is there now.
const MAX_REPLACEMENTS: usize = 32;

/// Mapping row of a license with a fresh key.
enum MappedKey {
    /// The key.
    Key(String),
    /// No key: `rotate-key` has replaced it by that of another license.
    ReplacedBy(LicenseId),
    /// No key: it was revoked here.
    Revoked,
}

/// Whom a fresh key is mailed to, and for what.
#[derive(Default)]
struct NewKeyRecipient {
    old_key: String,
    name: String,
    email: String,
    status: String,
    tier: String,
    ends: String,
    seats: String,
}

/// Status of an expired license in a mapping.
const EXPIRED: &str = "expired";

impl NewKeyRecipient {
    fn of(draft: &Draft, catalogs: &BTreeMap<Product, Catalog>, now: UnixMillis) -> Self {
        let old_key = draft.key.clone().unwrap_or_default();
        let (Some(order), Some(record)) = (&draft.order, &draft.record) else {
            return Self { old_key, ..Self::default() };
        };
        let has_ended = record.status == Status::Active && record.expires_at.is_some_and(|at| at <= now);
        let own = PolicyOverrides { seats: order.seats, ..PolicyOverrides::default() };
        let policy = catalogs.get(&order.product).and_then(|catalog| catalog.policy(&order.tier, &own));
        Self {
            old_key,
            name: order.licensee_name.clone().unwrap_or_default(),
            email: order.email.clone().unwrap_or_default(),
            status: if has_ended { EXPIRED } else { record.status.as_str() }.to_owned(),
            tier: order.tier.to_string(),
            ends: record.expires_at.map(time::end_written).unwrap_or_default(),
            seats: policy.map(|policy| policy.seats.to_string()).unwrap_or_default(),
        }
    }
}

const MAPPING_HEADER: [&str; 11] = [
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

/// Words of a sheet that are not known here, with how many rows have each.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Words(BTreeMap<(&'static str, String), u64>);

impl Words {
    fn count(&mut self, why: &BadRows) {
        for reason in &why.0 {
            let word = match reason {
                BadRow::Word { column, value, .. } => (*column, value.clone()),
                BadRow::Order(OrderRefusal::NoSuchTier(_, tier, _)) => ("license_tier", tier.to_string()),
                _ => continue,
            };
            *self.0.entry(word).or_default() += 1;
        }
    }

    /// Each column with its words, the most frequent first.
    #[must_use]
    pub fn by_column(&self) -> BTreeMap<&'static str, Vec<(&str, u64)>> {
        let mut columns: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((column, word), rows) in &self.0 {
            columns.entry(*column).or_default().push((word.as_str(), *rows));
        }
        for words in columns.values_mut() {
            words.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
        }
        columns
    }
}

/// A CSV file that is begun with its first row.
struct CsvFile<'a> {
    path: &'a Path,
    separator: u8,
    mark: Mark,
    header: Vec<String>,
    writer: Option<csv::Writer<AtomicFile>>,
}

impl<'a> CsvFile<'a> {
    /// A table in the form of the sheet it is about, so that the same program opens both.
    fn at(path: &'a Path, sheet: &Sheet<'_>, header: impl Iterator<Item = String>) -> Self {
        let (separator, mark) = (sheet.separator(), sheet.mark());
        Self { path, separator, mark, header: header.collect(), writer: None }
    }

    fn fresh_key(
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

    fn bad_row(
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

    fn finish(self) -> Result<Option<PathBuf>, ImportError> {
        let failed = |why: std::io::Error| ImportError::File(self.path.to_owned(), why);
        let Some(writer) = self.writer else { return Ok(None) };
        let file = writer.into_inner().map_err(|why| failed(why.into_error()))?;
        file.finish().map(Some).map_err(failed)
    }
}

/// True if the cells of a file have apostrophes that keep a spreadsheet from calculating, which reading takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cells {
    /// A sheet, our own export, and a file of refused rows.
    Guarded,
    /// A table as a database has written it: an apostrophe is a part of the text.
    Plain,
}

impl Cells {
    fn of(source: &Source, sheet: &Sheet<'_>) -> Self {
        let is_of_refused_rows = NOTED.into_iter().all(|name| sheet.has(name));
        match source {
            Source::Postgres(_) if !is_of_refused_rows => Self::Plain,
            _ => Self::Guarded,
        }
    }
}

fn is_noted(name: &str) -> bool {
    NOTED.contains(&name.trim().to_lowercase().as_str())
}
