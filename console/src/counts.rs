//! Counts of all licenses and of the last days: both tables are read whole.

use std::ops::ControlFlow;

use falconer_domain::{Status, UnixMillis};
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

/// Counts. Runs on the worker's thread.
pub(crate) async fn count(shell: &Shell) -> Result<Counts, Trouble> {
    let _work = shell.guard.work();
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
    shell.reads.count_audit(&mut statistics).await?;
    Ok(Counts { at, statistics, active, new })
}
