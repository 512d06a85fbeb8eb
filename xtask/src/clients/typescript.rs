//! The library for TypeScript: linted, its vectors run in Node and in Chromium, its package installed as a stranger does
//! it, and each of its rules changed once.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};

use crate::ports;
use crate::python::on_path;
use crate::step;
use crate::workspace::Workspace;

const PACKAGE: &str = "clients/typescript";
/// The oldest Node that the package supports, and so the one whose tools are pinned.
const OLDEST_NODE: u32 = 20;

/// Scripts of `package.json` in their order, the cheap ones first, each with the sentence for its failure.
const SCRIPTS: [(&str, &str); 7] = [
    ("check", "tsc or ESLint found something in clients/typescript: its message is above"),
    ("build", "the package for TypeScript was not built: the message is above"),
    ("check:package", "publint or attw found something in the package: its message is above"),
    ("size", "the package grew above the size that its README states"),
    ("test", "a test of the TypeScript client fails: its name is above"),
    ("test:stack", "a test of the TypeScript client against the functions fails: its name is above"),
    ("mutate", "a changed rule of the TypeScript client was not noticed by any vector: it is named above"),
];

/// Runs every script, and leaves the tarball.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let npm = find_npm()?;
    let mut build = workspace.cargo();
    // The functions, the operator's command line and the stand-ins, as `cargo xtask test` builds them.
    build.args(["build", "--workspace", "--bins"]);
    step::run(&mut build, "the build failed: the compiler's message is above")?;
    let command = || {
        let mut command = workspace.command(&npm);
        command.current_dir(workspace.root.join(PACKAGE));
        command
    };
    // Nothing that comes from a registry runs while it is installed.
    let mut install = command();
    install.args(["ci", "--ignore-scripts"]);
    step::run(&mut install, "npm could not install what package-lock.json pins: its message is above")?;
    let port = ports::free_port()?;
    for (script, sentence) in SCRIPTS {
        let begun = Instant::now();
        let mut run = command();
        run.args(["run", "--silent", script]).env("FALCONER_TEST_PORT", port.to_string());
        step::run(&mut run, sentence)?;
        println!("{script}: {} s", begun.elapsed().as_secs());
    }
    pack(workspace, &mut command())
}

/// Leaves the tarball in `target/clients`.
fn pack(workspace: &Workspace, npm: &mut Command) -> Result<()> {
    let left = workspace.target("clients")?;
    for old in fs::read_dir(&left)? {
        let old = old?.path();
        if old.extension().is_some_and(|extension| extension == "tgz") {
            fs::remove_file(old)?;
        }
    }
    npm.args(["pack", "--silent", "--pack-destination"]).arg(&left);
    step::run(npm, "npm wrote no tarball: its message is above")
}

fn find_npm() -> Result<PathBuf> {
    let missing = "Node is not installed; it runs the TypeScript client: install Node 20 or later with npm (on Debian and Ubuntu \
         `sudo apt-get install nodejs npm`) and run the command again";
    let node = on_path("node").context(missing)?;
    let printed = step::ask(Command::new(node).arg("--version"))?;
    let major =
        printed.trim().trim_start_matches('v').split('.').next().and_then(|text| text.parse::<u32>().ok());
    ensure!(
        major.is_some_and(|major| major >= OLDEST_NODE),
        "Node is {}: install Node {OLDEST_NODE} or later",
        printed.trim()
    );
    on_path("npm").context(missing)
}
