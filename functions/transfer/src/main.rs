//! The function `transfer`: everything it does is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(transfer::ENDPOINT, |app, call| Box::pin(transfer::handle(app, call)))
}
