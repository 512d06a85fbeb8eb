//! Checks against drift: folders, resources, routes, settings, dependencies, the frozen secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use falconer_aws::Settings;
use falconer_emulators::template::Template;
use falconer_tests::checkout;

/// The block that makes the first master. If CloudFormation ever sees it differ, it generates a new value over the ring
/// and every license ever issued is refused.
const FROZEN_SECRET: &str = r#"      GenerateSecretString:
        SecretStringTemplate: '{"current":"1"}'
        GenerateStringKey: "1"
        PasswordLength: 64
        ExcludePunctuation: true
"#;

fn read(path: &str) -> String {
    fs::read_to_string(checkout().join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

fn template() -> Template {
    Template::read(&checkout().join("template.yaml")).unwrap()
}

/// The names of a folder's folders.
fn folders(path: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(checkout().join(path)).unwrap().map(Result::unwrap);
    entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

/// Every Rust file below a folder.
pub(crate) fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

#[test]
fn every_function_is_fully_declared() {
    let (functions, readme, manifest) = (folders("functions"), read("README.md"), read("Cargo.toml"));
    let resources = template().functions().unwrap();
    let binaries: BTreeSet<_> = resources.iter().map(|function| function.binary.clone()).collect();
    assert_eq!(functions, binaries, "functions/ and template.yaml");
    assert_eq!(functions, folders("events"), "functions/ and events/");
    for function in &resources {
        assert!(!function.routes.is_empty(), "{} has no route", function.binary);
        for route in &function.routes {
            // HEAD has no row of its own: it is GET without a body.
            let row = format!("| `{} {}` |", route.method.replace("HEAD", "GET"), route.path);
            assert!(readme.contains(&row), "README.md lacks {row}");
            let path = format!(r#""{}" = ["#, route.path);
            let line = manifest.lines().find(|line| line.starts_with(&path)).unwrap_or_default();
            let watched = format!(r#"{{ function = "{}", method = "{}" }}"#, function.binary, route.method);
            assert!(line.contains(&watched), "the watch router lacks {watched} for {path}");
        }
        // SAM builds in this folder: selected alone, the package ships its own features.
        let source = template().resource(&function.logical_id).unwrap()["Properties"]["CodeUri"].clone();
        assert_eq!(source, format!("functions/{}", function.binary), "CodeUri of {}", function.logical_id);
        let main = read(&format!("functions/{}/src/main.rs", function.binary));
        assert!(main.lines().count() <= 15, "main of {} is longer than 15 lines", function.binary);
    }
}

#[test]
fn template_sets_every_setting() {
    // No parameter sets the one, and Lambda itself sets the other.
    let others = ["TLS_ROOTS_FILE", "AWS_LAMBDA_LOG_LEVEL"];
    let read: BTreeSet<_> = Settings::NAMES.into_iter().filter(|name| !others.contains(name)).collect();
    for function in template().functions().unwrap() {
        let set: BTreeSet<_> = function.variable_names().collect();
        assert_eq!(set, read, "{}", function.logical_id);
    }
}

#[test]
fn secret_is_frozen_and_retained() {
    let text = read("template.yaml");
    assert!(
        text.contains(FROZEN_SECRET),
        "GenerateSecretString was edited: every issued license would be refused"
    );
    let secret = &template().resource("MasterKeySecret").unwrap().clone();
    assert_eq!(
        (&secret["DeletionPolicy"], &secret["UpdateReplacePolicy"]),
        (&"Retain".into(), &"Retain".into())
    );
}

#[test]
fn dependencies_point_one_way() {
    let allowed: &[(&str, &[&str])] = &[
        ("shared/falconer-domain", &[]),
        ("shared/falconer-aws", &["falconer-domain"]),
        ("shared/falconer-http", &["falconer-aws", "falconer-domain"]),
        ("functions/verify", &["falconer-domain", "falconer-http"]),
        ("functions/activate-sync", &["falconer-domain", "falconer-http"]),
        ("functions/transfer", &["falconer-domain", "falconer-http"]),
        ("functions/deactivate", &["falconer-domain", "falconer-http"]),
        ("functions/keys", &["falconer-domain", "falconer-http"]),
        ("functions/health", &["falconer-domain", "falconer-http"]),
        ("shared/falconer-operator", &["falconer-aws", "falconer-domain"]),
        ("console", &["falconer-aws", "falconer-domain", "falconer-operator"]),
        ("cli", &["falconer-aws", "falconer-console", "falconer-domain", "falconer-operator"]),
        ("clients/rust", &["falconer-domain"]),
        ("clients/headless", &["falconer-client"]),
        ("emulators", &[]),
        ("shared/falconer-openapi", &["falconer-domain", "falconer-http"]),
        ("xtask", &[]),
    ];
    let checked: BTreeSet<_> = allowed.iter().map(|(folder, _)| (*folder).to_owned()).collect();
    let members = ["functions", "shared"]
        .into_iter()
        .flat_map(|parent| folders(parent).into_iter().map(move |name| format!("{parent}/{name}")));
    for member in members {
        assert!(checked.contains(&member), "{member} has no rule here");
    }
    for (folder, allowed) in allowed {
        let manifest = read(&format!("{folder}/Cargo.toml"));
        let (_, dependencies) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(!name.starts_with("falconer") || allowed.contains(&name), "{folder} may not use {name}");
            let sdk = name.starts_with("aws-") || name == "serde_dynamo";
            assert!(!sdk || *folder == "shared/falconer-aws", "{folder} may not name {name}");
            let terminal = ["clap", "clap_complete", "clap_mangen", "comfy-table", "dialoguer", "indicatif"];
            assert!(
                !terminal.contains(&name) || *folder != "shared/falconer-operator",
                "{folder} may not name {name}"
            );
            let lambda = name.starts_with("lambda");
            assert!(!lambda || *folder == "shared/falconer-http", "{folder} may not name {name}");
        }
    }
}

/// The crates that a package links, one a line.
fn linked_by(package: &str) -> String {
    cargo_tree(&["--package", package, "--edges", "normal"])
}

fn cargo_tree(arguments: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "cargo tells its tests where it is")]
    let cargo = std::env::var_os("CARGO").expect("cargo's own path");
    let tree = Command::new(cargo)
        .current_dir(checkout())
        .args(["tree", "--prefix", "none", "--offline"])
        .args(arguments)
        .output()
        .expect("cargo tree");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    String::from_utf8(tree.stdout).unwrap()
}

/// The sets of features in which debug builds compile each crate, for programs and build scripts alike.
fn feature_sets(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut sets: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let tree = cargo_tree(&["--workspace", "--edges", edges, "--format", "{p}|{f}"]);
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.split_once('|').expect("the format");
        let features = features.trim_end_matches(" (*)").to_owned();
        sets.entry(package.trim_end_matches(" (proc-macro)").to_owned()).or_default().insert(features);
    }
    sets
}

/// `cargo xtask`, `dev` and the watcher build programs, `test` builds tests too: a crate with two sets of features would be
/// compiled twice.
#[test]
fn debug_builds_compile_each_crate_once() {
    let (programs, tests) = (feature_sets("normal,build"), feature_sets("normal,build,dev"));
    for (package, sets) in &tests {
        assert_eq!(sets.len(), 1, "{package} is compiled with several sets of features: {sets:?}");
        if let Some(without_tests) = programs.get(package) {
            let advice = "name what turns the feature on in [dependencies] of tests/Cargo.toml";
            assert_eq!(
                without_tests, sets,
                "{package} has other features in programs than in tests; {advice}"
            );
        }
    }
    // A package that is selected alone has its own features.
    assert!(!read("Cargo.toml").contains("\ndefault-members"), "cargo selects default members alone");
    assert!(read(".cargo/config.toml").contains("\nxtask = \"run --quiet --bin xtask --\"\n"));
}

/// A second version of a crate costs compile time, so CONTRIBUTING.md names each with its reason.
#[test]
fn duplicate_crates_have_their_reason() {
    let mut versions: BTreeMap<_, usize> = BTreeMap::new();
    for package in feature_sets("normal,build,dev").keys() {
        let (name, _) = package.split_once(" v").expect("a name and a version");
        *versions.entry(name.to_owned()).or_default() += 1;
    }
    let section = read("CONTRIBUTING.md");
    let table =
        section.split("--duplicates`").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the list");
    let rows: String = table.lines().filter_map(|line| line.split('|').nth(1)).collect();
    let named: BTreeSet<_> = rows.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    let duplicated = versions.into_iter().filter(|(_, versions)| *versions > 1).map(|(name, _)| name);
    assert_eq!(named, duplicated.collect(), "the table of CONTRIBUTING.md is what cargo compiles twice");
}

#[test]
fn client_links_no_runtime_or_sdk() {
    let tree = linked_by("falconer-client");
    assert!(
        tree.contains("rusqlite v0") && tree.contains("ring v0.17") && tree.contains("falconer-domain v"),
        "{tree}"
    );
    for banned in ["tokio v", "hyper v", "aws-", "lambda", "openssl-sys", "native-tls", "dynoxide", "ratatui"]
    {
        assert!(!tree.lines().any(|line| line.starts_with(banned)), "an application would link {banned}");
    }
}

/// `libsqlite3-sys` names a native library, which a program links once: an application with another version of it needs a
/// client without.
#[test]
fn client_without_sqlite_links_none() {
    let linked = ["--package", "falconer-client", "--edges", "normal", "--no-default-features"];
    let tree = cargo_tree(&linked);
    assert!(tree.contains("falconer-domain v") && !tree.contains("sqlite"), "{tree}");
    assert!(read("xtask/src/ci.rs").contains("--no-default-features"), "and is compiled");
}

#[test]
fn functions_link_one_tls_stack() {
    let tree = linked_by("verify");
    assert!(tree.contains("lambda_http v1") && tree.contains("ring v0.17"), "{tree}");
    for banned in [
        "aws-lc-sys",
        "aws-lc-rs",
        "hyper v0.14",
        "rustls v0.21",
        "openssl-sys",
        "dynoxide",
        "aws-sdk-sso",
        "utoipa",
        "axum",
        "askama",
        "plotters",
        "falconer-console",
    ] {
        assert!(!tree.contains(banned), "verify links {banned}");
    }
}

#[test]
fn manifest_has_profile_and_reasons() {
    let manifest = read("Cargo.toml");
    for line in
        ["opt-level = \"s\"", "lto = \"fat\"", "codegen-units = 1", "strip = true", "panic = \"unwind\""]
    {
        assert!(manifest.contains(line), "[profile.release] lacks {line}");
    }
    let dependencies =
        manifest.split("[workspace.dependencies]").nth(1).unwrap().split("\n[").next().unwrap();
    for line in dependencies.lines().filter(|line| line.contains(" = ") && !line.starts_with('#')) {
        assert!(line.contains(" # "), "a dependency without its reason: {line}");
    }
}

#[test]
fn domain_is_pure() {
    for file in rust_files(&checkout().join("shared/falconer-domain/src")) {
        let text = fs::read_to_string(&file).unwrap();
        for banned in ["std::time", "std::env", "std::fs", "std::net", "async ", "getrandom", "Instant"] {
            assert!(!text.contains(banned), "{} uses {banned}", file.display());
        }
    }
}

#[test]
fn operator_prints_nothing() {
    for file in rust_files(&checkout().join("shared/falconer-operator/src")) {
        let text = fs::read_to_string(&file).unwrap();
        for banned in ["println!", "eprintln!", "print!(", "stderr(", "clap::"] {
            assert!(!text.contains(banned), "{} uses {banned}", file.display());
        }
    }
}
