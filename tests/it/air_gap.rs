//! A machine without a network, by files alone: the client library, the operator's program and the real functions.

mod online;
mod room;

use std::path::Path;

use falconer_client::{
    FailureKind, InvalidAnswer, Licensing, LockCode, MessageId, Pending, PublicKeys, State,
};
use falconer_domain::air_gap::OperatorWord;
use falconer_domain::operate::Reset;
use falconer_domain::{Catalog, Product};
use falconer_operator::license_change::{ChangeRefusal, LicenseChange};
use falconer_tests::{Fixture, Machine, TestStack, now};
use serde_json::json;

use crate::computer::FixtureHardware;
use crate::issuing::falconer;
use crate::operator::{run, said, told};
use room::AirGap;

const DAY: i64 = 86_400;

/// Runs both commands with files of a machine, for tests about the commands themselves.
pub(crate) fn files(stack: &TestStack, mut command: impl FnMut(&str, &[&str])) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let key = stack.put(Fixture::pro().with(|new, _| new.license.policy.air_gap_days = Some(30)));
    let keys = PublicKeys::parse(&stack.get("/api/keys").body.to_string()).expect("public keys");
    let client = Licensing::builder("QF", "https://licenses.example.com", keys)
        .hardware(FixtureHardware("files"))
        .store_in_memory()
        .open()
        .expect("an open license");
    let request = client.activation_request(&key, "", "").expect("a request");
    std::fs::write(file("request.txt"), request.file).expect("a file");
    let id = stack.license_id(&key).to_string();
    let (asked, answered) = (file("request.txt"), file("answer.txt"));
    command("activate-offline", &[path(&asked), "--license", &id, "--out", path(&answered)]);
    client.import_response(&std::fs::read_to_string(answered).expect("an answer")).expect("a license");
    let receipt = client.deactivate_by_receipt().expect("a receipt");
    std::fs::write(file("receipt.txt"), receipt.file).expect("a file");
    command("accept-receipt", &[path(&file("receipt.txt"))]);
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

const ENDED: State = State::Locked { code: LockCode::LeaseExpired };

/// From the request to the receipt, and not one look for a network, although the refresher runs.
#[test]
fn a_machine_lives_by_files_alone() {
    let gap = AirGap::of_days(1);
    let client = gap.machine("first");
    let refresher = client.start_refresher();
    let request =
        client.activation_request(&gap.key, "Fixture Person", "fixture.person@example.com").unwrap();
    assert!(!request.file.contains(&gap.key) && !request.short.contains(&gap.key[7..12]));
    assert_eq!((client.status(), client.pending()), (State::NotActivated, Some(Pending::Answer)));
    let answer = gap.answer(&request, &[]);
    assert_eq!(client.import_response(&answer), Ok(State::Active));
    let license = client.license().unwrap();
    assert_eq!((license.air_gap, client.pending()), (true, None));
    assert!(client.has_feature(&license.features[0]));

    gap.clock.pass(DAY - 3_600);
    assert_eq!((client.status(), client.is_unlocked()), (State::RefreshDue, true));
    assert_eq!(client.snapshot().message.id, MessageId::RenewByFile);
    gap.clock.pass(2 * 3_600);
    assert_eq!((client.status(), client.is_unlocked()), (ENDED, false));
    assert_eq!(client.snapshot().message.id, MessageId::AirGapEnded);

    told(&gap.stack, &["set-policy", &gap.key, "air_gap_days=365"]);
    let renewal = client.renewal_request().unwrap();
    let answer = gap.answer(&renewal, &[]);
    assert_eq!(client.import_response(&answer), Ok(State::Active));
    gap.clock.pass(300 * DAY);
    assert_eq!(client.status(), State::Active);

    assert_eq!(gap.seats_taken(), 1);
    let receipt = client.deactivate_by_receipt().unwrap();
    assert_eq!((client.status(), client.is_unlocked()), (State::NotActivated, false));
    assert_eq!(client.pending(), Some(Pending::Receipt));
    assert_eq!(client.deactivate_by_receipt().as_ref(), Ok(&receipt), "a second call returns it again");
    let second = Machine::named("second");
    assert_eq!(gap.receipt(&receipt, &[])["outcome"], "changed");
    assert_eq!(gap.seats_taken(), 1, "until the lease ends");
    assert_eq!(gap.stack.activate(&gap.key, &second).code(), "SEATS_EXHAUSTED");
    assert_eq!(gap.receipt(&receipt, &[])["outcome"], "unchanged");
    assert_eq!(gap.receipt(&receipt, &["--trust-receipt"])["outcome"], "changed");
    assert_eq!(gap.seats_taken(), 0);
    assert_eq!(gap.stack.transfer(&gap.key, &second).code(), "ACTIVATED");
    drop(refresher);
    assert_eq!(gap.network.looks(), 0, "nobody has looked for a network");
}

#[test]
fn an_answer_counts_once() {
    let gap = AirGap::of_days(30);
    let (client, answer) = gap.activated("first");
    let before = client.license();
    let again = client.import_response(&answer).unwrap_err();
    assert_eq!(again.kind, FailureKind::Answer(InvalidAnswer::AlreadyImported));
    assert_eq!(again.user_message().id, MessageId::AlreadyImported);
    assert_eq!((client.status(), client.license()), (State::Active, before));
    gap.clock.pass(31 * DAY);
    let ended = client.import_response(&answer).unwrap_err();
    assert_eq!((ended.kind, client.status()), (FailureKind::Answer(InvalidAnswer::Ended), ENDED));
    // Given back, nothing waits for it any more.
    let receipt = client.deactivate_by_receipt();
    assert!(receipt.is_ok());
    let late = client.import_response(&answer).unwrap_err();
    assert_eq!(late.kind, FailureKind::Answer(InvalidAnswer::NoRequest));
    assert_eq!(client.status(), State::NotActivated);
}

/// The store with the waiting request, put back after the end, and put back after the receipt.
#[test]
fn a_restored_store_gains_nothing() {
    let gap = AirGap::of_days(30);
    let client = gap.machine("first");
    let request = client.activation_request(&gap.key, "", "").unwrap();
    let answer = gap.answer(&request, &[]);
    drop(client);
    std::fs::copy(gap.store("first"), gap.store("waiting")).unwrap();
    let client = gap.machine("first");
    assert_eq!(client.import_response(&answer), Ok(State::Active));
    let end = client.license().unwrap().offline_until;
    drop(client);
    std::fs::copy(gap.store("first"), gap.store("working")).unwrap();
    let client = gap.machine("first");
    let receipt = client.deactivate_by_receipt().unwrap();
    drop(client);
    gap.receipt(&receipt, &[]);

    for copy in ["waiting", "working"] {
        let restored = gap.builder("first", copy).open().unwrap();
        let imported = restored.import_response(&answer);
        assert_eq!(imported.is_ok(), copy == "waiting");
        assert_eq!(restored.license().unwrap().offline_until, end, "{copy}: not a second longer");
        assert_eq!(gap.stack.activate(&gap.key, &Machine::named("second")).code(), "SEATS_EXHAUSTED");
    }
    gap.clock.pass(31 * DAY);
    for copy in ["waiting", "working"] {
        let restored = gap.builder("first", copy).open().unwrap();
        assert_eq!((restored.import_response(&answer).is_err(), restored.status()), (true, ENDED), "{copy}");
    }
}

#[test]
fn another_machine_gains_nothing() {
    let gap = AirGap::of_days(30);
    let client = gap.machine("first");
    let request = client.activation_request(&gap.key, "", "").unwrap();
    let answer = gap.answer(&request, &[]);
    drop(client);
    // One without the request, and one with a copy of the store.
    std::fs::copy(gap.store("first"), gap.store("copied")).unwrap();
    for (store, expected) in [("fresh", InvalidAnswer::NoRequest), ("copied", InvalidAnswer::NoRequest)] {
        let other = gap.builder("other", store).open().unwrap();
        let refused = other.import_response(&answer).unwrap_err();
        assert_eq!(
            (refused.kind, other.status()),
            (FailureKind::Answer(expected), State::NotActivated),
            "{store}"
        );
    }
    // With the same nonce: a copied store whose row names the other machine.
    let first = gap.machine("first");
    assert_eq!(first.import_response(&answer), Ok(State::Active));
    drop(first);
    let moved = gap.builder("other", "first").open().unwrap();
    assert_eq!((moved.status(), moved.is_unlocked()), (State::NotActivated, false));
}

#[test]
fn a_clock_turned_back_gains_nothing() {
    let gap = AirGap::of_days(30);
    let (client, answer) = gap.activated("first");
    gap.clock.pass(31 * DAY);
    assert_eq!(client.status(), ENDED);
    gap.clock.turn(-30 * DAY);
    assert!(!client.is_unlocked());
    assert!(client.import_response(&answer).is_err());
    assert_eq!((client.status(), client.is_unlocked()), (State::ClockSuspect, false));
    assert_eq!(client.snapshot().message.id, MessageId::AirGapClock);
    // Over a restart too, and for an answer that waited on a shelf.
    let shelved = gap.answer(&client.renewal_request().unwrap(), &[]);
    gap.clock.turn(30 * DAY);
    gap.clock.pass(31 * DAY);
    assert_eq!(client.status(), ENDED);
    drop(client);
    gap.clock.turn(-62 * DAY);
    let client = gap.machine("first");
    let ended = client.import_response(&shelved).unwrap_err();
    assert_eq!(ended.kind, FailureKind::Answer(InvalidAnswer::Ended), "by the latest moment that has passed");
    assert_eq!((client.status(), client.is_unlocked()), (State::ClockSuspect, false));
    assert_eq!(client.pending(), Some(Pending::Answer), "the request waits on");
}

/// The refusals of the endpoints, by their codes, and sentences that say how to go on.
#[test]
fn operator_refuses_as_the_server_does() {
    let gap = AirGap::of_days(30);
    let client = gap.machine("first");
    let request = client.activation_request(&gap.key, "", "").unwrap();
    for (before, sentence, after) in [
        (
            vec!["set-policy", "air_gap_days=0"],
            "air_gap_days in the catalog allows it",
            vec!["set-policy", "air_gap_days=30"],
        ),
        (vec!["suspend"], "SUSPENDED: License suspended.", vec!["reinstate"]),
        (vec!["revoke", "--reason", "refund"], "REVOKED: License revoked.", vec!["reinstate"]),
    ] {
        let of = |command: &[&'static str]| {
            let mut command: Vec<_> = command.iter().map(|word| (*word).to_owned()).collect();
            command.insert(1, gap.key.clone());
            command
        };
        for (command, refuses) in [(before, true), (after, false)] {
            let command = of(&command);
            told(&gap.stack, &command.iter().map(String::as_str).collect::<Vec<_>>());
            if refuses {
                let said = gap.refusal(&request, &[]);
                assert!(said.contains(sentence), "{said}");
                assert!(!said.contains(&gap.key), "{said}");
            }
        }
    }
    assert_eq!(gap.stack.activate(&gap.key, &Machine::named("desk")).code(), "ACTIVATED");
    assert!(gap.refusal(&request, &[]).contains("SEATS_EXHAUSTED: "));
    assert!(client.renewal_request().is_err(), "nothing was activated here");
    let answer = gap.answer(&client.activation_request(&gap.key, "", "").unwrap(), &["--transfer"]);
    assert_eq!(client.import_response(&answer), Ok(State::Active));
    let license = gap.stack.stored(&gap.stack.license_id(&gap.key));
    assert_eq!((license.bound(), license.transfers_total), (1, 1));
}

/// The network's ways to a seat that a long lease keeps.
#[test]
fn a_seat_stays_while_its_lease_is_out() {
    let gap = AirGap::of_days(30);
    let (client, _) = gap.activated("first");
    let (id, desk) = (gap.stack.license_id(&gap.key), Machine::named("desk"));
    assert_eq!(gap.stack.transfer(&gap.key, &desk).code(), "DEVICE_OFFLINE");
    let device = client.license().unwrap().device_id.unwrap();
    for words in [
        vec!["reset-hardware", id.as_str(), "--all"],
        vec!["reset-hardware", id.as_str(), "--device", &device],
    ] {
        let output = run(&gap.stack, &[&["--yes"], words.as_slice()].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("--despite-offline-lease"), "{}", said(&output));
    }
    // The console has the same rule.
    let change = LicenseChange::ResetHardware(Reset::All, OperatorWord::Keep);
    let catalog = Catalog::built_in(&Product::parse("QF").unwrap()).unwrap();
    let refused = change.apply(gap.stack.stored(&id), &catalog, now()).unwrap_err();
    assert!(matches!(refused, ChangeRefusal::Held(_)), "{refused}");
    // The machine finds a network and deactivates: it may have kept a copy.
    gap.network.plug();
    let online = gap.builder("first", "first-online").open().unwrap();
    assert!(online.activate(&gap.key, "", "").is_ok());
    assert!(online.deactivate().is_ok());
    assert_eq!((gap.stack.stored(&id).bound(), gap.seats_taken()), (0, 1));
    assert_eq!(gap.stack.activate(&gap.key, &desk).code(), "SEATS_EXHAUSTED");
    assert_eq!(gap.stack.transfer(&gap.key, &desk).code(), "DEVICE_OFFLINE");
    let shown = told(&gap.stack, &["show", id.as_str()]);
    assert_eq!(
        (&shown["offline"][0]["device"], &shown["offline"][0]["givenBack"]),
        (&json!(device), &json!(true))
    );
    let word = ["reset-hardware", id.as_str(), "--device", &device, "--despite-offline-lease"];
    assert_eq!(told(&gap.stack, &word)["outcome"], "changed");
    assert_eq!(gap.stack.activate(&gap.key, &desk).code(), "ACTIVATED");
}

#[test]
fn audit_and_explain_know_offline_leases() {
    let gap = AirGap::of_days(30);
    let (client, _) = gap.activated("first");
    let device = client.license().unwrap().device_id.unwrap();
    let explained = told(&gap.stack, &["explain", &gap.key]);
    assert_eq!(
        (&explained["offline"][0]["device"], &explained["offline"][0]["givenBack"]),
        (&json!(device), &json!(false))
    );
    let text = String::from_utf8(run(&gap.stack, &["explain", &gap.key]).stdout).unwrap();
    assert!(text.contains(&format!("{device} works without a network until")), "{text}");
    let renewal = gap.answer(&client.renewal_request().unwrap(), &["--reason", "yearly visit"]);
    assert!(client.import_response(&renewal).is_ok());
    gap.receipt(&client.deactivate_by_receipt().unwrap(), &["--trust-receipt"]);
    let rows = gap.stack.audit_rows(&gap.stack.license_id(&gap.key));
    let rows: Vec<_> = rows
        .iter()
        .filter(|row| row["action"]["S"] != "set-policy")
        .map(|row| {
            (
                row["action"]["S"].as_str().unwrap(),
                row["code"]["S"].as_str().unwrap(),
                row["device"]["S"].as_str(),
            )
        })
        .collect();
    let device = Some(device.as_str());
    assert_eq!(
        rows,
        [
            ("activate-offline", "ACTIVATED", device),
            ("activate-offline", "REFRESHED", device),
            ("accept-receipt", "RECEIPT_TRUSTED", device),
        ]
    );
    let shown = String::from_utf8(run(&gap.stack, &["audit", &gap.key]).stdout).unwrap();
    assert!(shown.contains("activate-offline") && shown.contains("“yearly visit”"), "{shown}");
}

/// The ring has moved on since the application was built, and no network brings the new key.
#[test]
fn an_answer_brings_the_new_key() {
    let gap = AirGap::of_days(30);
    told(&gap.stack, &["keyring", "add"]);
    told(&gap.stack, &["keyring", "promote", "--now"]);
    let client = gap.machine("first");
    let request = client.activation_request(&gap.key, "", "").unwrap();
    let answer = gap.answer(&request, &[]);
    assert_eq!(client.import_response(&answer), Ok(State::Active));
    drop(client);
    assert_eq!(gap.machine("first").status(), State::Active, "after a restart too");
}

#[test]
fn short_texts_and_mails_are_read() {
    let gap = AirGap::of_days(30);
    let client = gap.machine("first");
    let request = client.activation_request(&gap.key, "", "").unwrap();
    let mail = format!("> {} \r\n", request.file.lines().collect::<Vec<_>>().join(" \r\n> "));
    for text in [request.short.to_lowercase(), format!("\u{FEFF}Dear vendor,\r\n{mail}\r\nThank you.")] {
        let mut command = falconer(&gap.stack);
        command.args(["--yes", "activate-offline", "-", "--short"]);
        command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = command.stderr(std::process::Stdio::piped()).spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", said(&output));
        let short = String::from_utf8(output.stdout).unwrap();
        assert!(short.starts_with("FALCONER-ANSWER-1:") && short.trim().lines().count() == 1, "{short}");
        assert!(short.len() < 4_296, "a QR code holds it");
    }
    let own = client.import_response(&request.short).unwrap_err();
    assert_eq!(own.kind, FailureKind::Answer(InvalidAnswer::OwnText));
    let output = run(
        &gap.stack,
        &[
            "--yes",
            "accept-receipt",
            path(&{
                let file = gap.store("wrong.txt");
                std::fs::write(&file, &request.file).unwrap();
                file
            }),
        ],
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("this is the request, and the receipt is needed"), "{}", said(&output));
}

/// Another key made this request, or somebody changed it.
#[test]
fn a_request_without_its_key_is_not_answered() {
    let gap = AirGap::of_days(30);
    let client = gap.machine("first");
    let invented = format!("{}{}", &gap.key[..gap.key.len() - 17], "00000-00000-00000");
    let request = client.activation_request(&invented, "", "").unwrap();
    let file = gap.store("request.txt");
    std::fs::write(&file, &request.file).unwrap();
    let output = run(&gap.stack, &["--yes", "activate-offline", path(&file)]);
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    let named = run(&gap.stack, &["--yes", "activate-offline", path(&file), "--license", &gap.key]);
    assert_eq!(named.status.code(), Some(4), "{}", said(&named));
    assert!(gap.stack.stored(&gap.stack.license_id(&gap.key)).devices.is_empty());
}

/// The script of `examples/air-gap`, with the programs of both ends.
#[test]
fn example_runs_from_request_to_receipt() {
    let gap = AirGap::of_days(365);
    let folder = gap.folder.path();
    std::fs::write(folder.join("falconer-keys.json"), gap.stack.get("/api/keys").body.to_string()).unwrap();
    let environment: Vec<_> = falconer(&gap.stack)
        .get_envs()
        .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
        .collect();
    let programs = falconer_tests::program("falconer");
    let programs = programs.parent().expect("a folder of programs");
    let mut shell = std::process::Command::new("sh");
    shell.arg(falconer_tests::checkout().join("examples/air-gap/air-gap.sh")).current_dir(folder);
    shell.env_clear().envs(environment);
    shell.env("PATH", format!("{}:/usr/bin:/bin", programs.display())).env("FALCONER", "falconer");
    shell
        .env("LICENSE_KEY", &gap.key)
        .env("FALCONER_MACHINE_ID", "fixture-machine-press")
        .env("HOME", folder);
    let output = shell.output().expect("a shell");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", said(&output));
    let states: Vec<_> = text.lines().filter(|line| line.starts_with("\"state\"")).collect();
    assert_eq!(states, [r#""state":"Active""#, r#""state":"Active""#, r#""state":"NotActivated""#], "{text}");
    assert_eq!(gap.seats_taken(), 0, "{text}");
    for file in ["falconer-request.txt", "falconer-answer.txt", "falconer-receipt.txt"] {
        let content = std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(!content.contains(&gap.key), "{file} holds the license key");
    }
}

/// The commands of `docs/air-gap.md`, in its order.
#[test]
fn documented_commands_work() {
    let page = std::fs::read_to_string(falconer_tests::checkout().join("docs/air-gap.md")).unwrap();
    let blocks = page.split("\n```sh\n").skip(1).map(|block| block.split("```").next().unwrap().trim());
    let gap = AirGap::of_days(1);
    let client = gap.machine("first");
    let file = |name: &str| gap.store(name).to_str().unwrap().to_owned();
    let mut device = String::new();
    let mut ran = Vec::new();
    for command in blocks {
        let named = command.split_whitespace().nth(1).unwrap();
        match named {
            "activate-offline" => {
                let request = client.activation_request(&gap.key, "", "").unwrap();
                std::fs::write(file("request"), request.file).unwrap();
            }
            "accept-receipt" if client.pending() != Some(Pending::Receipt) => {
                let receipt = client.deactivate_by_receipt().unwrap();
                std::fs::write(file("receipt"), receipt.file).unwrap();
            }
            // Another lease of the machine, which is lost with it.
            "reset-hardware" => {
                drop(gap.answer(&client.activation_request(&gap.key, "", "").unwrap(), &["--transfer"]));
            }
            _ => {}
        }
        if named == "reset-hardware" {
            let license = gap.stack.stored(&gap.stack.license_id(&gap.key));
            device = license.devices.keys().next().unwrap().to_string();
        }
        let words = command.split_whitespace().skip(1).map(|word| match word {
            "<license>" => gap.key.clone(),
            "<device>" => device.clone(),
            "<request>" | "<answer>" | "<receipt>" => file(word.trim_matches(['<', '>'])),
            word => word.to_owned(),
        });
        let words: Vec<_> = std::iter::once("--yes".to_owned()).chain(words).collect();
        let output = falconer(&gap.stack).args(&words).output().unwrap();
        assert!(output.status.success(), "{command}: {}", said(&output));
        if named == "activate-offline" {
            let answer = std::fs::read_to_string(file("answer")).unwrap();
            assert_eq!(client.import_response(&answer), Ok(State::Active));
        }
        ran.push(named.to_owned());
    }
    let expected = ["set-policy", "activate-offline", "accept-receipt", "accept-receipt", "reset-hardware"];
    assert_eq!(ran, expected);
}
