//! A second run of an import that mends what the first one brought in.
//!
//! The rule: an import may change what an import has set, and nothing else. A license that was not imported is left
//! alone, and so is one that was replaced, and so is each attribute that anybody has changed since, by a command or by
//! a client. The audit of the license says who changed what; its rows of changes are kept for good.

use std::collections::BTreeSet;

use falconer_aws::operator::{Amended, AuditRecord, ERASING};
use falconer_aws::store::{LicenseRow, jitter};
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::issue::NewLicense;
use falconer_domain::person::Email;
use falconer_domain::{License, LicenseId, UnixMillis};

use super::bulk::BulkError;
use crate::{random, time};

/// Audit action of an import.
pub const ACTION: &str = "import";
/// Audit code of an imported license.
pub const IMPORTED: &str = "IMPORTED";
/// Audit code of a license that a later import updated.
const MENDED: &str = "IMPORT_UPDATED";
/// Personal members of an import. An erased license does not get them back.
const ABOUT_A_PERSON: [&str; 3] = ["email", "user_id", "metadata"];
/// How often a change is decided before it is given up, when others change the same license at the same moment.
const MAX_DECISIONS: u32 = 5;
/// Placeholder for personal text.
const NOT_SHOWN: &str = "…";

/// Actor, reason and time of an update.
#[derive(Clone, Copy, Debug)]
pub struct Update<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The actor, for the audit.
    pub actor: &'a str,
    /// Why, for the audit.
    pub reason: Option<&'a str>,
    /// When.
    pub now: UnixMillis,
}

/// An attribute that the file has otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The name.
    pub attribute: &'static str,
    /// Stored value, for people.
    pub before: String,
    /// Value in the file.
    pub after: String,
}

/// Outcome of an update for one license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The license.
    pub id: LicenseId,
    /// Updated members.
    pub changed: Vec<Difference>,
    /// Different members that stay unchanged.
    pub left: Vec<&'static str>,
}

impl Update<'_> {
    /// Plans the update of an existing license.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn look(&self, file: &NewLicense) -> Result<Option<Mended>, StoreError> {
        Ok(self.decide(file).await?.map(|(_, decision)| decision.mended))
    }

    /// Mends a license that is there.
    ///
    /// # Errors
    /// [`BulkError`].
    pub async fn mend(&self, file: &NewLicense) -> Result<Option<Mended>, BulkError> {
        for tries in 1.. {
            let Some((row, decision)) = self.decide(file).await? else { return Ok(None) };
            if decision.mended.changed.is_empty() {
                return Ok(Some(decision.mended));
            }
            let audit =
                AuditRow::change(&row.license.id, self.now, &random::id()?, ACTION, MENDED, self.actor);
            let audit = AuditRow { reason: self.reason.map(str::to_owned), ..audit };
            let amended = Amended {
                license: &decision.license,
                created_at: decision.created_at,
                metadata: decision.metadata.as_deref(),
            };
            match self.store.amend(&row, amended, &audit, &random::id()?).await {
                Ok(()) => return Ok(Some(decision.mended)),
                Err(StoreError::Conflict) if tries < MAX_DECISIONS => tokio::time::sleep(jitter(tries)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    async fn decide(&self, file: &NewLicense) -> Result<Option<(LicenseRow, Decision)>, StoreError> {
        let Some(row) = self.store.license(&file.license.id).await? else { return Ok(None) };
        let issuance = row.issuance()?;
        let there = There {
            license: &row.license,
            created_at: UnixMillis(issuance.created_at),
            metadata: issuance.metadata.as_deref(),
        };
        let differing = there.differing(file, self.now);
        if differing.is_empty() {
            return Ok(None);
        }
        let changed_since = changed_since(&self.store.audit_since(&file.license.id, UnixMillis(0)).await?);
        let decision = there.decide(file, differing, &changed_since);
        Ok(Some((row, decision)))
    }
}

/// Attributes that are no import's to change any more.
#[derive(Debug, PartialEq, Eq)]
enum ChangedSince {
    /// All: the license was not imported.
    NotImported,
    /// These.
    Attributes(BTreeSet<String>),
}

fn changed_since(audit: &[AuditRecord]) -> ChangedSince {
    if !audit.iter().any(|row| row.action == ACTION && row.code == IMPORTED) {
        return ChangedSince::NotImported;
    }
    let others = audit.iter().filter(|row| row.action != ACTION);
    let mut attributes: BTreeSet<_> = others.clone().flat_map(|row| row.changes.keys().cloned()).collect();
    if others.into_iter().any(|row| row.action == ERASING) {
        attributes.extend(ABOUT_A_PERSON.map(str::to_owned));
    }
    ChangedSince::Attributes(attributes)
}

/// A license as it is in the table.
struct There<'a> {
    license: &'a License,
    created_at: UnixMillis,
    metadata: Option<&'a str>,
}

/// Decision about the member.
struct Decision {
    license: License,
    created_at: UnixMillis,
    metadata: Option<String>,
    mended: Mended,
}

impl There<'_> {
    /// Members that differ in the file.
    fn differing(&self, file: &NewLicense, now: UnixMillis) -> Vec<Difference> {
        let (is, will) = (self.license, &file.license);
        let end = |at: Option<UnixMillis>| at.map_or_else(|| "never".to_owned(), time::written);
        let hidden = |text: Option<&str>| if text.is_some() { NOT_SHOWN } else { "none" }.to_owned();
        let email = |license: &License| hidden(license.email.as_ref().map(Email::as_str));
        let mut found = Vec::new();
        let mut compare = |attribute, differs: bool, before: String, after: String| {
            if differs {
                found.push(Difference { attribute, before, after });
            }
        };
        compare("tier", is.tier != will.tier, is.tier.to_string(), will.tier.to_string());
        compare(
            "status",
            is.status != will.status,
            is.status.as_str().to_owned(),
            will.status.as_str().to_owned(),
        );
        compare("expires_at", is.expires_at != will.expires_at, end(is.expires_at), end(will.expires_at));
        let updates = |license: &License| {
            license.updates_until.map_or_else(|| "never".to_owned(), |date| date.to_string())
        };
        compare("updates_until", is.updates_until != will.updates_until, updates(is), updates(will));
        let limits = |license: &License| super::export_columns::limits(&license.limits);
        compare("limits", is.limits != will.limits, limits(is), limits(will));
        compare("features", is.features != will.features, is.features.join(" "), will.features.join(" "));
        compare(
            "user_id",
            is.user_id != will.user_id,
            hidden(is.user_id.as_deref()),
            hidden(will.user_id.as_deref()),
        );
        compare("email", is.email != will.email, email(is), email(will));
        // A row without it is given the moment of the run, which says nothing about the license.
        compare(
            "created_at",
            file.created_at != now && self.created_at != file.created_at,
            time::written(self.created_at),
            time::written(file.created_at),
        );
        compare(
            "metadata",
            self.metadata != file.metadata.as_deref(),
            hidden(self.metadata),
            hidden(file.metadata.as_deref()),
        );
        found
    }

    fn decide(self, file: &NewLicense, differing: Vec<Difference>, since: &ChangedSince) -> Decision {
        let is_erased = self.license.erased_at.is_some();
        let may = |attribute: &str| match since {
            _ if is_erased && ABOUT_A_PERSON.contains(&attribute) => false,
            ChangedSince::NotImported => false,
            ChangedSince::Attributes(changed) => {
                self.license.replaced_by.is_none() && !changed.contains(attribute)
            }
        };
        let (changed, left): (Vec<_>, Vec<_>) =
            differing.into_iter().partition(|difference| may(difference.attribute));
        let mut decision = Decision {
            license: self.license.clone(),
            created_at: self.created_at,
            metadata: self.metadata.map(str::to_owned),
            mended: Mended {
                id: self.license.id.clone(),
                changed,
                left: left.iter().map(|difference| difference.attribute).collect(),
            },
        };
        let license = &mut decision.license;
        for difference in &decision.mended.changed {
            match difference.attribute {
                "tier" => license.tier = file.license.tier.clone(),
                "status" => license.status = file.license.status,
                "expires_at" => license.expires_at = file.license.expires_at,
                "updates_until" => license.updates_until = file.license.updates_until,
                "limits" => license.limits.clone_from(&file.license.limits),
                "features" => license.features.clone_from(&file.license.features),
                "user_id" => license.user_id.clone_from(&file.license.user_id),
                "email" => license.email.clone_from(&file.license.email),
                "created_at" => decision.created_at = file.created_at,
                _ => decision.metadata.clone_from(&file.metadata),
            }
        }
        decision
    }
}
