//! The end of a console: by itself, and by Ctrl-C.

use std::time::Duration;

use falconer_console::{Access, Console, Setup};
use falconer_tests::{TestStack, now};
use jiff::tz::TimeZone;

use super::Browser;

fn setup(stack: &TestStack, idle: Duration) -> Setup {
    Setup {
        store: stack.store.clone(),
        keyring: stack.ring_writer(),
        actor: "fixture".to_owned(),
        product: None,
        place: "test".to_owned(),
        command: vec!["falconer".to_owned()],
        zone: TimeZone::UTC,
        now,
        access: Access::Full,
        idle,
        files: std::path::PathBuf::from("falconer-console"),
    }
}

#[test]
fn ends_after_its_time_without_a_request() {
    let stack = TestStack::start();
    let console = stack.wait(Console::open(setup(&stack, Duration::from_millis(200)), 0)).unwrap();
    let file = console.file().expect("a file that opens it");
    assert!(file.is_file());
    // Nobody interrupts it: it comes back by itself, or this test never ends.
    stack.wait(console.run(std::future::pending())).unwrap();
    assert!(!file.exists(), "the file goes with it");
}

#[cfg(unix)]
#[test]
fn interrupted_console_leaves_no_file() {
    let stack = TestStack::start();
    let mut browser = Browser::start(&stack, &[]);
    assert!(std::fs::exists(&browser.file).unwrap());
    let pid = browser.program.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = browser.program.wait().unwrap();
    assert!(status.success(), "{status}");
    assert!(!std::fs::exists(&browser.file).unwrap(), "nothing opens an ended console");
}

#[test]
fn taken_port_is_a_sentence() {
    let stack = TestStack::start();
    let first = Browser::start(&stack, &[]);
    let port = first.address.rsplit(':').next().unwrap();
    let output = crate::operator::run(&stack, &["console", "--no-browser", "--port", port]);
    let said = crate::operator::said(&output);
    assert!(!output.status.success() && said.contains("--port"), "{said}");
}
