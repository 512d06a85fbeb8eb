//! Fixed one-minute windows, in memory, for a bounded number of things.

use std::collections::HashMap;
use std::hash::Hash;

use falconer_domain::UnixMillis;

/// Length of a window.
pub(crate) const WINDOW_SECONDS: i64 = 60;
/// Things remembered at once for each purpose: some 200 bytes each, so a megabyte at the most.
pub(crate) const CAPACITY: usize = 4_096;

/// The window a moment lies in.
pub(crate) const fn window(now: UnixMillis) -> i64 {
    now.seconds().div_euclid(WINDOW_SECONDS)
}

/// Whole seconds until that window ends, 1 to [`WINDOW_SECONDS`].
pub(crate) const fn seconds_left(now: UnixMillis) -> i64 {
    WINDOW_SECONDS - now.seconds().rem_euclid(WINDOW_SECONDS)
}

/// A value for each key, until the window ends. A full window takes no further keys.
#[derive(Debug)]
pub(crate) struct FixedWindow<K, V> {
    window: i64,
    values: HashMap<K, V>,
}

impl<K: Eq + Hash, V> FixedWindow<K, V> {
    pub(crate) fn new() -> Self {
        Self { window: i64::MIN, values: HashMap::new() }
    }

    /// Returns the value of `key` in the current window.
    pub(crate) fn get(&mut self, key: &K, now: UnixMillis) -> Option<&V> {
        self.turn(now);
        self.values.get(key)
    }

    /// Sets the value of `key` in the current window. `false` if the window is full of others.
    pub(crate) fn set(&mut self, key: K, value: V, now: UnixMillis) -> bool {
        self.turn(now);
        let has_room = self.values.len() < CAPACITY || self.values.contains_key(&key);
        if has_room {
            self.values.insert(key, value);
        }
        has_room
    }

    fn turn(&mut self, now: UnixMillis) {
        if self.window != window(now) {
            self.window = window(now);
            self.values.clear();
        }
    }
}

/// Counts for each key in a window. When the current window is full, further keys are not counted: it protects only
/// this instance's work.
#[derive(Debug)]
pub(crate) struct FixedWindowCounter<K>(FixedWindow<K, u32>);

impl<K: Eq + Hash> FixedWindowCounter<K> {
    pub(crate) fn new() -> Self {
        Self(FixedWindow::new())
    }

    /// Counts one more of `key` and returns its number in the current window.
    pub(crate) fn count(&mut self, key: K, now: UnixMillis) -> u32 {
        let count = self.so_far(&key, now).saturating_add(1);
        if self.0.set(key, count, now) { count } else { 1 }
    }

    /// Takes one of `key` back that was counted in the current window.
    pub(crate) fn take_back(&mut self, key: &K, now: UnixMillis)
    where
        K: Clone,
    {
        let count = self.so_far(key, now);
        if count > 0 {
            self.0.set(key.clone(), count - 1, now);
        }
    }

    /// Returns the number of `key` that was counted in the current window.
    pub(crate) fn so_far(&mut self, key: &K, now: UnixMillis) -> u32 {
        self.0.get(key, now).copied().unwrap_or(0)
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
        for key in 0..2 * CAPACITY {
            windows.count(key, second);
        }
        assert_eq!(windows.0.values.len(), CAPACITY);
        assert_eq!(windows.count(0, second), 3);
        assert_eq!(windows.so_far(&(CAPACITY + 1), second), 0);
        windows.take_back(&0, second);
        windows.take_back(&(CAPACITY + 1), second);
        assert_eq!((windows.so_far(&0, second), windows.so_far(&(CAPACITY + 1), second)), (2, 0));
    }
}
