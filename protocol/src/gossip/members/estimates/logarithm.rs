//! Logarithms of whole numbers in fixed point: the same bits on every machine.
//!
//! * **Format.** A [`Fixed`] has 32 bits before the point and 32 bits after it.
//! * **Error.** [`log2`] and [`log10`] give the nearest such number. They are off by less than 2⁻³², one unit of
//!   the last place. So 1,000 has a decimal logarithm of exactly 3.
//! * **Rounded up.** [`log2_up`] and [`log10_up`] give the whole number above, with no error. They don't go
//!   through the fixed-point numbers, because a logarithm that is just above a whole number could round down to
//!   it.
//! * **Zero.** Zero has no logarithm. All four functions take it for one, whose logarithm is zero.
//!
//! *Method:* the whole part is the place of the highest bit. Each bit behind the point comes of one squaring: the
//! square of a number between 1 and 2 is at least 2 exactly when the next bit is one (Knuth, "The Art of Computer
//! Programming", volume 1, section 1.2.2). 48 bits are computed, and 32 are kept.
//!
//! Deliberately absent: floating point, whose logarithms differ from library to library; and negative logarithms.

use crate::time::Duration;

/// A number that is not negative, with 32 bits before the point and 32 bits after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed(u64);

impl Fixed {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// One.
    pub const ONE: Self = Self(1 << POINT);

    /// This whole number.
    #[must_use]
    pub const fn whole(number: u32) -> Self {
        Self((number as u64) << POINT)
    }

    /// The number of units of 2⁻³².
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// In units of 2⁻³².
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// `numerator` / `denominator`, rounded down. At most the largest `Fixed`, and that one if `denominator` is
    /// zero.
    #[must_use]
    pub fn ratio(numerator: u128, denominator: u128) -> Self {
        let quotient = numerator.saturating_mul(1 << POINT).checked_div(denominator);
        Self(quotient.and_then(|bits| u64::try_from(bits).ok()).unwrap_or(u64::MAX))
    }

    /// This number of times the span, rounded down to whole microseconds.
    #[must_use]
    pub fn of(self, span: Duration) -> Duration {
        let micros = (u128::from(self.0) * u128::from(span.as_micros())) >> POINT;
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// The logarithm to base 2, off by less than 2⁻³².
#[must_use]
pub const fn log2(number: u64) -> Fixed {
    let spare = LONG_POINT - POINT;
    Fixed((long_log2(number) + (1 << (spare - 1))) >> spare)
}

/// The logarithm to base 10, off by less than 2⁻³².
#[must_use]
pub const fn log10(number: u64) -> Fixed {
    let spare = LONG_POINT + 64 - POINT;
    let long = long_log2(number) as u128 * LOG10_OF_2 as u128;
    Fixed(((long + (1 << (spare - 1))) >> spare) as u64)
}

/// The logarithm to base 2, rounded up to a whole number, without error.
#[must_use]
pub const fn log2_up(number: u64) -> u32 {
    match number.checked_ilog2() {
        None => 0,
        Some(below) if number.is_power_of_two() => below,
        Some(below) => below + 1,
    }
}

/// The logarithm to base 10, rounded up to a whole number, without error.
#[must_use]
pub const fn log10_up(number: u64) -> u32 {
    match number.checked_ilog10() {
        None => 0,
        Some(below) if 10_u64.pow(below) == number => below,
        Some(below) => below + 1,
    }
}

/// Bits after the point of a [`Fixed`].
const POINT: u32 = 32;

/// Bits after the point while a logarithm is computed.
const LONG_POINT: u32 = 48;

/// The decimal logarithm of 2, with 64 bits after the point, rounded down.
const LOG10_OF_2: u64 = 5_553_023_288_523_357_132;

/// The logarithm to base 2 with [`LONG_POINT`] bits after the point, rounded down: at most 6 + 48 bits. A squaring
/// loses up to 2⁻⁶² of its number, and the bits that follow a bit count half as much as it does. So all squarings
/// together lose less than 2⁻⁶⁰, and the result is off by less than 2⁻⁴⁸ + 2⁻⁶⁰.
const fn long_log2(number: u64) -> u64 {
    let Some(whole) = number.checked_ilog2() else { return 0 };
    // Between 1 and 2, with 63 bits after the point.
    let mut mantissa = number << (63 - whole);
    let mut bits = whole as u64;
    let mut place = 0;
    while place < LONG_POINT {
        let square = (mantissa as u128 * mantissa as u128) >> 63;
        let bit = (square >> 64) as u64;
        mantissa = (square >> bit) as u64;
        bits = (bits << 1) | bit;
        place += 1;
    }
    bits
}
