//! `cargo xtask bench` and `cargo xtask load`: what is measured is built as it ships, then the driver measures it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::packages::{self, Package};
use crate::step;
use crate::tools;
use crate::workspace::Workspace;

/// The workspace of the rivals.
pub(crate) const RIVALS_MANIFEST: &str = "bench/rivals/Cargo.toml";
/// Each is built alone: built together, cargo gives all of them the features of each.
const RIVAL_NAMES: [&str; 3] = ["hello", "bare-calls", "sdk-defaults"];
/// Target folders of the functions, of the rivals, and of the client library's program.
const FUNCTIONS: &str = "functions";
const RIVALS: &str = "rivals";
const HEADLESS: &str = "headless";
/// Both once more, with the lines that a profile needs.
const PROFILED: &str = "profiled";
const RESULTS: &str = "docs/results";

const BUILD_FAILED: &str = "the build failed: the compiler's message is above";

/// Options of a measurement.
#[derive(clap::Args)]
pub(crate) struct Bench {
    /// Few rounds: shows that everything runs, and no figure to quote.
    #[arg(long)]
    quick: bool,
    /// Only these measurements; the driver knows their names.
    #[arg(long, value_name = "NAME", num_args = 1..)]
    only: Vec<String>,
    /// Only where the instructions go, crate by crate, for Falconer and the bare calls.
    #[arg(long, conflicts_with_all = ["quick", "only", "seed"])]
    profile: bool,
    /// The document that holds the Flask server.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
}

/// Options of a load.
#[derive(clap::Args)]
pub(crate) struct Load {
    /// How long it lasts.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    minutes: u32,
}

/// Builds Falconer and the rivals, installs what they need, and measures them side by side.
pub(crate) fn run(workspace: &Workspace, options: &Bench) -> Result<()> {
    if options.profile {
        return profile(workspace);
    }
    let seed = seed(workspace, options.seed.as_deref())?;
    build_functions(workspace)?;
    for rival in RIVAL_NAMES {
        let mut build = release_build(workspace, RIVALS);
        build.args(["--manifest-path", RIVALS_MANIFEST, "--package", rival]);
        step::run(&mut build, BUILD_FAILED)?;
    }
    let python = tools::BENCH.install(workspace)?.program("python");
    packages::ensure(workspace, &Package::VALGRIND)?;
    if seed.is_some() {
        packages::ensure(workspace, &Package::POSTGRESQL)?;
    }

    let status = status_of_client(workspace)?;

    let mut drive = driver(workspace, "bench");
    drive.arg("--client").arg(status);
    drive.arg("--rivals").arg(workspace.measured(RIVALS).join("release")).arg("--python").arg(python);
    if let Some(seed) = seed {
        drive.arg("--seed").arg(seed);
    }
    if options.quick {
        drive.arg("--quick");
    }
    if !options.only.is_empty() {
        drive.arg("--only").args(&options.only);
    }
    step::run(&mut drive, "the bench failed: its message is above")
}

/// Builds what is compared by instructions with its line tables, and prints each crate's part.
fn profile(workspace: &Workspace) -> Result<()> {
    packages::ensure(workspace, &Package::VALGRIND)?;
    for of in [&["--package", "verify"][..], &["--manifest-path", RIVALS_MANIFEST, "--package", "bare-calls"]]
    {
        let mut build = release_build(workspace, PROFILED);
        build.args(of).env("CARGO_PROFILE_RELEASE_DEBUG", "line-tables-only");
        build.env("CARGO_PROFILE_RELEASE_STRIP", "none");
        step::run(&mut build, BUILD_FAILED)?;
    }
    let built = workspace.measured(PROFILED).join("release");
    let mut drive = workspace.cargo();
    drive.args(["run", "--profile", "measured", "--package", "falconer-bench", "--", "profile"]);
    drive.arg("--programs").arg(&built).arg("--rivals").arg(&built);
    step::run(&mut drive, "the profile failed: its message is above")
}

/// Builds Falconer and keeps it under load.
pub(crate) fn load(workspace: &Workspace, options: &Load) -> Result<()> {
    build_functions(workspace)?;
    let mut drive = driver(workspace, "load");
    drive.args(["--minutes", &options.minutes.to_string()]);
    step::run(&mut drive, "the load failed: its message is above")
}

/// Output of the client library's own measurement, and the size of its program, one line of JSON.
fn status_of_client(workspace: &Workspace) -> Result<String> {
    let mut measure = workspace.cargo();
    measure.args(["bench", "--quiet", "--package", "falconer-client", "--bench", "status"]);
    let printed = step::ask(&mut measure)?;
    let line = printed.lines().rev().find(|line| line.starts_with('{'));
    let line = line.context("the client library's measurement printed no JSON")?;
    let mut measured: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line)?;
    // The library with its store, transport and command line: what it adds to an application at most.
    let mut build = release_build(workspace, HEADLESS);
    build.args(["--package", "falconer-headless"]);
    step::run(&mut build, BUILD_FAILED)?;
    let program = workspace.measured(HEADLESS).join("release/headless");
    measured.insert("headless_bytes".to_owned(), fs::metadata(&program)?.len().into());
    Ok(serde_json::Value::Object(measured).to_string())
}

/// Builds the functions as they ship: their packages alone, whose features neither tests nor the command line widen.
fn build_functions(workspace: &Workspace) -> Result<()> {
    let mut build = release_build(workspace, FUNCTIONS);
    for function in workspace.functions()? {
        build.args(["--package", &function]);
    }
    step::run(&mut build, BUILD_FAILED)
}

/// As cargo-lambda builds, which is what `sam build` calls: for the oldest processor that Lambda has. Never incremental,
/// whatever a developer has set: that is other code.
fn release_build(workspace: &Workspace, what: &str) -> Command {
    let cpu = if cfg!(target_arch = "aarch64") { "neoverse-n1" } else { "haswell" };
    let mut build = workspace.cargo();
    build.args(["build", "--release", "--target-dir"]).arg(workspace.measured(what));
    build.env("RUSTFLAGS", format!("-C target-cpu={cpu}")).env("CARGO_INCREMENTAL", "0");
    build
}

fn driver(workspace: &Workspace, task: &str) -> Command {
    let mut drive = workspace.cargo();
    drive.args(["run", "--profile", "measured", "--package", "falconer-bench", "--", task]);
    drive.arg("--programs").arg(workspace.measured(FUNCTIONS).join("release")).args(["--results", RESULTS]);
    drive
}

/// The document with the Flask server: the one that was named, or the one beside the checkout.
fn seed(workspace: &Workspace, named: Option<&Path>) -> Result<Option<PathBuf>> {
    if let Some(named) = named {
        let seed = fs::canonicalize(named).with_context(|| format!("{} is not there", named.display()))?;
        return Ok(Some(seed));
    }
    let found = packages::seed(workspace);
    if found.is_none() {
        let (folder, beginning) = packages::SEEDS;
        println!(
            "The comparison with the Flask server is left out: there is no {folder}/{beginning}… beside the checkout. \
             Name the document that holds the server with --seed FILE."
        );
    }
    Ok(found)
}
