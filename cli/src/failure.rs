//! How a command ends that does not do what it was asked: a sentence for a person, a code and an exit code for a
//! program.

use std::process::ExitCode;

use falconer_aws::StoreError;
use falconer_aws::keyring::RingWriteError;
use falconer_aws::operator::stacks::StackError;
use falconer_domain::issue::OrderRefusal;
use falconer_domain::keyring::KeyRingError;
use falconer_domain::limits::{BadLimit, LimitsRefusal};
use falconer_domain::operate::{BadSetting, TierRefusal};
use falconer_domain::person::BadLine;
use falconer_operator::import_export::cells::BadFile;
use falconer_operator::import_export::dates::Undecided;
use falconer_operator::import_export::import::ImportError;
use falconer_operator::import_export::settings::BadImportSetting;
use falconer_operator::issue::IssueError;
use falconer_operator::keyring::EditRefusal;
use falconer_operator::license_change::ChangeRefusal;
use falconer_operator::maintenance::BadDay;
use falconer_operator::outage::Outage;
use falconer_operator::root::SignRefusal;
use falconer_operator::root::file::RootFileError;
use falconer_operator::rotation::RotationError;
use falconer_operator::sealed::Unsealed;
use falconer_operator::time::BadTime;
use falconer_operator::words::{self, TooLong};
use falconer_operator::{catalog, license_reader::FindError};
use serde_json::{Value, json};

use crate::output::{self, OutputError};

/// Kind of a failure; `docs/cli.md` has the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// The rules do not allow it: asking again changes nothing.
    Refused,
    /// Nobody was there to confirm, or somebody said no.
    NotConfirmed,
    /// The order was issued with other terms.
    OrderDiffers,
    /// The line does not read.
    Usage,
    /// A value, a file or standard input does not read as what it should be.
    BadInput,
    /// Output was not written, usually because the disk is full.
    OutputLost,
    /// The named object does not exist.
    NotFound,
    /// Several things are named so.
    Ambiguous,
    /// Some rows are refused; the others are done.
    RowsRefused,
    /// Something does not answer: ask again.
    Unreachable,
    /// Others change the same thing at this moment: ask again.
    Contended,
    /// A row or a secret does not read.
    Damaged,
}

impl FailureKind {
    /// Returns the code, for programs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::NotConfirmed => "not_confirmed",
            Self::OrderDiffers => "order_differs",
            Self::Usage => "usage",
            Self::BadInput => "bad_input",
            Self::OutputLost => "output_lost",
            Self::NotFound => "not_found",
            Self::Ambiguous => "ambiguous",
            Self::RowsRefused => "rows_refused",
            Self::Unreachable => "unreachable",
            Self::Contended => "contended",
            Self::Damaged => "damaged",
        }
    }

    /// Returns the exit code, by what is to be done about it.
    pub(crate) const fn exit(self) -> u8 {
        match self {
            Self::Refused | Self::NotConfirmed | Self::OrderDiffers => 1,
            // What clap ends with.
            Self::Usage | Self::BadInput => 2,
            Self::OutputLost => 3,
            Self::NotFound | Self::Ambiguous => 4,
            Self::RowsRefused => 5,
            Self::Unreachable | Self::Contended => 6,
            Self::Damaged => 7,
        }
    }

    /// The kind of a cause, where its type tells.
    fn of(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        Self::told(cause)
            .or_else(|| Self::of_the_aws(cause))
            .or_else(|| Self::of_naming(cause))
            .or_else(|| Self::of_input(cause))
    }

    fn told(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return Some(failure.kind);
        }
        if let Some(ImportError::File(..)) = cause.downcast_ref() {
            return Some(Self::OutputLost);
        }
        match cause.downcast_ref() {
            Some(RotationError::File(..)) => return Some(Self::OutputLost),
            Some(RotationError::Contended(_)) => return Some(Self::Contended),
            _ => {}
        }
        if cause.is::<Unsealed>() {
            return Some(Self::Damaged);
        }
        cause.is::<OutputError>().then_some(Self::OutputLost)
    }

    fn of_the_aws(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        if let Some(error) = cause.downcast_ref() {
            return Some(match error {
                StoreError::Unavailable(_) => Self::Unreachable,
                StoreError::Conflict => Self::Contended,
                StoreError::Corrupt(_) => Self::Damaged,
            });
        }
        if let Some(error) = cause.downcast_ref() {
            return Some(match error {
                StackError::NoSuchStack(_) => Self::NotFound,
                StackError::Unavailable(_) => Self::Unreachable,
            });
        }
        cause.downcast_ref().map(|error| match error {
            RingWriteError::Missing(_) => Self::NotFound,
            RingWriteError::Exists(_) => Self::Refused,
            RingWriteError::Moved => Self::Contended,
            RingWriteError::Bad(_) => Self::Damaged,
            RingWriteError::Unavailable(_) => Self::Unreachable,
        })
    }

    fn of_naming(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        match cause.downcast_ref() {
            Some(FindError::NoName) => return Some(Self::BadInput),
            Some(FindError::NoLicense(_)) => return Some(Self::NotFound),
            Some(FindError::Several(_)) => return Some(Self::Ambiguous),
            Some(FindError::Store(_)) | None => {}
        }
        match cause.downcast_ref() {
            Some(EditRefusal::NoSuchGeneration(_)) => return Some(Self::NotFound),
            Some(EditRefusal::NotARing(_)) => return Some(Self::Damaged),
            _ => {}
        }
        match cause.downcast_ref() {
            Some(IssueError::NoCatalog(_)) => Some(Self::NotFound),
            Some(IssueError::Order(_) | IssueError::LegacyProduct) => Some(Self::BadInput),
            Some(IssueError::NoUnusedKey) => Some(Self::Contended),
            Some(IssueError::Differs(..)) => Some(Self::OrderDiffers),
            _ => None,
        }
    }

    fn of_input(cause: &(dyn std::error::Error + 'static)) -> Option<Self> {
        let does_not_read = cause.is::<BadTime>()
            || cause.is::<TooLong>()
            || cause.is::<OrderRefusal>()
            || matches!(cause.downcast_ref(), Some(ChangeRefusal::Tier(TierRefusal::NoSuchTier(_))))
            || cause.is::<BadSetting>()
            || cause.is::<BadLimit>()
            || matches!(cause.downcast_ref(), Some(LimitsRefusal::Bad(_) | LimitsRefusal::Both(_)))
            || matches!(cause.downcast_ref(), Some(ChangeRefusal::Limits(LimitsRefusal::Bad(_))))
            || cause.is::<BadDay>()
            || cause.is::<BadLine>()
            || cause.is::<BadFile>()
            || cause.is::<Undecided>()
            || cause.is::<BadImportSetting>()
            || cause.is::<catalog::FileError>()
            || cause.is::<std::io::Error>()
            || cause.is::<std::string::FromUtf8Error>()
            || cause.is::<serde_json::Error>()
            || cause.is::<toml::de::Error>();
        if does_not_read {
            return Some(Self::BadInput);
        }
        match cause.downcast_ref() {
            Some(RootFileError::Damaged(_) | RootFileError::OtherPublicHalf(_)) => {
                return Some(Self::Damaged);
            }
            Some(RootFileError::Exists(_)) => return Some(Self::Refused),
            Some(RootFileError::Random(_)) => return Some(Self::Unreachable),
            Some(_) => return Some(Self::BadInput),
            None => {}
        }
        if let Some(SignRefusal::NoSuchGeneration(_)) = cause.downcast_ref() {
            return Some(Self::NotFound);
        }
        cause.is::<KeyRingError>().then_some(Self::Damaged)
    }
}

/// A failure of a kind that its cause does not tell.
#[derive(Debug, thiserror::Error)]
#[error("{sentence}")]
pub(crate) struct Failure {
    kind: FailureKind,
    sentence: String,
    done: Option<Value>,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, sentence: impl Into<String>) -> Self {
        Self { kind, sentence: sentence.into(), done: None }
    }

    /// With what was done all the same: with `--json` the members of the document that tells the failure.
    pub(crate) fn after(mut self, done: Value) -> Self {
        self.done = Some(done);
        self
    }
}

/// A value that does not read.
pub(crate) fn bad_input(sentence: impl Into<String>) -> Failure {
    Failure::new(FailureKind::BadInput, sentence)
}

/// Something that is not there.
pub(crate) fn not_found(sentence: impl Into<String>) -> Failure {
    Failure::new(FailureKind::NotFound, sentence)
}

/// Form of an error message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MessageForm {
    /// As a sentence on standard error.
    Sentence,
    /// As that, and as a JSON document on standard output.
    Document,
}

/// Tells a failure, and how the program ends.
pub(crate) fn tell(error: &anyhow::Error, told: MessageForm) -> ExitCode {
    let kind = error.chain().find_map(FailureKind::of).unwrap_or(FailureKind::Refused);
    if error.chain().any(is_closed) {
        // As `head` wants it.
        return ExitCode::SUCCESS;
    }
    let sentence = match error.chain().find_map(Outage::in_error) {
        Some(outage) => format!("{}; {}", sentence(error), next_step(outage)),
        None => sentence(error),
    };
    output::note(format!("falconer: {sentence}"));
    if told == MessageForm::Document {
        let done = error.chain().find_map(|cause| cause.downcast_ref::<Failure>()?.done.clone());
        tell_document(kind, &sentence, done);
    }
    ExitCode::from(kind.exit())
}

/// Tells a line that does not read, as clap has put it.
pub(crate) fn tell_usage(error: &clap::Error, told: MessageForm) -> ExitCode {
    // `--help` and `--version` are not failures.
    if !error.use_stderr() {
        return match error.print().map_err(OutputError::of) {
            Ok(()) => ExitCode::SUCCESS,
            Err(lost) => tell(&lost.into(), MessageForm::Sentence),
        };
    }
    let text = error.render().to_string();
    if words::lines(&text) == text {
        // In colours, at a terminal.
        let _ = error.print();
    } else {
        output::note(text.trim_end());
    }
    if told == MessageForm::Document {
        let first = text.lines().take_while(|line| !line.trim().is_empty()).map(str::trim);
        let first = first.collect::<Vec<_>>().join(" ");
        tell_document(FailureKind::Usage, first.strip_prefix("error: ").unwrap_or(&first), None);
    }
    ExitCode::from(FailureKind::Usage.exit())
}

fn tell_document(kind: FailureKind, sentence: &str, done: Option<Value>) {
    let mut document = done.unwrap_or_else(|| json!({}));
    document["error"] = json!({ "code": kind.code(), "message": sentence });
    // Standard error has it too.
    let _ = output::document(&document);
}

/// An error and its causes, each said once: some sentences quote the cause they are about.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().skip(1).fold(error.to_string(), |told, cause| {
        let cause = cause.to_string();
        if told.contains(&cause) { told } else { format!("{told}: {cause}") }
    })
}

/// The next step of an operator after AWS gave no answer.
const fn next_step(outage: Outage) -> &'static str {
    match outage {
        Outage::Credentials => {
            "the credentials are over or missing: sign in, as with `aws sso login`, and run it again"
        }
        Outage::Right => "the credentials lack a right: docs/operations.md has the rights of each command",
        Outage::Missing => {
            "this account and region have no table or secret of that name: look at --stack, --region and AWS_PROFILE"
        }
        Outage::Network => "look at the network and the region, and run it again",
        Outage::Passing => "run it again in a moment",
    }
}

fn is_closed(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(cause.downcast_ref(), Some(OutputError::Closed))
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::*;

    #[test]
    fn kind_follows_the_cause() {
        let kind = |error: anyhow::Error| error.chain().find_map(FailureKind::of);
        let down = || StoreError::Unavailable("timed out".to_owned());
        assert_eq!(
            kind(anyhow::Error::from(down()).context("while reading")),
            Some(FailureKind::Unreachable)
        );
        assert_eq!(kind(IssueError::Catalog(down()).into()), Some(FailureKind::Unreachable));
        assert_eq!(kind(FindError::NoLicense("lic_".to_owned()).into()), Some(FailureKind::NotFound));
        let no_file = std::fs::read("/nowhere/at/all").context("cannot be read").unwrap_err();
        assert_eq!(kind(no_file), Some(FailureKind::BadInput));
        let corrupt = StoreError::Corrupt("tier".to_owned());
        assert_eq!(kind(corrupt.into()), Some(FailureKind::Damaged));
        assert_eq!(kind(StoreError::Conflict.into()), Some(FailureKind::Contended));
        let full = OutputError::Standard(std::io::ErrorKind::StorageFull.into());
        assert_eq!(kind(full.into()), Some(FailureKind::OutputLost));
        assert_eq!(kind(anyhow::anyhow!("the rules say no")), None);
    }
}
