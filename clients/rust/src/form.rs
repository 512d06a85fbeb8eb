//! The activation dialog without a screen. A toolkit draws this model and forwards keys to it; `examples/dialog.rs`
//! does so in a terminal.

mod by_file;
mod next_action;

use falconer_domain::LicenseKey;
use falconer_domain::license_key::MAX_TYPED_BYTES;
use falconer_domain::person::{Email, MAX_PERSON_CHARS, PersonName};

use crate::answer::SeatHolder;
use crate::cancel::CancelToken;
use crate::clock::UnixSeconds;
use crate::failure::{Failure, InvalidInput};
use crate::licensing::{Activation, AirGapText, Licensing, Pending};
use crate::state::{LockCode, State};
use crate::user_message::{MessageId, UserMessage};

/// An input field of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Phase {
    /// The user is typing.
    Editing,
    /// A request is under way; input is ignored.
    Working,
    /// The attempt failed. The fields can be corrected.
    Failed {
        /// Reason, with the message to show, the date of the next transfer, and the seat holders.
        failure: Failure,
        /// Action to offer.
        next: NextAction,
    },
    /// No answer counts; the activation is saved and will be sent later.
    Waiting(Failure),
    /// People carry a request to the vendor and the answer back, without a network.
    ByFile {
        /// The request, to save and to show as a QR code; `None` where it was made at an earlier start.
        request: Option<AirGapText>,
        /// Reason why the text that was given last is not the answer.
        problem: Option<Failure>,
    },
    /// The license is active; show the dashboard.
    Done,
}

/// Action that a dialog offers after a failure.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAction {
    /// Correct this field.
    Correct(Field),
    /// Try the same again later.
    TryAgain,
    /// Try the same again from this moment on: show it as a date.
    WaitUntil(UnixSeconds),
    /// Move the license to this device. The user chooses among several holders; show when each was last seen.
    MoveHere(Vec<SeatHolder>),
    /// Ask the vendor; nothing in the dialog helps.
    AskVendor,
}

impl Phase {
    fn failed(failure: Failure) -> Self {
        Self::Failed { next: NextAction::after(&failure), failure }
    }

    /// The step after a seat was taken.
    fn after(state: State) -> Self {
        match state {
            // The seat is this device's, and the license does not cover this build.
            State::Locked { code: code @ LockCode::UpdatesEnded } => {
                Self::failed(Failure::refused(code.name()))
            }
            _ => Self::Done,
        }
    }
}

/// Model of the activation form. Its `Debug` output hides the input.
#[derive(Clone, derive_more::Debug)]
#[debug("ActivationForm {{ focus: {focus:?}, .. }}")]
pub struct ActivationForm {
    texts: [String; 3],
    focus: Field,
    phase: Phase,
    /// Values of the license that the message speaks of.
    detail: Option<String>,
    /// Index of the holder that would lose its seat.
    chosen: usize,
    /// Ends the request under way.
    cancel: CancelToken,
}

impl ActivationForm {
    /// Starts an empty form with the focus on the key.
    #[must_use]
    pub fn new() -> Self {
        Self {
            texts: Default::default(),
            focus: Field::Key,
            phase: Phase::Editing,
            detail: None,
            chosen: 0,
            cancel: CancelToken::new(),
        }
    }

    /// Starts the form for a state: where another device has the seat, the form offers to move the license here.
    #[must_use]
    pub fn for_state(state: State) -> Self {
        let mut form = Self::new();
        if let State::Locked { code: code @ (LockCode::HardwareMismatch | LockCode::UpdatesEnded) } = state {
            form.phase = Phase::failed(Failure::refused(code.name()));
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

    /// Message of the current step.
    #[must_use]
    pub fn message(&self) -> UserMessage {
        match &self.phase {
            Phase::Editing => MessageId::EnterKey.message(),
            Phase::Working => MessageId::AskingServer.message(),
            Phase::Failed { failure, .. }
            | Phase::Waiting(failure)
            | Phase::ByFile { problem: Some(failure), .. } => failure.user_message(),
            Phase::ByFile { problem: None, .. } => MessageId::AnswerWaits.message(),
            Phase::Done => MessageId::Active.message(),
        }
    }

    /// One more sentence to show below the message, with the values of this license; see
    /// [`Licensing::detail`](Licensing::detail).
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref().filter(|_| matches!(self.phase, Phase::Failed { .. }))
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

    /// Returns the text of a field as it was typed or set, for a toolkit that owns its text boxes. The text of
    /// [`Field::Key`] is the license key: do not log it.
    #[must_use]
    pub fn text(&self, field: Field) -> &str {
        &self.texts[field as usize]
    }

    /// Replaces the text of a field: a change in a toolkit's text box, or a value known before the user types. Ignored
    /// while a request is under way. The message of a failure stays until a text differs.
    pub fn set(&mut self, field: Field, text: &str) {
        let text = as_one_line(text, field.max_chars());
        if self.phase != Phase::Working && self.texts[field as usize] != text {
            self.texts[field as usize] = text;
            self.phase = Phase::Editing;
        }
    }

    /// Adds typed or pasted text to the focused field. Control characters, such as line ends of a pasted mail, become
    /// spaces; text beyond the field's limit is dropped.
    pub fn enter(&mut self, text: &str) {
        if self.phase != Phase::Working {
            self.phase = Phase::Editing;
            let longer = format!("{}{text}", self.texts[self.focus as usize]);
            self.texts[self.focus as usize] = as_one_line(&longer, self.focus.max_chars());
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
        let (field, input) = self.invalid_input()?;
        Some((field, Failure::from(input).user_message()))
    }

    fn invalid_input(&self) -> Option<(Field, InvalidInput)> {
        let [key, name, email] = &self.texts;
        let email_is_wrong =
            Email::read(email).map_or(true, |email| email.is_some_and(|email| !email.looks_right()));
        if !LicenseKey::has_reading(key) {
            Some((Field::Key, InvalidInput::Key))
        } else if PersonName::read(name).is_err() {
            Some((Field::Name, InvalidInput::Name))
        } else {
            email_is_wrong.then_some((Field::Email, InvalidInput::Email))
        }
    }

    /// Starts the activation if the fields can be valid. Run the returned closure on a thread that may block, and pass
    /// its result to [`finish`](Self::finish).
    #[must_use]
    pub fn submit(&mut self) -> Option<impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static> {
        if let Some((field, input)) = self.invalid_input() {
            self.focus = field;
            self.phase = Phase::failed(input.into());
            return None;
        }
        let cancel = self.begin();
        let [key, name, email] = self.texts.clone();
        Some(move |licensing: &Licensing| {
            SubmitOutcome::of(licensing, licensing.cancelled_by(&cancel).activate(&key, &name, &email))
        })
    }

    /// Sends an activation that was saved at an earlier start and still waits. Run the returned closure like that of
    /// [`submit`](Self::submit). If the server refuses, the form asks again; if it cannot be reached, the activation goes
    /// on waiting.
    pub fn send_pending(&mut self) -> impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static {
        let cancel = self.begin();
        move |licensing: &Licensing| {
            let sent = licensing.cancelled_by(&cancel).refresh();
            let sent = match sent {
                Err(failure) if waits_for_answer(licensing, &failure) => Ok(Activation::Waiting(failure)),
                sent => sent.map(Activation::Done),
            };
            SubmitOutcome::of(licensing, sent)
        }
    }

    /// Cancels the request under way: its closure returns soon, and [`finish`](Self::finish) then lets the user go on. An
    /// activation that is cancelled does not wait for the server.
    pub fn cancel(&self) {
        self.cancel.cancel();
    }

    fn begin(&mut self) -> CancelToken {
        self.phase = Phase::Working;
        self.cancel = CancelToken::new();
        self.cancel.clone()
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
        let cancel = self.begin();
        let [key, name, email] = self.texts.clone();
        let key = Some(key).filter(|key| !key.trim().is_empty());
        Some(move |licensing: &Licensing| {
            let licensing = licensing.cancelled_by(&cancel);
            let moved = licensing.transfer(key.as_deref(), &name, &email, from.as_deref());
            SubmitOutcome::of(&licensing, moved.map(Activation::Done))
        })
    }

    /// Takes the result of a finished closure and moves to the next step.
    pub fn finish(&mut self, outcome: SubmitOutcome) {
        self.chosen = 0;
        self.detail = outcome.detail;
        self.phase = match outcome.activated {
            // Another program has taken the waiting activation back.
            Ok(Activation::Done(State::NotActivated)) => Phase::Editing,
            Ok(Activation::Done(state)) => Phase::after(state),
            Ok(Activation::Waiting(failure)) => Phase::Waiting(failure),
            Err(failure) => Phase::failed(failure),
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
pub struct SubmitOutcome {
    activated: Result<Activation, Failure>,
    detail: Option<String>,
}

impl SubmitOutcome {
    fn of(licensing: &Licensing, activated: Result<Activation, Failure>) -> Self {
        Self { activated, detail: licensing.detail() }
    }
}

/// True if an activation still waits after this failure.
fn waits_for_answer(licensing: &Licensing, failure: &Failure) -> bool {
    !failure.is_refusal() && !failure.is_early_end() && licensing.pending() == Some(Pending::Activate)
}

fn as_one_line(text: &str, max_chars: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(max_chars).collect()
}
