//! All output of the program. A closed pipe is not an error, a full disk is, and stored text cannot control a terminal.

pub(crate) mod progress;
pub(crate) mod render;

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use falconer_operator::words;
use serde_json::Value;

/// Why something is not where it was to be written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutputError {
    /// The reader closed standard output, as `head` does. The rest is not needed.
    #[error("nobody reads standard output any more")]
    Closed,
    /// Standard output takes nothing: a full disk, most of the time.
    #[error("standard output cannot be written ({0}); a change that was made stays made")]
    Standard(io::Error),
    /// A file takes nothing.
    #[error("{} cannot be written ({})", .0.display(), .1)]
    File(PathBuf, io::Error),
}

impl OutputError {
    /// Returns the error for a path; `-` is standard output.
    pub(crate) fn at(path: &Path, why: io::Error) -> Self {
        if is_standard_output(path) { Self::of(why) } else { Self::File(path.to_owned(), why) }
    }

    pub(crate) fn of(why: io::Error) -> Self {
        if why.kind() == ErrorKind::BrokenPipe { Self::Closed } else { Self::Standard(why) }
    }
}

/// Returns true if a path means standard output.
pub(crate) fn is_standard_output(file: &Path) -> bool {
    falconer_operator::import_export::atomic_file::is_standard_output(file)
}

/// A line, or some, for a person.
pub(crate) fn line(text: impl Display) -> Result<(), OutputError> {
    missed_by_nobody(to_be_read(text))
}

/// The same, of what is worth nothing unless somebody reads it: a key, a row of what happens at this moment. A closed
/// pipe is an error too.
pub(crate) fn to_be_read(text: impl Display) -> Result<(), OutputError> {
    written(format!("{}\n", words::lines(&text.to_string())).as_bytes())
}

/// One JSON document.
pub(crate) fn document(document: &Value) -> Result<(), OutputError> {
    missed_by_nobody(document_to_be_read(document))
}

/// One JSON document that is worth nothing unless somebody reads it.
pub(crate) fn document_to_be_read(document: &Value) -> Result<(), OutputError> {
    written((words::json(document) + "\n").as_bytes())
}

/// A text that a program reads, as it is: a catalog, a script, a picture.
pub(crate) fn verbatim(text: &[u8]) -> Result<(), OutputError> {
    missed_by_nobody(written(text))
}

/// A line beside the output: progress, questions, what went wrong. Where standard error takes nothing there is nobody
/// left to tell.
pub(crate) fn note(text: impl Display) {
    let text = format!("{}\n", words::lines(&text.to_string()));
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Destination of a command's summary, because a sheet may occupy standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// On standard output.
    Output,
    /// Beside it.
    Beside,
}

impl Voice {
    /// Beside the output, where one of these files is standard output.
    pub(crate) fn beside<'a>(files: impl IntoIterator<Item = &'a Path>) -> Self {
        if files.into_iter().any(is_standard_output) { Self::Beside } else { Self::Output }
    }

    pub(crate) fn line(self, text: impl Display) -> Result<(), OutputError> {
        match self {
            Self::Output => line(text),
            Self::Beside => {
                note(text);
                Ok(())
            }
        }
    }
}

fn written(bytes: &[u8]) -> Result<(), OutputError> {
    let mut output = io::stdout().lock();
    output.write_all(bytes).and_then(|()| output.flush()).map_err(OutputError::of)
}

fn missed_by_nobody(outcome: Result<(), OutputError>) -> Result<(), OutputError> {
    match outcome {
        Err(OutputError::Closed) => Ok(()),
        outcome => outcome,
    }
}
