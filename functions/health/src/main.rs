//! The function `health`: everything it does is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(health::ENDPOINT, |app, call| Box::pin(health::handle(app, call)))
}
