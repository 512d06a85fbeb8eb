//! `audit`: the events of one license.

use std::time::Duration;

use anyhow::Result;
use falconer_operator::time;
use serde_json::json;

use crate::args::Audit;
use crate::commands::CommandContext;
use crate::failure::bad_input;
use crate::output::{self, render};

/// Interval at which `--follow` reads new rows.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(2);

/// Prints the audit of a license, and goes on with `--follow`.
pub(crate) async fn run(context: &CommandContext<'_>, arguments: &Audit) -> Result<()> {
    let id = context.find(&arguments.of.license).await?.license.id;
    let since = arguments.since.as_deref().map(time::from).transpose()?.unwrap_or_default();
    if context.options.json && arguments.follow {
        let sentence = "--follow prints as it goes and --json one document at the end; give one of them";
        return Err(bad_input(sentence).into());
    }
    let rows = context.store.audit_since(&id, since).await?;
    if context.options.json {
        let rows: Vec<_> = rows.iter().map(render::audit_json).collect();
        return Ok(output::document(&json!({ "licenseId": id.as_str(), "audit": rows }))?);
    }
    output::to_be_read(render::audit_text(&rows))?;
    let mut last = rows.last().map(|row| row.at.clone()).unwrap_or_default();
    if !arguments.follow {
        return Ok(());
    }
    loop {
        tokio::time::sleep(FOLLOW_INTERVAL).await;
        let rows = match last.as_str() {
            "" => context.store.audit_since(&id, since).await?,
            last => context.store.audit_after(&id, last).await?,
        };
        rows.iter().try_for_each(|row| output::to_be_read(render::audit_line(row)))?;
        last = rows.last().map_or(last, |row| row.at.clone());
    }
}
