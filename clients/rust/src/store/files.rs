//! Files that stores are made of: who may use them, the lock beside them, and setting a damaged one aside.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StoreError;

/// Longest wait for another process to finish its write; each takes milliseconds.
pub(super) const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Interval between two attempts to get the lock.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Users who may read and write a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileAccess {
    /// The owner alone.
    Owner,
    /// Everybody who may write to the folder: several users, or a service and a program at a desktop.
    LikeFolder,
}

impl FileAccess {
    /// Opens a file for writing and creates it if it is absent. It holds a license key, so no file is ever open to more
    /// users than intended. In a folder of several users a link is refused: one of them could lead a service with more
    /// rights to any file.
    pub(super) fn open(self, path: &Path, options: &mut OpenOptions) -> io::Result<File> {
        options.write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
        if self == Self::Owner {
            return options.open(path);
        }
        let file = match open_shared(path, options) {
            // Another program has created the file in the meantime.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_shared(path, options)?,
            file => file?,
        };
        if !is_file_itself(path, &file) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        share_like_folder(path, &file);
        Ok(file)
    }

    /// Refuses a store that is a link or a second name of another file, where others could have made it.
    pub(super) fn check(self, path: &Path) -> io::Result<()> {
        let is_other = fs::symlink_metadata(path).is_ok_and(|found| !has_one_name(&found));
        if self == Self::LikeFolder && is_other {
            Err(io::ErrorKind::PermissionDenied.into())
        } else {
            Ok(())
        }
    }

    /// Creates a file of SQLite if it is absent, and repairs the permissions of one that is there: a restored or copied
    /// file may have any.
    #[cfg(feature = "sqlite")]
    pub(super) fn create(self, path: &Path) -> Result<(), StoreError> {
        match self.open(path, OpenOptions::new().create_new(true)) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.repair(path);
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Repairs the permissions of a file, as far as the system lets it.
    pub(super) fn repair(self, path: &Path) {
        match self {
            Self::Owner => remove_others(path),
            Self::LikeFolder => {
                if let Ok(file) = File::open(path)
                    && is_file_itself(path, &file)
                {
                    share_like_folder(path, &file);
                }
            }
        }
    }
}

/// Opens a file in a folder of several users. A file is only created exclusively, since that follows no link: the target of
/// a link stays absent.
fn open_shared(path: &Path, options: &OpenOptions) -> io::Result<File> {
    match fs::symlink_metadata(path) {
        Ok(found) if has_one_name(&found) => options.clone().create(false).open(path),
        Ok(_) => Err(io::ErrorKind::PermissionDenied.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => options.clone().create_new(true).open(path),
        Err(error) => Err(error),
    }
}

/// Removes other users' permissions. A failure is ignored.
#[cfg(unix)]
fn remove_others(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(found) = fs::metadata(path) else { return };
    let mode = found.permissions().mode();
    if found.is_file() && mode & 0o077 != 0 {
        let _ = fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700));
    }
}

/// Returns true if the path names this very file: no link, and no second name of another file.
#[cfg(unix)]
fn is_file_itself(path: &Path, file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    let (Ok(named), Ok(opened)) = (fs::symlink_metadata(path), file.metadata()) else { return false };
    has_one_name(&named) && (named.dev(), named.ino()) == (opened.dev(), opened.ino())
}

#[cfg(unix)]
fn has_one_name(found: &fs::Metadata) -> bool {
    found.is_file() && std::os::unix::fs::MetadataExt::nlink(found) == 1
}

#[cfg(not(unix))]
fn has_one_name(found: &fs::Metadata) -> bool {
    found.is_file()
}

#[cfg(not(unix))]
fn is_file_itself(path: &Path, _: &File) -> bool {
    fs::symlink_metadata(path).is_ok_and(|named| has_one_name(&named))
}

/// Gives the file the folder's group, and to each class of users the right to read and write that it has in the folder.
/// The installer of the application decides about the folder. A file of another user stays as it is.
#[cfg(unix)]
fn share_like_folder(path: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let (Ok(folder), Ok(found)) = (fs::metadata(folder), file.metadata()) else { return };
    if !found.is_file() {
        return;
    }
    if found.gid() != folder.gid() {
        let _ = fchown(file, None, Some(folder.gid()));
    }
    let class = |shift: u32| if folder.mode() >> shift & 0o2 == 0 { 0 } else { 0o6 << shift };
    let mode = 0o600 | class(3) | class(0);
    if found.mode() & 0o777 != mode {
        let _ = file.set_permissions(fs::Permissions::from_mode(mode));
    }
}

/// On other systems the user's data folder is private already, and a file inherits the folder's permissions.
#[cfg(not(unix))]
fn remove_others(_: &Path) {}

#[cfg(not(unix))]
fn share_like_folder(_: &Path, _: &File) {}

/// A held lock, or the knowledge that the file system has none.
pub(super) enum Lock {
    /// Released when the file is closed, also by a kill.
    Held { _file: File },
    /// Some network file systems lock nothing. Each write is still whole or absent.
    Unsupported,
}

/// The lock, or why it was not got.
pub(super) type Turn = Result<Lock, StoreError>;

/// Waits for the lock beside a store. Keep the lock file: if it were deleted, two programs could hold the lock.
pub(super) fn lock(path: &Path, access: FileAccess) -> Turn {
    let file = access.open(&with_ending(path, ".lock"), OpenOptions::new().create(true).truncate(false))?;
    let begun = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Lock::Held { _file: file }),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_TIMEOUT => {
                std::thread::sleep(POLL_INTERVAL);
            }
            Err(TryLockError::WouldBlock) => return Err(StoreError::Unavailable),
            Err(TryLockError::Error(_)) => return Ok(Lock::Unsupported),
        }
    }
}

/// Renames `license.db` to `license.db.damaged-1`, along with the files beside it. Nothing is deleted or replaced.
pub(super) fn set_aside(path: &Path, beside: &[&str]) -> io::Result<()> {
    let aside = |number: u64, ending: &str| with_ending(path, &format!(".damaged-{number}{ending}"));
    let is_free = |number: &u64| {
        let mut endings = beside.iter().chain(&[""]);
        endings.all(|ending| fs::symlink_metadata(aside(*number, ending)).is_err())
    };
    let number = (1..u64::MAX).find(is_free).ok_or(io::ErrorKind::AlreadyExists)?;
    for ending in beside {
        // Usually these files do not exist.
        let _ = fs::rename(with_ending(path, ending), aside(number, ending));
    }
    fs::rename(path, aside(number, ""))
}

pub(super) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}
