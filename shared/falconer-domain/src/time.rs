//! Moments, as the wire and the tables write them.

/// Milliseconds in one second.
pub const MILLIS_PER_SECOND: i64 = 1_000;
/// Milliseconds in one hour.
pub const MILLIS_PER_HOUR: i64 = 3_600 * MILLIS_PER_SECOND;
/// Milliseconds in one day of 24 hours; terms and grace are counted in these.
pub const MILLIS_PER_DAY: i64 = 86_400 * MILLIS_PER_SECOND;

/// The latest end of a license that may be set or reported, and the `expiresAt` of a perpetual one, since readers of
/// that member compare numbers: 9999-01-01T00:00:00Z. The last second of 9999 in UTC is in the year 10000 in every time
/// zone east of it, and calendars such as Python's `datetime` have no such year.
pub const LATEST_END: UnixMillis = UnixMillis(253_370_764_800_000);

/// A moment in milliseconds since 1970-01-01T00:00:00Z. The domain is handed these; it never reads a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// Whole seconds, rounded down, as lease claims count them.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(MILLIS_PER_SECOND)
    }

    /// Returns the moment `days` days of 24 hours later, or the last representable one.
    #[must_use]
    pub const fn plus_days(self, days: u32) -> Self {
        Self(self.0.saturating_add(days as i64 * MILLIS_PER_DAY))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_down_before_1970() {
        for (millis, seconds) in [(0, 0), (999, 0), (1_000, 1), (-1, -1), (-1_000, -1)] {
            assert_eq!(UnixMillis(millis).seconds(), seconds, "{millis}");
        }
    }

    #[test]
    fn adding_days_saturates() {
        assert_eq!(UnixMillis(-5).plus_days(2), UnixMillis(2 * 24 * 3_600_000 - 5));
        assert_eq!(UnixMillis(i64::MAX - 1).plus_days(1), UnixMillis(i64::MAX));
        assert_eq!((MILLIS_PER_HOUR, MILLIS_PER_DAY), (3_600_000, 86_400_000));
    }
}
