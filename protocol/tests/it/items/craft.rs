//! Signatures that no signer makes, because a part of the key or of `R` is of small order, and what two other
//! programs say of a signature.

use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::{EdwardsPoint, Scalar};
use protocol::items::hash::sha256;
use protocol::items::keys::{PublicKey, Signature};
use sha2::{Digest as _, Sha512};

/// A secret number.
pub fn number(name: &str, which: u64) -> Scalar {
    Scalar::from_bytes_mod_order(sha256(&[name.as_bytes(), &which.to_be_bytes()]))
}

/// The bytes of a number's point, and of one of the eight points of small order added to it. The first is zero.
pub fn point(number: &Scalar, small: usize) -> [u8; 32] {
    (EdwardsPoint::mul_base(number) + EIGHT_TORSION[small % 8]).compress().0
}

/// Signs for a key of `secret` with the bytes of an `R` of `nonce`.
pub fn sign(secret: &Scalar, key: PublicKey, nonce: &Scalar, r: [u8; 32], message: &[u8]) -> Signature {
    let hash = Sha512::new().chain_update(r).chain_update(key.0).chain_update(message).finalize();
    let s = nonce + Scalar::from_bytes_mod_order_wide(&hash.into()) * secret;
    joined(r, s.to_bytes())
}

pub fn joined(r: [u8; 32], s: [u8; 32]) -> Signature {
    Signature([r, s].concat().try_into().unwrap())
}

/// Our own rule.
pub fn is_good(key: PublicKey, message: &[u8], signature: &Signature) -> bool {
    key.decompress().is_some_and(|key| key.verify(message, signature))
}

/// The strict rule, of ed25519-dalek.
pub fn is_strictly_good(key: PublicKey, message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
    ed25519_dalek::VerifyingKey::from_bytes(&key.0).is_ok_and(|key| key.verify_strict(message, &signature).is_ok())
}

/// ZIP 215, of ed25519-zebra.
pub fn is_good_by_zip_215(key: PublicKey, message: &[u8], signature: &Signature) -> bool {
    let signature = ed25519_zebra::Signature::from_bytes(&signature.0);
    ed25519_zebra::VerificationKey::try_from(key.0).is_ok_and(|key| key.verify(&signature, message).is_ok())
}
