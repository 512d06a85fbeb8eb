//! What docs/runbook.md says of a customer in trouble, done to the letter: the customer comes into that trouble over
//! HTTP, an operator follows the page, and the customer's very same request is answered yes. Commands are taken from
//! the page, and each of its sentences has to be read by a story, so a changed page is a changed test.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;

use falconer_domain::air_gap::OfflineLease;
use falconer_domain::jwks::Jwks;
use falconer_domain::{Code, LicenseKey, Product, Status, UnixMillis, VirtualMachines, lease};
use falconer_emulators::tap::{Fault, Matcher};
use falconer_http::{App, Request};
use falconer_tests::{
    Fixture, MASTER_A, MASTER_B, Machine, Reply, TestStack, TestStackOptions, checkout, device_id, now,
};
use serde_json::{Value, json};

use crate::contract::{ago, moved_at, spent, with, with_status};
use crate::events::event;
use crate::manners::Folder;
use crate::operator::{run, said, told};

const DAY: i64 = 86_400_000;
/// The table of a section of the runbook.
const TABLE: &str = "| code | remedy |\n| --- | --- |\n";

/// Sections with commands for a license, or for one customer, that other tests run.
const RUN_ELSEWHERE: [(&str, &str, &str); 3] = [
    ("A lost machine without a network", "air_gap", "a_seat_stays_while_its_lease_is_out"),
    ("A leaked master", "distrust", "a_leak_is_survived_to_retirement"),
    // AWS has the tables of before; what is said of licenses is `revoke`, and copying an item.
    ("Restoring the tables", "runbook", "missing_license_is_copied_over"),
];

fn page() -> String {
    fs::read_to_string(checkout().join("docs/runbook.md")).unwrap()
}

/// The sections of the page: heading, and text.
fn sections(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("\n## ").skip(1).filter_map(|part| part.split_once('\n'));
    parts.map(|(heading, text)| (heading, text.split("\n# ").next().unwrap())).collect()
}

fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The operator's commands of a text, in sentences and in blocks.
fn commands(text: &str) -> BTreeSet<String> {
    let quoted = text.split('`').map(spaced);
    let lines = text.lines().map(spaced);
    quoted.chain(lines).filter(|text| text.starts_with("falconer ")).collect()
}

/// A section of the page, and how far somebody has come with it.
struct RunbookSection<'a> {
    stack: &'a TestStack,
    heading: &'static str,
    /// The commands that no story has run.
    unread: RefCell<String>,
    /// Commands that nobody has run yet.
    to_do: RefCell<BTreeSet<String>>,
}

impl<'a> RunbookSection<'a> {
    fn of(stack: &'a TestStack, heading: &'static str) -> Self {
        let page = page();
        let found = sections(&page).into_iter().find(|(found, _)| *found == heading);
        let (_, text) = found.unwrap_or_else(|| panic!("docs/runbook.md has no section {heading}"));
        let to_do = RefCell::new(commands(text));
        Self { stack, heading, unread: RefCell::new(spaced(text)), to_do }
    }

    /// Reads a sentence, which is about to be followed or was just seen to be true.
    fn reads(&self, sentence: &str) {
        let sentence = spaced(sentence);
        let mut unread = self.unread.borrow_mut();
        let place = unread.find(&sentence);
        let place =
            place.unwrap_or_else(|| panic!("{}: nobody says {sentence:?}; left: {unread}", self.heading));
        unread.replace_range(place..place + sentence.len(), " … ");
    }

    /// Reads a sentence that another test shows.
    fn is_shown_by(&self, sentence: &str, (module, test): (&str, &str)) {
        assert!(exists(module, test), "{module}::{test}");
        self.reads(sentence);
    }

    /// Runs a command of the section, with these words for its placeholders, in order.
    fn does(&self, command: &str, words: &[&str]) -> Value {
        told(self.stack, &as_arguments(&self.takes(command, words)))
    }

    /// The words of a command of the section.
    fn takes(&self, command: &str, words: &[&str]) -> Vec<String> {
        let page = page();
        let (_, text) = sections(&page).into_iter().find(|(heading, _)| *heading == self.heading).unwrap();
        assert!(commands(text).contains(command), "{} has no command {command}", self.heading);
        self.to_do.borrow_mut().remove(command);
        filled(command, words)
    }

    /// Everything was read and done.
    fn ends(self) {
        let (unread, to_do) = (self.unread.into_inner(), self.to_do.into_inner());
        assert!(to_do.is_empty(), "{}: nobody runs {to_do:?}", self.heading);
        let left = unread.replace("| code | remedy | | --- | --- |", "");
        let letters = left.chars().any(char::is_alphabetic);
        assert!(!letters, "{}: nobody shows what is left of it: {unread}", self.heading);
    }
}

fn filled(command: &str, words: &[&str]) -> Vec<String> {
    let mut words = words.iter();
    let word = |text: &str| {
        if text.starts_with('<') {
            (*words.next().expect("a word for each place")).to_owned()
        } else {
            text.to_owned()
        }
    };
    let filled = command.split(' ').skip(1).map(word).collect();
    assert_eq!(words.next(), None, "{command}: a word too many");
    filled
}

fn as_arguments(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn exists(module: &str, test: &str) -> bool {
    let source = checkout().join("tests/it").join(format!("{module}.rs"));
    fs::read_to_string(source).unwrap().contains(&format!("fn {test}("))
}

/// A request that a customer sends again and again.
struct RepeatedRequest<'a> {
    stack: &'a TestStack,
    path: &'static str,
    body: Value,
}

impl<'a> RepeatedRequest<'a> {
    fn new(stack: &'a TestStack, path: &'static str, body: Value) -> Self {
        Self { stack, path, body }
    }

    /// Who starts the application on a machine, after it was bound: verify, and activate-sync for a machine that is
    /// new.
    fn at(stack: &'a TestStack, key: &str, machine: &Machine) -> Self {
        Self::new(stack, "/api/activate-sync", machine.request(key))
    }

    fn asks(&self) -> Reply {
        self.stack.post(self.path, &self.body)
    }

    #[track_caller]
    fn hears(&self, code: &str) -> Reply {
        let reply = self.asks();
        assert_eq!(reply.code(), code, "{}", reply.body);
        reply
    }
}

/// License ids in the log lines of a code.
fn named_with(stack: &TestStack, code: &str) -> BTreeSet<String> {
    let lines = stack.request_lines().into_iter().filter(|line| line["outcome.code"] == code);
    lines.filter_map(|line| Some(line["license.id"].as_str()?.to_owned())).collect()
}

fn only(id: &(impl ToString + ?Sized)) -> BTreeSet<String> {
    BTreeSet::from([id.to_string()])
}

/// The new key and the new license of a rotation.
fn new_key(stack: &TestStack, rotated: &Value) -> (String, String) {
    let [key, id] = ["licenseKey", "licenseId"].map(|member| rotated[member].as_str().unwrap().to_owned());
    stack.speak(&key);
    (key, id)
}

// ---- Alarms

#[test]
fn revoked_by_mistake_or_replaced() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "surge-of-revoked");
    let key = stack.put(Fixture::pro());
    let id = stack.license_id(&key);
    told(&stack, &["revoke", &key, "--reason", "the wrong row of a sheet"]);
    let customer = RepeatedRequest::new(&stack, "/api/verify", json!({ "license": key }));
    customer.hears("REVOKED");
    entry.reads("Many requests are for revoked licenses, which `license.id` names.");
    assert_eq!(named_with(&stack, "REVOKED"), only(&id));
    entry.reads("A single license means that its key is public: do nothing, it is revoked.");
    entry.reads("If nobody meant to revoke them, `falconer audit <license>` names the operator, and");
    let audit = entry.does("falconer audit <license>", &[id.as_str()]);
    let deed = audit["audit"].as_array().unwrap().iter().find(|row| row["action"] == "revoke").unwrap();
    let by = [&deed["actor"], &deed["reason"]].map(|text| text.as_str().unwrap());
    assert_eq!(by, ["fixture-operator", "the wrong row of a sheet"]);
    entry.reads("`falconer reinstate <license>` takes the revocation back.");
    entry.does("falconer reinstate <license>", &[id.as_str()]);
    customer.hears("VALID");

    // Pending, and never activated: its term begins when its customer begins.
    let pending = stack.put(with_status(Fixture::pro(), Status::Pending).with(|new, _| {
        new.license.duration_days = Some(30);
    }));
    told(&stack, &["revoke", &pending, "--reason", "the next row"]);
    let customer = RepeatedRequest::at(&stack, &pending, &Machine::named("first"));
    customer.hears("REVOKED");
    entry.does("falconer reinstate <license>", &[&pending]);
    customer.hears("ACTIVATED");

    let rotated = told(&stack, &["rotate-key", &key]);
    let (new, new_id) = new_key(&stack, &rotated);
    entry.reads(
        "The command refuses a license whose key was replaced. It names the license in its place, and",
    );
    let words = entry.takes("falconer reinstate <license>", &[&key]);
    let refused = run(&stack, &[&["--yes"], as_arguments(&words).as_slice()].concat());
    assert!(said(&refused).contains(&format!("was replaced by {new_id}")), "{}", said(&refused));
    entry.reads("`falconer reveal <new-license>` prints the key to mail.");
    assert_eq!(entry.does("falconer reveal <new-license>", &[&new_id])["licenseKey"], new.as_str());
    assert_eq!(stack.verify(&new).code(), "VALID");
    entry.ends();
}

#[test]
fn renewals_sold_and_not_entered() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "surge-of-expired");
    let key = stack.put(Fixture::pro().ending(ago(40 * DAY)));
    let next = stack.put(Fixture::pro().ending(UnixMillis(now().0 + 20 * DAY)));
    let customer = RepeatedRequest::new(&stack, "/api/verify", json!({ "license": key }));
    customer.hears("EXPIRED");
    entry.reads("Many requests are for expired licenses, which `license.id` names.");
    let id = stack.license_id(&key).to_string();
    assert_eq!(named_with(&stack, "EXPIRED"), only(&id));
    entry.reads(
        "`falconer list --expiring 30` names the licenses that end next, without those that have ended.",
    );
    let listed = entry.does("falconer list --expiring 30", &[]);
    let listed: Vec<_> = listed["licenses"].as_array().unwrap().iter().map(|one| &one["licenseId"]).collect();
    assert_eq!(listed, [&json!(stack.license_id(&next).as_str())]);
    entry.reads(
        "One cause is a renewal that was sold and not entered: `falconer extend <license> --days 365` counts from \
         today for a license that has ended.",
    );
    entry.does("falconer extend <license> --days 365", &[&id]);
    let reply = customer.hears("VALID");
    let end = reply.body["expiresAt"]
        .as_i64()
        .unwrap_or_else(|| stack.stored(&stack.license_id(&key)).expires_at.unwrap().0);
    assert!((end - now().0 - 365 * DAY).abs() < DAY, "{end}");
    entry.ends();
}

/// As a release reads it that reads everything in another way.
fn read_anew(name: &str) -> Machine {
    Machine::named(&format!("{name}-read-by-the-new-release"))
}

#[test]
fn release_that_reads_other_hardware() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "surge-of-hardware-mismatch");
    let machine = Machine::named("first");
    let key = stack.put(Fixture::pro());
    stack.activate(&key, &machine);
    let with_new =
        RepeatedRequest::new(&stack, "/api/verify", with(read_anew("first").request(&key), json!({})));
    let with_old = RepeatedRequest::new(&stack, "/api/verify", machine.request(&key));
    with_new.hears("HARDWARE_MISMATCH");
    entry.is_shown_by(
        "Many devices match none of the devices of their license. After a release of your application, check \
         whether it reads hardware in another way: [devices.md](devices.md) has the parts that must stay equal.",
        ("same_machine", "one_changed_part_is_never_refused"),
    );
    entry.reads(
        "Ship a release that reads hardware as before: the server recognises its devices at once, without a \
         reset.",
    );
    with_old.hears("VALID");
    entry.reads(
        "For a customer who cannot wait, run `falconer reset-hardware <license> --all`; the application activates \
         again.",
    );
    entry.does("falconer reset-hardware <license> --all", &[&key]);
    assert_eq!(stack.activate(&key, &read_anew("first")).code(), "ACTIVATED");
    with_new.hears("VALID");
    entry.reads("A single license means a shared key: go to [a leaked license key](#a-leaked-license-key).");
    assert_eq!(named_with(&stack, "HARDWARE_MISMATCH"), only(&stack.license_id(&key)));
    entry.ends();
}

#[test]
fn every_seat_taken() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "surge-of-seats-exhausted");
    let key = stack.put(Fixture::pro().seats(2));
    let [here, away, new] = ["here", "away", "new"].map(Machine::named);
    for (machine, name) in [(&here, "Here"), (&away, "Away")] {
        stack.post("/api/activate-sync", &with(machine.request(&key), json!({ "device_name": name })));
    }
    let customer = RepeatedRequest::at(&stack, &key, &new);
    customer.hears("SEATS_EXHAUSTED");
    entry.reads("Many devices find every seat taken. A single license means a shared key.");
    assert_eq!(named_with(&stack, "SEATS_EXHAUSTED"), only(&stack.license_id(&key)));
    entry.is_shown_by(
        "Many licenses after a release mean that old devices look like new ones, as above.",
        ("runbook", "release_that_reads_other_hardware"),
    );
    entry.reads("`falconer show <license>` shows the devices, and");
    let shown = entry.does("falconer show <license>", &[&key]);
    let devices = shown["devices"].as_array().unwrap();
    let lost = devices.iter().find(|device| device["name"] == "Away").unwrap()["id"].as_str().unwrap();
    entry.reads("`falconer reset-hardware <license> --device <device>` frees the seat of one of them.");
    entry.does("falconer reset-hardware <license> --device <device>", &[&key, lost]);
    customer.hears("ACTIVATED");
    assert_eq!(stack.activate(&key, &here).code(), "REFRESHED", "nobody else loses a seat");
    entry.ends();
}

#[test]
fn no_transfer_left() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "surge-of-transfer-limit");
    let machine = Machine::named("old");
    let key = stack.put(moved_at(Fixture::pro().bound(1, &machine, ago(DAY)), spent()));
    let customer = RepeatedRequest::new(&stack, "/api/transfer", Machine::named("new").request(&key));
    customer.hears("TRANSFER_LIMIT_REACHED");
    entry.reads(
        "Many licenses have no transfer left, for the reasons above. `falconer reset-hardware <license> --all` \
         helps one customer:",
    );
    assert_eq!(named_with(&stack, "TRANSFER_LIMIT_REACHED"), only(&stack.license_id(&key)));
    entry.does("falconer reset-hardware <license> --all", &[&key]);
    customer.hears("ACTIVATED");
    entry.reads("each seat takes a device again, and the next move after that is refused as before.");
    assert_eq!(stack.transfer(&key, &machine).code(), "TRANSFER_LIMIT_REACHED");
    entry.ends();
}

fn asks_for_email(fixture: Fixture) -> Fixture {
    fixture.with(|new, _| new.license.policy.transfer_requires_email = Some(true))
}

#[test]
fn addresses_are_tried() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "surge-of-email-mismatch");
    let machine = Machine::named("owner");
    let key = stack.put(asks_for_email(Fixture::pro()));
    stack.activate(&key, &machine);
    let thief = with(Machine::named("thief").request(&key), json!({ "licensee_email": "guess@example.com" }));
    let thief = RepeatedRequest::new(&stack, "/api/transfer", thief);
    thief.hears("EMAIL_MISMATCH");
    entry.is_shown_by(
        "Somebody with keys tries addresses. The rate limit slows the attempts;",
        ("limits", "license_has_one_limit_over_instances"),
    );
    entry.reads("`falconer suspend <license>` ends them for one license.");
    entry.does("falconer suspend <license>", &[&key]);
    thief.hears("SUSPENDED");
    entry.reads(
        "This stops the customer too, who goes on with a new key: step 2 of [a leaked license \
         key](#a-leaked-license-key).",
    );
    assert_eq!(stack.activate(&key, &machine).code(), "SUSPENDED");
    let new = stopped_and_given_a_new_key(&RunbookSection::of(&stack, "A leaked license key"), &key);
    assert_eq!(stack.activate(&new, &machine).code(), "ACTIVATED", "without the e-mail");
    thief.hears("REVOKED");
    entry.ends();
}

/// Steps 1 and 2 of the entry about a leaked license key, for a license that is suspended. Its new key.
fn stopped_and_given_a_new_key(entry: &RunbookSection<'_>, key: &str) -> String {
    let rotated = entry.does("falconer rotate-key <license>", &[key]);
    let (new, new_id) = new_key(entry.stack, &rotated);
    assert_eq!(entry.stack.verify(&new).code(), "SUSPENDED");
    entry.does("falconer reinstate <new-license>", &[&new_id]);
    assert_eq!(entry.stack.verify(&new).code(), "VALID");
    new
}

#[test]
fn seats_are_taken_back() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "reclaimed");
    let [owner, thief] = ["owner", "thief"].map(Machine::named);
    let key = stack.put(Fixture::pro());
    stack.activate(&key, &owner);
    assert_eq!(stack.transfer(&key, &thief).code(), "TRANSFERRED");
    let customer = RepeatedRequest::new(&stack, "/api/verify", owner.request(&key));
    customer.hears("HARDWARE_MISMATCH");
    assert_eq!(stack.transfer(&key, &owner).code(), "RECLAIMED");
    customer.hears("VALID");
    entry.reads(
        "Several displaced devices took their seats back. That is the owners' right, and a sign that somebody \
         else moved their licenses away. Follow",
    );
    entry.reads(
        "[a leaked license key](#a-leaked-license-key) for each `license.id` of the lines with `RECLAIMED`.",
    );
    let named = named_with(&stack, "RECLAIMED");
    assert_eq!(named, only(&stack.license_id(&key)));
    let leaked = RunbookSection::of(&stack, "A leaked license key");
    let (new, _) = new_key(&stack, &leaked.does("falconer rotate-key <license>", &[named.first().unwrap()]));
    assert_eq!(stack.activate(&new, &owner).code(), "ACTIVATED");
    assert_eq!(stack.transfer(&key, &thief).code(), "REVOKED", "whoever has the old key alone is out");
    entry.ends();
}

#[test]
fn tier_that_the_catalog_lacks() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "unknown-tier");
    let folder = Folder::new();
    let gold = falconer_domain::TierName::parse("gold").unwrap();
    let keys = [(); 2].map(|()| {
        let gold = gold.clone();
        stack.put(Fixture::pro().with(move |new, _| new.license.tier = gold))
    });
    let customers =
        keys.each_ref().map(|key| RepeatedRequest::new(&stack, "/api/verify", json!({ "license": key })));
    for customer in &customers {
        assert_eq!(customer.hears("UNAVAILABLE").status, 503);
    }
    entry.reads(
        "A license has a tier that its product's catalog lacks, and gets 503 until you correct one of them. The \
         log line names both.",
    );
    let log = stack.log_text();
    let ids = keys.each_ref().map(|key| stack.license_id(key).to_string());
    for id in &ids {
        assert!(
            log.lines().any(|line| line.contains("tier of the license missing in the catalog")
                && line.contains(id)
                && line.contains("gold")),
            "{log}"
        );
    }
    entry.reads("`falconer catalog show` shows the catalog;");
    let shown = entry.does("falconer catalog show", &[]);
    let toml = shown["toml"].as_str().unwrap();
    assert!(!toml.contains("gold"));
    entry.reads("`falconer set-tier <license> <tier>` or `falconer catalog apply <file>` repairs it.");
    entry.does("falconer set-tier <license> <tier>", &[&ids[0], "pro"]);
    customers[0].hears("VALID");
    customers[1].hears("UNAVAILABLE");
    let with_gold = folder.file("gold.toml", &format!("{toml}\n[tiers.gold]\n"));
    entry.does("falconer catalog apply <file>", &[&with_gold]);
    entry.is_shown_by(
        "Instances look at the catalog again after five seconds.",
        ("catalogs", "unknown_tier_rereads_every_5_s"),
    );
    stack.gateway().kill("verify", 0).expect("an instance to kill");
    customers[1].hears("VALID");
    entry.ends();
}

/// Keys of a stack with the same ring, sent to this one: as after a restore, or with a wrong table.
#[test]
fn missing_license_is_copied_over() {
    let (stack, other) = (TestStack::start(), TestStack::start());
    let entry = RunbookSection::of(&stack, "surge-of-not-found");
    let key = other.put(Fixture::pro());
    stack.speak(&key);
    let customer = RepeatedRequest::new(&stack, "/api/verify", json!({ "license": key }));
    customer.hears("NOT_FOUND");
    entry.reads(
        "Genuine keys arrive, and their licenses are not in the table. Check three reasons in this order:",
    );
    entry.reads("1. A restored or wrong table: is `LICENSES_TABLE` of the functions the one you issue into?");
    entry.reads("2. Keys issued into another stack that has the same ring.");
    entry.is_shown_by(
        "3. Somebody else has the master and makes keys: [a leaked master](#a-leaked-master).",
        ("distrust", "a_leak_is_survived_to_retirement"),
    );
    entry.reads(
        "In the first two cases copy the license's item from the one table into the other; its customer needs \
         nothing else.",
    );
    stack.put_item(&other.item(&other.license_id(&key)));
    customer.hears("VALID");
    entry.ends();
}

/// One license is over its limit, and then many customers are behind one address.
#[test]
fn too_many_requests() {
    let license_only =
        vec![("RATE_LIMIT_PER_MINUTE", "0".to_owned()), ("VERIFIES_PER_LICENSE_PER_MINUTE", "3".to_owned())];
    let stack = TestStack::with(&TestStackOptions { settings: license_only, ..TestStackOptions::default() });
    let entry = RunbookSection::of(&stack, "rate-limited");
    let machine = Machine::named("owner");
    let key = stack.put(Fixture::pro());
    let customer = RepeatedRequest::new(&stack, "/api/verify", json!({ "license": key }));
    // The end of a minute may fall in between.
    assert!((0..8).any(|_| customer.asks().code() == "RATE_LIMITED"));
    entry.reads(
        "Many requests are over a limit. If `license.id` in the log lines with `RATE_LIMITED` is always the same, \
         see [a leaked license key](#a-leaked-license-key).",
    );
    assert_eq!(named_with(&stack, "RATE_LIMITED"), only(&stack.license_id(&key)));
    let leaked = RunbookSection::of(&stack, "A leaked license key");
    let (new, _) = new_key(&stack, &leaked.does("falconer rotate-key <license>", &[&key]));
    assert_eq!(stack.activate(&new, &machine).code(), "ACTIVATED", "whoever floods the old key stops nobody");

    let address = vec![
        ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "2".to_owned()),
        ("VERIFIES_PER_LICENSE_PER_MINUTE", "0".to_owned()),
    ];
    let stack = TestStack::with(&TestStackOptions { settings: address, ..TestStackOptions::default() });
    let keys: Vec<_> = (0..6).map(|_| stack.put(Fixture::pro())).collect();
    let refused = || keys.iter().find(|key| stack.verify(key).code() == "RATE_LIMITED");
    let late = refused().expect("somebody of an office is too late");
    let raised = || {
        let settings = vec![("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "100".to_owned())];
        TestStack::with(&TestStackOptions { settings, ..TestStackOptions::default() })
    };
    entry.reads(
        "Many customers behind one address (a university, a carrier) are legitimate: raise \
         `RateLimitPerAddressPerMinute`.",
    );
    let roomy = raised();
    roomy.speak(late);
    roomy.put_item(&stack.item(&stack.license_id(late)));
    assert!((0..6).all(|_| roomy.verify(late).code() == "VALID"));
    entry.is_shown_by(
        "Behind a proxy in front of the gateway, all customers have the proxy's address: remove it.",
        ("limits", "forwarded_for_changes_nothing"),
    );
    entry.is_shown_by(
        "Behind CloudFront they have an edge's, if the functions do not know the distribution's secret: see \
         [a new secret](deploying.md#cloudfront-in-front).",
        ("behind_cloudfront", "wrong_secret_is_ignored"),
    );
    entry.is_shown_by(
        "The gateway's own throttle bounds a flood of the whole API; [costs.md](costs.md) has its cost.",
        ("deployment", "watched_metrics_are_written"),
    );
    entry.ends();
}

// ---- When something happened

#[test]
fn leaked_license_key() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "A leaked license key");
    let [owner, stranger] = ["owner", "stranger"].map(Machine::named);
    let key = stack.put(asks_for_email(Fixture::pro().seats(2)));
    for machine in [&owner, &stranger] {
        assert_eq!(stack.activate(&key, machine).code(), "ACTIVATED");
    }
    let used = stack.post("/api/verify", &stranger.request(&key));
    entry.reads("A key is in a public place, or a customer reports that somebody else has it.");
    entry.reads(
        "1. `falconer rotate-key <license>` makes a new key with the same terms and revokes the old one. Mail the \
         new key. Every seat is vacant under it, so the customer's devices bind once more, uncounted, with any \
         client.",
    );
    let (new, _) = new_key(&stack, &entry.does("falconer rotate-key <license>", &[&key]));
    let second = Machine::named("second");
    for (machine, request) in
        [(&owner, Machine::request as fn(&Machine, &str) -> Value), (&second, Machine::old_request)]
    {
        let customer = RepeatedRequest::new(&stack, "/api/activate-sync", request(machine, &new));
        let reply = customer.hears("ACTIVATED");
        assert_eq!(reply.body["transfers"]["used"], 0);
    }
    assert_eq!(stack.activate(&key, &stranger).code(), "REVOKED");
    entry.reads(
        "3. A device that used the old key keeps its lease until `exp`, at most interval and grace from the last \
         check.",
    );
    let (_, claims) = used.lease_parts();
    let longest = (claims["interval"].as_i64().unwrap() + claims["grace"].as_i64().unwrap())
        + claims["at"].as_i64().unwrap();
    assert!(claims["exp"].as_i64().unwrap() <= longest, "{claims}");
    let product = Product::parse("QF").unwrap();
    let published: Jwks = serde_json::from_value(stack.get("/api/keys").body).expect("public keys");
    let signer = |kid: &str| published.keys.iter().find(|key| key.kid == kid)?.public_key();
    let trusted = lease::verify(used.body["lease"].as_str().unwrap(), &product, signer);
    assert!(trusted.is_ok(), "it goes on");

    let key = stack.put(Fixture::pro());
    stack.activate(&key, &owner);
    entry.reads(
        "2. If you cannot reach the customer, `falconer suspend <license>` stops the license until then.",
    );
    entry.does("falconer suspend <license>", &[&key]);
    assert_eq!(stack.activate(&key, &stranger).code(), "SUSPENDED");
    entry.reads(
        "A new key of a suspended license is suspended too: after `falconer rotate-key <license>`, `falconer reinstate \
         <new-license>` opens it.",
    );
    let new = stopped_and_given_a_new_key(&entry, &key);
    assert_eq!(stack.activate(&new, &owner).code(), "ACTIVATED");
    assert_eq!(stack.activate(&key, &stranger).code(), "REVOKED");
    entry.ends();
}

/// How a customer comes to a code, and is helped. The steps beside the table are the last part.
#[test]
fn customer_who_cannot_activate() {
    let stack = TestStack::start();
    let entry = RunbookSection::of(&stack, "A customer who cannot activate");
    entry.reads("2. Look up the code:");
    for story in [
        keys_and_licenses as fn(&TestStack, &RunbookSection<'_>),
        stopped_licenses,
        terms,
        seats_and_transfers,
        hardware,
        emails,
        trouble_of_ours,
        rate_limit,
        steps_beside_the_table,
    ] {
        story(&stack, &entry);
    }
    entry.ends();
}

fn keys_and_licenses(stack: &TestStack, entry: &RunbookSection<'_>) {
    let key = stack.put(Fixture::pro());
    let last = if key.ends_with('0') { '1' } else { '0' };
    let mistyped = format!("{}{last}", &key[..key.len() - 1]);
    stack.speak(&mistyped);
    assert_eq!(stack.verify(&mistyped).code(), "INVALID_SIGNATURE");
    entry.reads("| `INVALID_SIGNATURE` | the key was mistyped: compare it with the mail, group by group |");
    let typed: Vec<_> = mistyped.split('-').collect();
    let mailed = told(stack, &["reveal", stack.license_id(&key).as_str()]);
    let mailed: Vec<_> = mailed["licenseKey"].as_str().unwrap().split('-').collect();
    let differing: Vec<_> = (0..typed.len()).filter(|group| typed[*group] != mailed[*group]).collect();
    assert_eq!(differing, [typed.len() - 1], "one group tells");
    assert_eq!(stack.verify(&mailed.join("-")).code(), "VALID");
    entry.is_shown_by(
        "| `NOT_FOUND` | the key is genuine and its license is missing: see [surge-of-not-found](#surge-of-not-found) |",
        ("runbook", "missing_license_is_copied_over"),
    );
}

fn stopped_licenses(stack: &TestStack, entry: &RunbookSection<'_>) {
    entry.reads(
        "| `REVOKED` | `falconer audit <license>` has the actor and the reason; `falconer reinstate <license>`, \
         or a mail with the key that replaced it |",
    );
    entry.reads(
        "| `SUSPENDED` | `falconer audit <license>` has the actor and the reason; `falconer reinstate <license>` \
         |",
    );
    for (command, code) in [("revoke", "REVOKED"), ("suspend", "SUSPENDED")] {
        let key = stack.put(Fixture::pro());
        let customer = RepeatedRequest::at(stack, &key, &Machine::named(command));
        told(stack, &[command, &key, "--reason", "chargeback"]);
        customer.hears(code);
        let audit = entry.does("falconer audit <license>", &[&key]);
        let deed = audit["audit"].as_array().unwrap().iter().find(|row| row["action"] == command).unwrap();
        assert_eq!((&deed["actor"], &deed["reason"]), (&json!("fixture-operator"), &json!("chargeback")));
        entry.does("falconer reinstate <license>", &[&key]);
        customer.hears("ACTIVATED");
    }
}

fn terms(stack: &TestStack, entry: &RunbookSection<'_>) {
    let key = stack.put(with_status(Fixture::pro(), Status::Pending).with(|new, _| {
        new.license.duration_days = Some(30);
    }));
    let customer = RepeatedRequest::new(stack, "/api/verify", json!({ "license": key }));
    customer.hears("PENDING");
    entry.reads("| `PENDING` | the application has to activate: the term begins with that |");
    assert_eq!(stack.activate(&key, &Machine::named("first")).code(), "ACTIVATED");
    customer.hears("VALID");

    let key = stack.put(Fixture::pro().ending(ago(40 * DAY)));
    let customer = RepeatedRequest::at(stack, &key, &Machine::named("first"));
    customer.hears("EXPIRED");
    entry.reads("| `EXPIRED` | `falconer extend <license> --days 30` |");
    entry.does("falconer extend <license> --days 30", &[&key]);
    customer.hears("ACTIVATED");
}

const RESET: &str = "falconer reset-hardware <license> --all";

fn seats_and_transfers(stack: &TestStack, entry: &RunbookSection<'_>) {
    let [old, new, third] = ["old", "new", "third"].map(Machine::named);
    entry.reads(
        "| `SEATS_EXHAUSTED` | the customer transfers, or deactivates the old device; `falconer reset-hardware <license> \
         --all` |",
    );
    for help in ["transfer", "deactivate", "reset"] {
        let key = stack.put(Fixture::pro());
        stack.activate(&key, &old);
        let customer = RepeatedRequest::at(stack, &key, &new);
        customer.hears("SEATS_EXHAUSTED");
        match help {
            "transfer" => assert_eq!(stack.transfer(&key, &new).code(), "TRANSFERRED"),
            "deactivate" => assert_eq!(stack.deactivate(&key, &old).code(), "DEACTIVATED"),
            _ => drop(entry.does(RESET, &[&key])),
        }
        customer.hears(if help == "transfer" { "REFRESHED" } else { "ACTIVATED" });
    }
    entry.reads(
        "| `DEVICE_REQUIRED` | the application has to send the device that the customer chooses as `from_device`; \
         `falconer reset-hardware <license> --all` |",
    );
    for chooses in [true, false] {
        let key = stack.put(Fixture::pro().seats(2));
        stack.activate(&key, &old);
        stack.activate(&key, &third);
        let customer = RepeatedRequest::new(stack, "/api/transfer", new.request(&key));
        let reply = customer.hears("DEVICE_REQUIRED");
        if chooses {
            let device = json!({ "from_device": reply.body["devices"][0]["id"] });
            assert_eq!(stack.post("/api/transfer", &with(new.request(&key), device)).code(), "TRANSFERRED");
        } else {
            entry.does(RESET, &[&key]);
        }
        customer.hears(if chooses { "ALREADY_BOUND" } else { "ACTIVATED" });
    }
    entry.reads(
        "| `DEVICE_OFFLINE` | the seat is of a machine without a network: its receipt, or `falconer reset-hardware \
         <license> --all --despite-offline-lease` if the machine is gone |",
    );
    let lease = OfflineLease { lease: "a lease".to_owned(), until: ago(-DAY) };
    let fixture = Fixture::pro().bound(1, &old, ago(DAY));
    let key = stack.put(fixture.with(move |new, _| drop(new.license.offline.insert(device_id(1), lease))));
    let customer = RepeatedRequest::new(stack, "/api/transfer", new.request(&key));
    customer.hears("DEVICE_OFFLINE");
    entry.does("falconer reset-hardware <license> --all --despite-offline-lease", &[&key]);
    customer.hears("ACTIVATED");
    entry.reads(
        "| `TRANSFER_LIMIT_REACHED`, `TRANSFER_COOLDOWN` | `falconer reset-hardware <license> --all`: every seat is vacant \
         and free of count, also one that was vacant before |",
    );
    for (moments, code) in
        [(spent().to_vec(), "TRANSFER_LIMIT_REACHED"), (vec![ago(DAY / 12)], "TRANSFER_COOLDOWN")]
    {
        for is_vacant in [true, false] {
            for path in ["/api/activate-sync", "/api/transfer"] {
                let fixture = moved_at(Fixture::pro().bound(1, &old, ago(DAY)), moments.clone());
                let key = stack.put(fixture);
                if is_vacant {
                    assert_eq!(stack.deactivate(&key, &old).code(), "DEACTIVATED");
                }
                let customer = RepeatedRequest::new(stack, path, new.request(&key));
                let before = if is_vacant || path == "/api/transfer" { code } else { "SEATS_EXHAUSTED" };
                customer.hears(before);
                entry.does(RESET, &[&key]);
                customer.hears("ACTIVATED");
            }
        }
    }
}

fn hardware(stack: &TestStack, entry: &RunbookSection<'_>) {
    let [old, new] = ["old", "new"].map(Machine::named);
    entry.reads("| `HARDWARE_MISMATCH`, `NOT_ACTIVATED` | the application has to activate, or to transfer |");
    for (seats, bound, code, path, helped) in [
        (2, true, "HARDWARE_MISMATCH", "/api/activate-sync", "ACTIVATED"),
        (1, true, "HARDWARE_MISMATCH", "/api/transfer", "TRANSFERRED"),
        (1, false, "NOT_ACTIVATED", "/api/activate-sync", "ACTIVATED"),
        (1, false, "NOT_ACTIVATED", "/api/transfer", "ACTIVATED"),
    ] {
        let key = stack.put(Fixture::pro().seats(seats));
        if bound {
            stack.activate(&key, &old);
        }
        let customer = RepeatedRequest::new(stack, "/api/verify", new.request(&key));
        customer.hears(code);
        assert_eq!(stack.post(path, &new.request(&key)).code(), helped);
        customer.hears("VALID");
    }
    entry.reads("| `DEVICE_NOT_BOUND` | nothing: the device holds no seat |");
    let key = stack.put(Fixture::pro());
    assert_eq!(stack.deactivate(&key, &new).code(), "DEVICE_NOT_BOUND");
    assert_eq!(stack.activate(&key, &new).code(), "ACTIVATED", "nothing was lost");

    let key = stack.put(Fixture::pro());
    let weak = json!({ "license_key": key, "hardware_format": 1, "hardware": { "cpu": new.cpu } });
    let customer = RepeatedRequest::new(stack, "/api/activate-sync", weak);
    customer.hears("FINGERPRINT_TOO_WEAK");
    entry.reads(
        "| `FINGERPRINT_TOO_WEAK` | the application found too little; it has to send `install` besides |",
    );
    let mut body = customer.body;
    body["hardware"]["install"] = json!("fixture-hardware-install-id");
    RepeatedRequest::new(stack, "/api/activate-sync", body).hears("ACTIVATED");

    entry.reads(
        "| `VIRTUAL_MACHINE` | the policy refuses virtual machines; `falconer set-policy <license> \
         virtual_machines=allow` lets this license run in them |",
    );
    let key = stack.put(
        Fixture::pro().with(|new, _| new.license.policy.virtual_machines = Some(VirtualMachines::Refuse)),
    );
    let customer = RepeatedRequest::new(
        stack,
        "/api/activate-sync",
        with(new.request(&key), json!({ "virtual_machine": true })),
    );
    customer.hears("VIRTUAL_MACHINE");
    entry.does("falconer set-policy <license> virtual_machines=allow", &[&key]);
    customer.hears("ACTIVATED");
}

fn emails(stack: &TestStack, entry: &RunbookSection<'_>) {
    entry.reads(
        "| `EMAIL_MISMATCH` | `falconer show <license>` shows the stored address, if there is one; `falconer \
         set-customer <license> --email <address>` corrects it; after `falconer reset-hardware <license> --all` \
         the application activates, which asks for none |",
    );
    let [old, new] = ["old", "new"].map(Machine::named);
    let key = stack.put(asks_for_email(Fixture::pro()));
    stack.activate(&key, &old);
    let moves = with(new.request(&key), json!({ "licensee_email": "new.address@example.com" }));
    let customer = RepeatedRequest::new(stack, "/api/transfer", moves);
    customer.hears("EMAIL_MISMATCH");
    entry.does("falconer set-customer <license> --email <address>", &[&key, "new.address@example.com"]);
    customer.hears("TRANSFERRED");
    for stored in [true, false] {
        let fixture = asks_for_email(Fixture::pro()).with(move |new, _| {
            new.license.email = new.license.email.take().filter(|_| stored);
        });
        let key = stack.put(fixture);
        stack.activate(&key, &old);
        let moves = with(new.request(&key), json!({ "licensee_email": "new.address@example.com" }));
        assert_eq!(stack.post("/api/transfer", &moves).code(), "EMAIL_MISMATCH");
        let customer = RepeatedRequest::new(stack, "/api/activate-sync", moves);
        customer.hears("SEATS_EXHAUSTED");
        let shown = entry.does("falconer show <license>", &[&key]);
        let expected = if stored { json!("fixture.person@example.com") } else { Value::Null };
        assert_eq!(shown["email"], expected, "{shown}");
        entry.does(RESET, &[&key]);
        customer.hears("ACTIVATED");
    }
}

fn trouble_of_ours(stack: &TestStack, entry: &RunbookSection<'_>) {
    let key = stack.put(Fixture::pro());
    let customer = RepeatedRequest::at(stack, &key, &Machine::named("first"));
    entry.is_shown_by(
        "| `CONCURRENT_UPDATE` | the same request once more |",
        ("races", "three_lost_races_are_409"),
    );
    stack.dynamodb.break_all(Matcher::operation("GetItem"), Fault::internal());
    customer.hears("UNAVAILABLE");
    entry.reads("| `UNAVAILABLE`, `INTERNAL` | a fault of the service: see the alarms |");
    stack.dynamodb.heal();
    customer.hears("ACTIVATED");
}

/// A minute passes for an instance in this process.
fn rate_limit(_: &TestStack, entry: &RunbookSection<'_>) {
    entry.reads(
        "| `RATE_LIMITED` | the application asks too often, or very many customers are behind one address: wait a \
         minute; if it lasts, see [rate-limited](#rate-limited) |",
    );
    assert!(exists("runbook", "too_many_requests"), "the entry helps");
    let settings = vec![
        ("RATE_LIMIT_PER_MINUTE", "2".to_owned()),
        ("RATE_LIMIT_PER_ADDRESS_PER_MINUTE", "4".to_owned()),
    ];
    let office = TestStack::with(&TestStackOptions { settings, ..TestStackOptions::default() });
    let keys = [(); 3].map(|()| office.put(Fixture::pro()));
    let app = App::new(verify::ENDPOINT, office.settings.clone(), &office.tapped);
    let asks = |key: &str, at: UnixMillis| {
        let mut event = event("verify", "post");
        event["body"] = json!({ "license": key }).to_string().into();
        office.wait(async {
            let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
            let request = Request::read(&event.to_string(), at, deadline).expect("a request");
            let response = app.respond(&request).await.into_http(&request, app.endpoint.effect);
            let body: Value = serde_json::from_slice(response.body()).expect("a JSON body");
            body["code"].as_str().unwrap().to_owned()
        })
    };
    let at = UnixMillis(1_800_000_000_000);
    let heard = [(); 3].map(|()| asks(&keys[0], at));
    assert_eq!(heard, ["VALID", "VALID", "RATE_LIMITED"], "one application");
    let heard = [&keys[1], &keys[1], &keys[2]].map(|key| asks(key, at));
    assert_eq!(heard, ["VALID", "VALID", "RATE_LIMITED"], "one address");
    assert_eq!(asks(&keys[2], UnixMillis(at.0 + 60_000)), "VALID", "a minute later");
}

fn steps_beside_the_table(stack: &TestStack, entry: &RunbookSection<'_>) {
    let [old, new] = ["old", "new"].map(Machine::named);
    let key = stack.put(Fixture::pro());
    stack.activate(&key, &old);
    let customer = RepeatedRequest::at(stack, &key, &new);
    let refused = customer.hears("SEATS_EXHAUSTED");
    entry.reads(
        "Ask for the message and the request id, or for the license key's last group. The log line with this `request.id` \
         has the `license.id`.",
    );
    let request_id = refused.body["requestId"].as_str().unwrap();
    let lines = stack.request_lines();
    let line = lines.iter().find(|line| line["request.id"] == request_id).expect("a line");
    let id = line["license.id"].as_str().unwrap();
    assert_eq!(id, stack.license_id(&key).as_str());
    entry.reads(
        "With product, tier and last group, as in `QF-PRO-…-4BYWJ`, every command finds the license as well.",
    );
    let hint = LicenseKey::parse(&key).unwrap().masked();
    assert_eq!(told(stack, &["show", &hint])["licenseId"], id);

    entry.reads(
        "1. `falconer explain <license>` lists every check of verify, the values it compared, and the first check \
         that fails.",
    );
    let explained = entry.does("falconer explain <license>", &[&hint]);
    assert!(explained["checks"].as_array().unwrap().len() >= 4, "{explained}");
    entry.is_shown_by("`--at` asks for another day.", ("operator", "explain_agrees_with_verify"));
    entry.reads(
        "Without `--hardware` it checks no device, so it may say `VALID` for a customer who was refused. Below \
         the checks it lists the answers to the last requests, the refused ones first, with the device that \
         asked.",
    );
    assert_eq!(explained["code"], "VALID");
    assert_eq!(explained["refusals"][0]["code"], "SEATS_EXHAUSTED", "{explained}");
    let text = String::from_utf8(run(stack, &["explain", &key]).stdout).unwrap();
    let [refusals, granted] =
        ["requests that were refused", "requests that were granted"].map(|title| text.find(title));
    assert!(refusals.is_some() && (granted.is_none() || refusals < granted), "{text}");
    entry.reads(
        "Another device that agrees in `cpu` alone is another computer of the same series; one that agrees in most labels \
         is the same computer after a repair.",
    );
    let series = Machine { cpu: old.cpu.clone(), ..Machine::named("of the same series") };
    let repaired = Machine { mac: "fixture-hardware-new-card".to_owned(), ..old.clone() };
    for (machine, agreed, code) in
        [(&series, vec!["cpu"], "HARDWARE_MISMATCH"), (&repaired, vec!["board", "cpu"], "VALID")]
    {
        assert_eq!(stack.post("/api/verify", &machine.request(&key)).code(), code);
        stack.settle();
        let explained = told(stack, &["explain", &key]);
        let list = if code == "VALID" { "granted" } else { "refusals" };
        let mut labels: Vec<_> = explained[list][0]["hardware"]["agreed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| label.as_str().unwrap())
            .collect();
        labels.sort_unstable();
        assert_eq!(labels, agreed, "{explained}");
    }
    entry.reads(
        "3. No answer at all, or a page instead of JSON, means a proxy or a captive portal on the customer's \
         side. Ask for the output of `curl -s \"$API_URL/api/health\"` from there.",
    );
    assert_eq!((stack.get("/api/health").status, stack.get("/api/health").body.is_object()), (200, true));
}

/// A wrong value over the ring: who runs goes on, who starts cannot, and the version before is moved back.
#[test]
fn mistaken_secret_is_moved_back() {
    let stack = TestStack::start();
    let key = stack.put(Fixture::pro());
    let customer = RepeatedRequest::new(&stack, "/api/verify", json!({ "license": key }));
    customer.hears("VALID");
    let (secret, good) = (&stack.settings.master_key_secret_id, stack.ring());
    for (mistaken, code) in [
        ("not a ring".to_owned(), "UNAVAILABLE"),
        (json!({ "current": "3", "3": MASTER_B }).to_string(), "INVALID_SIGNATURE"),
    ] {
        let before = stack.secrets.current(secret).unwrap();
        assert!(before.contains(MASTER_A));
        stack.secrets.put(secret, &mistaken);
        customer.hears("VALID");
        stack.gateway().kill("verify", 0).expect("an instance to kill");
        customer.hears(code);
        let previous = stack.secrets.staged(secret, "AWSPREVIOUS").expect("the version before");
        assert_eq!(previous, before, "as the page says");
        // Its two commands of `aws` do this to the real service.
        stack.secrets.put(secret, &previous);
        let listed = told(&stack, &["keyring", "list"]);
        assert_eq!(listed["generations"].as_array().unwrap().len(), 2, "{listed}");
        stack.gateway().kill("verify", 0).expect("an instance to kill");
        customer.hears("VALID");
    }
    assert_eq!(stack.ring().current().number(), good.current().number());
}

// ---- The page itself

#[test]
fn every_section_for_customers_has_a_story() {
    let (page, source) = (page(), fs::read_to_string(checkout().join("tests/it/runbook.rs")).unwrap());
    let mut found = 0;
    for (heading, text) in sections(&page) {
        // What an operator does to one license.
        let for_customers = commands(text).iter().any(|command| command.contains("<license>"));
        let alarms_of_customers = heading.starts_with("surge-of-") && heading != "surge-of-invalid-signature";
        if !for_customers && !alarms_of_customers {
            continue;
        }
        found += 1;
        let elsewhere = RUN_ELSEWHERE.iter().find(|(run, ..)| *run == heading);
        match elsewhere {
            Some((_, module, test)) => assert!(exists(module, test), "{module}::{test}"),
            None => assert!(
                source.contains(&format!("RunbookSection::of(&stack, \"{heading}\")")),
                "nobody runs {heading}"
            ),
        }
    }
    assert!(found >= 11, "{found}");
}

/// Every refusal that is about a customer is in the table.
#[test]
fn every_refusal_has_advice() {
    let page = page();
    let (_, table) = page.split_once(TABLE).expect("the table");
    let cells =
        table.lines().take_while(|line| line.starts_with("| ")).map(|row| row.split(" | ").next().unwrap());
    let named: BTreeSet<_> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let refusals =
        Code::ALL.iter().filter(|code| [401, 403, 409, 422, 429, 500, 503].contains(&code.status()));
    assert_eq!(named, refusals.map(|code| code.name()).collect());
}
