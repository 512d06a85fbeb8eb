//! A flag that tells threads that the test is over.

use std::sync::atomic::{AtomicBool, Ordering};

/// Raises a flag when it is dropped, after a failed assertion too: a thread that runs until then would otherwise run
/// for good, and the test with it.
pub struct RaisedOnLeaving<'a>(pub &'a AtomicBool);

impl Drop for RaisedOnLeaving<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
