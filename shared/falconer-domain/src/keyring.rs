//! The key ring: every master the vendor has ever signed with, and which of them does what.
//!
//! It arrives as the flat JSON object that Secrets Manager keeps, for example
//! `{"current":"2","legacy":"1","1":"…","2":"…"}`, and is checked whole before anything uses it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::OnceLock;

use ed25519_dalek::SigningKey;
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::jwks::Jwks;
use crate::statement::KeyStatement;

/// The highest generation: a generation is one non-zero Crockford character in a license key.
pub const MAX_GENERATION: u8 = 31;
/// Shortest master of a generation that signs: 32 characters, the strength of the hash beneath it.
pub const MIN_MASTER_CHARS: usize = 32;
/// Shortest legacy master: the Flask server did not set a length, and its old keys must stay valid.
pub const MIN_LEGACY_MASTER_CHARS: usize = 8;
/// A secret's name in an error message is cut here, in case someone pasted a master where a name belongs.
const MAX_NAMED_MEMBER_CHARS: usize = 12;
/// SHA-256 of a master that was published with the Flask server's source. Every reader of it can sign.
const BURNED_MASTER_SHA256: [u8; 32] = [
    0x1d, 0xea, 0xd3, 0x12, 0xec, 0x40, 0x0e, 0x44, 0xa5, 0x3d, 0x73, 0xa7, 0x17, 0x3a, 0xfe, 0x40, 0x4d,
    0x65, 0x9a, 0x51, 0xba, 0xec, 0x7b, 0x08, 0xe4, 0x89, 0x34, 0x1c, 0x33, 0x27, 0xba, 0x81,
];

/// The member that names the generations whose master may be in other hands, as `"1,2"`. A reader that does not know it
/// passes over it like any other note, so that a rollback of the functions starts.
pub const DISTRUSTED: &str = "x-distrusted";
/// The member with the newest key statement of the root, which `/api/keys` passes on. Readers that do not know it pass
/// over it as well.
pub const STATEMENT: &str = "x-statement";

/// The number of a master in the ring, 1 to [`MAX_GENERATION`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GenerationNumber(u8);

impl GenerationNumber {
    /// `number` as a generation, if it is one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number >= 1 && number <= MAX_GENERATION { Some(Self(number)) } else { None }
    }

    /// The generation written in decimal without sign or leading zeros: `"1"` to `"31"`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.parse().ok().and_then(Self::new)?;
        (number.to_string() == text).then_some(number)
    }

    /// As a byte, the form that enters the tag of a license key.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl fmt::Display for GenerationNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The purpose of a subkey. Its text enters the derivation and can never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The tag inside new license keys.
    LicenseKeyTag,
    /// License id from a license key.
    LicenseLookup,
    /// Seed of the Ed25519 key that signs leases.
    LeaseSigning,
    /// Hardware hashes at rest.
    HardwarePepper,
    /// Encryption of the license key at rest.
    KeyEscrow,
    /// Values that a command must find again in its next run: the random part of keys that an import or a rotation
    /// gives, and the id of the device that a sheet knows.
    SheetImport,
}

impl Purpose {
    /// Each of them, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::LicenseKeyTag,
        Self::LicenseLookup,
        Self::LeaseSigning,
        Self::HardwarePepper,
        Self::KeyEscrow,
        Self::SheetImport,
    ];

    /// The `info` of HKDF.
    #[must_use]
    pub const fn info(self) -> &'static str {
        match self {
            Self::LicenseKeyTag => "license-key-tag",
            Self::LicenseLookup => "license-lookup",
            Self::LeaseSigning => "lease-signing-ed25519",
            Self::HardwarePepper => "hardware-pepper",
            Self::KeyEscrow => "key-escrow",
            Self::SheetImport => "sheet-import",
        }
    }
}

/// 32 derived bytes, wiped when dropped.
pub type Subkey = Zeroizing<[u8; 32]>;

/// One master and what has been derived from it.
pub struct Generation {
    number: GenerationNumber,
    master: SecretString,
    // What a request derives, the next one needs again: each is derived once, when it is first asked for.
    subkeys: [OnceLock<Subkey>; Purpose::ALL.len()],
    signing_key: OnceLock<SigningKey>,
}

impl Generation {
    fn new(number: GenerationNumber, master: SecretString) -> Self {
        Self { number, master, subkeys: Default::default(), signing_key: OnceLock::new() }
    }

    /// This generation's number.
    #[must_use]
    pub const fn number(&self) -> GenerationNumber {
        self.number
    }

    /// `HKDF-SHA256(ikm = master, salt = "falconer/v1", info, 32 bytes)`.
    #[must_use]
    pub fn subkey(&self, purpose: Purpose) -> &Subkey {
        self.subkeys[purpose as usize].get_or_init(|| {
            let mut subkey = Zeroizing::new([0; 32]);
            Hkdf::<Sha256>::new(Some(b"falconer/v1"), self.master_bytes())
                .expand(purpose.info().as_bytes(), subkey.as_mut())
                // Unwrap safety: HKDF-SHA256 yields up to 255 × 32 bytes; 32 are asked for.
                .unwrap();
            subkey
        })
    }

    /// The key that signs this generation's leases.
    #[must_use]
    pub fn signing_key(&self) -> &SigningKey {
        self.signing_key.get_or_init(|| SigningKey::from_bytes(self.subkey(Purpose::LeaseSigning)))
    }

    /// Returns the master's own bytes: the Flask server's HMAC key.
    pub(crate) fn master_bytes(&self) -> &[u8] {
        self.master.expose_secret().as_bytes()
    }
}

impl fmt::Debug for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Generation({})", self.number)
    }
}

/// A checked key ring. `Debug` shows numbers, never a master.
#[derive(Debug)]
pub struct KeyRing {
    generations: BTreeMap<GenerationNumber, Generation>,
    current: GenerationNumber,
    legacy: Option<GenerationNumber>,
    imported: Option<GenerationNumber>,
    distrusted: Distrusted,
    statement: StoredStatement,
    // Endorsements are a signature for every pair of generations; anyone may ask for them.
    jwks: OnceLock<Jwks>,
}

/// Why a text is not a key ring. No variant holds a value of the secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Not JSON, not an object, or a member that is not a string.
    #[error("the key ring is not a flat JSON object of strings")]
    NotAnObject,
    /// The same member twice: which of the two counts would be a guess.
    #[error("the key ring names {0} twice")]
    Duplicate(String),
    /// A member that means nothing here.
    #[error("the key ring has a member {0} that is neither a role nor a generation; prefix notes with x-")]
    UnknownMember(String),
    /// `current` is missing.
    #[error("the key ring has no \"current\"; name the generation that signs")]
    NoCurrent,
    /// A role names a generation the ring does not hold.
    #[error("the key ring's \"{0}\" names a generation it does not hold")]
    NoSuchGeneration(&'static str),
    /// Two roles name the same generation.
    #[error("the key ring's \"{0}\" and \"{1}\" name the same generation; each must stand alone")]
    SharedRole(&'static str, &'static str),
    /// A master is too short for what it does.
    #[error("generation {0} of the key ring is shorter than {1} characters")]
    ShortMaster(GenerationNumber, usize),
    /// The published master.
    #[error("generation {0} of the key ring is the master printed in a public document; make a new one")]
    BurnedMaster(GenerationNumber),
}

impl KeyRing {
    /// Reads and checks the secret's text.
    ///
    /// # Errors
    /// [`KeyRingError`], naming the first thing wrong and never printing a value.
    pub fn parse(text: &str) -> Result<Self, KeyRingError> {
        let Members(members) = serde_json::from_str(text).map_err(|_| KeyRingError::NotAnObject)?;
        let mut generations = BTreeMap::new();
        let mut roles: BTreeMap<&'static str, String> = BTreeMap::new();
        let mut distrusted = Distrusted::default();
        let mut statement = StoredStatement::default();
        for (name, value) in members {
            let text = value.as_ref().map(ExposeSecret::expose_secret);
            if name == DISTRUSTED {
                distrusted.add(text);
                continue;
            }
            if name == STATEMENT {
                statement.add(text);
                continue;
            }
            if name.starts_with(NOTE_PREFIX) {
                continue;
            }
            let value = value.ok_or(KeyRingError::NotAnObject)?;
            let repeated = if let Some(role) = ROLES.into_iter().find(|role| *role == name) {
                roles.insert(role, value.expose_secret().to_owned()).is_some()
            } else if let Some(number) = GenerationNumber::parse(&name) {
                generations.insert(number, Generation::new(number, value)).is_some()
            } else {
                return Err(KeyRingError::UnknownMember(shown(&name)));
            };
            if repeated {
                return Err(KeyRingError::Duplicate(shown(&name)));
            }
        }
        let role = |name: &'static str| {
            let Some(value) = roles.get(name) else { return Ok(None) };
            GenerationNumber::parse(value)
                .filter(|number| generations.contains_key(number))
                .map(Some)
                .ok_or(KeyRingError::NoSuchGeneration(name))
        };
        let (current, legacy, imported) =
            (role("current")?.ok_or(KeyRingError::NoCurrent)?, role("legacy")?, role("imported")?);
        let ring =
            Self { generations, current, legacy, imported, distrusted, statement, jwks: OnceLock::new() };
        ring.check_roles()?;
        ring.check_masters(&BURNED_MASTER_SHA256)?;
        Ok(ring)
    }

    /// The generation that issues keys and signs leases.
    #[must_use]
    pub fn current(&self) -> &Generation {
        // Unwrap safety: `parse` admits a ring only if it holds the generation that `current` names.
        self.generations.get(&self.current).unwrap()
    }

    /// The public keys of its leases.
    #[must_use]
    pub fn jwks(&self) -> &Jwks {
        self.jwks.get_or_init(|| Jwks::of(self))
    }

    /// Returns the generation of the Flask server's master, if the ring accepts its keys.
    #[must_use]
    pub fn legacy(&self) -> Option<&Generation> {
        self.legacy.and_then(|number| self.generations.get(&number))
    }

    /// The generation that looks up free-text keys, if those are accepted.
    #[must_use]
    pub fn imported(&self) -> Option<&Generation> {
        self.imported.and_then(|number| self.generations.get(&number))
    }

    /// Any generation by number: a row's own `generation` chooses its pepper and escrow key.
    #[must_use]
    pub fn generation(&self, number: GenerationNumber) -> Option<&Generation> {
        self.generations.get(&number)
    }

    /// Every generation's number, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = GenerationNumber> {
        self.generations.keys().copied()
    }

    /// The generations whose signatures count, ascending: those that vouch for license keys, without the distrusted.
    pub fn signing(&self) -> impl Iterator<Item = &Generation> {
        self.vouching().filter(|generation| !self.is_distrusted(generation.number))
    }

    /// Returns true if this generation may sign leases, endorse younger generations, and be published.
    #[must_use]
    pub fn signs(&self, number: GenerationNumber) -> bool {
        self.vouches(number) && !self.is_distrusted(number)
    }

    /// The generations that vouch for license keys of Falconer's own form, ascending, distrusted or not. `legacy` and
    /// `imported` vouch for other forms alone.
    pub fn vouching(&self) -> impl Iterator<Item = &Generation> {
        self.generations.values().filter(|generation| self.vouches(generation.number))
    }

    /// Returns true if this generation vouches for license keys of Falconer's own form. Every customer's key goes on
    /// working after its generation is distrusted.
    #[must_use]
    pub fn vouches(&self, number: GenerationNumber) -> bool {
        self.generations.contains_key(&number) && self.legacy != Some(number) && self.imported != Some(number)
    }

    /// Returns true if the ring holds this generation and distrusts it. `current` is never distrusted, whatever a hand
    /// has written into the ring: without a generation that signs, every customer would be refused.
    #[must_use]
    pub fn is_distrusted(&self, number: GenerationNumber) -> bool {
        self.current != number && self.distrusts_by_name(number)
    }

    /// Returns true if `x-distrusted` names a generation of the ring, be it `current`. The entry counts as soon as
    /// another generation is `current`.
    #[must_use]
    pub fn distrusts_by_name(&self, number: GenerationNumber) -> bool {
        self.generations.contains_key(&number) && self.distrusted.numbers.contains(&number)
    }

    /// Returns true if a part of `x-distrusted` does not read. The other parts count all the same.
    #[must_use]
    pub const fn has_unreadable_distrust(&self) -> bool {
        self.distrusted.has_unreadable
    }

    /// Returns the root's newest key statement, as it was signed. Nobody without the root's public half can verify it.
    #[must_use]
    pub fn statement(&self) -> Option<&str> {
        self.statement.newest.as_ref().map(|(_, jws)| jws.as_str())
    }

    /// Returns true if `x-statement` does not read as a key statement. The ring is good all the same.
    #[must_use]
    pub const fn has_unreadable_statement(&self) -> bool {
        self.statement.is_unreadable
    }

    fn check_roles(&self) -> Result<(), KeyRingError> {
        let shared = |a, b| Err(KeyRingError::SharedRole(a, b));
        if self.legacy == Some(self.current) {
            return shared("current", "legacy");
        }
        if self.imported == Some(self.current) {
            return shared("current", "imported");
        }
        if self.legacy.is_some() && self.legacy == self.imported {
            return shared("legacy", "imported");
        }
        Ok(())
    }

    fn check_masters(&self, burned_sha256: &[u8; 32]) -> Result<(), KeyRingError> {
        for (&number, generation) in &self.generations {
            let least = if self.legacy == Some(number) { MIN_LEGACY_MASTER_CHARS } else { MIN_MASTER_CHARS };
            if generation.master.expose_secret().chars().count() < least {
                return Err(KeyRingError::ShortMaster(number, least));
            }
            if Sha256::digest(generation.master_bytes()).as_slice() == burned_sha256 {
                return Err(KeyRingError::BurnedMaster(number));
            }
        }
        Ok(())
    }
}

const ROLES: [&str; 3] = ["current", "legacy", "imported"];
/// How members begin that mean nothing to the ring.
const NOTE_PREFIX: &str = "x-";

/// Reads `x-distrusted`, each entry by itself. A bad entry does not spoil the ring, since a function that
/// starts with a bad ring answers 503 to every customer; and it does not take the good entries along.
#[derive(Debug, Default)]
struct Distrusted {
    numbers: BTreeSet<GenerationNumber>,
    has_unreadable: bool,
}

impl Distrusted {
    /// Adds one member, `None` if it is not a text. If the member occurs twice, both count.
    fn add(&mut self, value: Option<&str>) {
        let Some(text) = value else {
            self.has_unreadable = true;
            return;
        };
        for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            match GenerationNumber::parse(entry) {
                Some(number) => drop(self.numbers.insert(number)),
                None => self.has_unreadable = true,
            }
        }
    }
}

/// Reads `x-statement`. A bad one costs the statement and nothing else, as with `x-distrusted`.
#[derive(Debug, Default)]
struct StoredStatement {
    newest: Option<(i64, String)>,
    is_unreadable: bool,
}

impl StoredStatement {
    /// Adds one member, `None` if it is not a text. If the member occurs twice, the higher serial counts.
    fn add(&mut self, value: Option<&str>) {
        match value.and_then(|jws| Some((KeyStatement::unverified(jws)?.serial, jws.to_owned()))) {
            Some(read) => self.newest = self.newest.take().max(Some(read)),
            None => self.is_unreadable = true,
        }
    }
}

fn shown(member: &str) -> String {
    let mut shown: String =
        member.chars().take(MAX_NAMED_MEMBER_CHARS).flat_map(char::escape_debug).collect();
    if member.chars().nth(MAX_NAMED_MEMBER_CHARS).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

/// The members in order, duplicates kept: `serde_json::Map` would silently keep the last. `None` is not a text.
struct Members(Vec<(String, Option<SecretString>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Flat;
        impl<'de> Visitor<'de> for Flat {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) =
                    map.next_entry::<String, Value>().map_err(de::Error::custom)?
                {
                    let text = match value {
                        Value::String(text) => Some(SecretString::from(text)),
                        _ => None,
                    };
                    members.push((name, text));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Flat)
    }
}

#[cfg(test)]
mod tests;
