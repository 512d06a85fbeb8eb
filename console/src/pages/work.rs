//! Pages of work on many licenses: progress, run, stop, and a run that goes on after a stop.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use tokio::task::spawn_local;

use crate::kept::{Keepable, Kept};
use crate::runs::{BackgroundRun, Progress, RunState};
use crate::shell::{Desk, Shell};
use crate::trouble::Trouble;
use crate::views;

/// Work on many licenses, which goes on when its page is closed.
pub(crate) trait Work: Keepable + Sized + Send + Sync + 'static {
    /// The result of a run, also of one that was stopped.
    type Done: Send + Sync;
    /// The page of the work, without its id.
    const PAGE: &'static str;
    /// The sentence where the work is not kept any more.
    const FORGOTTEN: &'static str;

    /// The place that keeps it.
    fn kept(desk: &Desk) -> &Kept<Self>;

    /// The run and its result. An error is a sentence for the page, as that DynamoDB does not answer.
    fn run(&self) -> &BackgroundRun<Result<Self::Done, String>>;

    /// Refuses to begin a run before the look has ended.
    fn check(&self) -> Result<(), Trouble> {
        Ok(())
    }

    /// Works until the end, or until a stop. Runs on the worker's thread.
    async fn work(&self, desk: &Desk) -> Result<Self::Done, Trouble>;

    /// True if the run has left nothing undone.
    fn is_whole(done: &Self::Done) -> bool;

    /// Asks the run to stop; it ends with what is under way.
    fn stop(&self) {
        self.run().stop();
    }

    /// The page, at any stage of the work.
    fn page(&self, shell: &Shell, id: String) -> Response;
}

/// Work with a preview of its effect, the look. A look writes nothing.
pub(crate) trait LookedWork: Work {
    /// The result of a look.
    type Look: Send + Sync;

    /// The look and its result. An error is a sentence for the page: why nothing can be run.
    fn look(&self) -> &BackgroundRun<Result<Self::Look, String>>;

    /// Looks until the end, or until a stop. Runs on the worker's thread.
    async fn look_at(&self, desk: &Desk) -> Result<Self::Look, Trouble>;
}

/// Stage of work that has a look, for its page.
pub(crate) struct Stages<L> {
    pub(crate) looking: Option<Progress>,
    pub(crate) running: Option<Progress>,
    look: Option<Arc<Result<L, String>>>,
}

impl<L> Stages<L> {
    pub(crate) fn of(work: &impl LookedWork<Look = L>) -> Self {
        Self { looking: work.look().progress(), running: work.run().progress(), look: work.look().outcome() }
    }

    pub(crate) const fn goes_on(&self) -> bool {
        self.looking.is_some() || self.running.is_some()
    }

    /// The look, once it has ended.
    pub(crate) fn look(&self) -> Option<&L> {
        self.look.as_deref()?.as_ref().ok()
    }

    /// Why nothing can be run.
    pub(crate) fn problem(&self) -> Option<&str> {
        self.look.as_deref()?.as_ref().err().map(String::as_str)
    }
}

/// A file of this run of the console, for a link.
pub(crate) struct KeptFile {
    /// The page of the work, below the path of the run.
    pub(crate) page: String,
    pub(crate) name: String,
    pub(crate) state: &'static str,
}

/// The files that are kept, the newest first.
pub(crate) fn files<W: LookedWork>(desk: &Desk, name: impl Fn(&W) -> String) -> Vec<KeptFile> {
    let file = |(id, work): (String, Arc<W>)| KeptFile {
        page: format!("{}/{id}", W::PAGE),
        name: views::line(&name(&work)),
        state: match (work.goes_on(), work.run().state(), work.look().outcome().as_deref()) {
            (true, ..) => "goes on",
            (false, RunState::Ended(end), _) if ends_whole::<W>(&end) => "done",
            (false, RunState::Ended(_), _) => "ended on its way; it can go on",
            (false, _, Some(Err(_))) => "does not read; its page mends it",
            (false, ..) => "looked at; nothing is done yet",
        },
    };
    W::kept(desk).all().into_iter().map(file).collect()
}

/// Keeps new work, begins to look at it, and leads to its page.
pub(crate) fn begin_look<W: LookedWork>(desk: &Arc<Desk>, work: W) -> Result<Response, Trouble> {
    let id = W::kept(desk).keep(work)?;
    let work = found::<W>(desk, &id)?;
    work.look().begin(|_| true);
    let at = Arc::clone(desk);
    spawn_local(async move {
        let _work = at.shell.guard.work();
        let looked = work.look_at(&at).await.map_err(|trouble| trouble.sentence());
        work.look().end(looked);
    });
    Ok(led_to::<W>(&desk.shell, &id))
}

pub(crate) async fn show<W: Work>(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    answered(&desk, &id, |work: &W| Ok(work.page(&desk.shell, id.clone())))
}

/// Runs the work, or goes on where an earlier run ended. Of two requests one begins a run; a whole run is not begun again.
pub(crate) async fn run<W: Work>(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    let shell = Arc::clone(&desk.shell);
    let make = |shell: Arc<Shell>| async move {
        let work = found::<W>(&desk, &id)?;
        work.check()?;
        let is_left = |state: &RunState<_>| match state {
            RunState::Ended(end) => !ends_whole::<W>(end),
            RunState::NotBegun | RunState::GoesOn => true,
        };
        if work.run().begin(is_left) {
            spawn_local(async move {
                let _work = desk.shell.guard.work();
                let done = work.work(&desk).await.map_err(|trouble| trouble.sentence());
                work.run().end(done);
            });
        }
        Ok(led_to::<W>(&shell, &id))
    };
    shell.answer(make).await
}

pub(crate) async fn stop<W: Work>(State(desk): State<Arc<Desk>>, Path(id): Path<String>) -> Response {
    answered(&desk, &id, |work: &W| {
        work.stop();
        Ok(led_to::<W>(&desk.shell, &id))
    })
}

/// Answers from what the work holds, without waiting for AWS.
pub(crate) fn answered<W: Work>(
    desk: &Desk,
    id: &str,
    make: impl FnOnce(&W) -> Result<Response, Trouble>,
) -> Response {
    let answer = found(desk, id).and_then(|work| make(&work));
    answer.unwrap_or_else(|trouble| desk.shell.trouble(&trouble))
}

pub(crate) fn found<W: Work>(desk: &Desk, id: &str) -> Result<Arc<W>, Trouble> {
    W::kept(desk).get(id).ok_or_else(|| Trouble::NotFound(W::FORGOTTEN.to_owned()))
}

/// True once a run has left nothing to go on with.
pub(crate) fn is_over<W: Work>(work: &W) -> bool {
    work.run().outcome().is_some_and(|end| ends_whole::<W>(&end))
}

fn ends_whole<W: Work>(end: &Result<W::Done, String>) -> bool {
    end.as_ref().is_ok_and(W::is_whole)
}

/// Leads to the page of the work.
pub(crate) fn led_to<W: Work>(shell: &Shell, id: &str) -> Response {
    shell.go(&format!("{}/{id}", W::PAGE))
}
