//! What both examples do before anything else: read their settings, and pin keys.
//!
//! The examples take the keys that the server offers on first use, so that they run against any stack. Whoever stands
//! between may offer others: an application is built with its vendor's keys instead.

use std::path::PathBuf;
use std::{env, fs};

use falconer_client::transport::ApiEndpoint;
use falconer_client::{HttpTransport, Licensing, PublicKeys, Transport};

/// The product the local stack sells.
const PRODUCT: &str = "QF";

/// Opens the license that the environment describes: `FALCONER_URL`, `FALCONER_STORE` (a folder), and
/// `FALCONER_MACHINE_ID`, which the library reads itself.
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

/// The keys of the first use; none while the server has never been reached, and then no answer counts.
fn keys(server: &str, pinned: &PathBuf) -> PublicKeys {
    if let Some(keys) = fs::read_to_string(pinned).ok().and_then(|text| PublicKeys::parse(&text).ok()) {
        return keys;
    }
    let offered = HttpTransport::new(server).send(ApiEndpoint::Keys, None).ok();
    let text = offered.and_then(|reply| String::from_utf8(reply.body).ok()).unwrap_or_default();
    let Ok(keys) = PublicKeys::parse(&text) else { return PublicKeys::none() };
    // Where it cannot be written, the next use is the first one again.
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
