//! Licenses of the drill, each with a machine, and what their customers see.

use anyhow::{Context as _, Result, ensure};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

use super::account::Account;
use crate::http::{self, Answer};
use crate::seed::license_key;
use crate::step;

/// The product of the built-in catalog.
pub(super) const PRODUCT: &str = "QF";
const VERIFIER: &str = "tests/e2e/verify_lease.py";
const NONCE: &str = "drill-nonce-0123456789";

/// A license, and the machine that is bound to it.
#[derive(Clone)]
pub(super) struct Customer {
    pub(super) license_id: String,
    key: String,
    machine: Value,
    /// The lease of the first answer.
    pub(super) lease: String,
}

impl Customer {
    /// Issues a license by the command line, and binds a machine by the API.
    pub(super) fn new(account: &Account, stack: &str, api: &str, tier: &str) -> Result<Self> {
        let user = format!("drill_{tier}");
        let term: &[&str] = if tier == "lifetime" { &["--perpetual"] } else { &["--days", "30"] };
        let issue = [&["issue", "--tier", tier, "--user", &user], term].concat();
        let issued = account.falconer(stack, &issue)?;
        let license_id = issued["licenseId"].as_str().context("a license without an id")?.to_owned();
        let key = license_key(&issued.to_string())?;
        let machine = json!({ "mac": format!("drill-{tier}-mac"), "board": format!("drill-{tier}-board") });
        let mut customer = Self { license_id, key, machine, lease: String::new() };
        let answer = customer.activates(api)?;
        ensure!(
            answer.json()["code"] == "ACTIVATED",
            "the {tier} license is answered {} {}",
            answer.status,
            answer.text
        );
        customer.lease = lease_of(&answer.json())?;
        Ok(customer)
    }

    /// Asks for its seat: `ACTIVATED` if it had none, else `REFRESHED`.
    pub(super) fn activates(&self, api: &str) -> Result<Answer> {
        self.post(api, "activate-sync")
    }

    /// Asks whether its key is good on its machine.
    pub(super) fn verifies(&self, api: &str) -> Result<Answer> {
        self.post(api, "verify")
    }

    fn post(&self, api: &str, endpoint: &str) -> Result<Answer> {
        let body = json!({ "license": self.key, "hardware": self.machine, "nonce": NONCE });
        http::post(&format!("{api}/api/{endpoint}"), &body)
    }

    /// Fails unless key, seat and first lease are all good at this API.
    pub(super) fn must_be_good(&self, account: &Account, api: &str) -> Result<()> {
        for (answer, code) in [(self.verifies(api)?, "VALID"), (self.activates(api)?, "REFRESHED")] {
            let found = answer.json();
            ensure!(
                answer.status == 200 && found["code"] == code,
                "{} is answered {} {}, not {code}",
                self.license_id,
                answer.status,
                answer.text
            );
        }
        self.lease_must_verify(account, api)
    }

    /// By PyJWT, with the keys that the API publishes now.
    fn lease_must_verify(&self, account: &Account, api: &str) -> Result<()> {
        let keys = http::get(&format!("{api}/api/keys"))?;
        let question = json!({ "lease": self.lease, "jwks": keys.json(), "audience": PRODUCT });
        let judged = step::tell(account.verifier().arg(VERIFIER), &question.to_string())
            .with_context(|| format!("the first lease of {}", self.license_id))?;
        let judged: Value = serde_json::from_str(&judged)?;
        ensure!(
            judged["claims"]["sub"] == self.license_id.as_str(),
            "the lease is of another license: {judged}"
        );
        Ok(())
    }
}

/// The lease in an answer.
fn lease_of(answer: &Value) -> Result<String> {
    Ok(answer["lease"].as_str().with_context(|| format!("no lease in {answer}"))?.to_owned())
}

/// The issuer in an answer's lease, which is the parameter `LeaseIssuer` of the version that answered.
pub(super) fn issuer(answer: &Value) -> Result<String> {
    let lease = lease_of(answer)?;
    let claims = lease.split('.').nth(1).context("a lease without claims")?;
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(claims.as_bytes())?)?;
    Ok(claims["iss"].as_str().context("a lease without an issuer")?.to_owned())
}
