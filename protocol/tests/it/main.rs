//! The engine's tests, all through its public interface and on virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::expect_used,
    missing_docs,
    unreachable_pub
)]

mod harness; // a mesh of engines on virtual time
mod kept;
mod make; // items for the parts' tests
mod say; // and what peers say about items

mod bounds; // the memories of the engine, on each bound and one past it
mod corpora;
mod counters; // the one list of counters
mod determinism; // same seed, same outputs
mod footprint; // what collections take, and what all bounds come to
mod occupancy; // how full everything is
mod propagation; // every item reaches every node; no echo

/// Tests of what is sent and signed.
mod items {
    mod check_together; // what is waiting, in batches
    mod craft; // signatures that no signer makes
    mod id_order; // by bytes
    mod member_statements; // what a member signs, and what is refused
    mod merkle; // roots by an independent formula
    mod order; // ids and keys by their bytes
    mod signature_batches; // one equation for many signatures
    mod signature_rule; // which signatures are good
    mod validator; // a chain's own rules, in the mempool and in blocks
}

/// Tests of bytes and messages.
mod wire {
    mod frames; // what a lane carries beside messages
    mod member_vectors; // golden bytes of what members sign
    mod negative_vectors; // what must be refused, and why
    mod strictness; // one encoding, everything else refused
    mod vectors; // golden bytes of every message and item
}

/// Tests of the chain, orphans, and the data that are kept.
mod chain {
    mod bodies; // which bodies are kept
    mod durable;
    mod fork_choice; // height, then lowest id
    mod headers; // header rules and the tree's bounds
    mod hostile; // a full tree in the hands of hostile producers
    mod locators; // locators, headers after, missing bodies
    mod orphan; // blocks that wait for a parent
    mod orphan_room; // how strangers can't fill the room for orphans
    mod reorg; // random trees converge
    mod repeats; // a transaction in more than one block
}

/// Tests of the mempool.
mod mempool {
    mod bounds; // entries, bytes, nonces
    mod eviction; // which item is shed when the mempool is full
    mod few_and_many; // a mempool that grows and shrinks
    mod model; // the mempool against a naive model
    mod room; // what an engine is given
    mod turnover; // a mempool full of junk: which items still get in, and which stay
}

/// Tests of one peer.
mod links {
    mod first_deliveries; // which peer was first with a transaction or block, and when
    mod flow_control; // credit per peer and lane
    mod group_record; // what a neighbour's misdeeds mean for a newcomer
    mod hello; // the greeting
    mod inv_getdata; // announcing, asking, answering
    mod message_cost; // what messages cost their senders
    mod misbehavior; // bad peers, and bounds on what they can do
    mod trial; // whose items are checked apart from those of others
}

/// Tests of what is known of items, and of which links have them.
mod inventory {
    mod bounds; // each bound, and one past it
    mod isolation; // a link that announces without end
    mod model; // against a naive list of facts
    mod pushed; // what was sent unasked
}

/// Tests of the intake: from a body to a verdict.
mod intake {
    mod arrival_causes; // why each body came
    mod blame; // which peers are disconnected for a bad item, and which are not
    pub mod first_occurrence; // whether a transaction is confirmed, beyond memory
    mod full_link; // a full mempool, and what a link without room brings
    mod look_up_again; // questions that storage could not answer for a while
    mod look_up_turns; // which peer waits for which look-ups
    mod old_claim; // news that a peer calls old
    pub mod refusals; // cheap rules first, and what a refusal costs and means
}

/// Tests of relaying: which peers to push to.
mod relay {
    mod author_tree; // what is pushed, pruned and grafted
    mod block_tree; // blocks along their producer's tree, and promises
    mod graft_credit; // a liar among the announcers
    mod link_record; // when a push is missed, and what follows
    mod many_hiders; // most nodes have a peer that pushes first and hides every second item
    mod missed_push; // a hub that pushes first and hides every second item
    mod pushed_together; // several inputs as one, and what leaves together
    mod relay_policy; // how policies are spelled
    mod rumor; // rounds, hot and cooled, feedback
    mod tree_bounds; // what author trees may cost
    mod tree_model; // author trees against a naive model
}

/// Tests of fetching: which peers to ask.
mod fetch {
    mod request_bounds; // the tracker on its bounds and past them
    mod request_fallback; // expiry, disconnect, notfound, strikes
    mod request_hold; // announcements that wait for a push, and promises
    mod request_model; // the tracker against a naive model
    pub mod request_naive; // the model itself
    pub mod request_support; // helpers that the tests of the tracker share
    mod upload; // what a peer gets by asking
}

/// Tests of aggregates.
mod aggregate {
    mod engine; // inside engines: messages, epochs, blame, bounds
    mod epoch; // which block names an epoch, and gauges
    mod exact; // against a naive model
    mod extrema; // the estimate of the size, and how tickets spread
    mod extrema_hostile; // forged tickets, and bounds
    mod messages; // one encoding, and a bounded number of bytes
    mod net; // machines and links in steps
    mod push_sum; // how fast it settles, and on what
    mod push_sum_bounds; // what a link may bring, and what liars can do
    mod push_sum_faults; // lost, late and repeated messages; members that come and go
}

/// Tests of headers, blocks, catching up.
mod sync {
    mod behind;
    mod block_detour;
    mod block_recovery;
    mod block_stall; // a peer that holds up the blocks of all others
    mod block_window; // how many blocks are requested ahead
    mod blocks; // orphans, catching up, forks, confirmed transactions
    mod equivocation; // two headers for one height, kept as evidence
    mod header_siblings; // many headers of one producer at one height
    mod headers_brake; // how many headers may wait for bodies
}

/// Tests of membership: of its machine, and of the parts that only compute.
mod members {
    mod accrual; // the accrual detector in place of pings
    mod built_in; // the entries that each node sets itself
    /// Tests of comparisons by difference.
    pub mod comparing {
        mod cost; // bytes of a comparison
        mod equal;
        mod full; // against whole lists, with random views
        mod gone; // members that are dead or have left
        mod hostile; // peers that lie in them
        pub mod pair; // two machines that compare
    }
    mod config; // all parameters, and what follows from them
    mod crowd; // many invented members
    pub mod engine; // the machine inside the engine
    /// Tests of what is computed from measurements.
    mod estimates {
        mod coordinates; // estimates of round trips
        mod logarithm; // in fixed point
        mod phi; // the accrual detector
        mod places; // of members, as their pongs tell
    }
    mod field; // what users of other systems report
    pub mod liars; // false accusations, forged and replayed statements
    pub mod mesh; // machines on virtual time
    mod spreading; // news and comparisons
    /// Tests of who is watched, and of what follows.
    mod watching {
        mod detection; // members that die, are silent, leave and come back
        mod healing; // probes that began before a partition healed
        mod health; // how far a node trusts its own timeouts
        mod helping; // the detector and the relay help each other
        mod suspicion; // how long a suspicion lasts
    }
}

/// Tests of reconciliation.
mod repair {
    mod forgotten_offers; // what is wanted of an older offer
    mod list_slots; // who may list, and for how long a claim is believed
    mod reconcile_fairness; // the share beside peers that answer nothing and ask much
    mod reconcile_hostile; // reconciliation at its bounds and past them, and with peers that lie
    pub mod reconcile_model; // reconciliation against a naive set difference
    mod reconcile_offers; // the meaning of takes, if something comes twice
    mod reconcile_vectors; // golden ids, mappings and symbols
    mod reconciliation;
}
