//! Numbers of members, in fixed point: whole millionths, never more than [`VALUE_MAX`] of them.
//!
//! **Rounding.** A quotient is rounded to the nearest millionth, and a half goes away from zero. It is rounded
//! once, at the end.

use core::fmt;
use core::str::FromStr;

use crate::limits::VALUE_MAX;

/// How many of a value's units make one.
pub const MILLIONTHS: i64 = 1_000_000;

/// A number of a member, in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(i64);

impl Value {
    /// The lowest value.
    pub const LOWEST: Self = Self(-VALUE_MAX);

    /// The highest value.
    pub const HIGHEST: Self = Self(VALUE_MAX);

    /// This number of millionths; `None` if it is beyond [`VALUE_MAX`] on either side.
    #[must_use]
    pub const fn from_millionths(millionths: i64) -> Option<Self> {
        if millionths < -VALUE_MAX || millionths > VALUE_MAX { None } else { Some(Self(millionths)) }
    }

    /// A whole number; `None` if it is beyond [`VALUE_MAX`] on either side.
    #[must_use]
    pub const fn whole(units: i64) -> Option<Self> {
        match units.checked_mul(MILLIONTHS) {
            Some(millionths) => Self::from_millionths(millionths),
            None => None,
        }
    }

    /// The value in millionths.
    #[must_use]
    pub const fn millionths(self) -> i64 {
        self.0
    }
}

/// A text that is no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a number: decimal digits are wanted, with a point and at most six decimals if need be")]
pub struct ParseValueError;

impl FromStr for Value {
    type Err = ParseValueError;

    /// As it is displayed: `-12.5`. Zeros at the end of the decimals are allowed.
    fn from_str(text: &str) -> Result<Self, ParseValueError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !are_digits(whole) || !are_digits(decimals) || decimals.len() > 6 {
            return Err(ParseValueError);
        }
        let scale = 10_i64.pow(6_u32.saturating_sub(decimals.len() as u32));
        let parse = |part: &str| part.parse::<i64>().map_err(|_| ParseValueError);
        let rest = parse(decimals)?.checked_mul(scale).ok_or(ParseValueError)?;
        let millionths = parse(whole)?.checked_mul(MILLIONTHS).and_then(|whole| whole.checked_add(rest));
        let millionths = millionths.map(|found| if negative { -found } else { found });
        millionths.and_then(Self::from_millionths).ok_or(ParseValueError)
    }
}

impl fmt::Display for Value {
    /// With as many decimals as there are, and none for a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0.abs() / MILLIONTHS, self.0.abs() % MILLIONTHS);
        let sign = if self.0 < 0 { "-" } else { "" };
        if rest == 0 {
            return write!(f, "{sign}{whole}");
        }
        let (mut decimals, mut width) = (rest, 6);
        while decimals % 10 == 0 {
            decimals /= 10;
            width -= 1;
        }
        write!(f, "{sign}{whole}.{decimals:0width$}")
    }
}

/// The mean of `count` values with this sum, in millionths; `None` if there are none, or if it is no value.
pub(super) fn mean(sum: i128, count: usize) -> Option<Value> {
    let mean = rounded(sum, i128::try_from(count).ok()?)?;
    Value::from_millionths(i64::try_from(mean).ok()?)
}

/// A quotient, to the nearest integer, halves away from zero; `None` if the divisor is zero or negative.
pub(super) fn rounded(dividend: i128, divisor: i128) -> Option<i128> {
    if divisor <= 0 {
        return None;
    }
    let half = divisor / 2;
    let shifted = if dividend < 0 { dividend.checked_sub(half) } else { dividend.checked_add(half) };
    shifted?.checked_div(divisor)
}
