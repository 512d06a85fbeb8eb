//! Hardware of this machine, on Linux, macOS and Windows. Reading runs no command and needs no privilege; components that
//! an ordinary user may not read are absent.

use sysinfo::{CpuRefreshKind, RefreshKind, System};

use super::listing::Listing;
use super::{Hardware, RawComponents};

/// Hardware of this machine, as the operating system reports it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemHardware;

impl Hardware for SystemHardware {
    fn read(&self) -> RawComponents {
        this_machine().components()
    }

    fn model(&self) -> Option<String> {
        // Some makers write a type number ("21AH", "MacBookPro18,3") into the name, and the words into the family.
        let name = sysinfo::Product::name().ok();
        let has_words = name.as_ref().is_some_and(|name| name.trim().contains(' '));
        if has_words { name } else { sysinfo::Product::family().ok().or(name) }
    }
}

/// Lists this machine.
pub(super) fn this_machine() -> Listing {
    #[cfg(target_os = "linux")]
    let files = super::linux::list(std::path::Path::new("/"));
    #[cfg(windows)]
    let files = super::windows::list();
    #[cfg(target_os = "macos")]
    let files = super::macos::list();
    #[cfg(not(any(target_os = "linux", windows, target_os = "macos")))]
    let files = Listing::default();
    Listing { processor: processor(), host_name: System::host_name().ok(), ..files }
}

fn processor() -> Option<String> {
    let kinds = RefreshKind::nothing().with_cpu(CpuRefreshKind::nothing());
    let system = System::new_with_specifics(kinds).ok()?;
    let cpu = system.cpus().first()?;
    Some(format!("{} {}", cpu.vendor_id(), cpu.brand()))
}

/// Maker and model, as the firmware names them.
#[cfg(any(windows, target_os = "macos"))]
pub(super) fn maker() -> String {
    let names = [sysinfo::Product::vendor_name(), sysinfo::Product::name()];
    names.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
