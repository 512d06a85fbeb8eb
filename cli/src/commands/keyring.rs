//! The commands that look after the key ring.

use std::io::Read;

use anyhow::{Context, Result, bail};
use falconer_aws::Store;
use falconer_aws::keyring::{RingWriteError, RingWriter};
use falconer_domain::keyring::GenerationNumber;
use falconer_domain::{KeyRing, UnixMillis};
use falconer_operator::keyring::operations::{self, KeyringError};
use falconer_operator::keyring::{Draft, EditRefusal};
use falconer_operator::root;
use falconer_operator::sealed::{Dependents, DependentsError};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::args::{Keyring, OutputOptions};
use crate::commands::confirm;
use crate::failure::bad_input;
use crate::output;
use crate::output::render;

/// Longest master taken from standard input: a mistake such as a whole file ends here.
const MAX_MASTER_BYTES: u64 = 4_096;

/// The ring and how its keeper is talked to.
pub(crate) struct KeyringContext {
    pub(crate) writer: RingWriter,
    pub(crate) options: OutputOptions,
    pub(crate) now: UnixMillis,
}

/// The newest version of the functions that passes over `x-distrusted`.
const LAST_TO_IGNORE_DISTRUST: &str = "0.1.0";

impl KeyringContext {
    /// `store` is asked for where licenses matter.
    pub(crate) async fn run(&self, command: Keyring, store: impl FnOnce() -> Result<Store>) -> Result<()> {
        match command {
            Keyring::Init => self.init().await,
            Keyring::Add { legacy: None } => self.add().await,
            Keyring::Add { legacy: Some(_) } => self.add_legacy().await,
            Keyring::Promote { now: false } => self.promote().await,
            Keyring::Promote { now: true } => self.promote_now().await,
            Keyring::Distrust { generation } => self.distrust(generation).await,
            Keyring::Trust { generation } => self.trust(generation).await,
            Keyring::EnableImported => self.enable_imported().await,
            Keyring::Retire { generation } => self.retire(generation, &store()?).await,
            Keyring::List => self.list().await,
        }
    }

    async fn init(&self) -> Result<()> {
        match self.writer.read().await {
            Err(RingWriteError::Missing(_)) => {}
            Ok(_) => return Err(self.writer.exists().into()),
            Err(error) => return Err(error.into()),
        }
        let lines = ["generation 1 is made, and signs".to_owned(), WHOLE_BACK_UP.to_owned()];
        if self.agreed("init", None, "make the key ring", &lines)? {
            operations::init(&self.writer, self.now).await.map_err(unwrapped)?;
            self.print_outcome(
                "init",
                None,
                &format!("The key ring has its first generation. {WHOLE_BACK_UP_SENTENCE}"),
            )?;
        }
        Ok(())
    }

    async fn add(&self) -> Result<()> {
        let number = self.planned(Draft::next).await?;
        let lines = [
            format!(
                "generation {number} is published, endorsed by the older ones, and signs when it is promoted"
            ),
            RENEW_COPY.to_owned(),
        ];
        if self.agreed("add", Some(number), &format!("add generation {number}"), &lines)? {
            let number = operations::add(&self.writer, self.now).await.map_err(unwrapped)?;
            let sentence = format!(
                "Generation {number} is published. In 15 minutes `falconer keyring promote` lets it sign."
            );
            self.print_outcome("add", Some(number), &sentence)?;
            self.remind().await;
        }
        Ok(())
    }

    async fn add_legacy(&self) -> Result<()> {
        let master = master_from_stdin()?;
        let plan = |draft: Draft| draft.add_legacy(master.expose_secret(), self.now);
        let number = self.planned_edit(plan).await?;
        let lines = [
            format!("generation {number} checks the Flask server's keys, and signs nothing"),
            "it is written once: no other master can take its place later".to_owned(),
            RENEW_COPY.to_owned(),
        ];
        let what = format!("add the Flask server's master as generation {number}");
        if self.agreed("add", Some(number), &what, &lines)? {
            let number = operations::add_legacy(&self.writer, &master, self.now).await.map_err(unwrapped)?;
            let sentence = format!(
                "Generation {number} accepts the Flask server's keys. Instances follow within five minutes."
            );
            self.print_outcome("add", Some(number), &sentence)?;
        }
        Ok(())
    }

    async fn promote(&self) -> Result<()> {
        let number = self.planned_edit(|draft| draft.promote(self.now)).await?;
        let lines = [signs(number), RENEW_COPY.to_owned()];
        if self.agreed("promote", Some(number), &format!("promote generation {number}"), &lines)? {
            let number = operations::promote(&self.writer, self.now).await.map_err(unwrapped)?;
            let sentence =
                format!("Generation {number} signs from now on; instances follow within five minutes.");
            self.print_outcome("promote", Some(number), &sentence)?;
            self.remind().await;
        }
        Ok(())
    }

    async fn promote_now(&self) -> Result<()> {
        let number = self.planned_edit(Draft::promote_now).await?;
        let lines = [
            signs(number),
            "nobody waits for the 15 minutes: an instance may refuse its keys for a minute, and a client that fetched \
             the public keys before it was added ignores its leases until it fetches them again"
                .to_owned(),
            RENEW_COPY.to_owned(),
        ];
        if self.agreed("promote", Some(number), &format!("promote generation {number} now"), &lines)? {
            let number = operations::promote_now(&self.writer).await.map_err(unwrapped)?;
            let sentence = format!(
                "Generation {number} signs from now on; instances follow within five minutes.\n\
                 If it was added less than a minute ago, running instances may still refuse its keys: wait a \
                 minute before you hand any out. A client that fetched the public keys before it was added \
                 ignores leases signed by it until it fetches them again."
            );
            self.print_outcome("promote", Some(number), &sentence)?;
            self.remind().await;
        }
        Ok(())
    }

    async fn distrust(&self, generation: u8) -> Result<()> {
        let draft = operations::open(&self.writer).await.map_err(unwrapped)?;
        let (current, before) = (draft.ring().current().number(), draft.ring().jwks().keys.len());
        if let Some(number) = GenerationNumber::new(generation).filter(|number| draft.is_distrusted(*number))
        {
            return self.unchanged("distrust", number);
        }
        let (number, _) = draft.distrust(generation)?;
        let lines = [
            format!(
                "it leaves /api/keys, which lists {before} keys now, and endorses none of the others any more"
            ),
            "whoever reads /api/keys refuses every lease it has signed: ten minutes later at the latest"
                .to_owned(),
            format!(
                "an application that pins generation {number} believes its leases until you release one without the \
                 pin, or until `falconer root sign` where it pins a root; one that pins no other key, and has not met generation {current} yet, takes no new lease"
            ),
            "its license keys go on working".to_owned(),
            format!(
                "which version of the functions is deployed? {LAST_TO_IGNORE_DISTRUST} and older ignore this and go \
                 on publishing it: deploy a newer one first"
            ),
            RENEW_COPY.to_owned(),
        ];
        if self.agreed("distrust", Some(number), &format!("distrust generation {number}"), &lines)? {
            let number = operations::distrust(&self.writer, generation).await.map_err(unwrapped)?;
            let sentence = format!(
                "Generation {number} is distrusted; instances follow within five minutes, caches of /api/keys within \
                 five more. If /api/keys lists it after that, the functions are too old: versions up to \
                 {LAST_TO_IGNORE_DISTRUST} ignore this.\n\
                 `falconer rotate-key --generation {number}` gives its licenses new keys; then `falconer keyring \
                 retire {number}`."
            );
            self.print_outcome("distrust", Some(number), &sentence)?;
            self.remind().await;
        }
        Ok(())
    }

    async fn trust(&self, generation: u8) -> Result<()> {
        let number = self.planned_edit(|draft| draft.trust(generation)).await?;
        let mut lines = vec![
            format!("generation {number} is published again, and whatever it has signed is believed again"),
            "do this only where its master was never in other hands".to_owned(),
        ];
        let draft = operations::open(&self.writer).await.map_err(unwrapped)?;
        if root::has_distrusted(draft.ring(), number) {
            lines.push(
                "the root's statement distrusts it: clients with the root pinned never take a lease by it, so do not \
                 promote it"
                    .to_owned(),
            );
        }
        if self.agreed("trust", Some(number), &format!("trust generation {number} again"), &lines)? {
            let number = operations::trust(&self.writer, generation).await.map_err(unwrapped)?;
            let sentence =
                format!("Generation {number} is trusted again; instances follow within five minutes.");
            self.print_outcome("trust", Some(number), &sentence)?;
            self.remind().await;
        }
        Ok(())
    }

    async fn enable_imported(&self) -> Result<()> {
        // The master is made when the change is made; the plan needs none.
        let number = self.planned(Draft::imported_next).await?;
        let price = [
            "free-text keys carry no signature: anyone can try to guess one, and each try costs a read"
                .to_owned(),
            "docs/moving-in.md has the price; `keyring retire` takes it back".to_owned(),
        ];
        if self.agreed("enable-imported", Some(number), "accept free-text keys", &price)? {
            let number = operations::enable_imported(&self.writer, self.now).await.map_err(unwrapped)?;
            let sentence = format!(
                "Generation {number} looks up free-text keys. Instances follow within five minutes; then \
                 `falconer import sheet FILE --keep-keys`."
            );
            self.print_outcome("enable-imported", Some(number), &sentence)?;
        }
        Ok(())
    }

    async fn retire(&self, generation: u8, store: &Store) -> Result<()> {
        let draft = operations::open(&self.writer).await.map_err(unwrapped)?;
        let number = match draft.retirable(generation) {
            Err(EditRefusal::Retired(number)) => return self.finish_retiring(number).await,
            other => other?,
        };
        if !self.options.json {
            output::note("Looking through the whole table …");
        }
        let of = spared(store, draft.ring(), number).await?;
        let mut lines = vec![
            "its master leaves the ring: without an offline copy of the secret you cannot bring it back"
                .to_owned(),
            AWS_DELETES_LATER.to_owned(),
            format!("an application that pins no other generation than {number} takes no lease any more"),
        ];
        if of.revoked > 0 {
            let sentence =
                format!("{} revoked licenses of it answer INVALID_SIGNATURE from then on", of.revoked);
            lines.push(sentence);
        }
        if self.agreed("retire", Some(number), &format!("retire generation {number}"), &lines)? {
            // Somebody may have issued while nobody answered the question.
            spared(store, draft.ring(), number).await?;
            operations::retire(&self.writer, number, self.now).await.map_err(unwrapped)?;
            let sentence =
                format!("Generation {number} has left the key ring; instances follow within five minutes.");
            self.print_outcome("retire", Some(number), &format!("{sentence}\n{UNSTAGED}"))?;
        }
        Ok(())
    }

    /// For one that left the ring in a run whose second half failed.
    async fn finish_retiring(&self, number: GenerationNumber) -> Result<()> {
        let lines = [AWS_DELETES_LATER.to_owned()];
        let what = format!("move the stages of the secret away from the master of generation {number}");
        if self.agreed("retire", Some(number), &what, &lines)? {
            operations::unstage(&self.writer, number).await.map_err(unwrapped)?;
            self.print_outcome(
                "retire",
                Some(number),
                &format!("Generation {number} has left the key ring already.\n{UNSTAGED}"),
            )?;
        }
        Ok(())
    }

    async fn list(&self) -> Result<()> {
        let draft = operations::open(&self.writer).await.map_err(unwrapped)?;
        let reminders = root::reminders(draft.ring());
        for doubt in draft.doubts() {
            output::note(&doubt);
        }
        let listed = draft.list();
        if self.options.json {
            let generation = |listed: &falconer_operator::keyring::ListedGeneration| {
                json!({
                    "generation": listed.number.get(), "role": listed.role,
                    "addedAt": listed.added_at.map(|at| at.0),
                })
            };
            let generations = listed.iter().map(generation).collect::<Vec<_>>();
            return Ok(output::document(&json!({ "generations": generations, "reminders": reminders }))?);
        }
        for reminder in &reminders {
            output::note(reminder);
        }
        let mut lines = vec!["Generation  Role        Added".to_owned()];
        for listed in listed {
            let added = listed.added_at.map_or_else(|| "–".to_owned(), render::moment);
            lines.push(format!("{:<10}  {:<10}  {added}", listed.number.to_string(), listed.role));
        }
        Ok(output::line(lines.join("\n"))?)
    }

    /// Says how the root's statement differs from the changed ring.
    async fn remind(&self) {
        if self.options.json {
            return;
        }
        // The change is made. It has not failed if the ring cannot be read again right now.
        let Ok(draft) = operations::open(&self.writer).await else { return };
        for reminder in root::reminders(draft.ring()) {
            output::note(&reminder);
        }
    }

    /// Plans an edit before the confirmation.
    async fn planned<T>(&self, plan: impl FnOnce(&Draft) -> Result<T, EditRefusal>) -> Result<T> {
        Ok(plan(&operations::open(&self.writer).await.map_err(unwrapped)?)?)
    }

    /// The same for an edit that makes the whole ring, which has to be a good one.
    async fn planned_edit(
        &self,
        edit: impl FnOnce(Draft) -> Result<(GenerationNumber, SecretString), EditRefusal>,
    ) -> Result<GenerationNumber> {
        let (number, text) = edit(operations::open(&self.writer).await.map_err(unwrapped)?)?;
        KeyRing::parse(text.expose_secret()).map_err(RingWriteError::from)?;
        Ok(number)
    }

    /// Asks a person; a dry run says what a person would read, and that nothing was changed.
    fn agreed(
        &self,
        action: &str,
        number: Option<GenerationNumber>,
        what: &str,
        lines: &[String],
    ) -> Result<bool> {
        if !self.options.dry_run {
            confirm(self.options, what, lines)?;
            return Ok(true);
        }
        if self.options.json {
            outcome(action, number, "dry_run")?;
        } else {
            output::line(format!("{what}:"))?;
            for line in lines {
                output::line(format!("  {line}"))?;
            }
            output::line("Nothing was changed: this was a dry run.")?;
        }
        Ok(false)
    }

    fn print_outcome(&self, action: &str, number: Option<GenerationNumber>, sentence: &str) -> Result<()> {
        if self.options.json {
            return outcome(action, number, "changed");
        }
        Ok(output::line(sentence)?)
    }

    fn unchanged(&self, action: &str, number: GenerationNumber) -> Result<()> {
        if self.options.json {
            return outcome(action, Some(number), "unchanged");
        }
        Ok(output::line("Nothing to change: it is so already.")?)
    }
}

/// Prints the outcome of a ring change as JSON.
fn outcome(action: &str, number: Option<GenerationNumber>, outcome: &str) -> Result<()> {
    let number = number.map(GenerationNumber::get);
    Ok(output::document(&json!({ "action": action, "outcome": outcome, "generation": number }))?)
}

/// Reminder after every change of the ring.
const RENEW_COPY: &str = "the offline copy of the ring has to be renewed afterwards";
const WHOLE_BACK_UP: &str = "it is the whole back-up: an offline copy of the secret has to be kept";
const WHOLE_BACK_UP_SENTENCE: &str = "It is the whole back-up: keep an offline copy of the secret.";
/// Secrets Manager says no more than this: a version without a stage "can be deleted".
const AWS_DELETES_LATER: &str = "AWS deletes versions of a secret that no stage names in its own time; until then the \
                                 master can be read by whoever may read the secret and knows the version's id";
const UNSTAGED: &str = "No stage of the secret names a version with its master any more. AWS deletes such versions in \
                        its own time, not at once.";

fn signs(number: GenerationNumber) -> String {
    format!("generation {number} signs new licenses and leases; instances follow within five minutes")
}

/// Counts licenses that need a generation; fails if one of them is live.
async fn spared(store: &Store, ring: &KeyRing, number: GenerationNumber) -> Result<Dependents> {
    let of = Dependents::count(store, ring, number).await.map_err(|error| match error {
        DependentsError::Store(error) => anyhow::Error::from(error),
        DependentsError::Sealed(error) => error.into(),
    })?;
    if of.unreadable > 0 {
        let unreadable = of.unreadable;
        bail!("{unreadable} rows of the table do not read as licenses, so nobody knows what they need");
    }
    if of.living > 0 {
        bail!(
            "{} licenses of generation {number} live, so it cannot go yet; revoke those that have ended, and give the \
             others new keys by `falconer rotate-key --generation {number}`",
            of.living
        );
    }
    Ok(of)
}

/// A failure of Secrets Manager as itself, so that the exit code tells what is down from what is refused.
pub(crate) fn unwrapped(error: KeyringError) -> anyhow::Error {
    match error {
        KeyringError::Write(error) => error.into(),
        KeyringError::Edit(refusal) => refusal.into(),
        KeyringError::Random(error) => error.into(),
        staged @ KeyringError::StillStaged(..) => staged.into(),
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
        return Err(bad_input("standard input is empty; give the Flask server's MASTER_KEY there").into());
    }
    Ok(master.into())
}
