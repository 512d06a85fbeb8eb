//! How long each test took, from the moments at which its program names it.
//!
//! libtest measures tests only under an unstable option. It starts them in the order of their names, as many at a time as it
//! has threads, and names each when it ends. So the first tests start with their program, and every other one starts when an
//! earlier test ends.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// The tests of the programs that have ended, and those of the program that runs.
pub(super) struct Durations {
    threads: usize,
    begun: Option<Instant>,
    /// The tests of the running program in the order in which they ended.
    ended: Vec<(String, Instant)>,
    measured: Vec<(Duration, String)>,
}

impl Durations {
    pub(super) fn new(threads: usize) -> Self {
        Self { threads, begun: None, ended: Vec::new(), measured: Vec::new() }
    }

    /// Reads a line that was printed at `now`.
    pub(super) fn read(&mut self, program: &str, line: &str, now: Instant) {
        if line.starts_with("running ") && line.ends_with(['t', 's']) {
            (self.begun, self.ended) = (Some(now), Vec::new());
        } else if line.starts_with("test result:") {
            self.close(program);
        } else if let Some((name, _)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) {
            self.ended.push((name.trim_end_matches(" - should panic").to_owned(), now));
        }
    }

    fn close(&mut self, program: &str) {
        let Some(begun) = self.begun.take() else { return };
        let ended: Vec<Instant> = self.ended.iter().map(|(_, moment)| *moment).collect();
        let by_name: BTreeMap<String, Instant> = self.ended.drain(..).collect();
        for (index, (name, end)) in by_name.into_iter().enumerate() {
            let earlier = index.checked_sub(self.threads).and_then(|earlier| ended.get(earlier));
            let duration = end.saturating_duration_since(*earlier.unwrap_or(&begun));
            self.measured.push((duration, format!("{program} {name}")));
        }
    }

    /// The `count` slowest tests, one a line; empty where nothing ran.
    pub(super) fn slowest(&self, count: usize) -> String {
        let mut tests: Vec<_> = self.measured.iter().collect();
        tests.sort_by_key(|(duration, _)| std::cmp::Reverse(*duration));
        let mut text = String::new();
        if !tests.is_empty() {
            text.push_str("\nThe slowest tests:\n");
        }
        for (duration, name) in tests.into_iter().take(count) {
            let _ = writeln!(text, "{:>7.1} s  {name}", duration.as_secs_f64());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_starts_when_an_earlier_one_ends() {
        let begun = Instant::now();
        let mut durations = Durations::new(2);
        for (seconds, line) in [
            (0, "running 3 tests"),
            (1, "test b ... ok"),
            (4, "test a - should panic ... ok"),
            (4, "test a has been running for over 60 seconds"),
            (6, "test c ... FAILED"),
            (6, "test result: FAILED. 2 passed; 1 failed"),
        ] {
            durations.read("it", line, begun + Duration::from_secs(seconds));
        }
        let expected = "\nThe slowest tests:\n    5.0 s  it c\n    4.0 s  it a\n";
        assert_eq!(durations.slowest(2), expected);
    }

    #[test]
    fn nothing_is_listed_where_nothing_ran() {
        let mut durations = Durations::new(2);
        durations.read("it", "running 0 tests", Instant::now());
        durations.read("it", "test result: ok. 0 passed", Instant::now());
        assert_eq!(durations.slowest(10), "");
    }
}
