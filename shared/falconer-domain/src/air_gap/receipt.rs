//! A machine's receipt: it has deleted its lease.

use hmac::Mac;

use super::fields::{FIELD_OVERHEAD, Fields, find_seconds, find_text, split};
use super::request::{MAX_NAME_BYTES, TAG_BYTES, cut, first_bytes, tag_of};
use super::{AirGapContent, UnreadableContent};
use crate::hardware::DeviceId;
use crate::license_id::LicenseId;
use crate::license_key::LicenseKey;

const TAG_DOMAIN: &[u8] = b"falconer/air-gap-receipt/v1\0";

/// A receipt. Its tag proves that the key's owner wrote it, and nothing about copies of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The license.
    pub license: LicenseId,
    /// The device.
    pub device: DeviceId,
    /// The lease that was deleted, by its `jti`.
    pub lease: String,
    /// The machine's clock, in seconds. It decides nothing.
    pub made_at: i64,
}

impl Receipt {
    /// The content of a receipt, with its tag under the license key.
    #[must_use]
    pub fn to_content(&self, key: &LicenseKey) -> AirGapContent {
        let fields = Fields::default()
            .with(b'l', self.license.as_str().as_bytes())
            .with(b'd', self.device.as_str().as_bytes())
            .with(b'j', cut(&self.lease, MAX_NAME_BYTES).as_bytes())
            .with(b't', &self.made_at.to_be_bytes());
        let tag: [u8; TAG_BYTES] = first_bytes(tag_of(TAG_DOMAIN, key, fields.as_bytes()));
        // Unwrap safety: every field is bounded, the id of the lease by its cut.
        fields.with(b'm', &tag).content().unwrap()
    }

    /// Reads content, and returns the check of its tag beside it.
    ///
    /// # Errors
    /// [`UnreadableContent`].
    pub fn of_content(
        content: &[u8],
    ) -> Result<(Self, impl Fn(&LicenseKey) -> bool + use<>), UnreadableContent> {
        let fields = split(content).ok_or(UnreadableContent)?;
        let read = || {
            let text = |name| find_text(&fields, name);
            let ((last, tag), _) = fields.split_last()?;
            let tag: [u8; TAG_BYTES] = (*last == b'm').then_some(*tag)?.try_into().ok()?;
            let receipt = Self {
                license: LicenseId::parse(text(b'l')?)?,
                device: DeviceId::parse(text(b'd')?)?,
                lease: text(b'j')?.to_owned(),
                made_at: find_seconds(&fields, b't')?,
            };
            let tagged = content[..content.len() - TAG_BYTES - FIELD_OVERHEAD].to_vec();
            Some((receipt, tagged, tag))
        };
        let (receipt, tagged, tag) = read().ok_or(UnreadableContent)?;
        let check =
            move |key: &LicenseKey| tag_of(TAG_DOMAIN, key, &tagged).verify_truncated_left(&tag).is_ok();
        Ok((receipt, check))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_of_a_receipt_fits() {
        let key = |text| LicenseKey::parse(text).unwrap();
        let receipt = Receipt {
            license: LicenseId::from_hash(&[1; 32]),
            device: DeviceId::from_random([2; 10]),
            lease: "a-lease".to_owned(),
            made_at: 1_800_000_000,
        };
        let content = receipt.to_content(&key("ABC-123-XYZ"));
        let (read, fits) = Receipt::of_content(&content).unwrap();
        assert_eq!(read, receipt);
        assert!(fits(&key("ABC-123-XYZ")) && !fits(&key("ABC-123-XYY")));
        for place in 0..content.len() {
            let mut changed = content.to_vec();
            changed[place] ^= 1;
            let passes = Receipt::of_content(&changed).is_ok_and(|(_, fits)| fits(&key("ABC-123-XYZ")));
            assert!(!passes, "byte {place}");
        }
    }
}
