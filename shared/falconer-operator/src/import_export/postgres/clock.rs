//! Check of a table's time zone against the times in its keys.
//!
//! A key of the Flask server holds the second it was made in, whatever zone anything ran in. `created_at` is the same
//! moment in the database's zone. `expires_at` is the same moment in the server's zone, and whole days later, since the
//! server adds days to its local time. So the difference between a row's key and its timestamp is the zone's offset.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{self, TimeZone};

/// Seconds that offsets of zones are multiples of.
const QUARTER_HOUR: i64 = 900;
const DAY: i64 = 86_400;
/// No zone is farther from UTC.
const MAX_OFFSET: i64 = 15 * 3_600;
/// The key is made first; then the row is inserted, over a connection that may be slow. Two clocks may differ by a
/// little.
const SECONDS_BEFORE: i64 = 2;
const SECONDS_AFTER: i64 = 30;
/// Rows that are looked at in every zone there is. Many more take long and say no more.
const MAX_ROWS_COMPARED: usize = 2_000;
/// Zones whose rows agree less often do not explain a table.
const FITTING_PERCENT: usize = 90;
/// With fewer rows than this whose timestamps can be compared, a table has been changed, and says nothing.
const SPEAKING_PERCENT: usize = 25;
/// A zone is right although so many rows differ from it: a timestamp that somebody set anew may look like one of
/// another zone. It does by chance for one in 26, since 33 seconds of each quarter of an hour pass; twice that is
/// allowed.
const STRAYS_PERCENT_OF_SILENT: usize = 8;
/// And of the rows that can be compared so many, for single rows that were typed.
const STRAYS_PERCENT_OF_SPEAKING: usize = 1;
/// Lines that a message names.
const LINES_KEPT: usize = 5;

/// The compared timestamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// The moment of the key.
    CreatedAt,
    /// That moment and whole days.
    ExpiresAt,
}

/// One comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// Line of the row.
    pub line: u64,
    /// The second in the row's key.
    pub key_seconds: i64,
    /// A timestamp without a zone.
    pub written: DateTime,
}

/// Verdict about a time zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Unknown: the timestamps were changed or are missing.
    Silent,
    /// The rows were written in it, but for a few that were set anew.
    Right,
    /// Most rows were written in another zone, or too many for a coincidence.
    Wrong(Wrong),
}

/// How a table differs from a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wrong {
    /// Rows that were compared.
    pub compared: usize,
    /// Rows that were written in another zone.
    pub off: usize,
    /// The first lines of them.
    pub lines: Vec<u64>,
    /// By how many seconds their timestamps are later than the key in this zone, the most frequent first.
    pub offsets_seconds: Vec<i64>,
    /// Zones that explain the table, the best known first.
    pub fitting: Vec<String>,
}

/// Representatives of zones with the same clocks.
const WELL_KNOWN: [&str; 16] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Athens",
    "Europe/Moscow",
    "America/New_York",
    "America/Chicago",
    "America/Denver",
    "America/Los_Angeles",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Asia/Shanghai",
    "Asia/Tokyo",
    "Asia/Dubai",
    "Australia/Sydney",
    "Pacific/Auckland",
];

/// Judges a zone by what the rows say.
#[must_use]
pub fn judge(column: Column, rows: &[Evidence], zone: &TimeZone) -> Verdict {
    let step = rows.len().div_ceil(MAX_ROWS_COMPARED).max(1);
    let rows: Vec<_> = rows.iter().step_by(step).collect();
    let clear: Vec<_> = rows.iter().filter_map(|row| Difference::of(column, row)).collect();
    let agreeing = clear.iter().filter(|difference| difference.agrees(zone)).count();
    let (off, silent) = (clear.len() - agreeing, rows.len() - clear.len());
    if clear.len() * 100 <= rows.len() * SPEAKING_PERCENT {
        return Verdict::Silent;
    }
    if off * 100 <= clear.len() * STRAYS_PERCENT_OF_SPEAKING + silent * STRAYS_PERCENT_OF_SILENT {
        return Verdict::Right;
    }
    let mut offsets: BTreeMap<i64, usize> = BTreeMap::new();
    let others = || clear.iter().filter(|difference| !difference.agrees(zone));
    for difference in others() {
        *offsets.entry(difference.offset_from(zone)).or_default() += 1;
    }
    let mut offsets: Vec<_> = offsets.into_iter().collect();
    offsets.sort_by_key(|(_, rows)| std::cmp::Reverse(*rows));
    Verdict::Wrong(Wrong {
        compared: rows.len(),
        off,
        lines: others().map(|difference| difference.line).take(LINES_KEPT).collect(),
        offsets_seconds: offsets.into_iter().map(|(offset, _)| offset).collect(),
        fitting: fitting(&clear),
    })
}

/// A row whose timestamp is as far from its key as a zone can be from UTC.
struct Difference {
    line: u64,
    column: Column,
    key: Timestamp,
    seconds: i64,
}

impl Difference {
    fn of(column: Column, row: &Evidence) -> Option<Self> {
        let written = row.written.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second();
        let seconds = match column {
            Column::CreatedAt => written - row.key_seconds,
            Column::ExpiresAt => within_a_day(written - row.key_seconds),
        };
        let remainder = (seconds + SECONDS_BEFORE).rem_euclid(QUARTER_HOUR);
        let clear = remainder <= SECONDS_BEFORE + SECONDS_AFTER && seconds.abs() <= MAX_OFFSET;
        clear.then_some(Self {
            line: row.line,
            column,
            key: Timestamp::from_second(row.key_seconds).ok()?,
            seconds,
        })
    }

    fn agrees(&self, zone: &TimeZone) -> bool {
        self.offset_from(zone) == 0
    }

    /// How many quarters of an hour, in seconds, it is later than it would be in this zone.
    fn offset_from(&self, zone: &TimeZone) -> i64 {
        let seconds = self.seconds - i64::from(zone.to_offset(self.key).seconds());
        let seconds = if self.column == Column::ExpiresAt { within_a_day(seconds) } else { seconds };
        (seconds + SECONDS_BEFORE).div_euclid(QUARTER_HOUR) * QUARTER_HOUR
    }
}

/// Without whole days: from twelve hours before to twelve hours after.
const fn within_a_day(seconds: i64) -> i64 {
    (seconds + DAY / 2).rem_euclid(DAY) - DAY / 2
}

/// The zones in which nearly all of these rows were written: first those that fit most of them, and of these the best
/// known.
fn fitting(clear: &[Difference]) -> Vec<String> {
    let named = tz::db().available().map(|name| name.as_str().to_owned());
    // Others are old names of these, or of no place.
    let named = named.filter(|name| name == "UTC" || (name.contains('/') && !name.starts_with("Etc/")));
    let fit = |name: &String| {
        let zone = TimeZone::get(name).ok()?;
        let agreeing = clear.iter().filter(|difference| difference.agrees(&zone)).count();
        (agreeing * 100 >= clear.len() * FITTING_PERCENT).then_some(agreeing)
    };
    let mut found: Vec<_> = named.filter_map(|name| Some((fit(&name)?, name))).collect();
    let known = |name: &str| WELL_KNOWN.iter().position(|known| *known == name).unwrap_or(WELL_KNOWN.len());
    found.sort_by(|(one, first), (other, second)| {
        other.cmp(one).then_with(|| (known(first), first).cmp(&(known(second), second)))
    });
    found.into_iter().map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: i64 = 1_700_000_000;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn local(seconds: i64, zone: &TimeZone) -> DateTime {
        Timestamp::from_second(seconds).unwrap().to_zoned(zone.clone()).datetime()
    }

    /// Rows of three years, a bit more than a day apart.
    fn table(written_in: &TimeZone, column: Column) -> Vec<Evidence> {
        let row = |number: i64| {
            let key_seconds = START + number * 100_003;
            let days = jiff::Span::new().days(if column == Column::ExpiresAt { 30 + number % 7 } else { 0 });
            let written = local(key_seconds, written_in).checked_add(days).unwrap();
            Evidence { line: 2 + number.unsigned_abs(), key_seconds, written }
        };
        (0..900).map(row).collect()
    }

    #[test]
    fn names_the_forgotten_zone() {
        for column in [Column::CreatedAt, Column::ExpiresAt] {
            for (name, offsets) in [
                ("Europe/Berlin", &[3_600, 7_200][..]),
                ("America/New_York", &[-14_400, -18_000]),
                ("Asia/Kolkata", &[19_800]),
                ("Asia/Kathmandu", &[20_700]),
                ("Australia/Lord_Howe", &[39_600, 37_800]),
            ] {
                let rows = table(&zone(name), column);
                let Verdict::Wrong(wrong) = judge(column, &rows, &TimeZone::UTC) else {
                    panic!("{name} {column:?}")
                };
                assert_eq!((wrong.compared, wrong.off), (900, 900));
                let mut found = wrong.offsets_seconds.clone();
                let mut expected = offsets.to_vec();
                found.sort_unstable();
                expected.sort_unstable();
                assert_eq!(found, expected, "{name} {column:?}");
                assert!(wrong.fitting.iter().any(|fit| fit == name), "{name}: {:?}", wrong.fitting);
                assert!(!wrong.fitting.iter().any(|fit| fit == "UTC" || fit == "Asia/Tokyo"));
                assert_eq!(judge(column, &rows, &zone(name)), Verdict::Right);
            }
        }
        let rows = table(&zone("Europe/Berlin"), Column::CreatedAt);
        let Verdict::Wrong(wrong) = judge(Column::CreatedAt, &rows, &TimeZone::UTC) else { panic!() };
        assert_eq!(wrong.fitting[0], "Europe/Berlin", "the best known first");
        // One of the two offsets of the year is right in Lagos, which has no summer time.
        let Verdict::Wrong(wrong) = judge(Column::CreatedAt, &rows, &zone("Africa/Lagos")) else { panic!() };
        assert_eq!(wrong.offsets_seconds, [3_600]);
    }

    #[test]
    fn altered_timestamps_give_no_verdict() {
        let berlin = zone("Europe/Berlin");
        let noon = |row: Evidence| Evidence { written: row.written.date().at(12, 0, 0, 0), ..row };
        let rows: Vec<_> = table(&berlin, Column::ExpiresAt).into_iter().map(noon).collect();
        assert_eq!(judge(Column::ExpiresAt, &rows, &TimeZone::UTC), Verdict::Silent);
        let restored: Vec<_> = table(&berlin, Column::CreatedAt)
            .into_iter()
            .map(|row| Evidence { written: local(START + 2_000_000_000, &berlin), ..row })
            .collect();
        assert_eq!(judge(Column::CreatedAt, &restored, &TimeZone::UTC), Verdict::Silent);
        assert_eq!(judge(Column::CreatedAt, &[], &TimeZone::UTC), Verdict::Silent);
    }

    #[test]
    fn verdict_survives_altered_rows() {
        let berlin = zone("Europe/Berlin");
        let mut rows = table(&berlin, Column::CreatedAt);
        for row in rows.iter_mut().step_by(3) {
            row.written = row.written.checked_add(jiff::Span::new().minutes(7)).unwrap();
        }
        assert_eq!(judge(Column::CreatedAt, &rows, &berlin), Verdict::Right);
        let Verdict::Wrong(wrong) = judge(Column::CreatedAt, &rows, &TimeZone::UTC) else { panic!() };
        assert_eq!((wrong.compared, wrong.off), (900, 600));
        assert!(wrong.fitting.contains(&"Europe/Berlin".to_owned()));
    }

    /// A cluster of rows that is hours off is evidence; a single changed row is chance.
    #[test]
    fn a_small_part_in_another_zone_is_named() {
        let berlin = zone("Europe/Berlin");
        let in_berlin = table(&berlin, Column::CreatedAt);
        for (others, is_right) in [(450, false), (440, false), (90, false), (10, false), (9, true), (0, true)]
        {
            let mut rows = table(&TimeZone::UTC, Column::CreatedAt);
            rows.splice(900 - others.., in_berlin[900 - others..].iter().copied());
            match judge(Column::CreatedAt, &rows, &TimeZone::UTC) {
                Verdict::Wrong(wrong) => {
                    let first = u64::try_from(902 - others).unwrap();
                    assert_eq!((wrong.off, wrong.lines[0], wrong.lines.len()), (others, first, 5));
                    assert!(!is_right, "{others}");
                }
                verdict => assert!(is_right && verdict == Verdict::Right, "{others}: {verdict:?}"),
            }
        }
        // Two of three rows set anew at some other second: of these some look like another zone.
        let mut rows = table(&berlin, Column::CreatedAt);
        for (number, row) in (0_i64..).zip(&mut rows).filter(|(number, _)| number % 3 != 0) {
            row.written = row.written.checked_add(jiff::Span::new().seconds(number * 977 % 40_000)).unwrap();
        }
        assert_eq!(judge(Column::CreatedAt, &rows, &berlin), Verdict::Right);
    }

    #[test]
    fn moved_server_fits_no_zone() {
        let mut rows = table(&zone("Europe/Berlin"), Column::CreatedAt);
        rows.truncate(450);
        rows.extend(table(&zone("Asia/Tokyo"), Column::CreatedAt).into_iter().skip(450));
        let Verdict::Wrong(wrong) = judge(Column::CreatedAt, &rows, &TimeZone::UTC) else { panic!() };
        assert!(wrong.fitting.is_empty(), "{:?}", wrong.fitting);
    }

    #[test]
    fn repeated_dst_hour_fits_its_zone() {
        let berlin = zone("Europe/Berlin");
        // 2025-10-26T00:30:00Z and 01:30:00Z are both half past two.
        for key_seconds in [1_761_438_600, 1_761_442_200] {
            let rows = [Evidence { line: 2, key_seconds, written: local(key_seconds, &berlin) }];
            assert_eq!(judge(Column::CreatedAt, &rows, &berlin), Verdict::Right);
        }
    }

    proptest! {
        #[test]
        fn own_zone_is_never_wrong(
            number in 0_usize..600,
            seconds in proptest::collection::vec((1_000_000_000_i64..4_000_000_000, 0_i64..=SECONDS_AFTER), 1..20),
        ) {
            let names: Vec<_> = tz::db().available().collect();
            let zone = zone(names[number % names.len()].as_str());
            let rows: Vec<_> = seconds
                .into_iter()
                .map(|(key_seconds, late)| Evidence { line: 2, key_seconds, written: local(key_seconds + late, &zone) })
                .collect();
            // A row that was written in the moment of a change of clocks may have the other offset.
            let crossing = rows.iter().any(|row| {
                let at = |seconds| zone.to_offset(Timestamp::from_second(seconds).unwrap());
                at(row.key_seconds) != at(row.key_seconds + SECONDS_AFTER)
            });
            let verdict = judge(Column::CreatedAt, &rows, &zone);
            prop_assert!(crossing || verdict == Verdict::Right, "{:?}", verdict);
        }
    }
}
