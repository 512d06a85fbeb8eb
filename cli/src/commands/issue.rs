//! The command that issues licenses: one, or one for each row of a file.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use falconer_aws::operator::PlacedOrder;
use falconer_domain::issue::{CheckedOrder, Order, OrderId, Term};
use falconer_domain::{CalendarDate, License, Limits, Product, TierName};
use falconer_operator::import_export::bulk::BulkError;
use falconer_operator::import_export::bulk_issue::{BulkIssue, BulkIssueError, CheckedOrders, KeysError};
use falconer_operator::import_export::cells::{CsvRow, Sheet};
use falconer_operator::import_export::issue_csv;
use falconer_operator::issue::{Issued, Issuer, KeyForm, Ordered};
use falconer_operator::license_service::AuditAction;
use serde_json::{Value, json};

use crate::args::Issue;
use crate::commands::import::{self, beside};
use crate::commands::product::{self, Named};
use crate::commands::{CommandContext, opened, reason, unseen};
use crate::failure::{Failure, bad_input};
use crate::input;
use crate::output::progress::Progress;
use crate::output::render;
use crate::output::{self, OutputError, Voice};

/// Number of bad orders to print; the rest are only counted.
const MAX_BAD_ORDERS_SHOWN: usize = 20;

pub(crate) async fn run(context: &CommandContext<'_>, issue: Issue) -> Result<()> {
    let reason = reason(issue.reason.as_deref())?;
    let named = product::resolve_named(context, issue.product.as_deref()).await?;
    if let Some(file) = &issue.from_csv {
        let encoding = issue.encoding.as_deref();
        return issue_to(context, file, issue.output.as_deref(), named, reason.as_deref(), encoding).await;
    }
    let product = match named {
        Named::Is(product) => product,
        Named::Unsaid(failure) => return Err(failure.into()),
    };
    let form = if issue.legacy { KeyForm::Legacy } else { KeyForm::Current };
    let id = issue.order.as_deref().map(OrderId::read).transpose();
    let id = id.map_err(|why| bad_input(why.to_string()))?;
    let mut service = Issuer::new(context.store, context.ring, context.actor).because(reason.as_deref());
    let order = service.check(order(issue, product)?).await?;
    if context.options.dry_run {
        let there = match &id {
            Some(id) => service.placed(id, &order).await?,
            None => None,
        };
        return Ok(print_ordered(context, there.as_ref())?);
    }
    let Some(id) = id else {
        let issued = service.issue(&order, form, context.now).await?;
        return Ok(hand_over(context, &issued_now(&issued, &issued.key.to_string(), None))?);
    };
    match service.issue_for(&id, &order, form, context.now).await? {
        Ordered::Issued(issued) => {
            Ok(hand_over(context, &issued_now(&issued, &issued.key.to_string(), Some(&id)))?)
        }
        Ordered::There(placed) => hand_over_again(context, &placed, reason.as_deref()).await,
    }
}

fn print_ordered(context: &CommandContext<'_>, there: Option<&PlacedOrder>) -> Result<(), OutputError> {
    if context.options.json {
        let there = there.map(|placed| placed.license.as_str());
        return output::document(&json!({ "outcome": "dry_run", "there": there }));
    }
    output::line(match there {
        Some(placed) => format!("Order {} was issued before, as {}.", placed.id, placed.license),
        None => "The order is in order. Nothing was issued: this was a dry run.".to_owned(),
    })
}

/// The license of an order that was issued before, or what took its place: the same key again, and the audit says
/// so.
async fn hand_over_again(
    context: &CommandContext<'_>,
    placed: &PlacedOrder,
    reason: Option<&str>,
) -> Result<()> {
    let mut id = placed.license.clone();
    let row = loop {
        let row = context.find(id.as_str()).await?;
        match &row.license.replaced_by {
            Some(newer) => id = newer.clone(),
            None => break row,
        }
    };
    let key = opened(context.ring, &row.license, &row.issuance()?)?;
    let audit_action = AuditAction { action: "issue", code: "KEY_REVEALED", reason };
    // First the record, then the key: nobody sees one without the other.
    context.store.record(&context.service.audit(&id, audit_action, context.now)?).await?;
    let (license, order) = (&row.license, Some(&placed.id));
    Ok(hand_over(context, &Handed { key: &key, license, order, outcome: IssueTime::There })?)
}

/// Prints a key: the only moment at which it is seen.
fn hand_over(context: &CommandContext<'_>, handed: &Handed<'_>) -> Result<(), Failure> {
    let printed = if context.options.json {
        output::document_to_be_read(&handed.document())
    } else {
        output::to_be_read(handed.text())
    };
    let id = &handed.license.id;
    printed.map_err(|lost| unseen(&format!("{id} is issued, and its key was not seen"), id, &lost))
}

/// The keys go to a file, which makes a second run safe, and with `-` to standard output too.
async fn issue_to(
    context: &CommandContext<'_>,
    file: &Path,
    keys: Option<&Path>,
    product: Named,
    reason: Option<&str>,
    encoding: Option<&str>,
) -> Result<()> {
    context.check_output_is_free(keys)?;
    let voice = Voice::beside(keys);
    let printed = keys.is_some_and(output::is_standard_output);
    let path = beside(keys.filter(|_| !printed), file, "issued")?;
    issue_from_csv(context, file, &path, product, reason, voice, encoding).await?;
    if printed && !context.options.dry_run {
        let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        output::verbatim(&text)?;
    }
    Ok(())
}

/// First every key, in a file; then the licenses. Whoever is interrupted runs the same line again.
async fn issue_from_csv(
    context: &CommandContext<'_>,
    file: &Path,
    keys: &Path,
    product: Named,
    reason: Option<&str>,
    voice: Voice,
    encoding: Option<&str>,
) -> Result<()> {
    let (name, bytes) = (file.display(), input::sheet(file)?);
    let encoding = encoding.map(import::encoding).transpose()?;
    let orders = Sheet::open_in(encoding, &bytes, &issue_csv::REQUIRED).with_context(|| name.to_string())?;
    let unknown = orders.unknown(&issue_csv::COLUMNS);
    if !unknown.is_empty() {
        let (unknown, known) = (unknown.join(", "), issue_csv::COLUMNS.join(", "));
        return Err(bad_input(format!("{name}: no column {unknown}; there are {known}")).into());
    }
    let (product, unsaid) = product.of_rows();
    let product = &product;
    let names_it = |row: CsvRow<'_>| row.cell("product").is_some();
    if let Some(unsaid) = unsaid.filter(|_| !issue_csv::rows(&orders).all(names_it)) {
        return Err(unsaid.into());
    }
    let bulk = BulkIssue {
        store: context.store,
        ring: context.ring,
        actor: context.actor,
        reason,
        now: context.now,
    };
    let checked = in_order(bulk.check(&orders, product, |_| ControlFlow::Continue(())).await?)?;
    if context.options.dry_run {
        return Ok(print_bulk(context, "dry_run", checked.len() as u64, 0, None, voice)?);
    }
    let (count, name) = (checked.len(), keys.display());
    let keys_of = |made: &[u8]| {
        issue_csv::read_keys(made, &orders, product).with_context(|| {
            format!("{} has the keys of another file; name another one with --output", keys.display())
        })
    };
    let read = || std::fs::read(keys).with_context(|| format!("{name} cannot be read"));
    // An empty one is the place that a stopped run has taken.
    let made = if keys.exists() { read()? } else { Vec::new() };
    let there = if made.is_empty() { 0 } else { keys_of(&made)?.len() };
    let line = match (there, count - there) {
        (0, _) => format!("their keys go to {name}"),
        (_, 0) => format!("with the keys that {name} has"),
        (_, new) => format!("with the keys that {name} has, and {new} more that are added to it"),
    };
    context.confirm(&format!("issue {count} licenses"), &[line])?;
    if there < count {
        bulk.make_keys(&orders, &made, &checked[there..], keys).map_err(|error| match error {
            KeysError::Issue(error) => anyhow::Error::from(error),
            KeysError::File(error) => anyhow::Error::from(error)
                .context(format!("{name} cannot be written, or somebody was faster; nothing was issued")),
        })?;
    }
    let keyed = keys_of(&read()?)?;
    let mut progress = Progress::of(keyed.len() as u64, context.options);
    let watch = |done| {
        progress.at(done);
        ControlFlow::Continue(())
    };
    let issued = bulk.store(keyed, watch).await.map_err(stopped)?;
    progress.finish();
    let outcome = if issued.stored == 0 { "unchanged" } else { "changed" };
    Ok(print_bulk(context, outcome, issued.stored, issued.there, Some(keys), voice)?)
}

/// Every order; or what is wrong with those that are not in order, and nothing is issued.
fn in_order(found: CheckedOrders) -> Result<Vec<CheckedOrder>, Failure> {
    let CheckedOrders { checked, bad } = found;
    if bad.is_empty() {
        return Ok(checked);
    }
    for (line, why) in bad.iter().take(MAX_BAD_ORDERS_SHOWN) {
        output::note(format!("line {line}: {why}"));
    }
    let all = bad.len() + checked.len();
    Err(bad_input(format!("{} of {all} orders are not in order; nothing was issued", bad.len())))
}

fn print_bulk(
    context: &CommandContext<'_>,
    outcome: &str,
    issued: u64,
    there: u64,
    keys: Option<&Path>,
    voice: Voice,
) -> Result<(), OutputError> {
    let keys = keys.map(|keys| keys.display().to_string());
    if context.options.json {
        let document = json!({ "outcome": outcome, "issued": issued, "there": there, "keysFile": keys });
        return output::document(&document);
    }
    if outcome == "dry_run" {
        let sentence = format!("{issued} orders are in order. Nothing was issued: this was a dry run.");
        return voice.line(sentence);
    }
    voice.line(format!("{issued} licenses issued, {there} there already."))?;
    voice.line(format!("Their keys: {}", keys.unwrap_or_default()))
}

/// A failure of the store as itself, so that the exit code tells what is down from what is refused.
fn stopped(error: BulkIssueError) -> anyhow::Error {
    let error = match error {
        BulkIssueError::Bulk(BulkError::Store(error)) => anyhow::Error::from(error),
        BulkIssueError::Bulk(BulkError::Random(error)) => error.into(),
        // Nothing was stored yet, or what is wrong is not the store's.
        BulkIssueError::Store(error) => return error.into(),
        BulkIssueError::Issue(error) => return error.into(),
        BulkIssueError::Random(error) => return error.into(),
        BulkIssueError::ForeignKey => return error.into(),
    };
    error.context("what was issued stays, and the same command goes on from there")
}

fn order(issue: Issue, product: Product) -> Result<Order> {
    let tier =
        TierName::parse(&issue.tier).ok_or_else(|| bad_input("--tier must be 1 to 16 of a-z, 0-9 and _"))?;
    let term = match (issue.days, issue.from_activation) {
        (Some(days), true) => Term::DaysFromActivation(days),
        (Some(days), false) => Term::Days(days),
        (None, _) => Term::Perpetual,
    };
    Ok(Order {
        product,
        tier,
        user_id: issue.user,
        email: issue.email,
        licensee_name: issue.name,
        term,
        seats: issue.seats,
        features: issue.features,
        limits: Limits::read(issue.limits.iter().map(String::as_str))?,
        updates_until: issue.updates_until.as_deref().map(CalendarDate::read).transpose()?,
    })
}

/// A key and its license, as a command hands them over.
struct Handed<'a> {
    key: &'a str,
    license: &'a License,
    order: Option<&'a OrderId>,
    outcome: IssueTime,
}

fn issued_now<'a>(issued: &'a Issued, key: &'a str, order: Option<&'a OrderId>) -> Handed<'a> {
    Handed { key, license: &issued.license.license, order, outcome: IssueTime::Now }
}

/// When the license was issued.
#[derive(Clone, Copy)]
enum IssueTime {
    Now,
    There,
}

impl Handed<'_> {
    fn document(&self) -> Value {
        let license = self.license;
        json!({
            "outcome": match self.outcome { IssueTime::Now => "issued", IssueTime::There => "there" },
            "order": self.order.map(OrderId::as_str),
            "licenseKey": self.key,
            "licenseId": license.id.as_str(),
            "product": license.product.as_str(),
            "tier": license.tier.as_str(),
            "status": license.status.as_str(),
            "expiresAt": license.expires_at.map(|at| at.0),
            "durationDays": license.duration_days,
            "ownLimits": license.limits,
            "updatesUntil": license.updates_until,
        })
    }

    fn text(&self) -> String {
        let license = self.license;
        let mut lines = vec![
            format!("License key  {}", self.key),
            format!("License id   {}", license.id),
            format!("Tier         {}", license.tier),
            format!("Status       {}", license.status.as_str()),
            format!("Ends         {}", render::ends(license)),
        ];
        let limits = render::limits_text(&license.limits);
        lines.extend(limits.map(|limits| format!("Own limits   {limits}")));
        lines.extend(license.updates_until.map(|date| format!("Updates      until {date}")));
        match (self.order, self.outcome) {
            (Some(order), IssueTime::Now) => lines.push(format!("Order        {order}")),
            (Some(order), IssueTime::There) => {
                lines.push(format!("Order        {order}, issued before: nothing was issued now"));
            }
            (None, _) => {}
        }
        lines.join("\n")
    }
}
