//! A machine's request.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::UnreadableContent;
use super::fields::{FIELD_OVERHEAD, Fields, find, find_seconds, find_text, split};
use crate::encoding::HEXLOWER;
use crate::hardware::{Label, ReceivedComponents};
use crate::license_id::LicenseId;
use crate::license_key::{LicenseKey, Product};
use crate::person::{DeviceName, Email, PersonName};
use crate::seats::ReportedMachine;

/// Bytes of a request's nonce.
pub const NONCE_BYTES: usize = 16;
/// Longest name of a person or a device, so that every request fits a QR code. A longer one is cut.
pub const MAX_NAME_BYTES: usize = 120;
/// Longest e-mail address that a request holds. RFC 5321 allows 254; a longer one is left out.
pub const MAX_EMAIL_BYTES: usize = 254;
/// Bytes of the tag: enough that nobody guesses one.
pub(super) const TAG_BYTES: usize = 16;
/// Bytes of a component's value, which requests on the network write in hexadecimal.
const COMPONENT_BYTES: usize = 32;
const TAG_DOMAIN: &[u8] = b"falconer/air-gap-request/v1\0";

/// Purpose of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AirGapPurpose {
    /// Take a seat, as activate-sync does.
    Activate,
    /// Get a later end for the seat that the device holds. A device without one gets none.
    Renew,
}

impl AirGapPurpose {
    /// The word that requests and stores write.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Renew => "renew",
        }
    }

    /// Reads that word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Activate, Self::Renew].into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// The license as a request names it. Neither form opens it: the tag proves that the machine has the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicenseName {
    /// The id, which a machine knows from its first lease on.
    Id(LicenseId),
    /// The masked key, `QF-PRO-…-4BYWJ`. Several licenses may have it.
    Masked(String),
}

impl LicenseName {
    /// As requests write it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Masked(masked) => masked,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let is_masked = text.contains('…') && text.len() <= MAX_NAME_BYTES;
        LicenseId::parse(text).map(Self::Id).or_else(|| is_masked.then(|| Self::Masked(text.to_owned())))
    }
}

/// A request. It holds no license key; `Debug` shows no person and no value of the hardware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AirGapRequest {
    /// The product.
    pub product: Product,
    /// The purpose.
    pub purpose: AirGapPurpose,
    /// The license.
    pub license: LicenseName,
    /// The nonce, which the answer repeats.
    pub nonce: [u8; NONCE_BYTES],
    /// The machine's components, keyed by the license key.
    pub hardware: ReceivedComponents,
    /// The kind of machine.
    pub machine: ReportedMachine,
    /// The device's name.
    pub device_name: Option<DeviceName>,
    /// The customer's name.
    pub licensee_name: Option<PersonName>,
    /// The customer's e-mail.
    pub licensee_email: Option<Email>,
    /// The `kid` of each key that the machine trusts. An answer by another key brings its endorsements.
    pub trusted_kids: Vec<String>,
    /// The machine's clock, in seconds. It decides nothing.
    pub made_at: i64,
}

/// A request as it was read, before its tag is checked.
#[derive(Clone, Debug)]
pub struct UncheckedRequest {
    /// The request.
    pub request: AirGapRequest,
    tagged: Vec<u8>,
    tag: [u8; TAG_BYTES],
}

impl AirGapRequest {
    /// The content of a request, with its tag under the license key.
    #[must_use]
    pub fn to_content(&self, key: &LicenseKey) -> Vec<u8> {
        let fields = self.fields();
        let tag: [u8; TAG_BYTES] = first_bytes(mac(key, fields.as_bytes()));
        fields.with(b'm', &tag).as_bytes().to_vec()
    }

    /// Reads content. Fields that are not known are passed over; the tag covers them.
    ///
    /// # Errors
    /// [`UnreadableContent`]: a field that decides is absent or of another form.
    pub fn of_content(content: &[u8]) -> Result<UncheckedRequest, UnreadableContent> {
        read(content).ok_or(UnreadableContent)
    }

    /// The nonce as leases repeat it.
    #[must_use]
    pub fn nonce_text(&self) -> String {
        HEXLOWER.encode(&self.nonce)
    }

    fn fields(&self) -> Fields {
        let purpose = self.purpose.as_str();
        let mut fields = Fields::default()
            .with(b'p', self.product.as_str().as_bytes())
            .with(b'w', purpose.as_bytes())
            .with(b'l', self.license.as_str().as_bytes())
            .with(b'n', &self.nonce)
            .with(b't', &self.made_at.to_be_bytes())
            .with(b'k', self.trusted_kids.join(",").as_bytes());
        for (label, value) in self.hardware.iter() {
            // Values of the keyed form are 32 bytes in hexadecimal; no other is made here.
            if let Ok(bytes) = HEXLOWER.decode(value.as_bytes()) {
                fields = fields.with(b'h', &[label.as_str().as_bytes(), b"\0", &bytes].concat());
            }
        }
        let name = |text: &str| text.as_bytes()[..text.floor_char_boundary(MAX_NAME_BYTES)].to_vec();
        let email = self.licensee_email.as_ref().filter(|email| email.as_str().len() <= MAX_EMAIL_BYTES);
        fields
            .with_some(b'v', (self.machine == ReportedMachine::Virtual).then_some(&[]))
            .with_some(b'd', self.device_name.as_ref().map(|text| name(text.as_str())).as_deref())
            .with_some(b'o', self.licensee_name.as_ref().map(|text| name(text.as_str())).as_deref())
            .with_some(b'e', email.map(|email| email.as_str().as_bytes()))
    }
}

impl UncheckedRequest {
    /// Returns the request if its maker has this license key; compared in constant time.
    #[must_use]
    pub fn made_with(&self, key: &LicenseKey) -> Option<&AirGapRequest> {
        mac(key, &self.tagged).verify_truncated_left(&self.tag).is_ok().then_some(&self.request)
    }
}

fn read(content: &[u8]) -> Option<UncheckedRequest> {
    let fields = split(content)?;
    let ((last, tag), _) = fields.split_last()?;
    let tag: [u8; TAG_BYTES] = (*last == b'm').then_some(*tag)?.try_into().ok()?;
    let mut hardware = ReceivedComponents::default();
    for (_, part) in fields.iter().filter(|(name, _)| *name == b'h') {
        let place = part.iter().position(|byte| *byte == 0)?;
        let (label, value) = (std::str::from_utf8(&part[..place]).ok()?, &part[place + 1..]);
        let value = (value.len() == COMPONENT_BYTES).then_some(value)?;
        // A label of a newer version proves nothing here.
        if let Some(label) = Label::parse(label) {
            hardware.insert(label, &HEXLOWER.encode(value)).ok()?;
        }
    }
    let text = |name| find_text(&fields, name);
    let request = AirGapRequest {
        product: Product::parse(text(b'p')?)?,
        purpose: AirGapPurpose::parse(text(b'w')?)?,
        license: LicenseName::parse(text(b'l')?)?,
        nonce: find(&fields, b'n')?.try_into().ok()?,
        hardware,
        machine: match find(&fields, b'v') {
            Some(_) => ReportedMachine::Virtual,
            None => ReportedMachine::Ordinary,
        },
        device_name: DeviceName::clean(text(b'd').unwrap_or_default()).kept,
        licensee_name: PersonName::clean(text(b'o').unwrap_or_default()).kept,
        licensee_email: Email::clean(text(b'e').unwrap_or_default()).kept,
        trusted_kids: text(b'k')?.split(',').map(str::to_owned).collect(),
        made_at: find_seconds(&fields, b't')?,
    };
    let tagged = content[..content.len() - TAG_BYTES - FIELD_OVERHEAD].to_vec();
    Some(UncheckedRequest { request, tagged, tag })
}

fn mac(key: &LicenseKey, tagged: &[u8]) -> Hmac<Sha256> {
    tag_of(TAG_DOMAIN, key, tagged)
}

/// A tag under a license key; `domain` keeps a request from passing for a receipt.
pub(super) fn tag_of(domain: &[u8], key: &LicenseKey, tagged: &[u8]) -> Hmac<Sha256> {
    // Unwrap safety: HMAC takes a key of any length.
    let mut mac =
        Hmac::<Sha256>::new_from_slice(zeroize::Zeroizing::new(key.canonical()).as_bytes()).unwrap();
    mac.update(domain);
    mac.update(tagged);
    mac
}

/// The first bytes of a tag.
pub(super) fn first_bytes<const N: usize>(mac: Hmac<Sha256>) -> [u8; N] {
    let mut first = [0; N];
    first.copy_from_slice(&mac.finalize().into_bytes()[..N]);
    first
}

#[cfg(test)]
mod tests;
