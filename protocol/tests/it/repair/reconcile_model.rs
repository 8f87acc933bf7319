//! Reconciliation against a naive set difference, over random sets, overlaps and batch sizes.

use std::collections::BTreeSet;

use proptest::prelude::*;
use protocol::gossip::repair::sketch::{Decoder, Encoder, Progress, SYMBOLS_MAX, first_batch};
use protocol::items::hash::{TxId, sha256};

const SALT: [u8; 16] = *b"a salt of a test";

pub fn ids(range: std::ops::Range<u32>) -> Vec<TxId> {
    range.map(|number| TxId(sha256(&[&number.to_be_bytes()]))).collect()
}

pub fn encoder(salt: [u8; 16], set: &[TxId]) -> Encoder {
    Encoder::new(salt, set).unwrap()
}

/// Runs a conversation to its end. Returns how it ended, and the number of symbols that it took.
pub fn converse(salt: [u8; 16], here: &[TxId], there: &[TxId], expected: usize) -> (Progress, usize) {
    let (mut decoder, mut remote) = (Decoder::new(encoder(salt, here)), encoder(salt, there));
    let mut batch = first_batch(expected);
    loop {
        let sent = decoder.received();
        let progress = decoder.add(remote.symbols(sent, sent + batch));
        if progress != Progress::More {
            return (progress, decoder.received());
        }
        batch = decoder.next_batch();
    }
}

/// The result of the naive model.
fn difference(salt: [u8; 16], here: &[TxId], there: &[TxId]) -> Progress {
    let (ours, theirs): (BTreeSet<_>, BTreeSet<_>) = (here.iter().collect(), there.iter().collect());
    let only_here = (0_u32..).zip(here).filter(|(_, id)| !theirs.contains(id)).map(|(at, _)| at).collect();
    let missing: Vec<TxId> = theirs.difference(&ours).map(|id| **id).collect();
    let mut only_there = encoder(salt, &missing).ids().to_vec();
    only_there.sort_unstable();
    Progress::Done { only_here, only_there }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn finds_what_a_naive_difference_finds(
        salt: [u8; 16],
        (common, here, there) in (0_u32..400, 0_u32..150, 0_u32..150),
        expected in 0_usize..300,
        turn in 0_usize..400,
    ) {
        let all = ids(0..common + here + there);
        let (both, rest) = all.split_at(common as usize);
        let (only_here, only_there) = rest.split_at(here as usize);
        // The two sides name their items in different orders.
        let mut ours = [both, only_here].concat();
        let theirs = [only_there, both].concat();
        let by = turn.min(ours.len());
        ours.rotate_left(by);
        let (found, received) = converse(salt, &ours, &theirs, expected);
        prop_assert_eq!(found, difference(salt, &ours, &theirs));
        prop_assert!(received <= SYMBOLS_MAX);
    }

    #[test]
    fn batches_cut_anywhere_give_the_same(cuts in prop::collection::vec(1_usize..90, 1..12)) {
        let (here, there) = (ids(0..300), ids(30..330));
        let (mut decoder, mut remote) = (Decoder::new(encoder(SALT, &here)), encoder(SALT, &there));
        let whole = encoder(SALT, &there).symbols(0, 2_000).to_vec();
        for cut in cuts.into_iter().cycle() {
            let at = decoder.received();
            let batch = remote.symbols(at, at + cut).to_vec();
            prop_assert_eq!(&batch[..], &whole[at..at + cut]);
            let progress = decoder.add(&batch);
            if progress != Progress::More {
                prop_assert_eq!(progress, difference(SALT, &here, &there));
                break;
            }
        }
    }
}

#[test]
fn equal_sets_take_one_symbol() {
    for count in [0, 1, 2, 255, 256, 257, 3_000] {
        let set = ids(0..count);
        let (mut decoder, mut remote) = (Decoder::new(encoder(SALT, &set)), encoder(SALT, &set));
        let progress = decoder.add(remote.symbols(0, 1));
        assert_eq!(progress, Progress::Done { only_here: vec![], only_there: vec![] }, "{count} items");
    }
}

#[test]
fn one_sided_differences_are_found_either_way() {
    for count in [1, 2, 3, 100, 256, 512, 1_000] {
        let set = ids(0..count);
        for (here, there) in [(&set[..], &[][..]), (&[], &set)] {
            let (found, received) = converse(SALT, here, there, count as usize);
            assert_eq!(found, difference(SALT, here, there), "{count} items");
            assert!(received <= 16 + 3 * count as usize, "{received} symbols for {count} items");
        }
    }
}

#[test]
fn the_same_input_gives_the_same_output() {
    let (here, there) = (ids(0..500), ids(100..600));
    let run = || converse(SALT, &here, &there, 10);
    assert_eq!(run(), run());
    let other = converse(*b"another salt of ", &here, &there, 10);
    assert_ne!(run().0, other.0, "another salt gives other ids");
}
