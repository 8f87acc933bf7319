//! The values of a sweep: `--sweep PARAM=VALUES`, written out one by one.
//!
//! * `fanout=1,2,5`: these values. If a value has commas itself, use semicolons:
//!   `topology=small-world:8,0.1;regular:8`.

use std::str::FromStr;

/// The most values of a sweep.
pub const VALUES_MAX: usize = 1_000;

/// A key of a scenario, and its values in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// The key, as it was given.
    pub parameter: String,
    /// The values, as they will be set.
    pub values: Vec<String>,
}

impl FromStr for Sweep {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (parameter, values) = text
            .split_once('=')
            .filter(|(parameter, values)| !parameter.is_empty() && !values.is_empty())
            .ok_or_else(|| format!("{text:?} is no sweep: PARAM=A..B, PARAM=A..B*2 or PARAM=a,b,c is wanted"))?;
        let separator = if values.contains(';') { ';' } else { ',' };
        let values = match values.split_once("..") {
            Some((from, rest)) if !values.contains(separator) => range(from, rest)?,
            _ => values.split(separator).map(|value| value.trim().to_owned()).collect(),
        };
        if values.iter().any(String::is_empty) {
            return Err(format!("{text:?} has an empty value"));
        }
        Ok(Self { parameter: parameter.to_owned(), values })
    }
}

/// How a range goes on.
#[derive(Clone, Copy)]
enum Step {
    Add(f64),
    Times(f64),
}

fn range(from: &str, rest: &str) -> Result<Vec<String>, String> {
    let factor = rest.split_once('*').map(|(to, factor)| (to, factor, Step::Times as fn(f64) -> Step));
    let added = rest.split_once('+').map(|(to, step)| (to, step, Step::Add as fn(f64) -> Step));
    let (to, step, kind) = factor.or(added).unwrap_or((rest, "1", Step::Add));
    let ((from, unit), (to, other)) = (number(from)?, number(to)?);
    let step: f64 = step.parse().map_err(|_| format!("{step:?} is no step: a number is wanted"))?;
    if unit != other {
        return Err(format!("a range from {unit:?} to {other:?}: give both ends the same unit"));
    }
    if to < from {
        return Err(format!("a range from {from} to {to} has no values"));
    }
    let step = kind(step);
    let grows = match step {
        Step::Add(by) => by > 0.0,
        Step::Times(by) => by > 1.0 && from > 0.0,
    };
    if !grows {
        return Err(
            "the range doesn't grow: a step above 0, or a factor above 1 from above 0, is wanted".to_owned()
        );
    }
    let mut values = Vec::new();
    for index in 0.. {
        let value = match step {
            Step::Add(by) => from + by * f64::from(index),
            Step::Times(by) => from * by.powi(index),
        };
        // The rounding error of the last sum or product doesn't count.
        if value > to + to.abs() * 1e-9 {
            break;
        }
        if values.len() == VALUES_MAX {
            return Err(format!("the range has more than {VALUES_MAX} values"));
        }
        values.push(format!("{}{unit}", shown(value)));
    }
    Ok(values)
}

/// A number and its unit.
fn number(text: &str) -> Result<(f64, &str), String> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let value =
        digits.parse().map_err(|_| format!("{text:?} is no number: a range goes from number to number"))?;
    Ok((value, unit))
}

/// The number without its rounding error.
fn shown(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded.fract() == 0.0 { format!("{rounded:.0}") } else { rounded.to_string() }
}
