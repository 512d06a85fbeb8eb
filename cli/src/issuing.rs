//! The command that issues licenses: one, or one for each row of a file.

use std::path::Path;

use anyhow::{Context, Result, bail};
use falconer::issue::{Form, IssueError, Issued, Issuer};
use falconer::moving::bulk::{Bulk, BulkError};
use falconer::moving::cells::Sheet;
use falconer::moving::issuing::{self, Keyed};
use falconer::random;
use falconer_domain::issue::{CheckedOrder, Order, Term};
use falconer_domain::{LicenseId, LicenseKey, Product, TierName};
use serde_json::json;

use crate::arguments::Issue;
use crate::imports::{self, beside};
use crate::inputs;
use crate::licenses::{Office, print_json};
use crate::progress::Progress;
use crate::shown;

/// Bad rows of a file of orders that are told; the rest only counted.
const MOST_TOLD: usize = 20;

impl Office<'_> {
    pub(crate) async fn issue(&self, issue: Issue) -> Result<()> {
        let product = Product::parse(&issue.product).context("--product must be 2 to 8 of A-Z and 0-9")?;
        if let Some(file) = &issue.from_csv {
            let keys = beside(issue.output.as_deref(), file, "issued")?;
            return self
                .issue_from_csv(file, &keys, &product, issue.reason.as_deref(), issue.encoding.as_deref())
                .await;
        }
        let form = if issue.legacy { Form::Legacy } else { Form::Current };
        let reason = issue.reason.clone();
        let mut desk = Issuer::new(self.store, self.ring, self.actor).because(reason.as_deref());
        let order = desk.check(order(issue, product)?).await?;
        if self.manners.dry_run {
            if self.manners.json {
                print_json(&json!({ "outcome": "dry_run" }));
            } else {
                println!("The order is in order. Nothing was issued: this was a dry run.");
            }
            return Ok(());
        }
        let issued = desk.issue(&order, form, self.now).await?;
        if self.manners.json {
            print_issued_json(&issued);
        } else {
            print_issued(&issued);
        }
        Ok(())
    }

    /// First every key, in a file; then the licenses. Whoever is interrupted runs the same line again.
    async fn issue_from_csv(
        &self,
        file: &Path,
        keys: &Path,
        product: &Product,
        reason: Option<&str>,
        encoding: Option<&str>,
    ) -> Result<()> {
        let (name, bytes) = (file.display(), inputs::sheet(file)?);
        let encoding = encoding.map(imports::encoding).transpose()?;
        let orders =
            Sheet::open_in(encoding, &bytes, &issuing::REQUIRED).with_context(|| name.to_string())?;
        let unknown = orders.unknown(&issuing::COLUMNS);
        if !unknown.is_empty() {
            bail!("{name}: no column {}; there are {}", unknown.join(", "), issuing::COLUMNS.join(", "));
        }
        let checked = self.checked(&orders, product).await?;
        if self.manners.dry_run {
            self.tell_bulk("dry_run", checked.len() as u64, 0, None);
            return Ok(());
        }
        let (count, name) = (checked.len(), keys.display());
        let keys_of = |made: &[u8]| {
            issuing::read_keys(made, &orders, product).with_context(|| {
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
        self.confirm(&format!("issue {count} licenses"), &[line])?;
        if there < count {
            self.make_keys(&orders, &made, &checked[there..], keys)?;
        }
        let keyed = keys_of(&read()?)?;
        let (stored, there) = self.store_keyed(keyed, reason).await?;
        let outcome = if stored == 0 { "unchanged" } else { "changed" };
        self.tell_bulk(outcome, stored, there, Some(keys));
        Ok(())
    }

    /// Every order, checked; or what is wrong with those that are not in order, and nothing is issued.
    async fn checked(&self, orders: &Sheet<'_>, product: &Product) -> Result<Vec<CheckedOrder>> {
        let issuer = Issuer::new(self.store, self.ring, self.actor);
        let (mut checked, mut bad) = (Vec::new(), Vec::new());
        for row in issuing::rows(orders) {
            let order = match issuing::order(&row, product) {
                Ok(order) => issuer.check(order).await,
                Err(why) => {
                    bad.push(format!("line {}: {why}", row.line));
                    continue;
                }
            };
            match order {
                Ok(order) => checked.push(order),
                Err(IssueError::Catalog(error)) => return Err(error.into()),
                Err(why) => bad.push(format!("line {}: {why}", row.line)),
            }
        }
        if bad.is_empty() {
            return Ok(checked);
        }
        for line in bad.iter().take(MOST_TOLD) {
            eprintln!("{line}");
        }
        bail!("{} of {} orders are not in order; nothing was issued", bad.len(), bad.len() + checked.len())
    }

    /// Keys for the orders that have none, below those that `made` has already.
    fn make_keys(
        &self,
        orders: &Sheet<'_>,
        made: &[u8],
        checked: &[CheckedOrder],
        path: &Path,
    ) -> Result<()> {
        let mut issuer = Issuer::new(self.store, self.ring, self.actor);
        let mut keys = Vec::with_capacity(checked.len());
        for order in checked {
            let (key, new) = issuer.prepare(order, Form::Current, self.now)?;
            keys.push((key, new.license.id.to_string()));
        }
        let there = issuing::rows(orders).count() - keys.len();
        let written = if made.is_empty() {
            issuing::write_keys(path, orders, keys, self.now)
        } else {
            issuing::add_keys(path, (made, orders), (there, keys), self.now)
        };
        written.with_context(|| {
            format!("{} cannot be written, or somebody was faster; nothing was issued", path.display())
        })
    }

    async fn store_keyed(&self, keyed: Vec<Keyed>, reason: Option<&str>) -> Result<(u64, u64)> {
        // Every key is looked at before the first license is stored.
        let keyed = keyed.into_iter().map(|keyed| Ok((self.id_of(&keyed.key)?, keyed)));
        let keyed = keyed.collect::<Result<Vec<_>>>()?;
        let known = self.store.license_ids().await?;
        let issuer = Issuer::new(self.store, self.ring, self.actor).because(reason);
        let (mut bulk, mut there) = (Bulk::into(self.store), 0);
        let mut progress = Progress::of(keyed.len() as u64, self.manners);
        for (done, (id, Keyed { order, key, issued_at })) in keyed.into_iter().enumerate() {
            progress.at(done as u64);
            if known.contains(&id) {
                there += 1;
                continue;
            }
            let order = issuer.check(order).await?;
            let new = order.license(id.clone(), &key, self.ring.current(), issued_at, random::bytes()?);
            let row = issuer.audit(&id, self.now)?;
            bulk.push(new, row).await.map_err(stopped)?;
        }
        let tally = bulk.finish().await.map_err(stopped)?;
        progress.finish();
        Ok((tally.stored, there + tally.there))
    }

    fn id_of(&self, key: &LicenseKey) -> Result<LicenseId> {
        let authentic = self.ring.authenticate(&key.to_string());
        let authentic = authentic.ok().context("the file of keys holds a key that this ring did not make")?;
        Ok(authentic.license_id)
    }

    fn tell_bulk(&self, outcome: &str, issued: u64, there: u64, keys: Option<&Path>) {
        let keys = keys.map(|keys| keys.display().to_string());
        if self.manners.json {
            print_json(&json!({ "outcome": outcome, "issued": issued, "there": there, "keysFile": keys }));
        } else if outcome == "dry_run" {
            println!("{issued} orders are in order. Nothing was issued: this was a dry run.");
        } else {
            println!("{issued} licenses issued, {there} there already.");
            println!("Their keys: {}", keys.unwrap_or_default());
        }
    }
}

/// A failure of the store as itself, so that the exit code tells what is down from what is refused.
fn stopped(error: BulkError) -> anyhow::Error {
    let error = match error {
        BulkError::Store(error) => anyhow::Error::from(error),
        BulkError::Random(error) => error.into(),
    };
    error.context("what was issued stays, and the same command goes on from there")
}

fn order(issue: Issue, product: Product) -> Result<Order> {
    let tier = TierName::parse(&issue.tier).context("--tier must be 1 to 16 of a-z, 0-9 and _")?;
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
    })
}

fn print_issued_json(issued: &Issued) {
    let license = &issued.license.license;
    print_json(&json!({
        "licenseKey": issued.key.to_string(),
        "licenseId": license.id.as_str(),
        "product": license.product.as_str(),
        "tier": license.tier.as_str(),
        "status": license.status.as_str(),
        "expiresAt": license.expires_at.map(|at| at.0),
        "durationDays": license.duration_days,
    }));
}

fn print_issued(issued: &Issued) {
    let license = &issued.license.license;
    println!("License key  {}", issued.key);
    println!("License id   {}", license.id);
    println!("Tier         {}", license.tier);
    println!("Status       {}", license.status.as_str());
    println!("Ends         {}", shown::ends(license));
}
