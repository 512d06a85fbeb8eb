//! `cargo xtask simulate`: Falconer's growth on paper. A test holds the tables of `docs/scaling.md` to it.

use std::process::Command;

use anyhow::Result;

use crate::step;
use crate::workspace::Workspace;

/// The choices of a developer.
#[derive(clap::Args, Default)]
pub(crate) struct SimulateOptions {
    /// Write the tables into docs/scaling.md instead of printing them.
    #[arg(long)]
    write: bool,
}

/// Prints the tables, or writes them into the document.
pub(crate) fn run(workspace: &Workspace, options: &SimulateOptions) -> Result<()> {
    let mode = if options.write { &["--write"][..] } else { &[] };
    step::run(&mut simulation(workspace, mode), "the simulation failed: its message is above")
}

fn simulation(workspace: &Workspace, mode: &[&str]) -> Command {
    let mut command = workspace.command("python3");
    command.arg("xtask/python/simulate.py").arg(&workspace.root).args(mode);
    command
}

/// Holds a document to its sources: `costs.py` docs/costs.md, `performance.py` docs/performance.md.
#[cfg(test)]
fn check(workspace: &Workspace, script: &str) -> Command {
    let mut command = workspace.command("python3");
    command.arg(format!("xtask/python/{script}")).arg(&workspace.root);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_the_simulated_tables() {
        let workspace = Workspace::find().unwrap();
        step::run(&mut simulation(&workspace, &["--check"]), "docs/scaling.md differs").unwrap();
    }

    #[test]
    fn bills_are_recomputed() {
        let workspace = Workspace::find().unwrap();
        step::run(&mut check(&workspace, "costs.py"), "docs/costs.md differs").unwrap();
    }

    #[test]
    fn performance_has_the_measured_figures() {
        let workspace = Workspace::find().unwrap();
        step::run(&mut check(&workspace, "performance.py"), "docs/performance.md differs").unwrap();
    }
}
