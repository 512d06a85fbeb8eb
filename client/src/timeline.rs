//! What time it is, for a program whose user can turn the clock.
//!
//! Two marks are kept. The *floor* is the latest moment that is known to have passed: told by the server, or shown by the
//! local clock, and then carried on by the monotonic clock. The *skew* is how far the local clock stood behind the
//! server's at the last answer, so that a clock which is plainly wrong, a dead battery or a local time taken for UTC,
//! harms nobody who can reach the server once, nor does setting it right afterwards.

use std::time::Duration;

use falconer_domain::UnixMillis;

use crate::clock::{Tick, UnixSeconds};

/// How far the local clock may fall behind the floor before it counts as turned back: more than any summer time.
pub const TOLERANCE_MILLIS: i64 = 3_600_000;

/// The marks as they are kept between two runs. Both only ever change together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeMarks {
    /// The latest moment known to have passed, in milliseconds.
    pub floor: UnixMillis,
    /// Milliseconds to add to the local clock to have the server's.
    pub skew_millis: i64,
}

impl TimeMarks {
    /// What an answer proves that was signed just now, as the clocks stand.
    #[must_use]
    pub(crate) fn at(issued_at: UnixSeconds, tick: Tick) -> Self {
        let floor = UnixMillis(issued_at.0.saturating_mul(1_000));
        Self { floor, skew_millis: floor.0.saturating_sub(tick.wall.0) }
    }
}

/// Whether the kept marks are the ones that were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// Their seal holds.
    Kept,
    /// Somebody or something changed them: they say nothing.
    Changed,
}

/// The clocks at one instant, understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The local clock, its skew taken out unless it was corrected since.
    pub local: UnixMillis,
    /// The latest moment known to have passed.
    pub floor: UnixMillis,
    /// Whether the marks behind both can be believed.
    pub marks: Marks,
}

impl Reading {
    /// The moment that counts: the later of the two.
    #[must_use]
    pub fn now(&self) -> UnixSeconds {
        self.local.max(self.floor).into()
    }

    /// Whether the local clock was turned back, or nobody knows.
    #[must_use]
    pub fn is_suspect(&self) -> bool {
        self.marks == Marks::Changed || is_turned_back(self.local, self.floor)
    }
}

/// Time as this run of the program has seen it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    kept: TimeMarks,
    believed: Marks,
    /// The monotonic clock when the floor was last moved.
    moved_at: Duration,
}

impl Timeline {
    /// Takes up the marks of an earlier run; those of a first run are [`TimeMarks::default`].
    #[must_use]
    pub(crate) const fn resumed(kept: TimeMarks, believed: Marks, tick: Tick) -> Self {
        Self { kept, believed, moved_at: tick.monotonic }
    }

    /// Looks at the clocks, and moves the floor up to what they show.
    pub(crate) fn observe(&mut self, tick: Tick) -> Reading {
        let elapsed = tick.monotonic.saturating_sub(self.moved_at);
        let elapsed_millis = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        // Whole milliseconds only: the rest would be lost a little at every look.
        self.moved_at += Duration::from_millis(elapsed_millis.unsigned_abs());
        let carried = UnixMillis(self.kept.floor.0.saturating_add(elapsed_millis));
        let local = local(tick.wall, self.kept.skew_millis, carried);
        self.kept.floor = carried.max(local);
        Reading { local, floor: self.kept.floor, marks: self.believed }
    }

    /// An answer proved that it is `issued_at`: that is the floor now, downwards too, and the local clock is right. It does
    /// not make marks good that were changed: what does is an answer about the license that they belong to.
    pub(crate) fn accept(&mut self, issued_at: UnixSeconds, tick: Tick) {
        *self = Self::resumed(TimeMarks::at(issued_at, tick), self.believed, tick);
    }

    /// Takes up marks that another program kept of the same answer. Each may have seen time pass that the other has not,
    /// so the later floor counts.
    pub(crate) fn join(&mut self, kept: TimeMarks, believed: Marks, tick: Tick) {
        self.observe(tick);
        let floor = match believed {
            Marks::Kept => self.kept.floor.max(kept.floor),
            Marks::Changed => self.kept.floor,
        };
        *self = Self::resumed(TimeMarks { floor, ..kept }, believed, tick);
    }

    /// The marks, to be kept.
    #[must_use]
    pub(crate) const fn marks(&self) -> TimeMarks {
        self.kept
    }

    /// Whether they can be believed.
    #[must_use]
    pub(crate) const fn believed(&self) -> Marks {
        self.believed
    }
}

/// What the local clock says. Whether the skew is still in it, or somebody has set it right since the last answer, only
/// the floor can tell: it is the earlier of the two that is not turned back, so that a correction ends no lease early.
fn local(wall: UnixMillis, skew_millis: i64, floor: UnixMillis) -> UnixMillis {
    let righted = UnixMillis(wall.0.saturating_add(skew_millis));
    let (earlier, later) = (wall.min(righted), wall.max(righted));
    if is_turned_back(earlier, floor) { later } else { earlier }
}

const fn is_turned_back(local: UnixMillis, floor: UnixMillis) -> bool {
    local.0 < floor.0.saturating_sub(TOLERANCE_MILLIS)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    const fn tick(wall: i64, monotonic_seconds: u64) -> Tick {
        Tick { wall: UnixMillis(wall), monotonic: Duration::from_secs(monotonic_seconds) }
    }

    #[test]
    fn the_floor_follows_the_later_clock_and_never_falls() {
        let mut time = Timeline::resumed(TimeMarks::default(), Marks::Kept, tick(0, 0));
        time.accept(UnixSeconds(10_000), tick(10_000_000, 0));
        for (wall, seconds, now) in [
            (10_000_000, 0, 10_000),
            (10_060_000, 60, 10_060),
            // The local clock leaps ahead: believed until an answer says otherwise.
            (20_000_000, 61, 20_000),
            // It is turned back: the monotonic clock carries on.
            (10_062_000, 62, 20_001),
            (-5, 162, 20_101),
        ] {
            assert_eq!(time.observe(tick(wall, seconds)).now(), UnixSeconds(now), "{wall} {seconds}");
        }
        time.accept(UnixSeconds(10_200), tick(-5, 200));
        let reading = time.observe(tick(-5, 200));
        assert_eq!((reading.now(), reading.is_suspect()), (UnixSeconds(10_200), false), "downwards too");
    }

    #[test]
    fn more_than_an_hour_back_is_suspect_and_an_answer_clears_it() {
        let start = 1_800_000_000_000;
        for (back, suspect) in [(0, false), (HOUR, false), (HOUR + 1, true), (50 * 365 * 24 * HOUR, true)] {
            let marks = TimeMarks { floor: UnixMillis(start), skew_millis: 0 };
            let mut time = Timeline::resumed(marks, Marks::Kept, tick(start - back, 0));
            assert_eq!(time.observe(tick(start - back, 0)).is_suspect(), suspect, "{back}");
            time.accept(UnixSeconds(start / 1_000), tick(start - back, 5));
            assert!(!time.observe(tick(start - back, 9)).is_suspect(), "{back}");
        }
    }

    #[test]
    fn extreme_marks_and_clocks_are_only_wrong() {
        for floor in [i64::MIN, 0, i64::MAX] {
            for skew_millis in [i64::MIN, 0, i64::MAX] {
                for wall in [i64::MIN, 0, i64::MAX] {
                    let marks = TimeMarks { floor: UnixMillis(floor), skew_millis };
                    let mut time = Timeline::resumed(marks, Marks::Kept, tick(wall, 0));
                    time.observe(Tick { wall: UnixMillis(wall), monotonic: Duration::MAX });
                    time.accept(UnixSeconds(i64::MAX), tick(wall, 0));
                    time.accept(UnixSeconds(i64::MIN), tick(wall, 0));
                }
            }
        }
    }

    #[test]
    fn many_short_looks_add_up() {
        let mut time = Timeline::resumed(TimeMarks::default(), Marks::Kept, tick(0, 0));
        for look in 1..=1_000_u64 {
            time.observe(Tick { wall: UnixMillis(-1), monotonic: Duration::from_micros(look * 1_500) });
        }
        assert_eq!(time.marks().floor, UnixMillis(1_500));
    }
}
