//! The commands of the root: a key that never goes online and says which generations count.

use std::io::IsTerminal;
use std::path::Path;

use anyhow::{Context, Result};
use falconer_aws::keyring::RingWriter;
use falconer_domain::statement::{KeyStatement, RootKey, RootPublicKey};
use falconer_domain::{KeyRing, UnixMillis};
use falconer_operator::import_export::atomic_file::AtomicFile;
use falconer_operator::root::file::{MIN_PASSPHRASE_CHARS, RootFile, RootFileError};
use falconer_operator::root::{self, Author, LateSerial, NextStatement, OtherAuthor, StatementOrder};
use falconer_operator::words;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::args::{OutputOptions, PassphraseSource, Root, Sign};
use crate::commands::{confirm, keyring};
use crate::failure::bad_input;
use crate::input;
use crate::output::{self, render};

/// Makes a root. The only command of the root that needs no key ring.
pub(crate) fn init(
    out: &Path,
    passphrase: &PassphraseSource,
    options: OutputOptions,
    now: UnixMillis,
) -> Result<()> {
    if out.exists() {
        return Err(RootFileError::Exists(out.to_owned()).into());
    }
    if options.dry_run {
        return dry_run(options, &format!("make a root in {}", out.display()), &[]);
    }
    let passphrase = new_passphrase(passphrase)?;
    let made = RootFile::create(out, &passphrase)?;
    let x = made.public().x();
    if options.json {
        return Ok(output::document(&json!({
            "action": "init", "outcome": "changed", "file": out.display().to_string(), "madeAt": now.0,
            "root": jwk(&made.public()),
        }))?);
    }
    Ok(output::line(format!(
        "The root is in {}. Keep the file and two copies offline, and the passphrase elsewhere: neither can be \
         made again.\nIts public half is {x}\nNext: `falconer root sign --key {0}` signs the first statement, and \
         `falconer root pin --key {0} --out falconer-keys.json` writes the keys that your application pins.",
        out.display()
    ))?)
}

/// The ring that statements are about.
pub(crate) struct RootContext {
    pub(crate) writer: RingWriter,
    pub(crate) options: OutputOptions,
    pub(crate) now: UnixMillis,
}

impl RootContext {
    pub(crate) async fn run(&self, command: Root) -> Result<()> {
        match command {
            Root::Init { out, passphrase } => init(&out, &passphrase, self.options, self.now),
            Root::Sign(sign) => self.sign(&sign).await,
            Root::Show { key } => self.show(key.as_deref()).await,
            Root::Pin { key, out, passphrase } => self.pin(&key, &out, &passphrase).await,
        }
    }

    async fn sign(&self, sign: &Sign) -> Result<()> {
        let mut file = RootFile::read(&sign.key)?;
        let (read, ring) = root::read(&self.writer).await.map_err(keyring::unwrapped)?;
        let next = root::next_statement(&ring, &order(sign, &file), self.now)?;
        let lines = plan(&next, &ring);
        let statement = &next.statement;
        let what = "sign a key statement and put it into the key ring";
        if self.options.dry_run {
            return dry_run(self.options, what, &lines);
        }
        confirm(self.options, what, &lines)?;
        let key = opened(&file, &sign.passphrase)?;
        let jws = statement.sign(&key);
        // First the note: a serial that nobody has seen costs nothing, and one that is given out twice does.
        if let Err(why) = file.note(statement.serial) {
            output::note(format!("The serial is not noted in the root's file ({why}); the key ring has it."));
        }
        root::store(&self.writer, &read, &jws).await.map_err(keyring::unwrapped)?;
        if self.options.json {
            return Ok(output::document(&json!({
                "action": "sign", "outcome": "changed", "statement": document(statement),
            }))?);
        }
        Ok(output::line(
            "The statement is in the key ring; instances follow within five minutes, caches of /api/keys within five \
             more. Applications with the root pinned take it at their next check, within a day.\nA new build carries \
             it after `falconer root pin`. The offline copy of the key ring has to be renewed.",
        )?)
    }

    async fn show(&self, key: Option<&Path>) -> Result<()> {
        let public = key.map(RootFile::read).transpose()?.map(|file| file.public());
        let (_, ring) = root::read(&self.writer).await.map_err(keyring::unwrapped)?;
        let reminders = root::reminders(&ring);
        let statement = ring.statement().and_then(KeyStatement::unverified);
        let author = public.map(|public| root::author(&ring, &public));
        if self.options.json {
            return Ok(output::document(&json!({
                "statement": statement.as_ref().map(document),
                "covers": statement.is_some() && reminders.is_empty(),
                "publicHalf": public.map(|public| public.x()),
                "signedByThisRoot": author.map(|author| author == Author::ThisRoot),
                "reminders": reminders,
            }))?);
        }
        for reminder in &reminders {
            output::note(reminder);
        }
        let Some(statement) = statement else {
            return Ok(output::line("The key ring has no key statement; `falconer root sign` makes one.")?);
        };
        let mut lines = described(&statement);
        if reminders.is_empty() {
            lines.push("It covers the key ring as it is.".to_owned());
        }
        lines.extend(public.zip(author).and_then(|(public, author)| signature(&public, author)));
        Ok(output::line(lines.join("\n"))?)
    }

    async fn pin(&self, key: &Path, out: &Path, passphrase: &PassphraseSource) -> Result<()> {
        // From the secret itself: an application that was built with another root's key obeys that root for good, and
        // anybody who can write the file can change the line above the secret.
        let public = opened(&RootFile::read(key)?, passphrase)?.public();
        let (_, ring) = root::read(&self.writer).await.map_err(keyring::unwrapped)?;
        if root::author(&ring, &public) == Author::AnotherRoot {
            let sentence = format!(
                "the statement in the key ring is not signed by the root in {}; `falconer root sign` with this root \
                 replaces it",
                key.display()
            );
            return Err(bad_input(sentence).into());
        }
        let keys = root::pinned_keys(&ring, &public);
        if output::is_standard_output(out) {
            return Ok(output::document(&keys)?);
        }
        if self.options.dry_run {
            return dry_run(self.options, &format!("write {}", out.display()), &[]);
        }
        let text = format!("{keys:#}\n");
        AtomicFile::whole(out, text.as_bytes()).with_context(|| format!("{}", out.display()))?;
        if self.options.json {
            let written = out.display().to_string();
            let document = json!({ "action": "pin", "outcome": "changed", "file": written });
            return Ok(output::document(&document)?);
        }
        let missing = ring.statement().is_none();
        let sentence = format!("{} has the keys that your application pins.", out.display());
        let hint = "\nIt has no statement yet: `falconer root sign` makes one, then run this again.";
        Ok(output::line(format!("{sentence}{}", if missing { hint } else { "" }))?)
    }
}

fn order<'a>(sign: &'a Sign, file: &RootFile) -> StatementOrder<'a> {
    StatementOrder {
        root: file.public(),
        noted: file.newest(),
        distrust: &sign.distrust,
        issuer: sign.issuer.as_deref(),
        other_author: if sign.ignore_stored { OtherAuthor::Ignore } else { OtherAuthor::Refuse },
        late_serial: if sign.despite_late_serial { LateSerial::Continue } else { LateSerial::Refuse },
    }
}

/// Describes the next statement for the person who has to agree.
fn plan(next: &NextStatement, ring: &KeyRing) -> Vec<String> {
    let statement = &next.statement;
    let mut lines = described(statement);
    let first = "it is the first one of this key ring".to_owned();
    let ignored = "another root has signed the one in the key ring, or somebody has changed it: nothing is taken from \
                   it, and applications that pin its root take no statement any more";
    match (next.author, next.lost_serial) {
        (Author::Nobody, None) => lines.push(first),
        (Author::AnotherRoot, _) => lines.push(ignored.to_owned()),
        (Author::Nobody | Author::ThisRoot, _) => {}
    }
    if next.before.is_some() {
        let news =
            [("new among the good", next.new_keys()), ("distrusted from now on", next.newly_distrusted())];
        let news = news.into_iter().filter(|(_, kids)| !kids.is_empty());
        lines.extend(news.map(|(what, kids)| format!("{what}: {}", kids.join(", "))));
    }
    lines.extend(next.replaced_keys().into_iter().map(|kid| {
        format!(
            "generation {kid} has another public key than in the statement before: somebody has replaced its master"
        )
    }));
    lines.extend(next.lost_serial.map(|serial| {
        format!(
            "the root's file notes a statement of {}, which the key ring lacks: name what it distrusted with --distrust, \
             and its issuer with --issuer",
            render::moment(UnixMillis(serial))
        )
    }));
    let trusted = |kid: &&String| ring.signing().any(|generation| generation.number().to_string() == **kid);
    lines.extend(statement.distrusted.iter().filter(trusted).map(|kid| {
        format!(
            "the key ring does not distrust generation {kid}: run `falconer keyring distrust {kid}` as well"
        )
    }));
    if !statement.distrusted.is_empty() {
        lines
            .push("a distrusted generation is never trusted again by a client that has seen this".to_owned());
    }
    lines
}

fn described(statement: &KeyStatement) -> Vec<String> {
    let list = |kids: Vec<&String>| {
        let joined = kids.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        if joined.is_empty() { "none".to_owned() } else { words::line(&joined).into_owned() }
    };
    vec![
        format!("good generations: {}", list(statement.keys.keys().collect())),
        format!("distrusted: {}", list(statement.distrusted.iter().collect())),
        format!("issuer: {}", words::line(&statement.iss)),
        format!("signed: {}", render::moment(signed_at(statement))),
        format!("serial: {} ({})", statement.serial, render::moment(UnixMillis(statement.serial))),
    ]
}

/// A stored statement may be of anybody, so its numbers may be any.
fn signed_at(statement: &KeyStatement) -> UnixMillis {
    UnixMillis(statement.iat.saturating_mul(1_000))
}

fn document(statement: &KeyStatement) -> Value {
    json!({
        "issuer": statement.iss, "signedAt": signed_at(statement).0, "serial": statement.serial,
        "good": statement.keys, "distrusted": statement.distrusted,
    })
}

/// Names the public half, since nobody has proved the line of the file that it comes from.
fn signature(public: &RootPublicKey, author: Author) -> Option<String> {
    let x = public.x();
    match author {
        Author::Nobody => None,
        Author::ThisRoot => Some(format!("The root with the public half {x} has signed it.")),
        Author::AnotherRoot => Some(format!(
            "The root with the public half {x} has not signed it: it is another root's, or somebody has changed the key \
             ring."
        )),
    }
}

fn jwk(public: &RootPublicKey) -> Value {
    json!({ "kty": "OKP", "crv": "Ed25519", "x": public.x() })
}

fn dry_run(options: OutputOptions, what: &str, lines: &[String]) -> Result<()> {
    if options.json {
        return Ok(output::document(&json!({ "outcome": "dry_run", "plan": lines }))?);
    }
    output::line(format!("{what}:"))?;
    for line in lines {
        output::line(format!("  {line}"))?;
    }
    Ok(output::line("Nothing was changed: this was a dry run.")?)
}

fn opened(file: &RootFile, source: &PassphraseSource) -> Result<RootKey> {
    let passphrase = match &source.passphrase_file {
        Some(path) => from_file(path)?,
        None => asked("Passphrase of the root", None)?,
    };
    Ok(file.open(&passphrase)?)
}

fn new_passphrase(source: &PassphraseSource) -> Result<SecretString> {
    if let Some(path) = &source.passphrase_file {
        return from_file(path);
    }
    let prompt = format!("Passphrase of the new root, {MIN_PASSPHRASE_CHARS} characters or more");
    asked(&prompt, Some("The same once more"))
}

fn from_file(path: &Path) -> Result<SecretString> {
    let text = zeroize::Zeroizing::new(input::text(path)?);
    // Without the line end that an editor or `echo` leaves.
    Ok(text.trim_end_matches(['\r', '\n']).to_owned().into())
}

fn asked(prompt: &str, again: Option<&str>) -> Result<SecretString> {
    if !std::io::stdin().is_terminal() {
        return Err(bad_input("nobody is there to type the passphrase; give --passphrase-file FILE").into());
    }
    let mut password = dialoguer::Password::new().with_prompt(prompt);
    if let Some(again) = again {
        password = password.with_confirmation(again, "The two differ. Type both again.");
    }
    Ok(password.interact()?.into())
}
