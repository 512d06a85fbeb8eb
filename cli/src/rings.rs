//! The commands that look after the key ring.

use std::io::Read;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};
use falconer::desk::Desk;
use falconer::keyring::Draft;
use falconer::keyring::commands::{self, KeyringError};
use falconer_aws::Store;
use falconer_aws::keyring::RingWriter;
use falconer_aws::operator::Birth;
use falconer_domain::keyring::GenerationNumber;
use falconer_domain::{KeyRing, License, Status, UnixMillis};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::arguments::{Keyring, Manners};
use crate::failure::bad_input;
use crate::licenses::{confirm, opened};
use crate::output::{self, OutputError};
use crate::shown;

/// Longest master taken from standard input: a mistake such as a whole file ends here.
const MAX_MASTER_BYTES: u64 = 4_096;

/// The ring and how its keeper is talked to.
pub(crate) struct Rings {
    pub(crate) writer: RingWriter,
    pub(crate) manners: Manners,
    pub(crate) now: UnixMillis,
}

impl Rings {
    /// `store` is asked for where licenses matter.
    pub(crate) async fn run(&self, command: Keyring, store: impl FnOnce() -> Result<Store>) -> Result<()> {
        if self.manners.dry_run && !matches!(command, Keyring::List) {
            bail!("changes of the ring have no dry run; `falconer keyring list` shows how it stands");
        }
        match command {
            Keyring::Init => {
                commands::init(&self.writer, self.now).await.map_err(unwrapped)?;
                self.told("init", None, "The key ring has its first generation. It is the whole back-up: keep an offline copy of the secret.")?;
            }
            Keyring::Add { legacy: None } => {
                let number = commands::add(&self.writer, self.now).await.map_err(unwrapped)?;
                let sentence = format!(
                    "Generation {number} is published. In 15 minutes `falconer keyring promote` lets it sign."
                );
                self.told("add", Some(number), &sentence)?;
            }
            Keyring::Add { legacy: Some(_) } => {
                let master = master_from_stdin()?;
                let number =
                    commands::add_legacy(&self.writer, &master, self.now).await.map_err(unwrapped)?;
                let sentence =
                    format!("Generation {number} accepts S1's keys. Instances follow within five minutes.");
                self.told("add", Some(number), &sentence)?;
            }
            Keyring::Promote { now: false } => {
                let number = commands::promote(&self.writer, self.now).await.map_err(unwrapped)?;
                let sentence =
                    format!("Generation {number} signs from now on; instances follow within five minutes.");
                self.told("promote", Some(number), &sentence)?;
            }
            Keyring::Promote { now: true } => {
                let number = commands::promote_now(&self.writer).await.map_err(unwrapped)?;
                let sentence = format!(
                    "Generation {number} signs from now on; instances follow within five minutes.\n\
                     If it was added less than a minute ago, running instances may still refuse its keys: wait a \
                     minute before you hand any out. A client that fetched the public keys before it was added \
                     ignores leases signed by it until it fetches them again."
                );
                self.told("promote", Some(number), &sentence)?;
            }
            Keyring::EnableImported => self.enable_imported().await?,
            Keyring::Retire { generation } => self.retire(generation, &store()?).await?,
            Keyring::List => self.list().await?,
        }
        Ok(())
    }

    async fn enable_imported(&self) -> Result<()> {
        let price = [
            "free-text keys carry no signature: anyone can try to guess one, and each try costs a read"
                .to_owned(),
            "docs/moving-in.md has the price; `keyring retire` takes it back".to_owned(),
        ];
        confirm(self.manners, "accept free-text keys", &price)?;
        let number = commands::enable_imported(&self.writer, self.now).await.map_err(unwrapped)?;
        let sentence = format!(
            "Generation {number} looks up free-text keys. Instances follow within five minutes; then \
             `falconer import sheet FILE --keep-keys`."
        );
        self.told("enable-imported", Some(number), &sentence)?;
        Ok(())
    }

    async fn retire(&self, generation: u8, store: &Store) -> Result<()> {
        let stored = self.writer.read().await?;
        let draft = Draft::open(stored.text.expose_secret())?;
        let number = draft.retirable(generation)?;
        if !self.manners.json {
            output::note("Looking through the whole table …");
        }
        let of = spared(store, draft.ring(), number).await?;
        let mut lines = vec![
            "its master is gone for good, unless you keep an offline copy of the secret".to_owned(),
            format!("an application that pins no other generation than {number} takes no lease any more"),
        ];
        if of.revoked > 0 {
            let sentence =
                format!("{} revoked licenses of it answer INVALID_SIGNATURE from then on", of.revoked);
            lines.push(sentence);
        }
        confirm(self.manners, &format!("retire generation {number}"), &lines)?;
        // Somebody may have issued while nobody answered the question.
        spared(store, draft.ring(), number).await?;
        commands::retire(&self.writer, number, self.now).await.map_err(unwrapped)?;
        let sentence = format!("Generation {number} is gone; instances follow within five minutes.");
        self.told("retire", Some(number), &sentence)?;
        Ok(())
    }

    async fn list(&self) -> Result<()> {
        let listed = commands::list(&self.writer).await.map_err(unwrapped)?;
        if self.manners.json {
            let generation = |listed: &falconer::keyring::Listed| {
                json!({
                    "generation": listed.number.get(), "role": listed.role,
                    "addedAt": listed.added_at.map(|at| at.0),
                })
            };
            let generations = listed.iter().map(generation).collect::<Vec<_>>();
            return Ok(output::document(&json!({ "generations": generations }))?);
        }
        let mut lines = vec!["Generation  Role      Added".to_owned()];
        for listed in listed {
            let added = listed.added_at.map_or_else(|| "–".to_owned(), shown::moment);
            lines.push(format!("{:<10}  {:<8}  {added}", listed.number.to_string(), listed.role));
        }
        Ok(output::line(lines.join("\n"))?)
    }

    fn told(
        &self,
        action: &str,
        number: Option<GenerationNumber>,
        sentence: &str,
    ) -> Result<(), OutputError> {
        if self.manners.json {
            let number = number.map(GenerationNumber::get);
            return output::document(
                &json!({ "action": action, "outcome": "changed", "generation": number }),
            );
        }
        output::line(sentence)
    }
}

/// The licenses that need a generation: by its pepper and escrow key, or because it vouches for their key.
#[derive(Default)]
struct Needing {
    living: u64,
    revoked: u64,
}

/// What needs a generation, if nothing that lives does.
async fn spared(store: &Store, ring: &KeyRing, number: GenerationNumber) -> Result<Needing> {
    let of = licenses_of(store, ring, number).await?;
    if of.living > 0 {
        bail!(
            "{} licenses of generation {number} live; revoke them, or give them new keys by `falconer rotate-key`, \
             before it can go",
            of.living
        );
    }
    Ok(of)
}

async fn licenses_of(store: &Store, ring: &KeyRing, number: GenerationNumber) -> Result<Needing> {
    let is_needed_by = |license: &License, birth: &Birth| {
        // Revoked, and sealed by a generation that went before: nothing can be asked of it any more.
        if license.status == Status::Revoked && ring.generation(license.generation).is_none() {
            return Ok(false);
        }
        let key = opened(ring, license, birth)?;
        let vouches = ring.authenticate(&key).is_ok_and(|authentic| authentic.generation == number);
        Ok::<_, anyhow::Error>(vouches || license.generation == number)
    };
    let (mut needing, mut failed) = (Needing::default(), None);
    let unreadable = Desk::new(store, ring, "")
        .each(|row, birth| match is_needed_by(&row.license, &birth) {
            Ok(needed) => {
                match row.license.status {
                    _ if !needed => {}
                    Status::Revoked => needing.revoked += 1,
                    Status::Active | Status::Pending | Status::Suspended => needing.living += 1,
                }
                ControlFlow::Continue(())
            }
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })
        .await?;
    if let Some(error) = failed {
        return Err(error);
    }
    if unreadable > 0 {
        bail!("{unreadable} rows of the table do not read as licenses, so nobody knows what they need");
    }
    Ok(needing)
}

/// A failure of Secrets Manager as itself, so that the exit code tells what is down from what is refused.
fn unwrapped(error: KeyringError) -> anyhow::Error {
    match error {
        KeyringError::Write(error) => error.into(),
        KeyringError::Edit(refusal) => refusal.into(),
        KeyringError::Random(error) => error.into(),
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
        let sentence = format!(
            "standard input is longer than {MAX_MASTER_BYTES} bytes, so it is not a master; nothing was changed"
        );
        return Err(bad_input(sentence).into());
    }
    let master = text.trim_end_matches(['\r', '\n']);
    if master.is_empty() {
        return Err(bad_input("standard input is empty; give S1's MASTER_KEY there").into());
    }
    Ok(master.into())
}
