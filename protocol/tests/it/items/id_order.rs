//! Ids are ordered by their bytes, although they are compared as numbers first.

use proptest::prelude::*;
use protocol::items::hash::{BlockId, TxId};

proptest! {
    #[test]
    fn ids_are_ordered_by_their_bytes(one: [u8; 32], another: [u8; 32], shared in 0..=32_usize) {
        let mut two = another;
        two[..shared].copy_from_slice(&one[..shared]);
        prop_assert_eq!(TxId(one).cmp(&TxId(two)), one.cmp(&two));
        prop_assert_eq!(BlockId(one).partial_cmp(&BlockId(two)), one.partial_cmp(&two));
        prop_assert_eq!(TxId(one) == TxId(two), one == two);
    }
}
