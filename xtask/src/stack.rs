//! The local stack: DynamoDB, Secrets Manager, key ring, demo licenses and the functions on their routes.
//!
//! Dropping it stops everything it started, in the opposite order, also when starting it fails half-way.

mod functions;
mod stand_ins;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::environment::Environment;
use crate::ports;
use crate::process::{Output, Process};
use crate::secrets::Secret;
use crate::seed::{DemoKeys, Operator};
use crate::step;
use crate::tools::DevTools;
use crate::workspace::Workspace;

/// Options of a stack.
pub(crate) struct StackOptions {
    pub(crate) port: u16,
    pub(crate) release: bool,
    pub(crate) data: Option<PathBuf>,
    pub(crate) concurrency: u16,
    pub(crate) rate_limit: u32,
    /// Another value for the template's parameter of this name.
    pub(crate) allowed_origins: Option<String>,
    /// The destination of the functions' output.
    pub(crate) output: Output,
    /// The folder under `target` for logs and the `env` file.
    pub(crate) folder: String,
}

/// A running stack. The fields are dropped in their order: the functions first, what they need after them.
pub(crate) struct Stack<'a> {
    front: Option<Process>,
    functions: Option<Process>,
    ministack: Process,
    dynamodb: Process,
    workspace: &'a Workspace,
    options: &'a StackOptions,
    tools: DevTools,
    secret: Secret,
    folder: PathBuf,
    /// The address it answers at.
    pub(crate) url: String,
    /// The environment that programs need to work on it.
    pub(crate) environment: Environment,
    /// The demo licenses.
    pub(crate) keys: DemoKeys,
}

impl<'a> Stack<'a> {
    /// Installs, builds and starts everything, and returns once every route answers.
    pub(crate) fn start(workspace: &'a Workspace, options: &'a StackOptions) -> Result<Self> {
        ports::ensure_free(options.port)?;
        let tools = DevTools::find(workspace)?;
        build(workspace, options.release)?;

        let folder = workspace.target(&options.folder)?;
        let mut environment = Environment::dummy_account();
        environment.read_lines(&template_environment(workspace)?)?;
        // Every local caller is 127.0.0.1 to cargo-lambda, so the limits would hold for all of them together.
        environment.set("RATE_LIMIT_PER_MINUTE", options.rate_limit.to_string());
        environment.set("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "0");
        environment.set("VERIFIES_PER_LICENSE_PER_MINUTE", "0");

        println!("Starting DynamoDB and Secrets Manager");
        let (dynamodb, address) = stand_ins::dynamodb(workspace, &folder, options.data.as_deref())?;
        environment.set("AWS_ENDPOINT_URL_DYNAMODB", address);
        let (mut ministack, address) = stand_ins::ministack(workspace, &tools, &folder)?;
        environment.set("AWS_ENDPOINT_URL_SECRETS_MANAGER", address.as_str());
        environment.set("AWS_ENDPOINT_URL_STS", address.as_str());
        environment.set("AWS_ENDPOINT_URL_CLOUDWATCH", address.as_str());
        environment.set("FALCONER_PRODUCT", "QF");
        let secret = Secret::new(&address, environment.get("MASTER_KEY_SECRET_ID")?, options.data.as_deref());

        println!("Creating the key ring and demo licenses");
        let seeded = seed(workspace, &environment, &secret, options.data.as_deref());
        if seeded.is_err() {
            ministack.must_run()?;
        }
        let keys = seeded?;
        let url = format!("http://127.0.0.1:{}", options.port);
        environment.set("FALCONER_URL", url.as_str());
        environment.set("FALCONER_DEMO_KEY", keys.of("pro"));
        environment.set("FALCONER_LEGACY_DEMO_KEY", keys.legacy());
        environment.write(&folder.join("env"))?;

        let mut stack = Self {
            front: None,
            functions: None,
            ministack,
            dynamodb,
            workspace,
            options,
            tools,
            secret,
            folder,
            url,
            environment,
            keys,
        };
        stack.start_functions()?;
        Ok(stack)
    }

    /// Fails when anything of it has ended by itself.
    pub(crate) fn must_run(&mut self) -> Result<()> {
        self.dynamodb.must_run()?;
        self.ministack.must_run()?;
        self.front.as_mut().map_or(Ok(()), Process::must_run)?;
        self.functions.as_mut().map_or(Ok(()), Process::must_run)
    }

    /// The functions once more, on the gateway that emulates API Gateway and Lambda, and its address.
    pub(crate) fn gateway(&self) -> Result<(Process, String)> {
        stand_ins::gateway(self.workspace, &self.folder, &self.environment)
    }

    /// Copies the key ring to where `--data` keeps it.
    pub(crate) fn keep(&self) -> Result<()> {
        self.secret.keep()
    }

    /// The master of the ring's legacy generation: what the Flask server of this stack would have signed with.
    pub(crate) fn legacy_master(&self) -> Result<String> {
        let ring: Value = serde_json::from_str(&self.secret.value()?.unwrap_or_default())?;
        let master = ring["legacy"].as_str().and_then(|generation| ring[generation].as_str());
        master.map(str::to_owned).context("the key ring has no legacy generation")
    }

    /// The operator's command line on this stack.
    pub(crate) fn operator(&self) -> Operator<'_> {
        Operator { workspace: self.workspace, environment: &self.environment }
    }
}

impl Drop for Stack<'_> {
    fn drop(&mut self) {
        println!("Stopping");
        // Ended in a hurry, a ring changed in the last seconds may be the one before; nothing can be done about it here.
        let _ = self.keep();
        // It would promise a stack that is gone.
        let _ = fs::remove_file(self.folder.join("env"));
    }
}

/// Builds the functions, the emulators and the command line.
///
/// With the whole workspace selected, each crate has the features that `cargo xtask test` gives it as well, and the watcher,
/// which runs `cargo run --bin NAME`, finds everything built.
fn build(workspace: &Workspace, release: bool) -> Result<()> {
    let functions = workspace.functions()?;
    let others = ["falconer-emulators", "falconer"].map(str::to_owned);
    if release {
        build_programs(workspace, &functions, &["--release"])?;
        return build_programs(workspace, &others, &[]);
    }
    build_programs(workspace, &[&functions[..], &others].concat(), &[])
}

/// Builds debug versions of programs, or as `options` say.
pub(crate) fn build_programs(workspace: &Workspace, programs: &[String], options: &[&str]) -> Result<()> {
    let mut build = workspace.cargo();
    build.args(["build", "--workspace"]).args(options);
    for program in programs {
        build.args(["--bin", program]);
    }
    step::run(&mut build, "the build failed: the compiler's message is above")
}

fn template_environment(workspace: &Workspace) -> Result<String> {
    let mut command = workspace.command(workspace.program("falconer-emulators"));
    step::ask(command.args(["environment", "--template", "template.yaml"]))
}

fn seed(
    workspace: &Workspace,
    environment: &Environment,
    secret: &Secret,
    data: Option<&Path>,
) -> Result<DemoKeys> {
    secret.restore()?;
    let operator = Operator { workspace, environment };
    operator.key_ring(secret)?;
    operator.demo_keys(data)
}
