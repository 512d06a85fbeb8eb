//! DynamoDB and Secrets Manager, each on a port of its own.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::StackOptions;
use crate::environment::Environment;
use crate::process::{Output, Process};
use crate::tools::DevTools;
use crate::workspace::Workspace;
use crate::{http, interrupt, ports};

/// A stand-in is there within a second; a busy machine gets more.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// Starts DynamoDB with the template's tables.
pub(super) fn dynamodb(
    workspace: &Workspace,
    folder: &Path,
    data: Option<&Path>,
) -> Result<(Process, String)> {
    let port = ports::free_port()?;
    let log = folder.join("dynamodb.log");
    let mut command = workspace.command(workspace.program("falconer-emulators"));
    command.args(["dynamodb", "--template", "template.yaml", "--port"]).arg(port.to_string());
    if let Some(data) = data {
        fs::create_dir_all(data).with_context(|| format!("{} cannot be made", data.display()))?;
        command.arg("--data").arg(data);
    }
    let mut process = Process::start("DynamoDB", &mut command, &log, Output::Log)?;
    let address = format!("http://127.0.0.1:{port}");
    let ready = format!("ready {address}");
    await_stand_in(&mut process, |process| process.log().lines().any(|line| line.trim() == ready))?;
    Ok((process, address))
}

/// Starts the gateway with the functions' binaries, all of them new instances.
pub(super) fn gateway(
    workspace: &Workspace,
    folder: &Path,
    environment: &Environment,
) -> Result<(Process, String)> {
    let log = folder.join("gateway.log");
    let mut command = workspace.command(workspace.program("falconer-emulators"));
    command.arg("gateway").arg("--binaries").arg(workspace.debug());
    environment.apply(&mut command);
    let mut process = Process::start("the gateway", &mut command, &log, Output::Log)?;
    let address = |process: &Process| {
        process.log().lines().find_map(|line| line.strip_prefix("ready ").map(str::to_owned))
    };
    await_stand_in(&mut process, |process| address(process).is_some())?;
    let address = address(&process).context("the gateway said that it is ready")?;
    Ok((process, address))
}

/// Starts the proxy before the watcher: the CORS of the template's gateway.
pub(super) fn cors(
    workspace: &Workspace,
    folder: &Path,
    options: &StackOptions,
    behind: u16,
) -> Result<Process> {
    let log = folder.join("cors.log");
    let mut command = workspace.command(workspace.program("falconer-emulators"));
    command.args(["cors", "--template", "template.yaml", "--port"]).arg(options.port.to_string());
    command.arg("--upstream").arg(format!("http://127.0.0.1:{behind}"));
    if let Some(origins) = &options.allowed_origins {
        command.arg("--allowed-origins").arg(origins);
    }
    let mut process = Process::start("the gateway's CORS", &mut command, &log, Output::Log)?;
    await_stand_in(&mut process, |process| process.log().contains("ready "))?;
    Ok(process)
}

/// Starts Secrets Manager; beside it CloudFormation, for `--stack`, STS, for the audit, CloudWatch, for the console, and a
/// second DynamoDB that nothing here uses.
pub(super) fn ministack(workspace: &Workspace, tools: &DevTools, folder: &Path) -> Result<(Process, String)> {
    let port = ports::free_port()?;
    let mut command = workspace.command(&tools.ministack);
    command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
    // Unless told, it also listens for IoT devices, on every interface.
    command.env("IOT_MTLS_ENABLED", "0");
    command.env("SERVICES", "secretsmanager,dynamodb,cloudformation,ssm,sts,monitoring");
    let mut process = Process::start("ministack", &mut command, &folder.join("ministack.log"), Output::Log)?;
    let address = format!("http://127.0.0.1:{port}");
    let ready = format!("{address}/_ministack/ready");
    await_stand_in(&mut process, |_| http::get(&ready).is_ok_and(|answer| answer.status == 200))?;
    Ok((process, address))
}

fn await_stand_in(process: &mut Process, ready: impl Fn(&Process) -> bool) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < START_TIMEOUT {
        if ready(process) {
            return Ok(());
        }
        process.must_run()?;
        interrupt::tick()?;
    }
    bail!("a stand-in did not start in time. {}", process.tail())
}
