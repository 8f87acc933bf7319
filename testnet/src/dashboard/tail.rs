//! Reads the trace files of a run while the nodes write them, and hands out their records in the order of time.
//!
//! With a page, a node writes its trace to the file every [`TRACE_FLUSHED_EVERY`]. Records are held back for
//! [`SHOWN_LATE`]: then all nodes' records of a moment are there, and come in order. Records of a busy node that come
//! still later are handed out when they come.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::time::Duration;

use node::observe::trace::{Record, TracePieces};

/// How often a node writes its trace to the file while a page shows the run; a plain run writes once a second. With 50
/// nodes these are 1,000 writes a second, of some 10 µs each: a hundredth of a core.
pub const TRACE_FLUSHED_EVERY: Duration = Duration::from_millis(50);

/// How late records are handed out: the time between two writes, and three times as much on a busy machine. With the
/// time between two batches, a page is at most 300 ms behind.
pub const SHOWN_LATE: Duration = Duration::from_millis(200);

/// The bytes that are read of one file at a time. A node writes about 100 KiB a second at 20 transactions a second.
const READ_MAX: usize = 1024 * 1024;

/// Records of one file that may wait. If there are more, the file is not read on. At 100 bytes each and with 50 nodes
/// this is 320 MiB, which only happens if nobody looks for minutes.
const WAITING_MAX: usize = 65_536;

/// The trace of one node.
#[derive(Debug)]
struct Source {
    path: PathBuf,
    file: Option<File>,
    pieces: TracePieces,
    /// Whether the header was handed out.
    told: bool,
    waiting: VecDeque<Record>,
    /// A damaged trace is not read on.
    damaged: bool,
}

/// All traces of a run.
#[derive(Debug)]
pub struct Tail {
    sources: Vec<Source>,
    piece: Vec<u8>,
}

/// A news of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// The trace has begun, with this peer id.
    Met(String),
    /// A record.
    Record(Record),
}

impl Tail {
    /// The traces in these files, in the order of the nodes. Files may be made later.
    #[must_use]
    pub fn new(files: Vec<PathBuf>) -> Self {
        let source = |path| Source {
            path,
            file: None,
            pieces: TracePieces::default(),
            told: false,
            waiting: VecDeque::new(),
            damaged: false,
        };
        Self { sources: files.into_iter().map(source).collect(), piece: vec![0; READ_MAX] }
    }

    /// Reads on, and returns the news up to `until_ns` in the order of time. Each comes with its node. When nothing is
    /// written any more and there is no news, everything was read.
    pub fn news(&mut self, until_ns: u64) -> Vec<(usize, News)> {
        let mut met = Vec::new();
        let mut records = Vec::new();
        for (node, source) in self.sources.iter_mut().enumerate() {
            source.read(&mut self.piece);
            if let Some(header) = source.pieces.header().filter(|_| !source.told) {
                met.push((node, News::Met(header.peer_id.clone())));
                source.told = true;
            }
            while source.waiting.front().is_some_and(|record| record.at_ns <= until_ns)
                && let Some(record) = source.waiting.pop_front()
            {
                records.push((node, record));
            }
        }
        records.sort_by_key(|(_, record)| record.at_ns);
        met.extend(records.into_iter().map(|(node, record)| (node, News::Record(record))));
        met
    }
}

impl Source {
    fn read(&mut self, piece: &mut [u8]) {
        if self.damaged || self.waiting.len() >= WAITING_MAX {
            return;
        }
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return };
        // A file that can't be read now may be readable the next time.
        let Ok(read) = file.read(piece) else { return };
        let waiting = &mut self.waiting;
        let pushed =
            self.pieces.push(piece.get(..read).unwrap_or_default(), &mut |record| waiting.push_back(record));
        self.damaged = pushed.is_err();
    }
}
