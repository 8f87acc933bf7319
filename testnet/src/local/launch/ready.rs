//! Readiness: every node has the peers that it should have, and the traffic of discovery has died down. A guessed
//! time would not do, because an idle rate that is taken while discovery still runs would be subtracted from the
//! load's cost.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Cluster;
use crate::local::plan::Plan;
use crate::local::progress::Progress;

/// The time between two rounds of questions. It is long, because the nodes share the machine.
const READY_POLL: Duration = Duration::from_millis(250);
/// The time between two readings of the traffic.
const SETTLE_POLL: Duration = Duration::from_secs(1);
/// Discovery is over after this number of quiet readings in a row, because it may be quiet for a moment between
/// two queries.
const SETTLED_READINGS: u32 = 2;
/// A reading is quiet if it is below this share of the busiest reading since the start: a hundredth. At a tenth
/// the walks of a start counted as the network's own traffic, and were subtracted from the load's.
const SETTLED_SHARE: f64 = 0.01;
/// A reading is also quiet if it is at most this number of bytes at each node: small networks hardly have a busy
/// second.
const SETTLED_BYTES_PER_S: f64 = 4_096.0;

/// Polls every node until it has the peers that the plan wants.
///
/// # Errors
/// If a node ends, or if some nodes do not have their peers when `limit` is over. The error names them.
pub async fn until_ready(
    plan: &Plan,
    cluster: &mut Cluster,
    progress: &Progress,
    limit: Duration,
) -> anyhow::Result<()> {
    let start = Instant::now();
    let mut waiting: Vec<(usize, String)> = (0..plan.nodes).map(|node| (node, String::new())).collect();
    loop {
        cluster.attend().await?;
        let mut lagging = Vec::new();
        for (node, _) in waiting {
            let Some(member) = cluster.living(node) else { continue };
            let wanted = plan.peers_wanted(node);
            match member.rpc.status().await {
                Ok(status) if status.peers_in + status.peers_out >= wanted => {}
                Ok(status) => {
                    lagging.push((node, format!("{} of {wanted} peers", status.peers_in + status.peers_out)));
                }
                Err(error) => lagging.push((node, error.to_string())),
            }
        }
        waiting = lagging;
        if waiting.is_empty() {
            return Ok(());
        }
        progress.done((plan.nodes - waiting.len()) as u64, plan.nodes as u64);
        progress.now(format!(
            "waiting for peers: {} of {} nodes are ready",
            plan.nodes - waiting.len(),
            plan.nodes
        ));
        if start.elapsed() >= limit {
            let laggards: Vec<String> = waiting.iter().map(|(node, has)| format!("node {node} ({has})")).collect();
            anyhow::bail!(
                "not every node found its peers within {} s; these did not: {}",
                limit.as_secs(),
                laggards.join(", ")
            );
        }
        sleep(READY_POLL).await;
    }
}

/// Waits until the traffic of discovery has died down. Returns whether this happened before `limit` was over.
///
/// # Errors
/// If a node ends or doesn't answer.
pub async fn until_settled(
    plan: &Plan,
    cluster: &mut Cluster,
    progress: &Progress,
    limit: Duration,
) -> anyhow::Result<bool> {
    let start = Instant::now();
    let mut busiest: f64 = 0.0;
    let mut quiet = 0;
    let mut last: Option<(Instant, u64)> = None;
    while start.elapsed() < limit {
        cluster.attend().await?;
        let mut total = 0_u64;
        for (_, member) in cluster.all_living() {
            total = total.saturating_add(member.rpc.status().await?.wire_in);
        }
        let now = Instant::now();
        if let Some((then, before)) = last.replace((now, total)) {
            let rate = total.saturating_sub(before) as f64 / now.duration_since(then).as_secs_f64();
            if rate <= busiest * SETTLED_SHARE || rate <= SETTLED_BYTES_PER_S * plan.nodes as f64 {
                quiet += 1;
            } else {
                quiet = 0;
            }
            if quiet >= SETTLED_READINGS {
                return Ok(true);
            }
            busiest = busiest.max(rate);
            progress.now(format!("waiting for discovery to settle: {:.0} KiB/s", rate / 1_024.0));
        }
        sleep(SETTLE_POLL).await;
    }
    Ok(false)
}
