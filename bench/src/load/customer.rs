//! Callers that know what they must be told.

use std::collections::BTreeSet;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use falconer_aws::tables::CALLER;
use serde_json::{Value, json};
use ureq::Agent;

use super::ledger::Ledger;
use crate::stage::{IssuedLicense, Stage};

/// Licenses of each caller that verifies.
const LICENSES: usize = 50;
/// Verifications between two looks at the public keys.
const KEYS_EVERY: usize = 20;
/// A caller gives up on one request: longer than any outage here lasts.
const RETRY_TIMEOUT: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(100);
const HTTP_LIMIT: Duration = Duration::from_secs(30);

/// An answer.
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    /// True if it says nothing about the license: an honest outage, or the gateway's word that the instance died.
    fn is_trouble(&self) -> bool {
        self.status == 503 || self.is_of_gateway() || self.code() == "CONCURRENT_UPDATE"
    }

    /// A function's own answers have a code.
    fn is_of_gateway(&self) -> bool {
        self.status == 500 && self.body["code"].is_null()
    }
}

/// The way to the server.
struct ServerConnection<'a> {
    agent: Agent,
    url: String,
    ledger: &'a Ledger,
}

impl<'a> ServerConnection<'a> {
    fn to(url: &str, ledger: &'a Ledger) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).timeout_global(Some(HTTP_LIMIT));
        Self { agent: agent.build().into(), url: url.to_owned(), ledger }
    }

    fn send(&self, endpoint: &'static str, body: &Value) -> Answer {
        let begun = Instant::now();
        let sent = self
            .agent
            .post(format!("{}/api/{endpoint}", self.url))
            .content_type("application/json")
            .send(body.to_string())
            .and_then(|mut response| {
                Ok((
                    response.status().as_u16(),
                    response.headers().clone(),
                    response.body_mut().read_to_string()?,
                ))
            });
        let (status, headers, text) = match sent {
            Ok(answer) => answer,
            Err(why) => {
                self.ledger.wrong(format!("{endpoint}: no answer at all: {why}"));
                return Answer { status: 0, body: Value::Null };
            }
        };
        let answer = Answer { status, body: serde_json::from_str(&text).unwrap_or_default() };
        self.ledger.answered(endpoint, status, answer.code(), begun.elapsed());
        if status == 503 && !headers.contains_key("retry-after") {
            self.ledger.wrong(format!("{endpoint}: 503 without Retry-After"));
        }
        if status == 500 && !answer.is_of_gateway() {
            self.ledger.wrong(format!("{endpoint}: {text}"));
        }
        answer
    }

    /// Fetches the public keys, as a client does that meets an unknown one.
    fn fetch_keys(&self) {
        let begun = Instant::now();
        match self.agent.get(format!("{}/api/keys", self.url)).call() {
            Ok(response) => self.ledger.answered("keys", response.status().as_u16(), "", begun.elapsed()),
            Err(why) => self.ledger.wrong(format!("keys: no answer at all: {why}")),
        }
    }
}

/// Verifies licenses whose verdict is known.
pub(super) struct Asking<'a> {
    line: ServerConnection<'a>,
    /// A request, and the code that must come back.
    questions: Vec<(Value, &'static str)>,
}

impl<'a> Asking<'a> {
    pub(super) fn new(stage: &Stage, url: &str, ledger: &'a Ledger) -> Result<Self> {
        let mut questions = Vec::new();
        for number in 0..LICENSES {
            let customer = stage.issue(1)?;
            let question = |key: &str| json!({ "license": key, "nonce": format!("load-nonce-{number:016}") });
            let damaged = format!("{}{}", &customer.key[..customer.key.len() - 1], other(&customer.key));
            questions.push((question(&damaged), "INVALID_SIGNATURE"));
            let verdict = if number % 5 == 0 {
                set_status(stage, &customer, "revoked")?;
                "REVOKED"
            } else {
                "VALID"
            };
            questions.push((question(&customer.key), verdict));
        }
        Ok(Self { line: ServerConnection::to(url, ledger), questions })
    }

    /// Asks the question of this turn.
    pub(super) fn ask(&mut self, turn: usize) {
        if turn.is_multiple_of(KEYS_EVERY) {
            self.line.fetch_keys();
        }
        let (question, verdict) = &self.questions[turn % self.questions.len()];
        let answer = self.line.send("verify", question);
        if answer.is_trouble() {
            thread::sleep(PAUSE);
        } else if answer.code() != *verdict {
            self.line.ledger.wrong(format!("verify: {} and not {verdict}", answer.code()));
        }
    }
}

/// Another last character of a key, so that its tag is wrong.
fn other(key: &str) -> char {
    if key.ends_with('0') { '1' } else { '0' }
}

/// Writes a status past all rules, before anybody asks.
fn set_status(stage: &Stage, customer: &IssuedLicense, status: &str) -> Result<()> {
    let request = json!({
        "TableName": stage.settings.licenses_table,
        "Key": { "license_id": { "S": customer.id.as_str() } },
        "UpdateExpression": "SET #status = :status",
        "ExpressionAttributeNames": { "#status": "status" },
        "ExpressionAttributeValues": { ":status": { "S": status } },
    });
    stage.database.send("UpdateItem", &request).map(drop)
}

/// Lives whole lives of licenses, again and again: seats taken, a device too many refused, one given back; a seat moved.
/// Repeats each step until an answer arrives, as a client does.
pub(super) struct Moving<'a> {
    stage: &'a Stage,
    line: ServerConnection<'a>,
}

impl<'a> Moving<'a> {
    pub(super) fn new(stage: &'a Stage, url: &str, ledger: &'a Ledger) -> Self {
        Self { stage, line: ServerConnection::to(url, ledger) }
    }

    /// Two lives, each with a look at the tables in the end.
    pub(super) fn live(&self) -> Result<()> {
        self.share()?;
        self.move_on()
    }

    fn move_on(&self) -> Result<()> {
        let customer = self.stage.issue(1)?;
        self.tell("activate-sync", &customer, "first", &["ACTIVATED"], &["REFRESHED"])?;
        let second = self.tell("transfer", &customer, "second", &["TRANSFERRED"], &["ALREADY_BOUND"])?;
        self.tell("verify", &customer, "first", &["HARDWARE_MISMATCH"], &[])?;
        self.tell("verify", &customer, "second", &["VALID"], &[])?;
        self.check(&customer, &[&second], &[("ACTIVATED", 1), ("TRANSFERRED", 1), ("DEACTIVATED", 0)])
    }

    fn share(&self) -> Result<()> {
        let customer = self.stage.issue(2)?;
        self.tell("activate-sync", &customer, "first", &["ACTIVATED"], &["REFRESHED"])?;
        let second = self.tell("activate-sync", &customer, "second", &["ACTIVATED"], &["REFRESHED"])?;
        self.tell("activate-sync", &customer, "third", &["SEATS_EXHAUSTED"], &[])?;
        self.tell("activate-sync", &customer, "first", &["REFRESHED"], &[])?;
        self.tell("verify", &customer, "first", &["VALID"], &[])?;
        self.tell("verify", &customer, "third", &["HARDWARE_MISMATCH"], &[])?;
        self.tell("deactivate", &customer, "first", &["DEACTIVATED"], &["DEVICE_NOT_BOUND"])?;
        self.tell("verify", &customer, "first", &["HARDWARE_MISMATCH"], &[])?;
        self.check(&customer, &[&second], &[("ACTIVATED", 2), ("TRANSFERRED", 0), ("DEACTIVATED", 1)])
    }

    /// Asks until an answer arrives. The second list has the answers to a repeated request whose first answer was lost.
    fn tell(
        &self,
        endpoint: &'static str,
        customer: &IssuedLicense,
        machine: &str,
        first: &[&str],
        again: &[&str],
    ) -> Result<Value> {
        let part = |part: &str| format!("load-hardware-{machine}-{part}-{}", customer.id);
        let body = json!({
            "license_key": customer.key,
            "hardware_format": 1,
            "hardware": { "mac": part("mac"), "cpu": part("cpu"), "board": part("board") },
        });
        let begun = Instant::now();
        let mut is_repeated = false;
        loop {
            let answer = self.line.send(endpoint, &body);
            if answer.is_trouble() {
                ensure!(begun.elapsed() < RETRY_TIMEOUT, "{endpoint} was never told");
                is_repeated = true;
                thread::sleep(PAUSE);
                continue;
            }
            let code = answer.code();
            if !(first.contains(&code) || is_repeated && again.contains(&code)) {
                self.line
                    .ledger
                    .wrong(format!("{endpoint} of the {machine} machine: {code} and not {first:?}"));
            }
            return Ok(answer.body);
        }
    }

    /// Checks that the tables hold what was acknowledged: these devices and no other, and each change once.
    fn check(&self, customer: &IssuedLicense, bound: &[&Value], changes: &[(&str, usize)]) -> Result<()> {
        let ids = |answers: &[&Value]| -> BTreeSet<String> {
            answers.iter().filter_map(|body| body["device"]["id"].as_str().map(str::to_owned)).collect()
        };
        let row = self.stage.wait(self.stage.store.license(&customer.id))?.context("the license is gone")?;
        let stored: BTreeSet<_> = row.license.devices.keys().map(ToString::to_string).collect();
        if stored != ids(bound) {
            self.line.ledger.wrong(format!("{stored:?} are stored, {:?} acknowledged", ids(bound)));
        }
        let request = json!({
            "TableName": self.stage.settings.verifications_table,
            "KeyConditionExpression": "license_id = :id",
            "ExpressionAttributeValues": { ":id": { "S": customer.id.as_str() } },
        });
        let rows = self.stage.database.send("Query", &request)?;
        let rows = rows["Items"].as_array().map_or(&[][..], Vec::as_slice);
        // Where a change was asked from is in a second row, which goes before the row that is kept.
        let is_change = |row: &&Value| row["at"]["S"].as_str().is_some_and(|at| !at.ends_with(CALLER));
        let count = |code: &str| rows.iter().filter(is_change).filter(|row| row["code"]["S"] == code).count();
        if changes.iter().any(|(code, times)| count(code) != *times) {
            let codes: Vec<_> = rows.iter().map(|row| &row["code"]["S"]).collect();
            self.line.ledger.wrong(format!("the audit has {codes:?}"));
        }
        Ok(())
    }
}
