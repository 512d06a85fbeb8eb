//! What is true of a license and of time, from what a test did: nothing of it is asked of the library.

use std::time::Duration;

use falconer_client::{CLOCK_TOLERANCE_MILLIS, LockCode};
use falconer_domain::Code;

use crate::harness::{Delivered, LEASE_SECONDS, Moment};

/// How far a clock may stand behind and count as right, in seconds.
const TOLERANCE: i64 = CLOCK_TOLERANCE_MILLIS / 1_000;

/// What the last answers were, and what was done to the clock since.
#[derive(Debug)]
pub(crate) struct Truth {
    /// The last answer that decided something.
    pub(crate) word: Word,
    /// The last answer of any kind: it told the time.
    told: Moment,
    /// How far the clock stood ahead of the truth then, in seconds.
    stood: i64,
    /// Whether anybody has set it since.
    pub(crate) was_set: bool,
    /// Whether it stood behind by more than is tolerated then, and has not been right since.
    is_behind: bool,
    /// Whether it was set forward since, and not to what is true: past it, or by a part of what it stood behind.
    pub(crate) was_set_ahead: bool,
}

/// An answer that decided something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Word {
    /// The license is good, said then.
    Yes(Moment),
    No(LockCode),
}

impl Truth {
    /// Of a license that was just activated, by a clock that stood so far ahead.
    pub(crate) fn after(answer: &Delivered, clock_ahead: i64) -> Self {
        let mut truth = Self {
            word: Word::Yes(answer.at),
            told: answer.at,
            stood: 0,
            was_set: false,
            is_behind: false,
            was_set_ahead: false,
        };
        truth.hears(answer, clock_ahead);
        truth
    }

    pub(crate) fn hears(&mut self, answer: &Delivered, clock_ahead: i64) {
        let word = match answer.code {
            Code::Valid | Code::Activated | Code::Refreshed => Some(Word::Yes(answer.at)),
            code => LockCode::of_refusal(code.name()).map(Word::No),
        };
        let behind = clock_ahead < -TOLERANCE;
        let word = word.unwrap_or(self.word);
        let (told, stood) = (answer.at, clock_ahead);
        *self = Self { word, told, stood, was_set: false, is_behind: behind, was_set_ahead: false };
    }

    /// Somebody set the clock, from so far ahead to so far ahead.
    pub(crate) fn set(&mut self, from: i64, to: i64) {
        self.was_set = true;
        let not_right = if self.is_behind { to > self.stood && to < -TOLERANCE } else { false };
        self.was_set_ahead |= to > from && (to > 0 || not_right);
        self.is_behind &= !(-TOLERANCE..=0).contains(&to);
    }

    /// The second in which a lease of that moment ends.
    pub(crate) fn end(signed: Moment) -> i64 {
        signed.real.seconds() + LEASE_SECONDS
    }

    /// What has passed since that moment and cannot be hidden by any clock: up to the last answer all of it, and since then
    /// what the program ran. In seconds.
    pub(crate) fn spent(&self, signed: Moment, now: Moment) -> i64 {
        let ran = now.ran.saturating_sub(self.told.ran);
        self.told.real.seconds() - signed.real.seconds() + i64::try_from(seconds(ran)).unwrap()
    }

    /// How far a clock that nobody set since may lag behind, in seconds: as far as it stood behind.
    pub(crate) fn lag(&self) -> i64 {
        (-self.stood).max(0)
    }
}

const fn seconds(time: Duration) -> u64 {
    time.as_secs()
}
