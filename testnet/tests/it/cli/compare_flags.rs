//! The flags of `testnet compare`, and the runs that follow from them.

use clap::Parser as _;
use testnet::cli::{Cli, Command};
use testnet::engine::Engine;
use testnet::local::compare::Comparison;

fn comparison(flags: &[&str]) -> Result<Comparison, String> {
    let words = ["testnet", "compare"].iter().chain(flags);
    let cli = Cli::try_parse_from(words).map_err(|error| error.to_string())?;
    let Command::Compare(arguments) = cli.command else { return Err("another command".to_owned()) };
    arguments.comparison("testnet compare").map_err(|error| format!("{error:#}"))
}

/// Engine, policy, workload and round of each run, in order.
fn order(flags: &[&str]) -> Vec<String> {
    let comparison = comparison(flags).unwrap();
    let told = comparison.jobs.iter().map(|job| {
        format!("{} {} {} {}", job.plan.engine, job.plan.relay, job.compared.workload, job.compared.round)
    });
    told.collect()
}

#[test]
fn every_round_has_every_engine_on_every_workload() {
    let jobs = order(&["--rounds", "2"]);
    let round = |number: u32| {
        ["plain", "stray", "one-time"].into_iter().flat_map(move |workload| {
            ["hearsay author-tree", "gossipsub gossipsub"].map(|engine| format!("{engine} {workload} {number}"))
        })
    };
    assert_eq!(jobs, round(1).chain(round(2)).collect::<Vec<_>>());
    assert_eq!(order(&[]).len(), 18);
}

#[test]
fn runs_of_a_round_have_the_same_seed_and_differ_in_nothing_but_what_is_compared() {
    let comparison =
        comparison(&["--seed", "7", "--rounds", "2", "--engines", "hearsay,gossipsub-signed"]).unwrap();
    for job in &comparison.jobs {
        let (plan, compared) = (&job.plan, &job.compared);
        assert_eq!(plan.seed.0, 6 + u64::from(compared.round));
        assert!(plan.uses_workers(), "the same process for every engine");
        assert_eq!((plan.nodes, plan.topology.to_string().as_str()), (50, "regular:8"));
        let shares = (plan.load.stray, plan.load.one_time_authors);
        let wanted = match compared.workload.as_str() {
            "plain" => (0.0, 0.0),
            "stray" => (0.2, 0.0),
            _ => (0.0, 1.0),
        };
        assert_eq!(shares, wanted, "{}", compared.workload);
        assert_eq!(compared.reference, plan.engine == Engine::GossipsubSigned);
    }
}

#[test]
fn policies_are_hearsays_and_their_settings_keep_their_commas() {
    let jobs = order(&[
        "--engines",
        "gossipsub-signed,hearsay,gossipsub",
        "--relay",
        "flood,rumor:fanout=2,round=500ms,announce",
        "--rounds",
        "1",
        "--workloads",
        "stray",
    ]);
    let engines: Vec<&str> = jobs.iter().map(|job| job.trim_end_matches(" stray 1")).collect();
    assert_eq!(engines[0], "gossipsub-signed gossipsub");
    assert_eq!(engines[1], "hearsay flood");
    assert!(engines[2].starts_with("hearsay rumor:fanout=2,round=500ms"), "{}", engines[2]);
    assert_eq!(engines[3..], ["hearsay announce", "gossipsub gossipsub"]);
}

#[test]
fn the_store_is_off_unless_it_is_what_is_compared() {
    let stored = |flags: &[&str]| {
        let mut flags = flags.to_vec();
        flags.extend(["--rounds", "1", "--workloads", "plain"]);
        let jobs = comparison(&flags).unwrap().jobs;
        jobs.iter().map(|job| (job.plan.engine, !job.plan.ephemeral, job.compared.reference)).collect::<Vec<_>>()
    };
    let (hearsay, gossipsub) = (Engine::Hearsay, Engine::Gossipsub);
    assert_eq!(stored(&[]), [(hearsay, false, false), (gossipsub, false, true)]);
    assert_eq!(stored(&["--store", "on"]), [(hearsay, true, false), (gossipsub, false, true)]);
    let both = stored(&["--store", "both", "--engines", "hearsay"]);
    assert_eq!(both, [(hearsay, false, true), (hearsay, true, false)]);
}

#[test]
fn wishes_that_make_no_sense_are_refused() {
    for (flags, reason) in [
        (vec!["--engines", "hearsay,smoke-signals"], "is no engine"),
        (vec!["--engines", "hearsay,hearsay"], "named twice"),
        (vec!["--relay", "announce,announce"], "named twice"),
        (vec!["--relay", "announce,carrier-pigeon"], "announce, flood"),
        (vec!["--workloads", "plain,heavy"], "is no workload"),
        (vec!["--stray", "0.1"], "--workloads chooses some"),
        (vec!["--one-time-authors", "0.1"], "--workloads chooses some"),
        (vec!["--reference", "gossipsub-signed"], "--reference names none"),
        (vec!["--rounds", "0"], "1..=100"),
        (vec!["--topology", "kademlia"], "fixed graph"),
        (vec!["--jitter", "5%"], "--wan"),
        (vec!["--block-bytes", "1000"], "--block-interval"),
    ] {
        let error = comparison(&flags).err().unwrap_or_else(|| panic!("{flags:?} is taken"));
        assert!(error.contains(reason), "{flags:?}: {error}");
    }
}
