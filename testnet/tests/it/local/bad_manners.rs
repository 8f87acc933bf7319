//! A withholding worker announces what it would push, and hears no request.

use std::time::Duration;

use node::config::manners::Manners as _;
use protocol::items::keys::SecretKey;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::wire::message::{InvEntry, Message, TxRef};
use testnet::engine::manners::BadManners;

fn transaction() -> SignedTransaction {
    let key = SecretKey::from_seed(&[7; 32]);
    let unsigned = Transaction { author: key.public(), nonce: 1, valid_until: 10, payload: b"one"[..].into() };
    unsigned.sign(&key, &"test".parse().unwrap()).unwrap()
}

#[test]
fn a_withholder_announces_in_place_of_a_push_and_hears_no_request() {
    let transaction = transaction();
    let short = TxRef::Short(transaction.id().short());
    let push = Message::Transactions { via: None, bodies: vec![transaction.encoded().clone().into()] };
    let request = Message::GetData { graft: true, wanted: vec![short] };
    let announcement = Message::Inv(vec![InvEntry { transaction: short, age_ms: 0 }]);

    let withholder = BadManners { withholds: true, ..BadManners::default() };
    assert!(withholder.are_bad());
    assert_eq!(withholder.says(push.clone()), Some(announcement.clone()));
    assert_eq!(withholder.says(announcement.clone()), Some(announcement.clone()));
    assert!(!withholder.hears(&request) && withholder.hears(&announcement));

    let slow = BadManners { slow_by: Duration::from_micros(1), withholds: false };
    assert!(slow.are_bad() && slow.hears(&request));
    assert_eq!(slow.says(push.clone()), Some(push));
    assert!(!BadManners::default().are_bad());
}
