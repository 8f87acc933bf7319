//! What one frame of a lane holds: a message for the engine, or a word between two drivers.
//!
//! Drivers tell each other what they have read, and measure how fast and alive a link is. The engine never sees
//! this: no [`Message`] has the tag of an ack, a ping or a pong. Deliberately absent: the length in front of a
//! frame, and when one of the three is due. Both belong to the driver.

use super::head::{Head, tag};
use super::message::Message;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// What one frame holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A message for the engine.
    Message(Message),
    /// Tag 11: bytes read from the listener's bulk lane since the last ack.
    Ack(u64),
    /// Tag 22: asks for a pong.
    Ping(Nonce),
    /// Tag 23: the answer to the ping of this nonce.
    Pong(Nonce),
    /// Tag 23 as well, with one item more: the answer of a member that says where it is.
    PlacedPong(Nonce, Place),
}

/// A value that a ping and its pong have in common. It is drawn at random, so that a pong can't come before its
/// ping.
pub type Nonce = [u8; 8];

/// Bytes of a place: eight dimensions, a height and an adjustment of four bytes each, and an error of two.
pub const PLACE_BYTES: usize = 42;

/// The coordinates of a member, as it tells them. What they mean, and which make sense, only the membership machine
/// knows ([`Coordinates`](crate::gossip::members::Coordinates)).
pub type Place = [u8; PLACE_BYTES];

impl Frame {
    /// The name of what it holds, in logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(message) => message.name(),
            Self::Ack(_) => "ack",
            Self::Ping(_) => "ping",
            Self::Pong(_) | Self::PlacedPong(..) => "pong",
        }
    }
}

impl From<Message> for Frame {
    fn from(message: Message) -> Self {
        Self::Message(message)
    }
}

impl Encode for Frame {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Message(message) => message.encode(writer),
            Self::Ack(bytes) => {
                tag(writer, 11, 2);
                writer.uint(*bytes);
            }
            Self::Ping(nonce) => {
                tag(writer, 22, 2);
                writer.bytes(nonce);
            }
            Self::Pong(nonce) => {
                tag(writer, 23, 2);
                writer.bytes(nonce);
            }
            Self::PlacedPong(nonce, place) => {
                tag(writer, 23, 3);
                writer.bytes(nonce);
                writer.bytes(place);
            }
        }
    }
}

impl Decode for Frame {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let head = Head::read(reader)?;
        if !matches!(head.tag, 11 | 22 | 23) {
            return Message::after(&head, reader).map(Self::Message);
        }
        if head.tag == 23 && head.items() == 3 {
            return Ok(Self::PlacedPong(read_nonce(reader)?, reader.fixed("a place")?));
        }
        head.has_items(2, reader)?;
        Ok(match head.tag {
            11 => Self::Ack(reader.field("an ack's bytes").uint()?),
            22 => Self::Ping(read_nonce(reader)?),
            _ => Self::Pong(read_nonce(reader)?),
        })
    }
}

fn read_nonce(reader: &mut Reader) -> Result<Nonce, DecodeError> {
    reader.fixed("a nonce")
}
