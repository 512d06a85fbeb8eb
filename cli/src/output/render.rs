//! How a license looks: as JSON of a stable shape, and as lines for a person.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableStyle};
use falconer_aws::operator::{AuditRecord, HardwareRecord, IssuanceRecord};
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{ComponentForm, DeviceId};
use falconer_domain::license::Device;
use falconer_domain::operate::{self, OwnValue};
use falconer_domain::person::{DeviceName, Email, Note, PersonName};
use falconer_domain::seats::{FormerDevice, Seats, TransferQuota};
use falconer_domain::{License, LicenseId, Limits, Maintenance, UnixMillis};
use falconer_operator::license_state::LicenseState;
use falconer_operator::stats::Statistics;
use falconer_operator::{audit_words, time, words};
use serde_json::{Value, json};

/// A license as one JSON object.
pub(crate) fn license_json(standing: &EffectiveLicense, issuance: &IssuanceRecord, now: UnixMillis) -> Value {
    let EffectiveLicense { license, policy, features, limits, maintenance } = standing;
    let (seats, transfers) = (Seats::of(license, policy, now), TransferQuota::of(license, policy, now));
    let release = |(id, released): (&DeviceId, &FormerDevice)| {
        let mut shown = device_json(id, &released.device);
        shown["releasedAt"] = json!(released.at.0);
        shown["reclaim"] = json!(released.reclaim.as_str());
        shown
    };
    json!({
        "licenseId": license.id.as_str(),
        "keyHint": issuance.key_hint,
        "product": license.product.as_str(),
        "tier": license.tier.as_str(),
        "status": license.status.as_str(),
        "expired": license.has_expired(now),
        "createdAt": issuance.created_at,
        "expiresAt": license.expires_at.map(|at| at.0),
        "durationDays": license.duration_days,
        "userId": license.user_id,
        "email": license.email.as_ref().map(Email::as_str),
        "licenseeName": license.licensee_name.as_ref().map(PersonName::as_str),
        "licenseeEmail": license.licensee_email.as_ref().map(Email::as_str),
        "features": features,
        "ownFeatures": license.features,
        "limits": limits,
        "ownLimits": license.limits,
        "updatesUntil": license.updates_until,
        "updatesVersion": maintenance.as_ref().and_then(|maintenance| maintenance.newest_version.as_deref()),
        "seats": { "used": seats.used, "max": seats.max, "freeUsed": license.free_used },
        "transfers": {
            "used": transfers.used, "max": transfers.max, "total": license.transfers_total,
            "nextAt": transfers.next_at.map(|at| at.0),
        },
        "devices": license.devices.iter().map(|(id, device)| device_json(id, device)).collect::<Vec<_>>(),
        "released": license.released.iter().map(release).collect::<Vec<_>>(),
        "offline": offline_json(license, now),
        "ownPolicy": own_policy_json(license),
        "notes": license.notes.as_ref().map(Note::as_str),
        "erasedAt": license.erased_at.map(|at| at.0),
        "replaces": license.replaces.as_ref().map(LicenseId::as_str),
        "replacedBy": license.replaced_by.as_ref().map(LicenseId::as_str),
        "generation": license.generation.get(),
    })
}

/// The license's policy overrides, each under its catalog name; `null` for a member of the tier.
fn own_policy_json(license: &License) -> Value {
    let value = |value| match value {
        OwnValue::Number(number) => json!(number),
        OwnValue::Flag(flag) => json!(flag),
        OwnValue::VirtualMachines(answer) => json!(answer.as_str()),
    };
    operate::own_policy(&license.policy).map(|(name, own)| (name.to_owned(), json!(own.map(value)))).collect()
}

/// The same for a person; `None` where the license has nothing of its own.
fn own_policy_text(license: &License) -> Option<String> {
    let own = operate::own_policy(&license.policy).filter_map(|(name, own)| {
        Some(match own? {
            OwnValue::Number(number) => format!("{name} {number}"),
            OwnValue::Flag(flag) => format!("{name} {flag}"),
            OwnValue::VirtualMachines(answer) => format!("{name} {}", answer.as_str()),
        })
    });
    let own: Vec<_> = own.collect();
    (!own.is_empty()).then(|| own.join(", "))
}

/// Limits for a person; `None` for a license without any.
pub(crate) fn limits_text(limits: &Limits) -> Option<String> {
    let limits: Vec<_> = limits.iter().map(|(name, value)| format!("{name} {value}")).collect();
    (!limits.is_empty()).then(|| limits.join(", "))
}

/// The builds that a license covers, for a person.
pub(crate) fn maintenance_text(maintenance: &Maintenance) -> String {
    match &maintenance.newest_version {
        Some(version) => format!("until {}; the newest covered version is {version}", maintenance.until),
        None => format!("until {}", maintenance.until),
    }
}

fn device_json(id: &DeviceId, device: &Device) -> Value {
    let labels: Vec<_> = device.components.keys().map(|label| label.as_str()).collect();
    json!({
        "id": id.as_str(),
        "name": device.name.as_ref().map(DeviceName::as_str),
        "components": labels,
        "opaque": device.form == ComponentForm::Opaque,
        "activatedAt": device.bound_at.0,
        "lastSeenAt": device.last_seen().map(|at| at.0),
    })
}

/// The long leases that are out.
pub(crate) fn offline_json(license: &License, now: UnixMillis) -> Vec<Value> {
    let out = license.offline.iter().filter(|(_, lease)| lease.is_out(now));
    out.map(|(id, lease)| {
        json!({
            "device": id.as_str(), "lease": lease.lease, "until": lease.until.0,
            "givenBack": !license.devices.contains_key(id),
        })
    })
    .collect()
}

/// The same for a person, one device a line; `None` where no lease is out.
pub(crate) fn offline_text(license: &License, now: UnixMillis) -> Option<String> {
    let out = license.offline.iter().filter(|(_, lease)| lease.is_out(now));
    let lines = out.map(|(id, lease)| {
        let until = moment(lease.until);
        if license.devices.contains_key(id) {
            format!("{id} works without a network until {until}")
        } else {
            format!("{id} gave its seat back, which is vacant from {until} on")
        }
    });
    let lines: Vec<_> = lines.collect();
    (!lines.is_empty()).then(|| lines.join("\n              "))
}

/// An audit row as one JSON object.
pub(crate) fn audit_json(row: &AuditRecord) -> Value {
    json!({
        "at": row.moment().0, "action": row.action, "code": row.code, "requestId": row.request_id,
        "origin": row.origin, "address": row.address, "actor": row.actor, "identity": row.identity, "reason": row.reason,
        "device": row.device, "hardware": row.hardware.as_ref().map(hardware_json), "changes": row.changes,
    })
}

fn hardware_json(hardware: &HardwareRecord) -> Value {
    json!({ "sent": hardware.sent, "nearest": hardware.nearest, "agreed": hardware.agreed })
}

/// A license as lines of a name and a value.
pub(crate) fn license_text(
    standing: &EffectiveLicense,
    issuance: &IssuanceRecord,
    now: UnixMillis,
) -> String {
    let EffectiveLicense { license, policy, limits, maintenance, .. } = standing;
    let (seats, transfers) = (Seats::of(license, policy, now), TransferQuota::of(license, policy, now));
    let mut lines = vec![
        ("License id", license.id.to_string()),
        ("Key", issuance.key_hint.clone()),
        ("Tier", format!("{} of {}", license.tier, license.product)),
        ("Status", status(license, now)),
        ("Issued", moment(UnixMillis(issuance.created_at))),
        ("Ends", ends(license)),
        ("Seats", format!("{} of {}", seats.used, seats.max)),
        ("Transfers", format!("{} of {} in 365 days", transfers.used, transfers.max)),
    ];
    let mut some = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    some("Next one", transfers.next_at.map(moment));
    some("User", license.user_id.clone());
    some("E-mail", license.email.as_ref().map(|email| email.as_str().to_owned()));
    some("Licensee", license.licensee_name.as_ref().map(|name| name.as_str().to_owned()));
    some("Their e-mail", license.licensee_email.as_ref().map(|email| email.as_str().to_owned()));
    some(
        "Erased",
        license.erased_at.map(|at| format!("{}; the application's words are not stored", moment(at))),
    );
    some("Features", (!license.features.is_empty()).then(|| license.features.join(", ")));
    some("Limits", limits_text(limits));
    some("Own limits", limits_text(&license.limits));
    some("Updates", maintenance.as_ref().map(maintenance_text));
    some("Own policy", own_policy_text(license));
    some("Offline", offline_text(license, now));
    some("Replaces", license.replaces.as_ref().map(LicenseId::to_string));
    some("Replaced by", license.replaced_by.as_ref().map(LicenseId::to_string));
    some("Note", license.notes.as_ref().map(|note| note.as_str().replace('\n', "\n              ")));
    let lines: Vec<_> = lines
        .iter()
        .map(|(name, value)| {
            (name, if matches!(*name, "Note" | "Offline") { words::lines(value) } else { words::line(value) })
        })
        .map(|(name, value)| format!("{name:<13} {value}"))
        .collect();
    lines.join("\n")
}

/// Formats the devices of a license as a table; empty for no devices.
pub(crate) fn devices_text(license: &License) -> Option<String> {
    if license.devices.is_empty() {
        return None;
    }
    let mut table = table(&["Device", "Name", "Known by", "Activated", "Last seen"]);
    for (id, device) in &license.devices {
        let labels: Vec<_> = device.components.keys().map(|label| label.as_str()).collect();
        let name = device.name.as_ref().map_or("–", DeviceName::as_str);
        table.add_row([
            id.as_str(),
            &words::line(name),
            &labels.join(", "),
            &moment(device.bound_at),
            &device.last_seen().map_or_else(|| "never".to_owned(), moment),
        ]);
    }
    whole(&mut table, &[0]);
    Some(table.trim_fmt())
}

/// Licenses, two lines each: the id, which somebody will paste, never breaks, whatever the terminal's width.
pub(crate) fn list_text(licenses: &[(License, IssuanceRecord)], now: UnixMillis) -> String {
    let mut table = table(&["License, key", "Tier", "Status", "Ends", "Customer"]);
    for (license, issuance) in licenses {
        let customer = customer(license);
        let ends = match (license.expires_at, license.duration_days) {
            (Some(at), _) => date(at),
            (None, Some(days)) => format!("+{days} days"),
            (None, None) => "never".to_owned(),
        };
        table.add_row([
            format!("{}\n{}", license.id, issuance.key_hint),
            license.tier.to_string(),
            status(license, now).replace(", ", ",\n"),
            ends,
            if customer.is_empty() {
                if license.erased_at.is_some() { "erased".to_owned() } else { "–".to_owned() }
            } else {
                customer.iter().map(|text| words::line(text)).collect::<Vec<_>>().join("\n")
            },
        ]);
    }
    whole(&mut table, &[0, 1, 2, 3]);
    if licenses.is_empty() { "There is no such license.".to_owned() } else { table.trim_fmt() }
}

/// Formats the customer: the operator's entries, then different ones of the application's dialog.
fn customer(license: &License) -> Vec<&str> {
    let entered = license.email.as_ref();
    let typed = license.licensee_email.as_ref();
    let typed = typed.filter(|typed| entered.is_none_or(|entered| !entered.is_same_as(typed)));
    let name = license.licensee_name.as_ref().map(PersonName::as_str);
    let emails = entered.into_iter().chain(typed).map(Email::as_str);
    license.user_id.as_deref().into_iter().chain(emails).chain(name).collect()
}

/// Licenses by tier and status, counted.
pub(crate) fn licenses_counted(statistics: &Statistics) -> String {
    let mut table = table(&["Tier", "Active", "Pending", "Suspended", "Revoked", "Expired", "All"]);
    for (tier, counts) in &statistics.licenses {
        let counts = LicenseState::ALL.map(|state| counts.get(&state).copied().unwrap_or_default());
        let all = counts.iter().sum::<u64>();
        let cells = counts.iter().chain([&all]).map(u64::to_string);
        table.add_row([tier.clone()].into_iter().chain(cells));
    }
    if statistics.licenses.is_empty() { "There are no licenses.".to_owned() } else { table.trim_fmt() }
}

/// Days, one on a line.
pub(crate) fn days_counted(statistics: &Statistics) -> String {
    let mut table = table(&["Day (UTC)", "Activations", "Transfers", "Verifications", "Refusals"]);
    for (start, day) in &statistics.days {
        let counts = [day.activations, day.transfers, day.verifications, day.refusals];
        table.add_row([date(UnixMillis(*start))].into_iter().chain(counts.map(|count| count.to_string())));
    }
    table.trim_fmt()
}

/// Codes of refusals, one on a line.
pub(crate) fn refusals_counted(statistics: &Statistics) -> String {
    if statistics.refusals.is_empty() {
        return "No request about a license was refused in these days.".to_owned();
    }
    let mut table = table(&["Refusal", "Times"]);
    for (code, count) in &statistics.refusals {
        table.add_row([(*code).to_owned(), count.to_string()]);
    }
    table.trim_fmt()
}

/// Audit rows, one on a line.
pub(crate) fn audit_text<'a>(rows: impl IntoIterator<Item = &'a AuditRecord>) -> String {
    let mut table = table(&["When", "Action", "Code", "Who", "What"]);
    for row in rows {
        let mut what: Vec<_> = audit_words::told(row, &time::shown).collect();
        what.extend(row.device.clone());
        what.extend(row.reason.as_ref().map(|reason| format!("“{reason}”")));
        let what: Vec<_> = what.iter().map(|text| words::line(text)).collect();
        table.add_row([
            moment(row.moment()),
            words::line(&row.action).into_owned(),
            words::line(&row.code).into_owned(),
            who(row).map(|text| words::line(text).into_owned()).collect::<Vec<_>>().join("\n"),
            what.join("\n"),
        ]);
    }
    table.trim_fmt()
}

/// Formats the actor: the given name, and below it the AWS identity without its account; `--json` has all of it.
fn who(row: &AuditRecord) -> impl Iterator<Item = &str> {
    let identity = row.identity.as_deref().map(|arn| arn.splitn(6, ':').nth(5).unwrap_or(arn));
    std::iter::once(row.actor.as_deref().unwrap_or("–")).chain(identity)
}

/// An audit row on one line, for those that arrive while somebody watches.
pub(crate) fn audit_line(row: &AuditRecord) -> String {
    let who = who(row).collect::<Vec<_>>().join(" ");
    let mut line = format!("{}  {}  {}  {who}", moment(row.moment()), row.action, row.code);
    for change in audit_words::told(row, &time::shown).chain(row.device.clone()) {
        line.push_str("  ");
        line.push_str(&change);
    }
    words::line(&line).into_owned()
}

/// Formats answers with their devices. Each has two lines, so that an id fits on one.
pub(crate) fn answers_text<'a>(rows: impl IntoIterator<Item = &'a AuditRecord>, license: &License) -> String {
    let mut table = table(&["When", "Asked, answered", "From"]);
    for row in rows {
        let answered = format!("{}\n{}", words::line(&row.action), words::line(&row.code));
        let from = asker(row, license);
        table.add_row([moment(row.moment()), answered, words::line(&from).into_owned()]);
    }
    whole(&mut table, &[0, 1]);
    table.trim_fmt()
}

/// The device of a request, as far as the audit knows it.
fn asker(row: &AuditRecord, license: &License) -> String {
    let named = |id: &String| match DeviceId::parse(id).and_then(|id| license.devices.get(&id)?.name.clone())
    {
        Some(name) => format!("{id} ({})", name.as_str()),
        None => id.clone(),
    };
    match (&row.device, &row.hardware) {
        (Some(id), _) => named(id),
        (None, Some(HardwareRecord { sent, nearest: Some(nearest), agreed })) => {
            format!(
                "unbound device: {} as on {}; sent {}",
                agreed.join(", "),
                named(nearest),
                sent.join(", ")
            )
        }
        (None, Some(HardwareRecord { sent, nearest: None, .. })) => {
            format!("unbound device: equal to none; sent {}", sent.join(", "))
        }
        (None, None) => "no hardware sent".to_owned(),
    }
}

/// A member of a license's document, as a person reads it.
pub(crate) fn member_text(name: &str, value: &Value) -> String {
    let ids = |devices: &Vec<Value>| -> Option<Vec<String>> {
        devices.iter().map(|device| Some(device["id"].as_str()?.to_owned())).collect()
    };
    match value {
        Value::Null if ["expiresAt", "updatesUntil"].contains(&name) => "never".to_owned(),
        Value::Null => "none".to_owned(),
        Value::Number(millis) if name.ends_with("At") => {
            millis.as_i64().map_or_else(|| millis.to_string(), |millis| moment(UnixMillis(millis)))
        }
        Value::Array(values) if values.is_empty() => "none".to_owned(),
        Value::Array(values) => ids(values).map_or_else(|| value.to_string(), |ids| ids.join(", ")),
        other => other.to_string(),
    }
}

fn status(license: &License, now: UnixMillis) -> String {
    let status = license.status.as_str();
    if license.has_expired(now) { format!("{status}, expired") } else { status.to_owned() }
}

/// When a license ends.
pub(crate) fn ends(license: &License) -> String {
    match (license.expires_at, license.duration_days) {
        (Some(at), _) => moment(at),
        (None, Some(days)) => format!("{days} days after its first activation"),
        (None, None) => "never".to_owned(),
    }
}

/// A moment, to the minute.
pub(crate) fn moment(at: UnixMillis) -> String {
    time::shown(at)
}

/// A day.
pub(crate) fn date(at: UnixMillis) -> String {
    time::day_shown(at)
}

/// Columns that are never folded: what is narrow, or to be pasted.
fn whole(table: &mut Table, columns: &[usize]) {
    for index in columns {
        if let Some(column) = table.column_mut(*index) {
            column.set_constraint(ColumnConstraint::ContentWidth);
        }
    }
}

/// A table that fits the terminal.
fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(header);
    table
}
