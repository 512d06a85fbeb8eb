//! Measures what an application waits for: opening a stored license with a valid lease, and `status()`. Prints one line of
//! JSON, in microseconds and nanoseconds, for `cargo xtask bench`. It asserts no figure, but its network panics, so it
//! proves that neither sends anything.

#[path = "../tests/vendor/vendor.rs"]
mod vendor;

use std::time::{Duration, Instant};

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{Hardware, Label, Licensing, RawComponents, State, Transport};
use serde_json::json;
use vendor::Vendor;

/// Enough for a steady 99th percentile.
const CALLS: usize = 100_000;
/// Opened licenses, of which the median counts.
const OPENS: usize = 51;
/// Calls before the measurement, which fill caches.
const WARM_UP: usize = 1_000;

/// Network that panics when used.
struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let endpoint = request.endpoint;
        panic!("status() asked {}", endpoint.path());
    }
}

/// Hardware that is the same wherever the bench runs.
struct Desktop;

impl Hardware for Desktop {
    fn read(&self) -> RawComponents {
        [Label::MachineId, Label::Mac, Label::Board, Label::Disk, Label::Cpu, Label::Hostname]
            .into_iter()
            .fold(RawComponents::default(), |raw, label| {
                raw.with(label, &format!("bench-{}", label.as_str()))
            })
    }
}

fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, vendor) = (folder.path().join("license.db"), Vendor::new());
    let (keys, key) = (vendor.public_keys(), vendor.issue());
    let builder = || {
        Licensing::builder("QF", "https://licenses.example.com", keys.clone()).store(&path).hardware(Desktop)
    };
    let customer = builder().transport(vendor).open().expect("an open license");
    customer.activate(&key, "", "").expect("a seat");
    drop(customer);

    let open = || builder().transport(NoNetwork).open().expect("an open license");
    let mut opened_us: Vec<_> = (0..OPENS).map(|_| taken(open).1.as_micros()).collect();
    opened_us.sort_unstable();
    let licensing = open();
    let mut nanoseconds: Vec<_> = (0..WARM_UP + CALLS).map(|_| status_nanoseconds(&licensing)).collect();
    nanoseconds.drain(..WARM_UP);
    nanoseconds.sort_unstable();
    let percentile = |hundredths: usize| nanoseconds[CALLS * hundredths / 100];
    let status_ns = json!({ "p50": percentile(50), "p99": percentile(99) });
    println!("{}", json!({ "open_us": opened_us[OPENS / 2], "status_ns": status_ns }));
}

/// Times one call. Other states take a shorter path through the code, so the license must be active.
fn status_nanoseconds(licensing: &Licensing) -> u128 {
    let (state, taken) = taken(|| licensing.status());
    assert_eq!(state, State::Active);
    taken.as_nanos()
}

fn taken<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let done = std::hint::black_box(work());
    (done, begun.elapsed())
}
