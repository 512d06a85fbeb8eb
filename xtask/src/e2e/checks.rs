//! Checks of a running stack.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use ureq::http::Request;

use super::{network, published, verifiers};
use crate::http::{self, Answer};
use crate::python::Environment;
use crate::seed::license_key;
use crate::stack::Stack;
use crate::step;
use crate::workspace::Workspace;

const VERIFIER: &str = "tests/e2e/verify_lease.py";
/// The demo licenses' product, which is the audience of their leases.
pub(super) const PRODUCT: &str = "QF";
pub(super) const NONCE: &str = "e2e-nonce-0123456789";
/// One seat moves once in 24 hours, and the second device did not get it back.
const REFUSED_THE_SECOND_TIME: [(&str, &str); 2] =
    [("/api/transfer", "TRANSFER_COOLDOWN"), ("/api/deactivate", "DEVICE_NOT_BOUND")];

/// The stack, and what judges its answers.
pub(super) struct CheckedStack<'a, 'stack> {
    pub(super) workspace: &'a Workspace,
    pub(super) stack: &'a mut Stack<'stack>,
    pub(super) python: &'a Path,
    pub(super) tools: &'a Environment,
}

type Check = fn(&mut CheckedStack) -> Result<()>;

/// In an order: rotating and distrusting come last, since they change the ring.
pub(super) const ALL: [(&str, Check); 19] = [
    ("health and readiness answer 200", health),
    ("the legacy demo key is valid, with a lease that PyJWT accepts", legacy_key),
    ("every new demo key is valid, with a lease that PyJWT accepts", new_keys),
    ("an activated device gets a lease for offline use that PyJWT accepts", device_lease),
    (
        "verifiers in Python, TypeScript and Java say of the vectors what they are, on clocks up to 300 s slow",
        verifiers::vectors,
    ),
    (
        "they accept every yes of the stack on clocks up to 300 s slow, and no refusal or forgery",
        verifiers::answers,
    ),
    ("the lines of docs/browsers.md check a key", verifiers::page),
    ("the documents' curl lines answer, pasted into a shell twice", readme),
    ("the Bruno collection's requests are answered as they say", published::collection),
    ("schemathesis finds no answer that the OpenAPI document does not describe", published::document),
    ("scripts/smoke-aws.sh passes, and leaves nothing behind", published::smoke),
    (
        "the client tells each fault of the network behind proxy.py, OpenSSL and wrong clocks, and locks nothing",
        network::faults,
    ),
    ("a tampered key is INVALID_SIGNATURE and gets no lease", tampered_key),
    ("a route is answered for its own method only", other_method),
    ("what the operator's commands print as JSON, jq reads", json_for_jq),
    (
        "--stack finds tables and secret by the outputs that ministack's CloudFormation has",
        outputs_of_a_stack,
    ),
    (
        "ministack and our own Secrets Manager, STS and CloudWatch agree on every case of their clients' tests",
        stand_ins_agree,
    ),
    (
        "after add and promote new leases carry the new kid, and a client that knows the old one trusts it",
        rotation,
    ),
    (
        "after distrust PyJWT refuses a lease of the distrusted generation, and the key goes on working",
        distrust,
    ),
];

fn health(subject: &mut CheckedStack) -> Result<()> {
    for path in ["/api/health", "/api/health/ready"] {
        let answer = subject.get(path)?;
        ensure!(answer.status == 200, "{path} answers {} {}", answer.status, answer.text);
        ensure!(answer.json()["status"] == "ok", "{path} answers {}", answer.text);
    }
    Ok(())
}

fn legacy_key(subject: &mut CheckedStack) -> Result<()> {
    let key = subject.stack.keys.legacy().to_owned();
    subject.accepted(&key, None).map(drop)
}

fn new_keys(subject: &mut CheckedStack) -> Result<()> {
    let keys: Vec<(&str, String)> =
        subject.stack.keys.all().skip(1).map(|(name, key)| (name, key.to_owned())).collect();
    for (tier, key) in keys {
        let (answer, _) = subject.accepted(&key, None).with_context(|| format!("the {tier} key"))?;
        ensure!(answer["tier"] == tier, "the {tier} key has the tier {}", answer["tier"]);
        ensure!(
            answer["perpetual"] == (tier == "lifetime"),
            "the {tier} key has perpetual {}",
            answer["perpetual"]
        );
    }
    Ok(())
}

/// A device gets the same seat and a full lease however often it asks.
fn device_lease(subject: &mut CheckedStack) -> Result<()> {
    let body = json!({
        "license": subject.stack.keys.of("elite"),
        "hardware": { "mac": "e2e-device-mac", "board": "e2e-device-board", "cpu": "e2e-device-cpu" },
        "nonce": NONCE,
    });
    let url = format!("{}/api/activate-sync", subject.stack.url);
    let mut device = None;
    for code in ["ACTIVATED", "REFRESHED"] {
        let answer = http::post(&url, &body)?;
        ensure!(answer.status == 200, "answered {} {}", answer.status, answer.text);
        let body = answer.json();
        ensure!(body["success"] == true && body["code"] == code, "answered {body}");
        let (claims, _) = subject.judged(&body, None)?;
        ensure!(claims["device"] == body["device"]["id"], "the lease is of the device {}", claims["device"]);
        let labels: Vec<&String> = claims["hw"].as_object().into_iter().flat_map(Map::keys).collect();
        ensure!(labels == ["board", "cpu", "mac"], "the lease states {labels:?}");
        let seconds = |name: &str| claims[name].as_i64().with_context(|| format!("the lease has no {name}"));
        let until = seconds("at")? + seconds("interval")? + seconds("grace")?;
        ensure!(seconds("exp")? == until, "the lease ends at {}, not {until}", claims["exp"]);
        let same = device.get_or_insert_with(|| claims["device"].clone());
        ensure!(*same == claims["device"], "{code} with another device: {}", claims["device"]);
    }
    Ok(())
}

/// As a person would: source the file, paste the lines. Pasted again, each says what the README tells of it.
fn readme(subject: &mut CheckedStack) -> Result<()> {
    let page = |name: &str| std::fs::read_to_string(subject.workspace.root.join(name));
    let text =
        page("README.md")? + &page("docs/local-stack.md")? + &page("docs/migrating-from-apps-script.md")?;
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("curl ")).collect();
    ensure!(lines.len() >= 8, "the documents have {} lines of curl", lines.len());
    for round in [&[][..], &REFUSED_THE_SECOND_TIME] {
        for line in &lines {
            let script = format!("source target/e2e/env && {line}");
            let answer = step::ask(subject.workspace.command("bash").args(["-c", &script]))?;
            let body: Value = serde_json::from_str(&answer).with_context(|| format!("{line}: {answer}"))?;
            let refusal = round.iter().find(|(path, _)| line.contains(path)).map(|(_, code)| *code);
            let good = match (refusal, body.get("success")) {
                (Some(code), _) => body["code"] == code,
                (None, Some(success)) => *success == true,
                (None, None) => body["valid"] == true || body["status"] == "ok" || body["keys"].is_array(),
            };
            ensure!(good, "{line}: {answer}");
        }
    }
    Ok(())
}

fn tampered_key(subject: &mut CheckedStack) -> Result<()> {
    let key = subject.stack.keys.of("pro").to_owned();
    let tampered = key.replacen("-PRO-", "-ELITE-", 1);
    ensure!(tampered != key, "the demo key {key} names no tier");
    let answer = subject.verify(&tampered)?;
    ensure!(answer.status == 401, "answered {} {}", answer.status, answer.text);
    let body = answer.json();
    ensure!(body["valid"] == false && body["code"] == "INVALID_SIGNATURE", "answered {body}");
    ensure!(body.get("lease").is_none(), "a key that nobody issued got a lease");
    Ok(())
}

/// The gateway of `cargo lambda watch` says 404 in words of its own; AWS says 404 too.
fn other_method(subject: &mut CheckedStack) -> Result<()> {
    let answer = subject.get("/api/verify")?;
    ensure!(answer.status == 404, "GET /api/verify answers {} {}", answer.status, answer.text);
    Ok(())
}

fn json_for_jq(subject: &mut CheckedStack) -> Result<()> {
    let key = subject.stack.keys.of("elite").to_owned();
    let lines = [
        ("list --all", ".licenses | length >= 5", "true"),
        ("list --status active --limit 2", ".more", "true"),
        (&format!("show {key}"), ".tier, (.devices | length)", "\"elite\"\n1"),
        (&format!("explain {key}"), "[.checks[] | select(.passed)] | length", "6"),
        ("stats --days 2", "[.days[].activations] | add >= 1", "true"),
        ("keyring list", ".generations[0].role", "\"current\""),
        ("catalog show", ".product", "\"QF\""),
    ];
    for (command, filter, expected) in lines {
        let script = format!("source target/e2e/env && $FALCONER --json {command} | jq '{filter}'");
        let mut bash = subject.workspace.command("bash");
        bash.args(["-o", "pipefail", "-c", &script]).env("FALCONER", subject.workspace.program("falconer"));
        let answer = step::ask(&mut bash).with_context(|| {
            format!("`falconer --json {command} | jq '{filter}'`; is jq installed? (apt-get install jq)")
        })?;
        ensure!(answer.trim() == expected, "falconer {command} | jq '{filter}' says {answer}");
    }
    Ok(())
}

/// A stack of nothing but a parameter and our outputs, made by CloudFormation's own query API.
fn outputs_of_a_stack(subject: &mut CheckedStack) -> Result<()> {
    let environment = &subject.stack.environment;
    let output = |name: &str| Ok::<_, anyhow::Error>(json!({ "Value": environment.get(name)? }));
    let template = json!({
        "Resources": { "Nothing": {
            "Type": "AWS::SSM::Parameter", "Properties": { "Name": "e2e", "Type": "String", "Value": "e2e" },
        } },
        "Outputs": {
            "LicensesTable": output("LICENSES_TABLE")?,
            "VerificationsTable": output("VERIFICATIONS_TABLE")?,
            "MasterKeySecret": output("MASTER_KEY_SECRET_ID")?,
        },
    });
    let url = environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")?.to_owned();
    let form = [("Action", "CreateStack"), ("Version", "2010-05-15"), ("StackName", "falconer-e2e")];
    let form = form.into_iter().map(|(name, value)| format!("{name}={value}"));
    let form: Vec<_> =
        form.chain([format!("TemplateBody={}", percent_encoded(&template.to_string()))]).collect();
    let request = Request::post(&url)
        .header("content-type", "application/x-www-form-urlencoded")
        // Nobody looks at the signature, but the service is told by its scope.
        .header(
            "authorization",
            "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/cloudformation/aws4_request",
        )
        .body(form.join("&"))?;
    let answer = http::send(request)?;
    ensure!(answer.status == 200, "CreateStack answers {} {}", answer.status, answer.text);

    let mut command = subject.workspace.command(subject.workspace.program("falconer"));
    environment.apply(&mut command);
    for name in ["LICENSES_TABLE", "VERIFICATIONS_TABLE", "MASTER_KEY_SECRET_ID"] {
        command.env_remove(name);
    }
    command.env("AWS_ENDPOINT_URL_CLOUDFORMATION", &url);
    let listed = step::ask(command.args(["--stack", "falconer-e2e", "list", "--all", "--json"]))?;
    let listed: Value = serde_json::from_str(&listed)?;
    ensure!(listed["licenses"].as_array().is_some_and(|licenses| licenses.len() >= 5), "listed {listed}");
    Ok(())
}

/// Every byte but letters and digits as `%XX`.
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    encoded.collect()
}

/// The tests of the Rust-only run, held against an independent implementation.
fn stand_ins_agree(subject: &mut CheckedStack) -> Result<()> {
    let theirs = subject.stack.environment.get("AWS_ENDPOINT_URL_SECRETS_MANAGER")?;
    let mut test = subject.workspace.cargo();
    // The whole workspace, so that nothing is compiled in a second set of features.
    test.args(["test", "--workspace", "--test", "it", "--", "::of_the_service"]);
    test.env("SECRETS_MANAGER_ENDPOINT", theirs).env("CLOUDWATCH_ENDPOINT", theirs);
    step::run(&mut test, "a case fails on ministack: its message is above")
}

fn rotation(subject: &mut CheckedStack) -> Result<()> {
    let old_key = subject.stack.keys.of("pro").to_owned();
    let old_keys = subject.key_set()?;
    let (_, old_kid) = subject.accepted(&old_key, None)?;

    let operator = subject.stack.operator();
    operator.run(&["--yes", "keyring", "add"])?;
    operator.run(&["--yes", "keyring", "promote", "--now"])?;
    let issued =
        operator.run(&["issue", "--json", "--tier", "pro", "--user", "demo_rotated", "--days", "1"])?;
    let new_key = license_key(&issued)?;
    // Instances re-read the ring after minutes; new ones read it at once.
    subject.stack.start_functions()?;

    for (which, key) in [("old", &old_key), ("new", &new_key)] {
        let (body, kid) = subject
            .accepted(key, Some(&old_keys))
            .with_context(|| format!("the {which} key after rotating"))?;
        verifiers::follows(subject, &body, &old_keys)?;
        ensure!(kid != old_kid, "the lease of the {which} key is still signed by {old_kid}");
    }
    Ok(())
}

/// A genuine lease serves as a forged one: for a reader of `/api/keys` the same key signed both.
fn distrust(subject: &mut CheckedStack) -> Result<()> {
    let key = subject.stack.keys.of("pro").to_owned();
    let lease = subject.verify(&key)?.json();
    let (_, leaked) = subject.judged(&lease, None)?;

    let operator = subject.stack.operator();
    operator.run(&["--yes", "keyring", "add"])?;
    operator.run(&["--yes", "keyring", "promote", "--now"])?;
    operator.run(&["--yes", "keyring", "distrust", &leaked])?;
    subject.stack.start_functions()?;

    let Err(refused) = subject.judged(&lease, None) else { bail!("a lease signed by {leaked} is accepted") };
    let refused = format!("{refused:#}");
    ensure!(
        refused.contains(&format!("/api/keys has no key {leaked}")),
        "refused for another reason: {refused}"
    );
    let (_, kid) = subject.accepted(&key, None).context("the key of the distrusted generation")?;
    ensure!(kid != leaked, "new leases are still signed by {leaked}");
    Ok(())
}

impl CheckedStack<'_, '_> {
    fn get(&self, path: &str) -> Result<Answer> {
        http::get(&format!("{}{path}", self.stack.url))
    }

    fn verify(&self, key: &str) -> Result<Answer> {
        let body = json!({ "license": key, "nonce": NONCE, "origin": "e2e" });
        http::post(&format!("{}/api/verify", self.stack.url), &body)
    }

    pub(super) fn key_set(&self) -> Result<Value> {
        let answer = self.get("/api/keys")?;
        ensure!(answer.status == 200, "/api/keys answers {} {}", answer.status, answer.text);
        Ok(answer.json())
    }

    /// The answer to a key that must be valid, and the `kid` of its lease, judged by PyJWT: by the keys of `/api/keys`
    /// alone, or also by whether a client that trusts `trusted` has reason to trust them.
    fn accepted(&self, key: &str, trusted: Option<&Value>) -> Result<(Value, String)> {
        let answer = self.verify(key)?;
        ensure!(answer.status == 200, "answered {} {}", answer.status, answer.text);
        let body = answer.json();
        ensure!(body["valid"] == true && body["code"] == "VALID", "answered {body}");
        let (_, kid) = self.judged(&body, trusted)?;
        Ok((body, kid))
    }

    /// The claims and the `kid` of an answer's lease, which must say what the answer says.
    fn judged(&self, body: &Value, trusted: Option<&Value>) -> Result<(Value, String)> {
        let mut question = json!({ "lease": body["lease"], "jwks": self.key_set()?, "audience": PRODUCT });
        if let Some(trusted) = trusted {
            question["trusted"] = trusted.clone();
        }
        let mut verifier = self.workspace.command(self.python);
        let judged = step::tell(verifier.arg(VERIFIER), &question.to_string())?;
        let judged: Value = serde_json::from_str(&judged)?;
        let claims = &judged["claims"];
        for (name, expected) in [
            ("valid", &body["valid"]),
            ("code", &body["code"]),
            ("tier", &body["tier"]),
            ("features", &body["features"]),
            ("sub", &body["licenseId"]),
            ("nonce", &json!(NONCE)),
        ] {
            ensure!(claims[name] == *expected, "the lease says {name} {}, not {expected}", claims[name]);
        }
        let kid = judged["kid"].as_str().context("the lease has no kid")?;
        Ok((claims.clone(), kid.to_owned()))
    }
}
