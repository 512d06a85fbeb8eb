//! Sentences of an import in the words of its form. The rules of the command line name its flags; a page has fields in their place.

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

/// A sentence with the form's words in place of flags.
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
}
