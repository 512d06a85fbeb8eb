//! The calendar of licenses that end soon, week by week, in the reader's time zone.

use std::collections::BTreeMap;

use jiff::civil::Date;

/// A day of the calendar.
pub(crate) struct Day {
    pub(crate) date: String,
    /// The day of the month, with the month where one begins.
    pub(crate) label: String,
    pub(crate) licenses: usize,
    pub(crate) is_outside: bool,
}

/// Weeks from Monday to Sunday, from a day on, for so many days.
pub(crate) fn weeks(first: Date, days: u32, ends: &BTreeMap<Date, usize>) -> Vec<Vec<Day>> {
    let mut date = first;
    for _ in 0..first.weekday().to_monday_zero_offset() {
        date = date.yesterday().unwrap_or(date);
    }
    let mut last = first;
    for _ in 1..days {
        last = last.tomorrow().unwrap_or(last);
    }
    let mut weeks = Vec::new();
    while date <= last {
        let mut week = Vec::new();
        for _ in 0..7 {
            let is_first = date.day() == 1 || date == first;
            week.push(Day {
                date: date.to_string(),
                label: if is_first { date.strftime("%-d %b").to_string() } else { date.day().to_string() },
                licenses: ends.get(&date).copied().unwrap_or_default(),
                is_outside: date < first || date > last,
            });
            let Ok(next) = date.tomorrow() else { return weeks };
            date = next;
        }
        weeks.push(week);
    }
    weeks
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn weeks_begin_on_monday_and_hold_the_span() {
        let (first, end) = (date(2026, 11, 28), date(2026, 12, 27));
        let weeks = weeks(first, 30, &BTreeMap::from([(end, 3)]));
        let days: Vec<_> = weeks.iter().flatten().collect();
        assert_eq!((weeks.len(), days[0].date.as_str()), (5, "2026-11-23"));
        assert_eq!(days.iter().filter(|day| !day.is_outside).count(), 30);
        assert_eq!(days.iter().map(|day| day.licenses).sum::<usize>(), 3);
        assert_eq!(days[8].label, "1 Dec");
    }
}
