//! `cargo xtask tidy`: counts the habits of names and sentences that make the tree hard to read, and checks the subjects of
//! new commits.
//!
//! Each count has a limit: a run fails above it.

mod commits;
mod habits;
mod sources;

use anyhow::{Result, bail};

use self::sources::Sources;
use crate::workspace::Workspace;

/// The choices of a developer.
#[derive(clap::Args, Default)]
pub(crate) struct TidyOptions {
    /// Show the place of each finding.
    #[arg(long)]
    list: bool,
}

/// A habit, how it is measured, and how much of it is allowed.
struct Habit {
    name: &'static str,
    limit: usize,
    measure: fn(&Sources) -> Measurement,
}

/// A count, and the places that it counts.
struct Measurement {
    count: usize,
    findings: Vec<String>,
}

impl Measurement {
    /// One for each finding.
    fn of(findings: Vec<String>) -> Self {
        Self { count: findings.len(), findings }
    }
}

/// Lower a limit after the tree has got better; raise none.
const HABITS: [Habit; 10] = [
    Habit {
        name: "doc lines that begin with What, Its, Whether, Who, Which or Where, of 1,000",
        limit: 50,
        measure: habits::headless_clauses,
    },
    Habit {
        name: "\"is no\", \"is none\", \"stands\", \"ours\", \"is told\" in documents and doc lines",
        limit: 40,
        measure: habits::calques,
    },
    Habit { name: "S1 and S2 in code", limit: 0, measure: habits::old_systems_in_code },
    Habit {
        name: "S1 and S2 in documents outside the glossary",
        limit: 0,
        measure: habits::old_systems_in_documents,
    },
    Habit { name: "type names in three files or more", limit: 3, measure: habits::repeated_types },
    Habit { name: "median length of test names", limit: 34, measure: habits::median_test_name },
    Habit { name: "longest test name", limit: 55, measure: habits::longest_test_name },
    Habit { name: "lines of README.md", limit: 150, measure: habits::readme_lines },
    Habit {
        name: "documents that documents cite and nobody has",
        limit: 0,
        measure: habits::dead_citations_in_documents,
    },
    Habit {
        name: "documents that comments cite and nobody has",
        limit: 0,
        measure: habits::dead_citations_in_comments,
    },
];

/// Prints every count and fails for those above their limit, and for bad subjects of new commits.
pub(crate) fn run(workspace: &Workspace, options: &TidyOptions) -> Result<()> {
    let sources = Sources::read(workspace)?;
    let mut above = Vec::new();
    println!("{:>6} {:>6}", "count", "limit");
    for habit in &HABITS {
        let measured = (habit.measure)(&sources);
        println!("{:>6} {:>6}  {}", measured.count, habit.limit, habit.name);
        let too_many = measured.count > habit.limit;
        if options.list || too_many {
            measured.findings.iter().for_each(|finding| println!("         {finding}"));
        }
        if too_many {
            above.push(format!("\n  {}: {} and not at most {}", habit.name, measured.count, habit.limit));
        }
    }
    let bad_subjects = commits::bad_subjects(workspace)?;
    above.extend(bad_subjects.into_iter().map(|complaint| format!("\n  {complaint}")));
    if !above.is_empty() {
        bail!("the tree got untidier; `cargo xtask tidy --list` shows each place:{}", above.concat());
    }
    Ok(())
}
