//! The gateway with instances that the test itself plays, so that each step of the protocol can be seen.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Config, End, FunctionConfig, Gateway, InvocationOutcome, Launch, peak_overlap};
use crate::cors::Cors;
use crate::template::Route;

const INVOKE_TIMEOUT: Duration = Duration::from_secs(10);

#[test]
fn request_reaches_instance_and_answer_caller() {
    let gateway = gateway(1, INVOKE_TIMEOUT);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| {
            agent()
                .post(format!("{}/api/echo?x=1", gateway.url()))
                .header("x-local-source-ip", "2001:db8::7")
                .header("content-type", "application/json")
                .send("{\"a\":1}")
                .unwrap()
        });
        let event = ScriptedRuntime::new(&gateway, 0).next();
        assert_eq!(event.body["routeKey"], "POST /api/echo");
        assert_eq!(event.body["requestContext"]["http"]["sourceIp"], "2001:db8::7");
        assert!(event.body["headers"]["x-local-source-ip"].is_null());
        assert_eq!(event.body["body"], "{\"a\":1}");
        let left = event.deadline_milliseconds - crate::ambient::now_milliseconds();
        assert!((1..=10_000).contains(&left), "{left}");
        assert!(event.arn.ends_with(":function:echo"), "{}", event.arn);
        assert!(event.trace.starts_with("Root=1-"), "{}", event.trace);
        let answer = json!({ "statusCode": 201, "headers": { "x-a": "b" }, "body": "done" });
        assert_eq!(event.respond(&answer), 202);
        assert_eq!(event.respond(&answer), 400, "only once");
        let mut response = caller.join().unwrap();
        assert_eq!(response.status(), 201);
        assert_eq!(response.headers()["x-a"], "b");
        assert_eq!(response.body_mut().read_to_string().unwrap(), "done");
    });
    let invocation = &gateway.invocations()[0];
    assert_eq!(invocation.end, Some(End::Answered));
    assert!(invocation.queued <= invocation.dispatched.unwrap());
    assert!(invocation.dispatched <= invocation.responded);
    assert_eq!(invocation.free, None, "it has not asked for more");
}

#[test]
fn what_no_route_takes_is_not_found() {
    let gateway = gateway(1, INVOKE_TIMEOUT);
    let check = |request: ureq::RequestBuilder<ureq::typestate::WithBody>, status: u16, message: &str| {
        let mut response = request.send("{}").unwrap();
        let body: Value = response.body_mut().read_json().unwrap();
        assert_eq!((response.status().as_u16(), body), (status, json!({ "message": message })));
    };
    let agent = agent();
    check(agent.post(format!("{}/api/other", gateway.url())), 404, "Not Found");
    check(agent.put(format!("{}/api/echo", gateway.url())), 404, "Not Found");
    let post = agent.post(format!("{}/api/echo", gateway.url()));
    check(post.header("x-local-source-ip", "nowhere"), 400, "x-local-source-ip is not an address");
    assert!(gateway.invocations().is_empty());
}

#[test]
fn instance_takes_one_event_at_a_time() {
    let gateway = gateway(2, INVOKE_TIMEOUT);
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|number| {
                scope.spawn({
                    let gateway = &gateway;
                    move || gateway.invoke("echo", &json!({ "number": number })).unwrap()
                })
            })
            .collect();
        let (one, two) = (ScriptedRuntime::new(&gateway, 0), ScriptedRuntime::new(&gateway, 1));
        let first = one.next();
        let second = two.next();
        assert_eq!(gateway.invocations().iter().filter(|one| one.dispatched.is_some()).count(), 2);
        first.respond(&json!("one"));
        let third = one.next();
        second.respond(&json!("two"));
        third.respond(&json!("three"));
        let mut answers: Vec<_> =
            callers.into_iter().map(|caller| caller.join().unwrap().into_json().unwrap()).collect();
        answers.sort_by_key(ToString::to_string);
        assert_eq!(answers, [json!("one"), json!("three"), json!("two")]);
    });
    let invocations = gateway.invocations();
    assert_eq!(peak_overlap(&invocations), 2);
    assert_eq!(invocations.iter().filter(|one| one.free.is_some()).count(), 1);
}

#[test]
fn an_error_of_the_function_is_a_500() {
    let gateway = gateway(1, INVOKE_TIMEOUT);
    std::thread::scope(|scope| {
        let caller =
            scope.spawn(|| agent().post(format!("{}/api/echo", gateway.url())).send_empty().unwrap());
        ScriptedRuntime::new(&gateway, 0).next().fail();
        assert_eq!(caller.join().unwrap().status(), 500);
    });
    assert_eq!(gateway.invocations()[0].end, Some(End::Failed));
    assert!(gateway.logs()[0].text.contains("errorMessage"));
}

#[test]
fn missed_deadline_is_503_late_answer_refused() {
    let gateway = gateway(1, Duration::from_millis(50));
    std::thread::scope(|scope| {
        let caller =
            scope.spawn(|| agent().post(format!("{}/api/echo", gateway.url())).send_empty().unwrap());
        let event = ScriptedRuntime::new(&gateway, 0).next();
        assert_eq!(caller.join().unwrap().status(), 503);
        assert_eq!(event.respond(&json!({})), 400);
    });
    assert_eq!(gateway.invocations()[0].end, Some(End::TimedOut));
}

#[test]
fn an_answer_that_is_none_is_a_500() {
    let gateway = gateway(1, INVOKE_TIMEOUT);
    std::thread::scope(|scope| {
        let caller =
            scope.spawn(|| agent().post(format!("{}/api/echo", gateway.url())).send_empty().unwrap());
        ScriptedRuntime::new(&gateway, 0).next().respond(&json!({ "statusCode": 9999 }));
        assert_eq!(caller.join().unwrap().status(), 500);
    });
}

#[test]
fn an_instance_that_forgets_its_event_fails_it() {
    let gateway = gateway(1, INVOKE_TIMEOUT);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| gateway.invoke("echo", &json!(1)).unwrap());
        let instance = ScriptedRuntime::new(&gateway, 0);
        instance.next();
        let second = scope.spawn(|| gateway.invoke("echo", &json!(2)).unwrap());
        let next = instance.next();
        assert_eq!(caller.join().unwrap(), InvocationOutcome::Died);
        next.respond(&json!(2));
        assert_eq!(second.join().unwrap().into_json().unwrap(), 2);
    });
}

#[tokio::test]
async fn the_blocking_calls_may_stand_on_another_runtime() {
    let gateway = gateway(1, INVOKE_TIMEOUT);
    let api = gateway.runtime_api("echo", 0);
    let played = std::thread::spawn(move || ScriptedRuntime::at(api).next().respond(&json!("ok")));
    assert!(gateway.invoke("other", &json!({})).is_err());
    let outcome = gateway.invoke_async("echo", &json!({})).await.unwrap();
    assert_eq!(outcome.into_json().unwrap(), "ok");
    assert_eq!(played.join().unwrap(), 202);
    assert!(gateway.invoke_async("other", &json!({})).await.is_err());
}

#[test]
fn a_missing_binary_is_one_clear_sentence() {
    let mut config = config(1, INVOKE_TIMEOUT);
    config.launch = Launch::Binaries("/nonexistent".into());
    let error = Gateway::start(config).err().unwrap();
    assert!(error.to_string().contains("build the functions first"), "{error}");
}

fn gateway(instances: usize, timeout: Duration) -> Gateway {
    Gateway::start(config(instances, timeout)).unwrap()
}

fn config(instances: usize, timeout: Duration) -> Config {
    let route = Route { method: "POST".to_owned(), path: "/api/echo".to_owned() };
    let echo = FunctionConfig {
        name: "echo".to_owned(),
        instances,
        timeout,
        memory_megabytes: 128,
        routes: vec![route],
        environment: BTreeMap::new(),
    };
    Config { port: 0, launch: Launch::External, functions: vec![echo], cors: Cors::default() }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into()
}

/// Acts as a function's runtime, one request at a time.
struct ScriptedRuntime {
    api: String,
    agent: ureq::Agent,
}

struct Event {
    api: String,
    id: String,
    agent: ureq::Agent,
    body: Value,
    deadline_milliseconds: u64,
    arn: String,
    trace: String,
}

impl ScriptedRuntime {
    fn new(gateway: &Gateway, index: usize) -> Self {
        Self::at(gateway.runtime_api("echo", index))
    }

    fn at(api: String) -> Self {
        Self { api, agent: agent() }
    }

    fn next(&self) -> Event {
        let path = format!("{}/2018-06-01/runtime/invocation/next", self.api);
        let mut response = self.agent.get(path).call().unwrap();
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        Event {
            api: self.api.clone(),
            id: header("lambda-runtime-aws-request-id"),
            agent: self.agent.clone(),
            deadline_milliseconds: header("lambda-runtime-deadline-ms").parse().unwrap(),
            arn: header("lambda-runtime-invoked-function-arn"),
            trace: header("lambda-runtime-trace-id"),
            body: response.body_mut().read_json().unwrap(),
        }
    }
}

impl Event {
    fn respond(&self, answer: &Value) -> u16 {
        self.post("response", answer)
    }

    fn fail(&self) {
        self.post("error", &json!({ "errorType": "E", "errorMessage": "m" }));
    }

    fn post(&self, what: &str, body: &Value) -> u16 {
        let path = format!("{}/2018-06-01/runtime/invocation/{}/{what}", self.api, self.id);
        self.agent.post(path).send(body.to_string()).unwrap().status().as_u16()
    }
}
