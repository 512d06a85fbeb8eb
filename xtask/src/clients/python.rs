//! The library for Python: linted and typed, its vectors run, then sdist and wheel, and everything else from the wheel.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::caller;
use crate::ports;
use crate::process::Output;
use crate::python::Environment;
use crate::stack::{self, Stack};
use crate::step;
use crate::tools;
use crate::workspace::Workspace;

const PACKAGE: &str = "clients/python";
/// The oldest glibc that the wheel for Linux runs on: that of RHEL 7.
const MANYLINUX: &str = "manylinux_2_17";

/// Runs every part, the cheap ones first.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tools = tools::PYTHON.install(workspace)?;
    let library = Library { workspace, tools: &tools, left: workspace.target("clients")? };
    library.lint()?;
    library.with_test_module()?;
    let wheel = library.wheel()?;
    library.install(&wheel)?;
    library.test(&wheel)
}

/// The package, and the tools that work on it.
struct Library<'a> {
    workspace: &'a Workspace,
    tools: &'a Environment,
    /// The folder for what can be handed out.
    left: PathBuf,
}

impl Library<'_> {
    fn lint(&self) -> Result<()> {
        let ruff = |arguments: &[&str]| {
            let mut ruff = self.tool("ruff");
            ruff.args(arguments).args(["--no-cache", ".", "../../examples/desktop"]);
            step::run(&mut ruff, "ruff found something in clients/python: its message is above")
        };
        ruff(&["check"])?;
        ruff(&["format", "--check"])?;
        let mut mypy = self.tool("mypy");
        mypy.arg("--cache-dir").arg(self.left.join("mypy"));
        step::run(&mut mypy, "mypy found something in clients/python: its message is above")?;
        let mut pyright = self.tool("pyright");
        pyright.arg("--pythonpath").arg(self.tools.program("python"));
        step::run(&mut pyright, "pyright found something in clients/python: its message is above")
    }

    /// The vectors, on a second extension module that shows what the wheel does not.
    fn with_test_module(&self) -> Result<()> {
        let mut build = self.workspace.cargo();
        // The whole workspace, so that nothing is compiled in a second set of features. It turns the test module on.
        build.args(["build", "--workspace", "--lib", "--bins", "--examples"]);
        step::run(&mut build, "the build failed: the compiler's message is above")?;
        let package = self.left.join("with-test-module/falconer_licensing");
        fs::create_dir_all(&package)?;
        for file in fs::read_dir(self.folder().join("falconer_licensing"))? {
            let file = file?.path();
            let name = file.file_name().context("a file without a name")?;
            if file.extension().is_some_and(|extension| extension == "py" || extension == "pyi") {
                fs::copy(&file, package.join(name))?;
            }
        }
        fs::copy(self.workspace.debug().join("libfalconer_python.so"), package.join("_native.abi3.so"))?;
        let mut pytest = self.tool("pytest");
        pytest.arg("tests/vectors").env("PYTHONPATH", self.left.join("with-test-module"));
        step::run(&mut pytest, "a vector fails from Python: its message is above")
    }

    /// Writes the sdist, and builds the wheel from it: so both are whole.
    fn wheel(&self) -> Result<PathBuf> {
        for old in fs::read_dir(&self.left)? {
            let old = old?.path();
            if old.extension().is_some_and(|extension| extension == "whl" || extension == "gz") {
                fs::remove_file(old)?;
            }
        }
        let mut sdist = self.tool("maturin");
        sdist.args(["sdist", "--out"]).arg(&self.left);
        step::run(&mut sdist, "maturin wrote no sdist: its message is above")?;
        let sdist = self.only("gz")?;
        let unpacked = self.left.join("unpacked");
        if unpacked.exists() {
            fs::remove_dir_all(&unpacked)?;
        }
        fs::create_dir_all(&unpacked)?;
        let mut tar = self.workspace.command("tar");
        tar.arg("-xzf").arg(&sdist).arg("-C").arg(&unpacked).args(["--strip-components", "1"]);
        step::run(&mut tar, "the sdist could not be unpacked")?;
        let mut build = self.tool("maturin");
        build.current_dir(&unpacked).args(["build", "--zig", "--compatibility", MANYLINUX, "--out"]);
        build.arg(&self.left).env("CARGO_TARGET_DIR", self.workspace.root.join("target"));
        step::run(&mut build, "maturin built no wheel from the sdist: its message is above")?;
        self.only("whl")
    }

    /// Puts the wheel where the tests import from.
    fn install(&self, wheel: &Path) -> Result<()> {
        let mut pip = self.tool("python");
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-index",
            "--no-deps",
        ]);
        pip.arg("--force-reinstall").arg(wheel);
        step::run(&mut pip, "pip does not install the wheel: its message is above")
    }

    /// Everything else, from the wheel and against a stack. Then states what the library costs an application.
    fn test(&self, wheel: &Path) -> Result<()> {
        let options = stack::StackOptions {
            port: ports::free_port()?,
            release: false,
            data: None,
            concurrency: 2,
            rate_limit: 0,
            allowed_origins: None,
            output: Output::Log,
            folder: "clients/stack".to_owned(),
        };
        let _stack = Stack::start(self.workspace, &options)?;
        let mut pytest = self.tool("pytest");
        pytest.args(["--ignore", "tests/vectors"]);
        pytest.env("FALCONER_TEST_STACK", self.left.join("stack/env"));
        pytest.env("FALCONER_TEST_EXAMPLES", self.workspace.debug().join("examples"));
        pytest.env("FALCONER_TEST_PROGRAM", self.workspace.program("falconer"));
        pytest.env("FALCONER_TEST_WHEELS", &self.left);
        pytest.env("FALCONER_TEST_SCREENSHOTS", self.workspace.target("clients/screenshots")?);
        step::run(&mut pytest, "a test of the Python library fails: its message is above")?;
        let mut measure = self.tool("python");
        measure.arg("measure.py").arg(wheel);
        measure.env("FALCONER_TEST_STACK", self.left.join("stack/env"));
        measure.env("FALCONER_TEST_PROGRAM", self.workspace.program("falconer"));
        print!("{}", step::ask(&mut measure)?);
        Ok(())
    }

    /// One of the tools, in the folder of the package, without the settings of whoever calls.
    fn tool(&self, name: &str) -> Command {
        let mut command = self.workspace.command(self.tools.program(name));
        caller::forget_surroundings(&mut command);
        command.current_dir(self.folder()).env("VIRTUAL_ENV", self.tools.folder().join(".."));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let own = std::iter::once(self.tools.folder()).chain(std::env::split_paths(&path));
        if let Ok(path) = std::env::join_paths(own) {
            command.env("PATH", path);
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        command
    }

    fn folder(&self) -> PathBuf {
        self.workspace.root.join(PACKAGE)
    }

    /// The one file with this extension among what is left.
    fn only(&self, extension: &str) -> Result<PathBuf> {
        let files = fs::read_dir(&self.left)?.flatten().map(|entry| entry.path());
        let files: Vec<_> =
            files.filter(|file| file.extension().is_some_and(|found| found == extension)).collect();
        ensure!(files.len() == 1, "{} files end with .{extension} in {}", files.len(), self.left.display());
        Ok(files[0].clone())
    }
}
