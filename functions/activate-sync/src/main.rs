//! The function `activate-sync`. Its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(activate_sync::ENDPOINT)
}
