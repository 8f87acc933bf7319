//! The messages have one encoding, and no more bytes than their bounds.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::items::keys::{PublicKey, Signature};
use protocol::items::member::epoch::EpochName;
use protocol::items::member::ticket::Ticket;
use protocol::limits::{GAUGES_MAX, TICKETS_BYTES_MAX, TICKETS_PER_MESSAGE_MAX, TOTALS_BYTES_MAX};
use protocol::wire::codec::{Decode as _, DecodeError, Encode as _};
use protocol::wire::message::{
    AggregateMessage, AggregatePart, Extremes, Fingerprint, Flow, GaugeId, Message, Tickets, Totals,
};

fn any_totals() -> impl Strategy<Value = Totals> {
    let extremes = proptest::option::of((any::<u64>(), any::<u64>()));
    (any::<[u8; 8]>(), any::<[u8; 8]>(), any::<u64>(), any::<u64>(), extremes).prop_map(
        |(gauge, epoch, high, low, extremes)| Totals {
            gauge: GaugeId(gauge),
            epoch: EpochName(epoch),
            flow: Flow { high, low },
            extremes: extremes.map(|(lowest, highest)| Extremes { lowest, highest }),
        },
    )
}

fn any_tickets() -> impl Strategy<Value = Tickets> {
    let ticket = (any::<[u8; 32]>(), any::<[u8; 32]>(), any::<[u8; 32]>()).prop_map(|(member, r, s)| Ticket {
        member: PublicKey(member),
        signature: Signature([r, s].concat().try_into().expect("64 bytes")),
    });
    let tickets = prop::collection::vec(ticket, 0..=TICKETS_PER_MESSAGE_MAX);
    (any::<[u8; 8]>(), any::<[u8; 8]>(), tickets).prop_map(|(epoch, fingerprint, tickets)| Tickets {
        epoch: EpochName(epoch),
        fingerprint: Fingerprint(fingerprint),
        tickets,
    })
}

fn any_part() -> impl Strategy<Value = AggregatePart> {
    let gauges = prop::collection::vec(any::<[u8; 8]>().prop_map(GaugeId), 0..=GAUGES_MAX);
    (gauges, any::<bool>()).prop_map(|(gauges, size)| AggregatePart { gauges, size })
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![
        any_part().prop_map(AggregateMessage::Part),
        any_totals().prop_map(AggregateMessage::Totals),
        any_tickets().prop_map(AggregateMessage::Tickets),
    ]
    .prop_map(sent)
}

fn sent(message: AggregateMessage) -> Message {
    Message::Aggregates(Box::new(message))
}

fn tickets(count: usize) -> Message {
    let ticket = Ticket { member: PublicKey([3; 32]), signature: Signature([4; 64]) };
    let (epoch, fingerprint) = (EpochName([1; 8]), Fingerprint([2; 8]));
    sent(AggregateMessage::Tickets(Tickets { epoch, fingerprint, tickets: vec![ticket; count] }))
}

fn part(count: usize) -> Message {
    sent(AggregateMessage::Part(AggregatePart { gauges: vec![GaugeId([5; 8]); count], size: true }))
}

fn read(bytes: &[u8]) -> Result<Message, DecodeError> {
    Message::from_bytes(&Bytes::copy_from_slice(bytes))
}

fn has_one_encoding(bytes: &[u8]) {
    if let Ok(item) = read(bytes) {
        assert_eq!(item.to_bytes(), bytes);
        assert_eq!(item.encoded_len(), bytes.len());
    }
}

/// Bytes with some changed, cut off or added.
fn mutated(bytes: &[u8], changes: &[(prop::sample::Index, u8)], cut: usize, grow: bool) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (index, value) in changes {
        let at = index.index(bytes.len());
        bytes[at] = *value;
    }
    if grow {
        bytes.extend(vec![0; cut]);
    } else {
        bytes.truncate(bytes.len() - cut);
    }
    bytes
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(message in any_message()) {
        let bytes = message.to_bytes();
        if let Message::Aggregates(message) = &message {
            let most = match **message {
                AggregateMessage::Part(_) => usize::MAX,
                AggregateMessage::Totals(_) => TOTALS_BYTES_MAX,
                AggregateMessage::Tickets(_) => TICKETS_BYTES_MAX,
            };
            prop_assert!(bytes.len() <= most);
        }
        prop_assert_eq!(read(&bytes), Ok(message));
    }

    #[test]
    fn what_decodes_has_one_encoding(
        message in any_message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in 0_usize..3,
        grow: bool,
    ) {
        has_one_encoding(&mutated(&message.to_bytes(), &changes, cut, grow));
    }
}

fn totals(flow: u64, extremes: Option<Extremes>) -> Message {
    let flow = Flow { high: flow, low: flow };
    sent(AggregateMessage::Totals(Totals { gauge: GaugeId([1; 8]), epoch: EpochName([2; 8]), flow, extremes }))
}

#[test]
fn the_largest_totals_have_as_many_bytes_as_their_bound() {
    let largest = totals(u64::MAX, Some(Extremes { lowest: u64::MAX, highest: u64::MAX }));
    assert_eq!(largest.to_bytes().len(), TOTALS_BYTES_MAX);
}

#[test]
fn extremes_are_two_or_none() {
    let bytes = totals(0, None).to_bytes();
    assert_eq!(bytes.last(), Some(&0x80));
    let one = [&bytes[..bytes.len() - 1], &[0x81, 5]].concat();
    assert_eq!(read(&one), Err(DecodeError::BadValue("extremes")));
    let three = [&bytes[..bytes.len() - 1], &[0x83, 5, 5, 5]].concat();
    assert_eq!(read(&three), Err(DecodeError::TooLong { what: "extremes", max: 2 }));
}

#[test]
fn a_message_has_as_many_tickets_as_its_bound() {
    let full = tickets(TICKETS_PER_MESSAGE_MAX);
    assert_eq!(full.to_bytes().len(), TICKETS_BYTES_MAX);
    assert_eq!(read(&full.to_bytes()), Ok(full));
    let over = read(&tickets(TICKETS_PER_MESSAGE_MAX + 1).to_bytes());
    assert!(matches!(over, Err(DecodeError::TooLong { .. })), "{over:?}");
}

#[test]
fn a_node_names_as_many_gauges_as_the_bound() {
    let full = part(GAUGES_MAX);
    assert_eq!(read(&full.to_bytes()), Ok(full));
    let over = read(&part(GAUGES_MAX + 1).to_bytes());
    assert!(matches!(over, Err(DecodeError::TooLong { .. })), "{over:?}");
}

#[test]
fn a_ticket_without_a_signature_is_no_ticket() {
    let bytes = tickets(1).to_bytes();
    // Array 1, tag 2, epoch and fingerprint 9 each.
    let half = [&bytes[..21], &[0x81], &bytes[22..56]].concat();
    assert_eq!(bytes[21], 0x82, "two items for one ticket");
    assert_eq!(read(&half), Err(DecodeError::BadValue("the length of a list of tickets")));
}
