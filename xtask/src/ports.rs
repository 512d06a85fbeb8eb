//! Ports of this machine.

use std::net::{Ipv4Addr, TcpListener, TcpStream};

use anyhow::{Context as _, Result, ensure};

/// A port that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("this machine has no free port")?;
    Ok(listener.local_addr()?.port())
}

/// Fails when somebody listens on `port`. Asked both ways: on some systems one may bind what another listens on.
pub(crate) fn ensure_free(port: u16) -> Result<()> {
    let address = (Ipv4Addr::LOCALHOST, port);
    let answered = TcpStream::connect(address).is_ok();
    ensure!(
        !answered && TcpListener::bind(address).is_ok(),
        "port {port} is in use: stop what listens there, or choose another with `cargo xtask dev --port {}`",
        free_port()?
    );
    Ok(())
}
