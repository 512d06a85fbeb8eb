//! The AWS identity beside the actor: in every row that an operator writes, asked for once, and never in a change's
//! way.

use std::time::{Duration, Instant};

use falconer_emulators::sts::{CALLER, Sts};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, TestStack};
use serde_json::{Value, json};

use crate::manners::Folder;
use crate::operator::{run, said, told};

/// How long a change may wait for STS at most, with a program's start on a busy machine.
const MAX_WAIT: Duration = Duration::from_secs(30);

fn asked(stack: &TestStack) -> usize {
    stack.sts.matching(&Matcher::operation("GetCallerIdentity")).len()
}

#[test]
fn every_row_of_an_operator_says_who_aws_says() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let folder = Folder::new();
    let sheet = folder.file("s.csv", "license_key,status,license_tier\nABC-123-XYZ,active,pro\n");
    let orders = folder.file("orders.csv", "tier,days\npro,30\npro,31\n");
    let catalog = folder.file("acme.toml", "product = 'ACME'\n[tiers.one]\n");
    for arguments in [
        &["suspend", &key][..],
        &["reinstate", &key],
        &["reveal", &key],
        &["rotate-key", &key],
        &["issue", "--tier", "pro", "--perpetual", "--product", "QF"],
        &["issue", "--tier", "pro", "--perpetual", "--product", "QF", "--order", "1"],
        &["issue", "--from-csv", &orders, "--product", "QF"],
        &["import", "sheet", &sheet, "--product", "QF"],
        &["catalog", "apply", &catalog],
    ] {
        stack.forget();
        told(&stack, arguments);
        assert_eq!(asked(&stack), 1, "once a command: {arguments:?}");
    }
    let everything = stack.everything_stored();
    let rows = everything.matches("\"fixture-operator\"").count();
    assert_eq!(everything.matches(CALLER).count(), rows, "beside every actor");
    assert!(rows >= 11, "{rows}");

    let audit = told(&stack, &["audit", &key]);
    assert_eq!(audit["audit"][1]["identity"], CALLER, "{audit}");
    let shown = run(&stack, &["show", &key]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(text.contains("fixture-operator") && text.contains("root"), "{text}");
}

#[test]
fn looking_and_dry_runs_ask_nobody() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.forget();
    for arguments in [
        &["show", &key][..],
        &["list"],
        &["audit", &key],
        &["suspend", &key, "--dry-run"],
        &["keyring", "list"],
    ] {
        run(&stack, arguments);
        assert_eq!(asked(&stack), 0, "{arguments:?}");
    }
}

/// STS may be denied, unreachable or slow: the change is made, the actor is recorded, and a note says what is missing.
#[test]
fn an_identity_never_costs_the_change() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let denied = json!({ "__type": "AccessDenied", "Message": "no" });
    for (fault, command) in [
        (Fault::Error { status: 403, body: denied }, "suspend"),
        (Fault::Reset, "reinstate"),
        (Fault::Hang, "suspend"),
    ] {
        stack.sts.break_all(Matcher::any(), fault);
        let begun = Instant::now();
        let output = run(&stack, &[command, &key, "--yes"]);
        assert!(output.status.success(), "{command}: {}", said(&output));
        assert!(begun.elapsed() < MAX_WAIT);
        assert!(said(&output).contains("without the AWS identity"), "{}", said(&output));
        stack.sts.heal();
    }
    let rows = stack.audit_rows(&stack.license_id(&key));
    assert_eq!(rows.len(), 3);
    assert!(rows.iter().all(|row| row["actor"]["S"] == "fixture-operator" && row["identity"] == Value::Null));
    told(&stack, &["reinstate", &key]);
    assert_eq!(stack.audit_rows(&stack.license_id(&key))[3]["identity"]["S"], CALLER);
}

/// A client's change does not have an identity: functions do not ask STS.
#[test]
fn functions_ask_for_no_identity() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    stack.forget();
    stack.activate(&key, &falconer_tests::Machine::named("first"));
    stack.settle();
    assert_eq!(asked(&stack), 0);
    assert!(stack.audit_rows(&stack.license_id(&key)).iter().all(|row| row["identity"] == Value::Null));
}

/// With `SECRETS_MANAGER_ENDPOINT` set, as `cargo xtask e2e` sets it, ministack is asked as well.
#[test]
fn of_the_service_the_caller_has_an_arn() {
    let ours = Sts::start(0).unwrap();
    #[expect(clippy::disallowed_methods, reason = "tests read what xtask tells them")]
    let theirs = std::env::var("SECRETS_MANAGER_ENDPOINT").ok();
    for endpoint in theirs.into_iter().chain([ours.endpoint()]) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build();
        let mut answer = ureq::Agent::from(agent)
            .post(&endpoint)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/sts/aws4_request")
            .send("Action=GetCallerIdentity&Version=2011-06-15")
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        assert_eq!(answer.status(), 200, "{text}");
        assert!(text.contains(&format!("<Arn>{CALLER}</Arn>")), "{text}");
    }
}
