//! What a chain's own rules are told at the start: the blocks of the best chain that an earlier run had connected, from
//! the height that the rules name. Nothing is open meanwhile, so the rules are asked nothing before they know it all.
//!
//! A chain may be long, so this happens on a thread that may block. Bodies are checked against their headers when they
//! are read, as always. Signatures are not checked again.
//!
//! Deliberately absent: what a rule does with it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::items::block::SignedHeader;
use protocol::items::hash::BlockId;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::items::validator::Validator;
use protocol::ledger::durable::{Load, Loaded, RestoredBlock};
use protocol::wire::codec::Decode as _;
use tokio::task::spawn_blocking;

use super::ServiceError;
use crate::store::{Store, StoreError};

/// The time between two lines of the log while this lasts.
const SAY_EVERY: Duration = Duration::from_secs(5);

/// Tells the rules of earlier blocks, if they ask for any. `newest` are the newest blocks of the best chain, the lowest
/// first.
pub(super) async fn replay(
    store: Box<dyn Store>,
    rules: Arc<dyn Validator>,
    newest: &[RestoredBlock],
    network: &NetworkId,
) -> Result<Box<dyn Store>, ServiceError> {
    let (Some(from), Some(tip)) = (rules.connected_from(), newest.last()) else { return Ok(store) };
    let (from, tip) = (from.max(1), tip.header.header().height);
    if from > tip {
        return Ok(store);
    }
    // If it is not among the newest, all headers below are read to find it.
    let first = newest.iter().find(|block| block.header.header().height == from);
    let parent = first.map_or_else(|| network.genesis(), |block| block.header.header().parent);
    let told = spawn_blocking(move || tell(store.as_ref(), rules.as_ref(), parent, from, tip).map(|()| store));
    told.await.map_err(|error| ServiceError::Setup(format!("the chain's rules failed: {error}")))?
}

/// Tells of all blocks of the best chain after `parent` whose height is at least `from`.
fn tell(
    store: &dyn Store,
    rules: &dyn Validator,
    mut parent: BlockId,
    from: Height,
    tip: Height,
) -> Result<(), ServiceError> {
    let (start, mut said) = (Instant::now(), Instant::now());
    let mut blocks = 0_u64;
    loop {
        let headers = match store.load(&Load::HeadersAfter(vec![parent]))? {
            Loaded::HeadersAfter { headers, .. } => headers,
            _ => Vec::new(),
        };
        let Some(last) = headers.last() else { break };
        parent = last.id();
        for header in headers.iter().filter(|header| header.header().height >= from) {
            rules.connected(header, &transactions(store, header)?);
            blocks = blocks.saturating_add(1);
            if said.elapsed() >= SAY_EVERY {
                said = Instant::now();
                let height = header.header().height;
                tracing::info!("the chain's rules were told of blocks up to height {height} of {tip}");
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    tracing::info!("the chain's rules were told of {blocks} blocks of earlier runs in {seconds:.1} s");
    Ok(())
}

fn transactions(store: &dyn Store, header: &SignedHeader) -> Result<Vec<Arc<SignedTransaction>>, ServiceError> {
    let (id, height) = (header.id(), header.header().height);
    let Loaded::Block { block: Some(block), .. } = store.load(&Load::Block(id))? else {
        return Err(ServiceError::Setup(format!(
            "the chain's rules want to be told of the block at height {height}, and its body was deleted: keep bodies, \
             or let the rules keep what they know"
        )));
    };
    let decode = |bytes| {
        let damaged = |error| StoreError::Damaged { what: format!("a transaction of block {id}: {error}") };
        SignedTransaction::from_bytes(bytes).map(Arc::new).map_err(damaged)
    };
    Ok(block.transactions.iter().map(decode).collect::<Result<_, StoreError>>()?)
}
