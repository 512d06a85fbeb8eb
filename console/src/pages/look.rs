//! A look through all licenses, with its cost, its progress and its end.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use falconer_operator::license_state::LicenseState;
use falconer_operator::search::SearchQuery;
use tokio::task::spawn_local;

use crate::filters;
use crate::forms::Form;
use crate::jobs::{Look, LookEnd, MAX_FOUND, Wanted};
use crate::pages::licenses::lines;
use crate::shell::{Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form::FormPage;
use crate::views::{self, LicenseLine, LineEnd};

#[derive(Template)]
#[template(path = "look.html")]
struct LookPage {
    frame: Frame,
    id: String,
    heading: String,
    seen: u64,
    found: usize,
    /// How it ended; empty while it goes on.
    end: String,
    goes_on: bool,
    lines: Vec<LicenseLine>,
    /// The change of those that are ticked.
    form: FormPage,
}

/// Begins a look: for a search, or for a status.
pub(crate) async fn begin(State(shell): State<Arc<Shell>>, body: Bytes) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let form = Form::read(&body);
        let state = form.filled("status").map(|text| {
            LicenseState::parse(text).ok_or_else(|| Trouble::BadInput("there is no such status".to_owned()))
        });
        let wanted = match (state.transpose()?, form.filled("search")) {
            (Some(state), _) => Wanted::Of(state),
            (None, Some(search)) => {
                let forgotten = || Trouble::NotFound("this search is forgotten; search again".to_owned());
                Wanted::Text(shell.searches.get(search).ok_or_else(forgotten)?.to_string())
            }
            (None, None) => {
                return Err(Trouble::BadInput("choose a status, or search for a text".to_owned()));
            }
        };
        let id = shell.looks.keep(Look::new(wanted))?;
        let look = shell.looks.get(&id).ok_or_else(forgotten)?;
        spawn_local(look.run(Arc::clone(&shell)));
        Ok(shell.go(&format!("look/{id}")))
    };
    shell.answer(make).await
}

pub(crate) async fn show(
    State(shell): State<Arc<Shell>>,
    Path(id): Path<String>,
    Query(fields): Query<Vec<(String, String)>>,
) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let look = shell.looks.get(&id).ok_or_else(forgotten)?;
        let end = look.end();
        // Rows are drawn once it has ended: a page that goes on says how far it is.
        let found = look.found();
        let count = found.len();
        let lines = if end.is_some() { lines(&shell, &found).await? } else { Vec::new() };
        let (heading, searched) = match &look.wanted {
            Wanted::Text(text) => {
                let found: Vec<_> = found.iter().map(|one| &one.0).collect();
                let query = SearchQuery::read(text);
                let ring = shell.reads.ring().await?;
                let searched = query.map(|query| query.shown(&ring, &found)).unwrap_or_default();
                ("A look through all licenses for this text".to_owned(), searched)
            }
            Wanted::Of(state) => {
                (format!("A look through all licenses for those that are {}", state.word()), String::new())
            }
        };
        let frame = Frame { searched, ..shell.frame("Licenses", Section::Licenses) };
        let goes_on = end.is_none();
        let end = end.as_ref().map(told).unwrap_or_default();
        let form = FormPage::asked(&shell, &format!("look/{id}"), &fields)?;
        Ok(html(&LookPage { frame, id, heading, seen: look.seen(), found: count, end, goes_on, lines, form }))
    };
    shell.answer(make).await
}

pub(crate) async fn stop(State(shell): State<Arc<Shell>>, Path(id): Path<String>) -> Response {
    match shell.looks.get(&id) {
        Some(look) => {
            look.stop();
            shell.go(&format!("look/{id}"))
        }
        None => shell.trouble(&forgotten()),
    }
}

fn forgotten() -> Trouble {
    Trouble::NotFound(
        "the console has forgotten this look through the licenses; begin another one".to_owned(),
    )
}

fn told(end: &LookEnd) -> String {
    match end {
        LookEnd::Whole(0) => "It has seen every license.".to_owned(),
        LookEnd::Whole(rows) => format!(
            "It has seen every license; {} cannot be read as a license, and verify answers 503 to such a key.",
            views::counted(rows, "row")
        ),
        LookEnd::Stopped => "It was stopped; the licenses that it had not seen are missing here.".to_owned(),
        LookEnd::Full => format!("It ended at {MAX_FOUND} licenses: look for something that fewer have."),
        LookEnd::Failed(why) => format!("It ended early. {why}"),
    }
}
