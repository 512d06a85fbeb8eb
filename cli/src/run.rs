//! From arguments to what is printed.

use std::io::Read;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use falconer::desk::Desk;
use falconer::issue::{Form, Issued, Issuer};
use falconer::keyring::commands as keyring;
use falconer_aws::clients::TrustRoots;
use falconer_aws::keyring::RingWriter;
use falconer_aws::{Budgets, Clients, Store};
use falconer_domain::issue::{Order, Term};
use falconer_domain::license_key::Product;
use falconer_domain::{KeyRing, TierName, UnixMillis};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::arguments::{Arguments, AtTheDesk, Command, Issue, Keyring, Manners, Place};
use crate::licenses::Office;
use crate::shown::moment as shown;

/// Longest master taken from standard input: a mistake such as a whole file ends here.
const MAX_MASTER_BYTES: u64 = 4_096;

pub(crate) fn run(arguments: Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let Arguments { place, manners, command, .. } = arguments;
    runtime.block_on(async {
        let clients = Clients::connect(TrustRoots::Native, Budgets::OPERATOR).await;
        match command {
            Command::Keyring(command) => self::keyring(&clients, &place, command).await,
            Command::Issue(issue) => self::issue(&clients, place, issue, manners).await,
            Command::AtTheDesk(command) => with_office(&clients, place, manners, command).await,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

fn store(clients: &Clients, place: &Place) -> Result<Store> {
    Ok(Store::new(
        clients,
        required(place.licenses_table.as_deref(), "LICENSES_TABLE", "--licenses-table")?,
        required(place.verifications_table.as_deref(), "VERIFICATIONS_TABLE", "--verifications-table")?,
    ))
}

async fn ring(clients: &Clients, place: &Place) -> Result<KeyRing> {
    let stored = ring_writer(clients, place.master_key_secret_id.as_deref())?.read().await?;
    Ok(KeyRing::parse(stored.text.expose_secret())?)
}

async fn with_office(clients: &Clients, place: Place, manners: Manners, command: AtTheDesk) -> Result<()> {
    let (store, ring) = (store(clients, &place)?, ring(clients, &place).await?);
    let desk = Desk::new(&store, &ring, place.actor.unwrap_or_else(user_name));
    let office = Office { store: &store, ring: &ring, desk, manners, now: now() };
    office.run(command).await
}

async fn issue(clients: &Clients, place: Place, issue: Issue, manners: Manners) -> Result<()> {
    let (store, ring) = (store(clients, &place)?, ring(clients, &place).await?);
    let form = if issue.legacy { Form::Legacy } else { Form::Current };
    let mut desk = Issuer::new(&store, &ring, place.actor.unwrap_or_else(user_name));
    let order = desk.check(order(issue)?).await?;
    if manners.dry_run {
        if manners.json {
            println!("{}", json!({ "outcome": "dry_run" }));
        } else {
            println!("The order is in order. Nothing was issued: this was a dry run.");
        }
        return Ok(());
    }
    let issued = desk.issue(&order, form, now()).await?;
    if manners.json {
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
    let ends = crate::shown::ends(license);
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

#[expect(clippy::disallowed_methods, reason = "the edge where the clock is read")]
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

#[expect(clippy::disallowed_methods, reason = "the edge where the environment is read")]
fn user_name() -> String {
    std::env::var("USER").or_else(|_| std::env::var("USERNAME")).unwrap_or_else(|_| "operator".to_owned())
}
