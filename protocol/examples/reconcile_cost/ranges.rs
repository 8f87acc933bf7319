//! Range-based reconciliation, for comparison: Meyer (arXiv 2212.13567) as negentropy does it, 16 buckets and 16-byte
//! fingerprints of SHA-256 over the sum of ids modulo 2^256 and their number. Sorted by salted ids of 48 bits.
//!
//! Deliberately absent: bytes on a wire. Ranges pass as values, and their bytes are counted as negentropy's version 1
//! would write them, with the 6 bytes of a salted id as a bound's longest prefix and as a listed id.

use std::time::{Duration, Instant};

use protocol::gossip::repair::sketch::Salt;
use protocol::items::hash::{TxId, sha256};

const BUCKETS: usize = 16;
/// A range of fewer items is listed, as in negentropy.
const LIST_BELOW: usize = 2 * BUCKETS;
const FINGERPRINT_BYTES: usize = 16;
const ID_BYTES: usize = 6;

/// One side's set, sorted, with running sums of ids.
pub struct Set {
    ids: Vec<u64>,
    /// Sum of the ids before each position: 256 bits, least significant limb first.
    sums: Vec<[u64; 4]>,
}

/// What is said of the ids from the end of the range before, up to `end` (not included).
struct Range {
    end: u64,
    says: Says,
}

enum Says {
    Equal,
    Fingerprint([u8; FINGERPRINT_BYTES]),
    List(Vec<u64>),
}

/// What one comparison took.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub bytes: usize,
    pub round_trips: usize,
    /// Time of the side that asks, and of the other.
    pub cpu: [Duration; 2],
    pub found: usize,
}

impl Set {
    pub fn new(salt: [u8; 16], ids: &[TxId]) -> Self {
        let salt = Salt::new(salt);
        let mut items: Vec<_> = ids.iter().map(|id| (salt.id(id).number(), id)).collect();
        items.sort_unstable_by_key(|(number, _)| *number);
        let mut sums = Vec::with_capacity(ids.len() + 1);
        sums.push([0; 4]);
        let mut sum = [0; 4];
        for (_, id) in &items {
            sum = add(sum, limbs(id));
            sums.push(sum);
        }
        Self { ids: items.into_iter().map(|(number, _)| number).collect(), sums }
    }

    fn place(&self, bound: u64) -> usize {
        self.ids.partition_point(|id| *id < bound)
    }

    fn fingerprint(&self, from: usize, to: usize) -> [u8; FINGERPRINT_BYTES] {
        let sum = subtract(self.sums[to], self.sums[from]);
        let bytes: Vec<u8> = sum.iter().flat_map(|limb| limb.to_le_bytes()).collect();
        let hash = sha256(&[&bytes, &(to - from).to_le_bytes()]);
        hash[..FINGERPRINT_BYTES].try_into().unwrap_or_default()
    }

    /// Says of the items at `from..to`, which end before `end`, what they are: a list, or 16 fingerprints.
    fn split(&self, from: usize, to: usize, end: u64, out: &mut Vec<Range>) {
        if to - from < LIST_BELOW {
            out.push(Range { end, says: Says::List(self.ids[from..to].to_vec()) });
            return;
        }
        for bucket in 0..BUCKETS {
            let at = |bucket: usize| from + (to - from) * bucket / BUCKETS;
            let bound = if bucket + 1 == BUCKETS { end } else { self.ids[at(bucket + 1)] };
            let says = Says::Fingerprint(self.fingerprint(at(bucket), at(bucket + 1)));
            out.push(Range { end: bound, says });
        }
    }

    /// Answers what the other side says. Counts differences where a list meets a set.
    fn answer(&self, ranges: &[Range], asker: bool, found: &mut usize) -> Vec<Range> {
        let (mut out, mut from) = (Vec::new(), 0);
        for range in ranges {
            let to = self.place(range.end);
            match &range.says {
                Says::Equal => equal(&mut out, range.end),
                Says::Fingerprint(theirs) if *theirs == self.fingerprint(from, to) => equal(&mut out, range.end),
                Says::Fingerprint(_) => self.split(from, to, range.end, &mut out),
                Says::List(theirs) => {
                    // Who asked learns the difference from the other's list; who answers gives its own.
                    if asker {
                        *found += differing(&self.ids[from..to], theirs);
                        equal(&mut out, range.end);
                    } else {
                        out.push(Range { end: range.end, says: Says::List(self.ids[from..to].to_vec()) });
                    }
                }
            }
            from = to;
        }
        out
    }
}

/// Neighbouring equal ranges become one.
fn equal(out: &mut Vec<Range>, end: u64) {
    match out.last_mut() {
        Some(Range { end: last, says: Says::Equal }) => *last = end,
        _ => out.push(Range { end, says: Says::Equal }),
    }
}

fn differing(ours: &[u64], theirs: &[u64]) -> usize {
    let missing = |of: &[u64], from: &[u64]| of.iter().filter(|id| from.binary_search(id).is_err()).count();
    missing(ours, theirs) + missing(theirs, ours)
}

/// Bytes of a message: one for the version, and for each range its bound (a length, and as much of the id as tells it
/// from the one before), its kind and what it says. A last equal range is left out.
fn bytes(ranges: &[Range]) -> usize {
    let ranges = match ranges {
        [rest @ .., Range { says: Says::Equal, .. }] => rest,
        all => all,
    };
    let mut last = 0;
    let mut total = 1;
    for range in ranges {
        let same = (range.end ^ last).leading_zeros().saturating_sub(16) as usize / 8;
        let bound = 1 + if range.end == u64::MAX { 0 } else { (same + 1).min(ID_BYTES) };
        last = range.end;
        total += bound
            + 1
            + match &range.says {
                Says::Equal => 0,
                Says::Fingerprint(_) => FINGERPRINT_BYTES,
                Says::List(ids) => 1 + ids.len() * ID_BYTES,
            };
    }
    total
}

/// Compares two sets: the asker begins, and each message is answered until nothing is left to say.
pub fn reconcile(salt: [u8; 16], here: &[TxId], there: &[TxId]) -> Cost {
    let mut cost = Cost::default();
    let timed = |cost: &mut Cost, side: usize, begin: Instant| cost.cpu[side] += begin.elapsed();
    let begin = Instant::now();
    let ours = Set::new(salt, here);
    let mut message = Vec::new();
    ours.split(0, ours.ids.len(), u64::MAX, &mut message);
    timed(&mut cost, 0, begin);
    let begin = Instant::now();
    let theirs = Set::new(salt, there);
    timed(&mut cost, 1, begin);
    while message.iter().any(|range| !matches!(range.says, Says::Equal)) {
        cost.bytes += bytes(&message);
        cost.round_trips += 1;
        let begin = Instant::now();
        let reply = theirs.answer(&message, false, &mut 0);
        timed(&mut cost, 1, begin);
        cost.bytes += bytes(&reply);
        let begin = Instant::now();
        message = ours.answer(&reply, true, &mut cost.found);
        timed(&mut cost, 0, begin);
    }
    cost.bytes += 16; // the salt
    cost
}

fn limbs(id: &TxId) -> [u64; 4] {
    let (limbs, _) = id.as_bytes().as_chunks();
    std::array::from_fn(|at| u64::from_le_bytes(limbs[at]))
}

fn add(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut carry = 0;
    std::array::from_fn(|at| {
        let sum = u128::from(a[at]) + u128::from(b[at]) + carry;
        carry = sum >> 64;
        sum as u64
    })
}

fn subtract(a: [u64; 4], b: [u64; 4]) -> [u64; 4] {
    let mut borrow = false;
    std::array::from_fn(|at| {
        let (once, first) = a[at].overflowing_sub(b[at]);
        let (twice, second) = once.overflowing_sub(u64::from(borrow));
        borrow = first || second;
        twice
    })
}
