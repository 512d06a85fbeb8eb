//! A change of one license: first what it will do, then the change, once.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use falconer_aws::operator::AuditRecord;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::operate;
use falconer_domain::{License, LicenseId, Status, UnixMillis};
use falconer_operator::license_change::LicenseChange;

use crate::changes::{self, Asked};
use crate::filters;
use crate::forms::Form;
use crate::moments::Clock;
use crate::pages::confirm::{Plan, Preview, key_shown, previewed};
use crate::pages::history::HistoryRows;
use crate::pages::license::{self, named};
use crate::reading::LicenseStory;
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views::{self, FactChange};
use crate::writing::Seen;

/// A change of a license that a person has seen. No `Debug`: it may be about a person.
pub(crate) struct LicensePlan {
    asked: Asked,
    id: LicenseId,
    /// The number of the row that the person saw.
    version: u64,
    seen_at: UnixMillis,
    reason: Option<String>,
}

#[derive(Template)]
#[template(path = "changed.html")]
struct ChangedPage {
    frame: Frame,
    id: String,
    sentence: String,
    history: HistoryRows,
}

/// Shows what a change will do, and keeps it for the confirmation.
pub(crate) async fn preview(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let form = Form::read(&body);
        let story = shell.reads.license(&named(&id)?).await?;
        match planned(&desk, &form, &story).await {
            Ok((preview, plan)) => previewed(&desk, Section::Licenses, preview, Plan::License(plan)),
            Err(trouble) if trouble.is_mendable() => license::mended(&shell, &story, &form, &trouble).await,
            Err(trouble) => Err(trouble),
        }
    };
    shell.answer(make).await
}

async fn planned(desk: &Desk, form: &Form, story: &LicenseStory) -> Result<(Preview, LicensePlan), Trouble> {
    let shell = &desk.shell;
    let (asked, arguments) = changes::read(form, &story.row.license)?;
    let reason = changes::reason(form)?;
    if matches!(asked, Asked::Change(LicenseChange::Revoke)) && reason.is_none() {
        return Err(Trouble::BadField("reason", "revoking takes a reason, for the audit".to_owned()));
    }
    let (differences, notes) = effects(desk, &asked, story, reason.as_deref()).await?;
    let id = story.row.license.id.clone();
    let hint = views::line(&story.issuance.key_hint);
    let preview = Preview {
        heading: heading(&asked),
        about: format!("{hint} · {id}"),
        back: FormPage::sent(form, &format!("license/{id}")).back,
        differences,
        notes,
        command: shell.command.with(&arguments.words(reason.as_deref())),
        reason: reason.clone(),
    };
    let (version, seen_at) = (story.row.guard.number(), shell.clock.now());
    Ok((preview, LicensePlan { asked, id, version, seen_at, reason }))
}

impl LicensePlan {
    /// Makes the change. A change of others since the preview is shown, and never written over.
    pub(crate) async fn make(&self, desk: &Desk) -> Result<Response, Trouble> {
        match make_change(desk, self).await {
            Err(Trouble::Changed(_)) => changed_meanwhile(&desk.shell, self).await,
            outcome => outcome,
        }
    }
}

/// The sentence on the license's page after a change, by the name of its command. It has the moment of the change's row
/// in the history: the address may be opened again when the license has changed since.
pub(crate) fn done(action: &str, newest_first: &[AuditRecord], clock: &Clock) -> Option<String> {
    let (_, change, note) = DONE.into_iter().find(|(name, ..)| *name == action)?;
    let row = newest_first.iter().find(|row| row.action == action && row.actor.is_some())?;
    Some(format!("{change} on {}.{note}", clock.text(row.moment())))
}

const DONE: [(&str, &str, &str); 15] = [
    ("suspend", "The license was suspended", ""),
    ("reinstate", "The license was reinstated", ""),
    ("revoke", "The license was revoked", ""),
    ("extend", "The end was changed", ""),
    ("set-tier", "The tier was changed", ""),
    ("set-seats", "The seats were changed", ""),
    ("add-feature", "A feature was added", ""),
    ("remove-feature", "A feature was taken away", ""),
    ("set-limit", "The limits were changed", ""),
    ("set-updates-until", "The end of the maintenance was changed", ""),
    ("set-policy", "The rules were changed", ""),
    ("set-customer", "The customer was corrected", ""),
    ("note", "The note was written", ""),
    ("reset-hardware", "Seats were freed", ""),
    (
        "erase-subject",
        "The person was erased",
        " Backups keep copies for 35 days; docs/operations.md has what remains.",
    ),
];

const fn heading(asked: &Asked) -> &'static str {
    match asked {
        Asked::Change(change) => match change {
            LicenseChange::Suspend => "Suspend",
            LicenseChange::Reinstate => "Reinstate",
            LicenseChange::Revoke => "Revoke",
            LicenseChange::Extend(_) => "Change the end",
            LicenseChange::SetTier(..) => "Change the tier",
            LicenseChange::SetSeats(..) => "Change the seats",
            LicenseChange::AddFeature(_) => "Add a feature",
            LicenseChange::RemoveFeature(_) => "Take a feature away",
            LicenseChange::SetLimits(_) => "Change the limits",
            LicenseChange::SetUpdatesUntil(_) => "Change the maintenance",
            LicenseChange::SetPolicy(..) => "Change the rules",
            LicenseChange::SetCustomer(_) => "Correct the customer",
            LicenseChange::Note(_) => "Write a note",
            LicenseChange::ResetHardware(..) => "Free seats",
        },
        Asked::Rotate => "Give a new key",
        Asked::Reveal => "Reveal the key",
        Asked::Erase => "Erase the person",
    }
}

/// Lists the effects of a change: the facts that differ, and sentences about the rest.
async fn effects(
    desk: &Desk,
    asked: &Asked,
    story: &LicenseStory,
    reason: Option<&str>,
) -> Result<(Vec<FactChange>, Vec<String>), Trouble> {
    let license = &story.row.license;
    let now = desk.shell.clock.now();
    match asked {
        Asked::Change(change) => {
            let planned = change.apply(license.clone(), &story.catalog, now);
            let planned = planned.map_err(|why| Trouble::Refused(why.to_string()))?;
            let differences = compared(&desk.shell, story, &planned);
            if planned == *license {
                return Err(Trouble::Refused("nothing would change: the license is so already".to_owned()));
            }
            Ok((differences, notes(change, license)))
        }
        Asked::Rotate => {
            // The rule alone: the key itself is made when the change is.
            if let Err(why) = operate::rotate(license.clone(), license.id.clone(), license.generation) {
                return Err(Trouble::Refused(why.to_string()));
            }
            Ok((Vec::new(), rotation_notes(story, now)))
        }
        Asked::Reveal => {
            Ok((Vec::new(), vec!["The key is shown once, and the audit records that it was.".to_owned()]))
        }
        Asked::Erase => {
            let erasables = desk.writes.erasable(&license.id, reason, now).await?;
            let line = |erasable: &crate::writing::Erasable| {
                let parts = if erasable.parts.is_empty() {
                    "nothing on the license".to_owned()
                } else {
                    erasable.parts.join(", ")
                };
                let (hint, id) = (&erasable.key_hint, &erasable.id);
                let rows = views::counted(erasable.audit_rows, "row");
                format!("{hint} ({id}): {parts}; {rows} of its history to be rewritten.")
            };
            let mut notes: Vec<_> = erasables.iter().map(line).collect();
            notes.push("The licenses go on working. An erasure cannot be taken back.".to_owned());
            Ok((Vec::new(), notes))
        }
    }
}

fn compared(shell: &Shell, story: &LicenseStory, planned: &License) -> Vec<FactChange> {
    let after = EffectiveLicense::of(planned.clone(), &story.catalog).ok();
    let before = views::facts(&story.row.license, story.standing.as_ref(), &shell.clock);
    views::differences(before, &views::facts(planned, after.as_ref(), &shell.clock))
}

/// Sentences about the consequences of a change.
pub(crate) fn notes(change: &LicenseChange, license: &License) -> Vec<String> {
    let note = match change {
        LicenseChange::Suspend | LicenseChange::Revoke => {
            "Devices hear of it at their next check; a lease that a device holds counts until it ends."
        }
        LicenseChange::Reinstate if license.waits_for_its_term() => {
            "The license is pending again: its term begins with the first activation."
        }
        LicenseChange::ResetHardware(operate::Reset::All, _) => {
            "Every seat is vacant then, and the next bindings are not counted. Former devices lose their right to \
             come back."
        }
        LicenseChange::ResetHardware(operate::Reset::One(_), _) => {
            "The seat is vacant then, and its next binding is not counted. The device may ask again like any other."
        }
        LicenseChange::SetCustomer(_) if license.erased_at.is_some() => {
            "The person of this license was erased; with new entries it is a customer\u{2019}s again."
        }
        LicenseChange::SetLimits(_) => {
            "Applications count and compare. A device reads the new limits in its next lease."
        }
        LicenseChange::SetUpdatesUntil(_) => {
            "The license itself stays as valid as it is: applications compare the date of their build. A device reads \
             the new end in its next lease."
        }
        LicenseChange::Note(_) => "The note is written over the one before. The audit keeps no text of it.",
        _ => return Vec::new(),
    };
    vec![note.to_owned()]
}

fn rotation_notes(story: &LicenseStory, now: UnixMillis) -> Vec<String> {
    let license = &story.row.license;
    let hint = views::line(&story.issuance.key_hint);
    let mut notes = vec![
        format!("{hint} is revoked, and says so to whoever uses it."),
        "A new license with a new key takes its place, with the same terms. The key is shown once."
            .to_owned(),
        match license.devices.len() {
            0 => "Its seats are vacant.".to_owned(),
            bound => format!(
                "Its seats are vacant: {} may bind once more, uncounted.",
                views::counted(bound, "device")
            ),
        },
    ];
    match license.offline_leases_out(now) {
        0 => {}
        kept => notes.push(format!("Offline leases keep {kept} of its seats until they end.")),
    }
    if matches!(license.status, Status::Suspended | Status::Revoked) {
        notes.push(format!("The new license is {} too, until it is reinstated.", license.status.as_str()));
    }
    notes
}

async fn make_change(desk: &Desk, plan: &LicensePlan) -> Result<Response, Trouble> {
    let (shell, now) = (&desk.shell, desk.shell.clock.now());
    let seen = Seen { id: &plan.id, version: plan.version, reason: plan.reason.as_deref() };
    match &plan.asked {
        Asked::Change(change) => {
            desk.writes.change(&seen, change, now).await?;
            Ok(shell.go(&format!("license/{}?done={}", plan.id, change.names().0)))
        }
        Asked::Rotate => {
            let shown = desk.writes.rotate(&seen, now).await?;
            Ok(key_shown(shell, "The new key", &shown.key, shown.id.as_str()))
        }
        Asked::Reveal => {
            let shown = desk.writes.reveal(&seen, now).await?;
            Ok(key_shown(shell, "The key", &shown.key, shown.id.as_str()))
        }
        Asked::Erase => {
            desk.writes.erase(&plan.id, seen.reason, now).await?;
            Ok(shell.go(&format!("license/{}?done=erase-subject", plan.id)))
        }
    }
}

/// Says what others have done since the person saw the license.
async fn changed_meanwhile(shell: &Shell, plan: &LicensePlan) -> Result<Response, Trouble> {
    let rows = shell.reads.audit_since(&plan.id, plan.seen_at).await?;
    let audit = rows.iter().rev().map(|row| views::audit_line(row, &shell.clock)).collect();
    let sentence = "This license is not as you saw it. Nothing of yours was done.".to_owned();
    let frame = shell.frame("Changed meanwhile", Section::Licenses);
    let page = ChangedPage { frame, id: plan.id.to_string(), sentence, history: HistoryRows::whole(audit) };
    Ok((StatusCode::CONFLICT, html(&page)).into_response())
}
