//! A disk in memory whose power can fail. It knows which writes were made and which of them are durable, in order,
//! and can fail any operation.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redb::StorageBackend;

/// The size that a disk writes completely or not at all.
const SECTOR_BYTES: usize = 512;

/// One change.
#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
    Sync,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// All changes since the disk was made, if it records them.
    changes: Vec<Change>,
    operations: u64,
    /// The operation from which on each fails, and the error.
    fails: Option<(u64, ErrorKind)>,
    /// Only the one operation fails.
    once: bool,
}

/// A disk. Clones share its content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    /// A disk that holds `bytes`.
    pub(crate) fn holding(bytes: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { bytes, ..State::default() })))
    }

    /// Its contents, whether durable or not.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    /// The number of operations so far.
    pub(crate) fn operations(&self) -> u64 {
        self.state().operations
    }

    /// The number of changes so far, including syncs.
    pub(crate) fn changes(&self) -> usize {
        self.state().changes.len()
    }

    /// The number of bytes written so far.
    pub(crate) fn written(&self) -> usize {
        let bytes = |change: &Change| if let Change::Write(_, data) = change { data.len() } else { 0 };
        self.state().changes.iter().map(bytes).sum()
    }

    /// Makes every operation fail from the one with this number on, or only this one.
    pub(crate) fn fail_from(&self, operation: u64, kind: ErrorKind, once: bool) {
        let mut state = self.state();
        state.fails = Some((operation, kind));
        state.once = once;
    }

    /// The possible contents of the disk if power fails after this number of changes: everything that was synced,
    /// and those unsynced sectors that `seed` picks. `base` is the contents before the first change.
    pub(crate) fn image(&self, base: &[u8], changes: usize, seed: u64) -> Vec<u8> {
        let mut random = StdRng::seed_from_u64(seed);
        let state = self.state();
        let done = &state.changes[..changes];
        let synced = done.iter().rposition(|change| matches!(change, Change::Sync)).map_or(0, |at| at + 1);
        let mut bytes = base.to_vec();
        for change in &done[..synced] {
            apply(&mut bytes, change);
        }
        // Now and then nothing of it, or all.
        let share = [0.0, 0.1, 0.5, 0.9, 1.0][random.random_range(0..5)];
        for change in &done[synced..] {
            match change {
                Change::Write(offset, data) => {
                    for (at, sector) in sectors(*offset, data) {
                        if random.random_bool(share) {
                            apply(&mut bytes, &Change::Write(at, sector.to_vec()));
                        }
                    }
                }
                change if random.random_bool(share) => apply(&mut bytes, change),
                _ => {}
            }
        }
        bytes
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics while it holds this")
    }

    fn operate(&self) -> Result<MutexGuard<'_, State>, Error> {
        let mut state = self.state();
        let number = state.operations;
        state.operations += 1;
        match state.fails {
            Some((at, kind)) if number == at || (number > at && !state.once) => Err(kind.into()),
            _ => Ok(state),
        }
    }
}

fn apply(bytes: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(offset, data) => {
            let end = offset + data.len();
            if bytes.len() < end {
                bytes.resize(end, 0);
            }
            bytes[*offset..end].copy_from_slice(data);
        }
        Change::Resize(len) => bytes.resize(*len, 0),
        Change::Sync => {}
    }
}

/// A write, cut at the borders of sectors.
fn sectors(offset: usize, data: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let first = (SECTOR_BYTES - offset % SECTOR_BYTES).min(data.len());
    let (head, rest) = data.split_at(first);
    let rest =
        rest.chunks(SECTOR_BYTES).enumerate().map(move |(n, part)| (offset + first + n * SECTOR_BYTES, part));
    std::iter::once((offset, head)).chain(rest)
}

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.operate()?.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.operate()?;
        let from = offset as usize;
        let found = state.bytes.get(from..from + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), Error> {
        self.change(Change::Resize(len as usize))
    }

    fn sync_data(&self) -> Result<(), Error> {
        self.change(Change::Sync)
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        self.change(Change::Write(offset as usize, data.to_vec()))
    }
}

impl Disk {
    fn change(&self, change: Change) -> Result<(), Error> {
        let mut state = self.operate()?;
        apply(&mut state.bytes, &change);
        state.changes.push(change);
        Ok(())
    }
}
