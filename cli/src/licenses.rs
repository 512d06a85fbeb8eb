//! The commands that look at licenses and change them.

use std::collections::BTreeSet;
use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use falconer::desk::{ChangeError, Deed, Desk, FindError};
use falconer::history::Recent;
use falconer::{moments, words};
use falconer_aws::Store;
use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::Row;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::DeviceId;
use falconer_domain::issue::NewLicense;
use falconer_domain::license_key::CurrentKey;
use falconer_domain::operate::{self, Correction, Extension, PolicyChange, Reset};
use falconer_domain::person::Note;
use falconer_domain::{
    Catalog, KeyRing, License, LicenseId, LicenseKey, Status, TierName, UnixMillis, escrow,
};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::arguments::{self, AtTheDesk as Command, Manners};
use crate::failure::{Failure, Kind, bad_input, not_found};
use crate::inputs;
use crate::output::{self, OutputError};
use crate::shown;

/// A desk with what the commands need around it.
pub(crate) struct Office<'a> {
    pub(crate) store: &'a Store,
    pub(crate) ring: &'a KeyRing,
    pub(crate) desk: Desk<'a>,
    pub(crate) actor: &'a str,
    pub(crate) product: Option<&'a str>,
    pub(crate) manners: Manners,
    pub(crate) now: UnixMillis,
}

/// Which of many licenses are listed.
pub(crate) struct PageOf {
    pub(crate) after: Option<LicenseId>,
    pub(crate) limit: usize,
}

impl Office<'_> {
    pub(crate) async fn run(&self, command: Command) -> Result<()> {
        match command {
            Command::Issue(issue) => self.issue(*issue).await,
            Command::Show(of) => self.show(&of.license).await,
            Command::List(list) => self.list(list).await,
            Command::Find(find) => self.find_text(&find).await,
            Command::Suspend(change) => {
                self.edit(&change, "suspend", "SUSPENDED", |_| operate::suspend).await
            }
            Command::Reinstate(change) => {
                self.edit(&change, "reinstate", "REINSTATED", |_| operate::reinstate).await
            }
            Command::Revoke(revoke) => {
                let change = arguments::Change { of: revoke.of, reason: Some(revoke.reason) };
                self.edit(&change, "revoke", "REVOKED", |_| operate::revoke).await
            }
            Command::Extend(extend) => {
                let (extension, now) = (extension(&extend)?, self.now);
                let edit = |_: &Catalog| move |license| operate::extend(license, extension, now);
                self.edit(&extend.change, "extend", "EXTENDED", edit).await
            }
            Command::SetTier(set) => {
                let tier = TierName::parse(&set.tier)
                    .ok_or_else(|| bad_input("a tier has 1 to 16 of a-z, 0-9 and _"))?;
                let release = devices(&set.release)?;
                let edit = |catalog: &Catalog| {
                    let (tier, catalog, release) = (tier.clone(), catalog.clone(), release.clone());
                    move |license| operate::set_tier(license, tier.clone(), &catalog, &release)
                };
                self.edit(&set.change, "set-tier", "TIER_SET", edit).await
            }
            Command::SetSeats(set) => {
                let release = devices(&set.release)?;
                let edit = |_: &Catalog| {
                    let release = release.clone();
                    move |license| operate::set_seats(license, set.seats, &release)
                };
                self.edit(&set.change, "set-seats", "SEATS_SET", edit).await
            }
            Command::AddFeature(of) => {
                let edit = |_: &Catalog| |license| operate::add_feature(license, &of.feature);
                self.edit(&of.change, "add-feature", "FEATURE_ADDED", edit).await
            }
            Command::RemoveFeature(of) => {
                let edit = |_: &Catalog| |license| operate::remove_feature(license, &of.feature);
                self.edit(&of.change, "remove-feature", "FEATURE_REMOVED", edit).await
            }
            Command::SetPolicy(set) => {
                let change = if set.reset { PolicyChange::reset() } else { PolicyChange::default() };
                let change = change.and(set.settings.iter().map(String::as_str))?;
                let release = devices(&set.release)?;
                let edit = |catalog: &Catalog| {
                    let (catalog, change, release) = (catalog.clone(), change.clone(), release.clone());
                    move |license| operate::set_policy(license, &change, &catalog, &release)
                };
                self.edit(&set.change, "set-policy", "POLICY_SET", edit).await
            }
            Command::SetCustomer(set) => {
                let entries = [&set.user, &set.email, &set.name].map(|entry| entry.as_deref());
                let correction = Correction::read(entries[0], entries[1], entries[2])?;
                let edit =
                    |_: &Catalog| move |license| Ok::<_, Never>(operate::set_customer(license, &correction));
                self.edit(&set.change, "set-customer", "CUSTOMER_SET", edit).await
            }
            Command::Note(note) => {
                let text = Note::read(&words::lines(&note.text)).context("a note")?;
                let edit = |_: &Catalog| {
                    let notes = text.clone();
                    move |license| Ok::<_, Never>(License { notes: notes.clone(), ..license })
                };
                self.edit(&note.change, "note", "NOTED", edit).await
            }
            Command::ResetHardware(reset) => {
                let which = match &reset.device {
                    Some(id) => Reset::One(device(id)?),
                    None => Reset::All,
                };
                let edit = |_: &Catalog| |license| operate::reset_hardware(license, &which);
                self.edit(&reset.change, "reset-hardware", "HARDWARE_RESET", edit).await
            }
            Command::RotateKey(rotate) => match (rotate.generation, &rotate.license) {
                (Some(generation), _) => self.rotate_generation(generation, &rotate).await,
                (None, license) => {
                    let license = license.clone().unwrap_or_default();
                    let of = arguments::OfLicense { license };
                    self.rotate_key(&arguments::Change { of, reason: rotate.reason }).await
                }
            },
            Command::Reveal(change) => self.reveal(&change).await,
            Command::EraseSubject(erase) => self.erase_subject(&erase).await,
            Command::Audit(audit) => self.audit(&audit).await,
            Command::Explain(explain) => self.explain(&explain).await,
            Command::Stats(stats) => self.stats(&stats).await,
            Command::Catalog(command) => self.catalog(command).await,
            Command::Import(import) => self.import(import).await,
            Command::Export(arguments::Export::Csv(export)) => self.export(&export).await,
        }
    }

    async fn show(&self, license: &str) -> Result<()> {
        let row = self.find(license).await?;
        let issuance = row.issuance()?;
        let standing = self.desk.standing(row.license).await?;
        let Recent { rows, refusals, .. } = Recent::to_show(self.store, &standing.license.id).await?;
        if self.manners.json {
            let mut shown = shown::license_json(&standing, &issuance, self.now);
            shown["audit"] = rows.iter().map(shown::audit_json).collect();
            shown["refusals"] = refusals.iter().map(shown::audit_json).collect();
            return Ok(output::document(&shown)?);
        }
        let mut parts = vec![shown::license_text(&standing, &issuance, self.now)];
        parts.extend(shown::devices_text(&standing.license));
        if !refusals.is_empty() {
            parts.push(format!("Refused last:\n{}", shown::answers_text(&refusals, &standing.license)));
        }
        if !rows.is_empty() {
            parts.push(shown::audit_text(&rows));
        }
        Ok(output::line(parts.join("\n\n"))?)
    }

    /// Shows what will change, asks, and changes it.
    async fn edit<E, F>(
        &self,
        change: &arguments::Change,
        action: &'static str,
        code: &'static str,
        edit: impl FnOnce(&Catalog) -> F,
    ) -> Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
        F: Fn(License) -> Result<License, E>,
    {
        let reason = reason(change.reason.as_deref())?;
        let row = self.find(&change.of.license).await?;
        let issuance = row.issuance()?;
        let edit = edit(&self.desk.catalog(&row.license.product).await?);
        let planned = edit(row.license.clone())?;
        let id = row.license.id.clone();
        if planned == row.license {
            return self.changed(action, planned, &issuance, Outcome::Unchanged).await;
        }
        let tier = row.license.tier.clone();
        let after = self.desk.standing(planned.clone()).await?;
        let shown = |standing: &EffectiveLicense| shown::license_json(standing, &issuance, self.now);
        // A tier that the catalog lacks is what `set-tier` is there to replace.
        let lines = match self.desk.standing_if_known(row.license).await? {
            Some(before) => difference(&shown(&before), &shown(&after)),
            None => vec![format!("tier: \"{tier}\", which the catalog lacks → \"{}\"", after.license.tier)],
        };
        if self.manners.dry_run {
            self.tell(&lines)?;
            return self.changed(action, planned, &issuance, Outcome::DryRun).await;
        }
        self.confirm(&format!("{action} {} ({})", issuance.key_hint, id), &lines)?;
        let deed = Deed { action, code, reason: reason.as_deref() };
        let after = self.desk.change(&id, deed, self.now, edit).await.map_err(unwrapped)?;
        self.changed(action, after, &issuance, Outcome::Changed).await
    }

    async fn changed(
        &self,
        action: &str,
        license: License,
        issuance: &IssuanceRecord,
        outcome: Outcome,
    ) -> Result<()> {
        let standing = self.desk.standing(license).await?;
        if self.manners.json {
            let shown = shown::license_json(&standing, issuance, self.now);
            let document = json!({ "action": action, "outcome": outcome.as_str(), "license": shown });
            return Ok(output::document(&document)?);
        }
        Ok(output::line(match outcome {
            Outcome::Changed => format!("Done: {action} {} ({}).", issuance.key_hint, standing.license.id),
            Outcome::DryRun => "Nothing was changed: this was a dry run.".to_owned(),
            Outcome::Unchanged => "Nothing to change: it is so already.".to_owned(),
        })?)
    }

    async fn rotate_key(&self, change: &arguments::Change) -> Result<()> {
        let reason = reason(change.reason.as_deref())?;
        let row = self.find(&change.of.license).await?;
        let issuance = row.issuance()?;
        let home = self.ring.current();
        let key = LicenseKey::Current(CurrentKey::issue(
            home,
            row.license.product.clone(),
            row.license.tier.printed(),
            falconer::random::bytes()?,
        ));
        let id = LicenseId::of(home, &key);
        let rotated = operate::rotate(row.license.clone(), id.clone(), home.number())?;
        let mut lines = vec![
            format!("{} is revoked, and says so to whoever uses it", issuance.key_hint),
            format!("{} takes its place, with the same terms and seats", key.masked()),
            format!(
                "its seats are vacant: the {} devices bind once more, uncounted",
                row.license.devices.len()
            ),
        ];
        if matches!(row.license.status, Status::Suspended | Status::Revoked) {
            let status = row.license.status.as_str();
            lines.push(format!("the new license is {status} too; `falconer reinstate` opens it"));
        }
        if self.manners.dry_run {
            self.tell(&lines)?;
            return self.changed("rotate-key", row.license, &issuance, Outcome::DryRun).await;
        }
        self.confirm(&format!("rotate-key {} ({})", issuance.key_hint, row.license.id), &lines)?;
        let new = NewLicense {
            key_escrow: escrow::seal(home, &id, &key.to_string(), falconer::random::bytes()?),
            key_hint: key.masked(),
            created_at: self.now,
            license: rotated.new.clone(),
            metadata: issuance.metadata.clone(),
        };
        let deed = Deed { action: "rotate-key", code: "KEY_ROTATED", reason: reason.as_deref() };
        let rows = [self.desk.audit(&row.license.id, deed, self.now)?, self.desk.audit(&id, deed, self.now)?];
        self.store.replace(&row, &rotated, &new, &rows, &falconer::random::id()?).await?;
        let printed = if self.manners.json {
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
        Ok(printed.map_err(|lost| unseen(&done(), &id, &lost))?)
    }

    async fn reveal(&self, change: &arguments::Change) -> Result<()> {
        let reason = reason(change.reason.as_deref())?;
        let row = self.find(&change.of.license).await?;
        let issuance = row.issuance()?;
        let key = opened(self.ring, &row.license, &issuance)?;
        if self.manners.dry_run {
            return self.changed("reveal", row.license, &issuance, Outcome::DryRun).await;
        }
        self.confirm(
            &format!("reveal {}", issuance.key_hint),
            &["the audit records that you did".to_owned()],
        )?;
        let deed = Deed { action: "reveal", code: "KEY_REVEALED", reason: reason.as_deref() };
        // First the record, then the key: nobody sees one without the other.
        self.store.record(&self.desk.audit(&row.license.id, deed, self.now)?).await?;
        let id = &row.license.id;
        let printed = if self.manners.json {
            output::document_to_be_read(&json!({ "licenseKey": *key, "licenseId": id.as_str() }))
        } else {
            output::to_be_read(&*key)
        };
        let done = "the audit records that the key was revealed, and it was not seen";
        Ok(printed.map_err(|lost| unseen(done, id, &lost))?)
    }

    /// Looks through the whole table, and says so.
    pub(crate) async fn scan(
        &self,
        wanted: impl Fn(&License) -> bool,
    ) -> Result<Vec<(License, IssuanceRecord)>> {
        self.scan_page(&PageOf { after: None, limit: usize::MAX }, wanted).await
    }

    pub(crate) async fn scan_page(
        &self,
        page: &PageOf,
        wanted: impl Fn(&License) -> bool,
    ) -> Result<Vec<(License, IssuanceRecord)>> {
        let mut found = Vec::new();
        self.look_through_after(page.after.as_ref(), |row, issuance| {
            if wanted(&row.license) {
                found.push((row.license, issuance));
            }
            if found.len() > page.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
        Ok(found)
    }

    /// Looks at every license, and says so; returns how many rows did not read.
    pub(crate) async fn look_through(
        &self,
        visit: impl FnMut(Row, IssuanceRecord) -> ControlFlow<()>,
    ) -> Result<usize> {
        self.look_through_after(None, visit).await
    }

    async fn look_through_after(
        &self,
        license: Option<&LicenseId>,
        visit: impl FnMut(Row, IssuanceRecord) -> ControlFlow<()>,
    ) -> Result<usize> {
        self.say("Looking through the whole table …");
        let unreadable = self.desk.each_after(license, visit).await?;
        if unreadable > 0 {
            output::note(format!(
                "{unreadable} rows of the table do not read as licenses; verify answers 503 to their keys."
            ));
        }
        Ok(unreadable)
    }

    /// Tells a person who waits; with `--json` nobody does.
    pub(crate) fn say(&self, sentence: &str) {
        if !self.manners.json {
            output::note(sentence);
        }
    }

    pub(crate) async fn find(&self, license: &str) -> Result<Row> {
        let read;
        let license = if license == "-" {
            read = inputs::text(Path::new("-"))?;
            read.trim()
        } else {
            license
        };
        if self.desk.is_hint(license) {
            self.say("Looking through the whole table for this masked key …");
        }
        // Bare, so that the exit code tells what is down from what is refused.
        self.desk.find(license).await.map_err(|error| match error {
            FindError::Store(error) => error.into(),
            other => other.into(),
        })
    }

    pub(crate) fn tell(&self, lines: &[String]) -> Result<(), OutputError> {
        if self.manners.json {
            return Ok(());
        }
        lines.iter().try_for_each(|line| output::line(format!("  {line}")))
    }

    /// With `--json` standard output is the document's, so nothing else may be written to it.
    pub(crate) fn leaves_output_to_json<'f>(
        &self,
        files: impl IntoIterator<Item = &'f Path>,
    ) -> Result<(), Failure> {
        let taken = files.into_iter().filter(|file| output::is_standard_output(file)).count();
        match (self.manners.json, taken) {
            (true, 1..) => {
                Err(bad_input("with --json standard output has the document; name a file instead of `-`"))
            }
            (false, 2..) => Err(bad_input("two files cannot both go to standard output; name one of them")),
            _ => Ok(()),
        }
    }

    /// Asks a person; `--yes` answers for one who is not there.
    pub(crate) fn confirm(&self, what: &str, lines: &[String]) -> Result<()> {
        confirm(self.manners, what, lines)
    }
}

/// Asks a person; `--yes` answers for one who is not there.
pub(crate) fn confirm(manners: Manners, what: &str, lines: &[String]) -> Result<()> {
    if manners.yes {
        return Ok(());
    }
    if manners.json || !std::io::stdin().is_terminal() {
        let sentence = "nobody is there to confirm this; give --yes, or --dry-run to see what would change";
        return Err(Failure::new(Kind::NotConfirmed, sentence).into());
    }
    output::note(format!("{what}:"));
    for line in lines {
        output::note(format!("  {line}"));
    }
    if dialoguer::Confirm::new().with_prompt("Do this?").default(false).interact()? {
        Ok(())
    } else {
        Err(Failure::new(Kind::NotConfirmed, "nothing was changed").into())
    }
}

/// A reason as the audit keeps it.
pub(crate) fn reason(given: Option<&str>) -> Result<Option<String>> {
    Ok(given.map(words::reason).transpose()?.flatten())
}

/// A key that was made or revealed and could not be printed is not lost: its license holds it.
pub(crate) fn unseen(done: &str, id: &LicenseId, lost: &OutputError) -> Failure {
    Failure::new(Kind::OutputLost, format!("{done} ({lost}): `falconer reveal {id}` prints it"))
}

/// The key of a license, in clear.
pub(crate) fn opened(
    ring: &KeyRing,
    license: &License,
    issuance: &IssuanceRecord,
) -> Result<Zeroizing<String>> {
    Ok(falconer::sealed::opened(ring, license, issuance)?)
}

/// A failure of the store as itself, so that the exit code tells what is down from what is refused.
fn unwrapped<E: std::error::Error + Send + Sync + 'static>(error: ChangeError<E>) -> anyhow::Error {
    match error {
        ChangeError::Store(error) => error.into(),
        ChangeError::NoLicense(_) => not_found(error.to_string()).into(),
        ChangeError::Contended => Failure::new(Kind::Contended, error.to_string()).into(),
        other => other.into(),
    }
}

/// An operation that is always possible.
#[derive(Debug, thiserror::Error)]
enum Never {}

#[derive(Clone, Copy)]
enum Outcome {
    Changed,
    Unchanged,
    DryRun,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::DryRun => "dry_run",
        }
    }
}

/// The members that differ, as `name: before → after`.
fn difference(before: &Value, after: &Value) -> Vec<String> {
    let members = before.as_object().into_iter().flatten();
    members
        .filter(|(name, value)| after[name.as_str()] != **value && name.as_str() != "features")
        .flat_map(|(name, value)| match (value, &after[name.as_str()]) {
            (Value::Object(_), after) => {
                difference(value, after).into_iter().map(|member| format!("{name}.{member}")).collect()
            }
            (value, after) => vec![format!(
                "{name}: {} → {}",
                shown::member_text(name, value),
                shown::member_text(name, after)
            )],
        })
        .collect()
}

fn extension(extend: &arguments::Extend) -> Result<Extension> {
    Ok(match (extend.days, &extend.until) {
        (Some(days), _) => Extension::Days(days),
        (None, Some(until)) => Extension::Until(moments::until(until)?),
        (None, None) => Extension::Perpetual,
    })
}

fn devices(ids: &[String]) -> Result<BTreeSet<DeviceId>> {
    ids.iter().map(|id| device(id)).collect()
}

fn device(id: &str) -> Result<DeviceId> {
    DeviceId::parse(id.trim())
        .ok_or_else(|| bad_input(format!("{id} is no device id; `falconer show` lists them (dev_…)")).into())
}
