//! Licenses and their history as pages show them. Texts from elsewhere lose what hides or turns letters around.

use std::fmt::Display;

use falconer_aws::operator::{AuditRecord, IssuanceRecord};
use falconer_domain::catalog::Policy;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::DeviceId;
use falconer_domain::license::Device;
use falconer_domain::operate::{self, OwnValue};
use falconer_domain::person::{DeviceName, Email, Note, PersonName};
use falconer_domain::seats::{Seats, TransferQuota};
use falconer_domain::{License, LicenseId, Status, UnixMillis};
use falconer_operator::license_state::LicenseState;
use falconer_operator::{audit_words, words};

use crate::grants;
use crate::moments::{Clock, Moment};
use crate::reading::LicenseStory;

/// Characters of a note in a table.
const NOTE_CHARS: usize = 60;

/// A license as a row of a table.
pub(crate) struct LicenseLine {
    pub(crate) id: String,
    pub(crate) key_hint: String,
    pub(crate) state: StateTag,
    pub(crate) tier: String,
    pub(crate) ends: LineEnd,
    /// Sorts ends as texts; those that never end come last.
    pub(crate) ends_order: String,
    pub(crate) seats: String,
    pub(crate) customer: Vec<String>,
    pub(crate) last_seen: Option<Moment>,
    pub(crate) seen_order: i64,
    pub(crate) transfers: u32,
    pub(crate) note: String,
}

/// The end of a license, in a row of a table.
pub(crate) enum LineEnd {
    /// A moment.
    At(Moment),
    /// The term of a license that has no end yet, or never has one.
    Term(String),
}

/// A word for the state of a license, and its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StateTag {
    pub(crate) word: &'static str,
    pub(crate) tone: &'static str,
}

/// A name and a value.
pub(crate) struct Fact {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A fact that changes.
pub(crate) struct FactChange {
    pub(crate) name: String,
    pub(crate) before: String,
    pub(crate) after: String,
}

/// A device that holds a seat.
pub(crate) struct DeviceLine {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) known_by: String,
    pub(crate) bound: Moment,
    pub(crate) last_seen: Option<Moment>,
}

/// A row of the audit.
pub(crate) struct AuditLine {
    pub(crate) when: Moment,
    pub(crate) action: String,
    pub(crate) code: String,
    pub(crate) tone: &'static str,
    pub(crate) who: String,
    pub(crate) told: Vec<String>,
    pub(crate) reason: String,
}

impl StateTag {
    pub(crate) fn of(license: &License, now: UnixMillis) -> Self {
        let state = LicenseState::of(license, now);
        let tone = match state {
            LicenseState::Active => "good",
            LicenseState::Pending => "quiet",
            LicenseState::Suspended | LicenseState::Expired => "warn",
            LicenseState::Revoked => "bad",
        };
        Self { word: state.word(), tone }
    }
}

impl LicenseLine {
    pub(crate) fn of(
        license: &License,
        issuance: &IssuanceRecord,
        policy: Option<&Policy>,
        clock: &Clock,
    ) -> Self {
        let last_seen = license.devices.values().filter_map(Device::last_seen).max();
        let note = license.notes.as_ref().map(Note::as_str).unwrap_or_default();
        let taken = license.seats_taken(clock.now());
        Self {
            id: license.id.to_string(),
            key_hint: line(&issuance.key_hint),
            state: StateTag::of(license, clock.now()),
            tier: license.tier.to_string(),
            ends: match (license.expires_at, license.duration_days) {
                (Some(at), _) => LineEnd::At(clock.moment(at)),
                (None, Some(days)) => LineEnd::Term(format!("+{}", counted(days, "day"))),
                (None, None) => LineEnd::Term("never".to_owned()),
            },
            ends_order: license
                .expires_at
                .map_or_else(|| "9".repeat(20), |at| format!("{:020}", at.0.max(0))),
            seats: policy.map_or_else(|| taken.to_string(), |policy| format!("{taken} of {}", policy.seats)),
            customer: customer(license),
            last_seen: last_seen.map(|at| clock.moment(at)),
            seen_order: last_seen.map_or(0, |at| at.0),
            transfers: license.transfers_total,
            note: shortened(&line(note)),
        }
    }
}

/// One sentence about the state of a license.
pub(crate) fn sentence(license: &License, seats: Option<Seats>, clock: &Clock) -> String {
    let now = clock.now();
    let begun = match (license.status, license.expires_at, license.duration_days) {
        (Status::Revoked, ..) => "Revoked: its key opens nothing".to_owned(),
        (Status::Suspended, ..) => "Suspended until somebody reinstates it".to_owned(),
        (Status::Pending, _, Some(days)) => {
            format!(
                "Not activated yet: its term of {} begins with the first activation",
                counted(days, "day")
            )
        }
        (Status::Pending, ..) => "Not activated yet".to_owned(),
        (Status::Active, Some(end), _) if end <= now => {
            format!("Ended {}, {}", clock.text(end), clock.distance(end))
        }
        (Status::Active, Some(end), _) => {
            format!("Active until {}, {}", clock.text(end), clock.distance(end))
        }
        (Status::Active, None, _) => "Active, and it never ends".to_owned(),
    };
    let taken = seats.map_or_else(String::new, |seats| {
        format!("; {} of {} taken", seats.used, counted(seats.max, "seat"))
    });
    let seen = license.devices.values().filter_map(Device::last_seen).max();
    let seen = match seen {
        Some(at) => format!("; last seen {}", clock.distance(at)),
        None if license.devices.is_empty() => String::new(),
        None => "; not seen yet".to_owned(),
    };
    format!("{begun}{taken}{seen}.")
}

/// Every fact of a license that a person may change, by name; `None` where the catalog lacks its tier.
pub(crate) fn facts(license: &License, standing: Option<&EffectiveLicense>, clock: &Clock) -> Vec<Fact> {
    let text = |value: Option<&str>| value.map_or_else(|| "none".to_owned(), line);
    let mut facts = vec![
        fact("Status", license.status.as_str()),
        fact("Ends", ends(license, clock)),
        fact("Tier", license.tier.to_string()),
    ];
    if let Some(policy) = standing.map(|standing| &standing.policy) {
        let (seats, transfers) =
            (Seats::of(license, policy, clock.now()), TransferQuota::of(license, policy, clock.now()));
        facts.push(fact("Seats", format!("{} of {}", seats.used, seats.max)));
        facts.push(fact("Transfers", format!("{} of {} in 365 days", transfers.used, transfers.max)));
    }
    facts.extend([
        fact("Customer\u{2019}s id", text(license.user_id.as_deref())),
        fact("E-mail", text(license.email.as_ref().map(Email::as_str))),
        fact("Name", text(license.licensee_name.as_ref().map(PersonName::as_str))),
        fact("Limits", grants::limits(license, standing)),
        fact("Updates", grants::updates(license, standing)),
        fact("Own features", listed(license.features.iter().map(|feature| line(feature)))),
        fact("Devices", listed(license.devices.keys().map(DeviceId::to_string))),
        fact("Former devices", listed(license.released.keys().map(DeviceId::to_string))),
        fact("Offline", offline(license, clock)),
        fact("Note", text(license.notes.as_ref().map(Note::as_str))),
    ]);
    facts.extend(operate::own_policy(&license.policy).map(|(name, own)| {
        let value = own.map_or_else(|| "as its tier".to_owned(), own_value);
        fact(format!("Own {}", name.replace('_', " ")), value)
    }));
    facts
}

/// The facts that differ.
pub(crate) fn differences(before: Vec<Fact>, after: &[Fact]) -> Vec<FactChange> {
    let after_of = |name: &str| after.iter().find(|fact| fact.name == name);
    let pairs = before.into_iter().filter_map(|fact| {
        let after = after_of(&fact.name)?;
        (after.value != fact.value).then(|| FactChange {
            name: fact.name,
            before: fact.value,
            after: after.value.clone(),
        })
    });
    pairs.collect()
}

/// The rules that a license has of its own.
pub(crate) fn own_rules(license: &License) -> Vec<Fact> {
    let own = operate::own_policy(&license.policy);
    own.filter_map(|(name, own)| Some(fact(name, own_value(own?)))).collect()
}

pub(crate) fn devices(story: &LicenseStory, clock: &Clock) -> Vec<DeviceLine> {
    let device = |(id, device): (&DeviceId, &Device)| DeviceLine {
        id: id.to_string(),
        name: device.name.as_ref().map(DeviceName::as_str).map(line).unwrap_or_default(),
        known_by: device.components.keys().map(|label| label.as_str()).collect::<Vec<_>>().join(", "),
        bound: clock.moment(device.bound_at),
        last_seen: device.last_seen().map(|at| clock.moment(at)),
    };
    story.row.license.devices.iter().map(device).collect()
}

pub(crate) fn audit_line(row: &AuditRecord, clock: &Clock) -> AuditLine {
    let is_refusal = falconer_domain::Code::named(&row.code).is_some_and(|code| code.status() >= 400);
    let of_client = row.actor.is_none();
    let mut told: Vec<_> = audit_words::told(row, &|at| clock.text(at)).map(|text| line(&text)).collect();
    told.extend(row.device.as_deref().map(line));
    told.extend(row.origin.as_deref().map(|origin| format!("from {}", line(origin))));
    AuditLine {
        when: clock.moment(row.moment()),
        action: line(&row.action),
        code: line(&row.code),
        tone: if is_refusal && of_client { "warn" } else { "quiet" },
        who: row.actor.as_deref().map(line).unwrap_or_default(),
        told,
        reason: row.reason.as_deref().map(line).unwrap_or_default(),
    }
}

/// When a license ends.
pub(crate) fn ends(license: &License, clock: &Clock) -> String {
    match (license.expires_at, license.duration_days) {
        (Some(at), _) => clock.text(at),
        (None, Some(days)) => format!("{} after its first activation", counted(days, "day")),
        (None, None) => "never".to_owned(),
    }
}

/// A number with its noun.
pub(crate) fn counted(count: impl Display, noun: &str) -> String {
    match count.to_string() {
        one if one == "1" => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

/// A text of somebody else on one line.
pub(crate) fn line(text: &str) -> String {
    words::line(text).into_owned()
}

/// The customer: the operator's entries, then different ones of the application's dialog.
pub(crate) fn customer(license: &License) -> Vec<String> {
    let entered = license.email.as_ref();
    let typed = license.licensee_email.as_ref();
    let typed = typed.filter(|typed| entered.is_none_or(|entered| !entered.is_same_as(typed)));
    let name = license.licensee_name.as_ref().map(PersonName::as_str);
    let emails = entered.into_iter().chain(typed).map(Email::as_str);
    name.into_iter().chain(emails).chain(license.user_id.as_deref()).map(line).collect()
}

/// The machines without a network that have a lease, and until when.
fn offline(license: &License, clock: &Clock) -> String {
    let out = license.offline.iter().filter(|(_, lease)| lease.is_out(clock.now()));
    listed(out.map(|(id, lease)| format!("{id} until {}", clock.text(lease.until))))
}

fn fact(name: impl Into<String>, value: impl Into<String>) -> Fact {
    Fact { name: name.into(), value: value.into() }
}

fn listed(values: impl Iterator<Item = String>) -> String {
    let values: Vec<_> = values.collect();
    if values.is_empty() { "none".to_owned() } else { values.join(", ") }
}

fn own_value(value: OwnValue) -> String {
    match value {
        OwnValue::Number(number) => number.to_string(),
        OwnValue::Flag(flag) => flag.to_string(),
        OwnValue::VirtualMachines(answer) => answer.as_str().to_owned(),
    }
}

fn shortened(text: &str) -> String {
    let mut chars = text.chars();
    let begun: String = chars.by_ref().take(NOTE_CHARS).collect();
    if chars.next().is_some() { format!("{}\u{2026}", begun.trim_end()) } else { begun }
}

/// Links to the license that a license replaced, and to the one that replaced it.
pub(crate) fn relatives(license: &License) -> Vec<(&'static str, String)> {
    let of = |name, id: &Option<LicenseId>| id.as_ref().map(|id| (name, id.to_string()));
    of("Replaces", &license.replaces).into_iter().chain(of("Replaced by", &license.replaced_by)).collect()
}
