//! Ctrl-C and SIGTERM: the first asks everything to stop, the second stops it the hard way.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::process;

/// The exit code that shells report for a command ended by Ctrl-C.
pub(crate) const EXIT_CODE: u8 = 130;

/// How long a loop may sleep before it looks at [`check`] again: short enough to feel immediate.
const TICK: Duration = Duration::from_millis(50);

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// Somebody asked us to stop. Not a failure, but it ends what is going on in the same way.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("interrupted; everything it started has been stopped")
    }
}

impl std::error::Error for Interrupted {}

/// Takes over Ctrl-C, SIGTERM and a closed terminal. Started programs live in process groups of their own, so that
/// Ctrl-C reaches us alone and we decide the order in which they end.
pub(crate) fn listen() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("signals cannot be listened to")?;
    thread::spawn(move || {
        for _ in signals.forever() {
            if REQUESTED.swap(true, Ordering::SeqCst) {
                process::kill_everything();
                std::process::exit(EXIT_CODE.into());
            }
        }
    });
    Ok(())
}

/// An error once somebody has asked us to stop.
pub(crate) fn check() -> Result<()> {
    if REQUESTED.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
}

/// Sleeps for a moment, or fails because it is time to stop.
pub(crate) fn tick() -> Result<()> {
    thread::sleep(TICK);
    check()
}
