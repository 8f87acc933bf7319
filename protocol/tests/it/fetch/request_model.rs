//! The request tracker compared with a naive model of its specification: every answer is compared, and time goes
//! forwards and backwards.

use proptest::prelude::*;

use super::request_naive::{KEYS, Op, PEERS, Pair};

fn op() -> impl Strategy<Value = Op> {
    let peer = 0..PEERS;
    let key = 0..KEYS;
    let bytes = prop_oneof![
        4 => 0_usize..2_000,
        2 => 10_000_usize..200_000,
        1 => 1_000_000_usize..5_000_000,
        1 => Just(usize::MAX),
    ];
    prop_oneof![
        3 => peer.clone().prop_map(Op::Connect),
        1 => peer.clone().prop_map(Op::Disconnect),
        12 => (peer.clone(), key.clone(), bytes.clone())
            .prop_map(|(peer, key, bytes)| Op::Announce { peer, key, bytes }),
        2 => (peer.clone(), bytes.clone()).prop_map(|(peer, bytes)| Op::AnnounceAll { peer, bytes }),
        8 => any::<u8>().prop_map(|may_ask| Op::Request { may_ask }),
        3 => (peer.clone(), key.clone(), bytes.clone())
            .prop_map(|(peer, key, bytes)| Op::Receive { peer, key, bytes }),
        3 => (peer.clone(), key.clone(), bytes.clone())
            .prop_map(|(peer, key, bytes)| Op::PassOn { peer, key, bytes }),
        2 => bytes.clone().prop_map(|bytes| Op::PassOnInFlight { bytes }),
        8 => bytes.prop_map(|bytes| Op::Answer { bytes }),
        1 => peer.clone().prop_map(Op::Proved),
        2 => (peer.clone(), 0_u64..2_000_000).prop_map(|(peer, micros)| Op::Measure { peer, micros }),
        1 => key.clone().prop_map(Op::Forget),
        1 => (peer, key.clone()).prop_map(|(peer, key)| Op::NotFound { peer, key }),
        2 => Just(Op::NotFoundInFlight),
        1 => key.prop_map(Op::Stalled),
        2 => Just(Op::StalledInFlight),
        3 => Just(Op::Expire),
        4 => Just(Op::ToDeadline),
        5 => (0_u64..2_000_000).prop_map(Op::Forward),
        1 => (0_u64..100_000_000).prop_map(Op::Forward),
        1 => (0_u64..5_000_000).prop_map(Op::Back),
        1 => prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(Op::Jump),
    ]
}

proptest! {
    #[test]
    fn the_tracker_answers_as_the_model_does(
        seed in any::<[u8; 32]>(),
        ops in prop::collection::vec(op(), 1..300),
    ) {
        let mut pair = Pair::new(seed);
        for op in &ops {
            pair.apply(op);
            pair.compare();
        }
        pair.end();
    }
}
