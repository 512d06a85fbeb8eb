//! The command that writes all licenses to a file.

use std::io::Write;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};
use falconer::desk::Deed;
use falconer::moving::export;
use falconer::moving::side_file::SideFile;
use falconer_aws::operator::Birth;
use falconer_domain::License;
use serde_json::json;

use crate::arguments::ExportCsv;
use crate::licenses::{Office, opened, print_json};
use crate::progress::Progress;

impl Office<'_> {
    pub(crate) async fn export(&self, arguments: &ExportCsv) -> Result<()> {
        if self.manners.json && arguments.output.is_none() {
            bail!("with --json the sheet needs a file of its own; give --output FILE");
        }
        let mut licenses = Vec::new();
        let unreadable = self
            .look_through(|row, birth| {
                licenses.push((row.license, birth));
                ControlFlow::Continue(())
            })
            .await?;
        // The table has no order; a file that does can be compared with another one.
        licenses.sort_by(|(one, _), (other, _)| one.id.as_str().cmp(other.id.as_str()));
        let count = licenses.len();
        if self.manners.dry_run {
            if self.manners.json {
                print_json(&json!({ "outcome": "dry_run", "licenses": count }));
            } else {
                println!("{count} licenses would be exported: this was a dry run.");
            }
            return Ok(());
        }
        if arguments.reveal {
            let lines = ["the audit of each license records that its key was revealed".to_owned()];
            self.confirm(&format!("write {count} keys in clear"), &lines)?;
        }
        self.export_to(&licenses, arguments).await?;
        if unreadable > 0 {
            bail!("the export lacks {unreadable} rows that do not read as licenses");
        }
        Ok(())
    }

    async fn export_to(&self, licenses: &[(License, Birth)], arguments: &ExportCsv) -> Result<()> {
        let count = licenses.len();
        let Some(path) = &arguments.output else {
            return self.write(licenses, arguments, std::io::stdout().lock()).await.map(|_| ());
        };
        let cannot = || format!("{} cannot be written", path.display());
        let file = SideFile::begin(path).with_context(cannot)?;
        let path = self.write(licenses, arguments, file).await?.finish().with_context(cannot)?;
        if self.manners.json {
            let path = path.display().to_string();
            print_json(&json!({ "outcome": "exported", "licenses": count, "file": path }));
        } else {
            println!("{count} licenses: {}", path.display());
        }
        Ok(())
    }

    async fn write<W: Write>(
        &self,
        licenses: &[(License, Birth)],
        arguments: &ExportCsv,
        into: W,
    ) -> Result<W> {
        let mut writer = csv::Writer::from_writer(into);
        writer.write_record(export::header())?;
        let mut progress = Progress::of(licenses.len() as u64, self.manners);
        for (done, (license, birth)) in licenses.iter().enumerate() {
            let sealed_by = self.ring.generation(license.generation);
            let key = if arguments.reveal && sealed_by.is_some() {
                self.revealed(license, birth, arguments.reason.as_deref()).await?
            } else {
                // Masked, or sealed by a generation that was retired with it.
                birth.key_hint.clone()
            };
            writer.write_record(export::row(license, birth, &key))?;
            progress.at(done as u64 + 1);
        }
        progress.finish();
        writer.into_inner().map_err(|why| why.into_error().into())
    }

    /// First the record, then the key: nobody sees one without the other.
    async fn revealed(&self, license: &License, birth: &Birth, reason: Option<&str>) -> Result<String> {
        let key = opened(self.ring, license, birth)?;
        let deed = Deed { action: "export", code: "KEY_REVEALED", reason };
        self.store.record(&self.desk.audit(&license.id, deed, self.now)?).await?;
        Ok(key.to_string())
    }
}
