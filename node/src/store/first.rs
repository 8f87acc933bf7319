//! Where the best chain first has a transaction. This is exact for the newest [`VALID_UNTIL_AHEAD_MAX`] heights,
//! whatever is pruned. Below that, it is exact as far as bodies are kept.
//!
//! Blocks are recorded after their parents. So along the best chain their numbers only grow, and so do their
//! epochs. All blocks that may have one transaction lie within [`VALID_UNTIL_AHEAD_MAX`] heights of each other. So
//! a look-up goes through the epochs of that many heights. In each it takes the lowest number that is on the best
//! chain. Deliberately absent: pending transactions, and writing.

use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::Height;
use protocol::ledger::durable::Looked;
use protocol::limits::VALID_UNTIL_AHEAD_MAX;
use protocol::wire::message::Tip;
use redb::{ReadableTable as _, TableError};

use super::error::{Context as _, StoreError};
use super::read::{Reads, transaction};
use super::tables::{BEST, PAST, PAST_HEIGHTS, Past, SPOTS, Spot};
use super::{FoundTransaction, Place};

impl Reads<'_> {
    /// See [`Load::First`](protocol::ledger::durable::Load::First). `epoch` is the last epoch.
    pub(super) fn first(&self, id: &TxId, epoch: u32) -> Result<Looked, StoreError> {
        let tip = self.tip()?;
        let from = window(tip.height);
        let spot = self.first_with_body(id, self.epoch_at(from)?, epoch)?.map(|(first, _)| first);
        let past = self.first_without_body(id, from)?;
        let first = spot.into_iter().chain(past).min_by_key(|first| first.height);
        Ok(Looked { first, tip })
    }

    /// A confirmed transaction: its first place, and its bytes if a block with it has its body.
    /// `epoch` is the last epoch.
    pub(super) fn confirmed(&self, id: &TxId, epoch: u32) -> Result<Option<FoundTransaction>, StoreError> {
        let spot = self.first_with_body(id, 0, epoch)?;
        let past = self.first_without_body(id, window(self.tip()?.height))?;
        let first = spot.iter().map(|(first, _)| *first).chain(past).min_by_key(|first| first.height);
        let Some(Tip { height, id: block }) = first else { return Ok(None) };
        let found = spot.map(|(_, spot)| self.bytes_at(&spot)).transpose()?;
        let transaction = found.map(|encoded| transaction(id, encoded)).transpose()?;
        Ok(Some(FoundTransaction { transaction, place: Place::Confirmed { block, height } }))
    }

    /// The end of the best chain.
    fn tip(&self) -> Result<Tip, StoreError> {
        let best = self.transaction.open_table(BEST).trying("read")?;
        let last = best.last().trying("read")?;
        let genesis = Tip { height: 0, id: self.genesis };
        Ok(last.map_or(genesis, |(height, id)| Tip { height: height.value(), id: BlockId(id.value()) }))
    }

    /// The epoch of the best chain's block at a height; 0 if there is none.
    fn epoch_at(&self, height: Height) -> Result<u32, StoreError> {
        let best = self.transaction.open_table(BEST).trying("read")?;
        let Some(id) = best.get(height).trying("read")?.map(|id| BlockId(id.value())) else { return Ok(0) };
        Ok(self.known(&id)?.epoch)
    }

    /// The first block of the best chain that has a transaction in its body, and the place in the body.
    /// The newest epochs come first. Once the transaction is found, only the epochs of the heights that
    /// may have it too remain.
    fn first_with_body(&self, id: &TxId, mut lowest: u32, epoch: u32) -> Result<Option<(Tip, Spot)>, StoreError> {
        let spots = self.transaction.open_table(SPOTS).trying("read")?;
        let Some((first, _)) = spots.first().trying("read")? else { return Ok(None) };
        lowest = lowest.max(Spot::decode(&first.value()).epoch);
        let mut found: Option<(Tip, Spot)> = None;
        for epoch in (0..=epoch).rev() {
            if epoch < lowest {
                break;
            }
            let (from, to) = Spot::range(epoch, id);
            for row in spots.range(from.encode()..=to.encode()).trying("read")? {
                let spot = Spot::decode(&row.trying("read")?.0.value());
                if let Some(place) = self.at(&spot, id)? {
                    if found.is_none() {
                        lowest = lowest.max(self.epoch_at(window(place.height))?);
                    }
                    found = Some((place, spot));
                    break;
                }
            }
        }
        Ok(found)
    }

    /// The first block of the best chain, from a height on, that had a transaction and whose body is gone.
    fn first_without_body(&self, id: &TxId, from: Height) -> Result<Option<Tip>, StoreError> {
        let past = match self.transaction.open_table(PAST) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(None),
            table => table.trying("read")?,
        };
        let Some((last, _)) = past.last().trying("read")? else { return Ok(None) };
        for part in Past::part(from)..=Past::decode(&last.value()).part {
            let (from, to) = Past::range(part, id);
            for row in past.range(from.encode()..=to.encode()).trying("read")? {
                let row = Past::decode(&row.trying("read")?.0.value());
                let block = self.numbered(row.number)?;
                let Some(height) = self.best_height(&block)? else { continue };
                let there = self.id_at(row.number, row.position)?.filter(|there| there.short() == id.short());
                let there = there.ok_or_else(|| {
                    StoreError::damaged(format!("another id is where {id} should be in the list of block {block}"))
                })?;
                if there == *id {
                    return Ok(Some(Tip { height, id: block }));
                }
            }
        }
        Ok(None)
    }
}

/// The lowest height that may have the same transaction as a block at a height.
const fn window(height: Height) -> Height {
    let lowest = height.saturating_sub(VALID_UNTIL_AHEAD_MAX - 1);
    if lowest == 0 { 1 } else { lowest }
}

const _: () = assert!(PAST_HEIGHTS <= VALID_UNTIL_AHEAD_MAX);
