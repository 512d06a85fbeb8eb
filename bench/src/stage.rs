//! Surroundings of a program under measurement: a DynamoDB, a Secrets Manager, and licenses.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use falconer_aws::{Budgets, Clients, Settings, Store};
use falconer_domain::issue::{Order, Term};
use falconer_domain::license_key::Product;
use falconer_domain::{Catalog, KeyRing, LicenseId, TierName, UnixMillis};
use falconer_emulators::dynamodb::{DynamoDb, Storage};
use falconer_emulators::gateway::{Config, FunctionConfig, Launch};
use falconer_emulators::secrets::Secrets;
use falconer_emulators::template::{Names, Template};
use falconer_operator::issue::{Issuer, KeyForm};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// The ring of every run. No license outside of a run was ever signed with it.
const RING: &str = r#"{"current":"1","1":"bench-master-0123456789abcdef-0123456789"}"#;
/// Members of a request besides its key, as the client library sends them.
const NONCE: &str = "bench-nonce-0123456789abcdef";
/// Limits as high as they go: counted at every request, and never reached.
const NEVER_REACHED: &str = "1000000000";

/// A license that was issued.
pub(crate) struct IssuedLicense {
    pub(crate) key: String,
    pub(crate) id: LicenseId,
}

/// The stand-ins of a run, until it is dropped.
pub(crate) struct Stage {
    template: Template,
    pub(crate) names: Names,
    pub(crate) database: DynamoDb,
    pub(crate) secrets: Secrets,
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    runtime: Runtime,
}

impl Stage {
    /// Empty tables and a ring.
    pub(crate) fn set() -> Result<Self> {
        let template = Template::read(&checkout().join("template.yaml"))?;
        let names = template.local_names();
        let database = DynamoDb::start(Storage::Memory, 0)?;
        database.create_tables(&template, &names)?;
        let secrets = Secrets::start(0)?;
        secrets.put(names.of("MasterKeySecret")?, RING);
        let environment = template.environment(&names)?;
        let settings = Settings::read(|name| environment.get(name).cloned())?;
        let runtime = Runtime::new()?;
        let clients = Clients::of_stand_ins(database.endpoint(), &secrets.endpoint(), Budgets::OPERATOR);
        let store = Store::new(&clients, &settings.licenses_table, &settings.verifications_table);
        Ok(Self { template, names, database, secrets, settings, store, runtime })
    }

    /// Runs a future on the stage's runtime.
    pub(crate) fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Rows of the audit so far.
    pub(crate) fn recorded(&self) -> Result<usize> {
        let mut count = 0;
        let mut request = json!({ "TableName": self.settings.verifications_table, "Select": "COUNT" });
        loop {
            let page = self.database.send("Scan", &request)?;
            count += usize::try_from(page["Count"].as_u64().unwrap_or_default())?;
            let Some(last) = page.get("LastEvaluatedKey") else { return Ok(count) };
            request["ExclusiveStartKey"] = last.clone();
        }
    }

    /// Issues a perpetual license, as the operator's program does.
    pub(crate) fn issue(&self, seats: u32) -> Result<IssuedLicense> {
        let product = Product::parse("QF").context("a product")?;
        let order = Order {
            product: product.clone(),
            tier: TierName::parse("pro").context("a tier")?,
            user_id: Some("user_12345".to_owned()),
            email: Some("bench.person@example.com".to_owned()),
            licensee_name: Some("Bench Person".to_owned()),
            term: Term::Perpetual,
            seats: Some(seats),
            features: Vec::new(),
            limits: falconer_domain::Limits::default(),
            updates_until: None,
        };
        let catalog = Catalog::built_in(&product).context("a built-in catalog")?;
        let order = order.check(&catalog)?;
        let ring = KeyRing::parse(RING)?;
        let mut desk = Issuer::new(&self.store, &ring, "bench");
        let issued = self.wait(desk.issue(&order, KeyForm::Current, now()))?;
        Ok(IssuedLicense { key: issued.key.to_string(), id: issued.license.license.id })
    }

    /// The configuration of all functions, on programs of a folder, with limits that count and are never reached.
    pub(crate) fn functions(
        &self,
        programs: &Path,
        instances: usize,
        dynamodb: &str,
        secrets: &str,
    ) -> Result<Config> {
        let extra = [
            ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets),
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("RATE_LIMIT_PER_MINUTE", NEVER_REACHED),
            ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "0"),
            // With its limit a license has a cap on audit rows, and one license asks far oftener here than that.
            ("VERIFIES_PER_LICENSE_PER_MINUTE", "0"),
        ];
        let extra: BTreeMap<_, _> =
            extra.map(|(variable, value)| (variable.to_owned(), value.to_owned())).into();
        let launch = Launch::Binaries(programs.to_owned());
        Config::from_template(&self.template, &self.names, launch, instances, &extra)
    }

    /// Settings of one function of that configuration.
    pub(crate) fn function(&self, name: &str, dynamodb: &str, secrets: &str) -> Result<FunctionConfig> {
        let config = self.functions(Path::new(""), 1, dynamodb, secrets)?;
        let mut functions = config.functions.into_iter();
        functions
            .find(|function| function.name == name)
            .with_context(|| format!("there is no function {name}"))
    }
}

/// The body of a verification.
pub(crate) fn verification(key: &str) -> Value {
    json!({ "license": key, "nonce": NONCE, "origin": "bench" })
}

/// The event that API Gateway makes of a verification.
pub(crate) fn event(key: &str) -> Result<Value> {
    let file = checkout().join("events/verify/post.json");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut event: Value = serde_json::from_str(&text)?;
    event["body"] = Value::from(verification(key).to_string());
    Ok(event)
}

/// The checkout's root.
pub(crate) fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(Path::to_owned).unwrap_or_default()
}

/// This moment.
pub(crate) fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// The functions that were built for tests, beside the test program.
#[cfg(test)]
pub(crate) fn debug_programs() -> PathBuf {
    let told = std::env::var_os("FALCONER_BIN_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| std::env::current_exe().unwrap().ancestors().nth(2).unwrap().to_owned())
}
