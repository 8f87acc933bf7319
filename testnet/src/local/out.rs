//! The directory for all files of a run: `report.json report.html deliveries.csv hops.csv cdf.svg traces/NN.trace
//! logs/NN.log nodes/NN/`, `links.json` if links are emulated, `pids` while nodes run, and `.testnet-run`. Nothing in a
//! directory without this last file is ever replaced. A simulation has no processes, and more pictures: `rumor.svg
//! spread.svg sweep.svg growth.svg`.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::plan::Plan;
use crate::random::keys::node_seed;
use crate::report;
use crate::report::deliveries::{files, runs};

/// The directory, by an absolute path.
#[derive(Clone, Debug)]
pub struct Out {
    dir: PathBuf,
    /// The number of digits of a node's number in file names.
    digits: usize,
}

/// The directory for the single runs of a comparison. Each run has a directory like this one.
pub const RUNS_DIR: &str = "runs";

const DIRS: [&str; 3] = ["nodes", "traces", "logs"];
const FILES: [&str; 17] = [
    PIDS,
    LINKS,
    report::REPORT_FILE,
    report::DELIVERIES_FILE,
    files::DELIVERIES_NDJSON_FILE,
    files::HOPS_FILE,
    files::HOPS_NDJSON_FILE,
    runs::RUNS_TABLE_FILE,
    report::PAGE_FILE,
    report::CDF_FILE,
    report::RUMOR_FILE,
    report::SPREAD_FILE,
    report::SWEEP_FILE,
    report::GROWTH_FILE,
    report::COMPARE_FILE,
    report::MEMORY_FILE,
    report::MEMBERS_FILE,
];
const PIDS: &str = "pids";
const LINKS: &str = "links.json";
/// This file says that the directory belongs to a run, and that the files under the names above may be replaced.
const MARKER: &str = ".testnet-run";

impl Out {
    /// Makes the directory, replaces the files of an earlier run there, and writes the nodes' keys.
    ///
    /// # Errors
    /// If it holds something other than a run, or if an earlier run's nodes are still alive.
    pub fn create(plan: &Plan) -> anyhow::Result<Self> {
        let shown = plan.out.display();
        let out = Self { dir: claim(&plan.out)?, digits: plan.nodes.saturating_sub(1).to_string().len().max(2) };
        for name in DIRS {
            fs::create_dir(out.dir.join(name)).with_context(|| format!("cannot make {shown}/{name}"))?;
        }
        for node in 0..plan.nodes {
            let data_dir = out.data_dir(node);
            fs::create_dir(&data_dir).and_then(|()| private(&data_dir)).context("cannot make a data directory")?;
            write_key(&data_dir.join("key"), &node_seed(plan.seed, node)).context("cannot write a node's key")?;
        }
        Ok(out)
    }

    /// The directory itself.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A node's data directory.
    #[must_use]
    pub fn data_dir(&self, node: usize) -> PathBuf {
        self.dir.join("nodes").join(self.number(node))
    }

    /// A node's trace.
    #[must_use]
    pub fn trace(&self, node: usize) -> PathBuf {
        self.dir.join("traces").join(format!("{}.trace", self.number(node)))
    }

    /// A node's log.
    #[must_use]
    pub fn log(&self, node: usize) -> PathBuf {
        self.dir.join("logs").join(format!("{}.log", self.number(node)))
    }

    /// The description of the links, for workers.
    #[must_use]
    pub fn links(&self) -> PathBuf {
        self.dir.join(LINKS)
    }

    /// Notes a running process.
    ///
    /// # Errors
    /// If the list can't be written.
    pub fn remember_pid(&self, node: usize, pid: Option<u32>) -> anyhow::Result<()> {
        let Some(pid) = pid else { return Ok(()) };
        let mut file = OpenOptions::new().create(true).append(true).open(self.dir.join(PIDS))?;
        writeln!(file, "{pid} {}", self.number(node)).context("cannot write the list of processes")
    }

    /// Removes the list of processes, because none is running.
    pub fn forget_pids(&self) {
        // If it stays, the next run finds that no process in it is alive.
        let _ = fs::remove_file(self.dir.join(PIDS));
    }

    fn number(&self, node: usize) -> String {
        format!("{node:0digits$}", digits = self.digits)
    }
}

/// Makes the directory, removes the files of an earlier run there, and marks it as a run's. Returns its absolute
/// path.
///
/// # Errors
/// If it holds something other than a run, or if an earlier run's nodes are still alive.
pub fn claim(path: &Path) -> anyhow::Result<PathBuf> {
    let shown = path.display();
    fs::create_dir_all(path).with_context(|| format!("cannot make {shown}"))?;
    let dir = path.canonicalize().with_context(|| format!("cannot find {shown}"))?;
    clear(&dir).with_context(|| format!("cannot use {shown}"))?;
    fs::write(dir.join(MARKER), "made by testnet; the next run into this directory replaces this one\n")
        .with_context(|| format!("cannot write {shown}/{MARKER}"))?;
    Ok(dir)
}

fn clear(dir: &Path) -> anyhow::Result<()> {
    // Other programs may use names such as logs/. Only the marker shows that there was an earlier run.
    let ours = dir.join(MARKER).is_file();
    if !ours && fs::read_dir(dir)?.next().is_some() {
        bail!(
            "it is not empty, and holds no earlier run (no {MARKER} in it); nothing there was touched: \
             give --out a new directory"
        );
    }
    let alive = still_alive(dir);
    if !alive.is_empty() {
        bail!("nodes of an earlier run there are still running: end them with  kill {}", alive.join(" "));
    }
    let made = DIRS.iter().chain([&RUNS_DIR]).map(|name| dir.join(name));
    for name in made.filter(|path| path.exists()) {
        fs::remove_dir_all(name)?;
    }
    for name in FILES.iter().map(|name| dir.join(name)).filter(|file| file.exists()) {
        fs::remove_file(name)?;
    }
    Ok(())
}

/// Listed processes that still have one of our data directories on their command line, including those of single
/// runs.
fn still_alive(dir: &Path) -> Vec<String> {
    let runs = fs::read_dir(dir.join(RUNS_DIR)).into_iter().flatten().flatten();
    let of_runs = runs.flat_map(|run| still_alive(&run.path()));
    let list = fs::read_to_string(dir.join(PIDS)).unwrap_or_default();
    let pids = list.lines().filter_map(|line| line.split(' ').next()).filter(|pid| pid.parse::<u32>().is_ok());
    let nodes = dir.join("nodes");
    let is_ours = |pid: &&str| {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).contains(&*nodes.to_string_lossy())
    };
    pids.filter(is_ours).map(str::to_owned).chain(of_runs).collect()
}

/// Writes the node's key. It follows from the seed, so its public key is known beforehand.
fn write_key(path: &Path, seed: &[u8; 32]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{}", hex::encode(seed))?;
    Ok(())
}

/// A data directory holds a key, so only its owner may read it.
fn private(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}
