//! Time, injected. No other file reads the machine's clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use falconer_domain::UnixMillis;

use crate::cancel::CancelToken;

/// Seconds since 1970-01-01T00:00:00Z, the unit of leases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct UnixSeconds(pub i64);

impl From<UnixMillis> for UnixSeconds {
    /// Rounds down.
    fn from(moment: UnixMillis) -> Self {
        Self(moment.seconds())
    }
}

/// Both clocks of a machine at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClockReading {
    /// Wall clock. Its user can set it, and set it wrong.
    pub wall: UnixMillis,
    /// Monotonic clock with any origin. Nobody can set it; it may stop while the machine sleeps.
    pub monotonic: Duration,
}

impl ClockReading {
    /// Both clocks at one instant.
    #[must_use]
    pub const fn new(wall: UnixMillis, monotonic: Duration) -> Self {
        Self { wall, monotonic }
    }
}

/// Source of time: [`SystemClock`], or a test's own.
pub trait Clock: Send + Sync {
    /// Reads both clocks.
    fn now(&self) -> ClockReading;

    /// Pauses for `time`, or until `cancel` is cancelled: between two attempts of one request, and between two looks of
    /// the refresher. A clock that returns at once lets the refresher run without a pause.
    fn sleep(&self, time: Duration, cancel: &CancelToken);
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Starts the monotonic clock at zero.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> ClockReading {
        #[expect(
            clippy::disallowed_methods,
            reason = "the edge of the library; everything else is handed a ClockReading"
        )]
        let wall = SystemTime::now();
        // A clock before 1970 is read as 1970; both are wrong.
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        ClockReading {
            wall: UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            monotonic: self.origin.elapsed(),
        }
    }

    fn sleep(&self, time: Duration, cancel: &CancelToken) {
        let _ = cancel.wait(time);
    }
}
