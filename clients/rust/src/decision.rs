//! Effect of a signed answer on the stored license. Pure; [`answer`](crate::answer) has checked the signature before.

use falconer_domain::hardware::LeaseComponents;
use falconer_domain::lease::Claims;

use crate::clock::UnixSeconds;
use crate::state::{LeaseTerm, LockCode, StoredDecision};
use crate::trust::Signer;

/// Longest time that a stored lease counts after its key was distrusted. Interval and grace are the lease's own words, and the
/// lease may be forged.
const MAX_FORMER_SECONDS: i64 = 30 * 86_400;

/// Purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Check the stored license on this device.
    Verify,
    /// Take a seat for this device, by activation or transfer, possibly of another license than the stored one.
    TakeSeat,
    /// Free this device's seat of the stored license.
    FreeSeat,
    /// Free this device's seat of another license, whose key was abandoned.
    ReleaseSeat,
}

/// The stored answer that a new one is compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CurrentAnswer<'a> {
    pub(crate) license_id: &'a str,
    pub(crate) issued_at: UnixSeconds,
}

/// Effect of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The answer becomes the stored lease.
    Lease,
    /// The stored license is locked.
    Lock(LockCode),
    /// The seat is free; the stored license is forgotten.
    Freed,
    /// A refusal that changes nothing here. It may say that the seat of an abandoned key is free.
    Refused,
    /// Ignored: older than the stored answer, about another license, or an answer to another kind of request.
    Unrelated,
    /// Ignored: a lease without a device, or for another machine.
    OtherMachine,
}

/// Decides the effect of an answer. `own` holds the components of this machine.
pub(crate) fn decide(
    question: Question,
    claims: &Claims,
    held: Option<CurrentAnswer<'_>>,
    own: &LeaseComponents,
) -> Decision {
    let about_held = held.is_some_and(|held| held.license_id == claims.sub);
    let older = held.is_some_and(|held| about_held && claims.at < held.issued_at.0);
    let other = held.is_some() && !about_held && matches!(question, Question::Verify | Question::FreeSeat);
    let freed = matches!(claims.code.as_str(), "DEACTIVATED" | "DEVICE_NOT_BOUND");
    if older || other {
        return Decision::Unrelated;
    }
    match (claims.valid, question) {
        (true, Question::FreeSeat | Question::ReleaseSeat) => Decision::Unrelated,
        (true, _) if is_lease_of(claims, own) => Decision::Lease,
        (true, _) => Decision::OtherMachine,
        (false, Question::FreeSeat) if freed => Decision::Freed,
        (false, _) => match LockCode::of_refusal(&claims.code) {
            Some(code) if about_held => Decision::Lock(code),
            _ => Decision::Refused,
        },
    }
}

/// True if the lease names a device and its components match this machine.
pub(crate) fn is_lease_of(claims: &Claims, own: &LeaseComponents) -> bool {
    let (Some(_), Some(hw), Some(threshold)) = (&claims.device, &claims.hw, claims.hw_threshold) else {
        return false;
    };
    LeaseComponents::from_wire(hw).are_matched_by(own, threshold)
}

/// Meaning of a stored answer on this machine, after its signature was verified again.
pub(crate) fn stored_decision(claims: &Claims, own: &LeaseComponents, signer: Signer) -> StoredDecision {
    match LockCode::of_refusal(&claims.code) {
        _ if claims.valid && is_lease_of(claims, own) => StoredDecision::Leased(term(claims, signer)),
        Some(code) if !claims.valid => StoredDecision::Refused(code),
        _ => StoredDecision::NoLicense,
    }
}

/// The term of a lease. One by a distrusted key is renewed at once, and ends one interval and one grace
/// after that at the latest.
fn term(claims: &Claims, signer: Signer) -> LeaseTerm {
    let term = stated_term(claims);
    let Signer::Former(since) = signer else { return term };
    let stated = claims.interval.unwrap_or_default().saturating_add(claims.grace.unwrap_or_default());
    let end = since.0.saturating_add(stated.clamp(0, MAX_FORMER_SECONDS));
    LeaseTerm { refresh_at: term.refresh_at.min(since), exp: term.exp.min(UnixSeconds(end)), ..term }
}

fn stated_term(claims: &Claims) -> LeaseTerm {
    LeaseTerm {
        // A lease with a device always has `refresh_at`; without it the next check is due at once.
        refresh_at: UnixSeconds(claims.refresh_at.unwrap_or(claims.at)),
        exp: UnixSeconds(claims.exp),
        license_expires_at: claims.license_expires_at.map(UnixSeconds),
        updates_until: claims.updates_until,
    }
}
