//! The catalog of a product: tiers, features and rules, and its replacement.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use falconer_domain::Product;
use falconer_operator::catalog::{self, FileError};
use falconer_operator::catalog_change::{CatalogChange, CatalogRefusal};

use crate::changes;
use crate::filters;
use crate::forms::Form;
use crate::pages::confirm::{Plan, Preview, previewed};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views::{self, FactChange};

/// Licenses that a note names.
const NAMED_LICENSES: usize = 5;

#[derive(Template)]
#[template(path = "catalog.html")]
struct CatalogPage {
    frame: Frame,
    /// True after a replacement, as long as its version is the one in use.
    done: bool,
    /// Why the typed catalog is refused.
    refused: Option<String>,
    form: FormPage,
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
        let form = FormPage::asked(&shell, &format!("catalog?product={product}"), &fields)?;
        let mut page = page(&shell, &product, form).await?;
        let done = fields.iter().find(|(name, _)| name == "done");
        page.done = done.is_some_and(|(_, version)| *version == page.version.to_string());
        Ok(html(&page))
    };
    shell.answer(make).await
}

async fn page(shell: &Shell, product: &Product, form: FormPage) -> Result<CatalogPage, Trouble> {
    let in_use = shell.reads.catalog(product).await?;
    let stored = match &in_use.catalog {
        Some(catalog) => catalog::written(catalog),
        None => format!("product = \"{product}\"\n\n[tiers.pro]\n"),
    };
    Ok(CatalogPage {
        frame: shell.frame("Catalog", Section::Catalog),
        done: false,
        refused: None,
        product: product.to_string(),
        version: in_use.version,
        toml: form.typed.text("toml", &stored).to_owned(),
        form,
    })
}

/// The catalog with the text that is refused, and why.
async fn mended(shell: &Shell, form: &Form, trouble: Trouble) -> Result<Response, Trouble> {
    let shown = form.filled("product").and_then(Product::parse);
    let Some(product) = shown.or_else(|| shell.reads.product()) else { return Err(trouble) };
    let form = FormPage::sent(form, &format!("catalog?product={product}"));
    let page = page(shell, &product, form).await?;
    let page = CatalogPage { refused: Some(trouble.sentence()), ..page };
    Ok((trouble.status(), html(&page)).into_response())
}

pub(crate) async fn preview(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let form = Form::read(&body);
        match planned(&desk, &form).await {
            Ok((preview, plan)) => previewed(&desk, Section::Catalog, preview, Plan::Catalog(plan)),
            Err(trouble) if trouble.is_mendable() => mended(&shell, &form, trouble).await,
            Err(trouble) => Err(trouble),
        }
    };
    shell.answer(make).await
}

async fn planned(desk: &Desk, form: &Form) -> Result<(Preview, CatalogPlan), Trouble> {
    let reason = changes::reason(form)?;
    let text = form.get("toml").unwrap_or_default().replace('\r', "");
    let new = catalog::read(&text).map_err(|why| unread(&why, &text))?;
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
        back: FormPage::sent(form, &format!("catalog?product={product}")).back,
        differences: differences(&change.changes),
        notes: notes(&change),
        command: desk.shell.command.with(&words.chain(with_reason).collect::<Vec<_>>()),
        reason: reason.clone(),
    };
    Ok((preview, CatalogPlan { change, reason }))
}

impl CatalogPlan {
    pub(crate) async fn make(&self, desk: &Desk) -> Result<Response, Trouble> {
        desk.writes.apply_catalog(&self.change, self.reason.as_deref(), desk.shell.clock.now()).await?;
        let (product, version) = (self.change.new.product(), self.change.new_version());
        Ok(desk.shell.go(&format!("catalog?product={product}&done={version}")))
    }
}

/// A catalog that does not read, by its line: a page has no room for the picture that a terminal gets.
fn unread(why: &FileError, text: &str) -> Trouble {
    Trouble::BadInput(match why {
        FileError::Form(form) => {
            let before = form.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            format!("line {}: {}", before.matches('\n').count() + 1, form.message())
        }
        other => other.to_string(),
    })
}

/// The settings that differ, by table and name. Each changed line is `- [table] name = value` or `+ [table] name = value`.
fn differences(changes: &[String]) -> Vec<FactChange> {
    let mut differences: Vec<FactChange> = Vec::new();
    for change in changes {
        let (sign, line) = change.split_at(2);
        let (name, value) = line.split_once(" = ").unwrap_or((line, ""));
        let known = differences.iter().position(|difference| difference.name == name);
        let at = known.unwrap_or_else(|| {
            differences.push(FactChange {
                name: name.to_owned(),
                before: "none".to_owned(),
                after: "none".to_owned(),
            });
            differences.len() - 1
        });
        let side = &mut differences[at];
        value.clone_into(if sign == "- " { &mut side.before } else { &mut side.after });
    }
    differences
}

/// The licenses that feel it.
fn notes(change: &CatalogChange) -> Vec<String> {
    let mut notes = Vec::new();
    if change.unreadable > 0 {
        notes.push(format!(
            "{} of the table cannot be read as a license.",
            views::counted(change.unreadable, "row")
        ));
    }
    if !change.oversold.is_empty() {
        let some: Vec<_> = change.oversold.iter().take(NAMED_LICENSES).map(ToString::to_string).collect();
        let more = if change.oversold.len() > some.len() { ", …" } else { "" };
        notes.push(format!(
            "{} would have more devices than seats: {}{more}. Their devices go on, and no other is bound.",
            views::counted(change.oversold.len(), "license"),
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

#[cfg(test)]
mod tests {
    use falconer_domain::Catalog;

    use super::*;

    #[test]
    fn difference_of_a_catalog_is_a_row() {
        let of = |text: &str| -> Catalog {
            catalog::read(&format!("product = 'ACME'\n[tiers.a]\n{text}")).unwrap()
        };
        let before = of("policy = { seats = 1 }\nlimits = { agents = 3 }\n");
        let after = of("policy = { seats = 2 }\n[releases]\n'5.2' = 2026-11-01\n");
        let rows = differences(&catalog::difference(&before, &after));
        let rows: Vec<_> = rows.iter().map(|row| [&*row.name, &*row.before, &*row.after]).collect();
        assert_eq!(
            rows,
            [
                ["[tiers.a.limits] agents", "3", "none"],
                ["[tiers.a.policy] seats", "1", "2"],
                ["[releases] \"5.2\"", "none", "\"2026-11-01\""],
            ]
        );
        let first = differences(&["+ the first catalog of ACME".to_owned()]);
        assert_eq!((&*first[0].name, &*first[0].after), ("the first catalog of ACME", ""));
    }

    #[test]
    fn catalog_that_does_not_read_names_its_line() {
        let text = "product = \"ACME\"\n[tiers";
        let why = unread(&catalog::read(text).unwrap_err(), text).sentence();
        assert!(why.starts_with("Line 2: ") && !why.contains('|') && !why.contains('^'), "{why}");
    }
}
