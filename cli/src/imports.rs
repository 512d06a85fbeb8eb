//! The commands that move licenses in.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use falconer::moving::import::{Import, Imported, Mode, Source};
use falconer::moving::intake::FreeText;
use falconer::moving::sheet::Reading;
use falconer_domain::{Product, TierName};
use jiff::tz::TimeZone;
use serde_json::json;

use crate::arguments::{self, ImportFile, ImportPostgres, ImportSheet};
use crate::inputs;
use crate::licenses::{Office, print_json};
use crate::progress::Progress;

impl Office<'_> {
    pub(crate) async fn import(&self, import: arguments::Import) -> Result<()> {
        match import {
            arguments::Import::Sheet(sheet) => self.import_sheet(&sheet).await,
            arguments::Import::Postgres(postgres) => self.import_postgres(&postgres).await,
        }
    }

    async fn import_sheet(&self, sheet: &ImportSheet) -> Result<()> {
        let product = Product::parse(&sheet.product).context("--product must be 2 to 8 of A-Z and 0-9")?;
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
            .with_context(|| format!("{} is no time zone (Europe/Berlin)", postgres.timezone))?;
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
            reason: file.reason.as_deref(),
            now: self.now,
            mapping,
            refused: &refused,
        };
        let mut progress = Progress::of(rows, self.manners);
        let imported = import.run(source, &sheet, mode, |rows| progress.at(rows)).await;
        progress.finish();
        self.tell_imported(&imported?)
    }

    fn tell_imported(&self, imported: &Imported) -> Result<()> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let outcome = match imported.imported {
            _ if self.manners.dry_run => "dry_run",
            0 => "unchanged",
            _ => "changed",
        };
        if self.manners.json {
            print_json(&json!({
                "outcome": outcome, "rows": imported.rows, "imported": imported.imported,
                "there": imported.there, "refused": imported.refused,
                "mappingFile": path(&imported.mapping), "refusedFile": path(&imported.refused_file),
            }));
        } else {
            let verb = if self.manners.dry_run { "would be imported" } else { "imported" };
            let Imported { rows, imported: new, there, refused, .. } = imported;
            let rows = if *rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
            println!("{rows}: {new} {verb}, {there} there already, {refused} refused.");
            if let Some(mapping) = path(&imported.mapping) {
                println!("Old and fresh keys, for mailing: {mapping}");
            }
            if let Some(file) = path(&imported.refused_file) {
                println!("Refused rows and why: {file}. Mend them there and import that file.");
            }
        }
        if imported.refused > 0 {
            bail!("{} of {} rows were refused", imported.refused, imported.rows);
        }
        Ok(())
    }
}

fn tiers(pairs: &[String]) -> Result<BTreeMap<String, TierName>> {
    let read = |pair: &String| {
        let (theirs, ours) = pair.split_once('=')?;
        Some((theirs.trim().to_lowercase(), TierName::parse(ours.trim())?))
    };
    let named =
        |pair| read(pair).with_context(|| format!("--tier {pair} is not THEIRS=OURS, as Standard=pro"));
    pairs.iter().map(named).collect()
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
