//! The basis of a measurement: rivals are built like the functions.

use std::collections::BTreeSet;
use std::fs;

use falconer_tests::checkout;

const RIVALS: &str = "bench/rivals";

fn read(path: &str) -> String {
    fs::read_to_string(checkout().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// The lines of `[profile.release]` and of its packages, without comments.
fn release_profile(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in read(manifest).lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.starts_with('[') {
            inside = line.starts_with("[profile.release");
        }
        if inside && !line.is_empty() {
            lines.push(line.to_owned());
        }
    }
    lines
}

#[test]
fn rivals_use_the_release_profile() {
    let ours = release_profile("Cargo.toml");
    assert!(ours.iter().any(|line| line == "lto = \"fat\""), "{ours:?}");
    assert_eq!(release_profile(&format!("{RIVALS}/Cargo.toml")), ours);
}

/// `name version` of every package in a `Cargo.lock`.
fn locked(path: &str) -> BTreeSet<String> {
    let text = read(path);
    let packages = text.split("[[package]]").skip(1);
    packages
        .map(|package| {
            let value = |name: &str| {
                let line = package.lines().find_map(|line| line.strip_prefix(name)).expect(name);
                line.trim_matches('"').to_owned()
            };
            format!("{} {}", value("name = \""), value("version = \""))
        })
        .collect()
}

#[test]
fn rivals_link_the_shipped_versions() {
    let (ours, theirs) = (locked("Cargo.lock"), locked(&format!("{RIVALS}/Cargo.lock")));
    for name in ["aws-config", "aws-sdk-dynamodb", "aws-sdk-secretsmanager", "lambda_http", "tokio"] {
        let of = |locked: &BTreeSet<String>| {
            let found = locked.iter().find(|package| package.split(' ').next() == Some(name));
            found.unwrap_or_else(|| panic!("no {name}")).clone()
        };
        assert_eq!(of(&theirs), of(&ours), "run `cargo update` in {RIVALS} too");
    }
}
