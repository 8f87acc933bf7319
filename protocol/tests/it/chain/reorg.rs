//! Random trees of blocks in random order: every node ends on the same tip with the same transactions, and no
//! order breaks a bound.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use protocol::items::block::SignedHeader;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::refusal::Refusal;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::chain::Standing::{Alone, InLine};
use protocol::ledger::chain::{Chain, Limits, TipChange};

use crate::make::{genesis, header, ids, transaction};

/// A block of the plan: header, transactions, and all transactions of its branch.
#[derive(Clone, Debug)]
struct Planned {
    header: SignedHeader,
    items: Vec<Arc<SignedTransaction>>,
    branch: BTreeMap<TxId, (u64, BlockId)>,
}

/// Each block stands on one of the `reach` blocks before it (or on genesis, if there are no more), and has some of
/// 8 transactions, whether or not its branch already has them. Only the first occurrence in a branch counts.
fn plan(shape: &[(usize, u8)], reach: usize) -> Vec<Planned> {
    let mut blocks: Vec<Planned> = vec![];
    for (number, (parent, wanted)) in (0_u32..).zip(shape) {
        let back = parent % (reach.min(blocks.len() + 1));
        let parent = (blocks.len() - back).checked_sub(1).map(|at| blocks[at].clone());
        let mut branch = parent.as_ref().map(|parent| parent.branch.clone()).unwrap_or_default();
        let (height, on) =
            parent.map_or((1, genesis()), |parent| (parent.header.header().height + 1, parent.header.id()));
        let items: Vec<_> =
            (0..8).filter(|bit| wanted & (1 << bit) != 0).map(|bit| transaction(1, bit, 1_000, 0)).collect();
        // There are six producers, and each signs several blocks for one height.
        let header = header(on, height, number % 6, u64::from(number), &items);
        for item in &items {
            branch.entry(item.id()).or_insert((height, header.id()));
        }
        blocks.push(Planned { header, items, branch });
    }
    blocks
}

/// Connects all blocks in the order of the keys, as soon as their parents are connected. The sum of the reported
/// changes must agree with the chain.
fn connect_all(chain: &mut Chain, blocks: &[Planned], keys: &[u16]) -> Result<(), TestCaseError> {
    let mut waiting: Vec<_> = blocks.iter().zip(keys).collect();
    waiting.sort_by_key(|(_, key)| **key);
    let mut told = BTreeMap::new();
    while !waiting.is_empty() {
        let before = waiting.len();
        let mut late = vec![];
        for (block, key) in waiting {
            match chain.connect(block.header, block.items.clone()) {
                Ok(connected) => follow(&mut told, blocks, connected.tip_change)?,
                Err(Refusal::UnknownParent) => late.push((block, key)),
                Err(other) => return Err(TestCaseError::fail(format!("{other}"))),
            }
            let tip = blocks.iter().find(|block| block.header.id() == chain.tip().id);
            let on_tip: BTreeSet<_> = tip.iter().flat_map(|tip| tip.branch.keys().copied()).collect();
            prop_assert_eq!(&told.keys().copied().collect::<BTreeSet<_>>(), &on_tip);
        }
        prop_assert!(late.len() < before, "a block waits for a parent that is there");
        waiting = late;
    }
    Ok(())
}

/// Applies a change to the confirmed transactions and to the number of occurrences of each, as a mempool's owner
/// would.
fn follow(
    told: &mut BTreeMap<TxId, usize>,
    blocks: &[Planned],
    change: Option<TipChange>,
) -> Result<(), TestCaseError> {
    let Some(change) = change else { return Ok(()) };
    let of = |id: &BlockId| blocks.iter().find(|block| block.header.id() == *id).map(|block| ids(&block.items));
    for id in change.disconnected.iter().filter_map(of).flatten() {
        let times = told.get_mut(&id).expect("it was told of");
        *times -= 1;
        if *times == 0 {
            told.remove(&id);
        }
    }
    let (mut joined, mut repeated) = (vec![], vec![]);
    for block in &change.connected {
        for id in of(block).into_iter().flatten() {
            joined.push(id);
            let times = told.entry(id).or_default();
            if *times > 0 {
                repeated.push((*block, id));
            }
            *times += 1;
        }
    }
    prop_assert_eq!(&joined, &change.confirmed);
    prop_assert_eq!(&repeated, &change.repeated);
    prop_assert!(change.returned.iter().all(|item| !told.contains_key(&item.id())));
    let left: BTreeSet<_> = change.disconnected.iter().filter_map(of).flatten().collect();
    let returned: BTreeSet<_> = ids(&change.returned).into_iter().collect();
    let gone: BTreeSet<_> = left.into_iter().filter(|id| !told.contains_key(id)).collect();
    prop_assert_eq!(gone, returned);
    prop_assert_eq!(change.connected.last(), Some(&change.tip.id));
    Ok(())
}

/// The properties of a chain that always hold.
fn check_bounds(chain: &Chain, limits: &Limits) -> Result<(), TestCaseError> {
    prop_assert!(chain.headers() <= limits.headers);
    let tip_bytes =
        chain.body(&chain.tip().id).map_or(0, |body| protocol::wire::codec::Encode::encoded_len(&*body));
    prop_assert!(chain.body_bytes() <= limits.body_bytes.max(tip_bytes));
    prop_assert!(chain.tip().height == 0 || tip_bytes > 0);
    let missing = chain.missing_bodies(usize::MAX);
    prop_assert_eq!(missing.last().copied().unwrap_or(chain.tip().id), chain.best_header().id);
    let mut parent = None;
    for id in missing {
        let header = chain.header(&id).expect("what is missing has a header");
        prop_assert!(!chain.is_connected(&id));
        match parent {
            None => prop_assert!(chain.is_connected(&header.header().parent)),
            Some(parent) => prop_assert_eq!(header.header().parent, parent),
        }
        parent = Some(id);
    }
    let after = chain.headers_after(&chain.locator(), usize::MAX);
    prop_assert_eq!(after, Some(vec![]));
    Ok(())
}

fn shape(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(usize, u8)>> {
    prop::collection::vec((any::<usize>(), any::<u8>()), count)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_ends_on_the_naive_models_tip_with_its_transactions(
        shape in shape(1..40),
        keys in prop::collection::vec(any::<u16>(), 40),
    ) {
        let blocks = plan(&shape, usize::MAX);
        let mut chain = Chain::new(genesis());
        connect_all(&mut chain, &blocks, &keys)?;
        let best = blocks.iter().min_by_key(|block| {
            (std::cmp::Reverse(block.header.header().height), block.header.id())
        }).expect("at least one");
        prop_assert_eq!(chain.tip().id, best.header.id());
        for item in (0..8).map(|nonce| transaction(1, nonce, 1_000, 0).id()) {
            prop_assert_eq!(chain.confirmed(&item), best.branch.get(&item).copied());
        }
        check_bounds(&chain, &Limits::default())?;
    }

    #[test]
    fn no_order_of_headers_and_blocks_breaks_a_small_chains_bounds(
        shape in shape(20..120),
        steps in prop::collection::vec((any::<prop::sample::Index>(), 0..12_u8), 100..400),
    ) {
        let limits = Limits {
            headers: 24, best_headers: 6, headers_each: 3, body_bytes: 3_000, contents: 40, confirmed: 9,
        };
        let blocks = plan(&shape, 4);
        let mut chain = Chain::with_limits(genesis(), limits);
        let mut height = 0;
        for (number, (at, what)) in steps.iter().enumerate() {
            // The place moves up through the plan, with random steps back and ahead.
            let base = number * blocks.len() / steps.len();
            let block = &blocks[(base + at.index(12)).saturating_sub(6).min(blocks.len() - 1)];
            match what {
                0 => chain.mark_invalid(&block.header.id()),
                1 => drop(chain.insert_header(block.header, Alone)),
                2..6 => drop(chain.insert_header(block.header, InLine)),
                _ => {
                    let kept: Vec<_> = chain.locator().into_iter().filter(|id| chain.body(id).is_some()).collect();
                    if let Ok(connected) = chain.connect(block.header, block.items.clone())
                        && let Some(change) = connected.tip_change
                    {
                        let named = |id| kept.contains(id) != change.to_load.contains(id);
                        prop_assert!(change.disconnected.iter().take(10).all(named));
                    }
                }
            }
            prop_assert!(chain.tip().height >= height, "the tip never gets lower");
            height = chain.tip().height;
            check_bounds(&chain, &limits)?;
        }
    }
}
