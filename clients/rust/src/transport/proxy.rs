//! The proxy that the machine's settings name: the environment, then those of Windows or macOS.

use std::net::IpAddr;

use super::exceptions::Exceptions;

/// Variables that name the proxy for HTTPS, the first that is set. `HTTP_PROXY` is for plain HTTP alone, as in curl.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
const EXCEPTIONS: [&str; 2] = ["no_proxy", "NO_PROXY"];

/// Address that is not a proxy's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("a proxy's address must look like http://proxy.example.com:8080 or socks5://proxy.example.com:1080")]
pub struct InvalidProxy;

/// Reads an address such as `http://user:password@proxy.example.com:8080`.
pub(super) fn parse(url: &str) -> Result<ureq::Proxy, InvalidProxy> {
    ureq::Proxy::new(url.trim()).ok().filter(|proxy| !proxy.host().is_empty()).ok_or(InvalidProxy)
}

/// Proxy that the machine has for this host. It is asked for at each request, because a laptop changes networks.
pub(super) fn of_machine(host: &str) -> Option<ureq::Proxy> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the proxy's variables belong to the user, and are read here alone"
    )]
    let environment = |name: &str| std::env::var(name).ok();
    choose(host, environment, of_system)
}

/// A proxy's loopback is another machine, so what runs on this one is reached without. `NO_PROXY` holds for the system's
/// settings too.
fn choose(
    host: &str,
    environment: impl Fn(&str) -> Option<String>,
    system: impl Fn() -> Option<ProxySettings>,
) -> Option<ureq::Proxy> {
    if is_this_machine(host) {
        return None;
    }
    let set = |names: &[&str]| {
        names.iter().find_map(|name| environment(name).filter(|text| !text.trim().is_empty()))
    };
    if set(&EXCEPTIONS).is_some_and(|text| Exceptions::of_environment(&text).cover(host)) {
        return None;
    }
    match set(&VARIABLES) {
        Some(url) => parse(&url).ok(),
        None => system().and_then(|settings| settings.proxy_for(host)),
    }
}

/// True for `localhost` and the addresses of the loopback.
pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Settings of an operating system.
#[derive(derive_more::Debug, PartialEq, Eq)]
struct ProxySettings {
    /// It may hold a password, so `Debug` omits it.
    #[debug("…")]
    url: String,
    exceptions: Exceptions,
}

impl ProxySettings {
    fn proxy_for(&self, host: &str) -> Option<ureq::Proxy> {
        if self.exceptions.cover(host) { None } else { parse(&self.url).ok() }
    }

    /// Reads `ProxyServer`: one proxy for everything, or `http=…;https=…;socks=…`.
    fn of_windows(server: &str, exceptions: &str) -> Option<Self> {
        let entries = || server.split(';').map(str::trim).filter(|entry| !entry.is_empty());
        let of_kind = |kind: &str| {
            entries()
                .filter_map(|entry| entry.split_once('='))
                .find_map(|(name, url)| name.trim().eq_ignore_ascii_case(kind).then(|| url.trim().to_owned()))
        };
        let for_all = || entries().find(|entry| !entry.contains('=')).map(str::to_owned);
        // Windows means version 4 there.
        let socks = || of_kind("socks").map(|url| format!("socks4://{}", url.trim_start_matches("socks://")));
        let url = of_kind("https").or_else(for_all).or_else(socks)?;
        Some(Self { url, exceptions: Exceptions::of_windows(exceptions) })
    }
}

/// Settings of the user, or of the machine where a policy says so. A script (PAC) and automatic detection (WPAD) are not
/// read.
#[cfg(windows)]
fn of_system() -> Option<ProxySettings> {
    use windows_registry::{CURRENT_USER, LOCAL_MACHINE};

    const POLICY: &str = r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings";
    const SETTINGS: &str = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings";

    let per_user = LOCAL_MACHINE.open(POLICY).and_then(|policy| policy.get_u32("ProxySettingsPerUser"));
    let owner = if matches!(per_user, Ok(0)) { LOCAL_MACHINE } else { CURRENT_USER };
    let settings = owner.open(SETTINGS).ok()?;
    if settings.get_u32("ProxyEnable").unwrap_or_default() == 0 {
        return None;
    }
    let exceptions = settings.get_string("ProxyOverride").unwrap_or_default();
    ProxySettings::of_windows(&settings.get_string("ProxyServer").ok()?, &exceptions)
}

/// Settings of the active network. A script (PAC), automatic detection (WPAD) and SOCKS are not read.
#[cfg(target_os = "macos")]
fn of_system() -> Option<ProxySettings> {
    use super::exceptions::SimpleNames;

    let settings = proxy_cfg::get_proxy_config().ok()??;
    let names = if settings.exclude_simple { SimpleNames::Direct } else { SimpleNames::ThroughProxy };
    Some(ProxySettings {
        url: settings.proxies.get("https")?.clone(),
        exceptions: Exceptions::of_macos(settings.whitelist.iter().map(String::as_str), names),
    })
}

/// Linux has no settings beside the environment: desktops hand theirs on in it.
#[cfg(not(any(windows, target_os = "macos")))]
const fn of_system() -> Option<ProxySettings> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "licenses.example.com";

    /// Host and port of the proxy.
    fn chosen(host: &str, environment: &[(&str, &str)], system: Option<(&str, &str)>) -> Option<String> {
        let lookup = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        let system = || system.and_then(|(server, exceptions)| ProxySettings::of_windows(server, exceptions));
        choose(host, lookup, system).map(|proxy| format!("{}:{}", proxy.host(), proxy.port()))
    }

    #[test]
    fn environment_comes_before_the_system() {
        let system = Some(("system.test:8080", "<local>;*.direct.test"));
        for (environment, system, expected) in [
            (&[][..], None, None),
            (&[("HTTPS_PROXY", "http://one.test:3128")][..], None, Some("one.test:3128")),
            (
                &[("https_proxy", "one.test:3128"), ("HTTPS_PROXY", "two.test:1")][..],
                None,
                Some("one.test:3128"),
            ),
            (
                &[("HTTPS_PROXY", " "), ("ALL_PROXY", "socks5://socks.test")][..],
                None,
                Some("socks.test:1080"),
            ),
            (&[("HTTP_PROXY", "http://plain.test:80")][..], None, None),
            (&[("HTTPS_PROXY", "one.test:1"), ("NO_PROXY", "example.com")][..], system, None),
            (&[("NO_PROXY", "example.com")][..], system, None),
            (&[("NO_PROXY", "example.org")][..], system, Some("system.test:8080")),
            (&[][..], system, Some("system.test:8080")),
            (&[("HTTPS_PROXY", "http://")][..], None, None),
        ] {
            assert_eq!(chosen(HOST, environment, system).as_deref(), expected, "{environment:?} {system:?}");
        }
        assert_eq!(chosen("a.direct.test", &[], system), None);
        assert_eq!(chosen("intranet", &[], system), None);
        for host in ["localhost", "127.0.0.1", "[::1]"] {
            assert_eq!(chosen(host, &[("HTTPS_PROXY", "one.test:1")], system), None, "{host}");
        }
    }

    #[test]
    fn windows_names_proxies_by_kind() {
        for (server, expected) in [
            ("proxy.test:8080", Some("proxy.test:8080")),
            ("http://proxy.test:8080", Some("proxy.test:8080")),
            ("http=plain.test:80;https=secure.test:8443", Some("secure.test:8443")),
            ("http=plain.test:80;HTTPS = secure.test:8443", Some("secure.test:8443")),
            ("socks=socks.test:1080", Some("socks.test:1080")),
            ("http=plain.test:80", None),
            ("", None),
            (";", None),
        ] {
            assert_eq!(chosen(HOST, &[], Some((server, ""))).as_deref(), expected, "{server}");
        }
    }

    #[test]
    fn passwords_stay_out_of_debug() {
        let url = "http://anna:secret-word@proxy.test:8080";
        let settings = ProxySettings { url: url.to_owned(), exceptions: Exceptions::default() };
        let texts = format!("{settings:?} {:?}", parse(url).unwrap());
        assert!(!texts.contains("secret-word"), "{texts}");
        assert_eq!(parse(url).unwrap().password(), Some("secret-word"));
    }
}
