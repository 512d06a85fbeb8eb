//! Each habit, counted.

use std::collections::{BTreeMap, BTreeSet};

use super::Measurement;
use super::sources::{Line, Sources};

const HEADLESS: [&str; 6] = ["What", "Its", "Whether", "Who", "Which", "Where"];
const CALQUES: [&[&str]; 5] = [&["is", "no"], &["is", "none"], &["stands"], &["ours"], &["is", "told"]];
const OLD_SYSTEMS: [&str; 2] = ["S1", "S2"];
const TYPE_KEYWORDS: [&str; 5] = ["struct ", "enum ", "trait ", "type ", "union "];
/// A type name in fewer files may be a coincidence.
const MANY_FILES: usize = 3;

pub(super) fn headless_clauses(sources: &Sources) -> Measurement {
    let headless = |line: &Line<'_>| words(line.text).next().is_some_and(|word| HEADLESS.contains(&word));
    let findings: Vec<_> = sources.doc_lines().filter(headless).map(|line| line.shown()).collect();
    let all = sources.doc_lines().count().max(1);
    Measurement { count: findings.len() * 1_000 / all, findings }
}

pub(super) fn calques(sources: &Sources) -> Measurement {
    let lines = sources.document_lines().chain(sources.doc_lines());
    let times = |line: Line<'_>| {
        let lower_case = line.text.to_lowercase();
        let words: Vec<&str> = words(&lower_case).collect();
        let count: usize = CALQUES
            .iter()
            .map(|calque| words.windows(calque.len()).filter(|window| window == calque).count())
            .sum();
        std::iter::repeat_n(line.shown(), count)
    };
    Measurement::of(lines.flat_map(times).collect())
}

pub(super) fn old_systems_in_code(sources: &Sources) -> Measurement {
    Measurement::of(old_systems(sources.code_lines()))
}

pub(super) fn old_systems_in_documents(sources: &Sources) -> Measurement {
    let mut in_glossary = false;
    let outside = sources.document_lines().filter(move |line| {
        if line.text.starts_with("# ") || line.text.starts_with("## ") {
            in_glossary = line.text == "## Glossary";
        }
        !in_glossary
    });
    Measurement::of(old_systems(outside))
}

fn old_systems<'a>(lines: impl Iterator<Item = Line<'a>>) -> Vec<String> {
    let times = |line: &Line<'_>| words(line.text).filter(|word| OLD_SYSTEMS.contains(word)).count();
    lines.flat_map(|line| std::iter::repeat_n(line.shown(), times(&line))).collect()
}

/// Names that several files give to a type of their own, private types included.
pub(super) fn repeated_types(sources: &Sources) -> Measurement {
    let mut files: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    // Associated types have the names that their traits give them, so only types of a module count.
    for line in sources.rust_lines().filter(|line| !line.text.starts_with(' ')) {
        if let Some(name) = type_name(line.text) {
            files.entry(name).or_default().insert(line.path);
        }
    }
    files.retain(|_, paths| paths.len() >= MANY_FILES);
    let shown = |(name, paths): (&str, BTreeSet<&str>)| {
        format!("{name}: {}", paths.into_iter().collect::<Vec<_>>().join(", "))
    };
    Measurement::of(files.into_iter().map(shown).collect())
}

fn type_name(line: &str) -> Option<&str> {
    let without_visibility = match line.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(") ").map_or(rest, |(_, rest)| rest),
        Some(rest) => rest.trim_start(),
        None => line,
    };
    let after = TYPE_KEYWORDS.iter().find_map(|keyword| without_visibility.strip_prefix(keyword))?;
    words(after).next()
}

pub(super) fn median_test_name(sources: &Sources) -> Measurement {
    let mut lengths: Vec<usize> = test_names(sources).iter().map(|(name, _)| name.len()).collect();
    lengths.sort_unstable();
    let count = lengths.get(lengths.len() / 2).copied().unwrap_or_default();
    Measurement { count, findings: Vec::new() }
}

pub(super) fn longest_test_name(sources: &Sources) -> Measurement {
    const SHOWN: usize = 20;
    let mut names = test_names(sources);
    names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let count = names.first().map_or(0, |(name, _)| name.len());
    let shown = names.into_iter().take(SHOWN).map(|(name, line)| format!("{} {}", name.len(), line.shown()));
    Measurement { count, findings: shown.collect() }
}

/// Names of the functions under `#[test]` and `#[tokio::test]`, without their modules.
fn test_names(sources: &Sources) -> Vec<(&str, Line<'_>)> {
    let (mut names, mut is_test) = (Vec::new(), false);
    for line in sources.rust_lines() {
        let text = line.text.trim();
        if text == "#[test]" || text.starts_with("#[tokio::test") {
            is_test = true;
        } else if is_test && let Some((_, rest)) = text.split_once("fn ") {
            names.extend(words(rest).next().map(|name| (name, line)));
            is_test = false;
        }
    }
    names
}

pub(super) fn readme_lines(sources: &Sources) -> Measurement {
    let count = sources.document_lines().filter(|line| line.path == "README.md").count();
    Measurement { count, findings: Vec::new() }
}

pub(super) fn dead_citations_in_documents(sources: &Sources) -> Measurement {
    dead_citations(sources, sources.document_lines())
}

pub(super) fn dead_citations_in_comments(sources: &Sources) -> Measurement {
    let comments = sources.code_lines().filter_map(|line| {
        let text = line.text.trim_start();
        // A line of a text that has `//` or `#` in it may look like one: it is looked at all the same.
        (text.starts_with("//") || text.starts_with('#')).then_some(Line { text, ..line })
    });
    dead_citations(sources, comments)
}

fn dead_citations<'a>(sources: &Sources, lines: impl Iterator<Item = Line<'a>>) -> Measurement {
    let dead = |line: Line<'_>| {
        let missing = citations(line.text).filter(|citation| !sources.has(line.path, citation)).count();
        std::iter::repeat_n(line.shown(), missing)
    };
    Measurement::of(lines.flat_map(dead).collect())
}

/// Paths of documents; addresses on the web are not ours to check.
fn citations(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', '(', ')', '[', ']', '`', '"', '\'', '<', '>', ',', ';', '|']);
    let paths = words.map(|word| word.split('#').next().unwrap_or_default().trim_end_matches(['.', ':']));
    paths.filter(|path| {
        let name = path.strip_suffix(".md").map(|stem| stem.rsplit('/').next().unwrap_or_default());
        name.is_some_and(|name| !name.is_empty() && !name.contains(['*', '{', '}', '…']))
            && !path.contains("://")
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(measure: fn(&Sources) -> Measurement, files: &[(&str, &str)]) -> usize {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
        measure(&Sources::of(files.collect())).count
    }

    #[test]
    fn headless_doc_lines_are_a_share_of_all() {
        let text = "/// What it is.\n/// A name.\n//! Whether.\n// Who is not asked.\n/// Whatever.\n\
                    /// ```\n/// Its(code);\n/// ```\n///\n";
        assert_eq!(counted(headless_clauses, &[("a.rs", text)]), 500);
    }

    #[test]
    fn calques_count_in_documents_and_doc_lines() {
        let document = "It is no key, and it\nis none. S stands; hours are not Ours. isno";
        let code = "/// Is told.\nlet stands = 1; // stands\n";
        assert_eq!(counted(calques, &[("a.md", document), ("a.rs", code)]), 5);
    }

    #[test]
    fn old_systems_are_allowed_in_the_glossary() {
        let document = "S1\n## Glossary\nS1, S2\n### More\nS2\n## Next\nS2, S3, S10\n";
        assert_eq!(counted(old_systems_in_documents, &[("a.md", document)]), 2);
        assert_eq!(
            counted(old_systems_in_code, &[("a.md", "S1"), ("a.py", "# S1 and S2"), ("b.rs", "S1")]),
            3
        );
    }

    #[test]
    fn a_type_counts_once_for_each_file() {
        let row = "pub(crate) struct Row<'a> {}\nstruct Row;\n";
        let files =
            [("a.rs", row), ("b.rs", "pub enum Row {\n"), ("c.rs", "    type Row = u8;\ntype Rows = u8;\n")];
        assert_eq!(counted(repeated_types, &files), 0);
        let files = [files[0], files[1], ("c.rs", "type Row = u8;\n")];
        assert_eq!(counted(repeated_types, &files), 1);
    }

    #[test]
    fn test_names_are_found_under_their_attributes() {
        let text = "#[test]\nfn one() {}\n#[tokio::test(start_paused = true)]\n#[expect(x)]\n    async fn seven77() {}\n\
                    fn longer_than_all() {}\n#[test]\nfn four() {}\n";
        assert_eq!(counted(median_test_name, &[("a.rs", text)]), 4);
        assert_eq!(counted(longest_test_name, &[("a.rs", text)]), 7);
    }

    #[test]
    fn citations_resolve_from_their_file_and_the_root() {
        let documents = [
            ("README.md", "[a](docs/a.md#part), https://example.com/x.md, `*.md`, gone.md."),
            ("docs/a.md", "[b](adr/b.md) [readme](../README.md) docs/a.md adr/c.md"),
            ("docs/adr/b.md", ""),
        ];
        assert_eq!(counted(dead_citations_in_documents, &documents), 2);
        let code = ("src/a.rs", "//! See b.md and formats.md.\nlet x = \"nothing.md\";\n");
        assert_eq!(counted(dead_citations_in_comments, &[documents[0], documents[2], code]), 1);
    }
}
