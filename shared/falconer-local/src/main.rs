//! `falconer-local`: the stand-ins as programs, for `cargo xtask dev`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use falconer_local::dynamodb::{DynamoDb, Storage};
use falconer_local::template::Template;
use tokio::signal::unix::{SignalKind, signal};

/// Local stand-ins for what Falconer uses of AWS.
#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve DynamoDB on 127.0.0.1 with the template's tables, until SIGTERM or Ctrl-C.
    ///
    /// Prints `ready http://127.0.0.1:PORT` once the tables are there.
    Dynamodb {
        /// Port to listen on; 0 takes any free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// Folder that keeps the tables between runs; without it they are in memory.
        #[arg(long)]
        data: Option<PathBuf>,
        /// The SAM template with the shapes of the tables.
        #[arg(long, default_value = "template.yaml")]
        template: PathBuf,
    },
    /// Print the functions' settings, one NAME=value a line.
    Environment {
        /// The SAM template with the names of the settings.
        #[arg(long, default_value = "template.yaml")]
        template: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("falconer-local: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Dynamodb { port, data, template } => {
            let template = Template::read(&template)?;
            let storage = data.as_deref().map_or(Storage::Memory, Storage::Folder);
            serve_dynamodb(port, storage, &template)
        }
        Command::Environment { template } => {
            let template = Template::read(&template)?;
            for (name, value) in template.environment(&template.local_names())? {
                println!("{name}={value}");
            }
            Ok(())
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve_dynamodb(port: u16, storage: Storage<'_>, template: &Template) -> Result<()> {
    // Before anything is started: a signal during the start ends it properly, too.
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let database = DynamoDb::start(storage, port)?;
    database.create_tables(template, &template.local_names())?;
    println!("ready {}", database.endpoint());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}
