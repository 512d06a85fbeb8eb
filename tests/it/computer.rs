//! The computer that the client library runs on in these tests: its clock and its hardware. It holds no test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use falconer_client::{CancelToken, Clock, ClockReading, Hardware, Label, RawComponents, UnixMillis};
use falconer_tests::now;

/// Pause in place of each that the library asks for: long enough for another thread to run.
const PAUSE: Duration = Duration::from_millis(1);

/// A client's clock. It moves only when a test turns it, while the server's goes on.
#[derive(Clone)]
pub(crate) struct TestClock(Arc<Mutex<ClockReading>>);

impl TestClock {
    /// Starts at the right time.
    pub(crate) fn right() -> Self {
        Self(Arc::new(Mutex::new(ClockReading::new(UnixMillis(now().0), Duration::ZERO))))
    }

    /// Lets time pass, by both clocks.
    pub(crate) fn pass(&self, seconds: i64) {
        let mut reading = self.0.lock().unwrap();
        reading.wall.0 += seconds * 1_000;
        reading.monotonic += Duration::from_secs(seconds.unsigned_abs());
    }

    /// Turns the clock that people set, while the computer runs.
    pub(crate) fn turn(&self, seconds: i64) {
        self.0.lock().unwrap().wall.0 += seconds * 1_000;
    }
}

impl Clock for TestClock {
    fn now(&self) -> ClockReading {
        *self.0.lock().unwrap()
    }

    fn sleep(&self, _: Duration, cancel: &CancelToken) {
        let _ = cancel.wait(PAUSE);
    }
}

/// A computer of three components, whose values must not appear anywhere.
pub(crate) struct FixtureHardware(pub(crate) &'static str);

impl Hardware for FixtureHardware {
    fn read(&self) -> RawComponents {
        [Label::Mac, Label::Board, Label::Cpu].into_iter().fold(RawComponents::default(), |raw, label| {
            raw.with(label, &format!("fixture-hardware-{}-{}", self.0, label.as_str()))
        })
    }
}
