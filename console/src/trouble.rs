//! Why a page is not there, or a change not made, in sentences that say what to do next.

use axum::http::StatusCode;
use falconer_aws::StoreError;
use falconer_aws::keyring::RingWriteError;
use falconer_operator::issue::IssueError;
use falconer_operator::keyring::operations::KeyringError;
use falconer_operator::license_service::{ChangeError, FindError};
use falconer_operator::words;

/// Names of AWS for credentials that are over, or missing.
const CREDENTIALS: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
    "IncompleteSignature",
    "construction",
];
/// The next step where nothing has happened.
pub(crate) const TRY_AGAIN: &str = "Try again in a moment.";
/// Names of AWS for a missing right.
const DENIED: [&str; 2] = ["AccessDeniedException", "AccessDenied"];

/// Why a page is not there.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// The thing does not exist.
    NotFound(String),
    /// A field does not read.
    BadInput(String),
    /// The rules do not allow it.
    Refused(String),
    /// Somebody else was faster.
    Changed(String),
    /// Something does not answer, and the same may be asked again.
    Unreachable(String),
    /// Something did not answer, and asking again might do it twice.
    Unknown(String),
    /// A row does not read, or the console itself has failed.
    Damaged(String),
}

impl Trouble {
    pub(crate) const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::BadInput(_) => StatusCode::BAD_REQUEST,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Changed(_) => StatusCode::CONFLICT,
            Self::Unreachable(_) | Self::Unknown(_) => StatusCode::BAD_GATEWAY,
            Self::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) const fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::BadInput(_) => "This does not read",
            Self::Refused(_) => "Not possible",
            Self::Changed(_) => "Changed meanwhile",
            Self::Unreachable(_) | Self::Unknown(_) => "No answer",
            Self::Damaged(_) => "Damaged",
        }
    }

    pub(crate) fn sentence(&self) -> String {
        let (Self::NotFound(text)
        | Self::BadInput(text)
        | Self::Refused(text)
        | Self::Changed(text)
        | Self::Unreachable(text)
        | Self::Unknown(text)
        | Self::Damaged(text)) = self;
        // A text that does not read may be anything, and some sentences repeat it.
        let text = words::lines(text);
        let mut letters = text.chars();
        let first: String = letters.next().map(|first| first.to_uppercase().collect()).unwrap_or_default();
        let sentence = format!("{first}{}", letters.as_str());
        if sentence.ends_with(['.', '?', '!']) { sentence } else { format!("{sentence}.") }
    }

    /// Something of AWS does not answer.
    fn unreachable(what: &str, kind: &str) -> Self {
        let next = if CREDENTIALS.contains(&kind) {
            "The credentials are over or missing: sign in again, as with `aws sso login`, and try again. The console \
             goes on."
        } else if DENIED.contains(&kind) {
            "These credentials lack a right; docs/operations.md has the rights of each command."
        } else {
            TRY_AGAIN
        };
        Self::Unreachable(format!("{what} does not answer ({kind}). {next}"))
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(kind) => Self::unreachable("DynamoDB", &kind),
            StoreError::Conflict => {
                Self::Changed("somebody has changed the same row meanwhile; nothing was changed".to_owned())
            }
            StoreError::Corrupt(_) => Self::Damaged(error.to_string()),
        }
    }
}

impl From<FindError> for Trouble {
    fn from(error: FindError) -> Self {
        match error {
            FindError::Store(error) => error.into(),
            FindError::NoLicense(_) => Self::NotFound(error.to_string()),
            FindError::NoName | FindError::Several(_) => Self::BadInput(error.to_string()),
        }
    }
}

impl<E: std::error::Error + 'static> From<ChangeError<E>> for Trouble {
    fn from(error: ChangeError<E>) -> Self {
        match error {
            ChangeError::Refused(why) => Self::Refused(why.to_string()),
            ChangeError::NoLicense(_) => Self::NotFound(error.to_string()),
            ChangeError::Contended | ChangeError::Changed => Self::Changed(error.to_string()),
            ChangeError::Store(error) => error.into(),
            ChangeError::Random(_) => Self::Damaged(error.to_string()),
        }
    }
}

impl From<RingWriteError> for Trouble {
    fn from(error: RingWriteError) -> Self {
        match error {
            RingWriteError::Unavailable(kind) => Self::unreachable("Secrets Manager", &kind),
            RingWriteError::Missing(_) => Self::NotFound(error.to_string()),
            RingWriteError::Moved => Self::Changed(error.to_string()),
            RingWriteError::Exists(_) => Self::Refused(error.to_string()),
            RingWriteError::Bad(_) => Self::Damaged(error.to_string()),
        }
    }
}

impl From<KeyringError> for Trouble {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Write(error) => error.into(),
            KeyringError::Edit(refusal) => Self::Refused(refusal.to_string()),
            KeyringError::StillStaged(..) => Self::Damaged(error.to_string()),
            KeyringError::Random(error) => error.into(),
        }
    }
}

impl From<IssueError> for Trouble {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Orders(error) | IssueError::Catalog(error) => error.into(),
            // Whether the license was stored is not known, and the sentence says so.
            IssueError::Store(_) => Self::Unreachable(error.to_string()),
            IssueError::Random(error) => error.into(),
            other => Self::Refused(other.to_string()),
        }
    }
}

impl From<getrandom::Error> for Trouble {
    fn from(error: getrandom::Error) -> Self {
        Self::Damaged(format!("no random bytes from the operating system: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_say_what_to_do() {
        let expired = Trouble::from(StoreError::Unavailable("ExpiredTokenException".to_owned()));
        assert_eq!(expired.status(), StatusCode::BAD_GATEWAY);
        assert!(expired.sentence().contains("sign in again"), "{}", expired.sentence());
        let down = Trouble::from(StoreError::Unavailable("connection".to_owned())).sentence();
        assert!(down.contains("Try again"), "{down}");
        let sentence = Trouble::Refused("the license is revoked".to_owned()).sentence();
        assert_eq!(sentence, "The license is revoked.");
        let turned = Trouble::BadInput("\u{202e}gnp.exe is not a date".to_owned()).sentence();
        assert_eq!(turned, "Gnp.exe is not a date.");
    }
}
