//! Standard output: one JSON object a line, in ASCII, whole or not at all.

use std::fmt::Write as _;
use std::io::Write;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::End;

/// The lines to the application. It blocks while the application reads nothing, so nothing piles up in memory.
pub(super) struct Output {
    writer: Mutex<Box<dyn Write + Send>>,
    ends: Sender<End>,
}

impl Output {
    pub(super) fn new(writer: impl Write + Send + 'static, ends: Sender<End>) -> Self {
        Self { writer: Mutex::new(Box::new(writer)), ends }
    }

    /// Writes one line. An application that has closed its end of the pipe ends the program.
    pub(super) fn line(&self, value: &Value) {
        let mut line = ascii(&value.to_string());
        line.push('\n');
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if writer.write_all(line.as_bytes()).and_then(|()| writer.flush()).is_err() {
            // Nobody waits for the end any more once it has begun.
            let _ = self.ends.send(End::OutputClosed);
        }
    }
}

/// Escapes what is not ASCII, for programs that read a pipe in the encoding of their system.
fn ascii(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            escaped.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing into a string cannot fail.
            let _ = write!(escaped, "\\u{unit:04x}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use serde_json::json;

    use super::*;

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_ascii_and_mean_the_same() {
        let value = json!({ "name": "Jürgens Rechner 🖥 \u{2028}\n" });
        let line = ascii(&value.to_string());
        assert!(line.is_ascii() && !line.contains('\n'), "{line}");
        assert_eq!(serde_json::from_str::<Value>(&line).unwrap(), value);
    }

    #[test]
    fn closed_output_ends_the_program() {
        let (ends, ended) = mpsc::channel();
        Output::new(Closed, ends).line(&json!({}));
        assert_eq!(ended.try_recv(), Ok(End::OutputClosed));
    }
}
