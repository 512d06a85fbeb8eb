//! Results of a run: a table for a person, JSON for a program, pictures for a document.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::Value;

use crate::charts::{self, Curve};
use crate::cost::Costs;
use crate::figures::real;
use crate::machine::MachineInfo;
use crate::{growth, instructions, memory, servers, share, speed, subject};

/// A title, and a line for each row.
type Section = (&'static str, Vec<String>);

/// Everything of a run. What was not measured is not there.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The day, as `2026-11-22`.
    pub(crate) date: String,
    pub(crate) machine: MachineInfo,
    /// A sentence that names what was emulated.
    pub(crate) emulated: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) instructions: Vec<instructions::InstructionsRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) speed: Vec<speed::SpeedRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) sizes: Vec<speed::Size>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) shares: Vec<share::ShareRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) servers: Vec<servers::ServersRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) costs: Option<Costs>,
    /// Output of the client library's own measurement.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client: Option<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) memory: Vec<memory::MemoryRow>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) growth: Vec<growth::GrowthRow>,
}

impl Report {
    /// Writes `<date>.json` and the pictures; what is there of the same day is replaced.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder)?;
        let file = folder.join(format!("{}.json", self.date));
        let text = serde_json::to_string_pretty(self)? + "\n";
        std::fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        let picture = |name: &str| folder.join(format!("{}-{name}.svg", self.date));
        let curves: Vec<_> = self
            .servers
            .iter()
            .filter(|row| row.callers == 1 && row.store_delay_ms > 0.0)
            .map(|row| Curve { name: row.name.to_owned(), samples: row.samples.clone() })
            .collect();
        if !curves.is_empty() {
            charts::latency(
                &picture("servers"),
                "A verification over HTTP, one caller, stores 3 ms away",
                &curves,
            )?;
        }
        let curves: Vec<_> = self
            .speed
            .iter()
            .filter(|row| row.road == subject::NEAR_ROAD)
            .map(|row| Curve { name: row.name.to_owned(), samples: row.samples.clone() })
            .collect();
        if !curves.is_empty() {
            charts::latency(
                &picture("functions"),
                "A warm verification, stores 3 ms away over TLS",
                &curves,
            )?;
        }
        if let Some(costs) = &self.costs {
            charts::costs(&picture("costs"), costs)?;
        }
        if self.growth.len() > 1 {
            charts::growth(&picture("growth"), &self.growth)?;
        }
        println!("\nWritten: {} and its pictures", file.display());
        Ok(())
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        print!("\n{}", self.text());
    }

    fn text(&self) -> String {
        let machine = &self.machine;
        let mut text = format!(
            "{}, {} cores, {} GiB, {}, {}\n{}\n",
            machine.processor,
            machine.cores,
            machine.memory_gib,
            machine.kernel,
            machine.rustc,
            self.emulated
        );
        let sections = [
            self.of_instructions(),
            self.of_functions(),
            self.of_sizes(),
            self.of_shares(),
            self.of_servers(),
            self.of_costs(),
            self.of_client(),
            self.of_memory(),
            self.of_growth(),
        ];
        for (title, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
            // Writing into a string cannot fail.
            let _ = writeln!(text, "\n{title}\n{}", rows.join("\n"));
        }
        text
    }

    fn of_instructions(&self) -> Section {
        let millions = |count: u64| real(count) / 1e6;
        let rows = self
            .instructions
            .iter()
            .map(|row| {
                format!(
                    "  {:<28} {:>12.3} {:>12.3} {:>14.3}",
                    row.name,
                    millions(row.start_plain),
                    millions(row.start_tls),
                    millions(row.each)
                )
            })
            .collect();
        ("P1, P2  million instructions          start   start, TLS    each verify", rows)
    }

    fn of_functions(&self) -> Section {
        let rows = self
            .speed
            .iter()
            .map(|row| {
                format!(
                    "  {:<22} {:<12} {:>8.1} {:>8.1} {:>10.1} {:>10.2} {:>7.2} {:>9.2} {:>9.0} {:>9.1}",
                    row.name,
                    row.road,
                    row.ready_ms,
                    row.ready_processor_ms,
                    row.first_answer_ms,
                    row.warm.p50_ms,
                    row.warm.p99_ms,
                    row.until_free.p50_ms,
                    row.processor_us,
                    row.peak_memory_mib
                )
            })
            .collect();
        (
            "P1, P5, P7  milliseconds  road          ready      CPU  1st answer   warm p50    p99   free p50   CPU us   peak MiB",
            rows,
        )
    }

    fn of_sizes(&self) -> Section {
        let rows = self
            .sizes
            .iter()
            .map(|row| {
                let mebibytes = |bytes: u64| real(bytes) / 1_048_576.0;
                format!(
                    "  {:<30} {:>10.2} {:>10.2}",
                    row.name,
                    mebibytes(row.bytes),
                    mebibytes(row.zipped_bytes)
                )
            })
            .collect();
        ("P7  MiB                                binary     zipped", rows)
    }

    fn of_shares(&self) -> Section {
        let rows = self
            .shares
            .iter()
            .map(|row| {
                let million = row.million.map(|dollars| format!("{dollars:.2}")).unwrap_or_default();
                format!(
                    "  {:<14} {:<10} {:>5} {:>8.0} {:>11.0} {:>10.2} {:>7.2} {:>9.2} {:>7.2} {:>9.2} {:>8}",
                    row.name,
                    row.road,
                    row.memory_mb,
                    row.ready_ms,
                    row.first_answer_ms,
                    row.alone.p50_ms,
                    row.alone.p99_ms,
                    row.in_a_row.p50_ms,
                    row.in_a_row.p99_ms,
                    row.billed_ms,
                    million
                )
            })
            .collect();
        (
            "P6, P8  milliseconds   road      MB    ready  1st answer  alone p50    p99   row p50    p99    billed  dollars",
            rows,
        )
    }

    fn of_servers(&self) -> Section {
        let rows = self
            .servers
            .iter()
            .map(|row| {
                format!(
                    "  {:<26} {:>7} {:>10.0} {:>9.2} {:>8.2} {:>10.0}",
                    row.name,
                    row.callers,
                    row.store_delay_ms,
                    row.latency.p50_ms,
                    row.latency.p99_ms,
                    row.per_second
                )
            })
            .collect();
        ("P5  over HTTP                callers   store ms      p50      p99   a second", rows)
    }

    fn of_costs(&self) -> Section {
        let rows = self
            .costs
            .iter()
            .flat_map(|costs| &costs.bills)
            .map(|bill| format!("  {:<38} {:>10.1} {:>10.2}", bill.name, bill.billed_ms, bill.million))
            .collect();
        ("P9  list price a million                 billed ms    dollars", rows)
    }

    fn of_client(&self) -> Section {
        let rows = self.client.iter().map(|client| format!("  {client}")).collect();
        ("P10  status()", rows)
    }

    fn of_memory(&self) -> Section {
        let rows = self
            .memory
            .iter()
            .map(|row| {
                let looks: Vec<_> =
                    row.resident_mib.iter().map(|(done, mib)| format!("{mib:.1} after {done}")).collect();
                format!("  {:<16} {:>9.0}   {}", row.name, row.bytes_each, looks.join(", "))
            })
            .collect();
        ("P7  memory        bytes each   resident MiB after so many invocations", rows)
    }

    fn of_growth(&self) -> Section {
        let rows = self
            .growth
            .iter()
            .map(|row| {
                format!(
                    "  {:>12} {:>18} {:>13} {:>12} {:>13.2}",
                    row.licenses, row.read_units, row.write_units, row.item_bytes, row.warm.p50_ms
                )
            })
            .collect();
        ("P11  licenses          read units   write units   item bytes   warm p50 ms", rows)
    }
}
