//! An emulated link in a partition, in virtual time: everything that crosses it waits for the heal, and so does
//! all news of its end.

use std::io::ErrorKind;
use std::sync::Arc;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use testnet::wan::{Halves, LinkPlan, Outage, SEND_BUFFER_BYTES, Site};

use super::link::{End, connect, plan};
use super::virtual_pace::Virtual;

const MS: u64 = 1_000_000;

/// The halves are separated from 200 ms to 500 ms. Nodes 0 and 1 are on different sides, and 0 and 2 on the same
/// side.
fn sites(pace: &Virtual) -> Vec<Arc<Site>> {
    let halves: Halves = serde_json::from_str("[true, false, true]").unwrap();
    let plan = LinkPlan { halves: Some(halves), ..plan(3, "0%", "unlimited") };
    let sites: Vec<Arc<Site>> = (0..3).map(|node| Arc::new(Site::new(plan.clone(), node).unwrap())).collect();
    let outage = Outage { from_ns: pace.at_ns(200 * MS), to_ns: pace.at_ns(500 * MS) };
    sites.iter().for_each(|site| site.set_outage(outage));
    sites
}

fn across() -> (Virtual, End, End) {
    let pace = Virtual::start();
    let sites = sites(&pace);
    let (a, b) = connect(&pace, &sites[0], &sites[1]);
    (pace, a, b)
}

/// Waits until both ends know the node at the other end.
async fn greet(a: &mut End, b: &mut End) {
    let mut got = [0];
    a.write_all(b"a").await.unwrap();
    b.read_exact(&mut got).await.unwrap();
    b.write_all(b"b").await.unwrap();
    a.read_exact(&mut got).await.unwrap();
}

#[test]
fn what_is_written_while_it_lasts_comes_a_delay_after_the_heal() {
    let (pace, mut a, mut b) = across();
    pace.run(async {
        let mut got = [0; 8];
        for (sleep, at, comes) in [(20, 20.0, 70.0), (150, 220.0, 550.0), (0, 550.0, 600.0)] {
            pace.sleep_ms(sleep).await;
            assert_eq!(pace.ms(), at);
            a.write_all(b"question").await.unwrap();
            b.read_exact(&mut got).await.unwrap();
            assert_eq!((&got, pace.ms()), (b"question", comes));
        }
    });
}

#[test]
fn what_is_on_its_way_when_it_begins_is_held_in_order() {
    let (pace, mut a, mut b) = across();
    pace.run(async {
        pace.sleep_ms(160).await;
        a.write_all(b"1").await.unwrap();
        pace.sleep_ms(300).await;
        a.write_all(b"2").await.unwrap();
        let mut got = [0; 2];
        b.read_exact(&mut got).await.unwrap();
        assert_eq!((&got, pace.ms()), (b"12", 550.0));
    });
}

#[test]
fn within_a_half_nothing_waits() {
    let pace = Virtual::start();
    let sites = sites(&pace);
    let (mut a, mut c) = connect(&pace, &sites[0], &sites[2]);
    pace.run(async {
        pace.sleep_ms(200).await;
        a.write_all(b"here").await.unwrap();
        let mut got = [0; 4];
        c.read_exact(&mut got).await.unwrap();
        assert_eq!(pace.ms(), 250.0);
    });
}

#[test]
fn a_writer_is_held_up_once_its_send_buffer_is_full() {
    let (pace, mut a, mut b) = across();
    pace.run(async {
        greet(&mut a, &mut b).await;
        pace.sleep_ms(150).await;
        a.write_all(&vec![0; SEND_BUFFER_BYTES]).await.unwrap();
        assert_eq!(pace.ms(), 250.0);
        a.write_all(b"more").await.unwrap();
        assert_eq!(pace.ms(), 500.0);
    });
}

#[test]
fn the_end_of_a_killed_node_is_known_a_delay_after_the_heal() {
    let (pace, mut a, mut b) = across();
    pace.run(async {
        greet(&mut a, &mut b).await;
        pace.sleep_ms(150).await;
        drop(a);
        assert_eq!((b.read(&mut [0; 8]).await.unwrap(), pace.ms()), (0, 550.0));
    });
}

#[test]
fn a_writer_learns_of_its_killed_reader_only_after_the_heal() {
    let (pace, mut a, mut b) = across();
    pace.run(async {
        greet(&mut a, &mut b).await;
        pace.sleep_ms(150).await;
        drop(b);
        a.write_all(b"into the void").await.unwrap();
        a.write_all(b"and again").await.unwrap();
        pace.sleep_ms(300).await;
        let error = a.write_all(b"after the heal").await.unwrap_err();
        assert_eq!((error.kind(), pace.ms()), (ErrorKind::BrokenPipe, 550.0));
    });
}

#[test]
fn who_dials_across_hears_nothing_before_the_heal() {
    let pace = Virtual::start();
    let sites = sites(&pace);
    pace.run(async {
        pace.sleep_ms(300).await;
        let (mut a, mut b) = connect(&pace, &sites[0], &sites[1]);
        a.write_all(b"hello").await.unwrap();
        let mut got = [0; 5];
        b.read_exact(&mut got).await.unwrap();
        assert_eq!((&got, pace.ms()), (b"hello", 550.0));
    });
}

#[test]
fn a_cut_can_be_made_longer_and_another_can_follow_but_none_can_be_moved() {
    let halves: Halves = serde_json::from_str("[true, false]").unwrap();
    let site = Site::new(LinkPlan { halves: Some(halves), ..plan(2, "0%", "unlimited") }, 0).unwrap();
    let set = |from_ns, to_ns| site.set_outage(Outage { from_ns, to_ns });
    let heals = |at_ns| site.heals_ns(1, at_ns, at_ns);
    set(200, 500);
    set(300, 600);
    assert_eq!((heals(250), heals(550)), (Some(500), None), "it was moved");
    set(200, 400);
    assert_eq!(heals(450), Some(500), "it was made shorter");
    set(200, 700);
    assert_eq!(heals(600), Some(700));
    set(900, 950);
    assert_eq!((heals(800), heals(920)), (None, Some(950)));
}
