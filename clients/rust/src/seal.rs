//! A seal over the time checkpoint, so that an edited checkpoint is noticed. It is a deterrent: everything it is keyed
//! with is on the machine, and this is its source.
//!
//! The seal is keyed by the license key and the components that the lease states, and it covers the lease, so an older
//! lease under a newer checkpoint does not fit. It does not depend on the machine's current components: a changed
//! network card must not make the clock suspect.

use falconer_domain::LicenseKey;
use falconer_domain::encoding::HEXLOWER;
use falconer_domain::hardware::LeaseComponents;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::timeline::{CheckpointIntegrity, TimeCheckpoint};

/// Seals a checkpoint together with the answer that it came with and with the root's statement, where there is one:
/// `trust` is the part of the stored keys that must not be older than the checkpoint.
pub(crate) fn seal(
    checkpoint: TimeCheckpoint,
    answer: &str,
    key: &LicenseKey,
    stated: &LeaseComponents,
    trust: Option<&str>,
) -> String {
    HEXLOWER.encode(&mac(checkpoint, answer, key, stated, trust).finalize().into_bytes())
}

/// Compares a checkpoint with its seal.
pub(crate) fn check(
    seal_text: Option<&str>,
    checkpoint: TimeCheckpoint,
    answer: &str,
    key: &LicenseKey,
    stated: &LeaseComponents,
    trust: Option<&str>,
) -> CheckpointIntegrity {
    let seal_text = seal_text.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok()).unwrap_or_default();
    let matches = mac(checkpoint, answer, key, stated, trust).verify_slice(&seal_text).is_ok();
    if matches { CheckpointIntegrity::Intact } else { CheckpointIntegrity::Tampered }
}

fn mac(
    checkpoint: TimeCheckpoint,
    answer: &str,
    key: &LicenseKey,
    stated: &LeaseComponents,
    trust: Option<&str>,
) -> Hmac<Sha256> {
    let canonical = Zeroizing::new(key.canonical());
    let mut secret = new_hmac(canonical.as_bytes());
    for (label, hash) in stated.to_wire() {
        secret.update(label.as_bytes());
        secret.update(&[0]);
        secret.update(hash.as_bytes());
    }
    let mut mac = new_hmac(&secret.finalize().into_bytes());
    // Frozen with the first release, like everything in the seal: stored seals have to match.
    mac.update(b"falconer/time-marks/v1\0");
    mac.update(&checkpoint.floor.0.to_be_bytes());
    mac.update(&checkpoint.skew_millis.to_be_bytes());
    mac.update(&Sha256::digest(answer.as_bytes()));
    // Without a root the seal is that of the first release.
    if let Some(trust) = trust {
        mac.update(&Sha256::digest(trust.as_bytes()));
    }
    mac
}

fn new_hmac(key: &[u8]) -> Hmac<Sha256> {
    // Unwrap safety: HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(key).unwrap()
}

#[cfg(test)]
mod tests {
    use falconer_domain::UnixMillis;
    use falconer_domain::hardware::Label;

    use super::*;

    /// Stored seals have to match, also those that the TypeScript library has written; its tests have the same texts.
    #[test]
    fn form_is_frozen() {
        let key = LicenseKey::parse("ABC-123-XYZ").unwrap();
        let stated = LeaseComponents::from_iter([(Label::Mac, [1; 16])]);
        let checkpoint = TimeCheckpoint { floor: UnixMillis(5), skew_millis: -7 };
        for (trust, expected) in [
            (None, "85405fe20341bdc2922599ce23b3484d649638eb131d8b9ccaf9f7fcbc52e44d"),
            (Some("a statement"), "feb50e15220275df303f4d62d281719271822dfecccd16405195c43ca4be9149"),
        ] {
            assert_eq!(seal(checkpoint, "a lease", &key, &stated, trust), expected, "{trust:?}");
        }
    }

    #[test]
    fn any_changed_input_breaks_the_seal() {
        let key = |text| LicenseKey::parse(text).unwrap();
        let stated = |byte| LeaseComponents::from_iter([(Label::Mac, [byte; 16])]);
        let checkpoint = TimeCheckpoint { floor: UnixMillis(5), skew_millis: -7 };
        let seal_text = seal(checkpoint, "a lease", &key("ABC-123-XYZ"), &stated(1), None);
        let fits = |seal_text: &str, checkpoint, answer, text, byte| {
            check(Some(seal_text), checkpoint, answer, &key(text), &stated(byte), None)
                == CheckpointIntegrity::Intact
        };
        assert!(fits(&seal_text, checkpoint, "a lease", "ABC-123-XYZ", 1));
        assert!(!fits(
            &seal_text,
            TimeCheckpoint { floor: UnixMillis(4), ..checkpoint },
            "a lease",
            "ABC-123-XYZ",
            1
        ));
        assert!(!fits(
            &seal_text,
            TimeCheckpoint { skew_millis: -8, ..checkpoint },
            "a lease",
            "ABC-123-XYZ",
            1
        ));
        assert!(!fits(&seal_text, checkpoint, "an older lease", "ABC-123-XYZ", 1));
        assert!(!fits(&seal_text, checkpoint, "a lease", "ABC-123-XYY", 1));
        assert!(!fits(&seal_text, checkpoint, "a lease", "ABC-123-XYZ", 2));
        assert!(!fits(&seal_text[2..], checkpoint, "a lease", "ABC-123-XYZ", 1));
        assert!(!fits("", checkpoint, "a lease", "ABC-123-XYZ", 1));
        let with = |sealed: Option<&str>, checked: Option<&str>| {
            let seal_text = seal(checkpoint, "a lease", &key("ABC-123-XYZ"), &stated(1), sealed);
            check(Some(&seal_text), checkpoint, "a lease", &key("ABC-123-XYZ"), &stated(1), checked)
        };
        assert_eq!(with(Some("a statement"), Some("a statement")), CheckpointIntegrity::Intact);
        for (sealed, checked) in [
            (Some("a statement"), None),
            (None, Some("a statement")),
            (Some("a statement"), Some("an older one")),
        ] {
            assert_eq!(with(sealed, checked), CheckpointIntegrity::Tampered, "{sealed:?} {checked:?}");
        }
        assert_eq!(
            check(None, checkpoint, "a lease", &key("ABC-123-XYZ"), &stated(1), None),
            CheckpointIntegrity::Tampered
        );
    }
}
