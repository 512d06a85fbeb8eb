//! Days and moments as spreadsheets, data frames and people write them.
//!
//! The order of day and month in `03/04/2027` is decided for a whole column: by a cell that reads in only one order, or
//! by the operator. It is never guessed.

mod survey;

use falconer_domain::UnixMillis;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;

pub use survey::{Example, Survey, Undecided};

/// The day that spreadsheets count as zero.
const SERIAL_ZERO: Date = Date::constant(1899, 12, 30);
/// Serial numbers that are read: of five digits, from 1927 to 2173. A shorter one is a number of another kind.
const SERIALS: std::ops::RangeInclusive<i64> = 10_000..=99_999;
/// 9999-12-31, the last day a spreadsheet knows, and what some sheets have for "never".
const LAST_SERIAL: i64 = 2_958_465;
/// Years of two digits before this one are of this century; later ones may be of the last one, as 70 for 1970.
const SHORT_YEARS: std::ops::Range<i16> = 0..70;
/// A number of two digits in front that may be a year: what is sold with a license began later than the ones below.
const YEARS_IN_FRONT: std::ops::RangeInclusive<i16> = 20..=69;
/// Milliseconds of what no year of four digits holds, as our own export writes them.
const MILLIS_SUFFIX: &str = " ms";
/// Names of months, in the languages whose names and abbreviations do not contradict each other.
const MONTHS: [[&str; 7]; 12] = [
    ["january", "januar", "janvier", "enero", "gennaio", "januari", "janeiro"],
    ["february", "februar", "février", "febrero", "febbraio", "februari", "fevereiro"],
    ["march", "märz", "mars", "marzo", "mrz", "maart", "março"],
    ["april", "april", "avril", "abril", "aprile", "april", "abril"],
    ["may", "mai", "mai", "mayo", "maggio", "mei", "maio"],
    ["june", "juni", "juin", "junio", "giugno", "juni", "junho"],
    ["july", "juli", "juillet", "julio", "luglio", "juli", "julho"],
    ["august", "august", "août", "agosto", "agosto", "augustus", "agosto"],
    ["september", "september", "septembre", "septiembre", "settembre", "september", "setembro"],
    ["october", "oktober", "octobre", "octubre", "ottobre", "oktober", "outubro"],
    ["november", "november", "novembre", "noviembre", "novembre", "november", "novembro"],
    ["december", "dezember", "décembre", "diciembre", "dicembre", "december", "dezembro"],
];

/// True if a date begins with the day or with the month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayOrder {
    /// `31/12/2026`.
    DayFirst,
    /// `12/31/2026`.
    MonthFirst,
}

impl DayOrder {
    /// Returns the part that comes first.
    #[must_use]
    pub const fn first(self) -> &'static str {
        match self {
            Self::DayFirst => "day",
            Self::MonthFirst => "month",
        }
    }
}

/// Value of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// A day. Midnight without a zone is one too: programs write a day like that.
    Day(Date),
    /// A moment in the sheet's own time zone.
    Local(DateTime),
    /// A moment.
    Exact(UnixMillis),
}

/// A cell that reads as a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// In one way.
    Sure(When),
    /// Ambiguous without the column's order. An impossible reading is `None`; at least one is possible.
    Ordered {
        /// Reading with the day first.
        day_first: Option<When>,
        /// Reading with the month first.
        month_first: Option<When>,
        /// True if points are between the numbers: no calendar writes the month first like that.
        style: Style,
    },
}

/// Separator of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Points.
    Points,
    /// Something else.
    Other,
}

/// A text that is not one date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoDate {
    /// Not a date.
    #[error("is not a date; write it as 2027-03-01")]
    NotADate,
    /// A zero in the form of a date.
    #[error("is a placeholder, not a date")]
    Placeholder,
    /// The year may be of two centuries, or may be another part of the date.
    #[error("has a year of two digits that can mean more than one; write it as 2027-03-01")]
    ShortYear,
    /// Not in the order of the column.
    #[error("is not a date in the order of its column; write it as 2027-03-01")]
    OtherOrder,
    /// In two orders.
    #[error("is one date with the day first and another one with the month first; write it as 2027-03-01")]
    Doubtful,
}

/// Reads a cell.
///
/// # Errors
/// [`NoDate`].
pub fn read(text: &str) -> Result<Written, NoDate> {
    let text = text.trim();
    if let Some(millis) = text.strip_suffix(MILLIS_SUFFIX).and_then(|millis| millis.parse().ok()) {
        return Ok(Written::Sure(When::Exact(UnixMillis(millis))));
    }
    if let Some(when) = iso(text) {
        return Ok(Written::Sure(when));
    }
    if let Some(read) = serial(text) {
        return read.map(Written::Sure);
    }
    let (day, time) = day_and_time(text).ok_or(NoDate::NotADate)?;
    let at = |date: Date| match time {
        Time::MIN => When::Day(date),
        time => When::Local(date.to_datetime(time)),
    };
    if let Some(date) = with_month_name(day) {
        return date.map(|date| Written::Sure(at(date)));
    }
    in_numbers(day, at)
}

impl Written {
    /// The reading in the order of the column, where the order matters.
    ///
    /// # Errors
    /// [`NoDate::OtherOrder`], [`NoDate::Doubtful`].
    pub fn resolved(self, order: Option<DayOrder>) -> Result<When, NoDate> {
        match (self, order) {
            (Self::Sure(when), _) => Ok(when),
            (Self::Ordered { day_first, .. }, Some(DayOrder::DayFirst)) => {
                day_first.ok_or(NoDate::OtherOrder)
            }
            (Self::Ordered { month_first, .. }, Some(DayOrder::MonthFirst)) => {
                month_first.ok_or(NoDate::OtherOrder)
            }
            (Self::Ordered { day_first: Some(_), month_first: Some(_), .. }, None) => Err(NoDate::Doubtful),
            (Self::Ordered { day_first, month_first, .. }, None) => {
                day_first.or(month_first).ok_or(NoDate::NotADate)
            }
        }
    }
}

impl When {
    /// Returns the first moment.
    #[must_use]
    pub fn start(self, zone: &TimeZone) -> UnixMillis {
        match self {
            Self::Day(day) => moment(day.to_datetime(Time::MIN), zone),
            Self::Local(at) => moment(at, zone),
            Self::Exact(at) => at,
        }
    }

    /// Returns the last millisecond: who is licensed until a day is licensed on that day.
    #[must_use]
    pub fn end(self, zone: &TimeZone) -> UnixMillis {
        match self {
            Self::Day(day) => moment(day.at(23, 59, 59, 999_000_000), zone),
            _ => self.start(zone),
        }
    }

    /// So many days later; `None` after the end of the calendar.
    #[must_use]
    pub fn plus_days(self, days: u32) -> Option<Self> {
        let span = jiff::Span::new().try_days(days).ok()?;
        Some(match self {
            Self::Day(day) => Self::Day(day.checked_add(span).ok()?),
            Self::Local(at) => Self::Local(at.checked_add(span).ok()?),
            Self::Exact(at) => Self::Exact(at.plus_days(days)),
        })
    }
}

impl std::fmt::Display for When {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{day}"),
            Self::Local(at) => write!(f, "{at}"),
            Self::Exact(at) => f.write_str(&crate::time::written(*at)),
        }
    }
}

/// A moment of a time zone; the last day of the calendar, which no zone west of Greenwich can hold, counts in UTC.
fn moment(at: DateTime, zone: &TimeZone) -> UnixMillis {
    let since = |at: DateTime| at.duration_since(DateTime::constant(1970, 1, 1, 0, 0, 0, 0)).as_millis();
    let in_zone = zone.to_timestamp(at).map(Timestamp::as_millisecond);
    UnixMillis(in_zone.unwrap_or_else(|_| i64::try_from(since(at)).unwrap_or(i64::MAX)))
}

/// `2027-03-01`, alone or with a time; with an offset it is a moment, whatever the time.
fn iso(text: &str) -> Option<When> {
    let dashed = text.as_bytes().get(4) == Some(&b'-') && text.as_bytes().get(7) == Some(&b'-');
    if !dashed {
        return None;
    }
    if text.len() == "2027-03-01".len() {
        return text.parse().ok().map(When::Day);
    }
    let bare = text.strip_suffix(" UTC").map(|bare| format!("{bare}Z"));
    if let Ok(at) = bare.as_deref().unwrap_or(text).parse::<Timestamp>() {
        return Some(When::Exact(UnixMillis(at.as_millisecond())));
    }
    let at: DateTime = text.parse().ok()?;
    Some(if at.time() == Time::MIN { When::Day(at.date()) } else { When::Local(at) })
}

/// A number: days since 1899-12-30 as spreadsheets count them, with a part of a day; or `20270301`.
fn serial(text: &str) -> Option<Result<When, NoDate>> {
    let (days, part) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if days.is_empty() || !digits(days) || !digits(part) || days.len() > 9 {
        return None;
    }
    let number: i64 = days.parse().ok()?;
    if number == 0 {
        return Some(Err(NoDate::Placeholder));
    }
    if days.len() == 8 && part.bytes().all(|byte| byte == b'0') {
        let (year, rest) = (number / 10_000, number % 10_000);
        let date =
            date(i16::try_from(year).ok()?, i8::try_from(rest / 100).ok()?, i8::try_from(rest % 100).ok()?);
        return Some(
            date.filter(|date| (1900..2200).contains(&date.year())).map(When::Day).ok_or(NoDate::NotADate),
        );
    }
    if !SERIALS.contains(&number) && number != LAST_SERIAL {
        return Some(Err(NoDate::NotADate));
    }
    let seconds = format!("0.{part}0").parse::<f64>().ok().map(|part| part * 86_400.0)?;
    // Less than a day of seconds fits, and what is lost is less than a second of a spreadsheet's own rounding.
    #[expect(clippy::cast_possible_truncation, reason = "0 to 86,400")]
    let seconds = seconds.round() as i64;
    let midnight = SERIAL_ZERO.checked_add(jiff::Span::new().days(number)).ok()?.to_datetime(Time::MIN);
    let at = midnight.checked_add(jiff::Span::new().seconds(seconds)).ok()?;
    Some(Ok(if seconds == 0 { When::Day(at.date()) } else { When::Local(at) }))
}

/// Returns the day and time of a cell; midnight by default.
fn day_and_time(text: &str) -> Option<(&str, Time)> {
    let Some(colon) = text.find(':') else { return Some((text, Time::MIN)) };
    let start = text[..colon].rfind(|c: char| c.is_whitespace() || c == 'T')?;
    let (day, time) = text.split_at(start);
    let time = time.trim_start_matches(|c: char| c.is_whitespace() || c == 'T');
    Some((day.trim_end_matches([',', ' ']), time_of_day(time)?))
}

/// `0:00`, `00:00:00`, `12:00:00.000 AM`.
fn time_of_day(text: &str) -> Option<Time> {
    let folded = text.trim().to_lowercase().replace(['\u{202F}', '\u{A0}'], " ");
    let folded = folded.trim_end_matches(" uhr");
    let (clock, afternoon) = match (folded.strip_suffix("am"), folded.strip_suffix("pm")) {
        (Some(clock), _) => (clock.trim(), Some(false)),
        (_, Some(clock)) => (clock.trim(), Some(true)),
        _ => (folded, None),
    };
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut parts = clock.split(':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    let hour = match afternoon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
    };
    let fraction = if fraction.bytes().all(|byte| byte.is_ascii_digit()) { fraction } else { return None };
    let nanoseconds = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    if parts.next().is_some() { None } else { Time::new(hour, minute, second, nanoseconds).ok() }
}

/// `31-Dec-2026`, `December 31, 2026`, `31. Dezember 2026`: `None` where no month is named.
fn with_month_name(text: &str) -> Option<Result<Date, NoDate>> {
    let folded = text.to_lowercase();
    let parts =
        folded.split(|c: char| c.is_whitespace() || ",.-/".contains(c)).filter(|part| !part.is_empty());
    let (words, numbers): (Vec<_>, Vec<_>) = parts.partition(|part| part.starts_with(char::is_alphabetic));
    let month = match words.iter().filter(|word| !["de", "of"].contains(*word)).collect::<Vec<_>>()[..] {
        [] => return None,
        // A day of the week in front tells nothing new.
        [word] | [_, word] => month_of(word),
        _ => None,
    };
    let number = |text: &str| {
        let ordinal = text.trim_end_matches(char::is_alphabetic);
        ordinal.parse::<i16>().ok().map(|number| (number, ordinal.len()))
    };
    let (Some(month), [one, other]) = (month, &numbers[..]) else { return Some(Err(NoDate::NotADate)) };
    let (day, year) = match (number(one), number(other)) {
        (Some((year, 4)), Some((day, 1 | 2))) | (Some((day, 1 | 2)), Some((year, 4))) => (day, year),
        (Some((day, 1 | 2)), Some((year, 2))) => match long_year(year) {
            Ok(year) => (day, year),
            Err(why) => return Some(Err(why)),
        },
        _ => return Some(Err(NoDate::NotADate)),
    };
    Some(i8::try_from(day).ok().and_then(|day| date(year, month, day)).ok_or(NoDate::NotADate))
}

/// Returns true if a word names a month.
#[must_use]
pub fn is_month(word: &str) -> bool {
    month_of(&word.to_lowercase()).is_some()
}

/// A month by its name or an abbreviation of three letters or more that begins the names of no other one.
fn month_of(word: &str) -> Option<i8> {
    let begins = |names: &[&str; 7]| names.iter().any(|name| name.starts_with(word));
    let exactly = |names: &[&str; 7]| names.contains(&word);
    let mut of: Vec<_> = (1_i8..).zip(&MONTHS).filter(|(_, names)| begins(names)).collect();
    if of.len() > 1 {
        of.retain(|(_, names)| exactly(names));
    }
    match of[..] {
        [(month, _)] if word.chars().count() >= 3 => Some(month),
        _ => None,
    }
}

/// Returns true if a text is a day of a month without a year, `1-Mar` or `Mar-01`, as a spreadsheet shows what it took
/// for one.
#[must_use]
pub fn is_day_of_a_month(text: &str) -> bool {
    let folded = text.trim().to_lowercase().replace(". ", "-");
    let Some((one, other)) = folded.split_once(['-', ' ']) else { return false };
    let number = |text: &str| text.len() <= 2 && text.parse::<u8>().is_ok_and(|number| number <= 99);
    (number(one) && month_of(other).is_some()) || (number(other) && month_of(one).is_some())
}

/// Three numbers and one kind of mark between them.
fn in_numbers(text: &str, at: impl Fn(Date) -> When) -> Result<Written, NoDate> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let text = text.replace(['年', '月'], "/").replace('日', "");
    let text = text.trim_end_matches('.');
    let mark = text.find(|c: char| !c.is_ascii_digit()).map(|at| text[at..].chars().next());
    let Some(Some(mark @ ('/' | '.' | '-'))) = mark else { return Err(NoDate::NotADate) };
    let parts: Vec<&str> = text.split(mark).collect();
    let [first, second, third] = parts[..] else { return Err(NoDate::NotADate) };
    let numbers = [first, second, third].map(|part| part.parse::<i16>().ok().filter(|number| *number >= 0));
    let [Some(one), Some(two), Some(three)] = numbers else { return Err(NoDate::NotADate) };
    if [one, two, three].contains(&0) && (one.min(two) == 0) {
        return Err(NoDate::Placeholder);
    }
    let small = |number: i16| i8::try_from(number).unwrap_or(i8::MAX);
    let (year, [one, two]) = match (first.len(), second.len(), third.len()) {
        (4, 1 | 2, 1 | 2) => {
            let date = date(one, small(two), small(three)).ok_or(NoDate::NotADate)?;
            return Ok(Written::Sure(at(date)));
        }
        (1 | 2, 1 | 2, 4) => (three, [small(one), small(two)]),
        // With hyphens the year may be in front as well.
        (1 | 2, 1 | 2, 2) if mark != '-' => (long_year(three)?, [small(one), small(two)]),
        (1 | 2, 1 | 2, 2) => return Err(NoDate::ShortYear),
        _ => return Err(NoDate::NotADate),
    };
    match (date(year, two, one), date(year, one, two)) {
        (None, None) => Err(NoDate::NotADate),
        (Some(one), Some(other)) if one == other => Ok(Written::Sure(at(one))),
        (day_first, month_first) => Ok(Written::Ordered {
            day_first: day_first.map(&at),
            month_first: month_first.map(&at),
            style: if mark == '.' { Style::Points } else { Style::Other },
        }),
    }
}

/// Reads `26/12/31` with the year first. Dates with points begin with the day.
fn year_first(text: &str) -> Option<Date> {
    let (day, _) = day_and_time(text.trim())?;
    let parts: Vec<&str> = day.split('/').map(str::trim).collect();
    let [year, month, day] = parts[..] else { return None };
    let year: i16 = year.parse().ok().filter(|_| year.len() == 2 && day.len() == 2)?;
    let day = date(2000 + year, month.parse().ok()?, day.parse().ok()?);
    day.filter(|_| YEARS_IN_FRONT.contains(&year))
}

fn long_year(short: i16) -> Result<i16, NoDate> {
    if SHORT_YEARS.contains(&short) { Ok(2000 + short) } else { Err(NoDate::ShortYear) }
}

fn date(year: i16, month: i8, day: i8) -> Option<Date> {
    Date::new(year, month, day).ok()
}

#[cfg(test)]
mod tests;
