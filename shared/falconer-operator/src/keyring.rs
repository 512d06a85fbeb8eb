//! Changing the key ring: pure edits of its text here, reading and writing in [`operations`].

pub mod operations;

use std::collections::{BTreeMap, BTreeSet};

use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::keyring::{DISTRUSTED, Generation, GenerationNumber, MAX_GENERATION, STATEMENT};
use falconer_domain::{KeyRing, UnixMillis};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// How long a generation is published before it may sign: an instance re-reads the ring every five minutes and caches
/// of the public keys live as long, so that after three times that everyone has it.
pub const PROMOTE_AFTER_MILLIS: i64 = 15 * 60 * 1_000;
/// A note beside each generation: when it was added, in milliseconds.
const ADDED_PREFIX: &str = "x-added-";
/// A note in the place of a generation that is gone, with the moment. Its number is never given out again: clients know
/// its public key by it.
const RETIRED_PREFIX: &str = "x-retired-";
/// A note in the same place: the public half, if its leases may be out. An application goes on verifying them.
const FORMER_PREFIX: &str = "x-former-";

/// Why an edit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditRefusal {
    /// The text is not a key ring.
    #[error("the secret holds no key ring: {0}")]
    NotARing(String),
    /// The highest generation exists.
    #[error("the key ring has reached generation {MAX_GENERATION}, the last one a license key can name")]
    Full,
    /// `legacy` is write-once.
    #[error(
        "the key ring already has a legacy generation ({0}), and the Flask server had one master; nothing was changed"
    )]
    LegacyExists(GenerationNumber),
    /// `imported` is write-once.
    #[error("the key ring accepts free-text keys already, by generation {0}; nothing was changed")]
    ImportedExists(GenerationNumber),
    /// No such generation.
    #[error("the key ring has no generation {0}; `falconer keyring list` shows those it has")]
    NoSuchGeneration(u8),
    /// It was taken out before.
    #[error("generation {0} has left the key ring already")]
    Retired(GenerationNumber),
    /// The one that signs.
    #[error("generation {0} signs; promote another one before this one can go")]
    Current(GenerationNumber),
    /// The one that signs cannot be distrusted.
    #[error(
        "generation {0} signs; `falconer keyring add` and `falconer keyring promote --now` put another one in its \
         place, then this one can be distrusted"
    )]
    DistrustCurrent(GenerationNumber),
    /// It signs nothing that anybody could believe.
    #[error(
        "generation {0} is the {1} one: it signs nothing and is published nowhere, so there is nothing to distrust; \
         `falconer rotate-key --generation {0}` gives its licenses new keys"
    )]
    NeverSigns(GenerationNumber, &'static str),
    /// Not distrusted.
    #[error("generation {0} is not distrusted; `falconer keyring list` shows those that are")]
    NotDistrusted(GenerationNumber),
    /// No generation waits.
    #[error("no generation is waiting to be promoted; `falconer keyring add` adds one")]
    NothingToPromote,
    /// Published too recently.
    #[error(
        "generation {0} was added {1} {minutes} ago; wait until 15 have passed, so that every instance and every \
         client can know its key, or promote it now with --now",
        minutes = if *.1 == 1 { "minute" } else { "minutes" }
    )]
    TooYoung(GenerationNumber, i64),
}

/// One line of `keyring list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGeneration {
    /// The generation.
    pub number: GenerationNumber,
    /// Role: `current`, `legacy`, `imported`, `distrusted`, `waiting`, `verifies`.
    pub role: &'static str,
    /// Time of addition, if recorded.
    pub added_at: Option<UnixMillis>,
}

/// A ring being edited. Masters pass through and are never looked at.
pub struct Draft {
    members: Map<String, Value>,
    ring: KeyRing,
}

impl Draft {
    /// A first ring: generation 1 signs.
    #[must_use]
    pub fn first(master: &str, now: UnixMillis) -> SecretString {
        let members = Map::from_iter([
            ("current".to_owned(), Value::from("1")),
            ("1".to_owned(), Value::from(master)),
            (format!("{ADDED_PREFIX}1"), Value::from(now.0.to_string())),
        ]);
        Value::Object(members).to_string().into()
    }

    /// Opens the stored ring.
    ///
    /// # Errors
    /// [`EditRefusal::NotARing`], never printing a value.
    pub fn open(text: &str) -> Result<Self, EditRefusal> {
        let ring = KeyRing::parse(text).map_err(|why| EditRefusal::NotARing(why.to_string()))?;
        let members = serde_json::from_str(text).map_err(|_| EditRefusal::NotARing("not JSON".to_owned()))?;
        let mut draft = Self { members, ring };
        // The member may appear twice, and the map has only the last one. An unreadable member stays unchanged until the
        // next distrust, because its intended value is unknown.
        if !draft.ring.has_unreadable_distrust() {
            draft.write_distrusted(&draft.named_distrusted());
        }
        if let Some(newest) = draft.ring.statement().map(Value::from) {
            draft.members.insert(STATEMENT.to_owned(), newest);
        }
        Ok(draft)
    }

    /// Returns the ring.
    #[must_use]
    pub const fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Publishes a generation that verifies and does not sign yet.
    ///
    /// # Errors
    /// [`EditRefusal::Full`].
    pub fn add(
        mut self,
        master: &str,
        now: UnixMillis,
    ) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        let number = self.insert(master, now)?;
        Ok((number, self.text()))
    }

    /// Adds the Flask server's master, which verifies only that server's keys.
    ///
    /// # Errors
    /// [`EditRefusal::LegacyExists`] or [`EditRefusal::Full`].
    pub fn add_legacy(
        mut self,
        master: &str,
        now: UnixMillis,
    ) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        if let Some(legacy) = self.ring.legacy() {
            return Err(EditRefusal::LegacyExists(legacy.number()));
        }
        let number = self.insert(master, now)?;
        self.members.insert("legacy".to_owned(), number.to_string().into());
        Ok((number, self.text()))
    }

    /// Adds a generation that looks up free-text keys, and nothing else.
    ///
    /// # Errors
    /// [`EditRefusal::ImportedExists`] or [`EditRefusal::Full`].
    pub fn enable_imported(
        mut self,
        master: &str,
        now: UnixMillis,
    ) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        self.imported_next()?;
        let number = self.insert(master, now)?;
        self.members.insert("imported".to_owned(), number.to_string().into());
        Ok((number, self.text()))
    }

    /// Takes a generation's word for nothing any more: it is not published, and endorses none. It goes on vouching for
    /// license keys.
    ///
    /// # Errors
    /// [`EditRefusal::NoSuchGeneration`], [`EditRefusal::DistrustCurrent`] or [`EditRefusal::NeverSigns`].
    pub fn distrust(mut self, number: u8) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        let number = self.held(number)?;
        let role = |named: Option<&Generation>| named.is_some_and(|named| named.number() == number);
        if number == self.ring.current().number() {
            return Err(EditRefusal::DistrustCurrent(number));
        }
        if role(self.ring.legacy()) {
            return Err(EditRefusal::NeverSigns(number, "legacy"));
        }
        if role(self.ring.imported()) {
            return Err(EditRefusal::NeverSigns(number, "imported"));
        }
        let mut distrusted = self.named_distrusted();
        distrusted.insert(number);
        self.write_distrusted(&distrusted);
        Ok((number, self.text()))
    }

    /// Takes a distrust back.
    ///
    /// # Errors
    /// [`EditRefusal::NoSuchGeneration`] or [`EditRefusal::NotDistrusted`].
    pub fn trust(mut self, number: u8) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        let number = self.held(number)?;
        let mut distrusted = self.named_distrusted();
        if !distrusted.remove(&number) {
            return Err(EditRefusal::NotDistrusted(number));
        }
        self.write_distrusted(&distrusted);
        Ok((number, self.text()))
    }

    /// Returns true if a generation is distrusted already, and the ring says so in a form that reads.
    #[must_use]
    pub fn is_distrusted(&self, number: GenerationNumber) -> bool {
        self.ring.is_distrusted(number) && !self.ring.has_unreadable_distrust()
    }

    /// Puts a key statement of the root into the ring, in place of the one before.
    #[must_use]
    pub fn with_statement(mut self, jws: &str) -> SecretString {
        self.members.insert(STATEMENT.to_owned(), jws.into());
        self.text()
    }

    /// `kid` → `x` of each key that is published no more and whose leases may be stored somewhere: of the distrusted
    /// generations, and of those that have left the ring.
    #[must_use]
    pub fn former_keys(&self) -> BTreeMap<String, String> {
        let gone = self.members.iter().filter_map(|(name, x)| {
            let number = GenerationNumber::parse(name.strip_prefix(FORMER_PREFIX)?)?;
            let x = x.as_str().filter(|x| is_public_half(x) && self.ring.generation(number).is_none())?;
            Some((number.to_string(), x.to_owned()))
        });
        let distrusted = self.ring.vouching().filter(|held| self.ring.is_distrusted(held.number()));
        gone.chain(distrusted.map(|held| (held.number().to_string(), public_half(held)))).collect()
    }

    /// Returns the errors of a hand-edited `x-distrusted`, in sentences.
    #[must_use]
    pub fn doubts(&self) -> Vec<String> {
        let unreadable = self.ring.has_unreadable_distrust().then(|| {
            format!(
                "A part of {DISTRUSTED} in the key ring does not read, and distrusts nothing. \
                 `falconer keyring distrust N`, or `trust N`, writes the member anew."
            )
        });
        let current = self.ring.current().number();
        let named = self.ring.distrusts_by_name(current).then(|| {
            format!(
                "{DISTRUSTED} in the key ring names generation {current}, which signs. The entry counts as soon as \
                 another generation is promoted."
            )
        });
        unreadable.into_iter().chain(named).collect()
    }

    /// The number of the generation that would look up free-text keys.
    ///
    /// # Errors
    /// [`EditRefusal::ImportedExists`] or [`EditRefusal::Full`].
    pub fn imported_next(&self) -> Result<GenerationNumber, EditRefusal> {
        match self.ring.imported() {
            Some(imported) => Err(EditRefusal::ImportedExists(imported.number())),
            None => self.next(),
        }
    }

    /// The generation of a number, if it may go at all. Whether a license of it lives is another question.
    ///
    /// # Errors
    /// [`EditRefusal::NoSuchGeneration`], [`EditRefusal::Retired`] or [`EditRefusal::Current`].
    pub fn retirable(&self, number: u8) -> Result<GenerationNumber, EditRefusal> {
        let retired = GenerationNumber::new(number)
            .filter(|number| self.members.contains_key(&format!("{RETIRED_PREFIX}{number}")));
        let held = self.held(number).map_err(|missing| retired.map_or(missing, EditRefusal::Retired));
        match held? {
            current if current == self.ring.current().number() => Err(EditRefusal::Current(current)),
            other => Ok(other),
        }
    }

    /// Takes a generation out, with its role.
    ///
    /// # Errors
    /// As [`Draft::retirable`].
    pub fn retire(
        mut self,
        number: GenerationNumber,
        now: UnixMillis,
    ) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        self.retirable(number.get())?;
        if let Some(x) = self.ring.vouching().find(|gone| gone.number() == number).map(public_half) {
            self.members.insert(format!("{FORMER_PREFIX}{number}"), x.into());
        }
        self.members.remove(&number.to_string());
        self.members.remove(&format!("{ADDED_PREFIX}{number}"));
        for role in ["legacy", "imported"] {
            if self.members.get(role).and_then(Value::as_str) == Some(number.to_string().as_str()) {
                self.members.remove(role);
            }
        }
        self.members.insert(format!("{RETIRED_PREFIX}{number}"), now.0.to_string().into());
        let mut distrusted = self.named_distrusted();
        if distrusted.remove(&number) {
            self.write_distrusted(&distrusted);
        }
        Ok((number, self.text()))
    }

    /// Makes the newest waiting generation sign, once it has been published for long enough.
    ///
    /// # Errors
    /// [`EditRefusal::NothingToPromote`] or [`EditRefusal::TooYoung`].
    pub fn promote(self, now: UnixMillis) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        let number = self.waiting()?;
        // A generation without a note was added by hand; nobody knows when, so it counts as added now.
        let age = now.0 - self.added_at(number).unwrap_or(now).0;
        if age < PROMOTE_AFTER_MILLIS {
            return Err(EditRefusal::TooYoung(number, age.div_euclid(60_000)));
        }
        self.promote_now()
    }

    /// Makes the newest waiting generation sign, however young it is.
    ///
    /// # Errors
    /// [`EditRefusal::NothingToPromote`].
    pub fn promote_now(mut self) -> Result<(GenerationNumber, SecretString), EditRefusal> {
        let number = self.waiting()?;
        self.members.insert("current".to_owned(), number.to_string().into());
        Ok((number, self.text()))
    }

    /// Every generation and what it does.
    #[must_use]
    pub fn list(&self) -> Vec<ListedGeneration> {
        let waiting = self.waiting().ok();
        let role = |number| {
            if self.ring.current().number() == number {
                "current"
            } else if self.ring.legacy().is_some_and(|legacy| legacy.number() == number) {
                "legacy"
            } else if self.ring.imported().is_some_and(|imported| imported.number() == number) {
                "imported"
            } else if self.ring.is_distrusted(number) {
                "distrusted"
            } else if waiting == Some(number) {
                "waiting"
            } else {
                "verifies"
            }
        };
        let listed =
            |number| ListedGeneration { number, role: role(number), added_at: self.added_at(number) };
        self.ring.numbers().map(listed).collect()
    }

    /// The number that the next generation gets.
    ///
    /// # Errors
    /// [`EditRefusal::Full`].
    pub fn next(&self) -> Result<GenerationNumber, EditRefusal> {
        // Above every other, never in a gap: endorsements run from older to newer, and newer is higher.
        let retired = self.members.keys().filter_map(|name| name.strip_prefix(RETIRED_PREFIX)?.parse().ok());
        let highest = self.ring.numbers().map(GenerationNumber::get).chain(retired).max().unwrap_or(0);
        GenerationNumber::new(highest + 1).ok_or(EditRefusal::Full)
    }

    fn insert(&mut self, master: &str, now: UnixMillis) -> Result<GenerationNumber, EditRefusal> {
        let number = self.next()?;
        self.members.insert(number.to_string(), master.into());
        self.members.insert(format!("{ADDED_PREFIX}{number}"), now.0.to_string().into());
        Ok(number)
    }

    fn waiting(&self) -> Result<GenerationNumber, EditRefusal> {
        let current = self.ring.current().number();
        let newest = self.ring.signing().map(Generation::number).max();
        newest.filter(|newest| *newest > current).ok_or(EditRefusal::NothingToPromote)
    }

    /// The generation of a number, if the ring holds it.
    fn held(&self, number: u8) -> Result<GenerationNumber, EditRefusal> {
        let held = GenerationNumber::new(number).filter(|number| self.ring.generation(*number).is_some());
        held.ok_or(EditRefusal::NoSuchGeneration(number))
    }

    fn named_distrusted(&self) -> BTreeSet<GenerationNumber> {
        self.ring.numbers().filter(|number| self.ring.distrusts_by_name(*number)).collect()
    }

    fn write_distrusted(&mut self, distrusted: &BTreeSet<GenerationNumber>) {
        let numbers: Vec<_> = distrusted.iter().map(GenerationNumber::to_string).collect();
        if numbers.is_empty() {
            self.members.remove(DISTRUSTED);
        } else {
            self.members.insert(DISTRUSTED.to_owned(), numbers.join(",").into());
        }
    }

    fn added_at(&self, number: GenerationNumber) -> Option<UnixMillis> {
        let note = self.members.get(&format!("{ADDED_PREFIX}{number}"))?;
        note.as_str()?.parse().ok().map(UnixMillis)
    }

    fn text(self) -> SecretString {
        Value::Object(self.members).to_string().into()
    }
}

/// The member `x` of a generation's public key.
fn public_half(generation: &Generation) -> String {
    BASE64URL_NOPAD.encode(generation.signing_key().verifying_key().as_bytes())
}

fn is_public_half(x: &str) -> bool {
    BASE64URL_NOPAD.decode(x.as_bytes()).is_ok_and(|bytes| bytes.len() == 32)
}

#[cfg(test)]
mod tests;
