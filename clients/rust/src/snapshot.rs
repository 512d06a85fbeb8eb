//! The whole license at one instant, for a window, a log of the support desk or another language.

use std::collections::BTreeMap;

use falconer_domain::CalendarDate;
use serde::Serialize;

use crate::clock::UnixSeconds;
use crate::licensing::{Device, License, Pending};
use crate::state::{LockCode, State};
use crate::user_message::UserMessage;

/// Everything that the library knows at one instant, without network and disk. All members belong together: they are
/// evaluated once, at [`now`](Self::now).
///
/// It holds no license key and no hardware value, so it may be logged; the names of devices can be personal. As JSON each
/// member has the name it has here. States are written by [`State::name`], codes by [`LockCode::name`], moments as
/// seconds since 1970, and absent values as null. A later version adds members: ignore those that you do not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Snapshot {
    /// Version of this form: [`Snapshot::VERSION`]. It grows when a member changes its meaning, and not for a new member.
    pub version: u32,
    /// State of the installation.
    pub state: State,
    /// True while the application may run. Decide by this member and by no comparison of states: a clock that was turned
    /// back leaves a paying user unlocked.
    pub unlocked: bool,
    /// Reason of the lock, in the state `Locked`.
    pub lock_code: Option<LockCode>,
    /// Message about the state. As JSON an object with `id`, `sentence` and `next_step`.
    pub message: UserMessage,
    /// One more sentence about the state, with the values of this license: in the state `UPDATES_ENDED` the covered date
    /// and version.
    pub detail: Option<String>,
    /// Features that are on: those of the license while `unlocked`, and none otherwise.
    pub features: Vec<String>,
    /// Limits by their names: those of the license while `unlocked`, and none otherwise.
    pub limits: BTreeMap<String, u64>,
    /// Last day whose builds of the application the license covers; as JSON `2027-01-31`. `None` covers every build.
    pub updates_until: Option<CalendarDate>,
    /// Newest version up to that day, where the vendor lists it.
    pub updates_version: Option<String>,
    /// Date of this build, where the application named one.
    pub build_date: Option<CalendarDate>,
    /// The license, where a signed answer about this machine is stored; also while it is locked.
    pub license: Option<License>,
    /// Request that waits for the server. As JSON an object with `name` and `message`.
    pub pending: Option<Pending>,
    /// Problem with the place where the license is saved.
    pub notice: Option<UserMessage>,
    /// This device.
    pub device: Device,
    /// Moment of the evaluation: the later of the local clock and the time known to have passed.
    pub now: UnixSeconds,
}

impl Snapshot {
    /// Version that this library writes.
    pub const VERSION: u32 = 1;
}
