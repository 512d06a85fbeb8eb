//! Everything that pages share, and how an answer becomes a page.

use std::sync::Arc;

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};

use crate::again::{Again, FieldShown, Unanswered, WayBack};
use crate::answers::FormAnswer;
use crate::bulk_change::BulkChange;
use crate::bulk_issue::BulkIssue;
use crate::command_line::CommandLine;
use crate::counts::{CountProgress, Counts};
use crate::filters;
use crate::guard::Guard;
use crate::inputs::KeyFolder;
use crate::jobs::Look;
use crate::kept::Kept;
use crate::moments::Clock;
use crate::move_in::MoveIn;
use crate::on_demand::OnDemand;
use crate::pages::confirm::Plan;
use crate::reading::ReadService;
use crate::refused::{MetricsSource, Refused};
use crate::server::Rights;
use crate::trouble::Trouble;
use crate::typed_form::Typed;
use crate::worker::Worker;
use crate::writing::WriteService;

/// The parts of every page. No `Debug`: it holds the secrets of the run.
pub(crate) struct Shell {
    pub(crate) guard: Arc<Guard>,
    pub(crate) clock: Clock,
    pub(crate) worker: Worker,
    pub(crate) reads: Arc<ReadService>,
    pub(crate) command: CommandLine,
    pub(crate) place: String,
    pub(crate) actor: String,
    pub(crate) rights: Rights,
    pub(crate) answers: Kept<FormAnswer>,
    /// Forms that were sent, by the ids of their pages.
    pub(crate) drafts: Kept<Typed>,
    pub(crate) searches: Kept<String>,
    pub(crate) looks: Kept<Look>,
    pub(crate) counts: OnDemand<Counts>,
    pub(crate) counting: CountProgress,
    pub(crate) metrics: MetricsSource,
    pub(crate) refused: OnDemand<Refused>,
}

/// The parts of every change; a console that only reads has no desk.
pub(crate) struct Desk {
    pub(crate) shell: Arc<Shell>,
    pub(crate) writes: WriteService,
    pub(crate) plans: Kept<Plan>,
    pub(crate) files: KeyFolder,
    pub(crate) move_ins: Kept<MoveIn>,
    pub(crate) bulk_issues: Kept<BulkIssue>,
    pub(crate) bulk_changes: Kept<BulkChange>,
}

/// The frame around a page.
pub(crate) struct Frame {
    pub(crate) title: String,
    pub(crate) base: String,
    pub(crate) csrf: String,
    pub(crate) place: String,
    pub(crate) actor: String,
    /// The text that was searched for, in the form in which a page may repeat it.
    pub(crate) searched: String,
    pub(crate) section: Section,
    pub(crate) rights: Rights,
}

/// The part of the console that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Home,
    Licenses,
    Issue,
    MoveIn,
    Catalog,
    KeyRing,
    None,
}

#[derive(Template)]
#[template(path = "trouble.html")]
struct TroublePage {
    frame: Frame,
    sentence: String,
    again: Option<Again>,
    way_back: Option<WayBack>,
}

impl Frame {
    pub(crate) fn writes(&self) -> bool {
        self.rights == Rights::Full
    }
}

impl Shell {
    pub(crate) fn frame(&self, title: impl Into<String>, section: Section) -> Frame {
        Frame {
            title: title.into(),
            base: self.guard.base(),
            csrf: self.guard.csrf().to_owned(),
            place: self.place.clone(),
            actor: self.actor.clone(),
            searched: String::new(),
            section,
            rights: self.rights,
        }
    }

    /// Runs the work of a page on the worker's thread. What goes wrong becomes a page of its own.
    pub(crate) async fn answer<F, Fut>(self: Arc<Self>, make: F) -> Response
    where
        F: FnOnce(Arc<Self>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Response, Trouble>> + 'static,
    {
        let shell = Arc::clone(&self);
        match self.worker.run(move || make(shell)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(trouble)) => self.trouble(&trouble),
            Err(_) => self.trouble(&Trouble::Damaged("the console is ending".to_owned())),
        }
    }

    /// The page of what went wrong. [`crate::again::offer`] adds the ways on.
    pub(crate) fn trouble(&self, trouble: &Trouble) -> Response {
        let mut answer = self.trouble_page(trouble, None, None);
        answer.extensions_mut().insert(Unanswered(Arc::new(trouble.clone())));
        answer
    }

    /// The same, with a way to ask again, and the page that the request came from.
    pub(crate) fn trouble_page(
        &self,
        trouble: &Trouble,
        again: Option<Again>,
        way_back: Option<WayBack>,
    ) -> Response {
        let frame = self.frame(trouble.title(), Section::None);
        let page = TroublePage { frame, sentence: trouble.sentence(), again, way_back };
        (trouble.status(), html(&page)).into_response()
    }

    /// Sends the browser to another page of the console.
    pub(crate) fn go(&self, page: &str) -> Response {
        Redirect::to(&format!("{}{page}", self.guard.base())).into_response()
    }
}

/// A page as an answer.
pub(crate) fn html(page: &impl Template) -> Response {
    page.render().map_or_else(
        // A template writes into memory, so only its own filters could fail.
        |_| (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be drawn.").into_response(),
        |text| Html(text).into_response(),
    )
}
