//! License service: finds and changes licenses. Each change has an audit row with actor and reason.

use std::ops::Deref;

use falconer_aws::audit::{AuditSubject, RowPart};
use falconer_aws::store::{LicenseRow, jitter};
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::{KeyRing, License, LicenseId, Product, UnixMillis};

use crate::license_reader::LicenseReader;
use crate::random;

/// How often a change is decided before it is given up, when others change the same license at the same moment.
const MAX_DECISIONS: u32 = 5;

/// Finds and changes licenses.
#[derive(Debug)]
pub struct LicenseService<'a> {
    store: &'a Store,
    reader: LicenseReader<'a>,
    actor: &'a str,
}

/// Everything that finds licenses with a [`LicenseReader`] finds them with a service.
impl<'a> Deref for LicenseService<'a> {
    type Target = LicenseReader<'a>;

    fn deref(&self) -> &LicenseReader<'a> {
        &self.reader
    }
}

/// Why a license was not changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError<E: std::error::Error + 'static> {
    /// The rules.
    #[error(transparent)]
    Refused(E),
    /// It went away meanwhile.
    #[error("there is no license {0}")]
    NoLicense(LicenseId),
    /// Others changed it, again and again.
    #[error("others keep changing this license at this moment; try again")]
    Contended,
    /// Others changed it since it was read.
    #[error("somebody has changed this license meanwhile; nothing was changed")]
    Changed,
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// Action and reason of an audit row.
#[derive(Clone, Copy, Debug)]
pub struct AuditAction<'a> {
    /// The command.
    pub action: &'static str,
    /// The outcome code.
    pub code: &'static str,
    /// Why, in the operator's words.
    pub reason: Option<&'a str>,
}

impl<'a> LicenseService<'a> {
    /// Returns a service that records `actor` in the audit.
    #[must_use]
    pub fn new(store: &'a Store, ring: &'a KeyRing, actor: &'a str) -> Self {
        Self { store, reader: LicenseReader::new(store, ring), actor }
    }

    /// Changes a license, in one transaction with its audit row, and returns it as it is then. `edit` is asked again
    /// whenever somebody else was faster. A change that changes nothing writes nothing.
    ///
    /// # Errors
    /// [`ChangeError`].
    pub async fn change<E: std::error::Error + 'static>(
        &self,
        id: &LicenseId,
        action: AuditAction<'_>,
        now: UnixMillis,
        edit: impl Fn(License) -> Result<License, E>,
    ) -> Result<License, ChangeError<E>> {
        for tries in 1..=MAX_DECISIONS {
            let row = self.store.license(id).await?.ok_or_else(|| ChangeError::NoLicense(id.clone()))?;
            let after = edit(row.license.clone()).map_err(ChangeError::Refused)?;
            if after == row.license {
                return Ok(after);
            }
            let audit = self.audit(id, action, now)?;
            match self.store.commit(&row.guard, &row.license, &after, &audit, &random::id()?).await {
                Ok(()) => return Ok(after),
                Err(StoreError::Conflict) => tokio::time::sleep(jitter(tries)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ChangeError::Contended)
    }

    /// Changes a license as it was read, once: what somebody has changed since is not written over.
    ///
    /// # Errors
    /// [`ChangeError::Changed`] where somebody has; the others of [`Self::change`].
    pub async fn change_read<E: std::error::Error + 'static>(
        &self,
        row: &LicenseRow,
        action: AuditAction<'_>,
        now: UnixMillis,
        edit: impl FnOnce(License) -> Result<License, E>,
    ) -> Result<License, ChangeError<E>> {
        let after = edit(row.license.clone()).map_err(ChangeError::Refused)?;
        if after == row.license {
            return Ok(after);
        }
        let audit = self.audit(&row.license.id, action, now)?;
        match self.store.commit(&row.guard, &row.license, &after, &audit, &random::id()?).await {
            Ok(()) => Ok(after),
            Err(StoreError::Conflict) => Err(ChangeError::Changed),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns an audit row about a catalog.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn audit_of_catalog(
        &self,
        product: &Product,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<AuditRow, getrandom::Error> {
        Ok(AuditRow {
            part: RowPart::Whole,
            about: AuditSubject::Catalog(product.clone()),
            at: now,
            request_id: random::id()?,
            action: "catalog-apply",
            code: "CATALOG_APPLIED",
            origin: None,
            address: None,
            actor: Some(self.actor.to_owned()),
            reason: reason.map(str::to_owned),
            device: None,
            hardware: None,
            kept_days: None,
        })
    }

    /// Returns an audit row of this service's actor.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn audit(
        &self,
        id: &LicenseId,
        action: AuditAction<'_>,
        now: UnixMillis,
    ) -> Result<AuditRow, getrandom::Error> {
        let row = AuditRow::change(id, now, &random::id()?, action.action, action.code, self.actor);
        Ok(AuditRow { reason: action.reason.map(str::to_owned), ..row })
    }
}
