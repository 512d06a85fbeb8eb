//! The machine and the tools behind a figure.

use std::fs;
use std::process::Command;

use serde::Serialize;

/// The machine and the versions. Its name is not among them: figures travel, names do not.
#[derive(Debug, Serialize)]
pub(crate) struct MachineInfo {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: u64,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    pub(crate) valgrind: String,
    pub(crate) python: String,
    pub(crate) commit: String,
}

impl MachineInfo {
    pub(crate) fn look(python: &std::path::Path) -> Self {
        let field = |file: &str, name: &str| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim_start_matches(['\t', ' ', ':']).to_owned()
        };
        let memory = field("/proc/meminfo", "MemTotal");
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: kilobytes.div_ceil(1_048_576),
            kernel: says("uname", &["-sr"]).split('-').next().unwrap_or_default().to_owned(),
            rustc: says("rustc", &["--version"]),
            valgrind: says("valgrind", &["--version"]),
            python: says(&python.to_string_lossy(), &["--version"]),
            commit: says("git", &["rev-parse", "--short", "HEAD"]),
        }
    }
}

fn says(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
