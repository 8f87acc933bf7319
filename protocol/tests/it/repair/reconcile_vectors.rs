//! Golden ids, mappings and symbols, against `docs/vectors/reconcile.json`. A changed byte here is a change of the
//! protocol. To write the file again: `UPDATE_VECTORS=1 cargo test -p hearsay-protocol --test it reconcile_vectors`.

use std::path::PathBuf;

use protocol::gossip::repair::sketch::{
    Decoder, Progress, SYMBOLS_MAX, Salt, Symbol, ids_from_bytes, ids_to_bytes, indices, symbols_from_bytes,
    symbols_to_bytes,
};
use serde_json::{Value, json};

use super::reconcile_model::{encoder, ids};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors/reconcile.json")
}

fn vectors() -> Value {
    let bytes: [u8; 16] = std::array::from_fn(|at| at as u8);
    let salt = Salt::new(bytes);
    let (here, there) = (ids(0..12), ids(3..17));
    let items = there.iter().map(|id| {
        let salted = salt.id(id);
        let hash = salt.hash(salted);
        json!({
            "id": id.to_string(),
            "salted": hex::encode(salted.to_bytes()),
            "hash": format!("{hash:016x}"),
            "indices": indices(hash, SYMBOLS_MAX as u32).collect::<Vec<_>>(),
        })
    });
    let (mut decoder, mut remote) = (Decoder::new(encoder(bytes, &here)), encoder(bytes, &there));
    let (only_here, only_there) = loop {
        let at = decoder.received();
        match decoder.add(remote.symbols(at, at + 1)) {
            Progress::More => {}
            Progress::Done { only_here, only_there } => break (only_here, only_there),
            Progress::Failed(failure) => panic!("{failure}"),
        }
    };
    json!({
        "salt": hex::encode(bytes),
        "there": items.collect::<Vec<_>>(),
        "here": here.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "symbols": hex::encode(symbols_to_bytes(remote.symbols(0, 40))),
        "decoded_after": decoder.received(),
        "only_here": only_here,
        "only_there": hex::encode(ids_to_bytes(&only_there)),
    })
}

#[test]
fn the_vectors_are_those_of_the_documents() {
    let vectors = vectors();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path(), serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(vectors, kept);
}

#[test]
fn symbols_and_ids_read_back() {
    let symbol = Symbol { ids: 0x0102_0304_0506, checks: 0x0708_090a, count: 11 };
    assert_eq!(symbol.to_bytes(), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    let symbols = encoder([7; 16], &ids(0..50)).symbols(0, 64).to_vec();
    assert_eq!(symbols_from_bytes(&symbols_to_bytes(&symbols)), Some(symbols));
    let set = encoder([7; 16], &ids(0..50));
    assert_eq!(ids_from_bytes(&ids_to_bytes(set.ids())), Some(set.ids().to_vec()));
    assert_eq!((symbols_from_bytes(&[]), ids_from_bytes(&[])), (Some(vec![]), Some(vec![])));
    assert_eq!((symbols_from_bytes(&[0; 12]), ids_from_bytes(&[0; 7])), (None, None));
}
