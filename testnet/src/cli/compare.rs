//! The flags of `testnet compare`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use protocol::gossip::RelayPolicy;

use super::load::{DEGREE, DRAIN};
use super::{LinkArgs, LoadArgs};
use crate::engine::Engine;
use crate::local::compare::{Comparison, Contender, Job, Kind, StoreChoice};
use crate::local::plan::{Plan, REAL_NODES_MAX};
use crate::random::Seed;
use crate::report::Json;
use crate::report::schema::Compared;
use crate::topology::Topology;
use crate::workload::Load;

const COMPARE_HELP: &str = "\
Examples:
  testnet compare
      Hearsay against gossipsub on 50 nodes, three workloads, three rounds
  testnet compare --relay announce,flood --workloads plain --rounds 1
      a quick look at two policies beside it
  testnet compare --engines hearsay --store both --workloads plain
      what it costs to keep everything on disk
  testnet compare --tx-rate 0 --block-interval 5s --block-bytes 131072
      blocks in place of transactions

Engines: hearsay; gossipsub, libp2p's with anonymous messages that are checked before they are passed on;
gossipsub-signed, libp2p's with the library's defaults. docs/COMPARING.md says what each does that the others don't.
Every round runs every engine on every workload in turn, with a seed of its own.
Workloads: plain (every transaction enters at its author's home), stray (one in five enters elsewhere) and one-time
(no author writes twice).

The out directory then holds report.json, compare.svg and runs/, with the files of each run as of testnet run.

Exit status: 0 the reports were written, whatever they say; 1 a run could not be made; 2 usage; 130 interrupted.";

/// The flags of `testnet compare`.
#[derive(Debug, Args)]
#[command(after_long_help = COMPARE_HELP)]
#[command(mut_arg("relay", |relay| relay.value_parser(parse_relays).value_name("P1,P2").help(RELAY_HELP)))]
#[command(mut_arg("stray", |stray| stray.hide(true)), mut_arg("one_time_authors", |share| share.hide(true)))]
pub struct CompareArgs {
    /// Engines to compare: hearsay, gossipsub, gossipsub-signed
    #[arg(long, value_name = "E1,E2", value_delimiter = ',', default_values = ["hearsay", "gossipsub"])]
    pub engines: Vec<Engine>,
    /// How often everything is run; figures are medians over these rounds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Loads to compare on: plain, stray, one-time [default: all]
    #[arg(long, value_name = "W1,W2", value_delimiter = ',')]
    pub workloads: Vec<Kind>,
    /// The engine that the others are compared with [default: gossipsub, or the first that isn't hearsay]
    #[arg(long, value_name = "ENGINE")]
    pub reference: Option<Engine>,
    /// Whether Hearsay's nodes keep their items on disk, which the other engines don't
    #[arg(long, value_name = "WHEN", value_enum, default_value_t)]
    pub store: StoreChoice,
    /// Nodes to launch [default: 50, or as many as a topology file names]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=REAL_NODES_MAX as u64))]
    pub nodes: Option<u64>,
    /// Network and load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// The links.
    #[command(flatten)]
    pub links: LinkArgs,
    /// The first round's seed; it decides everything that is random in the workload and the topology
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Directory for the results; an earlier run's files there are replaced
    #[arg(long, value_name = "DIR", default_value = "out/compare")]
    pub out: PathBuf,
    /// Write the reports here as well; - is standard output, and the tables go to standard error then
    #[arg(long, value_name = "FILE")]
    pub json: Option<Json>,
    /// The nodes' log filter, like `node --log` [default: theirs]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Idle time before each load; published results use the default
    #[arg(long, value_name = "TIME", hide = true, value_parser = super::load::parse_time)]
    pub idle: Option<Duration>,
}

const RELAY_HELP: &str = "Hearsay's relay policies, as in run --relay, separated by commas [default: the node's]";

impl CompareArgs {
    /// The comparison that the flags describe: every run, checked.
    ///
    /// # Errors
    /// If flags contradict each other, or if a topology or an item of the wanted kind doesn't exist.
    pub fn comparison(self, command: &str) -> anyhow::Result<Comparison> {
        if self.load.stray.is_some() || self.load.one_time_authors.is_some() {
            bail!(
                "--stray and --one-time-authors have no place here, where all are shown: --workloads chooses some"
            );
        }
        let load = self.load.load();
        if load.block_bytes.is_some() && load.block_interval.is_none() {
            bail!("--block-bytes needs a --block-interval");
        }
        let contenders = self.contenders()?;
        let reference = self.reference(&contenders)?;
        let kinds = if self.workloads.is_empty() { Kind::ALL.to_vec() } else { self.workloads.clone() };
        let mut jobs = Vec::new();
        for round in 1..=self.rounds {
            let seed = Seed(self.seed.wrapping_add(u64::from(round) - 1));
            for kind in &kinds {
                for contender in &contenders {
                    let plan = self.plan(kind.of(&load), contender, seed, command)?;
                    let (workload, reference) = (kind.to_string(), *contender == reference);
                    jobs.push(Job { plan, compared: Compared { workload, round, reference } });
                }
            }
        }
        Ok(Comparison { jobs, out: self.out, json: self.json })
    }

    fn plan(&self, load: Load, contender: &Contender, seed: Seed, command: &str) -> anyhow::Result<Plan> {
        let topology = self.load.topology().unwrap_or(Topology::Regular(DEGREE));
        let nodes = self.nodes.map(usize::try_from).transpose()?;
        let mut plan = Plan::new(nodes, topology, load, seed)?;
        plan.set_engine(contender.engine, Some(&contender.relay))?;
        plan.reconciliation = self.load.reconciliation();
        plan.ephemeral = !contender.stored;
        plan.workers = true;
        (plan.wan, plan.jitter, plan.bandwidth) = self.links.emulated()?;
        plan.set_partition(self.links.partition)?;
        plan.links()?;
        plan.drain = self.load.drain.unwrap_or(DRAIN);
        plan.idle = self.idle.unwrap_or(plan.idle);
        plan.log.clone_from(&self.log);
        command.clone_into(&mut plan.command);
        Ok(plan)
    }

    /// Hearsay with each policy, and each other engine once, in the order in which they were named.
    fn contenders(&self) -> anyhow::Result<Vec<Contender>> {
        let policies: Vec<String> = match &self.load.relay {
            Some(relay) => relay_list(relay).map_err(anyhow::Error::msg).context("--relay")?,
            None => vec![RelayPolicy::default().to_string()],
        };
        let mut contenders: Vec<Contender> = Vec::new();
        for engine in &self.engines {
            let (all, store): (_, &[bool]) = match engine {
                Engine::Hearsay => (policies.clone(), self.store.each()),
                Engine::Gossipsub | Engine::GossipsubSigned => (vec![Engine::Gossipsub.to_string()], &[false]),
            };
            let each = all.into_iter().flat_map(|relay| store.iter().map(move |stored| (relay.clone(), *stored)));
            for (relay, stored) in each {
                let contender = Contender { engine: *engine, relay, stored };
                if contenders.contains(&contender) {
                    bail!("{} {} is named twice", contender.engine, contender.relay);
                }
                contenders.push(contender);
            }
        }
        Ok(contenders)
    }

    fn reference(&self, contenders: &[Contender]) -> anyhow::Result<Contender> {
        let of = |engine: Engine| contenders.iter().find(|one| one.engine == engine);
        let found = match self.reference {
            Some(engine) => of(engine),
            None => of(Engine::Gossipsub)
                .or_else(|| contenders.iter().find(|one| one.engine != Engine::Hearsay))
                .or(contenders.first()),
        };
        found.cloned().context("--reference names none of the --engines")
    }
}

/// Correct spellings.
fn parse_relays(text: &str) -> Result<String, String> {
    relay_list(text).map(|_| text.to_owned())
}

/// Policies, separated by commas. A policy's own settings have commas too. So a part with `=` and without a colon
/// belongs to the policy before it.
fn relay_list(text: &str) -> Result<Vec<String>, String> {
    let mut policies: Vec<String> = Vec::new();
    for part in text.split(',') {
        match policies.last_mut().filter(|_| part.contains('=') && !part.contains(':')) {
            Some(policy) => *policy = format!("{policy},{part}"),
            None => policies.push(part.to_owned()),
        }
    }
    for policy in &policies {
        policy.parse::<RelayPolicy>().map_err(|error| error.to_string())?;
    }
    Ok(policies)
}
