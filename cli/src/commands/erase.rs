//! The command that erases a person.
//!
//! Each license goes in one transaction with its audit row; then its history is rewritten, row by row; then the mark is
//! taken off that says so. Whoever is stopped in between gives the same command again: a license that still has the
//! address is found by it, and one whose history is not all done by its mark.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use falconer_aws::StoreError;
use falconer_aws::operator::{ERASING, IssuanceRecord};
use falconer_aws::store::{Row, jitter};
use falconer_domain::issue::OrderId;
use falconer_domain::operate::{self, Personal};
use falconer_domain::person::{Email, Note, mentions};
use falconer_domain::{License, LicenseId};
use falconer_operator::license_service::AuditAction;
use falconer_operator::random;
use futures_util::StreamExt;
use serde_json::{Value, json};

use crate::args::EraseSubject;
use crate::commands::{CommandContext, reason};
use crate::failure::{Failure, Kind, bad_input, not_found};
use crate::output;

/// How often a license is read and erased again, when others change it at the same moment: more often than other deeds,
/// since nobody is to wait for a quiet hour of a busy license.
const MAX_DECISIONS: u32 = 20;
/// Audit rows that are rewritten at the same time.
const MAX_IN_FLIGHT: usize = 8;
/// Longest chain of keys that were rotated: more rotations of one license than anybody makes.
const MAX_CHAIN: usize = 100;
/// What an import kept beside the license.
const METADATA: &str = "metadata of an import";
/// Days for which a copy of the tables lives: what point-in-time recovery keeps.
const COPIES_LIVE_DAYS: u32 = 35;

/// What an erasure leaves, and until when.
const REMAINS: [(&str, &str); 7] = [
    ("the licenses, with their sealed keys, terms, counts, moments and keyed hashes of hardware", "for good"),
    ("actors of audit rows and the reason of this erasure, the operators' own words", "for good"),
    ("copies of the tables for point-in-time recovery", "for 35 days"),
    ("counters of requests by address", "for some minutes, and until DynamoDB has deleted them"),
    (
        "address and origin of a request that was being answered in these seconds",
        "for VERIFICATION_RETENTION_DAYS, or until --license erases again",
    ),
    ("logs of the functions, with license ids and no person", "as long as their groups keep them"),
    (
        "what lies outside the tables, as exports, lists of keys, mapping files, mails, your shop",
        "until you delete it",
    ),
];

/// The licenses of a person.
struct Found {
    /// In the order in which they are erased: those that the others are found by come last.
    subjects: Vec<Subject>,
    /// Licenses of others, as it seems, that hold the address in a text.
    mentions: Vec<(LicenseId, &'static str)>,
    unreadable: usize,
}

/// A license of the person.
struct Subject {
    row: Row,
    issuance: IssuanceRecord,
}

/// What was, or would be, erased of a license.
struct Erased {
    id: LicenseId,
    key_hint: String,
    parts: Vec<&'static str>,
    audit_rows: u64,
}

/// What is done with what is found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Count,
    Erase,
}

pub(crate) async fn run(context: &CommandContext<'_>, erase: &EraseSubject) -> Result<()> {
    let reason = reason(erase.reason.as_deref())?;
    let email = erase.email.as_deref().map(address).transpose()?;
    let found = match (&email, &erase.license) {
        (Some(email), _) => found_by_address(context, email).await?,
        (None, license) => found_by_license(context, license.as_deref().unwrap_or_default()).await?,
    };
    if found.subjects.is_empty() {
        return Err(nobody(&found).into());
    }
    refuse_to_name(&found, email.as_ref(), reason.as_deref())?;
    let mode = if context.options.dry_run { Mode::Count } else { Mode::Erase };
    if mode == Mode::Erase {
        let lines: Vec<_> = found.subjects.iter().map(Subject::line).collect();
        context.confirm("erase the person of", &lines)?;
    }
    let deed = AuditAction { action: ERASING, code: "SUBJECT_ERASED", reason: reason.as_deref() };
    let ids = found.subjects.iter().map(|subject| subject.row.license.id.clone()).collect();
    let goes_on = "what was erased stays erased, and the same command goes on from there";
    let orders = orders_hidden(context, &ids, mode).await.context(goes_on)?;
    let mut done = Vec::new();
    for subject in &found.subjects {
        done.push(erased(context, subject, deed, mode).await.context(goes_on)?);
    }
    print_erased(context, &found, &done, &orders, mode)
}

async fn found_by_address(context: &CommandContext<'_>, email: &Email) -> Result<Found> {
    let (mut begun, mut direct, mut others) = (Vec::new(), Vec::new(), Vec::new());
    let unreadable = context
        .look_through(|row, issuance| {
            if operate::holds_address(&row.license, email) {
                direct.push(Subject { row, issuance });
            } else if row.is_being_erased() {
                begun.push(Subject { row, issuance });
            } else if let Some(place) = mentioned(&row.license, &issuance, email) {
                others.push((row.license.id, place));
            }
            ControlFlow::Continue(())
        })
        .await?;
    // First those that are found by another license alone; that one still leads to them if this is interrupted.
    let mut subjects = begun;
    for one in &direct {
        let known = subjects.iter().chain(&direct).map(Subject::id).collect();
        let chain = chain_of(context, &one.row.license, known).await?;
        subjects.extend(chain.into_iter().filter(|member| member.is_nobody_elses(&one.row.license)));
    }
    direct.sort_by(|one, other| one.age().cmp(&other.age()));
    subjects.extend(direct);
    others.retain(|(id, _)| !subjects.iter().any(|subject| subject.row.license.id == *id));
    Ok(Found { subjects, mentions: others, unreadable })
}

/// The license, after those whose key it replaced and those that replaced its key: they are of the same customer.
async fn found_by_license(context: &CommandContext<'_>, license: &str) -> Result<Found> {
    let row = context.find(license).await?;
    let issuance = row.issuance()?;
    let mut subjects = chain_of(context, &row.license, BTreeSet::from([row.license.id.clone()])).await?;
    subjects.push(Subject { row, issuance });
    Ok(Found { subjects, mentions: Vec::new(), unreadable: 0 })
}

async fn chain_of(
    context: &CommandContext<'_>,
    license: &License,
    mut known: BTreeSet<LicenseId>,
) -> Result<Vec<Subject>> {
    let neighbours = |license: &License| [license.replaces.clone(), license.replaced_by.clone()];
    let (mut open, mut chain) = (Vec::from(neighbours(license)), Vec::new());
    while let Some(id) = open.pop() {
        let Some(id) = id.filter(|id| known.insert(id.clone())) else { continue };
        let Some(row) = context.store.license(&id).await? else { continue };
        open.extend(neighbours(&row.license));
        let issuance = row.issuance()?;
        chain.push(Subject { row, issuance });
        if chain.len() == MAX_CHAIN {
            break;
        }
    }
    // The farthest first: the nearer ones lead to it.
    chain.reverse();
    Ok(chain)
}

/// Orders of these licenses. Their ids are the vendor's and may name a person; a hash still keeps each from being
/// issued twice.
async fn orders_hidden(
    context: &CommandContext<'_>,
    licenses: &BTreeSet<LicenseId>,
    mode: Mode,
) -> Result<Vec<OrderId>> {
    let (mut place, mut orders) = (None, Vec::new());
    loop {
        let page = context.store.orders_of(licenses, place).await?;
        for order in page.orders {
            if mode == Mode::Erase {
                context.store.hide_order(&order, &random::id()?).await?;
            }
            orders.push(order);
        }
        place = page.next;
        if place.is_none() {
            return Ok(orders);
        }
    }
}

async fn erased(
    context: &CommandContext<'_>,
    subject: &Subject,
    deed: AuditAction<'_>,
    mode: Mode,
) -> Result<Erased> {
    let license = &subject.row.license;
    let (id, key_hint, parts) = (license.id.clone(), subject.issuance.key_hint.clone(), subject.parts());
    if mode == Mode::Count {
        let audit_rows = history_blanked(context, license, mode).await?;
        return Ok(Erased { id, key_hint, parts, audit_rows });
    }
    let license = license_blanked(context, &id, deed).await?;
    let audit_rows = history_blanked(context, &license, mode).await?;
    context.store.end_erasure(&id).await?;
    let has_its_row = !parts.is_empty() || subject.row.is_being_erased();
    if audit_rows > 0 && !has_its_row {
        context.store.record(&context.service.audit(&id, deed, context.now)?).await?;
    }
    Ok(Erased { id, key_hint, parts, audit_rows })
}

/// The license without its person, as it is stored then.
async fn license_blanked(
    context: &CommandContext<'_>,
    id: &LicenseId,
    deed: AuditAction<'_>,
) -> Result<License> {
    for tries in 1..=MAX_DECISIONS {
        let gone = || not_found(format!("there is no license {id}"));
        let row = context.store.license(id).await?.ok_or_else(gone)?;
        let after = operate::erase(row.license.clone(), context.now);
        if after == row.license && row.issuance()?.metadata.is_none() {
            return Ok(after);
        }
        let audit = context.service.audit(id, deed, context.now)?;
        match context.store.erase(&row, &after, &audit, &random::id()?).await {
            Ok(()) => return Ok(after),
            Err(StoreError::Conflict) => tokio::time::sleep(jitter(tries)).await,
            Err(error) => return Err(error.into()),
        }
    }
    let sentence = "others keep changing this license at this moment; try again";
    Err(Failure::new(Kind::Contended, sentence).into())
}

/// How many rows of a history told of a person. A page of them is in memory at a time.
async fn history_blanked(context: &CommandContext<'_>, license: &License, mode: Mode) -> Result<u64> {
    let (mut place, mut count) = (None, 0);
    loop {
        let page = context.store.telling_rows(&license.id, license.erased_at, place).await?;
        count += page.rows.len() as u64;
        if mode == Mode::Erase {
            let rows = page.rows.into_iter().map(|row| context.store.blank(row));
            let mut rows = std::pin::pin!(futures_util::stream::iter(rows).buffer_unordered(MAX_IN_FLIGHT));
            while let Some(outcome) = rows.next().await {
                outcome?;
            }
        }
        place = page.next;
        if place.is_none() {
            return Ok(count);
        }
    }
}

fn print_erased(
    context: &CommandContext<'_>,
    found: &Found,
    done: &[Erased],
    orders: &[OrderId],
    mode: Mode,
) -> Result<()> {
    let lacking = (found.unreadable > 0).then(|| {
        let sentence = format!("{} rows do not read as licenses and were not looked at", found.unreadable);
        Failure::new(Kind::Damaged, sentence)
    });
    if context.options.json {
        let document = document(found, done, orders, mode);
        return match lacking {
            Some(lacking) => Err(lacking.after(document).into()),
            None => Ok(output::document(&document)?),
        };
    }
    for erased in done {
        output::line(erased.line(mode))?;
    }
    for order in orders {
        output::line(match mode {
            Mode::Count => format!("The id of order {order} would be hidden behind a hash."),
            Mode::Erase => format!("The id of order {order} is hidden behind a hash."),
        })?;
    }
    for (id, place) in &found.mentions {
        output::line(mention_line(id, place))?;
    }
    match mode {
        Mode::Count => output::line("Nothing was changed: this was a dry run.")?,
        Mode::Erase => {
            output::line("What the application says of a person is no longer stored on these licenses.")?;
            output::line("\nWhat remains:")?;
            for (what, until) in REMAINS {
                output::line(format!("  {until}: {what}"))?;
            }
        }
    }
    lacking.map_or(Ok(()), |lacking| Err(lacking.into()))
}

impl Subject {
    fn id(&self) -> LicenseId {
        self.row.license.id.clone()
    }

    /// Returns the place in a list that is the same in every run.
    fn age(&self) -> (i64, &str) {
        (self.issuance.created_at, self.row.license.id.as_str())
    }

    fn parts(&self) -> Vec<&'static str> {
        let parts = operate::personal(&self.row.license).into_iter().map(Personal::as_str);
        parts.chain(self.issuance.metadata.as_ref().map(|_| METADATA)).collect()
    }

    fn line(&self) -> String {
        Erased { id: self.id(), key_hint: self.issuance.key_hint.clone(), parts: self.parts(), audit_rows: 0 }
            .what()
    }

    /// Returns true if a license that took the place of another one, or whose place that took, is of the same customer
    /// for all that is known: no address is stored, and no other id.
    fn is_nobody_elses(&self, of: &License) -> bool {
        let License { email, licensee_email, user_id, .. } = &self.row.license;
        email.is_none() && licensee_email.is_none() && (user_id.is_none() || *user_id == of.user_id)
    }
}

impl Erased {
    fn what(&self) -> String {
        let parts =
            if self.parts.is_empty() { "nothing on the license".to_owned() } else { self.parts.join(", ") };
        format!("{} ({}): {parts}", self.key_hint, self.id)
    }

    fn line(&self, mode: Mode) -> String {
        let would = match mode {
            Mode::Count => "would be rewritten",
            Mode::Erase => "rewritten",
        };
        let rows = if self.audit_rows == 1 { "audit row" } else { "audit rows" };
        format!("{}; {} {rows} {would}", self.what(), self.audit_rows)
    }
}

fn address(text: &str) -> Result<Email> {
    Email::read(text)?.ok_or_else(|| bad_input("--email is empty; name the person's e-mail").into())
}

/// Where the address is in a text about a license that is not the person's by its own address.
fn mentioned(license: &License, issuance: &IssuanceRecord, email: &Email) -> Option<&'static str> {
    let named = |text: Option<&str>| text.is_some_and(|text| mentions(text, email.as_str()));
    if named(license.notes.as_ref().map(Note::as_str)) {
        Some("note")
    } else if named(issuance.metadata.as_deref()) {
        Some(METADATA)
    } else {
        None
    }
}

fn mention_line(id: &LicenseId, place: &str) -> String {
    format!(
        "The {place} of {id} has this address too: `falconer erase-subject --license {id}` erases its person."
    )
}

fn nobody(found: &Found) -> Failure {
    let looked = "no license has this e-mail; a person whose license has none is erased with --license";
    let mentions = found.mentions.iter().map(|(id, place)| mention_line(id, place));
    let sentences: Vec<_> = std::iter::once(looked.to_owned()).chain(mentions).collect();
    not_found(sentences.join("\n"))
}

/// The reason stays in the audit, so it must not be what brings the person back.
fn refuse_to_name(found: &Found, email: Option<&Email>, reason: Option<&str>) -> Result<(), Failure> {
    let Some(reason) = reason else { return Ok(()) };
    let named = found.subjects.iter().any(|subject| operate::names_person(&subject.row.license, reason))
        || email.is_some_and(|email| mentions(reason, email.as_str()));
    if named {
        let sentence = "the reason names the person, and the audit keeps it; say why without the name, e-mail and \
                        user id, as --reason \"request 17\"";
        return Err(bad_input(sentence));
    }
    Ok(())
}

fn document(found: &Found, done: &[Erased], orders: &[OrderId], mode: Mode) -> Value {
    let changed = !orders.is_empty() || done.iter().any(|it| !it.parts.is_empty() || it.audit_rows > 0);
    let outcome = match mode {
        Mode::Count => "dry_run",
        Mode::Erase if changed => "changed",
        Mode::Erase => "unchanged",
    };
    let license = |erased: &Erased| {
        json!({
            "licenseId": erased.id.as_str(), "keyHint": erased.key_hint, "parts": erased.parts,
            "auditRows": erased.audit_rows,
        })
    };
    let ids = done.iter().map(|erased| erased.id.as_str());
    let erased: Vec<_> = ids.filter(|_| mode == Mode::Erase).collect();
    let remains = REMAINS.map(|(what, until)| json!({ "what": what, "until": until }));
    let mentions = found.mentions.iter().map(|(id, place)| json!({ "licenseId": id.as_str(), "in": place }));
    json!({
        "action": ERASING, "outcome": outcome, "found": found.subjects.len(), "erased": erased,
        "licenses": done.iter().map(license).collect::<Vec<_>>(),
        "auditRows": done.iter().map(|erased| erased.audit_rows).sum::<u64>(),
        "orders": orders.iter().map(OrderId::as_str).collect::<Vec<_>>(),
        "mentions": mentions.collect::<Vec<_>>(), "unreadable": found.unreadable,
        "remains": remains, "copiesLiveDays": COPIES_LIVE_DAYS,
    })
}
