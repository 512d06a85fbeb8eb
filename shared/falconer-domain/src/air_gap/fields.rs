//! The content of a text: fields of a name (one byte), a length (two bytes, the higher first) and a value.

use super::text::{AirGapContent, ContentTooLong, MAX_CONTENT_BYTES};

/// Bytes of a field's name and length.
pub(super) const FIELD_OVERHEAD: usize = 3;

/// Fields in the order in which they were written.
#[derive(Clone, Default)]
pub(super) struct Fields {
    bytes: Vec<u8>,
    /// Length with every value. Beyond the longest content the bytes are not those of all fields.
    length: usize,
}

impl Fields {
    /// Adds a field. Where the content becomes too long for a text, [`Self::content`] says so.
    pub(super) fn with(mut self, name: u8, value: &[u8]) -> Self {
        self.length = self.length.saturating_add(FIELD_OVERHEAD + value.len());
        if let (true, Ok(length)) = (self.length <= MAX_CONTENT_BYTES, u16::try_from(value.len())) {
            self.bytes.push(name);
            self.bytes.extend_from_slice(&length.to_be_bytes());
            self.bytes.extend_from_slice(value);
        }
        self
    }

    /// Adds a field where there is a value.
    pub(super) fn with_some(self, name: u8, value: Option<&[u8]>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The content.
    pub(super) fn content(self) -> Result<AirGapContent, ContentTooLong> {
        if self.length > MAX_CONTENT_BYTES {
            return Err(ContentTooLong(self.length));
        }
        AirGapContent::new(self.bytes)
    }
}

/// Splits content into its fields. `None` if a field is cut off.
pub(super) fn split(mut content: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut fields = Vec::new();
    while let Some((name, rest)) = content.split_first() {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        fields.push((*name, value));
        content = rest;
    }
    Some(fields)
}

/// The first field of a name.
pub(super) fn find<'a>(fields: &[(u8, &'a [u8])], name: u8) -> Option<&'a [u8]> {
    fields.iter().find(|(field, _)| *field == name).map(|(_, value)| *value)
}

/// The same as a text.
pub(super) fn find_text<'a>(fields: &[(u8, &'a [u8])], name: u8) -> Option<&'a str> {
    std::str::from_utf8(find(fields, name)?).ok()
}

/// The same as a number of eight bytes.
pub(super) fn find_seconds(fields: &[(u8, &[u8])], name: u8) -> Option<i64> {
    Some(i64::from_be_bytes(find(fields, name)?.try_into().ok()?))
}
