//! A clock that a test turns, for instances in the test's own process.

use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

/// A runtime whose clock [`pass`] can turn; between two turns it runs as any other, so that sockets are waited for.
///
/// # Panics
/// The operating system gives no runtime.
#[must_use]
pub fn turned_clock() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// Lets this much time pass at once.
pub async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
