//! What the engine counts: the one list of its counters.

/// Calls a macro with the engine's counters, each with its documentation and its name, in the order in which they
/// are shown. Code that needs the counters in another form makes that form from this list.
#[macro_export]
macro_rules! counters {
    ($with:ident) => {
        $with! {
            /// Standalone transaction bodies received.
            transaction_bodies,
            /// Standalone transaction bodies received that were of no use.
            transaction_duplicates,
            /// Block bodies received.
            block_bodies,
            /// Block bodies received that were of no use.
            block_duplicates,
            /// Transactions accepted, submitted ones included.
            transactions_accepted,
            /// Blocks accepted, submitted ones included.
            blocks_accepted,
            /// Items refused.
            refused,
            /// Announcements received.
            announcements,
            /// Announcements dropped because a bound was reached.
            announcements_dropped,
            /// Requests sent.
            requests,
            /// Requests that expired.
            requests_expired,
            /// Requests for blocks that were ended because other blocks waited for them.
            requests_stalled,
            /// Requests answered with notfound.
            requests_not_found,
            /// Reconciliations begun.
            reconciliations,
            /// Reconciliations without an answer in time.
            reconciliations_failed,
            /// Changes of the best chain that made blocks stale.
            reorganisations,
            /// Transactions acknowledged here that were in no block by their last height.
            submissions_expired,
            /// Headers whose producer had signed another for the same height.
            equivocations,
        }
    };
}

macro_rules! define {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counters since the start. They only grow.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Stats {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Stats {
            /// Each counter's name and value.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),*].into_iter()
            }
        }
    };
}

counters!(define);
