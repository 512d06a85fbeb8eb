//! `cargo xtask ci`: what `.ci/run` runs, for a developer to run before.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;
use crate::{bench, e2e, moving, step, template, test, tools};

type Step = fn(&Workspace) -> Result<()>;

/// The cheap ones first.
const STEPS: [(&str, Step); 8] = [
    ("format", format),
    ("lint", lint),
    ("documentation", documentation),
    ("dependencies", dependencies),
    ("tests", tests),
    ("end to end", e2e::run),
    ("moving in and out", moving::run),
    ("template", template::run),
];

/// Runs every step, and stops at the first that fails.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    for (name, run) in STEPS {
        let begun = Instant::now();
        println!("\n==== {name}");
        run(workspace).with_context(|| format!("{name} failed"))?;
        println!("==== {name}: passed in {} s", begun.elapsed().as_secs());
    }
    Ok(())
}

fn format(workspace: &Workspace) -> Result<()> {
    let sentence = "some file is not formatted: run `cargo fmt --all`";
    step::run(workspace.cargo().args(["fmt", "--all", "--check"]), sentence)?;
    // A workspace of its own, which no other step builds.
    let sentence = "a rival of the bench is not formatted: run `cargo fmt --all` in tests/bench/rivals";
    let rivals = ["fmt", "--all", "--check", "--manifest-path", bench::RIVALS_MANIFEST];
    step::run(workspace.cargo().args(rivals), sentence)
}

fn lint(workspace: &Workspace) -> Result<()> {
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    step::run(&mut clippy, "clippy found something: its message is above")
}

fn documentation(workspace: &Workspace) -> Result<()> {
    let mut doc = workspace.cargo();
    doc.args(["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-Dwarnings");
    step::run(&mut doc, "rustdoc found something: its message is above")
}

/// Bans, licenses and sources. Advisories live in a database outside the registry, so they are looked at elsewhere.
fn dependencies(workspace: &Workspace) -> Result<()> {
    let mut deny = workspace.command(tools::CARGO_DENY.find(workspace)?);
    deny.args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]);
    step::run(&mut deny, "cargo-deny found something: its message is above")
}

fn tests(workspace: &Workspace) -> Result<()> {
    test::run(workspace, &test::Options::default())
}
