//! `falconer-emulators` as a program.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

#[test]
fn dynamodb_reports_ready_or_port_taken() {
    let mut first = Running::start();
    let port = first.url.rsplit(':').next().unwrap().to_owned();
    let health = ureq::get(&first.url).call().unwrap();
    assert_eq!(health.status(), 200);

    let second = program("dynamodb").args(["--port", &port]).output().unwrap();
    assert!(!second.status.success());
    let message = String::from_utf8(second.stderr).unwrap();
    assert_eq!(
        message.trim(),
        format!(
            "falconer-emulators: port {port} on 127.0.0.1 is in use by another program; choose another port or stop it"
        )
    );
    assert!(first.child.try_wait().unwrap().is_none(), "the first one is still there");
}

#[test]
fn environment_prints_every_function_setting() {
    let output = program("environment").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().any(|line| line == "LICENSES_TABLE=falconer-licenses"), "{text}");
    assert!(text.lines().all(|line| line.contains('=')), "{text}");
}

#[test]
fn a_missing_template_is_one_sentence() {
    let output = Command::new(env!("CARGO_BIN_EXE_falconer-emulators"))
        .args(["environment", "--template", "nowhere.yaml"])
        .output()
        .unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("falconer-emulators: cannot read the template nowhere.yaml"), "{message}");
    assert_eq!(message.lines().count(), 1, "{message}");
}

fn program(command: &str) -> Command {
    let template: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml");
    let mut program = Command::new(env!("CARGO_BIN_EXE_falconer-emulators"));
    program.arg(command).arg("--template").arg(template);
    program
}

/// Killed with the test that started it.
struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start() -> Self {
        let mut child = program("dynamodb").stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().strip_prefix("ready ").expect("the ready line").to_owned();
        Self { child, url }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
