//! Explain: every check of verify with the values that it compared, now or at another moment, for any hardware.

use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::Response;
use falconer_domain::effective_license::EffectiveLicense;
use falconer_domain::hardware::{DeviceId, ReceivedComponents};
use falconer_domain::{CalendarDate, Code, UnixMillis};
use falconer_operator::explanation::{Explanation, Question, compared, hardware_of};
use falconer_operator::{maintenance, time};

use crate::forms::Form;
use crate::grants;
use crate::moments::Moment;
use crate::pages::license::named;
use crate::shell::{Frame, Section, Shell, html};
use crate::trouble::Trouble;
use crate::views::{self, AuditLine, Fact};

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage {
    frame: Frame,
    id: String,
    key_hint: String,
    code: &'static str,
    tone: &'static str,
    text: &'static str,
    next_step: &'static str,
    at: Moment,
    /// The moment and the hardware as they were typed.
    typed_at: String,
    typed_hardware: String,
    typed_build: String,
    checks: Vec<CheckLine>,
    device: Option<String>,
    hardware_given: bool,
    bound: usize,
    /// Limits and maintenance: they change nothing about the answer.
    granted_facts: Vec<Fact>,
    between: Vec<AuditLine>,
    refusals: Vec<AuditLine>,
    granted: Vec<AuditLine>,
    asked: AskedMoment,
}

/// The moment of a question, beside that of the license as it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AskedMoment {
    /// The present.
    Now,
    /// Earlier: the history has the events since.
    Past,
    /// Later: nobody knows the events until then.
    Future,
}

/// A check, made.
struct CheckLine {
    name: String,
    compared: String,
    failed: bool,
    code: &'static str,
}

/// The question as a person typed it. No `Debug`: it may be about a person.
#[derive(Default)]
struct Typed {
    at: String,
    hardware: String,
    build: String,
}

impl AskedMoment {
    const fn of(at: UnixMillis, now: UnixMillis) -> Self {
        match at.0 {
            at if at < now.0 => Self::Past,
            at if at > now.0 => Self::Future,
            _ => Self::Now,
        }
    }
}

pub(crate) async fn show(State(shell): State<Arc<Shell>>, Path(id): Path<String>) -> Response {
    explained(shell, id, Typed::default()).await
}

/// The same at another moment, for hardware, or for a build: all are fields, since an address is kept by the browser.
pub(crate) async fn ask(State(shell): State<Arc<Shell>>, Path(id): Path<String>, body: Bytes) -> Response {
    let form = Form::read(&body);
    let field = |name: &str| form.get(name).unwrap_or_default().trim().to_owned();
    explained(shell, id, Typed { at: field("at"), hardware: field("hardware"), build: field("build") }).await
}

async fn explained(shell: Arc<Shell>, id: String, typed: Typed) -> Response {
    let make = |shell: Arc<Shell>| async move {
        let story = shell.reads.license(&named(&id)?).await?;
        let key_hint = views::line(&story.issuance.key_hint);
        let now = shell.clock.now();
        let (at, hardware) = (moment(&typed.at, now)?, components(&typed.hardware)?);
        let build = build(&typed.build)?;
        let question = Question { license: story.row.license, hardware, at, now };
        let explanation = shell.reads.explain(question).await?;
        Ok(html(&page(&shell, key_hint, explanation, (at, now), build, typed)))
    };
    shell.answer(make).await
}

fn moment(typed: &str, now: UnixMillis) -> Result<UnixMillis, Trouble> {
    if typed.is_empty() {
        return Ok(now);
    }
    time::from(typed).map_err(|why| Trouble::BadField("at", why.to_string()))
}

fn components(typed: &str) -> Result<Option<ReceivedComponents>, Trouble> {
    if typed.is_empty() {
        return Ok(None);
    }
    let read = hardware_of(typed.as_bytes());
    let read = read.map_err(|why| Trouble::BadField("hardware", format!("the hardware: {why}")))?;
    Ok(Some(read.components))
}

fn build(typed: &str) -> Result<Option<CalendarDate>, Trouble> {
    let read = (!typed.is_empty()).then(|| maintenance::day(typed)).transpose();
    read.map_err(|why| Trouble::BadField("build", why.to_string()))
}

/// Limits and maintenance, and what becomes of a build.
fn granted(standing: &EffectiveLicense, build: Option<CalendarDate>) -> Vec<Fact> {
    let fact = |name: &str, value| Fact { name: name.to_owned(), value };
    let mut facts = vec![
        fact("Limits", grants::limits(&standing.license, Some(standing))),
        fact("Updates", grants::updates(&standing.license, Some(standing))),
    ];
    facts.extend(build.map(|build| fact("Build of", grants::build(standing, build))));
    facts
}

fn page(
    shell: &Shell,
    key_hint: String,
    explanation: Explanation,
    (at, now): (UnixMillis, UnixMillis),
    build: Option<CalendarDate>,
    typed: Typed,
) -> ExplainPage {
    let Explanation { standing, code, checks, device, hardware_given, between, answered } = explanation;
    let lines = |rows: &[_]| rows.iter().map(|row| views::audit_line(row, &shell.clock)).collect();
    let check = |check: &falconer_domain::verify::Check| CheckLine {
        name: check.name.replace('_', " "),
        compared: compared(&check.compared, &|at| shell.clock.text(at)),
        failed: check.refusal.is_some(),
        code: check.refusal.map_or("", |refusal| refusal.code().name()),
    };
    ExplainPage {
        frame: shell.frame(format!("Explain {key_hint}"), Section::Licenses),
        id: standing.license.id.to_string(),
        key_hint,
        code: code.name(),
        tone: if code == Code::Valid { "good" } else { "bad" },
        text: code.text(),
        next_step: if code == Code::Valid { "" } else { code.row().next_step },
        at: shell.clock.moment(at),
        asked: AskedMoment::of(at, now),
        typed_at: typed.at,
        typed_hardware: typed.hardware,
        typed_build: typed.build,
        granted_facts: granted(&standing, build),
        checks: checks.iter().map(check).collect(),
        device: device.as_ref().map(DeviceId::to_string),
        hardware_given,
        bound: standing.license.devices.len(),
        between: lines(&between),
        refusals: lines(&answered.refusals),
        granted: lines(&answered.granted),
    }
}
