//! The bench: Falconer's functions timed, counted and weighed beside what else one could have built, and a load that
//! lasts. `cargo xtask bench` and `cargo xtask load` build what it needs and start it.
//!
//! Nothing here is asserted of a time. Instructions and units repeat themselves; milliseconds are of one machine, and
//! every road is loopback.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock and its PATH; no rule depends on it")]

mod charts;
mod cost;
mod figures;
mod growth;
mod instance;
mod instructions;
mod load;
mod machine;
mod memory;
mod process;
mod profile;
mod report;
mod road;
mod servers;
mod share;
mod speed;
mod stage;
mod subject;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::instructions::Counter;
use crate::machine::MachineInfo;
use crate::report::Report;
use crate::share::ShareEffort;
use crate::speed::Effort;
use crate::stage::Stage;
use crate::subject::{Built, Road, Roads, Subjects};

/// The head of every report.
const EMULATED: &str = "Emulated: DynamoDB by dynoxide and Secrets Manager by a responder, both in the driver; API \
                        Gateway and Lambda by the local gateway; every road is loopback.";

#[derive(Parser)]
struct BenchArguments {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Measure.
    Bench(BenchOptions),
    /// Print where the instructions go, crate by crate.
    Profile(ProfileOptions),
    /// Mixed traffic for minutes, with functions killed and an outage in between.
    Load(load::LoadOptions),
}

#[derive(Args)]
struct BenchOptions {
    /// The folder of our built functions.
    #[arg(long)]
    programs: PathBuf,
    /// The folder of the built rivals.
    #[arg(long)]
    rivals: PathBuf,
    /// A Python with what the Python rivals import.
    #[arg(long)]
    python: PathBuf,
    /// The document that the Flask server is taken from.
    #[arg(long)]
    seed: Option<PathBuf>,
    /// The folder for results.
    #[arg(long)]
    results: PathBuf,
    /// Output of the client library's measurement, as JSON.
    #[arg(long)]
    client: Option<String>,
    /// Few rounds, and growth only to 10,000 licenses: to see that it runs.
    #[arg(long)]
    quick: bool,
    /// Only these parts.
    #[arg(long, value_enum, num_args = 1..)]
    only: Vec<Part>,
}

#[derive(Args)]
struct ProfileOptions {
    /// The folder of our built functions, with line tables.
    #[arg(long)]
    programs: PathBuf,
    /// The folder of the built rivals, the same.
    #[arg(long)]
    rivals: PathBuf,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Instructions,
    Speed,
    Shares,
    Servers,
    Memory,
    Growth,
}

fn main() -> Result<()> {
    match BenchArguments::parse().command {
        BenchCommand::Bench(options) => bench(&options),
        BenchCommand::Profile(options) => profile(&options),
        BenchCommand::Load(options) => load::run(&options),
    }
}

fn profile(options: &ProfileOptions) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let programs = |path: &Path| std::path::absolute(path);
    let built = Built {
        programs: programs(&options.programs)?,
        rivals: programs(&options.rivals)?,
        python: PathBuf::new(),
    };
    let stage = Stage::set()?;
    let roads = Roads::build(&stage, folder.path())?;
    let customer = stage.issue(1)?;
    let event = stage::event(&customer.key)?;
    let counter = Counter { stage: &stage, customer: &customer, event: &event, folder: folder.path() };
    profile::print(&counter, &roads, &Subjects::of(&built))
}

fn bench(options: &BenchOptions) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let absolute =
        |path: &Path| path.canonicalize().with_context(|| format!("there is no {}", path.display()));
    let built = Built {
        programs: absolute(&options.programs)?,
        rivals: absolute(&options.rivals)?,
        // Not resolved: a virtual environment's Python is a link, and knows its packages by its own place.
        python: std::path::absolute(&options.python)?,
    };
    let subjects = Subjects::of(&built);
    let stage = Stage::set()?;
    let roads = Roads::build(&stage, folder.path())?;
    let wanted = |part: Part| options.only.is_empty() || options.only.contains(&part);
    let often = |few: usize, many: usize| if options.quick { few } else { many };

    let mut report = Report {
        date: jiff::Timestamp::now().strftime("%Y-%m-%d").to_string(),
        machine: MachineInfo::look(&built.python),
        emulated: EMULATED,
        instructions: Vec::new(),
        speed: Vec::new(),
        sizes: Vec::new(),
        shares: Vec::new(),
        servers: Vec::new(),
        costs: None,
        client: options.client.as_deref().map(serde_json::from_str).transpose()?,
        memory: Vec::new(),
        growth: Vec::new(),
    };
    if wanted(Part::Instructions) {
        println!("Instructions (P1, P2)");
        report.instructions = instructions::count(&stage, &roads, &subjects, folder.path())?;
    }
    if wanted(Part::Speed) {
        println!("Cold starts and warm verifications (P5, P7, P9)");
        let effort = Effort { starts: often(3, 12), blocks: often(2, 20) };
        report.sizes = speed::weigh(&subjects)?;
        report.speed = speed::time(&stage, &roads, &subjects, effort)?;
        let bytes = servers::bytes(&stage, &built.programs)?;
        let measured = |name: &str| {
            let row = report.speed.iter().find(|row| row.name == name && row.road == roads.near.name)?;
            let processor_ms = row.processor_us / 1_000.0;
            Some(cost::Measured { wall_ms: row.until_free.p50_ms, processor_ms, bytes })
        };
        report.costs = measured("verify").map(|verify| cost::bills(verify, measured("python")));
    }
    if wanted(Part::Shares) {
        println!("Parts of a core (P6, P8)");
        let bytes = servers::bytes(&stage, &built.programs)?;
        let effort = ShareEffort { starts: often(2, 5), verifications: often(20, 300) };
        report.shares = share::measure(&stage, &roads, &subjects, bytes, effort)?;
    }
    if wanted(Part::Servers) {
        println!("Servers side by side (P5)");
        let options = servers::ServerOptions {
            programs: &built.programs,
            python: &built.python,
            seed: options.seed.as_deref(),
            folder: folder.path(),
            span: Duration::from_secs(often(2, 8) as u64),
        };
        report.servers = servers::compare(&stage, &options)?;
    }
    if wanted(Part::Memory) {
        println!("Memory of an instance (P7)");
        let (programs, invocations) = (&built.programs, often(2_000, 100_000));
        // Stores of its own: a row of the audit for each invocation stays in the driver's memory.
        let stage = Stage::set()?;
        let road = Road::plain(stage.database.endpoint(), &stage.secrets.endpoint());
        report.memory = memory::measure(&stage, &road, programs, &subjects.hello, invocations)?;
    }
    if wanted(Part::Growth) {
        println!("Growth (P11)");
        let sizes: &[usize] = if options.quick { &[10_000] } else { &[10_000, 100_000, 1_000_000] };
        // A table of its own: the licenses of the other parts would be counted with it.
        report.growth = growth::grow(&Stage::set()?, &subjects.verify, sizes)?;
    }
    report.print();
    report.write(&options.results)
}
