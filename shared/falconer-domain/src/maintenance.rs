//! Maintenance: the versions of an application that a license covers. A license whose maintenance has ended stays
//! valid; a client compares the date of its own build with the end, and a clock has no part in it.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use crate::date::{CalendarDate, NoDate};
use crate::license::License;

/// Longest name of a version, in characters.
pub const MAX_VERSION_CHARS: usize = 32;
/// Releases that a catalog lists: some 10 KB of its item, which every function reads when it starts.
pub const MAX_RELEASES: usize = 200;

/// The maintenance of a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// The last day whose builds are covered.
    pub until: CalendarDate,
    /// The newest release up to that day, where the catalog lists one.
    pub newest_version: Option<String>,
}

impl Maintenance {
    /// Returns true if a build of this date is covered; the last day itself is.
    #[must_use]
    pub fn covers(&self, build: CalendarDate) -> bool {
        build <= self.until
    }
}

/// The end that an operator sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpdatesEnd {
    /// Builds after this day are not covered.
    On(CalendarDate),
    /// Every build is covered, for as long as the license counts.
    Never,
}

impl UpdatesEnd {
    /// Reads a date, or `never`.
    ///
    /// # Errors
    /// [`NoDate`].
    pub fn read(text: &str) -> Result<Self, NoDate> {
        if text.trim().eq_ignore_ascii_case("never") {
            Ok(Self::Never)
        } else {
            CalendarDate::read(text).map(Self::On)
        }
    }
}

/// Gives the maintenance of a license another end. It may be in the past: the license stays valid, and runs what was
/// built until then.
#[must_use]
pub fn set_updates_until(mut license: License, end: UpdatesEnd) -> License {
    license.updates_until = match end {
        UpdatesEnd::On(date) => Some(date),
        UpdatesEnd::Never => None,
    };
    license
}

/// The releases of a product, each with its date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Releases(BTreeMap<String, CalendarDate>);

/// A release that is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadRelease {
    /// Not the name of a version.
    #[error("release {0:?} must be 1 to {MAX_VERSION_CHARS} of letters, digits, blanks and . _ + -")]
    Version(String),
    /// One release too many.
    #[error("a catalog lists at most {MAX_RELEASES} releases; leave out the oldest ones")]
    TooMany,
}

impl Releases {
    /// Checks releases by their versions.
    ///
    /// # Errors
    /// [`BadRelease`].
    pub fn new(releases: impl IntoIterator<Item = (String, CalendarDate)>) -> Result<Self, BadRelease> {
        let releases: BTreeMap<_, _> = releases.into_iter().collect();
        if let Some(bad) = releases.keys().find(|version| !is_version(version)) {
            return Err(BadRelease::Version(bad.chars().take(MAX_VERSION_CHARS * 2).collect()));
        }
        if releases.len() > MAX_RELEASES { Err(BadRelease::TooMany) } else { Ok(Self(releases)) }
    }

    /// The releases in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, CalendarDate)> {
        self.0.iter().map(|(version, date)| (version.as_str(), *date))
    }

    /// The newest release up to a day; of several of one day, the one with the highest numbers.
    #[must_use]
    pub fn newest_until(&self, day: CalendarDate) -> Option<&str> {
        let covered = self.iter().filter(|(_, date)| *date <= day);
        covered
            .max_by(|one, other| one.1.cmp(&other.1).then(by_numbers(one.0, other.0)))
            .map(|(version, _)| version)
    }
}

fn is_version(text: &str) -> bool {
    (1..=MAX_VERSION_CHARS).contains(&text.len())
        && text.trim() == text
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" ._+-".contains(&b))
}

/// Compares versions part by part, numbers as numbers: 5.10 is above 5.9.
fn by_numbers(one: &str, other: &str) -> Ordering {
    let parts = |version: &str| -> Vec<(u64, String)> {
        let parts = version.split(['.', '-', '+', '_', ' ']);
        parts.map(|part| (part.parse().unwrap_or(0), part.to_owned())).collect()
    };
    parts(one).cmp(&parts(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::seats::tests::license;
    use crate::time::{MILLIS_PER_DAY, UnixMillis};

    fn date(text: &str) -> CalendarDate {
        CalendarDate::parse(text).unwrap()
    }

    fn releases(of: &[(&str, &str)]) -> Releases {
        Releases::new(of.iter().map(|(version, day)| ((*version).to_owned(), date(day)))).unwrap()
    }

    #[test]
    fn the_last_day_is_covered() {
        let until = Maintenance { until: date("2027-01-01"), newest_version: None };
        for (build, expected) in [("2026-12-31", true), ("2027-01-01", true), ("2027-01-02", false)] {
            assert_eq!(until.covers(date(build)), expected, "{build}");
        }
    }

    #[test]
    fn the_newest_release_counts_by_date_then_number() {
        let of =
            [("5.9", "2026-11-01"), ("5.10", "2026-11-01"), ("4.8.7", "2026-12-01"), ("6", "2027-02-01")];
        let listed = releases(&of);
        for (day, expected) in [
            ("2026-10-31", None),
            ("2026-11-01", Some("5.10")),
            ("2026-12-24", Some("4.8.7")),
            ("2027-02-01", Some("6")),
        ] {
            assert_eq!(listed.newest_until(date(day)), expected, "{day}");
        }
    }

    #[test]
    fn a_version_is_short_and_plain() {
        for text in ["5.2", "2027 R1", "v1.0.0-rc.1+b_7"] {
            assert!(is_version(text), "{text}");
        }
        for text in ["", " 5", "5\n", "5\u{e9}", "<b>", &"5".repeat(33)] {
            let refused = Releases::new([(text.to_owned(), date("2027-01-01"))]);
            assert!(matches!(refused, Err(BadRelease::Version(_))), "{text:?}");
        }
        let many = (0..=MAX_RELEASES).map(|number| (number.to_string(), date("2027-01-01")));
        assert_eq!(Releases::new(many), Err(BadRelease::TooMany));
    }

    #[test]
    fn an_operator_sets_the_end_and_takes_it_away() {
        let past = set_updates_until(license(), UpdatesEnd::On(date("2020-01-01")));
        assert_eq!(past.updates_until, Some(date("2020-01-01")));
        assert_eq!(set_updates_until(past, UpdatesEnd::Never), license());
        assert_eq!(UpdatesEnd::read(" Never "), Ok(UpdatesEnd::Never));
        assert_eq!(UpdatesEnd::read("2027-01-01"), Ok(UpdatesEnd::On(date("2027-01-01"))));
        assert!(UpdatesEnd::read("").is_err());
    }

    proptest! {
        #[test]
        fn later_builds_are_never_covered_before_earlier(
            until in 0i64..30_000, build in 0i64..30_000, later in 0i64..3_000,
        ) {
            let day = |number: i64| CalendarDate::of(UnixMillis(number * MILLIS_PER_DAY));
            let maintenance = Maintenance { until: day(until), newest_version: None };
            prop_assert_eq!(maintenance.covers(day(build)), build <= until);
            prop_assert!(maintenance.covers(day(build)) || !maintenance.covers(day(build + later)));
        }

        #[test]
        fn the_newest_version_is_covered(days in proptest::collection::vec(0i64..300, 0..9), until in 0i64..300) {
            let day = |number: i64| CalendarDate::of(UnixMillis(number * MILLIS_PER_DAY));
            let listed = days.iter().enumerate().map(|(number, at)| (format!("1.{number}"), day(*at)));
            let listed = Releases::new(listed).unwrap();
            let newest = listed.newest_until(day(until));
            let covered = days.iter().filter(|at| **at <= until).max();
            prop_assert_eq!(newest.map(|version| listed.0[version]), covered.map(|at| day(*at)));
        }
    }
}
