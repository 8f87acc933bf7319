//! The mempool against a list that counts everything anew for every question.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use protocol::hash::TxId;
use protocol::keys::PublicKey;
use protocol::mempool::Mempool;
use protocol::refusal::Refusal;
use protocol::time::Time;
use protocol::transaction::SignedTransaction;

use crate::make::{ids, transaction};

const BYTES_MAX: usize = 32 * 512;

#[derive(Clone, Debug)]
enum Step {
    Insert { author: u32, nonce: u64, valid_until: u64, payload: usize, link: Option<u32> },
    Remove(prop::sample::Index),
    Expire(u64),
    Close(u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Local,
    Open(u32),
    Closed,
}

#[derive(Clone, Debug)]
struct Held {
    item: Arc<SignedTransaction>,
    link: Link,
    charge: usize,
}

#[derive(Default)]
struct Model(Vec<Held>);

impl Model {
    fn insert(&mut self, item: &Arc<SignedTransaction>, link: Option<u32>) -> Result<Vec<TxId>, Refusal> {
        if self.0.iter().any(|held| held.item.id() == item.id()) {
            return Ok(vec![]);
        }
        let same = |held: &&Held| held.item.author() == item.author() && held.item.nonce() == item.nonce();
        if self.0.iter().filter(same).count() >= 2 {
            return Err(Refusal::NonceTaken);
        }
        let link = link.map_or(Link::Local, Link::Open);
        let newcomer = Held { item: item.clone(), link, charge: item.encoded().len().max(512) };
        let (mut left, mut evicted) = (self.0.clone(), vec![]);
        while left.iter().map(|held| held.charge).sum::<usize>() + newcomer.charge > BYTES_MAX {
            let at = victim(&left, &newcomer).ok_or(Refusal::MempoolFull)?;
            evicted.push(left.remove(at).item.id());
        }
        left.push(newcomer);
        self.0 = left;
        Ok(evicted)
    }
}

/// The place of what goes next, or none if the newcomer's share is the largest.
fn victim(left: &[Held], newcomer: &Held) -> Option<usize> {
    let mut authors = BTreeMap::<PublicKey, usize>::new();
    let mut links = BTreeMap::<Link, usize>::new();
    for held in left {
        *authors.entry(held.item.author()).or_default() += held.charge;
        *links.entry(held.link).or_default() += held.charge;
    }
    let own = authors.get(&newcomer.item.author()).copied().unwrap_or_default() + newcomer.charge;
    let (largest, author) = authors.into_iter().map(|(author, bytes)| (bytes, author)).max()?;
    if own.max(largest) > BYTES_MAX / 16 {
        return if own >= largest { None } else { left.iter().rposition(|held| held.item.author() == author) };
    }
    let own = links.get(&newcomer.link).copied().unwrap_or_default() + newcomer.charge;
    let (largest, link) = links.into_iter().map(|(link, bytes)| (bytes, link)).max()?;
    if own >= largest { None } else { left.iter().rposition(|held| held.link == link) }
}

fn step() -> impl Strategy<Value = Step> {
    let link = prop::option::of(0..4_u32);
    prop_oneof![
        20 => (0..40_u32, 0..3_u64, 1..20_u64, 0..1_200_usize, link)
            .prop_map(|(author, nonce, valid_until, payload, link)| {
                // Most are small, so that the rule by link has its turn too.
                let payload = payload.saturating_sub(700);
                Step::Insert { author, nonce, valid_until, payload, link }
            }),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => (0..8_u64).prop_map(Step::Expire),
        1 => (0..4_u32).prop_map(Step::Close),
    ]
}

fn check(pool: &Mempool, model: &Model) -> Result<(), TestCaseError> {
    let held: Vec<_> = pool.oldest_first().map(|(item, _)| item.id()).collect();
    prop_assert_eq!(&held, &model.0.iter().map(|held| held.item.id()).collect::<Vec<_>>());
    prop_assert_eq!(pool.bytes(), model.0.iter().map(|held| held.item.encoded().len()).sum::<usize>());
    prop_assert_eq!(pool.len(), held.len());
    prop_assert!(held.iter().all(|id| pool.contains(id)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_does_what_the_naive_pool_does(steps in prop::collection::vec(step(), 1..250)) {
        let (mut pool, mut model) = (Mempool::new(BYTES_MAX), Model::default());
        for step in steps {
            match step {
                Step::Insert { author, nonce, valid_until, payload, link } => {
                    let item = transaction(author, nonce, valid_until, payload);
                    let result = pool.insert(Time::ZERO, &item, link).map(|inserted| ids(&inserted.evicted));
                    prop_assert_eq!(result, model.insert(&item, link));
                }
                Step::Remove(at) if !model.0.is_empty() => {
                    let gone = model.0.remove(at.index(model.0.len())).item;
                    prop_assert_eq!(pool.remove(&gone.id()), Some(gone));
                }
                Step::Remove(_) => {}
                Step::Expire(tip) => {
                    let mut expired = ids(&pool.remove_expired(tip));
                    let gone = model.0.extract_if(.., |held| held.item.valid_until() <= tip);
                    let mut gone: Vec<_> = gone.map(|held| held.item.id()).collect();
                    expired.sort();
                    gone.sort();
                    prop_assert_eq!(expired, gone);
                }
                Step::Close(link) => {
                    pool.link_closed(link);
                    let theirs = model.0.iter_mut().filter(|held| held.link == Link::Open(link));
                    theirs.for_each(|held| held.link = Link::Closed);
                }
            }
            check(&pool, &model)?;
        }
    }
}
