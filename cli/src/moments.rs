//! Moments as an operator types them: a day, or a moment of RFC 3339.

use falconer_domain::UnixMillis;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// A text that is no day and no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no day (2027-03-01) and no moment (2027-03-01T12:00:00Z)")]
pub struct NoMoment(String);

/// The beginning of a day in UTC, or a moment.
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
        let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
        Timestamp::from_millisecond(next.as_millisecond() - 1).ok()
    })
}

fn read(text: &str, of_day: impl Fn(Date) -> Option<Timestamp>) -> Result<UnixMillis, NoMoment> {
    let text = text.trim();
    let moment = match text.parse::<Date>() {
        Ok(day) if text.len() == "2027-03-01".len() => of_day(day),
        _ => text.parse::<Timestamp>().ok(),
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
        for text in ["", "tomorrow", "2027-02-30", "02.01.1970"] {
            assert_eq!(from(text), Err(NoMoment(text.to_owned())));
        }
    }
}
