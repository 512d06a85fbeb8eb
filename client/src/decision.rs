//! What a signed answer does. Pure: the whole of "What an answer changes" in `docs/own-client.md` but the signature.

use falconer_domain::hardware::LeaseComponents;
use falconer_domain::lease::Claims;

use crate::clock::UnixSeconds;
use crate::state::{LockCode, Standing, Term};

/// What was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// Is the stored license still good on this device?
    Verify,
    /// Give this device a seat, by activation or transfer. The license may be another than the stored one.
    TakeSeat,
    /// Free this device's seat.
    FreeSeat,
    /// Free its seat of another license than the stored one, which is wanted no longer.
    GiveBack,
}

/// The last signed answer that counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held<'a> {
    /// Its license.
    pub(crate) license_id: &'a str,
    /// When it was signed.
    pub(crate) issued_at: UnixSeconds,
}

/// What an answer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It is the lease from now on.
    Lease,
    /// It locks.
    Lock(LockCode),
    /// The seat is free; what is stored is forgotten.
    Freed,
    /// The seat of the other license is free.
    GivenBack,
    /// A no that leaves the state alone.
    Refused,
    /// It is older than what is stored, or about another license, or no answer to this question.
    NotOurs,
    /// A yes that is about no device, or about another machine than this one.
    NotThisMachine,
}

/// Decides. `own` is what this machine shows.
pub(crate) fn decide(
    question: Question,
    claims: &Claims,
    held: Option<Held<'_>>,
    own: &LeaseComponents,
) -> Decision {
    let about_held = held.is_some_and(|held| held.license_id == claims.sub);
    let older = held.is_some_and(|held| about_held && claims.at < held.issued_at.0);
    let other = held.is_some() && !about_held && matches!(question, Question::Verify | Question::FreeSeat);
    let freed = matches!(claims.code.as_str(), "DEACTIVATED" | "DEVICE_NOT_BOUND");
    if older || other {
        return Decision::NotOurs;
    }
    match (claims.valid, question) {
        (true, Question::FreeSeat | Question::GiveBack) => Decision::NotOurs,
        (true, _) if counts_on(claims, own) => Decision::Lease,
        (true, _) => Decision::NotThisMachine,
        (false, Question::FreeSeat) if freed => Decision::Freed,
        (false, Question::GiveBack) if freed => Decision::GivenBack,
        (false, _) => match LockCode::of_refusal(&claims.code) {
            Some(code) if about_held => Decision::Lock(code),
            _ => Decision::Refused,
        },
    }
}

/// Whether a lease counts on a machine: it names a device, and what it states of it matches.
pub(crate) fn counts_on(claims: &Claims, own: &LeaseComponents) -> bool {
    let (Some(_), Some(hw), Some(threshold)) = (&claims.device, &claims.hw, claims.hw_threshold) else {
        return false;
    };
    LeaseComponents::from_wire(hw).are_matched_by(own, threshold)
}

/// What a stored answer, its signature verified again, means on this machine.
pub(crate) fn standing(claims: &Claims, own: &LeaseComponents) -> Standing {
    match LockCode::of_refusal(&claims.code) {
        _ if claims.valid && counts_on(claims, own) => Standing::Leased(term(claims)),
        Some(code) if !claims.valid => Standing::Refused(code),
        _ => Standing::Nothing,
    }
}

fn term(claims: &Claims) -> Term {
    Term {
        // A lease of a device always says it; without it, the check is due.
        refresh_at: UnixSeconds(claims.refresh_at.unwrap_or(claims.at)),
        exp: UnixSeconds(claims.exp),
        license_expires_at: claims.license_expires_at.map(UnixSeconds),
    }
}
