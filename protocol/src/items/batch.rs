//! Many signatures in one equation.
//!
//! For the equations `E₁ … Eₙ` of signatures ([`Equation`]), each `[8]Eᵢ = 0` if the signature is good, the batch is
//! good if `[8](z₁E₁ + … + zₙEₙ) = 0`. The coefficients `zᵢ` are of 128 bits. If all signatures are good, the batch
//! is. If one is not, the batch is good with a probability of 2^-128: `[8]E` is in the group of prime order `ℓ`, so
//! at most one `z` of the 2^128 makes up for the others. What is multiplied by 8 has no part of small order left, so
//! a batch and single checks agree on crafted signatures as well.
//!
//! **The coefficients** come from a hash of the whole batch and of a secret of the driver's. The engine has no chance
//! of its own, and an attacker that knew them could make bad signatures whose errors cancel. The hash has `A`, `R`,
//! `s` and `k` of each signature in order, which is all that the equations consist of.
//!
//! **Equal keys** are added up before they are multiplied: ten authors in a batch of 64 take ten long
//! multiplications and not 64. Keys are equal if their bytes are.
//!
//! Deliberately absent: what is put into one batch, and what follows if it is bad; that is in
//! [`verify`](super::verify).

use alloc::vec::Vec;
use core::iter::once;

use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::edwards::EdwardsPoint;
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::VartimeMultiscalarMul as _;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

use super::keys::{Equation, PublicKey};

/// What the hash starts with that the coefficients come from.
const COEFFICIENTS_DOMAIN: &[u8] = b"hearsay batch 1";

/// Whether all equations hold. If not all do, this finds out except with a probability of 2^-128, as long as nobody
/// who made them knows `secret`.
pub fn all_hold<'a, I>(equations: I, secret: &[u8; 32]) -> bool
where
    I: ExactSizeIterator<Item = &'a Equation> + Clone,
{
    let mut chance = coefficients(equations.clone(), secret);
    let mut base = Scalar::ZERO;
    let mut keys: Vec<(PublicKey, EdwardsPoint, Scalar)> = Vec::with_capacity(equations.len());
    let mut own: Vec<Scalar> = Vec::with_capacity(equations.len());
    for equation in equations.clone() {
        let z = Scalar::from(u128::from(chance.next_u64()) << 64 | u128::from(chance.next_u64()));
        base -= z * equation.s;
        let share = z * equation.challenge;
        // Keys are an attacker's to choose, and 64 of them are looked through faster than hashed.
        match keys.iter_mut().find(|(key, ..)| *key == equation.author.key) {
            Some((_, _, sum)) => *sum += share,
            None => keys.push((equation.author.key, equation.author.point, share)),
        }
        own.push(z);
    }
    let scalars = once(&base).chain(keys.iter().map(|(_, _, sum)| sum)).chain(&own);
    let points = once(&ED25519_BASEPOINT_POINT)
        .chain(keys.iter().map(|(_, point, _)| point))
        .chain(equations.map(|equation| &equation.commitment_point));
    EdwardsPoint::vartime_multiscalar_mul(scalars, points).is_small_order()
}

/// What the coefficients are drawn from.
fn coefficients<'a>(equations: impl Iterator<Item = &'a Equation>, secret: &[u8; 32]) -> ChaCha20Rng {
    let mut hash = Sha256::new();
    hash.update(COEFFICIENTS_DOMAIN);
    hash.update(secret);
    for Equation { author, commitment, s, challenge, .. } in equations {
        hash.update(author.key.0);
        hash.update(commitment);
        hash.update(s.as_bytes());
        hash.update(challenge.as_bytes());
    }
    ChaCha20Rng::from_seed(hash.finalize().into())
}
