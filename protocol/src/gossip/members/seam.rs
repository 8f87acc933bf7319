//! The seam between the engine and the membership machine: the engine's peers become links, its messages and verdicts
//! become inputs of the machine, and what the machine wants becomes outputs of the engine.
//!
//! * **Links.** A peer is a link once both sides have said Hello with [`FEATURE_MEMBERS`], and its connection has
//!   proved a key.
//! * **Heard.** Any message of a peer shows that it is there. The machine is told once in [`HEARD_EVERY`].
//! * **Silence.** The machine is told of each request that expired, and pings a silent peer then. A peer that was found
//!   dead is asked for nothing until it is back.
//! * **Signatures** are checked in jobs, as those of items. The statement waits here for the verdict. How much one
//!   link may have in check, the machine knows.
//! * **Room.** Relay comes first: a message of membership is left out if the peer's credit has no room for it.
//!   Push-pull brings later what was left out, and a probe that was left out fails.
//! * **The wall clock** is known from the last time that it was told, and from the time that has passed since.
//!
//! Deliberately absent: any rule about members.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

use rand_core::Rng as _;

use super::{Identity, MemberChange, MemberEvent, MemberInput, MemberOutput, Members, MembersConfig, Via};
use crate::gossip::Gossip;
use crate::gossip::api::{AddressGroup, Output, PeerHandle};
use crate::items::keys::PublicKey;
use crate::items::member::Statement;
use crate::items::verify::{JobId, SentBy, Signed, Verdict, VerifyJob};
use crate::time::{Duration, Time};
use crate::wire::message::{Digest, FEATURE_MEMBERS, MemberMessage, Message};

/// A link that was heard within this time need not be told again. The shortest useful ping interval is a second.
const HEARD_EVERY: Duration = Duration::from_millis(500);

/// The machine, and what waits for it.
#[derive(Debug)]
pub(in crate::gossip) struct Membership {
    machine: Members,
    /// Peers that have not said Hello. No more than there are peers.
    met: BTreeMap<PeerHandle, (PublicKey, Option<AddressGroup>)>,
    /// Statements whose signatures are being checked.
    checking: BTreeMap<JobId, Checking>,
    /// When the wall clock was told last, and what it said, in milliseconds since 1970.
    wall: (Time, u64),
    deadline: Option<Time>,
}

/// A statement in check, as the machine gave it out.
#[derive(Debug)]
struct Checking {
    link: Option<PeerHandle>,
    via: Via,
    statement: Statement,
}

impl Membership {
    /// The memory of a statement in check, and of a peer before its Hello, as entries of a tree.
    pub(super) const CHECKING_BYTES: usize = size_of::<(JobId, Checking)>();
    pub(super) const MET_BYTES: usize = size_of::<(PeerHandle, (PublicKey, Option<AddressGroup>))>();

    /// The machine, for questions.
    pub(in crate::gossip) const fn machine(&self) -> &Members {
        &self.machine
    }

    fn wall_ms(&self, now: Time) -> u64 {
        let (at, ms) = self.wall;
        ms.saturating_add(now.since(at).as_millis())
    }
}

impl Gossip {
    /// The same engine, which takes part in membership from now on. Call this before the first input. `wall_ms` is
    /// what the wall clock says at `now`, in milliseconds since 1970. Parameters that are out of their range are the
    /// caller's fault: see [`MembersConfig::validate`].
    #[must_use]
    pub fn with_members(mut self, config: MembersConfig, identity: Identity, now: Time, wall_ms: u64) -> Self {
        let mut seed = [0; 32];
        self.chance.fill_bytes(&mut seed);
        let machine = Members::new(config, identity, seed);
        let (met, checking) = (BTreeMap::new(), BTreeMap::new());
        self.membership =
            Some(Box::new(Membership { machine, met, checking, wall: (now, wall_ms), deadline: Some(now) }));
        self
    }

    /// The same engine, whose members compare their lists in this mode: push-pull, unless it is set.
    #[must_use]
    pub fn with_push_pull_mode(mut self, mode: Digest) -> Self {
        if let Some(membership) = self.membership.as_mut() {
            membership.machine.set_push_pull_mode(mode);
        }
        self
    }

    /// The membership machine, for questions; `None` if this node takes no part.
    #[must_use]
    pub fn members(&self) -> Option<&Members> {
        self.membership.as_ref().map(|membership| &membership.machine)
    }

    /// The feature bit that this node's Hello has.
    pub(in crate::gossip) const fn members_feature(&self) -> u64 {
        if self.membership.is_some() { FEATURE_MEMBERS } else { 0 }
    }

    pub(in crate::gossip) fn set_wall_clock(&mut self, now: Time, ms: u64) {
        if let Some(membership) = self.membership.as_mut() {
            membership.wall = (now, ms);
        }
    }

    /// A connection is open, and has proved this key.
    pub(in crate::gossip) fn meet_member(
        &mut self,
        peer: PeerHandle,
        key: Option<PublicKey>,
        group: Option<AddressGroup>,
    ) {
        if let (Some(membership), Some(key)) = (self.membership.as_mut(), key) {
            membership.met.insert(peer, (key, group));
        }
    }

    /// A peer has said Hello.
    pub(in crate::gossip) fn greet_member(&mut self, now: Time, link: PeerHandle, features: u64) {
        let met = self.membership.as_mut().and_then(|membership| membership.met.remove(&link));
        if let Some((key, group)) = met.filter(|_| features & FEATURE_MEMBERS != 0) {
            self.give_members(now, MemberInput::LinkUp { link, key, group });
        }
    }

    /// A peer is gone.
    pub(in crate::gossip) fn part_member(&mut self, now: Time, link: PeerHandle) {
        if let Some(membership) = self.membership.as_mut() {
            membership.met.remove(&link);
            self.give_members(now, MemberInput::LinkDown { link });
        }
    }

    /// A peer has sent something.
    pub(in crate::gossip) fn hear_member(&mut self, now: Time, link: PeerHandle) {
        if self.members().is_some_and(|machine| machine.was_heard_before(link, now, HEARD_EVERY)) {
            self.give_members(now, MemberInput::Heard { link });
        }
    }

    /// A request to a peer has expired.
    pub(in crate::gossip) fn doubt_member(&mut self, now: Time, link: PeerHandle) {
        self.give_members(now, MemberInput::Overdue { link });
    }

    pub(in crate::gossip) fn on_members_message(&mut self, now: Time, link: PeerHandle, message: MemberMessage) {
        self.give_members(now, MemberInput::Received { link, message });
    }

    /// Something that the driver tells. What the engine tells itself is ignored here.
    pub(in crate::gossip) fn on_members_input(&mut self, now: Time, input: MemberInput) {
        match input {
            MemberInput::LinkUp { .. }
            | MemberInput::LinkDown { .. }
            | MemberInput::Overdue { .. }
            | MemberInput::Received { .. }
            | MemberInput::Checked { .. } => {}
            input => {
                if let MemberInput::SetBuiltIn(numbers) = input {
                    self.set_aggregated(numbers);
                }
                self.give_members(now, input);
            }
        }
    }

    /// Whether a verdict was for a statement. The machine has it then.
    pub(in crate::gossip) fn take_statement_verdict(&mut self, now: Time, job: JobId, verdict: Verdict) -> bool {
        let checked = self.membership.as_mut().and_then(|membership| membership.checking.remove(&job));
        let Some(Checking { link, via, statement }) = checked else { return false };
        let good = verdict == Verdict::Valid;
        self.give_members(now, MemberInput::Checked { link, via, statement, good });
        true
    }

    pub(in crate::gossip) fn members_deadline(&self) -> Option<Time> {
        self.membership.as_ref()?.deadline
    }

    /// Lets the machine do what has become due.
    pub(in crate::gossip) fn settle_members(&mut self, now: Time) {
        if self.members_deadline().is_some_and(|deadline| deadline <= now) {
            self.give_members(now, MemberInput::Timeout);
        }
    }

    fn give_members(&mut self, now: Time, input: MemberInput) {
        let Some(membership) = self.membership.as_mut() else { return };
        let wall_ms = membership.wall_ms(now);
        membership.machine.handle(now, wall_ms, input);
        self.carry_out_members(now);
    }

    /// Takes the machine's outputs, all before any of them is carried out, because some lead to further inputs.
    fn carry_out_members(&mut self, now: Time) {
        let Some(membership) = self.membership.as_mut() else { return };
        let wanted: Vec<MemberOutput> = core::iter::from_fn(|| membership.machine.poll_output()).collect();
        membership.deadline = membership.machine.poll_timeout(now);
        for output in wanted {
            match output {
                MemberOutput::Send { link, message } => {
                    self.send_if_it_fits(link, Message::Members(Box::new(message)));
                }
                MemberOutput::Verify { link, via, statement } => self.check_statement(link, via, statement),
                MemberOutput::Disconnect { link, reason } => self.disconnect(now, link, reason),
                output => {
                    if let MemberOutput::Event(event) = &output {
                        self.note_absence(event);
                    }
                    self.outputs.push_back(Output::Members(Box::new(output)));
                }
            }
        }
    }

    /// A peer that was found dead is asked for nothing until it is back.
    fn note_absence(&mut self, event: &MemberEvent) {
        let absent = match event.change {
            MemberChange::Failed => true,
            // It is new here if it was forgotten while it was dead.
            MemberChange::Returned | MemberChange::Joined => false,
            _ => return,
        };
        let Some(membership) = self.membership.as_ref() else { return };
        let links: Vec<PeerHandle> = membership.machine.links_to(&event.member).collect();
        for link in links {
            if let Some(peer) = self.peers.get_mut(&link) {
                peer.absent = absent;
            }
        }
    }

    fn check_statement(&mut self, link: Option<PeerHandle>, via: Via, statement: Statement) {
        let job = self.new_job(link, Vec::new(), Vec::new());
        // Nobody answers for a statement that came without a link, so it is checked apart from all others.
        let sent_by = if link.is_some() { job.sent_by } else { SentBy::OnTrial(u32::MAX) };
        let job = VerifyJob { sent_by, statements: vec![Signed::Statement(statement.clone())], ..job };
        if let Some(membership) = self.membership.as_mut() {
            membership.checking.insert(job.id, Checking { link, via, statement });
            self.outputs.push_back(Output::Verify(job));
        }
    }
}
