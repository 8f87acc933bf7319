//! Ids and keys are ordered by their bytes, although most of them are compared by their first eight bytes alone.

use protocol::items::hash::{BlockId, Hash256, TxId};
use protocol::items::keys::PublicKey;

#[test]
fn ids_and_keys_are_ordered_by_their_bytes() {
    let mut values = vec![[0; 32], [0xff; 32]];
    for at in [0, 6, 7, 8, 9, 31] {
        for byte in [1, 0x7f, 0x80, 0xff] {
            let mut value = [0x80; 32];
            value[at] = byte;
            values.push(value);
        }
    }
    for one in &values {
        for other in &values {
            let wanted = one.cmp(other);
            assert_eq!(TxId(*one).cmp(&TxId(*other)), wanted);
            assert_eq!(BlockId(*one).cmp(&BlockId(*other)), wanted);
            assert_eq!(Hash256(*one).cmp(&Hash256(*other)), wanted);
            assert_eq!(PublicKey(*one).cmp(&PublicKey(*other)), wanted);
            assert_eq!(TxId(*one).partial_cmp(&TxId(*other)), Some(wanted));
        }
    }
}
