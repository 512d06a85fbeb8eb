//! Every reader of text from outside: no text makes it panic, and what it takes is what it writes.

use std::collections::BTreeMap;

use falconer_domain::encoding::BASE64URL_NOPAD;
use falconer_domain::hardware::{DeviceId, Label, LeaseComponents, ReceivedComponents, normalized};
use falconer_domain::jwks::{Jwk, Jwks};
use falconer_domain::lease::{self, LeaseError};
use falconer_domain::license_key::{CurrentKey, PrintedTier};
use falconer_domain::person::{Email, Note, PersonName};
use falconer_domain::seats::Reclaim;
use falconer_domain::{GenerationNumber, KeyRing, LicenseId, LicenseKey, Product, Status, TierName};
use proptest::prelude::*;

const MASTER: &str = "parsers-master-0123456789-0123456789";

/// Texts of every kind, many of them nearly right: with the prefixes, digits and separators that our texts have.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,60}",
        "(lic_|dev_|QF-|)[0-9a-hjkmnp-tv-zA-Z-]{0,50}",
        "[A-Z0-9]{0,9}-[A-Z0-9_]{0,17}-[0-9A-Za-z]{0,40}",
        "(lic_[0-9a-hjkmnp-tv-z]{24}|dev_[0-9a-hjkmnp-tv-z]{16}|active|pending|suspended|revoked|mac|0?[0-9]{1,3})",
        "[\u{0}-\u{20}\u{80}-\u{A0}\u{200B}-\u{202E}\u{FEFF}oOiIlL0-9-]{0,40}",
    ]
}

/// Parts of a lease: base64url of something, or of nothing.
fn part() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Za-z0-9_=-]{0,40}",
        texts().prop_map(|text| BASE64URL_NOPAD.encode(text.as_bytes())),
        proptest::sample::select(vec![
            r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1"}"#,
            r#"{"alg":"none","typ":"lease+jwt","kid":"1"}"#,
            r#"{"alg":"EdDSA","typ":"lease+jwt","kid":"1","kid":"1"}"#,
            "[[[[[[",
            "",
        ])
        .prop_map(|json| BASE64URL_NOPAD.encode(json.as_bytes())),
        proptest::collection::vec(any::<u8>(), 64).prop_map(|bytes| BASE64URL_NOPAD.encode(&bytes)),
    ]
}

fn jwk() -> impl Strategy<Value = Jwk> {
    let signatures = proptest::collection::btree_map("[0-9]{1,2}", part(), 0..3);
    ("[0-9]{1,2}", part(), signatures).prop_map(|(kid, x, endorsed_by)| Jwk {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        alg: "EdDSA".to_owned(),
        use_: "sig".to_owned(),
        kid,
        x,
        endorsed_by,
    })
}

fn ring() -> KeyRing {
    KeyRing::parse(&format!(r#"{{"current":"1","1":"{MASTER}"}}"#)).unwrap()
}

proptest! {
    #[test]
    fn ids_and_names_read_only_canonical(text in texts()) {
        let read = [
            LicenseId::parse(&text).map(|id| id.to_string()),
            DeviceId::parse(&text).map(|id| id.to_string()),
            Product::parse(&text).map(|product| product.to_string()),
            PrintedTier::parse(&text).map(|tier| tier.as_str().to_owned()),
            TierName::parse(&text).map(|tier| tier.to_string()),
            Label::parse(&text).map(|label| label.as_str().to_owned()),
            Status::parse(&text).map(|status| status.as_str().to_owned()),
            Reclaim::parse(&text).map(|reclaim| reclaim.as_str().to_owned()),
            GenerationNumber::parse(&text).map(|number| number.to_string()),
        ];
        for written in read.into_iter().flatten() {
            prop_assert_eq!(&written, &text);
        }
    }

    #[test]
    fn key_reading_is_canonical(text in texts()) {
        if let Some(key) = LicenseKey::parse(&text) {
            let canonical = key.to_string();
            let again = LicenseKey::parse(&canonical).map(|key| key.to_string());
            prop_assert_eq!(again, Some(canonical));
        }
        prop_assert!(ring().authenticate(&text).is_err(), "nothing random is authentic: {}", text);
    }

    #[test]
    fn ring_errors_hide_values(
        members in proptest::collection::vec((
            prop_oneof![Just("current".to_owned()), Just("legacy".to_owned()), Just("imported".to_owned()), "[0-9]{1,2}", texts()],
            prop_oneof!["[0-9]{1,2}", Just(MASTER.to_owned()), "secret-[a-z]{20,40}"],
        ), 0..6),
        cut in 0_usize..40,
        text in texts(),
    ) {
        let members: Vec<_> =
            members.iter().map(|(name, value)| format!("{}:{}", serde_json::json!(name), serde_json::json!(value))).collect();
        let json = format!("{{{}}}", members.join(","));
        let cut = if cut < 20 { 0 } else { cut };
        let json: String = json.chars().take(json.chars().count().saturating_sub(cut)).collect();
        for json in [json, text] {
            if let Err(why) = KeyRing::parse(&json) {
                let said = why.to_string();
                prop_assert!(!said.contains("secret-") && !said.contains(MASTER), "{}", said);
            }
        }
    }

    #[test]
    fn no_text_verifies_as_a_lease(header in part(), payload in part(), signature in part(), cut in any::<bool>()) {
        let ring = ring();
        let key = ring.current().signing_key().verifying_key();
        let text = if cut { format!("{header}.{payload}") } else { format!("{header}.{payload}.{signature}") };
        let read = lease::verify(&text, &Product::parse("QF").unwrap(), |kid| (kid == "1").then_some(key));
        prop_assert!(read.is_err() && read != Err(LeaseError::WrongAudience), "{}: {:?}", text, read);
    }

    /// With any `x-distrusted` the ring opens, `current` signs, every customer's key is authentic, and the
    /// published generations are those that are not distrusted.
    #[test]
    fn no_distrust_breaks_the_ring(
        entries in proptest::collection::vec(prop_oneof!["[0-9]{1,3}", " ?[1-5] ?", texts()], 0..6),
        kind in 0..4,
    ) {
        let text = entries.join(",");
        let member = match kind {
            0 => serde_json::json!(entries),
            1 => serde_json::json!({ "1": text }),
            _ => serde_json::json!(text),
        };
        let ring = serde_json::json!({
            "current": "2", "1": format!("{MASTER}-1"), "2": format!("{MASTER}-2"), "3": format!("{MASTER}-3"),
            "x-distrusted": member,
        });
        let ring = KeyRing::parse(&ring.to_string()).unwrap();
        prop_assert!(ring.signs(ring.current().number()));
        let (product, tier) = (Product::parse("QF").unwrap(), PrintedTier::parse("PRO").unwrap());
        for number in [1, 2, 3].map(|number| GenerationNumber::new(number).unwrap()) {
            let generation = ring.generation(number).unwrap();
            let key = CurrentKey::issue(generation, product.clone(), tier.clone(), [7; 10]);
            let key = LicenseKey::Current(key);
            prop_assert_eq!(ring.authenticate(&key.to_string()).unwrap().generation, number);
            let published = ring.jwks().keys.iter().any(|jwk| jwk.kid == number.to_string());
            let endorses = ring.jwks().keys.iter().any(|jwk| jwk.endorsed_by.contains_key(&number.to_string()));
            let named = kind > 1 && text.split(',').any(|entry| entry.trim() == number.to_string());
            prop_assert_eq!(published, !named || number == ring.current().number());
            prop_assert!(published || !endorses);
            prop_assert_eq!(ring.distrusts_by_name(number), named);
        }
    }

    #[test]
    fn well_formed_key_set_is_untrusted(keys in proptest::collection::vec(jwk(), 0..4), text in texts()) {
        let ours = ring().current().signing_key().verifying_key();
        let jwks = Jwks { keys, statement: None };
        let written = serde_json::to_string(&jwks).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Jwks>(&written).unwrap(), &jwks);
        for jwk in &jwks.keys {
            let _ = jwk.public_key();
            prop_assert!(!jwk.is_endorsed_by("1", &ours));
        }
        let _ = serde_json::from_str::<Jwks>(&text);
    }

    #[test]
    fn components_read_back_or_are_refused(
        texts in proptest::collection::vec((proptest::sample::select(Label::ALL.to_vec()), texts()), 0..8),
        claim in proptest::collection::btree_map(texts(), prop_oneof!["[0-9a-f]{32}", "[0-9A-F]{0,40}", texts()], 0..5),
    ) {
        let mut components = ReceivedComponents::default();
        for (label, text) in &texts {
            let _ = components.insert(*label, text);
            if let Some(once) = normalized(text) {
                prop_assert_eq!(normalized(&once), Some(once.clone()));
            }
        }
        for (_, text) in components.iter() {
            prop_assert!(normalized(text).is_some(), "a placeholder was taken: {:?}", text);
        }
        let stated = components.lease(&Label::ALL).to_wire();
        prop_assert_eq!(LeaseComponents::from_wire(&stated).to_wire(), stated);
        let known: BTreeMap<_, _> = LeaseComponents::from_wire(&claim).to_wire();
        prop_assert!(known.iter().all(|(label, hash)| claim.get(label) == Some(hash)));
    }

    #[test]
    fn lines_about_people_read_back(text in texts()) {
        if let Ok(Some(email)) = Email::read(&text) {
            prop_assert_eq!(Email::read(email.as_str()), Ok(Some(email.clone())));
        }
        if let Ok(Some(name)) = PersonName::read(&text) {
            prop_assert_eq!(PersonName::read(name.as_str()), Ok(Some(name.clone())));
        }
        if let Ok(Some(note)) = Note::read(&text) {
            prop_assert_eq!(Note::read(note.as_str()), Ok(Some(note.clone())));
        }
    }
}
