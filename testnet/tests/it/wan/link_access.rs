//! The data that emulated links of one node share: its uplink and its downlink; and the bytes that a connection
//! may have under way. In virtual time.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::task::noop_waker_ref;
use futures::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _};
use testnet::wan::{HELD_BYTES_MAX, LINK_PIECE_BYTES, SEND_BUFFER_BYTES};

use super::link::{End, SOCKET_BYTES, connect, sites};
use super::virtual_pace::Virtual;

/// 0.1 s at 50 Mbit/s.
const BODY: usize = 625_000;

async fn send(link: &mut End, bytes: usize) {
    link.write_all(&vec![7; bytes]).await.unwrap();
}

/// When this number of bytes has arrived.
async fn receive(link: &mut End, bytes: usize, pace: &Virtual) -> f64 {
    link.read_exact(&mut vec![0; bytes]).await.unwrap();
    pace.ms()
}

/// Sends and receives a body in one task, as a connection does. Returns when both are done.
async fn exchange(link: &mut End, pace: &Virtual) -> f64 {
    let (mut sent, mut got) = (0, 0);
    let body = vec![7; BODY];
    let mut into = vec![0; BODY];
    std::future::poll_fn(|cx| {
        while sent < BODY {
            let Poll::Ready(taken) = Pin::new(&mut *link).poll_write(cx, &body[sent..]) else { break };
            sent += taken.unwrap();
        }
        while got < BODY {
            let Poll::Ready(read) = Pin::new(&mut *link).poll_read(cx, &mut into) else { break };
            got += read.unwrap();
        }
        if sent == BODY && got == BODY { Poll::Ready(pace.ms()) } else { Poll::Pending }
    })
    .await
}

/// Each piece is rounded up to a nanosecond.
fn about(found: f64, expected: f64) {
    assert!((expected..expected + 0.001).contains(&found), "{found} ms where {expected} were expected");
}

#[test]
fn a_body_takes_its_time_once_and_the_delay() {
    let sites = sites(2, "0%", "50mbit");
    let pace = Virtual::start();
    let (mut a, mut b) = connect(&pace, &sites[0], &sites[1]);
    let ((), there) = pace.run(async { tokio::join!(send(&mut a, BODY), receive(&mut b, BODY, &pace)) });
    about(there, 150.0);
}

#[test]
fn connections_of_one_node_share_its_uplink() {
    let sites = sites(3, "0%", "50mbit");
    let pace = Virtual::start();
    let (mut to_b, mut b) = connect(&pace, &sites[0], &sites[1]);
    let (mut to_c, mut c) = connect(&pace, &sites[0], &sites[2]);
    let ((), (), at_b, at_c) = pace.run(async {
        tokio::join!(
            send(&mut to_b, BODY),
            send(&mut to_c, BODY),
            receive(&mut b, BODY, &pace),
            receive(&mut c, BODY, &pace)
        )
    });
    about(at_b.max(at_c), 250.0);
    // The two uploads take turns: the first is done no more than a send buffer before the other.
    assert!(at_b.min(at_c) > 239.0, "{at_b} and {at_c} ms");
}

#[test]
fn connections_of_one_node_share_its_downlink() {
    let sites = sites(3, "0%", "50mbit");
    let pace = Virtual::start();
    let (mut a, mut from_a) = connect(&pace, &sites[0], &sites[2]);
    let (mut b, mut from_b) = connect(&pace, &sites[1], &sites[2]);
    let ((), (), of_a, of_b) = pace.run(async {
        tokio::join!(
            send(&mut a, BODY),
            send(&mut b, BODY),
            receive(&mut from_a, BODY, &pace),
            receive(&mut from_b, BODY, &pace)
        )
    });
    about(of_a.max(of_b), 250.0);
    assert!(of_a.min(of_b) > 247.0, "{of_a} and {of_b} ms");
}

#[test]
fn the_two_directions_do_not_share() {
    let sites = sites(2, "0%", "50mbit");
    let pace = Virtual::start();
    let (mut a, mut b) = connect(&pace, &sites[0], &sites[1]);
    let (at_a, at_b) = pace.run(async { tokio::join!(exchange(&mut a, &pace), exchange(&mut b, &pace)) });
    about(at_a, 150.0);
    about(at_b, 150.0);
}

#[test]
fn a_message_waits_behind_what_its_connection_has_taken() {
    let sites = sites(2, "0%", "50mbit");
    let pace = Virtual::start();
    let (mut a, mut b) = connect(&pace, &sites[0], &sites[1]);
    pace.run(async {
        // Half a send buffer takes 5.243 ms; the message 0.016.
        send(&mut a, SEND_BUFFER_BYTES / 2).await;
        send(&mut a, 100).await;
        assert_eq!(pace.ms(), 0.0, "both fit into the buffer");
        about(receive(&mut b, SEND_BUFFER_BYTES / 2, &pace).await, 55.242);
        about(receive(&mut b, 100, &pace).await, 55.258);
    });
}

#[test]
fn a_send_buffer_is_taken_and_no_more_until_it_empties() {
    let sites = sites(2, "0%", "50mbit");
    let pace = Virtual::start();
    let (mut a, _b) = connect(&pace, &sites[0], &sites[1]);
    let mut cx = Context::from_waker(noop_waker_ref());
    let body = vec![7; 4 * SEND_BUFFER_BYTES];
    let mut write = || match Pin::new(&mut a).poll_write(&mut cx, &body) {
        Poll::Ready(taken) => taken.unwrap(),
        Poll::Pending => 0,
    };
    assert_eq!((write(), write()), (SEND_BUFFER_BYTES, 0));
    // 6,250 bytes a millisecond: in 3 ms two pieces have left.
    pace.advance_ms(3);
    assert_eq!((write(), write()), (2 * LINK_PIECE_BYTES, 0));
}

#[test]
fn what_is_on_the_way_is_bounded() {
    let sites = sites(2, "0%", "unlimited");
    let pace = Virtual::start();
    let (mut a, mut b) = connect(&pace, &sites[0], &sites[1]);
    let mut cx = Context::from_waker(noop_waker_ref());
    let body = vec![7; SEND_BUFFER_BYTES];
    let mut taken = 0;
    // Time stands still: the reader takes the arriving bytes off its socket, and nothing is due.
    loop {
        let before = taken;
        while let Poll::Ready(bytes) = Pin::new(&mut a).poll_write(&mut cx, &body) {
            taken += bytes.unwrap();
        }
        assert!(Pin::new(&mut b).poll_read(&mut cx, &mut [0; 64]).is_pending());
        if taken == before {
            break;
        }
    }
    let most = HELD_BYTES_MAX + 16 * 1024 + SOCKET_BYTES + SEND_BUFFER_BYTES;
    assert!((HELD_BYTES_MAX..=most).contains(&taken), "{taken} bytes");
}
