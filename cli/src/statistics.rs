//! The command that counts.

use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result};
use falconer::chart;
use falconer::moving::side_file::SideFile;
use falconer::stats::Statistics;
use falconer_domain::UnixMillis;
use serde_json::{Value, json};

use crate::arguments::Stats;
use crate::licenses::Office;
use crate::output::{self, OutputError, Voice};
use crate::shown;

impl Office<'_> {
    pub(crate) async fn stats(&self, stats: &Stats) -> Result<()> {
        self.leaves_output_to_json(stats.chart.as_deref())?;
        let mut statistics = Statistics::of_days(stats.days, self.now);
        self.look_through(|row, _| {
            statistics.license(&row.license, self.now);
            ControlFlow::Continue(())
        })
        .await?;
        self.say("Looking through the whole audit …");
        let mut place = None;
        loop {
            let (rows, next) = self.store.happened_since(statistics.since(), place).await?;
            for row in &rows {
                statistics.happened(row);
            }
            place = next;
            if place.is_none() {
                break;
            }
        }
        if let Some(file) = &stats.chart {
            draw(&statistics, file)?;
        }
        if self.manners.json {
            return Ok(output::document(&document(&statistics, stats.chart.as_deref()))?);
        }
        let voice = Voice::beside(stats.chart.as_deref());
        voice.line(shown::licenses_counted(&statistics))?;
        voice.line(format!("\n{}", shown::days_counted(&statistics)))?;
        voice.line(format!("\n{}", shown::refusals_counted(&statistics)))?;
        if let (Some(file), Voice::Output) = (&stats.chart, voice) {
            voice.line(format!("\nThe picture: {}", file.display()))?;
        }
        Ok(())
    }
}

fn draw(statistics: &Statistics, file: &Path) -> Result<()> {
    let svg = chart::svg(statistics).map_err(anyhow::Error::msg).context("the picture cannot be drawn")?;
    Ok(SideFile::whole(file, svg.as_bytes()).map_err(|why| OutputError::at(file, why))?)
}

fn document(statistics: &Statistics, chart: Option<&Path>) -> Value {
    let day = |(start, day): (&i64, &falconer::stats::Day)| {
        json!({
            "day": shown::date(UnixMillis(*start)), "activations": day.activations,
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
