//! The command that finds licenses by what a customer writes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use falconer::finding::Sought;
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::{Catalog, License, LicenseId, Product};
use serde_json::json;

use crate::arguments::Find;
use crate::failure::bad_input;
use crate::inputs;
use crate::licenses::{Office, PageOf};
use crate::lists::{Listed, Way};
use crate::output;
use crate::shown;

/// How many licenses are followed, each the one that took the place of the one before.
const MOST_ROTATIONS: usize = 16;

impl Office<'_> {
    pub(crate) async fn find_text(&self, find: &Find) -> Result<()> {
        let text = match find.text.as_slice() {
            [only] if only == "-" => inputs::text(Path::new("-"))?,
            words => words.join(" "),
        };
        let sought = Sought::read(&text).ok_or_else(|| bad_input("there is no text to look for"))?;
        let Listed { mut found, way } = self.sought(&sought, find).await?;
        let more = found.len() > find.limit;
        found.truncate(find.limit);
        if self.manners.json {
            let mut licenses = Vec::new();
            for (license, issuance) in found {
                licenses.push(shown::license_json(&self.desk.standing(license).await?, &issuance, self.now));
            }
            let through = way == Way::LookedThrough;
            let document = json!({ "licenses": licenses, "more": more, "lookedThrough": through });
            return Ok(output::document(&document)?);
        }
        output::line(shown::list_text(&found, self.now))?;
        if more {
            output::line(format!("There are more: --limit shows more than {}.", find.limit))?;
        }
        if way == Way::Direct {
            self.say("Found without looking through the whole table; --everywhere does that as well.");
        }
        Ok(())
    }

    async fn sought(&self, sought: &Sought, find: &Find) -> Result<Listed> {
        let page = PageOf { after: None, limit: find.limit };
        let mut found = self.looked_up(sought, &page).await?;
        if !found.is_empty() && !find.everywhere {
            return Ok(Listed { found, way: Way::Direct });
        }
        if found.is_empty() && sought.has_mistyped_key(self.ring) {
            self.say(
                "A key in this text is not one that this key ring has made: a character of it may be wrong.",
            );
        }
        let mut known: BTreeSet<LicenseId> = found.iter().map(|(license, _)| license.id.clone()).collect();
        self.look_through(|row, issuance| {
            if sought.fits(&row.license, &issuance, self.ring) && known.insert(row.license.id.clone()) {
                found.push((row.license, issuance));
            }
            if found.len() > page.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
        Ok(Listed { found, way: Way::LookedThrough })
    }

    /// What keys, ids, orders and the indexes name. A key names its license whatever else is in the text.
    async fn looked_up(&self, sought: &Sought, page: &PageOf) -> Result<Vec<(License, IssuanceRecord)>> {
        let named = self.read_with_successors(sought.named(self.ring), page).await?;
        if !named.is_empty() {
            return Ok(named);
        }
        let mut ids = Vec::new();
        if let Some(order) = sought.order() {
            ids.extend(self.store.order(&order).await?.map(|placed| placed.license));
        }
        if let Some(user) = sought.user_id() {
            ids.extend(self.store.licenses_of_user(user.as_str()).await?);
        }
        for address in sought.addresses() {
            ids.extend(self.store.licenses_of_email(address.as_str()).await?);
        }
        if ids.is_empty() {
            ids = sought.of_free_texts(self.ring, &self.known_catalogs().await?);
        }
        self.read_with_successors(ids, page).await
    }

    /// The catalogs of the products that can be told without a look-through.
    async fn known_catalogs(&self) -> Result<Vec<Catalog>> {
        let configured = self.product.and_then(|code| Product::parse(&code.trim().to_uppercase()));
        let products: BTreeSet<_> = Product::parse("QF").into_iter().chain(configured).collect();
        let mut catalogs = Vec::new();
        for product in products {
            let stored = self.store.catalog(&product).await?;
            catalogs.extend(stored.or_else(|| Catalog::built_in(&product)));
        }
        Ok(catalogs)
    }

    /// These licenses, each followed by those that took its place: a customer may have the key of years ago.
    async fn read_with_successors(
        &self,
        ids: Vec<LicenseId>,
        page: &PageOf,
    ) -> Result<Vec<(License, IssuanceRecord)>> {
        let mut known = BTreeSet::new();
        let mut found = Vec::new();
        for id in ids {
            let mut next = Some(id);
            for _ in 0..MOST_ROTATIONS {
                let Some(id) = next.take().filter(|id| known.insert(id.clone())) else { break };
                let Some(row) = self.store.license(&id).await? else { break };
                let issuance = row.issuance()?;
                next.clone_from(&row.license.replaced_by);
                found.push((row.license, issuance));
            }
            if found.len() > page.limit {
                break;
            }
        }
        Ok(found)
    }
}
