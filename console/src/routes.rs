//! Every path of the console. All of them begin with the secret of the run.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::guard::{self, Guard};
use crate::pages::{catalog, change, confirm, explain, home, issue, keyring, license, licenses, look};
use crate::shell::{Desk, Shell};
use crate::{again, assets, trouble::Trouble};

/// Pages, which read.
pub(crate) fn pages(shell: &Arc<Shell>) -> Router {
    let base = shell.guard.base();
    let at = |path: &str| format!("{base}{path}");
    let missing = Arc::clone(shell);
    Router::new()
        .route(&at(""), get(home::show))
        .route(&at("count"), post(home::count))
        .route(&at("chart.svg"), get(home::chart))
        .route(&at("console.css"), get(assets::style))
        .route(&at("console.js"), get(assets::script))
        .route(&at("licenses"), get(licenses::list))
        .route(&at("search"), post(licenses::search))
        .route(&at("search/{id}"), get(licenses::found))
        .route(&at("look"), post(look::begin))
        .route(&at("look/{id}"), get(look::show))
        .route(&at("look/{id}/stop"), post(look::stop))
        .route(&at("license/{id}"), get(license::show))
        .route(&at("license/{id}/audit"), get(license::audit))
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
        .with_state(Arc::clone(desk))
}

/// Puts the guards in front of everything, the missing page included.
pub(crate) fn guarded(app: Router, shell: &Arc<Shell>) -> Router {
    let guard: &Arc<Guard> = &shell.guard;
    let entrance = Router::new()
        .route(&format!("{}open", guard.base()), post(guard::open))
        .with_state(Arc::clone(guard));
    // The guard has its own limit, before a body is read.
    app.merge(entrance)
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn_with_state(Arc::clone(shell), again::offer))
        .layer(from_fn_with_state(Arc::clone(guard), guard::check))
}
