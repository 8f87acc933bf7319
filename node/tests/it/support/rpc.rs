//! The RPC from both sides: a listener whose service the test plays itself, and clients.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jsonrpsee::http_client::{HeaderMap, HttpClient, HttpClientBuilder};
use node::config::cookie::Cookie;
use node::config::rates::RPC_CALLS_DEFAULT;
use node::observe::metrics::Metrics;
use node::rpc::command;
use node::rpc::feeds::Feeds;
use node::rpc::http::{CONNECTIONS_MAX, Faces, Health, HttpListener, HttpServer, Times};
use node::rpc::members::MemberNews;
use node::rpc::{REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX};
use node::service::MEMBER_EVENTS_MAX;
use tokio::sync::{broadcast, mpsc};

use crate::support::harness::PATIENCE;

/// A listener. The test plays its service.
pub(crate) struct FakeNode {
    pub(crate) address: SocketAddr,
    /// Has the cookie.
    pub(crate) client: HttpClient,
    pub(crate) cookie: Cookie,
    pub(crate) health: Arc<Health>,
    /// What changes about members.
    pub(crate) members: broadcast::Sender<MemberNews>,
    /// What subscribers are told.
    pub(crate) feeds: Feeds,
    pub(crate) metrics: Metrics,
    pub(crate) commands: mpsc::Receiver<command::Command>,
    _server: HttpServer,
}

impl FakeNode {
    pub(crate) fn start() -> Self {
        Self::with_places(CONNECTIONS_MAX, Times::default())
    }

    /// A listener that serves this number of connections at a time, each for at most this time.
    pub(crate) fn with_places(connections_max: usize, times: Times) -> Self {
        Self::at("127.0.0.1:0".parse().expect("an address"), connections_max, times)
    }

    /// A listener that gives clients without the cookie this number of calls a second. Each waits for its turn for at
    /// most this time.
    pub(crate) fn with_calls(calls: u32, turn: Duration) -> Self {
        let (address, times) = ("127.0.0.1:0".parse().expect("an address"), Times { turn, ..Times::default() });
        Self::with_all(address, CONNECTIONS_MAX, Some(calls), times)
    }

    /// The same at this address. Another listener may be about to leave it.
    pub(crate) fn at(address: SocketAddr, connections_max: usize, times: Times) -> Self {
        Self::with_all(address, connections_max, Some(RPC_CALLS_DEFAULT), times)
    }

    fn with_all(address: SocketAddr, connections_max: usize, calls_max: Option<u32>, times: Times) -> Self {
        let until = Instant::now() + PATIENCE;
        let listener = loop {
            match HttpListener::bind(address) {
                Ok(listener) => break listener,
                Err(error) => assert!(Instant::now() < until, "{error}"),
            }
            std::thread::yield_now();
        };
        let address = listener.address();
        let (sender, commands) = mpsc::channel(4);
        let cookie = Cookie::generate().expect("random bytes");
        let health = Arc::new(Health::new());
        let members = broadcast::Sender::new(MEMBER_EVENTS_MAX);
        let (feeds, metrics) = (Feeds::new(members.clone()), Metrics::default());
        let faces = Faces {
            commands: sender,
            cookie: Some(cookie.clone()),
            health: Arc::clone(&health),
            members: members.clone(),
            feeds: feeds.clone(),
            metrics: metrics.clone(),
            connections_max,
            calls_max,
            times,
        };
        let server = listener.serve(faces).expect("a server");
        let client = client(address, Some(&cookie));
        Self { address, client, cookie, health, members, feeds, metrics, commands, _server: server }
    }

    /// The next command from the RPC.
    pub(crate) async fn command(&mut self) -> command::Command {
        self.commands.recv().await.expect("the server runs")
    }
}

/// Sends a request and its headers unchanged, and reads the whole answer.
pub(crate) fn exchange(address: SocketAddr, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let length = body.len();
    // It may be refused before it is sent whole.
    let _ = write!(stream, "{head}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// A client of the RPC, the owner's if it has the cookie.
pub(crate) fn client(address: SocketAddr, cookie: Option<&Cookie>) -> HttpClient {
    let mut headers = HeaderMap::new();
    if let Some(cookie) = cookie {
        headers.insert("authorization", cookie.to_header().parse().expect("a header"));
    }
    HttpClientBuilder::default()
        .set_headers(headers)
        .max_request_size(2 * REQUEST_BYTES_MAX as u32)
        .max_response_size(RESPONSE_BYTES_MAX as u32)
        .build(format!("http://{address}"))
        .expect("a client")
}
