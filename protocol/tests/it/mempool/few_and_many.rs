//! A mempool keeps its indexes in one form while it holds few transactions, and in another one when it holds many.
//! Nobody may notice at which number the form changes.

use protocol::items::hash::TxId;
use protocol::ledger::mempool::{Lookup, Mempool};
use protocol::time::{Duration, Time};

use crate::make::transaction;

/// More than any list of few entries has.
const MANY: u32 = 40;

fn order(pool: &Mempool) -> Vec<TxId> {
    pool.oldest_first().map(|(transaction, _)| transaction.id()).collect()
}

/// Takes transactions in up to a number, gives up the oldest half, fills up again, and gives up all.
#[test]
fn order_and_look_ups_are_right_at_every_number_up_and_down() {
    let mut pool = Mempool::default();
    for most in 1..MANY {
        let all: Vec<_> = (0..most).map(|author| transaction(author, u64::from(most), 9, 0)).collect();
        for (at, item) in (0..).zip(&all) {
            pool.insert(Time::ZERO + Duration::from_micros(at), item, Some(1)).expect("room");
        }
        let ids: Vec<TxId> = all.iter().map(|item| item.id()).collect();
        assert_eq!(order(&pool), ids, "{most}");
        let mut sorted: Vec<_> = ids.iter().map(TxId::short).collect();
        sorted.sort_unstable();
        assert_eq!(pool.ids_after(None).collect::<Vec<_>>(), sorted);
        for (place, short) in sorted.iter().enumerate() {
            assert_eq!(pool.ids_after(Some(*short)).collect::<Vec<_>>(), sorted[place + 1..]);
        }
        let half = ids.len() / 2;
        for id in &ids[..half] {
            assert_eq!(pool.remove(id).map(|gone| gone.id()), Some(*id));
        }
        assert_eq!(order(&pool), ids[half..]);
        assert!(all[..half].iter().all(|item| pool.by_short(item.id().short()) == Lookup::None));
        assert!(all[half..].iter().all(|item| pool.by_short(item.id().short()) == Lookup::One(item.clone())));
        for item in &all[..half] {
            pool.insert(Time::ZERO, item, Some(2)).expect("room");
        }
        assert_eq!(pool.len(), ids.len());
        // All of them may be in a block up to height 9.
        assert!(pool.remove_expired(8).is_empty());
        assert_eq!(pool.remove_expired(9).len(), ids.len());
        assert!(pool.is_empty() && pool.bytes() == 0);
    }
}
