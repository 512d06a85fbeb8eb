//! Real function binaries between a real DynamoDB implementation and a Secrets Manager, with a tap in front of each.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use falconer_aws::keyring::RingWriter;
use falconer_aws::{AuditRow, Budgets, Clients, Settings, Store};
use falconer_domain::issue::NewLicense;
use falconer_domain::{KeyRing, License, LicenseId, UnixMillis};
use falconer_emulators::cloudwatch::CloudWatch;
use falconer_emulators::dynamodb::{DynamoDb, Storage};
use falconer_emulators::gateway::{Config, End, Gateway, Invocation, Launch, SOURCE_IP_HEADER};
use falconer_emulators::secrets::Secrets;
use falconer_emulators::sts::Sts;
use falconer_emulators::tap::Tap;
use falconer_emulators::template::{Names, Template};
use falconer_operator::issue::Issuer;
use serde_json::Value;
use tokio::runtime::Runtime;
use ureq::Agent;

use crate::fixture::{Fixture, SECRET_WORDS, built_in_catalog, ring};
use crate::machine::Machine;
use crate::reply::Reply;

/// A debug binary on a busy machine takes seconds to its first `/next`.
const START_LIMIT: Duration = Duration::from_secs(60);
/// Longer than any time-out of the functions or the gateway.
const HTTP_LIMIT: Duration = Duration::from_secs(30);

/// Every function.
const FUNCTIONS: [&str; 6] = ["verify", "activate-sync", "transfer", "deactivate", "keys", "health"];

/// How the members of a request begin that say something no log may repeat: a key, a machine, a person.
const PERSONAL: [&str; 4] = ["license", "hardware", "hw", "device"];

/// How often [`TestStack::settle`] looks.
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The checkout's root.
///
/// # Panics
/// Never: this crate lies in a folder.
#[must_use]
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a parent folder").to_owned()
}

/// The configuration of a stack.
pub struct TestStackOptions {
    /// Instances of each function.
    pub instances: usize,
    /// Settings that differ from the template's defaults.
    pub settings: Vec<(&'static str, String)>,
    /// The text of the key ring; `None` leaves the secret unmade.
    pub ring: Option<String>,
    /// Seconds after which the gateway kills a function, if not the template's.
    pub timeout: Option<Duration>,
}

impl Default for TestStackOptions {
    /// One instance of each function, no limits, the usual ring.
    fn default() -> Self {
        Self {
            instances: 1,
            settings: vec![
                ("RATE_LIMIT_PER_MINUTE", "0".to_owned()),
                ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "0".to_owned()),
                ("VERIFIES_PER_LICENSE_PER_MINUTE", "0".to_owned()),
            ],
            ring: Some(ring()),
            timeout: None,
        }
    }
}

/// Stand-ins and functions, until it is dropped. Dropping it also looks through everything the functions wrote: no
/// license key, e-mail, name, hardware value or master may be in it, in any test.
pub struct TestStack {
    gateway: Gateway,
    /// The tap in front of DynamoDB.
    pub dynamodb: Tap,
    /// The tap in front of Secrets Manager.
    pub secrets_tap: Tap,
    /// The tap in front of the Security Token Service, which operators alone ask.
    pub sts: Tap,
    /// The tap in front of CloudWatch, which the console alone asks.
    pub cloudwatch: Tap,
    /// The metrics behind it. No log line reaches them.
    pub metrics: CloudWatch,
    /// The secrets behind their tap.
    pub secrets: Secrets,
    /// Names of tables and the secret.
    pub settings: Settings,
    /// Clients that pass no tap.
    pub clients: Clients,
    /// Clients that pass both taps.
    pub tapped: Clients,
    /// The tables, past the tap.
    pub store: Store,
    runtime: Runtime,
    agent: Agent,
    spoken: RefCell<Vec<String>>,
    database: DynamoDb,
    instances: usize,
    _sts: Sts,
}

impl TestStack {
    /// A plain stack.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&TestStackOptions::default())
    }

    /// A stack as described.
    ///
    /// # Panics
    /// Something of it does not start; the message says what.
    #[must_use]
    pub fn with(options: &TestStackOptions) -> Self {
        let template = Template::read(&checkout().join("template.yaml")).expect("template.yaml");
        let names = template.local_names();
        let database = DynamoDb::start(Storage::Memory, 0).expect("a DynamoDB");
        database.create_tables(&template, &names).expect("tables");
        let dynamodb = Tap::start(database.endpoint()).expect("a tap");
        dynamodb.measure_capacity();
        let secrets = Secrets::start(0).expect("a Secrets Manager");
        let secrets_tap = Tap::start(secrets.endpoint()).expect("a tap");
        let service = Sts::start(0).expect("a Security Token Service");
        let sts = Tap::start(service.endpoint()).expect("a tap");
        let metrics = CloudWatch::start(0).expect("a CloudWatch");
        let cloudwatch = Tap::start(metrics.endpoint()).expect("a tap");
        if let Some(ring) = &options.ring {
            secrets.put(names.of("MasterKeySecret").expect("a secret"), ring);
        }

        let environment = template.environment(&names).expect("an environment");
        let lookup = |name: &str| {
            let set = options.settings.iter().find(|(variable, _)| *variable == name);
            set.map(|(_, value)| value.clone()).or_else(|| environment.get(name).cloned())
        };
        let settings = Settings::read(lookup).expect("settings");
        let gateway = start_gateway(options, &template, &names, &dynamodb, &secrets_tap);

        let runtime = Runtime::new().expect("a runtime");
        let clients = Clients::of_stand_ins(database.endpoint(), &secrets.endpoint(), Budgets::OPERATOR);
        let tapped = Clients::of_stand_ins(&dynamodb.endpoint(), &secrets_tap.endpoint(), Budgets::LAMBDA);
        let store = Store::new(&clients, &settings.licenses_table, &settings.verifications_table);
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(HTTP_LIMIT))
            .allow_non_standard_methods(true)
            .build()
            .into();
        let stack = Self {
            gateway,
            dynamodb,
            secrets_tap,
            sts,
            cloudwatch,
            metrics,
            secrets,
            settings,
            clients,
            tapped,
            store,
            runtime,
            agent,
            spoken: RefCell::default(),
            database,
            instances: options.instances * FUNCTIONS.len(),
            _sts: service,
        };
        stack.forget();
        stack
    }

    /// API Gateway and Lambda.
    #[must_use]
    pub const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// A program with this stack's endpoints and nothing else of AWS.
    #[must_use]
    pub fn program(&self, name: &str) -> std::process::Command {
        let mut command = alone(name);
        command
            .env("AWS_ENDPOINT_URL_DYNAMODB", self.dynamodb.endpoint())
            .env("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets_tap.endpoint())
            .env("AWS_ENDPOINT_URL_STS", self.sts.endpoint())
            .env("AWS_ENDPOINT_URL_CLOUDWATCH", self.cloudwatch.endpoint())
            .env("AWS_ACCESS_KEY_ID", "stand-in")
            .env("AWS_SECRET_ACCESS_KEY", "stand-in")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_CONFIG_FILE", "none")
            .env("AWS_SHARED_CREDENTIALS_FILE", "none");
        command
    }

    /// Instances there were at the start: more starts mean that one was killed or died.
    #[must_use]
    pub const fn instances(&self) -> usize {
        self.instances
    }

    /// Runs a future to its end.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Forgets what the taps have seen so far.
    pub fn forget(&self) {
        self.dynamodb.forget();
        self.secrets_tap.forget();
        self.sts.forget();
        self.cloudwatch.forget();
    }

    /// The ring in the secret.
    ///
    /// # Panics
    /// It does not exist.
    #[must_use]
    pub fn ring(&self) -> KeyRing {
        let text = self.secrets.current(&self.settings.master_key_secret_id).expect("a ring");
        KeyRing::parse(&text).expect("a good ring")
    }

    /// The operator's access to the ring.
    #[must_use]
    pub fn ring_writer(&self) -> RingWriter {
        RingWriter::new(&self.clients, &self.settings.master_key_secret_id)
    }

    /// Stores a license and returns its key. The key may not appear in any log from now on.
    ///
    /// # Panics
    /// The store refuses.
    pub fn put(&self, fixture: Fixture) -> String {
        let (key, new) = self.make(fixture);
        let row = AuditRow::change(&new.license.id, new.created_at, "fixture", "issue", "ISSUED", "fixture");
        let token = format!("fixture-{}", new.license.id);
        self.wait(self.store.issue(&new, &row, &token)).expect("a stored license");
        key
    }

    /// Puts a raw item, in DynamoDB's own JSON, into the licenses table, as no function would write it.
    ///
    /// # Panics
    /// DynamoDB refuses.
    pub fn put_item(&self, item: &Value) {
        let body = serde_json::json!({ "TableName": self.settings.licenses_table, "Item": item });
        self.database.send("PutItem", &body).expect("a stored item");
    }

    /// Puts many raw items into the licenses table, in batches of 25.
    ///
    /// # Panics
    /// DynamoDB refuses, or leaves some for later.
    pub fn put_items(&self, items: &[Value]) {
        for batch in items.chunks(25) {
            let puts: Vec<_> =
                batch.iter().map(|item| serde_json::json!({ "PutRequest": { "Item": item } })).collect();
            let body = serde_json::json!({ "RequestItems": { &self.settings.licenses_table: puts } });
            let answer = self.database.send("BatchWriteItem", &body).expect("stored items");
            let left = answer["UnprocessedItems"].as_object();
            assert!(left.is_none_or(serde_json::Map::is_empty), "{left:?}");
        }
    }

    /// Puts a raw audit row, in DynamoDB's own JSON, as an older version may have left it.
    ///
    /// # Panics
    /// DynamoDB refuses.
    pub fn put_audit_row(&self, row: &Value) {
        let body = serde_json::json!({ "TableName": self.settings.verifications_table, "Item": row });
        self.database.send("PutItem", &body).expect("a stored row");
    }

    /// An item of the licenses table in DynamoDB's own JSON; `null` if it does not exist.
    ///
    /// # Panics
    /// DynamoDB refuses.
    #[must_use]
    pub fn item(&self, id: &LicenseId) -> Value {
        let request = serde_json::json!({
            "TableName": self.settings.licenses_table,
            "Key": { "license_id": { "S": id.as_str() } },
            "ConsistentRead": true,
        });
        self.database.send("GetItem", &request).expect("an answer")["Item"].take()
    }

    /// The license that an item describes, as the rules see it.
    ///
    /// # Panics
    /// It does not exist.
    #[must_use]
    pub fn stored(&self, id: &LicenseId) -> License {
        self.wait(self.store.license(id)).expect("an answer").expect("a license").license
    }

    /// The audit rows of a license, oldest first, in DynamoDB's own JSON. That of its making is left out.
    ///
    /// # Panics
    /// DynamoDB refuses.
    #[must_use]
    pub fn audit_rows(&self, id: &LicenseId) -> Vec<Value> {
        let request = serde_json::json!({
            "TableName": self.settings.verifications_table,
            "KeyConditionExpression": "license_id = :id",
            "ExpressionAttributeValues": { ":id": { "S": id.as_str() } },
            "ConsistentRead": true,
        });
        let mut answer = self.database.send("Query", &request).expect("an answer");
        let rows = answer["Items"].as_array_mut().map(std::mem::take).unwrap_or_default();
        assert!(answer["LastEvaluatedKey"].is_null(), "more rows than one page");
        rows.into_iter().filter(|row| row["action"]["S"] != "issue").collect()
    }

    /// Every item of every table, as text.
    ///
    /// # Panics
    /// DynamoDB refuses.
    #[must_use]
    pub fn everything_stored(&self) -> String {
        let settings = &self.settings;
        [&settings.licenses_table, &settings.verifications_table, &settings.rate_limits_table]
            .map(|table| {
                let request = serde_json::json!({ "TableName": table });
                self.database.send("Scan", &request).expect("an answer").to_string()
            })
            .concat()
    }

    /// A key that is authentic and opens nothing.
    pub fn key_without_license(&self) -> String {
        self.key_alone(Fixture::pro())
    }

    /// The key of a license that is not stored.
    pub fn key_alone(&self, fixture: Fixture) -> String {
        self.make(fixture).0
    }

    /// A text that tests will send as a key: no log may repeat it.
    pub fn speak(&self, typed: &str) {
        if typed.len() >= 8 {
            self.spoken.borrow_mut().push(typed.to_owned());
        }
    }

    /// Remembers what a request says of its key, its machine and its people, whatever it is and however it is spelled.
    fn overhear(&self, body: &[u8]) {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return };
        let personal = |name: &str| PERSONAL.iter().any(|personal| name.starts_with(personal));
        for (_, value) in members.into_iter().filter(|(name, _)| personal(name)) {
            let values = match value {
                Value::Object(parts) => parts.into_iter().map(|(_, part)| part).collect(),
                value => vec![value],
            };
            for text in values.iter().filter_map(Value::as_str) {
                let known = self.spoken.borrow().iter().any(|spoken| spoken == text);
                if !known {
                    self.speak(text);
                }
            }
        }
    }

    /// Takes a text back that was spoken only to see it found.
    pub fn unspeak(&self, typed: &str) {
        self.spoken.borrow_mut().retain(|spoken| spoken != typed);
    }

    /// The license a key opens.
    ///
    /// # Panics
    /// The key is not authentic.
    #[must_use]
    pub fn license_id(&self, key: &str) -> LicenseId {
        self.ring().authenticate(key).expect("an authentic key").license_id
    }

    /// `POST` of a JSON body from 203.0.113.1.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_from("203.0.113.1", path, body)
    }

    /// `POST` of a JSON body from an address.
    pub fn post_from(&self, source_ip: &str, path: &str, body: &Value) -> Reply {
        let headers = [(SOURCE_IP_HEADER, source_ip), ("content-type", "application/json")];
        self.send("POST", path, &headers, body.to_string().as_bytes())
    }

    /// `POST /api/verify` of a key alone.
    pub fn verify(&self, key: &str) -> Reply {
        self.post("/api/verify", &serde_json::json!({ "license": key }))
    }

    /// `POST /api/activate-sync` of a machine.
    pub fn activate(&self, key: &str, machine: &Machine) -> Reply {
        self.post("/api/activate-sync", &machine.request(key))
    }

    /// `POST /api/transfer` to a machine.
    pub fn transfer(&self, key: &str, machine: &Machine) -> Reply {
        self.post("/api/transfer", &machine.request(key))
    }

    /// `POST /api/deactivate` of a machine.
    pub fn deactivate(&self, key: &str, machine: &Machine) -> Reply {
        self.post("/api/deactivate", &machine.request(key))
    }

    /// `GET`.
    pub fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], &[])
    }

    /// Any request.
    ///
    /// # Panics
    /// The gateway does not answer.
    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        self.overhear(body);
        let url = format!("{}{path}", self.gateway.url());
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.to_vec()).expect("a request");
        Reply::read(self.agent.run(request).expect("an answer of the gateway"))
    }

    /// Waits until every answer so far has been recorded: rows written or given up, the request's line read.
    ///
    /// # Panics
    /// An instance is still busy long after it has to be free.
    pub fn settle(&self) {
        for _ in 0..1_000 {
            let mut answered = self.gateway.invocations();
            answered.retain(|invocation| invocation.end == Some(End::Answered));
            let free = |invocation: &Invocation| invocation.free.is_some();
            if answered.iter().all(free) && self.lines().len() >= answered.len() {
                return;
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        panic!("an answer has no line in the log:\n{}", self.log_text());
    }

    /// The lines in which the functions tell of a request, as JSON; one for every answer.
    #[must_use]
    pub fn request_lines(&self) -> Vec<Value> {
        self.settle();
        self.lines()
    }

    fn lines(&self) -> Vec<Value> {
        let lines = self.gateway.logs();
        lines
            .iter()
            .filter_map(|line| serde_json::from_str::<Value>(&line.text).ok())
            .filter(|line| line["_aws"].is_object())
            .collect()
    }

    /// Everything the functions wrote.
    #[must_use]
    pub fn log_text(&self) -> String {
        let lines = self.gateway.logs();
        lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Forbidden texts that its logs contain.
    #[must_use]
    pub fn spilled(&self) -> Vec<String> {
        let log = self.log_text().to_lowercase();
        let spoken = self.spoken.borrow();
        let secrets = SECRET_WORDS.iter().copied().chain(spoken.iter().map(String::as_str));
        secrets.filter(|secret| log.contains(&secret.to_lowercase())).map(str::to_owned).collect()
    }

    /// A key and the license it would open.
    fn make(&self, fixture: Fixture) -> (String, NewLicense) {
        let Fixture { order, form, change } = fixture;
        let ring = self.ring();
        let order = order.check(&built_in_catalog()).expect("a good order");
        // Legacy keys differ by their second alone.
        let issued = i64::try_from(self.spoken.borrow().len()).unwrap_or_default();
        let now = UnixMillis(1_700_000_000_000 + issued * 1_000);
        let mut desk = Issuer::new(&self.store, &ring, "fixture");
        let (key, mut new) = desk.prepare(&order, form, now).expect("a key");
        change(&mut new, &ring);
        self.speak(&key.to_string());
        (key.to_string(), new)
    }
}

impl Drop for TestStack {
    fn drop(&mut self) {
        let spilled = self.spilled();
        assert!(
            std::thread::panicking() || spilled.is_empty(),
            "a log holds {spilled:?}:\n{}",
            self.log_text()
        );
    }
}

fn start_gateway(
    options: &TestStackOptions,
    template: &Template,
    names: &Names,
    dynamodb: &Tap,
    secrets: &Tap,
) -> Gateway {
    let mut extra = vec![
        ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.endpoint()),
    ];
    extra.extend(options.settings.iter().cloned());
    let extra = extra.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let binaries = Launch::Binaries(binaries());
    let mut config =
        Config::from_template(template, names, binaries, options.instances, &extra).expect("a configuration");
    if let Some(timeout) = options.timeout {
        for function in FUNCTIONS {
            config = config.with_function(function, |function| function.timeout = timeout);
        }
    }
    let gateway =
        Gateway::start(config).expect("a gateway; `cargo xtask test` builds the functions it starts");
    gateway.wait_until_ready(START_LIMIT).expect("ready functions");
    gateway
}

/// A program with the search path and nothing else of the caller's environment.
#[must_use]
pub fn alone(name: &str) -> std::process::Command {
    #[expect(clippy::disallowed_methods, reason = "the one variable that a test hands on")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut command = std::process::Command::new(program(name));
    command.env_clear().env("PATH", path);
    command
}

/// A built program.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    binaries().join(name)
}

/// The folder of the functions' binaries: set by `cargo xtask test`, else beside the tests' own target folder.
fn binaries() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "tests read what xtask tells them")]
    let told = std::env::var_os("FALCONER_BIN_DIR").map(PathBuf::from);
    told.unwrap_or_else(|| {
        // target/debug/deps/it-… : the functions lie two steps up.
        let program = std::env::current_exe().expect("this test's own path");
        program.ancestors().nth(2).expect("a target folder").to_owned()
    })
}
