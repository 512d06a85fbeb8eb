//! The function `health`. Its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(health::ENDPOINT)
}
