//! A look through all licenses: it goes on beside its page, says how far it is, and can be stopped.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use falconer_aws::operator::IssuanceRecord;
use falconer_domain::License;
use falconer_operator::license_state::LicenseState;
use falconer_operator::search::SearchQuery;

use crate::kept::Keepable;
use crate::shell::Shell;
use crate::trouble::Trouble;

/// Licenses that one look keeps: more are no answer, but another question.
pub(crate) const MAX_FOUND: usize = 500;

/// The licenses that a look is for.
pub(crate) enum Wanted {
    /// Those that fit a text. It may hold a key.
    Text(String),
    /// Those of a state.
    Of(LicenseState),
}

/// A look. No `Debug`: it is about people.
pub(crate) struct Look {
    pub(crate) wanted: Wanted,
    seen: AtomicU64,
    stop: AtomicBool,
    state: Mutex<LookState>,
}

struct LookState {
    found: Vec<Arc<(License, IssuanceRecord)>>,
    end: Option<LookEnd>,
}

/// How a look ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LookEnd {
    /// It has seen every license; so many rows did not read.
    Whole(usize),
    /// Somebody stopped it.
    Stopped,
    /// It has found as many as it keeps.
    Full,
    /// Something did not answer.
    Failed(String),
}

impl Keepable for Look {
    fn goes_on(&self) -> bool {
        self.end().is_none()
    }
}

impl Look {
    pub(crate) const fn new(wanted: Wanted) -> Self {
        let state = Mutex::new(LookState { found: Vec::new(), end: None });
        Self { wanted, seen: AtomicU64::new(0), stop: AtomicBool::new(false), state }
    }

    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    pub(crate) fn end(&self) -> Option<LookEnd> {
        self.state().end.clone()
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// The licenses that were found so far.
    pub(crate) fn found(&self) -> Vec<Arc<(License, IssuanceRecord)>> {
        self.state().found.clone()
    }

    fn state(&self) -> std::sync::MutexGuard<'_, LookState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at every license. Runs on the worker's thread.
    pub(crate) async fn run(self: Arc<Self>, shell: Arc<Shell>) {
        let _work = shell.guard.work();
        let end = match self.look(&shell).await {
            Ok(_) if self.stop.load(Ordering::Relaxed) => LookEnd::Stopped,
            Ok(_) if self.state().found.len() >= MAX_FOUND => LookEnd::Full,
            Ok(unreadable) => LookEnd::Whole(unreadable),
            Err(trouble) => LookEnd::Failed(trouble.sentence()),
        };
        self.state().end = Some(end);
    }

    async fn look(&self, shell: &Shell) -> Result<usize, Trouble> {
        let (ring, now) = (shell.reads.ring().await?, shell.clock.now());
        let query = match &self.wanted {
            Wanted::Text(text) => SearchQuery::read(text),
            Wanted::Of(_) => None,
        };
        let is_wanted = |license: &License, issuance: &IssuanceRecord| match (&self.wanted, &query) {
            (Wanted::Of(state), _) => LicenseState::of(license, now) == *state,
            (Wanted::Text(_), Some(query)) => query.fits(license, issuance, &ring) || query.is_noted(license),
            (Wanted::Text(_), None) => false,
        };
        let visit = |row: falconer_aws::store::LicenseRow, issuance: IssuanceRecord| {
            self.seen.fetch_add(1, Ordering::Relaxed);
            let mut state = self.state();
            if is_wanted(&row.license, &issuance) {
                state.found.push(Arc::new((row.license, issuance)));
            }
            let is_over = self.stop.load(Ordering::Relaxed) || state.found.len() >= MAX_FOUND;
            if is_over { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        shell.reads.each(visit).await
    }
}
