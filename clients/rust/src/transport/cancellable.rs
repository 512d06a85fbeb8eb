//! Connections that end when the request is cancelled.
//!
//! `ureq` waits in four places. A name look-up and the making of a connection cannot be ended, so they run on
//! [`threads`](crate::threads) that the caller leaves behind. A read and a write end because cancelling shuts the socket
//! down. The rest of the chain, proxies and TLS, is `ureq`'s own.

use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectProxyConnector, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout,
    RustlsConnector, Transport,
};
use ureq::{Agent, Error, Timeout};

use crate::cancel::CancelToken;
use crate::threads::{self, NoResult};

/// Longest wait where `ureq` sets none; the library always sets one.
const NO_LIMIT: Duration = Duration::from_secs(60);
/// Shortest time for one address of several.
const MIN_CONNECT: Duration = Duration::from_millis(10);

thread_local! {
    /// Token of the request that this thread sends. `ureq` hands nothing of a request to its connectors, and sends,
    /// connects and reads on the thread that called it.
    static CURRENT: RefCell<CancelToken> = RefCell::new(CancelToken::new());
}

/// Makes an agent whose requests end with the token of [`with_token`].
pub(super) fn agent(config: Config) -> Agent {
    let connector =
        ().chain(ConnectProxyConnector::default()).chain(SocketConnector).chain(RustlsConnector::default());
    Agent::with_parts(config, connector, ThreadResolver)
}

/// Sends with a token: `send` ends early with any error once the token is cancelled.
pub(super) fn with_token<T>(cancel: &CancelToken, send: impl FnOnce() -> T) -> T {
    struct Before(CancelToken);
    impl Drop for Before {
        fn drop(&mut self) {
            CURRENT.replace(self.0.clone());
        }
    }
    let _before = Before(CURRENT.replace(cancel.clone()));
    send()
}

fn current() -> CancelToken {
    CURRENT.with_borrow(Clone::clone)
}

/// `ureq`'s resolver on a thread that is known, and not on one that nobody waits for.
#[derive(Debug)]
struct ThreadResolver;

impl Resolver for ThreadResolver {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        // Without a limit `ureq` resolves on the calling thread.
        let look_up = |uri: &Uri, config: &Config| {
            DefaultResolver::default().resolve(uri, config, NextTimeout::default())
        };
        if uri.host().is_some_and(|host| host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok()) {
            return look_up(uri, config);
        }
        let (uri, config) = (uri.clone(), config.clone());
        let found = threads::run(&current(), limit(timeout), move || look_up(&uri, &config));
        found.map_err(|reason| error(reason, timeout.reason))?
    }
}

/// Opens the socket where no proxy has.
#[derive(Debug)]
struct SocketConnector;

impl<In: Transport> Connector<In> for SocketConnector {
    type Out = Either<In, Socket>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, Error> {
        if let Some(chained) = chained {
            return Ok(Some(Either::A(chained)));
        }
        let (addresses, config) = (details.addrs.to_vec(), details.config);
        let limit = limit(details.timeout);
        let connected = threads::run(&current(), limit, move || connect_any(&addresses, limit));
        let stream = connected
            .map_err(|reason| error(reason, Timeout::Connect))?
            .map_err(timed_out(Timeout::Connect))?;
        stream.set_nodelay(config.no_delay())?;
        let buffers = LazyBuffers::new(config.input_buffer_size(), config.output_buffer_size());
        Ok(Some(Either::B(Socket { stream: Arc::new(stream), buffers })))
    }
}

/// Tries one address after another. Each may take half of the time that is left, and the last may take all of it.
fn connect_any(addresses: &[SocketAddr], limit: Duration) -> io::Result<TcpStream> {
    let begun = Instant::now();
    let mut last = Err(ErrorKind::ConnectionRefused.into());
    for (place, address) in addresses.iter().enumerate() {
        let left = limit.saturating_sub(begun.elapsed());
        let share = if place + 1 == addresses.len() { left } else { left / 2 };
        last = TcpStream::connect_timeout(address, share.max(MIN_CONNECT));
        if last.is_ok() {
            break;
        }
    }
    last
}

/// A connection whose reads and writes end when the request is cancelled.
#[derive(Debug)]
struct Socket {
    stream: Arc<TcpStream>,
    buffers: LazyBuffers,
}

impl Socket {
    /// Reads or writes. Cancelling meanwhile shuts the socket down, which ends the system's wait.
    fn until_cancelled<T>(&mut self, io: impl FnOnce(&mut Self) -> io::Result<T>) -> io::Result<T> {
        let cancel = current();
        let stream = Arc::downgrade(&self.stream);
        let _ends = cancel.on_cancel(move || {
            if let Some(stream) = stream.upgrade() {
                // A socket that is closed already needs no end.
                let _ = stream.shutdown(Shutdown::Both);
            }
        });
        let done = io(self);
        // What a socket that was shut down returns looks like the end of the answer.
        if cancel.is_cancelled() { Err(cancelled()) } else { done }
    }

    /// Reads what has arrived; zero bytes are the end.
    fn read(&mut self, limit: Duration) -> io::Result<usize> {
        let begun = Instant::now();
        loop {
            let left = limit.saturating_sub(begun.elapsed());
            if left.is_zero() {
                return Err(ErrorKind::TimedOut.into());
            }
            match self.stream.set_read_timeout(Some(left)) {
                // macOS refuses a limit for a connection that the other side has closed; what arrived can be read.
                Err(error) if !(cfg!(target_os = "macos") && error.kind() == ErrorKind::InvalidInput) => {
                    return Err(error);
                }
                _ => {}
            }
            match (&*self.stream).read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

impl Transport for Socket {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let sent = self.until_cancelled(|socket| {
            socket.stream.set_write_timeout(Some(limit(timeout)))?;
            (&*socket.stream).write_all(&socket.buffers.output()[..amount])
        });
        sent.map_err(timed_out(timeout.reason))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let read = self.until_cancelled(|socket| socket.read(limit(timeout)));
        let amount = read.map_err(timed_out(timeout.reason))?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// True if the other side has neither closed the connection nor sent anything unasked.
    fn is_open(&mut self) -> bool {
        let silent = self.stream.set_nonblocking(true).is_ok()
            && self.stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        silent && self.stream.set_nonblocking(false).is_ok()
    }
}

/// Time that a step may take. A limit that is over leaves an instant, because the system takes zero for none.
fn limit(timeout: NextTimeout) -> Duration {
    if timeout.after.is_not_happening() { NO_LIMIT } else { (*timeout.after).max(Duration::from_millis(1)) }
}

fn error(reason: NoResult, limit: Timeout) -> Error {
    match reason {
        NoResult::Cancelled => Error::Io(cancelled()),
        NoResult::TimedOut => Error::Timeout(limit),
        NoResult::NoThread => Error::Io(ErrorKind::OutOfMemory.into()),
    }
}

fn cancelled() -> io::Error {
    io::Error::other("cancelled")
}

/// Names the limit that an operation ran into. Unix reports `WouldBlock` and Windows `TimedOut`.
fn timed_out(limit: Timeout) -> impl FnOnce(io::Error) -> Error {
    move |error| match error.kind() {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Error::Timeout(limit),
        _ => Error::Io(error),
    }
}

#[cfg(test)]
mod tests;
