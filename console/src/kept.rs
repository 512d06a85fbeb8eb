//! Things that a page leaves for the next one, under an id that says nothing: a search has no address of its own, and a
//! change is confirmed once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::tokens::Token;

/// Things kept at a time. The oldest goes first: a person has a dozen pages open. Work that goes on stays.
const MAX_KEPT: usize = 200;

/// A thing that can be kept.
pub(crate) trait Keepable {
    /// True while it goes on beside its page: it does not make room for others.
    fn goes_on(&self) -> bool {
        false
    }
}

impl Keepable for String {}

/// Why a thing is not kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeepError {
    /// As many as are kept go on.
    #[error(
        "{0} runs and looks of this kind go on, which is the most at a time; stop one of them, or wait for its end"
    )]
    AllGoOn(usize),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// Things by id.
pub(crate) struct Kept<T> {
    most: usize,
    things: Mutex<VecDeque<(Token, Arc<T>)>>,
}

impl<T: Keepable> Kept<T> {
    pub(crate) const fn new() -> Self {
        Self::at_most(MAX_KEPT)
    }

    /// Keeps fewer things, which are large.
    pub(crate) const fn at_most(most: usize) -> Self {
        Self { most, things: Mutex::new(VecDeque::new()) }
    }

    /// Keeps a thing and returns its id. The oldest one that does not go on makes room.
    ///
    /// # Errors
    /// [`KeepError`].
    pub(crate) fn keep(&self, thing: T) -> Result<String, KeepError> {
        let id = Token::fresh()?;
        let name = id.as_str().to_owned();
        let mut kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most {
            let ended = kept.iter().position(|(_, kept)| !kept.goes_on());
            kept.remove(ended.ok_or(KeepError::AllGoOn(self.most))?);
        }
        kept.push_back((id, Arc::new(thing)));
        Ok(name)
    }

    /// Keeps a thing under an id that its page has, in the place of the one before.
    pub(crate) fn keep_as(&self, id: &str, thing: T) {
        self.take(id);
        let mut kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.most {
            kept.pop_front();
        }
        kept.push_back((Token::named(id), Arc::new(thing)));
    }

    /// Everything that is kept, with its id, the newest first.
    pub(crate) fn all(&self) -> Vec<(String, Arc<T>)> {
        let kept = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        let named = |(id, thing): &(Token, Arc<T>)| (id.as_str().to_owned(), Arc::clone(thing));
        kept.iter().rev().map(named).collect()
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

    impl Keepable for usize {}

    /// Work that goes on, or has ended.
    struct Work(bool);

    impl Keepable for Work {
        fn goes_on(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn work_that_goes_on_makes_no_room() {
        let kept = Kept::at_most(3);
        let ids: Vec<_> = [true, false, true].map(|goes_on| kept.keep(Work(goes_on)).unwrap()).to_vec();
        let new = kept.keep(Work(true)).unwrap();
        let there = |id: &str| kept.get(id).is_some();
        assert!(there(&ids[0]) && !there(&ids[1]) && there(&ids[2]) && there(&new));
        let refused = kept.keep(Work(true)).unwrap_err();
        assert!(refused.to_string().contains("stop one of them"), "{refused}");
        assert_eq!(kept.all().len(), 3);
    }

    #[test]
    fn thing_of_a_page_takes_the_place_of_its_last() {
        let kept = Kept::at_most(2);
        let other = kept.keep(7).unwrap();
        kept.keep_as("page", 1);
        kept.keep_as("page", 2);
        assert_eq!((kept.get("page").as_deref(), kept.get(&other).as_deref()), (Some(&2), Some(&7)));
    }

    #[test]
    fn taken_once_and_oldest_goes_first() {
        let kept = Kept::new();
        let first = kept.keep(1).unwrap();
        assert_eq!(kept.get(&first).as_deref(), Some(&1_usize));
        assert_eq!(kept.take(&first).as_deref(), Some(&1));
        assert!(kept.take(&first).is_none() && kept.get("").is_none());
        kept.give_back(&first, Arc::new(1));
        assert_eq!(kept.take(&first).as_deref(), Some(&1), "and once more after it was given back");
        let oldest = kept.keep(0).unwrap();
        (0..MAX_KEPT).for_each(|thing| drop(kept.keep(thing).unwrap()));
        assert!(kept.get(&oldest).is_none());
    }
}
