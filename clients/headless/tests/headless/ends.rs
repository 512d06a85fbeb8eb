//! Ways to end, each by itself and with exit code 0.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::application::PATIENCE;
use crate::program::{KEY, program, start};
use crate::server;

#[test]
fn end_of_input_ends_the_program() {
    let mut application = start(&server::absent());
    application.ask(1, "status", &json!({}));
    application.close_input();
    assert_eq!(application.answer()["id"], 1);
    assert_eq!(application.next(), None);
    assert_eq!(application.wait().0.code(), Some(0));
}

/// A script pipes its requests in and reads the answers.
#[test]
fn calls_are_answered_after_end_of_input() {
    let server = server::lying(200, "text/html", "<html>");
    let mut application = start(&server.url);
    application.ask(1, "activate", &json!({ "key": KEY }));
    application.ask(2, "refresh", &json!({}));
    application.close_input();
    assert_eq!(application.answer()["id"], 1);
    assert_eq!(application.answer()["id"], 2);
    assert_eq!(application.wait().0.code(), Some(0));
}

#[test]
fn quit_ends_the_program_despite_calls() {
    let server = server::silent();
    let mut application = start(&server.url);
    application.ask(1, "activate", &json!({ "key": KEY }));
    application.ask(2, "activate", &json!({ "key": KEY }));
    application.ask(3, "quit", &json!({}));
    assert_eq!(application.answer(), json!({ "id": 3, "result": {} }));
    let mut ids: Vec<Value> =
        std::iter::from_fn(|| application.next()).map(|line| line["id"].clone()).collect();
    ids.retain(|id| !id.is_null());
    assert!(ids.contains(&json!(2)), "{ids:?}");
    assert_eq!(application.wait().0.code(), Some(0));
}

#[test]
fn closed_output_ends_the_program() {
    let mut child = program(&server::absent())
        .arg("--serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).expect("the first line");
    drop(output);
    // Kept open: the end has to come from the output.
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"{\"id\":1,\"method\":\"status\"}\n").expect("a line is taken");
    let begun = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().expect("a status") {
            break status;
        }
        assert!(begun.elapsed() < PATIENCE, "the program goes on");
        std::thread::sleep(Duration::from_millis(10));
    };
    assert_eq!(status.code(), Some(0));
}

/// An application that does not read is waited for, so nothing piles up; one that has closed its end is not.
#[test]
fn unread_output_holds_up_the_input() {
    let mut child = program(&server::absent())
        .arg("--serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let unread = child.stdout.take();
    let mut input = child.stdin.take().unwrap();
    // The answers fill the pipe; then the program stops to read, and this pipe fills too.
    let writer = std::thread::spawn(move || {
        for _ in 0..100_000 {
            if input.write_all(b"{\"id\":1,\"method\":\"snapshot\"}\n").is_err() {
                break;
            }
        }
    });
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(child.try_wait().expect("a status"), None, "it waits for the application");
    drop(unread);
    writer.join().expect("the writer ends");
    let status = child.wait().expect("an end");
    assert_eq!(status.code(), Some(0));
}
