//! `headless`: the client library as a program. With `--serve` it speaks JSON lines to an application in any language for
//! as long as that application runs (`docs/sidecar.md`); without, it runs one command of a script.
//!
//! **Architecture invariant:** the public keys are given on the command line. This program never fetches the first ones:
//! an attacker on the network could offer others.

mod args;
mod once;
mod report;
mod serve;

use std::process::ExitCode;

use args::{HeadlessArguments, RunMode};
use clap::Parser as _;

fn main() -> ExitCode {
    let arguments = HeadlessArguments::parse();
    let mode = arguments.mode().unwrap_or_else(|error| error.exit());
    let run = match mode {
        RunMode::Serve => arguments.settings.builder().and_then(serve::run),
        RunMode::Once(command) => {
            arguments.settings.builder().and_then(|builder| once::run(builder, command))
        }
    };
    run.unwrap_or_else(|sentence| {
        eprintln!("{sentence}");
        ExitCode::FAILURE
    })
}
