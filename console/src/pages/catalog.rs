//! The catalog of a product: tiers, features and rules, and its replacement.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::Response;
use falconer_domain::Product;
use falconer_operator::catalog;
use falconer_operator::catalog_change::{CatalogChange, CatalogRefusal};

use crate::changes;
use crate::forms::Form;
use crate::pages::confirm::{Plan, Preview, previewed};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;

/// Licenses that a note names.
const NAMED_LICENSES: usize = 5;

#[derive(Template)]
#[template(path = "catalog.html")]
struct CatalogPage {
    frame: Frame,
    done: bool,
    product: String,
    version: u64,
    toml: String,
}

/// A new catalog that a person has seen.
pub(crate) struct CatalogPlan {
    change: CatalogChange,
    reason: Option<String>,
}

pub(crate) async fn show(
    State(shell): State<Arc<Shell>>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let named = fields.iter().find(|(name, _)| name == "product").map(|(_, code)| code.to_uppercase());
        let product = match named {
            Some(code) => Product::parse(&code),
            None => shell.reads.product(),
        };
        let bad = || Trouble::BadInput("a product\u{2019}s code has 2 to 8 of A-Z and 0-9".to_owned());
        let product = product.ok_or_else(bad)?;
        let in_use = shell.reads.catalog(&product).await?;
        let toml = match &in_use.catalog {
            Some(catalog) => catalog::written(catalog),
            None => format!("product = \"{product}\"\n\n[tiers.pro]\n"),
        };
        let done = fields.iter().any(|(name, _)| name == "done");
        let frame = shell.frame("Catalog", Section::Catalog);
        Ok(html(&CatalogPage { frame, done, product: product.to_string(), version: in_use.version, toml }))
    };
    shell.answer(make).await
}

pub(crate) async fn preview(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let form = Form::read(&body);
        let reason = changes::reason(&form)?;
        let text = form.get("toml").unwrap_or_default().replace('\r', "");
        let new = catalog::read(&text).map_err(|why| Trouble::BadInput(why.to_string()))?;
        let change = desk.writes.plan_catalog(new, desk.shell.clock.now()).await?;
        if change.changes.is_empty() {
            return Err(Trouble::Refused("nothing would change: this is the catalog in use".to_owned()));
        }
        let product = change.new.product().clone();
        let words = ["catalog", "apply", "catalog.toml"].map(str::to_owned).into_iter();
        let with_reason = reason.iter().flat_map(|reason| ["--reason".to_owned(), reason.clone()]);
        let preview = Preview {
            heading: "Replace the catalog",
            about: format!("Catalog of {product}"),
            back: format!("catalog?product={product}"),
            differences: Vec::new(),
            notes: notes(&change),
            command: shell.command.with(&words.chain(with_reason).collect::<Vec<_>>()),
            reason: reason.clone(),
        };
        previewed(&desk, Section::Catalog, preview, Plan::Catalog(CatalogPlan { change, reason }))
    };
    shell.answer(make).await
}

impl CatalogPlan {
    pub(crate) async fn make(&self, desk: &Desk) -> Result<Response, Trouble> {
        desk.writes.apply_catalog(&self.change, self.reason.as_deref(), desk.shell.clock.now()).await?;
        Ok(desk.shell.go(&format!("catalog?product={}&done=1", self.change.new.product())))
    }
}

/// The lines that differ, then the licenses that feel it.
fn notes(change: &CatalogChange) -> Vec<String> {
    let mut notes = change.changes.clone();
    if change.unreadable > 0 {
        notes.push(format!("{} rows of the table do not read as licenses.", change.unreadable));
    }
    if !change.oversold.is_empty() {
        let some: Vec<_> = change.oversold.iter().take(NAMED_LICENSES).map(ToString::to_string).collect();
        let more = if change.oversold.len() > some.len() { ", …" } else { "" };
        notes.push(format!(
            "{} licenses would have more devices than seats: {}{more}. Their devices go on, and no other is bound.",
            change.oversold.len(),
            some.join(", ")
        ));
    }
    notes.push("Instances follow within a minute.".to_owned());
    notes
}

impl From<CatalogRefusal> for Trouble {
    fn from(refusal: CatalogRefusal) -> Self {
        match refusal {
            CatalogRefusal::Store(error) => error.into(),
            CatalogRefusal::Random(error) => error.into(),
            CatalogRefusal::TiersInUse(_) => Self::Refused(refusal.to_string()),
        }
    }
}
