//! Documents that the code must agree with.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use falconer_client::LockCode;
use falconer_domain::Code;
use falconer_domain::hardware::{self, Label, ReceivedComponents};
use falconer_domain::time::LATEST_END;
use falconer_emulators::template::Template;
use falconer_tests::{TestStack, checkout};

/// Words that occur in expressions alone.
const EXPRESSION_WORDS: [&str; 5] =
    ["attribute_not_exists", "attribute_exists", "if_not_exists", "\"SET ", "\"ADD "];

#[test]
fn errors_page_matches_the_codes() {
    let document = fs::read_to_string(checkout().join("docs/errors.md")).unwrap();
    let codes = Code::ALL.iter().filter(|code| code.status() >= 400);
    for row in codes.clone().map(|code| code.row()) {
        let section = format!(
            "## {}\n\n`{}` · {}\n\n**What to do:** {}\n",
            row.name, row.status, row.text, row.next_step
        );
        assert!(document.contains(&section), "docs/errors.md lacks:\n{section}");
    }
    assert_eq!(document.matches("\n## ").count(), codes.count(), "a section too many");
}

#[test]
fn architecture_names_existing_tests() {
    let document = fs::read_to_string(checkout().join("ARCHITECTURE.md")).unwrap();
    let sources = sources();
    let named: Vec<_> = document
        .split('`')
        .filter_map(|text| text.rsplit_once("::"))
        .filter(|(file, test)| {
            !file.contains('-') && !file.starts_with(char::is_uppercase) && test.contains('_')
        })
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for (path, test) in named {
        let module = path.rsplit("::").next().unwrap_or(path);
        let exists =
            sources.iter().any(|(name, text)| name == module && text.contains(&format!("fn {test}(")));
        assert!(exists, "{path}::{test} does not exist");
    }
}

/// Every file of Rust that holds tests, by the name its module has; `tests.rs` by that of the module it tests as well.
fn sources() -> Vec<(String, String)> {
    let folders = ["tests/it", "clients", "cli", "functions", "shared", "xtask/src"];
    let files = folders.into_iter().flat_map(|folder| crate::tidy::rust_files(&checkout().join(folder)));
    let stem = |path: &Path| path.file_stem().unwrap().to_string_lossy().into_owned();
    files
        .flat_map(|file| {
            let (own, folder) = (stem(&file), stem(file.parent().unwrap()));
            let names = match own.as_str() {
                "mod" => vec![folder],
                "tests" | "main" => vec![own, folder],
                _ => vec![own],
            };
            let text = fs::read_to_string(&file).unwrap();
            names.into_iter().map(move |name| (name, text.clone()))
        })
        .collect()
}

#[test]
fn reliability_names_existing_tests() {
    let (document, sources) = (page("docs/reliability.md"), sources());
    let exists = |module: &str, test: &str| {
        sources.iter().any(|(name, text)| name == module && text.contains(&format!("fn {test}(")))
    };
    let mut count = 0;
    // What begins with a capital is a type, whose part was taken out.
    let quoted = document.split('`').skip(1).step_by(2).filter_map(|text| text.split_once("::"));
    for (module, test) in quoted.filter(|(module, _)| !module.starts_with(char::is_uppercase)) {
        assert!(exists(module, test), "docs/reliability.md names {module}::{test}, which does not exist");
        count += 1;
    }
    assert!(count > 80, "{count}");
    // Each promise has a test, and the change that turned it red.
    let (faults, _) = document.split_once("\n## Round trips").expect("the faults come first");
    let sections: Vec<_> = faults.split("\n### ").skip(1).collect();
    for section in &sections {
        let (title, text) = section.split_once('\n').expect("a heading");
        let has = |part: &str| {
            let content =
                text.split_once(part).map(|(_, rest)| rest.split("\n\n").next().unwrap_or_default());
            content.is_some_and(|content| !content.is_empty())
        };
        assert!(has("**Tests.** "), "{title}: no tests");
        assert!(has("**Seen red without.** ") || has("**Kept by.** "), "{title}: nothing keeps it");
        assert!(text.contains("::"), "{title} names no test");
    }
    for fault in (1..=17).map(|number| format!("F{number}\n")) {
        assert!(sections.iter().any(|section| section.starts_with(&fault)), "no section {fault}");
    }
    assert!(sections.len() > 35, "{}", sections.len());
}

/// The README shows what `explain` prints: each line is one of the reference, which is run as it is written.
#[test]
fn readme_explains_as_the_reference() {
    let (readme, reference) = (page("README.md"), page("docs/cli.md"));
    let sample = readme.split("$ falconer explain").nth(1).and_then(|rest| rest.split("```").next());
    let lines: Vec<_> = sample.expect("a sample").lines().skip(2).filter(|line| !line.is_empty()).collect();
    assert!(lines.len() > 6, "{lines:?}");
    for line in lines {
        assert!(reference.lines().any(|known| known == line), "docs/cli.md has no line {line:?}");
    }
}

/// A newcomer looks a test up there.
#[test]
fn every_test_file_is_listed() {
    let page = page("CONTRIBUTING.md");
    for entry in fs::read_dir(checkout().join("tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "main") else { continue };
        let is_listed = [
            format!("| `{stem}.rs`"),
            format!("| `{stem}/`"),
            format!("`{stem}.rs`,"),
            format!(", `{stem}.rs` |"),
        ]
        .iter()
        .any(|form| page.contains(form));
        assert!(is_listed, "CONTRIBUTING.md has no row for tests/it/{name}");
    }
}

#[test]
fn documented_commands_work() {
    let stack = TestStack::start();
    let mut run = 0;
    // The catalog that a reader of the page saves.
    let folder = tempfile::tempdir().unwrap();
    let catalog = page("docs/your-product.md");
    let catalog =
        catalog.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a catalog");
    fs::write(folder.path().join("acme.toml"), catalog).unwrap();
    fs::write(folder.path().join("passphrase.txt"), "six words that nobody would guess\n").unwrap();
    for document in
        ["README.md", "docs/local-stack.md", "docs/operations.md", "docs/your-product.md", "docs/root-key.md"]
    {
        let text = fs::read_to_string(checkout().join(document)).unwrap();
        let commands = text.lines().filter_map(|line| {
            let line = line.split('#').next().unwrap_or_default().trim();
            line.strip_prefix("cargo run -q --bin falconer -- --local ")
                .or_else(|| line.strip_prefix("falconer "))
        });
        for command in commands.filter(|command| !command.contains('<')) {
            let arguments: Vec<_> = command.split_whitespace().collect();
            // As a person who is asked and says yes.
            let output = crate::issuing::falconer(&stack)
                .current_dir(&folder)
                .arg("--yes")
                .args(&arguments)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            // A generation that was added a moment ago is promoted a quarter of an hour later, as the documents say.
            let early = arguments == ["keyring", "promote"] && said.contains("wait until 15 have passed");
            assert!(output.status.success() || early, "{document}: falconer {command}: {said}");
            run += 1;
        }
    }
    assert!(run >= 6, "{run} commands found");
}

/// The pages about a license's limits and maintenance: every command of theirs, over the catalog that they show. A name in
/// angle brackets is one of a real license.
#[test]
fn commands_about_one_license_work() {
    for (name, at_least) in [("docs/maintenance.md", 5), ("docs/license-limits.md", 4)] {
        let (stack, text) = (TestStack::start(), page(name));
        let folder = tempfile::tempdir().unwrap();
        let catalog = blocks(&text, "toml").into_iter().find(|block| block.contains("[tiers.pro]"));
        let file = folder.path().join("catalog.toml");
        fs::write(&file, catalog.expect("a catalog")).unwrap();
        fs::write(folder.path().join("falconer.toml"), "product = \"STUDIO\"\n").unwrap();
        crate::operator::told(&stack, &["catalog", "apply", file.to_str().unwrap()]);
        let issue = ["issue", "--product", "STUDIO", "--tier", "pro", "--perpetual"];
        let issued = crate::operator::told(&stack, &issue);
        let license = issued["licenseId"].as_str().unwrap();
        // The page says what a license of the tier is issued with.
        let shown = crate::operator::told(&stack, &["show", license]);
        let is_of_limits = name.contains("limits");
        assert_eq!(shown["limits"]["agents"].is_u64(), is_of_limits, "{shown}");
        assert_eq!(shown["updatesUntil"].is_string(), !is_of_limits, "{shown}");
        let mut run = 0;
        for command in commands(&text).iter().filter_map(|command| command.strip_prefix("falconer ")) {
            let filled =
                [("<license>", license), ("<date>", "2028-01-31"), ("<days>", "30"), ("<limit>", "agents=7")]
                    .into_iter()
                    .fold(command.to_owned(), |command, (name, value)| command.replace(name, value));
            assert!(!filled.contains('<'), "{name}: nothing fills {filled}");
            let output = crate::issuing::falconer(&stack)
                .current_dir(&folder)
                .arg("--yes")
                .args(filled.split_whitespace())
                .output()
                .unwrap();
            assert!(output.status.success(), "{name}: {filled}: {}", String::from_utf8_lossy(&output.stderr));
            run += 1;
        }
        assert!(run >= at_least, "{name}: {run} commands found");
    }
}

#[test]
fn expressions_stay_in_tables_files() {
    let tables = fs::read_to_string(checkout().join("shared/falconer-aws/src/tables.rs")).unwrap();
    let folders = ["aws", "http", "operator"].map(|name| format!("shared/falconer-{name}/src"));
    for folder in folders.iter().map(String::as_str).chain(["functions", "cli/src"]) {
        for file in crate::tidy::rust_files(&checkout().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for word in EXPRESSION_WORDS {
                let elsewhere = text.contains(word) && !file.ends_with("tables.rs");
                assert!(!elsewhere, "{} holds an expression: {word}", file.display());
            }
        }
    }
    // The table lists each operation of the store, and no other.
    for operation in ["GetItem", "UpdateItem", "PutItem", "TransactWriteItems"] {
        assert!(tables.contains(&format!("`{operation}`")), "{operation}");
    }
    for operation in ["`Scan`", "`Query`", "`DeleteItem`", "`BatchWriteItem`"] {
        assert!(!tables.contains(operation), "{operation}");
    }
}

/// Every page for people: the README and its neighbours, and all of `docs/`.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<_> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
            .map(Into::into)
            .into();
    for folder in ["docs", "docs/adr", "docs/spec"] {
        let entries = fs::read_dir(checkout().join(folder)).unwrap().map(Result::unwrap);
        let files = entries.map(|entry| Path::new(folder).join(entry.file_name()));
        pages.extend(files.filter(|file| file.extension().is_some_and(|extension| extension == "md")));
    }
    pages
}

fn page(name: impl AsRef<Path>) -> String {
    fs::read_to_string(checkout().join(name)).unwrap()
}

/// The commands in blocks of shell that are not marked as needing an account: `sh account`.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("```") {
            Some(word) => inside = !inside && word == "sh",
            None if inside => found.push(line.split(" #").next().unwrap_or_default().trim().to_owned()),
            None => {}
        }
    }
    found.retain(|command| !command.is_empty());
    found
}

/// Checks that the program knows the subcommand and each flag of a command with a `<placeholder>`.
fn is_understood(stack: &TestStack, command: &str) -> bool {
    let words: Vec<_> = command.split_whitespace().collect();
    let named = words.iter().take_while(|word| !word.starts_with(['<', '-', '"'])).collect::<Vec<_>>();
    let help = crate::issuing::falconer(stack).args(named).arg("--help").output().unwrap();
    let flags = words.iter().filter(|word| word.starts_with("--"));
    let text = String::from_utf8_lossy(&help.stdout);
    help.status.success() && flags.into_iter().all(|flag| text.contains(flag))
}

#[test]
fn documented_commands_are_covered() {
    let stack = TestStack::start();
    let known: BTreeSet<_> = page("CONTRIBUTING.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `cargo xtask ")?.split('`').next().map(str::to_owned))
        .collect();
    assert!(known.contains("dev") && known.contains("package"), "{known:?}");
    // `documents::documented_commands_work` runs these pages' commands of `falconer`.
    let run = [
        "README.md",
        "docs/local-stack.md",
        "docs/operations.md",
        "docs/cli.md",
        "docs/your-product.md",
        "docs/root-key.md",
        // `documents::commands_about_one_license_work`.
        "docs/maintenance.md",
        "docs/license-limits.md",
    ];
    let mut seen = 0;
    for name in pages() {
        let is_run = run.iter().any(|one| name == Path::new(one));
        for command in commands(&page(&name)) {
            let falconer = command
                .strip_prefix("falconer ")
                .or_else(|| command.strip_prefix("cargo run -q --bin falconer -- --local "));
            let good = if let Some(falconer) = falconer {
                if falconer.contains('<') || !is_run { is_understood(&stack, falconer) } else { is_run }
            } else if let Some(task) = command.strip_prefix("cargo xtask ") {
                known.contains(task.split_whitespace().next().unwrap_or_default())
            } else {
                // `cargo xtask e2e` sources the file and pastes these pages' lines of curl.
                ["README.md", "docs/local-stack.md", "docs/migrating-from-apps-script.md"]
                    .iter()
                    .any(|one| name == Path::new(one))
                    && (command.starts_with("curl ") || command == "source target/dev/env")
            };
            assert!(good, "{}: nothing runs {command:?}, and it is not marked `sh account`", name.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen} commands found");
}

/// A heading as a link names it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.trim().replace(' ', "-")
}

fn anchors(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#')))
        .collect()
}

#[test]
fn every_alarm_has_a_runbook_entry() {
    let entries = anchors(&page("docs/runbook.md"));
    let template = Template::read(&checkout().join("template.yaml")).unwrap();
    let mut named = BTreeSet::new();
    for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        let description = alarm["Properties"]["AlarmDescription"].as_str().expect(id);
        let (_, entry) = description.split_once("See docs/runbook.md#").expect(id);
        assert!(entries.contains(entry), "docs/runbook.md lacks {entry}, which {id} names");
        named.insert(entry.to_owned());
    }
    assert!(named.len() > 20, "{named:?}");
    let text = page("docs/runbook.md");
    let alarms = text.split("\n# ").find(|part| part.starts_with("Alarms")).unwrap();
    for heading in alarms.lines().filter_map(|line| line.strip_prefix("## ")) {
        assert!(named.contains(heading), "no alarm names the entry {heading}");
    }
}

#[test]
fn every_link_resolves() {
    let mut followed = 0;
    for name in pages() {
        let text = page(&name);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.contains("://") && !link.contains(' ')) {
            let (path, entry) =
                link.split_once('#').map_or((link, None), |(path, entry)| (path, Some(entry)));
            let target = if path.is_empty() { name.clone() } else { name.parent().unwrap().join(path) };
            assert!(checkout().join(&target).exists(), "{}: {link} leads nowhere", name.display());
            if let Some(entry) = entry {
                assert!(
                    anchors(&page(&target)).contains(entry),
                    "{}: {link} has no such heading",
                    name.display()
                );
            }
            followed += 1;
        }
    }
    assert!(followed > 30, "{followed} links");
}

#[test]
fn access_patterns_match_the_code() {
    let document = page("docs/access-patterns.md");
    let mut rows = 0;
    for file in ["shared/falconer-aws/src/tables.rs", "shared/falconer-aws/src/operator/tables.rs"] {
        let code = page(file);
        for row in
            code.lines().filter_map(|line| line.strip_prefix("//! ")).filter(|line| line.starts_with("| "))
        {
            assert!(document.contains(row), "docs/access-patterns.md lacks {row}");
            // Heading and rule have no operation.
            rows += usize::from(row.contains('`'));
        }
    }
    let numbered = document.lines().filter(|line| {
        line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    assert_eq!(numbered.count(), rows, "a pattern too many");
}

#[test]
fn openapi_is_up_to_date() {
    let said = "run `cargo xtask docs`";
    assert!(
        page("docs/openapi.yaml") == falconer_openapi::yaml(),
        "docs/openapi.yaml is out of date: {said}"
    );
    assert!(
        page("docs/openapi.html") == falconer_openapi::page(),
        "docs/openapi.html is out of date: {said}"
    );
}

#[test]
fn openapi_has_the_template_routes() {
    let document = falconer_openapi::yaml();
    let template = Template::read(&checkout().join("template.yaml")).unwrap();
    let routes: Vec<_> =
        template.functions().unwrap().into_iter().flat_map(|function| function.routes).collect();
    for route in &routes {
        let (_, rest) = document.split_once(&format!("\n  {}:\n", route.path)).expect(&route.path);
        let methods = format!("\n{}", rest.split("\n  /").next().unwrap_or_default());
        assert!(methods.contains(&format!("\n    {}:\n", route.method.to_lowercase())), "{}", route.key());
    }
    let paths: BTreeSet<_> = routes.iter().map(|route| &route.path).collect();
    assert_eq!(document.matches("\n  /api/").count(), paths.len(), "a path too many");
    let methods: usize = ["get", "head", "post"]
        .map(|method| document.matches(&format!("\n    {method}:\n")).count())
        .into_iter()
        .sum();
    assert_eq!(methods, routes.len(), "a method too many");
}

/// The blocks of a page in one language, unchanged.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("\n```{language}\n");
    text.split(start.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn shown_verifiers_are_run() {
    let mut files = Vec::new();
    for (folder, extension) in [("python", "py"), ("typescript", "ts"), ("java", "java")] {
        let folder = checkout().join("examples/verifiers").join(folder);
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        files.extend(entries.filter(|file| file.extension().is_some_and(|found| found == extension)));
    }
    assert_eq!(files.len(), 7, "{files:?}");
    let examples: Vec<_> = files.iter().map(|file| fs::read_to_string(file).unwrap()).collect();
    let pages = ["docs/own-client.md", "docs/browsers.md"].map(page);
    for language in ["python", "ts", "java"] {
        for block in pages.iter().flat_map(|text| blocks(text, language)) {
            assert!(examples.iter().any(|example| example == block), "nothing runs these lines:\n{block}");
        }
    }
    for (file, example) in files.iter().zip(&examples) {
        let shown = pages.iter().any(|text| text.contains(&format!("\n{example}```")));
        assert!(shown, "no page shows {}", file.display());
    }
}

/// The first cells of the table under a heading.
fn first_cells(text: &str, heading: &str) -> Vec<String> {
    let (_, table) = text.split_once(heading).unwrap_or_else(|| panic!("no table {heading}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with("| "));
    rows.map(|row| row.trim_start_matches("| ").split(" | ").next().unwrap().to_owned()).collect()
}

fn quoted(cells: &[String]) -> BTreeSet<&str> {
    cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn claims_table_matches_the_code() {
    let cells = first_cells(&page("docs/own-client.md"), "| claim | meaning |");
    let code = page("shared/falconer-domain/src/lease.rs");
    let (_, claims) = code.split_once("pub struct Claims {").unwrap();
    let fields = claims
        .split("\n}")
        .next()
        .unwrap()
        .lines()
        .filter_map(|line| line.trim().strip_prefix("pub ")?.split(':').next());
    assert_eq!(quoted(&cells), fields.collect());
}

#[test]
fn own_clients_know_every_refusal() {
    let cells = first_cells(&page("docs/own-client.md"), "| answer | what the client does |");
    let locking: Vec<_> = cells.iter().filter(|cell| cell.contains("REVOKED")).cloned().collect();
    let signed: BTreeSet<_> = LockCode::SIGNED.into_iter().map(LockCode::name).chain(["sub"]).collect();
    assert_eq!(quoted(&locking), signed);
    let named = quoted(&cells);
    let refusals = Code::ALL.iter().filter(|code| [401, 403, 409, 422].contains(&code.status()));
    for code in refusals.chain([&Code::Deactivated]) {
        assert!(named.contains(code.name()), "docs/own-client.md does not say what {} does", code.name());
    }
}

#[test]
fn keyed_component_example_is_right() {
    let text = page("docs/own-client.md");
    let value = hardware::normalized("00:1A:2B:3C:4D:5E").unwrap();
    let sent = hardware::keyed_component("QF-FREE-2P11X-7VJ54-Y6633-RJEHS-K1W1S-7Y9ST", Label::Mac, &value);
    assert!(text.contains(&format!("| what you send | `{sent}` |")), "{sent}");
    let mut received = ReceivedComponents::default();
    received.insert(Label::Mac, &sent).unwrap();
    let stated = received.lease(&[Label::Mac]).to_wire();
    assert!(text.contains(&format!("| what `hw` states | `{}` |", stated["mac"])), "{stated:?}");
    let hashed = falconer_domain::encoding::HEXLOWER.encode(value.as_bytes());
    assert!(text.contains(&format!("`6d6163` `1f` `{hashed}`")), "{hashed}");
}

/// 0.1.0 said the last second of 9999, which is the year 10000 east of UTC.
#[test]
fn perpetual_end_is_documented_alike() {
    let end = LATEST_END.0.to_string();
    for name in ["docs/spec/api.md", "docs/browsers.md", "docs/openapi.yaml", "CHANGELOG.md"] {
        assert!(page(name).contains(&end), "{name} does not say {end}");
    }
    for name in pages().into_iter().filter(|name| name != Path::new("CHANGELOG.md")) {
        assert!(!page(&name).contains("253402300799"), "{}", name.display());
    }
}

/// A constant as the page of limits cites it.
fn is_constant(word: &str) -> bool {
    word.len() > 4 && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

#[test]
fn limits_name_existing_constants() {
    let text = page("docs/spec/limits.md");
    let folders = ["functions", "shared", "cli", "clients"];
    let files = folders.into_iter().flat_map(|folder| crate::tidy::rust_files(&checkout().join(folder)));
    let code =
        files.map(|file| fs::read_to_string(file).unwrap()).collect::<String>() + &page("template.yaml");
    let named: BTreeSet<_> = text.split('`').skip(1).step_by(2).filter(|word| is_constant(word)).collect();
    assert!(named.len() > 40, "{named:?}");
    for constant in named {
        assert!(code.contains(constant), "docs/spec/limits.md names {constant}, which does not exist");
    }
}
