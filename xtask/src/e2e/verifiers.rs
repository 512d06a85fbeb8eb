//! The answers of strangers' verifiers to leases and refusals, with their libraries' defaults, on wrong clocks too.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::checks::{CheckedStack, NONCE, PRODUCT};
use super::languages::{self, Languages};
use crate::http;
use crate::seed::license_key;
use crate::step;

/// The moment of the vectors' leases is 2027-01-15T08:00:00Z. `iat` and `nbf` lie 300 s before it.
const CLOCKS_AT_THE_VECTORS: [(&str, &str, bool); 5] = [
    ("@2027-01-15 07:50:00", "600 s slow", false),
    ("@2027-01-15 07:55:00", "300 s slow", true),
    ("@2027-01-15 07:59:59", "1 s slow", true),
    ("@2027-01-15 08:00:00", "right", true),
    ("@2027-01-15 08:01:00", "60 s fast", true),
];
/// The claims that all leases of the vectors have.
const VECTOR: (&str, &str, &str) =
    ("lic_ndgc5x34jby0cedfg16y9sz0", "nnnnnnnnnnnnnnnnnnnnnn", "https://licenses.example.com");
const CLOCKS: [(&str, &str); 4] =
    [("-300", "300 s slow"), ("-1", "1 s slow"), ("+0", "right"), ("+60", "60 s fast")];

/// A question to a verifier, and whether it must say yes.
struct VerifierCase {
    name: String,
    lease: String,
    pinned: Option<Value>,
    keys: Value,
    product: String,
    license_id: String,
    nonce: String,
    issuer: String,
    yes: bool,
}

impl VerifierCase {
    fn to_json(&self) -> Value {
        let mut case = json!({
            "name": self.name, "lease": self.lease, "keys": self.keys, "product": self.product,
            "license_id": self.license_id, "nonce": self.nonce, "issuer": self.issuer,
        });
        if let Some(pinned) = &self.pinned {
            case["pinned"] = pinned.clone();
        }
        case
    }
}

/// `tests/vectors/formats.json`: properly signed refusals under a lease's type are in it, which no server signs. Before,
/// the vectors of clients: what the reference writes, and what the verifier in Python says of them.
pub(super) fn vectors(subject: &mut CheckedStack) -> Result<()> {
    for words in [["make.py", "--check"].as_slice(), &["check_example.py"]] {
        let mut python = subject.workspace.command(subject.tools.program("python"));
        python.arg(format!("tests/vectors/client/{}", words[0])).args(&words[1..]);
        step::run(&mut python, "the vectors of clients do not pass")?;
    }
    let languages = Languages::ready(subject.workspace, subject.tools)?;
    let cases = vector_cases(subject)?;
    let questions = cases.iter().map(VerifierCase::to_json).collect();
    for (clock, name, in_time) in CLOCKS_AT_THE_VECTORS {
        for (language, told) in languages.ask(subject.workspace, clock, &questions)? {
            for case in &cases {
                // PyJWT does not know the newer name of the algorithm, and no server writes it.
                let knows = language != "Python" || !case.name.contains("RFC 9864");
                let wanted = case.yes && in_time && knows;
                let answer = &told[&case.name];
                ensure!(
                    (answer == "yes") == wanted,
                    "{language}, on a clock that is {name}, says of {}: {answer}",
                    case.name
                );
            }
        }
    }
    Ok(())
}

fn vector_cases(subject: &CheckedStack) -> Result<Vec<VerifierCase>> {
    let file = fs::read_to_string(subject.workspace.root.join("tests/vectors/formats.json"))?;
    let file: Value = serde_json::from_str(&file)?;
    let mut keys = file["jwks"].clone();
    for key in keys.as_array_mut().context("the vectors have no keys")? {
        (key["kty"], key["crv"]) = ("OKP".into(), "Ed25519".into());
    }
    let newest = keys.as_array().and_then(|keys| keys.last()).context("the vectors have no keys")?.clone();
    let (keys, oldest) = (json!({ "keys": keys }), json!({ "keys": [keys[0]] }));
    let (license_id, nonce, issuer) = VECTOR;
    let case = |number: usize, vector: &Value| {
        let expect = vector["expect"].as_str().unwrap_or_default();
        let (product, yes) = match expect.split_once(" for ") {
            Some((_, product)) => (product, false),
            None => (PRODUCT, expect == "valid"),
        };
        VerifierCase {
            name: format!("vector {number} ({expect} {})", vector["why"].as_str().unwrap_or_default()),
            lease: vector["jws"].as_str().unwrap_or_default().to_owned(),
            pinned: None,
            keys: keys.clone(),
            product: product.to_owned(),
            license_id: license_id.to_owned(),
            nonce: nonce.to_owned(),
            issuer: issuer.to_owned(),
            yes,
        }
    };
    let leases = file["leases"].as_array().context("the vectors have no leases")?;
    let mut cases: Vec<VerifierCase> =
        leases.iter().enumerate().map(|(number, lease)| case(number, lease)).collect();
    let mut stranger = keys.clone();
    for key in stranger["keys"].as_array_mut().into_iter().flatten() {
        key["endorsed_by"] = json!({ "2": newest["endorsed_by"]["2"] });
    }
    for (name, pinned, keys, yes) in [
        ("the oldest key endorses its signer", &oldest, &keys, true),
        ("the endorsement is another key's", &oldest, &stranger, false),
    ] {
        let (pinned, keys) = (Some(pinned.clone()), keys.clone());
        cases.push(VerifierCase { name: name.to_owned(), pinned, keys, yes, ..case(0, &leases[0]) });
    }
    Ok(cases)
}

/// Answers of the running stack, and forgeries of them.
pub(super) fn answers(subject: &mut CheckedStack) -> Result<()> {
    let languages = Languages::ready(subject.workspace, subject.tools)?;
    for (clock, name) in CLOCKS {
        // Anew for each clock: a lease without a device lives 300 s.
        let cases = stack_cases(subject)?;
        let questions = cases.iter().map(VerifierCase::to_json).collect();
        for (language, told) in languages.ask(subject.workspace, clock, &questions)? {
            for case in &cases {
                let answer = &told[&case.name];
                ensure!(
                    (answer == "yes") == case.yes,
                    "{language}, on a clock that is {name}, says of {}: {answer}",
                    case.name
                );
            }
        }
    }
    Ok(())
}

/// The lines of `docs/browsers.md`, which get the keys from the server as well.
pub(super) fn page(subject: &mut CheckedStack) -> Result<()> {
    let words = languages::page(subject.workspace)?;
    let mut check = subject.workspace.command(&words[0]);
    check.args(&words[1..]).args([&subject.stack.url, PRODUCT]);
    let good = subject.stack.keys.of("pro");
    let keys = json!([good, good.to_lowercase(), good.replacen("-PRO-", "-ELITE-", 1), "nothing"]);
    let codes: Value = serde_json::from_str(&step::tell(&mut check, &keys.to_string())?)?;
    let expected = json!(["yes: VALID", "yes: VALID", "INVALID_SIGNATURE", "INVALID_SIGNATURE"]);
    ensure!(codes == expected, "a page hears {codes}");
    Ok(())
}

/// The reading of a client that knows `pinned` alone of a yes that a newer generation signed.
pub(super) fn follows(subject: &CheckedStack, body: &Value, pinned: &Value) -> Result<()> {
    let languages = Languages::ready(subject.workspace, subject.tools)?;
    let keys = subject.key_set()?;
    let followed =
        VerifierCase { pinned: Some(pinned.clone()), ..case("by endorsement", body, &keys, true)? };
    let pins_alone = case("by its pins alone", body, pinned, false)?;
    let questions = json!([followed.to_json(), pins_alone.to_json()]);
    for (language, told) in languages.ask(subject.workspace, "+0", &questions)? {
        for case in [&followed, &pins_alone] {
            let answer = &told[&case.name];
            ensure!((answer == "yes") == case.yes, "{language} says {}: {answer}", case.name);
        }
    }
    Ok(())
}

fn stack_cases(subject: &CheckedStack) -> Result<Vec<VerifierCase>> {
    let keys = subject.key_set()?;
    let ask = |path: &str, key: &str, device: Option<&str>| -> Result<Value> {
        let hardware =
            device.map(|name| json!({ "mac": format!("{name}-mac"), "board": format!("{name}-board") }));
        let body = json!({ "license": key, "nonce": NONCE, "hardware": hardware });
        Ok(http::post(&format!("{}{path}", subject.stack.url), &body)?.json())
    };
    let issue = |user: &str| {
        let operator = subject.stack.operator();
        license_key(&operator.run(&["issue", "--json", "--tier", "pro", "--days", "1", "--user", user])?)
    };
    let yes = ask("/api/verify", subject.stack.keys.of("pro"), None)?;
    let key = issue("verifiers")?;
    let mut cases = vec![
        case("a yes", &yes, &keys, true)?,
        case("an activation", &ask("/api/activate-sync", &key, Some("verifiers-laptop"))?, &keys, true)?,
        case("a yes about a device", &ask("/api/verify", &key, Some("verifiers-laptop"))?, &keys, true)?,
        case("HARDWARE_MISMATCH", &ask("/api/verify", &key, Some("verifiers-desktop"))?, &keys, false)?,
        case("DEACTIVATED", &ask("/api/deactivate", &key, Some("verifiers-laptop"))?, &keys, false)?,
        case("NOT_ACTIVATED", &ask("/api/verify", &key, Some("verifiers-laptop"))?, &keys, false)?,
    ];
    subject.stack.operator().run(&["revoke", &key, "--yes", "--reason", "e2e"])?;
    cases.push(case("REVOKED", &ask("/api/verify", &key, None)?, &keys, false)?);
    cases.extend(twisted(&yes, &keys)?);
    Ok(cases)
}

/// A genuine yes, changed in one way each.
fn twisted(yes: &Value, keys: &Value) -> Result<Vec<VerifierCase>> {
    let case = |name: &str| case(name, yes, keys, false);
    let lease = yes["lease"].as_str().context("the yes has no lease")?;
    let (signed, signature) = lease.rsplit_once('.').context("a lease has three parts")?;
    let (header, payload) = signed.split_once('.').context("a lease has three parts")?;
    let decoded = |part: &str| anyhow::Ok(String::from_utf8(BASE64URL_NOPAD.decode(part.as_bytes())?)?);
    let (plain_header, claims) = (decoded(header)?, decoded(payload)?);
    let with_header =
        |from: &str, to: &str| BASE64URL_NOPAD.encode(plain_header.replace(from, to).as_bytes());
    let longer = BASE64URL_NOPAD.encode(claims.replace("\"tier\":\"pro\"", "\"tier\":\"elite\"").as_bytes());
    let unsigned = with_header("EdDSA", "none");
    ensure!(longer != payload && unsigned != header, "the lease says {plain_header} {claims}");
    Ok(vec![
        VerifierCase { lease: format!("{header}.{longer}.{signature}"), ..case("tampered claims")? },
        VerifierCase { lease: format!("{unsigned}.{payload}."), ..case("alg none")? },
        VerifierCase { lease: format!("{unsigned}.{payload}.{signature}"), ..case("alg none, signed")? },
        VerifierCase {
            lease: format!("{}.{payload}.{signature}", with_header("EdDSA", "HS256")),
            ..case("HS256")?
        },
        VerifierCase { lease: format!("{signed}."), ..case("no signature")? },
        VerifierCase { lease: signed.to_owned(), ..case("two parts")? },
        VerifierCase { keys: json!({ "keys": [] }), ..case("no key")? },
        VerifierCase { product: "ACME".to_owned(), ..case("another product")? },
        VerifierCase { nonce: "another-nonce-0123456789".to_owned(), ..case("another nonce")? },
        VerifierCase { license_id: format!("lic_{}", "0".repeat(24)), ..case("another license")? },
        VerifierCase { issuer: "https://elsewhere.example.com".to_owned(), ..case("another issuer")? },
    ])
}

/// A question about an answer, as its asker puts it.
fn case(name: &str, body: &Value, keys: &Value, yes: bool) -> Result<VerifierCase> {
    let lease = body["lease"].as_str().with_context(|| format!("{name}: no lease in {body}"))?;
    let payload = lease.split('.').nth(1).context("a lease has three parts")?;
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes())?)?;
    let said = |claim: &str| claims[claim].as_str().unwrap_or_default().to_owned();
    Ok(VerifierCase {
        name: name.to_owned(),
        lease: lease.to_owned(),
        pinned: None,
        keys: keys.clone(),
        product: PRODUCT.to_owned(),
        license_id: said("sub"),
        nonce: NONCE.to_owned(),
        issuer: said("iss"),
        yes,
    })
}
