//! Issuing licenses: one at a time or many, never the same key twice.

use falconer_aws::operator::PlacedOrder;
use falconer_aws::{AuditRow, Store, StoreError};
use falconer_domain::issue::{CheckedOrder, NewLicense, Order, OrderId, OrderRefusal};
use falconer_domain::keyring::Generation;
use falconer_domain::license_key::{CurrentKey, LegacyKey};
use falconer_domain::{KeyRing, LicenseId, LicenseKey, UnixMillis};

use crate::catalog_cache::CatalogCache;
use crate::random;

/// Taken keys in a row after which an issue fails. A legacy key has no randomness: all of its neighbours in time may
/// have been issued by a bulk run of the Flask server or by another operator.
const MAX_TAKEN_KEYS: u32 = 10_000;

/// Form of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyForm {
    /// With 80 random bits, by the current generation.
    Current,
    /// The Flask server's form, for applications that read no other.
    Legacy,
}

/// A license, issued and stored. No `Debug`: it holds the key in clear.
pub struct Issued {
    /// The key, to be handed to the customer.
    pub key: LicenseKey,
    /// A stored license.
    pub license: NewLicense,
}

/// Outcome of an order with an id.
pub enum Ordered {
    /// A license was issued for it now.
    Issued(Box<Issued>),
    /// One was issued for it before, or by somebody else at this moment.
    There(PlacedOrder),
}

/// Why nothing was issued.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The order is not in order.
    #[error(transparent)]
    Order(#[from] OrderRefusal),
    /// The product has no catalog.
    #[error("product {0} has no catalog; `falconer catalog apply FILE` stores one")]
    NoCatalog(String),
    /// The ring accepts no legacy keys.
    #[error(
        "the key ring has no legacy generation; `falconer keyring add --legacy -` adds the Flask server's master"
    )]
    NoLegacy,
    /// The Flask server had one product.
    #[error("the Flask server's form of key exists for product QF only; leave out --legacy")]
    LegacyProduct,
    /// The time is outside the range of the Flask server's format, or all keys around now are taken.
    #[error("no unused legacy key is left around this moment; try again later")]
    NoUnusedKey,
    /// The order was issued before, and was another one.
    #[error(
        "order {} was issued as {} with other terms: {}; nothing was issued. Change that license, or give this order \
         another id",
        .0.id, .0.license, .1.join("; ")
    )]
    Differs(Box<PlacedOrder>, Vec<String>),
    /// The orders.
    #[error("the orders cannot be read: {0}; nothing was issued")]
    Orders(#[source] StoreError),
    /// The catalog.
    #[error("the catalog cannot be read: {0}; nothing was issued")]
    Catalog(#[source] StoreError),
    /// The tables.
    #[error(
        "{0}; whether the license was stored is not known, and its key is not shown: issue again. With --order nothing is issued twice"
    )]
    Store(#[from] StoreError),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// Issues licenses, remembering between two of them which legacy second was used last.
#[derive(Debug)]
pub struct Issuer<'a> {
    store: &'a Store,
    ring: &'a KeyRing,
    catalogs: CatalogCache<'a>,
    actor: &'a str,
    reason: Option<&'a str>,
    next_legacy_second: i64,
}

impl<'a> Issuer<'a> {
    /// An issuer. `actor` is who asks, for the audit.
    #[must_use]
    pub fn new(store: &'a Store, ring: &'a KeyRing, actor: &'a str) -> Self {
        Self { store, ring, catalogs: CatalogCache::of(store), actor, reason: None, next_legacy_second: 0 }
    }

    /// The same, with a reason for the audit.
    #[must_use]
    pub fn because(mut self, reason: Option<&'a str>) -> Self {
        self.reason = reason;
        self
    }

    /// The audit row of a license that is issued.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub fn audit(&self, id: &LicenseId, now: UnixMillis) -> Result<AuditRow, getrandom::Error> {
        let row = AuditRow::change(id, now, &random::id()?, "issue", "ISSUED", self.actor);
        Ok(AuditRow { reason: self.reason.map(str::to_owned), ..row })
    }

    /// Checks an order against its product's catalog: the stored one, else the built-in one.
    ///
    /// # Errors
    /// [`IssueError::Order`], [`IssueError::NoCatalog`] or [`IssueError::Store`].
    pub async fn check(&self, order: Order) -> Result<CheckedOrder, IssueError> {
        let catalog = self.catalogs.get(&order.product).await.map_err(IssueError::Catalog)?;
        let catalog = catalog.ok_or_else(|| IssueError::NoCatalog(order.product.to_string()))?;
        Ok(order.check(&catalog)?)
    }

    /// Issues one license. A key that is taken already is never given out again: the store refuses, and the next one
    /// is tried.
    ///
    /// # Errors
    /// Any [`IssueError`] but the order's.
    pub async fn issue(
        &mut self,
        order: &CheckedOrder,
        form: KeyForm,
        now: UnixMillis,
    ) -> Result<Issued, IssueError> {
        for _ in 0..MAX_TAKEN_KEYS {
            let (key, license) = self.prepare(order, form, now)?;
            let row = self.audit(&license.license.id, now)?;
            match self.store.issue(&license, &row, &random::id()?).await {
                Ok(()) => return Ok(Issued { key, license }),
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IssueError::NoUnusedKey)
    }

    /// Issues one license for an order, whoever asks and how often: the order is stored with the license, on the
    /// condition that it is not there.
    ///
    /// # Errors
    /// As [`Self::issue`]; [`IssueError::Differs`] for an id under which something else was ordered.
    pub async fn issue_for(
        &mut self,
        id: &OrderId,
        order: &CheckedOrder,
        form: KeyForm,
        now: UnixMillis,
    ) -> Result<Ordered, IssueError> {
        for _ in 0..MAX_TAKEN_KEYS {
            if let Some(there) = self.placed(id, order).await? {
                return Ok(Ordered::There(there));
            }
            let (key, license) = self.prepare(order, form, now)?;
            let row = self.audit(&license.license.id, now)?;
            let placed =
                PlacedOrder { id: id.clone(), license: license.license.id.clone(), terms: order.agreed() };
            match self.store.issue_for(&placed, &license, &row, &random::id()?).await {
                Ok(()) => return Ok(Ordered::Issued(Box::new(Issued { key, license }))),
                // Somebody was faster with the order, or a legacy key is taken: look which.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(IssueError::NoUnusedKey)
    }

    /// The order, if a license was issued for it.
    ///
    /// # Errors
    /// [`IssueError::Differs`] for an id under which something else was ordered; [`IssueError::Orders`].
    pub async fn placed(
        &self,
        id: &OrderId,
        order: &CheckedOrder,
    ) -> Result<Option<PlacedOrder>, IssueError> {
        let Some(there) = self.store.order(id).await.map_err(IssueError::Orders)? else { return Ok(None) };
        let differences = there.terms.differences(&order.agreed());
        if differences.is_empty() {
            Ok(Some(there))
        } else {
            Err(IssueError::Differs(Box::new(there), differences))
        }
    }

    /// The next key and the license it would open; nothing is stored.
    ///
    /// # Errors
    /// [`IssueError::NoLegacy`], [`IssueError::NoUnusedKey`] or [`IssueError::Random`].
    pub fn prepare(
        &mut self,
        order: &CheckedOrder,
        form: KeyForm,
        now: UnixMillis,
    ) -> Result<(LicenseKey, NewLicense), IssueError> {
        let (key, issuer) = self.next_key(order, form, now)?;
        let id = LicenseId::of(issuer, &key);
        let license = order.license(id, &key, self.ring.current(), now, random::bytes()?);
        Ok((key, license))
    }

    fn next_key(
        &mut self,
        order: &CheckedOrder,
        form: KeyForm,
        now: UnixMillis,
    ) -> Result<(LicenseKey, &'a Generation), IssueError> {
        match form {
            KeyForm::Current => {
                let generation = self.ring.current();
                let random = random::bytes()?;
                let key =
                    CurrentKey::issue(generation, order.product().clone(), order.printed_tier(), random);
                Ok((LicenseKey::Current(key), generation))
            }
            KeyForm::Legacy => {
                let generation = self.ring.legacy().ok_or(IssueError::NoLegacy)?;
                if order.product().as_str() != LegacyKey::PREFIX {
                    return Err(IssueError::LegacyProduct);
                }
                let second = self.next_legacy_second.max(now.seconds());
                self.next_legacy_second = second + 1;
                let key = LegacyKey::issue(generation, order.printed_tier(), second);
                Ok((LicenseKey::Legacy(key.ok_or(IssueError::NoUnusedKey)?), generation))
            }
        }
    }
}
