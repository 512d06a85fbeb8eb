//! What a person is told: a sentence, and what to do next.

/// A sentence and a next step, in plain English and without anything personal or secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserMessage {
    /// What is the case.
    pub sentence: &'static str,
    /// What to do about it.
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
