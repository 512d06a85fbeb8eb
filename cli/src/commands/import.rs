//! The commands that move licenses in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use encoding_rs::Encoding;
use falconer_domain::TierName;
use falconer_operator::import_export::cells::{CsvRow, Sheet, folded_name};
use falconer_operator::import_export::dates::DayOrder;
use falconer_operator::import_export::encoding;
use falconer_operator::import_export::import::{Import, Imported, Mode, Source, There, Words};
use falconer_operator::import_export::postgres::clock::{Column, Verdict, Wrong};
use falconer_operator::import_export::postgres::{self, Features};
use falconer_operator::import_export::row_resolver::FreeText;
use falconer_operator::import_export::sheet::{Reading, SheetStatus, Undated};
use falconer_operator::import_export::update::{Difference, Mended};
use jiff::tz::TimeZone;
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
    let mut reading = Reading::new(product, context.now);
    reading.tiers = tiers(&sheet.tier)?;
    reading.statuses = statuses(&sheet.status)?;
    reading.zone = zone(&sheet.timezone)?;
    reading.order = sheet.dates.map(order);
    reading.never.clone_from(&sheet.never);
    reading.undated = undated(&sheet.undated)?;
    let only = only(&sheet.only)?;
    let (free_text, what) = if sheet.keep_keys {
        if context.ring.imported().is_none() {
            bail!(
                "the key ring accepts no free-text keys; read about their price in docs/moving-in.md, \
                 then `falconer keyring enable-imported`"
            );
        }
        (FreeText::Kept, "free-text keys are kept: they carry no signature, so anyone can try to guess one")
    } else {
        (FreeText::Replaced, "free-text keys are replaced by fresh ones, which have to be mailed")
    };
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
        if let Undated::From(column) = &reading.undated
            && !file.has(column)
        {
            return Err(bad_input(format!("--undated: the first line names no column {column}")).into());
        }
        Ok(())
    };
    import_file(context, &sheet.import, Source::Sheet(reading.clone(), free_text), &how, check).await
}

async fn import_postgres(context: &CommandContext<'_>, postgres: &ImportPostgres) -> Result<()> {
    if context.ring.legacy().is_none() {
        bail!(
            "the key ring has no legacy generation, so a key of the Flask server cannot be told from an invented \
             one; `falconer keyring add --legacy -` adds its master"
        );
    }
    let database_timezone = postgres.database_timezone.as_ref().unwrap_or(&postgres.timezone);
    let features = if postgres.without_features { Features::LeftBehind } else { Features::Granted };
    let reading = postgres::Reading {
        server_zone: zone(&postgres.timezone)?,
        database_zone: zone(database_timezone)?,
        features,
    };
    let what = format!(
        "expires_at is read in {}, created_at in {database_timezone}; a license that ends after 2200 never ends",
        postgres.timezone
    );
    let there = if postgres.update { There::Updated } else { There::Left };
    let how = How { mapping: Path::new(""), only: &[], there, what: &what };
    let check = |sheet: &Sheet<'_>| check_timezones(context, postgres, &reading, sheet);
    let source = Source::Postgres(reading.clone());
    import_file(context, &postgres.import, source, &how, check).await
}

/// Stops an import whose times would be hours off, before anything is written.
fn check_timezones(
    context: &CommandContext<'_>,
    postgres: &ImportPostgres,
    reading: &postgres::Reading,
    sheet: &Sheet<'_>,
) -> Result<()> {
    if postgres.trust_timezone {
        return Ok(());
    }
    let judged = |column, zone| postgres::judged(sheet, context.ring, column, zone);
    if let Verdict::Wrong(wrong) = judged(Column::ExpiresAt, &reading.server_zone) {
        bail!("{}", other_zone("expires_at", &wrong, &postgres.timezone, "--timezone"));
    }
    let Verdict::Wrong(wrong) = judged(Column::CreatedAt, &reading.database_zone) else { return Ok(()) };
    let (zone, flag) = match &postgres.database_timezone {
        Some(zone) => (zone, "--database-timezone"),
        // The ends are right, so it is the database alone that ran in another zone.
        None if judged(Column::ExpiresAt, &reading.server_zone) == Verdict::Right => {
            (&postgres.timezone, "--database-timezone")
        }
        None => (&postgres.timezone, "--timezone"),
    };
    bail!("{}", other_zone("created_at", &wrong, zone, flag));
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
    let imported = import.run(&source, &sheet, mode, |rows| progress.at(rows)).await;
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
    only: &'a [String],
    there: There,
    /// For the question before it begins.
    what: &'a str,
}

fn zone(name: &str) -> Result<TimeZone> {
    Ok(TimeZone::get(name).map_err(|_| bad_input(format!("{name} is no time zone (Europe/Berlin)")))?)
}

/// Licenses whose differences are printed; `--json` has all of them.
const MAX_CORRECTIONS_SHOWN: usize = 20;
/// Zones that are named in a message.
const MAX_ZONES_SHOWN: usize = 5;
/// Offsets that are named in a message: a zone with summer time has two.
const MAX_OFFSETS_SHOWN: usize = 3;

/// Says that a column was written in another zone, and how to read it in the right one.
fn other_zone(column: &str, wrong: &Wrong, zone: &str, flag: &str) -> String {
    let Wrong { compared, off, lines, offsets_seconds, fitting } = wrong;
    let offsets: Vec<_> =
        offsets_seconds.iter().take(MAX_OFFSETS_SHOWN).map(|seconds| hours(*seconds)).collect();
    let offsets = offsets.join(" or ");
    let lines: Vec<_> = lines.iter().map(ToString::to_string).collect();
    let begun = format!(
        "{column} was not written in {zone}: {off} of {compared} rows are off by {offsets} from the second that their \
         own key holds, beginning with the lines {}. Nothing was written.",
        lines.join(", ")
    );
    let Some(first) = fitting.first() else {
        return format!(
            "{begun} No single time zone fits: part the file by the zones the server has run in, mend these rows if \
             they are few, or import it as it is with --trust-timezone."
        );
    };
    let more = fitting.len().saturating_sub(MAX_ZONES_SHOWN);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let zones = fitting.iter().take(MAX_ZONES_SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{begun} Zones that fit: {zones}{more}. Give the right one, as `{flag} {first}`.")
}

/// Seconds as hours and minutes with their sign: `+1:00`.
fn hours(seconds: i64) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.abs() / 60;
    format!("{sign}{}:{:02}", minutes / 60, minutes % 60)
}

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

fn tiers(pairs: &[String]) -> Result<BTreeMap<String, TierName>> {
    let ours = |text: &str| TierName::parse(&text.to_lowercase());
    pairs.iter().map(|pair| translated(pair, ours, "--tier", "Standard=pro")).collect()
}

fn statuses(pairs: &[String]) -> Result<BTreeMap<String, SheetStatus>> {
    let ours = |text: &str| SheetStatus::parse(&text.to_lowercase());
    pairs.iter().map(|pair| translated(pair, ours, "--status", "gesperrt=suspended")).collect()
}

/// A word of the sheet, in lower case, and what it means here.
fn translated<T>(
    pair: &str,
    ours: impl Fn(&str) -> Option<T>,
    flag: &str,
    example: &str,
) -> Result<(String, T)> {
    let read = pair
        .split_once('=')
        .and_then(|(theirs, meant)| Some((theirs.trim().to_lowercase(), ours(meant.trim())?)));
    Ok(read.ok_or_else(|| bad_input(format!("{flag} {pair} is not THEIRS=OURS, as {example}")))?)
}

fn only(words: &[String]) -> Result<Vec<String>> {
    let read = |word: &String| {
        let word = word.trim().to_lowercase();
        SheetStatus::parse(&word).ok_or_else(|| {
            bad_input(format!("--only {word} is not active, pending, suspended, revoked or expired"))
        })?;
        Ok(word)
    };
    words.iter().map(read).collect()
}

const fn order(order: DateOrder) -> DayOrder {
    match order {
        DateOrder::Dmy => DayOrder::DayFirst,
        DateOrder::Mdy => DayOrder::MonthFirst,
    }
}

fn undated(what: &str) -> Result<Undated> {
    match what.split_once(':') {
        None if what == "new-term" => Ok(Undated::NewTerm),
        None if what == "refuse" => Ok(Undated::Refused),
        Some(("from", column)) if !column.trim().is_empty() => Ok(Undated::From(folded_name(column))),
        _ => Err(bad_input(format!("--undated {what} is not new-term, refuse or from:COLUMN")).into()),
    }
}

pub(crate) fn encoding(name: &str) -> Result<&'static Encoding> {
    let unknown = || bad_input(format!("--encoding {name} is not an encoding, as windows-1252"));
    Ok(encoding::named(name).ok_or_else(unknown)?)
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
