//! A short secret under a passphrase, in the age format (<https://age-encryption.org/v1>, the specification of C2SP), armored.
//!
//! The subset that a root's file needs: one recipient, `scrypt`, and one chunk. The programs `age` and `rage` read what
//! this writes, and this reads what they write. The crate `age` is not used: its translated messages bring sixty crates
//! into the build, and compile serde a second time.

use chacha20poly1305::aead::Aead;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce};
use data_encoding::{BASE64, BASE64_NOPAD};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::file::ARMOR;

const VERSION: &str = "age-encryption.org/v1";
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";
const ARMOR_END: &str = "-----END AGE ENCRYPTED FILE-----";
/// Columns of the armor (RFC 7468).
const COLUMNS: usize = 64;
/// Work of scrypt as a power of two: 256 MiB and about a second, as the program `age` asks for.
const WORK_FACTOR: u8 = 18;
/// The most work that is done for a file from elsewhere, which has its own number.
const MAX_WORK_FACTOR: u8 = 22;
const FILE_KEY_BYTES: usize = 16;
const SALT_BYTES: usize = 16;
/// Longest secret: that of one chunk of the format.
const MAX_CHUNK_BYTES: usize = 64 * 1024;
/// The chunk's nonce: it is the first and the last one.
const ONLY_CHUNK: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// The reason why a text was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OpenError {
    /// Another passphrase, or a changed header: nobody can tell these apart.
    WrongPassphrase,
    /// Not such a text.
    Malformed,
}

/// Random bytes that a text needs. Each text needs fresh ones.
pub(super) struct Randomness {
    pub(super) file_key: Zeroizing<[u8; FILE_KEY_BYTES]>,
    pub(super) salt: [u8; SALT_BYTES],
    pub(super) payload_nonce: [u8; SALT_BYTES],
}

/// Encrypts a secret of at most 64 KiB.
pub(super) fn encrypted(secret: &[u8], passphrase: &SecretString, random: &Randomness) -> String {
    debug_assert!(secret.len() < MAX_CHUNK_BYTES);
    let Randomness { file_key, salt, payload_nonce } = random;
    let wrapped = sealed(&wrapping_key(passphrase, salt, WORK_FACTOR), &[0; 12], file_key.as_slice());
    let header = format!(
        "{VERSION}\n-> scrypt {} {WORK_FACTOR}\n{}\n---",
        BASE64_NOPAD.encode(salt),
        BASE64_NOPAD.encode(&wrapped)
    );
    let tag = header_mac(file_key.as_slice(), &header).finalize().into_bytes();
    let mut bytes = format!("{header} {}\n", BASE64_NOPAD.encode(&tag)).into_bytes();
    bytes.extend(payload_nonce);
    bytes.extend(sealed(&derived(file_key.as_slice(), payload_nonce, b"payload"), &ONLY_CHUNK, secret));
    let text = BASE64.encode(&bytes);
    let lines: Vec<_> = text.as_bytes().chunks(COLUMNS).map(String::from_utf8_lossy).collect();
    format!("{ARMOR}\n{}\n{ARMOR_END}\n", lines.join("\n"))
}

/// Decrypts such a text.
pub(super) fn decrypted(armored: &str, passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let bytes = dearmored(armored).ok_or(OpenError::Malformed)?;
    let Header { text, salt, work_factor, wrapped, tag, payload } =
        Header::parse(&bytes).ok_or(OpenError::Malformed)?;
    let key = wrapping_key(passphrase, &salt, work_factor);
    let file_key = opened(&key, &[0; 12], &wrapped).ok_or(OpenError::WrongPassphrase)?;
    if file_key.len() != FILE_KEY_BYTES {
        return Err(OpenError::Malformed);
    }
    header_mac(&file_key, text).verify_slice(&tag).map_err(|_| OpenError::Malformed)?;
    let (nonce, chunk) = payload.split_first_chunk::<SALT_BYTES>().ok_or(OpenError::Malformed)?;
    opened(&derived(&file_key, nonce, b"payload"), &ONLY_CHUNK, chunk).ok_or(OpenError::Malformed)
}

struct Header<'a> {
    /// The part that is authenticated.
    text: &'a str,
    salt: [u8; SALT_BYTES],
    work_factor: u8,
    wrapped: Vec<u8>,
    tag: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Option<Self> {
        let lines = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let end = lines.map(|(place, _)| place).nth(3)?;
        let (header, payload) = (std::str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]);
        let mut lines = header.split('\n');
        let version = lines.next()?;
        let mut stanza = lines.next()?.strip_prefix("-> scrypt ")?.split(' ');
        let (salt, work_factor) = (stanza.next()?, stanza.next()?);
        let wrapped = BASE64_NOPAD.decode(lines.next()?.as_bytes()).ok()?;
        let tag = lines.next()?.strip_prefix("--- ")?;
        let text = &header[..header.len() - tag.len() - 1];
        let work_factor = work_factor.parse().ok().filter(|factor| (1..=MAX_WORK_FACTOR).contains(factor))?;
        let salt = BASE64_NOPAD.decode(salt.as_bytes()).ok()?.try_into().ok()?;
        let tag = BASE64_NOPAD.decode(tag.as_bytes()).ok()?;
        let is_whole = version == VERSION && stanza.next().is_none();
        is_whole.then_some(Self { text, salt, work_factor, wrapped, tag, payload })
    }
}

fn dearmored(armored: &str) -> Option<Vec<u8>> {
    let inside = armored.trim().strip_prefix(ARMOR)?.strip_suffix(ARMOR_END)?;
    let text: String = inside.split_whitespace().collect();
    BASE64.decode(text.as_bytes()).ok()
}

fn wrapping_key(passphrase: &SecretString, salt: &[u8; SALT_BYTES], work_factor: u8) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    // Unwrap safety: 8 and 1 are valid for every work factor up to 22, and 32 bytes are asked for.
    let params = scrypt::Params::new(work_factor, 8, 1).unwrap();
    let salt = [SALT_LABEL, salt].concat();
    // Unwrap safety: as above.
    scrypt::scrypt(passphrase.expose_secret().as_bytes(), &salt, &params, key.as_mut()).unwrap();
    key
}

fn derived(file_key: &[u8], salt: &[u8], info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    // Unwrap safety: HKDF-SHA256 yields up to 255 × 32 bytes; 32 are asked for.
    Hkdf::<Sha256>::new(Some(salt), file_key).expand(info, key.as_mut()).unwrap();
    key
}

fn header_mac(file_key: &[u8], header: &str) -> Hmac<Sha256> {
    // Unwrap safety: HMAC takes a key of any length.
    let mut mac =
        <Hmac<Sha256> as KeyInit>::new_from_slice(derived(file_key, &[], b"header").as_ref()).unwrap();
    mac.update(header.as_bytes());
    mac
}

fn sealed(key: &Zeroizing<[u8; 32]>, nonce: &[u8; 12], secret: &[u8]) -> Vec<u8> {
    // Unwrap safety: encryption fails only for texts beyond 256 GB.
    ChaCha20Poly1305::new((&**key).into()).encrypt(&Nonce::from(*nonce), secret).unwrap()
}

fn opened(key: &Zeroizing<[u8; 32]>, nonce: &[u8; 12], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    ChaCha20Poly1305::new((&**key).into()).decrypt(&Nonce::from(*nonce), sealed).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Encrypted by rage (pyrage 1.3) under the passphrase below.
    const OF_RAGE: &str = "-----BEGIN AGE ENCRYPTED FILE-----
YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IHNjcnlwdCBVUVNqa3NQem9Ba1NlY0xE
TDBEMTNnIDE4CndnVStHSVRoeWVTbW1SLytNYWJKNlMrTzc1b28yV0FZSkRlQkI1
SGt4ak0KLS0tIHV6WE5nYlNYZ0FJdEdkTkF0UmVUSUNBWUcya20vM0dLNERKdFZR
RkkxSncKrtssmqIIxgNaPtAPP7QJDV2Dm5CkUTuQ+F20R0Zo9WJ0nsNsJcv8hFR7
JZyQmSgFuR6eLMRE9NpC1MIpIY0lM9JtoUGNGoLMGN+b545uM72yiG7LzuUDnzJq
NUs=
-----END AGE ENCRYPTED FILE-----
";
    const SECRET: &[u8] = b"falconer-root-1 BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc\n";

    fn passphrase() -> SecretString {
        "six words that nobody would guess".to_owned().into()
    }

    #[test]
    fn opens_a_file_of_rage() {
        assert_eq!(decrypted(OF_RAGE, &passphrase()).unwrap().as_slice(), SECRET);
    }

    #[test]
    fn opens_own_text_and_no_changed_one() {
        let random = Randomness {
            file_key: Zeroizing::new([1; FILE_KEY_BYTES]),
            salt: [2; SALT_BYTES],
            payload_nonce: [3; SALT_BYTES],
        };
        let text = encrypted(SECRET, &passphrase(), &random);
        assert_eq!(decrypted(&text, &passphrase()).unwrap().as_slice(), SECRET);
        assert!(text.lines().all(|line| line.len() <= COLUMNS));
        let other = "another passphrase of many words".to_owned().into();
        assert_eq!(decrypted(&text, &other), Err(OpenError::WrongPassphrase));
        let bytes = dearmored(&text).unwrap();
        let start = bytes.windows(4).position(|part| part == b"--- ").unwrap() + 4;
        // A byte of the header's tag, of the payload's nonce and of the secret.
        for place in [start, bytes.len() - SECRET.len() - 20, bytes.len() - 30] {
            let mut changed = bytes.clone();
            changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
            let changed = format!("{ARMOR}\n{}\n{ARMOR_END}\n", BASE64.encode(&changed));
            assert_eq!(decrypted(&changed, &passphrase()), Err(OpenError::Malformed), "{place}");
        }
        let too_hard = String::from_utf8_lossy(&bytes).replace(" 18\n", " 30\n");
        let too_hard = format!("{ARMOR}\n{}\n{ARMOR_END}\n", BASE64.encode(too_hard.as_bytes()));
        for text in ["", ARMOR, &too_hard, &text[..text.len() - 60]] {
            assert_eq!(decrypted(text, &passphrase()), Err(OpenError::Malformed), "{text}");
        }
    }
}
