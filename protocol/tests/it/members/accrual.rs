//! The accrual detector in place of pings: what makes a watcher suspect its peer.

use protocol::gossip::members::{Detector, MemberChange, MemberState, MembersConfig};

use super::mesh::Mesh;

fn net(detector: Detector) -> Mesh {
    let mut mesh = Mesh::full(MembersConfig { detector, ..MembersConfig::lan() }, 9);
    mesh.secs(90);
    mesh
}

fn suspected(mesh: &Mesh, node: usize) -> usize {
    (0..9).filter(|other| mesh.count(*other, node, MemberChange::Suspected) > 0).count()
}

/// A member whose links have been silent for this many seconds. Nobody is told that they are gone.
fn silent_for(mesh: &mut Mesh, secs: u64) {
    (0..9).filter(|other| *other != 5).for_each(|other| mesh.cut(5, other));
    mesh.secs(secs);
}

#[test]
fn a_peer_that_is_silent_for_too_long_is_suspected_and_dies() {
    let mut mesh = net(Detector::Phi(8));
    assert_eq!(suspected(&mesh, 5), 0);
    silent_for(&mut mesh, 80);
    for node in (0..9).filter(|node| *node != 5) {
        assert_eq!(mesh.sees(node, 5), Some(MemberState::Dead), "node {node}");
    }
}

#[test]
fn silence_is_judged_by_its_length_and_not_by_pings() {
    // A ping is lost after half a second, and again in the second round. Phi is over 8 after 18.4 intervals of a
    // second at the least, as long as the first interval of two seconds counts for much.
    let (mut swim, mut phi) = (net(Detector::Swim), net(Detector::Phi(8)));
    silent_for(&mut swim, 6);
    silent_for(&mut phi, 6);
    assert!(suspected(&swim, 5) > 0);
    assert_eq!(suspected(&phi, 5), 0);
}

#[test]
fn a_higher_threshold_waits_longer() {
    let (mut low, mut high) = (net(Detector::Phi(3)), net(Detector::Phi(16)));
    silent_for(&mut low, 15);
    silent_for(&mut high, 15);
    assert!(suspected(&low, 5) > 0);
    assert_eq!(suspected(&high, 5), 0);
}

#[test]
fn phi_is_told_of_peers_alone_and_with_this_detector_alone() {
    let mut mesh = net(Detector::Phi(8));
    mesh.unlink(0, 4);
    let level = |mesh: &Mesh, of| mesh.nodes[0].members.phi(&mesh.key(of), mesh.now);
    assert!(level(&mesh, 1).is_some());
    assert!(level(&mesh, 4).is_none(), "no link");
    assert!(level(&net(Detector::Swim), 1).is_none());
}
