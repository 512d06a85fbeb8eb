//! Paths of the workspace, and calls of cargo.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::{caller, step};

/// Variables that `cargo run` sets for the program it runs. Build scripts watch some of them, so that a cargo started
/// with them would compile their crates anew, and the next one without them again.
const SET_BY_CARGO_RUN: [&str; 5] =
    ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The checkout.
pub(crate) struct Workspace {
    /// The folder of the root `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// Cargo's build folder: usually `target` in there.
    built: PathBuf,
}

impl Workspace {
    /// The checkout this program was built from.
    pub(crate) fn find() -> Result<Self> {
        let manifest = std::env::var_os("CARGO_MANIFEST_DIR").context("start it as `cargo xtask …`")?;
        let root = Path::new(&manifest).parent().context("xtask has no parent folder")?.to_owned();
        let mut metadata = cargo_in(&root);
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        let metadata: Value = serde_json::from_str(&step::ask(&mut metadata)?)?;
        let built =
            metadata["target_directory"].as_str().context("cargo metadata names no target directory")?;
        Ok(Self { built: built.into(), root })
    }

    /// `cargo`, at the root.
    pub(crate) fn cargo(&self) -> Command {
        cargo_in(&self.root)
    }

    /// Any other program, at the root.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        command_in(&self.root, program.as_ref())
    }

    /// The folder of debug builds.
    pub(crate) fn debug(&self) -> PathBuf {
        self.built.join("debug")
    }

    /// The target folder of what the bench measures: a build for the processor that Lambda has is of no use elsewhere.
    pub(crate) fn measured(&self, what: &str) -> PathBuf {
        self.built.join("bench").join(what)
    }

    /// A debug build of one of our programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.debug().join(name)
    }

    /// The folders of `functions/`, which are also the names of their packages and programs.
    pub(crate) fn functions(&self) -> Result<Vec<String>> {
        let folder = self.root.join("functions");
        let entries =
            fs::read_dir(&folder).with_context(|| format!("{} cannot be read", folder.display()))?;
        let mut names: Vec<_> = entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<Result<_>>()?;
        names.sort();
        Ok(names)
    }

    /// `target/NAME`, made if it is not there. In the checkout also where cargo builds elsewhere: `falconer --local`
    /// looks for `target/dev/env`.
    pub(crate) fn target(&self, name: &str) -> Result<PathBuf> {
        let folder = self.root.join("target").join(name);
        fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        Ok(folder)
    }
}

fn cargo_in(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    command_in(root, Path::new(&cargo))
}

fn command_in(root: &Path, program: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if SET_BY_CARGO_RUN.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&name);
        }
    }
    caller::forget_settings(&mut command);
    command
}
