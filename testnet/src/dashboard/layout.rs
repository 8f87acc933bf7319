//! Places for the nodes of an overlay, so that nodes with a short round trip between them stand close together.
//!
//! Each link has the length of the root of its round trip over the median one, plus a constant: round trips of a world
//! differ by a hundred times, and a picture has no room for that. Two nodes without a link should be as far apart as the
//! shortest path between them. Places that come closest to these distances are found by stress majorization (Gansner,
//! Koren and North, 2004), node after node. It begins on a circle, or at the places of the last time, and draws no
//! random number: the same links from the same places give the same picture.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::f64::consts::TAU;

/// The rounds of majorization. After 60 the stress of 50 nodes falls by less than a thousandth in a round.
const ROUNDS: usize = 60;

/// The part of a link's length that does not depend on its round trip, as a share of the median link. Without it, nodes of one site
/// would stand on one another.
const SPACING: f64 = 0.6;

/// A length without meaning, for a graph without links.
const UNIT: f64 = 1.0;

/// Two nodes at one place are moved apart from this distance on.
const NEAR: f64 = 1e-9;

/// The place of each node, each coordinate from 0 to 1. A link is two nodes and a round trip in any unit; 0 if it is
/// not known. `before` are the places of the last time, or nothing.
#[must_use]
pub fn layout(nodes: usize, links: &[(usize, usize, f64)], before: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let wanted = distances(nodes, &lengths(nodes, links));
    let start = |node: usize| {
        let turn = TAU * node as f64 / nodes.max(1) as f64;
        [turn.cos(), turn.sin()]
    };
    let mut places: Vec<[f64; 2]> = match before.len() == nodes {
        true => before.iter().map(|place| [(place[0] - 0.5) * 2.0, (place[1] - 0.5) * 2.0]).collect(),
        false => (0..nodes).map(start).collect(),
    };
    for _ in 0..ROUNDS {
        for node in 0..nodes {
            let moved = pulled(node, &places, &wanted);
            if let (Some(place), Some(moved)) = (places.get_mut(node), moved) {
                *place = moved;
            }
        }
    }
    fitted(&mut places);
    places
}

/// The links with the lengths that they should have.
fn lengths(nodes: usize, links: &[(usize, usize, f64)]) -> Vec<Vec<(usize, f64)>> {
    let mut known: Vec<f64> = links.iter().map(|link| link.2).filter(|trip| *trip > 0.0).collect();
    known.sort_by(f64::total_cmp);
    let median = known.get(known.len() / 2).copied().unwrap_or(UNIT);
    let mut of = vec![Vec::new(); nodes];
    for &(a, b, trip) in links.iter().filter(|link| link.0 != link.1 && link.0.max(link.1) < nodes) {
        let share = if trip > 0.0 { trip / median } else { UNIT };
        let length = SPACING + share.sqrt();
        if let Some(links) = of.get_mut(a) {
            links.push((b, length));
        }
        if let Some(links) = of.get_mut(b) {
            links.push((a, length));
        }
    }
    of
}

/// The shortest paths between all nodes (Dijkstra, 1959). Nodes without a path are one unit further apart than any others.
fn distances(nodes: usize, links: &[Vec<(usize, f64)>]) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = (0..nodes).map(|from| shortest(from, nodes, links)).collect();
    let farthest = all.iter().flatten().copied().filter(|way| way.is_finite()).fold(UNIT, f64::max);
    for way in all.iter_mut().flatten().filter(|way| !way.is_finite()) {
        *way = farthest + UNIT;
    }
    all
}

fn shortest(from: usize, nodes: usize, links: &[Vec<(usize, f64)>]) -> Vec<f64> {
    let mut best = vec![f64::INFINITY; nodes];
    let mut waiting = BinaryHeap::new();
    if let Some(at) = best.get_mut(from) {
        *at = 0.0;
        waiting.push(Reverse((Ordered(0.0), from)));
    }
    while let Some(Reverse((Ordered(at), node))) = waiting.pop() {
        for &(to, length) in links.get(node).into_iter().flatten() {
            if let Some(known) = best.get_mut(to).filter(|known| at + length < **known) {
                *known = at + length;
                waiting.push(Reverse((Ordered(*known), to)));
            }
        }
    }
    best
}

/// Where the others pull a node: each wants it at the right distance from itself, and near ones have more weight.
fn pulled(node: usize, places: &[[f64; 2]], wanted: &[Vec<f64>]) -> Option<[f64; 2]> {
    let (mine, ways) = (places.get(node)?, wanted.get(node)?);
    let (mut sum, mut weights) = ([0.0, 0.0], 0.0);
    for (other, (place, way)) in places.iter().zip(ways).enumerate().filter(|(other, _)| *other != node) {
        let (dx, dy) = (mine[0] - place[0], mine[1] - place[1]);
        let apart = (dx * dx + dy * dy).sqrt();
        let towards = match apart > NEAR {
            true => [dx / apart, dy / apart],
            // Any direction will do, if the two get opposite ones.
            false => [if node < other { 1.0 } else { -1.0 }, 0.0],
        };
        let weight = 1.0 / (way * way).max(NEAR);
        sum[0] += weight * (place[0] + way * towards[0]);
        sum[1] += weight * (place[1] + way * towards[1]);
        weights += weight;
    }
    (weights > 0.0).then(|| [sum[0] / weights, sum[1] / weights])
}

/// Moves everything into the square from 0 to 1. Each coordinate is stretched by itself.
fn fitted(places: &mut [[f64; 2]]) {
    for axis in 0..2 {
        let values = || places.iter().filter_map(|place| place.get(axis).copied());
        let (low, high) =
            values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), value| (a.min(value), b.max(value)));
        let span = high - low;
        for value in places.iter_mut().filter_map(|place| place.get_mut(axis)) {
            *value = if span > NEAR { (*value - low) / span } else { 0.5 };
        }
    }
}

/// Numbers that are never NaN, in order.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
