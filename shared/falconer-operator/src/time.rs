//! Moments as an operator types them: a day, or a moment of RFC 3339.

use falconer_domain::UnixMillis;
use jiff::civil::{Date, DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// 1970, from where moments count.
const EPOCH: DateTime = date(1970, 1, 1).at(0, 0, 0, 0);
/// Milliseconds of what no year of four digits holds, as [`written`] writes it.
const MILLIS_SUFFIX: &str = " ms";

/// A moment for a person, to the minute.
#[must_use]
pub fn shown(at: UnixMillis) -> String {
    in_calendar(at).map_or_else(|| outside(at).to_owned(), |at| at.strftime("%F %R UTC").to_string())
}

/// The day of a moment, for a person.
#[must_use]
pub fn day_shown(at: UnixMillis) -> String {
    in_calendar(at).map_or_else(|| outside(at).to_owned(), |at| at.strftime("%F").to_string())
}

/// A moment in UTC, if its year has at most four digits. No time zone is asked: the calendar of a zone ends before its
/// last day, where other zones have left it.
fn in_calendar(at: UnixMillis) -> Option<DateTime> {
    let shown = EPOCH.checked_add(SignedDuration::from_millis(at.0)).ok()?;
    (shown.year() >= 0).then_some(shown)
}

/// The Flask server's lifetime licenses may end after the calendar does.
const fn outside(at: UnixMillis) -> &'static str {
    if at.0 < 0 { "before the year 0" } else { "after the year 9999" }
}

fn in_utc(at: DateTime) -> Option<UnixMillis> {
    let since = at.duration_since(EPOCH);
    i64::try_from(since.as_millis()).ok().map(UnixMillis)
}

/// A text that is neither a day nor a time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither a day (2027-03-01) nor a moment (2027-03-01T12:00:00Z)")]
pub struct BadTime(String);

/// A moment as text that [`from`] reads back to the millisecond.
#[must_use]
pub fn written(at: UnixMillis) -> String {
    let moment = Timestamp::from_millisecond(at.0).map(|at| at.to_string());
    let read_back = moment.ok().filter(|moment| from(moment) == Ok(at));
    read_back.unwrap_or_else(|| format!("{}{MILLIS_SUFFIX}", at.0))
}

/// An end as text that [`until`] reads back to the millisecond: a day, where it is the end of one.
#[must_use]
pub fn end_written(at: UnixMillis) -> String {
    let day = Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(TimeZone::UTC).date().to_string());
    day.ok().filter(|day| until(day) == Ok(at)).unwrap_or_else(|| written(at))
}

/// The beginning of a day in UTC, or a moment; one without a zone is in UTC.
///
/// # Errors
/// [`BadTime`].
pub fn from(text: &str) -> Result<UnixMillis, BadTime> {
    read(text, |day| day.at(0, 0, 0, 0))
}

/// The end of a day in UTC, its last millisecond, or a moment: who is licensed until a day is licensed on that day.
///
/// # Errors
/// [`BadTime`].
pub fn until(text: &str) -> Result<UnixMillis, BadTime> {
    read(text, |day| day.at(23, 59, 59, 999_000_000))
}

fn read(text: &str, of_day: impl Fn(Date) -> DateTime) -> Result<UnixMillis, BadTime> {
    let text = text.trim();
    if let Some(millis) = text.strip_suffix(MILLIS_SUFFIX).and_then(|millis| millis.parse().ok()) {
        return Ok(UnixMillis(millis));
    }
    let without_zone = || in_utc(text.strip_suffix(['Z', 'z']).unwrap_or(text).parse().ok()?);
    let moment = match text.parse::<Date>() {
        // Without dashes: as likely a number of another kind.
        _ if text.as_bytes().get(4) != Some(&b'-') => None,
        Ok(day) if text.len() == "2027-03-01".len() => in_utc(of_day(day)),
        _ => {
            let moment = text.parse::<Timestamp>().ok().map(|at| UnixMillis(at.as_millisecond()));
            moment.or_else(without_zone)
        }
    };
    moment.ok_or_else(|| BadTime(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_in_utc() {
        let day = 86_400_000;
        assert_eq!(from("1970-01-02"), Ok(UnixMillis(day)));
        assert_eq!(until("1970-01-02"), Ok(UnixMillis(2 * day - 1)));
        assert_eq!(from("1970-01-02T01:00:00+01:00"), Ok(UnixMillis(day)));
        assert_eq!(until("1970-01-02T00:00:00Z"), Ok(UnixMillis(day)));
        assert_eq!(from("1970-01-02 00:00:01"), Ok(UnixMillis(day + 1_000)));
        for text in ["", "20270301", "tomorrow", "2027-02-30", "02.01.1970"] {
            assert_eq!(from(text), Err(BadTime(text.to_owned())));
        }
    }

    #[test]
    fn handles_the_end_of_the_calendar() {
        let last = UnixMillis(253_402_300_799_999);
        assert_eq!(until("9999-12-31"), Ok(last));
        assert_eq!(from("9999-12-31"), Ok(UnixMillis(253_402_214_400_000)));
        assert_eq!(until("9999-12-31T23:59:59Z"), Ok(UnixMillis(253_402_300_799_000)));
        assert_eq!((shown(last).as_str(), day_shown(last).as_str()), ("9999-12-31 23:59 UTC", "9999-12-31"));
        for beyond in [last.0 + 1, 345_381_753_599_999, i64::MAX] {
            assert_eq!(shown(UnixMillis(beyond)), "after the year 9999");
        }
        assert_eq!(shown(UnixMillis(i64::MIN)), "before the year 0");
        assert_eq!(
            (shown(UnixMillis(0)).as_str(), shown(UnixMillis(-1)).as_str()),
            ("1970-01-01 00:00 UTC", "1969-12-31 23:59 UTC")
        );
    }

    #[test]
    fn round_trips_to_the_millisecond() {
        for (millis, start, end) in [
            (0, "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
            (86_399_999, "1970-01-01T23:59:59.999Z", "1970-01-01"),
            (1_800_000_000_001, "2027-01-15T08:00:00.001Z", "2027-01-15T08:00:00.001Z"),
            (-62_170_000_000_000, "-62170000000000 ms", "-62170000000000 ms"),
            (i64::MAX, "9223372036854775807 ms", "9223372036854775807 ms"),
        ] {
            let at = UnixMillis(millis);
            assert_eq!((written(at).as_str(), end_written(at).as_str()), (start, end));
            assert_eq!((from(start), until(end)), (Ok(at), Ok(at)));
        }
    }
}
