//! `erase-subject`: erases a person from licenses and their history.

use anyhow::{Context, Result};
use falconer_aws::operator::ERASING;
use falconer_domain::LicenseId;
use falconer_domain::issue::OrderId;
use falconer_domain::person::Email;
use falconer_operator::erasure::{Erased, Erasure, ErasureError, Found, Mode, PersonLicense};
use falconer_operator::license_service::AuditAction;
use serde_json::{Value, json};

use crate::args::EraseSubject;
use crate::commands::{CommandContext, reason};
use crate::failure::{Failure, FailureKind, bad_input, not_found};
use crate::output;

/// Days for which point-in-time recovery keeps copies of the tables.
const COPIES_LIVE_DAYS: u32 = 35;

/// Data that an erasure leaves, and until when.
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

/// Erases a person, or counts what an erasure would change.
pub(crate) async fn run(context: &CommandContext<'_>, arguments: &EraseSubject) -> Result<()> {
    let reason = reason(arguments.reason.as_deref())?;
    let mode = if context.options.dry_run { Mode::Count } else { Mode::Erase };
    let erasure = Erasure {
        store: context.store,
        service: &context.service,
        action: AuditAction { action: ERASING, code: "SUBJECT_ERASED", reason: reason.as_deref() },
        mode,
        now: context.now,
    };
    let email = arguments.email.as_deref().map(address).transpose()?;
    let found = find(context, &erasure, email.as_ref(), arguments).await?;
    if found.subjects.is_empty() {
        return Err(nobody(&found).into());
    }
    if reason.as_deref().is_some_and(|reason| found.is_named_in(reason, email.as_ref())) {
        // The audit keeps the reason.
        let sentence = "the reason names the person, and the audit keeps it; say why without the name, e-mail and \
                        user id, as --reason \"request 17\"";
        return Err(bad_input(sentence).into());
    }
    if mode == Mode::Erase {
        let lines: Vec<_> = found.subjects.iter().map(|subject| parts_line(&subject.preview())).collect();
        context.confirm("erase the person of", &lines)?;
    }
    let ids = found.subjects.iter().map(PersonLicense::id).collect();
    let goes_on = "what was erased stays erased, and the same command goes on from there";
    let orders = erasure.hide_orders(&ids).await.map_err(unwrapped).context(goes_on)?;
    let mut done = Vec::new();
    for subject in &found.subjects {
        done.push(erasure.erase(subject).await.map_err(unwrapped).context(goes_on)?);
    }
    print_erased(context, &found, &done, &orders, mode)
}

async fn find(
    context: &CommandContext<'_>,
    erasure: &Erasure<'_>,
    email: Option<&Email>,
    arguments: &EraseSubject,
) -> Result<Found> {
    let Some(email) = email else {
        let row = context.find(arguments.license.as_deref().unwrap_or_default()).await?;
        return erasure.find_by_license(row).await.map_err(unwrapped);
    };
    context.print_scan();
    let found = erasure.find_by_address(email).await.map_err(unwrapped)?;
    CommandContext::print_unreadable(found.unreadable);
    Ok(found)
}

/// Returns a store failure as itself, because the exit code follows the cause's type.
fn unwrapped(error: ErasureError) -> anyhow::Error {
    match error {
        ErasureError::Store(error) => error.into(),
        ErasureError::NoLicense(_) => not_found(error.to_string()).into(),
        ErasureError::Contended => Failure::new(FailureKind::Contended, error.to_string()).into(),
        ErasureError::Random(_) => error.into(),
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
        Failure::new(FailureKind::Damaged, sentence)
    });
    if context.options.json {
        let document = document(found, done, orders, mode);
        return match lacking {
            Some(lacking) => Err(lacking.after(document).into()),
            None => Ok(output::document(&document)?),
        };
    }
    for erased in done {
        output::line(erased_line(erased, mode))?;
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

fn parts_line(erased: &Erased) -> String {
    let parts =
        if erased.parts.is_empty() { "nothing on the license".to_owned() } else { erased.parts.join(", ") };
    format!("{} ({}): {parts}", erased.key_hint, erased.id)
}

fn erased_line(erased: &Erased, mode: Mode) -> String {
    let would = match mode {
        Mode::Count => "would be rewritten",
        Mode::Erase => "rewritten",
    };
    let rows = if erased.audit_rows == 1 { "audit row" } else { "audit rows" };
    format!("{}; {} {rows} {would}", parts_line(erased), erased.audit_rows)
}

fn address(text: &str) -> Result<Email> {
    Email::read(text)?.ok_or_else(|| bad_input("--email is empty; name the person's e-mail").into())
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
