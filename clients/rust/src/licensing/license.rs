//! License, device and pending request, as an application sees them.

use std::collections::BTreeMap;

use falconer_domain::CalendarDate;
use falconer_domain::hardware::Label;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::clock::UnixSeconds;
use crate::hardware::Platform;
use crate::store::{PendingRequest, Record};
use crate::user_message::{MessageId, UserMessage};

/// A request that waits until the server can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Pending {
    /// An activation of this device.
    Activate,
    /// A deactivation: frees the seat of this device.
    Deactivate,
    /// Freeing the seat of an earlier key. That key's activation was waiting when another key replaced it, and it may have
    /// taken a seat although its answer was lost.
    ReleaseSeat,
    /// A request as a file, which waits for the vendor's answer. The network has no part in it.
    Answer,
    /// A receipt as a file, which waits to be brought to the vendor.
    Receipt,
}

impl Pending {
    /// The request that waits in a row. A wish of the user comes before seats to release.
    pub(super) fn of(record: &Record) -> Option<Self> {
        match &record.pending {
            Some(PendingRequest::Activate(_)) => Some(Self::Activate),
            Some(PendingRequest::Deactivate) => Some(Self::Deactivate),
            Some(PendingRequest::File(_)) => Some(Self::Answer),
            Some(PendingRequest::Receipt(_)) => Some(Self::Receipt),
            None => (!record.abandoned_keys.is_empty()).then_some(Self::ReleaseSeat),
        }
    }

    /// True if a request to the server waits, which a refresh sends.
    pub(super) const fn is_for_network(self) -> bool {
        matches!(self, Self::Activate | Self::Deactivate | Self::ReleaseSeat)
    }

    /// Name for programs: `activate`, `deactivate`, `release_seat`, `answer` or `receipt`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Deactivate => "deactivate",
            Self::ReleaseSeat => "release_seat",
            Self::Answer => "answer",
            Self::Receipt => "receipt",
        }
    }

    /// Sentence and next step for the user.
    #[must_use]
    pub const fn user_message(self) -> UserMessage {
        let id = match self {
            Self::Activate => MessageId::ActivationWaits,
            Self::Deactivate => MessageId::DeactivationWaits,
            Self::ReleaseSeat => MessageId::ReleaseWaits,
            Self::Answer => MessageId::AnswerWaits,
            Self::Receipt => MessageId::ReceiptWaits,
        };
        id.message()
    }
}

impl Serialize for Pending {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Pending", 2)?;
        members.serialize_field("name", self.name())?;
        members.serialize_field("message", &self.user_message())?;
        members.end()
    }
}

/// The license as the last signed answer describes it. Locked states have one too; [`Licensing::has_feature`](super::Licensing::has_feature) says
/// whether its features are on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct License {
    /// License id, `lic_…`; safe to log.
    pub id: String,
    /// License key in a form that may be shown, `QF-PRO-…-4BYWJ`.
    pub masked_key: String,
    /// Tier of the catalog, `pro`.
    pub tier: Option<String>,
    /// Features of the tier and of this license, also while they are off.
    pub features: Vec<String>,
    /// Limits by their names, of the tier and of this license, also while they do not count.
    pub limits: BTreeMap<String, u64>,
    /// Last day whose builds of the application are covered, `2027-01-31`; `None` covers every build.
    pub updates_until: Option<CalendarDate>,
    /// Newest version up to that day, where the vendor lists it.
    pub updates_version: Option<String>,
    /// End of the license; `None` for a perpetual one.
    pub expires_at: Option<UnixSeconds>,
    /// Id of this device, where it holds a seat.
    pub device_id: Option<String>,
    /// End of offline use; `None` while the features are off.
    pub offline_until: Option<UnixSeconds>,
    /// Start of the period in which the library renews the lease; `None` after a refusal.
    pub refresh_at: Option<UnixSeconds>,
    /// Moment of the last signed answer about the license, by the server's clock.
    pub checked_at: UnixSeconds,
    /// True if the lease came as a file: the library sends no request for it by itself, and a file renews it.
    pub air_gap: bool,
}

/// This device, as the server and other users of the license see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Device {
    /// Name that other users of the license see. The default ends with a mark that tells machines apart, as soon as there
    /// is a license.
    pub name: String,
    /// Kinds of hardware components that were found. Their values never leave the process.
    #[serde(serialize_with = "label_names")]
    pub labels: Vec<Label>,
    /// Physical machine, container or virtual machine.
    pub platform: Platform,
}

fn label_names<S: Serializer>(labels: &[Label], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(labels.iter().map(|label| label.as_str()))
}
