//! Erasing a person from licenses and their history.
//!
//! Each license is erased in one transaction with its audit row. Then its history is rewritten row by row, and at the end
//! the mark of an unfinished erasure is removed. An interrupted run is repeated with the same arguments: a license that
//! still has the address is found by it, and one with an unfinished history by its mark.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::{LicenseRow, jitter};
use falconer_aws::{Store, StoreError};
use falconer_domain::issue::OrderId;
use falconer_domain::operate::{self, Personal};
use falconer_domain::person::{Email, Note, mentions};
use falconer_domain::{License, LicenseId, UnixMillis};
use futures_util::StreamExt;

use crate::license_service::{AuditAction, LicenseService};
use crate::random;

/// Attempts to erase a license that others change at the same moment. More than for other changes, because an erasure
/// must not wait until a busy license is idle.
const MAX_DECISIONS: u32 = 20;
/// Audit rows that are rewritten at the same time.
const MAX_IN_FLIGHT: usize = 8;
/// Longest chain of rotated keys; no license has so many.
const MAX_CHAIN: usize = 100;
/// Members that an import stored beside the license.
const METADATA: &str = "metadata of an import";

/// One run of an erasure.
pub struct Erasure<'a> {
    /// The tables.
    pub store: &'a Store,
    /// The service that writes audit rows.
    pub service: &'a LicenseService<'a>,
    /// The action of the audit rows.
    pub action: AuditAction<'a>,
    /// Counts or erases.
    pub mode: Mode,
    /// The current time.
    pub now: UnixMillis,
}

/// The licenses of a person.
pub struct Found {
    /// In the order of erasure: licenses that lead to others come last.
    pub subjects: Vec<PersonLicense>,
    /// Licenses, apparently of other people, with the address in a text.
    pub mentions: Vec<(LicenseId, &'static str)>,
    /// Rows that do not read as licenses.
    pub unreadable: usize,
}

/// A license of the person.
pub struct PersonLicense {
    /// The stored row.
    pub row: LicenseRow,
    /// The record of its issuance.
    pub issuance: IssuanceRecord,
}

/// The outcome for one license.
pub struct Erased {
    /// The license.
    pub id: LicenseId,
    /// The masked key.
    pub key_hint: String,
    /// The kinds of personal data on the license.
    pub parts: Vec<&'static str>,
    /// Audit rows that mention the person.
    pub audit_rows: u64,
}

/// Counts or erases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A dry run.
    Count,
    /// Changes the tables.
    Erase,
}

/// Reasons why an erasure stopped. Erased licenses stay erased.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// The license disappeared.
    #[error("there is no license {0}")]
    NoLicense(LicenseId),
    /// Others changed it again and again.
    #[error("others keep changing this license at this moment; try again")]
    Contended,
    /// The tables.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

impl Erasure<'_> {
    /// Finds the licenses with this address, unfinished erasures, and the licenses of their rotations. Looks through the
    /// whole table.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn find_by_address(&self, email: &Email) -> Result<Found, ErasureError> {
        let (mut begun, mut direct, mut others) = (Vec::new(), Vec::new(), Vec::new());
        let unreadable = self
            .service
            .each(|row, issuance| {
                if operate::holds_address(&row.license, email) {
                    direct.push(PersonLicense { row, issuance });
                } else if row.is_being_erased() {
                    begun.push(PersonLicense { row, issuance });
                } else if let Some(place) = mentioned(&row.license, &issuance, email) {
                    others.push((row.license.id, place));
                }
                ControlFlow::Continue(())
            })
            .await?;
        // First those that are found by another license alone; that one still leads to them if this is interrupted.
        let mut subjects = begun;
        for one in &direct {
            let known = subjects.iter().chain(&direct).map(PersonLicense::id).collect();
            let chain = self.chain_of(&one.row.license, known).await?;
            subjects.extend(chain.into_iter().filter(|member| member.is_nobody_elses(&one.row.license)));
        }
        direct.sort_by(|one, other| one.age().cmp(&other.age()));
        subjects.extend(direct);
        others.retain(|(id, _)| !subjects.iter().any(|subject| subject.row.license.id == *id));
        Ok(Found { subjects, mentions: others, unreadable })
    }

    /// Finds the licenses of one license's rotations, then the license itself. All of them have the same customer.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn find_by_license(&self, row: LicenseRow) -> Result<Found, ErasureError> {
        let issuance = row.issuance()?;
        let mut subjects = self.chain_of(&row.license, BTreeSet::from([row.license.id.clone()])).await?;
        subjects.push(PersonLicense { row, issuance });
        Ok(Found { subjects, mentions: Vec::new(), unreadable: 0 })
    }

    async fn chain_of(
        &self,
        license: &License,
        mut known: BTreeSet<LicenseId>,
    ) -> Result<Vec<PersonLicense>, ErasureError> {
        let neighbours = |license: &License| [license.replaces.clone(), license.replaced_by.clone()];
        let (mut open, mut chain) = (Vec::from(neighbours(license)), Vec::new());
        while let Some(id) = open.pop() {
            let Some(id) = id.filter(|id| known.insert(id.clone())) else { continue };
            let Some(row) = self.store.license(&id).await? else { continue };
            open.extend(neighbours(&row.license));
            let issuance = row.issuance()?;
            chain.push(PersonLicense { row, issuance });
            if chain.len() == MAX_CHAIN {
                break;
            }
        }
        // The farthest first: the nearer ones lead to it.
        chain.reverse();
        Ok(chain)
    }

    /// Hides the order ids of these licenses, because they may name a person. Their hashes still prevent a second issue.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn hide_orders(&self, licenses: &BTreeSet<LicenseId>) -> Result<Vec<OrderId>, ErasureError> {
        let (mut place, mut orders) = (None, Vec::new());
        loop {
            let page = self.store.orders_of(licenses, place).await?;
            for order in page.rows {
                if self.mode == Mode::Erase {
                    self.store.hide_order(&order, &random::id()?).await?;
                }
                orders.push(order);
            }
            place = page.next;
            if place.is_none() {
                return Ok(orders);
            }
        }
    }

    /// Erases the person of one license, then its history.
    ///
    /// # Errors
    /// [`ErasureError`].
    pub async fn erase(&self, subject: &PersonLicense) -> Result<Erased, ErasureError> {
        let license = &subject.row.license;
        let (id, key_hint, parts) = (license.id.clone(), subject.issuance.key_hint.clone(), subject.parts());
        if self.mode == Mode::Count {
            let audit_rows = self.blank_history(license).await?;
            return Ok(Erased { id, key_hint, parts, audit_rows });
        }
        let license = self.blank_license(&id).await?;
        let audit_rows = self.blank_history(&license).await?;
        self.store.end_erasure(&id).await?;
        let has_its_row = !parts.is_empty() || subject.row.is_being_erased();
        if audit_rows > 0 && !has_its_row {
            self.store.record(&self.service.audit(&id, self.action, self.now)?).await?;
        }
        Ok(Erased { id, key_hint, parts, audit_rows })
    }

    /// Erases the license's own members and returns it as stored.
    async fn blank_license(&self, id: &LicenseId) -> Result<License, ErasureError> {
        for tries in 1..=MAX_DECISIONS {
            let row = self.store.license(id).await?.ok_or_else(|| ErasureError::NoLicense(id.clone()))?;
            let after = operate::erase(row.license.clone(), self.now);
            if after == row.license && row.issuance()?.metadata.is_none() {
                return Ok(after);
            }
            let audit = self.service.audit(id, self.action, self.now)?;
            match self.store.erase(&row, &after, &audit, &random::id()?).await {
                Ok(()) => return Ok(after),
                Err(StoreError::Conflict) => tokio::time::sleep(jitter(tries)).await,
                Err(error) => return Err(error.into()),
            }
        }
        Err(ErasureError::Contended)
    }

    /// Blanks the audit rows that mention a person, page by page, and returns their number.
    async fn blank_history(&self, license: &License) -> Result<u64, ErasureError> {
        let (mut place, mut count) = (None, 0);
        loop {
            let page = self.store.telling_rows(&license.id, license.erased_at, place).await?;
            count += page.rows.len() as u64;
            if self.mode == Mode::Erase {
                let rows = page.rows.into_iter().map(|row| self.store.blank(row));
                let mut rows =
                    std::pin::pin!(futures_util::stream::iter(rows).buffer_unordered(MAX_IN_FLIGHT));
                while let Some(outcome) = rows.next().await {
                    outcome?;
                }
            }
            place = page.next;
            if place.is_none() {
                return Ok(count);
            }
        }
    }
}

impl Found {
    /// Returns true if a text names the person, by a member of a license or by the address.
    #[must_use]
    pub fn is_named_in(&self, text: &str, email: Option<&Email>) -> bool {
        self.subjects.iter().any(|subject| operate::names_person(&subject.row.license, text))
            || email.is_some_and(|email| mentions(text, email.as_str()))
    }
}

impl PersonLicense {
    /// Returns the license id.
    #[must_use]
    pub fn id(&self) -> LicenseId {
        self.row.license.id.clone()
    }

    /// Returns the place in a list that is the same in every run.
    fn age(&self) -> (i64, &str) {
        (self.issuance.created_at, self.row.license.id.as_str())
    }

    fn parts(&self) -> Vec<&'static str> {
        let parts = operate::personal(&self.row.license).into_iter().map(Personal::as_str);
        parts.chain(self.issuance.metadata.as_ref().map(|_| METADATA)).collect()
    }

    /// The license before its history is read.
    #[must_use]
    pub fn preview(&self) -> Erased {
        Erased { id: self.id(), key_hint: self.issuance.key_hint.clone(), parts: self.parts(), audit_rows: 0 }
    }

    /// Returns true if nothing on a license of the same rotations shows another customer: no address is stored, and no
    /// other user id.
    fn is_nobody_elses(&self, of: &License) -> bool {
        let License { email, licensee_email, user_id, .. } = &self.row.license;
        email.is_none() && licensee_email.is_none() && (user_id.is_none() || *user_id == of.user_id)
    }
}

/// Returns the name of the text that mentions the address.
fn mentioned(license: &License, issuance: &IssuanceRecord, email: &Email) -> Option<&'static str> {
    let named = |text: Option<&str>| text.is_some_and(|text| mentions(text, email.as_str()));
    if named(license.notes.as_ref().map(Note::as_str)) {
        Some("note")
    } else if named(issuance.metadata.as_deref()) {
        Some(METADATA)
    } else {
        None
    }
}
