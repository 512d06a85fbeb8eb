//! `cargo xtask template`: `template.yaml` before the tools that deploy it. No AWS account is asked.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::step;
use crate::tools;
use crate::workspace::Workspace;

/// Validates the template, lints it and the one for CloudFront, expands it, and looks at what came out: by a linter, by our own expectations of every
/// role, and by checkov.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = tools::TEMPLATE.install(workspace)?;
    let checkov = tools::CHECKOV.install(workspace)?;
    let folder = workspace.target("template")?;
    let expanded = folder.join("expanded.json");
    let command = |name: &str| prepared(workspace, &tools.program(name), &folder);

    let mut validate = command("sam");
    validate.args(["validate", "--template", "template.yaml"]);
    step::run(&mut validate, "SAM refuses template.yaml: its message is above")?;

    let mut lint = command("cfn-lint");
    lint.args(["template.yaml", "cloudfront.yaml"]);
    step::run(
        &mut lint,
        "cfn-lint found something in template.yaml or cloudfront.yaml: its message is above",
    )?;

    let mut expand = command("python");
    expand.args(["xtask/python/transform.py", "template.yaml"]).arg(&expanded);
    step::run(&mut expand, "template.yaml does not expand: the message is above")?;

    let mut lint = command("cfn-lint");
    // W2001: SAM writes the values of some parameters into what they configure, so that they look unused.
    lint.args(["--ignore-checks", "W2001", "--"]).arg(&expanded);
    step::run(&mut lint, "cfn-lint found something in the expanded template: its message is above")?;

    let mut judge = command("python");
    judge.arg("xtask/python/judge.py").arg(&expanded).arg("xtask/template/roles.yaml");
    step::run(&mut judge, "template.yaml expands to something it must not: the message is above")?;

    let mut look = prepared(workspace, &checkov.program("checkov"), &folder);
    look.args(["--skip-download", "--framework", "cloudformation", "--quiet", "--soft-fail", "--file"]);
    look.arg(&expanded).args(["--output", "json", "--output-file-path"]).arg(&folder);
    step::ask(&mut look)?;
    let mut accept = command("python");
    accept.arg("xtask/python/accepted.py").arg(folder.join("results_json.json"));
    accept.arg("xtask/template/checkov.yaml");
    step::run(&mut accept, "checkov found something that nobody has accepted: it is named above")
}

/// SAM insists on a region and asks it nothing. Unless told not to, it reports on its use and leaves files at home.
pub(crate) fn prepared(workspace: &Workspace, program: &Path, own: &Path) -> Command {
    let mut command = workspace.command(program);
    command.env("AWS_DEFAULT_REGION", "us-east-1").env_remove("AWS_PROFILE");
    command.env("SAM_CLI_TELEMETRY", "0").env("__SAM_CLI_APP_DIR", own);
    command
}
