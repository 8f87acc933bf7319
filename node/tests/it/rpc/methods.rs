//! The JSON-RPC interface. The test plays the service.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;

use bytes::Bytes;
use jsonrpsee::core::ClientError;
use jsonrpsee::core::client::{BatchResponse, ClientT as _};
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::rpc_params;
use node::config::cookie::Cookie;
use node::config::data_dir::{DataDir, RPC_FILE, RpcInfo};
use node::config::identity::Identity;
use node::rpc::command::{Command, PeerStatus, Status};
use node::rpc::http::{HttpListener, Times};
use node::rpc::{ApiClient as _, BATCH_MAX, CODE_REFUSED, CODE_STOPPED, REQUEST_BYTES_MAX, TransactionState};
use protocol::gossip::{Refusal, Submission, TransactionStatus};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::BlockId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::limits::{BLOCK_BYTES_MAX, TRANSACTION_BYTES_MAX};
use protocol::wire::codec::Encode as _;
use tempfile::tempdir;

use crate::support::program::{network, node};
use crate::support::rpc::FakeNode;

/// The longest time that a test waits. Nothing takes so long.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(3_600);

const INVALID_PARAMS: i32 = -32602;

fn transaction(nonce: u64) -> SignedTransaction {
    let key = Identity::from_seed([1; 32]).secret_key();
    let unsigned =
        Transaction { author: key.public(), nonce, valid_until: 1_000, payload: Bytes::from_static(b"payload") };
    unsigned.sign(&key, &network()).expect("short enough")
}

fn block(transactions: Vec<Bytes>) -> Block {
    let key = Identity::from_seed([2; 32]).secret_key();
    let ids: Vec<_> = transactions.iter().map(|bytes| SignedTransaction::id_of(bytes)).collect();
    let header = Header {
        height: 1,
        parent: network().genesis(),
        producer: key.public(),
        timestamp_ms: 5,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    Block { header: header.sign(&key, &network()), transactions }
}

fn code<T: std::fmt::Debug>(result: Result<T, ClientError>) -> (i32, String) {
    match result.expect_err("an error") {
        ClientError::Call(error) => (error.code(), error.message().to_owned()),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_transaction_goes_in_as_it_was_signed() {
    let mut fake = FakeNode::start();
    let sent = transaction(1);
    for (answer, accepted) in [(Submission::Accepted, true), (Submission::Held, false)] {
        let client = fake.client.clone();
        let (result, ()) = tokio::join!(client.tx_send(hex::encode(sent.encoded())), async {
            let Command::SubmitTransaction { transaction, reply } = fake.command().await else {
                panic!("another")
            };
            assert_eq!(*transaction, sent);
            reply.send(Ok(answer)).expect("somebody waits");
        });
        let result = result.expect("taken");
        assert_eq!((result.id, result.accepted), (sent.id().to_string(), accepted));
    }
}

#[tokio::test]
async fn a_refusal_comes_back_in_its_own_words() {
    let mut fake = FakeNode::start();
    let client = fake.client.clone();
    let refusal = Refusal::Expired { valid_until: 5, tip: 9 };
    let (result, ()) = tokio::join!(client.tx_send(hex::encode(transaction(1).encoded())), async {
        let Command::SubmitTransaction { reply, .. } = fake.command().await else { panic!("another") };
        reply.send(Err(refusal.clone())).expect("somebody waits");
    });
    assert_eq!(code(result), (CODE_REFUSED, refusal.to_string()));
}

#[tokio::test]
async fn bad_parameters_never_reach_the_service() {
    let mut fake = FakeNode::start();
    let client = &fake.client;
    let too_long = "00".repeat(TRANSACTION_BYTES_MAX + 1);
    let trailing = format!("{}00", hex::encode(transaction(1).encoded()));
    for text in ["", "0", "zz", "0x00", &too_long, &trailing] {
        assert_eq!(code(client.tx_send(text.to_owned()).await).0, INVALID_PARAMS, "{text}");
        assert_eq!(code(client.block_publish(text.to_owned()).await).0, INVALID_PARAMS, "{text}");
        assert_eq!(code(client.tx_get(text.to_owned()).await).0, INVALID_PARAMS, "{text}");
        // This is a height.
        if text != "0" {
            assert_eq!(code(client.block_get(text.to_owned()).await).0, INVALID_PARAMS, "{text}");
        }
    }
    let none = client.request::<serde_json::Value, _>("tx_send", rpc_params![]).await;
    assert_eq!(code(none).0, INVALID_PARAMS);
    let number = client.request::<serde_json::Value, _>("tx_get", rpc_params![7]).await;
    assert_eq!(code(number).0, INVALID_PARAMS);
    assert!(fake.commands.try_recv().is_err());
}

#[tokio::test]
async fn lookups_tell_pending_confirmed_and_unknown_apart() {
    let mut fake = FakeNode::start();
    let wanted = transaction(1);
    let within = BlockId([7; 32]);
    let confirmed =
        |transaction| TransactionStatus::Confirmed { block: within, height: 3, known_as_first: true, transaction };
    let held = Some(hex::encode(wanted.encoded()));
    for (answer, expected) in [
        (None, None),
        (
            Some(TransactionStatus::Pending(Arc::new(wanted.clone()))),
            Some((TransactionState::Pending, None, held.clone())),
        ),
        (Some(confirmed(None)), Some((TransactionState::Confirmed, Some(3), None))),
        (Some(confirmed(Some(Arc::new(wanted.clone())))), Some((TransactionState::Confirmed, Some(3), held))),
    ] {
        let client = fake.client.clone();
        let (result, ()) = tokio::join!(client.tx_get(wanted.id().to_string()), async {
            let Command::Transaction { id, reply } = fake.command().await else { panic!("another") };
            assert_eq!(id, wanted.id());
            reply.send(answer).expect("somebody waits");
        });
        let view = result.expect("an answer");
        if let Some(view) = &view {
            assert_eq!(view.block, view.height.map(|_| within.to_string()));
        }
        assert_eq!(view.map(|view| (view.status, view.height, view.transaction)), expected);
    }
}

#[tokio::test]
async fn the_largest_block_passes_both_ways() {
    let mut fake = FakeNode::start();
    let whole = Bytes::from(vec![0; TRANSACTION_BYTES_MAX]);
    let mut bytes = vec![whole; BLOCK_BYTES_MAX / (TRANSACTION_BYTES_MAX + 5)];
    let left = BLOCK_BYTES_MAX - block(bytes.clone()).to_bytes().len();
    bytes.push(Bytes::from(vec![0; left - 3]));
    let sent = block(bytes);
    let encoded = sent.to_bytes();
    assert_eq!(encoded.len(), BLOCK_BYTES_MAX);

    let client = fake.client.clone();
    let (published, ()) = tokio::join!(client.block_publish(hex::encode(&encoded)), async {
        let Command::SubmitBlock { block, reply } = fake.command().await else { panic!("another") };
        assert_eq!(*block, sent);
        reply.send(Ok(Submission::Accepted)).expect("somebody waits");
    });
    assert_eq!(published.expect("taken").id, sent.header.id().to_string());

    let (view, ()) = tokio::join!(client.block_get(sent.header.id().to_string()), async {
        let Command::Block { id, reply } = fake.command().await else { panic!("another") };
        assert_eq!(id, sent.header.id());
        reply.send(Some(Arc::new(sent.clone()))).expect("somebody waits");
    });
    let view = view.expect("an answer").expect("known");
    assert_eq!((view.height, view.timestamp_ms, view.transactions.len()), (1, 5, sent.transactions.len()));
    assert_eq!(view.transactions[0], SignedTransaction::id_of(&sent.transactions[0]).to_string());
    assert_eq!(view.encoded, hex::encode(encoded));
}

#[tokio::test]
async fn a_request_over_the_limit_is_refused_unread() {
    let mut fake = FakeNode::start();
    let error = fake.client.block_publish("0".repeat(REQUEST_BYTES_MAX)).await.expect_err("too large");
    assert!(matches!(error, ClientError::Transport(_) | ClientError::Call(_)), "{error}");
    assert!(fake.commands.try_recv().is_err());
}

#[tokio::test]
async fn a_batch_over_the_limit_is_refused_whole() {
    let mut fake = FakeNode::start();
    let mut batch = BatchRequestBuilder::new();
    for _ in 0..=BATCH_MAX {
        batch.insert("admin_nodeInfo", rpc_params![]).expect("parameters");
    }
    let result: Result<BatchResponse<'_, Status>, _> = fake.client.batch_request(batch).await;
    result.expect_err("too many");
    assert!(fake.commands.try_recv().is_err());
}

#[tokio::test]
async fn a_stopped_service_is_told_and_not_waited_for() {
    let mut fake = FakeNode::start();
    let client = fake.client.clone();
    let (result, ()) = tokio::join!(client.node_info(), async { drop(fake.command().await) });
    assert_eq!(code(result).0, CODE_STOPPED);
    fake.commands.close();
    assert_eq!(code(client.peers().await).0, CODE_STOPPED);
}

#[test]
fn only_loopback_is_bound() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = HttpListener::bind(address.parse().expect("an address")).expect_err("not loopback");
        assert!(error.to_string().contains("loopback only"), "{error}");
    }
}

/// Runs the program against the fake node. `answer` plays its service.
pub(crate) async fn run(
    fake: &mut FakeNode,
    home: &Path,
    args: &[&str],
    mut answer: impl FnMut(Command),
) -> Output {
    let mut command = node(home);
    command.args(args).args(["--rpc", &fake.address.to_string()]);
    let mut child = tokio::task::spawn_blocking(move || command.output());
    loop {
        tokio::select! {
            output = &mut child => return output.expect("it ends").expect("it starts"),
            asked = fake.commands.recv() => answer(asked.expect("the server runs")),
        }
    }
}

#[tokio::test]
async fn tx_send_signs_for_the_nodes_network_and_tip() {
    let home = tempdir().expect("a directory");
    let (key, file) = (home.path().join("k"), home.path().join("f"));
    let identity = Identity::from_seed([5; 32]);
    identity.save_new(&key).expect("saved");
    std::fs::write(&file, b"of a file").expect("written");
    let mut fake = FakeNode::start();
    let [key, file] = [&key, &file].map(|path| path.to_str().expect("text"));
    for (payload, length) in [(["--payload", "hello"], 5), (["--file", file], 9), (["--random", "65536"], 65_536)]
    {
        let mut args = vec!["tx", "send", "--key", key, "--nonce", "8", "--valid-for", "10"];
        args.extend(payload);
        let mut sent = None;
        let output = run(&mut fake, home.path(), &args, |command| match command {
            Command::Status { reply } => {
                let status = Status { network: "dev".to_owned(), tip_height: 100, ..Status::default() };
                reply.send(status).expect("somebody waits");
            }
            Command::SubmitTransaction { transaction, reply } => {
                sent = Some(transaction);
                reply.send(Ok(Submission::Accepted)).expect("somebody waits");
            }
            other => panic!("{other:?}"),
        })
        .await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let sent = sent.expect("a transaction");
        assert_eq!(String::from_utf8(output.stdout).expect("text"), format!("{}\n", sent.id()));
        assert_eq!((sent.author(), sent.nonce(), sent.valid_until()), (identity.public_key(), 8, 110));
        assert_eq!(sent.payload().len(), length);
        assert!(sent.verify(&sent.author().decompress().expect("a key"), &network()));
    }
}

#[tokio::test]
async fn tx_send_tells_a_refusal_and_fails() {
    let home = tempdir().expect("a directory");
    let dir = home.path().join("d");
    Identity::from_seed([5; 32]).save_new(&dir.join("key")).expect("saved");
    let mut fake = FakeNode::start();
    let args = ["tx", "send", "--payload", "x", "--data-dir", dir.to_str().expect("text")];
    let output = run(&mut fake, home.path(), &args, |command| match command {
        Command::Status { reply } => {
            let status = Status { network: "dev".to_owned(), ..Status::default() };
            reply.send(status).expect("somebody waits");
        }
        Command::SubmitTransaction { reply, .. } => reply.send(Err(Refusal::MempoolFull)).expect("somebody waits"),
        other => panic!("{other:?}"),
    })
    .await;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains(&Refusal::MempoolFull.to_string()), "{text}");
}

#[tokio::test]
async fn tx_get_of_an_unknown_id_fails_and_of_a_known_one_shows_it() {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    let known = Arc::new(transaction(77));
    for (nothing, code) in [(true, 1), (false, 0)] {
        let output = run(&mut fake, home.path(), &["tx", "get", &known.id().to_string()], |command| {
            let Command::Transaction { reply, .. } = command else { panic!("another") };
            let status = (!nothing).then(|| TransactionStatus::Pending(known.clone()));
            reply.send(status).expect("somebody waits");
        })
        .await;
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        let text = String::from_utf8(output.stdout).expect("text");
        assert_eq!(text.contains("pending") && text.contains("77"), !nothing, "{text}");
    }
}

#[tokio::test]
async fn another_process_at_a_killed_nodes_address_is_never_asked() {
    let home = tempdir().expect("a directory");
    let dir = home.path().join("d");
    let mut fake = FakeNode::start();
    let held = DataDir::lock(&dir).expect("free");
    let rpc = Some(fake.address.to_string());
    let info = RpcInfo { pid: 77, peer_id: String::new(), public_key: String::new(), rpc, listen: Vec::new() };
    held.write_rpc(&info).expect("written");
    let left = std::fs::read(dir.join(RPC_FILE)).expect("it is there");
    drop(held);
    std::fs::write(dir.join(RPC_FILE), left).expect("written");
    Identity::from_seed([5; 32]).save_new(&dir.join("key")).expect("saved");
    for args in [&["status"][..], &["peers"], &["tx", "send", "--payload", "x"]] {
        let mut command = node(home.path());
        command.args(args).arg("--data-dir").arg(&dir);
        let output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let text = String::from_utf8(output.stderr).expect("text");
        assert!(text.contains("pid 77, was killed"), "{text}");
    }
    assert!(fake.commands.try_recv().is_err());
}

#[tokio::test]
async fn a_node_that_does_not_answer_is_waited_for_as_long_as_was_said() {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    let mut held = Vec::new();
    let output =
        run(&mut fake, home.path(), &["status", "--timeout", "200ms"], |command| held.push(command)).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("longer than 200ms") && text.contains("--timeout"), "{text}");
}

#[tokio::test]
async fn a_node_whose_places_are_taken_is_busy_and_not_gone() {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::with_places(1, Times { leave: PATIENCE, ..Times::default() });
    let client = fake.client.clone();
    let (_, output) = tokio::join!(client.peers(), async {
        let Command::Peers { reply } = fake.command().await else { panic!("another") };
        let output = run(&mut fake, home.path(), &["status"], |_| panic!("it has no place")).await;
        reply.send(Vec::new()).expect("somebody waits");
        output
    });
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("as many requests as it can"), "{text}");
}

/// Makes `dir` the data dir of the fake node.
fn inhabit(dir: &Path, fake: &FakeNode) -> DataDir {
    let held = DataDir::lock(dir).expect("free");
    let (pid, rpc) = (std::process::id(), Some(fake.address.to_string()));
    let info = RpcInfo { pid, peer_id: String::new(), public_key: String::new(), rpc, listen: Vec::new() };
    held.write_rpc(&info).expect("written");
    held
}

#[tokio::test]
async fn a_block_is_published_with_the_cookie_of_the_data_dir() {
    let home = tempdir().expect("a directory");
    let (dir, file) = (home.path().join("d"), home.path().join("block"));
    let sent = block(vec![transaction(1).encoded().clone()]);
    let mut fake = FakeNode::start();
    let _held = inhabit(&dir, &fake);
    let cookie = dir.join("cookie");
    let [dir, file] = [&dir, &file].map(|path| path.to_str().expect("text"));
    let args = ["block", "publish", file, "--data-dir", dir];
    let without = run(&mut fake, home.path(), &args, |_| panic!("asked")).await;
    assert_eq!(without.status.code(), Some(1), "there is no such file");
    for text in [sent.to_bytes().to_vec(), format!("{}\n", hex::encode(sent.to_bytes())).into_bytes()] {
        std::fs::write(file, text).expect("written");
        let _ = std::fs::remove_file(&cookie);
        let stranger = run(&mut fake, home.path(), &args, |_| panic!("asked")).await;
        let told = String::from_utf8(stranger.stderr).expect("text");
        assert!(told.contains("`cookie`"), "{told}");
        std::fs::write(&cookie, fake.cookie.to_text()).expect("written");
        let output = run(&mut fake, home.path(), &args, |command| {
            let Command::SubmitBlock { block, reply } = command else { panic!("another") };
            assert_eq!(*block, sent);
            reply.send(Ok(Submission::Accepted)).expect("somebody waits");
        })
        .await;
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(String::from_utf8(output.stdout).expect("text"), format!("{}\n", sent.header.id()));
    }
    // Nobody else is told it, whatever is said to be the node's address.
    let mut other = FakeNode::start();
    let output = run(&mut other, home.path(), &args, |_| panic!("asked")).await;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[tokio::test]
async fn a_cookie_is_told_to_nobody_who_does_not_need_it() {
    let home = tempdir().expect("a directory");
    let dir = home.path().join("d");
    std::fs::create_dir(&dir).expect("made");
    // Of another node than the one that is asked, which would answer 401.
    std::fs::write(dir.join("cookie"), Cookie::generate().expect("random bytes").to_text()).expect("written");
    let mut fake = FakeNode::start();
    let output = run(&mut fake, home.path(), &["peers", "--data-dir", dir.to_str().expect("text")], |command| {
        let Command::Peers { reply } = command else { panic!("another") };
        reply.send(Vec::new()).expect("somebody waits");
    })
    .await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn a_block_is_shown_whatever_time_its_producer_wrote() {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    for (timestamp_ms, shown) in [
        (5, "1970-01-01T00:00:00.005Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        (253_402_300_800_000, "no date"),
        (u64::MAX, "no date"),
    ] {
        let mut block = block(Vec::new());
        let key = Identity::from_seed([2; 32]).secret_key();
        block.header = Header { timestamp_ms, ..*block.header.header() }.sign(&key, &network());
        let id = block.header.id().to_string();
        let output = run(&mut fake, home.path(), &["block", "get", &id], |command| {
            let Command::Block { reply, .. } = command else { panic!("another") };
            reply.send(Some(Arc::new(block.clone()))).expect("somebody waits");
        })
        .await;
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("height") && text.contains(shown), "{text}");
    }
}

#[tokio::test]
async fn what_a_peer_calls_itself_cannot_steer_the_terminal() {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    let output = run(&mut fake, home.path(), &["peers"], |command| {
        let Command::Peers { reply } = command else { panic!("another") };
        let peer = PeerStatus {
            peer_id: "12D3KooW".to_owned(),
            address: "/ip4/192.0.2.1/tcp/1".to_owned(),
            agent: Some("evil\u{1b}[2J\nname".to_owned()),
            response_ms: Some(1.25),
            ..PeerStatus::default()
        };
        reply.send(vec![peer.clone(), PeerStatus { inbound: true, agent: None, ..peer }]).expect("somebody waits");
    })
    .await;
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.contains("evil?[2J?name") && !text.contains('\u{1b}'), "{text}");
}
