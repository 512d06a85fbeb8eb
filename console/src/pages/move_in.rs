//! Move in: a CSV is dropped, chosen or pasted; what would come of it is shown, and then it is imported.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use falconer_operator::import_export::dates::DayOrder;
use falconer_operator::import_export::import::{ImportEnd, Imported};
use falconer_operator::import_export::update::Mended;
use tokio::task::spawn_local;

use crate::forms::Form;
use crate::inputs::{Input, download, unread};
use crate::move_in::{Look, MoveIn, MoveInEnd};
use crate::runs::{Progress, RunState, Stops};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_import::{STATUSES, SourceKind, TypedImport};
use crate::views;

/// Corrections and words that are listed; the command lists all with `--json`.
const MAX_LISTED: usize = 20;

#[derive(Template)]
#[template(path = "move_in.html")]
struct BeginPage {
    frame: Frame,
    typed: TypedImport,
    statuses: [&'static str; 5],
}

#[derive(Template)]
#[template(path = "move_in_run.html")]
struct RunPage {
    frame: Frame,
    id: String,
    file: String,
    typed: TypedImport,
    statuses: [&'static str; 5],
    looking: Option<Progress>,
    /// Why nothing can be imported.
    problem: Option<String>,
    look: Option<Arc<Result<Look, String>>>,
    plan: Vec<String>,
    running: Option<Progress>,
    end: Option<RunView>,
    command: String,
    goes_on: bool,
}

/// How a run ended, for a page.
struct RunView {
    tone: &'static str,
    sentence: String,
    told: Vec<String>,
    can_go_on: bool,
    keys: Option<KeysView>,
    refused_file: Option<String>,
}

/// The file of keys of a run.
struct KeysView {
    path: String,
    is_there: bool,
}

pub(crate) async fn begin(State(desk): State<Arc<Desk>>) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let product = shell.reads.product().map(|product| product.to_string()).unwrap_or_default();
        let frame = shell.frame("Move in", Section::MoveIn);
        Ok(html(&BeginPage { frame, typed: TypedImport::blank(product), statuses: STATUSES }))
    };
    shell.answer(make).await
}

/// Takes a file, and looks at it beside the page.
pub(crate) async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let form = Form::sent(&headers, &body).await;
        let input = Input::of(&form, "customers.csv")?;
        looked_at(&desk, input, TypedImport::read(&form)?)
    };
    shell.answer(make).await
}

/// Looks at the same file with other settings.
pub(crate) async fn settings(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let before = found(&desk, &id)?;
        looked_at(&desk, before.input.clone(), TypedImport::read(&Form::read(&body))?)
    };
    shell.answer(make).await
}

pub(crate) async fn show(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let move_in = found(&desk, &id)?;
        Ok(html(&page(&shell, &move_in, id)))
    };
    shell.answer(make).await
}

/// Imports the file, or goes on where an earlier run ended.
pub(crate) async fn run(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let move_in = found(&desk, &id)?;
        if !matches!(move_in.look.outcome().as_deref(), Some(Ok(_))) {
            return Err(Trouble::Refused("the file is not looked at to its end yet".to_owned()));
        }
        if move_in.run.begin(|state| !is_whole(state)) {
            move_in.keys.renew();
            spawn_local(Arc::clone(&move_in).run(Arc::clone(&desk)));
        }
        Ok(shell.go(&format!("move-in/{id}")))
    };
    shell.answer(make).await
}

pub(crate) async fn stop(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    match found(&desk, &id) {
        Ok(move_in) => {
            move_in.look.stop();
            move_in.run.stop();
            desk.shell.go(&format!("move-in/{id}"))
        }
        Err(trouble) => desk.shell.trouble(&trouble),
    }
}

/// Hands out the list of old and fresh keys, once.
pub(crate) async fn keys(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let taken = found(&desk, &id).and_then(|move_in| {
        let is_over = move_in.run.outcome().is_some();
        let early = || Trouble::Refused("the run goes on; its keys are handed out at its end".to_owned());
        Ok(download("fresh-keys.csv", if is_over { move_in.keys.take()? } else { return Err(early()) }))
    });
    taken.unwrap_or_else(|trouble| desk.shell.trouble(&trouble))
}

/// Deletes the list of keys, which somebody has by now.
pub(crate) async fn delete(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let deleted = found(&desk, &id).and_then(|move_in| move_in.keys.delete());
    match deleted {
        Ok(()) => desk.shell.go(&format!("move-in/{id}")),
        Err(trouble) => desk.shell.trouble(&trouble),
    }
}

/// The refused rows with their reasons, to be mended and moved in.
pub(crate) async fn refused(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let read = found(&desk, &id).and_then(|move_in| {
        let none = || Trouble::NotFound("no row is refused".to_owned());
        let path = move_in.refused_rows().ok_or_else(none)?;
        let bytes = std::fs::read(&path).map_err(|why| unread(&path, &why))?;
        Ok(download(&format!("refused-{}", move_in.input.name), bytes))
    });
    read.unwrap_or_else(|trouble| desk.shell.trouble(&trouble))
}

fn found(desk: &Desk, id: &str) -> Result<Arc<MoveIn>, Trouble> {
    let forgotten = || {
        Trouble::NotFound(
            "this file is forgotten; move it in again: what is there is not imported twice".to_owned(),
        )
    };
    desk.move_ins.get(id).ok_or_else(forgotten)
}

fn looked_at(desk: &Arc<Desk>, input: Input, typed: TypedImport) -> Result<Response, Trouble> {
    let id = desk.move_ins.keep(MoveIn::new(input, typed, desk))?;
    let move_in = found(desk, &id)?;
    move_in.look.begin(|_| true);
    spawn_local(move_in.look(Arc::clone(desk)));
    Ok(desk.shell.go(&format!("move-in/{id}")))
}

/// True for a run that has seen its last row: there is nothing to go on with.
fn is_whole(state: &RunState<MoveInEnd>) -> bool {
    let RunState::Ended(end) = state else { return false };
    matches!(&**end, MoveInEnd::Ended(imported) if imported.end == ImportEnd::Whole)
}

fn page(shell: &Shell, move_in: &MoveIn, id: String) -> RunPage {
    let look = move_in.look.outcome();
    let problem = match look.as_deref() {
        Some(Err(why)) => Some(why.clone()),
        _ => None,
    };
    let plan = match look.as_deref() {
        Some(Ok(look)) => summary(&look.imported, "would be imported", "would be updated"),
        _ => Vec::new(),
    };
    let (looking, running) = (move_in.look.progress(), move_in.run.progress());
    let arguments = move_in.typed.command(&move_in.input.name, &move_in.keys.path, &move_in.refused);
    RunPage {
        frame: shell.frame("Move in", Section::MoveIn),
        id,
        file: views::line(&move_in.input.name),
        typed: move_in.typed.clone(),
        statuses: STATUSES,
        looking,
        problem,
        look: look.filter(|look| look.is_ok()),
        plan,
        running,
        end: move_in.run.outcome().map(|end| RunView::of(&end, move_in)),
        command: shell.command.with(&arguments),
        goes_on: looking.is_some() || running.is_some(),
    }
}

impl RunPage {
    /// Rows that a run would import.
    fn new_rows(&self) -> u64 {
        self.look.as_deref().and_then(|look| look.as_ref().ok()).map_or(0, |look| look.imported.imported)
    }

    /// True if a run would change anything.
    fn does_something(&self) -> bool {
        let mends = |look: &Look| look.imported.mended.iter().any(|mended| !mended.changed.is_empty());
        self.new_rows() > 0 || self.look.as_deref().and_then(|look| look.as_ref().ok()).is_some_and(mends)
    }
}

impl RunView {
    fn of(end: &MoveInEnd, move_in: &MoveIn) -> Self {
        let keys = move_in.keys.path.exists().then(|| KeysView {
            path: move_in.keys.path.display().to_string(),
            is_there: move_in.keys.is_there(),
        });
        match end {
            MoveInEnd::Failed(why) => Self {
                tone: "bad",
                sentence: why.clone(),
                told: Vec::new(),
                can_go_on: true,
                keys: None,
                refused_file: None,
            },
            MoveInEnd::Ended(imported) => {
                let (tone, sentence) = match imported.end {
                    ImportEnd::Whole if imported.refused == 0 => ("good", "The file is moved in.".to_owned()),
                    ImportEnd::Whole => (
                        "warn",
                        "The file is moved in, but for its refused rows. Mend them in their file, and move that in."
                            .to_owned(),
                    ),
                    ImportEnd::Stopped => (
                        "warn",
                        format!("The run was stopped after {} rows; the others are not imported.", imported.rows),
                    ),
                };
                Self {
                    tone,
                    sentence,
                    told: summary(imported, "imported", "updated"),
                    can_go_on: imported.end == ImportEnd::Stopped,
                    keys,
                    refused_file: imported.refused_file.as_ref().map(|file| file.display().to_string()),
                }
            }
        }
    }
}

/// The sentences of an import, as the command prints them.
fn summary(imported: &Imported, verb: &str, updated: &str) -> Vec<String> {
    let Imported { rows, imported: new, there, refused, .. } = imported;
    let noun = if *rows == 1 { "row" } else { "rows" };
    let mut told = vec![format!("{rows} {noun}: {new} {verb}, {there} there already, {refused} refused.")];
    told.extend(imported.notices.sentences());
    let changed: Vec<_> = imported.mended.iter().filter(|mended| !mended.changed.is_empty()).collect();
    if !changed.is_empty() {
        told.push(format!("{} of those there already {updated}.", changed.len()));
        told.extend(changed.iter().take(MAX_LISTED).map(|mended| correction(mended)));
    }
    let left = imported.mended.iter().filter(|mended| !mended.left.is_empty());
    told.extend(left.take(MAX_LISTED).map(|mended| {
        format!(
            "{} differs in what was changed here, which is left alone: {}.",
            mended.id,
            mended.left.join(", ")
        )
    }));
    for (column, words) in imported.words.by_column() {
        let of_rows = |(word, rows): &(&str, u64)| format!("{} ({rows})", views::line(word));
        let shown: Vec<_> = words.iter().take(MAX_LISTED).map(of_rows).collect();
        let field = if column == "status" { "Words for a status" } else { "Names of tiers" };
        let shown = shown.join(", ");
        told.push(format!(
            "{column} has words that are not known: {shown}. \u{201c}{field}\u{201d} translates each."
        ));
    }
    if imported.unmapped > 0 {
        told.push(format!("{} fresh keys are of other licenses than the list is for.", imported.unmapped));
    }
    told
}

fn correction(mended: &Mended) -> String {
    let changes =
        mended.changed.iter().map(|one| format!("{} {} → {}", one.attribute, one.before, one.after));
    format!("{}: {}", mended.id, views::line(&changes.collect::<Vec<_>>().join(", ")))
}
