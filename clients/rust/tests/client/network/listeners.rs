//! Servers and proxies on ports of the loopback, each in a thread.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use falconer_client::Transport;
use falconer_client::transport::{ApiEndpoint, TransportRequest};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::certificates::Identity;
use super::real_programs::OpensslFront;
use crate::harness::Server;

const ENDPOINTS: [ApiEndpoint; 5] = [
    ApiEndpoint::Verify,
    ApiEndpoint::Activate,
    ApiEndpoint::Transfer,
    ApiEndpoint::Deactivate,
    ApiEndpoint::Keys,
];
/// `anna:secret` as `Proxy-Authorization` carries it.
const CREDENTIALS: &str = "Basic YW5uYTpzZWNyZXQ=";

/// A listener that ends when it is dropped.
pub(super) struct Listener {
    address: SocketAddr,
    /// First line of each request.
    seen: Arc<Mutex<Vec<String>>>,
    is_over: Arc<Mutex<bool>>,
    /// What callers reach, where it is another program.
    front: Option<OpensslFront>,
}

impl Listener {
    fn start(
        serve: impl Fn(TcpStream, &Mutex<Vec<String>>) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, is_over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(false)));
        let (lines, over, serve) = (Arc::clone(&seen), Arc::clone(&is_over), Arc::new(serve));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if *over.lock().unwrap() {
                    return;
                }
                let (lines, serve) = (Arc::clone(&lines), Arc::clone(&serve));
                // A caller that hangs up is what many tests are about.
                thread::spawn(move || drop(serve(stream, &lines)));
            }
        });
        Self { address, seen, is_over, front: None }
    }

    /// HTTPS that answers every request by this page. Its TLS is that of rustls, or of OpenSSL in the end-to-end tests.
    pub(super) fn https(identity: &Identity, page: Page) -> Self {
        let page = Arc::new(page);
        let plain = Arc::clone(&page);
        let mut behind = Self::start(move |stream, seen| plain.answer(&mut BufReader::new(stream), seen));
        behind.front = OpensslFront::start(identity, behind.address);
        if behind.front.is_some() { behind } else { Self::rustls(identity.config(), page) }
    }

    fn rustls(config: Arc<ServerConfig>, page: Arc<Page>) -> Self {
        Self::start(move |stream, seen| {
            let connection = ServerConnection::new(Arc::clone(&config)).map_err(io::Error::other)?;
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            page.answer(&mut stream, seen)?;
            stream.get_mut().conn.send_close_notify();
            stream.get_mut().flush()
        })
    }

    /// Plain HTTP that answers every request by this page.
    pub(super) fn http(page: Page) -> Self {
        Self::start(move |stream, seen| page.answer(&mut BufReader::new(stream), seen))
    }

    /// Text at once, as a server of another protocol sends it.
    pub(super) fn of_text(text: &'static str) -> Self {
        Self::start(move |mut stream, _| {
            stream.write_all(text.as_bytes())?;
            // Until the caller hangs up: a close with unread bytes would be a reset.
            io::copy(&mut stream, &mut io::sink()).map(drop)
        })
    }

    /// Takes connections and says nothing.
    pub(super) fn silent() -> Self {
        Self::start(|mut stream, _| io::copy(&mut stream, &mut io::sink()).map(drop))
    }

    /// A proxy for CONNECT that wants `anna:secret`. It reaches this server, whatever the name is.
    pub(super) fn proxy(server: SocketAddr) -> Self {
        Self::start(move |stream, seen| {
            let mut stream = BufReader::new(stream);
            let head = read_head(&mut stream, seen)?;
            let mut caller = stream.into_inner();
            if !head.iter().any(|line| line == &format!("Proxy-Authorization: {CREDENTIALS}")) {
                let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\n\
                    Proxy-Authenticate: Basic realm=\"office\"\r\nContent-Length: 0\r\n\r\n";
                return caller.write_all(refusal.as_bytes());
            }
            let server = TcpStream::connect(server)?;
            caller.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            relay(caller, server)
        })
    }

    /// A SOCKS 5 proxy that wants `anna:secret`. It reaches this server, whatever the name is.
    pub(super) fn socks(server: SocketAddr) -> Self {
        Self::start(move |mut caller, seen| {
            let methods = read_counted(&mut caller, 1)?;
            if !methods.contains(&2) {
                return caller.write_all(&[5, 0xFF]);
            }
            caller.write_all(&[5, 2])?;
            let user = read_counted(&mut caller, 1)?;
            let password = read_counted(&mut caller, 0)?;
            if (user.as_slice(), password.as_slice()) != (b"anna", b"secret") {
                return caller.write_all(&[1, 1]);
            }
            caller.write_all(&[1, 0])?;
            let name = read_counted(&mut caller, 4)?;
            caller.read_exact(&mut [0; 2])?;
            seen.lock().unwrap().push(String::from_utf8_lossy(&name).into_owned());
            caller.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
            relay(caller, TcpStream::connect(server)?)
        })
    }

    pub(super) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Address that callers reach.
    pub(super) fn address(&self) -> SocketAddr {
        self.front.as_ref().map_or(self.address, |front| front.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address().port()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        *self.is_over.lock().unwrap() = true;
        // Wakes the thread; if it fails, the thread has ended.
        drop(TcpStream::connect(self.address));
    }
}

/// The answer to a request.
pub(super) enum Page {
    /// The license server's own.
    Licenses(Server),
    /// A response with this status line, header lines and body, to whatever was asked.
    Fixed { status: &'static str, headers: &'static str, body: &'static str },
}

impl Page {
    fn answer(&self, stream: &mut BufReader<impl Read + Write>, seen: &Mutex<Vec<String>>) -> io::Result<()> {
        let head = read_head(stream, seen)?;
        let length = head
            .iter()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or_default()];
        stream.read_exact(&mut body)?;
        let response = match self {
            Self::Fixed { status, headers, body } => {
                format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
            }
            Self::Licenses(server) => {
                let endpoint = ENDPOINTS.into_iter().find(|known| head[0].contains(known.path())).unwrap();
                let body = String::from_utf8(body).unwrap();
                let request = TransportRequest::new(endpoint, (!body.is_empty()).then_some(body.as_str()));
                let reply = server.send(&request).map_err(io::Error::other)?;
                let body = String::from_utf8(reply.body).unwrap();
                format!("HTTP/1.1 {} -\r\nContent-Length: {}\r\n\r\n{body}", reply.status, body.len())
            }
        };
        stream.get_mut().write_all(response.as_bytes())?;
        stream.get_mut().flush()
    }
}

/// Reads request line and headers, and records the first.
fn read_head(stream: &mut impl BufRead, seen: &Mutex<Vec<String>>) -> io::Result<Vec<String>> {
    let mut head = Vec::new();
    for line in stream.lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        head.push(line);
    }
    let first = head.first().ok_or(io::ErrorKind::UnexpectedEof)?;
    seen.lock().unwrap().push(first.clone());
    Ok(head)
}

/// Hands on what both sides send, until the server has ended.
fn relay(mut caller: TcpStream, mut server: TcpStream) -> io::Result<()> {
    let (mut from, mut to) = (caller.try_clone()?, server.try_clone()?);
    let upward = thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        to.shutdown(Shutdown::Write)
    });
    let _ = io::copy(&mut server, &mut caller);
    let _ = caller.shutdown(Shutdown::Both);
    drop(upward.join());
    Ok(())
}

/// Reads some bytes that are not looked at, then a length and as many bytes.
fn read_counted(stream: &mut impl Read, before: usize) -> io::Result<Vec<u8>> {
    let mut head = vec![0; before + 1];
    stream.read_exact(&mut head)?;
    let mut counted = vec![0; usize::from(head[before])];
    stream.read_exact(&mut counted)?;
    Ok(counted)
}
