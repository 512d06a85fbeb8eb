//! Input of a command: files, or standard input for `-`.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result};

use crate::failure::bad_input;

/// Longest text of a catalog, a request or a key: whoever names the wrong file learns it here.
const MAX_TEXT_BYTES: u64 = 1_000_000;
/// Largest sheet: a million rows of a thousand characters. It is held in memory.
const MAX_SHEET_BYTES: u64 = 1_000_000_000;

/// The text of a small file.
pub(crate) fn text(file: &Path) -> Result<String> {
    let name = file.display();
    String::from_utf8(bytes(file, MAX_TEXT_BYTES)?).with_context(|| format!("{name} is not text"))
}

/// The bytes of a small file, whatever they are encoded in.
pub(crate) fn bytes_of_text(file: &Path) -> Result<Vec<u8>> {
    bytes(file, MAX_TEXT_BYTES)
}

/// The bytes of a sheet.
pub(crate) fn sheet(file: &Path) -> Result<Vec<u8>> {
    bytes(file, MAX_SHEET_BYTES)
}

/// Returns true if a path means standard input.
pub(crate) fn is_standard_input(file: &Path) -> bool {
    file.as_os_str() == "-"
}

fn bytes(file: &Path, longest: u64) -> Result<Vec<u8>> {
    let (name, mut bytes) = (file.display(), Vec::new());
    let source: Box<dyn Read> = if is_standard_input(file) {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("{name} cannot be read"))?)
    };
    source.take(longest + 1).read_to_end(&mut bytes).with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() as u64 > longest {
        let sentence = format!("{name} is longer than {longest} bytes; is it the right file?");
        return Err(bad_input(sentence).into());
    }
    Ok(bytes)
}
