//! The function `deactivate`: everything it does is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(deactivate::ENDPOINT, |app, call| Box::pin(deactivate::handle(app, call)))
}
