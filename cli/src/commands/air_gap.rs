//! `activate-offline` and `accept-receipt`: the operator's end of a machine without a network.

use std::path::Path;

use anyhow::Result;
use falconer_domain::air_gap::{CountedTransfer, GivenBack, TextKind, file_text, short_text};
use falconer_domain::person::DeviceName;
use falconer_domain::transfer::FromDevice;
use falconer_operator::air_gap::{AirGapDesk, AirGapError, AnsweredRequest, KnownRequest};
use falconer_operator::import_export::atomic_file::AtomicFile;
use serde_json::json;

use crate::args;
use crate::commands::{CommandContext, reason};
use crate::failure::{Failure, FailureKind, bad_input};
use crate::input;
use crate::output::{self, OutputError, Voice, render};

/// Capacity of the largest QR code for letters and digits (ISO/IEC 18004, version 40, level L).
const MAX_QR_CHARS: usize = 4_296;

/// Answers a request with a long lease.
pub(crate) async fn activate(context: &CommandContext<'_>, activate: &args::ActivateOffline) -> Result<()> {
    let why = reason(activate.reason.as_deref())?;
    context.check_output_is_free(activate.out.as_deref())?;
    let text = input::text(&activate.file)?;
    let desk = desk(context);
    let named = match &activate.license {
        Some(license) => Some(context.find(license).await?),
        None => None,
    };
    if named.is_none() && AirGapDesk::looks_through(&text) {
        context.progress("Looking through the whole table for the license of this request …");
    }
    let known = desk.request(&text, named).await.map_err(told)?;
    let transfer = match (activate.transfer, activate.from_device.as_deref()) {
        (false, _) => CountedTransfer::Refuse,
        (true, None) => CountedTransfer::Allow(FromDevice::Only),
        (true, Some(device)) => CountedTransfer::Allow(FromDevice::Named(device.trim())),
    };
    let planned = desk.plan(&known, transfer).await.map_err(told)?;
    let lines = summary(&known, &planned);
    if context.options.dry_run {
        context.print_lines(&lines)?;
        return shown(context, activate, &planned, AnswerState::DryRun);
    }
    context.confirm(&format!("activate-offline {}", known.request.license.as_str()), &lines)?;
    let answered = desk.answer(&known, transfer, why.as_deref()).await.map_err(told)?;
    shown(context, activate, &answered, AnswerState::Stored)
}

/// Takes a receipt.
pub(crate) async fn accept(context: &CommandContext<'_>, accept: &args::AcceptReceipt) -> Result<()> {
    let why = reason(accept.reason.as_deref())?;
    let desk = desk(context);
    let (receipt, row) = desk.receipt(&input::text(&accept.file)?).await.map_err(told)?;
    let given_back = if accept.trust_receipt { GivenBack::AtOnce } else { GivenBack::AtEnd };
    let until = row.license.offline_lease(&receipt.device, context.now).map(|lease| lease.until);
    let planned = desk.plan_receipt(&receipt, row.license.clone(), given_back).await.map_err(told)?;
    let vacant = match (given_back, until) {
        (GivenBack::AtEnd, Some(until)) => format!("its seat is vacant from {} on", render::moment(until)),
        _ => "its seat is vacant at once, and a copy of its license may work all the same".to_owned(),
    };
    let lines = [format!("{} gives its seat of {} back", receipt.device, receipt.license), vacant.clone()];
    let (outcome, after) = if planned.license == row.license {
        ("unchanged", planned)
    } else if context.options.dry_run {
        context.print_lines(&lines)?;
        ("dry_run", planned)
    } else {
        context.confirm(&format!("accept-receipt {}", receipt.license), &lines)?;
        ("changed", desk.accept(&receipt, given_back, why.as_deref()).await.map_err(told)?)
    };
    if context.options.json {
        return Ok(output::document(&json!({
            "action": "accept-receipt", "outcome": outcome, "device": receipt.device.as_str(),
            "vacantAt": match given_back { GivenBack::AtEnd => until.map(|at| at.0), GivenBack::AtOnce => None },
            "license": render::license_json(&after, &row.issuance()?, context.now),
        }))?);
    }
    Ok(output::line(match outcome {
        "changed" => format!("Done: {} gave its seat back; {vacant}.", receipt.device),
        "dry_run" => "Nothing was changed: this was a dry run.".to_owned(),
        _ => format!("Nothing to change: this receipt was accepted before; {vacant}."),
    })?)
}

fn desk<'a>(context: &'a CommandContext<'a>) -> AirGapDesk<'a> {
    let CommandContext { store, ring, service, issuer, now, .. } = context;
    AirGapDesk { store, ring, service, issuer, now: *now }
}

/// The exit code tells a text that does not read from one that the rules refuse.
fn told(error: AirGapError) -> anyhow::Error {
    let kind = match &error {
        AirGapError::Text(_) | AirGapError::Content(_) | AirGapError::OtherProduct { .. } => {
            return bad_input(error.to_string()).into();
        }
        AirGapError::NoSuchKey(_) => FailureKind::NotFound,
        AirGapError::Contended => FailureKind::Contended,
        AirGapError::NoGeneration => FailureKind::Damaged,
        _ => return error.into(),
    };
    Failure::new(kind, error.to_string()).into()
}

fn summary(known: &KnownRequest, planned: &AnsweredRequest) -> Vec<String> {
    let name = known.request.device_name.as_ref().map_or("a device without a name", DeviceName::as_str);
    let outcome = &planned.outcome;
    vec![
        format!("{}: {}", outcome.code.name(), outcome.code.text()),
        format!(
            "{} ({name}) works without a network until {}",
            outcome.device,
            render::moment(planned.until)
        ),
        "until then nothing takes that back: no revocation, no transfer".to_owned(),
    ]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AnswerState {
    Stored,
    DryRun,
}

fn shown(
    context: &CommandContext<'_>,
    activate: &args::ActivateOffline,
    answered: &AnsweredRequest,
    state: AnswerState,
) -> Result<()> {
    let AnsweredRequest { outcome, standing, until, answer } = answered;
    let license = &standing.license;
    let words = [
        "The vendor's answer for a machine without a network. Take this file to the machine and import it there.".to_owned(),
        String::new(),
        format!("License: {}", license.id),
        format!("Device:  {}", outcome.device),
        format!("Until:   {}", render::moment(*until)),
    ];
    let (file, short) = (file_text(TextKind::Answer, &words, answer), short_text(TextKind::Answer, answer));
    if activate.short && short.len() > MAX_QR_CHARS {
        let length = short.len();
        output::note(format!(
            "The short text has {length} characters and fits no QR code: it holds keys too. Send the file."
        ));
    }
    let written = if activate.short { format!("{short}\n") } else { file.clone() };
    let out = activate.out.as_deref().filter(|_| state == AnswerState::Stored);
    if let Some(path) = out {
        let lost = |why| OutputError::at(path, why);
        AtomicFile::whole(path, written.as_bytes()).map_err(lost)?;
    }
    let is_stored = state == AnswerState::Stored;
    if context.options.json {
        return Ok(output::document(&json!({
            "action": "activate-offline", "outcome": if is_stored { "changed" } else { "dry_run" },
            "code": outcome.code.name(), "licenseId": license.id.as_str(), "device": outcome.device.as_str(),
            "until": until.0,
            "file": is_stored.then_some(&file), "short": is_stored.then_some(&short),
        }))?);
    }
    if !is_stored {
        return Ok(output::line("Nothing was changed: this was a dry run.")?);
    }
    let done = format!(
        "Done: {} for {} ({}), until {}.",
        outcome.code.name(),
        outcome.device,
        license.id,
        render::moment(*until)
    );
    if let Some(path) = out {
        return Ok(Voice::beside([path as &Path]).line(done)?);
    }
    output::note(done);
    Ok(output::verbatim(written.as_bytes())?)
}
