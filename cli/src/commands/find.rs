//! The command that finds licenses by what a customer writes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::{Catalog, License, LicenseId, Product};
use falconer_operator::search::SearchQuery;
use serde_json::json;

use crate::args::Find;
use crate::commands::list::{Listed, Way};
use crate::commands::{CommandContext, PageOf};
use crate::failure::bad_input;
use crate::input;
use crate::output;
use crate::output::render;

/// How many licenses are followed, each the one that took the place of the one before.
const MOST_ROTATIONS: usize = 16;

pub(crate) async fn run(context: &CommandContext<'_>, find: &Find) -> Result<()> {
    let text = match find.text.as_slice() {
        [only] if only == "-" => input::text(Path::new("-"))?,
        words => words.join(" "),
    };
    let query = SearchQuery::read(&text).ok_or_else(|| bad_input("there is no text to look for"))?;
    let Listed { mut found, way } = matching(context, &query, find).await?;
    let more = found.len() > find.limit;
    found.truncate(find.limit);
    if context.options.json {
        let mut licenses = Vec::new();
        for (license, issuance) in found {
            licenses.push(render::license_json(
                &context.service.standing(license).await?,
                &issuance,
                context.now,
            ));
        }
        let through = way == Way::LookedThrough;
        let document = json!({ "licenses": licenses, "more": more, "lookedThrough": through });
        return Ok(output::document(&document)?);
    }
    output::line(render::list_text(&found, context.now))?;
    if more {
        output::line(format!("There are more: --limit shows more than {}.", find.limit))?;
    }
    if way == Way::Direct {
        context.progress("Found without looking through the whole table; --everywhere does that as well.");
    }
    Ok(())
}

async fn matching(context: &CommandContext<'_>, query: &SearchQuery, find: &Find) -> Result<Listed> {
    let page = PageOf { after: None, limit: find.limit };
    let mut found = looked_up(context, query, &page).await?;
    if !found.is_empty() && !find.everywhere {
        return Ok(Listed { found, way: Way::Direct });
    }
    if found.is_empty() && query.has_mistyped_key(context.ring) {
        context.progress(
            "A key in this text is not one that this key ring has made: a character of it may be wrong.",
        );
    }
    let mut known: BTreeSet<LicenseId> = found.iter().map(|(license, _)| license.id.clone()).collect();
    context
        .look_through(|row, issuance| {
            if query.fits(&row.license, &issuance, context.ring) && known.insert(row.license.id.clone()) {
                found.push((row.license, issuance));
            }
            if found.len() > page.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
    Ok(Listed { found, way: Way::LookedThrough })
}

/// Finds licenses by keys, ids, orders and indexes. A key takes precedence over the rest of the text.
async fn looked_up(
    context: &CommandContext<'_>,
    query: &SearchQuery,
    page: &PageOf,
) -> Result<Vec<(License, IssuanceRecord)>> {
    let named = read_with_successors(context, query.named(context.ring), page).await?;
    if !named.is_empty() {
        return Ok(named);
    }
    let mut ids = Vec::new();
    if let Some(order) = query.order() {
        ids.extend(context.store.order(&order).await?.map(|placed| placed.license));
    }
    if let Some(user) = query.user_id() {
        ids.extend(context.store.licenses_of_user(user.as_str()).await?);
    }
    for address in query.addresses() {
        ids.extend(context.store.licenses_of_email(address.as_str()).await?);
    }
    if ids.is_empty() {
        ids = query.of_free_texts(context.ring, &known_catalogs(context).await?);
    }
    read_with_successors(context, ids, page).await
}

/// The catalogs of the products that can be told without a look-through.
async fn known_catalogs(context: &CommandContext<'_>) -> Result<Vec<Catalog>> {
    let configured = context.product.and_then(|code| Product::parse(&code.trim().to_uppercase()));
    let products: BTreeSet<_> = Product::parse("QF").into_iter().chain(configured).collect();
    let mut catalogs = Vec::new();
    for product in products {
        let stored = context.store.catalog(&product).await?;
        catalogs.extend(stored.or_else(|| Catalog::built_in(&product)));
    }
    Ok(catalogs)
}

/// These licenses, each followed by those that took its place: a customer may have the key of years ago.
async fn read_with_successors(
    context: &CommandContext<'_>,
    ids: Vec<LicenseId>,
    page: &PageOf,
) -> Result<Vec<(License, IssuanceRecord)>> {
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for id in ids {
        let mut next = Some(id);
        for _ in 0..MOST_ROTATIONS {
            let Some(id) = next.take().filter(|id| known.insert(id.clone())) else { break };
            let Some(row) = context.store.license(&id).await? else { break };
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
