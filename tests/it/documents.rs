//! Documents that the code must agree with.

use std::fs;

use falconer_domain::Code;
use falconer_tests::checkout;

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
fn the_access_patterns_name_every_expression() {
    let tables = fs::read_to_string(checkout().join("shared/falconer-aws/src/tables.rs")).unwrap();
    for folder in ["shared/falconer-aws/src", "functions", "cli/src", "shared/falconer-http/src"] {
        for file in crate::tidy::rust_files(&checkout().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let elsewhere = text.contains("attribute_not_exists") || text.contains("if_not_exists");
            assert!(!elsewhere || file.ends_with("tables.rs"), "{} holds an expression", file.display());
        }
    }
    assert!(tables.contains("| # | access pattern |"));
}
