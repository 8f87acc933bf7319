//! The receiving half of an emulated link. It takes pieces off the real socket as they come, and holds them until
//! the link would have delivered them. A piece that meets a partition on its way waits for the heal. So does the
//! news of an end.

use std::collections::VecDeque;
use std::io::{self, Read as _};

use super::outgoing::SEND_BUFFER_BYTES;
use super::piece::{self, HEAD_BYTES, Head, PREAMBLE_BYTES};
use super::site::Site;
use crate::random::Draws;

/// The most bytes of one connection that are held. At this limit the real socket is not read, and the sender's
/// socket fills. The limit is the largest send buffer that Linux gives a connection by default. A connection with
/// a limited access has fewer bytes on the way: 50 Mbit/s over the longest of the published delays, 0.15 s, is
/// 0.94 MB, plus a send buffer. With an unlimited access, a connection carries at most 4 MiB in each of its
/// delays, which is 84 MB/s at 50 ms.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Memory that is kept when nothing is held.
const HELD_KEPT: usize = 16 * 1024;

/// The draw that gives the base delay.
const NO_JITTER: f64 = 0.5;

#[derive(Debug)]
pub(super) struct Incoming {
    draws: Draws,
    /// The sender, after it has told its number.
    from: Option<usize>,
    /// A preamble or head that has arrived in part.
    head: Vec<u8>,
    /// The piece that is arriving, and the number of its missing bytes.
    coming: Option<(Piece, usize)>,
    /// The bytes of all pieces that are here, and at the end those of the piece that is arriving.
    held: VecDeque<u8>,
    pieces: VecDeque<Piece>,
    /// The delay of the present write.
    delay_ns: u64,
    /// When the last piece arrives. Nothing overtakes it.
    last_ns: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// When its last byte left the other end.
    left_ns: u64,
    /// When its last byte reaches the downlink, and later, when it is through the downlink.
    at_ns: u64,
    bytes: usize,
    is_through: bool,
}

#[derive(Debug)]
struct End {
    left_ns: u64,
    at_ns: u64,
    error: Option<io::Error>,
}

/// The state for a reader.
#[derive(Debug)]
pub(super) enum Handed {
    /// This number of bytes.
    Bytes(usize),
    /// The end, or the error that replaces it.
    End(io::Result<()>),
    /// Nothing before this time.
    Until(u64),
    /// Nothing is known to come.
    Nothing,
}

impl Incoming {
    pub(super) fn new(site: &Site) -> Self {
        Self {
            draws: site.draws(),
            from: None,
            head: Vec::with_capacity(HEAD_BYTES),
            coming: None,
            held: VecDeque::new(),
            pieces: VecDeque::new(),
            delay_ns: 0,
            last_ns: 0,
            end: None,
        }
    }

    /// Whether more may be read from the socket.
    pub(super) fn has_room(&self) -> bool {
        self.end.is_none() && self.held.len() < HELD_BYTES_MAX
    }

    /// Takes the bytes that the socket had.
    ///
    /// # Errors
    /// If the other end is not an emulated link of the same run.
    pub(super) fn take(&mut self, site: &Site, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() && self.end.is_none() {
            let (used, rest) = match &mut self.coming {
                Some((piece, missing)) => {
                    let (used, rest) = bytes.split_at((*missing).min(bytes.len()));
                    self.held.extend(used);
                    *missing -= used.len();
                    if *missing == 0 {
                        self.pieces.push_back(*piece);
                        self.coming = None;
                    }
                    (used, rest)
                }
                None => {
                    let wanted = if self.from.is_none() { PREAMBLE_BYTES } else { HEAD_BYTES };
                    let (used, rest) = bytes.split_at((wanted - self.head.len()).min(bytes.len()));
                    self.head.extend(used);
                    if self.head.len() == wanted {
                        self.begin(site)?;
                        self.head.clear();
                    }
                    (used, rest)
                }
            };
            debug_assert!(!used.is_empty(), "a piece without bytes would never end");
            bytes = rest;
        }
        Ok(())
    }

    /// The socket has ended. If the other end didn't say so itself, it was killed, and the end is known one delay
    /// later.
    pub(super) fn end(&mut self, site: &Site, now_ns: u64, error: Option<io::Error>) {
        let delay_ns = self.from.map_or(0, |from| site.delay_ns(from, NO_JITTER));
        let at_ns = now_ns.saturating_add(delay_ns).max(self.last_ns);
        self.end.get_or_insert(End { left_ns: now_ns, at_ns, error });
    }

    /// The sender, after it has told its number.
    pub(super) const fn from(&self) -> Option<usize> {
        self.from
    }

    /// Hands over the bytes that are due.
    pub(super) fn hand_over(&mut self, site: &Site, now_ns: u64, into: &mut [u8]) -> Handed {
        let mut filled = 0;
        while let Some(piece) = self.pieces.front_mut().filter(|piece| piece.at_ns <= now_ns) {
            if !piece.is_through {
                let held = held_until(site, self.from, piece.left_ns, piece.at_ns);
                if let Some(at_ns) = held {
                    piece.at_ns = at_ns;
                    continue;
                }
                piece.at_ns = site.download(piece.at_ns, piece.bytes);
                piece.is_through = true;
                continue;
            }
            let free = into.get_mut(filled..).unwrap_or_default();
            let fits = free.len().min(piece.bytes);
            let Some(free) = free.get_mut(..fits).filter(|free| !free.is_empty()) else { break };
            // Reading from memory fails only if it holds too little. That would be an error in this file.
            if let Err(error) = self.held.read_exact(free) {
                return Handed::End(Err(error));
            }
            filled += fits;
            piece.bytes -= fits;
            if piece.bytes == 0 {
                self.pieces.pop_front();
            }
        }
        if self.held.is_empty() {
            self.held.shrink_to(HELD_KEPT);
        }
        if let Some(end) = self.end.as_mut().filter(|end| end.at_ns <= now_ns)
            && let Some(at_ns) = held_until(site, self.from, end.left_ns, end.at_ns)
        {
            end.at_ns = at_ns;
        }
        let next = self.pieces.front().map(|piece| piece.at_ns);
        match (next, &mut self.end) {
            _ if filled > 0 => Handed::Bytes(filled),
            (Some(at_ns), _) => Handed::Until(at_ns),
            (None, Some(end)) if end.at_ns <= now_ns => Handed::End(end.error.take().map_or(Ok(()), Err)),
            (None, Some(end)) => Handed::Until(end.at_ns),
            (None, None) => Handed::Nothing,
        }
    }

    /// Reads a preamble or head that is complete.
    fn begin(&mut self, site: &Site) -> io::Result<()> {
        let strange = |why: &str| io::Error::new(io::ErrorKind::InvalidData, format!("the other end {why}"));
        let Some(from) = self.from else {
            let from = piece::read_preamble(&self.head).filter(|number| site.knows(*number));
            self.from = Some(from.ok_or_else(|| strange("is on no emulated link of this run"))?);
            return Ok(());
        };
        let head = Head::decode(&self.head).filter(|head| head.bytes <= SEND_BUFFER_BYTES);
        let Head { left_ns, bytes, first } = head.ok_or_else(|| strange("sent a piece longer than any"))?;
        if first {
            self.delay_ns = site.delay_ns(from, self.draws.unit());
        }
        self.last_ns = left_ns.saturating_add(self.delay_ns).max(self.last_ns);
        if bytes == 0 {
            self.end = Some(End { left_ns, at_ns: self.last_ns, error: None });
        } else {
            self.coming = Some((Piece { left_ns, at_ns: self.last_ns, bytes, is_through: false }, bytes));
        }
        Ok(())
    }
}

/// The new arrival time of a piece that left at `left_ns` and is due at `at_ns`, if a partition holds it: one
/// delay after the heal. The question is asked when the piece is due, so that a partition counts that nobody knew
/// of when the piece left.
fn held_until(site: &Site, from: Option<usize>, left_ns: u64, at_ns: u64) -> Option<u64> {
    let from = from?;
    let heals_ns = site.heals_ns(from, left_ns, at_ns)?;
    Some(heals_ns.saturating_add(site.delay_ns(from, NO_JITTER))).filter(|held_ns| *held_ns > at_ns)
}
