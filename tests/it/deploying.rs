//! `docs/deploying.md`: the drill that ran it, and the mark on each sentence that no drill can run.

use std::collections::BTreeSet;
use std::fs;

use falconer_tests::checkout;

/// Ends a sentence that only an account can prove.
const MARK: char = '†';
/// Services and events that the emulated account does not have, so that a sentence about one was never run.
const ONLY_ON_AWS: [&str; 9] = [
    "CodeDeploy ",
    "Certificate Manager",
    "CNAME",
    "HostedZoneId` the stack",
    "asks it to confirm",
    "a month until then",
    "ROLLBACK_FAILED",
    "75 GB",
    "Not shown:",
];

fn page() -> String {
    read("docs/deploying.md")
}

fn read(name: &str) -> String {
    fs::read_to_string(checkout().join(name)).unwrap()
}

/// The text with every line break a space.
fn flowing(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The values of `name: "…"` in a source, in their order.
fn texts(source: &str, name: &str) -> Vec<String> {
    let opening = format!("{name}: \"");
    let values = source.split(opening.as_str()).skip(1);
    values.map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
}

#[test]
fn page_has_each_act_of_the_drill() {
    let (source, page) = (read("xtask/src/deploy_drill/acts.rs"), flowing(&page()));
    let not_shown = texts(&source, "not_shown");
    assert_eq!(not_shown.len(), 6, "{not_shown:?}");
    for (number, sentence) in (1..).zip(&not_shown) {
        assert!(page.contains(&format!("**Act {number}** ")), "act {number} is not on the page");
        assert!(page.contains(&format!("Not shown: {sentence} {MARK}")), "the page lacks: {sentence}");
    }
}

#[test]
fn page_lists_every_bridge() {
    let source = read("xtask/python/account.py");
    let bridges: BTreeSet<_> = source
        .split("@bridge\ndef ")
        .skip(1)
        .map(|bridge| bridge.split("\"\"\"").nth(1).expect("a sentence about the bridge").to_owned())
        .collect();
    let page = page();
    let section = page.split("\n## ").find(|part| part.starts_with("The drill's bridges")).unwrap();
    let listed: BTreeSet<_> =
        section.lines().filter_map(|line| line.strip_prefix("- ")).map(str::to_owned).collect();
    assert_eq!(listed, bridges);
    assert!(bridges.len() > 5, "{bridges:?}");
}

/// A sentence, a cell of a table or an item of a list, each with its mark if it has one.
fn sentences(page: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut inside_code = false;
    for paragraph in page.split("\n\n") {
        inside_code ^= paragraph.matches("```").count() % 2 == 1;
        if inside_code || paragraph.starts_with("```") {
            continue;
        }
        let rows = paragraph.starts_with('|');
        let pieces: Vec<_> =
            if rows { paragraph.split('|').map(flowing).collect() } else { vec![flowing(paragraph)] };
        for piece in pieces {
            // A mark belongs to the sentence before it.
            let ended = piece.replace(&format!(". {MARK}"), &format!("{MARK}\n")).replace(". ", ".\n");
            parts.extend(ended.lines().map(|sentence| sentence.trim().to_owned()));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[test]
fn marks_what_only_aws_proves() {
    let sentences = sentences(&page());
    let unproven = |sentence: &&String| {
        // The list of bridges is about the emulator.
        !sentence.starts_with('-')
            && !sentence.contains(MARK)
            && ONLY_ON_AWS.iter().any(|word| sentence.contains(word))
    };
    let unmarked: Vec<_> = sentences.iter().filter(unproven).collect();
    assert!(unmarked.is_empty(), "only happens on AWS, and has no {MARK}: {unmarked:#?}");
    let marked = sentences.iter().filter(|sentence| sentence.contains(MARK)).count();
    assert!(marked > 25, "{marked} sentences of {} have a mark", sentences.len());
}

#[test]
fn versions_are_those_of_the_tools() {
    let (tools, page) = (read("xtask/src/tools.rs"), page());
    for tool in ["aws-sam-cli", "cargo-lambda", "ziglang", "awscli"] {
        let pinned = tools.split(&format!("\"{tool}==")).nth(1).unwrap().split('"').next().unwrap();
        let row = page.lines().find(|line| line.starts_with(&format!("| {tool} |"))).unwrap();
        assert!(row.ends_with(&format!("| {pinned} |")), "{tool} is pinned at {pinned}: {row}");
    }
    let ministack = tools.split("\"ministack==").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains(&format!("ministack {ministack}")), "the drill's emulator is {ministack}");
    let rust = read("Cargo.toml");
    let rust = rust.split("rust-version = \"").nth(1).unwrap().split('"').next().unwrap();
    assert!(page.contains(&format!("| Rust | {rust} at least")), "the workspace needs Rust {rust}");
}

#[test]
fn each_suspicion_has_its_line_in_the_script() {
    let (page, script) = (page(), read("scripts/smoke-aws.sh"));
    let table = page.split("| suspicion | decision and reason |").nth(1).unwrap();
    let rows: Vec<_> = table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 10, "{rows:?}");
    for row in rows {
        let cell = row.trim_matches(['|', ' ']).rsplit(" | ").next().unwrap();
        let quoted: Vec<_> = cell.split('`').skip(1).step_by(2).collect();
        assert!(cell.starts_with("none: ") || !quoted.is_empty(), "no look, and no reason for none: {row}");
        for look in quoted.iter().filter(|_| !cell.starts_with("none: ")) {
            assert!(script.contains(look), "scripts/smoke-aws.sh never says {look:?}");
        }
    }
}
