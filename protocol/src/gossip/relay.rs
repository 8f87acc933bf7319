//! Whom to push to, whom to tell: the relay policies.

pub(super) mod author_tree;
pub(super) mod limits;
pub(super) mod meter;
pub(super) mod pass_on;
pub(super) mod policy;
pub(super) mod route;
pub(super) mod rumor;
pub(super) mod told;
pub(super) mod trust;
