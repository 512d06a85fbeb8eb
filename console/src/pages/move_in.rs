//! Move in: a CSV is dropped, chosen or pasted; what would come of it is shown, and then it is imported.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use falconer_operator::import_export::dates::DayOrder;
use falconer_operator::import_export::import::{ImportEnd, Imported};
use falconer_operator::import_export::update::Mended;
use falconer_operator::license_state::LicenseState;

use crate::field_names::in_field_names;
use crate::filters;
use crate::forms::Form;
use crate::inputs::{Input, download, unread};
use crate::kept::Kept;
use crate::move_in::{ImportLook, MoveIn};
use crate::pages::work::{self, KeptFile, LookedWork, Stages, Work};
use crate::runs::{BackgroundRun, Stops};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_import::{SourceKind, TypedImport};
use crate::views;

/// Corrections and words that are listed; the command lists all with `--json`.
const MAX_LISTED: usize = 20;

#[derive(Template)]
#[template(path = "move_in.html")]
struct BeginPage {
    frame: Frame,
    typed: TypedImport,
    statuses: [&'static str; 5],
    pasted: String,
    /// Why the file is not taken.
    refused: Option<String>,
    files: Vec<KeptFile>,
}

#[derive(Template)]
#[template(path = "move_in_run.html")]
struct RunPage {
    frame: Frame,
    id: String,
    file: String,
    typed: TypedImport,
    statuses: [&'static str; 5],
    stages: Stages<ImportLook>,
    plan: Vec<String>,
    end: Option<RunView>,
    command: String,
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
    let product = desk.shell.reads.product().map(|product| product.to_string()).unwrap_or_default();
    html(&begun(&desk, TypedImport::blank(product), None))
}

/// A pasted text does not come back: it may have keys, and a key is on no page that nobody asked for it.
fn begun(desk: &Desk, typed: TypedImport, refused: Option<String>) -> BeginPage {
    let frame = desk.shell.frame("Move in", Section::MoveIn);
    let files = work::files(desk, |move_in: &MoveIn| move_in.input.name.clone());
    BeginPage { frame, typed, statuses: LicenseState::words(), pasted: String::new(), refused, files }
}

/// Takes a file, and looks at it beside the page.
pub(crate) async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let form = Form::sent(&headers, &body).await;
        let typed = TypedImport::read(&form);
        let taken = Input::of(&form, "customers.csv");
        let begun_look =
            taken.and_then(|input| work::begin_look(&desk, MoveIn::new(input, typed.clone(), &desk)));
        match begun_look {
            Err(trouble) if trouble.is_mendable() => {
                let page = begun(&desk, typed.shown(), Some(trouble.sentence()));
                Ok((trouble.status(), html(&page)).into_response())
            }
            outcome => outcome,
        }
    };
    shell.answer(make).await
}

/// Looks at the same file with other settings.
pub(crate) async fn settings(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let before = work::found::<MoveIn>(&desk, &id)?;
        let typed = TypedImport::read(&Form::read(&body));
        work::begin_look(&desk, MoveIn::new(before.input.clone(), typed, &desk))
    };
    shell.answer(make).await
}

/// Hands out the list of old and fresh keys, once.
pub(crate) async fn keys(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    work::answered(&desk, &id, |move_in: &MoveIn| {
        if move_in.run.outcome().is_none() {
            let sentence = "the run goes on; its keys are handed out at its end";
            return Err(Trouble::Refused(sentence.to_owned()));
        }
        Ok(download("fresh-keys.csv", move_in.keys.take()?))
    })
}

/// Deletes the list of keys, which somebody has by now.
pub(crate) async fn delete(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    work::answered(&desk, &id, |move_in: &MoveIn| {
        move_in.keys.delete()?;
        Ok(work::led_to::<MoveIn>(&desk.shell, &id))
    })
}

/// The refused rows with their reasons, to be mended and moved in.
pub(crate) async fn refused(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    work::answered(&desk, &id, |move_in: &MoveIn| {
        let none = || Trouble::NotFound("no row is refused".to_owned());
        let path = move_in.refused_rows().ok_or_else(none)?;
        let bytes = std::fs::read(&path).map_err(|why| unread(&path, &why))?;
        Ok(download(&format!("refused-{}", move_in.input.name), bytes))
    })
}

impl Work for MoveIn {
    type Done = Imported;
    const PAGE: &'static str = "move-in";
    const FORGOTTEN: &'static str =
        "this file is forgotten; move it in again: what is there is not imported twice";

    fn kept(desk: &Desk) -> &Kept<Self> {
        &desk.move_ins
    }

    fn run(&self) -> &BackgroundRun<Result<Imported, String>> {
        &self.run
    }

    fn check(&self) -> Result<(), Trouble> {
        match self.look.outcome().as_deref() {
            Some(Ok(_)) => Ok(()),
            _ => Err(Trouble::Refused("the file is not looked at to its end yet".to_owned())),
        }
    }

    async fn work(&self, desk: &Desk) -> Result<Imported, Trouble> {
        self.import(desk).await
    }

    fn is_whole(imported: &Imported) -> bool {
        imported.end == ImportEnd::Whole
    }

    fn stop(&self) {
        self.look.stop();
        self.run.stop();
    }

    fn page(&self, shell: &Shell, id: String) -> Response {
        let stages = Stages::of(self);
        let arguments = self.typed.command(&self.input.name, &self.keys.path, &self.refused);
        let planned = |look: &ImportLook| summary(&look.imported, "would be imported", "would be updated");
        html(&RunPage {
            frame: shell.frame("Move in", Section::MoveIn),
            id,
            file: views::line(&self.input.name),
            typed: self.typed.shown(),
            statuses: LicenseState::words(),
            plan: stages.look().map(planned).unwrap_or_default(),
            end: self.run.outcome().map(|end| RunView::of(&end, self)),
            command: shell.command.with(&arguments),
            stages,
        })
    }
}

impl LookedWork for MoveIn {
    type Look = ImportLook;

    fn look(&self) -> &BackgroundRun<Result<ImportLook, String>> {
        &self.look
    }

    async fn look_at(&self, desk: &Desk) -> Result<ImportLook, Trouble> {
        self.looked(desk).await
    }
}

impl RunPage {
    /// Rows that a run would import.
    fn new_rows(&self) -> u64 {
        self.stages.look().map_or(0, |look| look.imported.imported)
    }

    fn button(&self) -> String {
        format!("Import {}", views::counted(self.new_rows(), "license"))
    }

    /// True if a run would change anything.
    fn does_something(&self) -> bool {
        let mends = |look: &ImportLook| look.imported.mended.iter().any(|mended| !mended.changed.is_empty());
        self.new_rows() > 0 || self.stages.look().is_some_and(mends)
    }
}

impl RunView {
    fn of(end: &Result<Imported, String>, move_in: &MoveIn) -> Self {
        let keys = move_in.keys.path.exists().then(|| KeysView {
            path: move_in.keys.path.display().to_string(),
            is_there: move_in.keys.is_there(),
        });
        match end {
            Err(why) => Self {
                tone: "bad",
                sentence: why.clone(),
                told: Vec::new(),
                can_go_on: true,
                keys: None,
                refused_file: None,
            },
            Ok(imported) => {
                let (tone, sentence) = match imported.end {
                    ImportEnd::Whole if imported.refused == 0 => ("good", "The file is moved in.".to_owned()),
                    ImportEnd::Whole => (
                        "warn",
                        "The file is moved in, but for its refused rows. Mend them in their file, and move that in."
                            .to_owned(),
                    ),
                    ImportEnd::Stopped => (
                        "warn",
                        format!("The run was stopped after {}; the others are not imported.", views::counted(imported.rows, "row")),
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
    let rows = views::counted(*rows, "row");
    let mut told = vec![format!("{rows}: {new} {verb}, {there} there already, {refused} refused.")];
    told.extend(imported.notices.sentences().map(|told| in_field_names(&told)));
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
        told.push(format!(
            "The list leaves out {}, of other licenses than it is for.",
            views::counted(imported.unmapped, "fresh key")
        ));
    }
    told
}

fn correction(mended: &Mended) -> String {
    let changes =
        mended.changed.iter().map(|one| format!("{} {} → {}", one.attribute, one.before, one.after));
    format!("{}: {}", mended.id, views::line(&changes.collect::<Vec<_>>().join(", ")))
}
