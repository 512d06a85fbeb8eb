//! Changing the key ring: pure edits of its text here, reading and writing in [`commands`].

pub mod commands;

use falconer_domain::keyring::{GenerationNumber, MAX_GENERATION};
use falconer_domain::{KeyRing, UnixMillis};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// How long a generation is published before it may sign: an instance re-reads the ring every five minutes and caches of
/// the public keys live as long, so that after three times that everyone has it.
pub const PROMOTE_AFTER_MILLIS: i64 = 15 * 60 * 1_000;
/// A note beside each generation: when it was added, in milliseconds.
const ADDED_PREFIX: &str = "x-added-";
/// A note in the place of a generation that is gone, with the moment. Its number is never given out again: clients know
/// its public key by it.
const RETIRED_PREFIX: &str = "x-retired-";

/// Why an edit is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditRefusal {
    /// The text is no ring to begin with.
    #[error("the secret holds no key ring: {0}")]
    NotARing(String),
    /// The highest generation exists.
    #[error("the key ring has reached generation {MAX_GENERATION}, the last one a license key can name")]
    Full,
    /// `legacy` is write-once.
    #[error("the key ring already has a legacy generation ({0}), and S1 had one master; nothing was changed")]
    LegacyExists(GenerationNumber),
    /// `imported` is write-once.
    #[error("the key ring accepts free-text keys already, by generation {0}; nothing was changed")]
    ImportedExists(GenerationNumber),
    /// No such generation.
    #[error("the key ring has no generation {0}; `falconer keyring list` shows those it has")]
    NoSuchGeneration(u8),
    /// The one that signs.
    #[error("generation {0} signs; promote another one before this one can go")]
    Current(GenerationNumber),
    /// Nothing stands by.
    #[error("no generation is waiting to be promoted; `falconer keyring add` adds one")]
    NothingToPromote,
    /// Published too recently.
    #[error(
        "generation {0} was added {1} minutes ago; wait until 15 have passed, so that every instance and every \
         client can know its key, or promote it now with --now"
    )]
    TooYoung(GenerationNumber, i64),
}

/// One line of `keyring list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The generation.
    pub number: GenerationNumber,
    /// What it does: `current`, `legacy`, `imported`, `waiting`, `verifies`.
    pub role: &'static str,
    /// When it was added, if the ring says.
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

    /// Takes up the ring as it stands.
    ///
    /// # Errors
    /// [`EditRefusal::NotARing`], never printing a value.
    pub fn open(text: &str) -> Result<Self, EditRefusal> {
        let ring = KeyRing::parse(text).map_err(|why| EditRefusal::NotARing(why.to_string()))?;
        let members = serde_json::from_str(text).map_err(|_| EditRefusal::NotARing("not JSON".to_owned()))?;
        Ok(Self { members, ring })
    }

    /// The ring as it stands.
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

    /// Adds S1's master, for S1's keys and nothing else.
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
        if let Some(imported) = self.ring.imported() {
            return Err(EditRefusal::ImportedExists(imported.number()));
        }
        let number = self.insert(master, now)?;
        self.members.insert("imported".to_owned(), number.to_string().into());
        Ok((number, self.text()))
    }

    /// The generation of a number, if it may go at all. Whether a license of it lives is another question.
    ///
    /// # Errors
    /// [`EditRefusal::NoSuchGeneration`] or [`EditRefusal::Current`].
    pub fn retirable(&self, number: u8) -> Result<GenerationNumber, EditRefusal> {
        let missing = EditRefusal::NoSuchGeneration(number);
        let generation =
            GenerationNumber::new(number).filter(|number| self.ring.generation(*number).is_some());
        match generation.ok_or(missing)? {
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
        self.members.remove(&number.to_string());
        self.members.remove(&format!("{ADDED_PREFIX}{number}"));
        for role in ["legacy", "imported"] {
            if self.members.get(role).and_then(Value::as_str) == Some(number.to_string().as_str()) {
                self.members.remove(role);
            }
        }
        self.members.insert(format!("{RETIRED_PREFIX}{number}"), now.0.to_string().into());
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
    pub fn list(&self) -> Vec<Listed> {
        let waiting = self.waiting().ok();
        let role = |number| {
            if self.ring.current().number() == number {
                "current"
            } else if self.ring.legacy().is_some_and(|legacy| legacy.number() == number) {
                "legacy"
            } else if self.ring.imported().is_some_and(|imported| imported.number() == number) {
                "imported"
            } else if waiting == Some(number) {
                "waiting"
            } else {
                "verifies"
            }
        };
        let listed = |number| Listed { number, role: role(number), added_at: self.added_at(number) };
        self.ring.numbers().map(listed).collect()
    }

    fn insert(&mut self, master: &str, now: UnixMillis) -> Result<GenerationNumber, EditRefusal> {
        // Above every other, never in a gap: endorsements run from older to newer, and newer is higher.
        let retired = self.members.keys().filter_map(|name| name.strip_prefix(RETIRED_PREFIX)?.parse().ok());
        let highest = self.ring.numbers().map(GenerationNumber::get).chain(retired).max().unwrap_or(0);
        let number = GenerationNumber::new(highest + 1).ok_or(EditRefusal::Full)?;
        self.members.insert(number.to_string(), master.into());
        self.members.insert(format!("{ADDED_PREFIX}{number}"), now.0.to_string().into());
        Ok(number)
    }

    fn waiting(&self) -> Result<GenerationNumber, EditRefusal> {
        let current = self.ring.current().number();
        let newest = self.ring.signing().map(falconer_domain::keyring::Generation::number).max();
        newest.filter(|newest| *newest > current).ok_or(EditRefusal::NothingToPromote)
    }

    fn added_at(&self, number: GenerationNumber) -> Option<UnixMillis> {
        let note = self.members.get(&format!("{ADDED_PREFIX}{number}"))?;
        note.as_str()?.parse().ok().map(UnixMillis)
    }

    fn text(self) -> SecretString {
        Value::Object(self.members).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const LATER: UnixMillis = UnixMillis(NOW.0 + PROMOTE_AFTER_MILLIS);

    fn draft(text: &SecretString) -> Draft {
        Draft::open(text.expose_secret()).unwrap()
    }

    #[test]
    fn a_generation_is_added_then_promoted_a_quarter_of_an_hour_later() {
        let ring = Draft::first(A, NOW);
        let (number, ring) = draft(&ring).add(&A.replace('a', "b"), NOW).unwrap();
        assert_eq!((number.get(), draft(&ring).ring().current().number().get()), (2, 1));
        let early = UnixMillis(LATER.0 - 1);
        assert_eq!(draft(&ring).promote(early).err(), Some(EditRefusal::TooYoung(number, 14)));
        let (promoted, ring) = draft(&ring).promote(LATER).unwrap();
        assert_eq!((promoted, draft(&ring).ring().current().number()), (number, number));
        assert_eq!(draft(&ring).promote(LATER).err(), Some(EditRefusal::NothingToPromote));
        let roles: Vec<_> = draft(&ring).list().iter().map(|listed| listed.role).collect();
        assert_eq!(roles, ["verifies", "current"]);
    }

    #[test]
    fn legacy_is_added_once_and_never_promoted() {
        let (number, ring) = draft(&Draft::first(A, NOW)).add_legacy("s1 master", NOW).unwrap();
        assert_eq!(draft(&ring).ring().legacy().unwrap().number(), number);
        assert_eq!(draft(&ring).promote_now().err(), Some(EditRefusal::NothingToPromote));
        let again = draft(&ring).add_legacy("another one", NOW).err();
        assert_eq!(again, Some(EditRefusal::LegacyExists(number)));
    }

    #[test]
    fn a_retired_generation_is_gone_and_its_number_is_never_used_again() {
        let (two, ring) = draft(&Draft::first(A, NOW)).add(&A.replace('a', "b"), NOW).unwrap();
        assert_eq!(
            draft(&ring).retirable(1).err(),
            Some(EditRefusal::Current(GenerationNumber::new(1).unwrap()))
        );
        assert_eq!(draft(&ring).retirable(9).err(), Some(EditRefusal::NoSuchGeneration(9)));
        let (retired, ring) = draft(&ring).retire(two, LATER).unwrap();
        assert_eq!((retired, draft(&ring).ring().generation(two).is_none()), (two, true));
        assert!(!ring.expose_secret().contains("bbbb"));
        let (three, _) = draft(&ring).add(A, LATER).unwrap();
        assert_eq!(three.get(), 3);
    }

    #[test]
    fn free_text_keys_are_enabled_once_and_their_generation_can_go() {
        let (number, ring) = draft(&Draft::first(A, NOW)).enable_imported(&A.replace('a', "i"), NOW).unwrap();
        assert_eq!(draft(&ring).ring().imported().unwrap().number(), number);
        assert_eq!(draft(&ring).promote_now().err(), Some(EditRefusal::NothingToPromote));
        let again = draft(&ring).enable_imported(A, NOW).err();
        assert_eq!(again, Some(EditRefusal::ImportedExists(number)));
        let (_, ring) = draft(&ring).retire(number, NOW).unwrap();
        assert!(draft(&ring).ring().imported().is_none());
    }

    #[test]
    fn a_full_ring_refuses_and_keeps_every_generation() {
        let mut ring = Draft::first(A, NOW);
        for expected in 2..=MAX_GENERATION {
            let (number, text) = draft(&ring).add(A, NOW).unwrap();
            assert_eq!(number.get(), expected);
            ring = text;
        }
        assert_eq!(draft(&ring).add(A, NOW).err(), Some(EditRefusal::Full));
        assert_eq!(draft(&ring).list().len(), usize::from(MAX_GENERATION));
    }
}
