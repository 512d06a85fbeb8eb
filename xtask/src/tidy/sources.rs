//! The files of the checkout, and the parts of them that people read.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::step;
use crate::workspace::Workspace;

/// Languages of programs, and of the template that deploys them.
const CODE: [&str; 6] = ["rs", "py", "sh", "ts", "java", "yaml"];

/// The text files of the checkout, each with its path from the root.
pub(super) struct Sources {
    files: Vec<(String, String)>,
    paths: BTreeSet<String>,
}

impl Sources {
    /// Reads what Git has, and what it does not ignore.
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let mut list = workspace.command("git");
        list.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let paths = step::ask(&mut list)?;
        // These rules and their tests spell out what they forbid.
        let paths = paths.split('\0').filter(|path| !path.is_empty() && !path.starts_with("xtask/src/tidy"));
        // A file that was just removed is still in the index; binary files are not for reading.
        let read = |path: &str| Some((path.to_owned(), fs::read_to_string(workspace.root.join(path)).ok()?));
        Ok(Self::of(paths.filter_map(read).collect()))
    }

    pub(super) fn of(files: Vec<(String, String)>) -> Self {
        let paths = files.iter().map(|(path, _)| path.clone()).collect();
        Self { files, paths }
    }

    /// Path, number and text of every line of the documents.
    pub(super) fn document_lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines(|path| is_a(path, "md"))
    }

    /// The same of programs.
    pub(super) fn code_lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines(|path| CODE.iter().any(|extension| is_a(path, extension)))
    }

    /// The same of Rust alone.
    pub(super) fn rust_lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.lines(|path| is_a(path, "rs"))
    }

    /// Every line of `///` and `//!` with words in it, without its slashes; blocks of code are left out.
    pub(super) fn doc_lines(&self) -> impl Iterator<Item = Line<'_>> {
        let mut in_code = false;
        self.rust_lines().filter_map(move |line| {
            let Some(text) = doc_text(line.text) else {
                in_code = false;
                return None;
            };
            if text.starts_with("```") {
                in_code = !in_code;
                return None;
            }
            (!in_code && !text.is_empty()).then_some(Line { text, ..line })
        })
    }

    /// Whether the checkout has the document that `citation` names in the file `citing`: from there, from the root, or by
    /// its last parts.
    pub(super) fn has(&self, citing: &str, citation: &str) -> bool {
        let mut folder: Vec<&str> = citing.split('/').collect();
        folder.pop();
        for part in citation.split('/') {
            match part {
                "." => {}
                ".." => drop(folder.pop()),
                name => folder.push(name),
            }
        }
        let last_parts = citation.trim_start_matches(['.', '/']);
        self.paths.contains(&folder.join("/"))
            || self.paths.contains(last_parts)
            || self.paths.iter().any(|path| path.ends_with(&format!("/{last_parts}")))
    }

    fn lines(&self, wanted: fn(&str) -> bool) -> impl Iterator<Item = Line<'_>> {
        let files = self.files.iter().filter(move |(path, _)| wanted(path));
        files.flat_map(|(path, text)| {
            text.lines().enumerate().map(|(index, text)| Line { path, number: index + 1, text })
        })
    }
}

/// A line, and its place.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    pub(super) path: &'a str,
    pub(super) number: usize,
    pub(super) text: &'a str,
}

impl Line<'_> {
    /// The line as a list shows it.
    pub(super) fn shown(&self) -> String {
        format!("{}:{}: {}", self.path, self.number, self.text.trim())
    }
}

fn is_a(path: &str, extension: &str) -> bool {
    Path::new(path).extension().is_some_and(|found| found == extension)
}

fn doc_text(line: &str) -> Option<&str> {
    let line = line.trim();
    let text = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"))?;
    (!text.starts_with('/')).then_some(text.trim())
}
