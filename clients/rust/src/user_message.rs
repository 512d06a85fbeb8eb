//! Texts for the person at the screen.

/// A sentence and a next step in plain English, free of personal and secret values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl std::fmt::Display for UserMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.sentence, self.next_step)
    }
}
