//! The receiving half of an emulated link: pieces are taken off the real socket as they come, and held until the link
//! would have brought them. What a partition meets on its way waits for the heal, and the news of an end as well.

use std::collections::VecDeque;
use std::io::{self, Read as _};

use super::outgoing::SEND_BUFFER_BYTES;
use super::piece::{self, HEAD_BYTES, Head, PREAMBLE_BYTES};
use super::site::Site;
use crate::random::Draws;

/// Bytes of one connection that are held at most; beyond it the real socket is not read, and the sender's fills. It is
/// the largest send buffer that Linux gives a connection by default, and above what a limited access can have on the
/// way: 50 Mbit/s over the longest of the published delays, 0.15 s, is 0.94 MB, and a send buffer more. Without a
/// limit it bounds a connection to 4 MiB for each of its delays: 84 MB/s at 50 ms.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Memory that is kept when nothing is held.
const HELD_KEPT: usize = 16 * 1024;

/// The draw that gives the base delay.
const NO_JITTER: f64 = 0.5;

#[derive(Debug)]
pub(super) struct Incoming {
    draws: Draws,
    /// Who sends, once it has said so.
    from: Option<usize>,
    /// A preamble or head that has come in part.
    head: Vec<u8>,
    /// The piece that is coming, and how many of its bytes are missing.
    coming: Option<(Piece, usize)>,
    /// The bytes of all pieces here, and at last of the one that is coming.
    held: VecDeque<u8>,
    pieces: VecDeque<Piece>,
    /// The present write's delay.
    delay_ns: u64,
    /// When the last piece is here: nothing overtakes it.
    last_ns: u64,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    /// When its last byte left the other end.
    left_ns: u64,
    /// When its last byte comes to the downlink; then, when it is through.
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

/// What there is for a reader.
#[derive(Debug)]
pub(super) enum Handed {
    /// So many bytes.
    Bytes(usize),
    /// The end, or the error that stands for it.
    End(io::Result<()>),
    /// Nothing before this moment.
    Until(u64),
    /// Nothing that is known of.
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

    /// Whether more may be taken off the socket.
    pub(super) fn has_room(&self) -> bool {
        self.end.is_none() && self.held.len() < HELD_BYTES_MAX
    }

    /// Takes what the socket had.
    ///
    /// # Errors
    /// If the other end isn't an emulated link of the same run.
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

    /// The socket has ended. If the other end didn't say so itself, it was killed, and that is known a delay later.
    pub(super) fn end(&mut self, site: &Site, now_ns: u64, error: Option<io::Error>) {
        let delay_ns = self.from.map_or(0, |from| site.delay_ns(from, NO_JITTER));
        let at_ns = now_ns.saturating_add(delay_ns).max(self.last_ns);
        self.end.get_or_insert(End { left_ns: now_ns, at_ns, error });
    }

    /// Who sends, once it has said so.
    pub(super) const fn from(&self) -> Option<usize> {
        self.from
    }

    /// Hands over what is due.
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
            // Reading from memory fails only if it holds too little, which would be an error of this file.
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

    /// Reads the preamble or head that is whole.
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

/// When what left at `left_ns` and is due at `at_ns` comes instead, if a partition holds it: a delay after the heal.
/// Asked when it is due, so that a partition counts that nobody knew of when it left.
fn held_until(site: &Site, from: Option<usize>, left_ns: u64, at_ns: u64) -> Option<u64> {
    let from = from?;
    let heals_ns = site.heals_ns(from, left_ns, at_ns)?;
    Some(heals_ns.saturating_add(site.delay_ns(from, NO_JITTER))).filter(|held_ns| *held_ns > at_ns)
}
