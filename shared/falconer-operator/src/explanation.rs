//! Verify's answer about a license at a moment, with everything that it follows from.

use falconer_aws::operator::AuditRecord;
use falconer_aws::{StoreError, StoreReader};
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{DeviceId, Fault, Hardware, HashedComponents, Label, ReceivedComponents};
use falconer_domain::members;
use falconer_domain::verify::{Check, Compared, Facts, VerifyRefusal};
use falconer_domain::{Code, KeyRing, License, UnixMillis};

use crate::history::Recent;
use crate::license_reader::LicenseReader;

/// A question to verify. No `Debug`: it is about a person.
pub struct Question {
    /// The license.
    pub license: License,
    /// The hardware of the request; `None` and nothing that counts are the same.
    pub hardware: Option<ReceivedComponents>,
    /// The moment of the request.
    pub at: UnixMillis,
    /// Today.
    pub now: UnixMillis,
}

/// Verify's answer, and its reasons. No `Debug`: it is about a person.
pub struct Explanation {
    /// The license under its rules, as it is today.
    pub standing: EffectiveLicense,
    /// The answer.
    pub code: Code,
    /// Every check of verify, in its order.
    pub checks: Vec<Check>,
    /// The bound device that the hardware is of.
    pub device: Option<DeviceId>,
    /// True if the request has hardware.
    pub hardware_given: bool,
    /// The audit between the moment and today, oldest first.
    pub between: Vec<AuditRecord>,
    /// The answers to the last requests.
    pub answered: Recent,
}

/// Reasons why there is no answer to explain.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The ring cannot key the hardware of this license.
    #[error("the key ring lacks the license's generation: verify answers 503; restore the ring")]
    NoGeneration,
    /// The tables.
    #[error("{0}")]
    Store(#[from] StoreError),
}

/// Why a text is not a machine.
#[derive(Debug, thiserror::Error)]
pub enum NotHardware {
    /// Another thing than a JSON object.
    #[error("this is not a JSON object")]
    NotAnObject,
    /// The functions would refuse it.
    #[error("{0}")]
    Fault(#[from] Fault),
}

impl Explanation {
    /// Makes the very checks of `POST /api/verify`, and reads the history around them.
    ///
    /// # Errors
    /// [`ExplainError`].
    pub async fn of(
        question: Question,
        store: &StoreReader,
        ring: &KeyRing,
        service: &LicenseReader<'_>,
    ) -> Result<Self, ExplainError> {
        let Question { license, hardware, at, now } = question;
        let generation = ring.generation(license.generation).ok_or(ExplainError::NoGeneration)?;
        let hardware = hardware.filter(|components| !components.is_empty());
        let hashed: Option<HashedComponents> =
            hardware.map(|components| components.hashed(generation, &license.id));
        let standing = service.standing(license).await?;
        let facts = Facts::gather(&standing, hashed.as_ref(), at);
        let checks = facts.checks().collect();
        let code = facts.decide().map_or_else(VerifyRefusal::code, |()| Code::Valid);
        let device = facts.device().map(|found| found.id.clone());
        let between = between(store, &standing.license, at, now).await?;
        let answered = Recent::answers(store, &standing.license.id).await?;
        Ok(Self { code, checks, device, hardware_given: hashed.is_some(), between, answered, standing })
    }
}

/// Reads a machine as the functions read it from a request. A text may also be the object `hardware` alone.
///
/// # Errors
/// [`NotHardware`].
pub fn hardware_of(text: &[u8]) -> Result<Hardware, NotHardware> {
    let request = members::object(&members::decoded(text)).ok_or(NotHardware::NotAnObject)?;
    let is_parts = !Hardware::is_in(&request)
        && request.0.iter().any(|member| {
            Label::ALL
                .into_iter()
                .any(|label| [label.as_str(), label.camel_case()].contains(&member.name.as_str()))
        });
    Ok(if is_parts { Hardware::read_parts(&request) } else { Hardware::read(&request) }?)
}

/// Formats the values that a check compared, and their moments as the reader sees them.
#[must_use]
pub fn compared(compared: &Compared, shown: &dyn Fn(UnixMillis) -> String) -> String {
    match compared {
        Compared::Status(status) => format!("status is {}", status.as_str()),
        Compared::Expiry { expires_at: None, .. } => "it never ends".to_owned(),
        Compared::Expiry { expires_at: Some(end), now } => {
            format!("it ends {}, asked at {}", shown(*end), shown(*now))
        }
        Compared::Activation { hardware_given, hardware_required, bound } => format!(
            "hardware {}, {}; {bound} {} bound",
            if *hardware_given { "given" } else { "not given" },
            if *hardware_required { "required" } else { "not required" },
            if *bound == 1 { "device" } else { "devices" },
        ),
        Compared::Hardware { hardware_given: false, .. } => "hardware not given".to_owned(),
        Compared::Hardware { common: Some(common), threshold, .. } => {
            let agree = if *common == 1 { "component agrees" } else { "components agree" };
            format!("{common} {agree} with the best device; the threshold is {threshold}")
        }
        Compared::Hardware { common: None, threshold, .. } => {
            format!("no bound device matches; the threshold is {threshold}")
        }
    }
}

async fn between(
    store: &StoreReader,
    license: &License,
    at: UnixMillis,
    now: UnixMillis,
) -> Result<Vec<AuditRecord>, StoreError> {
    if at >= now {
        return Ok(Vec::new());
    }
    let mut rows = store.audit_since(&license.id, at).await?;
    rows.retain(|row| row.moment() <= now);
    Ok(rows)
}
