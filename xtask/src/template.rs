//! `cargo xtask template`: `template.yaml` before the tools that deploy it. No AWS account is asked.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::step;
use crate::tools;
use crate::workspace::Workspace;

/// Validates the template, lints it, expands it, and lints what came out.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = tools::TEMPLATE.install(workspace)?;
    let folder = workspace.target("template")?;
    let expanded = folder.join("expanded.json");
    let command = |name: &str| prepared(workspace, &tools.program(name), &folder);

    let mut validate = command("sam");
    validate.args(["validate", "--template", "template.yaml"]);
    step::run(&mut validate, "SAM refuses template.yaml: its message is above")?;

    let mut lint = command("cfn-lint");
    lint.arg("template.yaml");
    step::run(&mut lint, "cfn-lint found something in template.yaml: its message is above")?;

    let mut expand = command("python");
    expand.args(["xtask/python/transform.py", "template.yaml"]).arg(&expanded);
    step::run(&mut expand, "template.yaml expands to something it must not: the message is above")?;

    let mut lint = command("cfn-lint");
    // W2001: SAM writes the origins' value into the API, so that their parameter looks unused.
    lint.args(["--ignore-checks", "W2001", "--"]).arg(&expanded);
    step::run(&mut lint, "cfn-lint found something in the expanded template: its message is above")
}

/// SAM insists on a region and asks it nothing. Unless told not to, it reports on its use and leaves files at home.
fn prepared(workspace: &Workspace, program: &Path, own: &Path) -> Command {
    let mut command = workspace.command(program);
    command.env("AWS_DEFAULT_REGION", "us-east-1").env_remove("AWS_PROFILE");
    command.env("SAM_CLI_TELEMETRY", "0").env("__SAM_CLI_APP_DIR", own);
    command
}
