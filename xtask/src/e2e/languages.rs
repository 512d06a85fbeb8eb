//! The verifiers of `examples/verifiers`, ready to be asked, each in a process whose clock is set.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::python::{self, Environment};
use crate::step;
use crate::workspace::Workspace;

/// The text of these files is in the documents; `tests/it/documents.rs` holds both together.
const EXAMPLES: &str = "examples/verifiers";
const JUDGES: &str = "tests/e2e/verifiers";
/// The JSON library that the Java verifier uses. The JDK has none.
const GSON_PACKAGE: &str = "libgoogle-gson-java";
const GSON_JAR: &str = "usr/share/java/gson.jar";

/// All three.
pub(super) struct Languages {
    commands: Vec<(&'static str, Vec<PathBuf>)>,
    /// The library that gives a process a clock of its own.
    libfaketime: PathBuf,
}

impl Languages {
    /// Fetches what they need, once, and compiles them.
    pub(super) fn ready(workspace: &Workspace, tools: &Environment) -> Result<Self> {
        let python = tools.program("python");
        let libfaketime = libfaketime(&python)?;
        let commands = vec![
            ("Python", vec![python, Path::new(JUDGES).join("judge.py"), Path::new(EXAMPLES).join("python")]),
            ("TypeScript", typescript(workspace)?),
            ("Java", java(workspace)?),
        ];
        Ok(Self { commands, libfaketime })
    }

    /// The answer of each language to each case: its name to `yes`, or to the reason of a no. `clock` is libfaketime's own
    /// notation: seconds to the right time, or `@` and a moment in UTC.
    pub(super) fn ask(
        &self,
        workspace: &Workspace,
        clock: &str,
        cases: &Value,
    ) -> Result<Vec<(&'static str, BTreeMap<String, String>)>> {
        let ask = |(language, words): &(&'static str, Vec<PathBuf>)| {
            let mut judge = workspace.command(&words[0]);
            judge.args(&words[1..]).env("LD_PRELOAD", &self.libfaketime);
            // Pauses and time-outs go by the monotonic clock, which stays as it is.
            judge.env("FAKETIME", clock).env("TZ", "UTC").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
            let told = step::tell(&mut judge, &cases.to_string())?;
            let told = serde_json::from_str(&told).with_context(|| format!("{language} answers {told}"))?;
            Ok((*language, told))
        };
        self.commands.iter().map(ask).collect()
    }
}

/// The program that checks keys as a page does: `node`, and its file.
pub(super) fn page(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let [node, judge] = <[PathBuf; 2]>::try_from(typescript(workspace)?).ok().context("node and its file")?;
    Ok(vec![node, judge.with_file_name("check.mjs")])
}

/// It comes with a package of its name from PyPI, which compiles it.
pub(super) fn libfaketime(python: &Path) -> Result<PathBuf> {
    let find = "import importlib.util as u; print(u.find_spec('libfaketime').submodule_search_locations[0])";
    let package = step::ask(Command::new(python).args(["-c", find]))?;
    Ok(Path::new(package.trim()).join("vendor/libfaketime/src/libfaketime.so.1"))
}

fn needed(program: &str, what_for: &str, package: &str) -> Result<PathBuf> {
    python::on_path(program).with_context(|| {
        format!(
            "there is no `{program}` on PATH, and {what_for} needs it: install it (on Debian and Ubuntu \
             `apt install {package}`) and run the command again"
        )
    })
}

/// Checks the types and compiles, with the versions that the example's own `package.json` pins.
fn typescript(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let what_for = "the verifier in TypeScript";
    let (node, npm) = (needed("node", what_for, "nodejs")?, needed("npm", what_for, "npm")?);
    let folder = workspace.target("tools/verifiers/typescript")?;
    let example = workspace.root.join(EXAMPLES).join("typescript");
    let package = fs::read_to_string(example.join("package.json"))?;
    let stamp = folder.join("installed.json");
    if fs::read_to_string(&stamp).ok().as_ref() != Some(&package) {
        fs::write(folder.join("package.json"), &package)?;
        let mut install = workspace.command(npm);
        install.args(["install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]);
        let sentence = "jose and TypeScript could not be installed: npm's message is above; it has to reach its \
                        registry this once";
        step::run(install.current_dir(&folder), sentence)?;
        fs::write(&stamp, &package)?;
    }
    for file in ["tsconfig.json", "verify-lease.ts", "check-license.ts", "follow-endorsements.ts"] {
        fs::copy(example.join(file), folder.join(file)).with_context(|| file.to_owned())?;
    }
    for file in ["judge.mjs", "check.mjs"] {
        fs::copy(workspace.root.join(JUDGES).join(file), folder.join(file))
            .with_context(|| file.to_owned())?;
    }
    step::ask(workspace.command(&node).current_dir(&folder).args(["node_modules/typescript/bin/tsc"]))?;
    Ok(vec![node, folder.join("judge.mjs")])
}

fn java(workspace: &Workspace) -> Result<Vec<PathBuf>> {
    let what_for = "the verifier in Java";
    let (java, javac) =
        (needed("java", what_for, "openjdk-17-jdk")?, needed("javac", what_for, "openjdk-17-jdk")?);
    let (gson, classes) = (gson(workspace)?, workspace.target("tools/verifiers/java")?);
    let mut compile = workspace.command(javac);
    compile.args(["-Xlint:all", "-Werror", "-cp"]).arg(&gson).arg("-d").arg(&classes);
    for file in ["VerifyLease.java", "FollowEndorsements.java"] {
        compile.arg(Path::new(EXAMPLES).join("java").join(file));
    }
    step::ask(compile.arg(Path::new(JUDGES).join("Judge.java")))?;
    let class_path = std::env::join_paths([&gson, &classes])?;
    Ok(vec![java, "-cp".into(), class_path.into(), "Judge".into()])
}

/// Debian's package, as it is installed, or unpacked into a folder of its own.
fn gson(workspace: &Workspace) -> Result<PathBuf> {
    let installed = Path::new("/").join(GSON_JAR);
    let folder = workspace.target("tools/verifiers/gson")?;
    let unpacked = folder.join("unpacked").join(GSON_JAR);
    if let Some(jar) = [installed, unpacked.clone()].into_iter().find(|jar| jar.is_file()) {
        return Ok(jar);
    }
    let sentence = "Gson for the verifier in Java could not be fetched: apt's message is above; after \
                    `apt-get update` it may, so run that and the command again";
    let mut download = workspace.command("apt-get");
    step::run(download.current_dir(&folder).args(["download", "-q", GSON_PACKAGE]), sentence)?;
    let mut unpack = workspace.command("sh");
    unpack.current_dir(&folder).args(["-c", "dpkg-deb -x libgoogle-gson-java_*.deb unpacked"]);
    step::ask(&mut unpack)?;
    Ok(unpacked)
}
