//! Attacks on the console: from other names, pages, servers and users, and on a console that only reads.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use falconer_domain::Status;
use falconer_emulators::tap::{Fault, Matcher};
use falconer_tests::{Fixture, TestStack};

use super::{Browser, ConsoleAnswer, form};

/// Every page that can be read, of a license.
fn pages(id: &str) -> Vec<String> {
    [
        "",
        "licenses",
        "licenses?ending=30",
        "catalog",
        "keyring",
        "console.css",
        "console.js",
        "search/0",
        "look/0",
        "nowhere",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(["", "/audit", "/history", "/explain"].map(|part| format!("license/{id}{part}")))
    .collect()
}

fn suspending(browser: &Browser) -> String {
    form(&[("csrf", &browser.csrf), ("action", "suspend"), ("reason", "attack")])
}

#[test]
fn another_host_is_refused() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let port = browser.address.rsplit(':').next().unwrap();
    let (cookie, page) = (browser.cookie.as_str(), format!("{}licenses", browser.base));
    for host in [
        format!("evil.example:{port}"),
        format!("localhost:{port}"),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1.evil.example:{port}"),
    ] {
        let answer = browser.ask("GET", &page, &[("host", &host), ("cookie", cookie)], "");
        assert_eq!(answer.status, 421, "{host}: {}", answer.body);
        assert!(!answer.body.contains("License"), "{host}: {}", answer.body);
    }
    let twice = [("host", browser.address.as_str()), ("host", "evil.example"), ("cookie", cookie)];
    assert_ne!(browser.ask("GET", &page, &twice, "").status, 200);
    let absolute = format!("http://evil.example:{port}{page}");
    let own = [("host", browser.address.as_str()), ("cookie", cookie)];
    assert_eq!(browser.ask("GET", &absolute, &own, "").status, 421);
    assert_eq!(browser.ask("GET", &page, &own, "").status, 200, "and the own name is served");
}

#[test]
fn another_origin_changes_nothing() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro()));
    let browser = Browser::open(&stack, &[]);
    let page = format!("{}license/{id}/preview", browser.base);
    let own = format!("http://{}", browser.address);
    let other_port = "http://127.0.0.1:1";
    for origin in ["https://evil.example", other_port, "null", "", &own.replace("http:", "https:")] {
        let headers =
            [("host", browser.address.as_str()), ("cookie", browser.cookie.as_str()), ("origin", origin)];
        let answer = browser.ask("POST", &page, &headers, &suspending(&browser));
        assert_eq!(answer.status, 403, "{origin}: {}", answer.text());
    }
    let headers = [("host", browser.address.as_str()), ("cookie", browser.cookie.as_str()), ("origin", &own)];
    assert_eq!(browser.ask("POST", &page, &headers, &suspending(&browser)).status, 303);
}

#[test]
fn change_needs_the_token_of_this_run() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro()));
    let old = Browser::open(&stack, &[]);
    let browser = Browser::open(&stack, &[]);
    let page = format!("license/{id}/preview");
    let path = format!("{}{page}", browser.base);
    let own = format!("http://{}", browser.address);
    let headers = [("host", browser.address.as_str()), ("cookie", browser.cookie.as_str()), ("origin", &own)];
    for token in ["", "0", old.csrf.as_str(), &browser.csrf[1..]] {
        let body = form(&[("csrf", token), ("action", "suspend")]);
        assert_eq!(browser.ask("POST", &path, &headers, &body).status, 403, "{token}");
        let with_header = [&headers[..], &[("x-csrf", token)]].concat();
        let expected = if token.is_empty() { 303 } else { 403 };
        let answer = browser.ask("POST", &path, &with_header, &suspending(&browser));
        assert_eq!(answer.status, expected, "a wrong header beats a right field: {token}");
    }
    assert_eq!(browser.ask("POST", &path, &headers, &form(&[("action", "suspend")])).status, 403);
    assert_eq!(stack.stored(&id).status, Status::Active);
}

#[test]
fn one_time_token_opens_once() {
    let stack = TestStack::start();
    let browser = Browser::start(&stack, &[]);
    let mode = std::fs::metadata(&browser.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    assert_eq!(browser.post_open("0").status, 403);
    assert!(std::fs::exists(&browser.file).unwrap(), "a wrong token uses nothing up");
    assert_eq!(browser.post_open(&browser.ticket).status, 200);
    assert!(!std::fs::exists(&browser.file).unwrap(), "the file goes with its token");
    let again = browser.post_open(&browser.ticket);
    assert_eq!((again.status, again.header("set-cookie")), (403, ""));
}

/// Every kind of answer: pages, previews, redirects, refusals, keys and outages.
fn answers(stack: &TestStack) -> Vec<ConsoleAnswer> {
    let id = stack.license_id(&stack.put(Fixture::pro()));
    let browser = Browser::open(stack, &[]);
    let mut answers: Vec<_> = pages(id.as_str()).iter().map(|page| browser.get(page)).collect();
    answers.push(browser.post(&format!("license/{id}/preview"), &[("action", "suspend")]));
    answers.push(browser.post("search", &[("text", "somebody")]));
    answers.push(browser.ask("GET", "/", &[("host", "evil.example")], ""));
    answers.push(browser.post_open("0"));
    let preview = browser.post(&format!("license/{id}/preview"), &[("action", "reveal")]);
    answers.push(browser.post("confirm", &[("plan", preview.field("plan"))]));
    stack.dynamodb.break_all(Matcher::any(), Fault::internal());
    answers.push(browser.get("licenses"));
    stack.dynamodb.heal();
    answers
}

#[test]
fn no_answer_is_cached() {
    let stack = TestStack::start();
    for answer in answers(&stack) {
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text());
        assert_eq!((answer.header("etag"), answer.header("last-modified")), ("", ""));
    }
}

#[test]
fn no_page_can_be_framed() {
    let stack = TestStack::start();
    for answer in answers(&stack) {
        let policy = answer.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        assert_eq!(answer.header("x-frame-options"), "DENY");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "same-origin");
    }
}

#[test]
fn page_from_elsewhere_posts_in_vain() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro()));
    let browser = Browser::open(&stack, &[]);
    // A browser sends no cookie of SameSite=Strict with it, and an old one that did would name the origin.
    let origin = "https://evil.example";
    for cookie in ["", browser.cookie.as_str()] {
        for page in [&format!("license/{id}/preview"), "confirm", "search", "count", "count/stop"] {
            let headers = [("host", browser.address.as_str()), ("cookie", cookie), ("origin", origin)];
            let path = format!("{}{page}", browser.base);
            assert_eq!(browser.ask("POST", &path, &headers, &suspending(&browser)).status, 403, "{page}");
        }
    }
    assert_eq!(stack.stored(&id).status, Status::Active);
}

#[test]
fn cookie_stays_with_its_path() {
    let stack = TestStack::start();
    let browser = Browser::start(&stack, &[]);
    let answer = browser.post_open(&browser.ticket);
    let set = answer.header("set-cookie").to_owned();
    let mut parts = set.split("; ");
    let value = parts.next().unwrap().strip_prefix("falconer=").expect("the cookie");
    let attributes: Vec<_> = parts.collect();
    // Cookies are not kept apart by port: the path is what another server on the loopback does not know.
    assert_eq!(attributes, [format!("Path={}", browser.base).as_str(), "SameSite=Strict", "HttpOnly"]);
    assert!(browser.base.len() == 34 && value.len() == 32, "{} {value}", browser.base);
    assert!(!browser.base.contains(value), "neither tells the other");
}

#[test]
fn second_user_gets_nothing() {
    let stack = TestStack::start();
    let id = stack.license_id(&stack.put(Fixture::pro()));
    let browser = Browser::open(&stack, &[]);
    let other = Browser::open(&stack, &[]);
    for page in pages(id.as_str()) {
        for cookie in ["", "falconer=", "falconer=0", "other=1; falconer", other.cookie.as_str()] {
            let headers = [("host", browser.address.as_str()), ("cookie", cookie)];
            let answer = browser.ask("GET", &format!("{}{page}", browser.base), &headers, "");
            assert_eq!(answer.status, 403, "{page} {cookie}");
            for part in ["href=", "<form", "License", browser.base.as_str()] {
                assert!(!answer.body.contains(part), "{part}: {}", answer.body);
            }
        }
    }
}

#[test]
fn read_only_console_writes_nothing() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    let browser = Browser::open(&stack, &["--read-only"]);
    let page = browser.get(&format!("license/{id}"));
    assert!(page.text().contains("read only") && !page.body.contains("/preview"), "{}", page.text());
    stack.forget();
    for action in
        ["suspend", "revoke", "extend", "note", "reveal", "rotate-key", "erase-subject", "reset-hardware"]
    {
        let forged = [("action", action), ("reason", "forged"), ("term", "perpetual"), ("note", "forged")];
        let answer = browser.post(&format!("license/{id}/preview"), &forged);
        assert_eq!(answer.status, 404, "{action}: {}", answer.text());
        assert!(!answer.body.contains(&key));
    }
    assert_eq!(browser.post("confirm", &[("plan", "0")]).status, 404);
    let wrote = |operation: &str| !["GetItem", "Query", "Scan"].contains(&operation);
    let records = stack.dynamodb.records();
    assert!(!records.iter().any(|record| wrote(&record.operation)), "{} calls", records.len());
    assert_eq!(stack.stored(&id).status, Status::Active);
}

/// A browser that still sends shows no answer, so the rest of a form that is too large is read and dropped.
#[test]
fn oversized_form_is_read_to_its_end() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let (mebibyte, count) = (vec![b'x'; 1024 * 1024], 96);
    let head = format!(
        "POST {}move-in HTTP/1.1\r\nhost: {address}\r\ncookie: {}\r\norigin: http://{address}\r\n\
         content-type: text/plain\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        browser.base,
        browser.cookie,
        count * mebibyte.len(),
        address = browser.address,
    );
    let mut stream = TcpStream::connect(&browser.address).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    for sent in 0..count {
        let written = stream.write_all(&mebibyte);
        written.unwrap_or_else(|why| panic!("the console hung up after {sent} MiB: {why}"));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 ") && answer.contains("larger than 32 MiB"), "{answer}");
    assert_eq!(browser.get("move-in").status, 200, "the console goes on");
}

#[test]
fn path_tricks_lead_nowhere() {
    let stack = TestStack::start();
    let browser = Browser::open(&stack, &[]);
    let secret = browser.base.trim_matches('/').to_owned();
    let headers = [("host", browser.address.as_str()), ("cookie", browser.cookie.as_str())];
    let encoded: Vec<_> = secret.bytes().map(|c| format!("%{c:02x}")).collect();
    let encoded = encoded.concat();
    for path in [
        "/".to_owned(),
        "/licenses".to_owned(),
        format!("/{secret}"),
        format!("//{secret}/licenses"),
        format!("/./{secret}/licenses"),
        format!("/x/../{secret}/licenses"),
        format!("/{}/licenses", secret.to_uppercase().replace(|c: char| c.is_ascii_digit(), "0")),
        format!("/{}/licenses", &secret[..31]),
        format!("/{secret}0/licenses"),
        format!("/{encoded}/licenses"),
        format!("/{secret};/licenses"),
        format!("/{secret}/../../etc/passwd"),
        format!("/{secret}/%2e%2e/%2e%2e/etc/passwd"),
        format!("/{secret}/license/..%2f..%2fetc%2fpasswd"),
        format!("/{secret}/license/%00"),
        format!("/{secret}/licenses/"),
    ] {
        let answer = browser.ask("GET", &path, &headers, "");
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
        assert!(!answer.body.contains("root:"), "{path}");
    }
    for method in ["PUT", "DELETE", "OPTIONS", "PATCH"] {
        let answer = browser.ask(method, &format!("{}licenses", browser.base), &headers, "");
        assert_eq!(answer.status, 405, "{method}");
    }
}
