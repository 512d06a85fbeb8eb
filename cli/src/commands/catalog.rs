//! The commands that look at catalogs and replace them.

use anyhow::{Context, Result};
use falconer_domain::{Catalog, LicenseId};
use falconer_operator::catalog;
use falconer_operator::catalog_change::{CatalogChange, CatalogInUse};
use serde_json::json;

use crate::args::{self, CatalogFile};
use crate::commands::product;
use crate::commands::{CommandContext, reason};
use crate::failure::not_found;
use crate::input;
use crate::output;

/// Licenses that a warning names: they fit on two lines.
const NAMED_LICENSES: usize = 3;

pub(crate) async fn run(context: &CommandContext<'_>, command: args::Catalog) -> Result<()> {
    match command {
        args::Catalog::Show { product: named } => {
            let product = product::resolve(context, named.as_deref()).await?;
            let CatalogInUse { catalog: in_use, version } =
                CatalogInUse::read(context.store, &product).await?;
            let in_use = in_use.ok_or_else(|| {
                not_found(format!(
                    "product {product} has no catalog; `falconer catalog apply FILE` stores one"
                ))
            })?;
            let text = catalog::written(&in_use);
            if context.options.json {
                let (product, stored) = (product.as_str(), version > 0);
                output::document(
                    &json!({ "product": product, "stored": stored, "version": version, "toml": text }),
                )?;
            } else {
                output::verbatim(text.as_bytes())?;
            }
            Ok(())
        }
        args::Catalog::Check(file) => {
            let new = read(&file)?;
            let in_use = CatalogInUse::read(context.store, new.product()).await?;
            print_outcome(context, &new, &in_use.changes(&new), "checked")
        }
        args::Catalog::Apply(file) => apply(context, &file).await,
    }
}

async fn apply(context: &CommandContext<'_>, file: &CatalogFile) -> Result<()> {
    let plan = CatalogChange::plan(context.store, &context.service, read(file)?, context.now, || {
        context.print_scan();
    });
    let change = plan.await?;
    CommandContext::print_unreadable(change.unreadable);
    if change.changes.is_empty() {
        return print_outcome(context, &change.new, &change.changes, "unchanged");
    }
    if context.options.dry_run {
        return applied(context, &change, "dry_run");
    }
    let shown: Vec<_> = change.changes.iter().cloned().chain(warning(&change.oversold)).collect();
    context.confirm(&format!("replace the catalog of {}", change.new.product()), &shown)?;
    let reason = reason(file.reason.as_deref())?;
    change.apply(context.store, &context.service, reason.as_deref(), context.now).await?;
    applied(context, &change, "changed")
}

fn applied(context: &CommandContext<'_>, change: &CatalogChange, outcome: &str) -> Result<()> {
    let CatalogChange { new, changes, oversold, .. } = change;
    if context.options.json {
        let oversold: Vec<_> = oversold.iter().map(LicenseId::as_str).collect();
        return Ok(output::document(&json!({
            "product": new.product().as_str(), "outcome": outcome, "changes": changes,
            "moreDevicesThanSeats": oversold,
        }))?);
    }
    let warned: Vec<_> = changes.iter().cloned().chain(warning(oversold)).collect();
    print_outcome(context, new, &warned, outcome)
}

fn print_outcome(
    context: &CommandContext<'_>,
    new: &Catalog,
    changes: &[String],
    outcome: &str,
) -> Result<()> {
    if context.options.json {
        let document = json!({ "product": new.product().as_str(), "outcome": outcome, "changes": changes });
        return Ok(output::document(&document)?);
    }
    context.print_lines(changes)?;
    let sentence = match outcome {
        "changed" => "Done. Instances follow within a minute.",
        "dry_run" => "Nothing was changed: this was a dry run.",
        _ if changes.is_empty() => "It is the catalog in use.",
        _ => "It is a catalog, and differs from the one in use as above.",
    };
    Ok(output::line(sentence)?)
}

/// Warns of these licenses, with the first few ids; `--json` lists all of them.
fn warning(oversold: &[LicenseId]) -> Vec<String> {
    if oversold.is_empty() {
        return Vec::new();
    }
    let licenses = if oversold.len() == 1 { "license" } else { "licenses" };
    let some: Vec<_> = oversold.iter().take(NAMED_LICENSES).map(LicenseId::as_str).collect();
    let more = if oversold.len() > some.len() { ", …" } else { "" };
    vec![
        format!(
            "{} {licenses} would have more devices than seats: {}{more}",
            oversold.len(),
            some.join(", ")
        ),
        "their devices go on, and no other is bound; `falconer set-seats` with --release decides which go. A device that \
         has left counts until its offline lease ends"
            .to_owned(),
    ]
}

fn read(file: &CatalogFile) -> Result<Catalog> {
    catalog::read(&input::text(&file.file)?).with_context(|| file.file.display().to_string())
}
