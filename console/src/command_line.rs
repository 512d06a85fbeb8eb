//! A change as a command to copy: the same words that the command line takes.

use falconer_operator::words;

/// The program with its connection, as the console was started.
#[derive(Clone)]
pub(crate) struct CommandLine(Vec<String>);

impl CommandLine {
    pub(crate) const fn new(words: Vec<String>) -> Self {
        Self(words)
    }

    /// A command of the program. What hides in a text is left out here, as the program would leave it out.
    pub(crate) fn with(&self, arguments: &[String]) -> String {
        self.0.iter().chain(arguments).map(|word| quoted(&words::lines(word))).collect::<Vec<_>>().join(" ")
    }
}

/// A word as a POSIX shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@,+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_for_a_shell() {
        let line = CommandLine::new(vec!["falconer".to_owned(), "--stack".to_owned(), "my stack".to_owned()]);
        let arguments = ["note", "--reason=-x", "lic_1", "it's; rm -rf ~"].map(str::to_owned);
        assert_eq!(
            line.with(&arguments),
            r"falconer --stack 'my stack' note --reason=-x lic_1 'it'\''s; rm -rf ~'"
        );
        assert_eq!(quoted(""), "''");
    }
}
