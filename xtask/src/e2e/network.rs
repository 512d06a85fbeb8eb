//! The client library behind programs of others: a proxy that wants a password, the TLS of OpenSSL, and wrong clocks.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::checks::CheckedStack;
use super::languages;
use crate::ports;
use crate::process::{Output, Process};
use crate::step;

/// User name and password that the tests of the client know.
const LOGIN: &str = "anna:secret";
/// Python takes seconds to start on a busy machine.
const START_TIMEOUT: Duration = Duration::from_mins(1);
const TICK: Duration = Duration::from_millis(100);

/// The client's own tests of the network, which put these programs in the places of their own servers and proxies.
pub(super) fn faults(subject: &mut CheckedStack) -> Result<()> {
    let (mut proxy, address) = start_proxy(subject)?;
    let mut test = subject.workspace.cargo();
    // The whole workspace, so that nothing is compiled in a second set of features.
    test.args(["test", "--workspace", "--test", "client", "--", "network::"]);
    test.env("FALCONER_TEST_PROXY", address.to_string());
    test.env("FALCONER_TEST_PYTHON", subject.python);
    test.env("FALCONER_TEST_LIBFAKETIME", languages::libfaketime(subject.python)?);
    let result = step::run(&mut test, "a network fault is not reported as it is: its message is above");
    proxy.must_run()?;
    result
}

/// Starts proxy.py on a free port.
fn start_proxy(subject: &CheckedStack) -> Result<(Process, SocketAddr)> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_port()?));
    let mut command = subject.workspace.command(subject.tools.program("proxy"));
    command.args(["--hostname", "127.0.0.1", "--num-workers", "1", "--num-acceptors", "1"]);
    command.args(["--basic-auth", LOGIN, "--port"]).arg(address.port().to_string());
    let log = subject.workspace.target("e2e")?.join("proxy.log");
    let mut proxy = Process::start("the proxy", &mut command, &log, Output::Log)?;
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        proxy.must_run()?;
        if begun.elapsed() > START_TIMEOUT {
            bail!("the proxy does not listen: {}", proxy.tail());
        }
        thread::sleep(TICK);
    }
    Ok((proxy, address))
}
