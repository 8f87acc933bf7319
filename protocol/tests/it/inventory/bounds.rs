//! The inventory's bounds: each sat on and stepped past.

use protocol::gossip::inventory::{Declined, Inventory, LinkSlot, Rejection};
use protocol::items::hash::{ShortId, TxId};
use protocol::items::verify::JobId;
use protocol::limits::{
    SEEN_ACCEPTED_MAX, SEEN_DECLINED_MAX, SEEN_REJECTED_MAX, SWEEP_PER_ENTRY, SWEEP_PER_LINK, UNHANDLED_MAX,
};
use protocol::seeded::SeededState;
use protocol::wire::message::TxRef;

fn inventory() -> Inventory {
    Inventory::new(SeededState::new([3; 16]))
}

fn short(number: usize) -> ShortId {
    ShortId((number as u64).to_be_bytes())
}

fn id(number: usize) -> TxId {
    let mut bytes = [1; 32];
    bytes[..8].copy_from_slice(&short(number).0);
    TxId(bytes)
}

#[test]
fn a_link_is_charged_for_so_many_ids_and_then_forgets_the_oldest() {
    let mut inventory = inventory();
    let (link, other) = (inventory.join(), inventory.join());
    assert!(inventory.note(other, short(0)));
    (0..UNHANDLED_MAX).for_each(|number| assert!(inventory.note(link, short(number))));
    assert!((0..UNHANDLED_MAX).all(|number| inventory.has(link, short(number))));
    assert_eq!((inventory.charged(link), inventory.fill().entries), (UNHANDLED_MAX, UNHANDLED_MAX));
    inventory.note(link, short(UNHANDLED_MAX));
    assert!(!inventory.has(link, short(0)) && inventory.has(link, short(1)));
    assert_eq!((inventory.charged(link), inventory.fill().entries), (UNHANDLED_MAX, UNHANDLED_MAX + 1));
    // What it does changes nothing for others.
    (0..100_000).for_each(|number| assert!(inventory.note(link, short(1_000_000 + number))));
    assert!(inventory.has(other, short(0)));
    assert_eq!(inventory.fill().entries, UNHANDLED_MAX + 1);
}

#[test]
fn an_entry_takes_the_bytes_that_the_bounds_count() {
    assert_eq!(Inventory::ENTRY_BYTES, 132);
}

#[test]
fn nothing_is_charged_for_what_is_handled() {
    let mut inventory = inventory();
    let link = inventory.join();
    for number in 0..2 * UNHANDLED_MAX {
        inventory.accept(id(number));
        inventory.note(link, short(number));
    }
    assert_eq!(inventory.charged(link), 0);
    assert!((0..2 * UNHANDLED_MAX).all(|number| inventory.has(link, short(number))));
}

#[test]
fn an_announced_item_that_is_handled_outlives_its_charge() {
    let mut inventory = inventory();
    let link = inventory.join();
    inventory.note(link, short(0));
    inventory.accept(id(0));
    (1..=2 * UNHANDLED_MAX).for_each(|number| assert!(inventory.note(link, short(number))));
    assert!(inventory.has(link, short(0)));
    inventory.leave(link);
    assert_eq!(inventory.fill().entries, 1);
}

#[test]
fn each_memory_forgets_what_was_used_longest_ago() {
    let declined = Declined { height: 1, link: None };
    type Remember = fn(&mut Inventory, TxId);
    let memories: [(usize, Remember); 3] = [
        (SEEN_ACCEPTED_MAX, |inventory, id| inventory.accept(id)),
        (SEEN_REJECTED_MAX, |inventory, id| inventory.reject(id, Rejection::Invalid)),
        (SEEN_DECLINED_MAX, |inventory, id| inventory.decline(id, Declined { height: 1, link: None })),
    ];
    for (max, remember) in memories {
        let mut inventory = inventory();
        let link = inventory.join();
        // Those of the other memories stay.
        let others = [usize::MAX, usize::MAX - 1, usize::MAX - 2];
        inventory.accept(id(others[0]));
        inventory.reject(id(others[1]), Rejection::Invalid);
        inventory.decline(id(others[2]), declined);
        let covered = |inventory: &Inventory, number| inventory.covers(&TxRef::Full(id(number)), 1, 1);
        for number in 0..max - 1 {
            remember(&mut inventory, id(number));
            inventory.note(link, short(number));
        }
        assert!((0..max - 1).chain(others).all(|number| covered(&inventory, number)));
        // The first is used again, so the second goes first, after the one that was there before.
        remember(&mut inventory, id(0));
        remember(&mut inventory, id(max));
        assert_eq!(
            others.map(|number| covered(&inventory, number)).iter().filter(|covered| !**covered).count(),
            1
        );
        remember(&mut inventory, id(max + 1));
        assert!(covered(&inventory, 0) && !covered(&inventory, 1) && covered(&inventory, 2));
        // With it goes what its link has.
        assert!(inventory.has(link, short(0)) && !inventory.has(link, short(1)));
    }
}

#[test]
fn what_is_in_verification_is_not_forgotten() {
    let mut inventory = inventory();
    let link = inventory.join();
    inventory.note(link, short(0));
    inventory.reject(id(0), Rejection::Refused(1));
    inventory.check(id(0), JobId(1));
    (1..=SEEN_REJECTED_MAX).for_each(|number| inventory.reject(id(number), Rejection::Invalid));
    let standing = inventory.standing(&id(0));
    assert_eq!((standing.rejected(1), standing.job), (None, Some(JobId(1))));
    assert!(inventory.has(link, short(0)));
    // When it ends, the link has it by its word alone, and pays for it.
    assert_eq!(inventory.charged(link), 1);
    inventory.end_check(&id(0));
    assert!(inventory.has(link, short(0)));
    assert_eq!(inventory.charged(link), 2);
}

/// The number of the next link.
fn next(inventory: &mut Inventory) -> u32 {
    let link = inventory.join();
    inventory.leave(link);
    link.number()
}

#[test]
fn a_number_is_handed_out_again_after_its_sweep_and_not_before() {
    let mut inventory = inventory();
    (0..3 * SWEEP_PER_LINK).for_each(|number| inventory.accept(id(number)));
    let first = inventory.join();
    (0..3 * SWEEP_PER_LINK).for_each(|number| assert!(inventory.note(first, short(number))));
    inventory.leave(first);
    // A third is swept.
    assert_eq!((next(&mut inventory), next(&mut inventory)), (1, 2));
    // Those that left meanwhile wait for the next sweep.
    let again = inventory.join();
    assert_eq!(again, first);
    assert!((0..3 * SWEEP_PER_LINK).all(|number| !inventory.has(again, short(number))));
    assert_eq!(next(&mut inventory), 3);
    // New entries sweep as well.
    (0..3 * SWEEP_PER_LINK / SWEEP_PER_ENTRY).for_each(|number| inventory.accept(id(1_000_000 + number)));
    assert_eq!(next(&mut inventory), 1);
}

#[test]
fn links_that_come_and_go_use_few_numbers() {
    let mut inventory = inventory();
    (0..SEEN_ACCEPTED_MAX).for_each(|number| inventory.accept(id(number)));
    let most = (0..1_000).map(|number| {
        let link = inventory.join();
        inventory.note(link, short(number));
        inventory.leave(link);
        link.number() as usize
    });
    assert!(most.max().is_some_and(|most| most < 2 * SEEN_ACCEPTED_MAX / SWEEP_PER_LINK));
}

#[test]
fn more_links_than_one_word_has_are_kept_apart() {
    let mut inventory = inventory();
    let links: Vec<LinkSlot> = (0..300).map(|_| inventory.join()).collect();
    inventory.accept(id(1));
    for (number, link) in links.iter().enumerate() {
        inventory.note(*link, short(number % 2));
    }
    let holders = inventory.holders(short(1));
    for (number, link) in links.iter().enumerate() {
        assert_eq!(holders.contains(*link), number % 2 == 1);
        assert_eq!(inventory.has(*link, short(0)), number % 2 == 0);
    }
    assert_eq!(holders.iter().count(), 150);
    // The entry of what is unhandled goes with the last of its links.
    links.iter().filter(|link| link.number() != 298).for_each(|link| inventory.leave(*link));
    assert_eq!(inventory.fill().entries, 2);
    inventory.leave(links[298]);
    assert_eq!(inventory.fill().entries, 1);
    let again: Vec<LinkSlot> = (0..300).map(|_| inventory.join()).collect();
    assert_eq!(again.iter().map(|link| link.number()).max(), Some(299));
    assert!(again.iter().all(|link| !inventory.has(*link, short(1))));
}

#[test]
fn two_items_of_one_short_id_are_kept_apart() {
    let mut inventory = inventory();
    let (link, other) = (inventory.join(), inventory.join());
    let (one, two) = (
        id(5),
        TxId({
            let mut bytes = id(5).0;
            bytes[31] = 9;
            bytes
        }),
    );
    inventory.note(link, short(5));
    // A full id that is announced proves nothing, so nothing is named by it.
    assert_eq!(inventory.resolve(short(5)), None);
    inventory.accept(one);
    inventory.reject(two, Rejection::Refused(7));
    assert_eq!((inventory.standing(&one).accepted, inventory.standing(&two).accepted), (true, false));
    assert_eq!(
        (inventory.standing(&one).rejected(7), inventory.standing(&two).rejected(7)),
        (None, Some(Rejection::Refused(7)))
    );
    // What links have is by short id.
    inventory.note(other, short(5));
    assert!(inventory.has(link, short(5)) && inventory.has(other, short(5)));
    for (gone, left) in [(one, two), (two, one)] {
        inventory.accept(gone);
        inventory.accept(left);
        inventory.forget(&gone);
        assert_eq!(inventory.resolve(short(5)), Some(left));
        assert!(inventory.has(link, short(5)) && inventory.has(other, short(5)));
    }
    assert_eq!((inventory.fill().entries, inventory.charged(link), inventory.charged(other)), (1, 1, 0));
}
