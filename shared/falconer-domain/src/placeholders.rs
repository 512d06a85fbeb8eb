//! Values that look like hardware and identify nothing: what firmware says when nobody filled it in.

/// Texts that stand for "nothing here", normalized. The first six are named by `formats.md`; the rest are what firmware
/// tables and inventory tools print in the same place.
const TEXTS: &[&str] = &[
    "none",
    "unknown",
    "default string",
    "to be filled by o.e.m.",
    "not specified",
    "system serial number",
    "not applicable",
    "not available",
    "system manufacturer",
    "system product name",
    "base board serial number",
    "chassis serial number",
    "n/a",
    "null",
    "nil",
    "invalid",
    "oem",
    "o.e.m.",
];

/// Whether a normalized value is a placeholder: empty, named above, or all zeros or all F beside separators.
pub(crate) fn is_placeholder(normalized: &str) -> bool {
    let digits = || normalized.chars().filter(|c| !matches!(c, ':' | '-' | '.' | ' '));
    let repeats = |digit| digits().all(|c| c == digit);
    TEXTS.contains(&normalized) || repeats('0') || repeats('f')
}

/// Whether an old client's text is the hash of a placeholder, in hex of either case.
pub(crate) fn is_hashed_placeholder(text: &str) -> bool {
    HASHES.iter().any(|hash| text.eq_ignore_ascii_case(hash))
}

/// MD5, SHA-1 and SHA-256 of every spelling in `tests::SPELLINGS`, which computes them again.
const HASHES: &[&str] = &[
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "334c4a4c42fdb79d7ebc3e73b517e6f8",
    "71f8e7976e4cbc4561c9d62fb283e7f788202acb",
    "140bedbf9c3f6d56a9846d2ba7088798683f4da0c248231336e6a05679e4fdfe",
    "6adf97f83acf6453d4a6a4b1070f3754",
    "6eef6648406c333a4035cd5e60d0bf2ecf2606d7",
    "dc937b59892604f5a86ac96936cd7ff09e25f18ae6b758e8014a24c7fa039e91",
    "b50339a10e1de285ac99d4c3990b8693",
    "0654a028e5aea48c8fbb09871b8f397a186c883b",
    "c627c09c14e58e44bc51622dac392958ec88244e414b508020634f53cfcd1e69",
    "ad921d60486366258809553a3db49a4a",
    "50d8b4a941c26b89482c94ab324b5a274f9ced66",
    "b23a6a8439c0dde5515893e7c90c1e3233b8616e634470f20dc4928bcf3609bc",
    "88183b946cc5f0e8c96b2e66e1c74a7e",
    "bc7819b34ff87570745fbe461e36a16f80e562ce",
    "b764cdc0eab7137467211272fa539f1260d1bf2e71bcf6ff3bdc960f5c16aa14",
    "696b031073e74bf2cb98e5ef201d4aa3",
    "25ba44ec3b391ba4ce5fbbd2979635e254775e7d",
    "23759997b3c59884dc4c0ff5320d6301b0e7f63bf0f6483a7b54d7d43bc5ccd1",
    "e367633adbc6ee1ef0c66936ea21d912",
    "d256256d1d91a2c9553f7135b1c10d2f4b2739da",
    "d489e314152f52d30b1859c7de862d899f4725c92c5639634f1d6d12a3b8b795",
    "bccd9543209ebfbc7fe9dce45455abd7",
    "63577f19988b8050b2cbe73e56e3cf8b7a4b30f8",
    "487578a3684a308fca6319f990c3f18db162efcfe97ba8e441864f01deb68d42",
    "70ad326934898f962ba8c7c32e0a605d",
    "116abf866850fd3129b181112fa5d6d0cc810f54",
    "8f39772c5f779a983f65f770689a1b09825742851f82aedfb0e7c643786153cc",
    "59806813c7261806af8b796d889d3403",
    "660b2984b627e679249f76e25f400237726087e6",
    "39ac41c9ed3b6a225732ff99896b87576bd4f77dcf18792fd01d0ef2c8178121",
    "470d5fdaad2df1656772d4b8f03de977",
    "aca24884a83da1943c0c537f01f82e5e28c81ad3",
    "4da0d798e550ff537f838c744ad4ec93531934f22cb3a529fc447c55ca897e48",
    "af83f4563e83601ba5a6da88fb50a8a1",
    "d321a76aad8c6e5e8dcbc828ae30cb4421464228",
    "2e668dd3f297ab3858f2ea4f1aad70f006c5170993bc66fcaaa0ed36832d91f2",
    "941fb923743d2737895b45f9a6b3b3e1",
    "43526f7fcc0b83dd94154c16adcee7b9c9aadec5",
    "c4276ca1753e6b5d92df189414b568c60c996ee57815f3b3f16f633a592a5cb9",
    "ebe2d81e3981c67f2a73e1d0e30ef8f4",
    "1777570b6c10b8613bbd5f8bfa87d9e914ae0e16",
    "f850f10e90e924611bf978875cca03c044021ce86d4834dc72ba1b56d110a0af",
    "eef5c447c38260c654f5941ec1ae5538",
    "eb89f95fa8b5c1f48c4136205b8b1a47691987e7",
    "2604d337dc134f1ed5190a4e1b23ac1f195ce614db3bd5a1a887a80d5bf5bc06",
    "022755c1e9fa29f36ea449206a82617b",
    "ca6c49fe8654c1b89a3093caacb800b9a39e9469",
    "c640d5c171d2ed6be0118d023a334ea481364b89bd0bb05077a49b0c3aad52dd",
    "33b73d441cec7d980ed39b21b32f782d",
    "a534a4fe355b68427da0647983bd2a7dacc79ef0",
    "f1279e448205f2eec89ff2482ffada2debb98a9233ee03481674c008b9c246f0",
    "d624d11e232fe0ea5919bb62f0d61d1f",
    "9e3760cbaa0e7137fbc765654a13de7b13063859",
    "237f23730628f9cdbf7e414f2e2098da90a1301f62f538920ac403ca3f3dd590",
    "2541b0e7ecdce81eef0824acccb8e4b2",
    "40bbc3c1ac035e2722d9cefad9d95904efd09440",
    "3591e6881cac2ebbf78c05efc72373d97f9f1ec864edc7ff4836a8acfe6bebd8",
    "cfcd208495d565ef66e7dff9f98764da",
    "b6589fc6ab0dc82cf12099d1c2d40ab994e8410c",
    "5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9",
    "528c8e6cd4a3c6598999a0e9df15ad32",
    "85cce83032eb6bd39ddea68e0be917e4665b5d26",
    "38fbdde984330e50c02382e647c576b71f41cc5c45b193d4f3177e6ee8f22a78",
    "40c71b724437d19b6b29beea445143c4",
    "2b3764d8cbba49210e4926b2ce850340735d15ee",
    "fdcc52e69f406c74634d0ffcc06184c238a4400bc4315169e7b4aeafe868fd08",
    "35b9ab5a36f3234dd26db357fd4a0dc1",
    "c2311e92660de47b456e721b0dabc9f857ab48f0",
    "f7b11509f4d675c3c44f0dd37ca830bb02e8cfa58f04c46283c4bfcbdce1ff45",
    "b21929f60cb26fe36e48926c33f1903c",
    "d8e0bc1878da9c92c3f41e30bee18b525f1417b8",
    "927ac519ac15daff25271b8c925e9376a4e5de537a86e9daeb27b4a397e6bb56",
    "3c56e5786fd131b9e19113e4a93cd073",
    "5d9e5de5f5a9418ac8336c0a2650777334b52f30",
    "385b57b8db49425f35e0f11bdc8a6a10e1e7a5322ae303d7276788793ba74bc0",
    "9f89c84a559f573636a47ff8daed0d33",
    "b602d594afd2b0b327e07a06f36ca6a7e42546d0",
    "12b9377cbe7e5c94e8a70d9d23929523d14afa954793130f8a3959c7b849aca8",
    "b537846dea6f4ee4e416d997f33a8ad1",
    "06ce4fc639803a2e3563922518183d8e94088cb9",
    "13984ab878f915021670cd855c9399ebc339676b2581855e4efd60c685f67c8e",
    "1cb5b989891a1f3988ed794dc40b211a",
    "772c3203c6da96466f74a585a300a80d7d596380",
    "4e51c150acfebaab357180cc567641e72436491d16520f8f7dd0d4bfac30e594",
];

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;

    /// What an old client that hashed the raw value would have hashed.
    const SPELLINGS: &[&str] = &[
        "",
        "none",
        "None",
        "NONE",
        "unknown",
        "Unknown",
        "UNKNOWN",
        "default string",
        "Default string",
        "DEFAULT STRING",
        "to be filled by o.e.m.",
        "To be filled by O.E.M.",
        "To Be Filled By O.E.M.",
        "TO BE FILLED BY O.E.M.",
        "not specified",
        "Not Specified",
        "NOT SPECIFIED",
        "system serial number",
        "System Serial Number",
        "SYSTEM SERIAL NUMBER",
        "0",
        "00:00:00:00:00:00",
        "00-00-00-00-00-00",
        "000000000000",
        "ff:ff:ff:ff:ff:ff",
        "FF:FF:FF:FF:FF:FF",
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
    ];

    #[test]
    fn the_table_is_the_hashes_of_the_spellings() {
        let computed: Vec<String> = SPELLINGS
            .iter()
            .flat_map(|text| {
                [
                    data_encoding::HEXLOWER.encode(&md5::Md5::digest(text)),
                    data_encoding::HEXLOWER.encode(&sha1::Sha1::digest(text)),
                    data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(text)),
                ]
            })
            .collect();
        assert_eq!(computed, HASHES);
    }

    #[test]
    fn every_spelling_is_a_placeholder_once_normalized() {
        for text in SPELLINGS {
            assert_eq!(crate::hardware::normalized(text), None, "{text}");
        }
        for text in ["0f:0f:0f:0f:0f:0f", "00:00:00:00:00:01", "pf3xk9z7", "unknown device 7"] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
