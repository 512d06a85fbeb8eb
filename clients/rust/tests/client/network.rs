//! The network by real sockets, TLS and proxies: each fault has its own message, and none changes the license.

mod certificates;
mod environment;
mod listeners;
mod real_programs;
mod recorded_events;

use std::collections::HashSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use falconer_client::transport::{ApiEndpoint, HttpTransport, TransportRequest};
use falconer_client::{
    Activation, Builder, Failure, FailureKind, InvalidAnswer, Licensing, MessageId, NetworkFailure, State,
    Transport,
};

use self::certificates::{Authority, Validity};
use self::listeners::{Listener, Page};
use crate::harness::{CountingRandom, Machine, Server, TestClock, key, pins, unlocked};

const PORTAL: Page = Page::Fixed { status: "200 OK", headers: "", body: "<html>Welcome to the hotel</html>" };
const REDIRECT: Page = Page::Fixed {
    status: "302 Found",
    headers: "Location: http://127.0.0.1:9/sign-in\r\n",
    body: "<html>Sign in</html>",
};
const SIGN_IN: Page =
    Page::Fixed { status: "511 Network Authentication Required", headers: "", body: "<html>Sign in</html>" };
/// Answer of a proxy to a request that it was not asked to tunnel.
const PASSWORD: Page = Page::Fixed {
    status: "407 Proxy Authentication Required",
    headers: "Proxy-Authenticate: Basic realm=\"office\"\r\n",
    body: "<html>Sign in</html>",
};
const NO_TUNNEL: Page = Page::Fixed { status: "503 Service Unavailable", headers: "", body: "" };
const PORTAL_FAILURE: FailureKind = FailureKind::Answer(InvalidAnswer::NotTheServer);
/// Port that nobody listens on.
const CLOSED_PORT: u16 = 9;

/// An activated machine whose network is then another.
struct Network {
    clock: TestClock,
    server: Server,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl Network {
    fn new() -> Self {
        let clock = TestClock::new();
        let server = Server::new(&clock);
        Self { clock, server, authority: Authority::new(), folder: tempfile::tempdir().unwrap() }
    }

    fn licenses(&self, validity: Validity) -> Listener {
        Listener::https(&self.authority.identity(validity), Page::Licenses(self.server.clone()))
    }

    fn page(&self, page: Page) -> Listener {
        Listener::https(&self.authority.identity(Validity::Now), page)
    }

    /// The library's own transport to this address.
    fn builder(&self, url: &str) -> Builder {
        Licensing::builder("QF", url, pins())
            .clock(self.clock.clone())
            .random(CountingRandom)
            .hardware(Machine::named("home"))
            .timeout(Duration::from_secs(1))
            .store(self.path())
    }

    /// As above, with the authority's certificate.
    fn trusting(&self, url: &str) -> Builder {
        self.builder(url).root_certificate(&self.authority.pem())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("license.db")
    }

    /// Activates by the address, then looks at what this builder's network does to the license.
    fn refresh_after_activation(&self, url: &str, network: Builder) -> Result<State, FailureKind> {
        let client = self.builder(url).transport(self.server.clone()).open().unwrap();
        client.activate(&key(1), "", "").unwrap();
        drop(client);

        let client = network.open().unwrap();
        let result = client.refresh().map_err(|failure| failure.kind);
        assert_eq!(client.status(), State::Active, "{result:?}");
        assert!(unlocked(&client), "{result:?}");
        result
    }
}

/// A proxy that wants a password, and the address by which it reaches a server.
struct TestProxy {
    own: Option<Listener>,
    host: SocketAddr,
    url: String,
}

impl TestProxy {
    /// The program that the environment names, or our own, which alone can resolve the server's name.
    fn before(server: &Listener) -> Self {
        if let Some(host) = real_programs::proxy() {
            return Self { own: None, host, url: https(server) };
        }
        let own = Listener::proxy(server.address());
        Self { host: own.address(), own: Some(own), url: "https://licenses.test".to_owned() }
    }

    fn address(&self, login: &str) -> String {
        format!("http://{login}{}", self.host)
    }
}

fn https(listener: &Listener) -> String {
    format!("https://localhost:{}", listener.port())
}

fn at(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// One row for each cause: what is wrong, and the failure.
#[test]
fn each_cause_is_told_and_locks_nothing() {
    let mut ids = HashSet::new();
    let mut check =
        |name: &str, failure: FailureKind, run: &dyn Fn(&Network) -> Result<State, FailureKind>| {
            assert_eq!(run(&Network::new()), Err(failure), "{name}");
            ids.insert(Failure::new(failure).user_message().id);
        };
    let offline = FailureKind::Offline;
    check("no such name", offline(NetworkFailure::Dns), &|network| {
        let url = "https://licenses.invalid";
        network.refresh_after_activation(url, network.trusting(url))
    });
    check("nobody listens", offline(NetworkFailure::Connect), &|network| {
        let url = format!("https://localhost:{CLOSED_PORT}");
        network.refresh_after_activation(&url, network.trusting(&url))
    });
    check("nobody answers", offline(NetworkFailure::Timeout), &|network| {
        let listener = Listener::silent();
        network.refresh_after_activation(&https(&listener), network.trusting(&https(&listener)))
    });
    check("unknown authority", offline(NetworkFailure::Certificate), &|network| {
        let listener = network.licenses(Validity::Now);
        network.refresh_after_activation(&https(&listener), network.builder(&https(&listener)))
    });
    for validity in [Validity::Expired, Validity::NotYet] {
        check("wrong clock", offline(NetworkFailure::Clock), &|network| {
            let listener = network.licenses(validity);
            network.refresh_after_activation(&https(&listener), network.trusting(&https(&listener)))
        });
    }
    for page in [|| PORTAL, || REDIRECT, || SIGN_IN] {
        check("portal", PORTAL_FAILURE, &|network| {
            let listener = network.page(page());
            network.refresh_after_activation(&https(&listener), network.trusting(&https(&listener)))
        });
    }
    check("no proxy there", offline(NetworkFailure::Proxy), &|network| {
        let listener = network.licenses(Validity::Now);
        let builder = network.trusting(&https(&listener)).proxy(&at(CLOSED_PORT));
        network.refresh_after_activation(&https(&listener), builder)
    });
    check("proxy wants a password", offline(NetworkFailure::ProxyPassword), &|network| {
        let listener = network.licenses(Validity::Now);
        let proxy = TestProxy::before(&listener);
        let builder = network.trusting(&proxy.url).proxy(&proxy.address(""));
        network.refresh_after_activation(&proxy.url, builder)
    });
    let expected = [
        MessageId::Dns,
        MessageId::Connect,
        MessageId::Timeout,
        MessageId::Certificate,
        MessageId::Clock,
        MessageId::NotTheServer,
        MessageId::Proxy,
        MessageId::ProxyPassword,
    ];
    assert_eq!(ids, HashSet::from(expected));
}

#[test]
fn activation_waits_for_a_better_network() {
    let network = Network::new();
    let listener = network.licenses(Validity::Now);
    let url = https(&listener);
    let client = network.builder(&url).open().unwrap();
    let waiting = FailureKind::Offline(NetworkFailure::Certificate);
    assert_eq!(client.activate(&key(1), "", ""), Ok(Activation::Waiting(waiting.into())));
    drop(client);

    let client = network.trusting(&url).open().unwrap();
    assert_eq!(client.refresh(), Ok(State::Active), "the extra root mends it");
    assert_eq!(client.refresh(), Ok(State::Active), "and is asked first from then on");
    drop(client);
    let strangers = network.builder(&url).root_certificate(&Authority::new().pem());
    let failure = FailureKind::Offline(NetworkFailure::Certificate);
    assert_eq!(strangers.open().unwrap().refresh(), Err(failure.into()));
}

#[test]
fn certificates_of_other_names_are_not_trusted() {
    let network = Network::new();
    let identity = network.authority.identity_of(&["other.example.com"], Validity::Now);
    let listener = Listener::https(&identity, Page::Licenses(network.server.clone()));
    let failure = FailureKind::Offline(NetworkFailure::Certificate);
    let url = https(&listener);
    assert_eq!(network.refresh_after_activation(&url, network.trusting(&url)), Err(failure));
}

#[test]
fn password_in_the_proxy_url_opens_the_way() {
    for (login, expected) in [
        ("anna:secret@", Ok(State::Active)),
        ("anna:wrong@", Err(FailureKind::Offline(NetworkFailure::ProxyPassword))),
        ("", Err(FailureKind::Offline(NetworkFailure::ProxyPassword))),
    ] {
        let network = Network::new();
        let listener = network.licenses(Validity::Now);
        let proxy = TestProxy::before(&listener);
        let builder = network.trusting(&proxy.url).proxy(&proxy.address(login));
        assert_eq!(network.refresh_after_activation(&proxy.url, builder), expected, "{login}");
        let Some(own) = proxy.own else { continue };
        let seen = own.seen();
        assert!(seen.iter().all(|line| line == "CONNECT licenses.test:443 HTTP/1.1"), "{seen:?}");
        if expected.is_err() {
            assert_eq!(seen.len(), 1, "{login}: another attempt would be answered the same");
        }
    }
}

#[test]
fn socks_proxies_open_the_way() {
    for (login, expected) in [
        ("anna:secret@", Ok(State::Active)),
        ("anna:wrong@", Err(FailureKind::Offline(NetworkFailure::ProxyPassword))),
        ("", Err(FailureKind::Offline(NetworkFailure::ProxyPassword))),
    ] {
        let network = Network::new();
        let listener = network.licenses(Validity::Now);
        let proxy = Listener::socks(listener.address());
        let url = "https://licenses.test";
        let builder = network.trusting(url).proxy(&format!("socks5h://{login}{}", proxy.address()));
        assert_eq!(network.refresh_after_activation(url, builder), expected, "{login}");
        assert!(proxy.seen().iter().all(|name| name == "licenses.test"), "{:?}", proxy.seen());
    }
    let network = Network::new();
    let builder =
        network.trusting("https://licenses.test").proxy(&format!("socks5h://127.0.0.1:{CLOSED_PORT}"));
    let failure = Err(FailureKind::Offline(NetworkFailure::Proxy));
    assert_eq!(network.refresh_after_activation("https://licenses.test", builder), failure);
}

#[test]
fn proxies_that_make_no_tunnel_have_a_cause() {
    let offline = FailureKind::Offline;
    for (page, failure) in [
        (NO_TUNNEL, offline(NetworkFailure::Proxy)),
        (PASSWORD, offline(NetworkFailure::ProxyPassword)),
        (REDIRECT, PORTAL_FAILURE),
        (SIGN_IN, PORTAL_FAILURE),
    ] {
        let network = Network::new();
        let proxy = Listener::http(page);
        let url = "https://licenses.test";
        let builder = network.trusting(url).proxy(&at(proxy.port()));
        assert_eq!(network.refresh_after_activation(url, builder), Err(failure));
    }
    let network = Network::new();
    let proxy = Listener::silent();
    let builder = network.trusting("https://licenses.test").proxy(&at(proxy.port()));
    assert_eq!(
        network.refresh_after_activation("https://licenses.test", builder),
        Err(offline(NetworkFailure::Proxy)),
        "a proxy of another network takes connections and says nothing"
    );
}

/// Plain text where TLS was expected, and a proxy's word on plain HTTP.
#[test]
fn systems_in_the_servers_place_are_told() {
    let network = Network::new();
    let portal = Listener::of_text("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhotel");
    let url = https(&portal);
    assert_eq!(network.refresh_after_activation(&url, network.trusting(&url)), Err(PORTAL_FAILURE));
    let network = Network::new();
    let proxy = Listener::http(PASSWORD);
    let url = at(proxy.port());
    assert_eq!(
        network.refresh_after_activation(&url, network.builder(&url)),
        Err(FailureKind::Offline(NetworkFailure::ProxyPassword))
    );
}

#[test]
fn an_attempt_ends_after_its_time() {
    let listener = Listener::silent();
    // A connection may take four fifths of it.
    for (timeout, bounds) in [(1, 700..2_300), (3, 2_300..6_000)] {
        let transport = HttpTransport::new(&https(&listener)).timeout(Duration::from_secs(timeout));
        let begun = Instant::now();
        let failure = transport.send(&TransportRequest::new(ApiEndpoint::Keys, None));
        assert_eq!(failure, Err(NetworkFailure::Timeout));
        assert!(bounds.contains(&begun.elapsed().as_millis()), "{:?}", begun.elapsed());
    }
}
