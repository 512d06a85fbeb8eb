//! Rules that choose requests and their faults.

use super::Fault;

/// The part of a request that a rule sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The last part of `X-Amz-Target`, as `GetItem`.
    pub operation: String,
    /// The tables (or the secret) that the body names, each once.
    pub resources: Vec<String>,
    /// How many requests came before this one.
    pub number: u64,
}

/// The requests a rule is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matcher {
    operation: Option<String>,
    resource: Option<String>,
}

impl Matcher {
    /// Every request.
    #[must_use]
    pub fn any() -> Self {
        Self::default()
    }

    /// Requests of one operation.
    pub fn operation(operation: impl Into<String>) -> Self {
        Self::any().and_operation(operation)
    }

    /// Requests that name this table, among others or alone (or this secret).
    pub fn resource(resource: impl Into<String>) -> Self {
        Self::any().and_resource(resource)
    }

    /// Of these, only the ones of one operation.
    #[must_use]
    pub fn and_operation(mut self, operation: impl Into<String>) -> Self {
        self.operation = Some(operation.into());
        self
    }

    /// Of these, only the ones that name this table (or this secret).
    #[must_use]
    pub fn and_resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// True if this request is one of them.
    #[must_use]
    pub fn matches(&self, seen: &Seen) -> bool {
        let operation = self.operation.as_ref();
        let resource = self.resource.as_ref();
        operation.is_none_or(|operation| *operation == seen.operation)
            && resource.is_none_or(|resource| seen.resources.contains(resource))
    }
}

/// How long a rule lives.
pub(super) enum Lives {
    UntilHealed,
    For(usize),
}

type Decide = Box<dyn Fn(&Seen) -> Option<Fault> + Send + Sync>;

enum Rule {
    Matching(Matcher, Fault, Lives),
    Deciding(Decide),
}

/// The rules in force, the oldest first.
#[derive(Default)]
pub(super) struct Rules(Vec<Rule>);

impl Rules {
    pub(super) fn add(&mut self, matcher: Matcher, fault: Fault, lives: Lives) {
        self.0.push(Rule::Matching(matcher, fault, lives));
    }

    pub(super) fn add_closure(&mut self, decide: Decide) {
        self.0.push(Rule::Deciding(decide));
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The fault for this request. The newest rule that knows it decides, and is one request nearer to its end.
    pub(super) fn decide(&mut self, seen: &Seen) -> Fault {
        let decided = self.0.iter_mut().rev().find_map(|rule| rule.decide(seen)).unwrap_or(Fault::Pass);
        self.0.retain(|rule| !matches!(rule, Rule::Matching(_, _, Lives::For(0))));
        decided
    }
}

impl Rule {
    fn decide(&mut self, seen: &Seen) -> Option<Fault> {
        match self {
            Self::Deciding(decide) => decide(seen),
            Self::Matching(matcher, fault, lives) => {
                if !matcher.matches(seen) {
                    return None;
                }
                if let Lives::For(count) = lives {
                    *count = count.checked_sub(1)?;
                }
                Some(fault.clone())
            }
        }
    }
}
