//! Bulk: one change of the licenses that are ticked, and an export of those that are shown.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use falconer_operator::import_export::export;

use crate::bulk_change::{self, BulkChange, BulkChangeEnd, RowPlan, RowResult};
use crate::filters;
use crate::forms::Form;
use crate::inputs::download;
use crate::kept::Kept;
use crate::pages::work::Work;
use crate::runs::{BackgroundRun, Progress, Stops};
use crate::shell::{Desk, Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::views::{self, FactChange};

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    frame: Frame,
    id: String,
    heading: String,
    changing: usize,
    reason: Option<String>,
    running: Option<Progress>,
    end: Option<EndView>,
    rows: Vec<BulkLine>,
    notes: Vec<String>,
    commands: String,
    /// The page of the ticks.
    back: String,
}

/// How a run ended, for a page.
struct EndView {
    tone: &'static str,
    sentence: String,
    can_go_on: bool,
}

/// A license of a bulk change, for a page.
struct BulkLine {
    id: String,
    key_hint: String,
    customer: Vec<String>,
    differences: Vec<FactChange>,
    word: &'static str,
    tone: &'static str,
    sentence: String,
}

/// Reads the ticked licenses, and shows what the change would do to each.
pub(crate) async fn preview(State(desk): State<Arc<Desk>>, body: Bytes) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let plan = BulkChange::plan(&desk, &Form::read(&body)).await?;
        let id = desk.bulk_changes.keep(plan)?;
        Ok(shell.go(&format!("bulk/{id}")))
    };
    shell.answer(make).await
}

/// The licenses that are ticked, else all that are shown, as `export csv` writes them: keys masked.
pub(crate) async fn export_shown(State(shell): State<Arc<Shell>>, body: Bytes) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let form = Form::read(&body);
        let mut ids = bulk_change::ticked(&form)?;
        if ids.is_empty() {
            ids = bulk_change::named(&form, "shown")?;
        }
        // The order of the command's file, so that the two can be compared.
        ids.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        let failed = |why: csv::Error| Trouble::Damaged(format!("the CSV cannot be written: {why}"));
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(export::header()).map_err(failed)?;
        for id in &ids {
            let (license, issuance) = shell.reads.row(id).await?;
            let key = issuance.key_hint.clone();
            writer.write_record(export::row(&license, &issuance, &key)).map_err(failed)?;
        }
        let bytes = writer.into_inner().map_err(|why| failed(why.into_error().into()))?;
        Ok(download("licenses.csv", bytes))
    };
    shell.answer(make).await
}

impl Work for BulkChange {
    type Done = BulkChangeEnd;
    const PAGE: &'static str = "bulk";
    const FORGOTTEN: &'static str = "these changes are forgotten; tick the licenses again";

    fn kept(desk: &Desk) -> &Kept<Self> {
        &desk.bulk_changes
    }

    fn run(&self) -> &BackgroundRun<Result<BulkChangeEnd, String>> {
        &self.run
    }

    async fn work(&self, desk: &Desk) -> Result<BulkChangeEnd, Trouble> {
        self.make(desk).await
    }

    fn is_whole(end: &BulkChangeEnd) -> bool {
        *end == BulkChangeEnd::Whole
    }

    fn page(&self, shell: &Shell, id: String) -> Response {
        html(&page(shell, self, id))
    }
}

fn page(shell: &Shell, bulk: &BulkChange, id: String) -> BulkPage {
    let results = bulk.results();
    let lines = bulk.rows.iter().zip(&results).map(|(row, result)| {
        let (differences, word, tone, sentence) = line(&row.plan, result);
        let customer = row.customer.clone();
        BulkLine {
            id: row.id.to_string(),
            key_hint: row.key_hint.clone(),
            customer,
            differences,
            word,
            tone,
            sentence,
        }
    });
    BulkPage {
        frame: shell.frame(format!("{} many", bulk.heading()), Section::Licenses),
        id,
        heading: format!("{} {}", bulk.heading(), views::counted(bulk.changing(), "license")),
        changing: bulk.changing(),
        reason: bulk.reason.clone(),
        running: bulk.run.progress(),
        end: bulk.run.outcome().map(|end| EndView::of(&end, &results)),
        rows: lines.collect(),
        notes: bulk.notes.clone(),
        back: bulk.back.clone(),
        commands: bulk.commands.join("\n"),
    }
}

fn line(plan: &RowPlan, result: &RowResult) -> (Vec<FactChange>, &'static str, &'static str, String) {
    let empty = Vec::new;
    match (plan, result) {
        (RowPlan::Same, _) => (empty(), "as it is", "quiet", "Nothing would change.".to_owned()),
        (RowPlan::Refused(why), _) => (empty(), "not possible", "bad", why.clone()),
        (RowPlan::Changes(_), RowResult::Refused(why)) => (empty(), "refused", "bad", why.clone()),
        (RowPlan::Changes(_), RowResult::Meanwhile) => (
            empty(),
            "changed meanwhile",
            "warn",
            "It is not as you saw it: somebody has changed it, or a device was seen. Nothing of yours was done.".to_owned(),
        ),
        (RowPlan::Changes(_), RowResult::Unknown) => {
            (empty(), "unknown", "warn", "The answer was lost; \u{201c}Go on\u{201d} finds out.".to_owned())
        }
        (RowPlan::Changes(changes), RowResult::Changed) => {
            (copied(changes), "changed", "good", String::new())
        }
        (RowPlan::Changes(changes), RowResult::Waits) => (copied(changes), "waits", "quiet", String::new()),
    }
}

fn copied(changes: &[FactChange]) -> Vec<FactChange> {
    let copy = |change: &FactChange| FactChange {
        name: change.name.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
    };
    changes.iter().map(copy).collect()
}

impl EndView {
    fn of(end: &Result<BulkChangeEnd, String>, results: &[RowResult]) -> Self {
        let count = |wanted: fn(&RowResult) -> bool| results.iter().filter(|result| wanted(result)).count();
        let changed = count(|result| *result == RowResult::Changed);
        let meanwhile = count(|result| *result == RowResult::Meanwhile);
        let refused = count(|result| matches!(result, RowResult::Refused(_)));
        let told = format!("{changed} changed, {meanwhile} changed meanwhile, {refused} refused.");
        let (tone, sentence, can_go_on) = match end {
            Ok(BulkChangeEnd::Whole) if meanwhile + refused == 0 => ("good", told, false),
            Ok(BulkChangeEnd::Whole) => ("warn", told, false),
            Ok(BulkChangeEnd::Stopped) => ("warn", format!("It was stopped. {told}"), true),
            Err(why) => ("bad", format!("{why} {told}"), true),
        };
        Self { tone, sentence, can_go_on }
    }
}
