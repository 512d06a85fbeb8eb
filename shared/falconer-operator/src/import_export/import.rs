//! A whole file into the tables: every row that can be, each bad one noted, nothing twice.

mod source;
mod written_files;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::issue::{NewLicense, OrderRefusal};
use falconer_domain::{Catalog, KeyRing, LicenseId, Product, Status, UnixMillis};

pub use self::source::Source;
use self::source::{NOTED, is_noted};
use self::written_files::{Cells, CsvFile, MAPPING_HEADER, MappedKey, NewKeyRecipient};
use super::bulk::{Bulk, BulkError};
use super::bulk_issue;
use super::cells::{CsvRow, Sheet};
use super::encoding::BYTE_ORDER_MARK;
use super::noticed::{Noticed, Notices};
use super::row_resolver::{Keyed, Repeated, RowResolver, SettleError, Settled};
use super::update::{self, Mended, Update};
use super::{BadRow, BadRows, Notes};
use crate::catalog_cache::CatalogCache;
use crate::license_state::LicenseState;
use crate::random;

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
    pub only: &'a [LicenseState],
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
                if self.only.is_empty() || self.only.iter().any(|state| state.word() == customer.status) {
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
