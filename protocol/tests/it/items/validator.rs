//! A chain's own validator is asked about every transaction of a block and about the block, in whichever way it
//! came.

use std::sync::{Arc, Mutex};

use protocol::gossip::{DisconnectReason, Event, ItemId, Refusal, RelayPolicy, TransactionStatus};
use protocol::items::block::{Block, Header, SignedHeader};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::items::validator::{BlockPlace, Producers, StandardValidator, Validator};
use protocol::wire::message::{Hello, Message};

use crate::harness::{
    Mesh, block, block_by, block_item, genesis, network, producer, rogue, tip_of, transaction, tx,
};

const RULE: Refusal = Refusal::Rule("sixty-six is not spoken of here");

/// Whether a transaction contains 66, which is forbidden.
fn is_bad(transaction: &SignedTransaction) -> bool {
    transaction.payload().first() == Some(&66)
}

/// Refuses forbidden transactions, and implements no more than a validator must.
#[derive(Debug)]
struct Refusing(StandardValidator);

impl Refusing {
    fn new() -> Arc<Self> {
        Arc::new(Self(StandardValidator::new(Producers::Open)))
    }
}

impl Validator for Refusing {
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        self.0.transaction(transaction, tip)?;
        if is_bad(transaction) { Err(RULE) } else { Ok(()) }
    }

    fn header(&self, header: &Header) -> Result<(), Refusal> {
        self.0.header(header)
    }
}

/// Accepts every transaction by itself, at most `most` with 66 in a block and none below a height. It notes the
/// questions.
#[derive(Debug)]
struct Noting {
    most: usize,
    from: Height,
    transactions: Mutex<Vec<(TxId, BlockPlace)>>,
    blocks: Mutex<Vec<(BlockPlace, usize)>>,
    connected: Mutex<Vec<(BlockId, Vec<TxId>)>>,
}

impl Noting {
    fn new(most: usize, from: Height) -> Arc<Self> {
        let (transactions, blocks, connected) = Default::default();
        Arc::new(Self { most, from, transactions, blocks, connected })
    }
}

impl Validator for Noting {
    fn transaction(&self, _transaction: &SignedTransaction, _tip: Height) -> Result<(), Refusal> {
        Ok(())
    }

    fn transaction_in_block(&self, transaction: &SignedTransaction, place: BlockPlace) -> Result<(), Refusal> {
        self.transactions.lock().unwrap().push((transaction.id(), place));
        if is_bad(transaction) && place.height < self.from { Err(RULE) } else { Ok(()) }
    }

    fn header(&self, _header: &Header) -> Result<(), Refusal> {
        Ok(())
    }

    fn block(&self, header: &Header, transactions: &[Arc<SignedTransaction>]) -> Result<(), Refusal> {
        self.blocks.lock().unwrap().push((BlockPlace::of(header), transactions.len()));
        let bad = transactions.iter().filter(|transaction| is_bad(transaction)).count();
        if bad > self.most { Err(RULE) } else { Ok(()) }
    }

    fn connected(&self, header: &SignedHeader, transactions: &[Arc<SignedTransaction>]) {
        let ids = transactions.iter().map(|transaction| transaction.id()).collect();
        self.connected.lock().unwrap().push((header.id(), ids));
    }
}

/// A good transaction, a bad one, a block with both, and one on top of it.
fn bad_branch() -> (Arc<SignedTransaction>, Arc<Block>, Arc<Block>) {
    let bad = transaction(66, 1, 10);
    let with_it = block(genesis(), &[transaction(3, 1, 10), bad.clone()], 1);
    let child = block(tip_of(&with_it), &[transaction(3, 2, 10)], 2);
    (bad, with_it, child)
}

fn refusal(mesh: &Mesh, node: usize, wanted: &Block) -> Option<Refusal> {
    let item = block_item(wanted.header.id());
    mesh.events[node].iter().find_map(|event| match event {
        Event::Refused { item: found, refusal, .. } if *found == item => Some(refusal.clone()),
        _ => None,
    })
}

/// Whether a node told any peer of a block.
fn told(mesh: &Mesh, node: usize, of: &Block) -> bool {
    mesh.conversation().filter(|(sent, _)| sent.node == node).any(|(_, message)| match message {
        Message::Block(block) => block.header == of.header,
        Message::BlockHeader { header, .. } => *header == of.header,
        Message::Headers(headers) => headers.contains(&of.header),
        Message::Hello(hello) => hello.tip == tip_of(of),
        _ => false,
    })
}

#[test]
fn a_block_with_a_transaction_that_the_mempool_would_refuse_is_neither_confirmed_nor_passed_on() {
    for relay in [RelayPolicy::default(), RelayPolicy::Announce, RelayPolicy::Flood] {
        let mut mesh = Mesh::new(2, relay);
        (0..2).for_each(|node| mesh.rule(node, Refusing::new()));
        mesh.connect(0, 1);
        let peer = mesh.greeted(0);
        let (bad, with_it, child) = bad_branch();
        mesh.say(0, peer, Message::Block(with_it.clone()));
        mesh.run_secs(1);
        mesh.say(0, peer, Message::Block(child.clone()));
        mesh.run_secs(5);
        assert_eq!(refusal(&mesh, 0, &with_it), Some(RULE));
        assert_eq!(refusal(&mesh, 0, &child), Some(Refusal::RejectedBefore));
        assert!(mesh.nodes.iter().all(|node| node.tip() == genesis() && node.transaction(&bad.id()).is_none()));
        assert!(!told(&mesh, 0, &with_it) && !told(&mesh, 0, &child));
        assert_eq!(mesh.disconnects, [], "nobody is blamed");

        // The bad block's place goes to a block that keeps the rules.
        let good = block_by(&rogue(), genesis(), &[transaction(3, 1, 10)], 3);
        mesh.say(0, peer, Message::Block(good.clone()));
        mesh.run_secs(1);
        assert!(mesh.nodes.iter().all(|node| node.tip() == tip_of(&good)));
    }
}

#[test]
fn a_block_that_waited_for_its_parent_is_judged_when_that_comes() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.rule(0, Refusing::new());
    let peer = mesh.greeted(0);
    let first = block(genesis(), &[], 1);
    let with_it = block(tip_of(&first), &[transaction(66, 1, 10)], 2);
    let child = block(tip_of(&with_it), &[], 3);
    for block in [&child, &with_it, &first] {
        mesh.say(0, peer, Message::Block(block.clone()));
        mesh.run_for(protocol::time::Duration::from_millis(1));
    }
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&first));
    assert_eq!(refusal(&mesh, 0, &with_it), Some(RULE));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_node_that_catches_up_stops_before_the_block_and_takes_another_branch_that_has_none() {
    let mut mesh = Mesh::new(3, RelayPolicy::Announce);
    mesh.rule(0, Refusing::new());
    let mut tip = genesis();
    let mut good = Vec::new();
    for height in 1..=12_u64 {
        // Node 0 refuses the block of height 5.
        let author = if height == 5 { 66 } else { 3 };
        let next = block(tip, &[transaction(author, height, 10)], height);
        mesh.publish(1, &next);
        mesh.run_secs(1);
        tip = tip_of(&next);
        if height < 5 {
            good.push(next);
        }
    }
    mesh.connect(0, 1);
    mesh.run_secs(60);
    assert_eq!(mesh.nodes[1].tip().height, 12);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&good[3]));
    assert_eq!(mesh.disconnects, []);

    let other = block_by(&rogue(), tip_of(&good[3]), &[transaction(4, 1, 10)], 50);
    for block in good.iter().chain([&other]) {
        mesh.publish(2, block);
        mesh.run_secs(1);
    }
    mesh.connect(0, 2);
    mesh.run_secs(10);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&other));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn a_submitted_block_is_refused_in_the_words_of_the_rule() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.rule(0, Refusing::new());
    let (_, with_it, _) = bad_branch();
    mesh.publish(0, &with_it);
    mesh.run_secs(1);
    let item = block_item(with_it.header.id());
    assert!(mesh.events[0].contains(&Event::Submitted { item, result: Err(RULE) }), "{:?}", mesh.events[0]);
    assert_eq!(mesh.nodes[0].tip(), genesis());
    assert_eq!(RULE.to_string(), "sixty-six is not spoken of here");
}

#[test]
fn what_breaks_the_protocols_own_rules_still_blames_its_sender() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.rule(0, Refusing::new());
    let peer = mesh.greeted(0);
    // The transactions here are valid until height 1,000.
    let mut tip = genesis();
    for height in 1..=1_000 {
        let next = block(tip, &[], height);
        mesh.publish(0, &next);
        tip = tip_of(&next);
        mesh.run_for(protocol::time::Duration::from_millis(1));
    }
    assert_eq!(mesh.nodes[0].tip().height, 1_000);
    let late = block(tip, &[transaction(66, 1, 10)], 1_001);
    mesh.say(0, peer, Message::Block(late.clone()));
    mesh.run_secs(1);
    assert_eq!(refusal(&mesh, 0, &late), Some(Refusal::ExpiredTransaction));
    assert_eq!(mesh.disconnected(0, peer), Some(DisconnectReason::InvalidBlock));
}

#[test]
fn a_transaction_is_judged_by_its_blocks_height_and_parent_on_every_branch() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let rules = Noting::new(0, 0);
    mesh.rule(0, rules.clone());
    let peer = mesh.greeted(0);
    let item = transaction(3, 7, 10);
    mesh.submit(0, &item);
    let one = block(genesis(), &[], 1);
    let two = block(tip_of(&one), std::slice::from_ref(&item), 2);
    // The other branch has the transaction at height 1, and becomes longer.
    let other: Vec<_> = {
        let first = block_by(&rogue(), genesis(), std::slice::from_ref(&item), 10);
        let second = block_by(&rogue(), tip_of(&first), &[], 11);
        let third = block_by(&rogue(), tip_of(&second), &[transaction(3, 8, 10)], 12);
        [first, second, third].into()
    };
    for block in [&one, &two].into_iter().chain(&other) {
        mesh.say(0, peer, Message::Block(block.clone()));
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[0].tip(), tip_of(&other[2]));
    let at = |parent: &Block| BlockPlace { height: tip_of(parent).height + 1, parent: parent.header.id() };
    let genesis = BlockPlace { height: 1, parent: genesis().id };
    let asked = rules.transactions.lock().unwrap().clone();
    let last = transaction(3, 8, 10).id();
    assert_eq!(asked, [(item.id(), at(&one)), (item.id(), genesis), (last, at(&other[1]))]);
    let blocks = rules.blocks.lock().unwrap().clone();
    assert_eq!(blocks, [(genesis, 0), (at(&one), 1), (genesis, 1), (at(&other[0]), 0), (at(&other[1]), 1)]);
}

#[test]
fn a_validator_is_told_of_each_block_once_after_its_parent_and_of_none_that_it_refused() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let rules = Noting::new(0, 0);
    mesh.rule(0, rules.clone());
    let peer = mesh.greeted(0);
    let item = transaction(3, 7, 10);
    let one = block(genesis(), std::slice::from_ref(&item), 1);
    let two = block(tip_of(&one), &[], 2);
    let refused = block_by(&rogue(), tip_of(&one), &[transaction(66, 1, 10)], 3);
    // The child comes before its parent, and the parent again after that.
    for block in [&two, &one, &one, &refused] {
        mesh.say(0, peer, Message::Block(block.clone()));
        mesh.run_secs(1);
    }
    assert_eq!(refusal(&mesh, 0, &refused), Some(RULE));
    let told = rules.connected.lock().unwrap().clone();
    assert_eq!(told, [(one.header.id(), vec![item.id()]), (two.header.id(), vec![])]);
}

/// The next block that a producer would sign.
fn template(mesh: &Mesh) -> Arc<Block> {
    let (header, transactions) = mesh.nodes[0].block_template(producer().public(), 77, 1_000_000);
    Arc::new(Block { header: header.sign(&producer(), &network()), transactions })
}

#[test]
fn a_template_leaves_out_what_its_block_may_not_have() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.rule(0, Noting::new(usize::MAX, 3));
    let (good, bad) = (transaction(3, 1, 10), transaction(66, 1, 10));
    mesh.submit(0, &bad);
    mesh.submit(0, &good);
    mesh.run_secs(1);
    for (height, wanted) in [(1, vec![&good]), (2, vec![]), (3, vec![&bad])] {
        let made = template(&mesh);
        let wanted: Vec<_> = wanted.iter().map(|item| item.encoded().clone()).collect();
        assert_eq!(made.transactions, wanted, "at height {height}");
        mesh.publish(0, &made);
        mesh.run_secs(1);
        assert_eq!(mesh.nodes[0].tip(), tip_of(&made));
    }
}

#[test]
fn a_template_has_no_more_of_anything_than_a_block_may() {
    for bad in [0, 1, 2, 3, 7] {
        let mut mesh = Mesh::new(1, RelayPolicy::Announce);
        mesh.rule(0, Noting::new(2, 0));
        for nonce in 0..7 {
            mesh.submit(0, &transaction(3, nonce, 10));
            if nonce < bad {
                mesh.submit(0, &transaction(66, nonce, 10));
            }
        }
        mesh.run_secs(1);
        let made = template(&mesh);
        assert_eq!(made.transactions.len() as u64, 7 + bad.min(2));
        mesh.publish(0, &made);
        mesh.run_secs(1);
        assert_eq!(mesh.nodes[0].tip(), tip_of(&made));
    }
}

#[test]
fn a_validator_that_takes_nothing_is_asked_a_bounded_number_of_times_for_a_template() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let rules = Noting::new(0, 0);
    mesh.rule(0, rules.clone());
    (0..100).for_each(|nonce| mesh.submit(0, &transaction(66, nonce, 10)));
    mesh.run_secs(1);
    assert_eq!(template(&mesh).transactions.len(), 0);
    assert_eq!(rules.blocks.lock().unwrap().len(), protocol::limits::TEMPLATE_ASKS_MAX);
}

#[test]
fn what_comes_back_from_a_stale_block_or_an_earlier_run_is_asked_about_again() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    let (bad, good) = (transaction(66, 1, 10), transaction(3, 1, 10));
    let pending = [transaction(66, 2, 10), transaction(3, 2, 10)];
    let stale = block(genesis(), &[bad.clone(), good.clone()], 1);
    mesh.publish(0, &stale);
    pending.iter().for_each(|item| mesh.submit(0, item));
    mesh.run_secs(1);
    // From now on the node has these rules.
    mesh.rule(0, Refusing::new());
    let is_pending = |mesh: &Mesh, item: &SignedTransaction| {
        matches!(mesh.nodes[0].transaction(&item.id()), Some(TransactionStatus::Pending(_)))
    };
    assert!(!is_pending(&mesh, &pending[0]) && is_pending(&mesh, &pending[1]));
    assert_eq!(mesh.nodes[0].tip(), tip_of(&stale), "of what was connected nobody asks");
    let other = block_by(&rogue(), genesis(), &[], 1);
    let longer = block_by(&rogue(), tip_of(&other), &[], 2);
    for block in [&other, &longer] {
        mesh.publish(0, block);
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[0].tip(), tip_of(&longer));
    assert!(!is_pending(&mesh, &bad) && is_pending(&mesh, &good));
    assert_eq!(mesh.submission(0, tx(&bad)), None::<_>);
}

#[test]
fn an_honest_peer_of_other_rules_stays_a_peer() {
    let mut mesh = Mesh::new(3, RelayPolicy::default());
    (0..2).for_each(|node| mesh.rule(node, Refusing::new()));
    // Node 2 has the standard rules only.
    mesh.connect(0, 1);
    let (at_0, at_2) = mesh.connect(0, 2);
    mesh.run_secs(1);
    let (bad, with_it, child) = bad_branch();
    for block in [&with_it, &child] {
        mesh.publish(2, block);
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[2].tip(), tip_of(&child));
    let item = transaction(3, 9, 10);
    mesh.submit(2, &item);
    mesh.run_secs(1);
    assert_eq!(mesh.nodes_with(tx(&item)), 3, "it is heard all the same");
    assert_eq!((mesh.nodes[0].tip(), mesh.nodes[1].tip()), (genesis(), genesis()));
    assert!(mesh.nodes[0].peer(at_0).is_some() && mesh.nodes[2].peer(at_2).is_some());
    assert!(!mesh.accepted(0, ItemId::Transaction(bad.id())));
    // A peer that connects later and tells this tip in its Hello stays a peer as well.
    let late = mesh.raw(1, protocol::gossip::Direction::Inbound);
    mesh.say(1, late, Message::Hello(Hello::new(&network(), tip_of(&child))));
    mesh.run_secs(1);
    assert_eq!(mesh.disconnects, []);
}

/// Refuses empty blocks.
#[derive(Debug)]
struct Filled;

impl Validator for Filled {
    fn transaction(&self, _transaction: &SignedTransaction, _tip: Height) -> Result<(), Refusal> {
        Ok(())
    }

    fn header(&self, _header: &Header) -> Result<(), Refusal> {
        Ok(())
    }

    fn block(&self, _header: &Header, transactions: &[Arc<SignedTransaction>]) -> Result<(), Refusal> {
        if transactions.is_empty() { Err(RULE) } else { Ok(()) }
    }
}

#[test]
fn blocks_that_the_own_validator_refuses_take_no_place_from_the_next() {
    let mut mesh = Mesh::new(1, RelayPolicy::Announce);
    mesh.rule(0, Arc::new(Filled));
    for timestamp in 0..3 {
        mesh.publish(0, &block(genesis(), &[], timestamp));
        mesh.run_secs(1);
    }
    assert_eq!(mesh.nodes[0].tip(), genesis());
    let full = block(genesis(), &[transaction(1, 1, 1)], 9);
    mesh.publish(0, &full);
    mesh.run_secs(1);
    assert_eq!(mesh.nodes[0].tip(), tip_of(&full));
}
