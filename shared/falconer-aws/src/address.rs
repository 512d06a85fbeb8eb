//! A caller's network address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A caller's network address as it is counted: IPv4 whole, IPv6 by its /64, which is what one customer is given.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(String);

impl Address {
    /// Folds the gateway's `sourceIp`. Whatever does not parse shares one bucket.
    #[must_use]
    pub fn fold(source_ip: &str) -> Self {
        Self(match source_ip.trim().parse::<IpAddr>().map(|address| address.to_canonical()) {
            Ok(IpAddr::V4(address)) => address.to_string(),
            Ok(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
            }
            Err(_) => "unknown".to_owned(),
        })
    }

    /// As counters and audit rows write it. Never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Addresses of persons stay out of logs.
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds_addresses_to_one_customer() {
        for (source_ip, expected) in [
            ("203.0.113.7", "203.0.113.7"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:DB8:1:2::9", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::9", "2001:db8:1:3::/64"),
            ("", "unknown"),
            ("203.0.113.7, 10.0.0.1", "unknown"),
        ] {
            assert_eq!(Address::fold(source_ip).as_str(), expected, "{source_ip}");
        }
        assert_eq!(format!("{:?}", Address::fold("203.0.113.7")), "Address(…)");
    }

    proptest::proptest! {
        /// Every address has one bucket in one spelling; texts that are not addresses share one. No bucket is longer
        /// than an address: it becomes part of a key.
        #[test]
        fn any_source_is_one_bucket(text in "\\PC{0,60}", v4 in proptest::prelude::any::<[u8; 4]>(), v6 in proptest::prelude::any::<[u16; 8]>()) {
            let folded = Address::fold(&text);
            proptest::prop_assert!(folded.as_str().len() <= 43, "{}", folded.as_str());
            let v4 = IpAddr::from(v4);
            let folded = Address::fold(&v4.to_string());
            proptest::prop_assert_eq!(folded.as_str(), v4.to_string());
            let mapped = format!("::ffff:{v4}");
            proptest::prop_assert_eq!(Address::fold(&mapped), folded);
            let mut neighbour = v6;
            neighbour[7] ^= 1;
            let [one, other] = [v6, neighbour].map(|segments| Address::fold(&IpAddr::from(segments).to_string()));
            let is_mapped = v6[..6] == [0, 0, 0, 0, 0, 0xFFFF];
            proptest::prop_assert!(one == other || is_mapped);
        }
    }
}
