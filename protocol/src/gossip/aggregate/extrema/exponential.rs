//! Exponential variables from uniform bits, in fixed point: `-ln(u)` with `u = (bits + 1) / 2^64`.
//!
//! The result is in units of 2^-48, of which it is at most 45 * 2^48. The logarithm is taken bit by bit to base 2,
//! by repeated squaring, and multiplied by `ln 2`.
//!
//! **Error.** At most 0.51 units, which is 2^-49. Each squaring cuts off at most one part in 2^63, and the effect
//! of the `i`-th on the result is halved `i` times: 2^-61 in all. The 56 bits of the logarithm cut off at most
//! 2^-56. `ln 2` is exact to 2^-65, times at most 64. That is 2^-56 together, or 0.004 units; rounding adds half a
//! unit. A test compares with `f64`.
//!
//! More bits give a smaller variable, so whoever looks for the smallest variable looks for the largest bits, and
//! takes no logarithm.

/// The bits behind the binary point of a variable.
pub const EXPONENTIAL_BITS: u32 = 48;

/// The bits of the logarithm to base 2 behind the binary point.
const LOG_BITS: u32 = 56;

/// `ln 2`, times 2^64.
const LN_2: u128 = 0xb172_17f7_d1cf_79ac;

/// The variable of 64 uniform bits. Zero becomes the smallest unit, because nothing is waited for in no time.
#[must_use]
pub const fn exponential(bits: u64) -> u64 {
    let scaled = bits as u128 + 1;
    if scaled > u64::MAX as u128 {
        return 1;
    }
    let scaled = scaled as u64;
    let zeros = scaled.leading_zeros();
    // `scaled` is 2^(63 - zeros) times a number from 1 to 2, and `u` is `scaled` / 2^64.
    let whole = ((zeros + 1) as u64) << LOG_BITS;
    let log = whole - fraction(scaled << zeros);
    // Less than 2^63 * 2^64.
    let product = log as u128 * LN_2;
    let cut = LOG_BITS + 64 - EXPONENTIAL_BITS;
    let rounded = ((product + (1 << (cut - 1))) >> cut) as u64;
    if rounded == 0 { 1 } else { rounded }
}

/// The logarithm to base 2 of a number from 1 to 2, which has 63 bits behind the point.
const fn fraction(number: u64) -> u64 {
    let (mut number, mut log, mut place) = (number, 0, 0);
    while place < LOG_BITS {
        let square = number as u128 * number as u128;
        let overflows = (square >> 127) as u64;
        number = (square >> (63 + overflows)) as u64;
        log = (log << 1) | overflows;
        place += 1;
    }
    log
}
