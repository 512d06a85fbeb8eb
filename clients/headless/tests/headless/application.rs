//! An application that has started the program: it writes lines and reads lines.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Longest wait for a line or an end: a machine may be busy. The product has no such limit.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Application {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    /// Every line that was read.
    pub(crate) seen: String,
}

impl Application {
    /// Starts the program and reads its first line.
    pub(crate) fn start(program: &mut Command) -> Self {
        let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            // Ends with the test, which may have stopped to listen.
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        let mut application = Self { input: child.stdin.take(), child, lines, seen: String::new() };
        let ready = application.next().expect("an event");
        assert_eq!((&ready["event"], &ready["protocol"]), (&json!("ready"), &json!(1)), "{ready}");
        application
    }

    /// Asks and returns the answer.
    pub(crate) fn call(&mut self, method: &str, params: &Value) -> Value {
        self.ask("call", method, params);
        let answer = self.answer();
        assert_eq!(answer["id"], "call", "{answer}");
        answer
    }

    /// Writes a line as it is.
    pub(crate) fn write(&mut self, line: &[u8]) {
        let input = self.input.as_mut().expect("an open input");
        input.write_all(line).and_then(|()| input.write_all(b"\n")).expect("a line is taken");
    }

    pub(crate) fn ask(&mut self, id: impl Into<Value>, method: &str, params: &Value) {
        let request = json!({ "id": id.into(), "method": method, "params": params });
        self.write(request.to_string().as_bytes());
    }

    /// The next line. `None` at the end of the output.
    pub(crate) fn next(&mut self) -> Option<Value> {
        let line = match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("no line within {PATIENCE:?}"),
        };
        self.seen.push_str(&line);
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// The next answer; events before it are passed over.
    pub(crate) fn answer(&mut self) -> Value {
        loop {
            let line = self.next().expect("an answer");
            if line.get("event").is_none() {
                return line;
            }
        }
    }

    /// Closes the program's input.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits for the end, which has to come by itself. Returns what the program wrote to standard error.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a status") {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "the program goes on");
            thread::sleep(Duration::from_millis(10));
        };
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).expect("standard error");
        (status, said)
    }
}

impl Drop for Application {
    fn drop(&mut self) {
        // Most have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
