//! The one place of the command line that asks the operating system for randomness.

/// `N` random bytes.
///
/// # Errors
/// The operating system has none; nothing can be issued then.
#[expect(clippy::disallowed_methods, reason = "the edge where randomness enters")]
pub fn bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A fresh id: of a request, of a transaction, of a secret's version.
///
/// # Errors
/// As [`bytes`].
pub fn id() -> Result<String, getrandom::Error> {
    Ok(uuid::Builder::from_random_bytes(bytes()?).into_uuid().to_string())
}
