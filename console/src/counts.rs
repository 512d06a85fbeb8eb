//! Counts of all licenses and of the last days: both tables are read whole.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use falconer_domain::UnixMillis;
use falconer_operator::license_state::LicenseState;
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
}

/// How far a count is, and the wish to stop it.
#[derive(Default)]
pub(crate) struct CountProgress {
    licenses: AtomicU64,
    history: AtomicU64,
    stop: AtomicBool,
}

impl CountProgress {
    pub(crate) fn licenses(&self) -> u64 {
        self.licenses.load(Ordering::Relaxed)
    }

    /// Rows of the history of these days.
    pub(crate) fn history(&self) -> u64 {
        self.history.load(Ordering::Relaxed)
    }

    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    pub(crate) fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn begin(&self) {
        self.licenses.store(0, Ordering::Relaxed);
        self.history.store(0, Ordering::Relaxed);
        self.stop.store(false, Ordering::Relaxed);
    }

    /// Counts more, and breaks off where somebody wants that.
    fn add(&self, counter: &AtomicU64, more: usize) -> ControlFlow<()> {
        counter.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
        if self.stops() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Counts; `None` where somebody has stopped it. Runs on the worker's thread.
pub(crate) async fn count(shell: &Shell) -> Result<Option<Counts>, Trouble> {
    let _work = shell.guard.work();
    let progress = &shell.counting;
    progress.begin();
    let at = shell.clock.now();
    let mut statistics = Statistics::of_days(DAYS, at);
    let since = statistics.since();
    let (mut active, mut new) = (0, 0);
    shell
        .reads
        .each(|row, issuance| {
            statistics.license(&row.license, at);
            active += u64::from(LicenseState::of(&row.license, at) == LicenseState::Active);
            new += u64::from(issuance.created_at >= since.0);
            progress.add(&progress.licenses, 1)
        })
        .await?;
    if !progress.stops() {
        let look = |rows| progress.add(&progress.history, rows);
        shell.reads.count_audit(&mut statistics, look).await?;
    }
    Ok((!progress.stops()).then_some(Counts { at, statistics, active, new }))
}
