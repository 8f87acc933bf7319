//! What several tests need: the program with a clean environment, and a service that the test plays itself.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use jsonrpsee::http_client::{HttpClient, HttpClientBuilder};
use jsonrpsee::server::ServerHandle;
use node::command;
use node::rpc::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, RpcListener};
use protocol::network::NetworkId;
use tokio::sync::mpsc;

/// The program, with nothing in its environment but a home directory.
pub(crate) fn node(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    // Not a measure of anything: a node that should have refused must not outlive the test.
    command.env_clear().env("HOME", home).timeout(Duration::from_secs(60));
    command
}

pub(crate) fn network() -> NetworkId {
    "dev".parse().expect("a name")
}

/// An RPC whose service is the test.
pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    pub(crate) client: HttpClient,
    pub(crate) commands: mpsc::Receiver<command::Command>,
    _server: ServerHandle,
}

impl FakeNode {
    pub(crate) fn start() -> Self {
        let listener = RpcListener::bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
        let address = listener.address();
        let (sender, commands) = mpsc::channel(4);
        let server = listener.serve(sender).expect("a server");
        let client = HttpClientBuilder::default()
            .max_request_size(2 * REQUEST_BYTES_MAX as u32)
            .max_response_size(RESPONSE_BYTES_MAX as u32)
            .build(format!("http://{address}"))
            .expect("a client");
        Self { address, client, commands, _server: server }
    }

    /// The next command that the RPC passes on.
    pub(crate) async fn command(&mut self) -> command::Command {
        self.commands.recv().await.expect("the server runs")
    }
}
