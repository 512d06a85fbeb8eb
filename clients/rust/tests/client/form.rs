//! The model of the dialog, used as a person would.

use std::sync::mpsc::{Sender, channel};

use falconer_client::transport::{NetworkFailure, Reply, TransportRequest};
use falconer_client::{
    ActivationForm, Dashboard, Field, InvalidInput, LockCode, MessageId, NextAction, Pending, Phase, State,
    Transport, UnixMillis, UnixSeconds,
};
use falconer_domain::Code;
use serde_json::{Value, json};

use crate::harness::{DAY, FEATURE, Machine, NetworkFault, START, Server, TestSetup, builder, key};

fn filled(key: &str) -> ActivationForm {
    let mut form = ActivationForm::new();
    form.enter(key);
    form.focus_next();
    form.enter("Anna Example");
    form.focus_next();
    form.enter("anna@example.com");
    form
}

#[test]
fn keys_are_masked_without_focus() {
    let mut form = ActivationForm::new();
    form.enter(&format!("  {}\r\n", key(1).to_lowercase().replace('-', "\u{2013}")));
    assert!(form.display_text(Field::Key).contains("qf\u{2013}pro"), "as it is typed");
    form.focus_next();
    let masked = form.display_text(Field::Key);
    assert!(masked.starts_with("QF-PRO-…-") && masked.len() < 24, "{masked}");
    form.focus_on(Field::Key);
    assert_eq!(form.display_text(Field::Key), key(1), "as it is printed");
    assert!(!format!("{form:?}").contains("PRO"));
    form.erase();
    form.focus_next();
    assert!(
        form.display_text(Field::Key).starts_with('…'),
        "with a character lost it could be another system's"
    );
    form.focus_on(Field::Key);
    (0..key(1).len()).for_each(|_| form.erase());
    form.enter("QF-PR");
    form.focus_next();
    assert_eq!(form.display_text(Field::Key), "QF-PR", "what is no key is not masked");
    let mut long = ActivationForm::new();
    long.enter(&"x".repeat(10_000));
    assert_eq!(long.display_text(Field::Key).len(), 1_024);
}

/// The form has no product. Without hyphens the text stays as typed, and the request holds the right key.
#[test]
fn accepts_keys_without_hyphens() {
    for typed in
        [key(1).replace('-', ""), format!("Lizenzschl\u{FC}ssel {}", key(1).replace('-', " ").to_lowercase())]
    {
        let setup = TestSetup::new();
        let mut form = filled(&typed);
        assert_eq!(form.invalid_field(), None, "{typed}");
        let work = form.submit().unwrap();
        form.finish(work(&setup.client));
        assert_eq!(form.phase(), &Phase::Done, "{typed}");
        let (_, sent) = setup.server.state().requests[0].clone();
        assert_eq!(sent["license_key"], key(1), "{typed}");
    }
}

#[test]
fn invalid_field_is_named_and_not_sent() {
    let setup = TestSetup::new();
    let mut form = filled("no key");
    assert!(form.submit().is_none());
    let Phase::Failed { failure, next } = form.phase().clone() else { panic!("{:?}", form.phase()) };
    assert_eq!((next, form.focus()), (NextAction::Correct(Field::Key), Field::Key));
    assert_eq!((failure, form.message().id), (InvalidInput::Key.into(), MessageId::InvalidKey));
    form.enter("x");
    assert_eq!(form.phase(), &Phase::Editing, "typing takes the message away");
    let mut form = filled(&key(1));
    form.focus_on(Field::Email);
    form.enter("@");
    form.erase();
    (0..20).for_each(|_| form.erase());
    form.enter("anna");
    assert!(form.submit().is_none());
    assert_eq!(form.focus(), Field::Email);
    assert_eq!(setup.server.asked(), []);
}

#[test]
fn activation_leads_to_dashboard() {
    let setup = TestSetup::new();
    setup.server.state().expires_at = Some(UnixMillis(START.0 + 30 * DAY * 1_000));
    assert_eq!(Dashboard::of(&setup.client), None);
    let mut form = filled(&key(1));
    let work = form.submit().unwrap();
    assert_eq!(form.phase(), &Phase::Working);
    form.enter("ignored");
    form.erase();
    form.finish(work(&setup.client));
    assert_eq!(form.phase(), &Phase::Done);
    let dashboard = Dashboard::of(&setup.client).unwrap();
    assert_eq!((dashboard.state, dashboard.unlocked), (State::Active, true));
    assert_eq!((dashboard.tier.as_str(), dashboard.features.as_slice()), ("pro", &[FEATURE.to_owned()][..]));
    assert_eq!((dashboard.days_left, dashboard.offline_days_left), (Some(30), Some(8)));
    setup.clock.pass(DAY + 1);
    assert_eq!(Dashboard::of(&setup.client).unwrap().days_left, Some(29));
    assert!(dashboard.device.contains(" computer ("), "{}", dashboard.device);
}

#[test]
fn offers_to_move_a_taken_seat() {
    let setup = TestSetup::activated();
    let office = builder(&setup.server, &setup.clock, &Machine::named("office")).open().unwrap();
    let mut form = filled(&key(1));
    let work = form.submit().unwrap();
    form.finish(work(&office));
    let Phase::Failed { next: NextAction::MoveHere(holders), .. } = form.phase().clone() else {
        panic!("{:?}", form.phase())
    };
    assert_eq!(holders.len(), 1);
    assert_eq!(form.chosen_holder(), Some(&holders[0]));
    form.choose_next_holder();
    assert_eq!(form.chosen_holder(), Some(&holders[0]), "from the last to the first");
    let work = form.move_here().unwrap();
    form.finish(work(&office));
    assert_eq!((form.phase(), office.status()), (&Phase::Done, State::Active));

    // The first device gets the same offer at its next start.
    setup.client.refresh().unwrap();
    let mut form = ActivationForm::for_state(setup.client.status());
    let work = form.move_here().unwrap();
    form.finish(work(&setup.client));
    assert_eq!((form.phase(), setup.client.status()), (&Phase::Done, State::Active));
    assert!(ActivationForm::for_state(State::Locked { code: LockCode::Revoked }).move_here().is_none());
}

#[test]
fn outages_wait_and_refusals_offer_actions() {
    let setup = TestSetup::new();
    setup.set_fault(NetworkFault::Portal);
    let mut form = filled(&key(1));
    let work = form.submit().unwrap();
    form.finish(work(&setup.client));
    assert!(matches!(form.phase(), Phase::Waiting(_)), "{:?}", form.phase());
    assert_eq!(form.message().id, MessageId::NotTheServer);
    setup.set_fault(NetworkFault::None);
    for (code, next) in [
        (Code::NotFound, NextAction::Correct(Field::Key)),
        (Code::EmailMismatch, NextAction::Correct(Field::Email)),
        (Code::TransferCooldown, NextAction::TryAgain),
        (Code::VirtualMachine, NextAction::AskVendor),
        (Code::Revoked, NextAction::AskVendor),
    ] {
        setup.server.state().license = code;
        let mut form = filled(&key(1));
        let work = form.submit().unwrap();
        form.finish(work(&setup.client));
        assert!(matches!(form.phase(), Phase::Failed { next: offered, .. } if *offered == next), "{code:?}");
    }
}

/// A toolkit owns its text boxes: it sets what they hold, and fills them before the user types.
#[test]
fn fields_are_set_and_read() {
    let setup = TestSetup::new();
    let mut form = ActivationForm::new();
    form.set(Field::Key, "no key");
    form.set(Field::Name, "Anna\nExample");
    form.set(Field::Email, &"x".repeat(10_000));
    assert_eq!((form.text(Field::Key), form.text(Field::Name)), ("no key", "Anna Example"));
    assert_eq!(form.text(Field::Email).chars().count(), 255);
    assert!(form.submit().is_none());
    form.set(Field::Key, "no key");
    assert!(matches!(form.phase(), Phase::Failed { .. }), "the same text takes no message away");
    form.set(Field::Key, &key(1));
    assert_eq!(form.phase(), &Phase::Editing);
    form.set(Field::Email, "anna@example.com");
    let work = form.submit().unwrap();
    form.set(Field::Name, "ignored");
    assert_eq!(form.text(Field::Name), "Anna Example");
    form.finish(work(&setup.client));
    assert_eq!(form.phase(), &Phase::Done);
    let (_, sent) = setup.server.state().requests[0].clone();
    assert_eq!((&sent["license_key"], &sent["licensee_name"]), (&key(1).into(), &"Anna Example".into()));
}

/// A server that adds dates to its answers.
#[derive(Clone)]
struct DatingServer {
    server: Server,
    next_transfer: UnixSeconds,
    last_seen: UnixSeconds,
}

impl Transport for DatingServer {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let reply = self.server.send(request)?;
        let mut body: Value = serde_json::from_slice(&reply.body).unwrap();
        body["transfers"] = json!({ "nextAt": self.next_transfer.0 * 1_000 });
        for device in body["devices"].as_array_mut().into_iter().flatten() {
            device["lastSeenAt"] = json!(self.last_seen.0 * 1_000);
        }
        Ok(Reply::new(reply.status, body.to_string().into_bytes()))
    }
}

#[test]
fn cooldown_and_holders_have_dates() {
    let setup = TestSetup::activated();
    let now = setup.real_seconds();
    let (next_transfer, last_seen) = (UnixSeconds(now.0 + 7_200), UnixSeconds(now.0 - 3 * DAY));
    let server = DatingServer { server: setup.server.clone(), next_transfer, last_seen };
    let office = builder(&server, &setup.clock, &Machine::named("office")).open().unwrap();
    let mut form = filled(&key(1));
    let work = form.submit().unwrap();
    form.finish(work(&office));
    assert_eq!(form.chosen_holder().and_then(|holder| holder.last_seen_at), Some(last_seen));
    setup.server.state().license = Code::TransferCooldown;
    let work = form.move_here().unwrap();
    form.finish(work(&office));
    let Phase::Failed { failure, next } = form.phase() else { panic!("{:?}", form.phase()) };
    assert_eq!(
        (failure.next_transfer_at, next),
        (Some(next_transfer), &NextAction::WaitUntil(next_transfer))
    );
    assert_eq!(form.message().id, MessageId::TransferCooldown);
}

/// A server that says when it is asked, and never answers.
#[derive(Clone)]
struct SilentServer(Sender<()>);

impl Transport for SilentServer {
    fn send(&self, request: &TransportRequest<'_>) -> Result<Reply, NetworkFailure> {
        let _ = self.0.send(());
        while !request.cancel.wait(std::time::Duration::from_mins(5)) {}
        Err(NetworkFailure::Cancelled)
    }
}

#[test]
fn cancel_ends_the_running_call() {
    let setup = TestSetup::new();
    let (sender, asked) = channel();
    let client = builder(&SilentServer(sender), &setup.clock, &setup.machine).open().unwrap();
    let mut form = filled(&key(1));
    for attempt in ["first", "second"] {
        let work = form.submit().unwrap();
        let licensing = client.clone();
        let running = std::thread::spawn(move || work(&licensing));
        asked.recv().unwrap();
        form.cancel();
        assert_eq!(form.phase(), &Phase::Working, "until the call has ended");
        form.finish(running.join().unwrap());
        assert!(
            matches!(form.phase(), Phase::Failed { next: NextAction::TryAgain, .. }),
            "{attempt}: {:?}",
            form.phase()
        );
        assert_eq!((form.message().id, client.status()), (MessageId::Cancelled, State::NotActivated));
        assert_ne!(client.pending(), Some(Pending::Activate), "what was cancelled is not sent later");
    }
    assert_eq!(form.text(Field::Key), key(1), "the fields keep their texts");
}

#[test]
fn refused_pending_activation_asks_again() {
    let setup = TestSetup::new();
    setup.set_fault(NetworkFault::Down);
    setup.client.activate(&key(1), "Anna Example", "").unwrap();
    let mut form = ActivationForm::new();
    let work = form.send_pending();
    assert_eq!(form.phase(), &Phase::Working);
    form.finish(work(&setup.client));
    assert!(matches!(form.phase(), Phase::Waiting(_)), "{:?}", form.phase());
    setup.set_fault(NetworkFault::None);
    setup.server.state().license = Code::Revoked;
    let work = form.send_pending();
    form.finish(work(&setup.client));
    assert!(matches!(form.phase(), Phase::Failed { .. }), "{:?}", form.phase());
    assert_eq!((form.message().id, setup.client.pending()), (MessageId::Revoked, None));
    setup.server.state().license = Code::Valid;
    form.set(Field::Key, &key(2));
    let work = form.submit().unwrap();
    form.finish(work(&setup.client));
    assert_eq!((form.phase(), setup.client.status()), (&Phase::Done, State::Active));
}

/// The seat is taken, and the dialog says which versions the license covers.
#[test]
fn form_names_the_covered_versions() {
    let setup = TestSetup::new();
    setup.server.state().maintenance = Some(falconer_domain::Maintenance {
        until: falconer_domain::CalendarDate::parse("2026-10-31").unwrap(),
        newest_version: Some("5.1".to_owned()),
    });
    let client =
        crate::harness::builder(&setup.server, &setup.clock, &crate::harness::Machine::named("home"))
            .build_date("Nov  1 2026")
            .open()
            .unwrap();
    let mut form = ActivationForm::new();
    form.enter(&key(1));
    let work = form.submit().unwrap();
    form.finish(work(&client));
    assert!(matches!(form.phase(), Phase::Failed { next: NextAction::AskVendor, .. }));
    assert_eq!(form.message().id.as_str(), "updates_ended");
    let told = "The license covers versions up to 2026-10-31. The newest of them is 5.1.";
    assert_eq!((form.detail(), client.detail().as_deref()), (Some(told), Some(told)));
    assert!(!client.is_unlocked());
}

#[test]
fn a_bad_build_date_is_a_mistake_of_the_application() {
    let setup = TestSetup::new();
    let builder = || {
        let machine = crate::harness::Machine::named("home");
        crate::harness::builder(&setup.server, &setup.clock, &machine)
    };
    let opened = builder().build_date("01/11/2026").open().map(|_| ());
    assert_eq!(opened, Err(falconer_client::OpenError::InvalidBuildDate));
    assert!(builder().build_date("2026-11-01T10:00:00Z").open().is_ok());
}
