//! `falconer-emulators`: the stand-ins as programs, for `cargo xtask dev`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use clap::{Parser, Subcommand};
use falconer_emulators::cloudwatch::CloudWatch;
use falconer_emulators::cors::{Cors, CorsProxy};
use falconer_emulators::dynamodb::{DynamoDb, Storage};
use falconer_emulators::gateway::{Config, Gateway, Launch};
use falconer_emulators::secrets::Secrets;
use falconer_emulators::sts::Sts;
use falconer_emulators::template::Template;
use tokio::signal::unix::{SignalKind, signal};

/// Local stand-ins for what Falconer uses of AWS.
#[derive(Parser)]
#[command(version, about)]
struct EmulatorArguments {
    #[command(subcommand)]
    command: EmulatorCommand,
}

#[derive(Subcommand)]
enum EmulatorCommand {
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
    /// Serve Secrets Manager, the Security Token Service and CloudWatch on 127.0.0.1, until SIGTERM or Ctrl-C.
    ///
    /// Prints `ready SECRETS-MANAGER SECURITY-TOKEN-SERVICE CLOUDWATCH`, the three addresses, once all listen.
    Account,
    /// Serve the template's routes with the real binaries, as API Gateway and Lambda would, until SIGTERM or Ctrl-C.
    ///
    /// Prints `ready http://127.0.0.1:PORT` once every function runs. The functions take what this program's own
    /// environment says over what the template says.
    Gateway {
        /// Folder that holds the functions' binaries.
        #[arg(long)]
        binaries: PathBuf,
        /// The SAM template with the routes and settings.
        #[arg(long, default_value = "template.yaml")]
        template: PathBuf,
    },
    /// Put the template's CORS in front of another server, until SIGTERM or Ctrl-C.
    ///
    /// Prints `ready http://127.0.0.1:PORT` once it listens.
    Cors {
        /// Port to listen on; 0 takes any free one.
        #[arg(long, default_value_t = 0)]
        port: u16,
        /// The address for requests, as `http://127.0.0.1:8000`.
        #[arg(long)]
        upstream: String,
        /// Another value for the template's parameter `AllowedOrigins`.
        #[arg(long)]
        allowed_origins: Option<String>,
        /// The SAM template with the CORS of its gateway.
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
    match run(EmulatorArguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("falconer-emulators: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: EmulatorCommand) -> Result<()> {
    match command {
        EmulatorCommand::Dynamodb { port, data, template } => {
            let template = Template::read(&template)?;
            let storage = data.as_deref().map_or(Storage::Memory, Storage::Folder);
            serve_dynamodb(port, storage, &template)
        }
        EmulatorCommand::Account => serve_account(),
        EmulatorCommand::Gateway { binaries, template } => {
            serve_gateway(binaries, &Template::read(&template)?)
        }
        EmulatorCommand::Cors { port, upstream, allowed_origins, template } => {
            let template = Template::read(&template)?;
            let names = template.local_names();
            let names = match allowed_origins {
                Some(origins) => names.with("AllowedOrigins", origins),
                None => names,
            };
            serve_cors(port, &upstream, template.cors(&names)?)
        }
        EmulatorCommand::Environment { template } => {
            let template = Template::read(&template)?;
            for (name, value) in template.environment(&template.local_names())? {
                println!("{name}={value}");
            }
            Ok(())
        }
    }
}

/// A debug build on a busy machine takes seconds to its first event.
const START_LIMIT: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn serve_gateway(binaries: PathBuf, template: &Template) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    #[expect(clippy::disallowed_methods, reason = "what points the functions at the stand-ins is handed on")]
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let launch = Launch::Binaries(binaries);
    let gateway =
        Gateway::start(Config::from_template(template, &template.local_names(), launch, 1, &environment)?)?;
    gateway.wait_until_ready(START_LIMIT)?;
    println!("ready {}", gateway.url());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn serve_account() -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let (secrets, sts, cloudwatch) = (Secrets::start(0)?, Sts::start(0)?, CloudWatch::start(0)?);
    println!("ready {} {} {}", secrets.endpoint(), sts.endpoint(), cloudwatch.endpoint());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn serve_cors(port: u16, upstream: &str, cors: Cors) -> Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let proxy = CorsProxy::start(port, upstream, cors)?;
    println!("ready {}", proxy.url());
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    Ok(())
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
