//! The command that counts.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use falconer_domain::UnixMillis;
use falconer_operator::chart::{self, PageWidth};
use falconer_operator::import_export::atomic_file::AtomicFile;
use falconer_operator::stats::Statistics;
use serde_json::{Value, json};

use crate::args::Stats;
use crate::commands::CommandContext;
use crate::output::render;
use crate::output::{self, OutputError, Voice};

pub(crate) async fn run(context: &CommandContext<'_>, stats: &Stats) -> Result<()> {
    context.check_output_is_free(stats.chart.as_deref())?;
    let mut statistics = Statistics::of_days(stats.days, context.now);
    context
        .look_through(|row, _| {
            statistics.license(&row.license, context.now);
            ControlFlow::Continue(())
        })
        .await?;
    context.progress("Looking through the whole audit …");
    statistics.read_audit(context.store, |_| ControlFlow::Continue(())).await?;
    if let Some(file) = &stats.chart {
        draw(&statistics, file)?;
    }
    if context.options.json {
        return Ok(output::document(&document(&statistics, stats.chart.as_deref()))?);
    }
    let voice = Voice::beside(stats.chart.as_deref());
    voice.line(render::licenses_counted(&statistics))?;
    voice.line(format!("\n{}", render::days_counted(&statistics)))?;
    voice.line(format!("\n{}", render::refusals_counted(&statistics)))?;
    if let (Some(file), Voice::Output) = (&stats.chart, voice) {
        voice.line(format!("\nThe picture: {}", file.display()))?;
    }
    Ok(())
}

fn draw(statistics: &Statistics, file: &Path) -> Result<()> {
    let svg = chart::svg(statistics, PageWidth::Wide)
        .map_err(anyhow::Error::msg)
        .context("the picture cannot be drawn")?;
    Ok(AtomicFile::whole(file, svg.as_bytes()).map_err(|why| OutputError::at(file, why))?)
}

fn document(statistics: &Statistics, chart: Option<&Path>) -> Value {
    let day = |(start, day): (&i64, &falconer_operator::stats::Day)| {
        json!({
            "day": render::date(UnixMillis(*start)), "activations": day.activations,
            "transfers": day.transfers, "verifications": day.verifications, "refusals": day.refusals,
        })
    };
    json!({
        "licenses": statistics.licenses,
        "days": statistics.days.iter().map(day).collect::<Vec<_>>(),
        "refusals": statistics.refusals,
        "chartFile": chart.map(|file| file.display().to_string()),
    })
}
