//! A file that moves in: a look at it that stores nothing, then the run. Both are those of `falconer import`.

use std::fs;
use std::path::{Path, PathBuf};

use encoding_rs::Encoding;
use falconer_operator::import_export::BadRows;
use falconer_operator::import_export::cells::{CsvRow, Sheet, folded_name};
use falconer_operator::import_export::import::{
    Import, ImportEnd, ImportError, Imported, Mode, RowOutcome, SettledRow, Source,
};
use falconer_operator::import_export::row_resolver::Keyed;
use tempfile::TempDir;

use crate::field_names::in_field_names;
use crate::inputs::{Handout, Input, InputKind};
use crate::kept::Keepable;
use crate::runs::BackgroundRun;
use crate::shell::Desk;
use crate::trouble::Trouble;
use crate::typed_import::TypedImport;
use crate::views;

/// Rows that are shown before and after.
const ROWS_SHOWN: usize = 10;
/// Refused rows that are listed; the file of refused rows has all of them.
const MAX_REFUSED_SHOWN: usize = 100;
/// Columns whose cells are not shown: keys, and what nobody reads.
const COLUMNS_HIDDEN: [&str; 5] = ["license_key", "key_escrow", "devices", "released", "offline"];
/// Characters of a cell that are shown.
const MAX_CELL_CHARS: usize = 80;

/// A file on its way in. No `Debug`: it holds keys and people.
pub(crate) struct MoveIn {
    pub(crate) input: Input,
    pub(crate) typed: TypedImport,
    pub(crate) look: BackgroundRun<Result<ImportLook, String>>,
    pub(crate) run: BackgroundRun<Result<Imported, String>>,
    /// Old and fresh keys, once the run has ended.
    pub(crate) keys: Handout,
    pub(crate) refused: PathBuf,
}

/// The outcome of a look. No `Debug`: it is about people.
pub(crate) struct ImportLook {
    pub(crate) columns: Vec<Column>,
    /// How the file is read, in sentences.
    pub(crate) readings: Vec<String>,
    pub(crate) sample: Vec<SampleRow>,
    pub(crate) refused: Vec<RefusedRow>,
    pub(crate) imported: Imported,
    /// The folder of the file of refused rows. It goes with the look.
    folder: TempDir,
}

/// A column, as it is understood.
pub(crate) struct Column {
    pub(crate) name: String,
    /// Nothing for one that is left out.
    pub(crate) means: Option<String>,
}

/// A row before and after.
pub(crate) struct SampleRow {
    pub(crate) line: u64,
    pub(crate) before: Vec<(String, String)>,
    pub(crate) outcome: &'static str,
    pub(crate) tone: &'static str,
    pub(crate) after: Vec<String>,
    /// The id of a license that is there.
    pub(crate) there: Option<String>,
}

/// A row that is not imported.
pub(crate) struct RefusedRow {
    pub(crate) line: u64,
    pub(crate) reasons: Vec<String>,
}

impl Keepable for MoveIn {
    fn goes_on(&self) -> bool {
        self.look.goes_on() || self.run.goes_on()
    }
}

impl MoveIn {
    pub(crate) fn new(input: Input, typed: TypedImport, desk: &Desk) -> Self {
        let stem = input.stem();
        let (keys, refused) = (desk.files.file(&stem, "mapping"), desk.files.file(&stem, "refused"));
        Self {
            input,
            typed,
            look: BackgroundRun::new(),
            run: BackgroundRun::new(),
            keys: Handout::of(keys),
            refused,
        }
    }

    /// The file of refused rows of the run, else of the look.
    pub(crate) fn refused_rows(&self) -> Option<PathBuf> {
        if let Some(Ok(imported)) = self.run.outcome().as_deref() {
            return imported.refused_file.clone();
        }
        match self.look.outcome().as_deref() {
            Some(Ok(look)) if look.imported.refused > 0 => Some(refused_in(&look.folder)),
            _ => None,
        }
    }

    /// The encoding of a file. A pasted text has none but its own.
    fn encoding(&self) -> Result<Option<&'static Encoding>, Trouble> {
        Ok(self.typed.encoding()?.filter(|_| self.input.kind == InputKind::File))
    }

    /// Looks at the file.
    pub(crate) async fn looked(&self, desk: &Desk) -> Result<ImportLook, Trouble> {
        let ring = desk.shell.reads.ring_of_now().await?;
        let now = desk.shell.clock.now();
        let (source, encoding) = (self.typed.source(&ring, now)?, self.encoding()?);
        self.typed.reason()?;
        let bytes = source.as_csv(&self.input.bytes);
        let sheet = source.open(encoding, &bytes).map_err(bad)?;
        self.look.of(source.rows(&sheet).count() as u64);
        self.typed.check(&source, &sheet, &ring)?;
        let columns = columns(&source, &sheet);
        let source = source.surveyed(&sheet).map_err(bad)?;
        let folder =
            tempfile::tempdir().map_err(|why| Trouble::Damaged(format!("no place for files: {why}")))?;
        let refused_file = refused_in(&folder);
        let import = Import {
            store: desk.writes.store(),
            ring: &ring,
            actor: desk.writes.actor(),
            reason: None,
            now,
            there: self.typed.there(),
            mapping: Path::new(""),
            only: &[],
            refused: &refused_file,
        };
        let (mut sample, mut refused) = (Vec::new(), Vec::new());
        let watch = |row: &SettledRow<'_>| {
            if sample.len() < ROWS_SHOWN {
                sample.push(sample_row(row, &sheet, desk));
            }
            if let RowOutcome::Refused(why) = &row.came_to
                && refused.len() < MAX_REFUSED_SHOWN
            {
                refused.push(RefusedRow { line: row.row.line, reasons: reasons(why) });
            }
            self.look.at(row.number)
        };
        let imported = import.run(&source, &sheet, Mode::Look, watch).await.map_err(trouble_of_import)?;
        if imported.end == ImportEnd::Stopped {
            return Err(Trouble::Refused("the look was stopped; nothing was imported".to_owned()));
        }
        let readings = readings(&self.typed, &source, &sheet);
        Ok(ImportLook { columns, readings, sample, refused, imported, folder })
    }

    /// Moves the file in.
    pub(crate) async fn import(&self, desk: &Desk) -> Result<Imported, Trouble> {
        self.keys.renew();
        let ring = desk.shell.reads.ring_of_now().await?;
        let now = desk.shell.clock.now();
        let (source, encoding) = (self.typed.source(&ring, now)?, self.encoding()?);
        let (reason, only) = (self.typed.reason()?, self.typed.only()?);
        let bytes = source.as_csv(&self.input.bytes);
        let sheet = source.open(encoding, &bytes).map_err(bad)?;
        self.run.of(source.rows(&sheet).count() as u64);
        let source = source.surveyed(&sheet).map_err(bad)?;
        desk.files.ready()?;
        // The lists of a part of this run; the whole run writes them anew.
        self.keys.clear()?;
        let _ = fs::remove_file(&self.refused);
        let import = Import {
            store: desk.writes.store(),
            ring: &ring,
            actor: desk.writes.actor(),
            reason: reason.as_deref(),
            now,
            there: self.typed.there(),
            mapping: &self.keys.path,
            only: &only,
            refused: &self.refused,
        };
        let watch = |row: &SettledRow<'_>| self.run.at(row.number);
        import.run(&source, &sheet, Mode::Store, watch).await.map_err(trouble_of_import)
    }
}

fn refused_in(folder: &TempDir) -> PathBuf {
    folder.path().join("refused.csv")
}

/// A file or a setting that does not read.
pub(crate) fn bad(why: impl std::fmt::Display) -> Trouble {
    Trouble::BadInput(in_field_names(&why.to_string()))
}

fn trouble_of_import(error: ImportError) -> Trouble {
    match error {
        ImportError::Store(error) => {
            let trouble = Trouble::from(error);
            let sentence =
                format!("{} What was imported stays, and the run goes on from there.", trouble.sentence());
            Trouble::Unreachable(sentence)
        }
        other => Trouble::Damaged(other.to_string()),
    }
}

fn columns(source: &Source, sheet: &Sheet<'_>) -> Vec<Column> {
    let unknown = source.unknown(sheet);
    let column = |name: &str| {
        let folded = folded_name(name);
        let is_known = !folded.is_empty() && !unknown.contains(&folded.as_str());
        Column { name: shown(name), means: is_known.then_some(folded) }
    };
    sheet.header.iter().map(column).collect()
}

/// How a file is read: its separator, and the order of its dates.
fn readings(typed: &TypedImport, source: &Source, sheet: &Sheet<'_>) -> Vec<String> {
    let separator = match sheet.separator() {
        b',' => "commas",
        b';' => "semicolons",
        b'\t' => "tabs",
        _ => "bars",
    };
    let mut readings = vec![format!("Cells are separated by {separator}.")];
    match source {
        Source::Sheet(reading, _) => {
            readings.push(format!("Days end in {}.", typed.timezone));
            // A reading has an order for every column of dates, whether the file has it or not.
            let is_there = |column: &str| sheet.header.iter().any(|name| folded_name(name) == column);
            let orders = reading.orders().filter(|(column, _)| is_there(column)).map(|(column, order)| {
                format!("{column}: a date like 03/04/2027 begins with the {}.", order.first())
            });
            readings.extend(orders);
        }
        Source::Postgres(_) => readings.push(format!(
            "expires_at is read in {}, created_at in {}; a license that ends after 2200 never ends.",
            typed.timezone,
            typed.zone_of_the_database()
        )),
    }
    readings
}

fn sample_row(row: &SettledRow<'_>, sheet: &Sheet<'_>, desk: &Desk) -> SampleRow {
    let before = before(row.row, sheet);
    let (outcome, tone, after, there) = match &row.came_to {
        RowOutcome::New(new, keyed) => {
            let license = &new.license;
            let mut after = vec![
                format!("{}, {}", license.tier, license.status.as_str()),
                format!("Ends: {}", views::ends(license, &desk.shell.clock)),
            ];
            after.extend(
                license.policy.seats.map(|seats| format!("{} of its own", views::counted(seats, "seat"))),
            );
            after.extend(views::customer(license));
            after.extend(license.notes.as_ref().map(|note| views::line(note.as_str())));
            after.push(match keyed {
                Keyed::Same => "with its own key".to_owned(),
                Keyed::Fresh(_) => "with a fresh key".to_owned(),
            });
            ("new", "good", after, None)
        }
        RowOutcome::There(id) => ("there already", "quiet", Vec::new(), Some(id.to_string())),
        RowOutcome::Refused(why) => ("refused", "bad", reasons(why), None),
    };
    SampleRow { line: row.row.line, before, outcome, tone, after, there }
}

/// The cells of a row by their columns, without keys.
fn before(row: &CsvRow<'_>, sheet: &Sheet<'_>) -> Vec<(String, String)> {
    let Ok(cells) = &row.cells else { return Vec::new() };
    let filled = sheet.header.iter().zip(cells.iter()).filter(|(_, cell)| !cell.trim().is_empty());
    let shown = filled.map(|(name, cell)| {
        let is_hidden = COLUMNS_HIDDEN.contains(&folded_name(name).as_str());
        (shown(name), if is_hidden { "\u{2026}".to_owned() } else { shown(cell) })
    });
    shown.collect()
}

fn reasons(why: &BadRows) -> Vec<String> {
    why.0.iter().map(|reason| views::line(&in_field_names(&reason.to_string()))).collect()
}

/// A cell as a page shows it: one line, and not a whole letter.
fn shown(cell: &str) -> String {
    let line = views::line(cell.trim());
    let mut chars = line.chars();
    let begun: String = chars.by_ref().take(MAX_CELL_CHARS).collect();
    if chars.next().is_some() { format!("{begun}\u{2026}") } else { begun }
}
