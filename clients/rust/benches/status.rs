//! How long `status()` takes with a valid lease, on a store in a file. Prints one line of JSON, in nanoseconds, for
//! `cargo xtask bench`. No figure is asserted; that nobody is asked is: the network of the measured client panics.

#[path = "../tests/vendor/vendor.rs"]
mod vendor;

use std::time::Instant;

use falconer_client::transport::{ApiEndpoint, NoReply, Reply};
use falconer_client::{Hardware, Label, Licensing, RawComponents, State, Transport};
use serde_json::json;
use vendor::Vendor;

/// Enough for a steady 99th percentile.
const CALLS: usize = 100_000;
/// Calls before those that count, so that caches are warm.
const WARM_UP: usize = 1_000;

/// A network that nobody may use.
struct NoNetwork;

impl Transport for NoNetwork {
    fn send(&self, endpoint: ApiEndpoint, _: Option<&str>) -> Result<Reply, NoReply> {
        panic!("status() asked {}", endpoint.path());
    }
}

/// The same machine wherever this runs.
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

    let licensing = builder().transport(NoNetwork).open().expect("an open license");
    let mut nanoseconds: Vec<_> = (0..WARM_UP + CALLS).map(|_| status_nanoseconds(&licensing)).collect();
    nanoseconds.drain(..WARM_UP);
    nanoseconds.sort_unstable();
    let percentile = |hundredths: usize| nanoseconds[CALLS * hundredths / 100];
    println!("{}", json!({ "status_ns": { "p50": percentile(50), "p99": percentile(99) } }));
}

/// One call. A license that is not valid is another, shorter way through the code: then there is nothing to measure.
fn status_nanoseconds(licensing: &Licensing) -> u128 {
    let begun = Instant::now();
    let state = std::hint::black_box(licensing.status());
    let taken = begun.elapsed().as_nanos();
    assert_eq!(state, State::Active);
    taken
}
