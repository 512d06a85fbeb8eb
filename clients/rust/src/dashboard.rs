//! The page about an existing license, without a screen.

use std::collections::BTreeMap;

use falconer_domain::CalendarDate;

use crate::clock::UnixSeconds;
use crate::licensing::{Licensing, Pending};
use crate::state::State;
use crate::user_message::UserMessage;

const SECONDS_PER_DAY: i64 = 86_400;

/// Contents of a dashboard for an existing license.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dashboard {
    /// Current state.
    pub state: State,
    /// Sentence and next step of the state. A license that came as a file gets a next step that needs no network.
    pub message: UserMessage,
    /// Tier of the license, `pro`; empty where the answer names none.
    pub tier: String,
    /// Features of the license, also while they are off.
    pub features: Vec<String>,
    /// Limits of the license by their names, also while they do not count.
    pub limits: BTreeMap<String, u64>,
    /// Last day whose builds are covered; `None` covers every build.
    pub updates_until: Option<CalendarDate>,
    /// One more sentence below the message of the state; see [`Licensing::detail`].
    pub detail: Option<String>,
    /// True while the features are on.
    pub unlocked: bool,
    /// License key in a form that may be shown.
    pub masked_key: String,
    /// Days until the license ends, a begun day counted whole; `None` for a perpetual license.
    pub days_left: Option<i64>,
    /// Days that the license still works without the server; `None` while its features are off.
    pub offline_days_left: Option<i64>,
    /// Name of this device.
    pub device: String,
    /// Request that waits for the server.
    pub pending: Option<Pending>,
    /// Problem with the saved license, such as a full disk.
    pub notice: Option<UserMessage>,
}

impl Dashboard {
    /// Collects the contents; `None` without a license.
    #[must_use]
    pub fn of(licensing: &Licensing) -> Option<Self> {
        let (license, now) = (licensing.license()?, licensing.now());
        let days = |until: UnixSeconds| days(until.0.saturating_sub(now.0));
        Some(Self {
            state: licensing.status(),
            message: licensing.snapshot().message,
            tier: license.tier.unwrap_or_default(),
            features: license.features,
            limits: license.limits,
            updates_until: license.updates_until,
            detail: licensing.detail(),
            unlocked: license.offline_until.is_some(),
            masked_key: license.masked_key,
            days_left: license.expires_at.map(days),
            offline_days_left: license.offline_until.map(days),
            device: licensing.device().name.clone(),
            pending: licensing.pending(),
            notice: licensing.notice(),
        })
    }
}

/// Rounds up to whole days.
const fn days(seconds: i64) -> i64 {
    if seconds <= 0 { 0 } else { (seconds - 1) / SECONDS_PER_DAY + 1 }
}
