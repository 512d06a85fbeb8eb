//! Issue many: orders from a CSV, first as they are understood, then with their progress; the keys once.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use falconer_domain::Product;
use falconer_operator::import_export::issue_csv::COLUMNS;
use tokio::task::spawn_local;

use crate::answers::shown_once;
use crate::bulk_issue::{BulkIssue, BulkIssueEnd, KeyLine, OrdersLook};
use crate::changes::{self, CommandWords};
use crate::forms::Form;
use crate::inputs::{Input, download};
use crate::move_in::bad;
use crate::runs::{Progress, RunState, Stops};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::views;

/// Keys that a page shows; more go into a file.
const MAX_KEYS_SHOWN: u64 = 200;

#[derive(Template)]
#[template(path = "issue_many.html")]
struct BeginPage {
    frame: Frame,
    product: String,
    columns: String,
}

#[derive(Template)]
#[template(path = "issue_many_run.html")]
struct RunPage {
    frame: Frame,
    id: String,
    file: String,
    looking: Option<Progress>,
    /// Why nothing can be issued.
    problem: Option<String>,
    look: Option<Arc<Result<OrdersLook, String>>>,
    running: Option<Progress>,
    end: Option<RunView>,
    command: String,
    goes_on: bool,
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
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let product = shell.reads.product().map(|product| product.to_string()).unwrap_or_default();
        let frame = shell.frame("Issue many", Section::Issue);
        Ok(html(&BeginPage { frame, product, columns: COLUMNS.join(", ") }))
    };
    shell.answer(make).await
}

/// Takes a file of orders, and looks at it beside the page.
pub(crate) async fn take(State(desk): State<Arc<Desk>>, headers: HeaderMap, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let form = Form::sent(&headers, &body).await;
        let code = form.filled("product").unwrap_or_default().to_uppercase();
        let product =
            Product::parse(&code).ok_or_else(|| bad("a product\u{2019}s code has 2 to 8 of A-Z and 0-9"))?;
        let encoding = form.filled("encoding").unwrap_or_default().to_owned();
        let input = Input::of(&form, "orders.csv")?;
        let bulk = BulkIssue::new(input, product, encoding, changes::reason(&form)?);
        let id = desk.bulk_issues.keep(bulk)?;
        let bulk = found(&desk, &id)?;
        bulk.look.begin(|_| true);
        spawn_local(bulk.look(Arc::clone(&desk)));
        Ok(shell.go(&format!("issue/many/{id}")))
    };
    shell.answer(make).await
}

pub(crate) async fn show(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let bulk = found(&desk, &id)?;
        Ok(html(&page(&shell, &bulk, id)))
    };
    shell.answer(make).await
}

/// Issues the licenses, or goes on where an earlier run ended.
pub(crate) async fn run(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let bulk = found(&desk, &id)?;
        match bulk.look.outcome().as_deref() {
            Some(Ok(look)) if look.bad_count == 0 => {
                if bulk.run.begin(|state| !is_whole(state)) {
                    look.keys.renew();
                    spawn_local(Arc::clone(&bulk).run(Arc::clone(&desk)));
                }
                Ok(shell.go(&format!("issue/many/{id}")))
            }
            Some(Ok(_)) => {
                Err(Trouble::Refused("some orders are not in order; nothing was issued".to_owned()))
            }
            _ => Err(Trouble::Refused("the orders are not looked at to their end yet".to_owned())),
        }
    };
    shell.answer(make).await
}

pub(crate) async fn stop(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let stopped = found(&desk, &id).map(|bulk| {
        bulk.look.stop();
        bulk.run.stop();
        desk.shell.go(&format!("issue/many/{id}"))
    });
    stopped.unwrap_or_else(|trouble| desk.shell.trouble(&trouble))
}

/// Hands out the keys as a file, once.
pub(crate) async fn keys(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let taken = found(&desk, &id).and_then(|bulk| Ok(download("issued-keys.csv", bulk.take_keys()?)));
    taken.unwrap_or_else(|trouble| desk.shell.trouble(&trouble))
}

/// Hands out the keys on a page, once.
pub(crate) async fn show_keys(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let taken = found(&desk, &id).and_then(|bulk| {
        if bulk.issued_orders().is_some_and(|issued| issued > MAX_KEYS_SHOWN) {
            let sentence = format!("a page shows {MAX_KEYS_SHOWN} keys at most; download them");
            return Err(Trouble::Refused(sentence));
        }
        let frame = desk.shell.frame("The keys", Section::Issue);
        Ok(shown_once(html(&KeysPage { frame, id: id.clone(), keys: bulk.take_key_lines()? })))
    });
    taken.unwrap_or_else(|trouble| desk.shell.trouble(&trouble))
}

/// Deletes the file of keys, which somebody has by now.
pub(crate) async fn delete(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let deleted = found(&desk, &id).and_then(|bulk| {
        if !matches!(bulk.run.state(), RunState::Ended(_)) || !is_whole(&bulk.run.state()) {
            let sentence = "the run has not ended: without the file of keys it could not go on";
            return Err(Trouble::Refused(sentence.to_owned()));
        }
        match bulk.look.outcome().as_deref() {
            Some(Ok(look)) => look.keys.delete(),
            _ => Ok(()),
        }
    });
    match deleted {
        Ok(()) => desk.shell.go(&format!("issue/many/{id}")),
        Err(trouble) => desk.shell.trouble(&trouble),
    }
}

fn found(desk: &Desk, id: &str) -> Result<Arc<BulkIssue>, Trouble> {
    let forgotten = || {
        Trouble::NotFound(
            "these orders are forgotten; send them again: those that have keys are not issued twice"
                .to_owned(),
        )
    };
    desk.bulk_issues.get(id).ok_or_else(forgotten)
}

/// True for a run that has seen its last order: there is nothing to go on with.
fn is_whole(state: &RunState<BulkIssueEnd>) -> bool {
    let RunState::Ended(end) = state else { return false };
    matches!(&**end, BulkIssueEnd::Ended(issued) if issued.left == 0)
}

fn page(shell: &Shell, bulk: &BulkIssue, id: String) -> RunPage {
    let look = bulk.look.outcome();
    let problem = match look.as_deref() {
        Some(Err(why)) => Some(why.clone()),
        _ => None,
    };
    let (looking, running) = (bulk.look.progress(), bulk.run.progress());
    RunPage {
        frame: shell.frame("Issue many", Section::Issue),
        id,
        file: views::line(&bulk.input.name),
        looking,
        problem,
        command: command(shell, bulk, look.as_deref()),
        look: look.filter(|look| look.is_ok()),
        running,
        end: bulk.run.outcome().map(|end| RunView::of(&end, bulk)),
        goes_on: looking.is_some() || running.is_some(),
    }
}

/// The same as a command: with the same file of keys it goes on where the console was.
fn command(shell: &Shell, bulk: &BulkIssue, look: Option<&Result<OrdersLook, String>>) -> String {
    let words = CommandWords::of("issue").option("--from-csv", &bulk.input.name);
    let words = words.option("--product", bulk.product.as_str());
    let words = match bulk.encoding.as_str() {
        "" => words,
        encoding => words.option("--encoding", encoding),
    };
    let words = match look {
        Some(Ok(look)) => words.option("--output", &look.keys.path.display().to_string()),
        _ => words,
    };
    shell.command.with(&words.words(bulk.reason.as_deref()))
}

impl RunPage {
    fn keys_path(&self) -> String {
        let look = self.look.as_deref().and_then(|look| look.as_ref().ok());
        look.map(|look| look.keys.path.display().to_string()).unwrap_or_default()
    }

    fn keys_are_there(&self) -> bool {
        let look = self.look.as_deref().and_then(|look| look.as_ref().ok());
        look.is_some_and(|look| look.keys.is_there())
    }

    fn keys_exist(&self) -> bool {
        let look = self.look.as_deref().and_then(|look| look.as_ref().ok());
        look.is_some_and(|look| look.keys.path.exists())
    }
}

impl RunView {
    fn of(end: &BulkIssueEnd, bulk: &BulkIssue) -> Self {
        let issued = bulk.issued_orders().unwrap_or_default();
        let (tone, sentence, can_go_on) = match end {
            BulkIssueEnd::Failed(why) => ("bad", why.clone(), true),
            BulkIssueEnd::Ended(ended) if ended.left > 0 => {
                let left = ended.left;
                let sentence = format!(
                    "The run was stopped: {issued} orders are issued, and {left} are not. Their keys are in the file, \
                     and open nothing until the run has gone on."
                );
                ("warn", sentence, true)
            }
            BulkIssueEnd::Ended(ended) => {
                let sentence = format!("{} licenses issued, {} there already.", ended.stored, ended.there);
                ("good", sentence, false)
            }
        };
        Self { tone, sentence, can_go_on, issued, can_show: issued > 0 && issued <= MAX_KEYS_SHOWN }
    }
}
