//! Time, as the library is handed it. The one file that reads the machine's clocks.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use falconer_domain::UnixMillis;

/// Seconds since 1970-01-01T00:00:00Z, as leases count them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixSeconds(pub i64);

impl From<UnixMillis> for UnixSeconds {
    /// Rounds down.
    fn from(moment: UnixMillis) -> Self {
        Self(moment.seconds())
    }
}

/// Both clocks of a machine at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockReading {
    /// The clock that people set, and set wrong.
    pub wall: UnixMillis,
    /// The clock that nobody can set, from any origin. It may stand still while the machine sleeps.
    pub monotonic: Duration,
}

/// Where time comes from: [`SystemClock`], or a test's own.
pub trait Clock: Send + Sync {
    /// This instant.
    fn now(&self) -> ClockReading;

    /// Lets time pass between two tries of one request.
    fn sleep(&self, time: Duration);
}

/// The machine's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// Counts monotonic time from now on.
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
        // A clock before 1970 is as wrong as one at 1970.
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        ClockReading {
            wall: UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
            monotonic: self.origin.elapsed(),
        }
    }

    fn sleep(&self, time: Duration) {
        std::thread::sleep(time);
    }
}
