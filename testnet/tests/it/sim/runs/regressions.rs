//! Drawn networks that once broke a rule, and the reasons.

use testnet::sim::swarm::run_swarm;

/// The seed, and what it found. If the draws of a seed change later, its network is gone. So each fault also has a
/// test at the place where it was repaired.
const SEEDS: [(u64, &str); 26] = [
    (0, "a missing block was given up when everybody who was asked had answered too soon"),
    (
        54,
        "a list that was asked for twice was given twice, and differently: a take of the one could be read as of the other",
    ),
    (66, "four blocks of one producer at one height left two halves with tips of their own"),
    (71, "two headers without bodies took the place of their producer's real block, and of all that followed"),
    (107, "honest nodes were blamed for headers that were forged behind the one that they had announced"),
    (109, "what a stale block gave back to the mempool was told to nobody"),
    (164, "an item was taken of an offer that its peer had forgotten, because it had made four others since"),
    (182, "the same as 109, at two nodes"),
    (185, "a block that came with its header and by itself was accepted twice"),
    (203, "the same as 164, at two links"),
    (239, "headers that couldn't be asked for at once were never asked for"),
    (249, "an announced block made nobody look for the missing one before it"),
    (326, "the best header's body was with nobody, and the other branch was not followed"),
    (502, "the simulator let messages overtake a greeting"),
    (668, "the same as 164, with four items"),
    (720, "a push crossed a request and was taken for its answer, and the next request expired too soon"),
    (758, "the same as 54, many times"),
    (1_724, "a slow node that a spammer kept busy was blamed for missing greetings that had come in time"),
    (1_730, "a node told a new peer of its tip, which was the third block of a producer that it told of"),
    (2_043, "the same as 720"),
    (4_230, "a route remembered the link of a peer that had left while its copy was checked"),
    (
        4_543,
        "the body of a block that waited for its parent's overtook its own announcement, and another was waited for",
    ),
    (6_390, "what waited for an uplink was sent although its connection had ended, and nothing else got through"),
    (7_055, "the same as 1,724, at another node"),
    (7_926, "a body waited for its parent's, which nobody was asked for"),
    (20_018, "a request and its answer waited in queues, each a little less than what was excused"),
];

#[test]
fn what_broke_once_holds() {
    for (seed, what) in SEEDS {
        if let Err(failure) = run_swarm(seed) {
            panic!("{what}, or something else:\n{failure}");
        }
    }
}
