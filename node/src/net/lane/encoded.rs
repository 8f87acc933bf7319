//! A large body's frame, encoded once for all peers that receive it.
//!
//! Frames are remembered by the message from which they are made, and weakly: each connection that still writes a
//! frame keeps it alive, and when the last one is done nothing remains. Small bodies are copied into each peer's
//! write buffer, which costs less than to look them up.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use protocol::items::block::Block;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::wire::message::{Body, Message};

use crate::net::framing::write_frame;

/// Frames remembered: one pointer pair each. A body that is sent to several peers is sent
/// within a few milliseconds.
const FRAMES_MAX: usize = 16;

/// An encoded frame.
#[derive(Debug)]
pub struct EncodedFrame {
    bytes: Vec<u8>,
    body: usize,
    height: Option<Height>,
}

/// The frames of bodies that are being sent.
#[derive(Debug, Default)]
pub struct Frames {
    known: VecDeque<(Source, Weak<EncodedFrame>)>,
}

/// What a frame is made of. As long as a weak pointer is kept, nothing else is allocated at its address.
#[derive(Debug)]
enum Source {
    Block(Weak<Block>),
    Transaction(Weak<SignedTransaction>),
}

impl EncodedFrame {
    fn new(message: &Message) -> Arc<Self> {
        let mut bytes = Vec::new();
        let body = write_frame(message, &mut bytes);
        let height = match message {
            Message::Block(block) => Some(block.header.header().height),
            _ => None,
        };
        Arc::new(Self { bytes, body, height })
    }

    /// Prefix and message.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Message bytes, without the prefix.
    #[must_use]
    pub const fn body(&self) -> usize {
        self.body
    }

    /// The height of the block that it holds.
    #[must_use]
    pub const fn height(&self) -> Option<Height> {
        self.height
    }
}

impl Frames {
    /// The message's frame.
    pub fn of(&mut self, message: &Message) -> Arc<EncodedFrame> {
        let Some(source) = Source::of(message) else { return EncodedFrame::new(message) };
        self.known.retain(|(_, frame)| frame.strong_count() > 0);
        let known = self.known.iter().find(|(known, _)| known.is(&source));
        if let Some(frame) = known.and_then(|(_, frame)| frame.upgrade()) {
            return frame;
        }
        let frame = EncodedFrame::new(message);
        self.known.push_front((source, Arc::downgrade(&frame)));
        self.known.truncate(FRAMES_MAX);
        frame
    }
}

impl Source {
    fn of(message: &Message) -> Option<Self> {
        match message {
            Message::Block(block) => Some(Self::Block(Arc::downgrade(block))),
            Message::Transactions { bodies, .. } => match bodies.as_slice() {
                [Body::Held(transaction)] => Some(Self::Transaction(Arc::downgrade(transaction))),
                _ => None,
            },
            _ => None,
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Block(one), Self::Block(two)) => Weak::ptr_eq(one, two),
            (Self::Transaction(one), Self::Transaction(two)) => Weak::ptr_eq(one, two),
            _ => false,
        }
    }
}
