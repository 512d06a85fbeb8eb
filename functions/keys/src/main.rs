//! The function `keys`: everything it does is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(keys::ENDPOINT, |app, call| Box::pin(keys::handle(app, call)))
}
