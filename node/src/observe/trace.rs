//! Traces: one compact record for each submission, first sight, duplicate, send and change of state. An instrument
//! reads them after the run. They are buffered, so that measuring does not slow down what it measures.
//!
//! A trace file is a CBOR sequence (RFC 8742) of arrays: a [`Header`], then [`Record`]s in the order of events. If
//! a node was killed, its file may end inside a record. It is whole up to there.

mod pieces;

use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

use protocol::gossip::ArrivalCause;
use protocol::items::hash::ShortId;
use protocol::wire::codec::{DecodeError, Encode, Reader, Writer};

use crate::clock;

pub use pieces::TracePieces;

/// The first item of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The node's libp2p peer id.
    pub peer_id: String,
    /// The network's name.
    pub network: String,
    /// `CLOCK_MONOTONIC` when the trace began, in nanoseconds.
    pub monotonic_ns: u64,
    /// The wall clock at the same moment, in nanoseconds since 1970.
    pub wall_ns: u64,
}

/// A transaction or a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A transaction.
    Transaction,
    /// A block.
    Block,
}

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its time, in nanoseconds of `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// What happened.
    pub what: What,
}

/// What happened. Items are named by the first 8 bytes of their ids, peers by the node's own numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// An item was submitted to this node (the moment of receipt).
    Submitted {
        /// Its kind.
        kind: Kind,
        /// Its short id.
        item: ShortId,
        /// Encoded bytes.
        bytes: u64,
    },
    /// An item was accepted: at first sight, or as the node's own submission.
    Accepted {
        /// Its kind.
        kind: Kind,
        /// Its short id.
        item: ShortId,
        /// Encoded bytes.
        bytes: u64,
        /// The peer that sent it; `None` for submissions.
        from: Option<u32>,
        /// Whether it came inside a block rather than by itself.
        within: bool,
    },
    /// A standalone body was received.
    Body {
        /// Its kind.
        kind: Kind,
        /// Its short id.
        item: ShortId,
        /// Encoded bytes.
        bytes: u64,
        /// The peer that sent it.
        from: u32,
        /// Whether it was not needed.
        duplicate: bool,
        /// Why it came; `None` in a file of an older node, and where the engine doesn't tell. Then the record has no
        /// field for it.
        cause: Option<ArrivalCause>,
    },
    /// An announcement was received.
    Announced {
        /// The item's kind.
        kind: Kind,
        /// Its short id.
        item: ShortId,
        /// The peer that announced it.
        from: u32,
    },
    /// A standalone body was sent.
    SentBody {
        /// Its kind.
        kind: Kind,
        /// Its short id.
        item: ShortId,
        /// The receiving peer.
        to: u32,
    },
    /// An announcement was sent.
    SentInv {
        /// The item's kind.
        kind: Kind,
        /// Its short id.
        item: ShortId,
        /// The receiving peer.
        to: u32,
    },
    /// A gossip connection opened.
    PeerUp {
        /// Its number.
        peer: u32,
        /// The peer's libp2p id.
        peer_id: String,
        /// Whether this node dialled.
        outbound: bool,
    },
    /// A gossip connection closed.
    PeerDown {
        /// Its number.
        peer: u32,
        /// The reason, by the counters' label.
        reason: String,
    },
    /// The best chain has a new end.
    Tip {
        /// Its short id.
        item: ShortId,
        /// Its height.
        height: u64,
        /// Blocks that became stale with the change.
        disconnected: u64,
    },
    /// What the process has used so far. Recorded once a second.
    Sample {
        /// Bytes read from the transport, below noise and yamux.
        wire_in: u64,
        /// Bytes written to it.
        wire_out: u64,
        /// User and system time, in microseconds.
        cpu_us: u64,
        /// Peak resident memory (`VmHWM`), in bytes.
        rss_peak: u64,
        /// Gossip peers that said Hello.
        peers: u64,
        /// How late each tick of a 50 ms timer was since the last sample, in microseconds.
        lateness_us: Vec<u64>,
    },
    /// The node stopped cleanly; nothing follows.
    End,
    /// Bytes of all messages that were read so far, before encryption. Recorded once a second, just before a sample.
    Read(ReadBytes),
}

/// Bytes of messages that were read, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadBytes {
    /// Bodies, announcements and requests.
    pub relay: u64,
    /// Reconciliation.
    pub repair: u64,
    /// Catching up.
    pub sync: u64,
    /// Membership and aggregates.
    pub members: u64,
    /// Hellos, acknowledgements, pings and goodbyes.
    pub link: u64,
}

/// Writes a trace.
#[derive(Debug)]
pub struct TraceWriter {
    file: BufWriter<File>,
    /// The bytes of one record. It is kept, because a busy node writes a record for each message.
    record: Vec<u8>,
}

/// Why a trace could not be read.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file can't be read.
    #[error("cannot read the trace: {0}")]
    Io(#[from] io::Error),
    /// The file is not a trace.
    #[error("not a trace, or one of another version: {0}")]
    Header(DecodeError),
    /// A record in the middle is damaged.
    #[error("the trace is damaged at byte {at}: {error}")]
    Record {
        /// The place.
        at: usize,
        /// The kind of damage.
        error: DecodeError,
    },
}

const MAGIC: &str = "hearsay trace 1";
const TEXT_MAX: usize = 256;
/// The most latenesses that one sample keeps: those of three minutes and more.
pub const LATENESS_MAX: usize = 4_096;
/// 256 KiB: some seconds of records at the busiest times.
const BUFFER_BYTES: usize = 256 * 1024;

impl TraceWriter {
    /// Creates the file (or empties it) and writes the header.
    ///
    /// # Errors
    /// The file system's error.
    pub fn create(path: &Path, peer_id: &str, network: &str) -> io::Result<Self> {
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::create(path)?);
        let mut writer = Self { file, record: Vec::new() };
        let header = Header {
            peer_id: peer_id.to_owned(),
            network: network.to_owned(),
            monotonic_ns: clock::monotonic_ns(),
            wall_ns: clock::wall_ns(),
        };
        writer.file.write_all(&header.to_bytes())?;
        Ok(writer)
    }

    /// Appends a record, stamped with the present moment.
    ///
    /// # Errors
    /// The file system's error, if the buffer has to be written.
    pub fn write(&mut self, what: What) -> io::Result<()> {
        self.record.clear();
        Record { at_ns: clock::monotonic_ns(), what }.append_to(&mut self.record);
        self.file.write_all(&self.record)
    }

    /// Hands buffered records to the system.
    ///
    /// # Errors
    /// The file system's error.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads a whole trace. If the file ends inside a record, this record is omitted.
///
/// # Errors
/// Says whether the file, its header or a record in the middle is at fault.
pub fn read(path: &Path) -> Result<(Header, Vec<Record>), TraceError> {
    let bytes = std::fs::read(path)?;
    let mut reader = Reader::new(bytes.into());
    let header = read_header(&mut reader).map_err(TraceError::Header)?;
    let mut records = Vec::new();
    while reader.finish().is_err() {
        let at = reader.position();
        match read_record(&mut reader) {
            Ok(record) => records.push(record),
            Err(DecodeError::Truncated) => break,
            Err(error) => return Err(TraceError::Record { at, error }),
        }
    }
    Ok((header, records))
}

impl Encode for Header {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(5);
        writer.text(MAGIC);
        writer.text(&self.peer_id);
        writer.text(&self.network);
        writer.uint(self.monotonic_ns);
        writer.uint(self.wall_ns);
    }
}

impl Encode for Record {
    fn encode(&self, writer: &mut Writer<'_>) {
        let mut start = |tag: u64, fields: usize| {
            writer.array(fields + 2);
            writer.uint(self.at_ns);
            writer.uint(tag);
        };
        match &self.what {
            What::Submitted { kind, item, bytes } => {
                start(0, 3);
                write_item(writer, *kind, *item);
                writer.uint(*bytes);
            }
            What::Accepted { kind, item, bytes, from, within } => {
                start(1, 5);
                write_item(writer, *kind, *item);
                writer.uint(*bytes);
                // Peers count from 1 here, so that 0 can mean none.
                writer.uint(from.map_or(0, |peer| u64::from(peer) + 1));
                writer.bool(*within);
            }
            What::Body { kind, item, bytes, from, duplicate, cause } => {
                start(2, if cause.is_some() { 6 } else { 5 });
                write_item(writer, *kind, *item);
                write_all(writer, [*bytes, u64::from(*from)]);
                writer.bool(*duplicate);
                cause.iter().for_each(|cause| writer.uint(cause.code()));
            }
            What::Announced { kind, item, from: peer } => {
                start(3, 3);
                write_item(writer, *kind, *item);
                writer.uint(u64::from(*peer));
            }
            What::SentBody { kind, item, to: peer } => {
                start(4, 3);
                write_item(writer, *kind, *item);
                writer.uint(u64::from(*peer));
            }
            What::SentInv { kind, item, to: peer } => {
                start(5, 3);
                write_item(writer, *kind, *item);
                writer.uint(u64::from(*peer));
            }
            What::PeerUp { peer, peer_id, outbound } => {
                start(6, 3);
                writer.uint(u64::from(*peer));
                writer.text(peer_id);
                writer.bool(*outbound);
            }
            What::PeerDown { peer, reason } => {
                start(7, 2);
                writer.uint(u64::from(*peer));
                writer.text(reason);
            }
            What::Tip { item, height, disconnected } => {
                start(8, 3);
                item.encode(writer);
                write_all(writer, [*height, *disconnected]);
            }
            What::Sample { wire_in, wire_out, cpu_us, rss_peak, peers, lateness_us } => {
                start(9, 6);
                write_all(writer, [*wire_in, *wire_out, *cpu_us, *rss_peak, *peers]);
                write_latenesses(writer, lateness_us);
            }
            What::End => start(10, 0),
            What::Read(ReadBytes { relay, repair, sync, members, link }) => {
                start(11, 5);
                write_all(writer, [*relay, *repair, *sync, *members, *link]);
            }
        }
    }
}

fn write_latenesses(writer: &mut Writer<'_>, latenesses: &[u64]) {
    let kept = latenesses.len().min(LATENESS_MAX);
    writer.array(kept);
    latenesses.iter().take(kept).for_each(|value| writer.uint(*value));
}

fn write_all<const N: usize>(writer: &mut Writer<'_>, values: [u64; N]) {
    values.iter().for_each(|value| writer.uint(*value));
}

fn write_item(writer: &mut Writer<'_>, kind: Kind, item: ShortId) {
    writer.uint(kind as u64);
    item.encode(writer);
}

fn read_header(reader: &mut Reader) -> Result<Header, DecodeError> {
    reader.array_of("a trace header", 5)?;
    if read_text(reader)? != MAGIC {
        return Err(DecodeError::BadValue("the first text"));
    }
    Ok(Header {
        peer_id: read_text(reader)?,
        network: read_text(reader)?,
        monotonic_ns: reader.uint()?,
        wall_ns: reader.uint()?,
    })
}

fn read_record(reader: &mut Reader) -> Result<Record, DecodeError> {
    let items = reader.array("a record", 8)?;
    let at_ns = reader.uint()?;
    let tag = reader.uint()?;
    let what = match (tag, items) {
        (0, 5) => What::Submitted { kind: read_kind(reader)?, item: read_short(reader)?, bytes: reader.uint()? },
        (1, 7) => What::Accepted {
            kind: read_kind(reader)?,
            item: read_short(reader)?,
            bytes: reader.uint()?,
            from: match reader.uint()? {
                0 => None,
                peer => Some(to_peer(peer - 1)?),
            },
            within: reader.bool()?,
        },
        (2, 7 | 8) => What::Body {
            kind: read_kind(reader)?,
            item: read_short(reader)?,
            bytes: reader.uint()?,
            from: read_peer(reader)?,
            duplicate: reader.bool()?,
            cause: if items == 8 { read_cause(reader)? } else { None },
        },
        (3, 5) => {
            What::Announced { kind: read_kind(reader)?, item: read_short(reader)?, from: read_peer(reader)? }
        }
        (4, 5) => What::SentBody { kind: read_kind(reader)?, item: read_short(reader)?, to: read_peer(reader)? },
        (5, 5) => What::SentInv { kind: read_kind(reader)?, item: read_short(reader)?, to: read_peer(reader)? },
        (6, 5) => What::PeerUp { peer: read_peer(reader)?, peer_id: read_text(reader)?, outbound: reader.bool()? },
        (7, 4) => What::PeerDown { peer: read_peer(reader)?, reason: read_text(reader)? },
        (8, 5) => What::Tip { item: read_short(reader)?, height: reader.uint()?, disconnected: reader.uint()? },
        (9, 8) => What::Sample {
            wire_in: reader.uint()?,
            wire_out: reader.uint()?,
            cpu_us: reader.uint()?,
            rss_peak: reader.uint()?,
            peers: reader.uint()?,
            lateness_us: {
                let count = reader.array("latenesses", LATENESS_MAX)?;
                (0..count).map(|_| reader.uint()).collect::<Result<_, _>>()?
            },
        },
        (10, 2) => What::End,
        (11, 7) => What::Read(ReadBytes {
            relay: reader.uint()?,
            repair: reader.uint()?,
            sync: reader.uint()?,
            members: reader.uint()?,
            link: reader.uint()?,
        }),
        _ => return Err(DecodeError::BadValue("a record's tag")),
    };
    Ok(Record { at_ns, what })
}

fn read_kind(reader: &mut Reader) -> Result<Kind, DecodeError> {
    match reader.uint()? {
        0 => Ok(Kind::Transaction),
        1 => Ok(Kind::Block),
        _ => Err(DecodeError::BadValue("an item's kind")),
    }
}

/// A cause that only a newer node knows is read as none.
fn read_cause(reader: &mut Reader) -> Result<Option<ArrivalCause>, DecodeError> {
    reader.uint().map(ArrivalCause::from_code)
}

fn read_short(reader: &mut Reader) -> Result<ShortId, DecodeError> {
    reader.fixed("a short id").map(ShortId)
}

fn read_peer(reader: &mut Reader) -> Result<u32, DecodeError> {
    reader.uint().and_then(to_peer)
}

fn to_peer(value: u64) -> Result<u32, DecodeError> {
    u32::try_from(value).map_err(|_| DecodeError::BadValue("a peer's number"))
}

fn read_text(reader: &mut Reader) -> Result<String, DecodeError> {
    let text = reader.text("a text", TEXT_MAX)?;
    String::from_utf8(text.to_vec()).map_err(|_| DecodeError::BadValue("a text"))
}
