//! A file that was dropped, chosen or pasted, and the files that a run of it leaves.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::Bytes;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::forms::Form;
use crate::trouble::Trouble;
use crate::typed_form;

/// Bytes of a digest in a file's name: they keep two files of one name apart.
const DIGEST_BYTES: usize = 4;
/// Characters of a file's name that are kept in the names of others.
const MAX_STEM_CHARS: usize = 40;

/// The largest file whose rows a page shows to be mended: some 500 orders.
const MAX_ROWS_SHOWN_BYTES: usize = 64 * 1024;

/// A file as it came. No `Debug`: it holds keys and people.
#[derive(Clone)]
pub(crate) struct Input {
    /// The name that people see; a pasted text gets one from its page.
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    pub(crate) kind: InputKind,
}

/// How a file came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InputKind {
    /// As a file, in some encoding.
    File,
    /// As text in a form, which is UTF-8 whatever the settings say of files.
    Text,
}

/// The folder of the files that runs leave. Like the files it is for its owner alone.
pub(crate) struct KeyFolder(PathBuf);

/// A file that is handed out once, and stays on the disk until somebody deletes it.
pub(crate) struct Handout {
    pub(crate) path: PathBuf,
    taken: AtomicBool,
}

impl Input {
    /// The file of a form, else its pasted text.
    pub(crate) fn of(form: &Form, pasted_name: &str) -> Result<Self, Trouble> {
        let bad = |sentence: &str| Err(Trouble::BadInput(sentence.to_owned()));
        let pasted = form.get("pasted").unwrap_or_default();
        match (form.files(), pasted.trim().is_empty()) {
            ([], true) => bad("there is no CSV here: drop or choose a file, or paste its rows"),
            ([], false) => {
                let bytes = Bytes::copy_from_slice(pasted.as_bytes());
                Ok(Self { name: pasted_name.to_owned(), bytes, kind: InputKind::Text })
            }
            ([file], true) => Ok(Self {
                name: base_name(&file.name).to_owned(),
                bytes: file.bytes.clone(),
                kind: InputKind::File,
            }),
            ([_], false) => bad("there is a file and a pasted text: send one of them"),
            _ => bad("there are several files: send one at a time"),
        }
    }

    /// The rows as text, to be mended on a page. `None` for those that a page has no room for, or that do not read.
    pub(crate) fn rows(&self) -> Option<String> {
        let text = (self.bytes.len() <= MAX_ROWS_SHOWN_BYTES).then(|| str::from_utf8(&self.bytes).ok())??;
        Some(typed_form::shown(text.trim_start_matches('\u{FEFF}')))
    }

    /// The same with the rows that came back from a page. Bytes that nobody has changed stay as they are.
    pub(crate) fn mended(&self, rows: Option<&str>) -> Self {
        let mended =
            rows.map(|rows| rows.replace('\r', "")).filter(|rows| self.rows().as_ref() != Some(rows));
        match mended {
            Some(rows) => Self { name: self.name.clone(), bytes: rows.into(), kind: InputKind::Text },
            None => self.clone(),
        }
    }

    /// The beginning of names of files about this one.
    pub(crate) fn stem(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' };
        let name = self.name.strip_suffix(".csv").unwrap_or(&self.name).trim_start_matches('.');
        let name: String = name.chars().take(MAX_STEM_CHARS).map(plain).collect();
        let digest = Sha256::digest(&self.bytes);
        format!("{name}-{}", HEXLOWER.encode(&digest[..DIGEST_BYTES]))
    }
}

impl KeyFolder {
    /// A folder, under a name that means it wherever it is read.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self(std::path::absolute(&path).unwrap_or(path))
    }

    /// Returns the folder, which is made where it is missing.
    pub(crate) fn ready(&self) -> Result<&Path, Trouble> {
        let failed = |why: std::io::Error| {
            let folder = self.0.display();
            Trouble::Damaged(format!(
                "the folder {folder} for files of keys cannot be made: {why}; start the console with `falconer \
                 console --files FOLDER`"
            ))
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&self.0).map_err(failed)?;
        Ok(&self.0)
    }

    /// The path of a file of a kind, for commands to copy as well.
    pub(crate) fn file(&self, stem: &str, kind: &str) -> PathBuf {
        self.0.join(format!("{stem}.{kind}.csv"))
    }

    /// The files of a kind that earlier runs have left.
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<PathBuf> {
        let end = format!(".{kind}.csv");
        let entries = fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok);
        let named =
            |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(&end));
        let mut files: Vec<_> = entries.map(|entry| entry.path()).filter(named).collect();
        files.sort();
        files
    }
}

impl Handout {
    pub(crate) const fn of(path: PathBuf) -> Self {
        Self { path, taken: AtomicBool::new(false) }
    }

    /// Makes it new: another run writes the file again.
    pub(crate) fn renew(&self) {
        self.taken.store(false, Ordering::Relaxed);
    }

    /// True until somebody has taken it.
    pub(crate) fn is_there(&self) -> bool {
        !self.taken.load(Ordering::Relaxed) && self.path.exists()
    }

    /// Returns the bytes, to one of those who ask.
    pub(crate) fn take(&self) -> Result<Vec<u8>, Trouble> {
        if self.taken.swap(true, Ordering::Relaxed) {
            return Err(Trouble::NotFound(format!(
                "these keys were handed out already; the file {} has them until you delete it",
                self.path.display()
            )));
        }
        fs::read(&self.path).map_err(|why| {
            self.taken.store(false, Ordering::Relaxed);
            unread(&self.path, &why)
        })
    }

    /// Deletes the file, which somebody has by now.
    pub(crate) fn delete(&self) -> Result<(), Trouble> {
        if self.is_there() {
            let sentence = "nobody has these keys yet; take them first, and delete their file then";
            return Err(Trouble::Refused(sentence.to_owned()));
        }
        self.clear()
    }

    /// Deletes the file in any case.
    pub(crate) fn clear(&self) -> Result<(), Trouble> {
        match fs::remove_file(&self.path) {
            Err(why) if why.kind() != std::io::ErrorKind::NotFound => {
                let path = self.path.display();
                Err(Trouble::Damaged(format!("{path} cannot be deleted: {why}")))
            }
            _ => Ok(()),
        }
    }
}

pub(crate) fn unread(path: &Path, why: &std::io::Error) -> Trouble {
    Trouble::NotFound(format!("{} cannot be read: {why}", path.display()))
}

/// A CSV as a file to save.
pub(crate) fn download(name: &str, bytes: Vec<u8>) -> Response {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
    let disposition = format!("attachment; filename=\"{plain}\"");
    ([(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)], bytes)
        .into_response()
}

/// A file's name without its folders, in the spelling of any system.
fn base_name(name: &str) -> &str {
    name.rsplit(['/', '\\']).next().filter(|name| !name.is_empty()).unwrap_or("file.csv")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_their_folder() {
        for (name, begin) in [
            ("customers.csv", "customers-"),
            ("../../etc/passwd", "passwd-"),
            ("C:\\sheets\\K\u{fc}nden 1.csv", "K_nden_1-"),
            (".hidden", "hidden-"),
            ("", "file-"),
        ] {
            let bytes = Bytes::from_static(b"a");
            let input = Input { name: base_name(name).to_owned(), bytes, kind: InputKind::File };
            assert_eq!(input.stem(), format!("{begin}ca978112"), "{name}");
        }
    }

    #[test]
    fn rows_that_nobody_changed_stay_as_they_are() {
        let file = |bytes: &'static [u8]| Input {
            name: "o.csv".to_owned(),
            bytes: Bytes::from_static(bytes),
            kind: InputKind::File,
        };
        let marked = file("\u{FEFF}tier;name\r\npro;Zo\u{eb}\r\n".as_bytes());
        let rows = marked.rows().unwrap();
        assert_eq!(rows, "tier;name\npro;Zo\u{eb}\n");
        let sent = rows.replace('\n', "\r\n");
        for unchanged in [marked.mended(Some(&sent)), marked.mended(None)] {
            assert!(unchanged.bytes == marked.bytes && unchanged.kind == InputKind::File);
        }
        let mended = marked.mended(Some(&sent.replace("pro", "elite")));
        assert_eq!(
            (&mended.bytes[..], mended.kind),
            ("tier;name\nelite;Zo\u{eb}\n".as_bytes(), InputKind::Text)
        );
        assert_eq!(file(b"tier\npro\xff\n").rows(), None, "an encoding that a page does not know");
        let large: &'static [u8] = vec![b'x'; MAX_ROWS_SHOWN_BYTES + 1].leak();
        assert_eq!(file(large).rows(), None);
    }

    #[test]
    fn handout_goes_to_one() {
        let folder = tempfile::tempdir().unwrap();
        let handout = Handout::of(folder.path().join("keys.csv"));
        assert!(handout.take().is_err() && !handout.is_there());
        fs::write(&handout.path, "key").unwrap();
        assert_eq!(handout.take().unwrap(), b"key", "a file that could not be read was not handed out");
        assert!(handout.take().unwrap_err().sentence().contains("handed out already"));
        handout.renew();
        assert!(handout.delete().unwrap_err().sentence().contains("take them first"));
        handout.take().unwrap();
        handout.delete().unwrap();
        handout.delete().unwrap();
    }
}
