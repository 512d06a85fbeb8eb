//! The activation dialog without a screen: what is typed, what may be shown, what happens next. A toolkit draws it and
//! sends it keys; `examples/dialog.rs` does so in a terminal.

use std::fmt;

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

/// A field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Field {
    /// The license key.
    Key,
    /// The licensee's name.
    Name,
    /// The licensee's e-mail.
    Email,
}

impl Field {
    /// Every field, from top to bottom.
    pub const ALL: [Self; 3] = [Self::Key, Self::Name, Self::Email];

    /// What stands beside it.
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

/// Where the dialog is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Something is typed.
    Editing,
    /// The server is asked; nothing can be typed.
    Working,
    /// It did not work. The fields can be corrected.
    Failed {
        /// What to tell.
        message: UserMessage,
        /// What can be offered.
        next: NextAction,
    },
    /// No answer; the activation waits and will be sent.
    Waiting(UserMessage),
    /// Done: the dashboard is next.
    Done,
}

/// What a dialog offers after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextAction {
    /// Correct this field.
    Correct(Field),
    /// Try the same again later.
    TryAgain,
    /// Move the license here. With several holders, one has to be chosen.
    MoveHere(Vec<SeatHolder>),
    /// Nothing here helps; the vendor does.
    AskVendor,
}

/// The form. `Debug` shows nothing of what is typed.
#[derive(Clone)]
pub struct ActivationForm {
    texts: [String; 3],
    focus: Field,
    phase: Phase,
    /// The holder that is chosen for a move.
    chosen: usize,
}

impl ActivationForm {
    /// An empty form, ready for the key.
    #[must_use]
    pub fn new() -> Self {
        Self { texts: Default::default(), focus: Field::Key, phase: Phase::Editing, chosen: 0 }
    }

    /// The form that a state asks for: where another device has the seat, it offers to move the license here.
    #[must_use]
    pub fn for_state(state: State) -> Self {
        let mut form = Self::new();
        if let State::Locked { code: LockCode::HardwareMismatch } = state {
            form.phase =
                Phase::Failed { message: state.user_message(), next: NextAction::MoveHere(Vec::new()) };
        }
        form
    }

    /// The field that takes what is typed.
    #[must_use]
    pub const fn focus(&self) -> Field {
        self.focus
    }

    /// Where the dialog is.
    #[must_use]
    pub const fn phase(&self) -> &Phase {
        &self.phase
    }

    /// Goes to another field. A complete key that is left is written as it is printed, to be compared with the mail. One
    /// whose form does not tell what it is stays as it was typed: only the server knows where its hyphens were.
    pub fn focus_on(&mut self, field: Field) {
        let key = &mut self.texts[Field::Key as usize];
        if let Some(complete @ (LicenseKey::Current(_) | LicenseKey::Legacy(_))) = LicenseKey::parse(key) {
            *key = complete.to_string();
        }
        self.focus = field;
    }

    /// Goes to the next field, from the last to the first.
    pub fn focus_next(&mut self) {
        self.focus_on(Field::ALL[(self.focus as usize + 1) % Field::ALL.len()]);
    }

    /// Types or pastes. Control characters, line ends of a pasted mail among them, become spaces; what is too long ends.
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

    /// Takes the last character back.
    pub fn erase(&mut self) {
        if self.phase != Phase::Working {
            self.phase = Phase::Editing;
            self.texts[self.focus as usize].pop();
        }
    }

    /// What may be shown of a field. A complete key that is not being typed is masked: somebody may look over a shoulder.
    #[must_use]
    pub fn display_text(&self, field: Field) -> String {
        let text = &self.texts[field as usize];
        match LicenseKey::parse(text) {
            Some(key) if field == Field::Key && self.focus != Field::Key => key.masked(),
            _ => text.clone(),
        }
    }

    /// The first thing that cannot be right, before anything is sent.
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

    /// Goes to work, if nothing is plainly wrong: returns the activation, to be run where it may wait, with its result
    /// given to [`finish`](Self::finish).
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
            SubmitOutcome(Tried::Activate(licensing.activate(&key, &name, &email)))
        })
    }

    /// Chooses the next of several holders.
    pub fn choose_next_holder(&mut self) {
        if let Phase::Failed { next: NextAction::MoveHere(holders), .. } = &self.phase {
            self.chosen = (self.chosen + 1) % holders.len().max(1);
        }
    }

    /// The holder that would lose its seat.
    #[must_use]
    pub fn chosen_holder(&self) -> Option<&SeatHolder> {
        match &self.phase {
            Phase::Failed { next: NextAction::MoveHere(holders), .. } => holders.get(self.chosen),
            _ => None,
        }
    }

    /// Moves the license here, where that is offered: to be run like what [`submit`](Self::submit) returns.
    #[must_use]
    pub fn move_here(&mut self) -> Option<impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static> {
        let Phase::Failed { next: NextAction::MoveHere(_), .. } = &self.phase else { return None };
        let from = self.chosen_holder().map(|holder| holder.id.clone());
        self.phase = Phase::Working;
        let key = Some(self.texts[Field::Key as usize].clone()).filter(|key| !key.trim().is_empty());
        Some(move |licensing: &Licensing| {
            SubmitOutcome(Tried::Transfer(licensing.transfer(key.as_deref(), from.as_deref())))
        })
    }

    /// Takes the result of what was run.
    pub fn finish(&mut self, outcome: SubmitOutcome) {
        self.chosen = 0;
        self.phase = match outcome.0 {
            Tried::Activate(Ok(Activation::Done(_))) | Tried::Transfer(Ok(_)) => Phase::Done,
            Tried::Activate(Ok(Activation::Waiting(failure))) => Phase::Waiting(failure.user_message()),
            Tried::Activate(Err(error)) => {
                Phase::Failed { message: error.user_message(), next: after_activation(&error) }
            }
            Tried::Transfer(Err(error)) => {
                Phase::Failed { message: error.user_message(), next: after_transfer(&error) }
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

impl fmt::Debug for ActivationForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActivationForm").field("focus", &self.focus).finish_non_exhaustive()
    }
}

/// What came of work that the form asked for.
#[derive(Debug)]
pub struct SubmitOutcome(Tried);

#[derive(Debug)]
enum Tried {
    Activate(Result<Activation, ActivateError>),
    Transfer(Result<State, TransferError>),
}

/// What a dialog shows of a license that is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dashboard {
    /// The state, with its sentence.
    pub state: State,
    /// The tier.
    pub tier: String,
    /// The features.
    pub features: Vec<String>,
    /// Whether they are on.
    pub unlocked: bool,
    /// The key, masked.
    pub masked_key: String,
    /// Days until the license ends, the last one begun counted whole; `None` is perpetual.
    pub days_left: Option<i64>,
    /// Days that it still works without the server.
    pub offline_days_left: Option<i64>,
    /// What this device is called.
    pub device: String,
    /// What waits to be sent.
    pub pending: Option<Pending>,
    /// What to tell about the store.
    pub notice: Option<UserMessage>,
}

impl Dashboard {
    /// What there is to show now; `None` where there is no license.
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

/// Whole days, one that has begun counted as one.
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

fn after_activation(error: &ActivateError) -> NextAction {
    match error {
        ActivateError::Input(bad) => NextAction::Correct(field_of(*bad)),
        ActivateError::Refused(refusal) => after(refusal),
        ActivateError::Mismatch(_) => NextAction::AskVendor,
    }
}

fn after_transfer(error: &TransferError) -> NextAction {
    match error {
        TransferError::Input(bad) => NextAction::Correct(field_of(*bad)),
        TransferError::Refused(refusal) => after(refusal),
        TransferError::RequestFailed(_) => NextAction::TryAgain,
    }
}

/// What helps after a refusal.
fn after(refusal: &Refusal) -> NextAction {
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
