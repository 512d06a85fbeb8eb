//! The runtime all stand-ins share, and the way into it from synchronous code.

use std::future::Future;
use std::sync::{OnceLock, mpsc};

use anyhow::{Context as _, Result};
use tokio::runtime::{Builder, Handle, Runtime};

/// Enough that an in-process database call, which blocks its thread, never holds up the gateway.
const WORKER_THREADS: usize = 4;

/// The runtime of the stand-ins. It lives as long as the process: a stand-in stops by being dropped, not with it.
pub(crate) fn handle() -> Result<&'static Handle> {
    static RUNTIME: OnceLock<Result<Runtime, std::io::Error>> = OnceLock::new();
    match RUNTIME.get_or_init(build) {
        Ok(runtime) => Ok(runtime.handle()),
        Err(error) => anyhow::bail!("no threads for the local stand-ins: {error}"),
    }
}

/// Runs `future` on the stand-ins' runtime and blocks this thread for its output.
///
/// A channel instead of `block_on`, because a caller may itself stand on a runtime, where `block_on` panics.
pub(crate) fn wait_for<T, F>(future: F) -> Result<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (sender, receiver) = mpsc::sync_channel(1);
    handle()?.spawn(async move {
        let output = future.await;
        // Nobody is listening when the caller's thread is gone; then nobody misses it.
        let _ = sender.send(output);
    });
    receiver.recv().context("a task of the local stand-ins panicked")
}

fn build() -> Result<Runtime, std::io::Error> {
    Builder::new_multi_thread().worker_threads(WORKER_THREADS).thread_name("emulators").enable_all().build()
}
