//! The message of push-sum, and its encoding: at most [`TOTALS_BYTES_MAX`](crate::limits::TOTALS_BYTES_MAX) bytes.
//! Deliberately absent: what it means, and a tag, because it is no message of the wire yet.

use super::flows::Flow;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::gossip::aggregate::epoch::EpochName;
use crate::gossip::aggregate::gauge::GaugeId;

/// What a member says on one link. The same message may come twice, late, or never.
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

/// The lowest and the highest value, each as how far it is above the low end of the gauge's range, in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extremes {
    /// The lowest.
    pub lowest: u64,
    /// The highest.
    pub highest: u64,
}

impl Extremes {
    /// Those of one value.
    pub(super) const fn of(above_low: u64) -> Self {
        Self { lowest: above_low, highest: above_low }
    }

    /// Whether they can be those of values in a range of this length.
    pub(super) const fn are_within(&self, span: u64) -> bool {
        self.lowest <= self.highest && self.highest <= span
    }

    /// Those of the values of both.
    pub(super) fn widened(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Self { lowest: one.lowest.min(other.lowest), highest: one.highest.max(other.highest) })
            }
            (one, other) => one.or(other),
        }
    }
}

impl Encode for Totals {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(5);
        self.gauge.encode(writer);
        self.epoch.encode(writer);
        writer.uint(self.flow.high);
        writer.uint(self.flow.low);
        match self.extremes {
            Some(Extremes { lowest, highest }) => {
                writer.array(2);
                writer.uint(lowest);
                writer.uint(highest);
            }
            None => writer.array(0),
        }
    }
}

impl Decode for Totals {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("totals", 5)?;
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
        Ok(Self { gauge, epoch, flow: Flow { high, low }, extremes })
    }
}
