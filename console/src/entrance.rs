//! The way in: a file that only the user can read posts the one-time token, so that the token is in no URL, no list of
//! processes and no history.

use std::io::{self, Write};
use std::net::SocketAddr;

use tempfile::TempPath;

use crate::tokens::Token;

/// Writes the file. Only its owner can read it, and it is gone with the returned value.
///
/// # Errors
/// The folder for temporary files takes nothing.
pub(crate) fn write(address: SocketAddr, secret: &Token, ticket: &Token) -> io::Result<TempPath> {
    // tempfile makes files that nobody else can open (mode 0600).
    let mut file = tempfile::Builder::new().prefix("falconer-console-").suffix(".html").tempfile()?;
    let (secret, ticket) = (secret.as_str(), ticket.as_str());
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>Falconer console</title>\n\
         <form method=\"post\" action=\"http://{address}/{secret}/open\">\n\
         <input type=\"hidden\" name=\"ticket\" value=\"{ticket}\">\n\
         <button>Open the console</button>\n</form>\n<script>document.forms[0].submit()</script>\n</html>\n"
    );
    file.write_all(page.as_bytes())?;
    file.flush()?;
    Ok(file.into_temp_path())
}
