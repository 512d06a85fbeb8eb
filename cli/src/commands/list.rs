//! The command that lists licenses.

use anyhow::Result;
use falconer_aws::operator::IssuanceRecord;
use falconer_domain::person::{self, Email, PersonName};
use falconer_domain::{License, LicenseId, Status};
use serde_json::json;

use crate::args::List;
use crate::commands::{CommandContext, PageOf};
use crate::failure::{Failure, bad_input};
use crate::output;
use crate::output::render;

/// How licenses were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SearchMethod {
    /// By their ids, or by an index.
    Direct,
    /// Every license was looked at.
    LookedThrough,
}

/// Some licenses, one more than the page has where there are more.
pub(crate) struct LicensePage {
    pub(crate) found: Vec<(License, IssuanceRecord)>,
    pub(crate) way: SearchMethod,
}

pub(crate) async fn run(context: &CommandContext<'_>, list: List) -> Result<()> {
    let after = list.after.as_deref().map(|text| {
        let sentence = || bad_input(format!("--after {text} is not a license id (lic_…)"));
        LicenseId::parse(text.trim()).ok_or_else(sentence)
    });
    let page = PageOf { after: after.transpose()?, limit: list.limit };
    let LicensePage { mut found, way } = listed(context, &list, &page).await?;
    let more = found.len() > list.limit;
    found.truncate(list.limit);
    let next = found.last().filter(|_| more).map(|(license, _)| license.id.to_string());
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
        return Ok(output::document(
            &json!({ "licenses": licenses, "more": more, "next": next, "lookedThrough": through }),
        )?);
    }
    output::line(render::list_text(&found, context.now))?;
    if let Some(next) = next {
        let limit = list.limit;
        output::line(format!("There are more: --after {next} goes on, --limit shows more than {limit}."))?;
    }
    if way == SearchMethod::Direct && list.email.is_some() {
        context.progress(
            "Addresses that were typed in applications are not among these; `falconer find --everywhere` looks \
             through all of them.",
        );
    }
    Ok(())
}

async fn listed(context: &CommandContext<'_>, list: &List, page: &PageOf) -> Result<LicensePage> {
    if let Some(days) = list.expiring {
        let ids = context.store.licenses_ending(context.now, context.now.plus_days(days)).await?;
        return Ok(LicensePage { found: read_all(context, ids, page).await?, way: SearchMethod::Direct });
    }
    if let Some(typed) = &list.user {
        let user = given(PersonName::read(typed)?, "--user")?;
        let ids = context.store.licenses_of_user(user.as_str()).await?;
        let is_theirs = |license: &License| {
            license.user_id.as_deref().is_some_and(|stored| person::is_same(stored, user.as_str()))
        };
        return indexed_or_looked_up(context, ids, page, is_theirs).await;
    }
    if let Some(typed) = &list.email {
        let email = given(Email::read(typed)?, "--email")?;
        let ids = context.store.licenses_of_email(email.as_str()).await?;
        let is_theirs = |license: &License| {
            [&license.email, &license.licensee_email].into_iter().flatten().any(|it| it.is_same_as(&email))
        };
        return indexed_or_looked_up(context, ids, page, is_theirs).await;
    }
    let name = match &list.name {
        Some(typed) => Some(given(PersonName::read(typed)?, "--name")?),
        None => None,
    };
    let status = list.status.as_deref().map(status).transpose()?;
    let is_wanted = |license: &License| {
        let is_named = |name: &PersonName| {
            let stored = license.licensee_name.as_ref();
            stored.is_some_and(|stored| person::holds(stored.as_str(), name.as_str()))
        };
        name.as_ref().is_none_or(is_named) && status.is_none_or(|it| it == license.status)
    };
    Ok(LicensePage { found: context.scan_page(page, is_wanted).await?, way: SearchMethod::LookedThrough })
}

/// The licenses that an index names, or, where it names none, those that a look-through finds.
async fn indexed_or_looked_up(
    context: &CommandContext<'_>,
    ids: Vec<LicenseId>,
    page: &PageOf,
    is_wanted: impl Fn(&License) -> bool,
) -> Result<LicensePage> {
    if ids.is_empty() {
        return Ok(LicensePage {
            found: context.scan_page(page, is_wanted).await?,
            way: SearchMethod::LookedThrough,
        });
    }
    Ok(LicensePage { found: read_all(context, ids, page).await?, way: SearchMethod::Direct })
}

pub(crate) async fn read_all(
    context: &CommandContext<'_>,
    mut ids: Vec<LicenseId>,
    page: &PageOf,
) -> Result<Vec<(License, IssuanceRecord)>> {
    if let Some(after) = &page.after {
        let behind = ids.iter().position(|id| id == after).map_or(ids.len(), |place| place + 1);
        ids.drain(..behind);
    }
    let mut found = Vec::new();
    for id in ids.into_iter().take(page.limit.saturating_add(1)) {
        if let Some(row) = context.store.license(&id).await? {
            let issuance = row.issuance()?;
            found.push((row.license, issuance));
        }
    }
    Ok(found)
}

fn given<T>(read: Option<T>, flag: &str) -> Result<T, Failure> {
    read.ok_or_else(|| bad_input(format!("{flag} is empty")))
}

fn status(text: &str) -> Result<Status, Failure> {
    Status::parse(&text.trim().to_lowercase())
        .ok_or_else(|| bad_input(format!("{text} is not active, pending, suspended or revoked")))
}
