//! `cargo xtask console`: the console in a real Chromium. `cargo xtask screenshots`: its pages as pictures.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::process::{Output, Process};
use crate::python::on_path;
use crate::stack::Stack;
use crate::step;
use crate::workspace::Workspace;

const PROJECT: &str = "console/tests/browser";

/// Options of `cargo xtask screenshots`.
#[derive(clap::Args)]
pub(crate) struct ScreenshotOptions {
    /// The folder for the pictures.
    #[arg(default_value = "target/screenshots")]
    folder: PathBuf,
}

/// Drives every page and every kind of change in a browser, and looks at each kind of page with axe, wide and narrow.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut tour = prepared(workspace)?;
    tour.args(["run", "--silent", "tour"]);
    step::run(&mut tour, "the console fails in a browser: its message is above")
}

/// Draws every page, light and dark, wide and narrow.
pub(crate) fn screenshots(workspace: &Workspace, options: &ScreenshotOptions) -> Result<()> {
    let folder = workspace.root.join(&options.folder);
    let mut draw = prepared(workspace)?;
    draw.args(["run", "--silent", "screenshots", "--"]).arg(&folder);
    step::run(&mut draw, "the pictures were not drawn: the message is above")?;
    println!("The pictures are in {}.", folder.display());
    Ok(())
}

/// Fills a stack with made-up customers, and serves the console over it until the stack ends.
pub(crate) fn serve(workspace: &Workspace, stack: &mut Stack<'_>) -> Result<Process> {
    // The program says on its pages that this is the local stack, and takes made-up customers nowhere else.
    stack.environment.set("FALCONER_LOCAL", "1");
    println!("Making up customers");
    stack.operator().run(&["demo-data"])?;
    let mut console = workspace.command(workspace.program("falconer"));
    console.arg("console");
    stack.environment.apply(&mut console);
    Process::start(
        "the console",
        &mut console,
        &workspace.target("dev")?.join("console.log"),
        Output::LogAndTerminal,
    )
}

/// Builds the programs, installs what the lock file pins, and returns npm in the project's folder.
fn prepared(workspace: &Workspace) -> Result<Command> {
    let sentence =
        "Node with npm and Chromium run these tests (on Debian `sudo apt-get install nodejs npm chromium`)";
    let npm = on_path("npm").context(sentence)?;
    let chromium = on_path("chromium").or_else(|| on_path("chromium-browser")).context(sentence)?;
    let mut build = workspace.cargo();
    build.args(["build", "--workspace", "--bins"]);
    step::run(&mut build, "the build failed: the compiler's message is above")?;
    let command = || {
        let mut command = workspace.command(&npm);
        command.current_dir(workspace.root.join(PROJECT));
        command
    };
    // Nothing that comes from a registry runs while it is installed.
    let mut install = command();
    install.args(["ci", "--ignore-scripts"]);
    step::run(&mut install, "npm could not install what package-lock.json pins: its message is above")?;
    let mut command = command();
    command.env("FALCONER_CHROMIUM", chromium).env("FALCONER_BIN_DIR", workspace.debug());
    Ok(command)
}
