//! Clocks: this machine's, and one that a test turns, for instances in the test's own process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use falconer_domain::UnixMillis;
use tokio::runtime::{Builder, Runtime};

/// A runtime whose clock [`pass`] can turn; between two turns it runs as any other, so that sockets are waited for.
///
/// # Panics
/// The operating system gives no runtime.
#[must_use]
pub fn turned_clock() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// This moment, which real function binaries take for theirs.
///
/// # Panics
/// The clock is before 1970.
#[must_use]
pub fn now() -> UnixMillis {
    #[expect(clippy::disallowed_methods, reason = "fixtures have to lie in the past of real functions")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970");
    UnixMillis(i64::try_from(since.as_millis()).expect("a moment in this age"))
}

/// Lets this much time pass at once.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
