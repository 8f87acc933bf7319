//! Tickets of members that lie, and the bounds on what a link may make a node do.

use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::extrema::{Extrema, Fingerprint, Ticket, TicketJob, Tickets};
use protocol::items::keys::{PublicKey, SecretKey, Signature};
use protocol::items::member::epoch::Epoch;
use protocol::items::network::NetworkId;
use protocol::items::verify::{JobId, Verdict};
use protocol::limits::{
    AGGREGATE_INTERVAL, AGGREGATE_LINKS_MAX, FINGERPRINT_TICKS, RESENDS_PER_LINK_MAX, TICKETS_IN_CHECK_MAX,
    TICKETS_PER_LINK_MAX, TICKETS_PER_MESSAGE_MAX,
};
use protocol::time::Time;

use super::extrema::unchecked;
use super::net::epoch;

const LINK: PeerHandle = PeerHandle(7);

/// A message of these tickets.
pub(crate) fn message(epoch: Epoch, tickets: Vec<Ticket>) -> Tickets {
    Tickets { epoch: epoch.name(), fingerprint: Fingerprint([0; 8]), tickets }
}

fn network() -> NetworkId {
    "test".parse().expect("a network")
}

fn signed(number: u8, epoch: Epoch) -> Ticket {
    Ticket::sign(&SecretKey::from_seed(&[number; 32]), &network(), &epoch)
}

/// A machine in epoch 1 with one link, and no ticket of its own.
fn machine() -> Extrema {
    let mut machine = Extrema::default();
    machine.begin(Time::ZERO, epoch(1), None);
    assert!(machine.on_link_up(LINK));
    machine
}

fn job(machine: &mut Extrema, tickets: Vec<Ticket>) -> Option<TicketJob> {
    machine.on_message(LINK, &message(epoch(1), tickets), |_| true)
}

/// What the check of some tickets says, and what the machine makes of it: its verdict, the link that is blamed,
/// and the tickets that are held then.
fn checked(tickets: Vec<Ticket>) -> (Verdict, Option<PeerHandle>, usize) {
    let mut machine = machine();
    let job = job(&mut machine, tickets).expect("something to check");
    let verdict = job.run(&network(), PublicKey::decompress);
    let blamed = machine.on_checked(job.id, verdict);
    (verdict, blamed, machine.winners().expect("an epoch").len())
}

#[test]
fn a_signed_ticket_counts() {
    assert_eq!(checked(vec![signed(1, epoch(1))]), (Verdict::Valid, None, 1));
}

#[test]
fn a_forged_ticket_is_refused_and_its_sender_is_blamed() {
    let honest = signed(1, epoch(1));
    let of_another = Ticket { member: signed(2, epoch(1)).member, ..honest };
    let of_another_epoch = signed(1, epoch(2));
    let of_another_network =
        Ticket::sign(&SecretKey::from_seed(&[1; 32]), &"other".parse().expect("a network"), &epoch(1));
    let mut bent = honest;
    bent.signature.0[40] ^= 1;
    let no_key = Ticket { member: PublicKey([0xff; 32]), signature: Signature([0; 64]) };
    let small_order = Ticket { member: PublicKey([0; 32]), signature: Signature([0; 64]) };
    for forged in [of_another, of_another_epoch, of_another_network, bent, no_key, small_order] {
        assert_eq!(checked(vec![forged]), (Verdict::Invalid { first: 0 }, Some(LINK), 0), "{forged:?}");
    }
}

#[test]
fn tickets_before_a_forged_one_count_and_those_behind_it_do_not() {
    let forged = Ticket { member: signed(9, epoch(1)).member, ..signed(2, epoch(1)) };
    let tickets = vec![signed(1, epoch(1)), forged, signed(3, epoch(1))];
    assert_eq!(checked(tickets), (Verdict::Invalid { first: 1 }, Some(LINK), 1));
}

#[test]
fn nothing_counts_before_its_check() {
    let mut machine = machine();
    let job = job(&mut machine, vec![unchecked(1)]).expect("a job");
    assert_eq!((machine.estimate(), machine.in_check()), (None, 1));
    machine.on_checked(job.id, Verdict::Valid);
    assert!(machine.estimate().is_some());
}

#[test]
fn a_ticket_that_is_held_or_has_no_minimum_is_not_checked() {
    let mut machine = machine();
    // Of so many members not all have a minimum.
    for first in (0..2_048).step_by(TICKETS_PER_MESSAGE_MAX) {
        if let Some(job) = job(&mut machine, (first..first + 32).map(unchecked).collect()) {
            machine.on_checked(job.id, Verdict::Valid);
        }
    }
    let held = machine.winners().expect("an epoch").len();
    assert!((128..=256).contains(&held), "{held}");
    for first in (0..2_048).step_by(TICKETS_PER_MESSAGE_MAX) {
        assert_eq!(job(&mut machine, (first..first + 32).map(unchecked).collect()), None);
    }
}

#[test]
fn a_member_that_is_not_admitted_does_not_count_and_blames_nobody() {
    let mut machine = machine();
    let tickets = message(epoch(1), vec![unchecked(1), unchecked(2)]);
    let job = machine.on_message(LINK, &tickets, |member| *member == unchecked(2).member);
    assert_eq!(job.map(|job| job.tickets), Some(vec![unchecked(2)]));
}

#[test]
fn messages_of_another_epoch_or_link_and_verdicts_of_a_past_epoch_change_nothing() {
    let mut machine = machine();
    assert_eq!(machine.on_message(LINK, &message(epoch(2), vec![unchecked(1)]), |_| true), None);
    assert_eq!(machine.on_message(PeerHandle(8), &message(epoch(1), vec![unchecked(1)]), |_| true), None);
    let job = job(&mut machine, vec![unchecked(1)]).expect("a job");
    machine.begin(Time::ZERO, epoch(2), None);
    assert_eq!(machine.on_checked(job.id, Verdict::Invalid { first: 0 }), None);
    assert_eq!(machine.on_checked(JobId(1_000), Verdict::Valid), None);
    assert_eq!((machine.estimate(), machine.in_check()), (None, 0));
}

#[test]
fn the_same_ticket_twice_in_a_message_counts_once() {
    let mut machine = machine();
    let job = job(&mut machine, vec![unchecked(1), unchecked(1)]).expect("a job");
    machine.on_checked(job.id, Verdict::Valid);
    assert_eq!(machine.winners().expect("an epoch").len(), 1);
    assert_eq!(machine.estimate().expect("one ticket").members, 1);
}

#[test]
fn a_link_has_a_bounded_number_of_tickets_in_verification() {
    let mut machine = machine();
    let all: Vec<Ticket> = (0..TICKETS_IN_CHECK_MAX as u64 + 1).map(unchecked).collect();
    let (full, one_more) = all.split_at(TICKETS_IN_CHECK_MAX);
    let jobs: Vec<JobId> = full
        .chunks(TICKETS_PER_MESSAGE_MAX)
        .map(|tickets| job(&mut machine, tickets.to_vec()).expect("a job").id)
        .collect();
    assert_eq!(machine.in_check(), TICKETS_IN_CHECK_MAX);
    assert_eq!(job(&mut machine, one_more.to_vec()), None);
    let other = PeerHandle(8);
    machine.on_link_up(other);
    let message = message(epoch(1), one_more.to_vec());
    assert!(machine.on_message(other, &message, |_| true).is_some(), "another link has its own room");
    machine.on_checked(jobs[0], Verdict::Valid);
    // The first tickets may have all minima that the last one would have.
    machine.on_checked(jobs[1], Verdict::Valid);
    assert!(machine.in_check() <= 1);
}

/// A liar may find keys without end whose tickets have a minimum. Here none is ever accepted, so all would.
#[test]
fn a_link_has_a_bounded_number_of_tickets_looked_at_in_an_epoch() {
    let mut machine = machine();
    let mut verified = 0;
    for first in (0..TICKETS_PER_LINK_MAX as u64 + 64).step_by(TICKETS_PER_MESSAGE_MAX) {
        if let Some(job) = job(&mut machine, (first..first + 32).map(unchecked).collect()) {
            verified += job.tickets.len();
            machine.on_checked(job.id, Verdict::Invalid { first: 0 });
        }
    }
    assert_eq!(verified, TICKETS_PER_LINK_MAX);
    machine.begin(Time::ZERO, epoch(2), None);
    let next = machine.on_message(LINK, &message(epoch(2), vec![unchecked(1)]), |_| true);
    assert!(next.is_some(), "an epoch later it may again");
}

#[test]
fn a_message_sends_a_bounded_number_of_tickets() {
    for (count, sent) in [(31, vec![31]), (32, vec![32]), (33, vec![32, 1])] {
        let mut machine = machine();
        for first in (0..).step_by(TICKETS_PER_MESSAGE_MAX) {
            let held = machine.winners().expect("an epoch").len();
            if held == count {
                break;
            }
            let tickets: Vec<Ticket> = (first..first + (count - held).min(32) as u64).map(unchecked).collect();
            if let Some(job) = job(&mut machine, tickets) {
                machine.on_checked(job.id, Verdict::Valid);
            }
        }
        machine.on_link_up(PeerHandle(8));
        let lengths = (1..=4).map(|tick| {
            let said = machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(tick));
            said.iter().filter(|(link, _)| *link == PeerHandle(8)).map(|(_, tickets)| tickets.tickets.len()).sum()
        });
        let lengths: Vec<usize> = lengths.filter(|length| *length > 0).collect();
        assert_eq!(lengths, sent, "of {count}");
    }
}

#[test]
fn a_fingerprint_that_differs_makes_all_tickets_go_out_again_a_bounded_number_of_times() {
    let mut machine = Extrema::default();
    machine.begin(Time::ZERO, epoch(1), Some(&unchecked(1)));
    machine.on_link_up(LINK);
    let mut ticks = 1..;
    let mut sends = |machine: &mut Extrema| {
        let said = machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(ticks.next().unwrap()));
        said.iter().any(|(_, tickets)| !tickets.tickets.is_empty())
    };
    assert!(sends(&mut machine) && !sends(&mut machine));
    let same =
        Tickets { fingerprint: machine.winners().expect("an epoch").fingerprint(), ..message(epoch(1), vec![]) };
    assert_eq!(machine.on_message(LINK, &same, |_| true), None);
    assert!(!sends(&mut machine), "the fingerprints are the same");
    for time in 0..=RESENDS_PER_LINK_MAX {
        assert_eq!(job(&mut machine, vec![]), None);
        assert_eq!(sends(&mut machine), time < RESENDS_PER_LINK_MAX, "time {time}");
    }
}

#[test]
fn a_fingerprint_is_said_now_and_then_when_there_is_nothing_else_to_say() {
    let mut machine = machine();
    for tick in 1..=2 * FINGERPRINT_TICKS {
        let said = machine.tick(Time::ZERO + AGGREGATE_INTERVAL.times(tick));
        assert_eq!(said.len(), usize::from(tick % FINGERPRINT_TICKS == 0), "tick {tick}");
    }
}

#[test]
fn a_machine_has_a_bounded_number_of_links() {
    let mut machine = Extrema::default();
    let last = AGGREGATE_LINKS_MAX as u32 - 1;
    assert!((0..=last).all(|link| machine.on_link_up(PeerHandle(link))));
    assert!(!machine.on_link_up(PeerHandle(last + 1)));
    assert!(machine.on_link_up(PeerHandle(last)), "it is there already");
    machine.on_link_down(PeerHandle(0));
    assert!(machine.on_link_up(PeerHandle(last + 1)));
}

/// A liar that makes up members makes the network look larger. Nothing makes it look smaller.
#[test]
fn no_ticket_makes_the_size_smaller() {
    let mut machine = machine();
    let mut before = 0;
    for number in 0..200 {
        if let Some(job) = job(&mut machine, vec![unchecked(number)]) {
            machine.on_checked(job.id, Verdict::Valid);
        }
        let size = machine.estimate().expect("a ticket").members;
        assert!(size >= before, "{size} after {before}");
        before = size;
    }
}
