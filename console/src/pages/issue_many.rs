//! Issue many: orders from a CSV, first as they are understood, then with their progress; the keys once.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use falconer_operator::import_export::bulk_issue::BulkIssued;
use falconer_operator::import_export::issue_csv::COLUMNS;

use crate::answers::shown_once;
use crate::bulk_issue::{BulkIssue, KeyLine, OrdersLook};
use crate::changes::CommandWords;
use crate::filters;
use crate::forms::Form;
use crate::inputs::{Input, download};
use crate::kept::Kept;
use crate::pages::work::{self, KeptFile, LookedWork, Stages, Work};
use crate::runs::{BackgroundRun, Stops};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::typed_form;
use crate::typed_orders::TypedOrders;
use crate::views;

/// Keys that a page shows; more go into a file.
const MAX_KEYS_SHOWN: u64 = 200;

#[derive(Template)]
#[template(path = "issue_many.html")]
struct BeginPage {
    frame: Frame,
    typed: TypedOrders,
    pasted: String,
    columns: String,
    /// Why the orders are not taken.
    refused: Option<String>,
    files: Vec<KeptFile>,
}

#[derive(Template)]
#[template(path = "issue_many_run.html")]
struct RunPage {
    frame: Frame,
    id: String,
    file: String,
    typed: TypedOrders,
    /// The rows, where they can be mended on the page.
    rows: Option<String>,
    stages: Stages<OrdersLook>,
    end: Option<RunView>,
    command: String,
}

/// How a run ended, for a page.
struct RunView {
    tone: &'static str,
    sentence: String,
    can_go_on: bool,
    /// Orders whose keys can be handed out.
    issued: u64,
    can_show: bool,
}

#[derive(Template)]
#[template(path = "issue_many_keys.html")]
struct KeysPage {
    frame: Frame,
    id: String,
    keys: Vec<KeyLine>,
}

pub(crate) async fn begin(State(desk): State<Arc<Desk>>) -> Response {
    let product = desk.shell.reads.product().map(|product| product.to_string()).unwrap_or_default();
    html(&begun(&desk, TypedOrders { product, ..TypedOrders::default() }, String::new(), None))
}

fn begun(desk: &Desk, typed: TypedOrders, pasted: String, refused: Option<String>) -> BeginPage {
    let frame = desk.shell.frame("Issue many", Section::Issue);
    let files = work::files(desk, |bulk: &BulkIssue| bulk.input.name.clone());
    BeginPage { frame, typed, pasted, columns: COLUMNS.join(", "), refused, files }
}

/// Takes a file of orders, and looks at it beside the page.
pub(crate) async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let form = Form::sent(&headers, &body).await;
        let typed = TypedOrders::read(&form);
        let taken = Input::of(&form, "orders.csv");
        let begun_look =
            taken.and_then(|input| work::begin_look(&desk, BulkIssue::new(input, typed.clone())));
        match begun_look {
            Err(trouble) if trouble.is_mendable() => {
                let pasted = typed_form::shown(form.get("pasted").unwrap_or_default());
                let page = begun(&desk, typed, pasted, Some(trouble.sentence()));
                Ok((trouble.status(), html(&page)).into_response())
            }
            outcome => outcome,
        }
    };
    shell.answer(make).await
}

/// Looks at the same orders with other settings, or with rows that were mended on the page.
pub(crate) async fn settings(State(desk): State<Arc<Desk>>, Path(id): Path<String>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |_| async move {
        let before = work::found::<BulkIssue>(&desk, &id)?;
        let form = Form::read(&body);
        let input = before.input.mended(form.get("pasted"));
        work::begin_look(&desk, BulkIssue::new(input, TypedOrders::read(&form)))
    };
    shell.answer(make).await
}

/// Hands out the keys as a file, once.
pub(crate) async fn keys(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    work::answered(&desk, &id, |bulk: &BulkIssue| Ok(download("issued-keys.csv", bulk.take_keys()?)))
}

/// Hands out the keys on a page, once.
pub(crate) async fn show_keys(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    work::answered(&desk, &id, |bulk: &BulkIssue| {
        if bulk.issued_orders().is_some_and(|issued| issued > MAX_KEYS_SHOWN) {
            let sentence = format!("a page shows {MAX_KEYS_SHOWN} keys at most; download them");
            return Err(Trouble::Refused(sentence));
        }
        let frame = desk.shell.frame("The keys", Section::Issue);
        Ok(shown_once(html(&KeysPage { frame, id: id.clone(), keys: bulk.take_key_lines()? })))
    })
}

/// Deletes the file of keys, which somebody has by now.
pub(crate) async fn delete(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    work::answered(&desk, &id, |bulk: &BulkIssue| {
        if !work::is_over(bulk) {
            let sentence = "the run has not ended: without the file of keys it could not go on";
            return Err(Trouble::Refused(sentence.to_owned()));
        }
        if let Some(Ok(look)) = bulk.look.outcome().as_deref() {
            look.keys.delete()?;
        }
        Ok(work::led_to::<BulkIssue>(&desk.shell, &id))
    })
}

impl Work for BulkIssue {
    type Done = BulkIssued;
    const PAGE: &'static str = "issue/many";
    const FORGOTTEN: &'static str =
        "these orders are forgotten; send them again: those that have keys are not issued twice";

    fn kept(desk: &Desk) -> &Kept<Self> {
        &desk.bulk_issues
    }

    fn run(&self) -> &BackgroundRun<Result<BulkIssued, String>> {
        &self.run
    }

    fn check(&self) -> Result<(), Trouble> {
        match self.look.outcome().as_deref() {
            Some(Ok(look)) if look.bad_count == 0 => Ok(()),
            Some(Ok(_)) => {
                Err(Trouble::Refused("some orders cannot be issued; nothing was issued".to_owned()))
            }
            _ => Err(Trouble::Refused("the orders are not looked at to their end yet".to_owned())),
        }
    }

    async fn work(&self, desk: &Desk) -> Result<BulkIssued, Trouble> {
        self.issue(desk).await
    }

    fn is_whole(issued: &BulkIssued) -> bool {
        issued.left == 0
    }

    fn stop(&self) {
        self.look.stop();
        self.run.stop();
    }

    fn page(&self, shell: &Shell, id: String) -> Response {
        let stages = Stages::of(self);
        html(&RunPage {
            frame: shell.frame("Issue many", Section::Issue),
            id,
            file: views::line(&self.input.name),
            typed: self.typed.clone(),
            rows: self.input.rows(),
            command: command(shell, self, stages.look()),
            end: self.run.outcome().map(|end| RunView::of(&end, self)),
            stages,
        })
    }
}

impl LookedWork for BulkIssue {
    type Look = OrdersLook;

    fn look(&self) -> &BackgroundRun<Result<OrdersLook, String>> {
        &self.look
    }

    async fn look_at(&self, desk: &Desk) -> Result<OrdersLook, Trouble> {
        self.looked(desk).await
    }
}

/// The same as a command: with the same file of keys it goes on where the console was.
fn command(shell: &Shell, bulk: &BulkIssue, look: Option<&OrdersLook>) -> String {
    let words = CommandWords::of("issue").option("--from-csv", &bulk.input.name);
    let words = words.option("--product", &bulk.typed.product);
    let words = match bulk.typed.encoding.as_str() {
        "" => words,
        encoding => words.option("--encoding", encoding),
    };
    let words = match look {
        Some(look) => words.option("--output", &look.keys.path.display().to_string()),
        None => words,
    };
    let reason = bulk.typed.reason().unwrap_or_default();
    shell.command.with(&words.words(reason.as_deref()))
}

impl RunPage {
    fn keys_path(&self) -> String {
        self.stages.look().map(|look| look.keys.path.display().to_string()).unwrap_or_default()
    }

    fn keys_are_there(&self) -> bool {
        self.stages.look().is_some_and(|look| look.keys.is_there())
    }

    fn keys_exist(&self) -> bool {
        self.stages.look().is_some_and(|look| look.keys.path.exists())
    }
}

impl RunView {
    fn of(end: &Result<BulkIssued, String>, bulk: &BulkIssue) -> Self {
        let issued = bulk.issued_orders().unwrap_or_default();
        let (tone, sentence, can_go_on) = match end {
            Err(why) => ("bad", why.clone(), true),
            Ok(ended) if ended.left > 0 => {
                let sentence = format!(
                    "The run was stopped: {} issued, {} not. Their keys are in the file, and open nothing \
                     until the run has gone on.",
                    views::counted(issued, "order"),
                    ended.left
                );
                ("warn", sentence, true)
            }
            Ok(ended) => {
                let issued = views::counted(ended.stored, "license");
                let sentence = format!("{issued} issued, {} there already.", ended.there);
                ("good", sentence, false)
            }
        };
        Self { tone, sentence, can_go_on, issued, can_show: issued > 0 && issued <= MAX_KEYS_SHOWN }
    }
}
