//! The list of counters, and another form that is made from it.

use std::collections::BTreeSet;

use protocol::gossip::{RelayPolicy, Stats};

use crate::harness::{Mesh, transaction};

macro_rules! shown {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The form that another user may need.
        #[derive(Debug, Default, PartialEq, Eq)]
        struct Shown {
            $($name: u64,)*
        }

        impl From<Stats> for Shown {
            fn from(stats: Stats) -> Self {
                Self { $($name: stats.$name,)* }
            }
        }
    };
}

protocol::counters!(shown);

#[test]
fn each_counter_is_told_once_by_its_name() {
    let stats = Stats { refused: 3, equivocations: 5, ..Stats::default() };
    let names: Vec<&str> = stats.each().map(|(name, _)| name).collect();
    let distinct: BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(distinct.len(), names.len());
    let told: Vec<(&str, u64)> = stats.each().filter(|(_, count)| *count > 0).collect();
    assert_eq!(told, [("refused", 3), ("equivocations", 5)]);
}

#[test]
fn another_form_of_the_counters_is_made_of_the_list() {
    let mut mesh = Mesh::new(1, RelayPolicy::Flood);
    mesh.submit(0, &transaction(1, 1, 9));
    mesh.run_secs(1);
    let expected = Shown { transactions_accepted: 1, ..Shown::default() };
    assert_eq!(Shown::from(mesh.nodes[0].stats()), expected);
}
