//! The service behind the commands: until the libp2p driver is in, it only tells who it is, and knows nobody.

use libp2p::{Multiaddr, PeerId};
use protocol::gossip::Refusal;
use tokio::sync::{mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::command::{Command, Status};
use crate::config::Config;

/// The service is up.
#[derive(Debug)]
pub struct Ready {
    /// Its libp2p peer id.
    pub peer_id: PeerId,
    /// Addresses it listens on.
    pub listen: Vec<Multiaddr>,
}

/// Why the service ended.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Another process has a listen address.
    #[error("{0} is in use: choose another with --listen")]
    AddressInUse(Multiaddr),
}

/// Runs until `shutdown` turns true.
///
/// # Errors
/// See [`ServiceError`].
pub async fn run(
    config: Config,
    mut commands: mpsc::Receiver<Command>,
    ready: oneshot::Sender<Ready>,
    mut shutdown: watch::Receiver<bool>,
) -> Result<(), ServiceError> {
    let clock = Clock::start();
    let peer_id = config.identity.public().to_peer_id();
    let _ = ready.send(Ready { peer_id, listen: config.listen.clone() });
    loop {
        tokio::select! {
            _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
            command = commands.recv() => match command {
                None => return Ok(()),
                Some(command) => answer(command, &config, &clock),
            },
        }
    }
}

fn answer(command: Command, config: &Config, clock: &Clock) {
    match command {
        Command::SubmitTransaction { reply, .. } | Command::SubmitBlock { reply, .. } => {
            let _ = reply.send(Err(Refusal::Busy));
        }
        Command::Transaction { reply, .. } => {
            let _ = reply.send(None);
        }
        Command::Block { reply, .. } => {
            let _ = reply.send(None);
        }
        Command::Peers { reply } => {
            let _ = reply.send(Vec::new());
        }
        Command::Status { reply } => {
            let _ = reply.send(Status {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                peer_id: config.identity.public().to_peer_id().to_string(),
                public_key: config.key.public().to_string(),
                network: config.network.to_string(),
                uptime_s: clock.uptime().as_secs_f64(),
                ..Status::default()
            });
        }
    }
}
