//! The commands that look at catalogs and replace them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use falconer_domain::{Catalog, License, LicenseId, PolicyOverrides, Product, TierName};
use falconer_operator::{catalog, random};
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
            let (in_use, version) = in_use(context, &product).await?;
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
            let (in_use, _) = in_use(context, new.product()).await?;
            print_outcome(context, &new, &changes(in_use.as_ref(), &new), "checked")
        }
        args::Catalog::Apply(file) => apply(context, &file).await,
    }
}

async fn apply(context: &CommandContext<'_>, file: &CatalogFile) -> Result<()> {
    let new = read(file)?;
    let (in_use, version) = in_use(context, new.product()).await?;
    let changes = changes(in_use.as_ref(), &new);
    if changes.is_empty() {
        return print_outcome(context, &new, &changes, "unchanged");
    }
    ensure_tiers_unused(context, in_use.as_ref(), &new).await?;
    let oversold = more_devices_than_seats(context, in_use.as_ref(), &new).await?;
    if context.options.dry_run {
        return applied(context, &new, &changes, &oversold, "dry_run");
    }
    let shown: Vec<_> = changes.iter().cloned().chain(warning(&oversold)).collect();
    context.confirm(&format!("replace the catalog of {}", new.product()), &shown)?;
    let reason = reason(file.reason.as_deref())?;
    let row = context.service.audit_of_catalog(new.product(), reason.as_deref(), context.now)?;
    context.store.put_catalog(&new, version, &row, &random::id()?).await?;
    applied(context, &new, &changes, &oversold, "changed")
}

/// The licenses that would have more devices than seats. Their devices stay, and no other is bound until they fit;
/// an operator who sees that may say `falconer set-seats` or `set-tier` instead.
async fn more_devices_than_seats(
    context: &CommandContext<'_>,
    in_use: Option<&Catalog>,
    new: &Catalog,
) -> Result<Vec<LicenseId>> {
    let Some(in_use) = in_use.filter(|in_use| takes_seats_away(in_use, new)) else {
        return Ok(Vec::new());
    };
    let seats = |catalog: &Catalog, license: &License| {
        catalog.policy(&license.tier, &license.policy).map(|policy| policy.seats)
    };
    let is_concerned = |license: &License| {
        license.product == *new.product()
            && seats(new, license).is_some_and(|seats| license.bound() > seats)
            // Those that have too many already are no news.
            && seats(new, license) < seats(in_use, license)
    };
    let concerned = context.scan(is_concerned).await?;
    Ok(concerned.into_iter().map(|(license, _)| license.id).collect())
}

/// A license whose tier is gone would be answered 503.
async fn ensure_tiers_unused(
    context: &CommandContext<'_>,
    in_use: Option<&Catalog>,
    new: &Catalog,
) -> Result<()> {
    let Some(in_use) = in_use else { return Ok(()) };
    let gone: Vec<_> = in_use.tiers().filter(|tier| !new.has(tier)).collect();
    if gone.is_empty() {
        return Ok(());
    }
    let of_product = |tier: &TierName, product: &Product| product == new.product() && gone.contains(&tier);
    let left = context.scan(|license| of_product(&license.tier, &license.product)).await?;
    let mut counts = BTreeMap::new();
    for (license, _) in &left {
        *counts.entry(license.tier.to_string()).or_insert(0) += 1;
    }
    if counts.is_empty() {
        return Ok(());
    }
    let counts: Vec<_> = counts.iter().map(|(tier, count)| format!("{count} of tier {tier}")).collect();
    bail!(
        "licenses would be left without their tier: {}; give them another with `falconer set-tier` first",
        counts.join(", ")
    )
}

async fn in_use(context: &CommandContext<'_>, product: &Product) -> Result<(Option<Catalog>, u64)> {
    Ok(match context.store.catalog_and_version(product).await? {
        Some((catalog, version)) => (Some(catalog), version),
        None => (Catalog::built_in(product), 0),
    })
}

fn applied(
    context: &CommandContext<'_>,
    new: &Catalog,
    changes: &[String],
    oversold: &[LicenseId],
    outcome: &str,
) -> Result<()> {
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

fn changes(in_use: Option<&Catalog>, new: &Catalog) -> Vec<String> {
    match in_use {
        Some(in_use) => catalog::difference(in_use, new),
        None => vec![format!("+ the first catalog of {}", new.product())],
    }
}

/// Returns true if a license of any tier that stays could have fewer seats.
fn takes_seats_away(in_use: &Catalog, new: &Catalog) -> bool {
    let seats = |catalog: &Catalog, tier: &TierName| {
        catalog.policy(tier, &PolicyOverrides::default()).map(|policy| policy.seats)
    };
    in_use.tiers().any(|tier| seats(new, tier).is_some_and(|after| Some(after) < seats(in_use, tier)))
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
        "their devices go on, and no other is bound; `falconer set-seats` with --release decides which go"
            .to_owned(),
    ]
}

fn read(file: &CatalogFile) -> Result<Catalog> {
    catalog::read(&input::text(&file.file)?).with_context(|| file.file.display().to_string())
}
