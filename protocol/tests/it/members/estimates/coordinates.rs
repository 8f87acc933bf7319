//! Network coordinates: how well they estimate, what liars can do, what is refused, and their bytes.

use bytes::Bytes;
use proptest::prelude::*;
use protocol::codec::{Decode, DecodeError, Encode};
use protocol::gossip::members::coordinates::{COORDINATES_BYTES, SAMPLE_MOVES_MAX};
use protocol::gossip::members::{Coordinates, LatencyFilter, Unusable, Vivaldi};
use protocol::limits::{COORDINATE_DIMENSIONS, COORDINATE_MAX, COORDINATE_ROUND_TRIP_MAX};
use protocol::time::Duration;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng as _};

/// Units of 10 ns in a millisecond, and in ten seconds.
const MILLI: i32 = 100_000;
const FARTHEST: i32 = 1_000_000_000;

const ERROR_MOST: u16 = 3 << 14;

/// What gravity pulls at the farthest place: (√8 × 10 s / 150)² s.
const GRAVITY_MAX: Duration = Duration::from_micros(35_556);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn chance(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A place on the first axis.
fn at(first: i32) -> Coordinates {
    let mut vector = [0; COORDINATE_DIMENSIONS];
    vector[0] = first;
    Coordinates::new(vector, 1_000, 0, ERROR_MOST).unwrap()
}

/// One sample by a node at this place.
fn sampled(own: Coordinates, theirs: &Coordinates, round_trip: Duration) -> Vivaldi {
    let mut node = Vivaldi::resume(own);
    node.sample(&mut LatencyFilter::default(), theirs, round_trip, &mut chance(1)).unwrap();
    node
}

/// Fifty nodes on a square plane of 200 ms, with access links of 1 to 20 ms.
struct Plane {
    homes: Vec<[u64; 3]>,
    nodes: Vec<Vivaldi>,
    filters: Vec<Vec<LatencyFilter>>,
    /// The first nodes are liars.
    liars: usize,
    /// By up to this part of a thousand, round trips are longer than the plane has them.
    jitter: u64,
    chance: ChaCha8Rng,
}

const NODES: usize = 50;

impl Plane {
    fn new(seed: u64) -> Self {
        let mut chance = chance(seed);
        let mut below = |bound: u64| chance.next_u64() % bound;
        let homes = (0..NODES).map(|_| [below(200_000), below(200_000), 1_000 + below(19_000)]).collect();
        let (nodes, filters) = (vec![Vivaldi::new(); NODES], vec![vec![LatencyFilter::default(); NODES]; NODES]);
        Self { homes, nodes, filters, liars: 0, jitter: 0, chance }
    }

    fn truth(&self, one: usize, other: usize) -> u64 {
        let ([x, y, height], [their_x, their_y, their_height]) = (self.homes[one], self.homes[other]);
        let square = x.abs_diff(their_x).pow(2) + y.abs_diff(their_y).pow(2);
        square.isqrt() + height + their_height
    }

    /// Each honest node takes this number of samples of nodes drawn at random.
    fn samples(&mut self, each: usize) {
        for _ in 0..each {
            for one in self.liars..NODES {
                let other = (one + 1 + self.chance.next_u64() as usize % (NODES - 1)) % NODES;
                let truth = self.truth(one, other);
                let longer = truth * (self.chance.next_u64() % (self.jitter + 1)) / 1_000;
                let theirs = *self.nodes[other].place();
                let theirs = if other < self.liars { wild() } else { theirs };
                let round_trip = Duration::from_micros(truth + longer);
                let filter = &mut self.filters[one][other];
                self.nodes[one].sample(filter, &theirs, round_trip, &mut self.chance).unwrap();
            }
        }
    }

    /// The median, over all pairs of honest nodes, of how wrong the estimate is, in thousandths of the round trip.
    fn median_error(&self) -> u64 {
        let honest = self.liars..NODES;
        let mut errors: Vec<u64> = honest
            .flat_map(|one| (self.liars..one).map(move |other| (one, other)))
            .map(|(one, other)| {
                let truth = self.truth(one, other);
                let estimate = self.nodes[one].place().round_trip(self.nodes[other].place());
                estimate.as_micros().abs_diff(truth) * 1_000 / truth
            })
            .collect();
        errors.sort_unstable();
        errors[errors.len() / 2]
    }
}

/// What a liar tells: as far away as possible, and sure of it.
fn wild() -> Coordinates {
    Coordinates::new([FARTHEST; COORDINATE_DIMENSIONS], FARTHEST, 0, 0).unwrap()
}

#[test]
fn on_a_plane_the_median_error_is_under_a_tenth_after_100_samples_and_under_3_percent_after_200() {
    for seed in 0..5 {
        let mut plane = Plane::new(seed);
        plane.samples(100);
        let early = plane.median_error();
        plane.samples(100);
        let late = plane.median_error();
        assert!(early < 100 && late < 30, "seed {seed}: {early} ‰, then {late} ‰");
    }
}

#[test]
fn with_round_trips_that_are_up_to_a_fifth_longer_the_median_error_is_under_15_percent() {
    for seed in 0..5 {
        let mut plane = Plane::new(seed);
        plane.jitter = 200;
        plane.samples(200);
        let error = plane.median_error();
        assert!(error < 150, "seed {seed}: {error} ‰");
    }
}

#[test]
fn one_liar_in_fifty_costs_little_and_five_leave_estimates_of_use() {
    for seed in 0..5 {
        for (liars, most) in [(1, 100), (5, 200)] {
            let mut plane = Plane::new(seed);
            plane.samples(200);
            plane.liars = liars;
            plane.samples(200);
            let error = plane.median_error();
            assert!(error < most, "seed {seed}, {liars} liars: {error} ‰");
        }
    }
}

#[test]
fn a_node_moves_by_a_quarter_of_the_weighted_difference() {
    // Both errors are 1.5, so the weight is a half. 100 ms lie between them, and the round trip is 60 ms.
    let node = sampled(at(0), &at(100 * MILLI), millis(60));
    let moved = node.place().apart(&at(0));
    // A quarter of half of 40 ms and both heights, less the part that goes into the height.
    assert!(moved.as_micros().abs_diff(5_001) <= 2, "{moved}");
    assert!(node.place().apart(&at(100 * MILLI)) < millis(100));
    let node = sampled(at(0), &at(100 * MILLI), millis(140));
    assert!(node.place().apart(&at(100 * MILLI)) > millis(104));
}

#[test]
fn the_error_falls_if_the_estimate_was_right_and_rises_if_it_was_wrong() {
    let sure = Coordinates::new([0; COORDINATE_DIMENSIONS], 1_000, 0, 1 << 14).unwrap();
    let right = sampled(at(0), &at(100 * MILLI), Duration::from_micros(100_020));
    // From 1.5, by a quarter of a half of it.
    assert_eq!(right.place().error_thousandths(), 1_312);
    let wrong = sampled(sure, &at(100 * MILLI), millis(1));
    assert!(wrong.place().error_thousandths() > 500);
}

#[test]
fn two_nodes_in_one_place_leave_it() {
    let node = sampled(Coordinates::ORIGIN, &Coordinates::ORIGIN, millis(80));
    // A quarter of half of 80 ms.
    assert!(node.place().apart(&Coordinates::ORIGIN).as_micros().abs_diff(9_997) <= 5);
}

#[test]
fn gravity_pulls_toward_the_origin() {
    // With a weight of zero nothing else moves it: (10 s / 150)² s = 4.444 ms.
    let sure = Coordinates::new(core::array::from_fn(|place| if place == 0 { FARTHEST } else { 0 }), 1_000, 0, 1);
    let node = sampled(sure.unwrap(), &at(0), millis(10_000));
    let left = node.place().apart(&Coordinates::ORIGIN);
    assert_eq!(left, COORDINATE_MAX - Duration::from_micros(4_445));
}

#[test]
fn a_median_of_three_ignores_one_slow_answer() {
    let mut filter = LatencyFilter::default();
    let medians = [10, 900, 12, 11, 1, 1].map(|round_trip| filter.note(millis(round_trip)).unwrap());
    assert_eq!(medians, [10, 900, 12, 12, 11, 1].map(millis));
}

#[test]
fn a_round_trip_of_zero_or_over_ten_seconds_is_no_sample() {
    let mut filter = LatencyFilter::default();
    let mut node = Vivaldi::resume(at(0));
    let long = COORDINATE_ROUND_TRIP_MAX + Duration::from_micros(1);
    for wrong in [Duration::ZERO, long, Duration::from_micros(u64::MAX)] {
        let refused = node.sample(&mut filter, &at(MILLI), wrong, &mut chance(1));
        assert_eq!((refused, *node.place()), (Err(Unusable(wrong)), at(0)));
    }
    for right in [Duration::from_micros(1), COORDINATE_ROUND_TRIP_MAX] {
        assert_eq!(LatencyFilter::default().note(right), Ok(right));
    }
    assert_eq!(
        Unusable(long).to_string(),
        "a round trip of 10000.001 ms is no sample: it must be more than 0 ms, and not longer than 10 s"
    );
}

#[test]
fn coordinates_that_no_honest_node_has_are_refused() {
    let new = |part, height, adjustment, error| {
        let mut vector = [0; COORDINATE_DIMENSIONS];
        vector[7] = part;
        Coordinates::new(vector, height, adjustment, error).is_some()
    };
    let half = 50 * MILLI;
    assert!(new(FARTHEST, FARTHEST, half, ERROR_MOST) && new(-FARTHEST, 1_000, -half, 0));
    assert!(!new(FARTHEST + 1, 1_000, 0, 0) && !new(-FARTHEST - 1, 1_000, 0, 0) && !new(i32::MIN, 1_000, 0, 0));
    assert!(!new(0, FARTHEST + 1, 0, 0) && !new(0, 999, 0, 0) && !new(0, -1, 0, 0));
    assert!(!new(0, 1_000, half + 1, 0) && !new(0, 1_000, -half - 1, 0) && !new(0, 1_000, 0, ERROR_MOST + 1));
}

#[test]
fn coordinates_are_44_bytes_and_what_is_insane_is_not_decoded() {
    let bytes = wild().to_bytes();
    assert_eq!((COORDINATES_BYTES, bytes.len()), (42, 44));
    assert_eq!(Coordinates::from_bytes(&Bytes::from(bytes.clone())), Ok(wild()));
    let mut far = bytes.clone();
    // One unit more in the last byte of the first dimension.
    far[5] += 1;
    assert_eq!(Coordinates::from_bytes(&Bytes::from(far)), Err(DecodeError::BadValue("coordinates")));
    let mut short = bytes;
    short.pop();
    assert_eq!(Coordinates::from_bytes(&Bytes::from(short)), Err(DecodeError::Truncated));
}

#[test]
fn the_golden_bytes_of_coordinates() {
    let vector = [1, -1, 256, -256, 0, 0, 0, 100 * MILLI];
    let place = Coordinates::new(vector, 1_000, -2, 1 << 15).unwrap();
    let bytes: Vec<u8> = [
        &[0x58, 42][..],
        &[0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 1, 0, 0xff, 0xff, 0xff, 0],
        &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x98, 0x96, 0x80],
        &[0, 0, 3, 0xe8, 0xff, 0xff, 0xff, 0xfe, 0x80, 0],
    ]
    .concat();
    assert_eq!(place.to_bytes(), bytes);
}

#[test]
fn states_take_the_bytes_that_are_stated() {
    assert_eq!((size_of::<Coordinates>(), size_of::<Vivaldi>(), size_of::<LatencyFilter>()), (44, 136, 12));
}

fn places() -> impl Strategy<Value = Coordinates> {
    let part = prop_oneof![-50 * MILLI..50 * MILLI, -FARTHEST..=FARTHEST, Just(0), Just(FARTHEST)];
    let height = prop_oneof![1_000..20 * MILLI, 1_000..=FARTHEST];
    let adjustment = -50 * MILLI..=50 * MILLI;
    (prop::array::uniform8(part), height, adjustment, 0..=ERROR_MOST).prop_map(
        |(vector, height, adjustment, error)| Coordinates::new(vector, height, adjustment, error).unwrap(),
    )
}

fn round_trips() -> impl Strategy<Value = Duration> {
    prop_oneof![1..500_000_u64, 1..=10_000_000_u64].prop_map(Duration::from_micros)
}

/// Serf's `updateVivaldi` in floating point, with this project's bounds: the place on each axis, the height and
/// the error, in seconds.
fn floating(own: &Parts, theirs: &Parts, round_trip: f64) -> Parts {
    let difference: Vec<f64> = own.vector.iter().zip(&theirs.vector).map(|(own, theirs)| own - theirs).collect();
    let apart = difference.iter().map(|part| part * part).sum::<f64>().sqrt();
    let heights = own.height + theirs.height;
    let adjusted = apart + heights + theirs.adjustment;
    let estimate = if adjusted > 0.0 { adjusted } else { apart + heights };
    let weight = own.error / (own.error + theirs.error).max(1.0 / 32_768.0);
    let wrong = ((estimate - round_trip).abs() / round_trip).min(1.5);
    let force = (round_trip - estimate).clamp(-0.1, 0.1) * weight * 0.25;
    let moved = |(own, part): (&f64, &f64)| own + part * force / (apart + heights);
    let mut vector: Vec<f64> = own.vector.iter().zip(&difference).map(moved).collect();
    let out = vector.iter().map(|part| part * part).sum::<f64>().sqrt();
    let gravity = (out / 150.0).powi(2);
    vector.iter_mut().for_each(|part| *part -= if out > 0.0 { *part * gravity / out } else { 0.0 });
    let vector = vector.iter().map(|part| part.clamp(-10.0, 10.0)).collect();
    let height = (own.height + force * heights / (apart + heights)).clamp(1e-5, 10.0);
    Parts { vector, height, adjustment: 0.0, error: own.error + (wrong - own.error) * weight * 0.25 }
}

#[derive(Debug)]
struct Parts {
    vector: Vec<f64>,
    height: f64,
    adjustment: f64,
    error: f64,
}

/// The parts, from the bytes.
fn parts(place: &Coordinates) -> Parts {
    let bytes = place.to_bytes();
    let seconds = |at: usize| f64::from(i32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())) / 1e8;
    Parts {
        vector: (0..8).map(|axis| seconds(2 + 4 * axis)).collect(),
        height: seconds(34),
        adjustment: seconds(38),
        error: f64::from(u16::from_be_bytes(bytes[42..].try_into().unwrap())) / 32_768.0,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_again(place in places()) {
        prop_assert_eq!(Coordinates::from_bytes(&Bytes::from(place.to_bytes())), Ok(place));
    }

    #[test]
    fn bytes_that_are_read_have_no_other_encoding(place in places(), at in 0..COORDINATES_BYTES, byte: u8) {
        let mut bytes = place.to_bytes();
        bytes[2 + at] = byte;
        if let Ok(place) = Coordinates::from_bytes(&Bytes::from(bytes.clone())) {
            prop_assert_eq!(place.to_bytes(), bytes);
        }
    }

    #[test]
    fn an_estimate_is_the_same_from_both_ends(one in places(), other in places()) {
        prop_assert_eq!(one.round_trip(&other), other.round_trip(&one));
        prop_assert!(one.round_trip(&other) <= millis(76_700));
    }

    /// The bound on what a peer can do with one sample, whatever it claims and however late it answers.
    #[test]
    fn no_claim_and_no_delay_moves_a_node_further_than_the_bound(
        own in places(), theirs in places(), round_trip in round_trips(), seed: u64,
    ) {
        let mut node = Vivaldi::resume(own);
        let (before, mut chance) = (*node.place(), chance(seed));
        node.sample(&mut LatencyFilter::default(), &theirs, round_trip, &mut chance).unwrap();
        let (after, rounding) = (node.place(), Duration::from_micros(1));
        let raised = after.height() - before.height();
        let lowered = before.height() - after.height();
        let moved = after.apart(&before) + raised + lowered;
        prop_assert!(moved <= SAMPLE_MOVES_MAX + GRAVITY_MAX + rounding, "{moved}");
        // A twentieth of 100 ms, and half of that.
        prop_assert!(parts(after).adjustment.abs() <= 0.0025);
        let (least, risen) = (before.error_thousandths(), after.error_thousandths());
        prop_assert!(risen <= least + (1_500 - least) / 4 + 1);
        // What it tells others stays sane.
        prop_assert_eq!(Coordinates::from_bytes(&Bytes::from(after.to_bytes())), Ok(*after));
    }

    /// Within a second of the origin the gravity is under 0.4 ms, so there the bound is about the 25 ms.
    #[test]
    fn near_the_origin_a_node_moves_by_25_milliseconds_at_most(
        x in -50 * MILLI..50 * MILLI,
        y in -50 * MILLI..50 * MILLI,
        theirs in places(),
        round_trip in round_trips(),
    ) {
        let own = Coordinates::new([x, y, 0, 0, 0, 0, 0, 0], 5 * MILLI, 0, ERROR_MOST).unwrap();
        let moved = sampled(own, &theirs, round_trip).place().apart(&own);
        prop_assert!(moved <= SAMPLE_MOVES_MAX + Duration::from_micros(400), "{moved}");
    }

    #[test]
    fn fixed_point_agrees_with_floating_point(own in places(), theirs in places(), round_trip in round_trips()) {
        let node = Vivaldi::resume(own);
        prop_assume!(node.place().apart(&theirs) > millis(1));
        let expected = floating(&parts(node.place()), &parts(&theirs), round_trip.as_micros() as f64 / 1e6);
        let found = sampled(own, &theirs, round_trip);
        let found = parts(found.place());
        for (found, expected) in found.vector.iter().zip(&expected.vector) {
            // 5 µs: the weight has 15 bits, 25 ms / 2¹⁵ is less than 1 µs, and far from the origin the direction is
            // rounded by as much again, and so is the gravity. 3.05 µs was seen at 10 s from the origin.
            prop_assert!((found - expected).abs() < 5e-6, "{found} {expected}");
        }
        prop_assert!((found.height - expected.height).abs() < 2e-6);
        prop_assert!((found.error - expected.error).abs() < 2e-4, "{} {}", found.error, expected.error);
    }

    #[test]
    fn the_median_is_that_of_the_last_three(round_trips in prop::collection::vec(1..10_000_000_u64, 1..30)) {
        let mut filter = LatencyFilter::default();
        for (place, round_trip) in round_trips.iter().enumerate() {
            let median = filter.note(Duration::from_micros(*round_trip)).unwrap();
            let mut last = round_trips[place.saturating_sub(2)..=place].to_vec();
            last.sort_unstable();
            prop_assert_eq!(median.as_micros(), last[last.len() / 2]);
        }
    }
}
