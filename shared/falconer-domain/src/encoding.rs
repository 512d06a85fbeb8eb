//! The text encodings of `docs/spec/formats.md`: Crockford base32 and base64url.

use std::sync::LazyLock;

pub use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use data_encoding::{Encoding, Specification};

const CROCKFORD_SYMBOLS: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Crockford base32, upper case, no check symbol, most significant bit first, trailing bits zero. Reading takes
/// `O` for `0` and `I`, `L` for `1`; `U` and lower case are refused.
pub static CROCKFORD_UPPER: LazyLock<Encoding> =
    LazyLock::new(|| crockford(CROCKFORD_SYMBOLS, ("OIL", "011")));

/// The same alphabet in lower case, for identifiers (`lic_…`, `dev_…`). Reading forgives nothing.
pub static CROCKFORD_LOWER: LazyLock<Encoding> =
    LazyLock::new(|| crockford(&CROCKFORD_SYMBOLS.to_ascii_lowercase(), ("", "")));

fn crockford(symbols: &str, forgiven: (&str, &str)) -> Encoding {
    let mut specification = Specification::new();
    specification.symbols.push_str(symbols);
    specification.translate.from.push_str(forgiven.0);
    specification.translate.to.push_str(forgiven.1);
    // Unwrap safety: both alphabets are constants of 32 different ASCII symbols; every test passes through here.
    specification.encoding().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crockford_refuses_set_padding() {
        assert_eq!(CROCKFORD_UPPER.encode(&[0xFF]), "ZW");
        assert_eq!(CROCKFORD_UPPER.decode(b"ZW").unwrap(), [0xFF]);
        assert!(CROCKFORD_UPPER.decode(b"ZX").is_err(), "padding bits must be zero");
        assert_eq!(
            CROCKFORD_UPPER.decode(b"OI").unwrap_or_default(),
            CROCKFORD_UPPER.decode(b"01").unwrap_or_default()
        );
        assert!(CROCKFORD_UPPER.decode(b"UU").is_err());
        assert!(CROCKFORD_LOWER.decode(b"OO").is_err());
    }
}
