//! Writing: every change of the console. A console that only reads has none of it.

use std::sync::Arc;

use falconer_aws::Store;
use falconer_aws::keyring::RingWriter;
use falconer_aws::operator::{ERASING, PlacedOrder};
use falconer_domain::issue::{CheckedOrder, Order, OrderId};
use falconer_domain::keyring::GenerationNumber;
use falconer_domain::{Catalog, KeyRing, License, LicenseId, UnixMillis};
use falconer_operator::catalog_change::CatalogChange;
use falconer_operator::erasure::{Erasure, ErasureError, Mode};
use falconer_operator::issue::{Issuer, KeyForm, Ordered};
use falconer_operator::keyring::operations;
use falconer_operator::license_change::LicenseChange;
use falconer_operator::license_service::{AuditAction, LicenseService};
use falconer_operator::replacement::{ReplaceError, Replacement, fresh_key};
use falconer_operator::sealed::{self, Dependents, DependentsError};
use zeroize::Zeroizing;

use crate::pages::keyring::RingPlan;
use crate::reading::{LicenseStory, ReadService};
use crate::trouble::Trouble;

/// The tables and the secret, to be written. No `Debug`: it reads the ring.
pub(crate) struct WriteService {
    store: Store,
    keyring: RingWriter,
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
    pub(crate) const fn new(
        store: Store,
        keyring: RingWriter,
        reads: Arc<ReadService>,
        actor: String,
    ) -> Self {
        Self { store, keyring, reads, actor }
    }

    pub(crate) const fn store(&self) -> &Store {
        &self.store
    }

    pub(crate) fn actor(&self) -> &str {
        &self.actor
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
        let ring = self.reads.ring_of_now().await?;
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

    /// Checks an order against its product's catalog.
    pub(crate) async fn check(&self, order: Order) -> Result<CheckedOrder, Trouble> {
        let ring = self.reads.ring().await?;
        Ok(Issuer::new(&self.store, &ring, &self.actor).check(order).await?)
    }

    /// The order, if a license was issued for it.
    pub(crate) async fn placed(
        &self,
        id: &OrderId,
        order: &CheckedOrder,
    ) -> Result<Option<PlacedOrder>, Trouble> {
        let ring = self.reads.ring().await?;
        Ok(Issuer::new(&self.store, &ring, &self.actor).placed(id, order).await?)
    }

    /// Issues a license; for an order with an id once.
    pub(crate) async fn issue(
        &self,
        order: &CheckedOrder,
        id: Option<&OrderId>,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<Ordered, Trouble> {
        let ring = self.reads.ring_of_now().await?;
        let mut issuer = Issuer::new(&self.store, &ring, &self.actor).because(reason);
        Ok(match id {
            Some(id) => issuer.issue_for(id, order, KeyForm::Current, now).await?,
            None => Ordered::Issued(Box::new(issuer.issue(order, KeyForm::Current, now).await?)),
        })
    }

    /// Compares a new catalog with the one in use, and with the licenses that feel it.
    pub(crate) async fn plan_catalog(&self, new: Catalog, now: UnixMillis) -> Result<CatalogChange, Trouble> {
        let ring = self.reads.ring().await?;
        Ok(CatalogChange::plan(&self.store, &self.service(&ring), new, now, || ()).await?)
    }

    /// Puts a new catalog over the one that it was compared with.
    pub(crate) async fn apply_catalog(
        &self,
        change: &CatalogChange,
        reason: Option<&str>,
        now: UnixMillis,
    ) -> Result<(), Trouble> {
        let ring = self.reads.ring().await?;
        Ok(change.apply(&self.store, &self.service(&ring), reason, now).await?)
    }

    /// Counts the licenses that need a generation: those that live, and revoked ones. The whole table is read.
    pub(crate) async fn dependents(&self, number: GenerationNumber) -> Result<(u64, u64), Trouble> {
        let ring = self.reads.ring_of_now().await?;
        let counted = Dependents::count(&self.store, &ring, number).await;
        let counted = counted.map_err(|error| match error {
            DependentsError::Store(error) => Trouble::from(error),
            DependentsError::Sealed(error) => Trouble::Damaged(error.to_string()),
        })?;
        Ok((counted.living, counted.revoked))
    }

    /// Changes the key ring, and returns the generation that is different.
    pub(crate) async fn edit_ring(
        &self,
        plan: RingPlan,
        now: UnixMillis,
    ) -> Result<GenerationNumber, Trouble> {
        let edited = match plan {
            RingPlan::Add => operations::add(&self.keyring, now).await,
            RingPlan::Promote => operations::promote(&self.keyring, now).await,
            RingPlan::PromoteNow => operations::promote_now(&self.keyring).await,
            RingPlan::Distrust(number) => operations::distrust(&self.keyring, number).await,
            RingPlan::Trust(number) => operations::trust(&self.keyring, number).await,
        };
        self.reads.forget_ring();
        Ok(edited?)
    }

    /// The license, if nobody has changed it since the person saw it.
    async fn as_seen(&self, seen: &Seen<'_>) -> Result<LicenseStory, Trouble> {
        let story = self.reads.license(seen.id).await?;
        if story.row.guard.number() == seen.version {
            return Ok(story);
        }
        Err(Trouble::Changed("this license is not as you saw it; nothing was changed".to_owned()))
    }

    pub(crate) fn service<'a>(&'a self, ring: &'a KeyRing) -> LicenseService<'a> {
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
