//! Texts for the person at the screen.

/// A sentence and a next step in plain English, free of personal and secret values.
#[derive(Clone, Copy, Debug, derive_more::Display, PartialEq, Eq, Hash)]
#[display("{sentence} {next_step}")]
pub struct UserMessage {
    /// States the fact: "The license server is busy."
    pub sentence: &'static str,
    /// Says how to go on: "Try again in a few minutes."
    pub next_step: &'static str,
}

impl UserMessage {
    pub(crate) const fn new(sentence: &'static str, next_step: &'static str) -> Self {
        Self { sentence, next_step }
    }
}
