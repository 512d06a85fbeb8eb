//! The commands that show one license and change it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::air_gap::OperatorWord;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::DeviceId;
use falconer_domain::limits::LimitsChange;
use falconer_domain::operate::{Correction, Extension, PolicyChange, Reset};
use falconer_domain::person::Note;
use falconer_domain::{License, Status, TierName};
use falconer_operator::history::Recent;
use falconer_operator::license_change::LicenseChange;
use falconer_operator::license_service::{AuditAction, ChangeError};
use falconer_operator::replacement::{Replacement, fresh_key};
use falconer_operator::{maintenance, time, words};
use serde_json::{Map, Value, json};

use crate::args;
use crate::commands::{CommandContext, opened, reason, unseen};
use crate::failure::{Failure, FailureKind, bad_input, not_found};
use crate::output::{self, render};

/// Shows what a command will do to one license, asks, and does it. The rules are those of the console.
pub(crate) async fn change(context: &CommandContext<'_>, command: args::LicenseChange) -> Result<()> {
    let (of, change) = read(command)?;
    edit(context, &of, &change).await
}

/// Reads the arguments: the license, and the change.
fn read(command: args::LicenseChange) -> Result<(args::Change, LicenseChange)> {
    use args::LicenseChange as Command;
    Ok(match command {
        Command::Suspend(of) => (of, LicenseChange::Suspend),
        Command::Reinstate(of) => (of, LicenseChange::Reinstate),
        Command::Revoke(args::Revoke { of, reason }) => {
            (args::Change { of, reason: Some(reason) }, LicenseChange::Revoke)
        }
        Command::Extend(extend) => {
            let extension = extension(&extend)?;
            (extend.change, LicenseChange::Extend(extension))
        }
        Command::SetTier(set) => {
            let tier = TierName::parse(&set.tier)
                .ok_or_else(|| bad_input("a tier has 1 to 16 of a-z, 0-9 and _"))?;
            (set.change, LicenseChange::SetTier(tier, devices(&set.release)?))
        }
        Command::SetSeats(set) => (set.change, LicenseChange::SetSeats(set.seats, devices(&set.release)?)),
        Command::AddFeature(of) => (of.change, LicenseChange::AddFeature(of.feature)),
        Command::RemoveFeature(of) => (of.change, LicenseChange::RemoveFeature(of.feature)),
        Command::SetLimit(set) => {
            let (limits, removed) = (set.limits.iter(), set.remove.iter());
            let change = LimitsChange::read(limits.map(String::as_str), removed.map(String::as_str))?;
            (set.change, LicenseChange::SetLimits(change))
        }
        Command::SetUpdatesUntil(set) => {
            (set.change, LicenseChange::SetUpdatesUntil(maintenance::updates_end(&set.date)?))
        }
        Command::SetPolicy(set) => {
            let change = if set.reset { PolicyChange::reset() } else { PolicyChange::default() };
            let change = change.and(set.settings.iter().map(String::as_str))?;
            (set.change, LicenseChange::SetPolicy(change, devices(&set.release)?))
        }
        Command::SetCustomer(set) => {
            let entries = [&set.user, &set.email, &set.name].map(|entry| entry.as_deref());
            let correction = Correction::read(entries[0], entries[1], entries[2])?;
            (set.change, LicenseChange::SetCustomer(correction))
        }
        Command::Note(note) => {
            let text = Note::read(&words::lines(&note.text)).context("a note")?;
            (note.change, LicenseChange::Note(text))
        }
        Command::ResetHardware(reset) => {
            let which = reset.device.as_deref().map_or(Ok(Reset::All), |id| device(id).map(Reset::One))?;
            let word = if reset.despite_offline_lease { OperatorWord::Free } else { OperatorWord::Keep };
            (reset.change, LicenseChange::ResetHardware(which, word))
        }
    })
}

/// Prints a license, its devices, and its last events.
pub(crate) async fn show(context: &CommandContext<'_>, license: &str) -> Result<()> {
    let row = context.find(license).await?;
    let issuance = row.issuance()?;
    let standing = context.service.standing(row.license).await?;
    let Recent { rows, refusals, .. } = Recent::to_show(context.store, &standing.license.id).await?;
    if context.options.json {
        let mut shown = render::license_json(&standing, &issuance, context.now);
        shown["audit"] = rows.iter().map(render::audit_json).collect();
        shown["refusals"] = refusals.iter().map(render::audit_json).collect();
        return Ok(output::document(&shown)?);
    }
    let mut parts = vec![render::license_text(&standing, &issuance, context.now)];
    parts.extend(render::devices_text(&standing.license));
    if !refusals.is_empty() {
        parts.push(format!("Refused last:\n{}", render::answers_text(&refusals, &standing.license)));
    }
    if !rows.is_empty() {
        parts.push(render::audit_text(&rows));
    }
    Ok(output::line(parts.join("\n\n"))?)
}

async fn edit(context: &CommandContext<'_>, of: &args::Change, change: &LicenseChange) -> Result<()> {
    let reason = reason(of.reason.as_deref())?;
    let row = context.find(&of.of.license).await?;
    let issuance = row.issuance()?;
    let catalog = context.service.catalog(&row.license.product).await?;
    let rule = |license| change.apply(license, &catalog, context.now);
    let planned = rule(row.license.clone())?;
    let (id, (action, _)) = (row.license.id.clone(), change.names());
    if planned == row.license {
        return changed(context, action, planned, &issuance, ChangeResult::Unchanged).await;
    }
    let tier = row.license.tier.clone();
    let after = context.service.standing(planned.clone()).await?;
    let shown = |standing: &EffectiveLicense| render::license_json(standing, &issuance, context.now);
    // A tier that the catalog lacks is what `set-tier` is there to replace.
    let lines = match context.service.standing_if_known(row.license).await? {
        Some(before) => difference(&shown(&before), &shown(&after)),
        None => vec![format!("tier: \"{tier}\", which the catalog lacks → \"{}\"", after.license.tier)],
    };
    if context.options.dry_run {
        context.print_lines(&lines)?;
        return changed(context, action, planned, &issuance, ChangeResult::DryRun).await;
    }
    context.confirm(&format!("{action} {} ({})", issuance.key_hint, id), &lines)?;
    let audit_action = change.audit_action(reason.as_deref());
    let after = context.service.change(&id, audit_action, context.now, rule).await.map_err(unwrapped)?;
    changed(context, action, after, &issuance, ChangeResult::Changed).await
}

async fn changed(
    context: &CommandContext<'_>,
    action: &str,
    license: License,
    issuance: &IssuanceRecord,
    outcome: ChangeResult,
) -> Result<()> {
    let standing = context.service.standing(license).await?;
    if context.options.json {
        let shown = render::license_json(&standing, issuance, context.now);
        let document = json!({ "action": action, "outcome": outcome.as_str(), "license": shown });
        return Ok(output::document(&document)?);
    }
    Ok(output::line(match outcome {
        ChangeResult::Changed => format!("Done: {action} {} ({}).", issuance.key_hint, standing.license.id),
        ChangeResult::DryRun => "Nothing was changed: this was a dry run.".to_owned(),
        ChangeResult::Unchanged => "Nothing to change: it is so already.".to_owned(),
    })?)
}

pub(crate) async fn rotate_key(context: &CommandContext<'_>, change: &args::Change) -> Result<()> {
    let reason = reason(change.reason.as_deref())?;
    let row = context.find(&change.of.license).await?;
    let issuance = row.issuance()?;
    let key = fresh_key(context.ring, &row.license)?;
    let replacement = Replacement::plan(context.ring, &row, &issuance, key)?;
    let Replacement { key, id, .. } = &replacement;
    let mut lines = vec![
        format!("{} is revoked, and says so to whoever uses it", issuance.key_hint),
        format!("{} takes its place, with the same terms and seats", key.masked()),
        format!("its seats are vacant: the {} devices bind once more, uncounted", row.license.devices.len()),
    ];
    match row.license.offline_leases_out(context.now) {
        0 => {}
        kept => lines.push(format!("offline leases keep {kept} of its seats until they end")),
    }
    if matches!(row.license.status, Status::Suspended | Status::Revoked) {
        let status = row.license.status.as_str();
        lines.push(format!("the new license is {status} too; `falconer reinstate` opens it"));
    }
    if context.options.dry_run {
        context.print_lines(&lines)?;
        return changed(context, "rotate-key", row.license.clone(), &issuance, ChangeResult::DryRun).await;
    }
    context.confirm(&format!("rotate-key {} ({})", issuance.key_hint, row.license.id), &lines)?;
    let (service, reason) = (&context.service, reason.as_deref());
    replacement.store(context.store, context.ring, service, reason, context.now).await?;
    let printed = if context.options.json {
        output::document_to_be_read(&json!({
            "licenseKey": key.to_string(), "licenseId": id.as_str(), "replaces": row.license.id.as_str(),
        }))
    } else {
        let old = &row.license.id;
        output::to_be_read(format!("License key  {key}\nLicense id   {id}\nReplaces     {old}"))
    };
    let done = || {
        let old = &row.license.id;
        format!("{id} has taken the place of {old}, whose key is revoked; the new key was not seen")
    };
    Ok(printed.map_err(|lost| unseen(&done(), id, &lost))?)
}

pub(crate) async fn reveal(context: &CommandContext<'_>, change: &args::Change) -> Result<()> {
    let reason = reason(change.reason.as_deref())?;
    let row = context.find(&change.of.license).await?;
    let issuance = row.issuance()?;
    let key = opened(context.ring, &row.license, &issuance)?;
    if context.options.dry_run {
        return changed(context, "reveal", row.license, &issuance, ChangeResult::DryRun).await;
    }
    context
        .confirm(&format!("reveal {}", issuance.key_hint), &["the audit records that you did".to_owned()])?;
    let audit_action = AuditAction { action: "reveal", code: "KEY_REVEALED", reason: reason.as_deref() };
    // First the record, then the key: nobody sees one without the other.
    context.store.record(&context.service.audit(&row.license.id, audit_action, context.now)?).await?;
    let id = &row.license.id;
    let printed = if context.options.json {
        output::document_to_be_read(&json!({ "licenseKey": *key, "licenseId": id.as_str() }))
    } else {
        output::to_be_read(&*key)
    };
    let done = "the audit records that the key was revealed, and it was not seen";
    Ok(printed.map_err(|lost| unseen(done, id, &lost))?)
}

/// A failure of the store as itself, so that the exit code tells what is down from what is refused.
fn unwrapped<E: std::error::Error + Send + Sync + 'static>(error: ChangeError<E>) -> anyhow::Error {
    match error {
        ChangeError::Store(error) => error.into(),
        ChangeError::NoLicense(_) => not_found(error.to_string()).into(),
        ChangeError::Contended => Failure::new(FailureKind::Contended, error.to_string()).into(),
        other => other.into(),
    }
}

#[derive(Clone, Copy)]
enum ChangeResult {
    Changed,
    Unchanged,
    DryRun,
}

impl ChangeResult {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::DryRun => "dry_run",
        }
    }
}

/// The effective members, which follow from the license's own and those of its tier.
const FOLLOWING: [&str; 2] = ["features", "limits"];

/// The members that differ, as `name: before → after`.
fn difference(before: &Value, after: &Value) -> Vec<String> {
    let names = |document: &Value| document.as_object().into_iter().flat_map(Map::keys).cloned().collect();
    let (mut all, more): (Vec<String>, Vec<String>) = (names(before), names(after));
    all.extend(more.into_iter().filter(|name| before.get(name).is_none()));
    let differing = all.iter().filter(|name| before[name.as_str()] != after[name.as_str()]);
    differing
        .filter(|name| !FOLLOWING.contains(&name.as_str()))
        .flat_map(|name| match (&before[name.as_str()], &after[name.as_str()]) {
            (before @ Value::Object(_), after) => {
                difference(before, after).into_iter().map(|member| format!("{name}.{member}")).collect()
            }
            (before, after) => vec![format!(
                "{name}: {} → {}",
                render::member_text(name, before),
                render::member_text(name, after)
            )],
        })
        .collect()
}

fn extension(extend: &args::Extend) -> Result<Extension> {
    Ok(match (extend.days, &extend.until) {
        (Some(days), _) => Extension::Days(days),
        (None, Some(until)) => Extension::Until(time::until(until)?),
        (None, None) => Extension::Perpetual,
    })
}

fn devices(ids: &[String]) -> Result<BTreeSet<DeviceId>> {
    ids.iter().map(|id| device(id)).collect()
}

fn device(id: &str) -> Result<DeviceId> {
    DeviceId::parse(id.trim()).ok_or_else(|| {
        bad_input(format!("{id:?} is not a device id; `falconer show` lists them (dev_…)")).into()
    })
}
