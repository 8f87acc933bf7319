//! The messages have one encoding, and no more bytes than their bounds.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::gossip::aggregate::epoch::EpochName;
use protocol::gossip::aggregate::extrema::{Fingerprint, Ticket, Tickets};
use protocol::gossip::aggregate::gauge::GaugeId;
use protocol::gossip::aggregate::push_sum::{Extremes, Flow, Totals};
use protocol::items::keys::{PublicKey, Signature};
use protocol::limits::{TICKETS_BYTES_MAX, TICKETS_PER_MESSAGE_MAX, TOTALS_BYTES_MAX};
use protocol::wire::codec::{Decode, DecodeError, Encode};

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

fn tickets(count: usize) -> Tickets {
    let ticket = Ticket { member: PublicKey([3; 32]), signature: Signature([4; 64]) };
    Tickets { epoch: EpochName([1; 8]), fingerprint: Fingerprint([2; 8]), tickets: vec![ticket; count] }
}

fn read<T: Decode>(bytes: &[u8]) -> Result<T, DecodeError> {
    T::from_bytes(&Bytes::copy_from_slice(bytes))
}

fn has_one_encoding<T: Encode + Decode>(bytes: &[u8]) {
    if let Ok(item) = read::<T>(bytes) {
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
    fn what_is_written_is_read_back(totals in any_totals(), tickets in any_tickets()) {
        prop_assert_eq!(read::<Totals>(&totals.to_bytes()), Ok(totals));
        prop_assert!(totals.encoded_len() <= TOTALS_BYTES_MAX);
        prop_assert!(tickets.encoded_len() <= TICKETS_BYTES_MAX);
        prop_assert_eq!(read::<Tickets>(&tickets.to_bytes()), Ok(tickets));
    }

    #[test]
    fn what_decodes_has_one_encoding(
        totals in any_totals(),
        tickets in any_tickets(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        cut in 0_usize..3,
        grow: bool,
        noise in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        has_one_encoding::<Totals>(&mutated(&totals.to_bytes(), &changes, cut, grow));
        has_one_encoding::<Tickets>(&mutated(&tickets.to_bytes(), &changes, cut, grow));
        has_one_encoding::<Totals>(&noise);
        has_one_encoding::<Tickets>(&noise);
    }
}

#[test]
fn the_largest_totals_have_as_many_bytes_as_their_bound() {
    let largest = Totals {
        gauge: GaugeId([1; 8]),
        epoch: EpochName([2; 8]),
        flow: Flow { high: u64::MAX, low: u64::MAX },
        extremes: Some(Extremes { lowest: u64::MAX, highest: u64::MAX }),
    };
    assert_eq!(largest.to_bytes().len(), TOTALS_BYTES_MAX);
}

#[test]
fn extremes_are_two_or_none() {
    let none = Totals { gauge: GaugeId([1; 8]), epoch: EpochName([2; 8]), flow: Flow::default(), extremes: None };
    let bytes = none.to_bytes();
    assert_eq!(bytes.last(), Some(&0x80));
    let one = [&bytes[..bytes.len() - 1], &[0x81, 5]].concat();
    assert_eq!(read::<Totals>(&one), Err(DecodeError::BadValue("extremes")));
    let three = [&bytes[..bytes.len() - 1], &[0x83, 5, 5, 5]].concat();
    assert_eq!(read::<Totals>(&three), Err(DecodeError::TooLong { what: "extremes", max: 2 }));
}

#[test]
fn a_message_has_as_many_tickets_as_its_bound() {
    let full = tickets(TICKETS_PER_MESSAGE_MAX);
    assert_eq!(full.to_bytes().len(), TICKETS_BYTES_MAX);
    assert_eq!(read::<Tickets>(&full.to_bytes()), Ok(full));
    let over = read::<Tickets>(&tickets(TICKETS_PER_MESSAGE_MAX + 1).to_bytes());
    assert!(matches!(over, Err(DecodeError::TooLong { .. })), "{over:?}");
}

#[test]
fn a_ticket_without_a_signature_is_no_ticket() {
    let bytes = tickets(1).to_bytes();
    let half = [&bytes[..19], &[0x81], &bytes[20..54]].concat();
    assert_eq!(bytes[19], 0x82, "two items for one ticket");
    assert_eq!(read::<Tickets>(&half), Err(DecodeError::BadValue("the length of a list of tickets")));
}
