//! Keys and root that an application is built with.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;
use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::jwks::Jwk;
use falconer_domain::statement::{KeyStatement, RootPublicKey};
use serde::Deserialize;
use serde_json::Value;

use crate::json_object::JsonObject;

/// Public keys that an application is built with, and the vendor's root where there is one. They must come with the
/// application, from the vendor, and never from the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublicKeys {
    pub(super) keys: BTreeMap<String, VerifyingKey>,
    /// The same keys with their endorsements: a root's statement may name the endorsing one alone.
    pub(super) listed: Vec<Jwk>,
    /// Keys of earlier builds that are published no more. They verify leases that are stored, under a statement of the root.
    pub(super) former: BTreeMap<String, VerifyingKey>,
    /// Pins that were dropped by [`without`](Self::without).
    pub(super) dropped: BTreeSet<String>,
    root: Option<RootPublicKey>,
    /// The newest statement at the time of the build, as it was read. Without a root nobody can verify it.
    statement: Option<String>,
    verified: Option<SignedStatement>,
}

/// A key statement whose signature holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignedStatement {
    pub(super) jws: String,
    pub(super) claims: KeyStatement,
}

impl SignedStatement {
    pub(super) const fn is_newer_than(&self, other: &Self) -> bool {
        self.claims.serial > other.claims.serial
    }
}

/// Reason why a text contains no usable public keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PublicKeysError {
    /// The text differs from the JSON of `GET /api/keys`.
    #[error(
        "this is not the JSON of /api/keys; save that answer into a file and build the application with it"
    )]
    NotJwks,
    /// A key is invalid, or a `kid` occurs twice.
    #[error("a key of this JSON is not a valid Ed25519 key, or a kid occurs twice; save /api/keys again")]
    InvalidKey,
    /// The JSON has no keys.
    #[error("this JSON has no keys; save /api/keys again")]
    Empty,
    /// The root is not an Ed25519 key.
    #[error("the root is not a valid Ed25519 key; `falconer root pin` writes this file")]
    InvalidRoot,
    /// The statement is not one of the root.
    #[error("the statement is not signed by the root beside it; `falconer root pin` writes this file")]
    InvalidStatement,
}

impl PublicKeys {
    /// Reads the answer of `GET /api/keys`, saved when the application was built, or the file that `falconer root pin`
    /// writes: the same with a `root`, and with `former` where keys of earlier builds are published no more.
    ///
    /// # Errors
    /// [`PublicKeysError`]. One invalid key rejects the whole text.
    pub fn parse(jwks: &str) -> Result<Self, PublicKeysError> {
        let JsonObject(pinned) =
            serde_json::from_str::<JsonObject<PinnedKeys>>(jwks).map_err(|_| PublicKeysError::NotJwks)?;
        let mut read = Self { statement: pinned.statement.as_str().map(str::to_owned), ..Self::default() };
        for JsonObject(jwk) in pinned.keys {
            let key = ed25519_key(&jwk).ok_or(PublicKeysError::InvalidKey)?;
            if read.keys.insert(jwk.kid.clone(), key).is_some() {
                return Err(PublicKeysError::InvalidKey);
            }
            read.listed.push(jwk);
        }
        for JsonObject(former) in pinned.former {
            let is_ed25519 = former.kty == "OKP" && former.crv == "Ed25519";
            let key = is_ed25519.then(|| verifying_key(&former.x)).flatten();
            let key = key.ok_or(PublicKeysError::InvalidKey)?;
            if read.keys.contains_key(&former.kid) || read.former.insert(former.kid, key).is_some() {
                return Err(PublicKeysError::InvalidKey);
            }
        }
        if read.keys.is_empty() {
            return Err(PublicKeysError::Empty);
        }
        match &pinned.root {
            Value::Null => Ok(read),
            root if root["kty"] == "OKP" && root["crv"] == "Ed25519" => {
                read.with_root(root["x"].as_str().unwrap_or_default())
            }
            _ => Err(PublicKeysError::InvalidRoot),
        }
    }

    /// Trusts no keys: no answer ever counts, and no license unlocks anything.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Pins the vendor's root by the member `x` of its key, as `falconer root init` prints it. From then on the keys of
    /// the root's newest statement count, and not the pinned ones.
    ///
    /// # Errors
    /// [`PublicKeysError::InvalidRoot`], or [`PublicKeysError::InvalidStatement`] where the JSON of these keys has the
    /// statement of another root.
    pub fn with_root(mut self, x: &str) -> Result<Self, PublicKeysError> {
        let root = RootPublicKey::parse(x).ok_or(PublicKeysError::InvalidRoot)?;
        self.root = Some(root);
        self.verified = match self.statement.as_deref() {
            None => None,
            Some(jws) => Some(self.read_statement(Some(jws)).ok_or(PublicKeysError::InvalidStatement)?),
        };
        Ok(self)
    }

    /// Drops one key, for the release that follows a leaked master.
    #[must_use]
    pub fn without(mut self, kid: &str) -> Self {
        self.keys.remove(kid);
        self.former.remove(kid);
        self.listed.retain(|jwk| jwk.kid != kid);
        self.dropped.insert(kid.to_owned());
        self
    }

    pub(crate) const fn has_root(&self) -> bool {
        self.root.is_some()
    }

    /// Reads a statement of the pinned root.
    pub(super) fn read_statement(&self, jws: Option<&str>) -> Option<SignedStatement> {
        let (jws, root) = (jws?, self.root.as_ref()?);
        let claims = KeyStatement::verify(jws, root).ok()?;
        Some(SignedStatement { jws: jws.to_owned(), claims })
    }

    /// The newer of the build's statement and the stored one. The build's is the floor of a fresh or restored store.
    pub(super) fn newest_statement(&self, stored: Option<&str>) -> Option<SignedStatement> {
        let built = self.verified.clone();
        stored.and_then(|jws| self.acceptable(jws, built.as_ref())).or(built)
    }

    /// Reads a statement that may take the place of another: of the pinned root, of the same issuer, and not older.
    pub(super) fn acceptable(&self, jws: &str, held: Option<&SignedStatement>) -> Option<SignedStatement> {
        let offered = self.read_statement(Some(jws))?;
        let fits =
            held.is_none_or(|held| held.claims.iss == offered.claims.iss && !held.is_newer_than(&offered));
        fits.then_some(offered)
    }
}

/// A list of keys that an application is built with. Each has to be one.
#[derive(Deserialize)]
struct PinnedKeys {
    keys: Vec<JsonObject<Jwk>>,
    #[serde(default)]
    root: Value,
    #[serde(default)]
    statement: Value,
    #[serde(default)]
    former: Vec<JsonObject<FormerKey>>,
}

/// A key that is published no more. Nothing endorses it.
#[derive(Deserialize)]
struct FormerKey {
    kty: String,
    crv: String,
    kid: String,
    x: String,
}

pub(super) fn ed25519_key(jwk: &Jwk) -> Option<VerifyingKey> {
    (jwk.kty == "OKP" && jwk.crv == "Ed25519").then(|| jwk.public_key()).flatten()
}

/// Reads the member `x` of a key.
pub(super) fn verifying_key(x: &str) -> Option<VerifyingKey> {
    let bytes: [u8; 32] = BASE64URL_NOPAD.decode(x.as_bytes()).ok()?.try_into().ok()?;
    VerifyingKey::from_bytes(&bytes).ok()
}
