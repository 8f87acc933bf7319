//! A node process for the examples in this directory. It is asked through its RPC, and killed when the value is
//! dropped.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use jsonrpsee::http_client::{HttpClient, HttpClientBuilder};
use node::rpc::ApiClient as _;
use tokio::signal::unix::{SignalKind, signal};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// Does a proof's work. If the work fails or a signal ends it, everything that it started is killed.
pub(crate) fn outcome(work: impl Future<Output = Outcome<bool>>) -> ExitCode {
    let ended = async {
        let mut terminated = signal(SignalKind::terminate())?;
        tokio::select! {
            done = work => done.map(|good| if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
            _ = tokio::signal::ctrl_c() => Ok(ExitCode::from(130)),
            _ = terminated.recv() => Ok(ExitCode::from(143)),
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(ended)).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

/// A node that runs.
pub(crate) struct Running {
    pub(crate) process: Child,
    pub(crate) client: HttpClient,
    /// How long it took from the start until its RPC answered.
    pub(crate) took: Duration,
    /// Its first address.
    #[allow(dead_code, reason = "not every proof has others join")]
    pub(crate) address: String,
}

impl Running {
    /// Starts the program `node` on a data dir, on loopback and free ports, and waits until it answers.
    ///
    /// # Errors
    /// If it ends, or doesn't answer within `limit`.
    pub(crate) async fn start(node: &Path, dir: &Path, flags: &[&str], limit: Duration) -> Outcome<Self> {
        let rpc = dir.join("rpc.json");
        // A killed node leaves this file.
        let _ = fs::remove_file(&rpc);
        let log = fs::File::create(dir.join("node.log"))?;
        let begun = Instant::now();
        let mut process = Ending(Some(
            Command::new(node)
                .args(["--listen", "/ip4/127.0.0.1/tcp/0", "--rpc-addr", "127.0.0.1:0", "--log", "warn"])
                .args(flags)
                .arg("--data-dir")
                .arg(dir)
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()?,
        ));
        while begun.elapsed() < limit {
            if let Some(status) = process.0.as_mut().map_or(Ok(None), Child::try_wait)? {
                let said = fs::read_to_string(dir.join("node.log"))?;
                return Err(format!("the node ended ({status}): {said}").into());
            }
            let text = fs::read_to_string(&rpc).unwrap_or_default();
            let info = serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default();
            if let Some(address) = info["rpc"].as_str() {
                let url =
                    if address.starts_with("http") { address.to_owned() } else { format!("http://{address}") };
                let client = HttpClientBuilder::default().build(url)?;
                if client.node_info().await.is_ok() {
                    let address = info["listen"][0].as_str().unwrap_or_default().to_owned();
                    let process = process.0.take().ok_or("the process is gone")?;
                    return Ok(Self { process, client, took: begun.elapsed(), address });
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        Err(format!("the node did not come up within {} s", limit.as_secs()).into())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Ends a process that didn't come up.
struct Ending(Option<Child>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(process) = &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
