//! Adversaries that have what others want. They announce it, push it or answer for it early, late, to the wrong
//! peer or not at all.

mod asked;
pub(super) mod backdate;
pub(super) mod grafts;
pub(super) mod hide;
pub(super) mod instead;
pub(super) mod routes;
pub(super) mod withhold;
