//! One whole session of a client with a node, over a real socket: every byte of the four streams, from the words
//! that open them to the goodbye, against `docs/vectors/session.json`. To write the file again: `UPDATE_VECTORS=1
//! cargo test -p hearsay-node --test it session`.
//!
//! The client is written here and keeps to PROTOCOL.md. The node is a real node. It relays by `announce`, so that
//! nothing in its messages is random.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::core::muxing::SubstreamBox;
use node::config::Config;
use protocol::gossip::repair::sketch::{Encoder, symbols_to_bytes};
use protocol::gossip::{Digest, Reconciliation, RelayPolicy, Submission};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::TxId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::SignedTransaction;
use protocol::wire::codec::Decode as _;
use protocol::wire::frame::Frame;
use protocol::wire::message::{FEATURE_MEMBERS, Hello, InvEntry, Lane, Message, Reconcile, Tip, TxRef, VERSION};
use serde_json::{Value, json};

use crate::support::harness::{Node, config, transaction};
use crate::support::hostile_client::{frame, hello};
use crate::support::raw::Raw;

/// The time between two announcements of a node's own items. It is so long that each leaves at once.
const QUIET: Duration = Duration::from_millis(200);

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/vectors/session.json")
}

/// A client's side, and the recorded bytes.
struct Session {
    raw: Raw,
    ours: [SubstreamBox; 2],
    theirs: [SubstreamBox; 2],
    streams: Vec<Value>,
    frames: Vec<Value>,
}

impl Session {
    async fn open(node: &Node) -> Self {
        let mut raw = Raw::dial(node.address(), async {}).await;
        let name = |lane: Lane| format!("/hearsay/test/{}/{VERSION}", lane.name());
        let lanes = [Lane::Control, Lane::Bulk];
        let mut streams = Vec::new();
        let mut note = |opener: &str, lane: Lane, words: &[u8]| {
            // Whoever takes the stream answers with the same words.
            streams.push(json!({ "opener": opener, "lane": lane.name(), "protocol": name(lane), "words": hex::encode(words) }));
        };
        let line = |text: &str| [&[text.len() as u8 + 1][..], text.as_bytes(), b"\n"].concat();
        let [control, bulk] = lanes;
        let mut ours = Vec::new();
        for lane in lanes {
            ours.push(raw.open(&name(lane), async {}).await);
            note("client", lane, &[line("/multistream/1.0.0"), line(&name(lane))].concat());
        }
        let (control_in, words) = raw.accept(&name(control)).await;
        note("node", control, &words);
        let (bulk_in, words) = raw.accept(&name(bulk)).await;
        note("node", bulk, &words);
        let ours = ours.try_into().expect("two");
        Self { raw, ours, theirs: [control_in, bulk_in], streams, frames: Vec::new() }
    }

    async fn say(&mut self, lane: Lane, said: impl Into<Frame>, why: &str) {
        let said = said.into();
        let bytes = frame(&said);
        self.raw.write(&mut self.ours[lane as usize], &bytes).await;
        self.note("client", lane, &said, &bytes, why);
    }

    async fn hear(&mut self, lane: Lane, why: &str) -> Frame {
        let bytes = self.raw.read_frame(&mut self.theirs[lane as usize]).await.expect("the node speaks");
        let prefix = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a prefix") + 1;
        let heard = Frame::from_bytes(&bytes[prefix..].to_vec().into()).expect("a frame");
        self.note("node", lane, &heard, &bytes, why);
        heard
    }

    fn note(&mut self, from: &str, lane: Lane, said: &Frame, bytes: &[u8], why: &str) {
        let name = said.name();
        self.frames.push(json!({
            "from": from, "lane": lane.name(), "says": name, "frame": hex::encode(bytes), "why": why,
        }));
    }
}

fn bodies(items: &[&Arc<SignedTransaction>]) -> Message {
    let bodies = items.iter().map(|item| item.encoded().clone().into()).collect();
    Message::Transactions { via: None, bodies }
}

fn inv(item: &SignedTransaction) -> Message {
    Message::Inv(vec![InvEntry { transaction: TxRef::Short(item.id().short()), age_ms: 0 }])
}

fn reconcile(message: Reconcile) -> Message {
    Message::Reconcile(Box::new(message))
}

/// A block with these transactions on genesis.
fn block(items: &[&Arc<SignedTransaction>]) -> Arc<Block> {
    let network: NetworkId = "test".parse().expect("a name");
    let key = SecretKey::from_seed(&[200; 32]);
    let ids: Vec<TxId> = items.iter().map(|item| item.id()).collect();
    let header = Header {
        height: 1,
        parent: network.genesis(),
        producer: key.public(),
        timestamp_ms: 1_700_000_000_000,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    let transactions = items.iter().map(|item| item.encoded().clone()).collect();
    Arc::new(Block { header: header.sign(&key, &network), transactions })
}

async fn session() -> Value {
    // It opens no conversation of its own.
    let reconciliation =
        Reconciliation { interval: protocol::time::Duration::from_secs(3_600), ..Reconciliation::default() };
    let node = Node::start(Config { relay: RelayPolicy::Announce, reconciliation, ..config(1) }).await;
    let (control, bulk) = (Lane::Control, Lane::Bulk);
    let [ours, small, large, lost] =
        [(1, 40), (2, 60), (3, 4_200), (4, 50)].map(|(n, bytes)| transaction(n, 1, bytes));
    let mut with = Session::open(&node).await;

    with.say(control, Message::Hello(hello("test")), "the first message each way").await;
    with.hear(control, "neither waits for the other's").await;

    with.say(control, Frame::Ping([9, 3, 7, 1, 8, 2, 6, 4]), "how long does an answer take?").await;
    with.hear(control, "the same nonce").await;

    with.say(control, inv(&ours), "the client has a transaction").await;
    with.hear(control, "the node wants it").await;
    with.say(control, bodies(&[&ours]), "a small body, on the control lane").await;
    with.raw.during(node.transaction(ours.id())).await;

    assert_eq!(node.send(small.clone()).await, Ok(Submission::Accepted));
    with.hear(control, "the node has another, which the client leaves for now").await;
    with.raw.during(tokio::time::sleep(QUIET)).await;
    assert_eq!(node.send(large.clone()).await, Ok(Submission::Accepted));
    with.hear(control, "and a large one").await;
    let wanted = vec![TxRef::Short(large.id().short())];
    with.say(control, Message::GetData { graft: false, wanted }, "the client wants the large one").await;
    let body = with.hear(bulk, "a body over 4,096 bytes, on the bulk lane").await;
    let read = frame(&body).len() as u64;
    with.say(control, Frame::Ack(read), "all of that frame was read, its length included").await;

    let block = block(&[&ours, &large]);
    let header = Box::new(block.header);
    with.say(control, Message::BlockHeader { header, pushed: false }, "the client has a block").await;
    with.hear(control, "the node wants it").await;
    with.say(bulk, Message::Block(block.clone()), "a block over 4,096 bytes").await;
    with.hear(control, "the node has read the whole frame").await;
    let tip = Tip { height: 1, id: block.header.id() };
    with.raw.during(node.status_until("the block", |status| status.tip_height == 1)).await;

    compare(&mut with, &node, &lost, &small, tip).await;

    with.say(control, Message::Hello(hello("test")), "a breach, to end with").await;
    with.hear(control, "the reason; the connection ends").await;
    assert_eq!(with.raw.read_frame(&mut with.theirs[0]).await, None, "nothing comes after it");
    node.stop().await;
    let block = hex::encode(block.header.id().as_bytes());
    json!({ "network": "test", "streams": with.streams, "frames": with.frames, "block": block })
}

/// Two conversations about the items that the other side lacks: one by a sketch, one by a list.
async fn compare(
    with: &mut Session,
    node: &Node,
    lost: &Arc<SignedTransaction>,
    small: &SignedTransaction,
    tip: Tip,
) {
    let control = Lane::Control;
    let (number, salt) = (7, std::array::from_fn(|at| at as u8));
    let mut encoder = Encoder::new(salt, [lost.id()]).expect("few");
    let symbols = symbols_to_bytes(encoder.symbols(0, 12)).into();
    let open = Reconcile::Open { number, digest: Digest::Push, size: 1, tip, salt, symbols };
    with.say(
        control,
        reconcile(open),
        "the client would give what the node lacks; its sketch is of one transaction",
    )
    .await;
    with.hear(control, "the node lacks it").await;
    let offer = Reconcile::Offer { number, ids: vec![lost.id().short()] };
    with.say(control, reconcile(offer), "it is this one").await;
    with.hear(control, "the first place of the offer").await;
    with.say(control, bodies(&[lost]), "what was taken").await;
    with.raw.during(node.transaction(lost.id())).await;

    let list = Reconcile::List { number: 8, after: None };
    with.say(control, reconcile(list), "what does the node hold? A list, from its start").await;
    let offer = with
        .hear(control, "its whole mempool, in the order of ids: fewer than 4,096, so the list ends here")
        .await;
    let Frame::Message(Message::Reconcile(offer)) = offer else { panic!("an offer: {offer:?}") };
    let Reconcile::Offer { ids, .. } = *offer else { panic!("an offer: {offer:?}") };
    let place = ids.iter().position(|id| *id == small.id().short()).expect("it is offered");
    let places = vec![0x80_u8 >> place].into();
    with.say(control, reconcile(Reconcile::Take { number: 8, places }), "the one that the client lacks").await;
    with.hear(control, "what was taken").await;
}

#[tokio::test]
async fn an_early_hello_and_what_follows_it_are_read_when_all_four_streams_are_open() {
    let node = Node::start(config(1)).await;
    let mut raw = Raw::dial(node.address(), async {}).await;
    let name = |lane: Lane| format!("/hearsay/test/{}/{VERSION}", lane.name());
    let item = transaction(1, 1, 40);
    let mut control = raw.open(&name(Lane::Control), async {}).await;
    raw.write(&mut control, &[frame(&Message::Hello(hello("test"))), frame(&bodies(&[&item]))].concat()).await;
    let (mut control_in, _) = raw.accept(&name(Lane::Control)).await;
    let _bulk = raw.open(&name(Lane::Bulk), async {}).await;
    let _bulk_in = raw.accept(&name(Lane::Bulk)).await;
    let heard = raw.read_frame(&mut control_in).await.expect("the node speaks");
    // The node is a member.
    assert_eq!(heard, frame(&Message::Hello(Hello { features: FEATURE_MEMBERS, ..hello("test") })));
    raw.during(node.transaction(item.id())).await;
    node.stop().await;
}

#[tokio::test]
async fn a_whole_session_is_that_of_the_vectors() {
    let made = session().await;
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(path(), format!("{made:#}\n")).expect("written");
    }
    let kept: Value = serde_json::from_str(&std::fs::read_to_string(path()).expect("readable")).expect("JSON");
    for (made, kept) in
        made["frames"].as_array().into_iter().flatten().zip(kept["frames"].as_array().into_iter().flatten())
    {
        assert_eq!(made, kept);
    }
    assert_eq!(made, kept);
}
