//! Files that a command leaves. They hold keys or people, so only their owner may read them, and they are complete or
//! absent. `-` is standard output. A pipe or a device is written directly.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

use tempfile::{NamedTempFile, PersistError};

/// Paths that mean standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Returns true if a path is another name of standard output. A file opened by such a name would be overwritten from
/// its beginning.
#[must_use]
pub fn is_standard_output(path: &Path) -> bool {
    STANDARD_OUTPUT.into_iter().any(|name| path == Path::new(name))
}

/// A file that gets its name when it is complete.
pub struct AtomicFile {
    path: PathBuf,
    writer: BufWriter<Sink>,
}

/// Destination of the bytes.
enum Sink {
    /// A temporary file in the same folder. It is deleted unless it gets its name.
    Part(NamedTempFile),
    /// An existing pipe or device.
    Special(File),
    /// Standard output.
    Output(Stdout),
}

impl AtomicFile {
    /// Begins a file for `path`.
    ///
    /// # Errors
    /// The folder is not writable.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        let through = |sink| Ok(Self { path: path.to_owned(), writer: BufWriter::new(sink) });
        if is_standard_output(path) {
            return through(Sink::Output(std::io::stdout()));
        }
        let path = match fs::metadata(path) {
            Ok(existing) if existing.is_dir() => return Err(std::io::ErrorKind::IsADirectory.into()),
            // A rename would replace the device, or the name under which a process has a file open.
            Ok(existing) if !existing.is_file() || path.starts_with("/dev") || path.starts_with("/proc") => {
                return through(Sink::Special(OpenOptions::new().write(true).open(path)?));
            }
            // A rename would replace the link instead of its file.
            Ok(_) if path.is_symlink() => fs::canonicalize(path)?,
            Ok(_) | Err(_) => path.to_owned(),
        };
        // tempfile creates it with mode 0600 under a random name, so that concurrent runs do not share it.
        let prefix = path.file_name().map_or_else(String::new, |name| format!("{}.part-", name.display()));
        let part = tempfile::Builder::new().prefix(&prefix).tempfile_in(folder_of(&path))?;
        Ok(Self { path, writer: BufWriter::new(Sink::Part(part)) })
    }

    /// Writes a whole file and replaces an existing one.
    ///
    /// # Errors
    /// The disk is full, or the folder is not writable.
    pub fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = Self::begin(path)?;
        file.write_all(bytes)?;
        let (path, part) = file.synced()?;
        part.map_or(Ok(()), |part| replace(part, &path))
    }

    /// Names the file. An existing file with other content is kept as `….before-1` and so on, because somebody may have
    /// edited it.
    ///
    /// # Errors
    /// The disk is full, or the folder is not writable.
    pub fn finish(self) -> std::io::Result<PathBuf> {
        let (path, part) = self.synced()?;
        let Some(part) = part else { return Ok(path) };
        let now = fs::read(part.path())?;
        if fs::read(&path).is_ok_and(|before| before != now) {
            let kept = (1..).map(|number: u32| beside(&path, &format!("before-{number}")));
            let kept = kept.into_iter().find(|kept| !kept.exists());
            fs::rename(&path, kept.unwrap_or_else(|| beside(&path, "before")))?;
        }
        replace(part, &path)?;
        Ok(path)
    }

    /// Names the file if the name is free.
    ///
    /// # Errors
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists), and those of [`Self::finish`].
    pub fn finish_first(self) -> std::io::Result<()> {
        let (path, part) = self.synced()?;
        let Some(part) = part else { return Ok(()) };
        persist_first(part, &path, |part, path| part.persist_noclobber(path))?;
        // The next step relies on the name, also after a power failure.
        sync_folder_of(&path)
    }

    /// Replaces a file that still has exactly these bytes.
    ///
    /// # Errors
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists) if another process was faster, and those of
    /// [`Self::finish`].
    pub fn finish_over(self, before: &[u8]) -> std::io::Result<()> {
        let (path, part) = self.synced()?;
        let existing = OpenOptions::new().read(true).write(true).open(&path)?;
        // Of several processes that read these bytes, one replaces the file while the others wait; they then find
        // other bytes. On Windows a locked file cannot be read by its name, so two runs at the same moment are not told
        // apart there.
        #[cfg(unix)]
        existing.lock()?;
        if fs::read(&path)? != before {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        #[cfg(not(unix))]
        drop(existing);
        part.map_or(Ok(()), |part| replace(part, &path))
    }

    /// Returns the path and the temporary file, flushed to disk; none for standard output and devices.
    fn synced(self) -> std::io::Result<(PathBuf, Option<NamedTempFile>)> {
        let part = match self.writer.into_inner().map_err(std::io::IntoInnerError::into_error)? {
            Sink::Part(part) => {
                part.as_file().sync_all()?;
                Some(part)
            }
            Sink::Special(_) => None,
            Sink::Output(mut output) => {
                output.flush()?;
                None
            }
        };
        Ok((self.path, part))
    }
}

fn replace(part: NamedTempFile, path: &Path) -> std::io::Result<()> {
    part.persist(path)?;
    sync_folder_of(path)
}

/// Makes a name survive a power failure.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

/// Folders do not open as files here, and need not.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on the systems where it can fail")]
fn sync_folder_of(_: &Path) -> std::io::Result<()> {
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Names a file if the name is free. Some disks and shares support neither links nor exclusive renames; there an empty
/// file reserves the name first.
fn persist_first(
    part: NamedTempFile,
    path: &Path,
    persist: impl Fn(NamedTempFile, &Path) -> Result<File, PersistError>,
) -> std::io::Result<()> {
    match persist(part, path) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == std::io::ErrorKind::AlreadyExists => Err(failed.error),
        Err(failed) => {
            OpenOptions::new().write(true).create_new(true).open(path)?;
            failed.file.persist(path)?;
            Ok(())
        }
    }
}

/// A name beside a file's.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Part(part) => part.write(bytes),
            Self::Special(file) => file.write(bytes),
            Self::Output(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Part(part) => part.flush(),
            Self::Special(file) => file.flush(),
            Self::Output(output) => output.flush(),
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_files_atomically() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = folder.join("mapping.csv");
        let write = |text: &str| {
            let mut file = AtomicFile::begin(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        drop(write("half"));
        assert_eq!(fs::read_dir(folder).unwrap().count(), 0);
        write("one").finish().unwrap();
        write("one").finish().unwrap();
        assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
        write("two").finish().unwrap();
        write("three").finish().unwrap();
        for (name, text) in
            [("mapping.csv.before-1", "one"), ("mapping.csv.before-2", "two"), ("mapping.csv", "three")]
        {
            assert_eq!(fs::read_to_string(folder.join(name)).unwrap(), text);
        }
        let late = write("four").finish_first().unwrap_err();
        assert_eq!(late.kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_dir(folder).unwrap().count(), 3);
        // On a disk without links the first one still gets the name.
        let no_links =
            |file, _: &Path| Err(PersistError { error: std::io::ErrorKind::Unsupported.into(), file });
        let (taken, free) = (folder.join("mapping.csv"), folder.join("free.csv"));
        for (path, first) in [(&taken, false), (&free, true)] {
            let mut part = NamedTempFile::new_in(folder).unwrap();
            part.write_all(b"five").unwrap();
            let named = persist_first(part, path, no_links);
            assert_eq!(named.is_ok(), first);
            assert!(first || named.unwrap_err().kind() == std::io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&free).unwrap(), "five");
        // Over an existing file, if it still has the bytes that the writer read.
        let over = |before: &str| write("six").finish_over(before.as_bytes());
        assert_eq!(over("two").unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        over("three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "six");
        AtomicFile::whole(&path, b"over").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "over");
        assert_eq!(fs::read_dir(folder).unwrap().count(), 4, "a picture keeps no older ones");
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[cfg(unix)]
    #[test]
    fn keeps_links_and_devices() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("real.csv"), folder.path().join("link.csv"));
        fs::write(&file, "before").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        AtomicFile::whole(&link, b"after").unwrap();
        assert!(link.is_symlink() && fs::read_to_string(&file).unwrap() == "after");
        AtomicFile::whole(Path::new("/dev/null"), b"gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        assert!(AtomicFile::begin(folder.path()).is_err());
    }
}
