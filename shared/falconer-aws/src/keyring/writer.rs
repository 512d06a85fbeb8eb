//! Changing the key ring without ever losing a generation, even when two operators do it at once.
//!
//! A new version is put beside the current one, then the stage `AWSCURRENT` is moved with the version that was read
//! named as the one it leaves. If somebody else moved it meanwhile, Secrets Manager refuses, and the change starts over
//! from what they wrote.

use std::ops::Deref;

use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use falconer_domain::KeyRing;
use falconer_domain::keyring::KeyRingError;
use secrecy::{ExposeSecret, SecretString};

use crate::clients::Clients;
use crate::error::kind;
use crate::keyring::reader::{RingReader, StoredRing};

const CURRENT: &str = "AWSCURRENT";
/// The stage that Secrets Manager itself puts on the version that was current before.
const PREVIOUS: &str = "AWSPREVIOUS";
/// Prefix of the stage a version carries until it becomes current, so that it is never without one.
const STAGED_PREFIX: &str = "falconer-";

/// A stage and the version it names.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Staged {
    stage: String,
    version: String,
}

/// Why the secret was not changed. No variant holds a value of it.
#[derive(Debug, thiserror::Error)]
pub enum RingWriteError {
    /// The secret does not exist, or it has no value yet.
    #[error("the secret {0} does not exist or holds nothing; run `falconer keyring init`")]
    Missing(String),
    /// `init` although a ring exists.
    #[error("the secret {0} already holds a key ring; `falconer keyring add` adds a generation to it")]
    Exists(String),
    /// Somebody else changed it between reading and writing.
    #[error("somebody else changed the key ring at the same moment; nothing was lost, run the command again")]
    Moved,
    /// The change would leave a ring that no instance accepts.
    #[error("{0}")]
    Bad(#[from] KeyRingError),
    /// Secrets Manager cannot be reached or refuses.
    #[error("Secrets Manager did not answer ({0})")]
    Unavailable(String),
}

/// The operator's access to the secret, to read and write it.
#[derive(Debug)]
pub struct RingWriter {
    reader: RingReader,
}

/// Everything that reads with a [`RingReader`] reads with a writer.
impl Deref for RingWriter {
    type Target = RingReader;

    fn deref(&self) -> &RingReader {
        &self.reader
    }
}

impl RingWriter {
    /// Access to one secret.
    #[must_use]
    pub fn new(clients: &Clients, secret_id: &str) -> Self {
        Self { reader: RingReader::new(clients, secret_id) }
    }

    /// Returns the refusal to write a first ring over an existing one.
    #[must_use]
    pub fn exists(&self) -> RingWriteError {
        RingWriteError::Exists(self.secret_id().to_owned())
    }

    /// Makes the secret with its first ring, or puts the first ring into a secret that holds nothing. `token` is a
    /// fresh UUID and becomes the version's id.
    ///
    /// # Errors
    /// [`RingWriteError::Exists`] when there is one already: it is never overwritten.
    pub async fn create(&self, text: &SecretString, token: &str) -> Result<(), RingWriteError> {
        KeyRing::parse(text.expose_secret())?;
        match self.read().await {
            Ok(_) => return Err(self.exists()),
            Err(RingWriteError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
        // A secret cannot be created under an ARN: it exists already, or it cannot be made.
        if self.secret_id().starts_with("arn:") {
            return self.fill(text, token).await;
        }
        let created = self
            .secrets()
            .create_secret()
            .name(self.secret_id())
            .client_request_token(token)
            .description("Falconer's key ring. Changed by `falconer keyring` only.")
            .secret_string(text.expose_secret())
            .send()
            .await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("ResourceExistsException") => self.fill(text, token).await,
            Err(error) => Err(RingWriteError::Unavailable(kind(&error))),
        }
    }

    /// Puts the first ring into a secret without one. Nothing is named as left behind, so the stage moves only if no
    /// version has it: of two that do this at once, one is refused.
    async fn fill(&self, text: &SecretString, token: &str) -> Result<(), RingWriteError> {
        let (version, staged) = self.put_aside(text, token).await?;
        let moved = self
            .secrets()
            .update_secret_version_stage()
            .secret_id(self.secret_id())
            .version_stage(CURRENT)
            .move_to_version_id(&version)
            .send()
            .await;
        self.drop_stage(&staged, &version).await;
        match moved {
            Ok(_) => Ok(()),
            Err(_) if self.read().await.is_ok_and(|now| now.version == version) => Ok(()),
            Err(error) => match error.code() {
                Some("InvalidParameterException" | "InvalidRequestException") => {
                    Err(RingWriteError::Exists(self.secret_id().to_owned()))
                }
                _ => Err(RingWriteError::Unavailable(kind(&error))),
            },
        }
    }

    /// Replaces the ring that was `read` by `text`. `token` is a fresh UUID and becomes the new version's id.
    ///
    /// # Errors
    /// [`RingWriteError::Moved`] when another version has become current since; [`RingWriteError::Bad`] when `text` is
    /// no ring.
    pub async fn replace(
        &self,
        read: &StoredRing,
        text: &SecretString,
        token: &str,
    ) -> Result<(), RingWriteError> {
        KeyRing::parse(text.expose_secret())?;
        let (version, staged) = self.put_aside(text, token).await?;
        let moved = self.make_current(&version, &read.version).await;
        self.drop_stage(&staged, &version).await;
        moved
    }

    /// Takes the stages away from every version whose text `is_stale`, so that none is found by a stage any more. The
    /// ring is written once more where `AWSPREVIOUS` names such a version: the stage moves with the next version, and
    /// with nothing else. `token` is a fresh UUID.
    ///
    /// # Errors
    /// [`RingWriteError::Moved`] when the current ring is stale itself, or another version has become current.
    pub async fn unstage(&self, is_stale: impl Fn(&str) -> bool, token: &str) -> Result<(), RingWriteError> {
        let current = self.read().await?;
        if is_stale(current.text.expose_secret()) {
            return Err(RingWriteError::Moved);
        }
        if self.stale_stages(&is_stale).await?.iter().any(|staged| staged.stage == PREVIOUS) {
            self.replace(&current, &current.text, token).await?;
        }
        // Left behind by a writer that was interrupted, or put there by somebody else.
        for Staged { stage, version } in self.stale_stages(&is_stale).await? {
            self.remove_stage(&stage, &version).await?;
        }
        Ok(())
    }

    async fn stale_stages(&self, is_stale: impl Fn(&str) -> bool) -> Result<Vec<Staged>, RingWriteError> {
        let described = self.secrets().describe_secret().secret_id(self.secret_id()).send().await;
        let described = described.map_err(|error| RingWriteError::Unavailable(kind(&error)))?;
        let mut stale = Vec::new();
        for (version, stages) in described.version_ids_to_stages.unwrap_or_default() {
            // Nothing is said of versions without a stage; they cannot be lost to one.
            if !stages.is_empty()
                && self.text_of(&version).await?.is_some_and(|text| is_stale(text.expose_secret()))
            {
                stale.extend(stages.into_iter().map(|stage| Staged { stage, version: version.clone() }));
            }
        }
        Ok(stale)
    }

    /// Reads the text of a version; `None` where the value is binary, or has been deleted meanwhile.
    async fn text_of(&self, version: &str) -> Result<Option<SecretString>, RingWriteError> {
        let output =
            self.secrets().get_secret_value().secret_id(self.secret_id()).version_id(version).send().await;
        match output {
            Ok(output) => Ok(output.secret_string.map(SecretString::from)),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(RingWriteError::Unavailable(kind(&error))),
        }
    }

    /// Puts a version under a stage of its own, so that it is never without one. The version's id and the stage.
    async fn put_aside(&self, text: &SecretString, token: &str) -> Result<(String, String), RingWriteError> {
        let staged = format!("{STAGED_PREFIX}{token}");
        let put = self
            .secrets()
            .put_secret_value()
            .secret_id(self.secret_id())
            .client_request_token(token)
            .secret_string(text.expose_secret())
            .version_stages(&staged)
            .send()
            .await
            .map_err(|error| RingWriteError::Unavailable(kind(&error)))?;
        Ok((put.version_id.unwrap_or_else(|| token.to_owned()), staged))
    }

    async fn make_current(&self, to: &str, from: &str) -> Result<(), RingWriteError> {
        let moved = self
            .secrets()
            .update_secret_version_stage()
            .secret_id(self.secret_id())
            .version_stage(CURRENT)
            .move_to_version_id(to)
            .remove_from_version_id(from)
            .send()
            .await;
        let Err(error) = moved else { return Ok(()) };
        // After a lost reply the SDK's own retry is refused because the stage has moved: to us.
        if self.read().await.is_ok_and(|now| now.version == to) {
            return Ok(());
        }
        Err(match error.code() {
            Some("InvalidParameterException" | "InvalidRequestException") => RingWriteError::Moved,
            _ => RingWriteError::Unavailable(kind(&error)),
        })
    }

    /// A version without any stage is swept away by Secrets Manager; a leftover stage is harmless, so failing is too.
    async fn drop_stage(&self, stage: &str, version: &str) {
        if let Err(error) = self.remove_stage(stage, version).await {
            tracing::debug!(error = error.to_string(), "staging label not removed");
        }
    }

    async fn remove_stage(&self, stage: &str, version: &str) -> Result<(), RingWriteError> {
        let removed = self
            .secrets()
            .update_secret_version_stage()
            .secret_id(self.secret_id())
            .version_stage(stage)
            .remove_from_version_id(version)
            .send()
            .await;
        removed.map(drop).map_err(|error| RingWriteError::Unavailable(kind(&error)))
    }
}
