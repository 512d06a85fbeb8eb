//! The function `deactivate`. Its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(deactivate::ENDPOINT)
}
