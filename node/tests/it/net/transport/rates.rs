//! The limits of all bytes that a node sends and reads: they hold, they are fair, and short messages pass.

use std::io;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use futures::future::select;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use node::clock::rates::{Connection, Cost, QUIC_PACKET_OVERHEAD, RateLimits, Timing, bulk_rate, burst, piece};
use node::config::rates::RATE_LIMIT_MIN;
use protocol::time::{Duration, Time};

use crate::support::virtual_time::Virtual;

const MIB: u64 = 1 << 20;

/// A socket that is always ready, and the moments at which bytes passed.
#[derive(Clone)]
struct Socket(Virtual, Arc<Mutex<Vec<(Time, u64)>>>);

impl Socket {
    fn new(clock: &Virtual) -> Self {
        Self(clock.clone(), Arc::default())
    }

    fn pass(&self, bytes: usize) -> Poll<io::Result<usize>> {
        self.1.lock().expect("no thread panicked").push((self.0.now(), bytes as u64));
        Poll::Ready(Ok(bytes))
    }

    fn bytes(&self) -> u64 {
        self.1.lock().expect("no thread panicked").iter().map(|(_, bytes)| bytes).sum()
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.pass(buf.len())
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.pass(buf.len())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn upload(rate: u64, clock: &Virtual) -> RateLimits<Virtual> {
    RateLimits::new(Some(rate), None, clock)
}

/// Writes chunks of a length without end.
fn writes(place: &Connection<Virtual>, socket: &Socket, chunk: usize) -> Pin<Box<dyn Future<Output = ()>>> {
    let mut stream = place.pace(socket.clone());
    Box::pin(async move {
        let bytes = vec![0; chunk];
        while stream.write_all(&bytes).await.is_ok() {}
    })
}

/// The most bytes in any span of this length.
fn most_in(span: Duration, socket: &Socket) -> u64 {
    let passed = socket.1.lock().expect("no thread panicked");
    let (mut most, mut sum, mut first) = (0, 0, 0);
    for (at, bytes) in passed.iter() {
        sum += bytes;
        while passed[first].0 + span < *at {
            sum -= passed[first].1;
            first += 1;
        }
        most = most.max(sum);
    }
    most
}

#[test]
fn what_is_sent_in_a_minute_is_the_limit_and_no_span_has_more_than_the_burst_beyond_it() {
    for (rate, seconds) in [(RATE_LIMIT_MIN, 60), (MIB, 60), (20 * MIB, 5)] {
        let clock = Virtual::default();
        let (socket, limits) = (Socket::new(&clock), upload(rate, &clock));
        let chunks = [1_400, 16_384, 65_000, 65_000, 65_000, 900, 3_000, 65_000];
        let tasks = chunks.map(|chunk| writes(&limits.connection(Cost::Plain), &socket, chunk));
        clock.run_for(Duration::from_secs(seconds), tasks.into());
        let share = socket.bytes() as f64 / (rate * seconds) as f64;
        assert!((0.99..1.06).contains(&share), "{share} of {rate}");
        for seconds in [1, 3] {
            let most = most_in(Duration::from_secs(seconds), &socket);
            assert!(most <= rate * seconds + burst(rate) + 8 * piece(rate), "{most} in {seconds} s at {rate}");
        }
    }
}

#[test]
fn what_is_read_is_at_most_one_piece_for_each_connection_beyond_the_limit() {
    let (rate, clock) = (MIB, Virtual::default());
    let limits = RateLimits::new(None, Some(rate), &clock);
    let socket = Socket::new(&clock);
    let reads = (0..20).map(|_| -> Pin<Box<dyn Future<Output = ()>>> {
        let mut stream = limits.connection(Cost::Plain).pace(socket.clone());
        Box::pin(async move {
            let mut bytes = vec![0; 65_536];
            while stream.read(&mut bytes).await.is_ok() {}
        })
    });
    clock.run_for(Duration::from_secs(60), reads.collect());
    let read = socket.bytes();
    assert!(read <= 60 * rate + burst(rate) + 20 * piece(rate), "{read}");
    assert!(read >= 60 * rate, "{read}");
}

#[test]
fn connections_have_equal_shares_however_many_streams_they_have_and_however_much_they_write_at_once() {
    let (rate, clock) = (MIB, Virtual::default());
    let limits = upload(rate, &clock);
    let sockets = [(); 3].map(|()| Socket::new(&clock));
    let mut tasks = Vec::new();
    for (socket, (streams, chunk)) in sockets.iter().zip([(1, 500), (8, 65_536), (1, 65_536)]) {
        let place = limits.connection(Cost::Plain);
        tasks.extend((0..streams).map(|_| writes(&place, socket, chunk)));
    }
    clock.run_for(Duration::from_secs(10), tasks);
    let shares = sockets.map(|socket| socket.bytes() as f64 / (10 * rate + burst(rate)) as f64);
    assert!(shares.iter().all(|share| (0.32..0.35).contains(share)), "{shares:?}");
}

#[test]
fn a_short_message_of_a_quiet_connection_waits_for_no_more_than_two_pieces() {
    for rate in [RATE_LIMIT_MIN, MIB] {
        let clock = Virtual::default();
        let limits = upload(rate, &clock);
        let busy = Socket::new(&clock);
        let mut tasks: Vec<_> = (0..40).map(|_| writes(&limits.connection(Cost::Plain), &busy, 65_536)).collect();
        let mut quiet = limits.connection(Cost::Plain).pace(Socket::new(&clock));
        let (waits, timer) = (Arc::new(Mutex::new(Vec::new())), clock.clone());
        let seen = Arc::clone(&waits);
        tasks.push(Box::pin(async move {
            loop {
                timer.sleep(Duration::from_millis(250)).await;
                let asked = timer.now();
                quiet.write_all(&[0; 120]).await.expect("it holds");
                seen.lock().expect("no thread panicked").push(timer.now().since(asked).as_micros());
            }
        }));
        clock.run_for(Duration::from_secs(20), tasks);
        let waits = waits.lock().expect("no thread panicked");
        let most = waits.iter().max().copied().unwrap_or(u64::MAX);
        assert!(waits.len() > 60 && most <= (2 * piece(rate) + 120) * 1_000_000 / rate, "{most} µs at {rate}");
    }
}

#[test]
fn a_connection_that_ends_while_it_is_first_leaves_its_place_to_the_next() {
    let clock = Virtual::default();
    let limits = upload(RATE_LIMIT_MIN, &clock);
    let (first, second) = (Socket::new(&clock), Socket::new(&clock));
    let short = writes(&limits.connection(Cost::Plain), &first, 65_536);
    let ends = async { drop(select(short, pin!(clock.sleep(Duration::from_secs(2)))).await) };
    let goes_on = writes(&limits.connection(Cost::Plain), &second, 65_536);
    clock.run_for(Duration::from_secs(20), vec![Box::pin(ends), goes_on]);
    let (first, second) = (first.bytes(), second.bytes());
    assert!(first < 2 * RATE_LIMIT_MIN && second > 18 * RATE_LIMIT_MIN, "{first} and {second}");
}

#[test]
fn a_connection_that_asks_and_does_not_come_back_holds_up_nobody() {
    let clock = Virtual::default();
    let limits = upload(RATE_LIMIT_MIN, &clock);
    let (stuck, busy) = (Socket::new(&clock), Socket::new(&clock));
    let mut asks = limits.connection(Cost::Plain).pace(stuck);
    let mut polled = 0;
    let task = std::future::poll_fn(|cx| {
        // It is polled until it has to wait, and then never again.
        while polled < 1_000 && Pin::new(&mut asks).poll_write(cx, &[0; 65_536]).is_ready() {
            polled += 1;
        }
        polled = 1_000;
        Poll::Pending
    });
    clock.run_for(
        Duration::from_secs(20),
        vec![Box::pin(task), writes(&limits.connection(Cost::Plain), &busy, 65_536)],
    );
    let share = busy.bytes() as f64 / (20 * RATE_LIMIT_MIN) as f64;
    assert!(share > 0.97, "{share}");
}

#[test]
fn bytes_of_quic_are_counted_with_the_overhead_of_their_packets() {
    let (rate, clock) = (MIB, Virtual::default());
    let (limits, socket) = (upload(rate, &clock), Socket::new(&clock));
    let tasks = vec![writes(&limits.connection(Cost::Quic), &socket, 65_536)];
    clock.run_for(Duration::from_secs(60), tasks);
    let share = socket.bytes() as f64 / (rate * 60) as f64;
    // A piece of 1,048 bytes fills one packet, and pays for it.
    let expected = piece(rate) as f64 / (piece(rate) + piece(rate).div_ceil(1_150) * QUIC_PACKET_OVERHEAD) as f64;
    assert!((share - expected).abs() < 0.02, "{share}, {expected}");
}

#[test]
fn without_limits_everything_passes_at_once() {
    let clock = Virtual::default();
    let limits = RateLimits::new(None, None, &clock);
    let socket = Socket::new(&clock);
    let mut stream = limits.connection(Cost::Plain).pace(socket.clone());
    clock.run(async {
        assert_eq!(stream.write(&[0; 1 << 20]).await.expect("it holds"), 1 << 20);
        assert_eq!(stream.read(&mut vec![0; 1 << 20]).await.expect("it holds"), 1 << 20);
    });
    assert_eq!(clock.now(), Time::ZERO);
}

#[test]
fn bodies_leave_room_for_control_messages() {
    assert_eq!(bulk_rate(MIB), MIB / 10 * 9);
}
