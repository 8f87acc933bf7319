//! Readiness: the load begins when every node has the peers that it should have, not after a time that was guessed.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::launch::Cluster;
use super::plan::Plan;
use super::progress::Progress;

/// Between rounds of questions: gently, for the nodes share the machine.
const POLL: Duration = Duration::from_millis(250);

/// Polls every node until it has the peers that the plan wants. Returns how long it took.
///
/// # Errors
/// If a node ends, or some lag behind when `limit` is over: names them.
pub async fn until_ready(
    plan: &Plan,
    cluster: &mut Cluster,
    progress: &Progress,
    limit: Duration,
) -> anyhow::Result<Duration> {
    let start = Instant::now();
    let mut waiting: Vec<(usize, String)> = (0..plan.nodes).map(|node| (node, String::new())).collect();
    loop {
        cluster.check()?;
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
            return Ok(start.elapsed());
        }
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
        sleep(POLL).await;
    }
}
