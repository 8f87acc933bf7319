//! Many invented members, and the bounds that they run into.

use std::collections::VecDeque;
use std::sync::OnceLock;

use bytes::Bytes;
use protocol::gossip::members::{
    Identity, MemberChange, MemberInput, MemberMessage, MemberOutput, MemberState, Members, MembersConfig, Reach,
};
use protocol::gossip::{AddressGroup, PeerHandle};
use protocol::items::member::accusation::{Accusation, SignedAccusation};
use protocol::items::member::entries::{Entries, Entry};
use protocol::items::member::record::{MemberRecord, Presence};
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::limits::{
    ACCUSED_CHECKS_MAX, ACCUSER_KNOWN_FOR, CONFLICTS_MAX, ENTRIES_BYTES_MAX, ERRAND_INTERVAL, ERRANDS_BURST,
    ERRANDS_MAX, MEMBER_FEELER_INTERVAL, MEMBERS_BYTES_MAX, MEMBERS_GROUP_BYTES_MAX, MEMBERS_PER_GROUP_MAX,
    NEWS_BYTES_MAX, NEWS_MAX, PROBE_REQUESTS_BURST, PROBES_FOR_OTHERS_MAX, PROBES_MAX, RECALLED_BYTES_MAX,
    RECORD_BYTES_MAX, SUSPICIONS_MAX,
};
use protocol::time::{Duration, Time};

use super::liars::invented;
use super::mesh::{EPOCH_MS, Mesh, secret};
use crate::harness::network;

/// Records of members that nobody can reach, signed once for all tests.
fn crowd() -> &'static [Statement] {
    static CROWD: OnceLock<Vec<Statement>> = OnceLock::new();
    CROWD.get_or_init(|| {
        let mesh = Mesh::new(MembersConfig::wan(), 0);
        (0..10_000).map(|number| invented(&mesh, 50_000 + number, 50_000 + number as usize)).collect()
    })
}

/// A network of six, and a seventh node that brings invented members to the first.
fn with_attackers(members_max: u32, attackers: usize) -> Mesh {
    let config = MembersConfig { members_max, ..MembersConfig::wan() };
    let mut mesh = Mesh::full(config, 6);
    for attacker in 0..attackers {
        mesh.add(900 + attacker as u32, vec![]);
        mesh.link(6 + attacker, 0);
    }
    mesh.secs(70);
    mesh
}

#[test]
fn ten_thousand_invented_members_leave_honest_ones_known_and_memory_bounded() {
    let mut mesh = with_attackers(16_384, 1);
    for part in crowd().chunks(50) {
        mesh.say(6, 0, MemberMessage::News(part.to_vec()));
        mesh.secs(4);
        let held = mesh.nodes[0].members.occupancy();
        assert!(held.members <= 7 + MEMBERS_PER_GROUP_MAX && held.bytes <= MEMBERS_BYTES_MAX, "{held:?}");
        assert!(held.news.0 <= NEWS_MAX && held.news.1 <= NEWS_BYTES_MAX, "{held:?}");
    }
    assert_eq!(mesh.nodes[0].members.occupancy().members, 7 + MEMBERS_PER_GROUP_MAX, "its group is full");
    mesh.secs(300);
    for node in 0..6 {
        for other in 0..6 {
            assert_eq!(mesh.sees(node, other), Some(MemberState::Alive), "{node} of {other}");
        }
    }
    assert_eq!(mesh.nodes[0].members.awareness(), 0, "members that never answered say nothing about this node");
}

#[test]
fn a_full_view_gives_a_place_of_the_largest_group_to_a_newcomer_of_another_one() {
    let mut mesh = with_attackers(100, 2);
    for part in crowd()[..500].chunks(50) {
        mesh.say(6, 0, MemberMessage::News(part.to_vec()));
        mesh.secs(1);
    }
    assert_eq!(mesh.nodes[0].members.occupancy().members, 100);
    let known =
        |mesh: &Mesh, number: u32| mesh.nodes[0].members.member(&secret(50_000 + number).public()).is_some();
    assert!(known(&mesh, 0) && !known(&mesh, 499), "the first ones stay");
    mesh.say(7, 0, MemberMessage::News(vec![crowd()[5_000].clone()]));
    mesh.secs(1);
    assert_eq!(mesh.nodes[0].members.occupancy().members, 100);
    assert!(known(&mesh, 5_000));
    for other in 0..6 {
        assert_eq!(mesh.sees(0, other), Some(MemberState::Alive));
    }
}

#[test]
fn a_peer_gets_into_a_full_view() {
    let mut mesh = with_attackers(100, 1);
    for part in crowd()[..500].chunks(50) {
        mesh.say(6, 0, MemberMessage::News(part.to_vec()));
        mesh.secs(1);
    }
    let newcomer = mesh.add(77, vec![]);
    mesh.link(newcomer, 0);
    mesh.secs(5);
    assert_eq!(mesh.sees(0, newcomer), Some(MemberState::Alive));
    assert_eq!(mesh.nodes[0].members.occupancy().members, 100);
}

#[test]
fn a_view_holds_as_many_members_as_its_bound() {
    let mut mesh = with_attackers(100, 1);
    mesh.say(6, 0, MemberMessage::News(crowd()[..93].to_vec()));
    mesh.secs(1);
    assert_eq!(mesh.nodes[0].members.occupancy().members, 100, "six nodes, the attacker, and 93");
    mesh.say(6, 0, MemberMessage::News(crowd()[93..94].to_vec()));
    mesh.secs(1);
    assert_eq!(mesh.nodes[0].members.occupancy().members, 100);
}

#[test]
fn one_address_is_dialled_more_and_more_seldom_however_many_members_name_it() {
    let mut mesh = with_attackers(16_384, 1);
    // A hundred members that all name the address of node 3.
    let named: Vec<Statement> = (0..100).map(|number| invented(&mesh, 70_000 + number, 3)).collect();
    mesh.say(6, 0, MemberMessage::News(named));
    let start = mesh.now;
    mesh.secs(3_600);
    let strangers: Vec<_> = (0..100).map(|number| secret(70_000 + number).public()).collect();
    for node in 0..6 {
        let dials = mesh.nodes[node].dials.iter().filter(|(at, key)| *at > start && strangers.contains(key));
        let mut at: Vec<_> = dials.map(|(at, _)| *at).collect();
        at.sort_unstable();
        // Once in the round, and twice by one check.
        assert!(at.windows(4).all(|four| four[3].since(four[0]) >= MEMBER_FEELER_INTERVAL), "node {node}: {at:?}");
        assert!(at.len() <= 18, "node {node}: {at:?}");
        assert!(node != 0 || !at.is_empty(), "they are probed");
    }
}

#[test]
fn a_link_brings_no_more_news_than_its_budget_allows() {
    let mut mesh = with_attackers(16_384, 1);
    for part in crowd().chunks(500) {
        mesh.say(6, 0, MemberMessage::News(part.to_vec()));
        mesh.run(Duration::from_millis(100));
    }
    let members = mesh.nodes[0].members.occupancy().members;
    // The budget is 1,148 KiB at once, and a record takes about 250 bytes of it; the group's room is another
    // bound.
    assert!(members <= 7 + MEMBERS_PER_GROUP_MAX, "{members}");
    assert!(mesh.nodes[0].members.occupancy().checking == 0);
}

/// One machine that a test plays everybody else for. Signatures count as good.
struct Lone {
    members: Members,
    now: Time,
    links: u32,
    outputs: Vec<MemberOutput>,
}

impl Lone {
    fn new() -> Self {
        let identity = Identity {
            key: secret(1).public(),
            instance: Instance([1; 8]),
            version: 2,
            agent: String::new(),
            reach: Reach::Addresses(vec![]),
            kept: vec![],
        };
        let members = Members::new(MembersConfig::wan(), identity, [1; 32]);
        let mut lone = Self { members, now: Time::from_micros(1), links: 0, outputs: vec![] };
        lone.input(MemberInput::Timeout);
        lone
    }

    /// Opens a link of this address group to a member.
    fn link(&mut self, key: u32, group: u64) -> PeerHandle {
        let link = PeerHandle(self.links);
        self.links += 1;
        let group = Some(AddressGroup(group));
        self.input(MemberInput::LinkUp { link, key: secret(key).public(), group });
        link
    }

    /// Gives the machine an input, and answers what it wants to be signed and checked.
    fn input(&mut self, input: MemberInput) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.members.handle(self.now, EPOCH_MS, input);
            while let Some(output) = self.members.poll_output() {
                match output {
                    MemberOutput::Sign(unsigned) => {
                        inputs.push_back(MemberInput::Signed(unsigned.sign(&secret(1), &network()).unwrap()));
                    }
                    MemberOutput::Verify { link: link @ Some(_), via, statement } => {
                        inputs.push_back(MemberInput::Checked { link, via, statement, good: true });
                    }
                    other => self.outputs.push(other),
                }
            }
        }
    }

    /// A peer tells news, a little at a time, as its budget allows.
    fn tell(&mut self, link: PeerHandle, statements: &[Statement]) {
        for part in statements.chunks(8) {
            self.now = self.now + Duration::from_secs(30);
            self.input(MemberInput::Heard { link });
            self.input(MemberInput::Received { link, message: MemberMessage::News(part.to_vec()) });
        }
    }

    fn count(&self, is: impl Fn(&MemberOutput) -> bool) -> usize {
        self.outputs.iter().filter(|output| is(output)).count()
    }

    fn events(&self, change: MemberChange) -> usize {
        self.count(|output| matches!(output, MemberOutput::Event(event) if event.change == change))
    }
}

/// A member that says whatever a test wants.
fn record(number: u32, instance: u8, incarnation: u64, issued_ms: u64, address: u32) -> Statement {
    let record = MemberRecord {
        key: secret(number).public(),
        instance: Instance([instance; 8]),
        incarnation,
        issued_ms,
        version: 2,
        agent: String::new(),
        addresses: vec![Bytes::copy_from_slice(&address.to_be_bytes())],
        relays: vec![],
        presence: Presence::Alive,
    };
    Unsigned::Record(record).sign(&secret(number), &network()).expect("within bounds")
}

fn plain(numbers: std::ops::Range<u32>) -> Vec<Statement> {
    numbers.map(|number| record(number, 5, EPOCH_MS, EPOCH_MS, number)).collect()
}

/// The most entries that a member may have.
fn full_entries(number: u32) -> Statement {
    let value = Bytes::from(vec![0; ENTRIES_BYTES_MAX - 1]);
    let entries = vec![Entry { key: "k".into(), value, version: 1 }];
    let entries = Entries { owner: secret(number).public(), version: 1, entries };
    Unsigned::Entries(entries).sign(&secret(number), &network()).expect("within bounds")
}

fn accused(accuser: u32, subject: u32) -> SignedAccusation {
    let subject = secret(subject).public();
    Accusation { accuser: secret(accuser).public(), subject, incarnation: EPOCH_MS }
        .sign(&secret(accuser), &network())
}

#[test]
fn conflicts_of_as_many_members_as_the_bound_are_told() {
    let mut lone = Lone::new();
    let link = lone.link(2, 2);
    let count = CONFLICTS_MAX as u32 + 1;
    lone.tell(link, &plain(100..100 + count));
    let second = (100..100 + count).map(|number| record(number, 6, EPOCH_MS - 1, EPOCH_MS + 1, number));
    lone.input(MemberInput::Received { link, message: MemberMessage::News(second.collect()) });
    assert_eq!(lone.events(MemberChange::Conflict), CONFLICTS_MAX);
}

#[test]
fn a_link_may_ask_for_as_many_probes_as_its_bound() {
    let mut lone = Lone::new();
    let link = lone.link(2, 2);
    for _ in 0..=PROBE_REQUESTS_BURST {
        // It always reaches itself.
        let subject = secret(1).public();
        lone.input(MemberInput::Received { link, message: MemberMessage::ProbeRequest { subject } });
    }
    let answers = |output: &MemberOutput| {
        matches!(output, MemberOutput::Send { message: MemberMessage::ProbeAnswer { reached: true, .. }, .. })
    };
    assert_eq!(lone.count(answers), PROBE_REQUESTS_BURST as usize);
    lone.now = lone.now + Duration::from_secs(1);
    let subject = secret(1).public();
    lone.input(MemberInput::Received { link, message: MemberMessage::ProbeRequest { subject } });
    assert_eq!(lone.count(answers), PROBE_REQUESTS_BURST as usize + 1, "one a second after that");
}

#[test]
fn a_member_is_dialled_for_peers_a_few_times_and_then_seldom_however_many_ask() {
    let mut lone = Lone::new();
    let links: Vec<PeerHandle> = (2..12).map(|key| lone.link(key, key.into())).collect();
    lone.tell(links[0], &plain(100..101));
    let subject = secret(100).public();
    let start = lone.now;
    while lone.now.since(start) < Duration::from_secs(3_600) {
        for link in &links {
            lone.input(MemberInput::Heard { link: *link });
            lone.input(MemberInput::Received { link: *link, message: MemberMessage::ProbeRequest { subject } });
            let dialled = lone.outputs.iter().rev().find_map(|output| match output {
                MemberOutput::Dial { probe, .. } => Some(*probe),
                _ => None,
            });
            // It answers, so that it is no stranger any more.
            dialled.into_iter().for_each(|probe| lone.input(MemberInput::Probed { probe, answered: true }));
        }
        lone.now = lone.now + Duration::from_secs(10);
    }
    let reached = |output: &MemberOutput| {
        matches!(output, MemberOutput::Send { message: MemberMessage::ProbeAnswer { reached: true, .. }, .. })
    };
    let after_that = (3_600_000 - 1) / ERRAND_INTERVAL.as_millis();
    assert_eq!(lone.count(reached) as u64, ERRANDS_BURST + after_that);
    assert_eq!(lone.members.occupancy().errands, 1);
}

#[test]
fn as_many_members_are_dialled_for_peers_as_the_bound() {
    let mut lone = Lone::new();
    let link = lone.link(2, 2);
    // A few of them have their own turn meanwhile, and are not dialled again for peers.
    let count = ERRANDS_MAX as u32 + 64;
    lone.tell(link, &plain(10_000..10_000 + count));
    let mut asks = link;
    for place in 0..count {
        // Few enough at a time that none is refused for want of room.
        lone.now = lone.now + Duration::from_millis(150);
        if place % PROBE_REQUESTS_BURST as u32 == 0 {
            asks = lone.link(30_000 + place, 9);
        }
        let subject = secret(10_000 + place).public();
        lone.input(MemberInput::Received { link: asks, message: MemberMessage::ProbeRequest { subject } });
    }
    assert_eq!(lone.members.occupancy().errands, ERRANDS_MAX);
}

#[test]
fn as_many_probes_are_made_for_others_as_the_bound() {
    let mut lone = Lone::new();
    let links: Vec<PeerHandle> = (2..12).map(|key| lone.link(key, key.into())).collect();
    lone.tell(links[0], &plain(100..180));
    for (place, link) in links.iter().enumerate() {
        for step in 0..8 {
            let subject = secret(100 + place as u32 * 8 + step).public();
            lone.input(MemberInput::Received { link: *link, message: MemberMessage::ProbeRequest { subject } });
        }
    }
    assert_eq!(lone.members.occupancy().probes.1, PROBES_FOR_OTHERS_MAX);
    let refused = |output: &MemberOutput| {
        matches!(output, MemberOutput::Send { message: MemberMessage::ProbeAnswer { reached: false, .. }, .. })
    };
    assert_eq!(lone.count(refused), 80 - PROBES_FOR_OTHERS_MAX, "the others are told at once");
}

#[test]
fn as_many_links_are_pinged_at_a_time_as_the_bound() {
    let mut lone = Lone::new();
    let count = PROBES_MAX as u32 + 1;
    let links: Vec<PeerHandle> = (100..100 + count).map(|key| lone.link(key, key.into())).collect();
    for (link, statement) in links.iter().zip(plain(100..100 + count)) {
        lone.input(MemberInput::Received { link: *link, message: MemberMessage::News(vec![statement]) });
    }
    lone.now = lone.now + MembersConfig::wan().ping_interval;
    lone.input(MemberInput::Timeout);
    assert_eq!(lone.members.occupancy().probes.0, PROBES_MAX);
}

#[test]
fn as_many_accusations_that_came_with_dials_are_checked_as_the_bound() {
    let mut lone = Lone::new();
    let link = lone.link(2, 2);
    let count = ACCUSED_CHECKS_MAX as u32 + 1;
    lone.tell(link, &plain(100..100 + count));
    lone.now = lone.now + ACCUSER_KNOWN_FOR;
    for accuser in 100..100 + count {
        lone.input(MemberInput::Accused(accused(accuser, 1)));
    }
    assert_eq!(lone.count(|output| matches!(output, MemberOutput::Verify { link: None, .. })), ACCUSED_CHECKS_MAX);
}

#[test]
fn as_many_bytes_of_an_earlier_run_are_checked_at_a_time_as_the_bound() {
    let mut lone = Lone::new();
    for statement in plain(100..2_000) {
        let Statement::Record(record) = statement else { unreachable!("records only") };
        lone.input(MemberInput::Recall { record, answered: true });
    }
    let recalling = lone.members.occupancy().recalling;
    assert!((RECALLED_BYTES_MAX - RECORD_BYTES_MAX..=RECALLED_BYTES_MAX).contains(&recalling), "{recalling}");
    for output in std::mem::take(&mut lone.outputs) {
        if let MemberOutput::Verify { link, via, statement } = output {
            lone.input(MemberInput::Checked { link, via, statement, good: true });
        }
    }
    assert_eq!(lone.members.occupancy().recalling, 0);
}

#[test]
fn as_many_members_are_suspect_at_a_time_as_the_bound() {
    let mut lone = Lone::new();
    let links = [lone.link(2, 2), lone.link(3, 3)];
    let half = SUSPICIONS_MAX as u32 / 2 + 1;
    lone.tell(links[0], &plain(10_000..10_000 + half));
    lone.tell(links[1], &plain(20_000..20_000 + half));
    lone.now = lone.now + ACCUSER_KNOWN_FOR;
    lone.outputs.clear();
    // Each accuses one of the other half, all at one time: so none of the suspicions is over when the last one comes.
    let statements = (0..half)
        .flat_map(|number| [accused(10_000 + number, 20_000 + number), accused(20_000 + number, 10_000 + number)]);
    let statements: Vec<Statement> = statements.map(Statement::Accusation).collect();
    for (place, part) in statements.chunks(32).enumerate() {
        let link = lone.link(30_000 + place as u32, 9);
        lone.input(MemberInput::Received { link, message: MemberMessage::News(part.to_vec()) });
    }
    assert_eq!(lone.members.occupancy().cases, SUSPICIONS_MAX);
    assert_eq!(lone.events(MemberChange::Suspected), SUSPICIONS_MAX);
}

#[test]
fn a_view_takes_no_more_bytes_than_its_bound() {
    let mut lone = Lone::new();
    let groups = MEMBERS_BYTES_MAX / MEMBERS_GROUP_BYTES_MAX + 1;
    let each = MEMBERS_GROUP_BYTES_MAX as u32 / 6_000 + 200;
    for group in 0..groups as u32 {
        let link = lone.link(2 + group, group.into());
        let first = 10_000 * (group + 1);
        let statements = (first..first + each)
            .flat_map(|number| [record(number, 5, EPOCH_MS, EPOCH_MS, number), full_entries(number)]);
        lone.tell(link, &statements.collect::<Vec<Statement>>());
        let bytes = lone.members.occupancy().bytes;
        assert!(bytes <= (group as usize + 1) * MEMBERS_GROUP_BYTES_MAX + 10_000, "{bytes} after {group}");
        assert!(bytes <= MEMBERS_BYTES_MAX, "{bytes}");
    }
    let bytes = lone.members.occupancy().bytes;
    assert!(bytes > MEMBERS_BYTES_MAX - 20_000, "it is full: {bytes}");
}
