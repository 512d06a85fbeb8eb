//! One change of many licenses: each as a person saw it, one after the other, with a result for each.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::{LicenseId, UnixMillis};
use falconer_operator::license_change::LicenseChange;
use falconer_operator::license_service::LicenseService;

use crate::changes::{self, Asked};
use crate::field_names::in_page_words;
use crate::forms::Form;
use crate::jobs::MAX_FOUND;
use crate::kept::Keepable;
use crate::runs::BackgroundRun;
use crate::shell::Desk;
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views::{self, FactChange};

/// A change of many licenses that a person has seen. No `Debug`: it is about people.
pub(crate) struct BulkChange {
    change: LicenseChange,
    pub(crate) reason: Option<String>,
    pub(crate) rows: Vec<PlannedRow>,
    /// Each row as a command to copy.
    pub(crate) commands: Vec<String>,
    /// Consequences of the change.
    pub(crate) notes: Vec<String>,
    /// The page of the ticks.
    pub(crate) back: String,
    seen_at: UnixMillis,
    results: Mutex<Vec<RowResult>>,
    pub(crate) run: BackgroundRun<Result<BulkChangeEnd, String>>,
}

/// A license of a bulk change, as a person saw it.
pub(crate) struct PlannedRow {
    pub(crate) id: LicenseId,
    pub(crate) key_hint: String,
    pub(crate) customer: Vec<String>,
    version: u64,
    pub(crate) plan: RowPlan,
}

/// The effect of a change on one license.
pub(crate) enum RowPlan {
    /// Facts that will differ.
    Changes(Vec<FactChange>),
    /// None: it is so already.
    Same,
    /// The rules do not allow it.
    Refused(String),
}

/// The result for one license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowResult {
    /// It is not its turn yet.
    Waits,
    /// Changed.
    Changed,
    /// It is not as the person saw it: somebody has changed it, or a device was seen. That stays.
    Meanwhile,
    /// The rules do not allow it any more, or it is gone.
    Refused(String),
    /// The answer was lost. The next run finds out.
    Unknown,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BulkChangeEnd {
    /// With its last license.
    Whole,
    /// Somebody stopped it.
    Stopped,
}

/// The name of a change of many licenses, for a button.
pub(crate) const fn heading(change: &LicenseChange) -> &'static str {
    match change {
        LicenseChange::Suspend => "Suspend",
        LicenseChange::Extend(_) => "Change the end of",
        _ => "Write the note of",
    }
}

impl Keepable for BulkChange {
    fn goes_on(&self) -> bool {
        self.run.goes_on()
    }
}

impl BulkChange {
    /// Reads the licenses of a form, and what the change would do to each.
    pub(crate) async fn plan(desk: &Desk, form: &Form) -> Result<Self, Trouble> {
        let ids = ticked(form)?;
        let (shell, reason) = (&desk.shell, changes::reason(form)?);
        let ring = shell.reads.ring().await?;
        let service = desk.writes.service(&ring);
        let now = shell.clock.now();
        let (mut rows, mut commands, mut notes, mut asked) = (Vec::new(), Vec::new(), Vec::new(), None);
        for id in ids {
            let row = service.find(id.as_str()).await?;
            let (change, words) = match changes::read(form, &row.license)? {
                (Asked::Change(change), words) if is_for_many(&change) => (change, words),
                _ => return Err(Trouble::BadInput("this is not a change of many licenses".to_owned())),
            };
            let catalog = service.catalog(&row.license.product).await?;
            let plan = match change.apply(row.license.clone(), &catalog, now) {
                Ok(after) if after == row.license => RowPlan::Same,
                Ok(after) => {
                    let facts = |license: &falconer_domain::License| {
                        let standing = EffectiveLicense::of(license.clone(), &catalog).ok();
                        views::facts(license, standing.as_ref(), &shell.clock)
                    };
                    RowPlan::Changes(views::differences(facts(&row.license), &facts(&after)))
                }
                Err(why) => RowPlan::Refused(in_page_words(&why.to_string())),
            };
            if matches!(plan, RowPlan::Changes(_)) {
                commands.push(shell.command.with(&words.words(reason.as_deref())));
            }
            notes = crate::pages::change::notes(&change, &row.license);
            let issuance = row.issuance()?;
            rows.push(PlannedRow {
                id,
                key_hint: views::line(&issuance.key_hint),
                customer: views::customer(&row.license),
                version: row.guard.number(),
                plan,
            });
            asked = Some(change);
        }
        let change =
            asked.ok_or_else(|| Trouble::BadInput("no license is ticked; tick some rows".to_owned()))?;
        let results = Mutex::new(vec![RowResult::Waits; rows.len()]);
        let back = FormPage::sent(form, "licenses").back;
        Ok(Self {
            change,
            reason,
            rows,
            commands,
            notes,
            back,
            seen_at: now,
            results,
            run: BackgroundRun::new(),
        })
    }

    pub(crate) const fn heading(&self) -> &'static str {
        heading(&self.change)
    }

    /// Rows that will be different.
    pub(crate) fn changing(&self) -> usize {
        self.commands.len()
    }

    pub(crate) fn results(&self) -> Vec<RowResult> {
        self.lock().clone()
    }

    /// Changes each license that is as the person saw it.
    pub(crate) async fn make(&self, desk: &Desk) -> Result<BulkChangeEnd, Trouble> {
        let ring = desk.shell.reads.ring().await?;
        let service = desk.writes.service(&ring);
        self.run.of(self.changing() as u64);
        let changing = |row: &&(usize, &PlannedRow)| matches!(row.1.plan, RowPlan::Changes(_));
        let rows: Vec<_> = self.rows.iter().enumerate().collect();
        for (done, (index, row)) in (0..).zip(rows.iter().filter(changing)) {
            if self.run.at(done).is_break() {
                return Ok(BulkChangeEnd::Stopped);
            }
            let before = self.lock()[*index].clone();
            if !matches!(before, RowResult::Waits | RowResult::Unknown) {
                continue;
            }
            let result = match (self.change_one(desk, &service, row).await, before) {
                (Ok(()), _) => RowResult::Changed,
                // The answer of an earlier run was lost, and perhaps the change was not.
                (Err(Trouble::Changed(_)), RowResult::Unknown) if self.is_done(desk, row).await? => {
                    RowResult::Changed
                }
                (Err(Trouble::Changed(_)), _) => RowResult::Meanwhile,
                (Err(trouble @ (Trouble::Refused(_) | Trouble::NotFound(_))), _) => {
                    RowResult::Refused(trouble.sentence())
                }
                (Err(trouble), _) => {
                    self.lock()[*index] = RowResult::Unknown;
                    return Err(trouble);
                }
            };
            self.lock()[*index] = result;
        }
        Ok(BulkChangeEnd::Whole)
    }

    async fn change_one(
        &self,
        desk: &Desk,
        service: &LicenseService<'_>,
        planned: &PlannedRow,
    ) -> Result<(), Trouble> {
        let row = service.find(planned.id.as_str()).await?;
        if row.guard.number() != planned.version {
            return Err(Trouble::Changed("this license is not as you saw it".to_owned()));
        }
        let catalog = service.catalog(&row.license.product).await?;
        let now = desk.shell.clock.now();
        let action = self.change.audit_action(self.reason.as_deref());
        let rule = |license| self.change.apply(license, &catalog, now);
        service.change_read(&row, action, now, rule).await?;
        Ok(())
    }

    /// True if the history has this change of this actor since the person saw the license.
    async fn is_done(&self, desk: &Desk, row: &PlannedRow) -> Result<bool, Trouble> {
        let (_, code) = self.change.names();
        let rows = desk.shell.reads.audit_since(&row.id, self.seen_at).await?;
        Ok(rows.iter().any(|row| {
            let is_ours = row.actor.as_deref() == Some(desk.writes.actor());
            row.code == code && is_ours && row.reason == self.reason
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<RowResult>> {
        self.results.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn is_for_many(change: &LicenseChange) -> bool {
    matches!(change, LicenseChange::Suspend | LicenseChange::Extend(_) | LicenseChange::Note(_))
}

/// The licenses that a form names, each once.
pub(crate) fn ticked(form: &Form) -> Result<Vec<LicenseId>, Trouble> {
    named(form, "license")
}

pub(crate) fn named(form: &Form, field: &str) -> Result<Vec<LicenseId>, Trouble> {
    let mut seen = BTreeSet::new();
    let mut ids = Vec::new();
    for text in form.all(field) {
        let id = LicenseId::parse(text);
        let id = id.ok_or_else(|| Trouble::BadInput("this form names no license id (lic_…)".to_owned()))?;
        if seen.insert(id.to_string()) {
            ids.push(id);
        }
    }
    if ids.len() > MAX_FOUND {
        return Err(Trouble::BadInput(format!(
            "{} are ticked, and {MAX_FOUND} are the most at a time",
            views::counted(ids.len(), "license")
        )));
    }
    Ok(ids)
}
