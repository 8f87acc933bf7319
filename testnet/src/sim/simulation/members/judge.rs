//! Which lies had an effect: dials that were made because of one, and what honest members believe in the end. A run
//! without liars has nothing of this.

use protocol::gossip::members::{MemberMessage, MemberState};
use protocol::items::member::accusation::SignedAccusation;
use protocol::items::member::record::SignedRecord;
use protocol::wire::message::Message;

use super::super::Simulation;
use super::super::host::Host;
use super::World;
use crate::sim::members::lies::Believed;

impl Simulation {
    /// A message goes into an engine, or has been handled. A liar may ask this engine to try a member.
    pub(in crate::sim::simulation) fn note_request(&mut self, from: usize, message: Option<&Message>) {
        let Some(world) = self.members.as_mut() else { return };
        let Some(lies) = world.ledger.lies.as_ref() else { return };
        world.asked = match message {
            Some(Message::Members(inner)) if lies.is_liar(from) => match &**inner {
                MemberMessage::ProbeRequest { subject } => Some(*subject),
                _ => None,
            },
            _ => None,
        };
    }

    /// A member dials a node. Notes whether that is because of a lie: the record has the name of somebody else, a liar or
    /// an invented member has accused the node, or a liar has asked for the dial.
    pub(super) fn note_dial(
        &mut self,
        node: usize,
        to: usize,
        record: &SignedRecord,
        accusation: Option<&SignedAccusation>,
    ) {
        let Some(world) = self.members.as_mut().filter(|world| world.ledger.runs(to)) else { return };
        let subject = world.number(&record.key());
        let accuser = accusation.map(|accusation| world.number(&accusation.accuser()));
        let asked = world.asked == Some(record.key());
        let Some(lies) = world.ledger.lies.as_mut() else { return };
        let accused = accuser.is_some_and(|accuser| accuser.is_none_or(|accuser| lies.is_liar(accuser)));
        if subject != Some(to) || accused || asked {
            lies.dialled(node, to, self.now);
        }
    }

    /// Whether a node answers a ping or a short dial.
    pub(super) fn answers(&self, node: usize) -> bool {
        self.hosts[node].adversary.as_ref().is_none_or(|adversary| adversary.answers(self.now))
    }
}

impl World {
    /// Looks at what honest members believe in the end.
    pub(in crate::sim::simulation) fn judge(&mut self, hosts: &[Host]) {
        let Some(lies) = self.ledger.lies.as_ref() else { return };
        let honest: Vec<usize> = self.ledger.honest().collect();
        let mut believed = Believed { honest: honest.len(), known_least: honest.len(), ..Believed::default() };
        for node in &honest {
            let Some(machine) = hosts[*node].engine.as_ref().and_then(|engine| engine.members()) else { continue };
            let mut known = 0;
            for subject in &honest {
                let Some(member) = machine.member(&self.keys[*subject]) else { continue };
                known += usize::from(member.state == MemberState::Alive);
                let signed = self.ledger.incarnation(*subject);
                believed.forged += usize::from(signed.is_some_and(|signed| member.record.incarnation() > signed));
            }
            believed.known_least = believed.known_least.min(known);
            for silent in &lies.silent {
                let member = machine.member(&self.keys[*silent]);
                believed.silent.0 += 1;
                // One that was forgotten is not believed either.
                believed.silent.1 += usize::from(member.is_none_or(|member| member.state == MemberState::Dead));
            }
        }
        if let Some(lies) = self.ledger.lies.as_mut() {
            lies.believed = believed;
        }
    }
}
