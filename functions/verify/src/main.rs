//! The function `verify`: everything it does is in its library.

use std::process::ExitCode;

fn main() -> ExitCode {
    falconer_http::serve(verify::ENDPOINT, |app, call| Box::pin(verify::handle(app, call)))
}
