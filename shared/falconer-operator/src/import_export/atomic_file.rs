//! Files that a command leaves: they hold keys or people, so they are their owner's alone, and they are there whole or
//! not at all. `-` is standard output, and what is no regular file, as a pipe or a device, is written as it stands.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Stdout, Write};
use std::path::{Path, PathBuf};

/// What stands for standard output.
const STANDARD_OUTPUT: [&str; 4] = ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];

/// Returns true if a path is another word for standard output. Opened by its name it would be written from its
/// beginning, over what stands there.
#[must_use]
pub fn is_standard_output(path: &Path) -> bool {
    STANDARD_OUTPUT.into_iter().any(|name| path == Path::new(name))
}

/// A file being written under another name.
pub struct AtomicFile {
    path: PathBuf,
    part: Option<PathBuf>,
    writer: Option<BufWriter<Sink>>,
}

/// Where bytes go.
enum Sink {
    /// To a file of our own, which gets its name at the end.
    Part(File),
    /// To what stands there: a pipe, a device.
    Special(File),
    /// To standard output.
    Output(Stdout),
}

impl AtomicFile {
    /// Begins a file that shall stand at `path`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        let through =
            |sink| Ok(Self { path: path.to_owned(), part: None, writer: Some(BufWriter::new(sink)) });
        if is_standard_output(path) {
            return through(Sink::Output(std::io::stdout()));
        }
        let path = match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(std::io::ErrorKind::IsADirectory.into()),
            // A rename would put a file in the place of the device, or of what a process has open under such a name.
            Ok(there) if !there.is_file() || path.starts_with("/dev") || path.starts_with("/proc") => {
                return through(Sink::Special(OpenOptions::new().write(true).open(path)?));
            }
            // Through a link to the file it names: a rename would put a file in the place of the link.
            Ok(_) if path.is_symlink() => fs::canonicalize(path)?,
            Ok(_) | Err(_) => path.to_owned(),
        };
        // Of this process alone: two runs beside each other do not write into one.
        let part = beside(&path, &format!("part-{}", std::process::id()));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let writer = Some(BufWriter::new(Sink::Part(options.open(&part)?)));
        Ok(Self { path, part: Some(part), writer })
    }

    /// A whole file at once, in the place of one that is there.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written.
    pub fn whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = Self::begin(path)?;
        file.write_all(bytes)?;
        file.flush_to_disk()?;
        file.put_in_place()
    }

    /// Puts the file in its place. One that stands there with another content is kept as `….before-1` and so on:
    /// somebody may have worked on it.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written.
    pub fn finish(mut self) -> std::io::Result<PathBuf> {
        self.flush_to_disk()?;
        let Some(part) = &self.part else { return Ok(self.path.clone()) };
        let now = fs::read(part)?;
        if fs::read(&self.path).is_ok_and(|before| before != now) {
            let kept = (1..).map(|number: u32| beside(&self.path, &format!("before-{number}")));
            let kept = kept.into_iter().find(|kept| !kept.exists());
            fs::rename(&self.path, kept.unwrap_or_else(|| beside(&self.path, "before")))?;
        }
        self.put_in_place()?;
        Ok(self.path.clone())
    }

    /// Puts the file in its place, if nothing stands there.
    ///
    /// # Errors
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists), besides those of [`Self::finish`].
    pub fn finish_first(mut self) -> std::io::Result<()> {
        self.flush_to_disk()?;
        let Some(part) = &self.part else { return Ok(()) };
        named_first(part, &self.path, |part, path| fs::hard_link(part, path))?;
        // What comes next relies on the name being there after a power failure too.
        sync_folder_of(&self.path)
    }

    /// Puts the file in the place of one that has these bytes and no others by now.
    ///
    /// # Errors
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists) where somebody was faster, besides those of
    /// [`Self::finish`].
    pub fn finish_over(mut self, before: &[u8]) -> std::io::Result<()> {
        self.flush_to_disk()?;
        let there = OpenOptions::new().read(true).write(true).open(&self.path)?;
        // Of those who have read these bytes one replaces the file while the others wait, and then find another one. A
        // locked file of Windows cannot be read by its name, so that two runs at the same moment are not told apart
        // there.
        #[cfg(unix)]
        there.lock()?;
        if fs::read(&self.path)? != before {
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
        #[cfg(not(unix))]
        drop(there);
        self.put_in_place()
    }

    fn put_in_place(&self) -> std::io::Result<()> {
        let Some(part) = &self.part else { return Ok(()) };
        fs::rename(part, &self.path)?;
        sync_folder_of(&self.path)
    }

    fn flush_to_disk(&mut self) -> std::io::Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        match writer.into_inner().map_err(std::io::IntoInnerError::into_error)? {
            Sink::Part(file) => file.sync_all(),
            Sink::Special(_) => Ok(()),
            Sink::Output(mut output) => output.flush(),
        }
    }
}

/// Makes a name last through a power failure.
#[cfg(unix)]
fn sync_folder_of(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Folders do not open as files here, and need not.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "as on the systems where it can fail")]
fn sync_folder_of(_: &Path) -> std::io::Result<()> {
    Ok(())
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Part(file) | Self::Special(file) => file.write(bytes),
            Self::Output(output) => output.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Part(file) | Self::Special(file) => file.flush(),
            Self::Output(output) => output.flush(),
        }
    }
}

/// Gives a file its name, if nothing has it. Unlike a rename, a link fails where something stands; some disks and
/// shares know no links, and there the name is taken by an empty file first.
fn named_first(
    part: &Path,
    path: &Path,
    link: impl Fn(&Path, &Path) -> std::io::Result<()>,
) -> std::io::Result<()> {
    match link(part, path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            OpenOptions::new().write(true).create_new(true).open(path)?;
            fs::rename(part, path)
        }
        outcome => outcome,
    }
}

/// A name beside a file's.
fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match &mut self.writer {
            Some(writer) => writer.write(bytes),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // Nothing to tell: after `finish` there is none, and an unfinished one is of no use.
        if let Some(part) = &self.part {
            let _ = fs::remove_file(part);
        }
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
        // On a disk that knows no links, the first one has the name all the same.
        let no_links = |_: &Path, _: &Path| Err(std::io::ErrorKind::Unsupported.into());
        let (part, taken, free) = (folder.join("part"), folder.join("mapping.csv"), folder.join("free.csv"));
        for (path, first) in [(&taken, false), (&free, true)] {
            fs::write(&part, "five").unwrap();
            let named = named_first(&part, path, no_links);
            assert_eq!(named.is_ok(), first);
            assert!(first || named.unwrap_err().kind() == std::io::ErrorKind::AlreadyExists);
        }
        assert_eq!(fs::read_to_string(&free).unwrap(), "five");
        // Over what is there, if it is what the writer has read.
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
