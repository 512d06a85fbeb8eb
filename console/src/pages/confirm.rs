//! The confirmation of a change that was shown: each plan is taken once.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;

use crate::answers::shown_once;
use crate::filters;
use crate::forms::Form;
use crate::kept::Keepable;
use crate::pages::catalog::CatalogPlan;
use crate::pages::change::LicensePlan;
use crate::pages::issue::IssuePlan;
use crate::pages::keyring::RingPlan;
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::{TRY_AGAIN, Trouble};
use crate::typed_form;
use crate::views::FactChange;

/// A change that a person has seen and not confirmed yet. No `Debug`: it may be about a person.
pub(crate) enum Plan {
    /// Of one license.
    License(LicensePlan),
    /// A new license.
    Issue(IssuePlan),
    /// Of a product's catalog.
    Catalog(CatalogPlan),
    /// Of the key ring.
    Ring(RingPlan),
}

impl Plan {
    /// Returns true if a repeated confirmation changes nothing twice: a license and a catalog are changed as they were
    /// seen, and an order has an id.
    fn is_made_once(&self) -> bool {
        match self {
            Self::License(_) | Self::Catalog(_) => true,
            Self::Issue(plan) => plan.has_order_id(),
            Self::Ring(_) => false,
        }
    }
}

impl Keepable for Plan {}

/// The effects of a change, before it is made.
pub(crate) struct Preview {
    pub(crate) heading: &'static str,
    /// The subject of the change.
    pub(crate) about: String,
    /// The page that the person came from, with what was typed there.
    pub(crate) back: String,
    pub(crate) differences: Vec<FactChange>,
    pub(crate) notes: Vec<String>,
    pub(crate) reason: Option<String>,
    pub(crate) command: String,
}

#[derive(Template)]
#[template(path = "preview.html")]
struct PreviewPage {
    frame: Frame,
    preview: Preview,
    plan: String,
}

#[derive(Template)]
#[template(path = "key.html")]
struct KeyPage {
    frame: Frame,
    heading: &'static str,
    key: String,
    id: String,
}

/// Keeps a plan, and shows what it will do.
pub(crate) fn previewed(
    desk: &Desk,
    section: Section,
    preview: Preview,
    plan: Plan,
) -> Result<Response, Trouble> {
    let plan = desk.plans.keep(plan)?;
    let frame = desk.shell.frame(preview.heading, section);
    Ok(html(&PreviewPage { frame, preview, plan }))
}

/// A key is shown in the answer to its change, and nowhere else.
pub(crate) fn key_shown(shell: &Shell, heading: &'static str, key: &str, id: &str) -> Response {
    let frame = shell.frame(heading, Section::Licenses);
    shown_once(html(&KeyPage { frame, heading, key: key.to_owned(), id: id.to_owned() }))
}

/// Makes the change that was shown. A second confirmation of the same finds nothing to do.
pub(crate) async fn confirm(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let form = Form::read(&body);
        let id = form.get("plan").unwrap_or_default();
        let taken = || {
            Trouble::NotFound(
                "this change was made already, or is forgotten; look before you ask again".to_owned(),
            )
        };
        let plan = desk.plans.take(id).ok_or_else(taken)?;
        let outcome = match &*plan {
            Plan::License(plan) => plan.make(&desk).await,
            Plan::Issue(plan) => plan.make(&desk).await,
            Plan::Catalog(plan) => plan.make(&desk).await,
            Plan::Ring(plan) => plan.make(&desk).await,
        };
        match outcome {
            Ok(answer) => {
                if !answer.status().is_client_error() {
                    typed_form::forget(&desk.shell, &form);
                }
                Ok(answer)
            }
            Err(Trouble::Unreachable(why)) if plan.is_made_once() => {
                desk.plans.give_back(id, plan);
                Err(Trouble::Unreachable(format!("{why} Asked again, the change is made once at most.")))
            }
            Err(Trouble::Unreachable(why)) => {
                let why = why.replace(TRY_AGAIN, "Whether the change was made is not known.");
                Err(Trouble::Unknown(format!("{why} Look before you ask again.")))
            }
            Err(trouble) => Err(trouble),
        }
    };
    shell.answer(make).await
}
