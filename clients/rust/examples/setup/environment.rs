//! Start of the example: reads its settings and pins public keys.
//!
//! The example pins the keys that the server offers at first use, so that it runs against any stack. An attacker on the
//! network could offer others then; a real application is built with its vendor's keys.

use std::path::PathBuf;
use std::{env, fs};

use falconer_client::transport::{ApiEndpoint, TransportRequest};
use falconer_client::{HttpTransport, Licensing, PublicKeys, Transport};

/// Product of the local stack.
const PRODUCT: &str = "QF";

/// Opens the license that the environment describes: `FALCONER_URL`, `FALCONER_STORE` (a folder), and
/// `FALCONER_MACHINE_ID`, which the library reads.
pub(crate) fn open() -> Result<Licensing, String> {
    let server = variable("FALCONER_URL").ok_or("set FALCONER_URL to the server's address")?;
    let folder = variable("FALCONER_STORE").ok_or("set FALCONER_STORE to a folder for the license")?;
    let folder = PathBuf::from(folder);
    Licensing::builder(PRODUCT, &server, keys(&server, &folder.join("keys.json")))
        .store(folder.join("license.db"))
        .allow_machine_id_override()
        .open()
        .map_err(|error| format!("the license cannot be opened: {error}"))
}

/// Keys pinned at first use. Before the server was first reached the list is empty, and no answer counts.
fn keys(server: &str, pinned: &PathBuf) -> PublicKeys {
    if let Some(keys) = fs::read_to_string(pinned).ok().and_then(|text| PublicKeys::parse(&text).ok()) {
        return keys;
    }
    let offered = HttpTransport::new(server).send(&TransportRequest::new(ApiEndpoint::Keys, None)).ok();
    let text = offered.and_then(|reply| String::from_utf8(reply.body).ok()).unwrap_or_default();
    let Ok(keys) = PublicKeys::parse(&text) else { return PublicKeys::none() };
    // If the file cannot be written, the next run pins again.
    let _ = pinned.parent().map(fs::create_dir_all);
    let _ = fs::write(pinned, text);
    keys
}

#[expect(
    clippy::disallowed_methods,
    reason = "an example is a program, and this is where it reads its settings"
)]
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|text| !text.is_empty())
}
