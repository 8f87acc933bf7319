//! An emulated link by itself: delay, jitter, order and ends, in virtual time.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncReadExt as _, AsyncWriteExt as _};
use testnet::random::Seed;
use testnet::wan::emulated::link::Link;
use testnet::wan::{Delays, LinkPlan, Site, Wan};
use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};
use tokio_util::compat::{Compat, TokioAsyncReadCompatExt as _};

use super::virtual_pace::Virtual;

pub(crate) type End = Link<Compat<DuplexStream>, Virtual>;

/// The size of the buffer that replaces the kernel's.
pub(crate) const SOCKET_BYTES: usize = 256 * 1024;

pub(crate) const DELAY: Duration = Duration::from_millis(50);

/// Nodes with 50 ms between any two.
pub(crate) fn plan(nodes: usize, jitter: &str, bandwidth: &str) -> LinkPlan {
    LinkPlan {
        seed: 1,
        jitter: jitter.parse().unwrap(),
        bandwidth: bandwidth.parse().unwrap(),
        delays: Delays::new(&Wan::Uniform(DELAY), nodes, Seed(1)).unwrap(),
        halves: None,
        slow: vec![],
    }
}

/// Their ends of the links.
pub(crate) fn sites(nodes: usize, jitter: &str, bandwidth: &str) -> Vec<Arc<Site>> {
    let plan = plan(nodes, jitter, bandwidth);
    (0..nodes).map(|node| Arc::new(Site::new(plan.clone(), node).unwrap())).collect()
}

/// A connection between two nodes.
pub(crate) fn connect(pace: &Virtual, a: &Arc<Site>, b: &Arc<Site>) -> (End, End) {
    let (socket_a, socket_b) = duplex(SOCKET_BYTES);
    (
        Link::new(socket_a.compat(), Arc::clone(a), pace.clone()),
        Link::new(socket_b.compat(), Arc::clone(b), pace.clone()),
    )
}

fn pair(jitter: &str) -> (Virtual, End, End) {
    let sites = sites(2, jitter, "unlimited");
    let pace = Virtual::start();
    let (a, b) = connect(&pace, &sites[0], &sites[1]);
    (pace, a, b)
}

#[test]
fn what_is_written_comes_a_delay_later_either_way() {
    let (pace, mut a, mut b) = pair("0%");
    pace.run(async {
        let mut got = [0; 8];
        for round in 0..2_u8 {
            let start = 100.0 * f64::from(round);
            a.write_all(b"question").await.unwrap();
            assert_eq!(pace.ms(), start, "a write doesn't wait for the link");
            b.read_exact(&mut got).await.unwrap();
            assert_eq!((&got, pace.ms()), (b"question", start + 50.0));
            b.write_all(b"answered").await.unwrap();
            a.read_exact(&mut got).await.unwrap();
            assert_eq!((&got, pace.ms()), (b"answered", start + 100.0));
        }
    });
}

#[test]
fn what_is_on_the_way_does_not_hold_up_what_follows() {
    let (pace, mut a, mut b) = pair("0%");
    pace.run(async {
        a.write_all(b"1").await.unwrap();
        pace.sleep_ms(20).await;
        a.write_all(b"2").await.unwrap();
        let mut got = [0; 8];
        assert_eq!((b.read(&mut got).await.unwrap(), pace.ms()), (1, 50.0));
        assert_eq!((b.read(&mut got).await.unwrap(), pace.ms()), (1, 70.0));
    });
}

#[test]
fn each_write_draws_its_delay_within_the_jitter() {
    let (pace, mut a, mut b) = pair("10%");
    let mut delays = Vec::new();
    pace.run(async {
        for number in 0..200_u8 {
            let start = pace.ms();
            a.write_all(&[number]).await.unwrap();
            let mut got = [0];
            b.read_exact(&mut got).await.unwrap();
            assert_eq!(got, [number]);
            delays.push(pace.ms() - start);
        }
    });
    assert!(delays.iter().all(|delay| (45.0..=55.0).contains(delay)), "{delays:?}");
    // The delays are drawn evenly, 200 times. The probability that none of them lies in the outermost tenth of a
    // side is 1e-9.
    let within = |from: f64, to: f64| delays.iter().any(|delay| (from..=to).contains(delay));
    assert!(within(45.0, 46.0) && within(54.0, 55.0), "{delays:?}");
}

#[test]
fn nothing_overtakes_within_a_stream() {
    let (pace, mut a, mut b) = pair("100%");
    let mut times = Vec::new();
    pace.run(async {
        for number in 0..50_u8 {
            a.write_all(&[number]).await.unwrap();
        }
        for number in 0..50_u8 {
            let mut got = [0];
            b.read_exact(&mut got).await.unwrap();
            assert_eq!(got, [number]);
            times.push(pace.ms());
        }
    });
    // The slowest write so far decides. Of 50 draws up to 100 ms, one is above 80, except in one case of 70,000.
    assert!(times.is_sorted() && times[0] < times[49] && (80.0..=100.0).contains(&times[49]), "{times:?}");
}

#[test]
fn an_end_takes_as_long_as_bytes_do() {
    let (pace, mut a, mut b) = pair("0%");
    pace.run(async {
        a.write_all(b"last words").await.unwrap();
        pace.sleep_ms(10).await;
        a.close().await.unwrap();
        assert_eq!(pace.ms(), 10.0, "closing doesn't wait for the link");
        drop(a);
        let mut got = [0; 16];
        assert_eq!((b.read(&mut got).await.unwrap(), pace.ms()), (10, 50.0));
        assert_eq!((b.read(&mut got).await.unwrap(), pace.ms()), (0, 60.0));
        assert_eq!(b.read(&mut got).await.unwrap(), 0);
    });
}

#[test]
fn the_end_of_a_killed_node_is_known_a_delay_later() {
    let (pace, mut a, mut b) = pair("0%");
    pace.run(async {
        a.write_all(b"last words").await.unwrap();
        let mut got = [0; 16];
        // The reader has taken the bytes off its socket before the writer dies.
        assert!(futures::poll!(b.read(&mut got)).is_pending());
        pace.sleep_ms(20).await;
        drop(a);
        assert_eq!((b.read(&mut got).await.unwrap(), pace.ms()), (10, 50.0));
        assert_eq!((b.read(&mut got).await.unwrap(), pace.ms()), (0, 70.0));
    });
}

#[test]
fn a_stranger_at_the_other_end_is_an_error() {
    let pace = Virtual::start();
    let site = sites(2, "0%", "unlimited").remove(0);
    let number_2 = b"hsl1\x02\0\0\0".as_slice();
    let too_long = b"hsl1\x01\0\0\0\0\0\0\0\0\0\0\0\xff\xff\xff\x7f".as_slice();
    for said in [b"GET / HTTP/1.1".as_slice(), number_2, too_long] {
        let (mut stranger, socket) = duplex(SOCKET_BYTES);
        let mut link = Link::new(socket.compat(), Arc::clone(&site), pace.clone());
        let error = pace.run(async {
            stranger.write_all(said).await.unwrap();
            link.read(&mut [0; 8]).await.unwrap_err()
        });
        assert!(matches!(error.kind(), ErrorKind::InvalidData), "{said:?}: {error}");
    }
}
