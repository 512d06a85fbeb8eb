//! A store that ends with the program.

use super::{Store, StoreError, StoredLicense};

/// Licenses in memory.
#[derive(Default)]
pub(crate) struct MemoryStore(pub(super) Vec<StoredLicense>);

impl Store for MemoryStore {
    fn read(&mut self) -> Result<Vec<StoredLicense>, StoreError> {
        Ok(self.0.clone())
    }

    fn update(&mut self, change: &mut dyn FnMut(&mut Vec<StoredLicense>)) -> Result<(), StoreError> {
        change(&mut self.0);
        Ok(())
    }
}
