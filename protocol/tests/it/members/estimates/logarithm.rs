//! Logarithms in fixed point, against exact values.

use proptest::prelude::*;
use protocol::gossip::members::logarithm::{Fixed, log2, log2_up, log10, log10_up};
use protocol::time::Duration;

/// Numbers with their logarithms to base 2 and to base 10 in units of 2⁻⁶⁴, rounded to the nearest. They were
/// computed with 60 decimal digits.
const EXACT: [(u64, u128, u128); 29] = [
    (1, 0, 0),
    (2, 18446744073709551616, 5553023288523357132),
    (3, 29237397617229858720, 8801333677940798499),
    (4, 36893488147419103232, 11106046577046714265),
    (5, 42832013323943160825, 12893720785186194484),
    (7, 51786557771265448755, 15589307261336549707),
    (9, 58474795234459717439, 17602667355881596998),
    (10, 61278757397652712441, 18446744073709551616),
    (11, 63815249709501004793, 19210304343346964700),
    (32, 92233720368547758080, 27765116442616785661),
    (33, 93052647326730863513, 28011638021287763199),
    (50, 104110770721595873266, 31340464858895746100),
    (99, 122290044943960722232, 36812971699228561698),
    (100, 122557514795305424882, 36893488147419103232),
    (101, 122822323210956556015, 36973203423634348967),
    (999, 183809645851371683519, 55332216893636336977),
    (1_000, 183836272192958137323, 55340232221128654848),
    (1_001, 183862871921505088918, 55348239537297806763),
    (1_024, 184467440737095516160, 55530232885233571323),
    (16_384, 258254417031933722624, 77742326039326999852),
    (16_385, 258256041312577254615, 77742814996522079376),
    (1_000_000, 367672544385916274647, 110680464442257309696),
    (1_000_000_007, 551508816765165594688, 166020696719465198470),
    (4_294_967_295, 590295810352509323693, 177696745230882147636),
    (4_294_967_296, 590295810358705651712, 177696745232747428233),
    (1_000_000_000_000_000_000, 1103017633157748823941, 332041393326771929088),
    (10_000_000_000_000_000_000, 1164296390555401536382, 350488137400481480704),
    (9_223_372_036_854_775_808, 1162144876643701751808, 349840467176971499334),
    (u64::MAX, 1180591620717411303423, 355393490465494856466),
];

/// 2⁻³² in units of 2⁻⁶⁴.
const ERROR: u128 = 1 << 32;

fn exactly(number: Fixed) -> u128 {
    u128::from(number.bits()) << 32
}

/// The least power of `base` that is not below `number`, found by multiplying.
fn up(number: u64, base: u128) -> u32 {
    (0..).find(|power| base.pow(*power) >= u128::from(number)).unwrap()
}

#[test]
fn logarithms_are_off_by_less_than_one_unit_of_the_last_place() {
    for (number, two, ten) in EXACT {
        assert!(exactly(log2(number)).abs_diff(two) < ERROR, "log2 {number}");
        assert!(exactly(log10(number)).abs_diff(ten) < ERROR, "log10 {number}");
    }
}

#[test]
fn powers_have_whole_logarithms() {
    for power in 0..64 {
        assert_eq!(log2(1 << power), Fixed::whole(power));
    }
    for power in 0..20 {
        assert_eq!(log10(10_u64.pow(power)), Fixed::whole(power));
    }
}

#[test]
fn zero_counts_as_one() {
    assert_eq!((log2(0), log10(0), log2_up(0), log10_up(0)), (Fixed::ZERO, Fixed::ZERO, 0, 0));
}

#[test]
fn a_logarithm_just_above_a_whole_number_is_rounded_up() {
    assert_eq!([1, 2, 10, 11, 1_000, 1_001].map(log10_up), [0, 1, 1, 2, 3, 4]);
    assert_eq!([1, 2, 3, 32, 33, 64, 65].map(log2_up), [0, 1, 2, 5, 6, 6, 7]);
    // In fixed point these are whole.
    assert_eq!((log10(10_u64.pow(18) + 1), log10_up(10_u64.pow(18) + 1)), (Fixed::whole(18), 19));
    assert_eq!((log2((1 << 40) + 1), log2_up((1 << 40) + 1)), (Fixed::whole(40), 41));
    assert_eq!((log2_up(u64::MAX), log10_up(u64::MAX)), (64, 20));
}

#[test]
fn a_part_of_a_span_is_rounded_down_and_never_overflows() {
    let half = Fixed::ratio(1, 2);
    assert_eq!(half.of(Duration::from_micros(7)), Duration::from_micros(3));
    assert_eq!(Fixed::whole(3).of(Duration::from_millis(5)), Duration::from_millis(15));
    assert_eq!(Fixed::whole(2).of(Duration::from_micros(u64::MAX)), Duration::from_micros(u64::MAX));
    assert_eq!(
        (Fixed::ratio(1, 0), Fixed::ratio(u128::MAX, 1)),
        (Fixed::from_bits(u64::MAX), Fixed::from_bits(u64::MAX))
    );
    assert_eq!((Fixed::ratio(3, 3), Fixed::ratio(0, 3)), (Fixed::ONE, Fixed::ZERO));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_larger_number_has_no_smaller_logarithm(one in any::<u64>(), shift in 0..64_u32, more in 0..1_000_u64) {
        let one = one >> shift;
        let other = one.saturating_add(more);
        prop_assert!(log2(one) <= log2(other) && log10(one) <= log10(other));
        prop_assert!(log2_up(one) <= log2_up(other) && log10_up(one) <= log10_up(other));
    }

    #[test]
    fn the_logarithm_of_a_product_is_the_sum(one in 1..=u64::from(u32::MAX), other in 1..=u64::from(u32::MAX)) {
        let close = |log: fn(u64) -> Fixed| {
            log(one * other).bits().abs_diff(log(one).bits() + log(other).bits())
        };
        prop_assert!(close(log2) <= 2 && close(log10) <= 2);
    }

    #[test]
    fn rounding_up_agrees_with_powers_that_are_multiplied_out(number in any::<u64>(), shift in 0..64_u32) {
        let number = number >> shift;
        prop_assert_eq!(log2_up(number), up(number, 2));
        prop_assert_eq!(log10_up(number), up(number, 10));
    }
}
