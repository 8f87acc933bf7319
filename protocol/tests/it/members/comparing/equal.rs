//! A comparison by difference leaves two nodes with what a comparison of whole lists leaves them with.

use std::sync::OnceLock;

use proptest::prelude::*;
use protocol::items::member::Statement;
use protocol::wire::message::Digest;

use super::pair::{Pair, entries, record};
use crate::members::mesh::secret;

/// Members of each view, and those of them that may differ. The first of these may be dead, or have left.
const MEMBERS: u32 = 200;
const DIFFERING: u32 = 16;
const MAY_BE_DEAD: u32 = 3;
const MAY_HAVE_LEFT: u32 = 7;
const FIRST: u32 = 1_000;

/// What one node knows of a member.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The version of its record, and `None` if it is not known.
    record: Option<u64>,
    left: bool,
    dead: bool,
    /// The version of its entries; 0 for none.
    entries: u64,
}

fn known(number: u32) -> impl Strategy<Value = Known> {
    let record = prop::option::weighted(0.8, 0..4_u64);
    (record, 0..3_u64, any::<bool>(), any::<bool>()).prop_map(move |(record, entries, left, dead)| Known {
        record,
        left: left && (MAY_BE_DEAD..MAY_HAVE_LEFT).contains(&number),
        dead: dead && number < MAY_BE_DEAD,
        entries,
    })
}

fn view() -> impl Strategy<Value = Vec<Known>> {
    (0..DIFFERING).map(known).collect::<Vec<_>>()
}

/// Records in four versions, the same of members that leave, and entries in two, of those that may differ; and one
/// record of each other member.
struct Signed {
    records: Vec<Vec<Statement>>,
    leaving: Vec<Statement>,
    entries: Vec<Vec<Statement>>,
    others: Vec<Statement>,
}

fn signed() -> &'static Signed {
    static SIGNED: OnceLock<Signed> = OnceLock::new();
    SIGNED.get_or_init(|| {
        let differing = FIRST..FIRST + DIFFERING;
        Signed {
            records: differing.clone().map(|one| (0..4).map(|v| record(one, v, false)).collect()).collect(),
            leaving: differing.clone().map(|one| record(one, 5, true)).collect(),
            entries: differing.clone().map(|one| (1..3).map(|v| entries(one, v)).collect()).collect(),
            others: (differing.end..FIRST + MEMBERS).map(|one| record(one, 0, false)).collect(),
        }
    })
}

/// Two nodes with these views, just before they compare.
fn pair(mode: Digest, views: &[Vec<Known>; 2], by_difference: bool) -> Pair {
    let mut pair = Pair::new(mode);
    for (machine, view) in [&mut pair.asker, &mut pair.other].into_iter().zip(views) {
        let signed = signed();
        machine.learn(pair.now, &signed.others);
        for (place, known) in view.iter().enumerate() {
            let Some(version) = known.record else { continue };
            machine.learn(pair.now, [&signed.records[place][version as usize]]);
            let entries = known.entries.checked_sub(1).map(|version| &signed.entries[place][version as usize]);
            machine.learn(pair.now, entries);
            machine.learn(pair.now, known.left.then_some(&signed.leaving[place]));
            machine.dead.extend(known.dead.then(|| secret(FIRST + place as u32).public()));
        }
    }
    let buried = [pair.asker.bury(pair.now), pair.other.bury(pair.now)];
    pair.now = buried.into_iter().max().expect("two times");
    if by_difference {
        pair.asker.settle(pair.now);
    }
    pair
}

fn check(mode: Digest, views: &[Vec<Known>; 2]) -> Result<(), TestCaseError> {
    let (mut lists, mut sketch) = (pair(mode, views, false), pair(mode, views, true));
    prop_assert_eq!(lists.asker.view(), sketch.asker.view());
    prop_assert_eq!(lists.other.view(), sketch.other.view());
    lists.compare();
    sketch.compare();
    prop_assert_eq!(lists.sketches(), 0);
    prop_assert!(sketch.sketches() > 0 && sketch.listed_whole() == 0, "it was not compared by difference");
    prop_assert_eq!(lists.asker.view(), sketch.asker.view());
    prop_assert_eq!(lists.other.view(), sketch.other.view());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn by_difference_two_views_become_what_lists_make_of_them(views in [view(), view()]) {
        for mode in [Digest::PushPull, Digest::Push, Digest::Pull] {
            check(mode, &views)?;
        }
    }
}
