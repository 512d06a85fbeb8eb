//! Prints the OpenAPI document, or the page made of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    match std::env::args().nth(1).as_deref() {
        Some("yaml") => print!("{}", falconer_openapi::yaml()),
        Some("page") => print!("{}", falconer_openapi::page()),
        _ => {
            eprintln!("usage: falconer-openapi yaml | page");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
