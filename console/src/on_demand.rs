//! Figures that cost something: they are made when somebody asks for them, beside the page, and kept until somebody asks
//! again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::trouble::Trouble;

/// The last figures, and whether others are being made.
pub(crate) struct OnDemand<T>(Mutex<OnDemandState<T>>);

struct OnDemandState<T> {
    goes_on: bool,
    was_stopped: bool,
    last: Option<Result<Arc<T>, String>>,
}

/// Figures as a page shows them.
pub(crate) struct FiguresShown<T> {
    pub(crate) figures: Option<Arc<T>>,
    /// True while others are being made.
    pub(crate) goes_on: bool,
    /// True if the last request for figures was stopped; the figures are older ones.
    pub(crate) was_stopped: bool,
    /// Why the last ones are not there; empty if they are.
    pub(crate) failed: String,
}

impl<T> OnDemand<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(OnDemandState { goes_on: false, was_stopped: false, last: None }))
    }

    pub(crate) fn shown(&self) -> FiguresShown<T> {
        let state = self.state();
        let (figures, failed) = match &state.last {
            Some(Ok(figures)) => (Some(Arc::clone(figures)), String::new()),
            Some(Err(why)) => (None, why.clone()),
            None => (None, String::new()),
        };
        FiguresShown { figures, goes_on: state.goes_on, was_stopped: state.was_stopped, failed }
    }

    /// Makes figures, unless that goes on already; `None` leaves those that are there. Runs on the worker's thread.
    pub(crate) async fn run(&self, make: impl Future<Output = Result<Option<T>, Trouble>>) {
        if std::mem::replace(&mut self.state().goes_on, true) {
            return;
        }
        let result = make.await.map_err(|trouble| trouble.sentence()).transpose();
        let mut state = self.state();
        (state.goes_on, state.was_stopped) = (false, result.is_none());
        if let Some(result) = result {
            state.last = Some(result.map(Arc::new));
        }
    }

    fn state(&self) -> MutexGuard<'_, OnDemandState<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn made_once_and_kept_until_asked_again() {
        let figures = OnDemand::new();
        assert!(figures.shown().figures.is_none() && figures.shown().failed.is_empty());
        let (tell, told) = tokio::sync::oneshot::channel();
        let slow = figures.run(async { told.await.map(Some).map_err(|_| Trouble::NotFound(String::new())) });
        let meanwhile = async {
            tokio::task::yield_now().await;
            assert!(figures.shown().goes_on);
            figures.run(async { Ok(Some(2)) }).await;
            tell.send(1).unwrap();
        };
        tokio::join!(slow, meanwhile);
        assert_eq!(figures.shown().figures.as_deref(), Some(&1), "the second request began nothing");
        figures.run(async { Ok(None) }).await;
        assert_eq!((figures.shown().figures.as_deref(), figures.shown().was_stopped), (Some(&1), true));
        figures.run(async { Err(Trouble::NotFound("it is gone".to_owned())) }).await;
        assert_eq!((figures.shown().failed.as_str(), figures.shown().figures), ("It is gone.", None));
    }
}
