//! Every path of the console. All of them begin with the secret of the run.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::bulk_change::BulkChange;
use crate::bulk_issue::BulkIssue;
use crate::guard::{self, Guard};
use crate::move_in::MoveIn;
use crate::pages::{
    bulk, catalog, change, confirm, explain, history, home, issue, issue_many, keyring, license, licenses,
    look, move_in, work,
};
use crate::shell::{Desk, Shell};
use crate::{again, answers, assets, trouble::Trouble};

/// Pages, which read.
pub(crate) fn pages(shell: &Arc<Shell>) -> Router {
    let base = shell.guard.base();
    let at = |path: &str| format!("{base}{path}");
    let missing = Arc::clone(shell);
    Router::new()
        .route(&at(""), get(home::show))
        .route(&at("answer/{id}"), get(answers::show))
        .route(&at("count"), post(home::count))
        .route(&at("count/stop"), post(home::stop_counting))
        .route(&at("chart.svg"), get(home::chart))
        .route(&at("refusals"), post(home::ask_for_refusals))
        .route(&at("refusals.svg"), get(home::refusals_chart))
        .route(&at("console.css"), get(assets::style))
        .route(&at("console.js"), get(assets::script))
        .route(&at("licenses"), get(licenses::list))
        .route(&at("licenses/export"), post(bulk::export_shown))
        .route(&at("search"), post(licenses::search))
        .route(&at("search/{id}"), get(licenses::found))
        .route(&at("look"), post(look::begin))
        .route(&at("look/{id}"), get(look::show))
        .route(&at("look/{id}/stop"), post(look::stop))
        .route(&at("license/{id}"), get(license::show))
        .route(&at("license/{id}/audit"), get(history::newest))
        .route(&at("license/{id}/history"), get(history::show))
        .route(&at("license/{id}/explain"), get(explain::show).post(explain::ask))
        .route(&at("catalog"), get(catalog::show))
        .route(&at("keyring"), get(keyring::show))
        .fallback(
            move || async move { missing.trouble(&Trouble::NotFound("there is no such page".to_owned())) },
        )
        .with_state(Arc::clone(shell))
}

/// Changes. Only a console that may write has them.
pub(crate) fn changes(desk: &Arc<Desk>) -> Router {
    let base = desk.shell.guard.base();
    let at = |path: &str| format!("{base}{path}");
    Router::new()
        .route(&at("license/{id}/preview"), post(change::preview))
        .route(&at("issue"), get(issue::show))
        .route(&at("issue/preview"), post(issue::preview))
        .route(&at("catalog/preview"), post(catalog::preview))
        .route(&at("keyring/preview"), post(keyring::preview))
        .route(&at("confirm"), post(confirm::confirm))
        .merge(changes_of_many(&at))
        .with_state(Arc::clone(desk))
}

/// Changes that go on beside their pages.
fn changes_of_many(at: &impl Fn(&str) -> String) -> Router<Arc<Desk>> {
    Router::new()
        .route(&at("issue/many"), get(issue_many::begin).post(issue_many::take))
        .route(&at("issue/many/{id}"), get(work::show::<BulkIssue>))
        .route(&at("issue/many/{id}/settings"), post(issue_many::settings))
        .route(&at("issue/many/{id}/run"), post(work::run::<BulkIssue>))
        .route(&at("issue/many/{id}/stop"), post(work::stop::<BulkIssue>))
        .route(&at("issue/many/{id}/keys"), post(issue_many::keys))
        .route(&at("issue/many/{id}/show"), post(issue_many::show_keys))
        .route(&at("issue/many/{id}/delete"), post(issue_many::delete))
        .route(&at("move-in"), get(move_in::begin).post(move_in::take))
        .route(&at("move-in/{id}"), get(work::show::<MoveIn>))
        .route(&at("move-in/{id}/settings"), post(move_in::settings))
        .route(&at("move-in/{id}/run"), post(work::run::<MoveIn>))
        .route(&at("move-in/{id}/stop"), post(work::stop::<MoveIn>))
        .route(&at("move-in/{id}/keys"), post(move_in::keys))
        .route(&at("move-in/{id}/delete"), post(move_in::delete))
        .route(&at("move-in/{id}/refused"), post(move_in::refused))
        .route(&at("bulk/preview"), post(bulk::preview))
        .route(&at("bulk/{id}"), get(work::show::<BulkChange>))
        .route(&at("bulk/{id}/run"), post(work::run::<BulkChange>))
        .route(&at("bulk/{id}/stop"), post(work::stop::<BulkChange>))
}

/// A form's address that is asked for as a page.
fn no_page() -> Trouble {
    Trouble::NotFound("this address takes a form and has no page; begin at the page of the form".to_owned())
}

/// Puts the guards in front of everything, the missing page included.
pub(crate) fn guarded(app: Router, shell: &Arc<Shell>) -> Router {
    let guard: &Arc<Guard> = &shell.guard;
    let entrance = Router::new()
        .route(&format!("{}open", guard.base()), post(guard::open))
        .with_state(Arc::clone(guard));
    let closed = Arc::clone(shell);
    // The guard has its own limit, before a body is read. The way in has no page that is kept: a browser that comes there
    // has no cookie yet.
    app.method_not_allowed_fallback(move || async move { closed.trouble(&no_page()) })
        .layer(from_fn_with_state(Arc::clone(shell), again::offer))
        .layer(from_fn_with_state(Arc::clone(shell), answers::keep))
        .merge(entrance)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(guard), guard::check))
}
