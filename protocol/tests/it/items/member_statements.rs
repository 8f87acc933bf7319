//! Statements of members: one encoding, everything else refused, and signatures that hold for one network and one
//! kind of statement.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::codec::{Decode as _, DecodeError, Encode as _};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::member::accusation::Accusation;
use protocol::items::member::entries::{Entries, Entry};
use protocol::items::member::record::{MemberRecord, Presence, SignedRecord, Untimely};
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::items::network::NetworkId;
use protocol::limits::{
    ACCUSATION_BYTES_MAX, AGENT_LEN_MAX, ENTRIES_BYTES_MAX, ENTRIES_MAX, ENTRIES_STATEMENT_BYTES_MAX,
    ENTRY_KEY_LEN_MAX, MEMBER_ADDRESS_BYTES_MAX, MEMBER_ADDRESSES_MAX, MEMBER_RELAYS_MAX, RECORD_AGE_MAX_MS,
    RECORD_AHEAD_MAX_MS, RECORD_BYTES_MAX,
};

use crate::harness::{key, network};

fn record() -> MemberRecord {
    MemberRecord {
        key: key(1).public(),
        instance: Instance([9; 8]),
        incarnation: 1_700_000_000_000,
        issued_ms: 1_700_000_000_000,
        version: 2,
        agent: "hearsay/0.1".into(),
        addresses: vec![Bytes::from_static(&[4, 127, 0, 0, 1, 6, 0x76, 0xc0])],
        relays: vec![],
        presence: Presence::Alive,
    }
}

fn entries(list: &[(&str, usize)]) -> Entries {
    let entry =
        |(key, len): &(&str, usize)| Entry { key: (*key).to_owned(), value: vec![7; *len].into(), version: 5 };
    Entries { owner: key(1).public(), version: 9, entries: list.iter().map(entry).collect() }
}

fn accusation() -> Accusation {
    Accusation { accuser: key(1).public(), subject: key(2).public(), incarnation: 7 }
}

fn too_long(what: &'static str, max: usize) -> DecodeError {
    DecodeError::TooLong { what, max }
}

fn read(statement: &Statement) -> Result<Statement, DecodeError> {
    Statement::from_bytes(&statement.to_bytes().into())
}

fn is_good(statement: &Statement, network: &NetworkId) -> bool {
    let key = statement.signer().decompress().expect("a usable key");
    statement.verify(&key, network)
}

fn all_kinds() -> [Unsigned; 3] {
    [Unsigned::Record(record()), Unsigned::Entries(entries(&[("tip", 8)])), Unsigned::Accusation(accusation())]
}

fn signed(unsigned: Unsigned) -> Statement {
    unsigned.sign(&key(1), &network()).expect("within bounds")
}

#[test]
fn a_statement_is_good_on_its_network_and_on_no_other() {
    let other: NetworkId = "other".parse().unwrap();
    for unsigned in all_kinds() {
        let statement = signed(unsigned);
        assert!(is_good(&statement, &network()), "{statement:?}");
        assert!(!is_good(&statement, &other), "{statement:?}");
    }
}

#[test]
fn a_signers_key_is_set_when_it_signs() {
    for unsigned in all_kinds() {
        let statement = unsigned.sign(&key(3), &network()).unwrap();
        assert_eq!(statement.signer(), key(3).public());
        assert!(is_good(&statement, &network()));
    }
}

/// The signed bytes of each kind, with the domain of another kind in their place.
#[test]
fn a_signature_of_another_domain_is_not_good() {
    for unsigned in all_kinds() {
        let statement = signed(unsigned);
        let mut bytes = statement.to_bytes();
        let at = bytes.len() - 64;
        for domain in ["hearsay transaction 1", "hearsay header 1", "hearsay member 2"] {
            let content = match &statement {
                Statement::Record(record) => record.encoded()[1..record.encoded().len() - 66].to_vec(),
                Statement::Entries(_) | Statement::Accusation(_) => bytes[3..at - 2].to_vec(),
            };
            let mut message = vec![0x60 + domain.len() as u8];
            message.extend(domain.as_bytes());
            message.extend([0x64]);
            message.extend(network().as_str().as_bytes());
            message.extend(content);
            bytes[at..].copy_from_slice(&key(1).sign(&message).0);
            let foreign = Statement::from_bytes(&bytes.clone().into()).unwrap();
            assert!(!is_good(&foreign, &network()), "{domain}");
        }
    }
}

#[test]
fn any_changed_bit_of_a_statement_is_noticed() {
    for unsigned in all_kinds() {
        let statement = signed(unsigned);
        let bytes = statement.to_bytes();
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            let Ok(read) = Statement::from_bytes(&changed.into()) else { continue };
            let good = read.signer().decompress().is_some_and(|key| read.verify(&key, &network()));
            assert!(!good, "byte {place} of {statement:?}");
        }
    }
}

#[test]
fn a_record_may_have_as_many_addresses_as_its_bound() {
    let with = |count: usize| {
        let addresses = vec![Bytes::from_static(&[4; 90]); count];
        MemberRecord { addresses, ..record() }.sign(&key(1), &network())
    };
    assert_eq!(with(MEMBER_ADDRESSES_MAX).unwrap().record().addresses.len(), MEMBER_ADDRESSES_MAX);
    assert_eq!(with(MEMBER_ADDRESSES_MAX + 1), Err(too_long("addresses", MEMBER_ADDRESSES_MAX)));
}

#[test]
fn an_address_may_be_as_long_as_its_bound() {
    let with = |len: usize| {
        let addresses = vec![Bytes::from(vec![4; len])];
        MemberRecord { addresses, ..record() }.sign(&key(1), &network()).map(|signed| signed.record().addresses)
    };
    assert_eq!(with(MEMBER_ADDRESS_BYTES_MAX).unwrap()[0].len(), MEMBER_ADDRESS_BYTES_MAX);
    assert_eq!(with(MEMBER_ADDRESS_BYTES_MAX + 1), Err(too_long("an address", MEMBER_ADDRESS_BYTES_MAX)));
}

#[test]
fn a_record_may_be_as_long_as_its_bound() {
    let with = |last: usize| {
        let mut addresses = vec![Bytes::from(vec![4; 272]); 3];
        addresses.push(Bytes::from(vec![4; last]));
        MemberRecord { addresses, ..record() }.sign(&key(1), &network())
    };
    let bare = with(30).unwrap().encoded().len() - 30;
    assert_eq!(with(RECORD_BYTES_MAX - bare).unwrap().encoded().len(), RECORD_BYTES_MAX);
    assert_eq!(with(RECORD_BYTES_MAX - bare + 1), Err(too_long("a record", RECORD_BYTES_MAX)));
}

#[test]
fn a_record_may_name_as_many_relays_as_its_bound() {
    let with = |count: u8| {
        let relays = (0..count).map(|number| key(number).public()).collect();
        MemberRecord { addresses: vec![], relays, ..record() }.sign(&key(1), &network())
    };
    assert_eq!(with(3).unwrap().record().relays.len(), MEMBER_RELAYS_MAX);
    assert_eq!(with(4), Err(too_long("relays", MEMBER_RELAYS_MAX)));
}

#[test]
fn a_record_has_addresses_or_relays_and_not_both() {
    let both = MemberRecord { relays: vec![key(5).public()], ..record() };
    assert_eq!(both.sign(&key(1), &network()), Err(DecodeError::BadValue("relays")));
}

#[test]
fn an_agent_may_be_as_long_as_its_bound() {
    let with = |len: usize| MemberRecord { agent: "a".repeat(len), ..record() }.sign(&key(1), &network());
    assert_eq!(with(AGENT_LEN_MAX).unwrap().record().agent.len(), AGENT_LEN_MAX);
    assert_eq!(with(AGENT_LEN_MAX + 1), Err(too_long("an agent", AGENT_LEN_MAX)));
}

#[test]
fn a_record_is_refused_three_days_after_its_issue_and_more_than_a_day_before() {
    let issued = 10 * RECORD_AGE_MAX_MS;
    let record = MemberRecord { issued_ms: issued, ..record() }.sign(&key(1), &network()).unwrap();
    let day = RECORD_AHEAD_MAX_MS;
    assert_eq!(RECORD_AGE_MAX_MS, 3 * day);
    assert_eq!(record.check_time(issued + 3 * day), Ok(()));
    assert_eq!(record.check_time(issued + 3 * day + 1), Err(Untimely::Stale));
    assert_eq!(record.check_time(issued - day), Ok(()));
    assert_eq!(record.check_time(issued - day - 1), Err(Untimely::Ahead));
}

#[test]
fn no_clock_makes_the_times_overflow() {
    for issued_ms in [0, u64::MAX] {
        let record = MemberRecord { issued_ms, ..record() }.sign(&key(1), &network()).unwrap();
        assert_eq!(record.check_time(issued_ms), Ok(()));
        let other = if issued_ms == 0 { Untimely::Stale } else { Untimely::Ahead };
        assert_eq!(record.check_time(u64::MAX - issued_ms), Err(other));
    }
}

#[test]
fn the_highest_incarnation_counts_and_then_the_latest_issue() {
    let made = |incarnation, issued_ms| {
        MemberRecord { incarnation, issued_ms, ..record() }.sign(&key(1), &network()).unwrap()
    };
    assert!(made(2, 1).supersedes(&made(1, 9)));
    assert!(made(2, 3).supersedes(&made(2, 2)));
    assert!(!made(2, 2).supersedes(&made(2, 2)));
    assert!(!made(1, 9).supersedes(&made(2, 1)));
}

#[test]
fn a_member_may_have_as_many_entries_as_the_bound() {
    let keys: Vec<String> = (0..=ENTRIES_MAX).map(|number| format!("{number:03}")).collect();
    let with = |count: usize| {
        let list: Vec<(&str, usize)> = keys.iter().take(count).map(|key| (key.as_str(), 1)).collect();
        entries(&list).sign(&key(1), &network())
    };
    assert_eq!(with(0).unwrap().entries(), []);
    assert_eq!(with(ENTRIES_MAX).unwrap().entries().len(), ENTRIES_MAX);
    assert_eq!(with(ENTRIES_MAX + 1), Err(too_long("entries", ENTRIES_MAX)));
}

#[test]
fn keys_and_values_may_have_as_many_bytes_as_the_bound() {
    let with = |len: usize| entries(&[("a", 10), ("b", len - 12)]).sign(&key(1), &network());
    assert!(with(ENTRIES_BYTES_MAX).is_ok());
    let over = too_long("the entries of a member", ENTRIES_BYTES_MAX);
    assert_eq!(with(ENTRIES_BYTES_MAX + 1), Err(over));
}

#[test]
fn the_longest_statements_are_as_long_as_their_bounds() {
    let value = ENTRIES_BYTES_MAX - ENTRIES_MAX * ENTRY_KEY_LEN_MAX;
    assert_eq!(value, 0, "64 keys of 64 bytes leave no room for values");
    let long = |number: usize| Entry {
        key: format!("{number:024}"),
        value: vec![0; ENTRIES_BYTES_MAX / ENTRIES_MAX - 24].into(),
        version: u64::MAX,
    };
    let entries =
        Entries { owner: PublicKey([0; 32]), version: u64::MAX, entries: (0..ENTRIES_MAX).map(long).collect() };
    let made = entries.sign(&key(1), &network()).unwrap();
    // The values are short here, so each takes one byte less for its header than the bound allows.
    assert_eq!(made.encoded().len() + ENTRIES_MAX, ENTRIES_STATEMENT_BYTES_MAX);
    let accusation = Accusation { incarnation: u64::MAX, ..accusation() };
    assert_eq!(accusation.sign(&key(1), &network()).to_bytes().len(), ACCUSATION_BYTES_MAX);
}

#[test]
fn a_key_has_at_least_one_byte_and_at_most_its_bound() {
    let with = |len: usize| entries(&[("k".repeat(len).as_str(), 1)]).sign(&key(1), &network());
    assert_eq!(with(0), Err(DecodeError::BadValue("an entry's key")));
    assert!(with(ENTRY_KEY_LEN_MAX).is_ok());
    assert_eq!(with(ENTRY_KEY_LEN_MAX + 1), Err(too_long("an entry's key", ENTRY_KEY_LEN_MAX)));
}

#[test]
fn keys_come_in_order_and_once() {
    let out_of_order = Err(DecodeError::BadValue("the order of entries"));
    assert!(entries(&[("a", 1), ("ab", 1), ("b", 1)]).sign(&key(1), &network()).is_ok());
    assert_eq!(entries(&[("b", 1), ("a", 1)]).sign(&key(1), &network()), out_of_order);
    assert_eq!(entries(&[("a", 1), ("a", 1)]).sign(&key(1), &network()), out_of_order);
}

#[test]
fn no_entry_is_newer_than_its_statement() {
    let mut newer = entries(&[("a", 1)]);
    newer.entries[0].version = newer.version + 1;
    assert_eq!(newer.sign(&key(1), &network()), Err(DecodeError::BadValue("an entry's version")));
}

#[test]
fn declared_counts_are_not_believed() {
    let huge = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let owner = [&[0x58, 32][..], &[1; 32]].concat();
    let list = [&[0x82, 1, 0x84][..], &owner, &[5], &huge].concat();
    assert_eq!(Statement::from_bytes(&list.into()), Err(too_long("entries", ENTRIES_MAX)));
    let head = [&[0x82, 0, 0x8a][..], &owner, &[0x48], &[9; 8], &[1, 1, 2, 0x60]].concat();
    let addresses = [&head[..], &huge].concat();
    assert_eq!(Statement::from_bytes(&addresses.into()), Err(too_long("addresses", MEMBER_ADDRESSES_MAX)));
    let relays = [&head[..], &[0x80], &huge].concat();
    assert_eq!(Statement::from_bytes(&relays.into()), Err(too_long("relays", MEMBER_RELAYS_MAX)));
    let within = [&head[..], &[0x88]].concat();
    assert_eq!(Statement::from_bytes(&within.into()), Err(DecodeError::Truncated));
}

#[test]
fn an_unknown_kind_or_presence_is_refused() {
    let kind = DecodeError::BadValue("a kind of statement");
    assert_eq!(Statement::from_bytes(&Bytes::from_static(&[0x82, 3, 0x80])), Err(kind));
    let good = record().sign(&key(1), &network()).unwrap();
    let mut bytes = good.encoded().to_vec();
    let at = bytes.len() - 67;
    assert_eq!(bytes[at], 0, "the presence");
    bytes[at] = 2;
    assert_eq!(SignedRecord::from_bytes(&bytes.into()), Err(DecodeError::BadValue("a presence")));
}

#[test]
fn a_held_statement_keeps_no_larger_buffer_alive() {
    let record = record().sign(&key(1), &network()).unwrap();
    let large: Bytes = [&record.encoded()[..], &vec![0; 10_000]].concat().into();
    let within = SignedRecord::from_bytes(&large.slice(..record.encoded().len())).unwrap();
    let detached = within.detached();
    assert_eq!(detached, record);
    assert!(!large.as_ptr_range().contains(&detached.encoded().as_ptr()));
}

fn any_record() -> impl Strategy<Value = MemberRecord> {
    let lists = prop_oneof![
        (proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..=8), Just(vec![])),
        (Just(vec![]), proptest::collection::vec(any::<[u8; 32]>(), 0..=3)),
    ];
    (any::<[u8; 8]>(), any::<u64>(), any::<u64>(), any::<u32>(), "\\PC{0,16}", lists, any::<bool>()).prop_map(
        |(instance, incarnation, issued_ms, version, agent, (addresses, relays), left)| MemberRecord {
            key: key(1).public(),
            instance: Instance(instance),
            incarnation,
            issued_ms,
            version,
            agent,
            addresses: addresses.into_iter().map(Bytes::from).collect(),
            relays: relays.into_iter().map(PublicKey).collect(),
            presence: if left { Presence::Left } else { Presence::Alive },
        },
    )
}

fn any_entries() -> impl Strategy<Value = Entries> {
    let value = (proptest::collection::vec(any::<u8>(), 0..60), any::<u32>());
    proptest::collection::btree_map("\\PC{1,16}", value, 0..10).prop_map(|list| Entries {
        owner: key(1).public(),
        version: u64::from(u32::MAX),
        entries: list
            .into_iter()
            .map(|(key, (value, version))| Entry { key, value: value.into(), version: version.into() })
            .collect(),
    })
}

fn any_unsigned() -> impl Strategy<Value = Unsigned> {
    let accusations = (any::<[u8; 32]>(), any::<u64>()).prop_map(|(subject, incarnation)| Accusation {
        accuser: key(1).public(),
        subject: PublicKey(subject),
        incarnation,
    });
    prop_oneof![
        any_record().prop_map(Unsigned::Record),
        any_entries().prop_map(Unsigned::Entries),
        accusations.prop_map(Unsigned::Accusation),
    ]
}

proptest! {
    #[test]
    fn what_is_signed_reads_back_as_it_was(unsigned in any_unsigned()) {
        let statement = unsigned.clone().sign(&key(1), &network()).expect("within bounds");
        prop_assert_eq!(&read(&statement), &Ok(statement.clone()));
        prop_assert!(is_good(&statement, &network()));
        match (unsigned, statement) {
            (Unsigned::Record(wanted), Statement::Record(made)) => prop_assert_eq!(made.record(), wanted),
            (Unsigned::Entries(wanted), Statement::Entries(made)) => {
                prop_assert_eq!(made.entries(), wanted.entries);
                prop_assert_eq!(made.version(), wanted.version);
            }
            (Unsigned::Accusation(wanted), Statement::Accusation(made)) => {
                prop_assert_eq!((made.subject(), made.incarnation()), (wanted.subject, wanted.incarnation));
            }
            _ => prop_assert!(false, "another kind"),
        }
    }

    #[test]
    fn bytes_that_decode_have_one_encoding(
        unsigned in any_unsigned(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0_usize..3,
    ) {
        let secret = SecretKey::from_seed(&[1; 32]);
        let mut bytes = unsigned.sign(&secret, &network()).expect("within bounds").to_bytes();
        for (index, value) in changes {
            let at = index.index(bytes.len());
            bytes[at] = value;
        }
        bytes.truncate(bytes.len() - cut);
        let bytes = Bytes::from(bytes);
        if let Ok(statement) = Statement::from_bytes(&bytes) {
            prop_assert_eq!(statement.to_bytes(), bytes.as_ref());
            prop_assert_eq!(statement.encoded_len(), bytes.len());
        }
    }
}
