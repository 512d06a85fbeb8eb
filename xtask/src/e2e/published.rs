//! Everything published beside the program, tried on the running stack: the OpenAPI document, the collection of requests, the
//! script for a deployed stack.

use std::env::{join_paths, split_paths, var_os};

use anyhow::{Result, ensure};

use super::checks::CheckedStack;
use crate::seed::license_key;
use crate::step;

/// Sent to each endpoint, besides what schemathesis makes of limits and examples. The same ones every time.
const EXAMPLES: &str = "60";
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance";
const SEED: &str = "20260101";

/// Every file of the collection, in its order, judged by its own assertions.
pub(super) fn collection(subject: &mut CheckedStack) -> Result<()> {
    let mut run = subject.workspace.command(subject.python);
    run.args(["tests/e2e/bruno.py", "docs/bruno"]);
    subject.stack.environment.apply(&mut run);
    // A license of its own: the demo licenses' seats are others' to move.
    let issued = subject
        .stack
        .operator()
        .run(&["issue", "--json", "--tier", "pro", "--days", "1", "--user", "bruno"])?;
    run.env("FALCONER_DEMO_KEY", license_key(&issued)?);
    step::ask(&mut run).map(drop)
}

/// Against our own gateway: `cargo lambda watch` answers some bodies 500 by itself.
pub(super) fn document(subject: &mut CheckedStack) -> Result<()> {
    let (_gateway, url) = subject.stack.gateway()?;
    let folder = subject.workspace.target("e2e")?;
    let with_keys = folder.join("openapi-with-keys.yaml");
    let mut add = subject.workspace.command(subject.python);
    add.args(["tests/e2e/with_keys.py", "docs/openapi.yaml"]).arg(&with_keys);
    subject.stack.environment.apply(&mut add);
    step::ask(&mut add)?;
    // As it is published, where no made-up key is genuine; and with genuine keys among them, to get past the tag.
    for document in [subject.workspace.root.join("docs/openapi.yaml"), with_keys] {
        let mut fuzz = subject.workspace.command(subject.tools.program("schemathesis"));
        fuzz.arg("run").arg(&document).args(["--url", &url, "--seed", SEED, "--max-examples", EXAMPLES]);
        fuzz.args(["--checks", CHECKS]);
        fuzz.args(["--no-color", "--generation-deterministic"]);
        // It keeps what it found in a folder where it is started.
        fuzz.current_dir(&folder);
        let status = step::watch(&mut fuzz)?;
        ensure!(status.success(), "schemathesis found something in {}: it is above", document.display());
    }
    Ok(())
}

/// The script for owners of an account, with AWS's own command line, on the stand-ins.
pub(super) fn smoke(subject: &mut CheckedStack) -> Result<()> {
    let script = "scripts/smoke-aws.sh";
    step::ask(
        subject.workspace.command(subject.tools.program("shellcheck")).args([script, "scripts/adopt.sh"]),
    )?;
    let stored = everything(subject)?;
    let mut run = subject.workspace.command("bash");
    run.arg(script);
    subject.stack.environment.apply(&mut run);
    let path = var_os("PATH").unwrap_or_default();
    run.env("PATH", join_paths([subject.tools.folder()].into_iter().chain(split_paths(&path)))?);
    run.env("ALLOWED_ORIGIN", "https://app.example.com")
        .env("API_URL", &subject.stack.url)
        .env("FALCONER", subject.workspace.program("falconer"));
    let said = step::ask(&mut run)?;
    ensure!(said.contains("16 passed, 0 failed"), "it says {said}");
    ensure!(everything(subject)? == stored, "it leaves something in the tables: {said}");
    Ok(())
}

/// The partitions of both tables that a license leaves something in.
fn everything(subject: &CheckedStack) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for table in ["LICENSES_TABLE", "VERIFICATIONS_TABLE"] {
        let mut scan = subject.workspace.command(subject.tools.program("aws"));
        scan.args(["dynamodb", "scan", "--table-name", subject.stack.environment.get(table)?]);
        scan.args(["--query", "Items[].license_id.S", "--output", "text"]);
        subject.stack.environment.apply(&mut scan);
        let answer = step::ask(&mut scan)?;
        ensure!(!answer.trim().is_empty(), "a scan of {table} finds nothing, not even the demo licenses");
        found.extend(answer.split_whitespace().map(str::to_owned));
    }
    found.sort();
    Ok(found)
}
