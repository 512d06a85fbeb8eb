//! `cargo xtask moving`: moves a table of the Flask server in from a real PostgreSQL, and our own export out of other
//! programs and in again.
//!
//! Every key is verified, and each answer that differs from the old server's has to be one that is wanted. What
//! LibreOffice, openpyxl, pandas and psql make of an export has to read back without loss.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

use crate::http;
use crate::packages::{self, Package};
use crate::ports;
use crate::process::Output;
use crate::python::Environment;
use crate::stack::{self, Stack};
use crate::step;
use crate::tools;
use crate::workspace::Workspace;

/// The zone that the old server and its database ran in; `tests/moving/table.py` has it too.
const ZONE: &str = "Europe/Berlin";
/// The files that the table is exported to, and their programs.
const EXPORTS: [(&str, &str); 4] = [
    ("psql.csv", "psql's \\copy as CSV"),
    ("psql.txt", "psql's \\copy as text"),
    ("pandas.csv", "pandas"),
    ("pgadmin.csv", "pgAdmin"),
];
/// The programs that open our export and save it again; `tests/moving/resave.py` knows them.
const PROGRAMS: [&str; 7] = [
    "libreoffice",
    "libreoffice-semicolons",
    "libreoffice-xlsx",
    "openpyxl",
    "pandas",
    "pandas-text",
    "psql",
];

/// Excel's cells end after 32,767 characters, and LibreOffice cuts longer ones without a word: no row of the round trips has
/// as much.
const MAX_CELL_BYTES: usize = 32_000;

/// Installs what is missing, brings the stack up on free ports, and runs every part.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    packages::ensure(workspace, &Package::POSTGRESQL)?;
    packages::ensure(workspace, &Package::LIBREOFFICE)?;
    let tools = tools::MOVING.install(workspace)?;
    let options = stack::StackOptions {
        port: ports::free_port()?,
        release: false,
        data: None,
        concurrency: 1,
        rate_limit: 0,
        allowed_origins: None,
        output: Output::Log,
        folder: "moving".to_owned(),
    };
    let folder = workspace.target("moving")?.join("files");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("{} cannot be removed", folder.display()))?;
    }
    fs::create_dir_all(&folder)?;
    let stack = Stack::start(workspace, &options)?;
    let moving = Moving { workspace, stack: &stack, tools: &tools, folder };
    moving.fill_table()?;
    moving.forgotten_zone()?;
    for (export, writer) in EXPORTS {
        println!("\n== the table as written by {writer}");
        moving.import(export).with_context(|| format!("the table as written by {writer}"))?;
    }
    println!("\n== an import in the wrong zone, mended by a second one");
    moving.mended_zone().context("an import in the wrong zone, mended by a second one")?;
    moving.round_trips()
}

/// A stack, and what works on it.
struct Moving<'a> {
    workspace: &'a Workspace,
    stack: &'a Stack<'a>,
    tools: &'a Environment,
    folder: PathBuf,
}

impl Moving<'_> {
    /// Fills a PostgreSQL and exports it; it is gone afterwards.
    fn fill_table(&self) -> Result<()> {
        let seed = packages::seed(self.workspace);
        match &seed {
            Some(_) => println!("The Flask server of the seed document answers for the old system."),
            None => println!(
                "There is no ../shared/seeds/000_… beside the checkout: the old system's answers come from the rule in \
                 tests/moving/table.py."
            ),
        }
        let mut command = self.python("table.py");
        command.arg("--folder").arg(&self.folder).args(["--port", &ports::free_port()?.to_string()]);
        if let Some(seed) = seed {
            command.arg("--seed").arg(seed);
        }
        print!("{}", step::tell(&mut command, &self.stack.legacy_master()?)?);
        let mut tiers = serde_json::Map::new();
        for (tier, key) in self.stack.keys.all().skip(1) {
            let answer = http::post(&format!("{}/api/verify", self.stack.url), &json!({ "license": key }))?;
            tiers.insert(tier.to_owned(), answer.json()["features"].clone());
        }
        fs::write(self.folder.join("catalog.json"), Value::Object(tiers).to_string())?;
        Ok(())
    }

    /// Without `--timezone` the import stops, writes nothing, and names the zone.
    fn forgotten_zone(&self) -> Result<()> {
        let file = self.file("psql.csv");
        let refused = self.stack.operator().run(&["import", "postgres", &file, "--yes"]);
        let said = refused.err().context("a forgotten time zone was not noticed")?.to_string();
        ensure!(said.contains(&format!("`--timezone {ZONE}`")), "the message names no zone: {said}");
        println!("A forgotten time zone is noticed.");
        Ok(())
    }

    fn import(&self, export: &str) -> Result<()> {
        self.empty()?;
        let import = ["import", "postgres", &self.file(export), "--timezone", ZONE, "--yes"];
        // Rows that are refused are in the list of differences, or the keys would tell.
        print!("{}", self.stack.operator().try_run(&import)?);
        self.compare(export)
    }

    fn mended_zone(&self) -> Result<()> {
        self.empty()?;
        let file = self.file("psql.csv");
        let operator = self.stack.operator();
        operator.try_run(&["import", "postgres", &file, "--trust-timezone", "--yes"])?;
        ensure!(self.compare("psql.csv").is_err(), "ends that are an hour off were not noticed");
        operator.try_run(&["import", "postgres", &file, "--timezone", ZONE, "--update", "--yes"])?;
        self.compare("psql.csv")
    }

    /// Every key of an export, asked about.
    fn compare(&self, export: &str) -> Result<()> {
        let mut command = self.python("answers.py");
        command.args(["--url", &self.stack.url]);
        for (flag, name) in
            [("--answers", "answers.json"), ("--catalog", "catalog.json"), ("--export", export)]
        {
            command.arg(flag).arg(self.folder.join(name));
        }
        print!("{}", step::ask(&mut command)?);
        Ok(())
    }

    /// Our export, through each program and in again: the export after it is the export before it, byte for byte.
    fn round_trips(&self) -> Result<()> {
        self.bind_a_device()?;
        let (before, again) = (self.file("export.csv"), self.file("again.csv"));
        self.stack.operator().run(&["export", "csv", "--output", &before])?;
        let exported = fs::read_to_string(&before)?;
        let fitting = exported.split_inclusive('\n').filter(|line| line.len() < MAX_CELL_BYTES);
        fs::write(&before, fitting.collect::<String>())?;
        let mut lost = Vec::new();
        for program in PROGRAMS {
            let resaved = self.file(&format!("{program}.csv"));
            let mut command = self.python("resave.py");
            command.args([program, &before, &resaved]).args(["--port", &ports::free_port()?.to_string()]);
            command.arg("--folder").arg(self.folder.join("resaved"));
            step::ask(&mut command).with_context(|| format!("{program} failed"))?;
            self.empty()?;
            let imported = self.stack.operator().try_run(&["import", "sheet", &resaved, "--yes"])?;
            self.stack.operator().run(&["export", "csv", "--output", &again])?;
            match difference(&fs::read_to_string(&before)?, &fs::read_to_string(&again)?) {
                None => println!("ok      our export, saved again by {program}, reads back without loss"),
                Some(difference) => {
                    println!("FAILED  our export, saved again by {program}: {difference}\n{imported}");
                    lost.push(program);
                }
            }
        }
        if !lost.is_empty() {
            bail!("an export that was saved again by {} did not read back", lost.join(", "));
        }
        Ok(())
    }

    /// So that the export has a cell of JSON.
    fn bind_a_device(&self) -> Result<()> {
        let answers: Value = serde_json::from_str(&fs::read_to_string(self.folder.join("answers.json"))?)?;
        let rows = answers.as_array().into_iter().flatten();
        let good = rows.rev().find(|row| row["status"] == 200 && row["kind"] == "plain");
        let key = good.and_then(|row| row["key"].as_str()).context("no license of the table is valid")?;
        let body = json!({
            "license": key,
            "device_name": "Anna's \"laptop\"; 2",
            "hardware": { "mac": "moving-device-mac", "board": "moving-device-board" },
        });
        let answer = http::post(&format!("{}/api/activate-sync", self.stack.url), &body)?;
        ensure!(answer.status == 200, "a device was not bound: {} {}", answer.status, answer.text);
        Ok(())
    }

    /// No license is left.
    fn empty(&self) -> Result<()> {
        let environment = &self.stack.environment;
        let mut command = self.python("empty.py");
        command.args([environment.get("AWS_ENDPOINT_URL_DYNAMODB")?, environment.get("LICENSES_TABLE")?]);
        step::ask(&mut command).map(drop)
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn python(&self, script: &str) -> std::process::Command {
        let mut command = self.workspace.command(self.tools.program("python"));
        command.arg(Path::new("tests/moving").join(script));
        command
    }
}

/// The first line in which two exports differ, and its first cells on both sides; `None` if they do not.
fn difference(before: &str, after: &str) -> Option<String> {
    if before == after {
        return None;
    }
    let (mut one, mut other) = (before.lines(), after.lines());
    loop {
        let (was, is) = (one.next(), other.next());
        if was != is {
            let shown =
                |line: Option<&str>| line.unwrap_or("(nothing)").chars().take(400).collect::<String>();
            return Some(format!("\n  before {}\n  after  {}", shown(was), shown(is)));
        }
        was?;
    }
}
