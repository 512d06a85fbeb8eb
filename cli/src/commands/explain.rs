//! `explain`: the checks of verify, with the values that each compares.

use std::path::Path;

use anyhow::Result;
use falconer_aws::operator::AuditRecord;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{DeviceId, Hardware, Used};
use falconer_domain::verify::Check;
use falconer_domain::{CalendarDate, Code};
use falconer_operator::explanation::{self, Explanation, NotHardware, Question, compared};
use falconer_operator::history::Recent;
use falconer_operator::time;
use falconer_operator::{maintenance, root};
use serde_json::{Value, json};

use crate::args;
use crate::commands::CommandContext;
use crate::failure::bad_input;
use crate::input;
use crate::output;
use crate::output::render;

/// The very checks of `POST /api/verify`, with what each compares.
pub(crate) async fn run(context: &CommandContext<'_>, explain: &args::Explain) -> Result<()> {
    let license = context.find(&explain.of.license).await?.license;
    let at = explain.at.as_deref().map(time::from).transpose()?.unwrap_or(context.now);
    let received = explain.hardware.as_deref().map(hardware).transpose()?;
    if let Some(aside) = received.as_ref().map(set_aside).filter(|aside| !aside.is_empty()) {
        context.progress(&format!("Parts that count for nothing, as in a request: {}.", aside.join(", ")));
    }
    let hardware = received.map(|received| received.components);
    let question = Question { license, hardware, at, now: context.now };
    let build = explain.build_date.as_deref().map(maintenance::day).transpose()?;
    let explanation = Explanation::of(question, context.store, context.ring, &context.service).await?;
    let Explanation { standing, code, checks, device, hardware_given, between, answered } = &explanation;
    if context.options.json {
        let checks: Vec<_> = checks.iter().map(check_json).collect();
        let device = device.as_ref().map(DeviceId::as_str);
        let rows = |rows: &[AuditRecord]| rows.iter().map(render::audit_json).collect::<Vec<_>>();
        return Ok(output::document(&json!({
            "licenseId": standing.license.id.as_str(), "at": at.0, "code": code.name(),
            "valid": *code == Code::Valid, "checks": checks, "device": device, "audit": rows(between),
            "refusals": rows(&answered.refusals), "granted": rows(&answered.granted),
            "limits": standing.limits, "ownLimits": standing.license.limits,
            "updatesUntil": standing.license.updates_until,
            "updatesVersion": standing.maintenance.as_ref().and_then(|it| it.newest_version.as_deref()),
            "buildCovered": build.map(|build| standing.covers(build)),
            "offline": render::offline_json(&standing.license, context.now),
        }))?);
    }
    // Verify may say yes, and an application with the root pinned not believe it.
    for reminder in root::reminders(context.ring) {
        context.progress(&reminder);
    }
    let mut lines = vec![format!("{} at {}: {}", standing.license.id, render::moment(at), code.name())];
    lines.push(if *code == Code::Valid {
        format!("{}.", code.text())
    } else {
        format!("{}. {}", code.text(), code.row().next_step)
    });
    // A customer who writes was usually refused with hardware, while the license itself is valid.
    if let Some(last) = answered.refusals.first().filter(|_| *code == Code::Valid) {
        lines.push(format!("Last refused {}: {}.", render::moment(last.moment()), last.code));
    }
    lines.push(String::new());
    for check in checks {
        let mark = if check.refusal.is_some() { "FAILED" } else { "ok" };
        lines.push(format!("  {mark:<6}  {:<17} {}", check.name, compared(&check.compared, &time::shown)));
    }
    if let Some(device) = device {
        lines.push(format!("\nThe hardware is that of {device}."));
    }
    if let Some(offline) = render::offline_text(&standing.license, context.now) {
        lines.push(format!(
            "\nOffline leases, which no refusal reaches before they end:\n              {offline}"
        ));
    }
    lines.extend(granted(standing, build));
    if let Some(erased_at) = standing.license.erased_at {
        lines.push(format!(
            "\nIts person was erased on {}: names and addresses are gone, and with them where its requests came from.",
            render::moment(erased_at)
        ));
    }
    if !hardware_given && !standing.license.devices.is_empty() {
        lines.push("\nNo hardware was asked about: --hardware FILE asks as a device would.".to_owned());
    }
    if !between.is_empty() {
        lines.push(
            "\nThe license as it is today, with the clock at another moment. Between the two:\n".to_owned(),
        );
        lines.push(render::audit_text(between));
    }
    lines.extend(last_answers(answered, standing));
    Ok(output::line(lines.join("\n"))?)
}

/// Formats limits and maintenance, which change nothing about verify's answer: applications decide by them. Empty where
/// the license has neither.
fn granted(standing: &EffectiveLicense, build: Option<CalendarDate>) -> Vec<String> {
    let own = &standing.license.limits;
    let limit = |(name, value): (&str, u64)| {
        let source = if own.get(name).is_some() { "its own" } else { "its tier's" };
        format!("{name} {value} ({source})")
    };
    let limits: Vec<_> = standing.limits.iter().map(limit).collect();
    let mut lines = Vec::new();
    if !limits.is_empty() {
        lines.push(format!("  Limits   {}", limits.join(", ")));
    }
    if let Some(maintenance) = &standing.maintenance {
        lines.push(format!("  Updates  {}; older builds run on", render::maintenance_text(maintenance)));
    }
    if let Some(build) = build {
        let said = if standing.covers(build) {
            "is covered: it runs"
        } else {
            "is not covered: its application says UPDATES_ENDED"
        };
        lines.push(format!("  Build    of {build} {said}"));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// Formats the last answers, refusals first, because a refusal is the usual reason to look.
fn last_answers(answered: &Recent, standing: &EffectiveLicense) -> Vec<String> {
    let license = &standing.license;
    let table = |title: &str, rows: &[AuditRecord]| {
        (!rows.is_empty()).then(|| format!("\n{title}\n\n{}", render::answers_text(rows, license)))
    };
    let tables = [
        table("The last requests that were refused, newest first:", &answered.refusals),
        table("The last requests that were granted, newest first:", &answered.granted),
    ];
    tables.into_iter().flatten().collect()
}

fn check_json(check: &Check) -> Value {
    json!({
        "name": check.name,
        "passed": check.refusal.is_none(),
        "compared": compared(&check.compared, &time::shown),
        "code": check.refusal.map(|refusal| refusal.code().name()),
    })
}

/// The machine of a file, as the functions read it from a request. A file may also be the object `hardware` alone.
fn hardware(file: &Path) -> Result<Hardware> {
    let name = file.display();
    let bytes = input::bytes_of_text(file)?;
    explanation::hardware_of(&bytes).map_err(|why| {
        bad_input(match why {
            NotHardware::NotAnObject => format!("{name} is not a JSON object"),
            NotHardware::Fault(fault) => format!("{name}: {fault}"),
        })
        .into()
    })
}

/// The parts of a machine that count for nothing.
fn set_aside(hardware: &Hardware) -> Vec<&str> {
    let aside = hardware.used.iter().filter_map(|used| match used {
        Used::Without(_, parts) => Some(parts),
        Used::Whole(..) => None,
    });
    aside.flatten().map(String::as_str).collect()
}
