//! The packages of the functions, as `sam build` lays them out beside the template.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::breakage::Breakage;
use crate::step;
use crate::workspace::Workspace;

/// Lambda takes 262,144,000 bytes of a package, unpacked.
const TOO_LARGE: u64 = 263_000_000;
/// A file that makes a package another one, whatever its program is.
const RELEASE: &str = "release";
const BALLAST: &str = "ballast";

/// A folder with `template.yaml`, `samconfig.toml` and a debug build of each function.
pub(super) struct Packages {
    pub(super) folder: PathBuf,
    functions: Vec<String>,
}

impl Packages {
    /// Copies everything into `folder`. Without their debug information the programs fit into a package.
    pub(super) fn lay_out(workspace: &Workspace, folder: &Path, broken: Option<Breakage>) -> Result<Self> {
        let _ = fs::remove_dir_all(folder);
        let packages = Self { folder: folder.to_owned(), functions: workspace.functions()? };
        for function in &packages.functions {
            let package = packages.of(function);
            fs::create_dir_all(&package).with_context(|| format!("{} cannot be made", package.display()))?;
            let mut strip = workspace.command("strip");
            strip.arg("-o").arg(package.join("bootstrap")).arg(workspace.program(function));
            step::ask(&mut strip).context("`strip` comes with the linker that Rust needs")?;
        }
        packages.release("1")?;
        let template = fs::read_to_string(workspace.root.join("template.yaml"))?;
        let template = broken.map_or(Ok(template.clone()), |broken| broken.edit(&template))?;
        fs::write(folder.join("template.yaml"), template)?;
        fs::copy(workspace.root.join("samconfig.toml"), folder.join("samconfig.toml"))?;
        Ok(packages)
    }

    /// Makes every package another one.
    pub(super) fn release(&self, name: &str) -> Result<()> {
        for function in &self.functions {
            fs::write(self.of(function).join(RELEASE), name)?;
        }
        Ok(())
    }

    /// Puts a program that ends at once into one package.
    pub(super) fn ruin(&self, function: &str) -> Result<()> {
        Ok(fs::write(self.of(function).join("bootstrap"), "#!/bin/sh\nexit 1\n")?)
    }

    /// Makes one package larger than Lambda takes. Zeros are small on the way.
    pub(super) fn load(&self, function: &str) -> Result<()> {
        Ok(File::create(self.of(function).join(BALLAST))?.set_len(TOO_LARGE)?)
    }

    /// Takes that out again.
    pub(super) fn unload(&self, function: &str) -> Result<()> {
        Ok(fs::remove_file(self.of(function).join(BALLAST))?)
    }

    fn of(&self, function: &str) -> PathBuf {
        self.folder.join("functions").join(function)
    }
}
