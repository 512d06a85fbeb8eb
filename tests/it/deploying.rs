//! `docs/deploying.md`: the drill that ran it, and the mark on each sentence that no drill can run.

use std::collections::BTreeSet;
use std::fs;

use falconer_tests::checkout;

/// Ends a sentence that only an account can prove.
const MARK: char = '†';
/// Services, tools and events of AWS. A sentence that names one has its mark or a line in `SHOWN`.
const OF_AWS: [&str; 44] = [
    "AWS",
    "CloudFormation",
    "CodeDeploy",
    "CloudFront",
    "CloudWatch",
    "DynamoDB",
    "Lambda",
    "Secrets Manager",
    "IAM ",
    "SAM ",
    "HTTP API",
    "X-Ray",
    "gateway",
    "alarm",
    "alias",
    "account",
    "distribution",
    "that of an edge",
    "With 128 MB",
    "canary",
    "sam deploy",
    "--guided",
    "--beta-features",
    "--disable-rollback",
    "Certificate Manager",
    "CNAME",
    "HostedZoneId` the stack",
    "`ApiUrl` is",
    "provided.al2023",
    "processor time",
    "most instances",
    "Two stacks",
    "ten minutes",
    "description must not",
    "version before",
    "log level",
    "answer waits",
    "catalog, or an operator",
    "`Retain",
    "deletion protection",
    "public name",
    "Neither way",
    "$0.",
    "Not shown:",
];

/// The reason why a sentence about AWS needs no mark.
enum Shown {
    /// This act of the drill plays it.
    Act(usize),
    /// The test of this name holds it.
    Test(&'static str),
    /// It is about the drill, the emulator, our scripts or a choice of ours, and says nothing about AWS.
    Ours,
}

/// The beginnings of the sentences that name AWS and have no mark.
const SHOWN: [(&str, Shown); 28] = [
    ("It deploys [template.yaml]", Shown::Act(1)),
    ("The blocks of commands on this page need an account", Shown::Ours),
    ("With the stack's name it also asks the account", Shown::Act(1)),
    ("**Act 1** deploys into an empty account", Shown::Act(1)),
    ("Metrics have the dimension `Stack`", Shown::Test("alarms_watch_the_stack_that_writes")),
    ("**Put no other proxy than CloudFront", Shown::Test("forged_header_without_secret_is_ignored")),
    ("With a wrong one, none, two", Shown::Test("wrong_secret_is_ignored")),
    ("It is a parameter with `NoEcho`", Shown::Ours),
    ("First deploy `OriginVerifySecret=NEW,OLD`", Shown::Test("viewer_is_the_caller_with_the_secret")),
    ("Requests go to the alias `live`", Shown::Act(3)),
    ("SAM alone would not notice it", Shown::Act(3)),
    ("The template therefore names the parameters", Shown::Act(3)),
    ("**Act 3** deploys new code", Shown::Act(3)),
    ("Take the alarms away", Shown::Test("ringing_alarm_can_be_taken_from_a_deployment")),
    ("CloudFormation rolls everything back", Shown::Act(4)),
    ("**Act 4** deploys a package", Shown::Act(4)),
    ("No request fails, each alias is where it was", Shown::Act(4)),
    ("Check out the version before and deploy it", Shown::Ours),
    ("Deploy the version before with", Shown::Ours),
    ("[scripts/adopt.sh](../scripts/adopt.sh) puts both tables", Shown::Act(6)),
    ("It cuts their part out of `template.yaml`", Shown::Act(6)),
    ("The emulated account is ministack", Shown::Ours),
    ("Where it lacks something, or differs from AWS", Shown::Ours),
    ("The account enforces what the roles allow", Shown::Act(1)),
    ("It does not notice a missing right to write logs", Shown::Ours),
    ("deploy the version before with", Shown::Ours),
    ("the trial takes ten minutes", Shown::Ours),
    ("`Retain` stays:", Shown::Ours),
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
    let sections = self::page();
    let sections: Vec<_> = sections.split("\n## ").filter(|section| section.contains("**Act ")).collect();
    assert_eq!(sections.len(), not_shown.len(), "\"Six sections name one of its acts each\"");
    for (number, (sentence, section)) in (1..).zip(not_shown.iter().zip(sections)) {
        assert!(section.contains(&format!("**Act {number}** ")), "act {number} is not in {section}");
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

/// A sentence, a cell of a table or an item of a list, each with its mark if it has one. Headings, commands, and cells that
/// quote a parameter or a line of the script say nothing.
fn sentences(page: &str) -> Vec<String> {
    let mut parts = Vec::new();
    let mut inside_code = false;
    for paragraph in page.split("\n\n").map(str::trim) {
        inside_code ^= paragraph.matches("```").count() % 2 == 1;
        if inside_code || paragraph.starts_with("```") || paragraph.starts_with('#') {
            continue;
        }
        let rows = paragraph.starts_with('|');
        let pieces: Vec<_> =
            if rows { paragraph.split('|').map(flowing).collect() } else { vec![flowing(paragraph)] };
        let quotes = |piece: &String| piece.starts_with('`') && piece.ends_with('`');
        for piece in pieces.into_iter().filter(|piece| !(rows && quotes(piece))) {
            // A mark belongs to the sentence before it.
            let ended = piece.replace(&format!(". {MARK}"), &format!("{MARK}\n")).replace(". ", ".\n");
            parts.extend(ended.lines().map(|sentence| sentence.trim().to_owned()));
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The sentences that name something of AWS, have no mark, and begin with nothing in `SHOWN`.
fn unproven(sentences: &[String]) -> Vec<&String> {
    let shown = |sentence: &str| SHOWN.iter().any(|(beginning, _)| sentence.starts_with(beginning));
    let of_aws = |sentence: &str| OF_AWS.iter().any(|name| sentence.contains(name));
    sentences
        .iter()
        .filter(|sentence| of_aws(sentence) && !sentence.contains(MARK) && !shown(sentence))
        .collect()
}

/// The page without its list of bridges, which `page_lists_every_bridge` holds to the emulator.
fn without_bridges() -> String {
    let (page, mut inside) = (page(), false);
    let kept = page.lines().filter(|line| {
        if line.starts_with("## ") {
            inside = *line == "## The drill's bridges";
        }
        !(inside && line.starts_with("- "))
    });
    kept.collect::<Vec<_>>().join("\n")
}

#[test]
fn marks_what_only_aws_proves() {
    let sentences = sentences(&without_bridges());
    let unmarked = unproven(&sentences);
    assert!(unmarked.is_empty(), "names AWS, and has neither {MARK} nor what shows it: {unmarked:#?}");
    let marked = sentences.iter().filter(|sentence| sentence.contains(MARK)).count();
    assert!(marked > 70, "{marked} sentences of {} have a mark", sentences.len());
}

/// `OF_AWS` knows a word of every sentence that has a mark today, so that a mark that goes is missed.
#[test]
fn each_mark_is_missed_where_it_is_gone() {
    let marked: Vec<_> = sentences(&without_bridges()).into_iter().filter(|one| one.contains(MARK)).collect();
    let bare: Vec<_> = marked.iter().map(|sentence| sentence.replace(MARK, "")).collect();
    let missed = unproven(&bare);
    let quiet: Vec<_> = bare.iter().filter(|sentence| !missed.contains(sentence)).collect();
    assert!(quiet.is_empty(), "nothing asks for the mark of {quiet:#?}");
}

#[test]
fn each_sentence_without_a_mark_is_shown() {
    let sentences = sentences(&without_bridges());
    let sources: String = ["tests/it/deployment.rs", "tests/it/behind_cloudfront.rs"].map(read).concat();
    let acts = texts(&read("xtask/src/deploy_drill/acts.rs"), "not_shown").len();
    for (beginning, shown) in &SHOWN {
        let found = sentences.iter().filter(|sentence| sentence.starts_with(beginning)).count();
        assert_eq!(found, 1, "sentences that begin with {beginning:?}");
        let exists = match shown {
            Shown::Act(number) => (1..=acts).contains(number),
            Shown::Test(name) => sources.contains(&format!("#[test]\nfn {name}()")),
            Shown::Ours => true,
        };
        assert!(exists, "nothing of that name shows {beginning:?}");
    }
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
