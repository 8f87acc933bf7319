//! Whether nodes came to a plateau: the rules, and the report for programs and for people.

use testnet::report::plateau::{PLATEAU_KIND, Plateau, Sample};
use testnet::report::tables::layout::Page;
use testnet::report::tables::plateau::render;
use testnet::report::{self, Found, MEMORY_FILE};

/// An hour of two nodes, a sample a minute. The second one's figures are given by the minute.
fn hour(figures: impl Fn(f64) -> (f64, f64, f64)) -> Plateau {
    let samples = (0..=60).map(f64::from).map(|minute| {
        let (rss, descriptors, threads) = figures(minute);
        Sample {
            at_s: minute * 60.0,
            rss_mib: vec![40.0, rss],
            descriptors: vec![30.0, descriptors],
            threads: vec![6.0, threads],
        }
    });
    Plateau {
        schema: 1,
        kind: PLATEAU_KIND.to_owned(),
        engine: "hearsay".to_owned(),
        relay: "author-tree".to_owned(),
        nodes: 2,
        topology: "kademlia".to_owned(),
        wan: "none".to_owned(),
        seed: 1,
        command: "testnet run --plateau 96MiB".to_owned(),
        valid: true,
        invalid_because: vec![],
        tx_rate: 60.0,
        tx_bytes: 256,
        block_interval_s: Some(5.0),
        load_s: 3_600.0,
        rss_max_mib: 96.0,
        reached: false,
        broken: vec![],
        samples: samples.collect(),
    }
    .judged()
}

/// Memory that grows until a time, in minutes.
fn until(end: f64) -> impl Fn(f64) -> f64 {
    move |minute| 20.0 + 1.5 * minute.min(end)
}

#[test]
fn memory_that_grows_for_40_minutes_and_then_stays_is_a_plateau() {
    let plateau = hour(|minute| (until(40.0)(minute), 30.0, 6.0));
    assert_eq!((plateau.reached, plateau.broken.as_slice()), (true, &[][..]));
}

#[test]
fn memory_that_goes_on_growing_is_none_although_it_is_within_the_bound() {
    let plateau = hour(|minute| (20.0 + minute, 30.0, 6.0));
    assert!(!plateau.reached);
    assert_eq!(plateau.broken, ["the memory of node 1 rises by 20.0 MiB in the last 20.0 minutes, above 3"]);
    // Just within the rule.
    assert!(hour(|minute| (20.0 + minute * 2.9 / 20.0, 30.0, 6.0)).reached);
}

#[test]
fn flat_memory_above_the_bound_is_none() {
    assert!(hour(|_| (96.0, 30.0, 6.0)).reached);
    let plateau = hour(|_| (96.5, 30.0, 6.0));
    assert_eq!((plateau.reached, plateau.broken.len()), (false, 1));
    assert_eq!(plateau.broken[0], "node 1 takes 96.5 MiB at the end, above 96.0");
}

#[test]
fn descriptors_and_threads_may_come_and_go_and_not_grow() {
    let now_and_then = |minute: f64| if minute % 5.0 == 0.0 { 50.0 } else { 30.0 };
    assert!(hour(|minute| (40.0, now_and_then(minute), 6.0)).reached);
    let leak = hour(|minute| (40.0, 30.0 + minute, 6.0));
    assert_eq!(leak.broken, ["node 1 has 80 descriptors in the last 20.0 minutes, and 60 before"]);
    let threads = hour(|minute| (40.0, 30.0, if minute > 40.0 { 9.0 } else { 6.0 }));
    assert_eq!(threads.broken, ["node 1 has 9 threads in the last 20.0 minutes, and 6 before"]);
}

#[test]
fn a_run_that_is_not_valid_shows_no_plateau() {
    let plateau = hour(|_| (40.0, 30.0, 6.0));
    let why = "interrupted by a signal".to_owned();
    let cut = Plateau { valid: false, invalid_because: vec![why], ..plateau }.judged();
    assert_eq!((cut.reached, cut.broken.len()), (false, 0));
    let text = render(&cut, Page::PLAIN);
    assert!(text.contains("plateau: not reached") && text.contains("INVALID: interrupted by a signal"), "{text}");
}

#[test]
fn the_table_shows_the_median_and_the_highest_node_over_time() {
    let plateau = hour(|minute| (until(40.0)(minute), 32.0, 6.0));
    let text = render(&plateau, Page::PLAIN);
    let last = text.lines().find(|line| line.trim_start().starts_with("60.0")).unwrap();
    assert_eq!(last.split_whitespace().collect::<Vec<_>>(), ["60.0", "40.0", "80.0", "30", "32", "6", "6"]);
    assert!(text.contains("plateau: reached, within 96.0 MiB"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
}

#[test]
fn a_report_of_this_kind_reads_back_and_its_picture_is_drawn_again() {
    let dir = tempfile::tempdir().unwrap();
    let plateau = hour(|minute| (until(40.0)(minute), 30.0, 6.0));
    report::write_plateau(dir.path(), &plateau).unwrap();
    let picture = std::fs::read_to_string(dir.path().join(MEMORY_FILE)).unwrap();
    assert!(picture.contains("Resident memory of 2 nodes") && picture.contains("bound: 96 MiB"), "{picture}");
    assert_eq!(report::read(dir.path()).unwrap(), Found::Plateau(Box::new(plateau.clone())));
    assert!(report::redraw_missing_of_plateau(dir.path(), &plateau).unwrap().is_empty());
    std::fs::remove_file(dir.path().join(MEMORY_FILE)).unwrap();
    assert_eq!(report::redraw_missing_of_plateau(dir.path(), &plateau).unwrap(), [MEMORY_FILE]);
}
