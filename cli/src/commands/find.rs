//! The command that finds licenses by what a customer writes.

use std::path::Path;

use anyhow::Result;
use falconer_operator::listing::{Extent, LicensePage, SearchMethod};
use falconer_operator::search::SearchQuery;
use serde_json::json;

use crate::args::Find;
use crate::commands::CommandContext;
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
    let extent = if find.everywhere { Extent::Everywhere } else { Extent::Indexes };
    let page = context.listing(&|event| context.print_event(event)).find(&query, find.limit, extent).await?;
    CommandContext::print_unreadable(page.unreadable);
    let LicensePage { found, method, more, .. } = page;
    if context.options.json {
        let licenses = context.license_documents(found).await?;
        let through = method == SearchMethod::LookedThrough;
        let document = json!({ "licenses": licenses, "more": more, "lookedThrough": through });
        return Ok(output::document(&document)?);
    }
    output::line(render::list_text(&found, context.now))?;
    if more {
        output::line(format!("There are more: --limit shows more than {}.", find.limit))?;
    }
    if method == SearchMethod::Direct {
        context.progress("Found without looking through the whole table; --everywhere does that as well.");
    }
    Ok(())
}
