//! Counts of all licenses and of the last days, made when somebody asks for them.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

use falconer_domain::{Status, UnixMillis};
use falconer_operator::chart;
use falconer_operator::stats::Statistics;

use crate::shell::Shell;
use crate::trouble::Trouble;

/// Days that are counted.
pub(crate) const DAYS: u32 = 30;

/// The counts of a moment.
pub(crate) struct Counts {
    pub(crate) at: UnixMillis,
    pub(crate) statistics: Statistics,
    /// Active licenses that have not ended.
    pub(crate) active: u64,
    /// Licenses that were issued in these days.
    pub(crate) new: u64,
    /// The chart of `stats --chart`, as SVG.
    pub(crate) chart: String,
}

/// The last counts, and whether others are being made.
pub(crate) struct Counting(Mutex<CountingState>);

#[derive(Default)]
struct CountingState {
    goes_on: bool,
    last: Option<Result<Arc<Counts>, String>>,
}

impl Counting {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(CountingState::default()))
    }

    /// Returns whether counting goes on, and the last outcome.
    pub(crate) fn last(&self) -> (bool, Option<Result<Arc<Counts>, String>>) {
        let state = self.state();
        (state.goes_on, state.last.clone())
    }

    /// Counts, unless that goes on already. Runs on the worker's thread.
    pub(crate) async fn run(&self, shell: &Shell) {
        if std::mem::replace(&mut self.state().goes_on, true) {
            return;
        }
        let counted = count(shell).await.map(Arc::new).map_err(|trouble| trouble.sentence());
        *self.state() = CountingState { goes_on: false, last: Some(counted) };
    }

    fn state(&self) -> MutexGuard<'_, CountingState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(shell: &Shell) -> Result<Counts, Trouble> {
    let at = shell.clock.now();
    let mut statistics = Statistics::of_days(DAYS, at);
    let since = statistics.since();
    let (mut active, mut new) = (0, 0);
    shell
        .reads
        .each(|row, issuance| {
            statistics.license(&row.license, at);
            active += u64::from(row.license.status == Status::Active && !row.license.has_expired(at));
            new += u64::from(issuance.created_at >= since.0);
            ControlFlow::Continue(())
        })
        .await?;
    shell.reads.happened_since(since, |row| statistics.happened(row)).await?;
    let chart = chart::svg(&statistics).map_err(Trouble::Damaged)?;
    Ok(Counts { at, statistics, active, new, chart })
}
