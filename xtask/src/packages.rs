//! Programs from the system's packages, and the documents that lie beside the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::python;
use crate::step;
use crate::workspace::Workspace;

/// Debian's folder for PostgreSQL, with one folder a version.
const POSTGRESQL: &str = "/usr/lib/postgresql";
/// The folder of the documents that the project started from, and how the one with the Flask server begins.
pub(crate) const SEEDS: (&str, &str) = ("../shared/seeds", "000_");

/// One of Debian's packages.
pub(crate) struct Package {
    name: &'static str,
    what_it_does: &'static str,
    is_there: fn() -> bool,
}

impl Package {
    /// The database of the Flask server.
    pub(crate) const POSTGRESQL: Self =
        Self { name: "postgresql", what_it_does: "is the Flask server's database", is_there: has_postgresql };
    /// The package that counts instructions.
    pub(crate) const VALGRIND: Self = Self {
        name: "valgrind",
        what_it_does: "counts instructions",
        is_there: || python::on_path("valgrind").is_some(),
    };
    /// The package with which most people without Excel open a sheet.
    pub(crate) const LIBREOFFICE: Self = Self {
        name: "libreoffice-calc",
        what_it_does: "opens and saves sheets",
        is_there: || python::on_path("soffice").is_some(),
    };
}

/// Installs a package where it is missing, or says what to install.
pub(crate) fn ensure(workspace: &Workspace, package: &Package) -> Result<()> {
    if (package.is_there)() {
        return Ok(());
    }
    let Package { name, what_it_does, .. } = package;
    let apt_get = python::on_path("apt-get").filter(|_| rustix::process::geteuid().is_root());
    let Some(apt_get) = apt_get else {
        bail!(
            "{name} is not installed; it {what_it_does}: install it (on Debian and Ubuntu `sudo apt-get install {name}`) \
             and run the command again"
        );
    };
    let install = || {
        let mut install = workspace.command(&apt_get);
        install.args(["install", "-y", "--no-install-recommends", name]);
        install.env("DEBIAN_FRONTEND", "noninteractive");
        install
    };
    if step::watch(&mut install())?.success() {
        return Ok(());
    }
    // A list of packages that is weeks old names versions that are gone.
    step::run(workspace.command(&apt_get).arg("update"), "apt-get update failed: its message is above")?;
    step::run(&mut install(), &format!("{name} could not be installed: apt's message is above"))
}

/// The document with the Flask server, if it lies beside the checkout.
pub(crate) fn seed(workspace: &Workspace) -> Option<PathBuf> {
    let (folder, beginning) = SEEDS;
    let begins =
        |path: &Path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(beginning));
    let entries = fs::read_dir(workspace.root.join(folder)).ok()?;
    entries.flatten().map(|entry| entry.path()).find(|path| begins(path))
}

fn has_postgresql() -> bool {
    let versions = fs::read_dir(POSTGRESQL).into_iter().flatten().flatten();
    versions.into_iter().any(|version| version.path().join("bin/initdb").is_file())
}
