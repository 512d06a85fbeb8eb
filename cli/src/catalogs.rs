//! The commands that look at catalogs and replace them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use falconer::{catalog, random};
use falconer_domain::{Catalog, Product, TierName};
use serde_json::json;

use crate::arguments::{self, CatalogFile};
use crate::failure::not_found;
use crate::inputs;
use crate::licenses::{Office, product, reason};
use crate::output;

impl Office<'_> {
    pub(crate) async fn catalog(&self, command: arguments::Catalog) -> Result<()> {
        match command {
            arguments::Catalog::Show { product: named } => {
                let product = product(&named)?;
                let (in_use, version) = self.in_use(&product).await?;
                let in_use = in_use.ok_or_else(|| {
                    not_found(format!("product {product} has no catalog; `falconer catalog apply` puts one"))
                })?;
                let text = catalog::written(&in_use);
                if self.manners.json {
                    let (product, stored) = (product.as_str(), version > 0);
                    output::document(
                        &json!({ "product": product, "stored": stored, "version": version, "toml": text }),
                    )?;
                } else {
                    output::verbatim(text.as_bytes())?;
                }
                Ok(())
            }
            arguments::Catalog::Check(file) => {
                let new = read(&file)?;
                let (in_use, _) = self.in_use(new.product()).await?;
                self.outcome(&new, &changes(in_use.as_ref(), &new), "checked")
            }
            arguments::Catalog::Apply(file) => self.apply(&file).await,
        }
    }

    async fn apply(&self, file: &CatalogFile) -> Result<()> {
        let new = read(file)?;
        let (in_use, version) = self.in_use(new.product()).await?;
        let changes = changes(in_use.as_ref(), &new);
        if changes.is_empty() {
            return self.outcome(&new, &changes, "unchanged");
        }
        self.nobody_is_left_behind(in_use.as_ref(), &new).await?;
        if self.manners.dry_run {
            return self.outcome(&new, &changes, "dry_run");
        }
        self.confirm(&format!("replace the catalog of {}", new.product()), &changes)?;
        let reason = reason(file.reason.as_deref())?;
        let row = self.desk.audit_of_catalog(new.product(), reason.as_deref(), self.now)?;
        self.store.put_catalog(&new, version, &row, &random::id()?).await?;
        self.outcome(&new, &changes, "changed")
    }

    /// A license whose tier is gone would be answered 503.
    async fn nobody_is_left_behind(&self, in_use: Option<&Catalog>, new: &Catalog) -> Result<()> {
        let Some(in_use) = in_use else { return Ok(()) };
        let gone: Vec<_> = in_use.tiers().filter(|tier| !new.has(tier)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let of_product =
            |tier: &TierName, product: &Product| product == new.product() && gone.contains(&tier);
        let left = self.scan(|license| of_product(&license.tier, &license.product)).await?;
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

    async fn in_use(&self, product: &Product) -> Result<(Option<Catalog>, u64)> {
        Ok(match self.store.catalog_and_version(product).await? {
            Some((catalog, version)) => (Some(catalog), version),
            None => (Catalog::built_in(product), 0),
        })
    }

    fn outcome(&self, new: &Catalog, changes: &[String], outcome: &str) -> Result<()> {
        if self.manners.json {
            let document =
                json!({ "product": new.product().as_str(), "outcome": outcome, "changes": changes });
            return Ok(output::document(&document)?);
        }
        self.tell(changes)?;
        let sentence = match outcome {
            "changed" => "Done. Instances follow within a minute.",
            "dry_run" => "Nothing was changed: this was a dry run.",
            _ if changes.is_empty() => "It is the catalog in use.",
            _ => "It is a catalog, and differs from the one in use as above.",
        };
        Ok(output::line(sentence)?)
    }
}

fn changes(in_use: Option<&Catalog>, new: &Catalog) -> Vec<String> {
    match in_use {
        Some(in_use) => catalog::difference(in_use, new),
        None => vec![format!("+ the first catalog of {}", new.product())],
    }
}

fn read(file: &CatalogFile) -> Result<Catalog> {
    catalog::read(&inputs::text(&file.file)?).with_context(|| file.file.display().to_string())
}
