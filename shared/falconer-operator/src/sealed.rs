//! Contents of a license's sealed key: the key itself, and the generations that the license needs.

use std::ops::ControlFlow;

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::{GenerationNumber, KeyRing, License, LicenseId, Status, escrow};
use zeroize::Zeroizing;

use crate::license_reader::LicenseReader;

/// Why a sealed key does not open.
#[derive(Debug, thiserror::Error)]
pub enum Unsealed {
    /// The ring lacks the generation that sealed it.
    #[error("the key ring lacks the generation that sealed the key of {0}; restore the ring")]
    NoGeneration(LicenseId),
    /// The bytes are not what that generation has sealed.
    #[error("the sealed key of {0} does not open: the row was changed by hand, or the ring is another one's")]
    Changed(LicenseId),
}

/// The key of a license, in clear.
///
/// # Errors
/// [`Unsealed`].
pub fn opened(
    ring: &KeyRing,
    license: &License,
    issuance: &IssuanceRecord,
) -> Result<Zeroizing<String>, Unsealed> {
    let missing = || Unsealed::NoGeneration(license.id.clone());
    let generation = ring.generation(license.generation).ok_or_else(missing)?;
    let key = escrow::open(generation, &license.id, &issuance.key_escrow);
    key.ok_or_else(|| Unsealed::Changed(license.id.clone()))
}

/// Returns true if a license needs a generation: for its hashed hardware and its sealed key, or because the generation
/// vouches for its key.
///
/// # Errors
/// [`Unsealed`].
pub fn needs(
    ring: &KeyRing,
    number: GenerationNumber,
    license: &License,
    issuance: &IssuanceRecord,
) -> Result<bool, Unsealed> {
    // Revoked, and sealed by a generation that went before: nothing can be asked of it any more.
    if license.status == Status::Revoked && ring.generation(license.generation).is_none() {
        return Ok(false);
    }
    let key = opened(ring, license, issuance)?;
    let vouches = ring.authenticate(&key).is_ok_and(|authentic| authentic.generation == number);
    Ok(vouches || license.generation == number)
}

/// Licenses that need a generation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dependents {
    /// Licenses that are not revoked.
    pub living: u64,
    /// Revoked licenses.
    pub revoked: u64,
    /// Rows that do not read as licenses.
    pub unreadable: usize,
}

/// Reasons why dependents were not counted.
#[derive(Debug, thiserror::Error)]
pub enum DependentsError {
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A sealed key that does not open.
    #[error(transparent)]
    Sealed(#[from] Unsealed),
}

impl Dependents {
    /// Counts the licenses that need a generation, in a scan of the table.
    ///
    /// # Errors
    /// [`DependentsError`].
    pub async fn count(
        store: &StoreReader,
        ring: &KeyRing,
        number: GenerationNumber,
    ) -> Result<Self, DependentsError> {
        let (mut counted, mut failed) = (Self::default(), None);
        let unreadable = LicenseReader::new(store, ring)
            .each(|row, issuance| match needs(ring, number, &row.license, &issuance) {
                Ok(needed) => {
                    match row.license.status {
                        _ if !needed => {}
                        Status::Revoked => counted.revoked += 1,
                        Status::Active | Status::Pending | Status::Suspended => counted.living += 1,
                    }
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            })
            .await?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(Self { unreadable, ..counted }),
        }
    }
}
