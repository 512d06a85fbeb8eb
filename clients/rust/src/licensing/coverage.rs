//! Limits, and the versions of the application that the maintenance of a license covers.

use std::collections::BTreeMap;

use falconer_domain::CalendarDate;
use falconer_domain::lease::Claims;

use super::{Licensing, Memory};
use crate::state::{LockCode, State};
use crate::user_message::MessageId;

impl Licensing {
    /// Returns a limit of the license, such as the number of agents; `default` where the license names none, and while
    /// its features are off. The application counts and compares. Evaluated at this instant, without network or disk.
    #[must_use]
    pub fn limit(&self, name: &str, default: u64) -> u64 {
        self.shared.look(|memory| {
            let unlocked = memory.evaluation(&self.shared.config).unlocked;
            let limits = memory.claims.as_ref().and_then(|claims| claims.limits.as_ref());
            limits.filter(|_| unlocked).and_then(|limits| limits.get(name).copied()).unwrap_or(default)
        })
    }

    /// Returns one more sentence about the state, with the values of this license: in the state `UPDATES_ENDED` the date
    /// up to which versions are covered, and the newest covered version where the vendor lists it.
    #[must_use]
    pub fn detail(&self) -> Option<String> {
        self.shared.look(|memory| {
            let state = memory.evaluation(&self.shared.config).state;
            memory.detail(state)
        })
    }
}

impl Memory {
    /// The sentence with the covered date, while the build is not covered.
    pub(super) fn detail(&self, state: State) -> Option<String> {
        let claims = self.claims.as_ref()?;
        let until = claims.updates_until?;
        let is_asked = state == State::Locked { code: LockCode::UpdatesEnded };
        is_asked.then(|| covered(until, claims.updates_version.as_deref()))
    }
}

/// The limits of a lease.
pub(super) fn limits(claims: &Claims) -> BTreeMap<String, u64> {
    claims.limits.clone().unwrap_or_default()
}

fn covered(until: CalendarDate, version: Option<&str>) -> String {
    let message = MessageId::UpdatesCovered.message();
    let sentence = message.sentence.replace("{updates_until}", &until.to_string());
    match version {
        Some(version) => format!("{sentence} {}", message.next_step.replace("{updates_version}", version)),
        None => sentence,
    }
}
