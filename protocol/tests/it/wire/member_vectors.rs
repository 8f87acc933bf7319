//! Golden bytes of what members sign, against `docs/vectors/members.json`. A changed byte here is a change of the
//! protocol. To write the file again: `UPDATE_VECTORS=1 cargo test -p hearsay-protocol --test it wire`.

use std::path::PathBuf;

use bytes::Bytes;
use protocol::codec::{Decode as _, Encode as _};
use protocol::items::member::accusation::Accusation;
use protocol::items::member::entries::{Entries, Entry};
use protocol::items::member::record::{MemberRecord, Presence};
use protocol::items::member::{Instance, Statement, Unsigned};
use serde_json::{Value, json};

use crate::harness::{key, network};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors/members.json")
}

/// `/ip4/203.0.113.7/tcp/30400` and the same over QUIC, as multiaddresses.
fn addresses() -> Vec<Bytes> {
    vec![
        Bytes::from_static(&[0x04, 203, 0, 113, 7, 0x06, 0x76, 0xc0]),
        Bytes::from_static(&[0x04, 203, 0, 113, 7, 0x91, 0x02, 0x76, 0xc0, 0xcd, 0x03]),
    ]
}

fn records() -> [MemberRecord; 2] {
    let listening = MemberRecord {
        key: key(1).public(),
        instance: Instance([1, 2, 3, 4, 5, 6, 7, 8]),
        incarnation: 1_700_000_000_000,
        issued_ms: 1_700_000_086_400,
        version: 2,
        agent: "hearsay/0.1.0".into(),
        addresses: addresses(),
        relays: vec![],
        presence: Presence::Alive,
    };
    let leaving = MemberRecord {
        incarnation: 1_700_000_000_001,
        addresses: vec![],
        relays: vec![key(2).public()],
        presence: Presence::Left,
        ..listening.clone()
    };
    [listening, leaving]
}

fn entries() -> Entries {
    let entry = |key: &str, value: &'static [u8], version| Entry {
        key: key.into(),
        value: Bytes::from_static(value),
        version,
    };
    Entries {
        owner: key(1).public(),
        version: 1_700_000_000_500,
        entries: vec![entry("colour", b"green", 1_700_000_000_400), entry("tip", &[7], 1_700_000_000_500)],
    }
}

fn accusation() -> Accusation {
    Accusation { accuser: key(2).public(), subject: key(1).public(), incarnation: 1_700_000_000_000 }
}

fn signed(seed: u8, unsigned: Unsigned) -> Statement {
    unsigned.sign(&key(seed), &network()).unwrap()
}

fn statements() -> Vec<Statement> {
    let [listening, leaving] = records();
    vec![
        signed(1, Unsigned::Record(listening)),
        signed(1, Unsigned::Record(leaving)),
        signed(1, Unsigned::Entries(entries())),
        signed(2, Unsigned::Accusation(accusation())),
    ]
}

fn vectors() -> Value {
    let records = records().map(|record| {
        let statement = signed(1, Unsigned::Record(record.clone()));
        json!({
            "seed": hex::encode([1; 32]),
            "key": key(1).public().to_string(),
            "instance": hex::encode(record.instance.0),
            "incarnation": record.incarnation,
            "issued_ms": record.issued_ms,
            "version": record.version,
            "agent": record.agent,
            "addresses": record.addresses.iter().map(hex::encode).collect::<Vec<_>>(),
            "relays": record.relays.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "left": record.presence == Presence::Left,
            "encoded": hex::encode(statement.to_bytes()),
            "id": statement.id().to_string(),
        })
    });
    let made = signed(1, Unsigned::Entries(entries()));
    let digest = match &made {
        Statement::Entries(signed) => signed.digest().to_string(),
        _ => unreachable!("these are entries"),
    };
    let list = entries().entries;
    let list = list
        .iter()
        .map(|entry| json!({ "key": entry.key, "value": hex::encode(&entry.value), "version": entry.version }));
    let accused = signed(2, Unsigned::Accusation(accusation()));
    json!({
        "network": network().as_str(),
        "records": records,
        "entries": {
            "seed": hex::encode([1; 32]),
            "owner": key(1).public().to_string(),
            "version": entries().version,
            "entries": list.collect::<Vec<_>>(),
            "digest": digest,
            "encoded": hex::encode(made.to_bytes()),
            "id": made.id().to_string(),
        },
        "accusation": {
            "seed": hex::encode([2; 32]),
            "accuser": key(2).public().to_string(),
            "subject": key(1).public().to_string(),
            "incarnation": accusation().incarnation,
            "encoded": hex::encode(accused.to_bytes()),
            "id": accused.id().to_string(),
        },
    })
}

#[test]
fn the_bytes_of_statements_are_those_of_the_vectors() {
    let made = vectors();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path(), format!("{made:#}\n")).unwrap();
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    assert_eq!(made, kept);
}

#[test]
fn the_vectors_of_statements_decode_to_what_they_stand_for() {
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path()).unwrap()).unwrap();
    let encoded = kept["records"].as_array().unwrap().iter().chain([&kept["entries"], &kept["accusation"]]);
    let read = encoded.map(|one| {
        let bytes: Bytes = hex::decode(one["encoded"].as_str().unwrap()).unwrap().into();
        let statement = Statement::from_bytes(&bytes).unwrap();
        assert_eq!(statement.id().to_string(), one["id"]);
        assert!(statement.verify(&statement.signer().decompress().unwrap(), &network()));
        statement
    });
    assert_eq!(read.collect::<Vec<_>>(), statements());
}
