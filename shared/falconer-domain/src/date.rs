//! Calendar dates: of a build, of a release, and of the end of maintenance. A date has no hour and no time zone, and
//! nothing compares it with a clock.

use std::fmt;

use jiff::SignedDuration;
use jiff::civil::Date;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::time::{MILLIS_PER_DAY, UnixMillis};

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
const FIRST: Date = jiff::civil::date(1, 1, 1);
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// A date of the years 1 to 9999, written `2027-01-31`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CalendarDate(Date);

/// A text that names no date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date; write it as 2027-01-31")]
pub struct NoDate(String);

impl CalendarDate {
    /// Reads a date exactly as claims and tables write it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        numbered(text, '-').filter(|date| date.to_string() == text)
    }

    /// Reads a date as people and compilers write it, year first or with the month's English name: `2026-11-01`,
    /// `2026/11/1`, `20261101`, `2026-11-01T10:00:00Z`, `Nov  1 2026`, `Sun, 1 Nov 2026 10:00:00 +0000`. An hour and a zone
    /// behind the date say nothing. `01/11/2026` can be two dates, so it is refused.
    ///
    /// # Errors
    /// [`NoDate`].
    pub fn read(text: &str) -> Result<Self, NoDate> {
        let trimmed = text.trim();
        let written = if trimmed.starts_with(|c: char| c.is_ascii_digit()) && !has_month(trimmed) {
            by_numbers(trimmed)
        } else {
            by_month(trimmed)
        };
        written.ok_or_else(|| NoDate(text.chars().take(40).collect()))
    }

    /// Returns the date of a moment in UTC. Moments beyond the calendar have its first or its last date.
    #[must_use]
    pub fn of(at: UnixMillis) -> Self {
        let days = SignedDuration::from_hours(24 * at.0.div_euclid(MILLIS_PER_DAY));
        Self(EPOCH.saturating_add(days).max(FIRST))
    }

    /// Returns the date so many days later, or the last one.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(SignedDuration::from_hours(24 * i64::from(days))))
    }
}

fn new(year: &str, month: &str, day: &str) -> Option<CalendarDate> {
    let digits = |text: &str, lengths: std::ops::RangeInclusive<usize>| {
        let is_number = lengths.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| text.parse::<i16>().ok()).flatten()
    };
    let (year, month, day) = (digits(year, 4..=4)?, digits(month, 1..=2)?, digits(day, 1..=2)?);
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()?;
    (date.year() >= 1).then_some(CalendarDate(date))
}

fn numbered(text: &str, separator: char) -> Option<CalendarDate> {
    let mut parts = text.split(separator);
    let date = new(parts.next()?, parts.next()?, parts.next()?)?;
    parts.next().is_none().then_some(date)
}

/// A date, alone or before an hour.
fn by_numbers(text: &str) -> Option<CalendarDate> {
    let end = text.find(|c: char| c.is_whitespace() || matches!(c, 'T' | 't')).unwrap_or(text.len());
    let (date, hour) = text.split_at(end);
    let hour = hour.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, 'T' | 't'));
    if !hour.is_empty() && !hour.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if date.len() == 8 && date.bytes().all(|b| b.is_ascii_digit()) {
        return new(&date[..4], &date[4..6], &date[6..]);
    }
    ['-', '/', '.'].into_iter().find_map(|separator| numbered(date, separator))
}

fn month(word: &str) -> Option<usize> {
    let start = word.get(..3)?.to_ascii_lowercase();
    MONTHS.iter().position(|month| *month == start).filter(|_| word.bytes().all(|b| b.is_ascii_alphabetic()))
}

fn has_month(text: &str) -> bool {
    text.split([' ', ',', '-']).any(|word| month(word).is_some())
}

/// `Nov  1 2026` of a C compiler, and `Sun, 1 Nov 2026` of a mail.
fn by_month(text: &str) -> Option<CalendarDate> {
    let words: Vec<_> = text.split([' ', '\t', ',', '-']).filter(|word| !word.is_empty()).take(5).collect();
    let at = words.iter().position(|word| month(word).is_some())?;
    let number = (month(words[at])? + 1).to_string();
    let day_first = at.checked_sub(1).and_then(|day| new(words.get(at + 1)?, &number, words[day]));
    day_first.or_else(|| new(words.get(at + 2)?, &number, words.get(at + 1)?))
}

impl fmt::Display for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for CalendarDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for CalendarDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CalendarDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a date is written as 2027-01-31"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<String> {
        CalendarDate::read(text).ok().map(|date| date.to_string())
    }

    #[test]
    fn every_spelling_of_a_date_is_read() {
        for text in [
            "2026-11-01",
            " 2026-11-1 ",
            "2026/11/01",
            "2026.11.1",
            "20261101",
            "2026-11-01T23:59:59.123-11:00",
            "2026-11-01 10:00",
            "Nov  1 2026",
            "Nov 1, 2026",
            "November 1 2026 10:00:00",
            "1 Nov 2026",
            "1-Nov-2026",
            "Sun, 1 Nov 2026 10:00:00 +0000",
        ] {
            assert_eq!(read(text).as_deref(), Some("2026-11-01"), "{text}");
        }
    }

    #[test]
    fn a_text_that_may_be_two_dates_is_refused() {
        for text in [
            "",
            "01/11/2026",
            "1.11.2026",
            "26-11-01",
            "2026-13-01",
            "2026-02-29",
            "2026-11",
            "2026-11-01x",
            "2026-11-01 soon",
            "never",
            "Nov 2026",
            "0000-01-01",
            "2026-11/01",
            "٢٠٢٦-١١-٠١",
            "1767225600",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        let told = CalendarDate::read(&"x".repeat(99)).unwrap_err().to_string();
        assert!(told.len() < 100 && told.contains("2027-01-31"), "{told}");
    }

    #[test]
    fn claims_have_one_spelling_of_a_date() {
        let date = CalendarDate::parse("2028-02-29").unwrap();
        assert_eq!(
            (date.to_string(), format!("{date:?}")),
            ("2028-02-29".to_owned(), "2028-02-29".to_owned())
        );
        for text in ["2028-2-29", "20280229", " 2028-02-29", "2027-02-29", "2028-02-29T00:00:00Z"] {
            assert_eq!(CalendarDate::parse(text), None, "{text}");
        }
    }

    #[test]
    fn moments_have_the_date_of_utc() {
        let of = |millis| CalendarDate::of(UnixMillis(millis)).to_string();
        assert_eq!(
            (of(0), of(-1), of(MILLIS_PER_DAY - 1)),
            (of(1), "1969-12-31".to_owned(), "1970-01-01".to_owned())
        );
        assert_eq!(of(-62_135_596_800_001), "0001-01-01", "the year before the first");
        assert_eq!((of(i64::MIN), of(i64::MAX)), ("0001-01-01".to_owned(), "9999-12-31".to_owned()));
        assert_eq!(
            (of(253_402_300_800_000), of(1_000_000_000_000_000)),
            ("9999-12-31".to_owned(), "9999-12-31".to_owned())
        );
    }

    #[test]
    fn days_later_end_with_the_calendar() {
        let date = CalendarDate::parse("2027-12-31").unwrap();
        assert_eq!(date.plus_days(60).to_string(), "2028-02-29");
        assert_eq!(date.plus_days(u32::MAX).to_string(), "9999-12-31");
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_refused(text in "\\PC{0,40}|[0-9]{1,8}[-/. T][0-9A-Za-z]{1,4}[-/. ,][0-9]{1,6}") {
            if let Ok(date) = CalendarDate::read(&text) {
                prop_assert_eq!(CalendarDate::parse(&date.to_string()), Some(date));
            }
        }

        #[test]
        fn dates_have_the_order_of_their_text(one in 0i64..3_000_000_000_000, other in 0i64..3_000_000_000_000) {
            let (one, other) = (CalendarDate::of(UnixMillis(one)), CalendarDate::of(UnixMillis(other)));
            prop_assert_eq!(one.cmp(&other), one.to_string().cmp(&other.to_string()));
        }
    }
}
