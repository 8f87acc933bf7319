//! The predictions of theory, against numbers worked out by hand.

use testnet::report::figures::models::{Line, Removal, rounds_to_all, rounds_until, si, sir};

fn close(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 5e-4, "{found} is not {wanted}");
}

#[test]
fn si_on_16_nodes_with_3_contacts() {
    // u: 15; 15 · (14/15)^3 = 12.1956; 12.1956 · (14/15)^(3 · 3.8044) = 5.5491; and so on.
    let shares = si(16, 3.0, 5);
    for (found, wanted) in shares.iter().zip([1.0, 3.8044, 10.4509, 15.3623]) {
        close(found * 16.0, wanted);
    }
    assert_eq!(rounds_until(&shares, 0.5), Some(2));
    assert_eq!(rounds_until(&shares, 0.99), Some(4));
    assert_eq!(rounds_until(&shares, 1.1), None);
}

#[test]
fn two_nodes_need_one_round_and_one_node_none() {
    assert_eq!(si(2, 1.0, 2), [0.5, 1.0, 1.0]);
    assert_eq!(si(1, 3.0, 1), [1.0, 1.0]);
}

#[test]
fn sir_without_removal_in_sight_is_si() {
    let never = Removal { sends_max: 1_000_000, feedback: false };
    for (sir, si) in sir(1_000, 3, never, 20).into_iter().zip(si(1_000, 3.0, 20)) {
        close(sir, si);
    }
}

#[test]
fn one_send_each_is_a_chain_that_ends_in_vain() {
    // n = 3: u = 2; g = 2 · (1 - 1/2) = 1; u = 1; g = 1 · (1 - 1/2) = 0.5; u = 0.5; g = 0.5 · (1 - 0.5^0.5) =
    // 0.1464.
    let once = Removal { sends_max: 1, feedback: false };
    for (found, wanted) in sir(3, 1, once, 3).iter().zip([1.0, 2.0, 2.5, 2.6464]) {
        close(found * 3.0, wanted);
    }
}

#[test]
fn two_sends_each_reach_four_fifths() {
    // Every informed node makes 2 contacts in all: s = e^-2(1 - s), so s = 0.2032 (Daley and Kendall's constant).
    let twice = Removal { sends_max: 2, feedback: false };
    close(*sir(1_000_000, 1, twice, 200).last().unwrap(), 1.0 - 0.2032);
}

#[test]
fn feedback_cools_when_most_contacts_were_in_vain() {
    // n = 3, f = 1. The first contact is useful, and no node cools. Then 2 are hot: g = 1 · (1 - 0.5^2) = 0.75 of
    // 2 contacts, w = 0.625, so 0.375 of each stay hot. With the new 0.75 that is c = 1.5, and g = 0.25 · (1 -
    // 0.5^1.5).
    let feedback = Removal { sends_max: 1_000, feedback: true };
    for (found, wanted) in sir(3, 1, feedback, 3).iter().zip([1.0, 2.0, 2.75, 2.9116]) {
        close(found * 3.0, wanted);
    }
}

#[test]
fn feedback_leaves_some_uninformed_and_a_higher_fanout_fewer() {
    let feedback = |fanout| sir(10_000, fanout, Removal { sends_max: 1_000, feedback: true }, 100);
    let (one, three) = (feedback(1), feedback(3));
    assert!(one.last() < three.last() && three.last() < si(10_000, 3.0, 100).last());
    assert!(one.is_sorted() && three.is_sorted());
}

#[test]
fn rounds_grow_with_the_logarithm() {
    // log2 1024 + ln 1024 = 10 + 6.9315; log4 1024 + ln 1024 / 3 = 5 + 2.3105.
    close(rounds_to_all(1_024.0, 1.0), 16.9315);
    close(rounds_to_all(1_024.0, 3.0), 7.3105);
}

#[test]
fn a_line_through_points_and_what_it_explains() {
    let exact = Line::through(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]).unwrap();
    assert_eq!(exact, Line { slope: 2.0, intercept: 1.0, r_squared: 1.0 });
    assert_eq!(exact.at(10.0), 21.0);
    // Means 2 and 2; xx = 2, xy = 1, yy = 2: slope 1/2, intercept 1, R² = 1 / 4.
    let rough = Line::through(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0)]).unwrap();
    assert_eq!(rough, Line { slope: 0.5, intercept: 1.0, r_squared: 0.25 });
    let flat = Line::through(&[(1.0, 4.0), (2.0, 4.0)]).unwrap();
    assert_eq!((flat.slope, flat.r_squared), (0.0, 1.0));
    assert_eq!(Line::through(&[(1.0, 1.0)]), None);
    assert_eq!(Line::through(&[(1.0, 1.0), (1.0, 2.0)]), None);
}
