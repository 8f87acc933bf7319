//! The time of an upload and of the control frames beside it, through the real handler and transport over a slow
//! and distant link. It is a measurement, which prints and asserts only that everything arrives. Run it alone:
//! `cargo test --release -p hearsay-node --test it lane::speed -- --ignored --nocapture`

use std::net::SocketAddr;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use node::net::handler::{Order, Report};
use protocol::items::hash::BlockId;
use protocol::wire::message::{Hello, Lane, Message, Tip};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, interval, sleep_until};

use crate::support::puppet::Puppet;

/// Bytes a second: 50 Mbit/s.
const RATE: f64 = 6_250_000.0;

/// Bytes that the link accepts before it pushes back: as few as a socket that hides none.
const HELD_MAX: usize = 512;

/// The time between two control frames.
const CONTROL_INTERVAL: Duration = Duration::from_millis(4);

/// An address that leads to `address` over a link of [`RATE`] with `delay` in each direction.
async fn link(address: Multiaddr, delay: Duration) -> Multiaddr {
    let port = address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None });
    let target = SocketAddr::from(([127, 0, 0, 1], port.expect("a TCP address")));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.expect("dialled");
        let far = TcpStream::connect(target).await.expect("listening");
        for socket in [&near, &far] {
            socket.set_nodelay(true).expect("a socket");
        }
        let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
        carry(near_in, far_out, delay);
        carry(far_in, near_out, delay);
    });
    format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address")
}

/// One direction: bytes that are read leave at [`RATE`], and are written `delay` after the last of them has left.
fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, delay: Duration) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(HELD_MAX);
    tokio::spawn(async move {
        let mut free_at = Instant::now();
        let mut buffer = vec![0; 4_096];
        while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
            free_at = free_at.max(Instant::now()) + Duration::from_secs_f64(bytes as f64 / RATE);
            if sender.send((free_at + delay, buffer[..bytes].to_vec())).await.is_err() {
                break;
            }
        }
    });
    tokio::spawn(async move {
        while let Some((at, bytes)) = receiver.recv().await {
            sleep_until(at).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement of 30 s that wants a quiet machine"]
async fn an_upload_and_the_control_frames_beside_it() {
    for round_trip in [20, 80, 150] {
        let delay = Duration::from_millis(round_trip / 2);
        let (mut one, mut two) = Puppet::open_pair_through(async |address| link(address, delay).await).await;
        let network = "test".parse().expect("a name");
        one.order(Order::Send(vec![(
            Lane::Control,
            Message::Hello(Hello::new(&network, Tip { height: 0, id: BlockId([0; 32]) })),
        )]));
        for upload in 0..5 {
            let (took, mut waited) = upload_once(&mut one, &mut two, delay).await;
            waited.sort_by(f64::total_cmp);
            let at = |share: usize| waited[(waited.len() * share / 100).min(waited.len() - 1)];
            println!(
                "{round_trip:3} ms, upload {upload}: {took:6.1} ms; control frames beyond the path: \
                 p50 {:5.1}, p99 {:5.1}, of {}",
                at(50),
                at(99),
                waited.len(),
            );
        }
    }
}

/// Uploads 1 MiB. Returns how long it took, and how much longer than the path each control frame took meanwhile,
/// in milliseconds.
async fn upload_once(one: &mut Puppet, two: &mut Puppet, delay: Duration) -> (f64, Vec<f64>) {
    let body = Message::Transactions { via: None, bodies: vec![vec![7; 65_536].into(); 16] };
    let began = Instant::now();
    one.order(Order::Send(vec![(Lane::Bulk, body)]));
    let (mut sent, mut waited, mut took) = (Vec::new(), Vec::new(), None);
    #[expect(clippy::disallowed_methods, reason = "the load is what it is, also after a pause")]
    let mut ticks = interval(CONTROL_INTERVAL);
    while took.is_none() || waited.len() < sent.len() {
        tokio::select! {
            _ = ticks.tick(), if took.is_none() => {
                let mut id = [0; 32];
                id[..8].copy_from_slice(&(sent.len() as u64).to_le_bytes());
                sent.push(Instant::now());
                one.order(Order::Send(vec![(Lane::Control, Message::GetBlock { graft: false, id: BlockId(id) })]));
            }
            report = two.report(one) => match report {
                Report::Received(Message::GetBlock { id, .. }) => {
                    let number = u64::from_le_bytes(id.0[..8].try_into().expect("eight bytes"));
                    let took = sent[number as usize].elapsed().saturating_sub(delay);
                    waited.push(took.as_secs_f64() * 1e3);
                }
                Report::Received(Message::Transactions { .. }) => took = Some(began.elapsed().as_secs_f64() * 1e3),
                Report::Received(Message::Hello(_)) | Report::Drained(..) => {}
                other => panic!("unexpected {other:?}"),
            },
        }
    }
    (took.expect("it came"), waited)
}
