//! The emulated account, and the programs that work on it.

use std::env::{consts, join_paths, split_paths, var_os};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::customers::PRODUCT;
use crate::environment::Environment as Variables;
use crate::process::{Output, Process};
use crate::python::Environment;
use crate::template::prepared;
use crate::workspace::Workspace;
use crate::{http, interrupt, ports, step};

const PROGRAM: &str = "xtask/python/account.py";
const DEPLOYED: &str = "xtask/python/deployed.py";
/// It is there within five seconds; a busy machine gets more.
const START_TIMEOUT: Duration = Duration::from_mins(1);
/// A deployment takes fifteen seconds. One that takes longer than this hangs.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(4);

/// Programs from PyPI: SAM, the account, and what looks at it from outside.
pub(super) struct DrillTools {
    pub(super) sam: Environment,
    pub(super) account: Environment,
    pub(super) outside: Environment,
}

/// A running account. Dropping it stops it and every function that it has started.
pub(super) struct Account<'w> {
    process: Process,
    workspace: &'w Workspace,
    tools: DrillTools,
    folder: PathBuf,
    address: String,
    variables: Variables,
}

impl<'w> Account<'w> {
    /// Starts an empty account on a free port, with every right enforced.
    pub(super) fn open(workspace: &'w Workspace, tools: DrillTools, folder: PathBuf) -> Result<Self> {
        let port = ports::free_port()?;
        let address = format!("http://127.0.0.1:{port}");
        let temporary = folder.join("account");
        let _ = fs::remove_dir_all(&temporary);
        fs::create_dir_all(&temporary).with_context(|| format!("{} cannot be made", temporary.display()))?;

        let mut variables = Variables::dummy_account();
        variables.set("AWS_ENDPOINT_URL", address.as_str());
        // A developer's own profile has no business here.
        variables.set("AWS_CONFIG_FILE", "/dev/null");
        variables.set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        variables.set("FALCONER_PRODUCT", PRODUCT);

        let mut command = workspace.command(tools.account.program("python"));
        command.arg(PROGRAM).env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        // Unless told, it also listens for IoT devices, on every interface.
        command.env("IOT_MTLS_ENABLED", "0").env("AUTH", "true").env("TMPDIR", &temporary);
        // Its settings are those of every function it starts, so it gets the account's and nothing of Falconer.
        command.env("AWS_ENDPOINT_URL", &address);
        Variables::dummy_account().apply(&mut command);
        let process = Process::start("the account", &mut command, &folder.join("account.log"), Output::Log)?;
        let mut account = Self { process, workspace, tools, folder, address, variables };
        account.await_start()?;
        Ok(account)
    }

    fn await_start(&mut self) -> Result<()> {
        let ready = format!("{}/_ministack/ready", self.address);
        let begun = Instant::now();
        while !http::get(&ready).is_ok_and(|answer| answer.status == 200) {
            self.process.must_run()?;
            ensure!(begun.elapsed() < START_TIMEOUT, "the account did not open. {}", self.process.tail());
            interrupt::tick()?;
        }
        Ok(())
    }

    /// One line for each thing that the account lacks and that is bridged.
    pub(super) fn bridges(&self) -> Result<Vec<String>> {
        let mut list = self.workspace.command(self.tools.account.program("python"));
        let listed = step::ask(list.args([PROGRAM, "--list"]))?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// `sam`, in the folder of the packages, as a vendor types it in the checkout.
    pub(super) fn sam(&self, packages: &Path, arguments: &[String]) -> Result<(ExitStatus, String)> {
        let own = self.folder.join("sam");
        let mut sam = prepared(self.workspace, &self.tools.sam.program("sam"), &own);
        sam.current_dir(packages).args(arguments).env("SAM_CLI_POLL_DELAY", "1");
        self.finish("sam", sam)
    }

    /// `falconer` on the stack of this name.
    pub(super) fn falconer(&self, stack: &str, arguments: &[&str]) -> Result<Value> {
        let mut falconer = self.workspace.command(self.workspace.program("falconer"));
        falconer.args(["--stack", stack, "--json", "--yes"]).args(arguments);
        self.variables.apply(&mut falconer);
        let printed = step::ask(&mut falconer)?;
        serde_json::from_str(printed.trim())
            .with_context(|| format!("`falconer {arguments:?}` printed {printed}"))
    }

    /// A script of the checkout, with AWS's command line on `PATH`, and what it said.
    pub(super) fn script(&self, name: &str, arguments: &[&str], settings: &[(&str, &str)]) -> Result<String> {
        let mut bash = self.workspace.command("bash");
        bash.arg(name).args(arguments).envs(settings.iter().copied());
        bash.env("FALCONER", self.workspace.program("falconer"));
        let path = var_os("PATH").unwrap_or_default();
        bash.env("PATH", join_paths([self.tools.outside.folder()].into_iter().chain(split_paths(&path)))?);
        let (status, said) = self.finish(name, bash)?;
        // A look that failed says all; without one, something else went wrong.
        let failed: Vec<_> = said.lines().filter(|line| line.starts_with("FAILED")).collect();
        let why = if failed.is_empty() { said.clone() } else { failed.join("\n") };
        ensure!(status.success(), "{name} failed: {why}");
        Ok(said)
    }

    /// The stack as it is deployed.
    pub(super) fn deployed(&self, stack: &str) -> Result<Value> {
        self.look(&["stack", stack, "template.yaml"])
    }

    /// The digests of tables and ring, also when no stack has them.
    pub(super) fn kept(&self, outputs: &Value) -> Result<Value> {
        let name = |output: &str| outputs[output].as_str().unwrap_or_default();
        self.look(&["kept", name("LicensesTable"), name("VerificationsTable"), name("MasterKeySecret")])
    }

    fn look(&self, arguments: &[&str]) -> Result<Value> {
        let mut look = self.workspace.command(self.tools.sam.program("python"));
        look.arg(DEPLOYED).args(arguments);
        self.variables.apply(&mut look);
        Ok(serde_json::from_str(&step::ask(&mut look)?)?)
    }

    /// Python with PyJWT, which shares no code with Falconer.
    pub(super) fn verifier(&self) -> Command {
        self.workspace.command(self.tools.outside.program("python"))
    }

    /// The API of a stack: the emulator answers for its host name at a path of its own.
    pub(super) fn api(&self, outputs: &Value) -> Result<String> {
        let url = outputs["ApiUrl"].as_str().context("the stack has no output ApiUrl")?;
        let id = url.trim_start_matches("https://").split('.').next().unwrap_or_default();
        Ok(format!("{}/_aws/execute-api/{id}/$default", self.address))
    }

    /// Runs `command` on the account to its end, and returns all that it printed.
    fn finish(&self, name: &str, mut command: Command) -> Result<(ExitStatus, String)> {
        self.variables.apply(&mut command);
        let log = self.folder.join(format!("{}.log", name.replace('/', "-")));
        let mut process = Process::start(name, &mut command, &log, Output::Log)?;
        let begun = Instant::now();
        loop {
            if let Some(status) = process.ended()? {
                return Ok((status, process.log()));
            }
            if begun.elapsed() > COMMAND_TIMEOUT {
                bail!("{name} takes longer than {} s. {}", COMMAND_TIMEOUT.as_secs(), process.tail());
            }
            interrupt::tick()?;
        }
    }
}

/// This machine's processor, as `Architecture` names it: the packages are built for it.
pub(super) fn architecture() -> &'static str {
    if consts::ARCH == "aarch64" { "arm64" } else { consts::ARCH }
}
