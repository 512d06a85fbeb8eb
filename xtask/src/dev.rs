//! `cargo xtask dev`: everything, on this machine, until Ctrl-C.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::console;
use crate::interrupt::{self, Interrupted};
use crate::process::Output;
use crate::stack::{self, Stack};
use crate::workspace::Workspace;

/// How often the key ring is copied to where `--data` keeps it.
const KEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Options of `cargo xtask dev`.
#[derive(clap::Args)]
pub(crate) struct DevOptions {
    /// The port of the API, on 127.0.0.1.
    #[arg(long, default_value_t = 9000, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// Build the functions optimized, with the workspace's features.
    #[arg(long)]
    release: bool,
    /// Keep tables, key ring and demo keys in this folder between runs; without it they live in memory.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Instances of each function, started as requests queue up.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// Requests a minute for one license from one address; 0 switches the limit off, since every local caller is 127.0.0.1.
    #[arg(long, value_name = "N", default_value_t = 0)]
    rate_limit: u32,
    /// Web origins that may call, as the template's parameter `AllowedOrigins`; without it, the template's default.
    #[arg(long, value_name = "ORIGINS")]
    allowed_origins: Option<String>,
    /// Show what the functions log; without it, their logs are in target/dev/functions.log alone.
    #[arg(long)]
    logs: bool,
    /// Make up some hundred customers, and serve the console over them.
    #[arg(long)]
    console: bool,
    /// The folder under target for logs and env, so that a test can run beside a developer's own stack.
    #[arg(long, hide = true, default_value = "dev")]
    folder: String,
}

/// Brings the stack up, prints how to use it, and runs until Ctrl-C.
pub(crate) fn run(workspace: &Workspace, options: &DevOptions) -> Result<()> {
    let data = options.data.as_ref().map(std::path::absolute).transpose();
    let with_console = options.console;
    let options = stack::StackOptions {
        port: options.port,
        release: options.release,
        data: data.context("the folder of --data has no path")?,
        concurrency: options.concurrency,
        rate_limit: options.rate_limit,
        allowed_origins: options.allowed_origins.clone(),
        output: if options.logs { Output::LogAndTerminal } else { Output::Log },
        folder: options.folder.clone(),
    };
    let mut stack = Stack::start(workspace, &options)?;
    println!("{}", welcome(&stack, &options));
    let _console = with_console.then(|| console::serve(workspace, &mut stack)).transpose()?;
    match stay(&mut stack) {
        // From here on it is the ordinary way to end.
        Err(error) if error.is::<Interrupted>() => Ok(()),
        other => other,
    }
}

fn stay(stack: &mut Stack) -> Result<()> {
    let mut kept = Instant::now();
    loop {
        interrupt::tick()?;
        stack.must_run()?;
        if kept.elapsed() > KEEP_INTERVAL {
            stack.keep()?;
            kept = Instant::now();
        }
    }
}

fn welcome(stack: &Stack, options: &stack::StackOptions) -> String {
    let url = &stack.url;
    let keys: Vec<String> = stack.keys.all().map(|(name, key)| format!("  {name:<9} {key}")).collect();
    let keys = keys.join("\n");
    let post = |path: &str, body: Value| {
        format!("  curl -s {url}{path} -H 'content-type: application/json' -d '{body}'")
    };
    let verify = |key: &str| post("/api/verify", json!({ "license": key }));
    let demo_key = stack.keys.of("pro");
    let device = |path: &str, name: &str| {
        let hardware = json!({ "mac": format!("demo-{name}-mac"), "board": format!("demo-{name}-board") });
        post(path, json!({ "license": demo_key, "hardware": hardware }))
    };
    let logs = match options.output {
        Output::LogAndTerminal => "Its logs follow; they are in target/dev as well.",
        Output::Log | Output::Own => {
            "Logs and the compiler's messages are in target/dev/functions.log; --logs shows them here."
        }
    };
    let limits = match options.rate_limit {
        0 => "Limits are off: every local caller is 127.0.0.1. Try them with --rate-limit N.".to_owned(),
        limit => {
            format!(
                "At most {limit} requests a minute for a license: every local caller is 127.0.0.1. The others are off."
            )
        }
    };
    format!(
        "
Falconer is up at {url}

Demo license keys:
{keys}

Try:
{}
{}
  curl -s {url}/api/keys

One seat, two devices, one after the other:
{}
{}
{}

{limits}
For other programs: `. target/dev/env`. A changed function is rebuilt by itself.
{logs}
Ctrl-C stops everything.
",
        verify(stack.keys.legacy()),
        verify(demo_key),
        device("/api/activate-sync", "laptop"),
        device("/api/transfer", "desktop"),
        device("/api/deactivate", "desktop"),
    )
}
