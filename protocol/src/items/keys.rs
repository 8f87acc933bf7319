//! Ed25519 keys and signatures. Every check is `verify_strict`, because nodes must never disagree on what is
//! valid. With looser or batched equations they can disagree (RFC 8032, "Taming the many EdDSAs", 2020).
//!
//! Deliberately absent: key generation from the system's randomness (the driver supplies a seed), and batch
//! verification.

use alloc::string::String;
use core::fmt;
use core::str::FromStr;

use ed25519_dalek::Signer as _;

/// An author's or producer's public key: 32 bytes, compressed Edwards y.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey(pub [u8; 32]);

/// An Ed25519 signature: 64 bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature(pub [u8; 64]);

/// A secret signing key. It never prints itself, and is wiped when it is dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_dalek::SigningKey);

/// A public key that was decompressed once, so that many checks can share the work.
#[derive(Clone, Debug)]
pub struct VerifyingKey(ed25519_dalek::VerifyingKey);

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
    /// Decompresses the key; `None` if the bytes are not a point on the curve, or are a weak (small-order) one.
    #[must_use]
    pub fn decompress(&self) -> Option<VerifyingKey> {
        ed25519_dalek::VerifyingKey::from_bytes(&self.0).ok().filter(|key| !key.is_weak()).map(VerifyingKey)
    }
}

impl VerifyingKey {
    /// Whether `signature` is this key's on `message`, by the strict rule.
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &Signature) -> bool {
        let signature = ed25519_dalek::Signature::from_bytes(&signature.0);
        self.0.verify_strict(message, &signature).is_ok()
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
