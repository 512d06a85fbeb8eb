//! The program with made-up keys.

use std::process::Command;

use crate::application::Application;

/// Public key of RFC 8037, appendix A. Nobody signs with it here.
pub(crate) const KEYS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"1","alg":"EdDSA","use":"sig","endorsed_by":{},"x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// A text with the form of a key.
pub(crate) const KEY: &str = "QF-PRO-3D93F-4699X-ZD3T9-CSAZB-DAS0J-4BYWJ";
/// Settings of whoever runs the tests.
const SETTINGS: [&str; 8] = [
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "FALCONER_MACHINE_ID",
    "RUST_LOG",
];

/// The program with the settings that every start needs.
pub(crate) fn program(server: &str) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_headless"));
    program.args(["--product", "QF", "--server", server, "--keys-json", KEYS, "--store-in-memory"]);
    for name in SETTINGS {
        program.env_remove(name);
    }
    program
}

/// Starts the program to serve an application.
pub(crate) fn start(server: &str) -> Application {
    Application::start(program(server).arg("--serve"))
}
