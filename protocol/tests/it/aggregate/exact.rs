//! Exact aggregates against a naive model, their rounding, and their bounds.

use std::collections::BTreeMap;

use proptest::prelude::*;
use protocol::gossip::aggregate::exact::{Exact, TooManyValues, Trim};
use protocol::gossip::aggregate::value::Value;
use protocol::limits::{EXACT_MEMBERS_MAX, TRIM_MAX, VALUE_MAX};

fn value(millionths: i64) -> Value {
    Value::from_millionths(millionths).expect("within the bound")
}

fn over(values: &[i64]) -> Exact<usize> {
    Exact::over(values.iter().map(|millionths| value(*millionths)).enumerate()).expect("few")
}

/// The mean of a list by its definition: of the two nearest integers the nearer one, and of equally near ones the
/// one that is further from zero.
fn naive_mean(values: &[i64]) -> Option<Value> {
    let count = i128::try_from(values.len()).ok().filter(|count| *count > 0)?;
    let sum: i128 = values.iter().map(|value| i128::from(*value)).sum();
    let below = sum.div_euclid(count);
    let nearest = [below, below + 1].into_iter().min_by_key(|mean| {
        let distance = (mean * count - sum).abs();
        (distance, -mean.abs())
    })?;
    Some(value(i64::try_from(nearest).expect("a mean is no larger than the largest")))
}

proptest! {
    #[test]
    fn exact_aggregates_equal_a_naive_model(
        given in prop::collection::vec((0_u8..40, -VALUE_MAX..=VALUE_MAX), 0..60),
        small: bool,
        thousandths in 0..=TRIM_MAX,
    ) {
        let given: Vec<(u8, i64)> =
            given.into_iter().map(|(member, value)| (member, if small { value % 10 } else { value })).collect();
        let exact = Exact::over(given.iter().map(|(member, millionths)| (*member, value(*millionths)))).unwrap();
        let last: BTreeMap<u8, i64> = given.into_iter().collect();
        let mut sorted: Vec<i64> = last.values().copied().collect();
        sorted.sort_unstable();
        let count = sorted.len();
        prop_assert_eq!(exact.count(), count);
        prop_assert_eq!(exact.sum(), sorted.iter().map(|value| i128::from(*value)).sum::<i128>());
        prop_assert_eq!(exact.average(), naive_mean(&sorted));
        let lowest = last.iter().map(|(member, millionths)| (*millionths, *member)).min();
        let highest = last.iter().map(|(member, millionths)| (*millionths, *member)).max();
        prop_assert_eq!(exact.minimum(), lowest.map(|(millionths, member)| (member, value(millionths))));
        prop_assert_eq!(exact.maximum(), highest.map(|(millionths, member)| (member, value(millionths))));
        let middle: Vec<i64> = match count {
            0 => vec![],
            odd if odd % 2 == 1 => vec![sorted[odd / 2]],
            even => vec![sorted[even / 2 - 1], sorted[even / 2]],
        };
        prop_assert_eq!(exact.median(), naive_mean(&middle));
        let cut = count * usize::from(thousandths) / 1_000;
        let trim = Trim::thousandths(thousandths).unwrap();
        prop_assert_eq!(exact.trimmed_mean(trim), naive_mean(&sorted[cut..count - cut]));
    }
}

#[test]
fn a_quotient_is_rounded_to_the_nearest_and_a_half_away_from_zero() {
    for (values, average) in [
        (&[1, 2][..], 2),
        (&[-1, -2], -2),
        (&[0, 1], 1),
        (&[0, -1], -1),
        (&[0, 0, 1], 0),
        (&[0, 1, 1], 1),
        (&[0, -1, -1], -1),
        (&[0, 0, 0, 1], 0),
    ] {
        assert_eq!(over(values).average(), Some(value(average)), "{values:?}");
    }
}

#[test]
fn nothing_has_no_average_and_a_sum_of_zero() {
    let nothing = over(&[]);
    assert_eq!((nothing.count(), nothing.sum()), (0, 0));
    assert_eq!((nothing.minimum(), nothing.maximum()), (None, None));
    let trim = Trim::thousandths(TRIM_MAX).expect("on the bound");
    assert_eq!([nothing.average(), nothing.median(), nothing.trimmed_mean(trim)], [None; 3]);
}

#[test]
fn a_member_counts_once_with_its_last_value() {
    let exact = Exact::over([("a", value(5)), ("b", value(1)), ("a", value(3))]).expect("few");
    assert_eq!((exact.count(), exact.sum(), exact.maximum()), (2, 4, Some(("a", value(3)))));
}

#[test]
fn the_largest_values_of_the_most_members_do_not_overflow() {
    for end in [VALUE_MAX, -VALUE_MAX] {
        let exact = over(&vec![end; EXACT_MEMBERS_MAX]);
        assert_eq!(exact.sum(), i128::from(end) * 16_384);
        assert_eq!([exact.average(), exact.median()], [Some(value(end)); 2]);
    }
}

#[test]
fn one_value_more_than_the_bound_is_too_many() {
    let values = |count: usize| Exact::over((0..count).map(|member| (member, value(1))));
    assert_eq!(values(EXACT_MEMBERS_MAX).map(|exact| exact.count()), Ok(EXACT_MEMBERS_MAX));
    assert_eq!(values(EXACT_MEMBERS_MAX + 1).map(|exact| exact.count()), Err(TooManyValues));
}

#[test]
fn a_value_ends_at_its_bound_on_either_side() {
    for end in [VALUE_MAX, -VALUE_MAX] {
        assert_eq!(Value::from_millionths(end).map(Value::millionths), Some(end));
        assert_eq!(Value::from_millionths(end + end.signum()), None);
    }
    assert_eq!(Value::whole(9_007_199_254).map(Value::millionths), Some(9_007_199_254_000_000));
    assert_eq!([Value::whole(9_007_199_255), Value::whole(i64::MAX)], [None; 2]);
}

#[test]
fn a_value_is_shown_with_the_decimals_that_it_has() {
    let shown = [(0, "0"), (1_500_000, "1.5"), (-1_500_000, "-1.5"), (1, "0.000001"), (-20, "-0.00002")];
    for (millionths, text) in shown {
        assert_eq!(value(millionths).to_string(), text);
    }
    assert_eq!(Value::whole(-42).expect("small").to_string(), "-42");
}

#[test]
fn at_the_largest_trim_at_least_one_value_is_left() {
    assert_eq!(Trim::thousandths(TRIM_MAX + 1), None);
    let trim = Trim::thousandths(TRIM_MAX).expect("on the bound");
    for count in [1, 2, 3, 500, 1_000, 1_001, 16_384] {
        let values: Vec<i64> = (0..count).collect();
        assert!(over(&values).trimmed_mean(trim).is_some(), "of {count}");
    }
}

/// A tenth of the members claim the largest value.
#[test]
fn liars_below_the_trim_move_a_trimmed_mean_and_a_median_no_further_than_honest_values() {
    let honest: Vec<i64> = (0..90).map(|place| 1_000 + place).collect();
    let all = [honest, vec![VALUE_MAX; 10]].concat();
    let exact = over(&all);
    assert!(exact.average().expect("some").millionths() > VALUE_MAX / 11);
    let trim = Trim::thousandths(100).expect("a tenth");
    for figure in [exact.median(), exact.trimmed_mean(trim)] {
        let figure = figure.expect("some").millionths();
        assert!((1_000..1_090).contains(&figure), "{figure}");
    }
}

proptest! {
    #[test]
    fn a_value_is_read_as_it_is_written(millionths in -VALUE_MAX..=VALUE_MAX) {
        let written = value(millionths).to_string();
        prop_assert_eq!(written.parse(), Ok(value(millionths)));
    }
}

#[test]
fn what_is_no_value_is_refused() {
    for (text, millionths) in [("7", 7_000_000), ("-0.5", -500_000), ("1.250000", 1_250_000), ("007", 7_000_000)] {
        assert_eq!(text.parse(), Ok(value(millionths)), "{text}");
    }
    let beyond = format!("{}", i128::from(VALUE_MAX / 1_000_000) + 1);
    for text in
        ["", "-", ".", "1.", ".5", "+1", "1e3", " 1", "1 ", "1.0000001", "--1", "1.-5", "0x10", "NaN", &beyond]
    {
        assert!(text.parse::<Value>().is_err(), "{text:?}");
    }
}
