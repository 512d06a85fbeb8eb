//! The public types as a whole, read from the sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Types that cannot grow without a new meaning.
const CLOSED: [&str; 0] = [];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// A new variant or a new field would otherwise be a break for every application.
#[test]
fn public_types_can_grow() {
    let mut seen = 0;
    for path in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&path).unwrap();
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        for (number, line) in lines.iter().enumerate() {
            let has_public_fields = || {
                let fields = lines[number + 1..].iter().take_while(|line| **line != "}");
                fields.into_iter().any(|line| line.starts_with("pub ") && !line.contains("fn "))
            };
            let is_struct = line.starts_with("pub struct ") && line.ends_with('{') && has_public_fields();
            if !line.starts_with("pub enum ") && !is_struct {
                continue;
            }
            let name = line.split([' ', '<', '{']).nth(2).unwrap();
            let attributes = lines[..number].iter().rev().take_while(|line| line.starts_with(['#', '/']));
            let is_open = attributes.into_iter().any(|line| *line == "#[non_exhaustive]");
            assert!(is_open || CLOSED.contains(&name), "{}: {name} is exhaustive", path.display());
            seen += 1;
        }
    }
    assert!(seen > 20, "{seen}");
}
