//! The command that fills a local stack with made-up customers.

use anyhow::Result;
use falconer_operator::demo_data::{self, DemoData};
use serde_json::json;

use crate::commands::{CommandContext, product};
use crate::output;

/// Issues what is missing; a second run finds everything there.
pub(crate) async fn run(context: &CommandContext<'_>) -> Result<()> {
    let product = product::resolve(context, None).await?;
    let made = demo_data::issue(context.store, context.ring, context.actor, &product, context.now).await?;
    let DemoData { issued, there } = made;
    if context.options.json {
        let outcome = if issued == 0 { "unchanged" } else { "changed" };
        return Ok(output::document(&json!({ "outcome": outcome, "issued": issued, "there": there }))?);
    }
    Ok(output::line(format!("{issued} licenses issued to made-up customers, {there} there already."))?)
}
