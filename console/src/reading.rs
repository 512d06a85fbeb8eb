//! Reading: everything that a page shows. Nothing here writes, and nothing here opens a sealed key.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use falconer_aws::StoreReader;
use falconer_aws::keyring::RingReader;
use falconer_aws::operator::{AuditRecord, IssuanceRecord, Page, PageToken};
use falconer_aws::store::LicenseRow;
use falconer_domain::catalog::Policy;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::{Catalog, KeyRing, License, LicenseId, Product, UnixMillis};
use falconer_operator::catalog_cache::CatalogCache;
use falconer_operator::catalog_change::CatalogInUse;
use falconer_operator::explanation::{Explanation, Question};
use falconer_operator::keyring::{Draft, operations};
use falconer_operator::license_reader::LicenseReader;
use falconer_operator::lookup::Lookup;
use falconer_operator::search::SearchQuery;
use falconer_operator::stats::Statistics;
use secrecy::ExposeSecret;

use crate::trouble::Trouble;

/// Age at which the ring is read again, as the functions do.
const RING_AGE: Duration = Duration::from_secs(300);
/// Licenses on a page.
pub(crate) const PAGE_ROWS: usize = 50;
/// Rows that one read for a page asks for: catalogs and orders lie in the same table.
const READ_ROWS: i32 = 60;
/// Audit rows beside a license, at most.
const AUDIT_ROWS: usize = 40;
/// Rows that one read of a history asks for: one more, to know that there are older ones.
const READ_AUDIT_ROWS: i32 = 41;
/// Longest id of a request in the place of a row.
const MAX_REQUEST_ID_CHARS: usize = 128;

/// The tables and the ring, to be read: no type here has a method that writes. No `Debug`: it holds the ring.
pub(crate) struct ReadService {
    store: StoreReader,
    secret: RingReader,
    ring: Mutex<Option<(Instant, Arc<KeyRing>)>>,
    product: Option<String>,
}

/// A license with everything that its page says. No `Debug`: it is about a person.
pub(crate) struct LicenseStory {
    pub(crate) row: LicenseRow,
    pub(crate) issuance: IssuanceRecord,
    /// `None` where the catalog lacks its tier.
    pub(crate) standing: Option<EffectiveLicense>,
    pub(crate) catalog: Catalog,
}

/// Licenses of a page, and the last of them where more follow.
pub(crate) struct LicenseList {
    pub(crate) found: Vec<Arc<(License, IssuanceRecord)>>,
    pub(crate) next: Option<LicenseId>,
    pub(crate) unreadable: usize,
    /// Licenses of the index that an older version left in it although nothing ends for their customers.
    pub(crate) left_out: usize,
}

/// The place of a license in a list by ends.
pub(crate) struct EndPlace {
    pub(crate) id: LicenseId,
    /// The end that it had when the list was shown.
    pub(crate) end: Option<UnixMillis>,
}

/// Rows of a license's history, the newest first: at most [`AUDIT_ROWS`], fewer where changes have a row that says from
/// where they were asked.
pub(crate) struct History {
    pub(crate) rows: Vec<AuditRecord>,
    /// The last of them, where there are older ones.
    pub(crate) older: Option<RowPlace>,
}

/// The place of a row in a license's history: its moment, and the id of the request that it is about.
pub(crate) struct RowPlace(String);

impl ReadService {
    pub(crate) const fn new(store: StoreReader, secret: RingReader, product: Option<String>) -> Self {
        Self { store, secret, ring: Mutex::new(None), product }
    }

    /// Returns the ring, read again every five minutes.
    pub(crate) async fn ring(&self) -> Result<Arc<KeyRing>, Trouble> {
        if let Some((read, ring)) = &*self.ring.lock().unwrap_or_else(PoisonError::into_inner)
            && read.elapsed() < RING_AGE
        {
            return Ok(Arc::clone(ring));
        }
        let stored = self.secret.read().await?;
        let ring = KeyRing::parse(stored.text.expose_secret());
        let ring =
            Arc::new(ring.map_err(|why| Trouble::Damaged(format!("the key ring does not read: {why}")))?);
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), Arc::clone(&ring)));
        Ok(ring)
    }

    /// Reads the ring again: for a new key, which the generation that signs now makes, for a count of what a generation
    /// holds, and for work on a file, which is sent again once somebody has added in a terminal what the ring lacked.
    pub(crate) async fn ring_of_now(&self) -> Result<Arc<KeyRing>, Trouble> {
        self.forget_ring();
        self.ring().await
    }

    /// Forgets the ring, after a change of it.
    pub(crate) fn forget_ring(&self) {
        *self.ring.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// A license with its rules.
    pub(crate) async fn license(&self, id: &LicenseId) -> Result<LicenseStory, Trouble> {
        let ring = self.ring().await?;
        let service = LicenseReader::new(&self.store, &ring);
        let row = service.find(id.as_str()).await?;
        let issuance = row.issuance()?;
        let catalog = service.catalog(&row.license.product).await?;
        let standing = EffectiveLicense::of(row.license.clone(), &catalog).ok();
        Ok(LicenseStory { row, issuance, standing, catalog })
    }

    /// A license as it is stored.
    pub(crate) async fn row(&self, id: &LicenseId) -> Result<(License, IssuanceRecord), Trouble> {
        let row = self.store.license(id).await?;
        let row = row.ok_or_else(|| Trouble::NotFound(format!("there is no license {id}")))?;
        let issuance = row.issuance()?;
        Ok((row.license, issuance))
    }

    /// The last things that happened to a license before one of them, newest first.
    pub(crate) async fn audit(&self, id: &LicenseId, before: Option<&RowPlace>) -> Result<History, Trouble> {
        let place = before.map(|RowPlace(at)| PageToken::after_row(id, at));
        Ok(History::of(self.store.audit_backwards(id, READ_AUDIT_ROWS, place).await?))
    }

    /// The events of a license since a moment, oldest first.
    pub(crate) async fn audit_since(
        &self,
        id: &LicenseId,
        since: UnixMillis,
    ) -> Result<Vec<AuditRecord>, Trouble> {
        Ok(self.store.audit_since(id, since).await?)
    }

    /// A page of all licenses, in the order of the table.
    pub(crate) async fn page(&self, after: Option<&LicenseId>) -> Result<LicenseList, Trouble> {
        let (mut place, mut found, mut unreadable) = (after.map(PageToken::after), Vec::new(), 0);
        loop {
            let page = self.store.short_page_of_licenses(place, READ_ROWS).await?;
            unreadable += page.unreadable;
            for row in page.rows {
                let issuance = row.issuance()?;
                found.push((row.license, issuance));
            }
            place = page.next;
            if found.len() > PAGE_ROWS || place.is_none() {
                return Ok(LicenseList::of(found, unreadable));
            }
        }
    }

    /// Licenses that end between two moments, by the index. The ids come first; a page of them is read.
    pub(crate) async fn ending(
        &self,
        from: UnixMillis,
        until: UnixMillis,
        after: Option<&EndPlace>,
    ) -> Result<LicenseList, Trouble> {
        let ends = self.store.ends_between(from, until).await?;
        let begin = after.map_or(0, |after| after.place_in(&ends));
        let mut found = Vec::new();
        let mut left_out = 0;
        for (id, _) in ends.into_iter().skip(begin) {
            if found.len() > PAGE_ROWS {
                break;
            }
            match self.store.license(&id).await? {
                Some(row) if row.license.status.ends() => {
                    let issuance = row.issuance()?;
                    found.push((row.license, issuance));
                }
                Some(_) => left_out += 1,
                None => {}
            }
        }
        Ok(LicenseList { left_out, ..LicenseList::of(found, 0) })
    }

    /// The policies of licenses; `None` where a catalog lacks the tier. Each product's catalog is read once.
    pub(crate) async fn policies(
        &self,
        found: &[Arc<(License, IssuanceRecord)>],
    ) -> Result<Vec<Option<Policy>>, Trouble> {
        let (catalogs, mut policies) = (CatalogCache::of(&self.store), Vec::with_capacity(found.len()));
        for (license, _) in found.iter().map(Arc::as_ref) {
            let catalog = catalogs.get(&license.product).await?;
            policies.push(catalog.and_then(|catalog| catalog.policy(&license.tier, &license.policy)));
        }
        Ok(policies)
    }

    /// Licenses that a text names, by keys, ids, orders and indexes.
    pub(crate) async fn look_up(&self, query: &SearchQuery) -> Result<LicenseList, Trouble> {
        let ring = self.ring().await?;
        let lookup = Lookup { store: &self.store, ring: &ring, product: self.product.as_deref() };
        Ok(LicenseList::of(lookup.find(query, PAGE_ROWS).await?, 0))
    }

    /// Looks at every license until `visit` breaks off, and returns how many rows did not read.
    pub(crate) async fn each(
        &self,
        visit: impl FnMut(LicenseRow, IssuanceRecord) -> ControlFlow<()>,
    ) -> Result<usize, Trouble> {
        let ring = self.ring().await?;
        Ok(LicenseReader::new(&self.store, &ring).each(visit).await?)
    }

    /// Verify's answer about a license at a moment.
    pub(crate) async fn explain(&self, question: Question) -> Result<Explanation, Trouble> {
        let ring = self.ring().await?;
        let service = LicenseReader::new(&self.store, &ring);
        let explained = Explanation::of(question, &self.store, &ring, &service).await;
        explained.map_err(|error| match error {
            falconer_operator::explanation::ExplainError::Store(error) => error.into(),
            error @ falconer_operator::explanation::ExplainError::NoGeneration => {
                Trouble::Damaged(error.to_string())
            }
        })
    }

    /// The catalog that answers for a product, and the version of the stored one.
    pub(crate) async fn catalog(&self, product: &Product) -> Result<CatalogInUse, Trouble> {
        Ok(CatalogInUse::read(&self.store, product).await?)
    }

    /// The ends of licenses between two moments, by the index alone.
    pub(crate) async fn ends_between(
        &self,
        from: UnixMillis,
        until: UnixMillis,
    ) -> Result<Vec<(LicenseId, UnixMillis)>, Trouble> {
        Ok(self.store.ends_between(from, until).await?)
    }

    /// Counts what happened to all licenses: the whole audit is read, until `look` breaks off.
    pub(crate) async fn count_audit(
        &self,
        statistics: &mut Statistics,
        look: impl FnMut(usize) -> ControlFlow<()>,
    ) -> Result<(), Trouble> {
        Ok(statistics.read_audit(&self.store, look).await?)
    }

    /// The ring as an edit begins with it. Its masters are never looked at.
    pub(crate) async fn draft(&self) -> Result<Draft, Trouble> {
        Ok(operations::open(&self.secret).await?)
    }

    /// The configured product, else the built-in one.
    pub(crate) fn product(&self) -> Option<Product> {
        Product::parse(&self.product.as_deref().unwrap_or("QF").trim().to_uppercase())
    }
}

impl EndPlace {
    /// Returns where the list goes on. A license that has left its place since is passed over: those of its end come
    /// again, and none is left out.
    fn place_in(&self, ends: &[(LicenseId, UnixMillis)]) -> usize {
        let is_here =
            |(id, end): &(LicenseId, UnixMillis)| *id == self.id && self.end.is_none_or(|it| it == *end);
        let here = ends.iter().position(is_here).map(|place| place + 1);
        here.unwrap_or_else(|| self.end.map_or(0, |it| ends.partition_point(|(_, end)| *end < it)))
    }
}

impl History {
    fn of(page: Page<AuditRecord>) -> Self {
        let mut rows = page.rows;
        let more = rows.len() > AUDIT_ROWS || page.next.is_some();
        rows.truncate(AUDIT_ROWS);
        let older = rows.last().filter(|_| more).map(|row| RowPlace(row.at.clone()));
        Self { rows, older }
    }
}

impl RowPlace {
    /// Reads a place out of an address.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (moment, request) = text.split_once('#')?;
        let is_moment = moment.len() == 13 && moment.bytes().all(|c| c.is_ascii_digit());
        let is_request = (1..=MAX_REQUEST_ID_CHARS).contains(&request.chars().count())
            && request.chars().all(|c| !c.is_control());
        (is_moment && is_request).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl LicenseList {
    fn of(found: Vec<(License, IssuanceRecord)>, unreadable: usize) -> Self {
        let more = found.len() > PAGE_ROWS;
        let found: Vec<_> = found.into_iter().take(PAGE_ROWS).map(Arc::new).collect();
        let next = found.last().filter(|_| more).map(|last| last.0.id.clone());
        Self { found, next, unreadable, left_out: 0 }
    }
}
