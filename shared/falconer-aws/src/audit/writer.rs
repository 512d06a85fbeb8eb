//! The record of what was decided and from where a change was asked, written after the answer and never in its way.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use falconer_domain::Code;
use tokio::time::{Instant, timeout};

use super::row::{AuditRow, AuditSubject};
use crate::fixed_window::FixedWindowCounter;
use crate::settings::{Settings, VerifyAudit};
use crate::store::Store;

/// Longest an instance is held up after its answer.
pub const AUDIT_BUDGET: Duration = Duration::from_millis(300);
/// Failures in a row after which the table is taken to be down …
const FAILURES_BEFORE_PAUSE: u32 = 3;
/// … and for how long it is then left alone.
const PAUSE: Duration = Duration::from_secs(30);
/// Rows for one license, minute and instance: a leaked key cannot run up the bill.
const ROWS_PER_LICENSE_PER_MINUTE: u32 = 10;

/// The result of writing a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditOutcome {
    /// The row is in the table.
    Written,
    /// The settings ask for no row of this kind.
    NotAsked,
    /// This license has had its share of rows this minute.
    Capped,
    /// It was tried and is lost, but for the log.
    Dropped,
    /// It was not even tried: the table has been failing.
    Paused,
}

/// Writes the rows that go after a while: of verifications, of refusals, of the callers of changes.
#[derive(Debug)]
pub struct AuditWriter {
    verify_audit: VerifyAudit,
    capped: bool,
    state: Mutex<WriterState>,
}

#[derive(Debug)]
struct WriterState {
    failures_in_a_row: u32,
    paused_until: Option<Instant>,
    rows: FixedWindowCounter<AuditSubject>,
}

impl AuditWriter {
    /// A writer with nothing behind it yet.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            verify_audit: settings.verify_audit,
            capped: settings.verifies_per_license_per_minute > 0,
            state: Mutex::new(WriterState {
                failures_in_a_row: 0,
                paused_until: None,
                rows: FixedWindowCounter::new(),
            }),
        }
    }

    /// Writes a row within [`AUDIT_BUDGET`], or lets it go.
    pub async fn write(&self, store: &Store, row: &AuditRow) -> AuditOutcome {
        if self.verify_audit == VerifyAudit::Refusals && row.code == Code::Valid.name() {
            return AuditOutcome::NotAsked;
        }
        if self.state().paused_until.is_some_and(|until| Instant::now() < until) {
            return AuditOutcome::Paused;
        }
        if self.capped && self.state().rows.count(row.about.clone(), row.at) > ROWS_PER_LICENSE_PER_MINUTE {
            return AuditOutcome::Capped;
        }
        match timeout(AUDIT_BUDGET, store.record(row)).await {
            Ok(Ok(())) => {
                self.state().failures_in_a_row = 0;
                AuditOutcome::Written
            }
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(_) => self.failed("timed out"),
        }
    }

    fn failed(&self, why: &str) -> AuditOutcome {
        let mut state = self.state();
        state.failures_in_a_row += 1;
        if state.failures_in_a_row >= FAILURES_BEFORE_PAUSE {
            state.failures_in_a_row = 0;
            state.paused_until = Some(Instant::now() + PAUSE);
            tracing::warn!(error = why, pause_seconds = PAUSE.as_secs(), "audit rows paused");
        } else {
            tracing::warn!(error = why, "audit row dropped");
        }
        AuditOutcome::Dropped
    }

    fn state(&self) -> MutexGuard<'_, WriterState> {
        // A panic elsewhere leaves counts that are still counts.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
