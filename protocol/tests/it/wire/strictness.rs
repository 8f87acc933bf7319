//! Every item and message has one encoding. Any other bytes that decode to the same values are refused, and a
//! length that is only declared is not believed.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::items::block::{Block, SignedHeader};
use protocol::items::hash::{BlockId, RouteId, ShortId, TxId};
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::limits::{
    GETDATA_ENTRIES_MAX, HAD_ENTRIES_MAX, HEADERS_ENTRIES_MAX, INV_ENTRIES_MAX, LOCATOR_ENTRIES_MAX,
    OFFER_ENTRIES_MAX, PAYLOAD_BYTES_MAX, ROUTES_ENTRIES_MAX, SYMBOLS_BYTES_MAX, TAKE_PLACES_MAX,
    TRANSACTIONS_ENTRIES_MAX,
};
use protocol::wire::codec::{Decode, DecodeError, Encode as _, Misread};
use protocol::wire::frame::Frame;
use protocol::wire::message::{InvEntry, Message, Reconcile, TxRef};

use crate::harness::{block, genesis, key, network, transaction};

fn message(bytes: &[u8]) -> Result<Message, DecodeError> {
    Message::from_bytes(&Bytes::copy_from_slice(bytes))
}

fn frame(bytes: &[u8]) -> Result<Frame, DecodeError> {
    Frame::from_bytes(&Bytes::copy_from_slice(bytes))
}

#[test]
fn long_integers_are_refused() {
    // An ack of 5, written as 05, 18 05, 19 0005, 1a…, 1b….
    assert_eq!(frame(&[0x82, 0x0b, 0x05]), Ok(Frame::Ack(5)));
    for long in [&[0x18, 5][..], &[0x19, 0, 5], &[0x1a, 0, 0, 0, 5], &[0x1b, 0, 0, 0, 0, 0, 0, 0, 5]] {
        assert_eq!(frame(&[&[0x82, 0x0b], long].concat()), Err(DecodeError::NotShortest), "{long:02x?}");
    }
    assert_eq!(frame(&[0x98, 2, 0x0b, 0x05]), Err(DecodeError::NotShortest));
}

#[test]
fn indefinite_lengths_are_refused() {
    assert_eq!(frame(&[0x9f, 0x0b, 0x05, 0xff]), Err(DecodeError::Indefinite));
    assert_eq!(message(&[0x82, 0x09, 0x9f, 0xff]), Err(DecodeError::Indefinite));
    assert_eq!(message(&[0x83, 0x07, 0xf4, 0x5f, 0x41, 0, 0xff]), Err(DecodeError::Indefinite));
}

#[test]
fn trailing_bytes_are_refused() {
    assert_eq!(frame(&[0x82, 0x0b, 0x05, 0x00]), Err(DecodeError::TrailingBytes(1)));
}

#[test]
fn other_types_are_refused() {
    let refused = [0xf5, 0x60, 0xa0, 0xc0, 0x20, 0xf9, 0xf6, 0xff, 0xfe].map(|item| frame(&[0x82, 0x0b, item]));
    assert!(refused.iter().all(Result::is_err), "{refused:?}");
}

#[test]
fn deep_nesting_is_refused_at_the_first_level_too_many() {
    assert_eq!(message(&[0x81; 65_536]), Err(DecodeError::WrongType("an unsigned integer")));
    let deep = [&[0x82, 0x09][..], &[0x81; 65_536]].concat();
    assert_eq!(message(&deep), Err(DecodeError::WrongType("a byte string")));
}

#[test]
fn an_error_tells_the_field_and_where_it_begins() {
    let long = DecodeError::NotShortest;
    let misread = |bytes: &[u8]| Frame::parse(&Bytes::copy_from_slice(bytes)).expect_err("no frame");
    let told = [
        // An ack of 5 with an integer of two bytes.
        (&[0x82, 0x0b, 0x18, 0x05][..], "an ack's bytes", 2, long),
        // A getdata whose graft is a number.
        (&[0x83, 0x02, 0x01, 0x80], "whether to graft", 2, DecodeError::WrongType("true or false")),
        // An inv of a reference without an age, one of three bytes, and one whose age is cut off.
        (&[0x82, 0x01, 0x81, 0x48, 1, 2, 3, 4, 5, 6, 7, 8], "an inv", 2, DecodeError::BadValue("an inv's length")),
        (
            &[0x82, 0x01, 0x82, 0x43, 1, 2, 3, 0],
            "a transaction reference",
            3,
            DecodeError::BadValue("a transaction reference"),
        ),
        (&[0x82, 0x01, 0x82, 0x48, 1, 2, 3, 4, 5, 6, 7, 8, 0x19, 1], "an age", 12, DecodeError::Truncated),
        (&[0x82, 0x18, 0x63, 0x00], "a message's tag", 1, DecodeError::BadValue("a message tag")),
        (&[0x82, 0x0f, 0x00], "a message", 0, DecodeError::BadValue("a message's length")),
        (&[0x82, 0x0b, 0x05, 0x00], "the end", 3, DecodeError::TrailingBytes(1)),
        (&[0x83, 0x12, 0x07, 0x41, 0x00], "ids", 3, DecodeError::BadValue("the length of ids")),
    ];
    for (bytes, what, at, error) in told {
        assert_eq!(misread(bytes), Misread { what, at, error }, "{bytes:02x?}");
    }
    assert_eq!(
        misread(told[0].0).to_string(),
        "an ack's bytes at byte 2: a length or integer is not in its shortest form"
    );
}

#[test]
fn a_sketch_is_whole_symbols() {
    let sketch = |bytes: usize| {
        let symbols = vec![0; bytes].into();
        message(&Message::Reconcile(Box::new(Reconcile::Symbols { number: 1, symbols })).to_bytes())
    };
    assert!(sketch(0).is_ok() && sketch(11).is_ok() && sketch(SYMBOLS_BYTES_MAX).is_ok());
    for bytes in [1, 10, 12, SYMBOLS_BYTES_MAX - 1] {
        assert_eq!(sketch(bytes), Err(DecodeError::BadValue("the length of symbols")), "{bytes}");
    }
    assert!(matches!(sketch(SYMBOLS_BYTES_MAX + 11), Err(DecodeError::TooLong { .. })));
}

#[test]
fn a_take_names_no_more_places_than_may_be_in_flight() {
    let take = |count: usize| {
        // The last places of an offer, so that the string is as long as it may be.
        let mut places = vec![0_u8; OFFER_ENTRIES_MAX / 8];
        for place in OFFER_ENTRIES_MAX - count..OFFER_ENTRIES_MAX {
            places[place / 8] |= 0x80 >> (place % 8);
        }
        message(&Message::Reconcile(Box::new(Reconcile::Take { number: 1, places: places.into() })).to_bytes())
    };
    assert!(take(TAKE_PLACES_MAX).is_ok());
    let over = DecodeError::TooLong { what: "the number of places", max: TAKE_PLACES_MAX };
    assert_eq!(take(TAKE_PLACES_MAX + 1), Err(over));
}

#[test]
fn declared_lengths_are_not_believed() {
    // First the bound is checked, then the bytes that are there. Nothing is allocated before that.
    let over = |what, max| Err(DecodeError::TooLong { what, max });
    let huge = [0x1b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let behind = |head: &[u8]| [head, &[0x80 | huge[0]], &huge[1..]].concat();
    let array = |tag: u8| behind(&[0x82, tag]);
    assert_eq!(message(&array(1)), over("an inv", 2 * INV_ENTRIES_MAX));
    assert_eq!(message(&behind(&[0x83, 2, 0xf5])), over("a getdata", GETDATA_ENTRIES_MAX));
    assert_eq!(message(&behind(&[0x83, 4, 0x40])), over("a transactions message", TRANSACTIONS_ENTRIES_MAX));
    assert_eq!(message(&array(5)), over("a prune", ROUTES_ENTRIES_MAX));
    assert_eq!(message(&array(9)), over("a locator", LOCATOR_ENTRIES_MAX));
    assert_eq!(message(&array(10)), over("headers", HEADERS_ENTRIES_MAX));
    assert_eq!(message(&array(12)), over("a had", HAD_ENTRIES_MAX));
    assert_eq!(message(&array(13)), over("a graft", ROUTES_ENTRIES_MAX));
    let bytes = [&[0x83, 0x07, 0xf4, 0x40 | huge[0]][..], &huge[1..]].concat();
    assert_eq!(message(&bytes), over("a block id", 32));
    let via = [&[0x83, 0x04, 0x40 | huge[0]][..], &huge[1..]].concat();
    assert_eq!(message(&via), over("a route", 8));
    assert_eq!(message(&[0x83, 0x04, 0x44, 0, 0, 0, 0, 0x80]), Err(DecodeError::BadValue("a route")));
    assert_eq!(message(&[0x83, 0x04, 0x40, 0x99, 0x01, 0x00]), Err(DecodeError::Truncated));
}

/// Each list of a message, at its bound and one past it.
#[test]
fn every_list_may_be_as_long_as_its_bound() {
    let short = TxRef::Short(ShortId([1; 8]));
    let header = block(genesis(), &[], 1).header;
    let entry = InvEntry { transaction: short, age_ms: 1 };
    let made: [(usize, &dyn Fn(usize) -> Message); 9] = [
        (INV_ENTRIES_MAX, &|len| Message::Inv(vec![entry; len])),
        (GETDATA_ENTRIES_MAX, &|len| Message::GetData { graft: false, wanted: vec![short; len] }),
        (GETDATA_ENTRIES_MAX, &|len| Message::NotFound { transactions: vec![short; len], blocks: vec![] }),
        (TRANSACTIONS_ENTRIES_MAX, &|len| Message::Transactions {
            via: None,
            bodies: vec![Bytes::from_static(&[1]).into(); len],
        }),
        (LOCATOR_ENTRIES_MAX, &|len| Message::GetHeaders(vec![BlockId([1; 32]); len])),
        (HEADERS_ENTRIES_MAX, &|len| Message::Headers(vec![header; len])),
        (HAD_ENTRIES_MAX, &|len| Message::Had(vec![ShortId([1; 8]); len])),
        (ROUTES_ENTRIES_MAX, &|len| Message::Prune(vec![RouteId([1; 8]); len])),
        (ROUTES_ENTRIES_MAX, &|len| Message::Graft(vec![RouteId([1; 8]); len])),
    ];
    for (max, make) in made {
        assert_eq!(message(&make(max).to_bytes()), Ok(make(max)));
        assert!(matches!(message(&make(max + 1).to_bytes()), Err(DecodeError::TooLong { .. })));
    }
}

#[test]
fn a_payload_may_be_as_long_as_its_bound() {
    let make = |len: usize| {
        let payload = vec![0; len].into();
        Transaction { author: key(1).public(), nonce: u64::MAX, valid_until: u64::MAX, payload }
            .sign(&key(1), &network())
    };
    let largest = make(PAYLOAD_BYTES_MAX).expect("on the bound");
    assert_eq!(largest.encoded().len(), protocol::limits::TRANSACTION_BYTES_MAX);
    assert!(matches!(make(PAYLOAD_BYTES_MAX + 1), Err(DecodeError::TooLong { what: "a payload", .. })));
}

#[test]
fn a_transaction_with_a_longer_integer_is_no_transaction() {
    let encoded = transaction(1, 1, 3).encoded().to_vec();
    let at = 1 + 34;
    assert_eq!(encoded[at], 1, "the nonce");
    let long = [&encoded[..at], &[0x18, 1], &encoded[at + 1..]].concat();
    assert_eq!(SignedTransaction::from_bytes(&long.into()), Err(DecodeError::NotShortest));
}

proptest! {
    /// Everything that is accepted encodes to exactly the bytes that it was read from.
    #[test]
    fn what_decodes_has_one_encoding(bytes in mutated()) {
        let bytes = Bytes::from(bytes);
        check::<Frame>(&bytes);
        check::<Message>(&bytes);
        check::<SignedTransaction>(&bytes);
        check::<SignedHeader>(&bytes);
        check::<Block>(&bytes);
    }
}

fn check<T: Decode + protocol::wire::codec::Encode>(bytes: &Bytes) {
    if let Ok(item) = T::from_bytes(bytes) {
        assert_eq!(item.to_bytes(), bytes.as_ref());
        assert_eq!(item.encoded_len(), bytes.len());
    }
}

/// Good encodings with some bytes changed, cut off or added, and pure noise.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let samples = prop_oneof![
        Just(transaction(1, 300, 40).encoded().to_vec()),
        Just(block(genesis(), &[transaction(1, 1, 9)], 70_000).to_bytes()),
        Just(block(genesis(), &[], 1).header.to_bytes()),
        Just(Frame::Ack(70_000).to_bytes()),
        Just(Message::Transactions { via: Some(RouteId([5; 8])), bodies: vec![vec![1, 2].into()] }.to_bytes()),
        Just(Message::Prune(vec![RouteId([6; 8])]).to_bytes()),
        Just(
            Message::GetData {
                graft: false,
                wanted: vec![TxRef::Full(TxId([3; 32])), TxRef::Short(ShortId([4; 8]))]
            }
            .to_bytes()
        ),
        Just(Message::Inv(vec![InvEntry { transaction: TxRef::Short(ShortId([4; 8])), age_ms: 300 }]).to_bytes()),
        proptest::collection::vec(any::<u8>(), 0..64),
    ];
    let changes = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (samples, changes, 0_usize..3, any::<bool>()).prop_map(|(mut bytes, changes, cut, grow)| {
        for (index, value) in changes {
            if !bytes.is_empty() {
                let at = index.index(bytes.len());
                bytes[at] = value;
            }
        }
        if grow {
            bytes.extend(vec![0; cut]);
        } else {
            bytes.truncate(bytes.len().saturating_sub(cut));
        }
        bytes
    })
}
