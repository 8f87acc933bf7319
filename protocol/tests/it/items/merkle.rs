//! The Merkle root of a block's transactions, against RFC 6962 written out by hand.

use protocol::items::block::transactions_root;
use protocol::items::hash::{Hash256, TxId, sha256};

fn leaf(number: u8) -> [u8; 32] {
    sha256(&[&[0], &[number; 32]])
}

fn node(left: [u8; 32], right: [u8; 32]) -> [u8; 32] {
    sha256(&[&[1], &left, &right])
}

fn root(leaves: u8) -> Hash256 {
    transactions_root(&(0..leaves).map(|number| TxId([number; 32])).collect::<Vec<_>>())
}

#[test]
fn roots_of_no_to_five_leaves_and_of_eight_are_rfc_6962s() {
    let l: Vec<_> = (0..8).map(leaf).collect();
    assert_eq!(
        hex::encode(root(0).0),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "the hash of nothing"
    );
    assert_eq!(root(1).0, l[0]);
    assert_eq!(root(2).0, node(l[0], l[1]));
    assert_eq!(root(3).0, node(node(l[0], l[1]), l[2]));
    let four = node(node(l[0], l[1]), node(l[2], l[3]));
    assert_eq!(root(4).0, four);
    assert_eq!(root(5).0, node(four, l[4]));
    assert_eq!(root(8).0, node(four, node(node(l[4], l[5]), node(l[6], l[7]))));
}

#[test]
fn the_last_leaf_is_never_doubled() {
    let ids: Vec<_> = [0, 1, 2, 2].iter().map(|number| TxId([*number; 32])).collect();
    assert_ne!(transactions_root(&ids), root(3));
}
