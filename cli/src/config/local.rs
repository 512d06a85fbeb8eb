//! `--local`: the same program, pointed at the stack that `cargo xtask dev` has started.
//!
//! The stack writes what it is reached by into `target/dev/env`. The program starts itself anew with those variables,
//! so that everything below sees an environment that was complete from the beginning.

use std::path::{Path, PathBuf};

/// Path of the stack's variables, below the checkout.
const ENVIRONMENT_FILE: &str = "target/dev/env";

/// Variable of the program that was started anew: the console names the local stack on its pages, and in commands to copy.
pub(crate) const IS_LOCAL: &str = "FALCONER_LOCAL";

/// The nearest `target/dev/env`, from `from` upwards.
#[must_use]
pub(crate) fn nearest_environment(from: &Path) -> Option<PathBuf> {
    from.ancestors().map(|folder| folder.join(ENVIRONMENT_FILE)).find(|file| file.is_file())
}

/// The variables of a file whose lines read `export NAME=value`, with or without single quotes. Other lines say
/// nothing.
#[must_use]
pub(crate) fn variables(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
        .map(|(name, value)| (name.to_owned(), unquoted(value)))
        .collect()
}

/// A shell's single quotes: inside them `'\''` is a quote, and everything else is itself.
fn unquoted(value: &str) -> String {
    match value.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\'')) {
        Some(inner) => inner.replace(r"'\''", "'"),
        None => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_exports_as_a_shell_does() {
        let text = "# comment\nexport A=plain\nexport B='two words'\nexport C='it'\\''s'\n\nD=not exported\n";
        let expected = [("A", "plain"), ("B", "two words"), ("C", "it's")];
        assert_eq!(variables(text), expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}
