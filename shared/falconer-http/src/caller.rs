//! The caller's address: the gateway's `sourceIp`, or behind CloudFront the address that CloudFront saw.

use std::net::{IpAddr, Ipv6Addr};

use falconer_aws::{Address, OriginSecrets};
use falconer_domain::members::{Given, Members};

/// The header by which CloudFront proves that a request came through it. `cloudfront.yaml` sets it.
pub const PROOF_HEADER: &str = "x-origin-verify";
/// The header in which CloudFront tells the viewer's address and port. CloudFront writes over what a viewer sends in it.
pub const VIEWER_HEADER: &str = "cloudfront-viewer-address";

/// Returns the address that limits and audit use. A header counts beside the right proof, and never otherwise: whatever is
/// missing, wrong, doubled or not readable leaves `sourceIp`.
pub(crate) fn address(source_ip: &str, headers: &Members, secrets: Option<&OriginSecrets>) -> Address {
    let viewer = secrets.and_then(|secrets| {
        let proof = only(headers, PROOF_HEADER)?;
        secrets.prove(&proof).then(|| only(headers, VIEWER_HEADER)).flatten()
    });
    match viewer.as_deref().and_then(without_port) {
        Some(address) => Address::fold(&address.to_string()),
        None => Address::fold(source_ip),
    }
}

/// The value of a header that is there once. The gateway joins repeated ones with a comma, which no value here has; an event
/// with two of a name does not come from it.
fn only(headers: &Members, name: &str) -> Option<String> {
    let mut named = headers.0.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
    match (named.next()?.given(), named.next()) {
        (Given::Text(value), None) => Some(value),
        _ => None,
    }
}

/// Reads `198.51.100.10:46532`, and an IPv6 address with or without brackets. CloudFront writes none, so that the port is
/// what follows the last colon.
fn without_port(viewer: &str) -> Option<IpAddr> {
    let (address, port) = viewer.rsplit_once(':')?;
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok();
    let bracketed = address.strip_prefix('[').and_then(|address| address.strip_suffix(']'));
    let address = match bracketed {
        Some(address) => address.parse::<Ipv6Addr>().ok().map(IpAddr::from),
        None => address.parse().ok(),
    };
    address.filter(|_| is_port)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const SECRET: &str = "secret-of-the-distribution-number-1";
    const SOURCE: &str = "203.0.113.7";
    const VIEWER: &str = "198.51.100.10:46532";

    fn seen(headers: &Value) -> String {
        let secrets = OriginSecrets::parse(SECRET).unwrap();
        let headers = Members::read(&headers.to_string()).unwrap();
        address(SOURCE, &headers, Some(&secrets)).as_str().to_owned()
    }

    fn behind(viewer: &str) -> String {
        seen(&json!({ PROOF_HEADER: SECRET, VIEWER_HEADER: viewer }))
    }

    #[test]
    fn viewer_counts_beside_the_right_proof() {
        for (viewer, expected) in [
            (VIEWER, "198.51.100.10"),
            ("2001:db8:1:2:3:4:5:6:46532", "2001:db8:1:2::/64"),
            ("2001:0db8:0001:0002:0003:0004:0005:0006:46532", "2001:db8:1:2::/64"),
            ("2001:db8::9:443", "2001:db8::/64"),
            ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
            ("::ffff:198.51.100.10:443", "198.51.100.10"),
        ] {
            assert_eq!(behind(viewer), expected, "{viewer}");
        }
        let shouted = json!({ "X-Origin-Verify": SECRET, "CloudFront-Viewer-Address": VIEWER });
        assert_eq!(seen(&shouted), "198.51.100.10", "names have no case");
    }

    #[test]
    fn forged_viewer_without_proof_is_ignored() {
        assert_eq!(seen(&json!({ VIEWER_HEADER: VIEWER })), SOURCE);
    }

    #[test]
    fn wrong_proof_is_ignored() {
        for proof in ["", "wrong", &SECRET[1..], &format!("{SECRET} "), &SECRET.to_uppercase()] {
            assert_eq!(seen(&json!({ PROOF_HEADER: proof, VIEWER_HEADER: VIEWER })), SOURCE, "{proof}");
        }
        assert_eq!(seen(&json!({ PROOF_HEADER: [SECRET], VIEWER_HEADER: VIEWER })), SOURCE);
    }

    #[test]
    fn proof_without_viewer_is_the_source() {
        assert_eq!(seen(&json!({ PROOF_HEADER: SECRET })), SOURCE);
    }

    #[test]
    fn malformed_viewer_is_the_source() {
        for viewer in [
            "",
            "198.51.100.10",
            "198.51.100.10:",
            "198.51.100.10:port",
            "198.51.100.10:+80",
            "198.51.100.10:65536",
            "198.51.100.256:80",
            "198.51.100.10, 192.0.2.1:80",
            "[198.51.100.10]:80",
            "2001:db8::g:80",
            ":80",
            "localhost:80",
        ] {
            assert_eq!(behind(viewer), SOURCE, "{viewer}");
        }
    }

    /// As the gateway joins them, and as no gateway sends them.
    #[test]
    fn doubled_headers_are_the_source() {
        let (twice, viewers) = (format!("{SECRET},{SECRET}"), format!("192.0.2.1:80,{VIEWER}"));
        assert_eq!(seen(&json!({ PROOF_HEADER: twice, VIEWER_HEADER: VIEWER })), SOURCE);
        assert_eq!(seen(&json!({ PROOF_HEADER: format!("wrong,{SECRET}"), VIEWER_HEADER: VIEWER })), SOURCE);
        assert_eq!(behind(&viewers), SOURCE);
        assert_eq!(
            seen(
                &json!({ PROOF_HEADER: SECRET, VIEWER_HEADER: "192.0.2.1:80", "CloudFront-Viewer-Address": VIEWER })
            ),
            SOURCE
        );
        assert_eq!(
            seen(&json!({ PROOF_HEADER: "", "X-Origin-Verify": SECRET, VIEWER_HEADER: VIEWER })),
            SOURCE
        );
    }

    #[test]
    fn without_a_secret_headers_are_nothing() {
        for proof in [json!(""), json!(SECRET), json!(null)] {
            let headers =
                Members::read(&json!({ PROOF_HEADER: proof, VIEWER_HEADER: VIEWER }).to_string()).unwrap();
            assert_eq!(address(SOURCE, &headers, None).as_str(), SOURCE);
        }
    }

    proptest::proptest! {
        /// Whatever the two headers are, without the secret the address is the source's.
        #[test]
        fn no_header_moves_a_caller_without_proof(proof in "\\PC{0,60}", viewer in "\\PC{0,60}") {
            proptest::prop_assume!(proof != SECRET);
            let found = seen(&json!({ PROOF_HEADER: proof, VIEWER_HEADER: viewer }));
            proptest::prop_assert_eq!(found, SOURCE);
        }

        /// An address with a port is read, in every spelling that CloudFront may choose.
        #[test]
        fn any_viewer_is_read(v4 in proptest::prelude::any::<[u8; 4]>(), v6 in proptest::prelude::any::<[u16; 8]>(), port: u16) {
            for address in [IpAddr::from(v4), IpAddr::from(v6)] {
                let expected = Address::fold(&address.to_string());
                proptest::prop_assert_eq!(behind(&format!("{address}:{port}")), expected.as_str());
            }
            let whole = v6.map(|part| format!("{part:04x}")).join(":");
            let expected = Address::fold(&IpAddr::from(v6).to_string());
            proptest::prop_assert_eq!(behind(&format!("{whole}:{port}")), expected.as_str());
        }
    }
}
