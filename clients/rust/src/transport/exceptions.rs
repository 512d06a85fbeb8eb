//! Hosts that are reached without the proxy, in the spellings of the three systems.

use std::net::IpAddr;

use ipnet::IpNet;

/// Hosts that are reached without the proxy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Exception {
    /// A domain and all below it.
    Domain(String),
    /// A name or an address with `*` for any characters.
    Pattern(String),
    Network(IpNet),
    /// Names without a dot.
    SimpleNames,
}

impl Exceptions {
    /// Reads `NO_PROXY`: names, addresses and networks between commas or blanks, and `*` for all hosts. A name covers the
    /// names below it, as curl has it.
    pub(super) fn of_environment(text: &str) -> Self {
        let entries = text.split([',', ' ']).filter_map(|entry| {
            let entry = normalized(entry)?;
            let is_name = !entry.contains('*') || entry.starts_with("*.");
            Some(match network(&entry) {
                Some(network) => Exception::Network(network),
                None if is_name => Exception::Domain(entry.trim_start_matches(['*', '.']).to_owned()),
                None => Exception::Pattern(entry),
            })
        });
        Self(entries.collect())
    }

    /// Reads `ProxyOverride` of Windows: patterns between semicolons, and `<local>` for names without a dot.
    pub(super) fn of_windows(text: &str) -> Self {
        Self::of_patterns(text.split(';'))
    }

    /// Reads the list of macOS: patterns, and networks such as `169.254/16`.
    pub(super) fn of_macos<'a>(entries: impl Iterator<Item = &'a str>, names: SimpleNames) -> Self {
        let mut exceptions = Self::of_patterns(entries);
        if names == SimpleNames::Direct {
            exceptions.0.push(Exception::SimpleNames);
        }
        exceptions
    }

    fn of_patterns<'a>(entries: impl Iterator<Item = &'a str>) -> Self {
        let entries = entries.filter_map(|entry| {
            let entry = normalized(entry)?;
            Some(match (entry.as_str(), network(&entry)) {
                ("<local>", _) => Exception::SimpleNames,
                (_, Some(network)) => Exception::Network(network),
                (domain, _) if domain.starts_with('.') => Exception::Domain(domain[1..].to_owned()),
                _ => Exception::Pattern(entry),
            })
        });
        Self(entries.collect())
    }

    /// True for a host, a name or an address, that is reached without the proxy.
    pub(super) fn cover(&self, host: &str) -> bool {
        let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
        let address: Option<IpAddr> = host.parse().ok();
        self.0.iter().any(|exception| match exception {
            Exception::Domain(domain) => {
                host.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Exception::Pattern(pattern) => matches_pattern(pattern, &host),
            Exception::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Exception::SimpleNames => address.is_none() && !host.contains('.'),
        })
    }
}

/// Treatment of names without a dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SimpleNames {
    Direct,
    ThroughProxy,
}

/// An entry in lower case, without scheme, brackets and port. A port would narrow it; nobody has two license servers on
/// one host of which a proxy is for one.
fn normalized(entry: &str) -> Option<String> {
    let entry = entry.trim().to_ascii_lowercase();
    let entry = entry.split_once("://").map_or(entry.as_str(), |(_, rest)| rest);
    let entry =
        match entry.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
                if port.parse::<u16>().is_ok() { host } else { entry }
            }
            _ => entry,
        };
    let entry = entry.trim_matches(['[', ']']);
    (!entry.is_empty()).then(|| entry.to_owned())
}

/// An address, or a network: `10.0.0.0/8`, and `10/8` as macOS writes it.
fn network(entry: &str) -> Option<IpNet> {
    if let Ok(address) = entry.parse::<IpAddr>() {
        return Some(address.into());
    }
    let (address, bits) = entry.split_once('/')?;
    let missing = 4_usize.saturating_sub(address.split('.').count());
    let padding = if address.contains(':') { String::new() } else { ".0".repeat(missing) };
    format!("{address}{padding}/{bits}").parse().ok()
}

/// True if the text equals the pattern, in which `*` is any characters.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    // Unwrap safety: split() always has a first part.
    let first = parts.next().unwrap();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(exceptions: &Exceptions, direct: &[&str], by_proxy: &[&str]) {
        for host in direct {
            assert!(exceptions.cover(host), "{host} of {exceptions:?}");
        }
        for host in by_proxy {
            assert!(!exceptions.cover(host), "{host} of {exceptions:?}");
        }
    }

    #[test]
    fn no_proxy_reads_names_and_networks() {
        let exceptions = Exceptions::of_environment(
            "example.com, .corp.test *.lan.test,10.0.0.0/8,192.168.1.7,[fd00::1]:443,host.test:8443",
        );
        check(
            &exceptions,
            &[
                "example.com",
                "licenses.EXAMPLE.com",
                "corp.test",
                "a.corp.test",
                "a.lan.test",
                "10.1.2.3",
                "192.168.1.7",
                "[fd00::1]",
                "host.test",
            ],
            &["notexample.com", "example.com.evil.test", "11.0.0.1", "192.168.1.8", "[fd00::2]", "localhost"],
        );
        check(&Exceptions::of_environment("*"), &["example.com", "10.1.2.3", "[::1]"], &[]);
        check(&Exceptions::of_environment(" , "), &[], &["example.com", ""]);
    }

    #[test]
    fn windows_reads_patterns_and_local() {
        let exceptions =
            Exceptions::of_windows("*.contoso.test;192.168.*; <local> ;https://one.test:443;*mid*le.test");
        check(
            &exceptions,
            &["a.contoso.test", "192.168.4.5", "intranet", "one.test", "the-middle.test"],
            &["contoso.test", "192.169.4.5", "two.test", "a.one.test", "::2", "8.8.8.8"],
        );
    }

    #[test]
    fn macos_reads_short_networks() {
        let entries = ["*.local", "169.254/16", "licenses.example.com"];
        let exceptions = Exceptions::of_macos(entries.into_iter(), SimpleNames::ThroughProxy);
        check(
            &exceptions,
            &["printer.local", "169.254.7.8", "licenses.example.com"],
            &["intranet", "169.255.0.1", "example.com"],
        );
        check(&Exceptions::of_macos([].into_iter(), SimpleNames::Direct), &["intranet"], &["example.com"]);
    }

    #[test]
    fn patterns_match_whole_names() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a**b", "ab", true),
            ("*.b.*.d", "a.b.c.d", true),
            ("*.b.*.d", "a.b.d", false),
            ("plain", "plainer", false),
        ] {
            assert_eq!(matches_pattern(pattern, text), expected, "{pattern} {text}");
        }
    }
}
