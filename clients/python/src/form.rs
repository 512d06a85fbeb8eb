//! The activation form, for a toolkit of Python.

use std::sync::{Mutex, PoisonError};

use falconer_client::{ActivationForm, Field, Licensing, NextAction, Phase, SeatHolder, SubmitOutcome};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use serde_json::{Value, json};

use crate::handle::Handle;
use crate::report;

type Work = Box<dyn FnOnce(&Licensing) -> SubmitOutcome + Send>;

/// The form. One thread at a time uses it.
#[pyclass(module = "falconer_licensing._native")]
pub(crate) struct Form(ActivationForm);

/// A request that the form has begun.
#[pyclass(frozen, name = "Job", module = "falconer_licensing._native")]
pub(crate) struct FormRequest(Mutex<Option<Work>>);

/// Result of a request, for `Form.finish`.
#[pyclass(frozen, module = "falconer_licensing._native")]
pub(crate) struct Outcome(Mutex<Option<SubmitOutcome>>);

#[pymethods]
impl Form {
    /// Starts the form for the license as it is now.
    #[new]
    fn new(handle: &Handle) -> PyResult<Self> {
        Ok(Self(ActivationForm::for_state(handle.look(Licensing::status)?)))
    }

    fn text(&self, field: &str) -> PyResult<&str> {
        Ok(self.0.text(field_named(field)?))
    }

    /// The text to draw: a complete key is masked while another field has the focus.
    fn display_text(&self, field: &str) -> PyResult<String> {
        Ok(self.0.display_text(field_named(field)?))
    }

    fn set(&mut self, field: &str, text: &str) -> PyResult<()> {
        self.0.set(field_named(field)?, text);
        Ok(())
    }

    #[getter]
    fn focus(&self) -> &'static str {
        field_name(self.0.focus())
    }

    fn focus_on(&mut self, field: &str) -> PyResult<()> {
        self.0.focus_on(field_named(field)?);
        Ok(())
    }

    /// Everything to draw but the texts of the fields, as JSON.
    fn view(&self) -> String {
        let (phase, failure) = match self.0.phase() {
            Phase::Editing => ("editing", None),
            Phase::Working => ("working", None),
            Phase::Failed { failure, .. } => ("failed", Some(failure)),
            Phase::Waiting(failure) => ("waiting", Some(failure)),
            Phase::Done => ("done", None),
            // A step that a later library has is shown by its message.
            _ => ("other", None),
        };
        let next = match self.0.phase() {
            Phase::Failed { next, .. } => next_action(next),
            _ => Value::Null,
        };
        let invalid = self.0.invalid_field();
        json!({
            "phase": phase,
            "message": self.0.message(),
            "failure": failure.map(report::failure),
            "next": next,
            "chosen": self.0.chosen_holder().map(|holder| &holder.id),
            "invalid": invalid.map(|(field, message)| json!({ "field": field_name(field), "message": message })),
        })
        .to_string()
    }

    /// Begins the activation, if the fields can be valid.
    fn submit(&mut self) -> Option<FormRequest> {
        self.0.submit().map(FormRequest::new)
    }

    /// Begins to send an activation that waits.
    fn send_pending(&mut self) -> FormRequest {
        FormRequest::new(self.0.send_pending())
    }

    /// Begins to move the license here, where that is offered.
    fn move_here(&mut self) -> Option<FormRequest> {
        self.0.move_here().map(FormRequest::new)
    }

    fn choose_next_holder(&mut self) {
        self.0.choose_next_holder();
    }

    /// Cancels the request under way.
    fn cancel(&self) {
        self.0.cancel();
    }

    /// Takes the result of a request.
    fn finish(&mut self, outcome: &Outcome) {
        if let Some(outcome) = outcome.0.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.0.finish(outcome);
        }
    }
}

impl FormRequest {
    fn new(work: impl FnOnce(&Licensing) -> SubmitOutcome + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(work))))
    }
}

#[pymethods]
impl FormRequest {
    /// Asks the server, once.
    fn run(&self, py: Python<'_>, handle: &Handle) -> PyResult<Outcome> {
        let work = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let work = work.ok_or_else(|| PyValueError::new_err("this request was sent already"))?;
        let outcome = handle.call(py, work)?;
        Ok(Outcome(Mutex::new(Some(outcome))))
    }
}

fn next_action(next: &NextAction) -> Value {
    match next {
        NextAction::Correct(field) => json!({ "name": "correct", "field": field_name(*field) }),
        NextAction::TryAgain => json!({ "name": "try_again" }),
        NextAction::WaitUntil(moment) => json!({ "name": "wait_until", "moment": moment }),
        NextAction::MoveHere(holders) => json!({ "name": "move_here", "holders": seat_holders(holders) }),
        _ => json!({ "name": "ask_vendor" }),
    }
}

fn seat_holders(holders: &[SeatHolder]) -> Value {
    serde_json::to_value(holders).unwrap_or_default()
}

const fn field_name(field: Field) -> &'static str {
    match field {
        Field::Name => "name",
        Field::Email => "email",
        _ => "key",
    }
}

fn field_named(name: &str) -> PyResult<Field> {
    let named = Field::ALL.into_iter().find(|field| field_name(*field) == name);
    named.ok_or_else(|| PyValueError::new_err(format!("the fields are key, name and email, and not {name}")))
}
