//! The history of a license: its newest rows beside it, and older ones page by page.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use falconer_domain::LicenseId;

use crate::filters;
use crate::pages::license::named;
use crate::reading::{History, RowPlace};
use crate::shell::{Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::views::{self, AuditLine};

/// Rows of a history for a page.
pub(crate) struct HistoryRows {
    pub(crate) audit: Vec<AuditLine>,
    /// The address of older rows, where there are some.
    pub(crate) older: Option<String>,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditRows {
    history: HistoryRows,
}

#[derive(Template)]
#[template(path = "history.html")]
struct HistoryPage {
    frame: Frame,
    id: String,
    history: HistoryRows,
}

/// The newest rows alone, for a page that keeps itself up to date.
pub(crate) async fn newest(State(shell): State<Arc<Shell>>, Path(id): Path<String>) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let id = named(&id)?;
        let history = shell.reads.audit(&id, None).await?;
        Ok(html(&AuditRows { history: HistoryRows::of(&shell, &id, &history) }))
    };
    shell.answer(make).await
}

/// Rows before one of them, else the newest.
pub(crate) async fn show(
    State(shell): State<Arc<Shell>>,
    Path(id): Path<String>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let id = named(&id)?;
        let before = fields.iter().find(|(name, _)| name == "before").map(|(_, value)| {
            let sentence = || {
                Trouble::BadInput(
                    "a page of the history goes on before one of its rows; begin at the license".to_owned(),
                )
            };
            RowPlace::parse(value).ok_or_else(sentence)
        });
        let history = shell.reads.audit(&id, before.transpose()?.as_ref()).await?;
        let history = HistoryRows::of(&shell, &id, &history);
        let frame = shell.frame(format!("History of {id}"), Section::Licenses);
        Ok(html(&HistoryPage { frame, id: id.to_string(), history }))
    };
    shell.answer(make).await
}

impl HistoryRows {
    /// Rows without older ones to lead to.
    pub(crate) const fn whole(audit: Vec<AuditLine>) -> Self {
        Self { audit, older: None }
    }

    pub(crate) fn of(shell: &Shell, id: &LicenseId, history: &History) -> Self {
        let older = history.older.as_ref().map(|place| {
            let before: String = form_urlencoded::byte_serialize(place.as_str().as_bytes()).collect();
            format!("{}license/{id}/history?before={before}", shell.guard.base())
        });
        let audit = history.rows.iter().map(|row| views::audit_line(row, &shell.clock)).collect();
        Self { audit, older }
    }
}
