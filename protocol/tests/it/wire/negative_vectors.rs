//! Data that must be refused, with the reasons, against `docs/vectors/negative.json`: messages, items, signatures,
//! and streams of frames. The node's tests check the streams, because the node has the reader of frames. To write
//! the file again: `UPDATE_VECTORS=1 cargo test -p hearsay-protocol --test it negative_vectors`.

use std::path::PathBuf;

use bytes::Bytes;
use protocol::items::block::{Block, SignedHeader};
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{
    BLOCK_TRANSACTIONS_MAX, BULK_FRAME_BYTES_MAX, CONTROL_FRAME_BYTES_MAX, INV_ENTRIES_MAX, NOTFOUND_BLOCKS_MAX,
    PAYLOAD_BYTES_MAX, TAKE_PLACES_MAX,
};
use protocol::wire::codec::{Decode, DecodeError, Encode as _, Misread};
use protocol::wire::frame::Frame;
use protocol::wire::symbol::SYMBOLS_MAX;
use serde_json::{Value, json};

use crate::harness::{block, genesis, key, network, transaction};

/// Transactions at the edge of the rule: the special property, whether the signature is good, and the
/// bytes. They were made with an implementation of the curve in Python, because no signer makes such signatures.
/// The network is `test`.
const EDGES: [(&str, bool, &str); 13] = [
    (
        "a key of small order",
        false,
        "8558200100000000000000000000000000000000000000000000000000000000000000011903e84301010158400100000000\
         0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
         000000000000000000",
    ),
    (
        "a key of small order in another encoding",
        false,
        "855820eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f011903e84301010158400100000000\
         0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000\
         000000000000000000",
    ),
    (
        "an R of small order",
        true,
        "8558208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c021903e84301010158400100000000\
         0000000000000000000000000000000000000000000000000000009c926dbc5c383706ad66869e0f30684f67aed4a0842544\
         75edb769164e88c50c",
    ),
    (
        "an R of small order in another encoding",
        true,
        "8558208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c021903e8430101015840eeffffffff\
         ffffffffffffffffffffffffffffffffffffffffffffffffffff7f38386861292309775cdb772b51f50d9c62752f5510f0e6\
         6d76a08754c7377402",
    ),
    (
        "a key with a part of small order, and the equation holds without cofactor",
        true,
        "8558209ea3f11f5bd34f0cd7147fd0a436c088f624c6100c1df6a53c0a29e05d60cea018241903e8430101015840bd7898a8\
         23e2b9a9e90a3c97cde65f69a902225278bbc9b6d56ad1906ab0b799fc889af576a82ab76cb8666e4bca7c308b926486e180\
         473d8c959291b51e9a0c",
    ),
    (
        "a key with a part of small order, and the equation holds with cofactor only",
        true,
        "8558209ea3f11f5bd34f0cd7147fd0a436c088f624c6100c1df6a53c0a29e05d60cea0011903e84301010158405b3c4dba8b\
         fade867bf10af510373293dd3c51a520f24ff291847b8ea40f235a25e62aa066dcd5a0d04b000d4862db65b21be7a9b00356\
         020aacf1315ec3af0e",
    ),
    (
        "an S in its range",
        true,
        "8558208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c031903e8430101015840de2254ec0e\
         7a1c16ed5e83eb3bd02929ef828a9faa4e04e890d5918000a3aa94283a16a4393ec63ca28f6df01cc164117c2a7eac33f07c\
         bada1f30c309ac9d05",
    ),
    (
        "an S that is not reduced",
        false,
        "8558208a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c031903e8430101015840de2254ec0e\
         7a1c16ed5e83eb3bd02929ef828a9faa4e04e890d5918000a3aa94150e0c0154a1d894782c6593fbba43267c2a7eac33f07c\
         bada1f30c309ac9d15",
    ),
    (
        "an R with a part of small order",
        true,
        "855820ec6c48da2cac34ae4e1b22d614a18c4bd98d5132a0c9c43f786461a526056a4f041903e843010101584082f693f0c4\
         0032f7d8e690cfe883e9e334c2a7a968074baed40bbd656ae1b8bce0faf63ca35e1364e65f59550015fe2d9e4f34f6915eb3\
         f1f1b5149fd5f8b40e",
    ),
    (
        "an R whose x is zero, with the sign of a negative x",
        true,
        "855820ec6c48da2cac34ae4e1b22d614a18c4bd98d5132a0c9c43f786461a526056a4f051903e84301010158400100000000\
         0000000000000000000000000000000000000000000000000000802bc2bcad0cdf0f921fbb038232e6f9c564e0d0b9f176d1\
         2f9182598f5f37e308",
    ),
    (
        "an R that is no point",
        false,
        "855820ec6c48da2cac34ae4e1b22d614a18c4bd98d5132a0c9c43f786461a526056a4f061903e84301010158400200000000\
         000000000000000000000000000000000000000000000000000000ace962a01b11cf7b4a8ce2ef75eebe96fbccee9588ba68\
         f8db3c023d2f828703",
    ),
    (
        "an R that is not reduced, hashed as if it were",
        false,
        "855820ec6c48da2cac34ae4e1b22d614a18c4bd98d5132a0c9c43f786461a526056a4f071903e8430101015840eeffffffff\
         ffffffffffffffffffffffffffffffffffffffffffffffffffff7fff2645dcad04e3976ee1d3a81fe2c8eb03667952ed8b48\
         63a1489c2422237c0e",
    ),
    (
        "a key of order 8 and a good R",
        false,
        "85582026e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05081903e8430101015840d2a38c6538\
         f6c11f3f3ec85754978f25e00c2fbb8698736ac2af3fcdef8f0c96f37d4b81eedd512064cdeebe4209cc5dcc182d3cb5bc46\
         92272a8b277cedc60c",
    ),
];

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors/negative.json")
}

/// The name of a reason in the vectors.
fn label(error: DecodeError) -> &'static str {
    match error {
        DecodeError::Truncated => "truncated",
        DecodeError::TrailingBytes(_) => "trailing_bytes",
        DecodeError::NotShortest => "not_shortest",
        DecodeError::Indefinite => "indefinite",
        DecodeError::WrongType(_) => "wrong_type",
        DecodeError::TooLong { .. } => "over_bound",
        _ => "bad_value",
    }
}

fn misread(kind: &str, bytes: &[u8]) -> Option<Misread> {
    fn read<T: Decode>(bytes: &[u8]) -> Option<Misread> {
        T::parse(&Bytes::copy_from_slice(bytes)).err()
    }
    match kind {
        "message" => read::<Frame>(bytes),
        "transaction" => read::<SignedTransaction>(bytes),
        "header" => read::<SignedHeader>(bytes),
        _ => read::<Block>(bytes),
    }
}

fn refused(kind: &str, name: &str, reason: &str, bytes: &[u8]) -> Value {
    let misread = misread(kind, bytes).unwrap_or_else(|| panic!("{name} is read"));
    assert_eq!(label(misread.error), reason, "{name}: {misread}");
    json!({ "kind": kind, "name": name, "reason": reason, "at": misread.at, "bytes": hex::encode(bytes) })
}

/// A head of a major type with a length in two bytes, and the bytes after it.
fn long(major: u8, length: usize, rest: &[u8]) -> Vec<u8> {
    [&[major << 5 | 25][..], &(length as u16).to_be_bytes(), rest].concat()
}

fn messages() -> Vec<Value> {
    let ack = |rest: &[u8]| [&[0x82, 0x0b][..], rest].concat();
    let of = |head: &[u8], rest: &[u8]| [head, rest].concat();
    let (short, id) = ([&[0x48][..], &[1; 8]].concat(), [&[0x58, 32][..], &[1; 32]].concat());
    let mut places = vec![0xff_u8; TAKE_PLACES_MAX / 8];
    places.push(0x80);
    let hello = |version: &[u8], network: &[u8]| [&[0x87, 0][..], version, network, &[0, 0], &id, &[1]].concat();
    let mut table: Vec<(&str, &str, Vec<u8>)> = vec![
        ("nothing at all", "truncated", vec![]),
        ("no array", "wrong_type", vec![0x0b]),
        ("an ack of 5 in two bytes", "not_shortest", ack(&[0x18, 5])),
        ("an ack of 5 in nine bytes", "not_shortest", ack(&[0x1b, 0, 0, 0, 0, 0, 0, 0, 5])),
        ("the array's length in two bytes", "not_shortest", vec![0x98, 2, 0x0b, 5]),
        ("an array of indefinite length", "indefinite", vec![0x9f, 0x0b, 5, 0xff]),
        ("a byte string of indefinite length", "indefinite", of(&[0x83, 7, 0xf4], &[0x5f, 0x41, 0, 0xff])),
        ("a byte after the message", "trailing_bytes", ack(&[5, 0])),
        ("an integer that is cut", "truncated", ack(&[0x19, 1])),
        ("an item too few", "bad_value", vec![0x81, 0x0b]),
        ("an item too many", "bad_value", vec![0x83, 0x0b, 5, 5]),
        ("nine items", "over_bound", [&[0x89][..], &[0; 9]].concat()),
        ("an unknown tag", "bad_value", vec![0x82, 0x18, 60, 0]),
        ("a negative number", "wrong_type", ack(&[0x20])),
        ("a float", "wrong_type", ack(&[0xf9, 0, 0])),
        ("null for a number", "wrong_type", ack(&[0xf6])),
        ("true for a number", "wrong_type", ack(&[0xf5])),
        ("true in two bytes", "not_shortest", of(&[0x83, 7, 0xf8, 21], &id)),
        ("a number for true", "wrong_type", vec![0x83, 2, 1, 0x80]),
        ("a CBOR tag", "wrong_type", ack(&[0xc1, 5])),
        ("a map for an array", "wrong_type", vec![0x82, 9, 0xa0]),
        ("a text for a byte string", "wrong_type", of(&[0x82, 9, 0x81], &[0x61, 0x61])),
        ("a reference of nine bytes", "bad_value", of(&[0x83, 2, 0xf4, 0x81, 0x49], &[1; 9])),
        ("an id of 31 bytes", "bad_value", of(&[0x83, 7, 0xf4, 0x58, 31], &[1; 31])),
        ("an id of 33 bytes", "over_bound", of(&[0x83, 7, 0xf4, 0x58, 33], &[1; 33])),
        ("an inv with an entry of one item", "bad_value", of(&[0x82, 1, 0x81], &short)),
        ("an inv of 4,097 entries", "over_bound", of(&[0x82, 1], &long(4, 2 * (INV_ENTRIES_MAX + 1), &short))),
        ("an age of 2^32", "bad_value", of(&[0x82, 1, 0x82], &of(&short, &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0]))),
        ("a getdata of 257", "over_bound", of(&[0x83, 2, 0xf4], &long(4, 257, &short))),
        ("a getdata of 200, of which one is there", "truncated", of(&[0x83, 2, 0xf4, 0x98, 200], &short)),
        (
            "a notfound of 17 blocks",
            "over_bound",
            of(&[0x83, 3, 0x80, 0x80 | (NOTFOUND_BLOCKS_MAX as u8 + 1)], &id),
        ),
        ("a hello whose network is no UTF-8", "bad_value", hello(&[2], &[0x61, 0xff])),
        ("a hello whose network is bytes", "wrong_type", hello(&[2], &[0x44, 0x74, 0x65, 0x73, 0x74])),
        ("a hello whose network has 33 characters", "over_bound", hello(&[2], &of(&[0x78, 33], &[0x61; 33]))),
        ("a route of four bytes", "bad_value", vec![0x83, 4, 0x44, 1, 1, 1, 1, 0x80]),
        ("a digest of 3", "bad_value", of(&[0x88, 14, 1, 3, 0, 0], &of(&id, &of(&[0x50], &[0; 17])))),
        ("a number of 2^32", "bad_value", vec![0x83, 15, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
        ("an outcome of 4", "bad_value", of(&[0x87, 17, 1, 4, 0], &of(&id, &[0x40, 0x40]))),
        ("symbols of 12 bytes", "bad_value", of(&[0x83, 16, 1, 0x4c], &[0; 12])),
        (
            "salted ids of seven bytes",
            "bad_value",
            of(&[0x87, 17, 1, 0, 0], &of(&id, &[0x47, 0, 0, 0, 0, 0, 0, 0, 0x40])),
        ),
        ("an offer of nine bytes", "bad_value", of(&[0x83, 18, 1, 0x49], &[0; 9])),
        ("a take of 257 places", "over_bound", of(&[0x83, 19, 1, 0x58, places.len() as u8], &places)),
        ("a list after seven bytes", "bad_value", of(&[0x83, 20, 1, 0x47], &[0; 7])),
        ("a goodbye in capitals", "bad_value", vec![0x82, 21, 0x62, 0x4e, 0x4f]),
        ("a goodbye without a word", "bad_value", vec![0x82, 21, 0x60]),
    ];
    table.extend(comparing());
    table.into_iter().map(|(name, reason, bytes)| refused("message", name, reason, &bytes)).collect()
}

/// Messages in which members are compared.
fn comparing() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let of = |head: &[u8], rest: &[u8]| [head, rest].concat();
    let short = [&[0x48][..], &[1; 8]].concat();
    let salted = [&[0x84, 24, 30, 0x50][..], &[7; 16]].concat();
    // As many short ids as a message may list, and a salted id.
    let most = of(&long(2, 8 * SYMBOLS_MAX, &vec![1; 8 * SYMBOLS_MAX]), &[0x46, 1, 2, 3, 4, 5, 6]);
    vec![
        ("digests of five items", "bad_value", of(&[0x85, 24, 25, 2], &[&short[..], &short, &[0x80]].concat())),
        ("a sketch of members under a salt of 15 bytes", "bad_value", of(&[0x84, 24, 30, 0x4f], &[7; 15])),
        ("a sketch of 2^32 members", "bad_value", of(&salted, &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0, 0x40])),
        ("member symbols of 12 bytes", "bad_value", of(&salted, &of(&[1, 0x4c], &[0; 12]))),
        ("a wish for 4,097 symbols", "bad_value", vec![0x84, 24, 31, 0x19, 0x10, 1, 0x40, 0x40]),
        ("a wish for symbols beside a difference", "bad_value", of(&[0x84, 24, 31, 1], &of(&short, &[0x40]))),
        ("a difference of 4,097 elements", "bad_value", of(&[0x84, 24, 31, 0], &most)),
    ]
}

fn items() -> Vec<Value> {
    let good = transaction(1, 7, 3).encoded().to_vec();
    let (author, rest) = (&good[1..35], &good[36..]);
    let header = block(genesis(), &[], 1_700_000_000_000).header.to_bytes();
    let count_at = header.len() - 67;
    assert_eq!((good[35], header[count_at]), (7, 0), "the nonce, and the count");
    let large = [&[0x5a][..], &(PAYLOAD_BYTES_MAX as u32 + 1).to_be_bytes()].concat();
    let table: Vec<(&str, &str, &str, Vec<u8>)> = vec![
        ("transaction", "a nonce in two bytes", "not_shortest", [&[0x85][..], author, &[0x18, 7], rest].concat()),
        ("transaction", "an array of indefinite length", "indefinite", [&[0x9f], &good[1..], &[0xff]].concat()),
        ("transaction", "a CBOR tag around it", "wrong_type", [&[0xc1], &good[..]].concat()),
        ("transaction", "a byte after it", "trailing_bytes", [&good[..], &[0]].concat()),
        ("transaction", "four fields", "bad_value", [&[0x84], &good[1..]].concat()),
        ("transaction", "six fields", "over_bound", [&[0x86], &good[1..], &[0]].concat()),
        ("transaction", "a payload of 65,537 bytes", "over_bound", [&good[..39], &large[..]].concat()),
        ("transaction", "a signature that is cut", "truncated", good[..good.len() - 1].to_vec()),
        (
            "header",
            "a count of 2^32",
            "bad_value",
            [&header[..count_at], &[0x1b, 0, 0, 0, 1, 0, 0, 0, 0], &header[count_at + 1..]].concat(),
        ),
        ("header", "a height in two bytes", "not_shortest", [&header[..1], &[0x18, 1], &header[2..]].concat()),
        (
            "block",
            "39,569 transactions",
            "over_bound",
            [&[0x82][..], &header, &long(4, BLOCK_TRANSACTIONS_MAX + 1, &[])].concat(),
        ),
        ("block", "a list that is not there", "truncated", [&[0x82][..], &header].concat()),
    ];
    table.into_iter().map(|(kind, name, reason, bytes)| refused(kind, name, reason, &bytes)).collect()
}

/// A signature by the first author over other bytes, instead of its own.
fn signed(domain: &str, network: &str, count: u8) -> Vec<u8> {
    let mut bytes = transaction(1, 7, 3).encoded().to_vec();
    let at = bytes.len() - 64;
    let text = |text: &str| [&[0x60 + text.len() as u8][..], text.as_bytes()].concat();
    let message = [text(domain), text(network), vec![0x80 + count], bytes[1..at - 2].to_vec()].concat();
    bytes[at..].copy_from_slice(&key(1).sign(&message).0);
    bytes
}

fn signatures() -> Vec<Value> {
    let mut payload = transaction(1, 7, 3).encoded().to_vec();
    payload[40] ^= 1;
    let ours = [
        ("as it should be", true, signed("hearsay transaction 1", "test", 4)),
        ("another domain string", false, signed("hearsay transaction 2", "test", 4)),
        ("the domain string of headers", false, signed("hearsay header 1", "test", 4)),
        ("another network", false, signed("hearsay transaction 1", "other", 4)),
        ("the fields in an array of five", false, signed("hearsay transaction 1", "test", 5)),
        ("another payload", false, payload),
    ];
    let edges = EDGES.map(|(name, good, bytes)| (name, good, hex::decode(bytes).unwrap()));
    ours.into_iter()
        .chain(edges)
        .map(|(name, good, bytes)| {
            assert_eq!(is_good(&bytes), good, "{name}");
            json!({ "name": name, "good": good, "transaction": hex::encode(bytes) })
        })
        .collect()
}

fn is_good(encoded: &[u8]) -> bool {
    let item = SignedTransaction::from_bytes(&Bytes::copy_from_slice(encoded)).unwrap();
    item.author().decompress().is_some_and(|author| item.verify(&author, &network()))
}

fn streams() -> Vec<Value> {
    let stream = |lane: &str, name: &str, reason: &str, bytes: &[u8]| json!({ "lane": lane, "name": name, "reason": reason, "bytes": hex::encode(bytes) });
    let declared = |bytes: usize| {
        let groups = (0..4).map(|at| (bytes >> (7 * at)) as u8 & 0x7f | if at < 3 { 0x80 } else { 0 });
        let mut prefix: Vec<u8> = groups.collect();
        while prefix.len() > 1 && prefix.last() == Some(&0) {
            prefix.pop();
            *prefix.last_mut().unwrap() &= 0x7f;
        }
        prefix
    };
    vec![
        stream("control", "an empty frame", "empty_frame", &[0]),
        stream("control", "a length in two bytes where one would do", "bad_prefix", &[0x83, 0]),
        stream("control", "a length of five bytes", "bad_prefix", &[0x80, 0x80, 0x80, 0x80, 0x01][..4]),
        stream("control", "65,537 bytes", "frame_too_large", &declared(CONTROL_FRAME_BYTES_MAX + 1)),
        stream("bulk", "4,194,307 bytes", "frame_too_large", &declared(BULK_FRAME_BYTES_MAX + 1)),
        stream("bulk", "the longest length", "frame_too_large", &[0xff, 0xff, 0xff, 0x7f]),
        stream("control", "a frame that is no message", "no_message", &[4, 0x82, 0x0b, 0x18, 5]),
        long_on_bulk(&declared(CONTROL_FRAME_BYTES_MAX + 1)),
    ]
}

/// A good frame that is one byte too long for the control lane. Nothing else distinguishes the lanes. Its zeros
/// are counted and not written out. They are no transaction, but this shows only after the message is read.
fn long_on_bulk(prefix: &[u8]) -> Value {
    // An array of three, the tag, no route, an array of one, and a byte string that fills the frame.
    let head = [0x83, 4, 0x40, 0x81, 0x59];
    let zeros = u16::try_from(CONTROL_FRAME_BYTES_MAX + 1 - head.len() - 2).unwrap();
    let bytes = [prefix, &head, &zeros.to_be_bytes()].concat();
    let message = Bytes::from([&bytes[prefix.len()..], &vec![0; zeros.into()]].concat());
    assert!(Frame::parse(&message).is_ok());
    json!({
        "lane": "bulk",
        "name": "a good frame of 65,537 bytes, of which the last are zeros",
        "reason": null,
        "bytes": hex::encode(bytes),
        "zeros": zeros,
    })
}

#[test]
fn what_must_be_refused_is_refused_for_the_stated_reason() {
    let refused: Vec<Value> = messages().into_iter().chain(items()).collect();
    let (signatures, streams) = (signatures(), streams());
    let of = |list: &[Value], key: &str| -> String { list.iter().filter_map(|one| one[key].as_str()).collect() };
    let all = [of(&refused, "bytes"), of(&signatures, "transaction"), of(&streams, "bytes")].concat();
    // The id of a transaction is the hash of its bytes, whatever they are.
    let hash = SignedTransaction::id_of(&hex::decode(all).unwrap()).to_string();
    let made = json!({
        "network": network().as_str(),
        "refused": refused,
        "signatures": signatures,
        "streams": streams,
        "sha256": hash,
    });
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path(), format!("{made:#}\n")).unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(made, kept);
}

/// A key's bytes also mean a point if its y is not reduced: 2^255 - 19 + y for y below 19. Only the signature
/// decides. Such a key is another author than the same point in its usual encoding.
#[test]
fn a_keys_encoding_need_not_be_reduced() {
    let network: NetworkId = network();
    assert_eq!(network.as_str(), "test");
    let unreduced = |y: u8| {
        let mut bytes = [0xff; 32];
        (bytes[0], bytes[31]) = (0xed + y, 0x7f);
        PublicKey(bytes)
    };
    let reduced = |y: u8| {
        let mut bytes = [0; 32];
        bytes[0] = y;
        PublicKey(bytes)
    };
    // 0 and 1 are of small order; 2 is no point; 3 to 6 are points, 7 and 8 are none.
    let points: Vec<bool> = (0..=8).map(|y| unreduced(y).decompress().is_some()).collect();
    assert_eq!(points, [false, false, false, true, true, true, true, false, false]);
    for y in 3..=6 {
        assert!(reduced(y).decompress().is_some());
        assert_ne!(reduced(y), unreduced(y));
    }
}
