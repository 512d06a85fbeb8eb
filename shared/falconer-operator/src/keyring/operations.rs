//! `falconer keyring …` against Secrets Manager.

use falconer_aws::keyring::{RingReader, RingWriteError, RingWriter};
use falconer_domain::UnixMillis;
use falconer_domain::keyring::GenerationNumber;
use secrecy::{ExposeSecret, SecretString};

use super::{Draft, EditRefusal};
use crate::random;

/// Random bytes of a new master, written as 43 characters of base64url.
const MASTER_BYTES: usize = 32;
/// Races after which a change starts over; one more is an error. Rings are changed a few times a year.
const MAX_LOST_RACES: u32 = 3;

/// Why the ring is as it was.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The secret.
    #[error(transparent)]
    Write(#[from] RingWriteError),
    /// The edit.
    #[error(transparent)]
    Edit(#[from] EditRefusal),
    /// The generation has left the ring, and its master has not left every version that a stage names.
    #[error(
        "generation {0} has left the key ring, but a stage of the secret may still name a version with its master: \
         {1}; run `falconer keyring retire {0}` again"
    )]
    StillStaged(GenerationNumber, #[source] RingWriteError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// Reads the ring for an edit.
///
/// # Errors
/// [`KeyringError`].
pub async fn open(reader: &RingReader) -> Result<Draft, KeyringError> {
    let stored = reader.read().await?;
    Ok(Draft::open(stored.text.expose_secret())?)
}

/// Makes the secret with its first generation.
///
/// # Errors
/// [`RingWriteError::Exists`] when it holds a ring already.
pub async fn init(writer: &RingWriter, now: UnixMillis) -> Result<(), KeyringError> {
    let first = Draft::first(new_master()?.expose_secret(), now);
    Ok(writer.create(&first, &random::id()?).await?)
}

/// Publishes a new generation.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn add(writer: &RingWriter, now: UnixMillis) -> Result<GenerationNumber, KeyringError> {
    let master = new_master()?;
    edit(writer, |draft| draft.add(master.expose_secret(), now)).await
}

/// Adds the Flask server's master.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn add_legacy(
    writer: &RingWriter,
    master: &SecretString,
    now: UnixMillis,
) -> Result<GenerationNumber, KeyringError> {
    edit(writer, |draft| draft.add_legacy(master.expose_secret(), now)).await
}

/// Accepts free-text keys.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn enable_imported(writer: &RingWriter, now: UnixMillis) -> Result<GenerationNumber, KeyringError> {
    let master = new_master()?;
    edit(writer, |draft| draft.enable_imported(master.expose_secret(), now)).await
}

/// Takes a generation out of the ring, and the stages away from every version of the secret that holds its master.
/// The caller has checked that no live license needs it.
///
/// # Errors
/// [`KeyringError::StillStaged`] when the first is done and the second is not; otherwise the ring is as it was.
pub async fn retire(
    writer: &RingWriter,
    number: GenerationNumber,
    now: UnixMillis,
) -> Result<GenerationNumber, KeyringError> {
    edit(writer, |draft| draft.retire(number, now)).await?;
    unstage(writer, number).await
}

/// Takes the stages away from every version of the secret that holds the master of a generation that has left the ring.
///
/// # Errors
/// [`KeyringError::StillStaged`].
pub async fn unstage(
    writer: &RingWriter,
    number: GenerationNumber,
) -> Result<GenerationNumber, KeyringError> {
    // A number is never given out again, so the member is that master and no other.
    let member = number.to_string();
    let holds = |text: &str| {
        let members = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text);
        members.is_ok_and(|members| members.contains_key(&member))
    };
    let unstaged = writer.unstage(holds, &random::id()?).await;
    unstaged.map(|()| number).map_err(|why| KeyringError::StillStaged(number, why))
}

/// Takes a generation's signatures for nothing.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn distrust(writer: &RingWriter, number: u8) -> Result<GenerationNumber, KeyringError> {
    edit(writer, |draft| draft.distrust(number)).await
}

/// Takes a distrust back.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn trust(writer: &RingWriter, number: u8) -> Result<GenerationNumber, KeyringError> {
    edit(writer, |draft| draft.trust(number)).await
}

/// Makes the waiting generation sign, if it has waited long enough.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn promote(writer: &RingWriter, now: UnixMillis) -> Result<GenerationNumber, KeyringError> {
    edit(writer, |draft| draft.promote(now)).await
}

/// Makes the waiting generation sign at once.
///
/// # Errors
/// [`KeyringError`]; the ring is then as it was.
pub async fn promote_now(writer: &RingWriter) -> Result<GenerationNumber, KeyringError> {
    edit(writer, Draft::promote_now).await
}

async fn edit(
    writer: &RingWriter,
    edit: impl Fn(Draft) -> Result<(GenerationNumber, SecretString), EditRefusal>,
) -> Result<GenerationNumber, KeyringError> {
    let mut lost = 0;
    loop {
        let stored = writer.read().await?;
        let (number, text) = edit(Draft::open(stored.text.expose_secret())?)?;
        match writer.replace(&stored, &text, &random::id()?).await {
            Ok(()) => return Ok(number),
            // Somebody was faster: start over from what they wrote.
            Err(RingWriteError::Moved) if lost < MAX_LOST_RACES => lost += 1,
            Err(error) => return Err(error.into()),
        }
    }
}

fn new_master() -> Result<SecretString, getrandom::Error> {
    let bytes: [u8; MASTER_BYTES] = random::bytes()?;
    Ok(data_encoding::BASE64URL_NOPAD.encode(&bytes).into())
}
