//! A full tree with hostile producers: the honest branch is nevertheless accepted, and becomes the best chain.
//!
//! The model is a tree without bounds. Its tip is the highest block whose body somebody has. Two of six producers
//! are hostile. They sign anything. Some of their blocks have bodies, but none of these is as high as the honest
//! branch.

use proptest::prelude::*;
use protocol::items::block::SignedHeader;
use protocol::items::hash::BlockId;
use protocol::ledger::chain::Standing::{Alone, InLine, Leading};
use protocol::ledger::chain::{Chain, Limits};

use crate::make::{genesis, header};

/// Each producer's share of the honest branch fits its share of the tree. All shares and the branch together fit
/// the tree.
const LIMITS: fn() -> Limits = || Limits { headers: 100, best_headers: 40, headers_each: 10, ..Limits::default() };
const PRODUCERS: u32 = 6;
const HOSTILE: u32 = 2;
const LENGTH: u64 = 40;

/// A branch of a hostile producer: where it starts among the known headers, and its length.
#[derive(Clone, Debug)]
struct Line {
    on: prop::sample::Index,
    producer: u32,
    length: u64,
    has_bodies: bool,
}

fn line() -> impl Strategy<Value = Line> {
    (any::<prop::sample::Index>(), 0..HOSTILE, 1..6_u64, any::<bool>())
        .prop_map(|(on, producer, length, has_bodies)| Line { on, producer, length, has_bodies })
}

/// Inserts a branch as the engine does: each header that fits, up to the first that doesn't.
fn take(chain: &mut Chain, line: &[SignedHeader]) {
    let ends_above = line.last().is_some_and(|last| last.header().height > chain.tip().height);
    let standing = match line.len() {
        1 => Alone,
        _ if ends_above => Leading,
        _ => InLine,
    };
    let _ = line.iter().try_for_each(|header| chain.insert_header(*header, standing).map(drop));
}

/// A peer on the honest branch answers once: with the headers after the fork, then with the lowest bodies on the
/// way to it.
fn answer(chain: &mut Chain, branch: &[SignedHeader]) {
    let shared = branch.iter().take_while(|header| chain.is_best(&header.id())).count();
    take(chain, &branch[shared..]);
    let known = branch.iter().take_while(|header| chain.header(&header.id()).is_some());
    let Some(end) = known.last() else { return };
    for id in chain.missing_before(&end.id(), 8) {
        let found = branch.iter().find(|header| header.id() == id);
        let _ = found.map(|header| chain.connect(*header, vec![]));
    }
}

proptest! {
    #[test]
    fn an_honest_branch_that_is_higher_wins_whatever_hostile_producers_put_in(
        makers in prop::collection::vec(0..PRODUCERS, LENGTH as usize - 1),
        rounds in prop::collection::vec(prop::collection::vec(line(), 0..40), 12),
        early in 0..LENGTH as usize,
    ) {
        // No producer makes more than its share of the branch, and an honest producer makes the last block.
        let mut made = [0; PRODUCERS as usize];
        let mut branch: Vec<SignedHeader> = vec![];
        for maker in makers.into_iter().chain([PRODUCERS - 1]) {
            let maker = (maker..maker + PRODUCERS).map(|maker| maker % PRODUCERS);
            let maker = maker.into_iter().find(|maker| made[*maker as usize] < 9).expect("54 are enough");
            made[maker as usize] += 1;
            let (parent, height) = branch.last().map_or((genesis(), 0), |last| (last.id(), last.header().height));
            branch.push(header(parent, height + 1, maker, 0, &[]));
        }
        let mut chain = Chain::with_limits(genesis(), LIMITS());
        let mut known: Vec<(BlockId, u64)> = vec![(genesis(), 0)];
        known.extend(branch.iter().map(|header| (header.id(), header.header().height)));
        let mut salt = 1;
        for (round, lines) in rounds.iter().enumerate() {
            for Line { on, producer, length, has_bodies } in lines {
                let (mut parent, mut height) = known[on.index(known.len())];
                let mut headers = vec![];
                for _ in 0..*length {
                    (height, salt) = (height + 1, salt + 1);
                    let next = header(parent, height, *producer, salt, &[]);
                    parent = next.id();
                    headers.push(next);
                    known.push((parent, height));
                }
                take(&mut chain, &headers);
                for header in headers.iter().filter(|header| *has_bodies && header.header().height < LENGTH) {
                    let _ = chain.connect(*header, vec![]);
                }
                prop_assert!(chain.headers() <= LIMITS().headers);
            }
            // The branch has become longer meanwhile.
            answer(&mut chain, &branch[..if round < 4 { early } else { branch.len() }]);
        }
        prop_assert_eq!(chain.tip().id, branch[branch.len() - 1].id());
    }
}
