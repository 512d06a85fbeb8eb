//! `cargo xtask ci`: what `.ci/run` runs, for a developer to run before.

use std::time::Instant;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;
use crate::{bench, clients, console, deploy_drill, e2e, moving, step, template, test, tidy, tools};

type CiStep = fn(&Workspace) -> Result<()>;

const WORKFLOW: &str = ".github/workflows/ci.yml";
const TERMINAL: &str = "xtask/python/terminal.py";
/// Three times what the tests take on two cores, their build included: a program that waits for the keyboard waits
/// for good.
const TERMINAL_SECONDS: u32 = 2_400;

/// Settings that no test may see. Nothing listens on port 9.
const A_DEVELOPERS_SHELL: [(&str, &str); 24] = [
    ("ALL_PROXY", "http://127.0.0.1:9"),
    ("AWS_ACCESS_KEY_ID", "local"),
    ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:9"),
    ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9"),
    ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9"),
    ("AWS_PROFILE", "nobody"),
    ("AWS_REGION", "eu-central-1"),
    ("AWS_SECRET_ACCESS_KEY", "local"),
    ("AWS_SESSION_TOKEN", "expired"),
    ("CLICOLOR_FORCE", "1"),
    ("COLUMNS", "40"),
    ("FALCONER_ACTOR", "somebody"),
    ("FALCONER_PRODUCT", "ANOTHER"),
    ("FALCONER_URL", "http://127.0.0.1:9"),
    ("LANG", "tr_TR.UTF-8"),
    ("LICENSES_TABLE", "another-table"),
    ("MASTER_KEY_SECRET_ID", "another-secret"),
    ("RUST_BACKTRACE", "1"),
    ("RUST_LOG", "trace"),
    ("TZ", "Pacific/Kiritimati"),
    ("VERIFICATIONS_TABLE", "another-table"),
    ("VERIFY_AUDIT", "none"),
    ("http_proxy", "http://127.0.0.1:9"),
];

/// The cheap ones first.
const STEPS: [(&str, CiStep); 14] = [
    ("format", format),
    ("tidiness", |workspace| tidy::run(workspace, &tidy::TidyOptions::default())),
    ("hosted workflow", hosted_workflow),
    ("lint", lint),
    ("documentation", documentation),
    ("dependencies", dependencies),
    ("tests in a terminal", tests_in_a_terminal),
    ("tests without a terminal", tests_without_a_terminal),
    ("end to end", e2e::run),
    ("moving in and out", moving::run),
    ("clients in other languages", |workspace| clients::run(workspace, &clients::ClientsOptions::default())),
    ("console in a browser", console::run),
    ("template", template::run),
    ("deploy drill", drill),
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
    let sentence = "a rival of the bench is not formatted: run `cargo fmt --all` in bench/rivals";
    let rivals = ["fmt", "--all", "--check", "--manifest-path", bench::RIVALS_MANIFEST];
    step::run(workspace.cargo().args(rivals), sentence)
}

/// The six acts, and then each of them failing once: a drill that notices nothing would pass as well.
fn drill(workspace: &Workspace) -> Result<()> {
    deploy_drill::run(workspace, &deploy_drill::DrillOptions::default())?;
    deploy_drill::run(workspace, &deploy_drill::DrillOptions::self_check())
}

/// The workflow cannot be run here, so a linter that knows its language and its runners reads it.
fn hosted_workflow(workspace: &Workspace) -> Result<()> {
    let actionlint = tools::ACTIONLINT.install(workspace)?.program("actionlint");
    let mut lint = workspace.command(actionlint);
    // No other program: what is on PATH differs between machines.
    lint.args(["-no-color", "-shellcheck=", "-pyflakes=", WORKFLOW]);
    step::run(&mut lint, "actionlint found something in the hosted workflow: its message is above")
}

fn lint(workspace: &Workspace) -> Result<()> {
    let mut clippy = workspace.cargo();
    clippy.args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    step::run(&mut clippy, "clippy found something: its message is above")?;
    // Debug builds have one set of features, so nothing else compiles the client library without SQLite.
    let mut without_sqlite = workspace.cargo();
    without_sqlite.args(["clippy", "-p", "falconer-client", "--no-default-features", "--", "-D", "warnings"]);
    step::run(&mut without_sqlite, "the client library without SQLite: clippy's message is above")
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
    step::run(&mut deny, "cargo-deny found something: its message is above")?;
    // Nobody else reads it, and a measurement would write it anew.
    let sentence =
        "the lock file of the bench's rivals is old: run `cargo update --workspace` in bench/rivals";
    let locked = ["update", "--workspace", "--locked", "--manifest-path", bench::RIVALS_MANIFEST];
    step::run(workspace.cargo().args(locked), sentence)
}

/// Every test as a developer runs them who has worked with the local stack: at a terminal, in a shell with job control
/// that has sourced `target/dev/env` and has tastes of its own.
fn tests_in_a_terminal(workspace: &Workspace) -> Result<()> {
    let mut terminal = workspace.command("python3");
    terminal.arg(TERMINAL).arg(TERMINAL_SECONDS.to_string()).arg("cargo xtask test").envs(A_DEVELOPERS_SHELL);
    step::run(&mut terminal, "a test failed: the names are above")
}

/// The tests that look at their terminal, once more without one.
fn tests_without_a_terminal(workspace: &Workspace) -> Result<()> {
    for arguments in [
        &["--bin", "xtask"][..],
        &["--test", "it", "--", "manners", "operator::commands_confirm_and_exit_by_code"],
    ] {
        test::run(workspace, &test::TestOptions::of(arguments))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Documents promise this of the hosted workflow, and nothing here can run it.
    #[test]
    fn workflow_tests_clients_on_three_systems() {
        let workflow = std::fs::read_to_string(Workspace::find().unwrap().root.join(WORKFLOW)).unwrap();
        let (_, job) = workflow.split_once("\n  client:\n").expect("a job for the client");
        let job = job.split("\n  # ").next().unwrap_or_default();
        for system in ["ubuntu-", "macos-", "windows-"] {
            assert!(job.contains(system), "the client's tests do not run on {system}");
        }
        for package in ["falconer-client", "falconer-headless"] {
            assert!(job.contains(&format!("cargo test --locked -p {package}\n")), "{package} is not tested");
        }
        assert!(workflow.contains("bash .ci/run\n"));
    }
}
