//! Where the instructions of P1 and P2 go, crate by crate: `cargo xtask bench --profile`. The programs are release builds
//! with line tables, so that code which was inlined counts for the crate that wrote it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use crate::figures::real;
use crate::instructions::{Counter, LONG, SHORT, TLS_STARTS};
use crate::subject::{MeasuredProgram, Road, Roads, Subjects};

/// Instructions by crate.
type Crates = BTreeMap<String, i64>;

/// Instructions without a source line: those of the C library.
const NO_LINE: &str = "no source line";

/// Smallest part of Falconer's instructions with which a crate has a row.
const SMALLEST_PART: f64 = 0.01;
/// Counts a program's instructions over a road.
type Count<'a> = &'a dyn Fn(&MeasuredProgram, &Road) -> Result<Crates>;

/// A name for all crates without a row.
const REST: &str = "every other";

/// Prints three tables: a start over plain HTTP, one over TLS, and a warm verification.
pub(crate) fn print(counter: &Counter<'_>, roads: &Roads, subjects: &Subjects) -> Result<()> {
    let start = |subject: &MeasuredProgram, road: &Road| {
        // The least of them, as for P1: a handshake that is made again is not counted.
        let starts = (0..TLS_STARTS).map(|_| Ok(crates(&counter.written(subject, road, 0)?)));
        let starts = starts.collect::<Result<Vec<Crates>>>()?;
        starts.into_iter().min_by_key(|crates| crates.values().sum::<i64>()).context("it was started")
    };
    let each = |subject: &MeasuredProgram, road: &Road| {
        let short = crates(&counter.written(subject, road, SHORT)?);
        let mut long = crates(&counter.written(subject, road, LONG)?);
        for (name, count) in short {
            *long.entry(name).or_default() -= count;
        }
        let calls = i64::try_from(LONG - SHORT)?;
        Ok(long.into_iter().map(|(name, count)| (name, count / calls)).collect())
    };
    let tables: [(&str, Count<'_>, &Road); 3] = [
        ("a start over plain HTTP", &start, &roads.plain),
        ("a start over TLS", &start, &roads.tls),
        ("a verification", &each, &roads.plain),
    ];
    for (title, count, road) in tables {
        let (ours, bare) = (count(&subjects.verify, road)?, count(&subjects.bare_calls, road)?);
        println!("\nThousand instructions of {title}\n{}", table(&ours, &bare));
    }
    Ok(())
}

/// A row for each crate that counts, the largest of ours first.
fn table(ours: &Crates, bare: &Crates) -> String {
    let total = |crates: &Crates| crates.values().sum::<i64>();
    let least = SMALLEST_PART * real(total(ours).unsigned_abs());
    let names: BTreeSet<_> = ours.keys().chain(bare.keys()).collect();
    let mut rest = (0, 0);
    let mut rows = Vec::new();
    for name in names {
        let of = |crates: &Crates| crates.get(name).copied().unwrap_or_default();
        let (our, their) = (of(ours), of(bare));
        if real(our.max(their).unsigned_abs()) < least {
            rest = (rest.0 + our, rest.1 + their);
        } else {
            rows.push((name.as_str(), our, their));
        }
    }
    rows.sort_by_key(|(_, our, their)| -(our + their));
    rows.push((REST, rest.0, rest.1));
    rows.push(("together", total(ours), total(bare)));
    let lines = rows.iter().map(|(name, our, their)| {
        let thousand = |count: &i64| format!("{:.0}", real(count.unsigned_abs()) / 1e3);
        format!("  {name:<28} {:>10} {:>10}", thousand(our), thousand(their))
    });
    let head = format!("  {:<28} {:>10} {:>10}", "crate", "falconer", "bare-calls");
    std::iter::once(head).chain(lines).collect::<Vec<_>>().join("\n")
}

/// Sums of a file that callgrind wrote: a line of cost belongs to the source file that was named last, but for the line
/// after `calls=`, which has the costs of the called function.
fn crates(text: &str) -> Crates {
    let mut names = BTreeMap::new();
    let (mut crates, mut current, mut is_call) = (Crates::new(), NO_LINE.to_owned(), false);
    for line in text.lines() {
        let (mark, file) = line.split_once('=').unwrap_or((line, ""));
        match mark {
            "fl" | "fi" | "fe" | "cfl" | "cfi" => {
                // `(3) path` names a file, and `(3)` repeats it.
                let (number, path) = file.split_once(' ').unwrap_or((file, ""));
                if !path.is_empty() {
                    names.insert(number, crate_of(path));
                }
                if !mark.starts_with('c') {
                    current = names.get(number).cloned().unwrap_or_else(|| NO_LINE.to_owned());
                }
            }
            "calls" => is_call = true,
            _ if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) => {
                let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<i64>().ok());
                if let (false, Some(cost)) = (is_call, cost) {
                    *crates.entry(current.clone()).or_default() += cost;
                }
                is_call = false;
            }
            _ => {}
        }
    }
    crates
}

/// The crate of a source file, without its version.
fn crate_of(path: &str) -> String {
    let folders: Vec<_> = path.split('/').collect();
    let place = |name: &str| folders.iter().rposition(|folder| *folder == name);
    // A registry's folder has `src/INDEX/NAME-VERSION`, and every other crate its own `src`.
    let folder = match (place("registry"), place("src")) {
        (Some(registry), _) => folders.get(registry + 3),
        (None, Some(src)) => src.checked_sub(1).and_then(|folder| folders.get(folder)),
        (None, None) => None,
    };
    let versioned = folder.and_then(|folder| folder.rsplit_once('-'));
    let name = versioned.filter(|(_, version)| version.starts_with(|first: char| first.is_ascii_digit()));
    name.map(|(name, _)| name).or(folder.copied()).unwrap_or(NO_LINE).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "version: 1\nevents: Ir\nfl=(1) /home/x/registry/src/index-1/sha2-0.10.8/src/sha256.rs\n\
                           fn=(1) compress\n10 100\n+1 20\nfi=(2) /rustc/abc/library/core/src/num/mod.rs\n+3 7\n\
                           fe=(1)\n-2 3\ncfi=(3) ???\ncfn=(2) other\ncalls=4 20\n* 5000\n* 1\nfl=(3)\nfn=(2) other\n0 9\ntotals: 140\n";

    #[test]
    fn inlined_code_counts_for_the_crate_that_wrote_it() {
        let expected =
            [("sha2", 124), ("core", 7), (NO_LINE, 9)].map(|(name, count)| (name.to_owned(), count));
        assert_eq!(crates(WRITTEN), expected.into());
        assert_eq!(crates(WRITTEN).values().sum::<i64>(), 140);
        assert_eq!(crate_of("/checkout/shared/falconer-domain/src/lease.rs"), "falconer-domain");
        assert_eq!(crate_of("/x/registry/src/index-1/ring-0.17.14/pregenerated/p256-x86_64.S"), "ring");
    }

    #[test]
    fn small_crates_share_a_row() {
        let of =
            |rows: &[(&str, i64)]| rows.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let ours = of(&[("a", 90_000), ("b", 9_600), ("c", 400)]);
        let written = table(&ours, &of(&[("a", 80_000), ("d", 500)]));
        let rows: Vec<Vec<_>> = written.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(
            rows[1..],
            [
                vec!["a", "90", "80"],
                vec!["b", "10", "0"],
                vec!["every", "other", "0", "0"],
                vec!["together", "100", "80"]
            ]
        );
    }
}
