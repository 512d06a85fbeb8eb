//! License keys at rest: encrypted, so that the operator can read one back to a customer who lost the mail.

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use zeroize::Zeroizing;

use crate::keyring::{Generation, Purpose};
use crate::license_id::LicenseId;

/// Random bytes in front of the ciphertext.
pub const NONCE_BYTES: usize = 24;

/// `nonce ‖ XChaCha20-Poly1305(printed key)`, bound to the license id. The printed key is what the customer was given: an
/// imported one keeps its hyphens, which its canonical form lacks.
#[must_use]
pub fn seal(generation: &Generation, id: &LicenseId, printed_key: &str, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
    let payload = Payload { msg: printed_key.as_bytes(), aad: id.as_str().as_bytes() };
    let ciphertext = cipher(generation)
        .encrypt(&XNonce::from(nonce), payload)
        // Unwrap safety: encryption fails only for texts beyond 256 GB; a key has at most 128 bytes.
        .unwrap();
    [nonce.as_slice(), &ciphertext].concat()
}

/// The printed key again, or `None` if the bytes were changed, moved to another license, or sealed by another
/// generation.
#[must_use]
pub fn open(generation: &Generation, id: &LicenseId, sealed: &[u8]) -> Option<Zeroizing<String>> {
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_BYTES>()?;
    let payload = Payload { msg: ciphertext, aad: id.as_str().as_bytes() };
    let key = cipher(generation).decrypt(&XNonce::from(*nonce), payload).ok()?;
    String::from_utf8(key).ok().map(Zeroizing::new)
}

fn cipher(generation: &Generation) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new((&**generation.subkey(Purpose::KeyEscrow)).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KeyRing;

    #[test]
    fn opens_for_own_license_and_generation() {
        let ring = KeyRing::parse(
            r#"{"current":"2","1":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa","2":"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"}"#,
        )
        .unwrap();
        let (id, other) = (LicenseId::from_hash(&[1; 32]), LicenseId::from_hash(&[2; 32]));
        let sealed = seal(ring.current(), &id, "QF-PRO-KEY", [9; NONCE_BYTES]);
        assert!(!sealed.windows(6).any(|window| window == b"QF-PRO"));
        assert_eq!(open(ring.current(), &id, &sealed).unwrap().as_str(), "QF-PRO-KEY");
        assert!(open(ring.current(), &other, &sealed).is_none());
        assert!(open(ring.signing().next().unwrap(), &id, &sealed).is_none());
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(open(ring.current(), &id, &changed).is_none(), "byte {place}");
        }
        assert!(open(ring.current(), &id, &sealed[..10]).is_none());
    }
}
