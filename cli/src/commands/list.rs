//! The command that lists licenses.

use anyhow::Result;
use falconer_domain::person::{Email, PersonName};
use falconer_domain::{CalendarDate, LicenseId};
use falconer_operator::license_state::LicenseState;
use falconer_operator::listing::{LicensePage, PageOf, SearchMethod, Selection};
use serde_json::json;

use crate::args::List;
use crate::commands::CommandContext;
use crate::failure::{Failure, bad_input};
use crate::output;
use crate::output::render;

pub(crate) async fn run(context: &CommandContext<'_>, list: List) -> Result<()> {
    let after = list.after.as_deref().map(|text| {
        let sentence = || bad_input(format!("--after {text} is not a license id (lic_…)"));
        LicenseId::parse(text.trim()).ok_or_else(sentence)
    });
    let page = PageOf { after: after.transpose()?, limit: list.limit };
    let selection = selection(context, &list)?;
    let page = context.listing(&|event| context.print_event(event)).list(&selection, &page).await?;
    CommandContext::print_unreadable(page.unreadable);
    let LicensePage { found, method, more, .. } = page;
    let next = found.last().filter(|_| more).map(|(license, _)| license.id.to_string());
    if context.options.json {
        let licenses = context.license_documents(found).await?;
        let through = method == SearchMethod::LookedThrough;
        return Ok(output::document(
            &json!({ "licenses": licenses, "more": more, "next": next, "lookedThrough": through }),
        )?);
    }
    output::line(render::list_text(&found, context.now))?;
    if let Some(next) = next {
        let limit = list.limit;
        output::line(format!("There are more: --after {next} goes on, --limit shows more than {limit}."))?;
    }
    if method == SearchMethod::Direct && list.email.is_some() {
        context.progress(
            "Addresses that were typed in applications are not among these; `falconer find --everywhere` looks \
             through all of them.",
        );
    }
    Ok(())
}

fn selection(context: &CommandContext<'_>, list: &List) -> Result<Selection> {
    if let Some(days) = list.expiring {
        return Ok(Selection::Ending(context.now, context.now.plus_days(days)));
    }
    if let Some(days) = list.updates_ending {
        let today = CalendarDate::of(context.now);
        return Ok(Selection::UpdatesEnding(today, today.plus_days(days)));
    }
    if let Some(typed) = &list.user {
        return Ok(Selection::OfUser(given(PersonName::read(typed)?, "--user")?));
    }
    if let Some(typed) = &list.email {
        return Ok(Selection::OfEmail(given(Email::read(typed)?, "--email")?));
    }
    if let Some(typed) = &list.name {
        return Ok(Selection::Named(given(PersonName::read(typed)?, "--name")?));
    }
    if let Some(typed) = &list.status {
        return Ok(Selection::InState(state(typed)?, context.now));
    }
    Ok(Selection::All)
}

fn given<T>(read: Option<T>, flag: &str) -> Result<T, Failure> {
    read.ok_or_else(|| bad_input(format!("{flag} is empty")))
}

fn state(text: &str) -> Result<LicenseState, Failure> {
    LicenseState::parse(text)
        .ok_or_else(|| bad_input(format!("{text:?} is not active, pending, suspended, revoked or expired")))
}
