//! Conversations with peers that answer nothing and ask all the time: the share that remains for the others.

use protocol::gossip::{Direction, PeerHandle, Reconciliation, RelayPolicy};
use protocol::limits::{RECONCILE_SERVED_MAX, RECONCILE_SILENT, RECONCILE_STEP};
use protocol::time::Duration;
use protocol::wire::message::{Digest, Hello, Message, Outcome, Reconcile};

use crate::harness::{Checking, Mesh, genesis, network};
use crate::make;

fn on() -> Mesh {
    let on = Reconciliation { interval: Duration::from_secs(1), ..Reconciliation::default() };
    let mut mesh = Mesh::reconciling(1, RelayPolicy::default(), on, 1);
    mesh.checking = Checking::Assumed;
    mesh
}

fn dialled(mesh: &mut Mesh) -> PeerHandle {
    let peer = mesh.raw(0, Direction::Outbound);
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), genesis())));
    peer
}

/// Opens with a sketch that has too few symbols.
fn open(mesh: &mut Mesh, peer: PeerHandle, number: u32, size: u32) {
    let (digest, tip) = (Digest::PushPull, genesis());
    let mut salt = [1; 16];
    salt[..4].copy_from_slice(&number.to_be_bytes());
    let open = Reconcile::Open { number, digest, size, tip, salt, symbols: vec![0; 22].into() };
    mesh.say(0, peer, Message::Reconcile(Box::new(open)));
}

fn is_busy(heard: &[Message]) -> bool {
    heard.iter().any(|message| match message {
        Message::Reconcile(message) => {
            matches!(**message, Reconcile::Difference { outcome: Outcome::Busy, .. })
        }
        _ => false,
    })
}

/// The openings of ours that a peer received. If it answers, it answers with an empty difference.
fn openings(mesh: &mut Mesh, peer: PeerHandle, answers: bool) -> usize {
    let mut count = 0;
    for message in mesh.heard(0, peer) {
        if let Message::Reconcile(message) = message
            && let Reconcile::Open { number, .. } = *message
        {
            count += 1;
            let (outcome, tip) = (Outcome::Known, genesis());
            let answer = Reconcile::Difference { number, outcome, tip, wanted: vec![], offered: vec![] };
            if answers {
                mesh.say(0, peer, Message::Reconcile(Box::new(answer)));
            }
        }
    }
    count
}

#[test]
fn peers_that_answer_no_opening_are_opened_to_ever_more_seldom() {
    let mut mesh = on();
    let silent: Vec<_> = (0..8).map(|_| dialled(&mut mesh)).collect();
    let honest = dialled(&mut mesh);
    let (mut theirs, mut ours, mut first) = (0, 0, None);
    for tenth in 0..1_200 {
        mesh.run_for(Duration::from_millis(100));
        theirs += silent.iter().map(|peer| openings(&mut mesh, *peer, false)).sum::<usize>();
        let heard = openings(&mut mesh, honest, true);
        ours += heard;
        first = first.or((heard > 0).then_some(tenth));
    }
    println!(
        "openings in two minutes: {ours} of the honest one, the first after {first:?} tenths; {theirs} of eight silent"
    );
    // Each silent peer costs one step. The honest peer is greeted last.
    assert!(first.is_some_and(|tenth| tenth <= 8 * RECONCILE_STEP.as_millis() / 100 + 5), "{first:?}");
    // By then the pauses of the silent peers have doubled six times.
    assert!(ours >= 20 && theirs <= 8 * 7, "{ours} {theirs}");
}

#[test]
fn peers_that_open_all_the_time_leave_answers_for_one_that_opens_seldom() {
    let mut mesh = on();
    let greedy: Vec<_> = (0..8).map(|_| mesh.greeted(0)).collect();
    let honest = mesh.greeted(0);
    let (mut number, mut busy) = (0, 0);
    for step in 0..400 {
        mesh.run_for(Duration::from_millis(200));
        for peer in &greedy {
            number += 1;
            open(&mut mesh, *peer, number, 0);
        }
        if step % 20 == 0 {
            number += 1;
            mesh.heard(0, honest);
            open(&mut mesh, honest, number, 0);
            busy += usize::from(is_busy(&mesh.heard(0, honest)));
        }
    }
    println!("busy {busy} of 20 times");
    assert_eq!(busy, 0);
}

#[test]
fn a_conversation_whose_initiator_is_silent_gives_its_place_to_another() {
    let mut mesh = on();
    for number in 0..300 {
        mesh.submit(0, &make::transaction(number, 0, 1_000, 0));
    }
    mesh.run_secs(5);
    let silent: Vec<_> = (0..RECONCILE_SERVED_MAX).map(|_| mesh.greeted(0)).collect();
    let honest = mesh.greeted(0);
    for (number, peer) in (1..).zip(&silent) {
        open(&mut mesh, *peer, number, 300);
        assert!(!is_busy(&mesh.heard(0, *peer)));
    }
    mesh.run_for(RECONCILE_SILENT - Duration::from_micros(1));
    open(&mut mesh, honest, 100, 300);
    assert!(is_busy(&mesh.heard(0, honest)), "a moment sooner");
    let other = mesh.greeted(0);
    mesh.run_for(Duration::from_micros(1));
    open(&mut mesh, other, 101, 300);
    assert!(!is_busy(&mesh.heard(0, other)));
}
