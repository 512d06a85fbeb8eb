//! Refused requests on Home, from CloudWatch's metrics.

use std::time::Duration;

use falconer_aws::metrics::{LATENCY, NAMESPACE};
use falconer_domain::UnixMillis;
use falconer_emulators::cloudwatch::Rights;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_operator::refusals::metrics_asked_for;
use falconer_tests::{Fixture, Machine, TestStack, checkout, now};
use serde_json::{Value, json};

use super::{Browser, ConsoleAnswer};
use crate::issuing::falconer;
use crate::manners::Folder;
use crate::metrics::{datum, put};

/// A console that knows the name of its stack, as the functions do.
fn opened(stack: &TestStack, arguments: &[&str]) -> Browser {
    let mut program = falconer(stack);
    program.env("STACK_NAME", &stack.settings.stack_name);
    Browser::run(program, arguments).opened()
}

/// Makes metrics of the functions' lines, as CloudWatch does: of each line the members that it declares.
fn take_in_lines(stack: &TestStack) {
    for line in stack.request_lines() {
        for declared in line["_aws"]["CloudWatchMetrics"].as_array().unwrap() {
            let dimension = |name: &Value| json!({ "Name": name, "Value": line[name.as_str().unwrap()] });
            let dimensions = declared["Dimensions"][0].as_array().unwrap();
            let dimensions: Vec<_> = dimensions.iter().map(dimension).collect();
            let of_metric = |metric: &Value| {
                let name = metric["Name"].as_str().unwrap();
                let seconds = line["_aws"]["Timestamp"].as_f64().unwrap() / 1_000.0;
                json!({
                    "MetricName": name, "Dimensions": dimensions, "Timestamp": seconds, "Value": line[name],
                })
            };
            let data: Vec<_> = declared["Metrics"].as_array().unwrap().iter().map(of_metric).collect();
            put(&stack.metrics.endpoint(), declared["Namespace"].as_str().unwrap(), &data);
        }
    }
}

/// Asks CloudWatch by the button of Home, and returns the page with its answer.
fn asked(browser: &Browser) -> ConsoleAnswer {
    let begun = browser.post("refusals", &[]);
    assert_eq!(begun.status, 303, "{}", begun.text());
    browser.ended("")
}

/// Requests to CloudWatch so far.
fn requests(stack: &TestStack) -> Vec<String> {
    stack.cloudwatch.records().into_iter().map(|record| record.operation).collect()
}

#[test]
fn refused_requests_are_those_of_the_functions() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro().bound(1, &Machine::named("first"), now()));
    assert_eq!(stack.post("/api/verify", &Machine::named("first").request(&key)).code(), "VALID");
    for _ in 0..2 {
        let other = Machine::named("other").request(&key);
        assert_eq!(stack.post("/api/verify", &other).code(), "HARDWARE_MISMATCH");
    }
    assert_eq!(stack.verify("QF-PRO-not-a-key").code(), "INVALID_SIGNATURE");
    take_in_lines(&stack);
    let days_ago = |days: i64| UnixMillis(now().0 - days * 86_400_000);
    let name = stack.settings.stack_name.as_str();
    for (days, count) in [(3, 5), (20, 7), (40, 9)] {
        let of = |metric: &str| datum(name, metric, days_ago(days), 1.0);
        let data: Vec<_> = (0..count).flat_map(|_| [of("HARDWARE_MISMATCH"), of(LATENCY)]).collect();
        put(&stack.metrics.endpoint(), NAMESPACE, &data);
    }

    for arguments in [&[][..], &["--read-only"]] {
        let browser = opened(&stack, arguments);
        let home = asked(&browser);
        let text = home.text();
        for words in [
            "15 of 16 requests refused",
            "Code Today 7 days 30 days HARDWARE_MISMATCH 2 7 14 INVALID_SIGNATURE 1 1 1",
        ] {
            assert!(text.contains(words), "{arguments:?}, {words}: {text}");
        }
        assert!(!text.contains("VALID 1") && !home.body.contains("role=\"alert\""), "{text}");
        let chart = browser.get("refusals.svg");
        assert_eq!(chart.header("content-type"), "image/svg+xml");
        assert!(chart.body.contains("HARDWARE_MISMATCH") && chart.body.contains("INVALID_SIGNATURE"));
    }
}

/// Each look costs money.
#[test]
fn cloudwatch_is_asked_when_somebody_asks() {
    let stack = TestStack::start();
    let browser = opened(&stack, &[]);
    for page in ["", "licenses", "catalog", "keyring", ""] {
        assert_eq!(browser.get(page).status, 200, "{page}");
    }
    assert_eq!(browser.post("count", &[]).status, 303);
    let home = browser.ended("");
    assert_eq!(requests(&stack), [""; 0], "nobody asked: {}", home.text());
    assert!(home.text().contains("at $0.01 for 1,000"), "{}", home.text());
    assert_eq!(browser.get("refusals.svg").status, 404, "nothing to draw yet");

    let held = Duration::from_millis(400);
    stack.cloudwatch.break_all(Matcher::any(), Fault::Delay(held));
    for _ in 0..3 {
        assert_eq!(browser.post("refusals", &[]).status, 303);
        assert!(browser.get("").text().contains("Asking CloudWatch"), "the page does not wait");
    }
    browser.ended("");
    for _ in 0..3 {
        browser.get("");
    }
    assert_eq!(requests(&stack), ["GetMetricData"], "one look is one request");
    asked(&browser);
    assert_eq!(requests(&stack), ["GetMetricData", "GetMetricData"]);

    let document = |name: &str| std::fs::read_to_string(checkout().join("docs").join(name)).unwrap();
    let cost = format!("asks CloudWatch for {} metrics", metrics_asked_for());
    assert!(home.text().contains(&cost) && document("console.md").contains(&cost), "{cost}: {}", home.text());
    for right in requests(&stack).iter().map(|operation| format!("`cloudwatch:{operation}`")) {
        assert!(document("operations.md").contains(&right), "docs/operations.md lacks {right}");
    }
}

#[test]
fn missing_metrics_are_a_sentence_on_home() {
    let stack = TestStack::start();
    stack.put(Fixture::pro().ending(now().plus_days(1)));
    let browser = opened(&stack, &[]);
    let said = |sentence: &str| {
        let home = asked(&browser);
        let text = home.text();
        assert!(home.status == 200 && text.contains(sentence), "{sentence}: {text}");
        assert!(
            text.contains("1 ending within 30 days") && text.contains("signs"),
            "and all else is there: {text}"
        );
        assert!(text.contains("Ask CloudWatch"), "with a button to ask again: {text}");
    };
    said("CloudWatch has no metrics of a stack falconer-local in these 30 days");
    stack.metrics.grant(Rights::None);
    said(
        "CloudWatch does not answer (AccessDenied). These credentials lack the right cloudwatch:GetMetricData",
    );
    stack.metrics.grant(Rights::All);
    stack.cloudwatch.break_all(Matcher::any(), Fault::Reset);
    said("CloudWatch does not answer (connection). Look at the network. Try again");
    stack.cloudwatch.heal();
    put(&stack.metrics.endpoint(), NAMESPACE, &[datum("falconer-local", LATENCY, now(), 3.0)]);
    said("0 of 1 request refused");
}

#[test]
fn stacks_without_metrics_ask_nobody() {
    let stack = TestStack::start();
    let console = |name: Option<&str>| {
        let mut program = falconer(&stack);
        program.envs(name.map(|name| ("STACK_NAME", name)));
        program
    };
    let mut local = console(Some("falconer-local"));
    local.env("FALCONER_LOCAL", "1").env_remove("AWS_ENDPOINT_URL_CLOUDWATCH");
    let folder = Folder::new();
    folder.file("falconer.toml", "stack = 'from-a-file'\n");
    for (program, sentence) in [
        (console(None), "Start the console with falconer console --stack NAME"),
        (console(Some("")), "Start the console with falconer console --stack NAME"),
        (local, "A local stack has no metrics"),
    ] {
        let browser = Browser::run(program, &[]).opened();
        let home = browser.get("");
        assert!(home.text().contains(sentence) && !home.text().contains("Ask CloudWatch"), "{}", home.text());
        assert_eq!(browser.post("refusals", &[]).status, 303);
        assert!(browser.ended("").text().contains(sentence), "a forged form changes nothing");
    }
    assert_eq!(requests(&stack), [""; 0]);
    let mut named = console(None);
    named.current_dir(folder.path(""));
    assert!(asked(&Browser::run(named, &[]).opened()).text().contains("no metrics of a stack from-a-file"));
}

#[test]
fn hostile_names_of_metrics_are_not_markup() {
    let stack = TestStack::start();
    let hostile = "<script>alert(1)</script>";
    let mut program = falconer(&stack);
    program.env("STACK_NAME", hostile);
    let browser = Browser::run(program, &[]).opened();
    let empty = asked(&browser);
    assert!(empty.text().contains(&format!("no metrics of a stack {hostile}")), "{}", empty.text());
    let data = ["EXPIRED", "<img src=x>", "</svg><b>", LATENCY].map(|name| datum(hostile, name, now(), 1.0));
    put(&stack.metrics.endpoint(), NAMESPACE, &data);
    let home = asked(&browser);
    assert!(home.text().contains("1 of 1 request refused"), "{}", home.text());
    assert!(!home.body.contains(hostile) && !home.body.contains("<img src=x>"), "{}", home.body);
    assert!(!browser.get("refusals.svg").body.contains("<b>"));
}
