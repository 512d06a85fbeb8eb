//! The one place of a function where a clock is read: once per request.

use std::time::{SystemTime, UNIX_EPOCH};

use falconer_domain::UnixMillis;

/// The moment of a request.
pub(crate) fn now() -> UnixMillis {
    #[expect(clippy::disallowed_methods, reason = "the shell reads the clock, once per request")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
