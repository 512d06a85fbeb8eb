//! Counting: licenses by what they are, and the last days by what happened.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use falconer_aws::operator::AuditSummary;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::time::MILLIS_PER_DAY;
use falconer_domain::{Code, License, UnixMillis};

use crate::license_state::LicenseState;

/// Actions of clients.
const ENDPOINTS: [&str; 4] = ["verify", "activate-sync", "transfer", "deactivate"];

/// Counts of one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Day {
    /// Devices bound to a seat.
    pub activations: u64,
    /// Seats moved to another device, taken back included.
    pub transfers: u64,
    /// Verifications that said yes.
    pub verifications: u64,
    /// Refusals about a license, of any request.
    pub refusals: u64,
}

/// The counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Tier, then state, then how many.
    pub licenses: BTreeMap<String, BTreeMap<LicenseState, u64>>,
    /// The days, oldest first, by the moment at which they begin in UTC; quiet ones too.
    pub days: BTreeMap<i64, Day>,
    /// Code, then how many.
    pub refusals: BTreeMap<&'static str, u64>,
}

impl Statistics {
    /// Nothing yet, of the last `days` days, the present one included.
    #[must_use]
    pub fn of_days(days: u32, now: UnixMillis) -> Self {
        let today = beginning(now);
        let starts = (0..i64::from(days)).map(|back| today - back * MILLIS_PER_DAY);
        Self { days: starts.map(|start| (start, Day::default())).collect(), ..Self::default() }
    }

    /// The moment from which on things count.
    #[must_use]
    pub fn since(&self) -> UnixMillis {
        UnixMillis(self.days.keys().next().copied().unwrap_or_default())
    }

    /// Counts a license.
    pub fn license(&mut self, license: &License, now: UnixMillis) {
        let of_tier = self.licenses.entry(license.tier.to_string()).or_default();
        *of_tier.entry(LicenseState::of(license, now)).or_default() += 1;
    }

    /// Counts what happened to all licenses in the days: the whole audit is read, until `look` breaks off. It hears of
    /// the rows of each page.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn read_audit(
        &mut self,
        store: &StoreReader,
        mut look: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut place = None;
        loop {
            let page = store.happened_since(self.since(), place).await?;
            page.rows.iter().for_each(|row| self.happened(row));
            place = page.next;
            if look(page.rows.len()).is_break() || place.is_none() {
                return Ok(());
            }
        }
    }

    /// Counts what happened; what is older than the days is left out, and so is what no request of a client did.
    pub fn happened(&mut self, row: &AuditSummary) {
        // An operator's `suspend` is recorded as SUSPENDED too, and is not a refusal.
        if !ENDPOINTS.contains(&row.action.as_str()) {
            return;
        }
        let Some(day) = self.days.get_mut(&beginning(row.moment())) else { return };
        let Some(code) = Code::named(&row.code) else { return };
        match code {
            Code::Activated => day.activations += 1,
            Code::Transferred | Code::Reclaimed => day.transfers += 1,
            Code::Valid => day.verifications += 1,
            _ if code.status() >= 400 => {
                day.refusals += 1;
                *self.refusals.entry(code.name()).or_default() += 1;
            }
            _ => {}
        }
    }
}

/// The moment at which a day begins, in UTC.
pub(crate) fn beginning(at: UnixMillis) -> i64 {
    at.0 - at.0.rem_euclid(MILLIS_PER_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn happened(days_ago: i64, action: &str, code: &str) -> AuditSummary {
        let at = format!("{:013}#id", NOW.0 - days_ago * MILLIS_PER_DAY);
        serde_json::from_value(serde_json::json!({ "at": at, "action": action, "code": code })).unwrap()
    }

    #[test]
    fn counts_client_actions_by_day() {
        let mut statistics = Statistics::of_days(3, NOW);
        for (days_ago, action, code) in [
            (0, "activate-sync", "ACTIVATED"),
            (0, "transfer", "TRANSFERRED"),
            (0, "transfer", "RECLAIMED"),
            (2, "verify", "VALID"),
            (2, "verify", "EXPIRED"),
            (2, "activate-sync", "SEATS_EXHAUSTED"),
            (0, "suspend", "SUSPENDED"),
            (0, "import", "IMPORTED"),
            (3, "verify", "EXPIRED"),
        ] {
            statistics.happened(&happened(days_ago, action, code));
        }
        let days: Vec<_> = statistics.days.values().copied().collect();
        let old = Day { verifications: 1, refusals: 2, ..Day::default() };
        assert_eq!(days, [old, Day::default(), Day { activations: 1, transfers: 2, ..Day::default() }]);
        assert_eq!(statistics.refusals, BTreeMap::from([("EXPIRED", 1), ("SEATS_EXHAUSTED", 1)]));
        assert_eq!(statistics.since(), UnixMillis(1_799_798_400_000), "the beginning of 2027-01-13");
    }
}
