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

/// Seals a checkpoint together with the answer that it came with.
pub(crate) fn seal(
    marks: TimeCheckpoint,
    answer: &str,
    key: &LicenseKey,
    stated: &LeaseComponents,
) -> String {
    HEXLOWER.encode(&mac(marks, answer, key, stated).finalize().into_bytes())
}

/// Compares a checkpoint with its seal.
pub(crate) fn check(
    kept: Option<&str>,
    marks: TimeCheckpoint,
    answer: &str,
    key: &LicenseKey,
    stated: &LeaseComponents,
) -> CheckpointIntegrity {
    let kept = kept.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok()).unwrap_or_default();
    let fits = mac(marks, answer, key, stated).verify_slice(&kept).is_ok();
    if fits { CheckpointIntegrity::Intact } else { CheckpointIntegrity::Tampered }
}

fn mac(marks: TimeCheckpoint, answer: &str, key: &LicenseKey, stated: &LeaseComponents) -> Hmac<Sha256> {
    let canonical = Zeroizing::new(key.canonical());
    let mut secret = keyed(canonical.as_bytes());
    for (label, hash) in stated.to_wire() {
        secret.update(label.as_bytes());
        secret.update(&[0]);
        secret.update(hash.as_bytes());
    }
    let mut mac = keyed(&secret.finalize().into_bytes());
    mac.update(b"falconer/time-marks/v1\0");
    mac.update(&marks.floor.0.to_be_bytes());
    mac.update(&marks.skew_millis.to_be_bytes());
    mac.update(&Sha256::digest(answer.as_bytes()));
    mac
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    // Unwrap safety: HMAC takes a key of any length.
    Hmac::<Sha256>::new_from_slice(key).unwrap()
}

#[cfg(test)]
mod tests {
    use falconer_domain::UnixMillis;
    use falconer_domain::hardware::Label;

    use super::*;

    #[test]
    fn any_changed_input_breaks_the_seal() {
        let key = |text| LicenseKey::parse(text).unwrap();
        let stated = |byte| LeaseComponents::from_iter([(Label::Mac, [byte; 16])]);
        let marks = TimeCheckpoint { floor: UnixMillis(5), skew_millis: -7 };
        let kept = seal(marks, "a lease", &key("ABC-123-XYZ"), &stated(1));
        let fits = |kept: &str, marks, answer, text, byte| {
            check(Some(kept), marks, answer, &key(text), &stated(byte)) == CheckpointIntegrity::Intact
        };
        assert!(fits(&kept, marks, "a lease", "ABC-123-XYZ", 1));
        assert!(!fits(&kept, TimeCheckpoint { floor: UnixMillis(4), ..marks }, "a lease", "ABC-123-XYZ", 1));
        assert!(!fits(&kept, TimeCheckpoint { skew_millis: -8, ..marks }, "a lease", "ABC-123-XYZ", 1));
        assert!(!fits(&kept, marks, "an older lease", "ABC-123-XYZ", 1));
        assert!(!fits(&kept, marks, "a lease", "ABC-123-XYY", 1));
        assert!(!fits(&kept, marks, "a lease", "ABC-123-XYZ", 2));
        assert!(!fits(&kept[2..], marks, "a lease", "ABC-123-XYZ", 1));
        assert!(!fits("", marks, "a lease", "ABC-123-XYZ", 1));
        assert_eq!(
            check(None, marks, "a lease", &key("ABC-123-XYZ"), &stated(1)),
            CheckpointIntegrity::Tampered
        );
    }
}
