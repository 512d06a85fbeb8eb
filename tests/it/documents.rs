//! Documents that the code must agree with.

use std::fs;

use falconer_domain::Code;
use falconer_tests::{World, checkout};

/// What only an expression holds.
const EXPRESSION_WORDS: [&str; 5] =
    ["attribute_not_exists", "attribute_exists", "if_not_exists", "\"SET ", "\"ADD "];

#[test]
fn every_code_stands_in_the_errors_document_as_in_the_table() {
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
fn every_test_the_architecture_names_exists() {
    let document = fs::read_to_string(checkout().join("ARCHITECTURE.md")).unwrap();
    let named: Vec<_> = document
        .split('`')
        .filter_map(|text| text.split_once("::"))
        .filter(|(file, test)| !file.contains('-') && test.contains('_'))
        .collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, test) in named {
        let source = checkout().join("tests/it").join(format!("{file}.rs"));
        let text = fs::read_to_string(&source).unwrap_or_else(|why| panic!("{}: {why}", source.display()));
        assert!(text.contains(&format!("fn {test}(")), "{file}::{test} does not exist");
    }
}

#[test]
fn the_commands_of_the_documents_work() {
    let world = World::start();
    let mut run = 0;
    for document in ["README.md", "docs/operations.md"] {
        let text = fs::read_to_string(checkout().join(document)).unwrap();
        let commands = text.lines().filter_map(|line| {
            let line = line.split('#').next().unwrap_or_default().trim();
            line.strip_prefix("cargo run -q -p falconer -- --local ")
                .or_else(|| line.strip_prefix("falconer "))
        });
        for command in commands.filter(|command| !command.contains('<')) {
            let arguments: Vec<_> = command.split_whitespace().collect();
            let output = crate::issuing::falconer(&world).args(&arguments).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            // A generation that was added a moment ago is promoted a quarter of an hour later, as the documents say.
            let early = arguments == ["keyring", "promote"] && said.contains("wait until 15 have passed");
            assert!(output.status.success() || early, "{document}: falconer {command}: {said}");
            run += 1;
        }
    }
    assert!(run >= 6, "{run} commands found");
}

#[test]
fn expressions_stand_beside_their_access_patterns_alone() {
    let tables = fs::read_to_string(checkout().join("shared/falconer-aws/src/tables.rs")).unwrap();
    for folder in ["shared/falconer-aws/src", "functions", "cli/src", "shared/falconer-http/src"] {
        for file in crate::tidy::rust_files(&checkout().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            for word in EXPRESSION_WORDS {
                let elsewhere = text.contains(word) && !file.ends_with("tables.rs");
                assert!(!elsewhere, "{} holds an expression: {word}", file.display());
            }
        }
    }
    // Each operation the store makes stands in the table, and the table names no other.
    for operation in ["GetItem", "UpdateItem", "PutItem", "TransactWriteItems"] {
        assert!(tables.contains(&format!("`{operation}`")), "{operation}");
    }
    for operation in ["`Scan`", "`Query`", "`DeleteItem`", "`BatchWriteItem`"] {
        assert!(!tables.contains(operation), "{operation}");
    }
}
