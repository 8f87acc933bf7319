//! Draws follow from seed and purpose alone.

use testnet::random::Seed;

fn first(seed: u64, purpose: &str) -> Vec<usize> {
    let mut draws = Seed(seed).draws(purpose);
    (0..8).map(|_| draws.below(1_000_000)).collect()
}

#[test]
fn the_same_seed_and_purpose_give_the_same_draws() {
    assert_eq!(first(1, "homes"), first(1, "homes"));
    assert_ne!(first(1, "homes"), first(2, "homes"));
    assert_ne!(first(1, "homes"), first(1, "kills"));
}

#[test]
fn draws_stay_in_bounds_and_reach_every_value() {
    let mut draws = Seed(3).draws("bounds");
    let mut seen = [false; 7];
    for _ in 0..1_000 {
        seen[draws.below(7)] = true;
        assert!((0.0..1.0).contains(&draws.unit()));
    }
    assert_eq!(seen, [true; 7]);
    assert_eq!([draws.below(0), draws.below(1)], [0, 0]);
}

#[test]
fn a_shuffle_keeps_what_it_shuffles() {
    let mut items: Vec<usize> = (0..100).collect();
    Seed(1).draws("shuffle").shuffle(&mut items);
    assert_ne!(items, (0..100).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}
