//! The spelling of relay policies.

use proptest::prelude::*;
use protocol::gossip::{AuthorTree, Redundancy, RelayPolicy, RelayPolicyError, Rumor};
use protocol::time::Duration;

#[test]
fn spellings_and_what_they_mean() {
    let rumor = |fanout, millis, nodes, feedback| {
        RelayPolicy::Rumor(Rumor { fanout, round: Duration::from_millis(millis), nodes, feedback })
    };
    let tree = |hundredths| {
        let redundancy = Redundancy::from_hundredths(hundredths).unwrap();
        RelayPolicy::AuthorTree(AuthorTree { redundancy })
    };
    for (text, policy) in [
        ("author-tree", tree(0)),
        ("author-tree:redundancy=0", tree(0)),
        ("author-tree:redundancy=0.5", tree(50)),
        ("author-tree:redundancy=1.25", tree(125)),
        ("author-tree:redundancy=2", tree(200)),
        ("announce", RelayPolicy::Announce),
        ("flood", RelayPolicy::Flood),
        ("rumor", rumor(3, 1_000, 1_000, true)),
        ("rumor:fanout=3,round=1s", rumor(3, 1_000, 1_000, true)),
        ("rumor:fanout=4,round=200ms,nodes=50,feedback=off", rumor(4, 200, 50, false)),
        ("rumor:feedback=on,fanout=64", rumor(64, 1_000, 1_000, true)),
        ("rumor:round=10ms,nodes=1,fanout=1", rumor(1, 10, 1, true)),
        ("rumor:round=60s,nodes=4294967295", rumor(3, 60_000, u32::MAX, true)),
    ] {
        assert_eq!(text.parse(), Ok(policy), "{text}");
        assert_eq!(policy.to_string().parse(), Ok(policy), "{policy}");
    }
    assert_eq!(RelayPolicy::Rumor(Rumor::default()).to_string(), "rumor:fanout=3,round=1s,nodes=1000,feedback=on");
    assert_eq!(RelayPolicy::default().to_string(), "author-tree");
    assert_eq!(tree(105).to_string(), "author-tree:redundancy=1.05");
    assert_eq!(tree(150).to_string(), "author-tree:redundancy=1.5");
    assert_eq!(Redundancy::from_hundredths(201), None);
}

#[test]
fn a_network_size_holds_unless_the_spelling_names_one() {
    let nodes = |text| match RelayPolicy::parse(text, 50) {
        Ok(RelayPolicy::Rumor(rumor)) => rumor.nodes,
        other => panic!("{other:?}"),
    };
    assert_eq!(["rumor", "rumor:fanout=2", "rumor:nodes=7"].map(nodes), [50, 50, 7]);
    assert_eq!(RelayPolicy::parse("flood", 50), Ok(RelayPolicy::Flood));
    assert!(matches!(RelayPolicy::parse("rumor", 0), Ok(RelayPolicy::Rumor(Rumor { nodes: 1, .. }))));
}

#[test]
fn wrong_spellings_are_refused_with_what_to_write() {
    use RelayPolicyError as Error;
    for (text, error) in [
        ("", Error::UnknownPolicy),
        ("Flood", Error::UnknownPolicy),
        ("flood:fanout=3", Error::UnknownPolicy),
        ("rumour", Error::UnknownPolicy),
        ("rumor:", Error::UnknownSetting),
        ("rumor:fanout", Error::UnknownSetting),
        ("rumor:fanout=3,", Error::UnknownSetting),
        ("rumor:width=3", Error::UnknownSetting),
        ("rumor:fanout=3,fanout=3", Error::Repeated("fanout")),
        ("rumor:fanout=0", Error::Fanout),
        ("rumor:fanout=65", Error::Fanout),
        ("rumor:fanout=+3", Error::Fanout),
        ("rumor:round=9ms", Error::Round),
        ("rumor:round=61s", Error::Round),
        ("rumor:round=60001ms", Error::Round),
        ("rumor:round=1", Error::Round),
        ("rumor:round=1.5s", Error::Round),
        ("rumor:round=s", Error::Round),
        ("rumor:round=18446744073709551615s", Error::Round),
        ("rumor:round=18446744073709551616s", Error::Round),
        ("rumor:nodes=0", Error::Nodes),
        ("rumor:nodes=4294967296", Error::Nodes),
        ("rumor:feedback=yes", Error::Feedback),
        ("author-tree:", Error::UnknownTreeSetting),
        ("author-tree:fanout=3", Error::UnknownTreeSetting),
        ("author-tree:redundancy=", Error::Redundancy),
        ("author-tree:redundancy=-1", Error::Redundancy),
        ("author-tree:redundancy=2.01", Error::Redundancy),
        ("author-tree:redundancy=1.", Error::Redundancy),
        ("author-tree:redundancy=0.125", Error::Redundancy),
    ] {
        assert_eq!(text.parse::<RelayPolicy>(), Err(error), "{text}");
    }
    assert_eq!(
        Error::UnknownPolicy.to_string(),
        "the policies are author-tree, announce, flood, rumor and none; with settings, write \
         author-tree:redundancy=0.5 or rumor:fanout=3,round=1s,nodes=1000,feedback=on"
    );
    assert_eq!(Error::Fanout.to_string(), "the fanout must be a number from 1 to 64");
}

proptest! {
    #[test]
    fn what_is_written_parses_back(
        fanout in 1..=64_u8, millis in 10..=60_000_u64, nodes in 1..=u32::MAX, feedback: bool,
    ) {
        let policy = RelayPolicy::Rumor(Rumor { fanout, round: Duration::from_millis(millis), nodes, feedback });
        prop_assert_eq!(policy.to_string().parse(), Ok(policy));
    }
}
