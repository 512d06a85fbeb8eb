//! The log line of a request, which is also its CloudWatch metrics (embedded metric format).
//!
//! | metric | unit | when |
//! | --- | --- | --- |
//! | the outcome's code, for example `VALID`, `RATE_LIMITED` | count | every request |
//! | `Latency` | milliseconds until the answer was ready | every request |
//! | `RingAge` | seconds since the key ring was read | while a ring is held |
//! | `StoreErrors` | count of calls to the store that failed | when any did |
//! | `AuditDrops` | count of audit rows lost to a failing table | when one is |
//! | `AuditCapped` | count of audit rows beyond a license's share of the minute | when one is |
//! | `WithoutCounter` | count of requests admitted without the shared counter | when one was |
//! | `ConflictRetries` | count of writes that lost a race and were decided again | when one was |
//! | `UnknownTier` | count of licenses whose tier the catalog lacks | when one was met |
//!
//! Each metric has one dimension, the stack, so that two stacks live in one account.
//!
//! Format:
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//! The line is written by hand because CloudWatch wants `_aws` at the root, where the subscriber's JSON never puts it.
//!
//! **Architecture invariant:** no license key, hardware value, secret, e-mail, name or address reaches this line; its
//! fields are ids and codes of our own.

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use falconer_aws::AuditOutcome;
use falconer_aws::metrics::LATENCY;
use falconer_domain::{LicenseId, UnixMillis};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::request::Request;
use crate::response::Response;

pub use falconer_aws::metrics::{DIMENSION, NAMESPACE};

/// Levels with which Lambda drops lines of INFO.
const ABOVE_INFO: [&str; 3] = ["WARN", "ERROR", "FATAL"];

const RING_AGE: &str = "RingAge";
const STORE_ERRORS: &str = "StoreErrors";
const AUDIT_DROPS: &str = "AuditDrops";
const AUDIT_CAPPED: &str = "AuditCapped";
const WITHOUT_COUNTER: &str = "WithoutCounter";
const UNKNOWN_TIER: &str = "UnknownTier";
const CONFLICT_RETRIES: &str = "ConflictRetries";

/// Every metric besides the codes. A test compares the alarms and the dashboard of `template.yaml` with it.
pub const METRICS: [&str; 8] = [
    LATENCY,
    RING_AGE,
    STORE_ERRORS,
    AUDIT_DROPS,
    AUDIT_CAPPED,
    WITHOUT_COUNTER,
    UNKNOWN_TIER,
    CONFLICT_RETRIES,
];

/// Counters of the current request of an instance.
#[derive(Debug)]
pub struct Telemetry {
    frame: LineFrame,
    line: Mutex<RequestLogLine>,
}

/// The level of the line. Metrics are lines, so a logging configuration that drops INFO must not drop them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum LineLevel {
    /// The configuration passes INFO, which Lambda takes a line without a timestamp for.
    Info,
    /// The configuration passes this level and those above it. Lambda believes a level only beside a timestamp.
    AtLeast(String),
}

/// Members that are equal in all lines of an instance.
#[derive(Debug)]
struct LineFrame {
    function: &'static str,
    stack: String,
    level: LineLevel,
}

#[derive(Debug, Default)]
struct RequestLogLine {
    answered: Option<Answered>,
    /// The license of the request's key, for an answer that does not name one.
    license_id: Option<String>,
    store_errors: u32,
    audit_drops: u32,
    audit_capped: u32,
    without_counter: u32,
    unknown_tiers: u32,
    conflict_retries: u32,
}

#[derive(Debug)]
struct Answered {
    at: UnixMillis,
    request_id: String,
    code: &'static str,
    license_id: Option<String>,
    latency: Duration,
}

impl Telemetry {
    /// `log_level` is that of the logging configuration.
    pub(crate) fn new(function: &'static str, stack: &str, log_level: Option<&str>) -> Self {
        let frame = LineFrame { function, stack: stack.to_owned(), level: LineLevel::passing(log_level) };
        Self { frame, line: Mutex::default() }
    }

    /// Notes the license of the request's key, for the log line of any answer.
    pub(crate) fn concerns(&self, license_id: &LicenseId) {
        self.line().license_id = Some(license_id.to_string());
    }

    pub(crate) fn store_error(&self) {
        self.line().store_errors += 1;
    }

    pub(crate) fn without_counter(&self) {
        self.line().without_counter += 1;
    }

    pub(crate) fn lost_race(&self) {
        self.line().conflict_retries += 1;
    }

    pub(crate) fn unknown_tier(&self) {
        self.line().unknown_tiers += 1;
    }

    pub(crate) fn audited(&self, outcome: AuditOutcome) {
        let mut line = self.line();
        match outcome {
            AuditOutcome::Written | AuditOutcome::NotAsked => {}
            AuditOutcome::Capped => line.audit_capped += 1,
            AuditOutcome::Dropped | AuditOutcome::Paused => line.audit_drops += 1,
        }
    }

    pub(crate) fn answered(&self, request: &Request, answer: &Response, latency: Duration) {
        self.line().answered = Some(Answered {
            at: request.now,
            request_id: request.request_id.clone(),
            code: answer.code().name(),
            license_id: answer.license_id().map(ToString::to_string),
            latency,
        });
    }

    /// Writes the line, if a request was answered since the last one.
    pub(crate) fn write(&self, ring_age: Option<Duration>) {
        let line = std::mem::take(&mut *self.line());
        if let Some(text) = line.render(&self.frame, ring_age) {
            // The request has been answered, so a closed standard output must not fail it.
            let _ = writeln!(std::io::stdout().lock(), "{text}");
        }
    }

    fn line(&self) -> MutexGuard<'_, RequestLogLine> {
        // The counters stay valid after a panic, so ignore lock poisoning.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LineLevel {
    fn passing(log_level: Option<&str>) -> Self {
        let level = log_level.map(str::to_ascii_uppercase);
        level.filter(|level| ABOVE_INFO.contains(&level.as_str())).map_or(Self::Info, Self::AtLeast)
    }

    fn write_into(&self, root: &mut Map<String, Value>, at: UnixMillis) {
        let level = match self {
            Self::Info => "INFO",
            Self::AtLeast(level) => {
                let at = Timestamp::from_millisecond(at.0).unwrap_or_default();
                root.insert("timestamp".to_owned(), json!(at.to_string()));
                level
            }
        };
        root.insert("level".to_owned(), json!(level));
    }
}

impl RequestLogLine {
    fn render(self, frame: &LineFrame, ring_age: Option<Duration>) -> Option<String> {
        let Answered { at, request_id, code, license_id, latency } = self.answered?;
        let license_id = license_id.or(self.license_id);
        let counts = [
            (code, 1),
            (STORE_ERRORS, self.store_errors),
            (AUDIT_DROPS, self.audit_drops),
            (AUDIT_CAPPED, self.audit_capped),
            (WITHOUT_COUNTER, self.without_counter),
            (UNKNOWN_TIER, self.unknown_tiers),
            (CONFLICT_RETRIES, self.conflict_retries),
        ];
        let mut metrics = Vec::new();
        let mut root = Map::new();
        let mut metric = |name: &str, unit: Option<&str>, value: Value| {
            metrics.push(match unit {
                Some(unit) => json!({ "Name": name, "Unit": unit }),
                None => json!({ "Name": name }),
            });
            root.insert(name.to_owned(), value);
        };
        for (name, count) in counts {
            if count > 0 {
                metric(name, None, json!(count));
            }
        }
        metric(LATENCY, Some("Milliseconds"), json!(millis(latency)));
        if let Some(age) = ring_age {
            metric(RING_AGE, Some("Seconds"), json!(age.as_secs()));
        }
        let emf = json!({
            "Timestamp": at.0,
            "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [[DIMENSION]], "Metrics": metrics }],
        });
        root.insert("_aws".to_owned(), emf);
        root.insert(DIMENSION.to_owned(), json!(frame.stack));
        frame.level.write_into(&mut root, at);
        root.insert("function".to_owned(), json!(frame.function));
        root.insert("request.id".to_owned(), json!(request_id));
        root.insert("outcome.code".to_owned(), json!(code));
        if let Some(license_id) = license_id {
            root.insert("license.id".to_owned(), json!(license_id));
        }
        Some(Value::Object(root).to_string())
    }
}

/// Converts to milliseconds, exact to the microsecond.
fn millis(latency: Duration) -> f64 {
    f64::from(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX)) / 1_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stack's name in `samconfig.toml`.
    const STACK: &str = "falconer";

    fn frame(function: &'static str) -> LineFrame {
        LineFrame { function, stack: STACK.to_owned(), level: LineLevel::Info }
    }

    fn line() -> RequestLogLine {
        let answered = Answered {
            at: UnixMillis(1_800_000_000_000),
            request_id: "JKJaXmPLvHcESHA=".to_owned(),
            code: "VALID",
            license_id: Some("lic_ndgc5x34jby0cedfg16y9sz0".to_owned()),
            latency: Duration::from_micros(3_214),
        };
        RequestLogLine { answered: Some(answered), ..RequestLogLine::default() }
    }

    #[test]
    fn line_of_a_yes_fits_in_512_bytes() {
        let text = line().render(&frame("verify"), Some(Duration::from_secs(299))).unwrap();
        assert!(text.len() <= 512, "{} bytes: {text}", text.len());
        let root: Value = serde_json::from_str(&text).unwrap();
        let declared: Vec<_> = root["_aws"]["CloudWatchMetrics"][0]["Metrics"]
            .as_array()
            .unwrap()
            .iter()
            .map(|metric| metric["Name"].as_str().unwrap())
            .collect();
        assert_eq!(declared, ["VALID", "Latency", "RingAge"]);
        assert!(declared.iter().all(|name| root[*name].is_number()), "{text}");
        assert_eq!(root["Latency"], 3.214);
    }

    /// CloudWatch takes the value of a dimension from the root of the line, as a text.
    #[test]
    fn line_names_its_stack() {
        let text = line().render(&frame("verify"), None).unwrap();
        let root: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(root["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([["Stack"]]));
        assert_eq!(root["Stack"], STACK);
    }

    #[test]
    fn line_has_every_listed_metric() {
        let full = RequestLogLine {
            store_errors: 1,
            audit_drops: 1,
            audit_capped: 1,
            without_counter: 1,
            unknown_tiers: 1,
            conflict_retries: 1,
            ..line()
        };
        let root: Value =
            serde_json::from_str(&full.render(&frame("verify"), Some(Duration::ZERO)).unwrap()).unwrap();
        let metrics = root["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap();
        let mut held: Vec<_> = metrics.iter().map(|metric| metric["Name"].as_str().unwrap()).collect();
        let mut listed = [&METRICS[..], &["VALID"]].concat();
        held.sort_unstable();
        listed.sort_unstable();
        assert_eq!(held, listed);
    }

    #[test]
    fn line_of_every_code_fits_in_512_bytes() {
        for code in falconer_domain::Code::ALL {
            let mut line = line();
            line.answered.as_mut().unwrap().code = code.name();
            line.conflict_retries = 3;
            let text = line.render(&frame("activate-sync"), Some(Duration::from_secs(299))).unwrap();
            assert!(text.len() <= 512, "{} bytes: {text}", text.len());
        }
    }

    /// Without a timestamp Lambda takes any line for INFO, and drops it where the configuration asks for more.
    #[test]
    fn line_passes_any_log_level() {
        for (configured, level, has_time) in [
            (None, "INFO", false),
            (Some("TRACE"), "INFO", false),
            (Some("INFO"), "INFO", false),
            (Some("WARN"), "WARN", true),
            (Some("error"), "ERROR", true),
            (Some("FATAL"), "FATAL", true),
        ] {
            let level_of = LineFrame { level: LineLevel::passing(configured), ..frame("verify") };
            let text = line().render(&level_of, None).unwrap();
            let root: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(
                (&root["level"], root["timestamp"].is_string()),
                (&json!(level), has_time),
                "{configured:?}"
            );
            if has_time {
                assert_eq!(root["timestamp"], "2027-01-15T08:00:00Z");
            }
        }
    }

    #[test]
    fn line_counts_failures_once() {
        let telemetry = Telemetry::new("verify", STACK, None);
        telemetry.store_error();
        telemetry.audited(AuditOutcome::Dropped);
        telemetry.audited(AuditOutcome::Written);
        let counted = std::mem::take(&mut *telemetry.line());
        assert_eq!((counted.store_errors, counted.audit_drops), (1, 1));
        assert!(counted.render(&frame("verify"), None).is_none(), "nothing was answered");
        let text = RequestLogLine { store_errors: 2, ..line() }.render(&frame("verify"), None).unwrap();
        let root: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((&root["StoreErrors"], &root["RingAge"]), (&json!(2), &Value::Null));
    }
}
