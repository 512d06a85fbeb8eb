//! What the application may do now, from what is known: a pure function, looked up in one screen.

use crate::clock::UnixSeconds;
use crate::timeline::{CheckpointIntegrity, ReconciledTime};
use crate::user_message::UserMessage;

/// Where this installation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// No license that counts on this machine.
    NotActivated,
    /// The license is good and was checked lately.
    Active,
    /// Still good; time to check again.
    RefreshDue,
    /// Still good; the last check got no answer.
    Grace {
        /// When offline use ends.
        until: UnixSeconds,
    },
    /// The vendor's server said no, or offline use has ended.
    Locked {
        /// Why.
        code: LockCode,
    },
    /// The clock was turned back, or what is kept about time was changed. One check online clears it.
    ClockSuspect,
}

/// Why an installation is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LockCode {
    /// The vendor ended the license.
    Revoked,
    /// The vendor stopped the license for a while.
    Suspended,
    /// The license waits for its first activation.
    Pending,
    /// The license itself has ended.
    Expired,
    /// No device holds a seat of the license.
    NotActivated,
    /// Other devices hold the seats.
    HardwareMismatch,
    /// Offline use has ended: a check is overdue.
    LeaseExpired,
}

impl LockCode {
    /// The codes that only a signed refusal brings.
    pub const SIGNED: [Self; 6] = [
        Self::Revoked,
        Self::Suspended,
        Self::Pending,
        Self::Expired,
        Self::NotActivated,
        Self::HardwareMismatch,
    ];

    /// As machines read it.
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
        }
    }

    /// The locking refusal of this name. Every other code, known or not, locks nobody out.
    #[must_use]
    pub fn of_refusal(code: &str) -> Option<Self> {
        Self::SIGNED.into_iter().find(|lock| lock.name() == code)
    }
}

/// What is known of the license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoredDecision {
    /// Nothing that counts here: never activated, deactivated, or a lease of another machine.
    NoLicense,
    /// A lease of this machine.
    Leased(LeaseTerm),
    /// A locking refusal, and no valid answer since.
    Refused(LockCode),
}

/// The moments of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTerm {
    /// From when on to renew.
    pub refresh_at: UnixSeconds,
    /// When offline use ends; that second itself is past it.
    pub exp: UnixSeconds,
    /// When the license ends; `None` is perpetual.
    pub license_expires_at: Option<UnixSeconds>,
}

/// Everything the state follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The license.
    pub decision: StoredDecision,
    /// The clocks.
    pub time: ReconciledTime,
    /// When a check last failed, if none has succeeded since.
    pub failed_at: Option<UnixSeconds>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The state.
    pub state: State,
    /// Whether the features of the lease are on.
    pub unlocked: bool,
}

/// The state, and whether the features are on.
#[must_use]
pub fn evaluate(evidence: &Evidence) -> Evaluation {
    let now = evidence.time.now();
    let (state, unlocked) = match evidence.decision {
        StoredDecision::NoLicense => (State::NotActivated, false),
        StoredDecision::Refused(code) => (State::Locked { code }, false),
        // Of marks that were changed nobody knows how late it is. Assuming the best would reward the change.
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
    /// Its name, without what it holds.
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

    /// A sentence and a next step for the user.
    #[must_use]
    pub const fn user_message(&self) -> UserMessage {
        match self {
            Self::NotActivated => UserMessage::new(
                "This device is not activated.",
                "Enter the license key you were sent, and activate.",
            ),
            Self::Active => UserMessage::new("The license is active.", "Nothing to do."),
            Self::RefreshDue => UserMessage::new(
                "The license is active and will be checked again.",
                "Nothing to do; the check runs by itself while this device is online.",
            ),
            Self::Grace { .. } => UserMessage::new(
                "The license server could not be reached; everything goes on working for now.",
                "Connect this device to the internet before offline use ends.",
            ),
            Self::Locked { code } => code.user_message(),
            Self::ClockSuspect => UserMessage::new(
                "This device's clock does not fit what was seen before.",
                "Set date and time right, connect to the internet, and check the license once.",
            ),
        }
    }
}

impl LockCode {
    const fn user_message(self) -> UserMessage {
        match self {
            Self::Revoked => UserMessage::new(
                "The vendor has ended this license.",
                "Ask the vendor why; if a new key was mailed to you, activate with that one.",
            ),
            Self::Suspended => UserMessage::new(
                "The vendor has stopped this license for now.",
                "Ask the vendor; once it is reinstated, check the license again.",
            ),
            Self::Pending => {
                UserMessage::new("This license has not been activated yet.", "Activate it on this device.")
            }
            Self::Expired => UserMessage::new(
                "This license has ended.",
                "Renew it with the vendor, then check the license again.",
            ),
            Self::NotActivated => UserMessage::new(
                "This device no longer holds a seat of the license.",
                "Activate the license on this device again.",
            ),
            Self::HardwareMismatch => UserMessage::new(
                "The license is in use on another device.",
                "Move it to this device, or go on using the other one.",
            ),
            Self::LeaseExpired => UserMessage::new(
                "Offline use has ended.",
                "Connect this device to the internet and check the license; then everything works again.",
            ),
        }
    }
}

#[cfg(test)]
mod tests;
