//! Issue: tier, term, seats and customer; then the key, once.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use falconer_domain::issue::{CheckedOrder, Order, OrderId, Term};
use falconer_domain::maintenance::UpdatesEnd;
use falconer_domain::{Limits, Product, TierName};
use falconer_operator::issue::Ordered;
use falconer_operator::maintenance;

use crate::changes::{self, CommandWords};
use crate::filters;
use crate::forms::Form;
use crate::pages::confirm::{Plan, Preview, key_shown, previewed};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views;

/// Field with the product whose tiers the form offers.
const TIERS_OF_FIELD: &str = "tiers_of";

#[derive(Template)]
#[template(path = "issue.html")]
struct IssuePage {
    frame: Frame,
    form: FormPage,
    product: String,
    tiers: Tiers,
    /// Why nothing is issued yet.
    refused: Option<String>,
}

/// The tiers that a form offers.
enum Tiers {
    /// Those of the product.
    Of(Vec<String>),
    /// None: the product has no catalog.
    NoCatalog,
    /// None yet: no product is named.
    NoProduct,
}

#[derive(Template)]
#[template(path = "issued_before.html")]
struct IssuedBeforePage {
    frame: Frame,
    order: String,
    id: String,
}

/// An order that a person has seen. No `Debug`: it is about a person.
pub(crate) struct IssuePlan {
    order: CheckedOrder,
    id: Option<OrderId>,
    reason: Option<String>,
}

pub(crate) async fn show(
    State(desk): State<Arc<Desk>>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let form = FormPage::asked(&shell, "issue", &fields)?;
        Ok(html(&page(&shell, form, None).await?))
    };
    shell.answer(make).await
}

/// The form with the tiers of the product that it names.
async fn page(shell: &Shell, form: FormPage, refused: Option<String>) -> Result<IssuePage, Trouble> {
    let configured = shell.reads.product().map(|product| product.to_string()).unwrap_or_default();
    let code = form.typed.text("product", &configured).trim().to_uppercase();
    let tiers = match Product::parse(&code) {
        None => Tiers::NoProduct,
        Some(product) => match shell.reads.catalog(&product).await?.catalog {
            Some(catalog) => Tiers::Of(catalog.tiers().map(TierName::to_string).collect()),
            None => Tiers::NoCatalog,
        },
    };
    Ok(IssuePage { frame: shell.frame("Issue", Section::Issue), form, product: code, tiers, refused })
}

pub(crate) async fn preview(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let form = Form::read(&body);
        if asks_for_tiers(&form) {
            let page = page(&shell, FormPage::sent(&form, "issue"), None).await?;
            return Ok(html(&page));
        }
        match planned(&desk, &form).await {
            Ok((preview, plan)) => previewed(&desk, Section::Issue, preview, Plan::Issue(plan)),
            Err(trouble) if trouble.is_mendable() => {
                let form = FormPage::sent(&form, "issue");
                let page = page(&shell, form, Some(trouble.sentence())).await?;
                Ok((trouble.status(), html(&page)).into_response())
            }
            Err(trouble) => Err(trouble),
        }
    };
    shell.answer(make).await
}

/// True if the product is another one than that whose tiers the form offered.
fn asks_for_tiers(form: &Form) -> bool {
    let product = Product::parse(&form.filled("product").unwrap_or_default().to_uppercase());
    let offered = form.get(TIERS_OF_FIELD).map(|code| code.trim().to_uppercase());
    product.is_some_and(|product| offered.is_some_and(|offered| offered != product.as_str()))
}

async fn planned(desk: &Desk, form: &Form) -> Result<(Preview, IssuePlan), Trouble> {
    let reason = changes::reason(form)?;
    let id = form.filled("order").map(OrderId::read).transpose();
    let id = id.map_err(|why| Trouble::BadField("order", why.to_string()))?;
    let (order, arguments) = read(form)?;
    let arguments = match &id {
        Some(id) => arguments.option("--order", id.as_str()),
        None => arguments,
    };
    let mut notes = notes(&order);
    let order = desk.writes.check(order).await?;
    if let Some(id) = &id {
        notes.push(match desk.writes.placed(id, &order).await? {
            Some(placed) => {
                format!("Order {id} was issued before, as {}: nothing is issued again.", placed.license)
            }
            None => format!("Order {id} is issued once, however often it is asked for."),
        });
    }
    notes.push("The key is shown once, in the answer.".to_owned());
    let preview = Preview {
        heading: "Issue the license",
        about: "Issue".to_owned(),
        back: FormPage::sent(form, "issue").back,
        differences: Vec::new(),
        notes,
        command: desk.shell.command.with(&arguments.words(reason.as_deref())),
        reason: reason.clone(),
    };
    Ok((preview, IssuePlan { order, id, reason }))
}

impl IssuePage {
    /// True if the tier that was typed is offered, or none was typed.
    fn has_tier(&self, tiers: &[String]) -> bool {
        self.form.typed.get("tier").is_none_or(|typed| tiers.iter().any(|tier| tier == typed))
    }
}

impl IssuePlan {
    /// Returns true if the license is issued once, however often it is asked for.
    pub(crate) const fn has_order_id(&self) -> bool {
        self.id.is_some()
    }

    pub(crate) async fn make(&self, desk: &Desk) -> Result<Response, Trouble> {
        let now = desk.shell.clock.now();
        let issued = desk.writes.issue(&self.order, self.id.as_ref(), self.reason.as_deref(), now).await?;
        match issued {
            Ordered::Issued(issued) => {
                let id = issued.license.license.id.to_string();
                Ok(key_shown(&desk.shell, "The license is issued", &issued.key.to_string(), &id))
            }
            Ordered::There(placed) => {
                let frame = desk.shell.frame("Issued before", Section::Issue);
                let (order, id) = (placed.id.to_string(), placed.license.to_string());
                Ok(html(&IssuedBeforePage { frame, order, id }).into_response())
            }
        }
    }
}

fn read(form: &Form) -> Result<(Order, CommandWords), Trouble> {
    let bad = |sentence: &str| Trouble::BadInput(sentence.to_owned());
    let text = |name: &str| form.filled(name).map(str::to_owned);
    let code = form.filled("product").unwrap_or_default().to_uppercase();
    let product =
        Product::parse(&code).ok_or_else(|| bad("a product\u{2019}s code has 2 to 8 of A-Z and 0-9"))?;
    let tier = form.filled("tier").unwrap_or_default();
    let tier = TierName::parse(tier).ok_or_else(|| bad("a tier has 1 to 16 of a-z, 0-9 and _"))?;
    let number = |name: &str| {
        let read = form.filled(name).map(str::parse::<u32>).transpose();
        read.map_err(|_| Trouble::BadInput(format!("{name} must be a whole number")))
    };
    let days = || number("days")?.ok_or_else(|| bad("the number of days is empty"));
    let arguments =
        CommandWords::of("issue").option("--product", product.as_str()).option("--tier", tier.as_str());
    let (term, arguments) = match form.get("term").unwrap_or_default() {
        "days" => (Term::Days(days()?), arguments.option("--days", &days()?.to_string())),
        "from-activation" => (
            Term::DaysFromActivation(days()?),
            arguments.option("--days", &days()?.to_string()).flag("--from-activation"),
        ),
        "perpetual" => (Term::Perpetual, arguments.flag("--perpetual")),
        _ => return Err(bad("say how long: days, days from the first activation, or for good")),
    };
    let seats = number("seats")?;
    let features: Vec<_> =
        form.get("features").unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    let (user, email, name) = (text("user"), text("email"), text("name"));
    let seats_text = seats.map(|seats| seats.to_string());
    let options = [("--seats", &seats_text), ("--user", &user), ("--email", &email), ("--name", &name)];
    let given = options.into_iter().filter_map(|(option, value)| Some((option, value.as_deref()?)));
    let arguments = given.fold(arguments, |arguments, (option, value)| arguments.option(option, value));
    let arguments = features.iter().fold(arguments, |arguments, one| arguments.option("--feature", one));
    let (limits, arguments) = limits(form, arguments)?;
    let updates_until = form.filled("updates_until").map(maintenance::updates_end).transpose();
    let updates_until = updates_until.map_err(|why| Trouble::BadInput(why.to_string()))?;
    let arguments = updates_until
        .iter()
        .fold(arguments, |arguments, until| arguments.option("--updates-until", &until.to_string()));
    let order = Order {
        product,
        tier,
        user_id: user,
        email,
        licensee_name: name,
        term,
        seats,
        features,
        limits,
        updates_until,
    };
    Ok((order, arguments))
}

/// The limits in the place of the tier's, and the same as options.
fn limits(form: &Form, arguments: CommandWords) -> Result<(Limits, CommandWords), Trouble> {
    let texts: Vec<_> = form.get("limits").unwrap_or_default().split_whitespace().collect();
    let limits = Limits::read(texts.iter().copied()).map_err(|why| Trouble::BadInput(why.to_string()))?;
    let arguments = texts.iter().fold(arguments, |arguments, text| arguments.option("--limit", text));
    Ok((limits, arguments))
}

fn notes(order: &Order) -> Vec<String> {
    let customer: Vec<_> = [&order.licensee_name, &order.email, &order.user_id]
        .into_iter()
        .flatten()
        .map(|text| views::line(text))
        .collect();
    let mut notes = vec![format!(
        "{} of {}, {}.",
        order.tier,
        order.product,
        match order.term {
            Term::Days(days) => format!("for {} from now on", views::counted(days, "day")),
            Term::DaysFromActivation(days) =>
                format!("for {} from the first activation on", views::counted(days, "day")),
            Term::Perpetual => "for good".to_owned(),
        }
    )];
    notes.extend(
        order.seats.map(|seats| format!("{}, whatever the tier has.", views::counted(seats, "seat"))),
    );
    if !order.features.is_empty() {
        notes.push(format!("Features beyond the tier: {}.", order.features.join(", ")));
    }
    if !order.limits.is_empty() {
        let limits: Vec<_> = order.limits.iter().map(|(name, value)| format!("{name} {value}")).collect();
        notes.push(format!("Limits in the place of the tier\u{2019}s: {}.", limits.join(", ")));
    }
    notes.extend(order.updates_until.map(|until| match until {
        UpdatesEnd::On(day) => format!("It covers builds up to {day}."),
        UpdatesEnd::Never => "It covers every build.".to_owned(),
    }));
    notes.push(if customer.is_empty() {
        "For nobody in particular.".to_owned()
    } else {
        format!("For {}.", customer.join(", "))
    });
    notes
}
