//! From arguments to the command that runs.

use std::path::Path;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::{self, Settings, local};
use anyhow::{Context, Result};
use falconer_aws::clients::Operator;
use falconer_aws::keyring::{RingReader, RingWriter};
use falconer_aws::operator::{Caller, StackMetrics, stacks};
use falconer_aws::{Clients, Store, StoreReader};
use falconer_console::{Access, IDLE, MetricsSource, Setup};
use falconer_domain::{KeyRing, UnixMillis};
use falconer_operator::license_service::LicenseService;
use falconer_operator::words;
use jiff::tz::TimeZone;
use secrecy::ExposeSecret;

use crate::args::{self, Arguments, Command, ConnectionOptions, LicenseCommand, OutputOptions, Root};
use crate::commands::{self, CommandContext, keyring, pages, root};
use crate::failure::bad_input;

/// The actor where nothing names one.
const NOBODY: &str = "operator";
/// The functions' own variable for the name that their metrics have.
const STACK_NAME: &str = "STACK_NAME";
/// The SDK's variable for another CloudWatch.
const CLOUDWATCH_ENDPOINT: &str = "AWS_ENDPOINT_URL_CLOUDWATCH";
/// The issuer where nothing names one: the default of the template's parameter `LeaseIssuer`.
const DEFAULT_ISSUER: &str = "falconer";

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let Arguments { connection, output: options, command, .. } = arguments;
    match command {
        Command::Completions { shell } => pages::completions(shell)?,
        Command::Man { folder } => pages::man(folder.as_deref())?,
        Command::Root(Root::Init { out, passphrase }) => root::init(&out, &passphrase, options, now())?,
        Command::License(_) | Command::Keyring(_) | Command::Console(_) | Command::Root(_) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run_with_aws(connection, options, command))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs a command that needs AWS.
async fn run_with_aws(connection: ConnectionOptions, options: OutputOptions, command: Command) -> Result<()> {
    let words = command_words(&connection);
    let settings = Settings::together(flags(connection), Settings::of_environment(variable), file()?);
    let operator = Operator::connect(settings.region.clone()).await;
    let settings = match settings.stack_to_ask() {
        None => settings,
        Some(stack) => {
            let outputs = stacks::outputs(&operator, stack).await?;
            settings.clone().over(Settings::of_outputs(|name| outputs.get(name).cloned()))
        }
    };
    match command {
        Command::Keyring(command) => {
            let writer = ring_writer(&operator.clients, &settings)?;
            let store = || store(&operator.clients, &settings);
            keyring::KeyringContext { writer, options, now: now() }.run(command, store).await
        }
        Command::Root(command) => {
            let writer = ring_writer(&operator.clients, &settings)?;
            root::RootContext { writer, options, now: now() }.run(command).await
        }
        Command::License(command) => with_context(&operator, &settings, options, command).await,
        Command::Console(command) => console(&operator, &settings, options, command, words).await,
        Command::Completions { .. } | Command::Man { .. } => Ok(()),
    }
}

async fn console(
    operator: &Operator,
    settings: &Settings,
    options: OutputOptions,
    command: args::Console,
    words: Vec<String>,
) -> Result<()> {
    let (tables, secret) = (store(&operator.clients, settings)?, ring_writer(&operator.clients, settings)?);
    let access = if command.read_only {
        Access::ReadOnly(StoreReader::clone(&tables), RingReader::clone(&secret))
    } else {
        Access::Full(tables.signed_by(Caller::of(operator)), secret)
    };
    let setup = Setup {
        access,
        metrics: metrics(operator, settings),
        actor: actor(settings)?,
        product: settings.product.clone(),
        place: place(settings),
        command: words,
        zone: TimeZone::system(),
        now,
        idle: IDLE,
        files: command.files.clone(),
    };
    commands::console::run(setup, &command, options).await
}

/// The place that the console works on, for the top of its pages.
fn place(settings: &Settings) -> String {
    let name = match (&settings.stack, &settings.licenses_table) {
        _ if variable(local::IS_LOCAL).is_some() => "local stack".to_owned(),
        (Some(stack), _) => format!("stack {stack}"),
        (None, table) => format!("table {}", table.as_deref().unwrap_or_default()),
    };
    settings.region.as_ref().map_or_else(|| name.clone(), |region| format!("{name}, {region}"))
}

/// The metrics of the stack. A local stack without a CloudWatch of its own has none: nothing of it asks AWS.
fn metrics(operator: &Operator, settings: &Settings) -> MetricsSource {
    let named = |name: &str| variable(name).filter(|value| !value.is_empty());
    if variable(local::IS_LOCAL).is_some() && named(CLOUDWATCH_ENDPOINT).is_none() {
        return MetricsSource::Local;
    }
    let stack = settings.stack.clone().or_else(|| named(STACK_NAME));
    stack
        .map_or(MetricsSource::Unnamed, |stack| MetricsSource::CloudWatch(StackMetrics::of(operator, &stack)))
}

/// The program with the connection that was typed, for commands to copy.
fn command_words(place: &ConnectionOptions) -> Vec<String> {
    let local = variable(local::IS_LOCAL).map(|_| "--local".to_owned());
    let flags = [
        ("--stack", &place.stack),
        ("--region", &place.region),
        ("--licenses-table", &place.licenses_table),
        ("--verifications-table", &place.verifications_table),
        ("--master-key-secret-id", &place.master_key_secret_id),
        ("--actor", &place.actor),
    ];
    let typed = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]));
    ["falconer".to_owned()].into_iter().chain(local).chain(typed.flatten()).collect()
}

fn actor(settings: &Settings) -> Result<String> {
    let actor = words::actor(&settings.actor.clone().unwrap_or_else(user_name))?;
    Ok(actor.unwrap_or_else(|| NOBODY.to_owned()))
}

async fn with_context(
    operator: &Operator,
    settings: &Settings,
    options: OutputOptions,
    command: LicenseCommand,
) -> Result<()> {
    let caller = Caller::of(operator);
    let store = store(&operator.clients, settings)?.signed_by(caller.clone());
    let stored = ring_writer(&operator.clients, settings)?.read().await?;
    let ring = KeyRing::parse(stored.text.expose_secret())?;
    let actor = actor(settings)?;
    let service = LicenseService::new(&store, &ring, &actor);
    let product = settings.product.as_deref();
    let is_local = variable(local::IS_LOCAL).is_some();
    if matches!(command, LicenseCommand::DemoData) && !is_local {
        let sentence =
            "made-up customers belong on a local stack; give --local, while `cargo xtask dev` runs";
        return Err(bad_input(sentence).into());
    }
    let issuer = settings.lease_issuer.as_deref().unwrap_or(DEFAULT_ISSUER);
    let (store, ring, actor, now) = (&store, &ring, actor.as_str(), now());
    let context = CommandContext { store, ring, service, actor, issuer, product, options, now };
    let outcome = commands::run(&context, command).await;
    if let Some(why) = caller.failure() {
        context.progress(&format!(
            "The audit has the actor alone, without the AWS identity: STS did not tell it ({why})."
        ));
    }
    outcome
}

fn store(clients: &Clients, settings: &Settings) -> Result<Store> {
    let licenses = required(settings.licenses_table.as_deref(), "LICENSES_TABLE", "licenses-table")?;
    let verifications =
        required(settings.verifications_table.as_deref(), "VERIFICATIONS_TABLE", "verifications-table")?;
    Ok(Store::new(clients, licenses, verifications))
}

fn ring_writer(clients: &Clients, settings: &Settings) -> Result<RingWriter> {
    let secret = settings.master_key_secret_id.as_deref();
    Ok(RingWriter::new(clients, required(secret, "MASTER_KEY_SECRET_ID", "master-key-secret-id")?))
}

fn required<'a>(value: Option<&'a str>, variable: &str, flag: &str) -> Result<&'a str> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(bad_input(format!(
            "say where: give --stack NAME, or set {variable} or give --{flag}, or --local for the local stack"
        ))
        .into()),
    }
}

fn flags(place: ConnectionOptions) -> Settings {
    Settings {
        stack: place.stack,
        region: place.region,
        licenses_table: place.licenses_table,
        verifications_table: place.verifications_table,
        master_key_secret_id: place.master_key_secret_id,
        lease_issuer: place.lease_issuer,
        actor: place.actor,
        // A flag of the commands that are about a product.
        product: None,
    }
}

/// The nearest `falconer.toml`.
fn file() -> Result<Settings> {
    let here = std::env::current_dir().context("the current folder cannot be read")?;
    config::nearest_file(&here).as_deref().map_or_else(|| Ok(Settings::default()), read)
}

fn read(file: &Path) -> Result<Settings> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("{name} cannot be read"))?;
    // A sentence of its own: what is wrong with the file, not with what it names.
    Settings::read(&text).map_err(|why| bad_input(format!("{name} does not read: {why}")).into())
}

#[expect(clippy::disallowed_methods, reason = "the edge where the clock is read")]
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the edge where the environment is read")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn user_name() -> String {
    variable("USER").or_else(|| variable("USERNAME")).unwrap_or_else(|| NOBODY.to_owned())
}
