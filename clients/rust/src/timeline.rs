//! Time for a program whose user can set the clock.
//!
//! A checkpoint has two values. The *floor* is the latest moment known to have passed: stated by the server or shown by
//! the local clock, and carried on by the monotonic clock. The *skew* is how far the local clock was behind the
//! server's at the last answer. With it a wrong clock (dead battery, local time taken for UTC) harms nobody who reaches
//! the server once, and neither does correcting that clock later, even in part: see [`reconcile_clock`].

use std::time::Duration;

use falconer_domain::UnixMillis;

use crate::clock::{ClockReading, UnixSeconds};

/// Largest lag of the local clock behind the floor that does not count as turning it back: longer than any change to
/// daylight saving time.
pub(crate) const CLOCK_TOLERANCE_MILLIS: i64 = 3_600_000;

/// Time that a run hands on to the next. Both values change together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeCheckpoint {
    /// Latest moment known to have passed, in milliseconds.
    pub floor: UnixMillis,
    /// Milliseconds to add to the local clock to get the server's.
    pub skew_millis: i64,
}

impl TimeCheckpoint {
    /// Checkpoint of an answer that was signed at `issued_at` and arrived at this reading of the clocks.
    #[must_use]
    pub(crate) fn at(issued_at: UnixSeconds, clocks: ClockReading) -> Self {
        let floor = UnixMillis(issued_at.0.saturating_mul(1_000));
        Self { floor, skew_millis: floor.0.saturating_sub(clocks.wall.0) }
    }
}

/// Result of comparing a checkpoint with its seal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointIntegrity {
    /// The seal matches.
    Intact,
    /// The seal does not match: the file was edited, so the checkpoint proves nothing.
    Tampered,
}

/// Local and known time at one instant, with the skew of the local clock taken into account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReconciledTime {
    /// Local clock with its skew added, unless it was corrected since.
    pub(crate) local: UnixMillis,
    /// Latest moment known to have passed.
    pub(crate) floor: UnixMillis,
    /// Integrity of the checkpoint that both values derive from.
    pub(crate) integrity: CheckpointIntegrity,
}

impl ReconciledTime {
    /// Returns the later of both, the moment that leases are compared with.
    #[must_use]
    pub(crate) fn now(&self) -> UnixSeconds {
        self.local.max(self.floor).into()
    }

    /// True if the local clock was turned back, or if nobody can know.
    #[must_use]
    pub(crate) fn is_suspect(&self) -> bool {
        self.integrity == CheckpointIntegrity::Tampered || is_turned_back(self.local, self.floor)
    }
}

/// Time as this run of the program has seen it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    checkpoint: TimeCheckpoint,
    integrity: CheckpointIntegrity,
    /// Monotonic clock at the last move of the floor.
    moved_at: Duration,
}

impl Timeline {
    /// Resumes from the checkpoint of an earlier run; a first run starts from [`TimeCheckpoint::default`].
    #[must_use]
    pub(crate) const fn resumed(
        checkpoint: TimeCheckpoint,
        integrity: CheckpointIntegrity,
        clocks: ClockReading,
    ) -> Self {
        Self { checkpoint, integrity, moved_at: clocks.monotonic }
    }

    /// Reads the clocks and moves the floor up to them.
    pub(crate) fn observe(&mut self, clocks: ClockReading) -> ReconciledTime {
        let elapsed = clocks.monotonic.saturating_sub(self.moved_at);
        let elapsed_millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        // Advance by whole milliseconds, or each look would lose the remainder.
        self.moved_at += Duration::from_millis(elapsed_millis.unsigned_abs());
        let carried = UnixMillis(self.checkpoint.floor.0.saturating_add(elapsed_millis));
        let local;
        (local, self.checkpoint) =
            reconcile_clock(clocks.wall, TimeCheckpoint { floor: carried, ..self.checkpoint });
        ReconciledTime { local, floor: self.checkpoint.floor, integrity: self.integrity }
    }

    /// Sets floor and skew from an answer signed at `issued_at`, downwards too. Integrity stays as it is: only an
    /// answer about the stored license replaces a tampered checkpoint.
    pub(crate) fn accept(&mut self, issued_at: UnixSeconds, clocks: ClockReading) {
        *self = Self::resumed(TimeCheckpoint::at(issued_at, clocks), self.integrity, clocks);
    }

    /// Joins the checkpoint that another process stored for the same answer. Each process may have seen time pass that
    /// the other has not, so the later floor counts.
    pub(crate) fn join(
        &mut self,
        checkpoint: TimeCheckpoint,
        integrity: CheckpointIntegrity,
        clocks: ClockReading,
    ) {
        self.observe(clocks);
        let floor = match integrity {
            CheckpointIntegrity::Intact => self.checkpoint.floor.max(checkpoint.floor),
            CheckpointIntegrity::Tampered => self.checkpoint.floor,
        };
        *self = Self::resumed(TimeCheckpoint { floor, ..checkpoint }, integrity, clocks);
    }

    /// Returns the checkpoint to store.
    #[must_use]
    pub(crate) const fn checkpoint(&self) -> TimeCheckpoint {
        self.checkpoint
    }

    /// Returns whether the checkpoint behind this timeline was intact.
    #[must_use]
    pub(crate) const fn integrity(&self) -> CheckpointIntegrity {
        self.integrity
    }
}

/// Derives local time and the new checkpoint from the wall clock. Only the floor can show whether the skew still
/// applies or the clock was set since. A clock that moved forward may have been set, or the machine slept: the
/// difference counts as time. A clock moves back only by hand; the user is not held to the time it showed before, and
/// the skew is measured anew at the floor.
fn reconcile_clock(wall: UnixMillis, checkpoint: TimeCheckpoint) -> (UnixMillis, TimeCheckpoint) {
    let TimeCheckpoint { floor, skew_millis } = checkpoint;
    let with_skew = UnixMillis(wall.0.saturating_add(skew_millis));
    let is_back = |local| is_turned_back(local, floor);
    let shows = |local: UnixMillis| (local, TimeCheckpoint { floor: floor.max(local), skew_millis });
    let with_new_skew =
        |floor: UnixMillis| TimeCheckpoint { floor, skew_millis: floor.0.saturating_sub(wall.0) };
    match (is_back(with_skew), is_back(wall)) {
        // The clock was slow and still is: untouched, or turned back further.
        (_, true) if skew_millis > 0 => shows(with_skew),
        // The clock was slow by more than the tolerance and has been set right.
        (_, false) if skew_millis > CLOCK_TOLERANCE_MILLIS => (wall, with_new_skew(floor.max(wall))),
        (_, false) if skew_millis > 0 => shows(wall),
        (false, _) => shows(with_skew),
        // The clock was fast and was turned back, exactly or not: the floor cannot show which.
        (true, false) => (floor, with_new_skew(floor)),
        (true, true) => shows(wall),
    }
}

const fn is_turned_back(local: UnixMillis, floor: UnixMillis) -> bool {
    local.0 < floor.0.saturating_sub(CLOCK_TOLERANCE_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    const fn clocks(wall: i64, monotonic_seconds: u64) -> ClockReading {
        ClockReading { wall: UnixMillis(wall), monotonic: Duration::from_secs(monotonic_seconds) }
    }

    #[test]
    fn floor_follows_later_clock() {
        let mut time =
            Timeline::resumed(TimeCheckpoint::default(), CheckpointIntegrity::Intact, clocks(0, 0));
        time.accept(UnixSeconds(10_000), clocks(10_000_000, 0));
        for (wall, seconds, now) in [
            (10_000_000, 0, 10_000),
            (10_060_000, 60, 10_060),
            // The local clock leaps ahead and counts until an answer corrects it.
            (20_000_000, 61, 20_000),
            // It is turned back; the monotonic clock carries on.
            (10_062_000, 62, 20_001),
            (-5, 162, 20_101),
        ] {
            assert_eq!(time.observe(clocks(wall, seconds)).now(), UnixSeconds(now), "{wall} {seconds}");
        }
        time.accept(UnixSeconds(10_200), clocks(-5, 200));
        let reading = time.observe(clocks(-5, 200));
        assert_eq!((reading.now(), reading.is_suspect()), (UnixSeconds(10_200), false), "downwards too");
    }

    /// Each case of a clock that was slow or fast when the server answered, in hours from the floor.
    #[test]
    fn each_set_clock_has_its_time() {
        let floor = 1_000 * HOUR;
        for (skew, wall, local, new_floor, new_skew) in [
            // It was slow and still is, or was turned back further.
            (5, -5, 0, 0, 5),
            (5, -7, -2, 0, 5),
            // It was slow and was set right, or nearly.
            (5, 0, 0, 0, 0),
            (5, 1, 1, 1, 0),
            (5, -1, -1, 0, 1),
            // It was slow within the tolerance.
            (1, 0, 0, 0, 1),
            // It was fast, still is, was turned back, and further than right.
            (-2, 2, 0, 0, -2),
            (-2, 0, 0, 0, 0),
            (-2, -3, -3, 0, -2),
        ] {
            let checkpoint = TimeCheckpoint { floor: UnixMillis(floor), skew_millis: skew * HOUR };
            let new =
                TimeCheckpoint { floor: UnixMillis(floor + new_floor * HOUR), skew_millis: new_skew * HOUR };
            let reconciled = reconcile_clock(UnixMillis(floor + wall * HOUR), checkpoint);
            assert_eq!(reconciled, (UnixMillis(floor + local * HOUR), new), "{skew} {wall}");
        }
    }

    #[test]
    fn later_floor_of_two_processes_counts() {
        let at = |seconds: i64| TimeCheckpoint { floor: UnixMillis(seconds * 1_000), skew_millis: 0 };
        for (own, stored, integrity, floor) in [
            (5, 9, CheckpointIntegrity::Intact, 9),
            (9, 5, CheckpointIntegrity::Intact, 9),
            (5, 9, CheckpointIntegrity::Tampered, 5),
        ] {
            let mut time = Timeline::resumed(at(own), CheckpointIntegrity::Intact, clocks(0, 0));
            time.join(at(stored), integrity, clocks(0, 0));
            assert_eq!((time.checkpoint(), time.integrity()), (at(floor), integrity), "{own} {stored}");
        }
    }

    #[test]
    fn is_suspect_beyond_one_hour_back() {
        let start = 1_800_000_000_000;
        for (back, suspect) in [(0, false), (HOUR, false), (HOUR + 1, true), (50 * 365 * 24 * HOUR, true)] {
            let checkpoint = TimeCheckpoint { floor: UnixMillis(start), skew_millis: 0 };
            let mut time =
                Timeline::resumed(checkpoint, CheckpointIntegrity::Intact, clocks(start - back, 0));
            assert_eq!(time.observe(clocks(start - back, 0)).is_suspect(), suspect, "{back}");
            time.accept(UnixSeconds(start / 1_000), clocks(start - back, 5));
            assert!(!time.observe(clocks(start - back, 9)).is_suspect(), "{back}");
        }
    }

    /// The answer came ten days ago by the monotonic clock. The wall clock was `ahead` of it then and shows `shown`
    /// more than the right time now.
    #[test]
    fn correcting_the_clock_adds_no_time() {
        const DAY: i64 = 24 * HOUR;
        let (answered, passed) = (1_800_000_000_000, 10 * DAY);
        for (ahead, shown, late, suspect) in [
            (0, 0, 0, false),
            // Fast at the answer; then left alone, set right, set right in part, set too far back, set further ahead.
            (30 * DAY, 30 * DAY, 0, false),
            (30 * DAY, 0, 0, false),
            (30 * DAY, 20 * DAY, 0, false),
            (30 * DAY, HOUR + 1, 0, false),
            (30 * DAY, -HOUR, 0, false),
            (30 * DAY, -HOUR - 1, 0, true),
            (30 * DAY, 31 * DAY, DAY, false),
            // Slow at the answer; then left alone, set right, turned back. Set forward but not right looks like sleep.
            (-30 * DAY, -30 * DAY, 0, false),
            (-30 * DAY, 0, 0, false),
            (-30 * DAY, -HOUR, 0, false),
            (-30 * DAY, -31 * DAY, 0, true),
            (-30 * DAY, -20 * DAY, 10 * DAY, false),
        ] {
            let at = |shown: i64, passed: i64| {
                clocks(answered + shown + passed, u64::try_from(passed / 1_000).unwrap())
            };
            let mut time =
                Timeline::resumed(TimeCheckpoint::default(), CheckpointIntegrity::Intact, at(ahead, 0));
            time.accept(UnixSeconds(answered / 1_000), at(ahead, 0));
            assert_eq!(time.observe(at(ahead, passed)).now().0, (answered + passed) / 1_000);
            for _ in 0..2 {
                let reading = time.observe(at(shown, passed));
                let now = (reading.now().0, reading.is_suspect());
                assert_eq!(now, ((answered + passed + late) / 1_000, suspect), "{ahead} {shown}");
            }
        }
    }

    /// After a clock was set, time follows it again, because machines sleep.
    #[test]
    fn clock_counts_again_after_being_set() {
        let answered = 1_800_000_000_000;
        for ahead in [-100 * HOUR, 100 * HOUR] {
            let mut time = Timeline::resumed(
                TimeCheckpoint::default(),
                CheckpointIntegrity::Intact,
                clocks(answered + ahead, 0),
            );
            time.accept(UnixSeconds(answered / 1_000), clocks(answered + ahead, 0));
            for (shown, slept) in [(0, 0), (0, 50), (-2, 50), (0, 60)] {
                let reading = time.observe(clocks(answered + (shown + slept) * HOUR, 0));
                assert_eq!(reading.now().0, (answered + slept * HOUR) / 1_000, "{ahead} {shown} {slept}");
                assert_eq!(reading.is_suspect(), shown < 0);
            }
        }
    }

    #[test]
    fn accepts_extreme_checkpoints_and_clocks() {
        for floor in [i64::MIN, 0, i64::MAX] {
            for skew_millis in [i64::MIN, 0, i64::MAX] {
                for wall in [i64::MIN, 0, i64::MAX] {
                    let checkpoint = TimeCheckpoint { floor: UnixMillis(floor), skew_millis };
                    let mut time =
                        Timeline::resumed(checkpoint, CheckpointIntegrity::Intact, clocks(wall, 0));
                    time.observe(ClockReading { wall: UnixMillis(wall), monotonic: Duration::MAX });
                    time.accept(UnixSeconds(i64::MAX), clocks(wall, 0));
                    time.accept(UnixSeconds(i64::MIN), clocks(wall, 0));
                }
            }
        }
    }

    #[test]
    fn short_observations_add_up() {
        let mut time =
            Timeline::resumed(TimeCheckpoint::default(), CheckpointIntegrity::Intact, clocks(0, 0));
        for look in 1..=1_000_u64 {
            time.observe(ClockReading {
                wall: UnixMillis(-1),
                monotonic: Duration::from_micros(look * 1_500),
            });
        }
        assert_eq!(time.checkpoint().floor, UnixMillis(1_500));
    }
}
