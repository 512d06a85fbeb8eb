use std::net::TcpListener;
use std::sync::mpsc::channel;
use std::thread;

use super::*;
use crate::transport::{ApiEndpoint, HttpTransport, NetworkFailure, Reply, Transport as _, TransportRequest};

/// Far above the time of a test, and above every time-out of a request: a test that reaches it hangs.
const LIMIT: Duration = Duration::from_secs(60);

/// A server that writes `answer` to each connection, keeps it open, and reports it.
fn server(answer: &'static [u8]) -> (String, std::sync::mpsc::Receiver<TcpStream>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (accepted, connections) = channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4_096];
            let _ = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
            if accepted.send(stream).is_err() {
                return;
            }
        }
    });
    (address, connections)
}

/// Sends on another thread, and returns the token and the result to come.
fn send(
    transport: &HttpTransport,
) -> (CancelToken, std::sync::mpsc::Receiver<Result<Reply, NetworkFailure>>) {
    let (transport, (sent, result)) = (transport.clone(), channel());
    let mut request = TransportRequest::new(ApiEndpoint::Verify, Some("{}"));
    request.cancel = CancelToken::new();
    let cancel = request.cancel.clone();
    thread::spawn(move || sent.send(transport.send(&request)));
    (cancel, result)
}

#[test]
fn cancelling_ends_a_read() {
    for answer in
        [&b""[..], b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhal", b"HTTP/1.1 200 OK\r\n\r\nto the end"]
    {
        let (address, connections) = server(answer);
        let transport = HttpTransport::new(&address);
        let begun = Instant::now();
        let (cancel, result) = send(&transport);
        let _open = connections.recv_timeout(LIMIT).unwrap();
        cancel.cancel();
        assert_eq!(result.recv_timeout(LIMIT).unwrap(), Err(NetworkFailure::Cancelled));
        assert!(begun.elapsed() < crate::transport::ATTEMPT_TIMEOUT, "the time-out of the attempt ended it");
    }
}

#[test]
fn cancelling_one_request_leaves_others() {
    let (address, connections) = server(b"");
    let transport = HttpTransport::new(&address);
    let (cancel, cancelled) = send(&transport);
    let first = connections.recv_timeout(LIMIT).unwrap();
    let (_, answered) = send(&transport);
    let mut second = connections.recv_timeout(LIMIT).unwrap();
    cancel.cancel();
    assert_eq!(cancelled.recv_timeout(LIMIT).unwrap(), Err(NetworkFailure::Cancelled));
    second.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
    assert_eq!(answered.recv_timeout(LIMIT).unwrap().unwrap().body, b"{}");
    drop(first);
    // The next request takes the connection of the second from the pool, with a token of its own.
    let (cancel, cancelled) = send(&transport);
    let _ = second.read(&mut [0; 4_096]).unwrap();
    cancel.cancel();
    assert_eq!(cancelled.recv_timeout(LIMIT).unwrap(), Err(NetworkFailure::Cancelled));
}

#[test]
fn cancelled_request_never_connects() {
    let (address, connections) = server(b"");
    let mut request = TransportRequest::new(ApiEndpoint::Keys, None);
    request.cancel.cancel();
    assert_eq!(HttpTransport::new(&address).send(&request), Err(NetworkFailure::Cancelled));
    request.cancel = CancelToken::new();
    assert!(connections.try_recv().is_err());
}

#[test]
fn silent_server_ends_by_time_alone() {
    let (address, _connections) = server(b"");
    let begun = Instant::now();
    let answer = HttpTransport::new(&address).send(&TransportRequest::new(ApiEndpoint::Keys, None));
    assert!(answer.is_err() && answer != Err(NetworkFailure::Cancelled));
    assert!(begun.elapsed() >= crate::transport::ATTEMPT_TIMEOUT);
}

#[test]
fn next_address_is_tried_after_refusal() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let open = listener.local_addr().unwrap();
    assert_eq!(connect_any(&[closed, open], LIMIT).unwrap().peer_addr().unwrap(), open);
    assert_eq!(connect_any(&[closed, closed], LIMIT).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    assert!(connect_any(&[], LIMIT).is_err());
}
