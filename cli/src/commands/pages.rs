//! Shell completions and manual pages.

use std::path::Path;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Arguments;
use crate::output::{self, OutputError};

/// Prints the completions for a shell.
pub(crate) fn completions(shell: Shell) -> Result<(), OutputError> {
    // Into memory first: the generator panics at a pipe that was closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "falconer", &mut script);
    output::verbatim(&script)
}

/// Prints the manual page, or writes the pages of all commands into a folder.
pub(crate) fn man(folder: Option<&Path>) -> Result<()> {
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page)?;
        return Ok(output::verbatim(&page)?);
    };
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    Ok(written.map_err(|why| OutputError::File(folder.to_owned(), why))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }
}
