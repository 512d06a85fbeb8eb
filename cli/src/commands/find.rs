//! The command that finds licenses by what a customer writes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::Result;
use falconer_domain::LicenseId;
use falconer_operator::lookup::Lookup;
use falconer_operator::search::SearchQuery;
use serde_json::json;

use crate::args::Find;
use crate::commands::CommandContext;
use crate::commands::list::{LicensePage, SearchMethod};
use crate::failure::bad_input;
use crate::input;
use crate::output;
use crate::output::render;

pub(crate) async fn run(context: &CommandContext<'_>, find: &Find) -> Result<()> {
    let text = match find.text.as_slice() {
        [only] if only == "-" => input::text(Path::new("-"))?,
        words => words.join(" "),
    };
    let query = SearchQuery::read(&text).ok_or_else(|| bad_input("there is no text to look for"))?;
    let LicensePage { mut found, way } = matching(context, &query, find).await?;
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
        let through = way == SearchMethod::LookedThrough;
        let document = json!({ "licenses": licenses, "more": more, "lookedThrough": through });
        return Ok(output::document(&document)?);
    }
    output::line(render::list_text(&found, context.now))?;
    if more {
        output::line(format!("There are more: --limit shows more than {}.", find.limit))?;
    }
    if way == SearchMethod::Direct {
        context.progress("Found without looking through the whole table; --everywhere does that as well.");
    }
    Ok(())
}

async fn matching(context: &CommandContext<'_>, query: &SearchQuery, find: &Find) -> Result<LicensePage> {
    let lookup = Lookup { store: context.store, ring: context.ring, product: context.product };
    let mut found = lookup.find(query, find.limit).await?;
    if !found.is_empty() && !find.everywhere {
        return Ok(LicensePage { found, way: SearchMethod::Direct });
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
            if found.len() > find.limit { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await?;
    Ok(LicensePage { found, way: SearchMethod::LookedThrough })
}
