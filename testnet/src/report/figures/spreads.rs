//! All latencies of a run, by kind. The curves are drawn from them.

use node::observe::trace::Kind;

use crate::report::deliveries::Delivery;
use crate::report::statistics::Sorted;

/// The latencies of both kinds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spreads {
    /// Of transactions.
    pub tx: Latencies,
    /// Of blocks.
    pub block: Latencies,
}

/// The latencies of one kind, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latencies {
    /// Of each delivery.
    pub values_ms: Sorted,
    /// The earliest possible latencies of the same deliveries; empty if links aren't known.
    pub floors_ms: Sorted,
}

/// Gathers deliveries one by one.
#[derive(Clone, Debug, Default)]
pub struct Gather {
    /// Values and floors, by kind.
    kinds: [[Vec<f64>; 2]; 2],
}

impl Gather {
    /// Adds a delivery.
    pub fn add(&mut self, one: &Delivery) {
        let kind = match one.kind {
            Kind::Transaction => 0,
            Kind::Block => 1,
        };
        if let Some([values, floors]) = self.kinds.get_mut(kind) {
            values.extend(one.latency_ms);
            floors.extend(one.floor_ms);
        }
    }

    /// All of them, in ascending order.
    #[must_use]
    pub fn finish(self) -> Spreads {
        let [tx, block] = self
            .kinds
            .map(|[values, floors]| Latencies { values_ms: Sorted::new(values), floors_ms: Sorted::new(floors) });
        Spreads { tx, block }
    }
}

impl<'a> FromIterator<&'a Delivery> for Spreads {
    fn from_iter<I: IntoIterator<Item = &'a Delivery>>(deliveries: I) -> Self {
        let mut gather = Gather::default();
        deliveries.into_iter().for_each(|one| gather.add(one));
        gather.finish()
    }
}
