//! `cargo xtask clients`: the libraries for other languages, built and tested from a fresh clone, with their tools from
//! package registries. What can be handed out is left in `target/clients`.

mod python;
mod typescript;

use anyhow::Result;

use crate::workspace::Workspace;

/// A language with a library of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Language {
    Python,
    Typescript,
}

/// Options of `cargo xtask clients`.
#[derive(clap::Args, Default)]
pub(crate) struct ClientsOptions {
    /// Only this language.
    #[arg(value_enum)]
    language: Option<Language>,
}

/// Builds and tests one library.
type Build = fn(&Workspace) -> Result<()>;

/// Every language, in the order in which they run.
const LANGUAGES: [(Language, Build); 2] =
    [(Language::Python, python::run), (Language::Typescript, typescript::run)];

/// Builds and tests the libraries.
pub(crate) fn run(workspace: &Workspace, options: &ClientsOptions) -> Result<()> {
    for (language, run) in LANGUAGES {
        if options.language.is_none_or(|wanted| wanted == language) {
            println!("\n== {language:?}");
            run(workspace)?;
        }
    }
    Ok(())
}
