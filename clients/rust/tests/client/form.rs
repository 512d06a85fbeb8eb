//! The model of the dialog, used as a person would.

use falconer_client::{
    ActivationForm, Dashboard, Field, InvalidInput, LockCode, MessageId, NextAction, Phase, State, UnixMillis,
};
use falconer_domain::Code;

use crate::harness::{DAY, FEATURE, Machine, NetworkFault, START, TestSetup, builder, key};

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
    assert_eq!(dashboard.device, "Linux computer".replace("Linux", &dashboard.device[..5]));
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
        (Code::Revoked, NextAction::AskVendor),
    ] {
        setup.server.state().license = code;
        let mut form = filled(&key(1));
        let work = form.submit().unwrap();
        form.finish(work(&setup.client));
        assert!(matches!(form.phase(), Phase::Failed { next: offered, .. } if *offered == next), "{code:?}");
    }
}
