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
mod request_support; // the tracker's naive model

mod author_tree; // what is pushed, pruned and grafted
mod behind;
mod blame; // who is left for a bad item, and who is not
mod block_detour;
mod block_recovery;
mod block_stall; // a peer that holds up the blocks of all others
mod block_tree; // blocks along their producer's tree, and promises
mod block_window; // how many blocks are requested ahead
mod blocks; // orphans, catching up, forks, confirmed transactions
mod bounds; // what the engine holds, on each bound and one past it
mod chain_bodies; // which bodies are kept
mod chain_fork_choice; // height, then lowest id
mod chain_headers; // header rules and the tree's bounds
mod chain_hostile; // a full tree in the hands of hostile producers
mod chain_reorg; // random trees converge
mod chain_repeats; // a transaction in more than one block
mod chain_sync; // locators, headers after, missing bodies
mod corpora;
mod counters; // the one list of them
mod determinism; // same seed, same outputs
mod durable;
mod equivocation; // two headers for one height, kept as evidence
mod first_deliveries; // who was first with what, and when
mod first_occurrence; // what is confirmed, beyond memory
mod flow_control; // credit per peer and lane
mod full_link; // a full mempool, and what a link without room brings
mod graft_credit; // a liar among the announcers
mod group_record; // what a neighbour's misdeeds do to a newcomer
mod header_siblings; // many headers of one producer at one height
mod headers_brake; // how many headers may wait for bodies
mod hello; // the greeting
mod inv_getdata; // announcing, asking, answering
mod link_record; // when a push is missed, and what follows
mod list_slots; // who may list, and for how long a claim is believed
mod look_up_again; // what storage could not tell for a while
mod look_up_turns; // who waits for whose look-ups
mod mempool_bounds; // entries, bytes, nonces
mod mempool_eviction; // who sheds what when it is full
mod mempool_model; // against a naive model
mod mempool_turnover; // full of junk: who still gets in, and who stays
mod merkle; // roots by an independent formula
mod misbehavior; // bad peers, and bounds on what they can do
mod missed_push; // a hub that pushes first and hides every second item
mod negative_vectors; // what must be refused, and why
mod occupancy; // how full everything is
mod old_claim; // news that somebody calls old
mod orphan; // blocks that wait for a parent
mod orphan_room; // and how strangers can't fill their room
mod propagation; // every item reaches every node; no echo
mod reconcile_fairness; // what is left beside peers that answer nothing and ask much
mod reconcile_hostile; // on the bounds and past them, and with peers that lie
mod reconcile_model; // against a naive set difference
mod reconcile_offers; // what takes mean, if something comes twice
mod reconcile_vectors; // golden ids, mappings and symbols
mod reconciliation;
mod refusals; // cheap rules first, and what a refusal costs and means
mod relay_policy; // how policies are spelled
mod request_bounds; // the tracker on its bounds and past them
mod request_cost; // what messages cost their senders
mod request_fallback; // expiry, disconnect, notfound, strikes
mod request_hold; // what waits for a push, and promises
mod request_model; // the tracker against a naive model
mod request_naive; // the model itself
mod rumor; // rounds, hot and cooled, feedback
mod strictness; // one encoding, everything else refused
mod tree_bounds; // what author trees may cost
mod tree_model; // author trees against a naive model
mod upload; // what is sent for the asking
mod validator; // a chain's own rules, in the mempool and in blocks
mod wire; // golden bytes of every message and item
