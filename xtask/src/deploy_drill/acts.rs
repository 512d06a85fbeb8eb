//! The six acts, in their order: each needs the stack that the one before leaves.

use std::process::ExitStatus;

use anyhow::{Result, ensure};
use serde_json::Value;

use super::Drill;
use super::account::architecture;
use super::breakage::Breakage;
use super::customers::{Customer, issuer};
use super::traffic::Traffic;
use crate::{http, interrupt};

/// A part of the drill.
pub(super) struct Act {
    pub(super) name: &'static str,
    /// Plays it, and returns what it showed.
    pub(super) run: fn(&mut Drill) -> Result<String>,
    pub(super) not_shown: &'static str,
}

/// `docs/deploying.md` has a section for each, with these sentences; a test compares the two.
pub(super) const ALL: [Act; 6] = [
    Act {
        name: "the first deployment",
        run: first_deployment,
        not_shown: "how long AWS takes, and whether an account's own limits and policies allow it.",
    },
    Act {
        name: "licenses",
        run: licenses,
        not_shown: "whether Lambda hands the answer on before the audit row is written.",
    },
    Act {
        name: "an upgrade under traffic",
        run: upgrade,
        not_shown: "the trial of a new version: the emulator moves every request at once, without CodeDeploy.",
    },
    Act {
        name: "a deployment that fails",
        run: failed_deployment,
        not_shown: "a rollback that an alarm begins, and whether a ringing alarm stops the way back.",
    },
    Act {
        name: "deleting the stack",
        run: deletion,
        not_shown: "that DynamoDB refuses to delete a protected table: the stack does not try.",
    },
    Act {
        name: "a new stack over the old tables",
        run: adoption,
        not_shown: "CloudFormation's own import of a secret: the emulator has none, so its part is bridged.",
    },
];

const TIERS: [&str; 3] = ["pro", "elite", "lifetime"];
/// The name of the stack that takes the old tables over.
const HEIR: &str = "drill-again";
/// A function whose package is spoilt or ruined where an act asks for one.
const SPOILT: &str = "verify";
/// The lease issuers of the two versions of act 3: new code, and then a parameter alone.
const UPGRADED: &str = "drill-2";
const CHANGED: &str = "drill-2-changed";

fn first_deployment(drill: &mut Drill) -> Result<String> {
    drill.deploy("drill-1")?;
    let stack = drill.deployed()?;
    if drill.broken.is_none() {
        ensure!(
            stack["differences"].as_array().is_some_and(Vec::is_empty),
            "the deployed template differs from template.yaml: {}",
            stack["differences"]
        );
    }
    let ring = drill.account.falconer(drill.stack, &["keyring", "list"])?;
    let roles: Vec<_> =
        ring["generations"].as_array().into_iter().flatten().map(|one| &one["role"]).collect();
    ensure!(roles == ["current"], "CloudFormation generated a ring with the generations {roles:?}");
    let api = drill.api()?;
    let ready = http::get(&format!("{api}/api/health/ready"))?;
    ensure!(ready.status == 200, "readiness is answered {} {}", ready.status, ready.text);
    // A later act that is broken has its own look.
    if drill.broken.is_some_and(|broken| broken.acts().len() > 1) {
        return Ok(String::new());
    }
    let looks = drill.smoke(&stack, &api)?;
    Ok(format!(
        "`sam deploy` makes the stack from template.yaml, where nothing differs but the packages' addresses, with every role \
         enforced; CloudFormation generates a ring of one generation, `falconer --stack` finds it, and the smoke script's \
         {looks} looks pass."
    ))
}

fn licenses(drill: &mut Drill) -> Result<String> {
    let api = drill.api()?;
    for tier in TIERS {
        drill.customers.push(Customer::new(&drill.account, drill.stack, &api, tier)?);
        interrupt::check()?;
    }
    for customer in &drill.customers {
        customer.must_be_good(&drill.account, &api)?;
        let rows = drill.account.falconer(drill.stack, &["audit", &customer.license_id])?;
        let codes = rows.to_string();
        for code in ["ACTIVATED", "VALID"] {
            ensure!(codes.contains(code), "{} has no audit row {code}: {codes}", customer.license_id);
        }
    }
    Ok(format!(
        "{} licenses are issued and their machines bound; each key verifies, PyJWT accepts each lease by the published \
         keys, and each verdict and change has its audit row.",
        TIERS.len()
    ))
}

fn upgrade(drill: &mut Drill) -> Result<String> {
    let before = drill.deployed()?;
    let api = drill.api()?;
    let traffic = Traffic::start(&api, &drill.customers);
    let issuer_before = drill.issuer;
    let deployed = drill.upgrade_twice(&api);
    // Failures of customers say more than a version that does not answer.
    let answers = traffic.stop();
    answers.must_be_good()?;
    let [upgraded, changed] = deployed?;
    ensure!(
        answers.issuers.keys().eq([issuer_before, UPGRADED, CHANGED]),
        "each version answers while the stack is upgraded: {:?}",
        answers.issuers
    );
    for (function, version) in before["functions"].as_object().into_iter().flatten() {
        let (then, now) = (&upgraded["functions"][function], &changed["functions"][function]);
        ensure!(
            then["version"] != version["version"] && then["code"] != version["code"],
            "the alias of {function} is on {then}, and was on {version}"
        );
        ensure!(
            now["version"] != then["version"] && now["code"] == then["code"],
            "a parameter alone moved the alias of {function} from {then} to {now}"
        );
    }
    drill.customers_must_be_good(&api)?;
    Ok(format!(
        "a changed parameter and new code, and then a parameter alone, reach all aliases while {} requests are asked and none \
         fails; every key, seat and lease of the version before is good.",
        answers.requests
    ))
}

fn failed_deployment(drill: &mut Drill) -> Result<String> {
    let before = drill.deployed()?;
    let api = drill.api()?;
    let traffic = Traffic::start(&api, &drill.customers);
    drill.packages.release("3")?;
    drill.packages.load(SPOILT)?;
    let (status, said) = drill.try_to_deploy("drill-3")?;
    drill.packages.unload(SPOILT)?;
    ensure!(!status.success(), "a package that is too large was deployed: {}", ending(&said));
    let made = versions_made(&said);
    ensure!(made > 0, "the deployment failed before it had made anything: {}", ending(&said));
    let answers = traffic.stop();
    answers.must_be_good()?;
    let after = drill.deployed()?;
    ensure!(
        after["status"] == "UPDATE_ROLLBACK_COMPLETE",
        "the stack is {}: {}",
        after["status"],
        ending(&said)
    );
    ensure!(after["functions"] == before["functions"], "the aliases moved: {}", after["functions"]);
    drill.must_answer(&api)?;
    drill.customers_must_be_good(&api)?;
    Ok(format!(
        "one package is larger than Lambda takes; CloudFormation has made {made} versions by then, and rolls all of it back; {} \
         requests are asked meanwhile, none fails, and each alias is on the version before.",
        answers.requests
    ))
}

fn deletion(drill: &mut Drill) -> Result<String> {
    let outputs = drill.deployed()?["outputs"].clone();
    let (before, api) = (drill.account.kept(&outputs)?, drill.api()?);
    let arguments = ["delete", "--no-prompts", "--stack-name", drill.stack];
    let (status, said) = drill.account.sam(&drill.packages.folder, &arguments.map(str::to_owned))?;
    ensure!(status.success(), "`sam delete` failed: {}", ending(&said));
    let gone = http::get(&format!("{api}/api/health"))?;
    ensure!(gone.status >= 400, "the API of a deleted stack answers {} {}", gone.status, gone.text);
    let after = drill.account.kept(&outputs)?;
    ensure!(after == before, "tables and ring were {before}, and are {after}");
    ensure!(after["protected"] == true, "the tables are not protected against deletion");
    drill.left = outputs;
    Ok(format!(
        "`sam delete` takes the API away and leaves both tables with their {} and {} rows, protected, and the ring.",
        after["rows"], after["verifications"]
    ))
}

fn adoption(drill: &mut Drill) -> Result<String> {
    let outputs = drill.left.clone();
    let before = drill.account.kept(&outputs)?;
    drill.stack = HEIR;
    if !drill.is_broken(Breakage::Adoption) {
        let text = |output: &str| outputs[output].as_str().unwrap_or_default().to_owned();
        let names = ["LicensesTable", "VerificationsTable", "MasterKeySecret"].map(text);
        let settings = ["LICENSES_TABLE", "VERIFICATIONS_TABLE", "MASTER_KEY_SECRET_ID"];
        let settings: Vec<_> = settings.into_iter().zip(names.iter().map(String::as_str)).collect();
        drill.account.script("scripts/adopt.sh", &[HEIR], &settings)?;
    }
    drill.deploy("drill-4")?;
    let after = drill.deployed()?;
    let api = drill.api()?;
    drill.customers_must_be_good(&api)?;
    for output in ["LicensesTable", "VerificationsTable", "MasterKeySecret"] {
        ensure!(after["outputs"][output] == outputs[output], "{output} is {}", after["outputs"][output]);
    }
    ensure!(drill.account.kept(&outputs)?["ring"] == before["ring"], "the ring is another one");
    drill.must_answer(&api)?;
    Ok("`scripts/adopt.sh` imports tables and secret into a new stack, `sam deploy` adds the rest, the ring is the same \
        byte for byte, and every key, seat and lease of the deleted stack is good."
        .to_owned())
}

/// How many versions of functions CloudFormation made before its first failure, by the events that SAM shows.
fn versions_made(said: &str) -> usize {
    let events = said.split("CloudFormation events").nth(1).unwrap_or_default();
    let before_failure = events.split("UPDATE_FAILED").next().unwrap_or_default();
    before_failure
        .lines()
        .filter(|line| line.contains("COMPLETE") && line.contains("AWS::Lambda::Version"))
        .count()
}

/// The last lines of what a command said, where SAM has its reason.
fn ending(said: &str) -> String {
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(3)..].join("\n")
}

impl Drill<'_> {
    /// `sam deploy`, with the lease issuer by which the answers of this version are told apart.
    fn try_to_deploy(&self, issuer: &str) -> Result<(ExitStatus, String)> {
        let architecture = format!("Architecture={}", architecture());
        let issuer = format!("LeaseIssuer={issuer}");
        let mut arguments =
            vec!["deploy", "--no-confirm-changeset", "--no-progressbar", "--stack-name", self.stack];
        if self.is_broken(Breakage::Rollback) {
            arguments.push("--disable-rollback");
        }
        // The traffic asks about few licenses from one address, far above what a customer does.
        let limits =
            ["RateLimitPerMinute=0", "RateLimitPerAddressPerMinute=0", "VerifiesPerLicensePerMinute=0"];
        arguments.extend(["--parameter-overrides", &architecture, &issuer]);
        arguments.extend(limits);
        let arguments: Vec<_> = arguments.into_iter().map(str::to_owned).collect();
        self.account.sam(&self.packages.folder, &arguments)
    }

    fn deploy(&mut self, issuer: &'static str) -> Result<()> {
        let (status, said) = self.try_to_deploy(issuer)?;
        ensure!(status.success(), "`sam deploy` failed: {}", ending(&said));
        self.issuer = issuer;
        Ok(())
    }

    /// Deploys new code with a changed parameter, and then a parameter alone. The stack after each.
    fn upgrade_twice(&mut self, api: &str) -> Result<[Value; 2]> {
        self.packages.release("2")?;
        if self.is_broken(Breakage::Code) {
            self.packages.ruin(SPOILT)?;
        }
        self.deploy(UPGRADED)?;
        self.must_answer(api)?;
        let upgraded = self.deployed()?;
        self.deploy(CHANGED)?;
        self.must_answer(api)?;
        Ok([upgraded, self.deployed()?])
    }

    fn deployed(&self) -> Result<Value> {
        self.account.deployed(self.stack)
    }

    fn api(&self) -> Result<String> {
        self.account.api(&self.deployed()?["outputs"])
    }

    fn customers_must_be_good(&self, api: &str) -> Result<()> {
        self.customers.iter().try_for_each(|customer| customer.must_be_good(&self.account, api))
    }

    /// Fails unless the version that was deployed last answers.
    fn must_answer(&self, api: &str) -> Result<()> {
        for customer in &self.customers {
            let answer = customer.verifies(api)?;
            let found = issuer(&answer.json())?;
            ensure!(found == self.issuer, "the version {found} answers, not {}", self.issuer);
        }
        Ok(())
    }

    /// The script for owners of an account, on this stack. The number of its looks.
    fn smoke(&self, stack: &Value, api: &str) -> Result<u32> {
        let outputs = &stack["outputs"];
        let text = |output: &str| outputs[output].as_str().unwrap_or_default();
        let settings = [
            ("STACK", self.stack),
            ("API_URL", api),
            ("LICENSES_TABLE", text("LicensesTable")),
            ("VERIFICATIONS_TABLE", text("VerificationsTable")),
            ("MASTER_KEY_SECRET_ID", text("MasterKeySecret")),
            ("ALLOWED_ORIGIN", "https://app.example.com"),
            // The emulator makes no metrics of log lines.
            ("METRICS_SECONDS", "0"),
        ];
        let said = self.account.script("scripts/smoke-aws.sh", &[], &settings)?;
        let passed = said.lines().rev().find_map(|line| line.strip_suffix(" passed, 0 failed"));
        let left = self.account.kept(outputs)?;
        ensure!(left["rows"] == 0 && left["verifications"] == 0, "the smoke script leaves {left}: {said}");
        passed
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| anyhow::anyhow!("the smoke script says {said}"))
    }
}
