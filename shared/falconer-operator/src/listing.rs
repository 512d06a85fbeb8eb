//! Some licenses of all: by an index where one has them, else by a look through the whole table.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use falconer_aws::operator::IssuanceRecord;
use falconer_aws::store::LicenseRow;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::person::{self, Email, PersonName};
use falconer_domain::{CalendarDate, KeyRing, License, LicenseId, UnixMillis};

use crate::license_reader::LicenseReader;
use crate::license_state::LicenseState;
use crate::lookup::Lookup;
use crate::search::SearchQuery;

/// Tables and settings of a listing.
pub struct Listing<'a> {
    /// The tables.
    pub store: &'a StoreReader,
    /// The ring.
    pub ring: &'a KeyRing,
    /// The service that reads every license.
    pub service: &'a LicenseReader<'a>,
    /// The code of the configured product.
    pub product: Option<&'a str>,
    /// Hears of a listing that takes long, as it begins.
    pub tell: &'a dyn Fn(ListingEvent),
}

/// Events before the licenses of a listing are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListingEvent {
    /// The text has a key with a typing error in it.
    MistypedKey,
    /// Every license of the table is read now.
    LooksThrough,
}

/// The licenses that a list has.
pub enum Selection {
    /// Those that end between two moments, the soonest first.
    Ending(UnixMillis, UnixMillis),
    /// Those whose maintenance ends between two days, both included.
    UpdatesEnding(CalendarDate, CalendarDate),
    /// Those of a customer, by the vendor's own id.
    OfUser(PersonName),
    /// Those of an address that the vendor or an application gave.
    OfEmail(Email),
    /// Every license.
    All,
    /// Those whose name holds a text.
    Named(PersonName),
    /// Those in a state at a moment.
    InState(LicenseState, UnixMillis),
}

/// The part of a list that is wanted.
#[derive(Clone, Debug)]
pub struct PageOf {
    /// The license before it; `None` is the beginning.
    pub after: Option<LicenseId>,
    /// The number of licenses at most.
    pub limit: usize,
}

/// Extent of a search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Ids and indexes, and the whole table where they have nothing.
    Indexes,
    /// Ids, indexes and the whole table.
    Everywhere,
}

/// Some licenses. No `Debug`: they are about people.
pub struct LicensePage {
    /// The licenses.
    pub found: Vec<(License, IssuanceRecord)>,
    /// Their source.
    pub method: SearchMethod,
    /// True where there are more than fit on the page.
    pub more: bool,
    /// Rows of the table that do not read as licenses.
    pub unreadable: usize,
}

/// Source of the licenses of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchMethod {
    /// Ids, or an index.
    Direct,
    /// The whole table.
    LookedThrough,
}

impl LicensePage {
    fn of(
        mut found: Vec<(License, IssuanceRecord)>,
        limit: usize,
        method: SearchMethod,
        unreadable: usize,
    ) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        Self { found, method, more, unreadable }
    }
}

impl Listing<'_> {
    /// Lists licenses. A customer whom no index has is looked for in the whole table.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn list(&self, selection: &Selection, page: &PageOf) -> Result<LicensePage, StoreError> {
        let ids = match selection {
            Selection::Ending(from, until) => {
                let ids = self.store.licenses_ending(*from, *until).await?;
                return self.read(ids, page).await;
            }
            Selection::OfUser(user) => self.store.licenses_of_user(user.as_str()).await?,
            Selection::OfEmail(email) => self.store.licenses_of_email(email.as_str()).await?,
            Selection::All | Selection::Named(_) | Selection::InState(..) | Selection::UpdatesEnding(..) => {
                Vec::new()
            }
        };
        if !ids.is_empty() {
            return self.read(ids, page).await;
        }
        let wanted = |license: &License, _: &IssuanceRecord| selection.has(license);
        self.look_through(Vec::new(), page, wanted).await
    }

    /// Finds the licenses that a text can mean.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn find(
        &self,
        query: &SearchQuery,
        limit: usize,
        extent: Extent,
    ) -> Result<LicensePage, StoreError> {
        let lookup = Lookup { store: self.store, ring: self.ring, product: self.product };
        let found = lookup.find(query, limit).await?;
        if !found.is_empty() && extent == Extent::Indexes {
            return Ok(LicensePage::of(found, limit, SearchMethod::Direct, 0));
        }
        if found.is_empty() && query.has_mistyped_key(self.ring) {
            (self.tell)(ListingEvent::MistypedKey);
        }
        let fits = |license: &License, issuance: &IssuanceRecord| query.fits(license, issuance, self.ring);
        self.look_through(found, &PageOf { after: None, limit }, fits).await
    }

    /// Reads every license behind a page's beginning, until the page is full, and adds those that are wanted.
    async fn look_through(
        &self,
        mut found: Vec<(License, IssuanceRecord)>,
        page: &PageOf,
        wanted: impl Fn(&License, &IssuanceRecord) -> bool,
    ) -> Result<LicensePage, StoreError> {
        (self.tell)(ListingEvent::LooksThrough);
        let known: BTreeSet<LicenseId> = found.iter().map(|(license, _)| license.id.clone()).collect();
        let visit = |row: LicenseRow, issuance: IssuanceRecord| {
            if wanted(&row.license, &issuance) && !known.contains(&row.license.id) {
                found.push((row.license, issuance));
            }
            if found.len() > page.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let unreadable = self.service.each_after(page.after.as_ref(), visit).await?;
        Ok(LicensePage::of(found, page.limit, SearchMethod::LookedThrough, unreadable))
    }

    /// Reads the licenses of a page, and one more where there are more.
    async fn read(&self, mut ids: Vec<LicenseId>, page: &PageOf) -> Result<LicensePage, StoreError> {
        if let Some(after) = &page.after {
            let behind = ids.iter().position(|id| id == after).map_or(ids.len(), |place| place + 1);
            ids.drain(..behind);
        }
        let mut found = Vec::new();
        for id in ids.into_iter().take(page.limit.saturating_add(1)) {
            if let Some(row) = self.store.license(&id).await? {
                let issuance = row.issuance()?;
                found.push((row.license, issuance));
            }
        }
        Ok(LicensePage::of(found, page.limit, SearchMethod::Direct, 0))
    }
}

impl Selection {
    /// Returns true if a license belongs to the list.
    fn has(&self, license: &License) -> bool {
        match self {
            Self::Ending(from, until) => {
                license.expires_at.is_some_and(|end| (*from..=*until).contains(&end))
            }
            Self::UpdatesEnding(from, until) => {
                license.updates_until.is_some_and(|end| (*from..=*until).contains(&end))
            }
            Self::OfUser(user) => {
                license.user_id.as_deref().is_some_and(|stored| person::is_same(stored, user.as_str()))
            }
            Self::OfEmail(email) => {
                let addresses = [&license.email, &license.licensee_email];
                addresses.into_iter().flatten().any(|stored| stored.is_same_as(email))
            }
            Self::All => true,
            Self::Named(name) => {
                let stored = license.licensee_name.as_ref();
                stored.is_some_and(|stored| person::holds(stored.as_str(), name.as_str()))
            }
            Self::InState(state, at) => LicenseState::of(license, *at) == *state,
        }
    }
}
