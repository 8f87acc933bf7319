//! Where nodes stand in the picture.

use testnet::dashboard::layout::layout;

/// Two sites of four nodes each. Round trips are 2 within a site, and 200 between them.
fn two_sites() -> Vec<(usize, usize, f64)> {
    let all = (0..8).flat_map(|a| (a + 1..8).map(move |b| (a, b)));
    all.map(|(a, b)| (a, b, if (a < 4) == (b < 4) { 2.0 } else { 200.0 })).collect()
}

fn apart(places: &[[f64; 2]], a: usize, b: usize) -> f64 {
    (places[a][0] - places[b][0]).hypot(places[a][1] - places[b][1])
}

#[test]
fn nodes_with_a_short_round_trip_stand_closer_than_others_on_average() {
    let places = layout(8, &two_sites(), &[]);
    let mean = |near: bool| {
        let links = two_sites().into_iter().filter(|link| (link.2 < 10.0) == near);
        let apart: Vec<f64> = links.map(|link| apart(&places, link.0, link.1)).collect();
        apart.iter().sum::<f64>() / apart.len() as f64
    };
    // Each coordinate is stretched by itself, so that single pairs say little.
    assert!(1.5 * mean(true) < mean(false), "{} within a site, {} between two", mean(true), mean(false));
}

#[test]
fn the_same_links_give_the_same_picture() {
    assert_eq!(layout(8, &two_sites(), &[]), layout(8, &two_sites(), &[]));
}

#[test]
fn every_place_is_in_the_picture_whatever_the_links_are() {
    let odd = [(0, 0, 1.0), (1, 99, 1.0), (2, 3, 0.0), (3, 2, f64::MAX)];
    for (nodes, links) in [(0, &[][..]), (1, &[]), (5, &[]), (5, &odd)] {
        let places = layout(nodes, links, &vec![[0.5, 0.5]; nodes]);
        assert_eq!(places.len(), nodes);
        assert!(places.iter().flatten().all(|at| (0.0..=1.0).contains(at)), "{places:?}");
    }
}
