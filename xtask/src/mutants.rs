//! `cargo xtask mutants`: every rule of the domain and of the client's states changed once, to see whether a test notices.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result, bail};

use crate::step;
use crate::tools;
use crate::workspace::Workspace;

/// Packages with rules.
const PACKAGES: [&str; 2] = ["falconer-domain", "falconer-client"];
/// The folders of their sources. A file may be named as it is called within one of them.
const SOURCES: [&str; 2] = ["shared/falconer-domain/src", "clients/rust/src"];
/// The rules: the domain whole, and what the state of a client follows from.
const RULES: [&str; 8] = [
    "shared/falconer-domain/src/**/*.rs",
    "clients/rust/src/decision.rs",
    "clients/rust/src/seal.rs",
    "clients/rust/src/signed.rs",
    "clients/rust/src/state.rs",
    "clients/rust/src/timeline.rs",
    "clients/rust/src/trust.rs",
    "clients/rust/src/trust/*.rs",
];
/// The document that judges each change that no test notices.
const JUDGED: &str = "docs/mutants.md";
/// The beginning of a line there.
const ITEM: &str = "- `";

/// Cases of a property in the first, short run.
const FEW_CASES: &str = "16";

/// cargo-mutants went to its end, though no test noticed some changes, or some made a test run for ever: which is noticed.
const FINISHED: [i32; 2] = [2, 3];

/// Options of `cargo xtask mutants`.
#[derive(clap::Args)]
pub(crate) struct Mutants {
    /// Only these files, as they are called within `shared/falconer-domain/src` or `clients/rust/src`. All rules take an hour.
    #[arg(value_name = "FILE")]
    files: Vec<String>,
}

/// Runs cargo-mutants on the rules, and holds what survives against what was judged.
pub(crate) fn run(workspace: &Workspace, options: &Mutants) -> Result<()> {
    let mutants = tools::CARGO_MUTANTS.find(workspace)?;
    let folder = workspace.target("mutants")?;
    let files = options.files.iter().map(|file| source(workspace, file)).collect::<Result<Vec<_>>>()?;
    let wanted = if files.is_empty() { RULES.map(str::to_owned).into() } else { files.clone() };
    // Most changes are noticed at once. Only what was not has to pass properties of full length, and the model.
    for (cases, tests) in
        [(Some(FEW_CASES), &["--cargo-arg=--lib"][..]), (None, &["--cargo-arg=--tests", "--iterate"])]
    {
        let mut mutate = workspace.command(&mutants);
        mutate.envs(cases.map(|cases| ("PROPTEST_CASES", cases)));
        mutate.args(["mutants", "--jobs", "2", "--output"]).arg(&folder);
        mutate.args(PACKAGES.into_iter().flat_map(|package| ["--package", package]));
        mutate.args(wanted.iter().flat_map(|file| ["--file", file])).args(tests);
        let status = step::watch(&mut mutate)?;
        if !status.success() && !status.code().is_some_and(|code| FINISHED.contains(&code)) {
            bail!("cargo-mutants could not do its work: its message is above");
        }
    }
    let missed = folder.join("mutants.out/missed.txt");
    let missed =
        fs::read_to_string(&missed).with_context(|| format!("{} cannot be read", missed.display()))?;
    let judged =
        fs::read_to_string(workspace.root.join(JUDGED)).with_context(|| format!("{JUDGED} is not there"))?;
    let mut judged = judgements(&judged);
    judged.retain(|item| files.is_empty() || files.iter().any(|file| item.starts_with(file.as_str())));
    compare(&survivors(&missed), &judged)
}

/// The path of a file that was named as it is called within one of the folders.
fn source(workspace: &Workspace, file: &str) -> Result<String> {
    let mut paths = SOURCES.iter().map(|folder| format!("{folder}/{file}"));
    let found = paths.find(|path| workspace.root.join(path).is_file());
    found.with_context(|| {
        format!("there is no {file}; name a file as it is called within {}", SOURCES.join(" or "))
    })
}

/// Both are the same, or which are not.
fn compare(survivors: &BTreeSet<String>, judged: &BTreeSet<String>) -> Result<()> {
    let unjudged = survivors.difference(judged).map(|name| format!("not judged: {name}"));
    let noticed =
        judged.difference(survivors).map(|name| format!("judged, and noticed by a test now: {name}"));
    let lines: Vec<_> = unjudged.chain(noticed).collect();
    if !lines.is_empty() {
        bail!(
            "write a test for each change that none notices, or judge it in {JUDGED}:\n  {}",
            lines.join("\n  ")
        );
    }
    println!("{} changes survive, and each is judged in {JUDGED}", survivors.len());
    Ok(())
}

/// `path: change` of every line of `missed.txt`, whose `path:line:column: change` moves with each edit.
fn survivors(missed: &str) -> BTreeSet<String> {
    numbered(missed.lines().map(|line| match line.splitn(4, ':').collect::<Vec<_>>().as_slice() {
        [path, _, _, change] => format!("{path}:{change}"),
        _ => line.to_owned(),
    }))
}

/// The same of every item in the document: the text between its first backticks.
fn judgements(document: &str) -> BTreeSet<String> {
    let items = document.lines().filter_map(|line| line.strip_prefix(ITEM));
    numbered(items.filter_map(|item| item.split('`').next()).map(str::to_owned))
}

/// One change may be made at several places of a function: each but the first gets a number.
fn numbered(names: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    for name in names {
        let again = (2..).map(|number| format!("{name} ({number})"));
        let free = std::iter::once(name.clone()).chain(again).find(|name| !set.contains(name));
        set.extend(free);
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSED: &str =
        "shared/a.rs:12:5: replace f -> bool with true\nshared/b.rs:1:9: replace < with <= in g\n";

    #[test]
    fn what_survives_is_judged_and_nothing_else() {
        let judged = "# M\n\n- `shared/a.rs: replace f -> bool with true`: why\n- `shared/b.rs: replace < with <= in g`: why\n";
        assert!(compare(&survivors(MISSED), &judgements(judged)).is_ok());

        let told = |judged: &str| compare(&survivors(MISSED), &judgements(judged)).unwrap_err().to_string();
        assert!(
            told("- `shared/a.rs: replace f -> bool with true`")
                .contains("not judged: shared/b.rs: replace <")
        );
        assert!(
            told(&format!("{judged}- `shared/c.rs: delete !`"))
                .contains("noticed by a test now: shared/c.rs")
        );
    }
}
