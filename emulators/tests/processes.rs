//! The gateway with real processes on the real Lambda runtime: `examples/echo.rs`, which `cargo test` builds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use falconer_emulators::gateway::{Config, End, Gateway, Launch, LogLine, Stream, peak_overlap};
use falconer_emulators::template::Template;

const TEMPLATE: &str = r"
Resources:
  EchoFunction:
    Type: AWS::Serverless::Function
    Properties:
      Timeout: 3
      Environment: { Variables: { COLOUR: green } }
      Events:
        Post: { Type: HttpApi, Properties: { Path: /api/echo, Method: POST } }
";

/// Generous, because the machine may be busy; nothing waits that long.
const READY_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn the_real_runtime_answers_through_the_gateway() {
    let gateway = gateway(1);
    let (status, body, _) = post(&gateway, "", b"hello \xff");
    assert_eq!((status, body.as_str()), (200, "hello \u{fffd}"), "base64 both ways is the runtime's affair");
    let (_, names, _) = post(&gateway, "?does=environment", b"");
    let names: Vec<&str> = names.split(' ').collect();
    assert!(names.contains(&"COLOUR") && names.contains(&"EXTRA"), "{names:?}");
    assert!(!names.iter().any(|name| name.starts_with("CARGO") || *name == "HOME"), "{names:?}");
    assert_eq!(post(&gateway, "?does=fail", b"").0, 500);
    assert_eq!(post(&gateway, "", b"still here").1, "still here");
    eventually(|| gateway.invocations().iter().all(|invocation| invocation.free.is_some()));
}

#[test]
fn lines_of_both_streams_are_kept() {
    let gateway = gateway(1);
    post(&gateway, "", b"");
    let has = |stream: Stream, text: &str| {
        let wanted = LogLine { function: "echo".to_owned(), instance: 0, stream, text: text.to_owned() };
        eventually(|| gateway.logs().contains(&wanted));
    };
    has(Stream::Stdout, "echo starts");
    has(Stream::Stderr, "echo is asked");
}

#[test]
fn killed_instance_fails_event_and_returns() {
    let gateway = gateway(1);
    let (_, _, before) = post(&gateway, "", b"");
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| post(&gateway, "?does=sleep", b"").0);
        eventually(|| gateway.invocations().get(1).is_some_and(|second| second.dispatched.is_some()));
        gateway.kill("echo", 0).unwrap();
        assert_eq!(caller.join().unwrap(), 500);
    });
    assert_eq!(gateway.invocations()[1].end, Some(End::Died));
    let (status, _, after) = post(&gateway, "", b"");
    assert_eq!(status, 200);
    assert_ne!(before, after);
    let starts = gateway.starts();
    assert_eq!(starts.len(), 2);
    assert!(starts[0].ready.is_some() && starts[0].ended.is_some() && starts[1].ended.is_none());
    assert!(gateway.kill("echo", 7).is_err());
}

#[test]
fn late_instance_killed_dying_one_replaced() {
    let gateway = gateway(1);
    assert_eq!(post(&gateway, "?does=sleep", b"").0, 503);
    assert_eq!(post(&gateway, "", b"").0, 200);
    assert_eq!(post(&gateway, "?does=exit", b"").0, 500);
    assert_eq!(post(&gateway, "", b"").0, 200);
    let ends: Vec<_> = gateway.invocations().into_iter().filter_map(|invocation| invocation.end).collect();
    assert_eq!(ends, [End::TimedOut, End::Answered, End::Died, End::Answered]);
    assert_eq!(gateway.starts().len(), 3);
}

#[test]
fn instances_work_at_the_same_time() {
    let gateway = gateway(3);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| post(&gateway, "?does=sleep", b""));
        }
    });
    assert_eq!(peak_overlap(&gateway.invocations()), 3);
}

#[test]
fn no_process_outlives_the_gateway() {
    let gateway = gateway(2);
    let processes: Vec<PathBuf> =
        gateway.starts().iter().map(|start| Path::new("/proc").join(start.pid.to_string())).collect();
    assert_eq!(processes.len(), 2);
    let started = Instant::now();
    drop(gateway);
    for process in processes {
        assert!(!process.exists(), "{} after {:?}", process.display(), started.elapsed());
    }
}

fn gateway(instances: usize) -> Gateway {
    let template = Template::parse(TEMPLATE).unwrap();
    let extra = BTreeMap::from([("EXTRA".to_owned(), "1".to_owned())]);
    let launch = Launch::Binaries(examples());
    let config =
        Config::from_template(&template, &template.local_names(), launch, instances, &extra).unwrap();
    let gateway = Gateway::start(config).unwrap();
    gateway.wait_until_ready(READY_LIMIT).unwrap();
    gateway
}

/// Beside the folder of this test's own program.
fn examples() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let profile = program.parent().and_then(Path::parent).unwrap();
    profile.join("examples")
}

fn post(gateway: &Gateway, query: &str, body: &[u8]) -> (u16, String, String) {
    let agent: ureq::Agent =
        ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
    let mut response = agent
        .post(format!("{}/api/echo{query}", gateway.url()))
        .header("content-type", "text/plain")
        .send(body)
        .unwrap();
    let process = response
        .headers()
        .get("x-process")
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default();
    (response.status().as_u16(), response.body_mut().read_to_string().unwrap(), process)
}

/// Waits for what another thread or process is about to do.
fn eventually(mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < READY_LIMIT, "it never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}
