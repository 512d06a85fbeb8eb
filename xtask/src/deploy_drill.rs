//! `cargo xtask deploy-drill`: `template.yaml` as it is, through `sam deploy` into an emulated account, and the stack in use.
//!
//! The account is ministack. A bridge over each thing that it lacks is in `xtask/python/account.py`, and the first lines of
//! the output list them. Nothing is taken out of the template: each act compares the one that was deployed with the file.

mod account;
mod acts;
mod breakage;
mod customers;
mod packages;
mod traffic;

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use self::account::Account;
use self::breakage::Breakage;
use self::customers::Customer;
use self::packages::Packages;
use crate::workspace::Workspace;
use crate::{interrupt, stack, tools};

/// The folder under `target` for packages, logs and what the account writes.
const FOLDER: &str = "deploy-drill";

#[derive(clap::Args, Default)]
pub(crate) struct DrillOptions {
    /// Break one thing, and fail unless the drill notices in the act that looks at it
    #[arg(long = "break", value_name = "WHAT", conflicts_with = "self_check")]
    broken: Option<Breakage>,
    /// Break each thing once
    #[arg(long)]
    self_check: bool,
}

impl DrillOptions {
    /// Everything broken once.
    pub(crate) fn self_check() -> Self {
        Self { broken: None, self_check: true }
    }
}

/// Runs the six acts, or shows that they notice what is broken.
pub(crate) fn run(workspace: &Workspace, options: &DrillOptions) -> Result<()> {
    let programs = [workspace.functions()?, vec!["falconer".to_owned()]].concat();
    stack::build_programs(workspace, &programs, &[])?;
    let broken = match options.broken {
        Some(broken) => vec![broken],
        None if options.self_check => Breakage::all(),
        None => return Drill::prepare(workspace, None)?.through(),
    };
    for broken in broken {
        must_be_noticed(workspace, broken)?;
    }
    Ok(())
}

/// Plays the acts that the broken thing needs, and fails unless the last of them, and no other, fails with the message that
/// names the broken thing.
fn must_be_noticed(workspace: &Workspace, broken: Breakage) -> Result<()> {
    println!("\n==== broken on purpose: {}", broken.sentence());
    let mut drill = Drill::prepare(workspace, Some(broken))?;
    let (last, before) = broken.acts().split_last().context("something broken that no act looks at")?;
    for number in before {
        let played = (acts::ALL[number - 1].run)(&mut drill);
        played.with_context(|| format!("act {number} failed, which has nothing to do with it"))?;
    }
    let played = (acts::ALL[last - 1].run)(&mut drill);
    interrupt::check()?;
    println!("noticed in act {last}: {}", noticed(broken, played)?);
    Ok(())
}

/// What the act said about the broken thing. An act that passes, or fails for another reason, has not noticed it.
fn noticed(broken: Breakage, played: Result<String>) -> Result<String> {
    let Err(error) = played else { bail!("the act passed, although {}", broken.sentence()) };
    let (said, expected) = (format!("{error:#}"), broken.message());
    ensure!(said.contains(expected), "the act failed, but not with {expected:?}: {said}");
    Ok(said)
}

/// An account, and the stack in it. The fields are dropped in their order.
struct Drill<'w> {
    account: Account<'w>,
    packages: Packages,
    /// The name of the stack that is in use.
    stack: &'static str,
    /// The lease issuer of the version that was deployed last.
    issuer: &'static str,
    customers: Vec<Customer>,
    /// The outputs of the deleted stack.
    left: Value,
    broken: Option<Breakage>,
}

impl<'w> Drill<'w> {
    fn prepare(workspace: &'w Workspace, broken: Option<Breakage>) -> Result<Self> {
        let tools = account::DrillTools {
            sam: tools::TEMPLATE.install(workspace)?,
            account: tools::ACCOUNT.install(workspace)?,
            outside: tools::E2E.install(workspace)?,
        };
        let folder = workspace.target(FOLDER)?;
        let packages = Packages::lay_out(workspace, &folder.join("packages"), broken)?;
        let account = Account::open(workspace, tools, folder)?;
        Ok(Self {
            account,
            packages,
            stack: "drill",
            issuer: "",
            customers: Vec::new(),
            left: Value::Null,
            broken,
        })
    }

    /// All acts, each with what it showed and what only AWS can show.
    fn through(&mut self) -> Result<()> {
        let begun = Instant::now();
        println!("\nBridged, since the emulated account lacks it:");
        for bridge in self.account.bridges()? {
            println!("  - {bridge}");
        }
        for (number, act) in (1..).zip(&acts::ALL) {
            let begun = Instant::now();
            println!("\nAct {number}: {}", act.name);
            let shown = (act.run)(self).with_context(|| format!("act {number}, {}", act.name))?;
            println!("  Shown, in {} s: {shown}", begun.elapsed().as_secs());
            println!("  Not shown: {}", act.not_shown);
        }
        println!("\n{} acts passed in {} s", acts::ALL.len(), begun.elapsed().as_secs());
        Ok(())
    }

    fn is_broken(&self, thing: Breakage) -> bool {
        self.broken == Some(thing)
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    /// A drill that cannot start, a slow machine and a mistake of an act fail too, and prove nothing.
    #[test]
    fn only_the_expected_message_is_noticing() {
        for broken in Breakage::all() {
            let expected = anyhow!("{} of a table", broken.message()).context("act 1");
            assert!(noticed(broken, Err(expected)).unwrap().contains(broken.message()), "{broken:?}");
            let other = Err(anyhow!("sam takes longer than 240 s"));
            let refused = noticed(broken, other).unwrap_err().to_string();
            assert!(refused.contains("240 s") && refused.contains("not with"), "{broken:?}: {refused}");
            let passed = noticed(broken, Ok("the smoke script's looks pass".to_owned())).unwrap_err();
            assert!(passed.to_string().contains(&broken.sentence()), "{broken:?}: {passed}");
        }
    }
}
