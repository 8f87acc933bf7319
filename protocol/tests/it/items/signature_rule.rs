//! Which signatures are good: the published edge cases with the verdicts of this rule, and the two rules that it
//! lies between.

use curve25519_dalek::Scalar;
use proptest::prelude::*;
use protocol::items::keys::{PublicKey, Signature};

use super::craft::{is_good, is_good_by_zip_215, is_strictly_good, joined, number, point, sign};
use crate::harness;

/// All encodings of the eight points of small order, as ZIP 215 counts them. The last six are not the usual ones:
/// an `x` of zero with the sign of a negative one, or a `y` that is not reduced.
const SMALL_ORDER: [&str; 14] = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    "0100000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
];

/// The vectors of "Taming the many EdDSAs" (Chalkias, Garillon and Nikolaenko, 2020): message, key, signature,
/// whether it is good by this rule, and why.
const TAMING: [(&str, &str, [&str; 2], bool, &str); 12] = [
    (
        "8c93255d71dcab10e8f379c26200f3c7bd5f09d9bc3068d3ef4edeb4853022b6",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        [
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            "0000000000000000000000000000000000000000000000000000000000000000",
        ],
        false,
        "the key is of small order",
    ),
    (
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
        [
            "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
            "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        ],
        false,
        "the key is of small order, though R is not",
    ),
    (
        "aebf3f2601a0c8c5d39cc7d8911642f740b78168218da8471772b35f9d35b9ab",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        [
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
            "8c4bd45aecaca5b24fb97bc10ac27ac8751a7dfe1baff8b953ec9f5833ca260e",
        ],
        true,
        "R may be of small order",
    ),
    (
        "9bd9f44f4dcc75bd531b56b2cd280b0bb38fc1cd6d1230e14861d861de092e79",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        [
            "9046a64750444938de19f227bb80485e92b83fdb4b6506c160484c016cc1852f",
            "87909e14428a7a1d62e9f22f3d3ad7802db02eb2e688b6c52fcd6648a98bd009",
        ],
        true,
        "the key and R have parts of small order, and the equation holds even without the cofactor",
    ),
    (
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        [
            "160a1cb0dc9c0258cd0a7d23e94d8fa878bcb1925f2c64246b2dee1796bed512",
            "5ec6bc982a269b723e0668e540911a9a6a58921d6925e434ab10aa7940551a09",
        ],
        true,
        "the equation holds with the cofactor, which is what counts",
    ),
    (
        "e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec4011eaccd55b53f56c",
        "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
        [
            "21122a84e0b5fca4052f5b1235c80a537878b38f3142356b2c2384ebad4668b7",
            "e40bc836dac0f71076f9abe3a53f9c03c1ceeeddb658d0030494ace586687405",
        ],
        true,
        "it would fail if 8k were reduced before it multiplies the key, and here the sum is multiplied by 8",
    ),
    (
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        [
            "e96f66be976d82e60150baecff9906684aebb1ef181f67a7189ac78ea23b6c0e",
            "547f7690a0e2ddcd04d87dbc3490dc19b3b3052f7ff0538cb68afb369ba3a514",
        ],
        false,
        "s is not below the order",
    ),
    (
        "85e241a07d148b41e47d62c63f830dc7a6851a0b1f33ae4bb2f507fb6cffec40",
        "442aad9f089ad9e14647b1ef9099a1ff4798d78589e66f28eca69c11f582a623",
        [
            "8ce5b96c8f26d0ab6c47958c9e68b937104cd36e13c33566acd2fe8d38aa1942",
            "7e71f98a473474f2f13f06f97c20d58cc3f54b8bd0d272f42b695dd7e89a8c22",
        ],
        false,
        "s is far above the order",
    ),
    (
        "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        [
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "03be9678ac102edcd92b0210bb34d7428d12ffc5df5f37e359941266a4e35f0f",
        ],
        false,
        "R was hashed in its usual encoding, and is hashed as it came",
    ),
    (
        "9bedc267423725d473888631ebf45988bad3db83851ee85c85e241a07d148b41",
        "f7badec5b8abeaf699583992219b7b223f1df3fbbea919844e3f7c554a43dd43",
        [
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            "ca8c5b64cd208982aa38d4936621a4775aa233aa0505711d8fdcfdaa943d4908",
        ],
        true,
        "R is in another encoding, and was hashed as it came",
    ),
    (
        "e96b7021eb39c1a163b6da4e3093dcd3f21387da4cc4572be588fafae23c155b",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        [
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc",
            "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        ],
        false,
        "the key is of small order, in another encoding",
    ),
    (
        "39a591f5321bbe07fd5a23dc2f39d025d74526615746727ceefd6e82ae65c06f",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        [
            "a9d55260f765261eb9b84e106f665e00b867287a761990d7135963ee0a7d59dc",
            "a5bb704786be79fc476f91d3f3f89b03984d8068dcf1bb7dfc6637b45450ac04",
        ],
        false,
        "the same, hashed as it came",
    ),
];

fn bytes(text: &str) -> [u8; 32] {
    hex::decode(text).unwrap().try_into().unwrap()
}

#[test]
fn the_196_cases_of_zip_215_are_bad_because_of_their_keys_alone() {
    for key in SMALL_ORDER {
        let key = PublicKey(bytes(key));
        assert!(key.decompress().is_none(), "{key}");
        for r in SMALL_ORDER {
            let signature = joined(bytes(r), [0; 32]);
            assert!(is_good_by_zip_215(key, b"Zcash", &signature), "{key} {r}");
            assert!(!is_good(key, b"Zcash", &signature), "{key} {r}");
        }
    }
}

#[test]
fn an_r_of_small_order_is_good_in_each_encoding_if_the_key_is_not() {
    let (secret, none) = (number("secret", 1), Scalar::ZERO);
    for part in 0..8 {
        let key = PublicKey(point(&secret, part));
        for r in SMALL_ORDER {
            let signature = sign(&secret, key, &none, bytes(r), b"Zcash");
            assert!(is_good(key, b"Zcash", &signature), "{r}");
            assert!(is_good_by_zip_215(key, b"Zcash", &signature), "{r}");
            assert!(!is_strictly_good(key, b"Zcash", &signature), "{r}");
            assert!(!is_good(key, b"zcash", &signature), "{r}");
        }
    }
}

#[test]
fn the_twelve_vectors_of_taming_the_many_eddsas_have_this_rules_verdicts() {
    for (message, key, [r, s], good, why) in TAMING {
        let (key, signature) = (PublicKey(bytes(key)), joined(bytes(r), bytes(s)));
        assert_eq!(is_good(key, &bytes(message), &signature), good, "{why}");
    }
}

/// A key of RFC 8032's, for which nothing is crafted.
#[test]
fn the_first_vectors_of_rfc_8032_are_good() {
    let key = PublicKey(bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"));
    let signature = joined(
        bytes("92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"),
        bytes("085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
    );
    assert!(is_good(key, &[0x72], &signature));
    assert!(!is_good(key, &[0x73], &signature));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// A store may hold items that were checked by the strict rule.
    #[test]
    fn what_the_strict_rule_calls_good_is_good(
        seed in any::<u8>(), message in prop::collection::vec(any::<u8>(), 0..300), parts in any::<[u8; 2]>(), which in any::<u64>(),
    ) {
        let signer = harness::key(seed);
        let signature = signer.sign(&message);
        prop_assert!(is_strictly_good(signer.public(), &message, &signature));
        prop_assert!(is_good(signer.public(), &message, &signature));

        let (key, signature) = crafted(which, parts, &message);
        prop_assert!(is_good(key, &message, &signature));
        prop_assert!(is_good_by_zip_215(key, &message, &signature));
        // By the strict rule, that depends on the message where the parts are not zero.
        if parts.iter().all(|part| part % 8 == 0) {
            prop_assert!(is_strictly_good(key, &message, &signature));
        }
    }

    #[test]
    fn zip_215_agrees_on_everything_that_is_not_signed_by_a_key_of_small_order(
        which in any::<u64>(), parts in any::<[u8; 2]>(), place in 0..96_usize, change in any::<u8>(),
    ) {
        let (key, signature) = crafted(which, parts, b"a message");
        let mut all = [&key.0[..], &signature.0].concat();
        all[place] ^= change;
        let (key, signature) = all.split_at(32);
        let (key, signature) = (PublicKey(key.try_into().unwrap()), Signature(signature.try_into().unwrap()));
        let good = is_good(key, b"a message", &signature);
        prop_assert_eq!(good, change == 0);
        prop_assert_eq!(good, is_good_by_zip_215(key, b"a message", &signature));
    }
}

/// A signature of a key and an `R` with these parts of small order.
fn crafted(which: u64, [key_part, r_part]: [u8; 2], message: &[u8]) -> (PublicKey, Signature) {
    let (secret, nonce) = (number("secret", which), number("nonce", which));
    let (key, r) = (PublicKey(point(&secret, key_part.into())), point(&nonce, r_part.into()));
    (key, sign(&secret, key, &nonce, r, message))
}
