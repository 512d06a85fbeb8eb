//! Moments in the reader's time zone, with UTC beside.

use askama::Template;
use falconer_domain::UnixMillis;
use falconer_operator::time;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use crate::views::counted;

/// The reader's clock: the console runs on the reader's own machine.
pub(crate) struct Clock {
    zone: TimeZone,
    now: fn() -> UnixMillis,
}

/// A moment for a page.
#[derive(Clone, Debug, PartialEq, Eq, Template)]
#[template(
    ext = "html",
    source = r#"<time datetime="{{ iso }}">{{ local }}{% if !utc.is_empty() %} <small>{{ utc }}</small>{% endif %}</time>"#
)]
pub(crate) struct Moment {
    iso: String,
    pub(crate) local: String,
    utc: String,
}

impl Clock {
    pub(crate) const fn new(zone: TimeZone, now: fn() -> UnixMillis) -> Self {
        Self { zone, now }
    }

    pub(crate) fn now(&self) -> UnixMillis {
        (self.now)()
    }

    /// A moment, to the minute.
    pub(crate) fn moment(&self, at: UnixMillis) -> Moment {
        let Ok(stamp) = Timestamp::from_millisecond(at.0) else {
            return Moment { iso: time::written(at), local: time::shown(at), utc: String::new() };
        };
        let (here, in_utc) = (stamp.to_zoned(self.zone.clone()), stamp.to_zoned(TimeZone::UTC));
        let iso = stamp.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        if here.datetime() == in_utc.datetime() {
            return Moment {
                iso,
                local: in_utc.strftime("%Y-%m-%d %H:%M UTC").to_string(),
                utc: String::new(),
            };
        }
        let utc = if here.date() == in_utc.date() {
            in_utc.strftime("%H:%M UTC").to_string()
        } else {
            in_utc.strftime("%Y-%m-%d %H:%M UTC").to_string()
        };
        Moment { iso, local: here.strftime("%Y-%m-%d %H:%M").to_string(), utc }
    }

    /// The day of a moment, in the reader's zone.
    pub(crate) fn date(&self, at: UnixMillis) -> Option<Date> {
        Some(Timestamp::from_millisecond(at.0).ok()?.to_zoned(self.zone.clone()).date())
    }

    /// The first and the last millisecond of a day, in the reader's zone.
    pub(crate) fn span(&self, day: Date) -> Option<(UnixMillis, UnixMillis)> {
        let begin = |day: Date| Some(day.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond());
        Some((UnixMillis(begin(day)?), UnixMillis(begin(day.tomorrow().ok()?)? - 1)))
    }

    /// The first millisecond of today and the last one of a day so many days later, in the reader's zone: figures and
    /// lists of the next days share these bounds.
    pub(crate) fn days_ahead(&self, days: u32) -> Option<(UnixMillis, UnixMillis)> {
        let today = self.date(self.now())?;
        let last = today.checked_add(Span::new().try_days(days).ok()?).ok()?;
        Some((self.span(today)?.0, self.span(last)?.1))
    }

    /// The name of the reader's zone.
    pub(crate) fn zone_name(&self) -> &str {
        self.zone.iana_name().unwrap_or("this machine\u{2019}s zone")
    }

    /// A moment as one line of text.
    pub(crate) fn text(&self, at: UnixMillis) -> String {
        let Moment { local, utc, .. } = self.moment(at);
        if utc.is_empty() { local } else { format!("{local} ({utc})") }
    }

    /// How far a moment is from now, in words.
    pub(crate) fn distance(&self, at: UnixMillis) -> String {
        distance(at.0.saturating_sub(self.now().0))
    }
}

fn distance(millis: i64) -> String {
    const UNITS: [(&str, u64); 3] = [("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000)];
    let left = millis.unsigned_abs();
    let Some((unit, length)) = UNITS.into_iter().find(|(_, length)| left >= *length) else {
        return "at this minute".to_owned();
    };
    let count = left / length;
    let count = counted(count, unit);
    if millis < 0 { format!("{count} ago") } else { format!("in {count}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: UnixMillis = UnixMillis(1_800_014_400_000);

    #[test]
    fn zone_of_the_reader_has_utc_beside() {
        let shown = |zone: &str| Clock::new(TimeZone::get(zone).unwrap(), || NOON).text(NOON);
        assert_eq!(shown("UTC"), "2027-01-15 12:00 UTC");
        assert_eq!(shown("Europe/Berlin"), "2027-01-15 13:00 (12:00 UTC)");
        assert_eq!(shown("Pacific/Kiritimati"), "2027-01-16 02:00 (2027-01-15 12:00 UTC)");
        assert_eq!(Clock::new(TimeZone::UTC, || NOON).text(UnixMillis(i64::MAX)), "after the year 9999");
    }

    /// A day has 23 hours where the clock is put on, and 25 where it is put back.
    #[test]
    fn days_ahead_are_whole_across_a_clock_change() {
        const HOUR: i64 = 3_600_000;
        let at = |text: &str| UnixMillis(text.parse::<Timestamp>().unwrap().as_millisecond());
        for (now, zone, hours) in [
            ((|| UnixMillis(1_806_186_600_000)) as fn() -> UnixMillis, "UTC", 72),
            (|| UnixMillis(1_806_186_600_000), "Europe/Berlin", 71),
            (|| UnixMillis(1_824_935_400_000), "Europe/Berlin", 73),
        ] {
            let clock = Clock::new(TimeZone::get(zone).unwrap(), now);
            let (from, until) = clock.days_ahead(2).unwrap();
            assert_eq!(until.0 + 1 - from.0, hours * HOUR, "{zone}");
            assert!(from <= now() && clock.date(from) == clock.date(now()), "{zone}");
        }
        let clock = Clock::new(TimeZone::get("Europe/Berlin").unwrap(), || UnixMillis(1_806_186_600_000));
        assert_eq!(clock.days_ahead(0).unwrap().0, at("2027-03-26T23:00:00Z"));
        assert_eq!(clock.days_ahead(u32::MAX), None);
    }

    #[test]
    fn distances_are_words() {
        for (millis, words) in [
            (0, "at this minute"),
            (60_000, "in 1 minute"),
            (-7_200_000, "2 hours ago"),
            (93 * 86_400_000, "in 93 days"),
            (i64::MIN, "106751991167 days ago"),
        ] {
            assert_eq!(distance(millis), words);
        }
    }
}
