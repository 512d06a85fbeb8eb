//! A license under a new key: the old one is revoked and names its successor.

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::LicenseRow;
use falconer_aws::{Store, StoreError};
use falconer_domain::issue::NewLicense;
use falconer_domain::license_key::CurrentKey;
use falconer_domain::operate::{self, Rotated, StatusRefusal};
use falconer_domain::{KeyRing, License, LicenseId, LicenseKey, UnixMillis, escrow};

use crate::license_service::{AuditAction, LicenseService};
use crate::random;

/// The command, as the audit names it.
pub(crate) const ACTION: &str = "rotate-key";

/// A license, and the one that takes its place. No `Debug`: it holds a key.
pub struct Replacement<'a> {
    /// The new key.
    pub key: LicenseKey,
    /// The id of the new license.
    pub id: LicenseId,
    old: &'a LicenseRow,
    issuance: &'a IssuanceRecord,
    rotated: Rotated,
}

/// Reasons why a license was not replaced. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The tables; [`StoreError::Conflict`] where somebody else was faster.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("the operating system gave no random bytes: {0}")]
    Random(#[from] getrandom::Error),
}

/// Makes a key for the terms of a license, by the current generation.
///
/// # Errors
/// The operating system gives no random bytes.
pub fn fresh_key(ring: &KeyRing, license: &License) -> Result<LicenseKey, getrandom::Error> {
    let (product, tier) = (license.product.clone(), license.tier.printed());
    Ok(LicenseKey::Current(CurrentKey::issue(ring.current(), product, tier, random::bytes()?)))
}

impl<'a> Replacement<'a> {
    /// Returns the license that a key of the current generation makes of another.
    ///
    /// # Errors
    /// [`StatusRefusal`]: the license was replaced before.
    pub fn plan(
        ring: &KeyRing,
        old: &'a LicenseRow,
        issuance: &'a IssuanceRecord,
        key: LicenseKey,
    ) -> Result<Self, StatusRefusal> {
        let home = ring.current();
        let id = LicenseId::of(home, &key);
        let rotated = operate::rotate(old.license.clone(), id.clone(), home.number())?;
        Ok(Self { key, id, old, issuance, rotated })
    }

    /// Stores both licenses and their audit rows, all or none.
    ///
    /// # Errors
    /// [`ReplaceError`].
    pub async fn store(
        &self,
        store: &Store,
        ring: &KeyRing,
        service: &LicenseService<'_>,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<(), ReplaceError> {
        let key_escrow = escrow::seal(ring.current(), &self.id, &self.key.to_string(), random::bytes()?);
        let new = NewLicense {
            key_escrow,
            key_hint: self.key.masked(),
            created_at: now,
            license: self.rotated.new.clone(),
            metadata: self.issuance.metadata.clone(),
        };
        let action = AuditAction { action: ACTION, code: "KEY_ROTATED", reason };
        let rows = [service.audit(&self.old.license.id, action, now)?, service.audit(&self.id, action, now)?];
        Ok(store.replace(self.old, &self.rotated, &new, &rows, &random::id()?).await?)
    }
}
