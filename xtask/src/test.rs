//! `cargo xtask test`: every test that needs only Rust.

use std::ffi::OsString;

use anyhow::Result;

use crate::step;
use crate::workspace::Workspace;

/// What is handed on.
#[derive(clap::Args, Default)]
pub(crate) struct Options {
    /// For `cargo test --workspace`: part of a test's name, or options such as `--no-fail-fast`.
    #[arg(allow_hyphen_values = true)]
    arguments: Vec<OsString>,
    /// For the test programs, as `--nocapture`.
    #[arg(last = true)]
    programs: Vec<OsString>,
}

/// Builds everything, then tests it. One set of packages for both, so that nothing is compiled a second time.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<()> {
    // Tests start the functions' binaries, and `cargo test` alone builds those of the package under test only.
    let mut build = workspace.cargo();
    build.args(["build", "--workspace", "--bins", "--tests"]);
    step::run(&mut build, "the build failed: the compiler's message is above")?;

    let mut test = workspace.cargo();
    test.args(["test", "--workspace"]).args(&options.arguments);
    if !options.programs.is_empty() {
        test.arg("--").args(&options.programs);
    }
    test.env("FALCONER_BIN_DIR", workspace.debug());
    step::run(&mut test, "a test failed: its message is above")
}
