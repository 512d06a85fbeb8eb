//! Files that a command leaves beside the one it reads: they hold keys or people, so they are their owner's alone, and
//! they are there whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file being written under another name.
pub struct SideFile {
    path: PathBuf,
    part: PathBuf,
    writer: Option<BufWriter<File>>,
}

impl SideFile {
    /// Begins a file that shall stand at `path`.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn begin(path: &Path) -> std::io::Result<Self> {
        // Of this process alone: two runs beside each other do not write into one.
        let part = beside(path, &format!("part-{}", std::process::id()));
        match fs::remove_file(&part) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let writer = Some(BufWriter::new(options.open(&part)?));
        Ok(Self { path: path.to_owned(), part, writer })
    }

    /// Puts the file in its place. One that stands there with another content is kept as `….before-1` and so on:
    /// somebody may have worked on it.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written.
    pub fn finish(mut self) -> std::io::Result<PathBuf> {
        self.flush_to_disk()?;
        let now = fs::read(&self.part)?;
        if fs::read(&self.path).is_ok_and(|before| before != now) {
            let kept = (1..).map(|number: u32| beside(&self.path, &format!("before-{number}")));
            let kept = kept.into_iter().find(|kept| !kept.exists());
            fs::rename(&self.path, kept.unwrap_or_else(|| beside(&self.path, "before")))?;
        }
        fs::rename(&self.part, &self.path)?;
        Ok(self.path.clone())
    }

    /// Puts the file in its place, if nothing stands there.
    ///
    /// # Errors
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists), besides those of [`Self::finish`].
    pub fn finish_first(mut self) -> std::io::Result<()> {
        self.flush_to_disk()?;
        // Unlike a rename, a link fails where something stands.
        fs::hard_link(&self.part, &self.path)?;
        // What comes next relies on the name being there after a power failure too.
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn flush_to_disk(&mut self) -> std::io::Result<()> {
        match self.writer.take() {
            Some(writer) => writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all(),
            None => Ok(()),
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

impl Write for SideFile {
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

impl Drop for SideFile {
    fn drop(&mut self) {
        // Nothing to tell: after `finish` there is none, and an unfinished one is of no use.
        let _ = fs::remove_file(&self.part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_whole_or_not_at_all_and_keeps_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = folder.join("mapping.csv");
        let write = |text: &str| {
            let mut file = SideFile::begin(&path).unwrap();
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
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
