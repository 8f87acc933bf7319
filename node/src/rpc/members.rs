//! Members and aggregates in the form of the RPC and the command line, and how they are made from what the engine
//! knows. Deliberately absent: any judgement. What a member says of itself is not checked by anybody.

use std::collections::HashMap;

use libp2p::{Multiaddr, PeerId, identity};
use protocol::codec::DecodeError;
use protocol::gossip::aggregate::exact::{Exact, Trim};
use protocol::gossip::aggregate::extrema::Size;
use protocol::gossip::aggregate::push_sum::Estimate;
use protocol::gossip::aggregate::running::{Aggregates, Figure};
use protocol::gossip::aggregate::value::{MILLIONTHS, Value};
use protocol::gossip::members::{MemberEvent, MemberInfo, MemberState, Members};
use protocol::items::keys::PublicKey;
use protocol::items::member::entries::Entry;
use protocol::limits::AGGREGATE_INTERVAL;
use protocol::time::{Duration, Time};
use serde::{Deserialize, Serialize};

/// One member, as the node sees it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Its public key, in hexadecimal.
    pub public_key: String,
    /// `alive`, `suspect`, `dead` or `left`.
    pub state: String,
    /// Seconds since it came into this state here, or since the node was started.
    pub since_s: f64,
    /// Whether it is the node itself.
    pub is_self: bool,
    /// Whether it has ever answered this node.
    pub reached: bool,
    /// Where it can be dialled, by its own word.
    pub addresses: Vec<String>,
    /// Its program, by its own word.
    pub agent: String,
    /// Its incarnation.
    pub incarnation: u64,
    /// The height of its tip, by its own word, some minutes ago at most.
    pub tip_height: Option<u64>,
    /// The lowest round trip to it in milliseconds, if it is a peer.
    pub round_trip_ms: Option<f64>,
    /// What a round trip to it is estimated to take, in milliseconds, if it is or was a peer and has told its place.
    #[serde(default)]
    pub estimated_ms: Option<f64>,
    /// How unusual its silence is, if it is a peer and the detector is phi.
    pub phi: Option<f64>,
}

/// All that is known of a member.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MemberDetail {
    /// What the list has.
    #[serde(flatten)]
    pub member: MemberView,
    /// The run of its program: two machines with one key have different ones.
    pub instance: String,
    /// When it signed its record, by its clock, in milliseconds since 1970.
    pub issued_ms: u64,
    /// The version of the protocol that it speaks.
    pub version: u32,
    /// Peer ids of the members that relay for it.
    pub relays: Vec<String>,
    /// Its entries, in the order of their keys.
    pub entries: Vec<EntryView>,
    /// Peer ids of those that accuse its present incarnation.
    pub accusers: Vec<String>,
}

/// One entry of a member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryView {
    /// Its key.
    pub key: String,
    /// Its value as text, if it is text.
    pub text: Option<String>,
    /// Its value in hexadecimal.
    pub hex: String,
    /// The version in which it was set.
    pub version: u64,
}

/// A number over all members that tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AggregateView {
    /// The entry's key.
    pub name: String,
    /// Members that are alive or suspect, and how many of them have this entry as a number.
    pub members: usize,
    /// See `members`.
    pub count: usize,
    /// The sum.
    pub sum: f64,
    /// The sum divided by the count.
    pub average: Option<f64>,
    /// The value in the middle.
    pub median: Option<f64>,
    /// The average without the highest and the lowest tenth.
    pub trimmed_mean: Option<f64>,
    /// The lowest value, and the peer id of the member that tells it.
    pub minimum: Option<(f64, String)>,
    /// The highest value, and the peer id of the member that tells it.
    pub maximum: Option<(f64, String)>,
    /// What push-sum estimates, if the node takes part in it for this number.
    pub push_sum: Option<Estimates<PushSumView>>,
    /// The estimate of the number of members, if the node takes part in it.
    pub size: Option<Estimates<SizeView>>,
}

/// Estimates over links.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimates<T> {
    /// In the epoch under way. A young one may be far off.
    pub under_way: Option<T>,
    /// At the end of an earlier epoch.
    pub finished: Option<T>,
}

/// A number as push-sum estimates it, over the members that take part and have told it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PushSumView {
    /// The number of the epoch.
    pub epoch: u64,
    /// Seconds for which the node had taken part in it.
    pub age_s: u64,
    /// The average.
    pub average: f64,
    /// The lowest value.
    pub minimum: f64,
    /// The highest value.
    pub maximum: f64,
}

/// The number of members as extrema propagation estimates it, over the members that take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SizeView {
    /// The number of the epoch.
    pub epoch: u64,
    /// Seconds for which the node had taken part in it.
    pub age_s: u64,
    /// The estimate.
    pub members: u64,
    /// Its standard error, in members.
    pub standard_error: f64,
}

/// A change of a member, and when it was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberNews {
    /// When this node found it, by its clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// The change.
    pub event: MemberEvent,
}

/// An event of the stream of members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberEventView {
    /// When this node found it, by its clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// `joined`, `updated`, `suspected`, `failed`, `left`, `returned` or `conflict`; or `lost`, if the reader was slow.
    pub event: String,
    /// The member's libp2p peer id; `None` with `lost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_id: Option<String>,
    /// Its public key, in hexadecimal; `None` with `lost`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// Only with `lost`: events that the reader has missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// The name of the event that says how many others were lost.
pub const LOST: &str = "lost";

/// Why a question or an order about members was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MembersError {
    /// The node takes no part.
    #[error("the node takes no part in membership: start it without --membership off")]
    Off,
    /// The entry may not be set.
    #[error("the entry was not set: {0}")]
    Entry(#[from] DecodeError),
}

/// What to make a view with.
pub(crate) struct Known<'a> {
    /// The machine.
    pub(crate) members: &'a Members,
    /// The aggregates over links, if there are any.
    pub(crate) aggregates: Option<&'a Aggregates>,
    /// This node.
    pub(crate) own: PublicKey,
    /// The lowest round trip to each peer.
    pub(crate) round_trips: HashMap<PeerId, Duration>,
    /// The present.
    pub(crate) now: Time,
}

/// How much the trimmed mean leaves out at either end: a tenth.
const TRIM: Option<Trim> = Trim::thousandths(100);

impl Known<'_> {
    /// All members, in the order of their states, and within one in that of their peer ids.
    pub(crate) fn list(&self) -> Vec<MemberView> {
        let mut members: Vec<MemberInfo> = self.members.members().collect();
        members.sort_by_cached_key(|member| (member.state, peer_id_of(&member.record.key())));
        members.iter().map(|member| self.view(member)).collect()
    }

    /// One member.
    pub(crate) fn detail(&self, key: &PublicKey) -> Option<MemberDetail> {
        let info = self.members.member(key)?;
        let record = info.record.record();
        let text = |key: &PublicKey| peer_id_of(key).unwrap_or_else(|| key.to_string());
        let entries = info.entries.as_ref().map(|entries| entries.entries()).unwrap_or_default();
        Some(MemberDetail {
            member: self.view(&info),
            instance: hex::encode(record.instance.0),
            issued_ms: record.issued_ms,
            version: record.version,
            relays: record.relays.iter().map(text).collect(),
            entries: entries.iter().map(EntryView::from).collect(),
            accusers: self.members.accusers(key).iter().map(text).collect(),
        })
    }

    /// The aggregates of an entry over all members that are alive or suspect.
    pub(crate) fn aggregate(&self, name: &str) -> AggregateView {
        let present: Vec<MemberInfo> = self.members.members().filter(is_present).collect();
        let values = present.iter().filter_map(|member| {
            let entry = entry_of(member, name)?;
            let value: Value = std::str::from_utf8(&entry.value).ok()?.parse().ok()?;
            Some((member.record.key(), value))
        });
        // The view has fewer members than may be counted exactly.
        let exact = Exact::over(values).ok();
        let named = |(key, value): (PublicKey, Value)| (number(value), peer_id_of(&key).unwrap_or_default());
        AggregateView {
            name: name.to_owned(),
            members: present.len(),
            count: exact.as_ref().map_or(0, Exact::count),
            sum: exact.as_ref().map_or(0.0, |exact| exact.sum() as f64 / MILLIONTHS as f64),
            average: exact.as_ref().and_then(Exact::average).map(number),
            median: exact.as_ref().and_then(Exact::median).map(number),
            trimmed_mean: exact.as_ref().zip(TRIM).and_then(|(exact, trim)| exact.trimmed_mean(trim)).map(number),
            minimum: exact.as_ref().and_then(Exact::minimum).map(named),
            maximum: exact.as_ref().and_then(Exact::maximum).map(named),
            push_sum: self.aggregates.and_then(|running| running.average(name)).map(Estimates::from),
            size: self.aggregates.and_then(Aggregates::size).map(Estimates::from),
        }
    }

    fn view(&self, info: &MemberInfo) -> MemberView {
        let (key, record) = (info.record.key(), info.record.record());
        let peer = peer_of(&key);
        let round_trip = peer.and_then(|peer| self.round_trips.get(&peer));
        let height = entry_of(info, "height");
        let digits = height.and_then(|entry| String::from_utf8(entry.value.to_vec()).ok());
        let address = |bytes: &bytes::Bytes| match Multiaddr::try_from(bytes.to_vec()) {
            Ok(address) => address.to_string(),
            Err(_) => hex::encode(bytes),
        };
        MemberView {
            peer_id: peer.map(|peer| peer.to_string()).unwrap_or_default(),
            public_key: key.to_string(),
            state: info.state.name().to_owned(),
            since_s: self.now.since(info.since).as_micros() as f64 / 1_000_000.0,
            is_self: key == self.own,
            reached: info.reached || key == self.own,
            addresses: record.addresses.iter().map(address).collect(),
            agent: record.agent.clone(),
            incarnation: record.incarnation,
            tip_height: digits.and_then(|digits| digits.parse().ok()),
            round_trip_ms: round_trip.copied().map(millis),
            estimated_ms: self.members.estimated_round_trip(&key).map(millis),
            phi: self.members.phi(&key, self.now).map(|phi| phi.bits() as f64 / (1_u64 << 32) as f64),
        }
    }
}

impl MemberEventView {
    /// This number of events was lost.
    #[must_use]
    pub fn lost(at_ms: u64, events: u64) -> Self {
        Self { at_ms, event: LOST.to_owned(), events: Some(events), ..Self::default() }
    }
}

impl From<&MemberNews> for MemberEventView {
    fn from(news: &MemberNews) -> Self {
        Self {
            at_ms: news.at_ms,
            event: news.event.change.name().to_owned(),
            peer_id: peer_id_of(&news.event.member),
            public_key: Some(news.event.member.to_string()),
            events: None,
        }
    }
}

impl<T, V: From<T>> From<Figure<T>> for Estimates<V> {
    fn from(figure: Figure<T>) -> Self {
        Self { under_way: figure.under_way.map(V::from), finished: figure.finished.map(V::from) }
    }
}

impl From<Estimate> for PushSumView {
    fn from(estimate: Estimate) -> Self {
        Self {
            epoch: estimate.epoch.number,
            age_s: seconds(estimate.ticks),
            average: number(estimate.average),
            minimum: number(estimate.lowest),
            maximum: number(estimate.highest),
        }
    }
}

impl From<Size> for SizeView {
    fn from(size: Size) -> Self {
        Self {
            epoch: size.epoch.number,
            age_s: seconds(size.ticks),
            members: size.members,
            standard_error: size.members as f64 * size.standard_error as f64 / 1_000_000.0,
        }
    }
}

/// How long this number of ticks takes.
const fn seconds(ticks: u64) -> u64 {
    AGGREGATE_INTERVAL.times(ticks).as_micros() / 1_000_000
}

fn number(value: Value) -> f64 {
    value.millionths() as f64 / MILLIONTHS as f64
}

impl From<&Entry> for EntryView {
    fn from(entry: &Entry) -> Self {
        Self {
            key: entry.key.clone(),
            text: std::str::from_utf8(&entry.value).ok().map(str::to_owned),
            hex: hex::encode(&entry.value),
            version: entry.version,
        }
    }
}

/// The public key of a member that was named by its peer id, or by its key in hexadecimal.
pub(crate) fn parse_member(text: &str) -> Option<PublicKey> {
    if let Ok(key) = text.parse() {
        return Some(key);
    }
    let peer: PeerId = text.parse().ok()?;
    let key = identity::PublicKey::try_decode_protobuf(peer.as_ref().digest()).ok()?;
    Some(PublicKey(key.try_into_ed25519().ok()?.to_bytes()))
}

fn millis(span: Duration) -> f64 {
    span.as_micros() as f64 / 1_000.0
}

fn is_present(member: &MemberInfo) -> bool {
    matches!(member.state, MemberState::Alive | MemberState::Suspect)
}

fn entry_of(member: &MemberInfo, key: &str) -> Option<Entry> {
    member.entries.as_ref()?.entries().into_iter().find(|entry| entry.key == key)
}

fn peer_of(key: &PublicKey) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(&key.0).ok()?;
    Some(identity::PublicKey::from(key).to_peer_id())
}

fn peer_id_of(key: &PublicKey) -> Option<String> {
    peer_of(key).map(|peer| peer.to_string())
}
