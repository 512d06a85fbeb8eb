//! The command that issues licenses: one, or one for each row of a file.

use std::path::Path;

use anyhow::{Context, Result};
use falconer::desk::Deed;
use falconer::issue::{Form, IssueError, Issued, Issuer, Ordered};
use falconer::moving::bulk::{Bulk, BulkError};
use falconer::moving::cells::{Row, Sheet};
use falconer::moving::issuing::{self, Keyed};
use falconer::random;
use falconer_aws::operator::PlacedOrder;
use falconer_domain::issue::{CheckedOrder, Order, OrderId, Term};
use falconer_domain::{License, LicenseId, LicenseKey, Product, TierName};
use serde_json::{Value, json};

use crate::arguments::Issue;
use crate::failure::{Failure, bad_input};
use crate::imports::{self, beside};
use crate::inputs;
use crate::licenses::{Office, opened, reason, unseen};
use crate::output::{self, OutputError, Voice};
use crate::products::Named;
use crate::progress::Progress;
use crate::shown;

/// Bad rows of a file of orders that are told; the rest only counted.
const MOST_TOLD: usize = 20;

impl Office<'_> {
    pub(crate) async fn issue(&self, issue: Issue) -> Result<()> {
        let reason = reason(issue.reason.as_deref())?;
        let named = self.named_product(issue.product.as_deref()).await?;
        if let Some(file) = &issue.from_csv {
            let encoding = issue.encoding.as_deref();
            return self.issue_to(file, issue.output.as_deref(), named, reason.as_deref(), encoding).await;
        }
        let product = match named {
            Named::Is(product) => product,
            Named::Unsaid(failure) => return Err(failure.into()),
        };
        let form = if issue.legacy { Form::Legacy } else { Form::Current };
        let id = issue.order.as_deref().map(OrderId::read).transpose();
        let id = id.map_err(|why| bad_input(why.to_string()))?;
        let mut desk = Issuer::new(self.store, self.ring, self.actor).because(reason.as_deref());
        let order = desk.check(order(issue, product)?).await?;
        if self.manners.dry_run {
            let there = match &id {
                Some(id) => desk.placed(id, &order).await?,
                None => None,
            };
            return Ok(self.tell_ordered(there.as_ref())?);
        }
        let Some(id) = id else {
            let issued = desk.issue(&order, form, self.now).await?;
            return Ok(self.hand_over(&issued_now(&issued, &issued.key.to_string(), None))?);
        };
        match desk.issue_for(&id, &order, form, self.now).await? {
            Ordered::Issued(issued) => {
                Ok(self.hand_over(&issued_now(&issued, &issued.key.to_string(), Some(&id)))?)
            }
            Ordered::There(placed) => self.hand_over_again(&placed, reason.as_deref()).await,
        }
    }

    fn tell_ordered(&self, there: Option<&PlacedOrder>) -> Result<(), OutputError> {
        if self.manners.json {
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
    async fn hand_over_again(&self, placed: &PlacedOrder, reason: Option<&str>) -> Result<()> {
        let mut id = placed.license.clone();
        let row = loop {
            let row = self.find(id.as_str()).await?;
            match &row.license.replaced_by {
                Some(newer) => id = newer.clone(),
                None => break row,
            }
        };
        let key = opened(self.ring, &row.license, &row.issuance()?)?;
        let deed = Deed { action: "issue", code: "KEY_REVEALED", reason };
        // First the record, then the key: nobody sees one without the other.
        self.store.record(&self.desk.audit(&id, deed, self.now)?).await?;
        let (license, order) = (&row.license, Some(&placed.id));
        Ok(self.hand_over(&Handed { key: &key, license, order, outcome: Outcome::There })?)
    }

    /// Prints a key: the only moment at which it is seen.
    fn hand_over(&self, handed: &Handed<'_>) -> Result<(), Failure> {
        let printed = if self.manners.json {
            output::document_to_be_read(&handed.document())
        } else {
            output::to_be_read(handed.text())
        };
        let id = &handed.license.id;
        printed.map_err(|lost| unseen(&format!("{id} is issued, and its key was not seen"), id, &lost))
    }

    /// The keys go to a file, which makes a second run safe, and with `-` to standard output too.
    async fn issue_to(
        &self,
        file: &Path,
        keys: Option<&Path>,
        product: Named,
        reason: Option<&str>,
        encoding: Option<&str>,
    ) -> Result<()> {
        self.leaves_output_to_json(keys)?;
        let voice = Voice::beside(keys);
        let printed = keys.is_some_and(output::is_standard_output);
        let path = beside(keys.filter(|_| !printed), file, "issued")?;
        self.issue_from_csv(file, &path, product, reason, voice, encoding).await?;
        if printed && !self.manners.dry_run {
            let text = std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
            output::verbatim(&text)?;
        }
        Ok(())
    }

    /// First every key, in a file; then the licenses. Whoever is interrupted runs the same line again.
    async fn issue_from_csv(
        &self,
        file: &Path,
        keys: &Path,
        product: Named,
        reason: Option<&str>,
        voice: Voice,
        encoding: Option<&str>,
    ) -> Result<()> {
        let (name, bytes) = (file.display(), inputs::sheet(file)?);
        let encoding = encoding.map(imports::encoding).transpose()?;
        let orders =
            Sheet::open_in(encoding, &bytes, &issuing::REQUIRED).with_context(|| name.to_string())?;
        let unknown = orders.unknown(&issuing::COLUMNS);
        if !unknown.is_empty() {
            let (unknown, known) = (unknown.join(", "), issuing::COLUMNS.join(", "));
            return Err(bad_input(format!("{name}: no column {unknown}; there are {known}")).into());
        }
        let (product, unsaid) = product.of_rows();
        let product = &product;
        let names_it = |row: Row<'_>| row.cell("product").is_some();
        if let Some(unsaid) = unsaid.filter(|_| !issuing::rows(&orders).all(names_it)) {
            return Err(unsaid.into());
        }
        let checked = self.checked(&orders, product).await?;
        if self.manners.dry_run {
            return Ok(self.tell_bulk("dry_run", checked.len() as u64, 0, None, voice)?);
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
        Ok(self.tell_bulk(outcome, stored, there, Some(keys), voice)?)
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
            output::note(line);
        }
        let all = bad.len() + checked.len();
        Err(bad_input(format!("{} of {all} orders are not in order; nothing was issued", bad.len())).into())
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

    fn tell_bulk(
        &self,
        outcome: &str,
        issued: u64,
        there: u64,
        keys: Option<&Path>,
        voice: Voice,
    ) -> Result<(), OutputError> {
        let keys = keys.map(|keys| keys.display().to_string());
        if self.manners.json {
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
    })
}

/// A key and its license, as a command hands them over.
struct Handed<'a> {
    key: &'a str,
    license: &'a License,
    order: Option<&'a OrderId>,
    outcome: Outcome,
}

fn issued_now<'a>(issued: &'a Issued, key: &'a str, order: Option<&'a OrderId>) -> Handed<'a> {
    Handed { key, license: &issued.license.license, order, outcome: Outcome::Now }
}

/// When the license was issued.
#[derive(Clone, Copy)]
enum Outcome {
    Now,
    There,
}

impl Handed<'_> {
    fn document(&self) -> Value {
        let license = self.license;
        json!({
            "outcome": match self.outcome { Outcome::Now => "issued", Outcome::There => "there" },
            "order": self.order.map(OrderId::as_str),
            "licenseKey": self.key,
            "licenseId": license.id.as_str(),
            "product": license.product.as_str(),
            "tier": license.tier.as_str(),
            "status": license.status.as_str(),
            "expiresAt": license.expires_at.map(|at| at.0),
            "durationDays": license.duration_days,
        })
    }

    fn text(&self) -> String {
        let license = self.license;
        let mut lines = vec![
            format!("License key  {}", self.key),
            format!("License id   {}", license.id),
            format!("Tier         {}", license.tier),
            format!("Status       {}", license.status.as_str()),
            format!("Ends         {}", shown::ends(license)),
        ];
        match (self.order, self.outcome) {
            (Some(order), Outcome::Now) => lines.push(format!("Order        {order}")),
            (Some(order), Outcome::There) => {
                lines.push(format!("Order        {order}, issued before: nothing was issued now"));
            }
            (None, _) => {}
        }
        lines.join("\n")
    }
}
