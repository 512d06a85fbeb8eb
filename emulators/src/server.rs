//! A loopback HTTP/1.1 server that can also refuse to answer.

use std::future::{Future, poll_fn};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::runtime;

/// DynamoDB takes requests of 16 MiB, API Gateway 10 MB, Lambda 6 MB: the largest, so that only they refuse.
const LARGEST_BODY_BYTES: usize = 16 * 1024 * 1024;

/// One request, its body read to the end.
pub(crate) struct Call {
    pub(crate) peer: SocketAddr,
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

/// The reaction to a request.
pub(crate) enum ServerReaction {
    Answer(Response<Full<Bytes>>),
    /// Reset the connection: the caller's HTTP client sees a transport error.
    Abort,
}

/// A running server. Dropping it closes the listener and every connection.
pub(crate) struct Server {
    address: SocketAddr,
    _stop: watch::Sender<()>,
}

impl Server {
    /// Listens on 127.0.0.1:`port` (0: any free one). A handler is dropped when its caller hangs up.
    pub(crate) fn start<H, F>(port: u16, handler: H) -> Result<Self>
    where
        H: Fn(Call) -> F + Send + Sync + 'static,
        F: Future<Output = ServerReaction> + Send + 'static,
    {
        let (listener, address) = listen(port)?;
        let (stop, stopped) = watch::channel(());
        runtime::handle()?.spawn(accept(listener, Arc::new(handler), stopped));
        Ok(Self { address, _stop: stop })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// Binds a loopback port and hands it to the stand-ins' runtime.
pub(crate) fn listen(port: u16) -> Result<(tokio::net::TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        if error.kind() == std::io::ErrorKind::AddrInUse {
            anyhow::anyhow!(
                "port {port} on 127.0.0.1 is in use by another program; choose another port or stop it"
            )
        } else {
            anyhow::anyhow!("cannot listen on 127.0.0.1:{port}: {error}")
        }
    })?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let _context = runtime::handle()?.enter();
    let listener =
        tokio::net::TcpListener::from_std(listener).context("cannot hand the listener to the runtime")?;
    Ok((listener, address))
}

async fn accept<H, F>(listener: tokio::net::TcpListener, handler: Arc<H>, mut stopped: watch::Receiver<()>)
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = ServerReaction> + Send + 'static,
{
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        // An accept fails when the peer is already gone, or when descriptors run out; neither ends the server.
        let Ok((stream, peer)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        let handler = Arc::clone(&handler);
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = connection(stream, peer, handler) => {}
                _ = stopped.changed() => {}
            }
        });
    }
}

async fn connection<H, F>(stream: TcpStream, peer: SocketAddr, handler: Arc<H>)
where
    H: Fn(Call) -> F + Send + Sync + 'static,
    F: Future<Output = ServerReaction> + Send + 'static,
{
    // Without it, a small answer may wait 40 ms for an acknowledgement. A refusal means the peer is gone.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let handler = Arc::clone(&handler);
        // Boxed because polling without shutdown wants a future that may move.
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let body = match Limited::new(body, LARGEST_BODY_BYTES).collect().await {
                Ok(body) => body.to_bytes(),
                Err(_) => return Err(Aborted),
            };
            match handler(Call { peer, head, body }).await {
                ServerReaction::Answer(response) => Ok(response),
                ServerReaction::Abort => Err(Aborted),
            }
        })
    });
    let mut connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service);
    let ended = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    if ended.is_err() {
        // Lingering zero seconds makes the close a reset, which no client can mistake for an answer.
        let _ = connection.into_parts().io.into_inner().set_zero_linger();
    }
}

/// Returned from the service, it ends the connection without an answer.
#[derive(Debug)]
struct Aborted;

impl std::fmt::Display for Aborted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("connection aborted on purpose")
    }
}

impl std::error::Error for Aborted {}

/// A JSON answer with a content type.
pub(crate) fn json(status: u16, content_type: &'static str, body: Vec<u8>) -> ServerReaction {
    let response = Response::builder()
        .status(status)
        .header(hyper::header::CONTENT_TYPE, content_type)
        .body(Full::new(Bytes::from(body)));
    response.map_or(ServerReaction::Abort, ServerReaction::Answer)
}
