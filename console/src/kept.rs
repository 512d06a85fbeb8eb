//! Things that a page leaves for the next one, under an id that says nothing: a search has no address of its own, and a
//! change is confirmed once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tokens::Token;

/// Things kept at a time. The oldest goes first: a person has a dozen pages open.
const MAX_KEPT: usize = 200;

/// Things by id.
pub(crate) struct Kept<T> {
    most: usize,
    things: Mutex<VecDeque<(Token, Arc<T>)>>,
}

impl<T> Kept<T> {
    pub(crate) const fn new() -> Self {
        Self::at_most(MAX_KEPT)
    }

    /// Keeps fewer things, which are large.
    pub(crate) const fn at_most(most: usize) -> Self {
        Self { most, things: Mutex::new(VecDeque::new()) }
    }

    /// Keeps a thing and returns its id.
    ///
    /// # Errors
    /// The operating system gives no random bytes.
    pub(crate) fn keep(&self, thing: T) -> Result<String, getrandom::Error> {
        let id = Token::fresh()?;
        let name = id.as_str().to_owned();
        let mut kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() == self.most {
            kept.pop_front();
        }
        kept.push_back((id, Arc::new(thing)));
        Ok(name)
    }

    /// Looks at a thing.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<T>> {
        let kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(token, _)| token.is(id)).map(|(_, thing)| Arc::clone(thing))
    }

    /// Puts a thing back under the id that it was taken with.
    pub(crate) fn give_back(&self, id: &str, thing: Arc<T>) {
        let mut kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_back((Token::named(id), thing));
    }

    /// Takes a thing away: nobody else gets it.
    pub(crate) fn take(&self, id: &str) -> Option<Arc<T>> {
        let mut kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let place = kept.iter().position(|(token, _)| token.is(id))?;
        kept.remove(place).map(|(_, thing)| thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taken_once_and_oldest_goes_first() {
        let kept = Kept::new();
        let first = kept.keep(1).unwrap();
        assert_eq!(kept.get(&first).as_deref(), Some(&1));
        assert_eq!(kept.take(&first).as_deref(), Some(&1));
        assert!(kept.take(&first).is_none() && kept.get("").is_none());
        kept.give_back(&first, Arc::new(1));
        assert_eq!(kept.take(&first).as_deref(), Some(&1), "and once more after it was given back");
        let oldest = kept.keep(0).unwrap();
        (0..MAX_KEPT).for_each(|thing| drop(kept.keep(thing).unwrap()));
        assert!(kept.get(&oldest).is_none());
    }
}
