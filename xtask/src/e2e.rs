//! `cargo xtask e2e`: the real stack, looked at from outside by programs that share no code with it.

mod checks;
mod languages;
mod network;
mod published;
mod shutdown;
mod verifiers;

use anyhow::{Result, bail};

use crate::interrupt;
use crate::ports;
use crate::process::Output;
use crate::stack::{self, Stack};
use crate::tools;
use crate::workspace::Workspace;

/// Brings the stack up on free ports, runs every check, and says which of them failed.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = tools::E2E.install(workspace)?;
    let python = tools.program("python");
    let options = stack::StackOptions {
        port: ports::free_port()?,
        release: false,
        data: None,
        concurrency: 1,
        rate_limit: 0,
        allowed_origins: None,
        output: Output::Log,
        folder: "e2e".to_owned(),
    };
    let mut stack = Stack::start(workspace, &options)?;
    let mut tally = Tally::default();
    for (name, check) in checks::ALL {
        tally.add(
            name,
            check(&mut checks::CheckedStack { workspace, stack: &mut stack, python: &python, tools: &tools }),
        )?;
    }
    tally.add("stopping the stack leaves no process behind", shutdown::of_a_stack(stack))?;
    tally.add("SIGTERM ends `cargo xtask dev` and all of it", shutdown::of_dev_by_sigterm(workspace))?;
    tally.add(
        "`cargo xtask dev` stops at a bad key ring with its sentence",
        shutdown::of_dev_at_a_bad_ring(workspace),
    )?;
    tally.close(workspace)
}

#[derive(Default)]
struct Tally {
    passed: u32,
    failed: u32,
}

impl Tally {
    /// Notes an outcome. An interruption does not count, and ends the run.
    fn add(&mut self, name: &str, outcome: Result<()>) -> Result<()> {
        match outcome {
            Ok(()) => {
                self.passed += 1;
                println!("ok      {name}");
            }
            Err(error) => {
                interrupt::check()?;
                self.failed += 1;
                println!("FAILED  {name}: {error:#}");
            }
        }
        Ok(())
    }

    fn close(&self, workspace: &Workspace) -> Result<()> {
        println!("\n{} passed, {} failed", self.passed, self.failed);
        if self.failed > 0 {
            bail!("see above; logs are in {}", workspace.target("e2e")?.display());
        }
        Ok(())
    }
}
