//! Tools that come from PyPI: one virtual environment a purpose under `target/tools`, every version pinned.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::step;
use crate::workspace::Workspace;

/// The version that `ministack` and `aws-sam-cli` require.
const OLDEST: (u32, u32) = (3, 10);

/// A set of packages for one purpose.
pub(crate) struct Toolset {
    /// The folder under `target/tools`.
    pub(crate) name: &'static str,
    /// The name in messages.
    pub(crate) what: &'static str,
    /// With their dependencies, as `name==version`.
    pub(crate) packages: &'static [&'static str],
    /// Without them, where they are large and not used here.
    pub(crate) bare_packages: &'static [&'static str],
}

/// A folder with a Python and packages of its own.
pub(crate) struct Environment(PathBuf);

impl Environment {
    /// The folder of its programs.
    pub(crate) fn folder(&self) -> PathBuf {
        self.0.join("bin")
    }

    /// One of its programs.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.0.join("bin").join(name)
    }
}

impl Toolset {
    /// The environment with exactly these versions: as it is if it has them, else installed visibly.
    pub(crate) fn install(&self, workspace: &Workspace) -> Result<Environment> {
        let folder = workspace.target("tools")?.join(self.name);
        let environment = Environment(folder.clone());
        let python = environment.program("python");
        let stamp = folder.join("installed.txt");
        let wanted = [self.packages, self.bare_packages].concat().join("\n");
        if fs::read_to_string(&stamp).is_ok_and(|installed| installed == wanted) && starts(&python) {
            return Ok(environment);
        }

        println!("Installing {} into {} (once)", self.what, folder.display());
        let system = system_python(self.what)?;
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
        }
        let mut create = workspace.command(&system);
        create.args(["-m", "venv"]).arg(&folder);
        step::run(&mut create, "Python could not make a virtual environment: its message is above")?;
        for (packages, option) in [(self.packages, None), (self.bare_packages, Some("--no-deps"))] {
            if packages.is_empty() {
                continue;
            }
            let mut pip = workspace.command(&python);
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]);
            pip.args(option).args(packages);
            let sentence = format!(
                "{} could not be installed: pip's message is above; it has to reach PyPI this once, so check the \
                 network and run the command again",
                self.what
            );
            step::run(&mut pip, &sentence)?;
        }
        // Last, so that an installation broken off is begun anew.
        fs::write(&stamp, wanted).with_context(|| format!("{} cannot be written", stamp.display()))?;
        Ok(environment)
    }
}

/// A Python new enough, with what it takes to make a virtual environment.
fn system_python(what: &str) -> Result<PathBuf> {
    let (major, minor) = OLDEST;
    let wanted = format!("Python {major}.{minor} or newer is needed for {what}");
    let Some(python) = on_path("python3") else {
        bail!("{wanted}, and there is no `python3` on PATH: install it and run the command again");
    };
    let mut version = Command::new(&python);
    version.args(["-c", "import sys; print(*sys.version_info[:2])"]);
    let version = step::ask(&mut version)?;
    let found: Vec<u32> = version.split_whitespace().filter_map(|part| part.parse().ok()).collect();
    if found.as_slice() < [major, minor].as_slice() {
        let found = version.trim().replace(' ', ".");
        bail!("{wanted}, and `python3` is {found}: install a newer one and run the command again");
    }
    let mut modules = Command::new(&python);
    modules.args(["-c", "import ensurepip, venv"]);
    if step::ask(&mut modules).is_err() {
        bail!(
            "Python's venv module is needed for {what}, and it is not installed: install it \
             (on Debian and Ubuntu `apt install python3-venv`) and run the command again"
        );
    }
    Ok(python)
}

/// The first program of that name on PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Checks that this Python still works: the system's may have been replaced under it.
fn starts(python: &Path) -> bool {
    python.exists() && step::ask(Command::new(python).arg("--version")).is_ok()
}
