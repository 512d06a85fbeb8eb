//! Inputs from around the program: the wall clock, random ids, the search path. Read here and nowhere else in
//! this crate.
#![expect(
    clippy::disallowed_methods,
    reason = "stand-ins take the place of services that have clocks and make up ids"
)]

use std::ffi::OsString;
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970: what events, deadlines and secrets' dates are made of.
pub(crate) fn now_milliseconds() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // A clock past the year 584 million would saturate.
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// An id that nothing else has: of requests, of versions of secrets.
pub(crate) fn new_id() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The one variable that a function's process inherits.
pub(crate) fn search_path() -> Option<OsString> {
    std::env::var_os("PATH")
}
