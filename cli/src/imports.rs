//! The commands that move licenses in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use falconer::moving::import::{Import, Imported, Mode, Source};
use falconer::moving::intake::FreeText;
use falconer::moving::sheet::Reading;
use falconer_domain::TierName;
use jiff::tz::TimeZone;
use serde_json::json;

use crate::arguments::{self, ImportFile, ImportPostgres, ImportSheet};
use crate::failure::{Failure, Kind, bad_input};
use crate::inputs;
use crate::licenses::{Office, product, reason};
use crate::output::{self, Voice};
use crate::progress::Progress;

impl Office<'_> {
    pub(crate) async fn import(&self, import: arguments::Import) -> Result<()> {
        match import {
            arguments::Import::Sheet(sheet) => self.import_sheet(&sheet).await,
            arguments::Import::Postgres(postgres) => self.import_postgres(&postgres).await,
        }
    }

    async fn import_sheet(&self, sheet: &ImportSheet) -> Result<()> {
        let product = product(&sheet.product)?;
        let reading = Reading { product, tiers: tiers(&sheet.tier)?, now: self.now };
        let (free_text, what) = if sheet.keep_keys {
            if self.ring.imported().is_none() {
                bail!(
                    "the key ring accepts no free-text keys; read about their price in docs/moving-in.md, \
                     then `falconer keyring enable-imported`"
                );
            }
            (
                FreeText::Kept,
                "free-text keys are kept: they carry no signature, so anyone can try to guess one",
            )
        } else {
            (FreeText::Replaced, "free-text keys are replaced by fresh ones, which have to be mailed")
        };
        let mapping = beside(sheet.mapping.as_deref(), &sheet.import.file, "mapping")?;
        self.import_file(&sheet.import, &Source::Sheet(reading, free_text), &mapping, what).await
    }

    async fn import_postgres(&self, postgres: &ImportPostgres) -> Result<()> {
        if self.ring.legacy().is_none() {
            bail!(
                "the key ring has no legacy generation, so no key of S1 can be told from an invented one; \
                 `falconer keyring add --legacy -` adds S1's master"
            );
        }
        let zone = TimeZone::get(&postgres.timezone)
            .map_err(|_| bad_input(format!("{} is no time zone (Europe/Berlin)", postgres.timezone)))?;
        let what = "timestamps are read as of the zone above; what ends after 2200 never ends";
        let what = format!("{what} ({})", postgres.timezone);
        self.import_file(&postgres.import, &Source::Postgres(zone), Path::new(""), &what).await
    }

    async fn import_file(
        &self,
        file: &ImportFile,
        source: &Source,
        mapping: &Path,
        what: &str,
    ) -> Result<()> {
        let refused = beside(file.refused.as_deref(), &file.file, "refused")?;
        self.leaves_output_to_json([mapping, refused.as_path()])?;
        let reason = reason(file.reason.as_deref())?;
        let bytes = inputs::sheet(&file.file)?;
        let name = file.file.display();
        let sheet = source.open(&bytes).with_context(|| name.to_string())?;
        let rows = sheet.count();
        let unknown = source.unknown(&sheet);
        if !unknown.is_empty() {
            self.say(&format!("Columns that mean nothing here and are left out: {}.", unknown.join(", ")));
        }
        let mode = if self.manners.dry_run { Mode::Look } else { Mode::Store };
        if mode == Mode::Store {
            self.confirm(&format!("import {rows} rows of {name}"), &[what.to_owned()])?;
        }
        self.say("Looking through the whole table for what is there already …");
        let import = Import {
            store: self.store,
            ring: self.ring,
            actor: self.actor,
            reason: reason.as_deref(),
            now: self.now,
            mapping,
            refused: &refused,
        };
        let mut progress = Progress::of(rows, self.manners);
        let imported = import.run(source, &sheet, mode, |rows| progress.at(rows)).await;
        progress.finish();
        self.tell_imported(&imported?, Voice::beside([mapping, refused.as_path()]))
    }

    fn tell_imported(&self, imported: &Imported, voice: Voice) -> Result<()> {
        let refused = (imported.refused > 0).then(|| {
            let sentence = format!("{} of {} rows were refused", imported.refused, imported.rows);
            Failure::new(Kind::RowsRefused, sentence)
        });
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let outcome = match imported.imported {
            _ if self.manners.dry_run => "dry_run",
            0 => "unchanged",
            _ => "changed",
        };
        if self.manners.json {
            let document = json!({
                "outcome": outcome, "rows": imported.rows, "imported": imported.imported,
                "there": imported.there, "refused": imported.refused,
                "mappingFile": path(&imported.mapping), "refusedFile": path(&imported.refused_file),
            });
            match refused {
                Some(refused) => return Err(refused.after(document).into()),
                None => return Ok(output::document(&document)?),
            }
        }
        let verb = if self.manners.dry_run { "would be imported" } else { "imported" };
        let Imported { rows, imported: new, there, refused: bad, .. } = imported;
        let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
        voice.line(format!("{rows}: {new} {verb}, {there} there already, {bad} refused."))?;
        if let Some(mapping) = path(&imported.mapping) {
            voice.line(format!("Old and fresh keys, for mailing: {mapping}"))?;
        }
        if let Some(file) = path(&imported.refused_file) {
            voice.line(format!("Refused rows and why: {file}. Mend them there and import that file."))?;
        }
        refused.map_or(Ok(()), |refused| Err(refused.into()))
    }
}

fn tiers(pairs: &[String]) -> Result<BTreeMap<String, TierName>> {
    let read = |pair: &String| {
        let (theirs, ours) = pair.split_once('=')?;
        Some((theirs.trim().to_lowercase(), TierName::parse(ours.trim())?))
    };
    let named = |pair| {
        read(pair).ok_or_else(|| bad_input(format!("--tier {pair} is not THEIRS=OURS, as Standard=pro")))
    };
    Ok(pairs.iter().map(named).collect::<Result<_, _>>()?)
}

/// The file that a command leaves: the one named, else beside the one it reads.
pub(crate) fn beside(named: Option<&Path>, file: &Path, kind: &str) -> Result<PathBuf> {
    match named {
        Some(named) => Ok(named.to_owned()),
        None if inputs::is_standard_input(file) => Ok(PathBuf::from(format!("{kind}.csv"))),
        None => {
            let mut name = file.file_name().map(OsString::from).context("a folder is no CSV file")?;
            name.push(format!(".{kind}.csv"));
            Ok(file.with_file_name(name))
        }
    }
}
