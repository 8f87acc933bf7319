//! Attacks below the protocol, on real nodes: windows, first packets, and the RPC.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::spawn;
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::identity::Keypair;
use node::net::handler::protocol_name;
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};
use node::rpc::ApiClient as _;
use protocol::items::keys::SecretKey;
use protocol::wire::codec::Encode as _;
use tokio::net::UdpSocket;

use crate::attack::engine::empty_block;
use crate::attack::figures::Row;
use crate::attack::stage::{ATTACK, Stage, door, run};
use crate::support::first_packets::first_packets;
use crate::support::raw_yamux::{RawYamux, data};
use crate::support::rpc::client;

/// A question of Kademlia with a key of this number of bytes, at least 128.
fn question(key: usize) -> Vec<u8> {
    let key = vec![7; key];
    let varint = |bytes: usize| [bytes as u8 | 0x80, (bytes >> 7) as u8];
    let message = [&[0x08, 4, 0x12][..], &varint(key.len()), &key].concat();
    [&varint(message.len())[..], &message].concat()
}

/// The opening words of a stream that is asked for more protocols than its answers have room for.
fn prelude() -> Vec<u8> {
    [&b"\x13/multistream/1.0.0\n"[..], &b"\x04/no\n".repeat(32)].concat()
}

/// Lets its windows grow by late pongs. Then it stops reading and asks until the node can't answer. The node
/// therefore stops reading some streams. The attacker sends as much as it may on these, in large frames and in
/// frames of one byte.
async fn pour(until: Instant) -> (usize, usize) {
    let mut peer = RawYamux::dial(door(0, "tcp/4001")).await;
    let kad = protocol_name(&"test".parse().expect("a name"), "kad", 1).to_string();
    let stream = peer.open(&kad).await;
    let questions = question(16_000).repeat(8);
    // Half of the time, 1.3 MB/s; the pong comes after a fifth.
    let begun = Instant::now();
    let (late, growing) = (begun + (until - begun) / 5, begun + (until - begun) / 2);
    let mut answered = false;
    while Instant::now() < growing {
        if Instant::now() >= late && !answered {
            peer.pong().await;
            answered = true;
        }
        peer.send(stream, &questions).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let grown = peer.grown();
    peer.stop_reading();
    // Each is answered by a kilobyte, which stays in the sockets.
    peer.send_allowed(stream, &question(128).repeat(6_000)).await;
    let mut silent = Vec::new();
    for _ in 0..13 {
        let number = peer.open_silently().await;
        peer.send_allowed(number, &prelude()).await;
        silent.push(number);
    }
    // All that is left of the grown window; then frames of one byte.
    let whole = std::iter::once((stream, 16 * 1024)).chain(silent.into_iter().map(|number| (number, 1)));
    let mut poured = 0;
    for (number, bytes) in whole {
        while peer.allowed(number) > 0 {
            let count = peer.allowed(number).min(16 * 1024);
            let frames: Vec<u8> = vec![0; count].chunks(bytes).flat_map(|body| data(0, number, body)).collect();
            peer.spend(number, count);
            if !peer.write_within(&frames, until.saturating_duration_since(Instant::now())).await {
                return (grown, poured);
            }
            poured += count;
        }
    }
    tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
    (grown, poured)
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_4_a_peer_that_fakes_its_pongs_and_never_reads() {
    let mut stage = Stage::new(None);
    let (grown, poured) = stage.attack(pour);
    let rows = vec![
        Row::at_most("windows grown beyond their first 256 KiB", grown as f64 / 1e6, 2.1, " MB"),
        Row::at_most("bytes that it could leave unread, on the way too", poured as f64 / 1e6, 8.0, " MB"),
    ];
    stage.verdict(4, "late pongs, then silence", rows);
}

/// Sends first packets of QUIC under 64 addresses in turn, or under one, 8 kB each second.
async fn flood(packets: Vec<Vec<u8>>, from: Vec<Ipv4Addr>, until: Instant) {
    let target = SocketAddr::from(([46, 1, 0, 1], 4001));
    let pause = Duration::from_millis(150);
    for (packet, ip) in packets.iter().zip(from.iter().cycle()) {
        if Instant::now() >= until {
            break;
        }
        let socket = UdpSocket::bind((*ip, 0)).await.expect("an address of ours");
        socket.send_to(packet, target).await.expect("sent");
        tokio::time::sleep(pause).await;
    }
}

/// Dials the victim again and again, each time under a new identity. Returns how many dials failed, and how many
/// there were.
async fn dial_on(target: Multiaddr, stop: Arc<AtomicBool>) -> (usize, usize) {
    let (mut failed, mut dialled) = (0, 0);
    while !stop.load(Ordering::Relaxed) {
        let key = Keypair::generate_ed25519();
        let mut transport =
            transport::build(&key, &Arc::new(WireBytes::default()), None, &Dials::default()).expect("a transport");
        let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };
        let dial = transport.dial(target.clone(), opts).expect("a dial");
        let connected = tokio::time::timeout(Duration::from_secs(5), dial).await;
        // A connection that was denied is closed at once after its setup.
        let held = match connected {
            Ok(Ok((_, mut muxer))) => {
                let ended = std::future::poll_fn(|cx| {
                    libp2p::core::muxing::StreamMuxerExt::poll_inbound_unpin(&mut muxer, cx)
                });
                !matches!(tokio::time::timeout(Duration::from_millis(100), ended).await, Ok(Err(_)))
            }
            _ => false,
        };
        dialled += 1;
        failed += usize::from(!held);
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    (failed, dialled)
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_9_first_packets_of_quic_with_nobody_behind_them() {
    let mut stage = Stage::new(None);
    let attacker = stage.space("attacker");
    attacker.ip(&["route", "add", "local", "198.18.0.0/15", "dev", "lo"]);
    attacker.ip(&["route", "add", "local", "45.5.0.1/32", "dev", "lo"]);
    stage.space("victim").inside(|| {
        for name in ["all", "default", "near0"] {
            // Where the kernel looks at senders, it does part of the work.
            let _ = std::fs::write(format!("/proc/sys/net/ipv4/conf/{name}/rp_filter"), "0");
        }
    });
    let stop = Arc::new(AtomicBool::new(false));
    let dials = ["tcp/4001", "udp/4001/quic-v1"].map(|transport| {
        let (space, stop) = (stage.space("newcomer").clone(), Arc::clone(&stop));
        let target: Multiaddr = format!("/ip4/45.1.0.1/{transport}").parse().expect("an address");
        spawn(move || space.inside(move || run(dial_on(target, stop))))
    });
    stage.attack(async |until| {
        let packets = first_packets(2 * (ATTACK.as_millis() / 150) as usize).await;
        let (some, others) = packets.split_at(packets.len() / 2);
        let anybody = (0..64).map(|n| Ipv4Addr::new(198, 18, n, 1)).collect();
        let newcomer = vec![Ipv4Addr::new(45, 5, 0, 1)];
        tokio::join!(flood(some.to_vec(), anybody, until), flood(others.to_vec(), newcomer, until));
    });
    stop.store(true, Ordering::Relaxed);
    let [tcp, quic] = dials.map(|dials| dials.join().expect("no panic"));
    println!("  TCP: {} of {} dials failed; QUIC: {} of {}", tcp.0, tcp.1, quic.0, quic.1);
    let rows = vec![
        Row::at_most("honest TCP dials that failed", tcp.0 as f64, 0.0, ""),
        Row::at_most("honest QUIC dials that failed", quic.0 as f64, 0.0, ""),
        Row::at_least("honest TCP dials", tcp.1 as f64, 20.0, ""),
    ];
    stage.verdict(9, "8 kB/s of first packets in all names and 8 kB/s in one peer's", rows);
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_17_a_stranger_at_the_rpc() {
    let mut stage = Stage::new(None);
    let (address, cookie) = stage.rpc_of(&stage.victim, "victim");
    let tip = stage.victim.status().tip_height;
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let (taken, slowest) = stage.attack_in("victim", async move |until| {
        let half: Vec<TcpStream> = (0..32)
            .map(|_| {
                let mut socket = TcpStream::connect(address).expect("it listens");
                socket.write_all(b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le").expect("buffered");
                socket
            })
            .collect();
        let (open, owner) = (client(address, None), client(address, Some(&cookie)));
        let (mut taken, mut slowest, mut parent) = (0, Duration::ZERO, None);
        for number in 0..1_000 {
            let block = empty_block(&SecretKey::from_seed(&[77; 32]), parent, number);
            parent = Some(block.header);
            let bytes = hex::encode(block.to_bytes());
            for rpc in [&open, &owner] {
                taken += usize::from(rpc.block_publish(bytes.clone()).await.is_ok());
            }
            if number % 50 == 0 {
                let began = Instant::now();
                let status = open.node_info().await;
                slowest = slowest.max(began.elapsed());
                count.fetch_add(usize::from(status.is_ok()), Ordering::Relaxed);
            }
        }
        drop(half);
        tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
        (taken, slowest)
    });
    let after = stage.victim.status().tip_height;
    let rows = vec![
        Row::at_most("of 2,000 blocks of a stranger, taken", taken as f64, 0.0, ""),
        Row::at_most("heights that the tip moved", (after - tip) as f64, 0.0, ""),
        Row::at_least(
            "questions answered beside 32 half-sent requests",
            answered.load(Ordering::Relaxed) as f64,
            20.0,
            "",
        ),
        Row::at_most("the slowest answer", slowest.as_secs_f64() * 1e3, 1_000.0, " ms"),
    ];
    stage.verdict(17, "blocks of a stranger and half-sent requests", rows);
}
