//! Writing: every change of the console. A console that only reads has none of it.

use std::sync::Arc;

use falconer_aws::Store;
use falconer_aws::operator::ERASING;
use falconer_domain::{KeyRing, License, LicenseId, UnixMillis};
use falconer_operator::erasure::{Erasure, ErasureError, Mode};
use falconer_operator::license_change::LicenseChange;
use falconer_operator::license_service::{AuditAction, LicenseService};
use falconer_operator::replacement::{ReplaceError, Replacement, fresh_key};
use falconer_operator::sealed;
use zeroize::Zeroizing;

use crate::reading::{LicenseStory, ReadService};
use crate::trouble::Trouble;

/// The tables and the secret, to be written. No `Debug`: it reads the ring.
pub(crate) struct WriteService {
    store: Store,
    reads: Arc<ReadService>,
    actor: String,
}

/// A key, and the license that it opens. No `Debug`.
pub(crate) struct ShownKey {
    pub(crate) key: Zeroizing<String>,
    pub(crate) id: LicenseId,
}

/// A license as a person saw it, and why it is changed.
pub(crate) struct Seen<'a> {
    pub(crate) id: &'a LicenseId,
    /// The number of its row then.
    pub(crate) version: u64,
    pub(crate) reason: Option<&'a str>,
}

/// Data of a person, of each license that is the person's.
pub(crate) struct Erasable {
    pub(crate) key_hint: String,
    pub(crate) id: LicenseId,
    pub(crate) parts: Vec<&'static str>,
    pub(crate) audit_rows: u64,
}

impl WriteService {
    pub(crate) const fn new(store: Store, reads: Arc<ReadService>, actor: String) -> Self {
        Self { store, reads, actor }
    }

    /// Changes a license, if it is as the person saw it.
    pub(crate) async fn change(
        &self,
        seen: &Seen<'_>,
        change: &LicenseChange,
        now: UnixMillis,
    ) -> Result<License, Trouble> {
        let ring = self.reads.ring().await?;
        let story = self.as_seen(seen).await?;
        let rule = |license| change.apply(license, &story.catalog, now);
        let action = change.audit_action(seen.reason);
        Ok(self.service(&ring).change_read(&story.row, action, now, rule).await?)
    }

    /// Gives a license a new key, and returns it: the only moment at which it is seen.
    pub(crate) async fn rotate(&self, seen: &Seen<'_>, now: UnixMillis) -> Result<ShownKey, Trouble> {
        let ring = self.reads.ring().await?;
        let story = self.as_seen(seen).await?;
        let key = fresh_key(&ring, &story.row.license)?;
        let planned = Replacement::plan(&ring, &story.row, &story.issuance, key);
        let replacement = planned.map_err(|why| Trouble::Refused(why.to_string()))?;
        let stored = replacement.store(&self.store, &ring, &self.service(&ring), seen.reason, now).await;
        stored.map_err(|error| match error {
            ReplaceError::Store(error) => Trouble::from(error),
            ReplaceError::Random(error) => error.into(),
        })?;
        Ok(ShownKey { key: Zeroizing::new(replacement.key.to_string()), id: replacement.id.clone() })
    }

    /// Opens the sealed key of a license. First the record, then the key: nobody sees one without the other.
    pub(crate) async fn reveal(&self, seen: &Seen<'_>, now: UnixMillis) -> Result<ShownKey, Trouble> {
        let ring = self.reads.ring().await?;
        let story = self.reads.license(seen.id).await?;
        let key = sealed::opened(&ring, &story.row.license, &story.issuance);
        let key = key.map_err(|why| Trouble::Damaged(why.to_string()))?;
        let action = AuditAction { action: "reveal", code: "KEY_REVEALED", reason: seen.reason };
        self.store.record(&self.service(&ring).audit(seen.id, action, now)?).await?;
        Ok(ShownKey { key, id: seen.id.clone() })
    }

    /// Counts what an erasure of the person of a license would change.
    pub(crate) async fn erasable(
        &self,
        id: &LicenseId,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<Vec<Erasable>, Trouble> {
        self.erasure(id, reason, now, Mode::Count).await
    }

    /// Erases the person of a license, and of those that it replaced or that replaced it.
    pub(crate) async fn erase(
        &self,
        id: &LicenseId,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<Vec<Erasable>, Trouble> {
        self.erasure(id, reason, now, Mode::Erase).await
    }

    async fn erasure(
        &self,
        id: &LicenseId,
        reason: Option<&str>,
        now: UnixMillis,
        mode: Mode,
    ) -> Result<Vec<Erasable>, Trouble> {
        let ring = self.reads.ring().await?;
        let service = self.service(&ring);
        let action = AuditAction { action: ERASING, code: "SUBJECT_ERASED", reason };
        let erasure = Erasure { store: &self.store, service: &service, action, mode, now };
        let row = self.reads.license(id).await?.row;
        let found = erasure.find_by_license(row).await.map_err(trouble_of_erasure)?;
        if reason.is_some_and(|reason| found.is_named_in(reason, None)) {
            return Err(Trouble::BadInput(
                "the reason names the person, and the audit keeps it; say why without name, e-mail and user id, as \
                 \u{201c}request 17\u{201d}"
                    .to_owned(),
            ));
        }
        let ids = found.subjects.iter().map(|subject| subject.row.license.id.clone()).collect();
        erasure.hide_orders(&ids).await.map_err(trouble_of_erasure)?;
        let mut erasables = Vec::new();
        for subject in &found.subjects {
            let erased = erasure.erase(subject).await.map_err(trouble_of_erasure)?;
            let (key_hint, id) = (erased.key_hint, erased.id);
            erasables.push(Erasable { key_hint, id, parts: erased.parts, audit_rows: erased.audit_rows });
        }
        Ok(erasables)
    }

    /// The license, if nobody has changed it since the person saw it.
    async fn as_seen(&self, seen: &Seen<'_>) -> Result<LicenseStory, Trouble> {
        let story = self.reads.license(seen.id).await?;
        if story.row.guard.number() == seen.version {
            return Ok(story);
        }
        Err(Trouble::Changed(
            "somebody has changed this license since you looked at it; nothing was changed".to_owned(),
        ))
    }

    fn service<'a>(&'a self, ring: &'a KeyRing) -> LicenseService<'a> {
        LicenseService::new(&self.store, ring, &self.actor)
    }
}

fn trouble_of_erasure(error: ErasureError) -> Trouble {
    match error {
        ErasureError::Store(error) => error.into(),
        ErasureError::NoLicense(_) => Trouble::NotFound(error.to_string()),
        ErasureError::Contended => Trouble::Changed(error.to_string()),
        ErasureError::Random(error) => error.into(),
    }
}
