//! Dates of maintenance as operators type them: the end of a license's maintenance, and the date of a build.

use falconer_domain::CalendarDate;
use falconer_domain::maintenance::UpdatesEnd;
use jiff::tz::TimeZone;

use crate::import_export::dates::{self, DayOrder, NoDate, Style, When, Written};
use crate::import_export::{is_hidden, redacted};

/// Words for maintenance that does not end.
const NEVER: [&str; 8] = ["never", "none", "no end", "forever", "unlimited", "perpetual", "lifetime", "no"];
/// The year with which calendars write "never".
const YEAR_OF_NEVER: &str = "9999-01-01";

/// A text that names no day.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} {1}")]
pub struct BadDay(String, NoDate);

/// Reads the end of a maintenance: a day, or a word for none. A day of the year 9999 is none either.
///
/// # Errors
/// [`BadDay`].
pub fn updates_end(text: &str) -> Result<UpdatesEnd, BadDay> {
    if is_never(text) {
        return Ok(UpdatesEnd::Never);
    }
    Ok(end_on(day(text)?))
}

/// Reads a day as compilers, people, spreadsheets and data frames write it. With points the day comes first; of a date
/// with other signs that is one day in two orders nobody can tell which one is meant, so it is refused.
///
/// # Errors
/// [`BadDay`].
pub fn day(text: &str) -> Result<CalendarDate, BadDay> {
    if let Ok(day) = CalendarDate::read(text) {
        return Ok(day);
    }
    let read = dates::read(text).and_then(|written| {
        let order = match written {
            Written::Ordered { style: Style::Points, .. } => Some(DayOrder::DayFirst),
            _ => None,
        };
        written.resolved(order)
    });
    read.map(day_of).map_err(|why| BadDay(shown(text), why))
}

/// The text in quotation marks, without what may be a key, as reports of sheets show cells.
fn shown(text: &str) -> String {
    let text = text.trim();
    match redacted(text) {
        _ if text.is_empty() => "an empty text".to_owned(),
        hidden if is_hidden(&hidden) => hidden,
        shown => format!("{shown:?}"),
    }
}

/// Returns true for a word that says that a maintenance does not end.
#[must_use]
pub fn is_never(text: &str) -> bool {
    let word = text.trim().to_lowercase();
    NEVER.contains(&word.as_str())
}

/// The end on a day; none in the year 9999.
#[must_use]
pub fn end_on(day: CalendarDate) -> UpdatesEnd {
    match CalendarDate::parse(YEAR_OF_NEVER) {
        Some(never) if day >= never => UpdatesEnd::Never,
        _ => UpdatesEnd::On(day),
    }
}

/// The day of a cell, as it is written: an hour and a zone behind it say nothing.
#[must_use]
pub fn day_of(when: When) -> CalendarDate {
    CalendarDate::of(when.start(&TimeZone::UTC))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(text: &str) -> Result<String, String> {
        updates_end(text).map(|end| end.to_string()).map_err(|why| why.to_string())
    }

    #[test]
    fn every_form_of_a_day_is_read() {
        for text in [
            "2027-12-31",
            " 2027-12-31 ",
            "2027/12/31",
            "20271231",
            "2027-12-31T23:59:59-11:00",
            "2027-12-31 00:00:00",
            "31.12.2027",
            "31/12/2027",
            "12/31/2027",
            "31-Dec-2027",
            "Dec 31, 2027",
            "31. Dezember 2027",
            "Dec 31 2027",
            "46752",
        ] {
            assert_eq!(end(text).as_deref(), Ok("2027-12-31"), "{text}");
        }
        assert_eq!(end("1.11.2027").as_deref(), Ok("2027-11-01"), "points: the day first");
    }

    #[test]
    fn never_has_many_words() {
        for text in ["never", " Never ", "NONE", "no end", "forever", "lifetime", "9999-12-31", "31.12.9999"]
        {
            assert_eq!(end(text).as_deref(), Ok("never"), "{text}");
        }
        assert_eq!(end("9998-12-31").as_deref(), Ok("9998-12-31"));
    }

    #[test]
    fn doubtful_days_get_a_sentence() {
        for (text, sentence) in [
            (
                "01/11/2027",
                "\"01/11/2027\" is one date with the day first and another one with the month first",
            ),
            ("soon", "\"soon\" is not a date; write it as 2027-03-01"),
            ("", "an empty text is not a date"),
            ("QF-PRO-3D93F-4699X-ZD3T9-CSAZB-DAS0J-4BYWJ", "is not a date"),
            ("2027-02-30", "is not a date"),
            ("0", "is a placeholder, not a date"),
            ("13/13/2027", "is not a date"),
        ] {
            let told = end(text).expect_err(text);
            assert!(told.contains(sentence), "{text}: {told}");
            assert!(!told.contains("3D93F"), "a key in the wrong place is not repeated: {told}");
            assert!(told.contains("2027-03-01") || told.contains("placeholder"), "{told}");
        }
        assert!(end(&"x".repeat(999)).unwrap_err().len() < 200);
    }
}
