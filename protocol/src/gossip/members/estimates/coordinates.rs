//! Network coordinates: each node has a place in a space, and the distance between two places estimates the round
//! trip between two members that never spoke. Dabek, Cox, Kaashoek, Morris, "Vivaldi" (SIGCOMM 2004), in the form
//! of hashicorp/serf (`coordinate/client.go`), in fixed point.
//!
//! * **Place.** [`COORDINATE_DIMENSIONS`] dimensions; an access height, which stands for the access link that every
//!   packet of the node passes; and an adjustment. The estimate is the distance, plus both access heights, plus
//!   both adjustments.
//! * **Spring.** A sample is a round trip that this node measured, and the peer's coordinates. This node moves
//!   along the line between them by cc × weight × (round trip − estimate). The weight is the own error's part of
//!   both errors, so a node that is sure moves less. The error is a moving average of how wrong the samples were.
//!   The distance moved, with the change in access height, is the length of this force (section 5.4 of the paper). Serf
//!   changes the access height by more, without bound if two nodes are close.
//! * **Median.** Of the last [`LATENCY_FILTER_SAMPLES`] round trips of a peer, the median counts.
//! * **Adjustment.** Half the mean of what the last [`ADJUSTMENT_WINDOW`] samples differed from the distance: Lee
//!   and others, "On suitability of Euclidean embedding" (2010).
//! * **Gravity.** Each sample pulls the node toward the origin by (distance / 150)², in seconds. Otherwise all
//!   nodes together could drift away: Ledlie and others, "Network Coordinates in the Wild" (NSDI 2007).
//! * **Refused.** A round trip of zero or of more than [`COORDINATE_ROUND_TRIP_MAX`] is no sample (Serf accepts
//!   zero). Coordinates that no honest node has are not decoded: see [`Coordinates::new`].
//!
//! # Security
//!
//! A peer can claim any place, and can delay its answers. No sample counts for more than
//! [`COORDINATE_RESIDUAL_MAX`] in either direction. So a sample moves a node by at most [`SAMPLE_MOVES_MAX`]
//! beside the gravity, changes its adjustment by at most a fifth of that, and raises its error by at most ce ×
//! (1.5 − error). None of these bounds is Serf's. Honest peers pull the node back. If a liar has many peers, all
//! of them may drift the same way, which changes no estimate between them. An estimate between two members is only
//! as good as what both of them say. So it is shown, and decides nothing.
//!
//! Deliberately absent: which peers are sampled, messages, and trust.

use core::fmt;

use rand_core::Rng;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::limits::{
    ADJUSTMENT_WINDOW, COORDINATE_DIMENSIONS, COORDINATE_MAX, COORDINATE_RESIDUAL_MAX, COORDINATE_ROUND_TRIP_MAX,
    LATENCY_FILTER_SAMPLES,
};
use crate::time::Duration;
use crate::wire::frame::{PLACE_BYTES, Place};

/// The farthest that one sample moves a node, distance and height together and without gravity: a quarter (cc) of
/// [`COORDINATE_RESIDUAL_MAX`], 25 ms.
pub const SAMPLE_MOVES_MAX: Duration = COORDINATE_RESIDUAL_MAX.divided_by(4);

/// Bytes of encoded coordinates: 8 dimensions, a height and an adjustment of 4 bytes each, and an error of 2. In
/// CBOR, two bytes of a header come before them.
pub const COORDINATES_BYTES: usize = 4 * COORDINATE_DIMENSIONS + 4 + 4 + 2;

const _: () = assert!(COORDINATES_BYTES == PLACE_BYTES, "what a pong has room for");

/// The place of a node, as it tells its peers. Lengths are in units of 10 ns.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Coordinates {
    vector: [i32; COORDINATE_DIMENSIONS],
    height: i32,
    adjustment: i32,
    /// How wrong its estimates are, with 15 bits after the point.
    error: u16,
}

/// The place of this node, and what it needs in order to move. 136 bytes.
#[derive(Clone, Debug)]
pub struct Vivaldi {
    place: Coordinates,
    /// By what the last samples differed from the distance. Zero until there were enough.
    residuals: [i32; ADJUSTMENT_WINDOW],
    next: usize,
}

/// The last round trips of one peer. 12 bytes.
#[derive(Clone, Copy, Debug, Default)]
pub struct LatencyFilter {
    /// In microseconds. The newest comes first, and zero stands for none.
    samples: [u32; LATENCY_FILTER_SAMPLES],
}

/// Why a round trip is no sample. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a round trip of {0} is no sample: it must be more than 0 ms, and not longer than 10 s")]
pub struct Unusable(pub Duration);

impl Coordinates {
    /// The place of a node that has measured nothing: the origin, with the least height and the greatest error.
    pub const ORIGIN: Self =
        Self { vector: [0; COORDINATE_DIMENSIONS], height: HEIGHT_LEAST, adjustment: 0, error: ERROR_MOST };

    /// Coordinates of these parts. Lengths are in units of 10 ns, and the error has 15 bits after the point.
    /// `None` if no honest node can have them: a dimension beyond [`COORDINATE_MAX`], a height that is less than
    /// 10 µs or more than that, an adjustment of more than half of [`COORDINATE_RESIDUAL_MAX`], or an error over
    /// 1.5.
    #[must_use]
    pub fn new(vector: [i32; COORDINATE_DIMENSIONS], height: i32, adjustment: i32, error: u16) -> Option<Self> {
        let sane = vector.iter().all(|part| (-FARTHEST..=FARTHEST).contains(part))
            && (HEIGHT_LEAST..=FARTHEST).contains(&height)
            && (-ADJUSTMENT_MOST..=ADJUSTMENT_MOST).contains(&adjustment)
            && error <= ERROR_MOST;
        sane.then_some(Self { vector, height, adjustment, error })
    }

    /// The bytes of the place, as a pong carries them: all numbers big-endian, in the order of the fields.
    #[must_use]
    pub fn to_place(&self) -> Place {
        let mut bytes = [0; COORDINATES_BYTES];
        let lengths = self.vector.iter().chain([&self.height, &self.adjustment]);
        for (place, length) in bytes.chunks_exact_mut(4).zip(lengths) {
            place.copy_from_slice(&length.to_be_bytes());
        }
        if let Some(place) = bytes.last_chunk_mut() {
            *place = self.error.to_be_bytes();
        }
        bytes
    }

    /// The place with these bytes; `None` if no honest node is there ([`Coordinates::new`]).
    #[must_use]
    pub fn from_place(bytes: &Place) -> Option<Self> {
        let (lengths, error) = bytes.as_chunks::<4>();
        let mut lengths = lengths.iter().map(|length| i32::from_be_bytes(*length));
        let vector = core::array::from_fn(|_| lengths.next().unwrap_or_default());
        let [height, adjustment] = core::array::from_fn(|_| lengths.next().unwrap_or_default());
        let error = error.first_chunk().map_or(u16::MAX, |error| u16::from_be_bytes(*error));
        Self::new(vector, height, adjustment, error)
    }

    /// The estimate of the round trip between two nodes, to the nearest microsecond. Serf's `DistanceTo`.
    #[must_use]
    pub fn round_trip(&self, other: &Self) -> Duration {
        micros(self.estimate(other) + UNITS_A_MICRO / 2)
    }

    /// How wrong this node's estimates are, in thousandths of the round trip: 0 to 1,500.
    #[must_use]
    pub const fn error_thousandths(&self) -> u32 {
        (self.error as u32 * 1_000) >> ERROR_POINT
    }

    /// How far two places are apart, without heights and adjustments. Rounded down to microseconds.
    #[must_use]
    pub fn apart(&self, other: &Self) -> Duration {
        micros(self.length_to(other))
    }

    /// The access height: what this node's access link adds to each round trip. Rounded down to microseconds.
    #[must_use]
    pub fn height(&self) -> Duration {
        micros(i64::from(self.height))
    }

    /// In units. Without adjustments if there would be nothing left with them.
    fn estimate(&self, other: &Self) -> i64 {
        let raw = self.distance(other);
        let adjusted = raw + i64::from(self.adjustment) + i64::from(other.adjustment);
        if adjusted > 0 { adjusted } else { raw }
    }

    fn distance(&self, other: &Self) -> i64 {
        self.length_to(other) + i64::from(self.height) + i64::from(other.height)
    }

    fn length_to(&self, other: &Self) -> i64 {
        length(&self.difference(other))
    }

    /// From the other place to this one. Each part has 32 bits at most.
    fn difference(&self, other: &Self) -> [i64; COORDINATE_DIMENSIONS] {
        let mut parts = [0; COORDINATE_DIMENSIONS];
        for (part, (own, theirs)) in parts.iter_mut().zip(self.vector.iter().zip(&other.vector)) {
            *part = i64::from(*own) - i64::from(*theirs);
        }
        parts
    }

    /// Moves by `force` units away from the other place, or toward it if that is negative.
    fn push(&mut self, force: i64, other: &Self, chance: &mut impl Rng) {
        let mut direction = self.difference(other);
        let apart = length(&direction);
        let heights = i64::from(self.height) + i64::from(other.height);
        if apart > APART_LEAST {
            self.step(&direction, force, apart + heights);
            self.height = bounded(i64::from(self.height) + force * heights / (apart + heights)).max(HEIGHT_LEAST);
            return;
        }
        // Nodes in one place leave it in random directions, at the full force.
        direction = core::array::from_fn(|_| i64::from(chance.next_u32() as i32));
        let apart = length(&direction);
        if apart == 0 {
            direction[0] = 1;
        }
        self.step(&direction, force, apart.max(1));
    }

    /// Moves by this part of the direction: `force` / `whole`.
    fn step(&mut self, direction: &[i64; COORDINATE_DIMENSIONS], force: i64, whole: i64) {
        for (own, part) in self.vector.iter_mut().zip(direction) {
            *own = bounded(i64::from(*own) + part * force / whole);
        }
    }
}

impl Default for Vivaldi {
    fn default() -> Self {
        Self::new()
    }
}

impl Vivaldi {
    /// A node that has measured nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { place: Coordinates::ORIGIN, residuals: [0; ADJUSTMENT_WINDOW], next: 0 }
    }

    /// A node that starts from coordinates that it had before. It keeps the place, and measures its adjustment
    /// anew.
    #[must_use]
    pub const fn resume(place: Coordinates) -> Self {
        let place = Coordinates { adjustment: 0, ..place };
        Self { place, residuals: [0; ADJUSTMENT_WINDOW], next: 0 }
    }

    /// Where this node is.
    #[must_use]
    pub const fn place(&self) -> &Coordinates {
        &self.place
    }

    /// A round trip to a peer was measured. The peer says where it is. `filter` belongs to this peer.
    ///
    /// # Errors
    /// [`Unusable`] if this is no round trip between nodes that work. Nothing has changed then.
    pub fn sample(
        &mut self,
        filter: &mut LatencyFilter,
        theirs: &Coordinates,
        round_trip: Duration,
        chance: &mut impl Rng,
    ) -> Result<(), Unusable> {
        let measured = filter.note(round_trip)?.as_micros().cast_signed() * UNITS_A_MICRO;
        self.spring(theirs, measured, chance);
        self.adjust(theirs, measured);
        self.fall();
        Ok(())
    }

    /// Serf's `updateVivaldi`.
    fn spring(&mut self, theirs: &Coordinates, measured: i64, chance: &mut impl Rng) {
        let difference = measured - self.place.estimate(theirs);
        let (own, other) = (i64::from(self.place.error), i64::from(theirs.error));
        let weight = (own << ERROR_POINT) / (own + other).max(1);
        let wrong = ((difference.abs() << ERROR_POINT) / measured.max(1)).min(i64::from(ERROR_MOST));
        let error = own + (wrong - own) * weight / TUNED;
        // An error of zero would give every later sample a weight of zero.
        self.place.error = error.clamp(1, i64::from(ERROR_MOST)) as u16;
        self.place.push(residual(difference) * weight / TUNED, theirs, chance);
    }

    /// Serf's `updateAdjustment`.
    fn adjust(&mut self, theirs: &Coordinates, measured: i64) {
        let difference = residual(measured - self.place.distance(theirs));
        if let Some(oldest) = self.residuals.get_mut(self.next) {
            *oldest = difference as i32;
        }
        self.next = (self.next + 1) % ADJUSTMENT_WINDOW;
        let sum: i64 = self.residuals.iter().map(|residual| i64::from(*residual)).sum();
        self.place.adjustment = (sum / (2 * ADJUSTMENT_WINDOW as i64)) as i32;
    }

    /// Serf's `updateGravity`, which acts on the height as well.
    fn fall(&mut self) {
        let vector = self.place.vector.map(i64::from);
        let out = length(&vector);
        let force = i128::from(out) * i128::from(out) / GRAVITY;
        if out > 0 {
            self.place.step(&vector, -(force as i64), out);
        }
    }
}

impl LatencyFilter {
    /// Takes a round trip, and gives the median of the last ones. Of two, that is the longer one, as in Serf.
    ///
    /// # Errors
    /// [`Unusable`] if the round trip is zero or over [`COORDINATE_ROUND_TRIP_MAX`].
    pub fn note(&mut self, round_trip: Duration) -> Result<Duration, Unusable> {
        if round_trip == Duration::ZERO || round_trip > COORDINATE_ROUND_TRIP_MAX {
            return Err(Unusable(round_trip));
        }
        self.samples.rotate_right(1);
        if let Some(newest) = self.samples.first_mut() {
            *newest = round_trip.as_micros() as u32;
        }
        let mut known = self.samples;
        known.sort_unstable();
        // Those that are missing are zero, and come first.
        let missing = known.iter().filter(|sample| **sample == 0).count();
        let middle = missing + (LATENCY_FILTER_SAMPLES - missing) / 2;
        Ok(Duration::from_micros(known.get(middle).copied().map_or(round_trip.as_micros(), u64::from)))
    }
}

/// One byte string of [`COORDINATES_BYTES`].
impl Encode for Coordinates {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.to_place());
    }
}

impl Decode for Coordinates {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        Self::from_place(&reader.fixed(WHAT)?).ok_or(DecodeError::BadValue(WHAT))
    }
}

/// In microseconds, so that a person can read it.
impl fmt::Debug for Coordinates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = |units: i32| i64::from(units) / UNITS_A_MICRO;
        f.debug_struct("Coordinates")
            .field("vector_us", &self.vector.map(micros))
            .field("height_us", &micros(self.height))
            .field("adjustment_us", &micros(self.adjustment))
            .field("error_thousandths", &self.error_thousandths())
            .finish()
    }
}

const WHAT: &str = "coordinates";

/// Lengths are in units of 10 ns. 10 s are 10⁹ of them, less than 2³¹; a round trip of 100 µs still has 10,000.
const UNITS_A_MICRO: i64 = 100;

/// [`COORDINATE_MAX`] in units.
const FARTHEST: i32 = units(COORDINATE_MAX);

/// 10 µs: Serf's `HeightMin`.
const HEIGHT_LEAST: i32 = units(Duration::from_micros(10));

const RESIDUAL_MOST: i32 = units(COORDINATE_RESIDUAL_MAX);

/// Half the mean of residuals.
const ADJUSTMENT_MOST: i32 = RESIDUAL_MOST / 2;

/// 1 µs: nodes that are not farther apart are in one place. Serf's `zeroThreshold`.
const APART_LEAST: i64 = UNITS_A_MICRO;

/// Bits after the point of an error.
const ERROR_POINT: u32 = 15;

/// 1.5: Serf's `VivaldiErrorMax`.
const ERROR_MOST: u16 = 3 << (ERROR_POINT - 1);

/// A weight of one, over ce = cc = 0.25: Serf's `VivaldiCE` and `VivaldiCC`.
const TUNED: i64 = 4 << ERROR_POINT;

/// 150², and the units of a second: Serf's `GravityRho`, for lengths in units instead of seconds.
const GRAVITY: i128 = 150 * 150 * UNITS_A_MICRO as i128 * 1_000_000;

/// Rounded down. Lengths are not negative.
const fn micros(units: i64) -> Duration {
    Duration::from_micros(units.unsigned_abs() / UNITS_A_MICRO as u64)
}

const fn units(span: Duration) -> i32 {
    (span.as_micros() * UNITS_A_MICRO as u64) as i32
}

fn residual(difference: i64) -> i64 {
    difference.clamp(-i64::from(RESIDUAL_MOST), i64::from(RESIDUAL_MOST))
}

fn bounded(length: i64) -> i32 {
    length.clamp(-i64::from(FARTHEST), i64::from(FARTHEST)) as i32
}

/// Rounded down. Parts have 33 bits at most, so the length has 35.
fn length(parts: &[i64; COORDINATE_DIMENSIONS]) -> i64 {
    let squares = parts.iter().map(|part| u128::from(part.unsigned_abs()).pow(2)).sum::<u128>();
    squares.isqrt() as i64
}
