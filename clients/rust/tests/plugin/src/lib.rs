//! A plug-in as a vendor writes one: a shared object with a few C functions around a license and its refresher. Its
//! settings are in `plugin.json` in the working folder.

use std::time::Duration;

use falconer_client::{FailureKind, Licensing, NoRandomness, PublicKeys, Random, Refresher, State};
use serde::Deserialize;

#[derive(Deserialize)]
struct PluginSettings {
    server: String,
    store: String,
    keys: serde_json::Value,
}

/// Zeros, so that the refresher begins without its random delay. The server of these tests signs nothing.
struct NoDelay;

impl Random for NoDelay {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        bytes.fill(0);
        Ok(())
    }
}

/// A running plug-in. The host holds a pointer to it, and no lock is around it that a fork could leave locked.
#[derive(Debug)]
pub struct Plugin {
    licensing: Licensing,
    refresher: Refresher,
}

/// Opens the license and starts the refresher. Returns null for bad settings.
#[unsafe(no_mangle)]
pub extern "C" fn plugin_start() -> *mut Plugin {
    let Some(licensing) = open() else { return std::ptr::null_mut() };
    let refresher = licensing.start_refresher();
    Box::into_raw(Box::new(Plugin { licensing, refresher }))
}

/// Stops the refresher and closes the license. Returns 1 if the library may be unloaded, and else 0.
///
/// # Safety
/// `plugin` comes from [`plugin_start`]; after 1 it is gone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plugin_stop(plugin: *mut Plugin, milliseconds: u64) -> i32 {
    // SAFETY: the host keeps to the contract above.
    if !unsafe { &*plugin }.refresher.stop(Duration::from_millis(milliseconds)) {
        return 0;
    }
    // SAFETY: as above, and nobody uses it any more.
    drop(unsafe { Box::from_raw(plugin) });
    1
}

/// Returns 1 while the feature is on.
///
/// # Safety
/// `plugin` comes from [`plugin_start`] and was not stopped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plugin_is_unlocked(plugin: *const Plugin) -> i32 {
    // SAFETY: the host keeps to the contract above.
    i32::from(unsafe { &*plugin }.licensing.has_feature("copy_trading"))
}

/// Checks the license. Returns 0 for an answer, 1 in a forked child, and 2 for any other failure.
///
/// # Safety
/// As for [`plugin_is_unlocked`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plugin_refresh(plugin: *const Plugin) -> i32 {
    // SAFETY: the host keeps to the contract above.
    match unsafe { &*plugin }.licensing.refresh() {
        Ok(_) => 0,
        Err(failure) if failure.kind == FailureKind::Forked => 1,
        Err(_) => 2,
    }
}

/// Waits for a change that does not come. Returns 1 if the license is still active.
///
/// # Safety
/// As for [`plugin_is_unlocked`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn plugin_wait(plugin: *const Plugin, milliseconds: u64) -> i32 {
    let wait = Duration::from_millis(milliseconds);
    // SAFETY: the host keeps to the contract above.
    i32::from(unsafe { &*plugin }.licensing.wait_for_change(State::Active, wait) == State::Active)
}

fn open() -> Option<Licensing> {
    let settings: PluginSettings = serde_json::from_slice(&std::fs::read("plugin.json").ok()?).ok()?;
    let keys = PublicKeys::parse(&settings.keys.to_string()).ok()?;
    // The test activates at this host, because the port of the server is not known by then.
    Licensing::builder("QF", &settings.server, keys)
        .formerly("licenses.example.com")
        .store(settings.store)
        .random(NoDelay)
        .open()
        .ok()
}
