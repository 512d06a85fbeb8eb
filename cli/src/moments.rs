//! Moments as an operator types them: a day, or a moment of RFC 3339.

use falconer_domain::UnixMillis;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;

/// Milliseconds of what no year of four digits holds, as [`written`] writes it.
const MILLIS_SUFFIX: &str = " ms";

/// A text that is no day and no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no day (2027-03-01) and no moment (2027-03-01T12:00:00Z)")]
pub struct NoMoment(String);

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
/// [`NoMoment`].
pub fn from(text: &str) -> Result<UnixMillis, NoMoment> {
    read(text, |day| day.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp()))
}

/// The end of a day in UTC, its last millisecond, or a moment: who is licensed until a day is licensed on that day.
///
/// # Errors
/// [`NoMoment`].
pub fn until(text: &str) -> Result<UnixMillis, NoMoment> {
    read(text, |day| {
        let last = day.at(23, 59, 59, 999_000_000);
        last.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
    })
}

fn read(text: &str, of_day: impl Fn(Date) -> Option<Timestamp>) -> Result<UnixMillis, NoMoment> {
    let text = text.trim();
    if let Some(millis) = text.strip_suffix(MILLIS_SUFFIX).and_then(|millis| millis.parse().ok()) {
        return Ok(UnixMillis(millis));
    }
    let without_zone =
        || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    let moment = match text.parse::<Date>() {
        // Without dashes: as likely a number of another kind.
        _ if text.as_bytes().get(4) != Some(&b'-') => None,
        Ok(day) if text.len() == "2027-03-01".len() => of_day(day),
        _ => text.parse::<Timestamp>().ok().or_else(without_zone),
    };
    moment.map(|at| UnixMillis(at.as_millisecond())).ok_or_else(|| NoMoment(text.to_owned()))
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
            assert_eq!(from(text), Err(NoMoment(text.to_owned())));
        }
    }

    #[test]
    fn what_is_written_reads_back_to_the_millisecond() {
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
