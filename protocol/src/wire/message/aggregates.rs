//! The messages of aggregates over links, tags 36 to 38: which ones a node takes part in, push-sum's sums, and the
//! tickets of the network's size. Types and their encoding only. What they mean is in `gossip/aggregate`.
//!
//! A peer gets them only if its Hello has the bit [`FEATURE_AGGREGATES`](super::FEATURE_AGGREGATES).

use alloc::vec::Vec;

use super::{list, read_list};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::keys::{PublicKey, Signature};
use crate::items::member::epoch::EpochName;
use crate::items::member::ticket::Ticket;
use crate::limits::{GAUGES_MAX, TICKETS_PER_MESSAGE_MAX};
use crate::wire::head::tag;

/// What goes over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AggregateMessage {
    /// What the speaker takes part in. It is said once, after Hello.
    Part(AggregatePart),
    /// Push-sum: what went over this link.
    Totals(Totals),
    /// The size: tickets that the receiver may lack.
    Tickets(Tickets),
}

/// What a node takes part in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregatePart {
    /// Its gauges, at most [`GAUGES_MAX`].
    pub gauges: Vec<GaugeId>,
    /// Whether it takes part in the estimate of the network's size.
    pub size: bool,
}

/// How messages name a gauge: the first 8 bytes of a hash over its range and name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GaugeId(pub [u8; 8]);

/// What a member says of a gauge on one link. The same message may come twice, late, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Totals {
    /// Of which gauge.
    pub gauge: GaugeId,
    /// In which epoch.
    pub epoch: EpochName,
    /// All that the sender sent on this link in the epoch.
    pub flow: Flow,
    /// What the sender knows of the ends; `None` while it knows of no value.
    pub extremes: Option<Extremes>,
}

/// Weight that went one way over a link. The unit is a part in 2^40 of one member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// The weight at the high end of the range.
    pub high: u64,
    /// The weight at the low end.
    pub low: u64,
}

/// The lowest and the highest value, each as how far it is above the low end of the gauge's range, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// The lowest.
    pub lowest: u64,
    /// The highest.
    pub highest: u64,
}

/// What a member says of the network's size on one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tickets {
    /// In which epoch.
    pub epoch: EpochName,
    /// Names the tickets that the sender holds.
    pub fingerprint: Fingerprint,
    /// Some of them, at most [`TICKETS_PER_MESSAGE_MAX`].
    pub tickets: Vec<Ticket>,
}

/// The first 8 bytes of a hash over the members that hold the minima. It is a hint: a wrong one costs some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 8]);

impl AggregateMessage {
    /// The first and the last tag.
    pub(super) const TAGS: core::ops::RangeInclusive<u64> = 36..=38;

    /// The message's name in logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Part(_) => "aggregates",
            Self::Totals(_) => "totals",
            Self::Tickets(_) => "tickets",
        }
    }

    /// Items of the message with this tag, the tag included.
    pub(super) const fn items(tag: u64) -> usize {
        match tag {
            37 => 6,
            38 => 4,
            _ => 3,
        }
    }

    /// Reads what follows the tag.
    pub(super) fn decode(tag: u64, reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match tag {
            36 => Self::Part(AggregatePart {
                gauges: read_list(reader, "a list of gauges", GAUGES_MAX)?,
                size: reader.field("whether the size is estimated").bool()?,
            }),
            37 => Self::Totals(read_totals(reader)?),
            38 => Self::Tickets(read_tickets(reader)?),
            _ => return Err(DecodeError::BadValue("a message tag")),
        })
    }
}

impl Encode for AggregateMessage {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Part(part) => {
                tag(writer, 36, 3);
                list(writer, &part.gauges);
                writer.bool(part.size);
            }
            Self::Totals(totals) => write_totals(writer, totals),
            Self::Tickets(tickets) => write_tickets(writer, tickets),
        }
    }
}

impl Encode for GaugeId {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.0);
    }
}

impl Decode for GaugeId {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.fixed("a gauge").map(Self)
    }
}

fn write_totals(writer: &mut Writer<'_>, totals: &Totals) {
    tag(writer, 37, 6);
    totals.gauge.encode(writer);
    totals.epoch.encode(writer);
    writer.uint(totals.flow.high);
    writer.uint(totals.flow.low);
    match totals.extremes {
        Some(Extremes { lowest, highest }) => {
            writer.array(2);
            writer.uint(lowest);
            writer.uint(highest);
        }
        None => writer.array(0),
    }
}

fn read_totals(reader: &mut Reader) -> Result<Totals, DecodeError> {
    let gauge = GaugeId::decode(reader)?;
    let epoch = EpochName::decode(reader)?;
    let high = reader.field("a flow's high end").uint()?;
    let low = reader.field("a flow's low end").uint()?;
    let extremes = match reader.array("extremes", 2)? {
        0 => None,
        2 => Some(Extremes {
            lowest: reader.field("a lowest value").uint()?,
            highest: reader.field("a highest value").uint()?,
        }),
        _ => return Err(DecodeError::BadValue("extremes")),
    };
    Ok(Totals { gauge, epoch, flow: Flow { high, low }, extremes })
}

/// Two items for each ticket, in one array, as an inv has two for each transaction.
const TICKET_ITEMS: usize = 2;

fn write_tickets(writer: &mut Writer<'_>, tickets: &Tickets) {
    tag(writer, 38, 4);
    tickets.epoch.encode(writer);
    writer.bytes(&tickets.fingerprint.0);
    writer.array(tickets.tickets.len().saturating_mul(TICKET_ITEMS));
    for ticket in &tickets.tickets {
        ticket.member.encode(writer);
        ticket.signature.encode(writer);
    }
}

fn read_tickets(reader: &mut Reader) -> Result<Tickets, DecodeError> {
    let epoch = EpochName::decode(reader)?;
    let fingerprint = Fingerprint(reader.fixed("a fingerprint")?);
    let items = reader.array("a list of tickets", TICKETS_PER_MESSAGE_MAX.saturating_mul(TICKET_ITEMS))?;
    if !items.is_multiple_of(TICKET_ITEMS) {
        return Err(DecodeError::BadValue("the length of a list of tickets"));
    }
    let mut tickets = Vec::with_capacity(items / TICKET_ITEMS);
    for _ in 0..items / TICKET_ITEMS {
        tickets.push(Ticket { member: PublicKey::decode(reader)?, signature: Signature::decode(reader)? });
    }
    Ok(Tickets { epoch, fingerprint, tickets })
}
