//! Servers that are not Falconer's: they lie, or never answer.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A port of this machine, and the connections it got.
pub(crate) struct ScriptedServer {
    pub(crate) url: String,
    pub(crate) connections: Arc<AtomicUsize>,
}

/// An address at which nothing listens.
pub(crate) fn absent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    format!("http://{}", listener.local_addr().expect("an address"))
}

/// A server that takes requests and never answers.
pub(crate) fn silent() -> ScriptedServer {
    let mut kept = Vec::new();
    start(move |connection| kept.push(connection))
}

/// A server that gives every request the same answer.
pub(crate) fn lying(status: u16, kind: &str, body: &str) -> ScriptedServer {
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} Said\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    start(move |connection| {
        // A client may have gone away.
        let _ = read_request(&connection).and_then(|()| (&connection).write_all(answer.as_bytes()));
    })
}

fn start(mut serve: impl FnMut(TcpStream) + Send + 'static) -> ScriptedServer {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    // Ends with the tests.
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            counter.fetch_add(1, Ordering::SeqCst);
            serve(connection);
        }
    });
    ScriptedServer { url, connections }
}

/// Reads headers and body, as a client expects before it reads an answer.
fn read_request(connection: &TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.is_empty() {
            return reader.read_exact(&mut vec![0; length]);
        }
    }
}
