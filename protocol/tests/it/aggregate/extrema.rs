//! The size of a network by its minima: the estimate and its error, and how tickets spread.

use std::collections::BTreeMap;

use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::extrema::{EXPONENTIAL_BITS, Extrema, Size, Ticket, draws, exponential};
use protocol::items::hash::{BlockId, sha256};
use protocol::items::keys::{PublicKey, Signature};
use protocol::items::member::epoch::Epoch;
use protocol::items::verify::Verdict;
use protocol::limits::{AGGREGATE_INTERVAL, DRAWS, TICKETS_PER_MESSAGE_MAX};
use protocol::time::Time;
use rand_core::Rng as _;

use super::net::{below, chance, epoch, regular};

/// A ticket whose signature nobody checks.
pub(crate) fn unchecked(number: u64) -> Ticket {
    Ticket { member: PublicKey(sha256(&[&number.to_be_bytes()])), signature: Signature([0; 64]) }
}

/// Members, the links between them, and the checks that all are good.
pub(crate) struct Net {
    pub(crate) members: Vec<Extrema>,
    pub(crate) links: BTreeMap<PeerHandle, (u32, u32)>,
    pub(crate) lost: u64,
    /// Tickets that were sent.
    pub(crate) sent: usize,
    /// Signatures that were checked.
    pub(crate) checked: usize,
    now: Time,
    chance: rand_chacha::ChaCha8Rng,
}

impl Net {
    /// A random regular network of degree 8.
    pub(crate) fn regular(nodes: u32, epoch: Epoch, seed: u64) -> Self {
        let mut chance = chance(seed);
        let mut members: Vec<Extrema> = (0..nodes).map(|_| Extrema::default()).collect();
        for (member, number) in members.iter_mut().zip(0..) {
            assert!(member.begin(Time::ZERO, epoch, Some(&unchecked(number))));
        }
        let edges = regular(nodes, 8, &mut chance);
        let links: BTreeMap<PeerHandle, (u32, u32)> = (0..).map(PeerHandle).zip(edges).collect();
        for (link, (one, other)) in &links {
            for end in [one, other] {
                assert!(members[*end as usize].on_link_up(*link));
            }
        }
        Self { members, links, lost: 0, sent: 0, checked: 0, now: Time::ZERO, chance }
    }

    pub(crate) fn step(&mut self) {
        self.now = self.now + AGGREGATE_INTERVAL;
        let mut said = Vec::new();
        for (name, member) in (0_u32..).zip(&mut self.members) {
            said.extend(member.tick(self.now).into_iter().map(|(link, tickets)| (link, name, tickets)));
        }
        for (link, from, tickets) in said {
            self.sent += tickets.tickets.len();
            if below(&mut self.chance, 100) < self.lost {
                continue;
            }
            let (one, other) = self.links[&link];
            let member = &mut self.members[if one == from { other } else { one } as usize];
            if let Some(job) = member.on_message(link, &tickets, |_| true) {
                self.checked += job.tickets.len();
                assert_eq!(member.on_checked(job.id, Verdict::Valid), None);
            }
        }
    }

    pub(crate) fn sizes(&self) -> Vec<Size> {
        self.members.iter().map(|member| member.estimate().expect("its own ticket at least")).collect()
    }

    /// Whether all hold the same tickets.
    pub(crate) fn agrees(&self) -> bool {
        let fingerprints = self.members.iter().map(|member| member.winners().expect("an epoch").fingerprint());
        fingerprints.collect::<Vec<_>>().windows(2).all(|pair| pair[0] == pair[1])
    }
}

/// The estimate of one member that was given the tickets of this number of members.
fn estimated(members: u64, epoch: Epoch) -> Size {
    let mut machine = Extrema::default();
    machine.begin(Time::ZERO, epoch, None);
    let tickets: Vec<Ticket> = (0..members).map(unchecked).collect();
    // A link may have a bounded number checked, so each message has a link of its own.
    for (link, tickets) in (0..).map(PeerHandle).zip(tickets.chunks(TICKETS_PER_MESSAGE_MAX)) {
        machine.on_link_up(link);
        let message = super::extrema_hostile::message(epoch, tickets.to_vec());
        if let Some(job) = machine.on_message(link, &message, |_| true) {
            assert_eq!(machine.on_checked(job.id, Verdict::Valid), None);
        }
    }
    machine.estimate().expect("there are tickets")
}

fn drawn_epoch(seed: u64) -> Epoch {
    Epoch { number: 1, block: BlockId(sha256(&[b"seed", &seed.to_be_bytes()])) }
}

#[test]
fn an_estimate_is_within_twice_its_standard_error_in_nine_of_ten_epochs() {
    for members in [20_u64, 500] {
        let within = (0..100).filter(|seed| {
            let size = estimated(members, drawn_epoch(*seed));
            let off = size.members.abs_diff(members) * 1_000_000;
            off <= 2 * size.standard_error * members
        });
        let within = within.count();
        println!("{members} members: {within} of 100 within twice the standard error");
        assert!(within >= 90, "{members} members: {within} of 100");
    }
}

#[test]
fn the_standard_error_is_that_of_256_draws() {
    let size = estimated(3, epoch(1));
    // 1 / sqrt(254) = 0.0627456
    assert_eq!((DRAWS, size.standard_error), (256, 62_745));
}

#[test]
fn estimates_have_no_bias_and_the_standard_error_that_they_state() {
    let estimates: Vec<f64> = (0..100).map(|seed| estimated(100, drawn_epoch(seed)).members as f64).collect();
    let mean = estimates.iter().sum::<f64>() / 100.0;
    let variance = estimates.iter().map(|estimate| (estimate - mean).powi(2)).sum::<f64>() / 99.0;
    println!("mean {mean}, standard deviation {}", variance.sqrt());
    assert!((mean - 100.0).abs() < 3.0 * 0.63, "a mean of 100 has a standard error of 0.63: {mean}");
    assert!((4.5..8.5).contains(&variance.sqrt()), "{}", variance.sqrt());
}

#[test]
fn a_member_alone_knows_that_it_is_about_one() {
    let size = estimated(1, epoch(1));
    assert_eq!(size.members, 1);
}

#[test]
fn all_members_come_to_the_same_estimate() {
    for (nodes, steps) in [(16, 10), (64, 20), (256, 25)] {
        let mut net = Net::regular(nodes, epoch(1), 1);
        let settled = (1..=steps).find(|_| {
            net.step();
            net.agrees()
        });
        let held = net.members[0].winners().expect("an epoch").len();
        let each = |count: usize| count / nodes as usize;
        println!(
            "{nodes} members: {} after {settled:?} steps; {held} tickets held, each sent {} and checked {}",
            net.sizes()[0].members,
            each(net.sent),
            each(net.checked)
        );
        assert!(settled.is_some(), "{nodes} members do not agree after {steps} steps");
    }
}

#[test]
fn a_ticket_is_not_sent_back_and_not_sent_twice() {
    let mut net = Net::regular(16, epoch(1), 1);
    (0..12).for_each(|_| net.step());
    assert!(net.agrees());
    // Each of 64 links carries each ticket once, or twice if both ends sent it at the same time.
    let held = net.members[0].winners().expect("an epoch").len();
    assert!(net.sent <= 64 * 2 * held, "{} for {held}", net.sent);
    let before = net.sent;
    (0..3).for_each(|_| net.step());
    assert_eq!(net.sent, before);
}

#[test]
fn members_that_lost_messages_come_to_the_same_estimate() {
    let mut net = Net::regular(64, epoch(1), 1);
    net.lost = 30;
    (0..90).for_each(|_| net.step());
    assert!(net.agrees());
}

#[test]
fn a_link_that_comes_up_late_brings_everything() {
    let mut net = Net::regular(16, epoch(1), 1);
    (0..12).for_each(|_| net.step());
    let mut late = Extrema::default();
    late.begin(Time::ZERO, epoch(1), None);
    let link = PeerHandle(1_000);
    late.on_link_up(link);
    assert_eq!(late.estimate(), None);
    net.members.push(late);
    net.members[0].on_link_up(link);
    net.links.insert(link, (0, 16));
    net.step();
    assert_eq!(net.sizes()[16].members, net.sizes()[0].members);
}

#[test]
fn the_size_of_an_epoch_stays_while_the_next_one_is_estimated() {
    let mut machine = Extrema::default();
    assert_eq!((machine.estimate(), machine.finished()), (None, None));
    assert!(machine.begin(Time::ZERO, epoch(2), Some(&unchecked(1))));
    assert!(!machine.begin(Time::ZERO, epoch(2), Some(&unchecked(2))), "it is no later");
    let size = machine.estimate();
    assert!(machine.begin(Time::ZERO, epoch(3), None));
    assert_eq!((machine.estimate(), machine.finished()), (None, size));
}

#[test]
fn draws_follow_from_member_epoch_and_index_alone() {
    let all = |member: u64, epoch: Epoch| draws(&unchecked(member).member, &epoch).collect::<Vec<_>>();
    let base = all(1, epoch(1));
    assert_eq!(base.len(), DRAWS);
    assert_eq!(base, all(1, epoch(1)));
    let others = [all(2, epoch(1)), all(1, epoch(2)), all(1, Epoch { number: 2, ..epoch(1) })];
    for other in others {
        assert!(base.iter().zip(&other).all(|(one, other)| one != other));
    }
    let mut distinct = base.clone();
    distinct.sort();
    distinct.dedup();
    assert_eq!(distinct.len(), DRAWS);
}

/// `-ln((bits + 1) / 2^64)`. Near 1, `ln_1p` keeps the digits that `ln` loses.
fn by_floating_point(bits: u64) -> f64 {
    let scale = 2_f64.powi(64);
    if bits > u64::MAX / 2 {
        -(-((u64::MAX - bits) as f64) / scale).ln_1p()
    } else {
        -((bits as f64 + 1.0) / scale).ln()
    }
}

#[test]
fn the_logarithm_is_exact_to_the_last_unit() {
    let mut chance = chance(1);
    let ends =
        [0, 1, 2, 3, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX - 1, u64::MAX - (1 << 20), u64::MAX - (1 << 40)];
    let scattered = (0..20_000).map(|_| {
        let bits = chance.next_u64();
        // As many small and large ones as others.
        match bits % 3 {
            0 => bits >> (chance.next_u64() % 64),
            1 => u64::MAX - (bits >> (chance.next_u64() % 64)),
            _ => bits,
        }
    });
    let mut worst: f64 = 0.0;
    for bits in ends.into_iter().chain(scattered) {
        let exact = by_floating_point(bits) * 2_f64.powi(EXPONENTIAL_BITS as i32);
        // Half a unit of rounding, and the rounding of the floating point itself.
        let allowed = 0.51 + exact * f64::EPSILON;
        let off = (exponential(bits) as f64 - exact).abs();
        if exact < 0.5 {
            assert_eq!(exponential(bits), 1, "no variable is zero");
            continue;
        }
        worst = worst.max(off - exact * f64::EPSILON);
        assert!(off <= allowed, "{bits:#x}: {} and {exact}", exponential(bits));
    }
    println!("at most {worst:.3} units off");
}

#[test]
fn more_bits_never_give_a_larger_variable() {
    let mut chance = chance(2);
    for _ in 0..5_000 {
        let bits = chance.next_u64();
        assert!(exponential(bits) >= exponential(bits.saturating_add(chance.next_u64() >> 40)));
    }
    assert_eq!((exponential(u64::MAX), exponential(u64::MAX - 1)), (1, 1), "nothing is drawn in no time");
    assert_eq!(exponential(0) >> EXPONENTIAL_BITS, 44, "64 ln 2 = 44.36");
}
