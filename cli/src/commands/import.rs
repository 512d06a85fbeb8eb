//! The commands that move licenses in.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use encoding_rs::Encoding;
use falconer_operator::import_export::cells::{CsvRow, Sheet};
use falconer_operator::import_export::dates::DayOrder;
use falconer_operator::import_export::import::{Import, Imported, Mode, SettledRow, Source, There, Words};
use falconer_operator::import_export::postgres::Features;
use falconer_operator::import_export::row_resolver::FreeText;
use falconer_operator::import_export::settings::{self, TypedSheet, TypedTable};
use falconer_operator::import_export::update::{Difference, Mended};
use falconer_operator::license_state::LicenseState;
use serde_json::{Value, json};

use crate::args::{self, DateOrder, ImportFile, ImportPostgres, ImportSheet};
use crate::commands::product;
use crate::commands::{CommandContext, reason};
use crate::failure::{Failure, FailureKind, bad_input};
use crate::input;
use crate::output::progress::Progress;
use crate::output::{self, Voice};

pub(crate) async fn run(context: &CommandContext<'_>, import: args::Import) -> Result<()> {
    match import {
        args::Import::Sheet(sheet) => import_sheet(context, &sheet).await,
        args::Import::Postgres(postgres) => import_postgres(context, &postgres).await,
    }
}

async fn import_sheet(context: &CommandContext<'_>, sheet: &ImportSheet) -> Result<()> {
    let (product, unsaid) = product::resolve_named(context, sheet.product.as_deref()).await?.of_rows();
    let typed = TypedSheet {
        tiers: &sheet.tier,
        statuses: &sheet.status,
        dates: sheet.dates.map(order),
        timezone: &sheet.timezone,
        never: &sheet.never,
        undated: &sheet.undated,
    };
    let reading = typed.reading(product, context.now)?;
    let only = settings::only(&sheet.only)?;
    let (free_text, what) = if sheet.keep_keys {
        (FreeText::Kept, "free-text keys are kept: they carry no signature, so anyone can try to guess one")
    } else {
        (FreeText::Replaced, "free-text keys are replaced by fresh ones, which have to be mailed")
    };
    settings::check_ring(context.ring, free_text)?;
    let mapping = beside(sheet.mapping.as_deref(), &sheet.import.file, "mapping")?;
    let how = How { mapping: &mapping, only: &only, there: There::Left, what };
    let check = |file: &Sheet<'_>| {
        // A row of our own export names its product, and so does a key that the ring has made.
        let key_names_it = |row: &CsvRow<'_>| {
            let authentic = row.cell("license_key").and_then(|key| context.ring.authenticate(&key).ok());
            authentic.is_some_and(|authentic| authentic.key.product().is_some())
        };
        let names_it = |row: CsvRow<'_>| row.cell("product").is_some() || key_names_it(&row);
        if let Some(unsaid) = unsaid.filter(|_| !file.rows().all(names_it)) {
            return Err(unsaid.into());
        }
        Ok(settings::check_columns(file, &reading)?)
    };
    import_file(context, &sheet.import, Source::Sheet(reading.clone(), free_text), &how, check).await
}

async fn import_postgres(context: &CommandContext<'_>, postgres: &ImportPostgres) -> Result<()> {
    TypedTable::check_ring(context.ring)?;
    let typed = TypedTable {
        timezone: &postgres.timezone,
        database_timezone: postgres.database_timezone.as_deref(),
        features: if postgres.without_features { Features::LeftBehind } else { Features::Granted },
    };
    let reading = typed.reading()?;
    let what = format!(
        "expires_at is read in {}, created_at in {}; a license that ends after 2200 never ends",
        postgres.timezone,
        typed.zone_of_the_database()
    );
    let there = if postgres.update { There::Updated } else { There::Left };
    let how = How { mapping: Path::new(""), only: &[], there, what: &what };
    let check = |sheet: &Sheet<'_>| {
        if postgres.trust_timezone {
            return Ok(());
        }
        Ok(typed.check_timezones(context.ring, &reading, sheet)?)
    };
    let source = Source::Postgres(reading.clone());
    import_file(context, &postgres.import, source, &how, check).await
}

async fn import_file(
    context: &CommandContext<'_>,
    file: &ImportFile,
    source: Source,
    how: &How<'_>,
    check: impl FnOnce(&Sheet<'_>) -> Result<()>,
) -> Result<()> {
    let refused = beside(file.refused.as_deref(), &file.file, "refused")?;
    context.check_output_is_free([how.mapping, refused.as_path()])?;
    let reason = reason(file.reason.as_deref())?;
    for (flag, written) in [("--refused", refused.as_path()), ("--mapping", how.mapping)] {
        if is_same_file(written, &file.file) {
            let sentence = format!("{flag} must name another file than the one that is imported");
            return Err(bad_input(sentence).into());
        }
    }
    let encoding = file.encoding.as_deref().map(encoding).transpose()?;
    let bytes = input::sheet(&file.file)?;
    let name = file.file.display();
    let bytes = source.as_csv(&bytes);
    let sheet = source.open(encoding, &bytes).with_context(|| name.to_string())?;
    let rows = source.rows(&sheet).fold(0, |count, _| count + 1);
    let unknown = source.unknown(&sheet);
    if !unknown.is_empty() {
        context
            .progress(&format!("Columns that mean nothing here and are left out: {}.", unknown.join(", ")));
    }
    check(&sheet).with_context(|| name.to_string())?;
    let source = source.surveyed(&sheet).with_context(|| format!("{name}: nothing was imported"))?;
    let mode = if context.options.dry_run { Mode::Look } else { Mode::Store };
    if mode == Mode::Store {
        context.confirm(&format!("import {rows} rows of {name}"), &[how.what.to_owned()])?;
    }
    context.progress("Looking through the whole table for what is there already …");
    let import = Import {
        store: context.store,
        ring: context.ring,
        actor: context.actor,
        reason: reason.as_deref(),
        now: context.now,
        there: how.there,
        mapping: how.mapping,
        only: how.only,
        refused: &refused,
    };
    let mut progress = Progress::of(rows, context.options);
    let watch = |row: &SettledRow<'_>| {
        progress.at(row.number);
        ControlFlow::Continue(())
    };
    let imported = import.run(&source, &sheet, mode, watch).await;
    progress.finish();
    print_imported(context, &imported?, Voice::beside([how.mapping, refused.as_path()]))
}

fn print_imported(context: &CommandContext<'_>, imported: &Imported, voice: Voice) -> Result<()> {
    let refused = (imported.refused > 0).then(|| {
        let sentence = format!("{} of {} rows were refused", imported.refused, imported.rows);
        Failure::new(FailureKind::RowsRefused, sentence)
    });
    let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let outcome = match imported.imported {
        _ if context.options.dry_run => "dry_run",
        0 if imported.mended.iter().all(|mended| mended.changed.is_empty()) => "unchanged",
        _ => "changed",
    };
    if context.options.json {
        let document = json!({
            "outcome": outcome, "rows": imported.rows, "imported": imported.imported,
            "there": imported.there, "refused": imported.refused,
            "noticed": imported.notices.to_json(), "updated": imported.mended.iter().map(mended_json).collect::<Value>(),
            "words": words_json(&imported.words), "removedFile": path(&imported.removed),
            "mappingFile": path(&imported.mapping), "refusedFile": path(&imported.refused_file),
        });
        return match refused {
            Some(refused) => Err(refused.after(document).into()),
            None => Ok(output::document(&document)?),
        };
    }
    let verb = if context.options.dry_run { "would be imported" } else { "imported" };
    let Imported { rows, imported: new, there, refused: bad, .. } = imported;
    let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    voice.line(format!("{rows}: {new} {verb}, {there} there already, {bad} refused."))?;
    for sentence in imported.notices.sentences() {
        voice.line(sentence)?;
    }
    print_mended(context, &imported.mended, voice)?;
    print_words(&imported.words, voice)?;
    if let Some(mapping) = path(&imported.mapping) {
        voice.line(format!("Old and fresh keys, for mailing: {mapping}"))?;
    }
    if imported.unmapped > 0 {
        let unmapped = imported.unmapped;
        voice.line(format!(
            "{unmapped} fresh keys are of other licenses than --only names, and are not listed."
        ))?;
    }
    if let Some(removed) = path(&imported.removed) {
        voice.line(format!("No row is refused any more; {removed} of an earlier run is removed."))?;
    }
    if let Some(file) = path(&imported.refused_file) {
        voice.line(format!("Refused rows and why: {file}. Mend them there and import that file."))?;
    }
    refused.map_or(Ok(()), |refused| Err(refused.into()))
}

/// Prints the updates of existing licenses.
fn print_mended(context: &CommandContext<'_>, mended: &[Mended], voice: Voice) -> Result<()> {
    let changed: Vec<_> = mended.iter().filter(|mended| !mended.changed.is_empty()).collect();
    let left: Vec<_> = mended.iter().filter(|mended| !mended.left.is_empty()).collect();
    if !changed.is_empty() {
        let verb = if context.options.dry_run { "would be updated" } else { "updated" };
        voice.line(format!("{} of those there already {verb}:", changed.len()))?;
    }
    for mended in changed.iter().take(MAX_CORRECTIONS_SHOWN) {
        let change = |change: &Difference| {
            format!("{} {} → {}", change.attribute, or_none(&change.before), or_none(&change.after))
        };
        let told: Vec<_> = mended.changed.iter().map(change).collect();
        voice.line(format!("  {}  {}", mended.id, told.join(", ")))?;
    }
    if let Some(more @ 1..) = changed.len().checked_sub(MAX_CORRECTIONS_SHOWN) {
        voice.line(format!("  and {more} more; --json lists all of them"))?;
    }
    if !left.is_empty() {
        voice.line(format!(
            "{} differ in what was changed or issued here, which is left alone:",
            left.len()
        ))?;
    }
    for mended in left.iter().take(MAX_CORRECTIONS_SHOWN) {
        voice.line(format!("  {}  {}", mended.id, mended.left.join(", ")))?;
    }
    if let Some(more @ 1..) = left.len().checked_sub(MAX_CORRECTIONS_SHOWN) {
        voice.line(format!("  and {more} more; --json lists all of them"))?;
    }
    Ok(())
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { "none" } else { text }
}

/// Returns true if two paths lead to one file, by whatever way.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// How a file is imported, besides what its source says.
struct How<'a> {
    mapping: &'a Path,
    only: &'a [LicenseState],
    there: There,
    /// For the question before it begins.
    what: &'a str,
}

/// Licenses whose differences are printed; `--json` has all of them.
const MAX_CORRECTIONS_SHOWN: usize = 20;
fn mended_json(mended: &Mended) -> Value {
    let changes: serde_json::Map<_, _> = mended
        .changed
        .iter()
        .map(|change| {
            (change.attribute.to_owned(), json!({ "before": change.before, "after": change.after }))
        })
        .collect();
    json!({ "licenseId": mended.id.as_str(), "changes": changes, "leftAlone": mended.left })
}

/// Words of one column that a message lists; the file of refused rows has all of them.
const MAX_WORDS_SHOWN: usize = 10;

/// The words of each column that are not known, with how many rows have each.
fn print_words(words: &Words, voice: Voice) -> Result<()> {
    for (column, words) in words.by_column() {
        let of_rows = |(word, rows): &(&str, u64)| {
            format!("{word} ({rows} {})", if *rows == 1 { "row" } else { "rows" })
        };
        let shown: Vec<_> = words.iter().take(MAX_WORDS_SHOWN).map(of_rows).collect();
        let more = words.len() - shown.len();
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let flag = if column == "status" { "--status" } else { "--tier" };
        voice.line(format!(
            "{column} has words that are not known: {}{more}. {flag} THEIRS=OURS translates each.",
            shown.join(", ")
        ))?;
    }
    Ok(())
}

fn words_json(words: &Words) -> Value {
    let words = words.by_column().into_iter().flat_map(|(column, words)| {
        words.into_iter().map(move |(word, rows)| json!({ "column": column, "word": word, "rows": rows }))
    });
    words.collect()
}

const fn order(order: DateOrder) -> DayOrder {
    match order {
        DateOrder::Dmy => DayOrder::DayFirst,
        DateOrder::Mdy => DayOrder::MonthFirst,
    }
}

pub(crate) fn encoding(name: &str) -> Result<&'static Encoding> {
    Ok(settings::encoding(name)?)
}

/// The file that a command leaves: the one named, else beside the one it reads.
pub(crate) fn beside(named: Option<&Path>, file: &Path, kind: &str) -> Result<PathBuf> {
    match named {
        Some(named) => Ok(named.to_owned()),
        None if input::is_standard_input(file) => Ok(PathBuf::from(format!("{kind}.csv"))),
        None => {
            let mut name = file.file_name().map(OsString::from).context("a folder is no CSV file")?;
            name.push(format!(".{kind}.csv"));
            Ok(file.with_file_name(name))
        }
    }
}
