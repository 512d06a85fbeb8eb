//! `template.yaml` against the code: what is watched is what is written, and what is stored is what is declared.

use std::collections::{BTreeMap, BTreeSet};

use falconer_aws::{operator, tables};
use falconer_domain::{Code, UnixMillis};
use falconer_emulators::template::Template;
use falconer_http::telemetry::{DIMENSION, METRICS, NAMESPACE};
use falconer_tests::{Fixture, Machine, TestStack, TestStackOptions, checkout};
use serde_json::{Value, json};

pub(crate) fn template() -> Template {
    Template::read(&checkout().join("template.yaml")).unwrap()
}

/// The names under which the functions write metrics.
fn written() -> BTreeSet<&'static str> {
    Code::ALL.iter().map(|code| code.name()).chain(METRICS).collect()
}

/// The places of an alarm that name a metric.
fn metrics_of(alarm: &Value) -> Vec<&Value> {
    let properties = &alarm["Properties"];
    match properties["Metrics"].as_array() {
        None => vec![properties],
        Some(metrics) => {
            let stats = metrics.iter().map(|metric| &metric["MetricStat"]["Metric"]);
            stats.filter(|metric| !metric.is_null()).collect()
        }
    }
}

/// The metrics of an alarm: namespace and name.
fn read_by(alarm: &Value) -> Vec<(String, String)> {
    let text = |place: &Value, name: &str| place[name].as_str().unwrap_or_default().to_owned();
    let of = |place: &Value| (text(place, "Namespace"), text(place, "MetricName"));
    metrics_of(alarm).into_iter().map(of).collect()
}

/// The dashboard's widgets.
fn widgets() -> Vec<Value> {
    let template = template();
    let body = &template.resource("Dashboard").unwrap()["Properties"]["DashboardBody"]["Fn::Sub"];
    let body: Value = serde_json::from_str(body.as_str().unwrap()).expect("a dashboard is JSON");
    body["widgets"].as_array().unwrap().clone()
}

/// The dashboard's rows of metrics. A dot repeats the row above, `...` all of its beginning.
fn on_the_dashboard() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for widget in widgets() {
        let mut above = (String::new(), String::new());
        for row in widget["properties"]["metrics"].as_array().unwrap() {
            let cell = |place: usize, above: &str| match row[place].as_str() {
                Some("." | "...") | None => above.to_owned(),
                Some(text) => text.to_owned(),
            };
            let repeats = row[0] == "...";
            let name = if repeats { above.1.clone() } else { cell(1, &above.1) };
            above = (cell(0, &above.0), name);
            found.push(above.clone());
        }
    }
    found
}

fn names<'a>(metrics: impl IntoIterator<Item = &'a (String, String)>) -> BTreeSet<&'a str> {
    metrics.into_iter().filter(|(space, _)| space == NAMESPACE).map(|(_, name)| name.as_str()).collect()
}

#[test]
fn watched_metrics_are_written() {
    let template = template();
    let alarmed: Vec<_> =
        template.of_type("AWS::CloudWatch::Alarm").flat_map(|(_, alarm)| read_by(alarm)).collect();
    let shown = on_the_dashboard();
    for name in names(&alarmed).union(&names(&shown)) {
        assert!(written().contains(name), "nothing writes the metric {name}");
    }
    for name in METRICS {
        assert!(names(&shown).contains(name), "the dashboard lacks {name}");
    }
    for name in [
        "AuditDrops",
        "RingAge",
        "ConflictRetries",
        "WithoutCounter",
        "UnknownTier",
        "Latency",
        "RATE_LIMITED",
    ] {
        assert!(names(&alarmed).contains(name), "no alarm watches {name}");
    }
    let others: BTreeSet<_> = alarmed.iter().filter(|(space, _)| space != NAMESPACE).cloned().collect();
    let of_aws = [
        ("AWS/ApiGateway", "5xx"),
        ("AWS/DynamoDB", "ReadThrottleEvents"),
        ("AWS/DynamoDB", "SystemErrors"),
        ("AWS/DynamoDB", "WriteThrottleEvents"),
        ("AWS/Lambda", "Duration"),
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Invocations"),
        ("AWS/Lambda", "Throttles"),
    ];
    assert_eq!(others, of_aws.map(|(space, name)| (space.to_owned(), name.to_owned())).into());
}

/// The line of a request, the alarms and the dashboard name one dimension and one value: the stack. An alarm without it would
/// watch a metric that nothing writes, and be quiet for ever.
#[test]
fn alarms_watch_the_stack_that_writes() {
    let stack = TestStack::start();
    assert_eq!(stack.verify(&stack.put(Fixture::pro())).status, 200);
    stack.settle();
    let line = stack.request_lines().remove(0);
    assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], json!([[DIMENSION]]));
    assert_eq!(line[DIMENSION], "falconer-local", "the name that AWS::StackName has here");

    let template = template();
    let named = json!({ "Ref": "AWS::StackName" });
    for function in template.of_type("AWS::Serverless::Function") {
        assert!(function.1["Properties"]["Environment"].is_null(), "one environment for all: {}", function.0);
    }
    let environment = &template.document()["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(environment["STACK_NAME"], named);
    let mut watched = 0;
    for (id, alarm) in template.of_type("AWS::CloudWatch::Alarm") {
        for metric in metrics_of(alarm).into_iter().filter(|metric| metric["Namespace"] == NAMESPACE) {
            assert_eq!(metric["Dimensions"], json!([{ "Name": DIMENSION, "Value": named }]), "{id}");
            watched += 1;
        }
    }
    assert!(watched > 10, "{watched}");
    for widget in widgets() {
        let rows = widget["properties"]["metrics"].as_array().unwrap();
        if rows[0][0] != NAMESPACE {
            continue;
        }
        assert_eq!((&rows[0][2], &rows[0][3]), (&json!(DIMENSION), &json!("${AWS::StackName}")));
        let repeats = |row: &Value| row[0] == "..." || (row[2] == "." && row[3] == ".");
        assert!(rows[1..].iter().all(repeats), "{rows:?}");
    }
}

/// A dimension with one value for each stack makes no series more than there were without it: `docs/costs.md` counts them.
#[test]
fn a_stack_has_one_series_for_each_metric() {
    let costs = std::fs::read_to_string(checkout().join("docs/costs.md")).unwrap();
    let (_, after) = costs.split_once("All ").unwrap();
    let (series, _) = after.split_once(" in every hour").expect("the number of series in docs/costs.md");
    assert_eq!(series.parse(), Ok(written().len()), "docs/costs.md counts {series}");
}

/// A vendor with little traffic deploys at once: a trial without a request shows nothing (`docs/deploying.md`).
#[test]
fn deployments_are_at_once_by_default() {
    let template = template();
    let style = &template.document()["Parameters"]["DeploymentStyle"];
    assert_eq!(style["Default"], "AllAtOnce");
    let preference = &template.document()["Globals"]["Function"]["DeploymentPreference"];
    assert_eq!(preference["Type"], json!({ "Ref": "DeploymentStyle" }), "a canary is one parameter away");
}

/// An account has ten metrics of alarms for nothing. `docs/costs.md` counts on it, and a deployment on its alarms.
#[test]
fn essential_alarms_read_ten_metrics() {
    let template = template();
    // One is there only while the alarms of a deployment are off.
    let alarms: Vec<_> =
        template.of_type("AWS::CloudWatch::Alarm").filter(|(id, _)| *id != "QuietAlarm").collect();
    let (essential, others): (Vec<_>, Vec<_>) =
        alarms.into_iter().partition(|(_, alarm)| alarm["Condition"].is_null());
    let metrics = |of: &[(&String, &Value)]| of.iter().map(|(_, alarm)| read_by(alarm).len()).sum::<usize>();
    assert_eq!((metrics(&essential), metrics(&others)), (10, 31));
    assert!(others.iter().all(|(_, alarm)| alarm["Condition"] == "WithAllAlarms"));
    let runbook = std::fs::read_to_string(checkout().join("docs/runbook.md")).unwrap();
    let named = runbook.split("there are five alarms:").nth(1).unwrap().split('.').next().unwrap();
    let named: BTreeSet<_> = named.split('`').skip(1).step_by(2).collect();
    let entry = |alarm: &Value| {
        let description = alarm["Properties"]["AlarmDescription"].as_str().unwrap();
        description.split_once('#').unwrap().1.to_owned()
    };
    let entries: BTreeSet<_> = essential.iter().map(|(_, alarm)| entry(alarm)).collect();
    assert_eq!(named, entries.iter().map(String::as_str).collect(), "the runbook's list");
}

#[test]
fn function_alarms_cover_all_functions() {
    let template = template();
    let functions = template.functions().unwrap();
    for alarm in ["FunctionErrorsAlarm", "ThrottlesAlarm"] {
        let alarm = template.resource(alarm).unwrap();
        let watched = alarm["Properties"]["Metrics"].to_string();
        for function in &functions {
            let dimension =
                format!(r#"{{"Name":"FunctionName","Value":{{"Ref":"{}"}}}}"#, function.logical_id);
            assert!(watched.contains(&dimension), "{} is not watched", function.logical_id);
        }
        assert_eq!(read_by(alarm).len(), functions.len());
    }
}

#[test]
fn tables_are_backed_up_and_retained() {
    let template = template();
    for table in ["LicensesTable", "VerificationsTable"] {
        let table = template.resource(table).unwrap();
        let properties = &table["Properties"];
        assert_eq!(properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
        assert_eq!(properties["DeletionProtectionEnabled"], true);
        assert_eq!(
            (&table["DeletionPolicy"], &table["UpdateReplacePolicy"]),
            (&"Retain".into(), &"Retain".into())
        );
    }
}

/// A first deployment that fails leaves them behind, empty. `RetainExceptOnCreate` would delete them, and with them the
/// ring of a stack whose failed creation somebody has used and then rolled back. A table under deletion protection cannot
/// be deleted by a rollback in any case, which would end as `ROLLBACK_FAILED`.
#[test]
fn secret_and_tables_outlive_a_failed_creation() {
    let template = template();
    for id in ["LicensesTable", "VerificationsTable", "MasterKeySecret"] {
        assert_eq!(template.resource(id).unwrap()["DeletionPolicy"], "Retain", "{id}");
    }
}

/// Finding 6: whoever finds a request that panics could keep its remedy out by sending it every four minutes.
#[test]
fn ringing_alarm_can_be_taken_from_a_deployment() {
    let template = template();
    let alarms = &template.globals("Function").unwrap()["DeploymentPreference"]["Alarms"]["Fn::If"];
    assert_eq!(alarms[0], "WithDeploymentAlarms");
    assert!(alarms[1].as_array().is_some_and(|alarms| alarms.len() == 3), "{alarms}");
    // CodeDeploy refuses an enabled configuration without alarms, so one that cannot ring is there instead.
    assert_eq!(alarms[2], serde_json::json!([{ "Ref": "QuietAlarm" }]));
    let quiet = &template.resource("QuietAlarm").unwrap()["Properties"];
    let longest = template.globals("Function").unwrap()["Timeout"].as_u64().unwrap() * 1_000;
    assert!(quiet["Threshold"].as_u64().is_some_and(|limit| limit > 100 * longest), "{quiet}");
    assert_eq!((&quiet["Statistic"], &quiet["MetricName"]), (&"Maximum".into(), &"Duration".into()));
}

/// Finding 7: metrics are log lines, and with WARN there Lambda would drop every one.
#[test]
fn template_keeps_the_level_of_the_metrics() {
    let template = template();
    let logging = &template.globals("Function").unwrap()["LoggingConfig"];
    assert_eq!(logging["ApplicationLogLevel"], "INFO");
    for (id, function) in template.of_type("AWS::Serverless::Function") {
        assert!(function["Properties"]["LoggingConfig"]["ApplicationLogLevel"].is_null(), "{id}");
    }
}

/// Finding 13: a catalog lies among the licenses, and an operator's audit rows among those of verdicts.
#[test]
fn functions_put_rows_of_licenses_alone() {
    let template = template();
    let mut narrowed = 0;
    for (id, role) in template.of_type("AWS::IAM::Role") {
        let policies = role["Properties"]["Policies"].as_array().cloned().unwrap_or_default();
        for statement in policies
            .iter()
            .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().cloned().unwrap_or_default())
        {
            let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
            if statement["Action"].to_string().contains("dynamodb:PutItem") {
                assert_eq!(*keys, serde_json::json!(["lic_*"]), "{id}: {statement}");
                narrowed += 1;
            }
            if id == "HealthRole" && statement["Action"] == "dynamodb:GetItem" {
                assert_eq!(*keys, serde_json::json!([tables::SENTINEL]));
                narrowed += 1;
            }
        }
    }
    assert_eq!(narrowed, 8, "verify puts into one table, three functions into two, health reads one row");
}

/// Finding 7: whatever keeps the lines from becoming metrics also silences every alarm on them, except this one.
#[test]
fn requests_without_metrics_ring() {
    let template = template();
    let alarm = &template.resource("MissingMetricsAlarm").unwrap()["Properties"];
    let (sum, asked, lines) = (&alarm["Metrics"][0], &alarm["Metrics"][1], &alarm["Metrics"][2]);
    assert_eq!(sum["Expression"], "SUM([asked, -1000000000 * FILL(lines, 0)])");
    // Lambda's own count needs no line; each line has Latency (`telemetry.rs`).
    let read = |metric: &Value| {
        let stat = &metric["MetricStat"];
        json!([
            metric["Id"],
            stat["Metric"]["MetricName"],
            stat["Metric"]["Dimensions"][0]["Value"],
            stat["Stat"]
        ])
    };
    assert_eq!(read(asked), json!(["asked", "Invocations", { "Ref": "VerifyFunction" }, "Sum"]));
    assert_eq!(read(lines), json!(["lines", "Latency", { "Ref": "AWS::StackName" }, "SampleCount"]));
    // One request without a line rings; one line is quiet beside all requests that the throttle of 100 a second lets in.
    let rings =
        |asked: i64, lines: i64| asked - 1_000_000_000 * lines >= alarm["Threshold"].as_i64().unwrap();
    let most = 100 * lines["MetricStat"]["Period"].as_i64().unwrap();
    assert!(rings(1, 0) && rings(most, 0) && !rings(0, 0) && !rings(most, 1));
}

#[test]
fn log_groups_have_retention() {
    let template = template();
    for (id, function) in template.of_type("AWS::Serverless::Function") {
        let group = function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"].as_str().expect(id);
        let group = template.resource(group).expect(id);
        assert_eq!(group["Properties"]["RetentionInDays"]["Ref"], "LogRetentionDays", "{id}");
    }
}

/// Every key of the tables and their indexes, with its type: the input of `CreateTable`, read from the template.
fn declared() -> BTreeMap<String, BTreeMap<String, String>> {
    let tables = template().tables().unwrap();
    let of = |table: &falconer_emulators::template::TableResource| {
        let request = table.create_request("any");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let attributes = request["AttributeDefinitions"].as_array().unwrap();
        attributes.iter().map(|one| (text(&one["AttributeName"]), text(&one["AttributeType"]))).collect()
    };
    tables.iter().map(|table| (table.logical_id.clone(), of(table))).collect()
}

/// The parts of a key: its attributes, in order.
fn key_of(schema: &Value) -> Vec<&str> {
    schema.as_array().unwrap().iter().map(|part| part["AttributeName"].as_str().unwrap()).collect()
}

#[test]
fn keys_and_indexes_are_declared() {
    let all = template().tables().unwrap();
    let request = |id: &str| all.iter().find(|table| table.logical_id == id).unwrap().create_request("any");
    let (licenses, verifications) = (request("LicensesTable"), request("VerificationsTable"));
    assert_eq!(key_of(&licenses["KeySchema"]), [tables::LICENSE_ID]);
    assert_eq!(key_of(&verifications["KeySchema"]), [tables::LICENSE_ID, operator::tables::AT_NAME.1]);
    assert_eq!(key_of(&request("RateLimitsTable")["KeySchema"]), [tables::BUCKET]);

    let indexes: BTreeMap<_, _> = licenses["GlobalSecondaryIndexes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|index| (index["IndexName"].as_str().unwrap(), index))
        .collect();
    let named = [
        (operator::tables::BY_USER_ID, operator::tables::OF_USER),
        (operator::tables::BY_EMAIL, operator::tables::OF_EMAIL),
        (operator::tables::BY_EXPIRY, operator::tables::ENDING),
    ];
    for (name, condition) in named {
        let index = indexes.get(name).unwrap_or_else(|| panic!("no index {name}"));
        // A query's condition names every part of the key, and nothing else.
        let asked: Vec<_> =
            condition.split(" AND ").map(|part| part.split_whitespace().next().unwrap()).take(2).collect();
        assert_eq!(key_of(&index["KeySchema"]), asked, "{name}");
        assert_eq!(index["Projection"]["ProjectionType"], "KEYS_ONLY", "{name}");
    }
    assert_eq!(indexes.len(), named.len(), "an index that nothing asks is paid for on every write");
}

#[test]
fn items_have_declared_attributes() {
    let stack = TestStack::with(&TestStackOptions {
        settings: vec![("RATE_LIMIT_PER_MINUTE", "10".to_owned())],
        ..TestStackOptions::default()
    });
    let key = stack.put(Fixture::pro().ending(UnixMillis(4_102_444_800_000)));
    assert_eq!(stack.verify(&key).status, 200);
    // A change is counted at once.
    assert_eq!(stack.deactivate(&key, &Machine::named("here")).code(), "DEVICE_NOT_BOUND");
    stack.settle();
    let id = stack.license_id(&key);
    let everything = stack.everything_stored();
    // One answer of a Scan for each table; the last is that of the counters.
    let scans: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&everything).into_iter().collect();
    let stored = BTreeMap::from([
        ("LicensesTable", stack.item(&id)),
        ("VerificationsTable", stack.audit_rows(&id).remove(0)),
        ("RateLimitsTable", scans.unwrap()[2]["Items"][0].clone()),
    ]);
    for (table, attributes) in declared() {
        for (attribute, kind) in attributes {
            let item = &stored[table.as_str()];
            assert!(item[&attribute][&kind].is_string(), "{table}: {attribute} is no {kind} in {item}");
        }
    }
    for table in template().tables().unwrap() {
        if let Some(time_to_live) = &table.time_to_live {
            let attribute = time_to_live["AttributeName"].as_str().unwrap();
            let item = &stored[table.logical_id.as_str()];
            let seconds: i64 = item[attribute]["N"].as_str().expect(attribute).parse().unwrap();
            // Milliseconds here would keep every row for fifty thousand years.
            assert!((1_700_000_000..10_000_000_000).contains(&seconds), "{}: {seconds}", table.logical_id);
        }
    }
}
