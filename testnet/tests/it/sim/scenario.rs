//! Scenario files, and the settings that override them.

use std::path::Path;
use std::time::Duration;

use testnet::random::Seed;
use testnet::sim::scenario::{Draft, Scenario};
use testnet::topology::Topology;
use testnet::workload::Length;

fn draft(text: &str) -> Result<Draft, String> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.toml");
    std::fs::write(&path, text).unwrap();
    Draft::read(&path).map_err(|error| error.to_string())
}

#[test]
fn errors_name_file_line_and_key() {
    for (text, wanted) in [
        ("name = \"x\"\nnodse = 3\n", "some.toml:2: nodse: unknown field `nodse`"),
        ("nodes = \"many\"\n", "some.toml:1: nodes: invalid type: string \"many\""),
        ("[workload]\n\ntx_rate = true\n", "some.toml:3: tx_rate: invalid type: boolean"),
        ("drain = \"soon\"\n", "some.toml:1: drain: "),
        ("topology = \"regular:x\"\n", "some.toml:1: topology: \"x\" is not a number of neighbours"),
        ("nodes = 3\nnodes = 4\n", "some.toml:2: nodes: duplicate key"),
        ("[faults]\nloos = 0.1\n", "some.toml:2: loos: unknown field `loos`"),
        ("[workload]\ntxs = 3\nduration = \"3s\"\n", "give one of the two"),
    ] {
        let error = draft(text).unwrap_err();
        assert!(error.contains(wanted), "{text}: {error}");
    }
    let error = Draft::read(Path::new("/no/such.toml")).unwrap_err().to_string();
    assert!(error.contains("cannot read the scenario /no/such.toml"), "{error}");
}

#[test]
fn what_comes_later_goes_before_the_file() {
    let mut draft = draft("nodes = 30\ndrain = \"5s\"\n[workload]\ntxs = 7\nstray = 0.5\n").unwrap();
    draft.set("nodes", "40").unwrap();
    draft.set("workload.stray", "0").unwrap();
    draft.set("tx-rate", "3").unwrap();
    let scenario = draft.finish().unwrap();
    assert_eq!((scenario.nodes, scenario.drain), (Some(40), Duration::from_secs(5)));
    assert_eq!((scenario.workload.stray, scenario.workload.tx_rate), (0.0, 3.0));
    assert_eq!(scenario.workload.length, Length::Transactions(7));
    draft.set("duration", "12s").unwrap();
    assert_eq!(draft.finish().unwrap().workload.length, Length::Duration(Duration::from_secs(12)));
    draft.set("txs", "9").unwrap();
    assert_eq!(draft.finish().unwrap().workload.length, Length::Transactions(9));
}

#[test]
fn short_names_stand_for_keys_and_parts_of_them() {
    let mut draft = Draft::default();
    draft.set("degree", "4").unwrap();
    draft.set("relay", "rumor").unwrap();
    draft.set("fanout", "5").unwrap();
    draft.set("round", "200ms").unwrap();
    draft.set("fanout", "2").unwrap();
    draft.set("feedback", "off").unwrap();
    let scenario = draft.finish().unwrap();
    assert_eq!(scenario.topology, Topology::Regular(4));
    assert_eq!(scenario.policy(50).unwrap().to_string(), "rumor:fanout=2,round=200ms,nodes=50,feedback=off");
}

#[test]
fn keys_and_values_that_cannot_be_meant_are_refused_and_change_nothing() {
    let mut draft = Draft::default();
    for (key, value, wanted) in [
        ("carrots", "1", "a scenario has no carrots: the keys are name, nodes, topology"),
        ("workload.carrots", "1", "unknown field `carrots`"),
        ("nodes", "-1", "nodes = -1: invalid value: integer `-1`"),
        ("drain", "5", "time unit needed"),
        ("degree", "many", "a number of neighbours is wanted"),
        ("fanout", "3", "that is for rumor, and the relay policy is author-tree"),
        ("bandwidth", "fast", "bandwidth = fast"),
    ] {
        let error = draft.set(key, value).unwrap_err().to_string();
        assert!(error.contains(wanted), "{key}={value}: {error}");
    }
    assert_eq!(draft.finish().unwrap(), Scenario::default());
}

#[test]
fn the_bundled_scenarios_can_be_run_and_read_back() {
    let mut found = 0;
    for file in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")).unwrap() {
        let path = file.unwrap().path();
        let scenario = Draft::read(&path).unwrap().finish().unwrap();
        assert_eq!(Some(scenario.name.as_str()), path.file_stem().unwrap().to_str());
        scenario.setup(Seed(1)).unwrap();
        assert_eq!(toml::from_str::<Scenario>(&toml::to_string(&scenario).unwrap()).unwrap(), scenario);
        found += 1;
    }
    assert!(found >= 6, "{found}");
}

#[test]
fn a_scenario_may_have_more_than_a_hundred_thousand_nodes() {
    let topology = Topology::SmallWorld(2, 0.0);
    let scenario = Scenario { nodes: Some(150_000), topology, ..Scenario::default() };
    assert_eq!(scenario.setup(Seed(1)).unwrap().graph.nodes(), 150_000);
}

#[test]
fn what_cannot_be_run_is_refused() {
    for (key, value, wanted) in [
        ("nodes", "2147483648", "1 to 2147483647 are wanted"),
        ("block_bytes", "1000", "--block-bytes needs a --block-interval"),
        ("tx_bytes", "10", "--tx-bytes"),
        ("kill", "50", "--kill 50 leaves nobody to measure"),
        ("relay", "pigeon", "relay is \"pigeon\""),
        ("authors", "0", "--authors"),
    ] {
        let mut draft = Draft::default();
        draft.set(key, value).unwrap();
        let error = format!("{:#}", draft.finish().unwrap().setup(Seed(1)).unwrap_err());
        assert!(error.contains(wanted), "{key}={value}: {error}");
    }
}
