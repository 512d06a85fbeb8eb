//! A small Security Token Service: it knows who asks, and that is the account's root for everybody.

use anyhow::Result;
use http_body_util::Full;
use hyper::Response;
use hyper::body::Bytes;

use crate::server::{Call, Server, ServerReaction};

/// The caller, as ministack names everybody: neither checks a signature.
pub const CALLER: &str = "arn:aws:iam::000000000000:root";
/// The account of the caller.
const ACCOUNT: &str = "000000000000";
/// The one operation.
const OPERATION: &str = "GetCallerIdentity";

/// A running service. Dropping it closes the port.
pub struct Sts {
    server: Server,
}

impl Sts {
    /// Listens on 127.0.0.1:`port` (0: any free one).
    ///
    /// # Errors
    /// The port is in use.
    pub fn start(port: u16) -> Result<Self> {
        let server = Server::start(port, |call| {
            let reply = answer(&call);
            async move { reply }
        })?;
        Ok(Self { server })
    }

    /// The value of `AWS_ENDPOINT_URL_STS`.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.server.url()
    }
}

/// The operation that the form of a request names, as services with a query interface have it.
pub(crate) fn action(body: &[u8]) -> Option<&str> {
    let form = std::str::from_utf8(body).ok()?;
    form.split('&').find_map(|member| member.strip_prefix("Action="))
}

fn answer(call: &Call) -> ServerReaction {
    let asked = action(&call.body).unwrap_or_default();
    if asked != OPERATION {
        return xml(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code><Message>not an operation of this \
             stand-in</Message></Error></ErrorResponse>"
                .to_owned(),
        );
    }
    xml(
        200,
        format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{CALLER}</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>00000000-0000-0000-0000-000000000000</RequestId></ResponseMetadata>\
             </GetCallerIdentityResponse>"
        ),
    )
}

fn xml(status: u16, body: String) -> ServerReaction {
    let response = Response::builder()
        .status(status)
        .header(hyper::header::CONTENT_TYPE, "text/xml")
        .body(Full::new(Bytes::from(body)));
    response.map_or(ServerReaction::Abort, ServerReaction::Answer)
}
