//! The real state of license and time, derived from the steps of a test and never from the library.

use std::time::Duration;

use falconer_client::LockCode;
use falconer_domain::Code;

use crate::harness::{Delivered, LEASE_SECONDS, Moment};

/// Largest lag of a clock that counts as right, in seconds.
const TOLERANCE: i64 = 3_600;

/// Last answers, and changes of the clock since.
#[derive(Debug)]
pub(crate) struct Truth {
    /// Last answer that decided something.
    pub(crate) decision: LastDecision,
    /// Moment of the last answer of any kind, which set the time.
    answered_at: Moment,
    /// Lead of the clock at that answer, in seconds.
    lead: i64,
    /// True if the clock was set since.
    pub(crate) was_set: bool,
    /// True if the clock lagged by more than the tolerance then and has not been right since.
    is_behind: bool,
    /// True if the clock was set forward since to a wrong time: past the right one, or by a part of its lag.
    pub(crate) was_set_ahead: bool,
}

/// An answer that decided something.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LastDecision {
    /// A valid lease, signed at this moment.
    Valid(Moment),
    Locked(LockCode),
}

impl Truth {
    /// Starts after an activation by a clock with this lead.
    pub(crate) fn after(answer: &Delivered, clock_ahead: i64) -> Self {
        let mut truth = Self {
            decision: LastDecision::Valid(answer.at),
            answered_at: answer.at,
            lead: 0,
            was_set: false,
            is_behind: false,
            was_set_ahead: false,
        };
        truth.record_answer(answer, clock_ahead);
        truth
    }

    pub(crate) fn record_answer(&mut self, answer: &Delivered, clock_ahead: i64) {
        let decision = match answer.code {
            Code::Valid | Code::Activated | Code::Refreshed => Some(LastDecision::Valid(answer.at)),
            code => LockCode::of_refusal(code.name()).map(LastDecision::Locked),
        };
        let behind = clock_ahead < -TOLERANCE;
        let decision = decision.unwrap_or(self.decision);
        let (answered_at, lead) = (answer.at, clock_ahead);
        *self = Self { decision, answered_at, lead, was_set: false, is_behind: behind, was_set_ahead: false };
    }

    /// Records a change of the clock from one lead to another.
    pub(crate) fn set(&mut self, from: i64, to: i64) {
        self.was_set = true;
        let not_right = if self.is_behind { to > self.lead && to < -TOLERANCE } else { false };
        self.was_set_ahead |= to > from && (to > 0 || not_right);
        self.is_behind &= !(-TOLERANCE..=0).contains(&to);
    }

    /// Last second of a lease signed at this moment.
    pub(crate) fn end(signed: Moment) -> i64 {
        signed.real.seconds() + LEASE_SECONDS
    }

    /// Seconds since a signature that no clock can hide: all of them up to the last answer, and the running time since.
    pub(crate) fn spent(&self, signed: Moment, now: Moment) -> i64 {
        let ran = now.ran.saturating_sub(self.answered_at.ran);
        self.answered_at.real.seconds() - signed.real.seconds() + i64::try_from(seconds(ran)).unwrap()
    }

    /// Lag of an untouched clock, in seconds: as large as at the last answer.
    pub(crate) fn lag(&self) -> i64 {
        (-self.lead).max(0)
    }
}

const fn seconds(time: Duration) -> u64 {
    time.as_secs()
}
