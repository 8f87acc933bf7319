//! Ed25519 keys and signatures, and the one rule that says which signatures are good.
//!
//! A signature `R ‖ s` of the key `A` on a message `M` is good if all of this holds:
//!
//! * `s < ℓ`, the order of the base point;
//! * `A` and `R` are points of the curve. Their `y` need not be reduced, and an `x` of zero may have either sign;
//! * `A` is not of small order: `[8]A ≠ 0`;
//! * `[8]([s]B − R − [k]A) = 0`, where `k` is SHA-512 over `R ‖ A ‖ M`, over the bytes as they came.
//!
//! This is ZIP 215 with one addition, that of small order. *Rationale:* nodes must never disagree on what is valid.
//! Without the factor 8, one equation for many signatures ([`batch`](super::batch)) and single checks disagree on
//! crafted keys ("Taming the many EdDSAs", 2020). With it they agree, except with a probability of 2^-128. A key of
//! small order signs anything, so it names nobody. What `verify_strict` of ed25519-dalek calls good
//! (without the factor, and with no `R` of small order) is good here as well.
//!
//! Deliberately absent: key generation from the system's randomness (the driver supplies a seed), and arithmetic on
//! the curve, which is curve25519-dalek's.

mod fixed;

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::str::FromStr;

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha512};

use super::hash::by_bytes;

/// An author's or producer's public key: 32 bytes, compressed Edwards y.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl Ord for PublicKey {
    fn cmp(&self, other: &Self) -> Ordering {
        by_bytes(&self.0, &other.0)
    }
}

impl PartialOrd for PublicKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An Ed25519 signature: 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// A secret signing key. It never prints itself, and is wiped when it is dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

/// A public key that was decompressed once, so that many checks can share the work. It is not of small order.
#[derive(Clone, Copy, Debug)]
pub struct VerifyingKey {
    /// The key as it came.
    pub(super) key: PublicKey,
    pub(super) point: EdwardsPoint,
}

/// The equation that holds if a signature is good. What the rule says of the parts was found true.
#[derive(Clone, Copy, Debug)]
pub struct Equation {
    pub(super) author: VerifyingKey,
    /// `R` as it came, and the point that it means.
    pub(super) commitment: [u8; 32],
    pub(super) commitment_point: EdwardsPoint,
    pub(super) s: Scalar,
    /// `k`.
    pub(super) challenge: Scalar,
}

/// A string is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a public key: 64 hexadecimal digits are wanted")]
pub struct ParseKeyError;

impl SecretKey {
    /// The key with this 32-byte seed (RFC 8032, section 5.1.5).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(ed25519_dalek::SigningKey::from_bytes(seed))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs `message` with this key pair: it accepts no separate public key.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public())
    }
}

impl PublicKey {
    /// Decompresses the key; `None` if the bytes are not a point on the curve, or are one of small order.
    #[must_use]
    pub fn decompress(&self) -> Option<VerifyingKey> {
        let point = CompressedEdwardsY(self.0).decompress()?;
        (!point.is_small_order()).then_some(VerifyingKey { key: *self, point })
    }
}

impl VerifyingKey {
    /// Whether `signature` is this key's on `message`.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        self.equation(message, signature).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if `signature` is this key's on `message`; `None` if the signature's parts are not
    /// what the rule wants.
    #[must_use]
    pub fn equation(&self, message: &[u8], signature: &Signature) -> Option<Equation> {
        let commitment = *signature.0.first_chunk::<32>()?;
        let s = Option::from(Scalar::from_canonical_bytes(*signature.0.last_chunk::<32>()?))?;
        let commitment_point = CompressedEdwardsY(commitment).decompress()?;
        let hash = Sha512::new().chain_update(commitment).chain_update(self.key.0).chain_update(message);
        let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        Some(Equation { author: *self, commitment, commitment_point, s, challenge })
    }
}

impl Equation {
    /// Whether it holds, by itself.
    #[must_use]
    pub fn holds(&self) -> bool {
        let Self { author, commitment_point, s, challenge, .. } = self;
        let sum = EdwardsPoint::vartime_double_scalar_mul_basepoint(&-challenge, &author.point, s);
        (sum - commitment_point).is_small_order()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = hex::encode(self.0);
        f.write_str(&text)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({}…)", hex::encode(&self.0[..4]))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signature({}…)", hex::encode(&self.0[..4]))
    }
}

impl FromStr for PublicKey {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, ParseKeyError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseKeyError)?;
        Ok(Self(bytes))
    }
}
