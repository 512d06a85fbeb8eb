//! The function `verify`. Its code is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(verify::ENDPOINT)
}
