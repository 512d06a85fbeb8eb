//! Commands: each reads its arguments, calls the operator library, and prints the outcome.

mod air_gap;
mod audit;
mod catalog;
pub(crate) mod console;
mod demo_data;
mod erase;
mod explain;
mod export;
mod find;
mod import;
mod issue;
pub(crate) mod keyring;
mod license;
mod list;
pub(crate) mod pages;
mod product;
pub(crate) mod root;
mod rotate_generation;
mod stats;

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use falconer_aws::Store;
use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::LicenseRow;
use falconer_domain::{KeyRing, License, LicenseId, UnixMillis};
use falconer_operator::license_reader::FindError;
use falconer_operator::license_service::LicenseService;
use falconer_operator::listing::{Listing, ListingEvent};
use falconer_operator::words;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::args::{self, LicenseCommand as Command, OutputOptions};
use crate::failure::{Failure, FailureKind, bad_input};
use crate::input;
use crate::output::{self, OutputError, render};

/// Stores, services and options of one command.
pub(crate) struct CommandContext<'a> {
    pub(crate) store: &'a Store,
    pub(crate) ring: &'a KeyRing,
    pub(crate) service: LicenseService<'a>,
    pub(crate) actor: &'a str,
    pub(crate) issuer: &'a str,
    pub(crate) product: Option<&'a str>,
    pub(crate) options: OutputOptions,
    pub(crate) now: UnixMillis,
}

impl CommandContext<'_> {
    /// Returns the lists of licenses; `tell` hears of those that take long.
    pub(crate) fn listing<'t>(&'t self, tell: &'t dyn Fn(ListingEvent)) -> Listing<'t> {
        let Self { store, ring, service, product, .. } = self;
        Listing { store, ring, service, product: *product, tell }
    }

    /// Prints an event of a listing.
    pub(crate) fn print_event(&self, event: ListingEvent) {
        match event {
            ListingEvent::MistypedKey => self.progress(
                "A key in this text is not one that this key ring has made: a character of it may be wrong.",
            ),
            ListingEvent::LooksThrough => self.print_scan(),
        }
    }

    /// Returns the documents of these licenses, each under its rules.
    pub(crate) async fn license_documents(
        &self,
        found: Vec<(License, IssuanceRecord)>,
    ) -> Result<Vec<Value>> {
        let mut documents = Vec::with_capacity(found.len());
        for (license, issuance) in found {
            let standing = self.service.standing(license).await?;
            documents.push(render::license_json(&standing, &issuance, self.now));
        }
        Ok(documents)
    }

    /// Reads every license and warns of rows that do not read.
    pub(crate) async fn look_through(
        &self,
        visit: impl FnMut(LicenseRow, IssuanceRecord) -> ControlFlow<()>,
    ) -> Result<usize> {
        self.print_scan();
        let unreadable = self.service.each(visit).await?;
        Self::print_unreadable(unreadable);
        Ok(unreadable)
    }

    /// Announces that every license is read.
    pub(crate) fn print_scan(&self) {
        self.progress("Looking through the whole table …");
    }

    /// Warns of rows that do not read as licenses.
    pub(crate) fn print_unreadable(unreadable: usize) {
        if unreadable > 0 {
            output::note(format!(
                "{unreadable} rows of the table do not read as licenses; verify answers 503 to their keys."
            ));
        }
    }

    /// Prints a progress sentence for a person; nothing with `--json`.
    pub(crate) fn progress(&self, sentence: &str) {
        if !self.options.json {
            output::note(sentence);
        }
    }

    pub(crate) async fn find(&self, license: &str) -> Result<LicenseRow> {
        let read;
        let license = if license == "-" {
            read = input::text(Path::new("-"))?;
            read.trim()
        } else {
            license
        };
        if self.service.is_hint(license) {
            self.progress("Looking through the whole table for this masked key …");
        }
        // Bare, so that the exit code tells what is down from what is refused.
        self.service.find(license).await.map_err(|error| match error {
            FindError::Store(error) => error.into(),
            other => other.into(),
        })
    }

    pub(crate) fn print_lines(&self, lines: &[String]) -> Result<(), OutputError> {
        if self.options.json {
            return Ok(());
        }
        lines.iter().try_for_each(|line| output::line(format!("  {line}")))
    }

    /// With `--json` standard output is the document's, so nothing else may be written to it.
    pub(crate) fn check_output_is_free<'f>(
        &self,
        files: impl IntoIterator<Item = &'f Path>,
    ) -> Result<(), Failure> {
        let taken = files.into_iter().filter(|file| output::is_standard_output(file)).count();
        match (self.options.json, taken) {
            (true, 1..) => {
                Err(bad_input("with --json standard output has the document; name a file instead of `-`"))
            }
            (false, 2..) => Err(bad_input("two files cannot both go to standard output; name one of them")),
            _ => Ok(()),
        }
    }

    /// Asks a person; `--yes` answers for one who is not there.
    pub(crate) fn confirm(&self, what: &str, lines: &[String]) -> Result<()> {
        confirm(self.options, what, lines)
    }
}

/// Runs the command that was given.
pub(crate) async fn run(context: &CommandContext<'_>, command: Command) -> Result<()> {
    match command {
        Command::Issue(issue) => issue::run(context, *issue).await,
        Command::Show(of) => license::show(context, &of.license).await,
        Command::List(list) => list::run(context, list).await,
        Command::Find(find) => find::run(context, &find).await,
        Command::Change(change) => license::change(context, change).await,
        Command::ActivateOffline(activate) => air_gap::activate(context, &activate).await,
        Command::AcceptReceipt(accept) => air_gap::accept(context, &accept).await,
        Command::RotateKey(rotate) => match (rotate.generation, &rotate.license) {
            (Some(generation), _) => rotate_generation::run(context, generation, &rotate).await,
            (None, license) => {
                let license = license.clone().unwrap_or_default();
                let of = args::OfLicense { license };
                license::rotate_key(context, &args::Change { of, reason: rotate.reason }).await
            }
        },
        Command::Reveal(change) => license::reveal(context, &change).await,
        Command::EraseSubject(erase) => erase::run(context, &erase).await,
        Command::Audit(audit) => audit::run(context, &audit).await,
        Command::Explain(explain) => explain::run(context, &explain).await,
        Command::Stats(stats) => stats::run(context, &stats).await,
        Command::Catalog(command) => catalog::run(context, command).await,
        Command::Import(import) => import::run(context, import).await,
        Command::Export(args::Export::Csv(export)) => export::run(context, &export).await,
        Command::DemoData => demo_data::run(context).await,
    }
}

/// Asks a person; `--yes` answers for one who is not there.
pub(crate) fn confirm(options: OutputOptions, what: &str, lines: &[String]) -> Result<()> {
    if options.yes {
        return Ok(());
    }
    if options.json || !std::io::stdin().is_terminal() {
        let sentence = "nobody is there to confirm this; give --yes, or --dry-run to see what would change";
        return Err(Failure::new(FailureKind::NotConfirmed, sentence).into());
    }
    output::note(format!("{what}:"));
    for line in lines {
        output::note(format!("  {line}"));
    }
    if dialoguer::Confirm::new().with_prompt("Do this?").default(false).interact()? {
        Ok(())
    } else {
        Err(Failure::new(FailureKind::NotConfirmed, "nothing was changed").into())
    }
}

/// A reason as the audit keeps it.
pub(crate) fn reason(given: Option<&str>) -> Result<Option<String>> {
    Ok(given.map(words::reason).transpose()?.flatten())
}

/// A key that was made or revealed and could not be printed is not lost: its license holds it.
pub(crate) fn unseen(done: &str, id: &LicenseId, lost: &OutputError) -> Failure {
    Failure::new(FailureKind::OutputLost, format!("{done} ({lost}): `falconer reveal {id}` prints it"))
}

/// The key of a license, in clear.
pub(crate) fn opened(
    ring: &KeyRing,
    license: &License,
    issuance: &IssuanceRecord,
) -> Result<Zeroizing<String>> {
    Ok(falconer_operator::sealed::opened(ring, license, issuance)?)
}
