//! Why a page is not there, or a change not made, in sentences that say what to do next.

use axum::http::StatusCode;
use falconer_aws::StoreError;
use falconer_aws::keyring::RingWriteError;
use falconer_aws::operator::MetricsError;
use falconer_operator::issue::IssueError;
use falconer_operator::keyring::operations::KeyringError;
use falconer_operator::license_reader::FindError;
use falconer_operator::license_service::ChangeError;
use falconer_operator::outage::Outage;
use falconer_operator::words;

use crate::field_names::in_page_words;
use crate::kept::KeepError;

/// The next step where nothing has happened.
pub(crate) const TRY_AGAIN: &str = "Try again in a moment.";

/// Why a page is not there.
#[derive(Clone, Debug)]
pub(crate) enum Trouble {
    /// The thing does not exist.
    NotFound(String),
    /// A form does not read.
    BadInput(String),
    /// One field of a form does not read, which can be mended alone.
    BadField(&'static str, String),
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
            Self::BadInput(_) | Self::BadField(..) => StatusCode::BAD_REQUEST,
            Self::Refused(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Changed(_) => StatusCode::CONFLICT,
            Self::Unreachable(_) | Self::Unknown(_) => StatusCode::BAD_GATEWAY,
            Self::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    pub(crate) const fn title(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "Not found",
            Self::BadInput(_) | Self::BadField(..) => "This does not read",
            Self::Refused(_) => "Not possible",
            Self::Changed(_) => "Changed meanwhile",
            Self::Unreachable(_) | Self::Unknown(_) => "No answer",
            Self::Damaged(_) => "Damaged",
        }
    }

    /// True if another text in the form, or another choice, may make it right.
    pub(crate) const fn is_mendable(&self) -> bool {
        matches!(self, Self::BadInput(_) | Self::BadField(..) | Self::Refused(_))
    }

    pub(crate) fn sentence(&self) -> String {
        let (Self::NotFound(text)
        | Self::BadInput(text)
        | Self::BadField(_, text)
        | Self::Refused(text)
        | Self::Changed(text)
        | Self::Unreachable(text)
        | Self::Unknown(text)
        | Self::Damaged(text)) = self;
        // A text that does not read may be anything, and some sentences repeat it.
        let sentence = begun(&in_page_words(&words::lines(text)));
        if sentence.ends_with(['.', '?', '!']) { sentence } else { format!("{sentence}.") }
    }

    /// Something of AWS does not answer.
    fn unreachable(what: &str, kind: &str) -> Self {
        let next = match Outage::of(kind) {
            Outage::Credentials => {
                "The credentials are over or missing: sign in again, as with `aws sso login`, and try again. The \
                 console goes on."
            }
            Outage::Right => {
                "These credentials lack a right; docs/operations.md has the rights of each command."
            }
            Outage::Missing => {
                "This account and region have no table or secret of that name: start the console with the --stack and \
                 --region of your licenses."
            }
            Outage::Network => "Look at the network. Try again in a moment.",
            Outage::Passing => TRY_AGAIN,
        };
        Self::Unreachable(format!("{what} does not answer ({kind}). {next}"))
    }
}

/// A text with a large letter at its beginning, if it begins with a word: names and quoted texts stay as they were typed.
fn begun(text: &str) -> String {
    let is_word = |word: &str| word.bytes().all(|c| c.is_ascii_lowercase());
    match text.split_once(' ') {
        Some((first, _)) if is_word(first) => {
            first.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(kind) => Self::unreachable("DynamoDB", &kind),
            StoreError::Conflict => {
                Self::Changed("the same row was changed meanwhile; nothing was changed now".to_owned())
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
            // Activation writes rows as well: a device that was seen is a change of nobody's.
            ChangeError::Changed => {
                Self::Changed("this license is not as you saw it; nothing was changed".to_owned())
            }
            ChangeError::Contended => Self::Changed(error.to_string()),
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

impl From<MetricsError> for Trouble {
    fn from(MetricsError(kind): MetricsError) -> Self {
        if Outage::of(&kind) == Outage::Right {
            return Self::Unreachable(format!(
                "CloudWatch does not answer ({kind}). These credentials lack the right `cloudwatch:GetMetricData`; \
                 docs/operations.md has the rights of the console."
            ));
        }
        Self::unreachable("CloudWatch", &kind)
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

impl From<KeepError> for Trouble {
    fn from(error: KeepError) -> Self {
        match error {
            KeepError::AllGoOn(_) => Self::Refused(error.to_string()),
            KeepError::Random(error) => error.into(),
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
        assert!(down.contains("network. Try again"), "{down}");
        let sentence = Trouble::Refused("the license is revoked".to_owned()).sentence();
        assert_eq!(sentence, "The license is revoked.");
        let turned = Trouble::BadInput("\u{202e}gnp.exe is not a date".to_owned()).sentence();
        assert_eq!(turned, "gnp.exe is not a date.");
    }

    #[test]
    fn names_and_quoted_texts_stay_as_typed() {
        for (text, sentence) in [
            ("the license is revoked", "The license is revoked."),
            ("\"soon\" is not a date", "\"soon\" is not a date."),
            ("offline_grace_days must be a number", "offline_grace_days must be a number."),
            ("expires: line 3 has 1/2/27", "expires: line 3 has 1/2/27."),
            ("\u{e4}hnlich does not read", "\u{e4}hnlich does not read."),
            ("gone", "gone."),
            ("", "."),
        ] {
            assert_eq!(Trouble::BadInput(text.to_owned()).sentence(), sentence);
        }
    }
}
