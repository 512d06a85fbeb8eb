//! Counting in fixed one-minute windows, in memory, for a bounded number of things.

use std::collections::HashMap;
use std::hash::Hash;

use falconer_domain::UnixMillis;

/// Length of a window.
pub(crate) const WINDOW_SECONDS: i64 = 60;
/// Things counted at once: some 100 bytes each, so half a megabyte at the most.
const CAPACITY: usize = 4_096;

/// The window a moment lies in.
pub(crate) const fn window(now: UnixMillis) -> i64 {
    now.seconds().div_euclid(WINDOW_SECONDS)
}

/// Whole seconds until that window ends, 1 to [`WINDOW_SECONDS`].
pub(crate) const fn seconds_left(now: UnixMillis) -> i64 {
    WINDOW_SECONDS - now.seconds().rem_euclid(WINDOW_SECONDS)
}

/// Counts for each key in a window. When the current window is full, further keys are not counted: it protects only
/// this instance's work, and the shared counter still counts them.
#[derive(Debug)]
pub(crate) struct FixedWindowCounter<K> {
    window: i64,
    counts: HashMap<K, u32>,
}

impl<K: Eq + Hash> FixedWindowCounter<K> {
    pub(crate) fn new() -> Self {
        Self { window: i64::MIN, counts: HashMap::new() }
    }

    /// Counts one more of `thing` and says how many that makes in the current window.
    pub(crate) fn count(&mut self, thing: K, now: UnixMillis) -> u32 {
        self.turn(now);
        if self.counts.len() >= CAPACITY && !self.counts.contains_key(&thing) {
            return 1;
        }
        let count = self.counts.entry(thing).or_insert(0);
        *count = count.saturating_add(1);
        *count
    }

    /// Returns true if `thing` was counted in the current window.
    pub(crate) fn contains(&mut self, thing: &K, now: UnixMillis) -> bool {
        self.turn(now);
        self.counts.contains_key(thing)
    }

    fn turn(&mut self, now: UnixMillis) {
        if self.window != window(now) {
            self.window = window(now);
            self.counts.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_on_the_minute() {
        for (millis, left) in [(0, 60), (999, 60), (1_000, 59), (59_999, 1), (60_000, 60)] {
            assert_eq!(seconds_left(UnixMillis(millis)), left, "{millis}");
        }
    }

    #[test]
    fn counts_reset_and_stay_bounded() {
        let mut windows = FixedWindowCounter::new();
        let (first, second) = (UnixMillis(59_999), UnixMillis(60_000));
        assert_eq!((windows.count(0, first), windows.count(0, first)), (1, 2));
        assert_eq!(windows.count(0, second), 1);
        for thing in 0..2 * CAPACITY {
            windows.count(thing, second);
        }
        assert_eq!(windows.counts.len(), CAPACITY);
        assert_eq!(windows.count(0, second), 3);
        assert!(!windows.contains(&(CAPACITY + 1), second));
    }
}
