//! The root's file: a seed under a passphrase, in the age format (<https://age-encryption.org/v1>).
//!
//! Comment lines precede the encrypted part: the public half, and the newest serial that was signed with this file. Both
//! can be read without the passphrase, and neither is secret. `sed -n '/BEGIN/,$p' root.key | age -d` shows the seed
//! without this program.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use falconer_domain::statement::{RootKey, RootPublicKey, SEED_BYTES};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::age_format::{self, OpenError, Randomness};
use crate::import_export::atomic_file::AtomicFile;
use crate::random;

/// Shortest passphrase. The file may be copied, and then nothing but the passphrase is between the thief and the root.
pub const MIN_PASSPHRASE_CHARS: usize = 12;
/// Longest file that is read: the real one has some 500 bytes.
const MAX_FILE_BYTES: u64 = 64 * 1024;
const FIRST_LINE: &str = "# The root key of a Falconer vendor. Keep this file offline: docs/root-key.md";
const PUBLIC: &str = "# public half: ";
const NEWEST: &str = "# newest serial: ";
pub(super) const ARMOR: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
/// Begins the encrypted text, so that another file under the same passphrase is noticed.
const SEED: &str = "falconer-root-1 ";

/// The reason why a root's file was not made, read or noted in.
#[derive(Debug, thiserror::Error)]
pub enum RootFileError {
    /// `init` over a file.
    #[error("{0} exists, and a root is never written over; name another file")]
    Exists(PathBuf),
    /// Too short a passphrase.
    #[error(
        "the passphrase has fewer than {MIN_PASSPHRASE_CHARS} characters; choose a longer one, as six words"
    )]
    ShortPassphrase,
    /// Another kind of file.
    #[error("{0} is not a root's file; `falconer root init --out FILE` makes one")]
    NotARoot(PathBuf),
    /// Not as it was written.
    #[error("{0} is a damaged root's file; take a copy of it from where you keep one")]
    Damaged(PathBuf),
    /// Another public half than that of the seed.
    #[error(
        "somebody has changed the public half in {0}: the secret under the passphrase has another one. Take a copy of the \
         file from where you keep one, and pin nothing that was made with this one"
    )]
    OtherPublicHalf(PathBuf),
    /// Another passphrase.
    #[error("the passphrase is not the one of {0}; try again")]
    WrongPassphrase(PathBuf),
    /// The disk.
    #[error("{0}: {1}")]
    Io(PathBuf, #[source] std::io::Error),
    /// The operating system.
    #[error("no random bytes from the operating system: {0}")]
    Random(#[from] getrandom::Error),
}

/// A root's file as it is on disk, its seed still encrypted.
#[derive(Debug)]
pub struct RootFile {
    path: PathBuf,
    public: RootPublicKey,
    newest: Option<i64>,
    armored: String,
}

impl RootFile {
    /// Makes a root and writes its file, readable by its owner alone. Nothing is ever written over.
    ///
    /// # Errors
    /// [`RootFileError`]; there is no new file then.
    pub fn create(path: &Path, passphrase: &SecretString) -> Result<Self, RootFileError> {
        if passphrase.expose_secret().chars().count() < MIN_PASSPHRASE_CHARS {
            return Err(RootFileError::ShortPassphrase);
        }
        let failed = |why| RootFileError::Io(path.to_owned(), why);
        let seed = Zeroizing::new(random::bytes::<SEED_BYTES>()?);
        let root = RootKey::from_seed(&seed);
        let armored = encrypted(&seed, passphrase)?;
        let file = Self { path: path.to_owned(), public: root.public(), newest: None, armored };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // tempfile makes it with mode 0600, and the name is taken only where no file has it.
        let mut part = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        part.write_all(file.text().as_bytes()).and_then(|()| part.as_file().sync_all()).map_err(failed)?;
        match part.persist_noclobber(path) {
            Ok(_) => Ok(file),
            Err(lost) if lost.error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(RootFileError::Exists(path.to_owned()))
            }
            Err(lost) => Err(failed(lost.error)),
        }
    }

    /// Reads a file without opening what is encrypted.
    ///
    /// # Errors
    /// [`RootFileError`], for a file that is absent, damaged or of another kind.
    pub fn read(path: &Path) -> Result<Self, RootFileError> {
        let failed = |why| RootFileError::Io(path.to_owned(), why);
        let mut bytes = Vec::new();
        fs::File::open(path)
            .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
            .map_err(failed)?;
        let not_a_root = || RootFileError::NotARoot(path.to_owned());
        let damaged = || RootFileError::Damaged(path.to_owned());
        let text = String::from_utf8(bytes).map_err(|_| not_a_root())?.replace("\r\n", "\n");
        if !text.starts_with(FIRST_LINE) {
            return Err(not_a_root());
        }
        let line = |start: &str| text.lines().find_map(|line| line.strip_prefix(start)).map(str::trim);
        let public = line(PUBLIC).and_then(RootPublicKey::parse).ok_or_else(damaged)?;
        let newest = line(NEWEST).map(|serial| serial.parse().map_err(|_| damaged())).transpose()?;
        let armored = text.find(ARMOR).map(|start| text[start..].to_owned()).ok_or_else(damaged)?;
        Ok(Self { path: path.to_owned(), public, newest, armored })
    }

    /// The public half as the file notes it beside the encrypted seed. Anybody who can write the file can change it, so it
    /// serves reports alone; [`Self::open`] proves it.
    #[must_use]
    pub const fn public(&self) -> RootPublicKey {
        self.public
    }

    /// The highest serial that was signed with this file.
    #[must_use]
    pub const fn newest(&self) -> Option<i64> {
        self.newest
    }

    /// Opens the root, and checks that the noted public half is its own.
    ///
    /// # Errors
    /// [`RootFileError::WrongPassphrase`], [`RootFileError::Damaged`] or [`RootFileError::OtherPublicHalf`].
    pub fn open(&self, passphrase: &SecretString) -> Result<RootKey, RootFileError> {
        let damaged = || RootFileError::Damaged(self.path.clone());
        let opened = age_format::decrypted(&self.armored, passphrase).map_err(|why| match why {
            OpenError::WrongPassphrase => RootFileError::WrongPassphrase(self.path.clone()),
            OpenError::Malformed => damaged(),
        })?;
        let text = std::str::from_utf8(&opened).map_err(|_| damaged())?;
        let seed = text.trim_end().strip_prefix(SEED).ok_or_else(damaged)?;
        let bytes = Zeroizing::new(BASE64URL_NOPAD.decode(seed.as_bytes()).map_err(|_| damaged())?);
        let mut seed = Zeroizing::new([0; SEED_BYTES]);
        if bytes.len() != SEED_BYTES {
            return Err(damaged());
        }
        seed.copy_from_slice(&bytes);
        let root = RootKey::from_seed(&seed);
        if root.public() == self.public {
            Ok(root)
        } else {
            Err(RootFileError::OtherPublicHalf(self.path.clone()))
        }
    }

    /// Notes the serial of a statement in the file, whole or not at all.
    ///
    /// # Errors
    /// [`RootFileError::Io`], as on a medium that nobody may write to.
    pub fn note(&mut self, serial: i64) -> Result<(), RootFileError> {
        self.newest = self.newest.max(Some(serial));
        AtomicFile::whole(&self.path, self.text().as_bytes())
            .map_err(|why| RootFileError::Io(self.path.clone(), why))
    }

    fn text(&self) -> String {
        let newest = self.newest.map(|serial| format!("{NEWEST}{serial}\n")).unwrap_or_default();
        format!("{FIRST_LINE}\n{PUBLIC}{}\n{newest}{}", self.public.x(), self.armored)
    }
}

fn encrypted(
    seed: &Zeroizing<[u8; SEED_BYTES]>,
    passphrase: &SecretString,
) -> Result<String, getrandom::Error> {
    let random = Randomness {
        file_key: Zeroizing::new(random::bytes()?),
        salt: random::bytes()?,
        payload_nonce: random::bytes()?,
    };
    let text = Zeroizing::new(format!("{SEED}{}\n", BASE64URL_NOPAD.encode(seed.as_slice())));
    Ok(age_format::encrypted(text.as_bytes(), passphrase, &random))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passphrase() -> SecretString {
        "six words that nobody would guess".to_owned().into()
    }

    #[test]
    fn root_opens_with_its_passphrase_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        let made = RootFile::create(&path, &passphrase()).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let mut file = RootFile::read(&path).unwrap();
        assert_eq!((file.public(), file.newest()), (made.public(), None));
        assert_eq!(file.open(&passphrase()).unwrap().public(), made.public());
        let other = "another passphrase of many words".to_owned().into();
        assert!(matches!(file.open(&other), Err(RootFileError::WrongPassphrase(_))));
        file.note(7).unwrap();
        file.note(5).unwrap();
        let noted = RootFile::read(&path).unwrap();
        assert_eq!((noted.public(), noted.newest()), (made.public(), Some(7)));
        assert_eq!(noted.open(&passphrase()).unwrap().public(), made.public());

        let text = fs::read_to_string(&path).unwrap();
        let refused = RootFile::create(&path, &passphrase()).unwrap_err();
        assert!(matches!(refused, RootFileError::Exists(_)), "{refused}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "as it was");
        let short = RootFile::create(&folder.path().join("short.key"), &"short".to_owned().into());
        assert!(matches!(short, Err(RootFileError::ShortPassphrase)));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left of what failed");
    }

    #[test]
    fn damaged_and_other_files_are_distinguished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("root.key");
        RootFile::create(&path, &passphrase()).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let other_public = format!("{PUBLIC}{}", RootKey::from_seed(&Zeroizing::new([5; 32])).public().x());
        let public = text.lines().find(|line| line.starts_with(PUBLIC)).unwrap();
        let end = text.find("-----END").unwrap();
        let changed = |place: usize| {
            let mut bytes = text.clone().into_bytes();
            bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
            String::from_utf8(bytes).unwrap()
        };
        for (text, is_root) in [
            (String::new(), false),
            ("{\"keys\":[]}".to_owned(), false),
            (format!("{FIRST_LINE}\n"), true),
            (text.replace(public, "# nothing"), true),
            (text.replace(public, &format!("{public}\n{NEWEST}soon")), true),
            (text[..end].to_owned(), true),
            (changed(end - 5), true),
        ] {
            fs::write(&path, &text).unwrap();
            let opened = RootFile::read(&path).and_then(|file| file.open(&passphrase()).map(drop));
            match opened {
                Err(RootFileError::NotARoot(_)) => assert!(!is_root, "{text}"),
                Err(RootFileError::Damaged(_)) => assert!(is_root, "{text}"),
                other => panic!("{other:?}: {text}"),
            }
        }
        fs::write(&path, text.replace(public, &other_public)).unwrap();
        let opened = RootFile::read(&path).unwrap().open(&passphrase());
        assert!(matches!(opened, Err(RootFileError::OtherPublicHalf(_))));
        fs::write(&path, [0xFF, 0xFE, 0]).unwrap();
        assert!(matches!(RootFile::read(&path), Err(RootFileError::NotARoot(_))));
        assert!(matches!(RootFile::read(&folder.path().join("none")), Err(RootFileError::Io(..))));
    }
}
