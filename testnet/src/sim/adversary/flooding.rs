//! Adversaries that send things that nobody wants: forged, repeated, refused or made up.

pub(super) mod claims;
pub(super) mod forge;
pub(super) mod junk;
pub(super) mod noise;
pub(super) mod tail;
