//! Sentences of the rules in the words of pages. The rules name commands and flags; a page has fields and buttons in
//! their place. A command that no page can replace, such as `falconer rotate-key --generation`, stays as it is.

/// Flags with a value that the form has as a choice, and the choice in a sentence.
const CHOICES: [(&str, &str); 2] =
    [("--dates dmy", "that they begin with the day"), ("--dates mdy", "that they begin with the month")];

/// The other flags, and the labels of the fields that set the same.
const FIELDS: [(&str, &str); 11] = [
    ("--product", "Product of rows that name none"),
    ("--timezone", "Time zone"),
    ("--tier", "Names of tiers"),
    ("--status", "Words for a status"),
    ("--never", "Ends that mean never"),
    ("--undated", "Active, a duration and no end"),
    ("--encoding", "Encoding"),
    ("--database-timezone", "The database\u{2019}s time zone"),
    ("--only", "List fresh keys of these alone"),
    ("--keep-keys", "keep free-text keys"),
    ("--trust-timezone", "trust the time zone"),
];

/// Commands and flags in sentences about a license, the catalog and the key ring, and the words of their pages: longer
/// ones first.
const CONTROLS: [(&str, &str); 19] = [
    (" with --release", " under \u{201c}Devices that lose their seat\u{201d}"),
    (
        "`falconer reset-hardware --despite-offline-lease` frees it",
        "\u{201c}Free all seats\u{201d} with \u{201c}even where a machine without a network has a lease\u{201d} frees it",
    ),
    (
        "--despite-offline-lease frees the seat",
        "\u{201c}Free all seats\u{201d} with \u{201c}even where a machine without a network has a lease\u{201d} frees it",
    ),
    (". `falconer show` ", ". The page of the license "),
    ("`falconer show`", "the page of the license"),
    ("`falconer reinstate`", "\u{201c}Reinstate\u{201d}"),
    ("`falconer revoke`", "\u{201c}Revoke\u{201d}"),
    ("`falconer set-tier`", "\u{201c}Tier\u{201d} on the page of a license"),
    ("`--until` gives it an end", "\u{201c}until the end of\u{201d} a day gives it one"),
    ("`--perpetual`", "\u{201c}never\u{201d}"),
    ("`falconer catalog show`", "the page of the catalog"),
    ("`falconer catalog apply FILE`", "the page of the catalog"),
    ("`falconer catalog apply`", "the page of the catalog"),
    ("With --order nothing", "With \u{201c}Your order\u{2019}s id\u{201d} nothing"),
    ("`falconer keyring list`", "the page of the key ring"),
    ("`falconer keyring add`", "\u{201c}Add a generation\u{201d}"),
    ("`falconer keyring promote --now`", "\u{201c}Promote it now\u{201d}"),
    ("promote it now with --now", "press \u{201c}Promote it now\u{201d}"),
    (
        "`falconer keyring distrust N`, or `trust N`, writes",
        "\u{201c}Distrust\u{201d}, or \u{201c}Trust again\u{201d}, of any generation writes",
    ),
];

/// A sentence about a license, the catalog or the key ring with fields and buttons in place of commands and flags.
pub(crate) fn in_page_words(sentence: &str) -> String {
    CONTROLS.iter().fold(sentence.to_owned(), |text, (command, control)| text.replace(command, control))
}

/// A sentence of an import with its form's words in place of flags.
pub(crate) fn in_field_names(sentence: &str) -> String {
    let chosen = CHOICES.iter().fold(sentence.to_owned(), |text, (flag, choice)| text.replace(flag, choice));
    FIELDS.iter().fold(chosen, |text, (flag, field)| text.replace(flag, &format!("\u{201c}{field}\u{201d}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_the_names_of_the_form() {
        let form = include_str!("../templates/import_settings.html");
        for (flag, field) in FIELDS {
            assert!(form.contains(&format!(">{field}")) || form.contains(&format!("> {field}")), "{field}");
            assert_eq!(in_field_names(&format!("say {flag} X")), format!("say \u{201c}{field}\u{201d} X"));
        }
    }

    #[test]
    fn controls_are_those_of_the_pages() {
        let pages = [
            include_str!("../templates/license.html"),
            include_str!("../templates/keyring.html"),
            include_str!("../templates/issue.html"),
            include_str!("../templates/bulk_form.html"),
        ];
        for (command, control) in CONTROLS {
            for quoted in control.split('\u{201c}').skip(1).filter_map(|rest| rest.split('\u{201d}').next()) {
                assert!(pages.iter().any(|page| page.contains(quoted)), "{quoted}");
            }
            assert_eq!(
                in_page_words(&format!("x{command}")),
                format!("x{control}"),
                "no other one is part of it"
            );
        }
    }
}
