//! One equation for many signatures says the same as a check of each.

use curve25519_dalek::Scalar;
use proptest::prelude::*;
use protocol::items::batch::all_hold;
use protocol::items::keys::{Equation, PublicKey, Signature};
use protocol::limits::BATCH_SIGNATURES_MAX;

use super::craft::{joined, number, point, sign};

const SECRET: [u8; 32] = [7; 32];
const MESSAGE: &[u8] = b"a message";

/// How a signature is made.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Good,
    /// The key and `R` have parts of small order.
    Shifted(u8, u8),
    /// `s` is too large by this number.
    OffBy(u8),
    /// `R` is another point.
    OtherR,
    OtherMessage,
}

fn kinds(good: bool) -> BoxedStrategy<Kind> {
    let shifted = || any::<(u8, u8)>().prop_map(|(key, r)| Kind::Shifted(key, r));
    match good {
        true => prop_oneof![Just(Kind::Good), shifted()].boxed(),
        false => prop_oneof![
            4 => Just(Kind::Good),
            4 => shifted(),
            1 => (1..=u8::MAX).prop_map(Kind::OffBy),
            1 => Just(Kind::OtherR),
            1 => Just(Kind::OtherMessage),
        ]
        .boxed(),
    }
}

fn batches() -> impl Strategy<Value = Vec<(u64, Kind)>> {
    any::<bool>().prop_flat_map(|good| prop::collection::vec((0..5_u64, kinds(good)), 1..=BATCH_SIGNATURES_MAX))
}

fn equation(number_: u64, author: u64, kind: Kind) -> Equation {
    let (secret, nonce) = (number("secret", author), number("nonce", number_));
    let (key_part, r_part) = if let Kind::Shifted(key, r) = kind { (key, r) } else { (0, 0) };
    let (key, mut r) = (PublicKey(point(&secret, key_part.into())), point(&nonce, r_part.into()));
    if matches!(kind, Kind::OtherR) {
        r = point(&(nonce + Scalar::ONE), 0);
    }
    let mut signature = sign(&secret, key, &nonce, r, MESSAGE);
    if let Kind::OffBy(by) = kind {
        signature = with_s(&signature, |s| s + Scalar::from(by));
    }
    let message: &[u8] = if matches!(kind, Kind::OtherMessage) { b"another" } else { MESSAGE };
    key.decompress().unwrap().equation(message, &signature).unwrap()
}

fn with_s(signature: &Signature, change: impl Fn(Scalar) -> Scalar) -> Signature {
    let (r, s) = signature.0.split_at(32);
    let s = Scalar::from_canonical_bytes(s.try_into().unwrap()).unwrap();
    joined(r.try_into().unwrap(), change(s).to_bytes())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_batch_holds_if_each_signature_does(batch in batches(), turn in any::<u8>()) {
        let mut equations: Vec<Equation> =
            batch.iter().zip(0..).map(|((author, kind), number)| equation(number, *author, *kind)).collect();
        let wanted = equations.iter().all(Equation::holds);
        for (one, (_, kind)) in equations.iter().zip(&batch) {
            prop_assert_eq!(one.holds(), matches!(kind, Kind::Good | Kind::Shifted(..)), "{:?}", kind);
        }
        prop_assert_eq!(all_hold(equations.iter(), &SECRET), wanted);
        // In another order, and with another secret.
        let by = usize::from(turn) % equations.len();
        equations.rotate_left(by);
        equations.reverse();
        prop_assert_eq!(all_hold(equations.iter(), &[turn; 32]), wanted);
    }
}

/// Two signatures by one key, in which what is too much in one `s` is missing in the other.
#[test]
fn the_errors_of_two_signatures_by_one_key_do_not_cancel() {
    for (first, second) in [(1, 1), (1, 2)] {
        let signed = |author, nonce: u64| {
            let (secret, nonce) = (number("secret", author), number("nonce", nonce));
            let key = PublicKey(point(&secret, 0));
            (key, sign(&secret, key, &nonce, point(&nonce, 0), MESSAGE))
        };
        let ((one, good), (other, also_good)) = (signed(first, 1), signed(second, 2));
        let (one, other) = (one.decompress().unwrap(), other.decompress().unwrap());
        let error = number("error", 1);
        let (more, less) = (with_s(&good, |s| s + error), with_s(&also_good, |s| s - error));
        let equations = [one.equation(MESSAGE, &more).unwrap(), other.equation(MESSAGE, &less).unwrap()];
        assert!(!all_hold(equations.iter(), &SECRET), "the keys {first} and {second}");
        let good = [one.equation(MESSAGE, &good).unwrap(), other.equation(MESSAGE, &also_good).unwrap()];
        assert!(all_hold(good.iter(), &SECRET));
    }
}

/// A bad signature twice: whatever it is multiplied by, the sum of both is not zero.
#[test]
fn the_same_bad_signature_many_times_is_bad() {
    let bad = equation(1, 1, Kind::OffBy(1));
    for count in [2, 8, BATCH_SIGNATURES_MAX] {
        assert!(!all_hold(vec![bad; count].iter(), &SECRET), "{count} times");
    }
}
