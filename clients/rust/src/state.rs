//! The state of an installation: a pure function of what is stored and of the time.

use falconer_domain::CalendarDate;
use serde::{Serialize, Serializer};

use crate::clock::UnixSeconds;
use crate::timeline::{CheckpointIntegrity, ReconciledTime};
use crate::user_message::{MessageId, UserMessage};

/// State of an installation, to be shown. [`Licensing::is_unlocked`](crate::Licensing::is_unlocked) and
/// [`Licensing::has_feature`](crate::Licensing::has_feature) decide what an application unlocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum State {
    /// No license counts on this machine. Features are off.
    NotActivated,
    /// The license is valid and was checked recently. Features are on.
    Active,
    /// The license is valid and the next check is due. Features are on.
    RefreshDue,
    /// The license is valid, but the last check got no answer. Features are on.
    Grace {
        /// End of offline use.
        until: UnixSeconds,
    },
    /// The server refused the license, or offline use has ended. Features are off.
    Locked {
        /// Reason.
        code: LockCode,
    },
    /// The clock was turned back, or the stored time was edited. One online check clears it. Features are on until the
    /// lease ends; after an edit they are off.
    ClockSuspect,
}

/// Reason why an installation is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockCode {
    /// The vendor ended the license.
    Revoked,
    /// The vendor stopped the license for a while.
    Suspended,
    /// The license awaits its first activation.
    Pending,
    /// The term of the license has ended.
    Expired,
    /// No device holds a seat of the license.
    NotActivated,
    /// Other devices hold the seats of the license.
    HardwareMismatch,
    /// Offline use has ended: a check is overdue.
    LeaseExpired,
    /// The maintenance of the license ended before this build of the application. Earlier builds stay active.
    UpdatesEnded,
}

impl LockCode {
    /// Codes that only a signed refusal can set.
    pub const SIGNED: [Self; 6] = [
        Self::Revoked,
        Self::Suspended,
        Self::Pending,
        Self::Expired,
        Self::NotActivated,
        Self::HardwareMismatch,
    ];

    /// Code for programs, `HARDWARE_MISMATCH`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Revoked => "REVOKED",
            Self::Suspended => "SUSPENDED",
            Self::Pending => "PENDING",
            Self::Expired => "EXPIRED",
            Self::NotActivated => "NOT_ACTIVATED",
            Self::HardwareMismatch => "HARDWARE_MISMATCH",
            Self::LeaseExpired => "LEASE_EXPIRED",
            Self::UpdatesEnded => "UPDATES_ENDED",
        }
    }

    /// Finds the locking refusal of this name. Every other code, known or unknown, locks nothing.
    #[must_use]
    pub fn of_refusal(code: &str) -> Option<Self> {
        Self::SIGNED.into_iter().find(|lock| lock.name() == code)
    }
}

/// Meaning of the stored answer on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredDecision {
    /// No license counts: never activated, deactivated, or a lease of another machine.
    NoLicense,
    /// A lease of this machine.
    Leased(LeaseTerm),
    /// A locking refusal, without a valid lease since.
    Refused(LockCode),
}

/// Points in time of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseTerm {
    /// Start of the period in which to renew the lease.
    pub(crate) refresh_at: UnixSeconds,
    /// End of offline use; from this second on the lease does not count.
    pub(crate) exp: UnixSeconds,
    /// End of the license; `None` for a perpetual one.
    pub(crate) license_expires_at: Option<UnixSeconds>,
    /// Last day whose builds are covered; `None` covers every build.
    pub(crate) updates_until: Option<CalendarDate>,
}

impl LeaseTerm {
    /// True for a build that is younger than the maintenance. Dates alone are compared: no clock can change the result.
    fn ended_before(&self, build_date: Option<CalendarDate>) -> bool {
        build_date.zip(self.updates_until).is_some_and(|(build, until)| build > until)
    }
}

/// Inputs of [`evaluate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Meaning of the stored answer.
    pub(crate) decision: StoredDecision,
    /// Time at which to evaluate it.
    pub(crate) time: ReconciledTime,
    /// Moment of the last failed check, if none has succeeded since.
    pub(crate) failed_at: Option<UnixSeconds>,
    /// Date of the application's build, where it names one.
    pub(crate) build_date: Option<CalendarDate>,
}

/// Result of [`evaluate`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Evaluation {
    /// State to show.
    pub(crate) state: State,
    /// True while the features of the lease are on.
    pub(crate) unlocked: bool,
}

/// Evaluates the state, and whether the features are on.
#[must_use]
pub(crate) fn evaluate(evidence: &Evidence) -> Evaluation {
    let now = evidence.time.now();
    let (state, unlocked) = match evidence.decision {
        StoredDecision::NoLicense => (State::NotActivated, false),
        StoredDecision::Refused(code) => (State::Locked { code }, false),
        // Before any clock is asked: the same lease gives the same build the same answer, however the clock is set.
        StoredDecision::Leased(term) if term.ended_before(evidence.build_date) => {
            (State::Locked { code: LockCode::UpdatesEnded }, false)
        }
        // If the checkpoint was tampered with, the elapsed time is unknown, so features stay off. Anything else would
        // reward the edit.
        StoredDecision::Leased(term) if evidence.time.is_suspect() => {
            (State::ClockSuspect, evidence.time.integrity == CheckpointIntegrity::Intact && now < term.exp)
        }
        StoredDecision::Leased(term) if now >= term.exp => (State::Locked { code: ended(&term, now) }, false),
        StoredDecision::Leased(term) if now < term.refresh_at => (State::Active, true),
        StoredDecision::Leased(term) if evidence.failed_at.is_some_and(|at| at >= term.refresh_at) => {
            (State::Grace { until: term.exp }, true)
        }
        StoredDecision::Leased(_) => (State::RefreshDue, true),
    };
    Evaluation { state, unlocked }
}

fn ended(term: &LeaseTerm, now: UnixSeconds) -> LockCode {
    let license_ended = term.license_expires_at.is_some_and(|at| at <= now);
    if license_ended { LockCode::Expired } else { LockCode::LeaseExpired }
}

impl State {
    /// Name of the variant, without its fields.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::NotActivated => "NotActivated",
            Self::Active => "Active",
            Self::RefreshDue => "RefreshDue",
            Self::Grace { .. } => "Grace",
            Self::Locked { .. } => "Locked",
            Self::ClockSuspect => "ClockSuspect",
        }
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub const fn user_message(&self) -> UserMessage {
        let id = match self {
            Self::NotActivated => MessageId::NoLicense,
            Self::Active => MessageId::Active,
            Self::RefreshDue => MessageId::RefreshDue,
            Self::Grace { .. } => MessageId::Grace,
            Self::Locked { code } => code.message_id(),
            Self::ClockSuspect => MessageId::ClockSuspect,
        };
        id.message()
    }
}

impl LockCode {
    pub(crate) const fn message_id(self) -> MessageId {
        match self {
            Self::Revoked => MessageId::Revoked,
            Self::Suspended => MessageId::Suspended,
            Self::Pending => MessageId::Pending,
            Self::Expired => MessageId::Expired,
            Self::NotActivated => MessageId::NotActivated,
            Self::HardwareMismatch => MessageId::HardwareMismatch,
            Self::LeaseExpired => MessageId::LeaseExpired,
            Self::UpdatesEnded => MessageId::UpdatesEnded,
        }
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl Serialize for LockCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(test)]
mod tests;
