//! How the command line becomes the settings of a node.

use std::time::Duration;

use clap::Parser as _;
use node::cli::Cli;
use node::cli::values::{parse_bytes, parse_rate};
use node::config::Config;
use node::config::identity::Identity;
use node::config::members::Part;
use node::config::rates::Rates;
use node::config::reach::Reachability;
use protocol::gossip::RelayPolicy;
use protocol::gossip::members::{Detector, MembersConfig};
use protocol::items::validator::Producers;
use tempfile::tempdir;

use crate::support::program::node;

fn resolve(args: &[&str]) -> Config {
    let cli = Cli::try_parse_from(std::iter::once(&"node").chain(args)).expect("good arguments");
    cli.run.builder().config(&Identity::from_seed([1; 32]), None).expect("good settings")
}

#[test]
fn defaults_are_those_that_the_help_promises() {
    let config = resolve(&[]);
    assert_eq!(config.network.as_str(), "dev");
    let listen: Vec<_> = config.listen.iter().map(ToString::to_string).collect();
    assert_eq!(listen, ["/ip4/0.0.0.0/tcp/30400", "/ip4/0.0.0.0/udp/30400/quic-v1"]);
    assert_eq!((config.max_peers_in, config.max_peers_out), (64, 10));
    assert_eq!(config.relay, RelayPolicy::default());
    assert!(!config.loopback_exempt && !config.reserved_only);
    assert_eq!(config.rpc_addr, Some("127.0.0.1:30401".parse().expect("an address")));
    assert_eq!(config.produce_every, None);
    // No block from the network counts.
    assert!(matches!(config.producers, Producers::Allowed(keys) if keys.is_empty()));
}

#[test]
fn a_parameter_of_membership_that_is_typed_replaces_the_presets() {
    let config = resolve(&["--members-preset", "lan", "--probe-interval", "2s", "--detector", "phi:12"]);
    let wanted = MembersConfig {
        probe_interval: Duration::from_secs(2).into(),
        detector: Detector::Phi(12),
        ..MembersConfig::lan()
    };
    assert_eq!((config.membership.part, config.membership.parameters), (Part::On, wanted));
    assert_eq!(resolve(&[]).membership.parameters, MembersConfig::wan());
    let config = resolve(&["--membership", "quiet", "--external-addr", "/ip4/192.0.2.1/tcp/1,/ip6/::1/tcp/2"]);
    assert_eq!((config.membership.part, config.membership.external.len()), (Part::Quiet, 2));
}

#[test]
fn reachability_is_found_out_and_nothing_is_given_away_unless_it_is_typed() {
    let usual = resolve(&[]).reach;
    assert_eq!((usual.reachability, usual.relays.len()), (Reachability::Auto, 0));
    assert!(!usual.relay_server && !usual.upnp);
    let id = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
    let relay = format!("/dns4/relay.example.org/tcp/1/p2p/{id}");
    let typed = resolve(&["--reachability", "private", "--relay-addr", &relay, "--upnp"]).reach;
    assert_eq!((typed.reachability, typed.relays.len(), typed.upnp), (Reachability::Private, 1, true));
    let twice = format!("/ip4/192.0.2.1/tcp/1/p2p/{id}/p2p-circuit/p2p/{id}");
    for (wrong, said) in [("/ip4/192.0.2.1/tcp/1", "a relay's id is needed"), (&twice, "without another relay")] {
        let error = Cli::try_parse_from(["node", "--relay-addr", wrong]).expect_err(wrong).to_string();
        assert!(error.contains(said), "{error}");
    }
    for (args, said) in [
        (["--reachability", "public", "--relay-addr", &relay].as_slice(), "leave one of them out"),
        (&["--reachability", "private", "--relay-server"], "leave out --relay-server"),
    ] {
        let cli = Cli::try_parse_from(std::iter::once(&"node").chain(args)).expect("each is right");
        let error = cli.run.check().expect_err("they contradict").to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn aggregates_over_links_are_off_unless_they_are_named() {
    let chosen = |args: &[&str]| resolve(args).membership.aggregates.to_string();
    assert_eq!(chosen(&[]), "off");
    assert_eq!(chosen(&["--aggregates", "height,size"]), "height,size");
    assert_eq!(chosen(&["--aggregates", "all"]), "bytes,height,mempool,peers,rtt,uptime,size");
    let error = Cli::try_parse_from(["node", "--aggregates", "weight"]).expect_err("there is none").to_string();
    assert!(error.contains("\"weight\" is no aggregate"), "{error}");
}

#[test]
fn a_parameter_of_membership_that_is_out_of_range_is_a_usage_error() {
    for (args, said) in [
        (["--members-preset=lan", "--probe-timeout=2s"], "probe-timeout is 2s and ping-interval is 1s"),
        (["--gossip-nodes=0", "--membership=on"], "gossip-nodes is 0, and must be from 1 to 64"),
        (["--external-addr=/dns/example.org/tcp/1", "--membership=on"], "members dial no names"),
    ] {
        let words = ["node"].into_iter().chain(args).map(Into::into);
        let error = Cli::read_from(words).expect_err("it can't be used").to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn everything_typed_arrives() {
    let key = Identity::from_seed([2; 32]).public_key();
    let config = resolve(&[
        "--bootstrap",
        "/ip4/192.0.2.1/tcp/1,/ip4/192.0.2.2/tcp/2",
        "--bootstrap",
        "/dns/example.org/tcp/3",
        "--listen",
        "/ip4/127.0.0.1/tcp/0",
        "--network",
        "other",
        "--relay",
        "flood",
        "--producers",
        &key.to_string(),
        "--produce-every",
        "1500ms",
        "--no-rpc",
        "--exempt-loopback",
        "--reserved-peer",
        "/ip4/192.0.2.3/tcp/4",
        "--max-peers-in",
        "0",
        "--max-peers-out",
        "1024",
        "--trace",
        "t.cbor",
        "--no-item-traces",
    ]);
    assert_eq!(config.bootstrap.len(), 3);
    assert_eq!(config.listen.len(), 1);
    assert_eq!(config.network.as_str(), "other");
    assert_eq!(config.relay, RelayPolicy::Flood);
    assert!(config.producers.allows(&key) && !config.producers.allows(&Identity::from_seed([3; 32]).public_key()));
    assert_eq!(config.produce_every, Some(Duration::from_millis(1_500)));
    assert_eq!(config.rpc_addr, None);
    // With addresses to join through, this would be refused.
    assert!(config.loopback_exempt && resolve(&["--reserved-only"]).reserved_only);
    assert_eq!(config.reserved_peers.len(), 1);
    assert_eq!((config.max_peers_in, config.max_peers_out), (0, 1_024));
    assert_eq!(config.trace.as_deref(), Some("t.cbor".as_ref()));
    assert!(!config.item_traces && resolve(&[]).item_traces);
}

#[test]
fn limits_are_read_in_bytes_and_in_bits_and_one_that_is_too_low_is_refused() {
    for (text, rate) in [
        ("64KiB/s", 65_536),
        ("2MiB", 2 << 20),
        ("500 kB/s", 500_000),
        ("20mbit", 2_500_000),
        ("1gbit", 125_000_000),
    ] {
        assert_eq!(parse_rate(text), Ok(rate), "{text}");
    }
    for (text, reason) in [
        ("1kB/s", "at least 64KiB/s"),
        ("fast", "write 2MiB/s"),
        ("2TB/s", "write 2MiB/s"),
        ("90gbit", "no limit"),
    ] {
        assert!(parse_rate(text).is_err_and(|said| said.contains(reason)), "{text}");
    }
    let config = resolve(&["--max-upload", "1MiB/s", "--max-download=8mbit"]);
    assert_eq!((config.rates.upload, config.rates.download), (Some(1 << 20), Some(1_000_000)));
    assert_eq!(resolve(&[]).rates, Rates::default());
}

#[test]
fn bytes_and_intervals_are_read_with_their_units() {
    for (text, bytes) in [("0", 0), ("512B", 512), ("3kB", 3_000), ("10GiB", 10 << 30), ("2 MiB", 2 << 20)] {
        assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
    }
    for (text, reason) in
        [("GiB", "a number of bytes"), ("5TB", "the units are"), ("99999999999GB", "more than any disk")]
    {
        assert!(parse_bytes(text).is_err_and(|said| said.contains(reason)), "{text}");
    }
    let config = resolve(&["--reconcile-interval", "0s", "--reconcile-digest", "pull", "--prune-age", "1m"]);
    assert!(!config.reconciliation.is_on());
    assert_eq!((config.prune.bytes, config.prune.seconds), (None, Some(60)));
    assert!(resolve(&[]).reconciliation.is_on());
}

#[test]
fn relay_policies_are_spelled_as_the_engine_spells_them() {
    for policy in [
        "author-tree",
        "author-tree:redundancy=0.5",
        "announce",
        "flood",
        "rumor:fanout=4,round=200ms,nodes=50,feedback=off",
    ] {
        assert_eq!(resolve(&["--relay", policy]).relay.to_string(), policy);
    }
    assert_eq!(resolve(&["--redundancy", "1.5"]).relay.to_string(), "author-tree:redundancy=1.5");
    let cli = Cli::try_parse_from(["node", "--relay", "flood", "--redundancy", "1"]).expect("good by themselves");
    let wrong = cli.run.relay_policy().expect_err("flooding has no redundancy to choose");
    assert!(wrong.to_string().contains("and flood has none"), "{wrong}");
    let wrong = Cli::try_parse_from(["node", "--redundancy", "3"]).expect_err("too much");
    assert!(wrong.to_string().contains("a number from 0 to 2"), "{wrong}");
    let wrong = Cli::try_parse_from(["node", "--relay", "rumor:fanout=65"]).expect_err("a wrong spelling");
    assert!(wrong.to_string().contains("the fanout must be a number from 1 to 64"), "{wrong}");
}

#[test]
fn open_producers_take_anyones_blocks() {
    assert_eq!(resolve(&["--open-producers"]).producers, Producers::Open);
}

#[test]
fn run_is_the_same_as_nothing() {
    let cli = Cli::try_parse_from(["node", "run", "--network", "x"]).expect("good arguments");
    assert!(matches!(cli.command, Some(node::cli::Command::Run(args)) if args.place.network.as_str() == "x"));
}

#[test]
fn the_environment_is_heard_and_a_flag_wins_over_it() {
    let home = tempdir().expect("a directory");
    let (by_env, by_flag) = (home.path().join("env"), home.path().join("flag"));
    node(home.path()).args(["key", "generate"]).env("NODE_DATA_DIR", &by_env).assert().success();
    assert!(by_env.join("key").exists());
    node(home.path())
        .args(["key", "generate", "--data-dir"])
        .arg(&by_flag)
        .env("NODE_DATA_DIR", home.path().join("unused"))
        .assert()
        .success();
    assert!(by_flag.join("key").exists() && !home.path().join("unused").exists());
}

#[test]
fn the_default_data_dir_ends_in_the_networks_name() {
    let home = tempdir().expect("a directory");
    node(home.path()).args(["key", "generate", "--network", "other"]).assert().success();
    assert!(home.path().join(".local/share/hearsay/other/key").exists());
    let xdg = home.path().join("xdg");
    node(home.path()).args(["key", "generate"]).env("XDG_DATA_HOME", &xdg).assert().success();
    assert!(xdg.join("hearsay/dev/key").exists());
}
