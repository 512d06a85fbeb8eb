//! From arguments to what is printed.

use std::io::Read;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use falconer::issue::{Form, Issued, Issuer};
use falconer::keyring::commands as keyring;
use falconer_aws::clients::TrustRoots;
use falconer_aws::keyring::RingWriter;
use falconer_aws::{Budgets, Clients, Store};
use falconer_domain::issue::{Order, Term};
use falconer_domain::license_key::Product;
use falconer_domain::{KeyRing, TierName, UnixMillis};
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::arguments::{Arguments, Command, Issue, Keyring, Place};

/// Longest master taken from standard input: a mistake such as a whole file ends here.
const MAX_MASTER_BYTES: u64 = 4_096;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let clients = Clients::connect(TrustRoots::Native, Budgets::OPERATOR).await;
        match arguments.command {
            Command::Issue(issue) => self::issue(&clients, arguments.place, issue).await,
            Command::Keyring(command) => self::keyring(&clients, &arguments.place, command).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn issue(clients: &Clients, place: Place, issue: Issue) -> Result<()> {
    let store = Store::new(
        clients,
        required(place.licenses_table.as_deref(), "LICENSES_TABLE", "--licenses-table")?,
        required(place.verifications_table.as_deref(), "VERIFICATIONS_TABLE", "--verifications-table")?,
    );
    let writer = ring_writer(clients, place.master_key_secret_id.as_deref())?;
    let stored = writer.read().await?;
    let ring = KeyRing::parse(stored.text.expose_secret())?;
    let (form, as_json) = (if issue.legacy { Form::Legacy } else { Form::Current }, issue.json);

    let mut desk = Issuer::new(&store, &ring, place.actor.unwrap_or_else(user_name));
    let order = desk.check(order(issue)?).await?;
    let issued = desk.issue(&order, form, now()).await?;
    if as_json {
        print_json(&issued);
    } else {
        print_text(&issued);
    }
    Ok(())
}

fn order(issue: Issue) -> Result<Order> {
    let product = Product::parse(&issue.product).context("--product must be 2 to 8 of A-Z and 0-9")?;
    let tier = TierName::parse(&issue.tier).context("--tier must be 1 to 16 of a-z, 0-9 and _")?;
    let term = match (issue.days, issue.from_activation) {
        (Some(days), true) => Term::DaysFromActivation(days),
        (Some(days), false) => Term::Days(days),
        (None, _) => Term::Perpetual,
    };
    Ok(Order {
        product,
        tier,
        user_id: issue.user,
        email: issue.email,
        licensee_name: issue.name,
        term,
        seats: issue.seats,
        features: issue.features,
    })
}

fn print_json(issued: &Issued) {
    let license = &issued.license.license;
    println!(
        "{}",
        json!({
            "licenseKey": issued.key.to_string(),
            "licenseId": license.id.as_str(),
            "product": license.product.as_str(),
            "tier": license.tier.as_str(),
            "status": license.status.as_str(),
            "expiresAt": license.expires_at.map(|at| at.0),
            "durationDays": issued.license.license.duration_days,
        })
    );
}

fn print_text(issued: &Issued) {
    let license = &issued.license.license;
    let ends = match (license.expires_at, issued.license.license.duration_days) {
        (Some(at), _) => shown(at),
        (None, Some(days)) => format!("{days} days after its first activation"),
        (None, None) => "never".to_owned(),
    };
    println!("License key  {}", issued.key);
    println!("License id   {}", license.id);
    println!("Tier         {}", license.tier);
    println!("Status       {}", license.status.as_str());
    println!("Ends         {ends}");
}

async fn keyring(clients: &Clients, place: &Place, command: Keyring) -> Result<()> {
    let writer = ring_writer(clients, place.master_key_secret_id.as_deref())?;
    match command {
        Keyring::Init => {
            keyring::init(&writer, now()).await?;
            println!(
                "The key ring has its first generation. It is the whole back-up: keep an offline copy of the secret."
            );
        }
        Keyring::Add { legacy: None } => {
            let number = keyring::add(&writer, now()).await?;
            println!(
                "Generation {number} is published. In 15 minutes `falconer keyring promote` lets it sign."
            );
        }
        Keyring::Add { legacy: Some(_) } => {
            let number = keyring::add_legacy(&writer, &master_from_stdin()?, now()).await?;
            println!("Generation {number} accepts S1's keys. Instances follow within five minutes.");
        }
        Keyring::Promote { now: false } => {
            let number = keyring::promote(&writer, now()).await?;
            println!("Generation {number} signs from now on; instances follow within five minutes.");
        }
        Keyring::Promote { now: true } => {
            let number = keyring::promote_now(&writer).await?;
            println!("Generation {number} signs from now on; instances follow within five minutes.");
            println!(
                "If it was added less than a minute ago, running instances may still refuse its keys: wait a minute \
                 before you hand any out. A client that fetched the public keys before it was added ignores leases \
                 signed by it until it fetches them again."
            );
        }
        Keyring::List => {
            println!("Generation  Role      Added");
            for listed in keyring::list(&writer).await? {
                let added = listed.added_at.map_or_else(|| "–".to_owned(), shown);
                println!("{:<10}  {:<8}  {added}", listed.number.to_string(), listed.role);
            }
        }
    }
    Ok(())
}

fn ring_writer(clients: &Clients, secret_id: Option<&str>) -> Result<RingWriter> {
    let secret_id = required(secret_id, "MASTER_KEY_SECRET_ID", "--master-key-secret-id")?;
    Ok(RingWriter::new(clients, secret_id))
}

fn required<'a>(value: Option<&'a str>, variable: &str, flag: &str) -> Result<&'a str> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => bail!("say where: set {variable} or give {flag}, or --local for the local stack"),
    }
}

/// Everything up to the end of input, without the line end that an editor or `echo` leaves.
fn master_from_stdin() -> Result<SecretString> {
    let mut text = String::new();
    std::io::stdin()
        .take(MAX_MASTER_BYTES + 1)
        .read_to_string(&mut text)
        .context("the master on standard input is not text")?;
    if text.len() as u64 > MAX_MASTER_BYTES {
        bail!(
            "standard input is longer than {MAX_MASTER_BYTES} bytes, so it is no master; nothing was changed"
        );
    }
    let master = text.trim_end_matches(['\r', '\n']);
    if master.is_empty() {
        bail!("standard input is empty; give S1's MASTER_KEY there");
    }
    Ok(master.into())
}

fn shown(at: UnixMillis) -> String {
    // S1's lifetime licenses end after the calendar does.
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| format!("{} ms", at.0), |at| at.strftime("%F %R UTC").to_string())
}

#[expect(clippy::disallowed_methods, reason = "the edge where the clock is read")]
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the edge where the environment is read")]
fn user_name() -> String {
    std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "operator".to_owned())
}
