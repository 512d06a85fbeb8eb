//! New keys for all licenses of a generation.
//!
//! An interrupted run is repeated with the same arguments. An old license names its successor, so none gets two new keys,
//! and the table keeps every new key sealed, so that no key is lost with a file. The list for mailing is complete at the
//! end of every run.

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::{LicenseRow, jitter};
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::license_key::CurrentKey;
use falconer_domain::operate::StatusRefusal;
use falconer_domain::{GenerationNumber, KeyRing, LicenseId, LicenseKey, Status, UnixMillis};
use futures_util::StreamExt;
use zeroize::Zeroizing;

use crate::import_export::atomic_file::AtomicFile;
use crate::import_export::bulk::MAX_IN_FLIGHT;
use crate::import_export::cells::written;
use crate::license_service::{AuditAction, LicenseService};
use crate::replacement::{ACTION, ReplaceError, Replacement, fresh_key};
use crate::sealed::{Unsealed, needs, opened};

/// How often a license is rotated anew when others change it at the same moment.
const MAX_DECISIONS: u32 = 5;
/// The columns of a list of old and new keys; an import's list has these and more.
const MAPPING_HEADER: [&str; 7] =
    ["line", "old_key", "license_key", "license_id", "licensee_name", "licensee_email", "outcome"];

/// Rotation of one generation's licenses.
pub struct Rotation<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The ring; its `current` makes the new keys.
    pub ring: &'a KeyRing,
    /// The service that writes audit rows.
    pub service: &'a LicenseService<'a>,
    /// Why, for the audit.
    pub reason: Option<&'a str>,
    /// The generation whose licenses get new keys.
    pub generation: GenerationNumber,
    /// When.
    pub now: UnixMillis,
}

/// Licenses to rotate.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Licenses that live and need the generation, in order.
    pub open: Vec<LicenseId>,
    /// Licenses that were replaced before, by one that does not need the generation, in order.
    pub replaced: Vec<LicenseId>,
    /// Rows of the table that do not read.
    pub unreadable: usize,
}

/// Outcome of a rotation.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Licenses that were given a new key now.
    pub rotated: u64,
    /// Licenses that had theirs before.
    pub there: u64,
    /// File of the keys, if any.
    pub mapping: Option<PathBuf>,
}

/// Why not every license has a new key. What was rotated stays, and the same command goes on from there.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// The tables.
    #[error("{0}; what was rotated stays, and the same command goes on from there")]
    Store(#[from] StoreError),
    /// The list for mailing.
    #[error(
        "{0} cannot be written: {1}; what was rotated stays, and the same command lists every new key again \
         (--mapping names another file)"
    )]
    File(PathBuf, std::io::Error),
    /// A sealed key.
    #[error(transparent)]
    Sealed(#[from] Unsealed),
    /// The rules.
    #[error("{0}: {1}; what was rotated stays, and the same command goes on from there")]
    Refused(LicenseId, StatusRefusal),
    /// Others changed a license, again and again.
    #[error(
        "others keep changing license {0} at this moment; what was rotated stays, and the same command goes on \
         from there"
    )]
    Contended(LicenseId),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<ReplaceError> for RotationError {
    fn from(error: ReplaceError) -> Self {
        match error {
            ReplaceError::Store(error) => error.into(),
            ReplaceError::Random(error) => error.into(),
        }
    }
}

/// A license with its new key. No `Debug`: it holds keys, and is about a person.
struct Renewed {
    old_key: Zeroizing<String>,
    key: Zeroizing<String>,
    id: LicenseId,
    name: String,
    email: String,
    came_to: CameTo,
}

#[derive(Clone, Copy)]
enum CameTo {
    Rotated,
    There,
}

impl CameTo {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Rotated => "rotated",
            Self::There => "there",
        }
    }
}

impl Rotation<'_> {
    /// Looks through the whole table.
    ///
    /// # Errors
    /// [`RotationError`]; nothing was changed.
    pub async fn plan(&self) -> Result<Plan, RotationError> {
        let (mut plan, mut needing, mut replaced) = (Plan::default(), HashSet::new(), Vec::new());
        let mut failed = None;
        let visit = |row: LicenseRow, issuance: IssuanceRecord| {
            let license = row.license;
            match needs(self.ring, self.generation, &license, &issuance) {
                Ok(false) => return ControlFlow::Continue(()),
                Ok(true) => {}
                Err(why) => {
                    failed = Some(why);
                    return ControlFlow::Break(());
                }
            }
            needing.insert(license.id.clone());
            match (license.status, license.replaced_by) {
                (_, Some(by)) => replaced.push((license.id, by)),
                (Status::Revoked, None) => {}
                (Status::Active | Status::Pending | Status::Suspended, None) => plan.open.push(license.id),
            }
            ControlFlow::Continue(())
        };
        plan.unreadable = self.service.each(visit).await?;
        if let Some(why) = failed {
            return Err(why.into());
        }
        // A license that was replaced within the generation is listed by its successor.
        let elsewhere = replaced.into_iter().filter(|(_, by)| !needing.contains(by));
        plan.replaced = elsewhere.map(|(id, _)| id).collect();
        plan.open.sort_unstable();
        plan.replaced.sort_unstable();
        Ok(plan)
    }

    /// Gives every license of a plan its new key, and lists old and new keys in a file. `progress`
    /// receives the number of licenses after each one.
    ///
    /// # Errors
    /// [`RotationError`].
    pub async fn run(
        &self,
        plan: Plan,
        mapping: &Path,
        mut progress: impl FnMut(u64),
    ) -> Result<Done, RotationError> {
        let failed = |why: std::io::Error| RotationError::File(mapping.to_owned(), why);
        // Before the first license is changed: a folder that takes no file is found out here.
        let mut list = csv::Writer::from_writer(AtomicFile::begin(mapping).map_err(failed)?);
        list.write_record(MAPPING_HEADER).map_err(|why| failed(why.into()))?;
        let mut done = Done::default();
        let licenses = plan.replaced.into_iter().chain(plan.open).map(|id| self.renewed(id));
        let mut licenses = std::pin::pin!(futures_util::stream::iter(licenses).buffered(MAX_IN_FLIGHT));
        let mut seen = 0;
        while let Some(renewed) = licenses.next().await {
            seen += 1;
            progress(seen);
            let Some(renewed) = renewed? else { continue };
            match renewed.came_to {
                CameTo::Rotated => done.rotated += 1,
                CameTo::There => done.there += 1,
            }
            let line = (done.rotated + done.there).to_string();
            let Renewed { old_key, key, id, name, email, came_to } = &renewed;
            let cells = [&line, old_key.as_str(), key, id.as_str(), name, email, came_to.as_str()];
            let row = cells.map(|cell| written(cell).into_owned());
            list.write_record(row).map_err(|why| failed(why.into()))?;
        }
        let file = list.into_inner().map_err(|why| failed(why.into_error()))?;
        if done.rotated + done.there > 0 {
            done.mapping = Some(file.finish().map_err(failed)?);
        }
        Ok(done)
    }

    /// A license with its new key: given now, or before. `None` for one that was revoked meanwhile, or whose new
    /// license was.
    async fn renewed(&self, id: LicenseId) -> Result<Option<Renewed>, RotationError> {
        for tries in 1..=MAX_DECISIONS {
            let Some(row) = self.store.license(&id).await? else { return Ok(None) };
            let issuance = row.issuance()?;
            let old_key = opened(self.ring, &row.license, &issuance)?;
            if let Some(by) = row.license.replaced_by.clone() {
                return self.given_before(&by, old_key).await;
            }
            if row.license.status == Status::Revoked {
                return Ok(None);
            }
            let key = self.key_for(&row, tries).await?;
            match self.replace(&row, &issuance, &key).await {
                Ok(id) => {
                    let key = Zeroizing::new(key.to_string());
                    return Ok(Some(renewed(&row, old_key, key, id, CameTo::Rotated)));
                }
                Err(RotationError::Store(StoreError::Conflict)) => tokio::time::sleep(jitter(tries)).await,
                Err(error) => return Err(error),
            }
        }
        Err(RotationError::Contended(id))
    }

    /// The key that an earlier run, or somebody else, has given. The audit records that it was read again.
    async fn given_before(
        &self,
        id: &LicenseId,
        old_key: Zeroizing<String>,
    ) -> Result<Option<Renewed>, RotationError> {
        let Some(row) = self.store.license(id).await? else { return Ok(None) };
        // Revoked, or replaced once more: nobody is to be sent this key.
        if row.license.status == Status::Revoked {
            return Ok(None);
        }
        let key = opened(self.ring, &row.license, &row.issuance()?)?;
        self.store.record(&self.audit(id, "KEY_REVEALED")?).await?;
        Ok(Some(renewed(&row, old_key, key, id.clone(), CameTo::There)))
    }

    /// The same key in every run, so that tables which were restored to a moment before one get the keys that were
    /// mailed. Another one only where that key has a license already, as after a restore of single rows.
    async fn key_for(&self, row: &LicenseRow, tries: u32) -> Result<LicenseKey, RotationError> {
        let (home, license) = (self.ring.current(), &row.license);
        // Lower case, which no folded key of a sheet is.
        let key = CurrentKey::in_place_of(
            license.id.as_str(),
            home,
            license.product.clone(),
            license.tier.printed(),
        );
        let key = LicenseKey::Current(key);
        let taken = tries > 1 && self.store.license(&LicenseId::of(home, &key)).await?.is_some();
        Ok(if taken { fresh_key(self.ring, license)? } else { key })
    }

    async fn replace(
        &self,
        row: &LicenseRow,
        issuance: &IssuanceRecord,
        key: &LicenseKey,
    ) -> Result<LicenseId, RotationError> {
        let replacement = Replacement::plan(self.ring, row, issuance, key.clone());
        let replacement = replacement.map_err(|why| RotationError::Refused(row.license.id.clone(), why))?;
        replacement.store(self.store, self.ring, self.service, self.reason, self.now).await?;
        Ok(replacement.id)
    }

    fn audit(&self, id: &LicenseId, code: &'static str) -> Result<AuditRow, getrandom::Error> {
        self.service.audit(id, AuditAction { action: ACTION, code, reason: self.reason }, self.now)
    }
}

fn renewed(
    row: &LicenseRow,
    old_key: Zeroizing<String>,
    key: Zeroizing<String>,
    id: LicenseId,
    came_to: CameTo,
) -> Renewed {
    let license = &row.license;
    let name = license.licensee_name.as_ref().map(|name| name.as_str().to_owned());
    let email = license.email.as_ref().map(|email| email.as_str().to_owned());
    Renewed { old_key, key, id, name: name.unwrap_or_default(), email: email.unwrap_or_default(), came_to }
}
