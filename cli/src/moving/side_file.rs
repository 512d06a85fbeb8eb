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
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        // Of an interrupted run; its mode may be another.
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

    /// Puts the file in its place. One that stands there with another content is kept as `….before`: somebody may have
    /// worked on it.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written.
    pub fn finish(mut self) -> std::io::Result<PathBuf> {
        if let Some(writer) = self.writer.take() {
            writer.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        }
        let differs = |before: Vec<u8>| fs::read(&self.part).map(|now| now != before);
        if fs::read(&self.path).is_ok_and(|before| differs(before).unwrap_or(true)) {
            let mut kept = self.path.as_os_str().to_owned();
            kept.push(".before");
            fs::rename(&self.path, PathBuf::from(kept))?;
        }
        fs::rename(&self.part, &self.path)?;
        Ok(self.path.clone())
    }
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
        let folder = std::env::temp_dir().join(format!("falconer-side-file-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("mapping.csv");
        let write = |text: &str| {
            let mut file = SideFile::begin(&path).unwrap();
            file.write_all(text.as_bytes()).unwrap();
            file
        };
        drop(write("half"));
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        write("one").finish().unwrap();
        write("one").finish().unwrap();
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        write("two").finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_to_string(folder.join("mapping.csv.before")).unwrap(), "one");
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
