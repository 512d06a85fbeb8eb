//! `cargo xtask package`: what `sam deploy` would upload, built and looked at. No AWS account is asked.

use std::env::{join_paths, split_paths, var_os};

use anyhow::Result;

use crate::step;
use crate::template::prepared;
use crate::tools;
use crate::workspace::Workspace;

/// Builds all functions as `sam build` does, weighs them, and lets each answer the events of `events/`.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let sam = tools::TEMPLATE.install(workspace)?;
    let linker = tools::PACKAGE.install(workspace)?;
    let folder = workspace.target("package")?;
    let (built, programs) = (folder.join("build"), folder.join("programs"));

    // `cargo lambda` looks for Zig on PATH, and for the one that PyPI has by way of that Python.
    let path = var_os("PATH").unwrap_or_default();
    let path = join_paths([linker.folder()].into_iter().chain(split_paths(&path)))?;
    let mut make = prepared(workspace, &sam.program("sam"), &folder);
    make.args(["build", "--parameter-overrides", "Architecture=x86_64", "--build-dir"]).arg(&built);
    make.env("PATH", path);
    step::run(&mut make, "sam build failed: its message is above")?;

    let mut look = workspace.command(sam.program("python"));
    look.arg("xtask/python/packaged.py").arg(&built).arg(&programs).args(workspace.functions()?);
    step::run(&mut look, "a package is not as Lambda takes it: the message is above")?;

    let mut answer = workspace.cargo();
    // The whole workspace, so that nothing is compiled in a second set of features.
    answer.args(["test", "--workspace", "--test", "it", "--", "events::every_event_gets_its_status"]);
    answer.env("FALCONER_BIN_DIR", &programs);
    step::run(&mut answer, "a packaged function does not answer: the message is above")
}
