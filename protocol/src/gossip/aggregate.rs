//! Aggregates: what the members of a network have in common, as one number, without a centre.
//!
//! There are three ways, and none calls another:
//!
//! * [`exact`]: from the values of a full view. Everything that a list of numbers can tell, to the last digit.
//! * [`push_sum`]: over links alone, for networks whose members no node knows. The average, the lowest and the
//!   highest value.
//! * [`extrema`]: how many members there are, also over links alone, with a standard error.
//!
//! `push_sum` and `extrema` run in epochs that the chain names ([`epoch`](crate::items::member::epoch)). The seam to
//! the engine (`seam`) runs them for the [built-in numbers](crate::gossip::members::BUILT_IN_KEYS), if the local user
//! wants it. All arithmetic is on integers, so that two nodes never differ by the rounding of a processor.
//! `docs/AGGREGATES.md` says what each figure means, and what a member that lies can do to it.
//!
//! Deliberately absent: whose values these are and how they spread ([`exact`] is given them), and signing.

mod admission;
pub mod built_in;
pub mod exact;
pub mod extrema;
pub mod gauge;
pub(crate) mod limits;
pub mod push_sum;
pub mod running;
mod seam;
mod ticks;
pub mod value;
