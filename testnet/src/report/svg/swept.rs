//! The places of a sweep's values on their axis. Numbers, with or without a unit, stand where they belong, on a
//! logarithmic axis if that spaces them more evenly. Other values stand side by side.

use std::ops::Range;

use plotters::coord::ranged1d::{DefaultFormatting, KeyPointHint, Ranged};

use super::short;
use crate::report::schema::Runs;

/// The axis of the varied key.
pub(super) struct Axis {
    places: Vec<Place>,
    scale: Scale,
    unit: String,
}

/// A value, and its runs: one for each seed.
pub(super) struct Place {
    /// Its place on the axis.
    pub(super) at: f64,
    /// The numbers of its runs.
    pub(super) runs: Vec<usize>,
    name: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scale {
    Linear,
    Logarithmic,
    /// Side by side.
    Names,
}

/// The most values that have their own mark.
const MARKS_MAX: usize = 12;

/// The most characters of all names on the axis.
const NAMES_WIDTH: usize = 100;

impl Axis {
    /// The axis for these runs: of the swept value, or of the seed if nothing else differs.
    pub(super) fn of(runs: &Runs) -> Self {
        let name = |at: usize, seed: u64| match &runs.sweep {
            Some(swept) => swept.values.get(at).cloned().unwrap_or_default(),
            None => seed.to_string(),
        };
        let mut places: Vec<Place> = Vec::new();
        for (at, run) in runs.runs.iter().enumerate() {
            let name = name(at, run.seed);
            match places.iter_mut().find(|place| place.name == name) {
                Some(place) => place.runs.push(at),
                None => places.push(Place { at: places.len() as f64, runs: vec![at], name }),
            }
        }
        let numbers: Option<Vec<(f64, &str)>> = places.iter().map(|place| number(&place.name)).collect();
        let unit = numbers.as_ref().and_then(|numbers| numbers.first()).map_or("", |(_, unit)| unit).to_owned();
        let same = |numbers: &Vec<(f64, &str)>| numbers.iter().all(|(_, other)| *other == unit);
        let Some(mut numbers) =
            numbers.filter(same).map(|all| all.into_iter().map(|one| one.0).collect::<Vec<_>>())
        else {
            return Self { places, scale: Scale::Names, unit: String::new() };
        };
        let scale = scale(&numbers);
        if scale == Scale::Logarithmic {
            numbers.iter_mut().for_each(|value| *value = value.log2());
        }
        places.iter_mut().zip(numbers).for_each(|(place, at)| place.at = at);
        places.sort_by(|a, b| a.at.total_cmp(&b.at));
        // Seeds are numbers without a meaning: neighbouring seeds have nothing in common.
        Self { places, scale: if runs.sweep.is_none() { Scale::Names } else { scale }, unit }
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    /// Whether there is something between two values.
    pub(super) fn is_ordered(&self) -> bool {
        self.scale != Scale::Names
    }

    /// A range that is a little wider than from the lowest to the highest.
    pub(super) fn range(&self) -> Range<f64> {
        let (low, high) = self.places.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), place| {
            (low.min(place.at), high.max(place.at))
        });
        let room =
            if self.scale == Scale::Names { 0.5 } else { ((high - low) * 0.03).max(1e-9 * high.abs()).max(1e-9) };
        low - room..high + room
    }

    /// The places where values are written: at all of them, or at some if they are many.
    pub(super) fn marks(&self) -> Vec<f64> {
        let step = self.places.len().div_ceil(MARKS_MAX).max(1);
        self.places.iter().step_by(step).map(|place| place.at).collect()
    }

    /// The text that is written there.
    pub(super) fn label(&self, at: f64) -> String {
        let Some(place) = self.places.iter().find(|place| place.at == at) else {
            return if self.scale == Scale::Linear { short(at) } else { String::new() };
        };
        let room = NAMES_WIDTH / self.places.len().clamp(1, MARKS_MAX);
        let name = place.name.strip_suffix(self.unit.as_str()).unwrap_or(&place.name);
        if name.chars().count() <= room {
            return name.to_owned();
        }
        name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    }

    /// The varied key, and its unit.
    pub(super) fn description(&self, parameter: &str) -> String {
        if self.unit.is_empty() { parameter.to_owned() } else { format!("{parameter}, {}", self.unit) }
    }
}

/// An axis with marks at given places.
pub(super) struct Marked {
    pub(super) range: Range<f64>,
    pub(super) marks: Vec<f64>,
}

impl Ranged for Marked {
    type FormatOption = DefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (from, to): (i32, i32)) -> i32 {
        let share = (value - self.range.start) / (self.range.end - self.range.start);
        from + (share * f64::from(to - from)).round() as i32
    }

    fn key_points<H: KeyPointHint>(&self, hint: H) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.marks.clone() }
    }

    fn range(&self) -> Range<f64> {
        self.range.clone()
    }
}

/// A number and its unit.
fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    // `regular:8` and `0,5` are names.
    let plain = unit.chars().all(|c| c.is_alphabetic() || c == '%');
    digits.parse().ok().filter(|_| plain).map(|value| (value, unit))
}

/// The scale that spaces the values more evenly.
fn scale(numbers: &[f64]) -> Scale {
    let uneven = |of: fn(f64) -> f64| {
        let mut at: Vec<f64> = numbers.iter().map(|value| of(*value)).collect();
        at.sort_by(f64::total_cmp);
        let gaps = at.windows(2).map(|pair| pair[1] - pair[0]);
        let (low, high) = gaps.fold((f64::INFINITY, 0.0_f64), |(low, high), gap| (low.min(gap), high.max(gap)));
        high / low
    };
    let positive = numbers.iter().all(|value| *value > 0.0);
    if positive && numbers.len() > 2 && uneven(f64::log2) < uneven(|value| value) {
        Scale::Logarithmic
    } else {
        Scale::Linear
    }
}
