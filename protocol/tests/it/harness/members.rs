//! The parts of a mesh whose engines take part in membership.

use protocol::gossip::Input;
use protocol::gossip::PeerHandle;
use protocol::gossip::aggregate::built_in::AggregatesConfig;
use protocol::gossip::members::{
    Identity, MemberChange, MemberEvent, MemberInput, MemberOutput, MembersConfig, Reach,
};
use protocol::items::keys::PublicKey;
use protocol::items::member::Instance;
use protocol::items::member::epoch::Epoch;
use protocol::items::member::ticket::Ticket;
use protocol::time::Time;

use super::{Later, Mesh, key, network};

/// The wall clock at the mesh's first moment.
const EPOCH_MS: u64 = 1_800_000_000_000;

/// What the machines wanted of their drivers, each with its node.
#[derive(Default)]
pub struct Wanted {
    events: Vec<(usize, MemberEvent)>,
    /// When each ping was wanted, and on which link.
    pub pings: Vec<(Time, usize, PeerHandle)>,
    /// Members to which a connection was wanted.
    pub connects: Vec<(usize, PublicKey)>,
}

impl Mesh {
    /// All engines take part from now on. Node `n` has the key of number `n`. Call this before the first input.
    pub fn with_members(mut self, config: MembersConfig) -> Self {
        let nodes = std::mem::take(&mut self.nodes).into_iter().enumerate();
        self.nodes = nodes
            .map(|(node, gossip)| {
                let identity = Identity {
                    key: key(node as u8).public(),
                    instance: Instance([node as u8; 8]),
                    version: 2,
                    agent: "test".into(),
                    reach: Reach::Addresses(vec![vec![node as u8].into()]),
                    kept: vec![],
                };
                gossip.with_members(config, identity, self.now, EPOCH_MS)
            })
            .collect();
        self.members = true;
        self
    }

    /// All engines take part in these aggregates from now on. Call this before the first input.
    pub fn with_aggregates(mut self, config: AggregatesConfig) -> Self {
        let nodes = std::mem::take(&mut self.nodes);
        self.nodes = nodes.into_iter().map(|gossip| gossip.with_aggregates(config)).collect();
        self
    }

    /// A node's own numbers.
    pub fn tell_numbers(&mut self, node: usize, numbers: [u64; 6]) {
        self.input(node, Input::Members(Box::new(MemberInput::SetBuiltIn(numbers))));
    }

    pub(super) fn sign_ticket(&mut self, node: usize, epoch: Epoch) {
        let ticket = Ticket::sign(&key(node as u8), &network(), &epoch);
        self.later(self.latency, Later::Input { node, input: Input::SignedTicket { epoch, ticket } });
    }

    /// A node sends nothing and answers nothing from now on. Its links stay open.
    pub fn silence(&mut self, node: usize) {
        self.silent.insert(node);
    }

    /// What a node's application is told of members.
    pub fn changes(&self, node: usize) -> impl Iterator<Item = (usize, MemberChange)> {
        let number = |event: &MemberEvent| (0..u8::MAX).find(|number| key(*number).public() == event.member);
        let of_node = self.wanted.events.iter().filter(move |(told, _)| *told == node);
        of_node.filter_map(move |(_, event)| Some((usize::from(number(event)?), event.change)))
    }

    pub(super) fn proved(&self, node: usize) -> Option<PublicKey> {
        self.members.then(|| key(node as u8).public())
    }

    pub(super) fn member_output(&mut self, node: usize, output: MemberOutput) {
        let input = match output {
            MemberOutput::Sign(unsigned) => {
                let signed = unsigned.sign(&key(node as u8), &network()).expect("within bounds");
                MemberInput::Signed(signed)
            }
            MemberOutput::Ping { probe, link } => {
                self.wanted.pings.push((self.now, node, link));
                match self.links.get(&(node, link)) {
                    Some(Some((other, _))) if !self.silent.contains(other) => {
                        MemberInput::Probed { probe, answered: true }
                    }
                    _ => return,
                }
            }
            MemberOutput::Dial { probe, record, .. } => {
                let answers = |other: &usize| !self.silent.contains(other);
                let there = (0..self.nodes.len()).find(|other| key(*other as u8).public() == record.key());
                MemberInput::Probed { probe, answered: there.is_some_and(|other| answers(&other)) }
            }
            MemberOutput::Event(event) => return self.wanted.events.push((node, event)),
            MemberOutput::Connect { record } => return self.wanted.connects.push((node, record.key())),
            _ => return,
        };
        self.later(self.latency.times(2), Later::Input { node, input: Input::Members(Box::new(input)) });
    }
}
