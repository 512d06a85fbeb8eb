//! The activation dialog without a screen. A toolkit draws this model and forwards keys to it; `examples/dialog.rs`
//! does so in a terminal.

use falconer_domain::LicenseKey;
use falconer_domain::license_key::MAX_TYPED_BYTES;
use falconer_domain::person::{Email, MAX_PERSON_CHARS, PersonName};

use crate::answer::{Refusal, SeatHolder};
use crate::clock::UnixSeconds;
use crate::licensing::{
    ActivateError, Activation, InvalidInput, Licensing, Pending, TransferError, can_be_key,
};
use crate::state::{LockCode, State};
use crate::user_message::UserMessage;

const SECONDS_PER_DAY: i64 = 86_400;

/// An input field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// License key, in any spelling.
    Key,
    /// Name of the licensee; may stay empty.
    Name,
    /// E-mail address of the licensee; may stay empty.
    Email,
}

impl Field {
    /// All fields, from top to bottom.
    pub const ALL: [Self; 3] = [Self::Key, Self::Name, Self::Email];

    /// English label to draw beside the field.
    #[must_use]
    pub const fn caption(self) -> &'static str {
        match self {
            Self::Key => "License key",
            Self::Name => "Name",
            Self::Email => "E-mail",
        }
    }

    const fn max_chars(self) -> usize {
        match self {
            Self::Key => MAX_TYPED_BYTES,
            Self::Name | Self::Email => MAX_PERSON_CHARS,
        }
    }
}

/// Step of the dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The user is typing.
    Editing,
    /// A request is under way; input is ignored.
    Working,
    /// The attempt failed. The fields can be corrected.
    Failed {
        /// Message to show.
        message: UserMessage,
        /// Action to offer.
        next: NextAction,
    },
    /// The server could not be reached; the activation is saved and will be sent later.
    Waiting(UserMessage),
    /// The license is active; show the dashboard.
    Done,
}

/// Action that a dialog offers after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextAction {
    /// Correct this field.
    Correct(Field),
    /// Try the same again later.
    TryAgain,
    /// Move the license to this device. The user chooses among several holders.
    MoveHere(Vec<SeatHolder>),
    /// Ask the vendor; nothing in the dialog helps.
    AskVendor,
}

/// Model of the activation form. Its `Debug` output hides the input.
#[derive(Clone, derive_more::Debug)]
#[debug("ActivationForm {{ focus: {focus:?}, .. }}")]
pub struct ActivationForm {
    texts: [String; 3],
    focus: Field,
    phase: Phase,
    /// Index of the holder that would lose its seat.
    chosen: usize,
}

impl ActivationForm {
    /// Starts an empty form with the focus on the key.
    #[must_use]
    pub fn new() -> Self {
        Self { texts: Default::default(), focus: Field::Key, phase: Phase::Editing, chosen: 0 }
    }

    /// Starts the form for a state: where another device has the seat, the form offers to move the license here.
    #[must_use]
    pub fn for_state(state: State) -> Self {
        let mut form = Self::new();
        if let State::Locked { code: LockCode::HardwareMismatch } = state {
            form.phase =
                Phase::Failed { message: state.user_message(), next: NextAction::MoveHere(Vec::new()) };
        }
        form
    }

    /// Returns the field that receives input.
    #[must_use]
    pub const fn focus(&self) -> Field {
        self.focus
    }

    /// Returns the current step, with the message to show.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Moves the focus. A complete key that loses the focus is rewritten as it is printed, so that the user can compare
    /// it. A key without its own form stays as typed, because only the server knows its hyphens.
    pub fn focus_on(&mut self, field: Field) {
        let key = &mut self.texts[Field::Key as usize];
        if let Some(complete @ (LicenseKey::Current(_) | LicenseKey::Legacy(_))) = LicenseKey::parse(key) {
            *key = complete.to_string();
        }
        self.focus = field;
    }

    /// Moves the focus to the next field; after the last comes the first.
    pub fn focus_next(&mut self) {
        self.focus_on(Field::ALL[(self.focus as usize + 1) % Field::ALL.len()]);
    }

    /// Adds typed or pasted text to the focused field. Control characters, such as line ends of a pasted mail, become
    /// spaces; text beyond the field's limit is dropped.
    pub fn enter(&mut self, text: &str) {
        if self.phase == Phase::Working {
            return;
        }
        self.phase = Phase::Editing;
        let (room, field) = (self.focus.max_chars(), self.focus as usize);
        for c in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
            if self.texts[field].chars().count() < room {
                self.texts[field].push(c);
            }
        }
    }

    /// Deletes the last character of the focused field.
    pub fn erase(&mut self) {
        if self.phase != Phase::Working {
            self.phase = Phase::Editing;
            self.texts[self.focus as usize].pop();
        }
    }

    /// Returns the text to draw. A complete key is masked while its field has no focus, so that nobody can read it over
    /// a shoulder.
    #[must_use]
    pub fn display_text(&self, field: Field) -> String {
        let text = &self.texts[field as usize];
        match LicenseKey::parse(text) {
            Some(key) if field == Field::Key && self.focus != Field::Key => key.masked(),
            _ => text.clone(),
        }
    }

    /// Finds the first field whose text cannot be valid, with the message to show beside it.
    #[must_use]
    pub fn invalid_field(&self) -> Option<(Field, UserMessage)> {
        let [key, name, email] = &self.texts;
        let email_is_wrong =
            Email::read(email).map_or(true, |email| email.is_some_and(|email| !email.looks_right()));
        let bad = if !can_be_key(key) {
            (Field::Key, InvalidInput::Key)
        } else if PersonName::read(name).is_err() {
            (Field::Name, InvalidInput::Name)
        } else if email_is_wrong {
            (Field::Email, InvalidInput::Email)
        } else {
            return None;
        };
        Some((bad.0, bad.1.user_message()))
    }

    /// Starts the activation if the fields can be valid. Run the returned closure on a thread that may block, and pass
    /// its result to [`finish`](Self::finish).
    #[must_use]
    pub fn submit(&mut self) -> Option<impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static> {
        if let Some((field, message)) = self.invalid_field() {
            self.focus = field;
            self.phase = Phase::Failed { message, next: NextAction::Correct(field) };
            return None;
        }
        self.phase = Phase::Working;
        let [key, name, email] = self.texts.clone();
        Some(move |licensing: &Licensing| {
            SubmitOutcome(RequestResult::Activate(licensing.activate(&key, &name, &email)))
        })
    }

    /// Chooses the next holder in the list; after the last comes the first.
    pub fn choose_next_holder(&mut self) {
        if let Phase::Failed { next: NextAction::MoveHere(holders), .. } = &self.phase {
            self.chosen = (self.chosen + 1) % holders.len().max(1);
        }
    }

    /// Returns the holder that would lose its seat.
    #[must_use]
    pub fn chosen_holder(&self) -> Option<&SeatHolder> {
        match &self.phase {
            Phase::Failed { next: NextAction::MoveHere(holders), .. } => holders.get(self.chosen),
            _ => None,
        }
    }

    /// Starts a transfer to this device where one is offered. Run the returned closure like that of
    /// [`submit`](Self::submit).
    #[must_use]
    pub fn move_here(&mut self) -> Option<impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static> {
        let Phase::Failed { next: NextAction::MoveHere(_), .. } = &self.phase else { return None };
        let from = self.chosen_holder().map(|holder| holder.id.clone());
        self.phase = Phase::Working;
        let [key, name, email] = self.texts.clone();
        let key = Some(key).filter(|key| !key.trim().is_empty());
        Some(move |licensing: &Licensing| {
            let moved = licensing.transfer(key.as_deref(), &name, &email, from.as_deref());
            SubmitOutcome(RequestResult::Transfer(moved))
        })
    }

    /// Takes the result of a finished closure and moves to the next step.
    pub fn finish(&mut self, outcome: SubmitOutcome) {
        self.chosen = 0;
        self.phase = match outcome.0 {
            RequestResult::Activate(Ok(Activation::Done(_))) | RequestResult::Transfer(Ok(_)) => Phase::Done,
            RequestResult::Activate(Ok(Activation::Waiting(failure))) => {
                Phase::Waiting(failure.user_message())
            }
            RequestResult::Activate(Err(error)) => {
                Phase::Failed { message: error.user_message(), next: action_after_activation(&error) }
            }
            RequestResult::Transfer(Err(error)) => {
                Phase::Failed { message: error.user_message(), next: action_after_transfer(&error) }
            }
        };
        if let Phase::Failed { next: NextAction::Correct(field), .. } = &self.phase {
            self.focus = *field;
        }
    }
}

impl Default for ActivationForm {
    fn default() -> Self {
        Self::new()
    }
}

/// Result of a closure that the form returned.
#[derive(Debug)]
pub struct SubmitOutcome(RequestResult);

#[derive(Debug)]
enum RequestResult {
    Activate(Result<Activation, ActivateError>),
    Transfer(Result<State, TransferError>),
}

/// Contents of a dashboard for an existing license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// Current state; [`State::user_message`] has its sentence.
    pub state: State,
    /// Tier of the license, `pro`; empty where the answer names none.
    pub tier: String,
    /// Features of the license, also while they are off.
    pub features: Vec<String>,
    /// True while the features are on.
    pub unlocked: bool,
    /// License key in a form that may be shown.
    pub masked_key: String,
    /// Days until the license ends, a begun day counted whole; `None` for a perpetual license.
    pub days_left: Option<i64>,
    /// Days that the license still works without the server; `None` while its features are off.
    pub offline_days_left: Option<i64>,
    /// Name of this device.
    pub device: String,
    /// Request that waits for the server.
    pub pending: Option<Pending>,
    /// Problem with the saved license, such as a full disk.
    pub notice: Option<UserMessage>,
}

impl Dashboard {
    /// Collects the contents; `None` without a license.
    #[must_use]
    pub fn of(licensing: &Licensing) -> Option<Self> {
        let (license, now) = (licensing.license()?, licensing.now());
        let days = |until: UnixSeconds| days(until.0.saturating_sub(now.0));
        Some(Self {
            state: licensing.status(),
            tier: license.tier.unwrap_or_default(),
            features: license.features,
            unlocked: license.offline_until.is_some(),
            masked_key: license.masked_key,
            days_left: license.expires_at.map(days),
            offline_days_left: license.offline_until.map(days),
            device: licensing.device().name.clone(),
            pending: licensing.pending(),
            notice: licensing.notice(),
        })
    }
}

/// Rounds up to whole days.
const fn days(seconds: i64) -> i64 {
    if seconds <= 0 { 0 } else { (seconds - 1) / SECONDS_PER_DAY + 1 }
}

fn field_of(bad: InvalidInput) -> Field {
    match bad {
        InvalidInput::Key | InvalidInput::MissingKey => Field::Key,
        InvalidInput::Name => Field::Name,
        InvalidInput::Email => Field::Email,
    }
}

fn action_after_activation(error: &ActivateError) -> NextAction {
    match error {
        ActivateError::Input(bad) => NextAction::Correct(field_of(*bad)),
        ActivateError::Refused(refusal) => action_after(refusal),
        ActivateError::Mismatch(_) => NextAction::AskVendor,
        ActivateError::Stopped(_) => NextAction::TryAgain,
    }
}

fn action_after_transfer(error: &TransferError) -> NextAction {
    match error {
        TransferError::Input(bad) => NextAction::Correct(field_of(*bad)),
        TransferError::Refused(refusal) => action_after(refusal),
        TransferError::RequestFailed(_) => NextAction::TryAgain,
    }
}

fn action_after(refusal: &Refusal) -> NextAction {
    match refusal.code.as_str() {
        "SEATS_EXHAUSTED" | "DEVICE_REQUIRED" | "HARDWARE_MISMATCH" => {
            NextAction::MoveHere(refusal.holders.clone())
        }
        "INVALID_SIGNATURE" | "NOT_FOUND" => NextAction::Correct(Field::Key),
        "EMAIL_MISMATCH" => NextAction::Correct(Field::Email),
        "CONCURRENT_UPDATE" | "TRANSFER_COOLDOWN" => NextAction::TryAgain,
        _ => NextAction::AskVendor,
    }
}
