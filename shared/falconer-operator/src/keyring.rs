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
mod tests {
    use falconer_domain::statement::{KeyStatement, RootKey};
    use secrecy::ExposeSecret;

    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
    const LATER: UnixMillis = UnixMillis(NOW.0 + PROMOTE_AFTER_MILLIS);

    fn draft(text: &SecretString) -> Draft {
        Draft::open(text.expose_secret()).unwrap()
    }

    #[test]
    fn former_keys_outlive_their_generation() {
        let ring = Draft::first(A, NOW);
        let (_, ring) = draft(&ring).add(&A.replace('a', "b"), NOW).unwrap();
        let (_, ring) = draft(&ring).add(&A.replace('a', "c"), NOW).unwrap();
        let (_, ring) = draft(&ring).promote_now().unwrap();
        let x = |number| {
            let ring = KeyRing::parse(ring.expose_secret()).unwrap();
            ring.jwks().keys.iter().find(|key| key.kid == number).unwrap().x.clone()
        };
        let (one, two) = (x("1"), x("2"));
        assert_eq!(draft(&ring).former_keys(), BTreeMap::new());
        let (_, distrusted) = draft(&ring).distrust(1).unwrap();
        let former = BTreeMap::from([("1".to_owned(), one)]);
        assert_eq!(draft(&distrusted).former_keys(), former);
        let (_, retired) = draft(&distrusted).retire(GenerationNumber::new(1).unwrap(), NOW).unwrap();
        assert_eq!(draft(&retired).former_keys(), former, "its master is gone, and not its public half");
        let (_, both) = draft(&retired).retire(GenerationNumber::new(2).unwrap(), NOW).unwrap();
        assert_eq!(draft(&both).former_keys().get("2"), Some(&two), "without a distrust too");
        // What signs nothing has no leases, and a note that a hand has changed is no key.
        let (legacy, held) = draft(&both).add_legacy(&A.replace('a', "d"), NOW).unwrap();
        let (_, gone) = draft(&held).retire(legacy, NOW).unwrap();
        assert_eq!(draft(&gone).former_keys().keys().collect::<Vec<_>>(), ["1", "2"]);
        let edited = gone.expose_secret().replace(&two, "two").into();
        assert_eq!(draft(&edited).former_keys(), former);
    }

    #[test]
    fn promotes_fifteen_minutes_after_add() {
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
    fn legacy_is_unique_and_unpromotable() {
        let (number, ring) = draft(&Draft::first(A, NOW)).add_legacy("s1 master", NOW).unwrap();
        assert_eq!(draft(&ring).ring().legacy().unwrap().number(), number);
        assert_eq!(draft(&ring).promote_now().err(), Some(EditRefusal::NothingToPromote));
        let again = draft(&ring).add_legacy("another one", NOW).err();
        assert_eq!(again, Some(EditRefusal::LegacyExists(number)));
    }

    #[test]
    fn retired_number_is_never_reused() {
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
    fn imported_is_unique_and_retirable() {
        let (number, ring) = draft(&Draft::first(A, NOW)).enable_imported(&A.replace('a', "i"), NOW).unwrap();
        assert_eq!(draft(&ring).ring().imported().unwrap().number(), number);
        assert_eq!(draft(&ring).promote_now().err(), Some(EditRefusal::NothingToPromote));
        let again = draft(&ring).enable_imported(A, NOW).err();
        assert_eq!(again, Some(EditRefusal::ImportedExists(number)));
        let (_, ring) = draft(&ring).retire(number, NOW).unwrap();
        assert!(draft(&ring).ring().imported().is_none());
    }

    #[test]
    fn full_ring_refuses_another_add() {
        let mut ring = Draft::first(A, NOW);
        for expected in 2..=MAX_GENERATION {
            let (number, text) = draft(&ring).add(A, NOW).unwrap();
            assert_eq!(number.get(), expected);
            ring = text;
        }
        assert_eq!(draft(&ring).add(A, NOW).err(), Some(EditRefusal::Full));
        assert_eq!(draft(&ring).list().len(), usize::from(MAX_GENERATION));
    }

    fn number(number: u8) -> GenerationNumber {
        GenerationNumber::new(number).unwrap()
    }

    /// Generations 1, 2 (current), 3 (waiting), 4 legacy, 5 imported.
    fn of_every_role() -> SecretString {
        let ring = draft(&Draft::first(A, NOW)).add(A, NOW).unwrap().1;
        let ring = draft(&ring).promote_now().unwrap().1;
        let ring = draft(&ring).add(A, NOW).unwrap().1;
        let ring = draft(&ring).add_legacy("s1 master", NOW).unwrap().1;
        draft(&ring).enable_imported(A, NOW).unwrap().1
    }

    fn member(ring: &SecretString) -> Option<String> {
        let members: Map<String, Value> = serde_json::from_str(ring.expose_secret()).unwrap();
        members.get(DISTRUSTED).map(|value| value.as_str().unwrap().to_owned())
    }

    fn statement() -> String {
        let root = RootKey::from_seed(&zeroize::Zeroizing::new([1; 32]));
        KeyStatement::new("falconer", BTreeMap::new(), BTreeSet::new(), NOW, None).sign(&root)
    }

    fn roles(ring: &SecretString) -> Vec<&'static str> {
        draft(ring).list().iter().map(|listed| listed.role).collect()
    }

    #[test]
    fn distrusts_and_trusts_again() {
        let ring = of_every_role();
        assert_eq!((member(&ring), roles(&ring)[0]), (None, "verifies"));
        let (distrusted, ring) = draft(&ring).distrust(1).unwrap();
        assert_eq!((distrusted, member(&ring).as_deref()), (number(1), Some("1")));
        assert_eq!(roles(&ring), ["distrusted", "current", "waiting", "legacy", "imported"]);
        let again = draft(&ring).distrust(1).unwrap().1;
        assert_eq!(member(&again), member(&ring), "once");
        let (_, both) = draft(&ring).distrust(3).unwrap();
        assert_eq!(member(&both).as_deref(), Some("1,3"));
        assert_eq!(roles(&both)[2], "distrusted");
        assert_eq!(draft(&both).promote_now().err(), Some(EditRefusal::NothingToPromote), "3 never signs");
        let (_, one) = draft(&both).trust(1).unwrap();
        assert_eq!(member(&one).as_deref(), Some("3"));
        let (_, none) = draft(&one).trust(3).unwrap();
        assert_eq!((member(&none), roles(&none)), (None, roles(&of_every_role())));
    }

    #[test]
    fn refuses_distrust_with_a_reason() {
        let ring = of_every_role();
        for (distrusted, refusal) in [
            (2, EditRefusal::DistrustCurrent(number(2))),
            (4, EditRefusal::NeverSigns(number(4), "legacy")),
            (5, EditRefusal::NeverSigns(number(5), "imported")),
            (9, EditRefusal::NoSuchGeneration(9)),
            (0, EditRefusal::NoSuchGeneration(0)),
            (32, EditRefusal::NoSuchGeneration(32)),
        ] {
            assert_eq!(draft(&ring).distrust(distrusted).err(), Some(refusal), "{distrusted}");
        }
        assert_eq!(draft(&ring).trust(1).err(), Some(EditRefusal::NotDistrusted(number(1))));
        assert_eq!(draft(&ring).trust(9).err(), Some(EditRefusal::NoSuchGeneration(9)));
    }

    /// Whatever else changes the ring keeps the distrust, and a generation that goes takes its own along.
    #[test]
    fn other_edits_keep_the_distrust() {
        let ring = draft(&of_every_role()).distrust(1).unwrap().1;
        let added = draft(&ring).add(A, NOW).unwrap().1;
        let promoted = draft(&added).promote_now().unwrap().1;
        assert_eq!(draft(&promoted).ring().current().number(), number(6));
        let signed = draft(&promoted).with_statement(&statement());
        let two = draft(&signed).distrust(2).unwrap().1;
        let retired = draft(&two).retire(number(3), LATER).unwrap().1;
        assert_eq!(member(&retired).as_deref(), Some("1,2"));
        let gone = draft(&retired).retire(number(1), LATER).unwrap().1;
        assert_eq!(member(&gone).as_deref(), Some("2"));
        assert_eq!(draft(&gone).retirable(1).err(), Some(EditRefusal::Retired(number(1))));
        assert_eq!(draft(&gone).distrust(1).err(), Some(EditRefusal::NoSuchGeneration(1)));
        let last = draft(&gone).retire(number(2), LATER).unwrap().1;
        assert_eq!(member(&last), None);
        assert_eq!(draft(&last).ring().statement(), Some(statement().as_str()), "kept as well");
    }

    /// A hand-edited member survives the next edit, and `distrust` repairs it.
    #[test]
    fn repairs_handwritten_distrust() {
        let by_hand = |json: &str| -> SecretString {
            let ring =
                of_every_role().expose_secret().replacen('{', &format!(r#"{{"x-distrusted":{json},"#), 1);
            ring.into()
        };
        for (json, after_add, after_distrust, doubts) in [
            (r#""1 ,3""#, Some("1,3"), Some("1,3"), 0),
            (r#""1","x-distrusted":"3""#, Some("1,3"), Some("1,3"), 0),
            (r#""9""#, None, Some("1"), 0),
            (r#""2""#, Some("2"), Some("1,2"), 1),
            (r#""3;1""#, Some("3;1"), Some("1"), 1),
            (r#""2,one""#, Some("2,one"), Some("1,2"), 2),
        ] {
            let ring = by_hand(json);
            assert_eq!(draft(&ring).doubts().len(), doubts, "{json}");
            assert_eq!(member(&draft(&ring).add(A, NOW).unwrap().1).as_deref(), after_add, "{json}");
            let mended = draft(&ring).distrust(1).unwrap().1;
            assert_eq!(member(&mended).as_deref(), after_distrust, "{json}");
            assert!(!draft(&mended).ring().has_unreadable_distrust(), "{json}");
        }
        let mended = draft(&by_hand("[1]")).distrust(1).unwrap().1;
        assert_eq!(member(&mended).as_deref(), Some("1"));
    }
}
