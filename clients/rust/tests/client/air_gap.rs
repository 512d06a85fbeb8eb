//! A machine without a network, as the library and its dialog see it. `tests/it/air_gap.rs` has the operator's program.

use falconer_client::{
    Activation, ActivationForm, AirGapText, Failure, FailureKind, Field, InvalidAnswer, InvalidInput,
    Licensing, MessageId, NextAction, Pending, Phase, State,
};
use falconer_domain::air_gap::{
    self, AirGapAnswer, AirGapRequest, LicenseName, Receipt, TextKind, read_text, short_text,
};
use falconer_domain::hardware::{DeviceId, Label};
use falconer_domain::lease::{Bound, Claims, LeaseContext, Terms};
use falconer_domain::statement::RootKey;
use falconer_domain::{Code, LicenseId, LicenseKey, Limits, Policy, TierName};
use zeroize::Zeroizing;

use crate::harness::{DAY, FEATURE, NetworkFault, TestSetup, builder, key, product, ring, unlocked};

const DAYS: u32 = 100;

/// The operator's answer to a request, by the key that the request was made with.
fn answered(setup: &TestSetup, request: &AirGapText, with: &str) -> String {
    let content = read_text(TextKind::Request, &request.file).unwrap();
    let unchecked = AirGapRequest::of_content(&content).unwrap();
    let key = LicenseKey::parse(with).unwrap();
    let asked = unchecked.made_with(&key).expect("the tag of this key");
    let (license, nonce) = (LicenseId::of(ring(1).current(), &key), asked.nonce_text());
    let (product, tier, features) = (product(), TierName::parse("pro").unwrap(), [FEATURE.to_owned()]);
    let asked_for = LeaseContext {
        issuer: "https://licenses.example.com",
        product: &product,
        license_id: &license,
        request_id: "r",
        nonce: Some(&nonce),
        now: setup.clock.real(),
    };
    let policy = Policy { air_gap_days: DAYS, ..Policy::DEFAULT };
    let terms = Terms {
        tier: &tier,
        features: &features,
        limits: &Limits::default(),
        maintenance: None,
        expires_at: None,
        policy: &policy,
    };
    let (device, components) = (DeviceId::from_random([1; 10]), asked.hardware.lease(&Label::ALL));
    let bound = Bound { device: &device, components: &components, kept_until: None };
    let lease = Claims::air_gapped(&asked_for, Code::Activated, &terms, bound).sign(ring(1).current());
    short_text(TextKind::Answer, &AirGapAnswer { lease, keys: None }.to_content())
}

fn asked(client: &Licensing) -> AirGapText {
    client.activation_request(&key(1), "Anna Example", "anna@example.com").unwrap()
}

/// A setup without a network, whose license came as a file.
fn by_file() -> TestSetup {
    let setup = TestSetup::new();
    setup.set_fault(NetworkFault::Down);
    let answer = answered(&setup, &asked(&setup.client), &key(1));
    assert_eq!(setup.client.import_response(&answer), Ok(State::Active));
    setup
}

#[test]
fn the_dialog_goes_on_without_a_network() {
    let setup = TestSetup::new();
    setup.set_fault(NetworkFault::Down);
    let mut form = ActivationForm::new();
    form.ask_by_file(&setup.client);
    assert!(matches!(form.phase(), Phase::Failed { next: NextAction::Correct(Field::Key), .. }));
    form.set(Field::Key, &key(1));
    // Tried online first, in vain: the wish of the user is the file from now on.
    let work = form.submit().unwrap();
    form.finish(work(&setup.client));
    assert!(matches!(form.phase(), Phase::Waiting(_)));
    form.ask_by_file(&setup.client);
    assert_eq!(setup.client.pending(), Some(Pending::Answer));
    let Phase::ByFile { request: Some(request), problem: None } = form.phase().clone() else {
        panic!("{:?}", form.phase());
    };
    assert_eq!(form.message().id, MessageId::AnswerWaits);
    for (text, expected) in [
        ("hello", MessageId::NotAnAnswer),
        (request.file.as_str(), MessageId::OwnText),
        ("FALCONER-ANSWER-1:0000", MessageId::DamagedText),
    ] {
        form.import(&setup.client, text);
        assert_eq!(form.message().id, expected);
        assert!(matches!(form.phase(), Phase::ByFile { request: Some(_), problem: Some(_) }));
    }
    form.import(&setup.client, &answered(&setup, &request, &key(1)));
    assert_eq!((form.phase(), unlocked(&setup.client)), (&Phase::Done, true));
    let mut later = ActivationForm::new();
    later.renew_by_file(&setup.client);
    assert!(matches!(later.phase(), Phase::ByFile { request: Some(_), .. }));
}

/// A machine that was started again knows its request, and the form shows the step.
#[test]
fn a_request_waits_over_a_restart() {
    let setup = TestSetup::new();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license");
    let client = setup.on(&path);
    let request = asked(&client);
    drop(client);
    let client = setup.on(&path);
    assert_eq!(client.pending(), Some(Pending::Answer));
    let mut form = ActivationForm::new();
    form.await_answer();
    form.import(&client, &answered(&setup, &request, &key(1)));
    assert_eq!(form.phase(), &Phase::Done);
    // The key is in the store, and nothing of it in the request.
    let license_key = key(1);
    for text in [&request.file, &request.short] {
        assert!(!text.contains(&license_key) && !text.contains(&license_key[7..29]), "{text}");
    }
    assert!(!format!("{request:?}").contains(&license_key));
}

#[test]
fn nothing_is_sent_for_a_license_by_file() {
    let setup = by_file();
    // An application with a root asks for its statement beside the requests, and not here either.
    let root = RootKey::from_seed(&Zeroizing::new([7; 32])).public().x();
    let rooted = builder(&setup.server, &setup.clock, &setup.machine).root(&root).open().unwrap();
    let answer = answered(&setup, &asked(&rooted), &key(1));
    assert_eq!(rooted.import_response(&answer), Ok(State::Active));
    setup.server.state().requests.clear();
    let refreshers = [setup.client.start_refresher(), rooted.start_refresher()];
    for _ in 0..4 {
        setup.clock.pass(i64::from(DAYS) * DAY / 3);
        std::thread::sleep(std::time::Duration::from_millis(40));
    }
    assert!(!unlocked(&setup.client) && !unlocked(&rooted));
    drop(refreshers);
    assert_eq!(setup.server.asked(), [], "not at its renewal and not after its end");
    // An application that asks all the same asks.
    assert!(setup.client.refresh().is_err());
    assert_eq!(setup.server.asked().len(), 3);
}

#[test]
fn an_answer_is_taken_once() {
    let setup = TestSetup::new();
    let answer = answered(&setup, &asked(&setup.client), &key(1));
    assert_eq!(setup.client.import_response(&answer), Ok(State::Active));
    let before = setup.client.license();
    for _ in 0..2 {
        let again = setup.client.import_response(&answer).map_err(|failure| failure.kind);
        assert_eq!(again, Err(FailureKind::Answer(InvalidAnswer::AlreadyImported)));
    }
    assert_eq!((setup.client.license(), setup.client.status()), (before, State::Active));
}

/// A file that lay on a shelf for too long takes no later lease along.
#[test]
fn an_ended_answer_changes_nothing() {
    let setup = TestSetup::new();
    let old = answered(&setup, &asked(&setup.client), &key(1));
    setup.clock.pass(i64::from(DAYS) * DAY + 1);
    let ended = |client: &Licensing| client.import_response(&old).map_err(|failure| failure.kind);
    assert_eq!(ended(&setup.client), Err(FailureKind::Answer(InvalidAnswer::Ended)));
    assert_eq!(setup.client.status(), State::NotActivated);
    assert_eq!(setup.client.pending(), Some(Pending::Answer));

    // The date was wrong: with the right one, and after a restart, the same file counts.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("license");
    let client = setup.on(&path);
    let answer = answered(&setup, &asked(&client), &key(1));
    setup.clock.turn(3 * i64::from(DAYS) * DAY);
    let fast = client.import_response(&answer).unwrap_err();
    assert_eq!(fast.user_message().id, MessageId::AnswerEnded);
    setup.clock.turn_right();
    drop(client);
    let client = setup.on(&path);
    assert_eq!(client.import_response(&answer), Ok(State::Active));

    // A renewal that has ended takes the place of nothing, and its request waits on.
    let stored = client.license().unwrap().refresh_at;
    let renewal = answered(&setup, &client.renewal_request().unwrap(), &key(1));
    setup.clock.pass(i64::from(DAYS) * DAY);
    let late = client.import_response(&renewal).map_err(|failure| failure.kind);
    assert_eq!(late, Err(FailureKind::Answer(InvalidAnswer::Ended)));
    assert_eq!((client.license().unwrap().refresh_at, client.pending()), (stored, Some(Pending::Answer)));
}

#[test]
fn a_failed_activation_keeps_the_request() {
    let setup = TestSetup::new();
    setup.set_fault(NetworkFault::Down);
    let request = asked(&setup.client);
    assert!(setup.client.activate(&key(1), "", "").is_err(), "it does not wait: the file does");
    assert_eq!(setup.client.pending(), Some(Pending::Answer));
    let answer = answered(&setup, &request, &key(1));
    assert_eq!(setup.client.import_response(&answer), Ok(State::Active));
    // Another key is another wish.
    asked(&setup.client);
    assert!(matches!(setup.client.activate(&key(2), "", ""), Ok(Activation::Waiting(_))));
    assert_eq!(setup.client.pending(), Some(Pending::Activate));
    assert_eq!(
        setup.client.import_response(&answer).map_err(|failure| failure.kind),
        Err(FailureKind::Answer(InvalidAnswer::AlreadyImported))
    );
}

#[test]
fn receipts_are_for_long_leases_alone() {
    let online = TestSetup::activated();
    let refused = online.client.deactivate_by_receipt();
    assert_eq!(refused, Err(Failure::new(FailureKind::NotAirGapped)));
    assert!(unlocked(&online.client));
    let empty = TestSetup::new();
    let missing = Err(Failure::new(FailureKind::Input(InvalidInput::MissingKey)));
    assert_eq!(empty.client.deactivate_by_receipt(), missing);
    assert_eq!(empty.client.renewal_request(), missing);
}

#[test]
fn a_receipt_names_lease_and_device() {
    let setup = by_file();
    let license = setup.client.license().unwrap();
    let receipt = setup.client.deactivate_by_receipt().unwrap();
    let content = read_text(TextKind::Receipt, &receipt.file).unwrap();
    let (read, fits) = Receipt::of_content(&content).unwrap();
    assert_eq!((read.license.as_str(), read.lease.as_str()), (license.id.as_str(), "r"));
    assert_eq!(Some(read.device.to_string()), license.device_id);
    assert!(fits(&LicenseKey::parse(&key(1)).unwrap()) && !fits(&LicenseKey::parse(&key(2)).unwrap()));
    assert_eq!((setup.client.license(), unlocked(&setup.client)), (None, false));
    // An activation ends its waiting.
    asked(&setup.client);
    assert_eq!(setup.client.pending(), Some(Pending::Answer));
}

/// A renewal names its license by the id, and the answer to an activation with another key replaces the license.
#[test]
fn requests_name_their_license() {
    let setup = by_file();
    let named = |request: &AirGapText| {
        let content = read_text(TextKind::Request, &request.short).unwrap();
        AirGapRequest::of_content(&content).unwrap().request.license
    };
    let id = LicenseId::parse(&setup.client.license().unwrap().id).unwrap();
    assert_eq!(named(&setup.client.renewal_request().unwrap()), LicenseName::Id(id));
    let other = setup.client.activation_request(&key(2), "", "").unwrap();
    let masked = LicenseKey::parse(&key(2)).unwrap().masked();
    assert_eq!(named(&other), LicenseName::Masked(masked));
    assert!(unlocked(&setup.client), "the license works until the answer is there");
    let answer = answered(&setup, &other, &key(2));
    assert_eq!(setup.client.import_response(&answer), Ok(State::Active));
    let license = setup.client.license().unwrap().masked_key;
    assert_eq!(license, LicenseKey::parse(&key(2)).unwrap().masked());
}

/// The mark and the content of a request, as `docs/spec/air-gap.md` specifies them.
#[test]
fn a_file_holds_the_short_text() {
    let request = asked(&TestSetup::new().client);
    let joined: String = request.file.lines().skip_while(|line| !line.starts_with("FALCONER-")).collect();
    assert_eq!(joined, request.short);
    let plain =
        request.short.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || "-:".contains(c));
    assert!(plain, "{}", request.short);
    assert!(request.file.lines().all(|line| line.len() < 100), "{}", request.file);
    assert!(air_gap::MAX_TEXT_BYTES > request.file.len());
    let code = qrcode::QrCode::with_error_correction_level(&request.short, qrcode::EcLevel::L).unwrap();
    assert!(matches!(code.version(), qrcode::Version::Normal(..=15)), "{:?}", code.version());
    let longest = "A".repeat(1_754);
    let code = qrcode::QrCode::with_error_correction_level(longest, qrcode::EcLevel::L).unwrap();
    assert_eq!(code.version(), qrcode::Version::Normal(25));
}
