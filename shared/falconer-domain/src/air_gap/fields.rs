//! The content of a text: fields of a name (one byte), a length (two bytes, the higher first) and a value.

/// Bytes of a field's name and length.
pub(super) const FIELD_OVERHEAD: usize = 3;

/// Fields in the order in which they were written.
#[derive(Clone, Default)]
pub(super) struct Fields(Vec<u8>);

impl Fields {
    /// Adds a field. A value beyond the length that two bytes can say is cut; every caller bounds its values below that.
    pub(super) fn with(mut self, name: u8, value: &[u8]) -> Self {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.push(name);
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(&value[..usize::from(length)]);
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
        &self.0
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
