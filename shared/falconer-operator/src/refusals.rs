//! Refused requests by code and day, from the metrics that the functions write.
//!
//! The audit has the refusals about a license. The metrics have every answer, also to a key that is not genuine, to a
//! request that does not read, and during an outage.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use falconer_aws::operator::{DailyRequests, MetricsError, StackMetrics};
use falconer_domain::time::MILLIS_PER_DAY;
use falconer_domain::{Code, UnixMillis};

use crate::stats::beginning;

/// Refused requests of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusals {
    /// The days, oldest first, by the moment at which they begin in UTC; quiet ones too.
    pub days: Vec<i64>,
    /// All requests that the functions answered in these days. 0 means that there are no metrics.
    pub requests: u64,
    /// Codes that occurred, the most frequent first.
    pub codes: Vec<RefusedCode>,
}

/// A code, and how many requests were refused with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedCode {
    /// The code as machines read it.
    pub code: &'static str,
    /// Refusals on each of the days.
    pub days: Vec<u64>,
}

impl Refusals {
    /// Asks CloudWatch for the last `days` days, the present one included.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub async fn of_days(metrics: &StackMetrics, days: u32, now: UnixMillis) -> Result<Self, MetricsError> {
        let days = beginnings(days, now);
        let since = UnixMillis(days.first().copied().unwrap_or_default());
        // The last moment is left out of an answer.
        let until = UnixMillis(now.0.saturating_add(1));
        let requests = metrics.daily(&refusing_codes(), since, until).await?;
        Ok(Self::of(days, &requests))
    }

    fn of(days: Vec<i64>, requests: &DailyRequests) -> Self {
        let of_code = |(code, counts): (&&'static str, &BTreeMap<i64, u64>)| {
            let of_day = |day: &i64| counts.get(day).copied().unwrap_or_default();
            RefusedCode { code, days: days.iter().map(of_day).collect() }
        };
        let mut codes: Vec<_> = requests.by_code.iter().map(of_code).collect();
        codes.sort_by_key(|code| Reverse(code.of_last(days.len())));
        Self { requests: requests.all, codes, days }
    }
}

impl RefusedCode {
    /// Refusals of the last `days` days.
    #[must_use]
    pub fn of_last(&self, days: usize) -> u64 {
        self.days.iter().rev().take(days).fold(0, |sum, count| sum.saturating_add(*count))
    }
}

/// Metrics that one look asks CloudWatch for, and pays for.
#[must_use]
pub fn metrics_asked_for() -> usize {
    StackMetrics::asked_for(&refusing_codes())
}

/// Codes of answers that refuse a request.
fn refusing_codes() -> Vec<Code> {
    Code::ALL.iter().copied().filter(|code| code.status() >= 400).collect()
}

fn beginnings(days: u32, now: UnixMillis) -> Vec<i64> {
    let today = beginning(now);
    (0..i64::from(days)).rev().map(|back| today - back * MILLIS_PER_DAY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn codes_are_sorted_and_days_are_whole() {
        let days = beginnings(3, NOW);
        let (first, last) = (days[0], days[2]);
        assert_eq!((first, days.len()), (1_799_798_400_000, 3), "the beginning of 2027-01-13");
        let by_code = BTreeMap::from([
            ("EXPIRED", BTreeMap::from([(first, 2)])),
            ("REVOKED", BTreeMap::from([(last, 5), (last + 1, 9)])),
        ]);
        let refusals = Refusals::of(days, &DailyRequests { all: 40, by_code });
        let counted: Vec<_> = refusals.codes.iter().map(|code| (code.code, code.days.as_slice())).collect();
        assert_eq!(counted, [("REVOKED", &[0, 0, 5][..]), ("EXPIRED", &[2, 0, 0])]);
        assert_eq!((refusals.codes[1].of_last(1), refusals.codes[1].of_last(3)), (0, 2));
    }

    /// CloudWatch takes 500 metrics in one request.
    #[test]
    fn one_request_asks_for_every_refusal() {
        assert!(metrics_asked_for() < 100);
        assert!(refusing_codes().contains(&Code::RateLimited) && !refusing_codes().contains(&Code::Valid));
    }
}
