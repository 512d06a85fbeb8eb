//! The command that writes all licenses to a file.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::License;
use falconer_operator::import_export::atomic_file::AtomicFile;
use falconer_operator::import_export::export;
use falconer_operator::license_service::AuditAction;
use serde_json::json;

use crate::args::ExportCsv;
use crate::commands::{CommandContext, opened, reason};
use crate::failure::{Failure, FailureKind, bad_input};
use crate::output::progress::Progress;
use crate::output::{self, OutputError, Voice, is_standard_output};

/// How keys are written.
#[derive(Clone, Copy)]
enum Keys<'a> {
    /// Their last group alone.
    Masked,
    /// In clear, with why, for the audit.
    Revealed(Option<&'a str>),
}

pub(crate) async fn run(context: &CommandContext<'_>, arguments: &ExportCsv) -> Result<()> {
    let path = arguments.output.as_deref().unwrap_or(Path::new("-"));
    if context.options.json && is_standard_output(path) {
        let sentence = "with --json the sheet needs a file of its own; give --output FILE";
        return Err(bad_input(sentence).into());
    }
    let reason = reason(arguments.reason.as_deref())?;
    let mut licenses = Vec::new();
    let unreadable = context
        .look_through(|row, issuance| {
            licenses.push((row.license, issuance));
            ControlFlow::Continue(())
        })
        .await?;
    // The table has no order; a file that does can be compared with another one.
    licenses.sort_by(|(one, _), (other, _)| one.id.as_str().cmp(other.id.as_str()));
    let count = licenses.len();
    if context.options.dry_run {
        if context.options.json {
            output::document(&json!({ "outcome": "dry_run", "licenses": count }))?;
        } else {
            let sentence = format!("{count} licenses would be exported: this was a dry run.");
            Voice::beside([path]).line(sentence)?;
        }
        return Ok(());
    }
    if arguments.reveal {
        let lines = ["the audit of each license records that its key was revealed".to_owned()];
        context.confirm(&format!("write {count} keys in clear"), &lines)?;
    }
    let keys = if arguments.reveal { Keys::Revealed(reason.as_deref()) } else { Keys::Masked };
    let failed = |why| OutputError::at(path, why);
    let file = AtomicFile::begin(path).map_err(failed)?;
    let file = write(context, &licenses, keys, csv::Writer::from_writer(file), path).await?;
    file.finish().map_err(failed)?;
    exported(context, count, unreadable, path)
}

fn exported(context: &CommandContext<'_>, count: usize, unreadable: usize, path: &Path) -> Result<()> {
    let lacking = (unreadable > 0).then(|| {
        let sentence = format!("the export lacks {unreadable} rows that do not read as licenses");
        Failure::new(FailureKind::Damaged, sentence)
    });
    let document = json!({ "outcome": "exported", "licenses": count, "file": path.display().to_string() });
    match lacking {
        Some(lacking) if context.options.json => return Err(lacking.after(document).into()),
        None if context.options.json => output::document(&document)?,
        // The sheet alone is there, and a program reads it.
        _ if is_standard_output(path) => {}
        _ => output::line(format!("{count} licenses: {}", path.display()))?,
    }
    lacking.map_or(Ok(()), |lacking| Err(lacking.into()))
}

async fn write(
    context: &CommandContext<'_>,
    licenses: &[(License, IssuanceRecord)],
    keys: Keys<'_>,
    mut writer: csv::Writer<AtomicFile>,
    path: &Path,
) -> Result<AtomicFile> {
    let failed = |why: csv::Error| OutputError::at(path, why.into());
    writer.write_record(export::header()).map_err(failed)?;
    let mut progress = Progress::of(licenses.len() as u64, context.options);
    for (done, (license, issuance)) in licenses.iter().enumerate() {
        let sealed_by = context.ring.generation(license.generation);
        let key = match keys {
            Keys::Revealed(reason) if sealed_by.is_some() => {
                revealed(context, license, issuance, reason).await?
            }
            // Sealed by a generation that was retired with it.
            Keys::Revealed(_) | Keys::Masked => issuance.key_hint.clone(),
        };
        writer.write_record(export::row(license, issuance, &key)).map_err(failed)?;
        progress.at(done as u64 + 1);
    }
    progress.finish();
    Ok(writer.into_inner().map_err(|why| OutputError::at(path, why.into_error()))?)
}

/// First the record, then the key: nobody sees one without the other.
async fn revealed(
    context: &CommandContext<'_>,
    license: &License,
    issuance: &IssuanceRecord,
    reason: Option<&str>,
) -> Result<String> {
    let key = opened(context.ring, license, issuance)?;
    let audit_action = AuditAction { action: "export", code: "KEY_REVEALED", reason };
    context.store.record(&context.service.audit(&license.id, audit_action, context.now)?).await?;
    Ok(key.to_string())
}
