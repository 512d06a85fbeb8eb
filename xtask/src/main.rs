//! The project's only automation: `cargo xtask dev | test | e2e | moving | clients | template | deploy-drill | package | bench | load | mutants | docs | simulate | tidy | ci`.
//!
//! It starts programs and looks at what they answer. It links neither the SDK nor the DynamoDB stand-in, so that it is
//! there after seconds and a change in them never rebuilds it.
#![expect(
    clippy::disallowed_methods,
    reason = "tooling for this machine: it reads PATH and the like, and no rule of the product depends on it"
)]

mod bench;
mod caller;
mod ci;
mod clients;
mod closed_pipe;
mod deploy_drill;
mod dev;
mod docs;
mod e2e;
mod environment;
mod http;
mod interrupt;
mod logs;
mod moving;
mod mutants;
mod package;
mod packages;
mod ports;
mod process;
mod process_table;
mod python;
mod secrets;
mod seed;
mod simulate;
mod stack;
mod step;
mod template;
mod test;
mod tidy;
mod tools;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

/// Develop, test and check Falconer on this machine.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Bring up everything: tables, key ring, demo licenses and the functions on their real routes.
    Dev(dev::DevOptions),
    /// Run every test that needs only Rust.
    Test(test::TestOptions),
    /// Bring the stack up and look at it from outside, with tools that share no code with it.
    E2e,
    /// Move a table in from a real PostgreSQL, and our export through LibreOffice, openpyxl, pandas and psql.
    Moving,
    /// Build and test the libraries for other languages, with their tools from package registries.
    Clients(clients::ClientsOptions),
    /// Hold template.yaml against the tools that deploy it.
    Template,
    /// Deploy template.yaml into an emulated account, upgrade, fail, delete and adopt the stack.
    DeployDrill(deploy_drill::DrillOptions),
    /// Build what `sam deploy` would upload, optimized, and look at it. Takes long.
    Package,
    /// Measure our functions beside their rivals, in one run. Takes long.
    Bench(bench::Bench),
    /// Keep the local gateway under load, with restarts and an outage inside.
    Load(bench::Load),
    /// Change every rule of the domain once, and see whether a test notices. Takes long.
    Mutants(mutants::Mutants),
    /// Write docs/openapi.yaml and docs/openapi.html from the types.
    Docs,
    /// Simulate growth, for the tables of docs/scaling.md.
    Simulate(simulate::SimulateOptions),
    /// Count habits of names and sentences, and check the subjects of new commits.
    Tidy(tidy::TidyOptions),
    /// Run what continuous integration runs, in its order.
    Ci,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let task = || {
        interrupt::listen().and_then(|()| Workspace::find()).and_then(|workspace| match arguments.command {
            Task::Dev(options) => dev::run(&workspace, &options),
            Task::Test(options) => test::run(&workspace, &options),
            Task::E2e => e2e::run(&workspace),
            Task::Moving => moving::run(&workspace),
            Task::Clients(options) => clients::run(&workspace, &options),
            Task::Template => template::run(&workspace),
            Task::DeployDrill(options) => deploy_drill::run(&workspace, &options),
            Task::Package => package::run(&workspace),
            Task::Bench(options) => bench::run(&workspace, &options),
            Task::Load(options) => bench::load(&workspace, &options),
            Task::Mutants(options) => mutants::run(&workspace, &options),
            Task::Docs => docs::run(&workspace),
            Task::Simulate(options) => simulate::run(&workspace, &options),
            Task::Tidy(options) => tidy::run(&workspace, &options),
            Task::Ci => ci::run(&workspace),
        })
    };
    match closed_pipe::run(task) {
        Some(Ok(())) | None => ExitCode::SUCCESS,
        Some(Err(error)) if error.is::<interrupt::Interrupted>() => {
            eprintln!("\n{error}");
            ExitCode::from(interrupt::EXIT_CODE)
        }
        Some(Err(error)) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}
