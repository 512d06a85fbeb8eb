//! The operator's decision about a request.

use super::{AirGapPurpose, OfflineLease};
use crate::activate::{self, ActivateRefusal, RefreshRefusal};
use crate::code::Code;
use crate::effective_license::{EffectiveLicense, Inactive};
use crate::lease::air_gap_end;
use crate::seats::{Outcome, SeatRequest};
use crate::time::UnixMillis;
use crate::transfer::{self, FromDevice, TransferRefusal};

/// The operator's word about a binding that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedTransfer<'a> {
    /// None: such a binding is not made.
    Refuse,
    /// It is made, if need be from this device's seat.
    Allow(FromDevice<'a>),
}

/// Why a request gets no lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AirGapRefusal {
    /// The license's policy has no `air_gap_days`.
    #[error(
        "the policy of this license allows no offline lease; air_gap_days in the catalog allows it, and `falconer \
         set-policy LICENSE air_gap_days=365` for this license alone"
    )]
    NotAllowed,
    /// A seat is free, and taking it would be counted.
    #[error("this binding would be counted as a transfer; --transfer allows it")]
    Counted,
    /// As the server would refuse it.
    #[error(transparent)]
    Rules(RefusedByRules),
}

/// A refusal that the endpoints have too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}. {}", .0.name(), .0.text(), .0.row().next_step)]
pub struct RefusedByRules(pub Code);

impl From<Code> for AirGapRefusal {
    fn from(code: Code) -> Self {
        Self::Rules(RefusedByRules(code))
    }
}

/// Decides by the rules of the endpoints, and notes the long lease that the answer will hold: `lease` is its `jti`.
///
/// # Errors
/// [`AirGapRefusal`].
pub fn decide(
    standing: &EffectiveLicense,
    seat_request: &SeatRequest<'_>,
    purpose: AirGapPurpose,
    transfer: CountedTransfer<'_>,
    lease: &str,
    now: UnixMillis,
) -> Result<Outcome, AirGapRefusal> {
    standing.check_active(now).map_err(Inactive::code)?;
    if standing.policy.air_gap_days == 0 {
        return Err(AirGapRefusal::NotAllowed);
    }
    let mut outcome = match (purpose, transfer) {
        (AirGapPurpose::Renew, _) => {
            activate::refresh(Some(standing), seat_request, now).map_err(RefreshRefusal::code)?
        }
        (AirGapPurpose::Activate, CountedTransfer::Refuse) => {
            let outcome =
                activate::decide(Some(standing), seat_request, now).map_err(ActivateRefusal::code)?;
            if outcome.license.transfers_total != standing.license.transfers_total {
                return Err(AirGapRefusal::Counted);
            }
            outcome
        }
        (AirGapPurpose::Activate, CountedTransfer::Allow(from)) => {
            transfer::decide(Some(standing), seat_request, from, now).map_err(TransferRefusal::code)?
        }
    };
    let license = &mut outcome.license;
    let end = air_gap_end(now, standing.policy.air_gap_days, license.expires_at);
    let earlier = license.offline.get(&outcome.device).map_or(end, |lease| lease.until);
    // The claims count whole seconds, so the seat is kept for the rest of the last one.
    let out = OfflineLease { lease: lease.to_owned(), until: end.max(earlier) };
    license.offline.insert(outcome.device.clone(), out);
    Ok(outcome)
}

#[cfg(test)]
mod tests;
