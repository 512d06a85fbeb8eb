//! A license: one sentence about it, its terms, seats and features, and its history beside it.

use std::collections::BTreeSet;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use falconer_domain::LicenseId;
use falconer_domain::air_gap::OfflineLease;
use falconer_domain::hardware::DeviceId;
use falconer_domain::seats::Seats;

use crate::filters;
use crate::forms::Form;
use crate::moments::Moment;
use crate::pages::change;
use crate::pages::history::HistoryRows;
use crate::reading::LicenseStory;
use crate::shell::{Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views::{self, DeviceLine, Fact};

#[derive(Template)]
#[template(path = "license.html")]
struct LicensePage {
    frame: Frame,
    id: String,
    key_hint: String,
    product: String,
    state: views::StateTag,
    sentence: String,
    forms: LicenseForms,
    facts: Vec<Fact>,
    features: Vec<String>,
    own_features: Vec<String>,
    own_rules: Vec<Fact>,
    own_limits: Vec<String>,
    updates_until: String,
    relatives: Vec<(&'static str, String)>,
    devices: Vec<DeviceLine>,
    /// Devices with a lease for a machine without a network, bound or not.
    leased: Vec<String>,
    /// Seats that devices which have left keep until such a lease ends.
    kept: Vec<KeptSeat>,
    former: usize,
    note: String,
    customer: Customer,
    tiers: Vec<String>,
    tier: String,
    seats: String,
    is_open: bool,
    is_closed: bool,
    history: HistoryRows,
}

/// The changes of a license, as their forms begin.
struct LicenseForms {
    form: FormPage,
    /// The change that led here, and when it was made.
    done: Option<String>,
    /// Why the change of the form is refused.
    refused: Option<String>,
}

/// A seat that an offline lease keeps.
struct KeptSeat {
    id: String,
    until: Moment,
}

/// The customer, as the fields of a correction begin.
struct Customer {
    user: String,
    email: String,
    name: String,
}

pub(crate) async fn show(
    State(shell): State<Arc<Shell>>,
    Path(id): Path<String>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let id = named(&id)?;
        let story = shell.reads.license(&id).await?;
        let audit = shell.reads.audit(&id, None).await?;
        let done = fields.iter().find(|(name, _)| name == "done");
        let done = done.and_then(|(_, action)| change::done(action, &audit.rows, &shell.clock));
        let history = HistoryRows::of(&shell, &id, &audit);
        let form = FormPage::asked(&shell, &format!("license/{id}"), &fields)?;
        Ok(html(&page(&shell, &story, history, LicenseForms { form, done, refused: None })))
    };
    shell.answer(make).await
}

/// The license with the form of a change that was refused: everything that was typed, and why it is refused.
pub(crate) async fn mended(
    shell: &Shell,
    story: &LicenseStory,
    form: &Form,
    trouble: &Trouble,
) -> Result<Response, Trouble> {
    let id = &story.row.license.id;
    let history = HistoryRows::of(shell, id, &shell.reads.audit(id, None).await?);
    let form = FormPage::sent(form, &format!("license/{id}"));
    let forms = LicenseForms { form, done: None, refused: Some(trouble.sentence()) };
    Ok((trouble.status(), html(&page(shell, story, history, forms))).into_response())
}

pub(crate) fn named(id: &str) -> Result<LicenseId, Trouble> {
    LicenseId::parse(id)
        .ok_or_else(|| Trouble::NotFound("the address of a license ends with its id (lic_…)".to_owned()))
}

fn page(shell: &Shell, story: &LicenseStory, history: HistoryRows, forms: LicenseForms) -> LicensePage {
    let license = &story.row.license;
    let policy = story.standing.as_ref().map(|standing| standing.policy);
    let seats = policy.as_ref().map(|policy| Seats::of(license, policy, shell.clock.now()));
    let text = |text: Option<&str>| text.map(views::line).unwrap_or_default();
    let now = shell.clock.now();
    let state = views::StateTag::of(license, now);
    let lease = |(id, lease): (&DeviceId, &OfflineLease)| {
        lease.is_out(now).then(|| KeptSeat { id: id.to_string(), until: shell.clock.moment(lease.until) })
    };
    let leased: Vec<_> = license.offline.iter().filter_map(lease).collect();
    let bound: BTreeSet<_> = license.devices.keys().map(DeviceId::to_string).collect();
    let shown = ["Former devices", "Devices", "Note", "Own features"];
    let mut facts = views::facts(license, story.standing.as_ref(), &shell.clock);
    facts.retain(|fact| !shown.contains(&&*fact.name) && fact.value != "as its tier");
    let rare = ["Offline", "Limits"];
    facts.retain(|fact| !rare.contains(&&*fact.name) || fact.value != "none");
    facts.insert(1, Fact { name: "Issued".to_owned(), value: issued(shell, story) });
    LicensePage {
        frame: shell.frame(format!("License {}", story.issuance.key_hint), Section::Licenses),
        id: license.id.to_string(),
        key_hint: views::line(&story.issuance.key_hint),
        product: license.product.to_string(),
        state,
        sentence: views::sentence(license, seats, &shell.clock),
        forms,
        facts,
        features: story.standing.as_ref().map(|standing| standing.features.clone()).unwrap_or_default(),
        own_features: license.features.clone(),
        own_rules: views::own_rules(license),
        own_limits: license.limits.iter().map(|(name, _)| name.to_owned()).collect(),
        updates_until: license.updates_until.map(|until| until.to_string()).unwrap_or_default(),
        relatives: views::relatives(license),
        devices: views::devices(story, &shell.clock),
        leased: leased.iter().map(|seat| seat.id.clone()).collect(),
        kept: leased.into_iter().filter(|seat| !bound.contains(&seat.id)).collect(),
        former: license.released.len(),
        note: license.notes.as_ref().map(|note| note.as_str().to_owned()).unwrap_or_default(),
        customer: Customer {
            user: text(license.user_id.as_deref()),
            email: text(license.email.as_ref().map(falconer_domain::person::Email::as_str)),
            name: text(license.licensee_name.as_ref().map(falconer_domain::person::PersonName::as_str)),
        },
        tiers: story.catalog.tiers().map(ToString::to_string).collect(),
        tier: license.tier.to_string(),
        seats: seats.map_or(1, |seats| seats.max).to_string(),
        is_open: matches!(state.word, "active" | "pending" | "expired"),
        is_closed: matches!(state.word, "suspended" | "revoked") && license.replaced_by.is_none(),
        history,
    }
}

fn issued(shell: &Shell, story: &LicenseStory) -> String {
    let at = falconer_domain::UnixMillis(story.issuance.created_at);
    shell.clock.text(at)
}
