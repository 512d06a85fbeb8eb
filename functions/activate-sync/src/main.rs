//! The function `activate-sync`: everything it does is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(activate_sync::ENDPOINT, |app, call| Box::pin(activate_sync::handle(app, call)))
}
