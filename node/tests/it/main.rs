//! The node's tests, through its public interface: one binary, one room for each concern, one module for each
//! behaviour. The gate and `scripts/prove.sh` choose tests by the rooms' names.

mod corpora; // what fuzzing kept
#[path = "../../examples/support/eclipse.rs"]
mod eclipse_world;
mod embed; // a node inside another program
mod host; // the engine's host

/// Helpers that tests of several rooms share.
mod support {
    pub(crate) mod first_packets; // QUIC's, as anybody can send them
    pub(crate) mod harness; // nodes in this process
    pub(crate) mod hostile_client; // both lanes by hand
    pub(crate) mod namespaces; // nodes as real processes, in their own networks
    pub(crate) mod program; // the program, with a clean environment
    pub(crate) mod puppet; // the real handler and transport, and no engine
    pub(crate) mod raw; // streams by hand
    pub(crate) mod raw_yamux; // yamux by hand
    pub(crate) mod rpc; // a service that the test plays, and clients
    pub(crate) mod virtual_time; // it moves by itself
}

/// Tests of the command line.
mod cli {
    mod command_line; // what it refuses, and its help
    mod config_command; // every setting, and where it comes from
    mod doctor; // what it makes of facts
    mod follow; // lists, and lines as things change
    mod pages; // completions, manual pages, versions
    mod settings; // how it becomes a node's settings
    mod tables; // output for people
    mod trace; // how an item came, for people, programs and Graphviz
    mod tx_get;
    mod typed_addresses; // what is refused when it is typed
    mod variables; // the environment's
    mod watch; // members, as they change
}

/// Tests of a node's files.
mod config {
    mod data_dir; // one holder at a time
    mod file; // of settings, and what it refuses
    mod init; // the file that is made, with every setting
    mod key_file;
    mod memory; // what an amount stands for
    mod precedence; // flag, environment, file, default
}

/// Tests of how the program starts and ends.
mod run {
    mod bounds; // the most memory that a node can take
    mod descriptors; // how open files are divided
    pub(crate) mod lifecycle;
    mod notify; // what the service manager hears
}

/// Tests of the loop, and of whole nodes.
mod service {
    mod aggregates; // estimates over links between real nodes
    mod application; // what one in the same process hears of members
    mod behind_nodes; // real nodes that are behind
    mod lonely; // without peers, and why
    mod members; // real nodes as members
    mod notices; // what an operator is told about being behind
    mod passages; // how an item came, told by real nodes
    mod propagation; // items between whole nodes
    mod recalled; // members that an earlier run knew
    mod timers; // after a pause
    mod verification; // the pool
    mod whole_nodes; // they find each other, keep their limits, and stop
}

/// Tests of what people see of a running node.
mod observe {
    mod dashboards; // the files of deploy/ ask for what is served
    mod logging; // lines for programs, and a filter that changes
    mod metrics;
    mod passages_bounds; // how many items are recorded, and how much of each
    mod passages_model; // the records against a naive model
    mod progress; // while it catches up
    mod status_line;
    mod trace_causes; // in files
}

/// Tests of the RPC.
mod rpc {
    mod aggregates; // what people see of them
    mod counters; // the engine's, as the status tells them
    mod evidence; // two blocks for one height, told to people
    mod lists; // blocks, pending transactions, bans, and orders about peers
    pub(crate) mod methods; // the JSON-RPC
    pub(crate) mod openrpc; // the description of all methods

    mod http {
        mod events; // streams of them
        mod flood; // places and descriptors that strangers use up
        mod guard; // which client may do what
        mod health;
        mod metrics;
        mod page; // the node's own, in a browser
        mod places; // connections that wait or are slow make room
        mod ready; // a real node's health, cookie and producer rule
        mod socket; // calls and subscriptions over WebSockets
        mod topics; // events of all topics as a stream
        mod turns; // clients share the calls of a second
    }
}

/// Tests of what is kept.
mod store {
    mod age; // how old a body is
    mod coalescing; // what is never written
    pub(crate) mod disk; // a disk in memory, whose power can fail
    mod first; // where the best chain has a transaction first
    mod format; // it opens forever
    mod peers; // known ones
    mod prune;
    mod round_trip; // what was committed comes back
    pub(crate) mod support; // items, a workload, a summary
    mod writer; // its thread

    /// A store that something went wrong with.
    mod broken {
        mod crash; // a loss of power
        mod damage; // other bytes than those that were written
        mod faults; // a disk that is full or fails
        mod hashes; // rows that are correct but not the kept ones
    }
}

/// Tests of the node's side of the network.
mod net {
    mod bans;
    mod client_mistakes; // those that the author of a client makes
    mod framing;
    mod goodbye; // why a peer is disconnected
    mod hostile; // attacks on a node between honest ones
    mod limits; // per address, and per direction
    mod session; // one session, byte by byte
    mod wire_vectors; // what must be refused, and why

    /// Tests of nodes that others cannot dial.
    mod nat {
        mod circuits; // real nodes behind a relay
        mod relay_bounds; // what a circuit relay gives
        mod relayed_addresses;
        mod verdict; // whether others can, and which relays to take
    }

    /// Tests of whom to dial.
    mod discovery {
        mod address_book; // how much one source and one group may fill
        mod address_order; // which are told, kept, and tried first
        mod dials; // which addresses are dialled, and when
        mod eclipse; // with most addresses, an attacker is not all of the peers
        mod exchange; // one extra peer, feelers, anchors
        mod few_groups; // networks in fewer groups than outbound slots
        mod fixed_addresses;
        mod kademlia; // its table
        mod one_key; // on two machines
        mod own_addresses; // never to ourselves
    }

    /// Tests of the lanes of one connection.
    mod lane {
        mod bulk_pace; // one uplink at its full rate
        mod bulk_turns; // whose body leaves first
        mod bulk_window;
        mod lanes; // they open, give credit back, and end
        mod pings;
        mod speed; // a measurement
        mod uplink_model; // of an uplink that peers share
    }

    /// Tests of who holds a slot.
    mod slots {
        mod eviction; // who gives way, and who never does
        mod model; // against a model
        mod nodes; // real ones
        mod support; // a node's slots on virtual time
    }

    /// Tests below the lanes.
    mod transport {
        mod rates; // limits of all bytes
        mod resolver_settings;
        mod setups; // connections that are being set up
        mod stream_windows; // what a peer can make a node keep
        mod transports; // nodes on different ones
    }
}

/// Tests of nodes as they are in the field: real processes, most of them in their own networks.
mod field {
    mod identity; // nodes that change, and one key on two machines
    mod lonely; // machines that are not there
    mod names; // that lead elsewhere the next time
    mod pause; // a process that is stopped, and goes on
    mod pruned; // peers that deleted the blocks that a newcomer lacks
    mod shared; // common addresses, and very many
}

/// Attacks on real nodes in their own networks.
mod attack {
    mod engine;
    mod figures; // what the traces and the system say
    mod peers; // on discovery and slots
    mod stage; // the victim, three honest peers, and the attacker
    mod wire; // below the protocol
}
