//! QUIC's first packets, as anybody can send them: complete and correct, under any address, with no program behind
//! them.

use std::collections::BTreeSet;

use libp2p::core::Endpoint;
use libp2p::core::transport::{DialOpts, PortUse, Transport as _};
use libp2p::identity::Keypair;
use libp2p::{Multiaddr, quic};
use tokio::net::UdpSocket;

/// This number of first packets, each of its own connection. They are those of a client whose dials lead nowhere.
pub(crate) async fn first_packets(count: usize) -> Vec<Vec<u8>> {
    let sink = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
    let port = sink.local_addr().expect("bound").port();
    let address: Multiaddr = format!("/ip4/127.0.0.1/udp/{port}/quic-v1").parse().expect("an address");
    let mut transport = quic::tokio::Transport::new(quic::Config::new(&Keypair::generate_ed25519()));
    let (mut packets, mut seen, mut buffer) = (Vec::new(), BTreeSet::new(), vec![0; 2_048]);
    while packets.len() < count {
        let opts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::Reuse };
        let mut dial = transport.dial(address.clone(), opts).expect("a dial");
        loop {
            let bytes = tokio::select! {
                _ = &mut dial => panic!("nobody is there"),
                received = sink.recv_from(&mut buffer) => received.expect("a packet").0,
            };
            // Its type, and the id that the client chose for the other end. A packet may come again, and its goodbye after it.
            let first = buffer[0] & 0xf0 == 0xc0 && bytes >= 1_200;
            if first && seen.insert(buffer[6..6 + usize::from(buffer[5])].to_vec()) {
                packets.push(buffer[..bytes].to_vec());
                break;
            }
        }
    }
    packets
}
