//! Why the store can't do what was asked, as text for a person: what happened, what it did to state, what to do.
//! Deliberately absent: any recovery. A store that failed to write accepts nothing more until it is opened again.

use std::io;

use protocol::items::network::NetworkId;
use protocol::wire::codec::DecodeError;

/// Why the store can't be used, or can no longer be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The kept data contradicts its checksums, its hashes or itself.
    #[error(
        "the store is damaged ({what}): nothing of it was used or changed; move store.redb out of the data dir and start \
         again, and the node fetches the chain anew (transactions that only this node held are in the old file)"
    )]
    Damaged {
        /// What was found.
        what: String,
    },
    /// The file is not a store of this program.
    #[error(
        "store.redb is no store of this program ({what}): its content was not changed; move it away, or give the node another \
         --data-dir"
    )]
    Foreign {
        /// What was found.
        what: String,
    },
    /// A later version of this program wrote it.
    #[error(
        "the store has format {found} and this program knows up to {known}: its content was not changed; run the newer program \
         that wrote it, or move store.redb away and start again"
    )]
    NewerFormat {
        /// The format found.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// An earlier version of this program wrote it, and there is no way to convert it.
    #[error(
        "the store has format {found}, which this program no longer reads (it knows {known}): its content was not changed; move \
         store.redb away and start again, and the node fetches the chain anew"
    )]
    OlderFormat {
        /// The format found.
        found: u32,
        /// The only known format.
        known: u32,
    },
    /// It belongs to another network.
    #[error(
        "the store is of network {found}, not {wanted}: its content was not changed; give the node --network {found}, or another \
         --data-dir"
    )]
    OtherNetwork {
        /// The network for which it was made.
        found: String,
        /// The network that was asked for.
        wanted: NetworkId,
    },
    /// Another process has it open.
    #[error(
        "store.redb is open in another process: nothing was changed; stop that one, or give another --data-dir"
    )]
    InUse,
    /// There is no room.
    #[error(
        "no room is left for the store ({error}): what was being written is kept whole or not at all, and what was \
         acknowledged is kept; make room and start the node again"
    )]
    Full {
        /// The system's error.
        error: io::Error,
    },
    /// The file system failed.
    #[error(
        "cannot {action} the store ({error}): what was being written is kept whole or not at all, and what was \
         acknowledged is kept; look at the disk and start the node again"
    )]
    Io {
        /// What was tried.
        action: &'static str,
        /// The system's error.
        error: io::Error,
    },
    /// An earlier write failed. Only the next opening of the store shows whether it was kept.
    #[error("an earlier write to the store failed, so it takes nothing more: start the node again")]
    Poisoned,
    /// Records came in an order in which no engine gives them.
    #[error("a record {what}: nothing of its group was kept; this is a fault of the program, please report it")]
    OutOfOrder {
        /// What was wrong with it.
        what: String,
    },
    /// Something is over its bound.
    #[error("{what} is over its bound of {max}: nothing was kept")]
    TooMany {
        /// What was counted.
        what: &'static str,
        /// Its bound.
        max: usize,
    },
}

impl StoreError {
    /// Damage, with what was found.
    pub(super) fn damaged(what: impl Into<String>) -> Self {
        Self::Damaged { what: what.into() }
    }

    /// The file system's error while `action` was tried.
    pub(super) fn io(action: &'static str, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { error },
            // A read past the end: the file is shorter than it says.
            io::ErrorKind::UnexpectedEof => Self::damaged("the file ends early"),
            // The library's error for a file without its mark, with a mark that it can't read, or
            // with a destroyed header.
            io::ErrorKind::InvalidData => Self::Foreign { what: error.to_string() },
            _ => Self::Io { action, error },
        }
    }

    /// Bytes at `place` that don't decode.
    pub(super) fn undecodable(place: &str, error: DecodeError) -> Self {
        Self::damaged(format!("{place} can't be read: {error}"))
    }

    /// The library's error while `action` was tried.
    pub(super) fn library(action: &'static str, error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) => Self::io(action, error),
            redb::Error::Corrupted(what) => Self::Damaged { what },
            redb::Error::PreviousIo | redb::Error::TransactionPoisoned | redb::Error::LockPoisoned(_) => {
                Self::Poisoned
            }
            redb::Error::DatabaseAlreadyOpen | redb::Error::LockProtocolMismatch => Self::InUse,
            redb::Error::UpgradeRequired(version) => {
                Self::Foreign { what: format!("it has version {version} of the library's own format") }
            }
            other => Self::Damaged { what: other.to_string() },
        }
    }
}

/// Turns the library's many errors into ours, with the action that was tried.
pub(super) trait Context<T> {
    /// Adds the action that was tried.
    fn trying(self, action: &'static str) -> Result<T, StoreError>;
}

impl<T, E: Into<redb::Error>> Context<T> for Result<T, E> {
    fn trying(self, action: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| StoreError::library(action, error.into()))
    }
}
