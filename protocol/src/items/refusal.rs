//! Why an item is not accepted, and why a peer is disconnected. Data for people and counters. Nothing here
//! decides.

use super::transaction::Height;
use crate::codec::Misread;
use crate::limits::VALID_UNTIL_AHEAD_MAX;

/// Why an item was not accepted. Nothing of it is kept, except its id for some of the reasons.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The bytes are not an item.
    #[error("the bytes don't decode: {0}")]
    Malformed(Misread),
    /// A signature is wrong, is for another network, or its key is unusable.
    #[error("a signature is not valid on this network")]
    InvalidSignature,
    /// Past its last height.
    #[error("valid until height {valid_until}, and the tip is at {tip}: sign it again with a later height")]
    Expired {
        /// The last height that may hold it.
        valid_until: Height,
        /// Our tip's height.
        tip: Height,
    },
    /// Its last height lies too far ahead.
    #[error(
        "valid until height {valid_until}, more than {VALID_UNTIL_AHEAD_MAX} blocks after the tip at {tip}: sign it \
         for a nearer height"
    )]
    TooFarAhead {
        /// The last height that may hold it.
        valid_until: Height,
        /// Our tip's height.
        tip: Height,
    },
    /// In the best chain already.
    #[error("in the best chain already")]
    Confirmed,
    /// Two other transactions of this author with the same nonce are held. Two prove that the nonce was used twice, and
    /// a third would only take room.
    #[error("two transactions with this author and nonce are held already: use another nonce")]
    NonceTaken,
    /// No room, and the link by which it came has the largest share of it; submissions are their own link. From
    /// another link it may be accepted.
    #[error(
        "the mempool is full and what came by this link has the largest share of it: try again after the next block"
    )]
    MempoolFull,
    /// No room, and its author has the largest share of it, whatever link it came by.
    #[error("the mempool is full and this author has the largest share of it: try again after the next block")]
    AuthorFull,
    /// Refused before: a block for good, a transaction until the height of the tip changes.
    #[error("refused before")]
    RejectedBefore,
    /// Too many checks are outstanding.
    #[error("too many checks are outstanding: try again in a moment")]
    Busy,
    /// The producer isn't on the list.
    #[error("the producer is not allowed on this network")]
    ProducerNotAllowed,
    /// The parent isn't known.
    #[error("the parent block is not known")]
    UnknownParent,
    /// The height isn't the parent's plus one.
    #[error("the height is not one more than the parent's")]
    WrongHeight,
    /// It came by itself, and two other blocks of this producer at this height are known. It is accepted once
    /// another block builds on it.
    #[error("two blocks of this producer at this height are known already")]
    TooManyAtHeight,
    /// Branches off below what is remembered.
    #[error("branches off too far below the tip to be followed")]
    TooOld,
    /// The tree of headers is full.
    #[error("the tree of headers is full")]
    HeadersFull,
    /// The body doesn't match the header.
    #[error("the body does not match the header's transactions root")]
    WrongRoot,
    /// A transaction occurs twice in the block.
    #[error("a transaction occurs twice in the block")]
    RepeatedTransaction,
    /// A transaction of the block is past its last height.
    #[error("a transaction of the block is past its last height")]
    ExpiredTransaction,
    /// A chain's own rule. The text is a constant. What belongs to one item, such as an amount, goes into the chain's
    /// own log.
    #[error("{0}")]
    Rule(&'static str),
}

impl Refusal {
    /// All labels.
    pub const LABELS: [&'static str; 20] = [
        "malformed",
        "invalid_signature",
        "expired",
        "too_far_ahead",
        "confirmed",
        "nonce_taken",
        "mempool_full",
        "author_full",
        "rejected_before",
        "busy",
        "producer_not_allowed",
        "unknown_parent",
        "wrong_height",
        "too_many_at_height",
        "too_old",
        "headers_full",
        "wrong_root",
        "repeated_transaction",
        "expired_transaction",
        "rule",
    ];

    /// The label in counters: lower case with underscores.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::InvalidSignature => "invalid_signature",
            Self::Expired { .. } => "expired",
            Self::TooFarAhead { .. } => "too_far_ahead",
            Self::Confirmed => "confirmed",
            Self::NonceTaken => "nonce_taken",
            Self::MempoolFull => "mempool_full",
            Self::AuthorFull => "author_full",
            Self::RejectedBefore => "rejected_before",
            Self::Busy => "busy",
            Self::ProducerNotAllowed => "producer_not_allowed",
            Self::UnknownParent => "unknown_parent",
            Self::WrongHeight => "wrong_height",
            Self::TooManyAtHeight => "too_many_at_height",
            Self::TooOld => "too_old",
            Self::HeadersFull => "headers_full",
            Self::WrongRoot => "wrong_root",
            Self::RepeatedTransaction => "repeated_transaction",
            Self::ExpiredTransaction => "expired_transaction",
            Self::Rule(_) => "rule",
        }
    }
}

/// Why the engine closes a connection: a counter's label, and words that may tell more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// No Hello in time.
    #[error("said no hello in time")]
    NoHello,
    /// Its Hello names another network.
    #[error("is on another network")]
    WrongNetwork,
    /// Its Hello states another protocol version.
    #[error("speaks another version of the protocol")]
    WrongVersion,
    /// Spoke before Hello.
    #[error("sent another message before its hello")]
    BeforeHello,
    /// Said Hello twice.
    #[error("said hello twice")]
    SecondHello,
    /// Sent an item that doesn't decode.
    #[error("sent a malformed item")]
    MalformedItem,
    /// Sent an item with a bad signature.
    #[error("sent an item with an invalid signature")]
    InvalidSignature,
    /// Sent a block that breaks a rule that every node knows.
    #[error("sent an invalid block")]
    InvalidBlock,
    /// Sent headers that don't follow each other.
    #[error("sent headers that do not connect")]
    BrokenHeaders,
    /// Sent sums of push-sum that no node sends that keeps the rules.
    #[error("sent sums of an aggregate that break its rules")]
    BrokenTotals,
    /// Doesn't read: its queues are full.
    #[error("let its queue overrun")]
    QueueOverrun,
    /// Announced much and delivered nothing, many times.
    #[error("withheld too many announced items")]
    Withheld,
}

impl DisconnectReason {
    /// The label in counters: lower case with underscores.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoHello => "no_hello",
            Self::WrongNetwork => "wrong_network",
            Self::WrongVersion => "wrong_version",
            Self::BeforeHello | Self::SecondHello => "out_of_turn",
            Self::MalformedItem => "malformed_item",
            Self::InvalidSignature => "invalid_signature",
            Self::InvalidBlock => "invalid_block",
            Self::BrokenHeaders => "broken_headers",
            Self::BrokenTotals => "broken_totals",
            Self::QueueOverrun => "queue_overrun",
            Self::Withheld => "withheld",
        }
    }
}
