//! Items on their way through the node: how old they are, how long each step takes, and which bytes were of use.
//!
//! | figure | from | to |
//! |---|---|---|
//! | age of a block | its time stamp, by its producer's clock | its first announcement here |
//! | announcement to body | the first announcement of an item | its first body |
//! | body to acceptance | the first body | the engine accepts it: signatures, and for a block its place in the chain |
//!
//! A transaction has no time stamp, so its age is not known. An item that is pushed has no announcement before its body,
//! and no first figure. Blocks that a node fetches to catch up are not announced, and have no age.
//!
//! The first sights of the last [`FIRST_SIGHTS_MAX`] items are remembered. A peer that announces items that don't exist can push
//! others out, which then are missing in these figures, and nowhere else.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use protocol::gossip::{Event, ItemId};
use protocol::items::block::SignedHeader;
use protocol::items::hash::ShortId;
use protocol::items::refusal::Refusal;
use protocol::time::Time;
use protocol::wire::message::Message;

/// Items of which it is remembered when they were first seen: at 200 a second those of the last 20 s. Each takes some
/// 120 bytes: 480 KiB.
pub const FIRST_SIGHTS_MAX: usize = 4_096;

type Labels<const N: usize> = [(&'static str, &'static str); N];

/// The kinds of items, as labels.
const ITEM_KINDS: [&str; 2] = ["transaction", "block"];

/// Counts items.
#[derive(Clone, Debug)]
pub struct Items {
    sights: Arc<Mutex<LruCache<Name, Sight>>>,
    block_age: Histogram,
    to_body: [Histogram; 2],
    to_acceptance: [Histogram; 2],
    accepted_bytes: [Counter; 2],
    useful_bytes: [Counter; 2],
    duplicate_bytes: [Counter; 2],
    refused: Family<Labels<2>, Counter>,
}

/// An item as announcements name it: its kind's place, and its short id.
type Name = (usize, ShortId);

/// When an item was first seen.
#[derive(Clone, Copy, Debug, Default)]
struct Sight {
    announced: Option<Time>,
    body: Option<Time>,
    accepted: bool,
}

impl Items {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let block_age = Histogram::new(latencies());
        let help = "Age of a block at its first announcement, by its producer's clock and this node's";
        registry.register_with_unit("block_age", help, Unit::Seconds, block_age.clone());
        let help = "From the first announcement of an item to its first body";
        let to_body = histograms(registry, "announcement_to_body", help);
        let help = "From the first body of an item to its acceptance";
        let to_acceptance = histograms(registry, "body_to_acceptance", help);
        let help = "Encoded bytes of items accepted, submitted ones included";
        let accepted_bytes = ITEM_KINDS.map({
            let family = Family::<Labels<1>, Counter>::default();
            registry.register_with_unit("accepted_items", help, Unit::Bytes, family.clone());
            move |kind| family.get_or_create(&[("kind", kind)]).clone()
        });
        let bodies = Family::<Labels<2>, Counter>::default();
        let help = "Bytes of bodies received from peers, by whether they were of use";
        registry.register_with_unit("received_bodies", help, Unit::Bytes, bodies.clone());
        let of = |useful| ITEM_KINDS.map(|kind| bodies.get_or_create(&[("kind", kind), ("use", useful)]).clone());
        let (useful_bytes, duplicate_bytes) = (of("new"), of("duplicate"));
        let refused = Family::<Labels<2>, Counter>::default();
        registry.register("items_refused", "Items refused, by kind and reason", refused.clone());
        for (kind, reason) in ITEM_KINDS.iter().flat_map(|kind| Refusal::LABELS.map(|reason| (*kind, reason))) {
            drop(refused.get_or_create(&[("kind", kind), ("reason", reason)]));
        }
        let most = NonZeroUsize::new(FIRST_SIGHTS_MAX).unwrap_or(NonZeroUsize::MIN);
        let sights = Arc::new(Mutex::new(LruCache::new(most)));
        Self { sights, block_age, to_body, to_acceptance, accepted_bytes, useful_bytes, duplicate_bytes, refused }
    }

    /// A message came. `wall_ms` is the wall clock, in milliseconds since 1970.
    pub fn received(&self, message: &Message, now: Time, wall_ms: impl FnOnce() -> u64) {
        match message {
            Message::Inv(entries) => {
                for entry in entries {
                    self.announced((0, entry.transaction.short()), now);
                }
            }
            Message::BlockHeader { header, .. } => self.block_announced(header, now, wall_ms),
            _ => {}
        }
    }

    /// The engine tells something.
    pub fn event(&self, event: &Event, now: Time) {
        match event {
            Event::BodyReceived { item, bytes, duplicate, .. } => self.body(*item, *bytes, *duplicate, now),
            Event::Accepted { item, within, bytes, .. } => {
                count(&self.accepted_bytes, *item).inc_by(*bytes as u64);
                if within.is_none() {
                    self.accepted(*item, now);
                }
            }
            Event::Refused { item, refusal, .. } => {
                let kind = ITEM_KINDS.get(place(*item)).copied().unwrap_or_default();
                self.refused.get_or_create(&[("kind", kind), ("reason", refusal.label())]).inc();
            }
            _ => {}
        }
    }

    fn block_announced(&self, header: &SignedHeader, now: Time, wall_ms: impl FnOnce() -> u64) {
        if self.announced(name(ItemId::Block(header.id())), now) {
            let age = wall_ms().saturating_sub(header.header().timestamp_ms);
            self.block_age.observe(age as f64 / 1_000.0);
        }
    }

    /// Whether this is the first that is heard of the item.
    fn announced(&self, item: Name, now: Time) -> bool {
        self.sight(item, |sight, new| {
            if new {
                sight.announced = Some(now);
            }
            new
        })
    }

    fn body(&self, item: ItemId, bytes: usize, duplicate: bool, now: Time) {
        let bodies = if duplicate { &self.duplicate_bytes } else { &self.useful_bytes };
        count(bodies, item).inc_by(bytes as u64);
        let waited = self.sight(name(item), |sight, _| {
            if sight.body.is_some() || sight.accepted {
                return None;
            }
            sight.body = Some(now);
            sight.announced.map(|announced| now.since(announced))
        });
        if let Some(waited) = waited {
            histogram(&self.to_body, item).observe(waited.as_micros() as f64 / 1e6);
        }
    }

    fn accepted(&self, item: ItemId, now: Time) {
        let took = self.sight(name(item), |sight, _| {
            let first = !std::mem::replace(&mut sight.accepted, true);
            sight.body.filter(|_| first).map(|body| now.since(body))
        });
        if let Some(took) = took {
            histogram(&self.to_acceptance, item).observe(took.as_micros() as f64 / 1e6);
        }
    }

    /// Looks at the first sight of an item, and says whether it is new. The oldest makes room, whether it was looked at
    /// since or not.
    fn sight<T>(&self, item: Name, look: impl FnOnce(&mut Sight, bool) -> T) -> T {
        // Only the loop's thread takes the lock, so nothing waits.
        let mut sights = self.sights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sight) = sights.peek_mut(&item) {
            return look(sight, false);
        }
        let mut sight = Sight::default();
        let seen = look(&mut sight, true);
        sights.put(item, sight);
        seen
    }
}

/// From 1 ms to 131 s, each twice the one before: a gossip within a building, and one around a slow world.
fn latencies() -> impl Iterator<Item = f64> {
    exponential_buckets(0.001, 2.0, 18)
}

fn histograms(registry: &mut Registry, name: &str, help: &str) -> [Histogram; 2] {
    let make: fn() -> Histogram = || Histogram::new(latencies());
    let family = Family::<Labels<1>, Histogram>::new_with_constructor(make);
    registry.register_with_unit(name, help, Unit::Seconds, family.clone());
    ITEM_KINDS.map(|kind| family.get_or_create(&[("kind", kind)]).clone())
}

fn name(item: ItemId) -> Name {
    let short = match item {
        ItemId::Transaction(id) => id.short(),
        ItemId::Block(id) => id.short(),
    };
    (place(item), short)
}

const fn place(item: ItemId) -> usize {
    match item {
        ItemId::Transaction(_) => 0,
        ItemId::Block(_) => 1,
    }
}

fn histogram(of: &[Histogram; 2], item: ItemId) -> &Histogram {
    let [transaction, block] = of;
    if place(item) == 0 { transaction } else { block }
}

fn count(of: &[Counter; 2], item: ItemId) -> &Counter {
    let [transaction, block] = of;
    if place(item) == 0 { transaction } else { block }
}
