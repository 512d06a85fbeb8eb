//! The key ring to be read: a part of a program that has this type alone cannot change the secret.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::ProvideErrorMetadata;
use secrecy::SecretString;

use crate::clients::Clients;
use crate::error::kind;
use crate::keyring::writer::RingWriteError;

/// The ring as the secret holds it.
#[derive(Debug)]
pub struct StoredRing {
    /// The version it was read from.
    pub version: String,
    /// The text: a flat JSON object.
    pub text: SecretString,
    /// When this version was made, in milliseconds.
    pub created_at_millis: Option<i64>,
}

/// Access to the secret, to read it. No method writes, and nothing outside this crate comes from here to a
/// [`RingWriter`](super::RingWriter) or to the client of Secrets Manager.
///
/// A writer reads through its reader:
/// ```
/// # use falconer_aws::keyring::{RingReader, RingWriteError, RingWriter, StoredRing};
/// async fn text(reader: &RingReader) -> Result<StoredRing, RingWriteError> {
///     reader.read().await
/// }
/// async fn text_of_a_writer(writer: &RingWriter) -> Result<StoredRing, RingWriteError> {
///     text(writer).await
/// }
/// ```
///
/// A reader changes nothing:
/// ```compile_fail,E0599
/// # use falconer_aws::keyring::{RingReader, RingWriteError, StoredRing};
/// async fn changed(reader: &RingReader, ring: &StoredRing) -> Result<(), RingWriteError> {
///     reader.replace(ring, &ring.text, "token").await
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RingReader {
    secrets: Client,
    secret_id: String,
}

impl RingReader {
    /// Access to one secret.
    #[must_use]
    pub fn new(clients: &Clients, secret_id: &str) -> Self {
        Self { secrets: clients.secrets.clone(), secret_id: secret_id.to_owned() }
    }

    /// Reads the ring.
    ///
    /// # Errors
    /// [`RingWriteError::Missing`] or [`RingWriteError::Unavailable`].
    pub async fn read(&self) -> Result<StoredRing, RingWriteError> {
        let output = self.secrets.get_secret_value().secret_id(&self.secret_id).send().await;
        let output = output.map_err(|error| match error.code() {
            Some("ResourceNotFoundException") => RingWriteError::Missing(self.secret_id.clone()),
            _ => RingWriteError::Unavailable(kind(&error)),
        })?;
        match (output.version_id, output.secret_string) {
            (Some(version), Some(text)) => Ok(StoredRing {
                version,
                text: text.into(),
                created_at_millis: output.created_date.and_then(|date| date.to_millis().ok()),
            }),
            _ => Err(RingWriteError::Missing(self.secret_id.clone())),
        }
    }

    pub(super) const fn secrets(&self) -> &Client {
        &self.secrets
    }

    pub(super) fn secret_id(&self) -> &str {
        &self.secret_id
    }
}
