//! After a partition, a probe that began before the heal says nothing.

use protocol::gossip::members::{MemberInput, MemberState};
use protocol::limits::{HEAL_LOOK_AFTER, HEAL_RETURNS, REJOIN_PACE};
use protocol::time::{Duration, Time};

use crate::members::comparing::pair::{Machine, crowd, numbers};
use crate::members::mesh::secret;

#[test]
fn a_dead_member_is_tried_at_the_look_although_a_try_from_before_the_heal_is_still_open() {
    let [number, ..] = numbers();
    let mut machine = Machine::new(number);
    let start = Time::from_micros(1_000_000);
    machine.input(start, MemberInput::Timeout);
    let members: Vec<_> = (100..101 + HEAL_RETURNS as u32).map(|number| secret(number).public()).collect();
    machine.learn(start, &crowd(100, members.len() as u32));
    machine.dead.clone_from(&members);
    machine.heard = Some(machine.link(start, secret(99).public()).0);
    let now = machine.bury(start);

    // The last one is dialled, and nothing comes back.
    let (lost, others) = members.split_last().expect("some");
    machine.silent.push(*lost);
    machine.dialled.clear();
    let now = machine.wait(now, |machine| machine.dialled.contains(lost));
    // The network heals, and the others are back.
    for other in others {
        machine.link(now, *other);
    }
    machine.silent.clear();
    machine.dead.clear();
    machine.dialled.clear();
    let back = machine.wait(now, |machine| {
        machine.members.member(lost).is_some_and(|member| member.state == MemberState::Alive)
    });
    assert!(back.since(now) <= HEAL_LOOK_AFTER + REJOIN_PACE + Duration::from_secs(1), "{:?}", back.since(now));
}
