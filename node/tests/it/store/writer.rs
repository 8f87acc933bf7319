//! One thread owns the store. Records that are submitted while it commits go into the next group. Records that
//! nobody waits for may wait for more. Answers include everything that was submitted before the question. After a
//! failure, nothing waits forever.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use node::store::{
    Answer, Awaited, FoundTransaction, GROUP_BYTES_ENOUGH, GROUP_BYTES_MAX, GROUP_WAIT, KnownPeer, MemoryStore,
    Note, Place, PruneTarget, Pruned, QUESTIONS_MAX, Store, StoreError, Totals, Writer, WriterBusy,
};
use protocol::items::hash::{BlockId, TxId};
use protocol::ledger::durable::{Load, Loaded, Record, Restored};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::store::disk::Disk;
use crate::store::support::{Chain, Workload, memory, open, transaction};

/// A store whose commits wait for the test.
struct Gated {
    inner: MemoryStore,
    /// Gets a message for each commit that begins: its number of records.
    begun: Sender<usize>,
    /// Each commit waits for a message: whether it should succeed.
    gate: Receiver<bool>,
}

impl Store for Gated {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        // The test may be over.
        let _ = self.begun.send(records.len());
        match self.gate.recv() {
            Ok(false) => Err(StoreError::OutOfOrder { what: "is refused by the test".to_owned() }),
            _ => self.inner.commit(records),
        }
    }

    fn load(&self, load: &Load) -> Result<Loaded, StoreError> {
        self.inner.load(load)
    }

    fn restore(&self) -> Result<Restored, StoreError> {
        self.inner.restore()
    }

    fn transaction(&self, id: &TxId) -> Result<Option<FoundTransaction>, StoreError> {
        if *id == DAMAGED {
            return Err(StoreError::Damaged { what: "by the test".to_owned() });
        }
        self.inner.transaction(id)
    }

    fn save_peers(&mut self, peers: &[KnownPeer]) -> Result<(), StoreError> {
        self.inner.save_peers(peers)
    }

    fn peers(&self) -> Result<Vec<KnownPeer>, StoreError> {
        self.inner.peers()
    }

    fn save_note(&mut self, note: Note, bytes: &[u8]) -> Result<(), StoreError> {
        self.inner.save_note(note, bytes)
    }

    fn note(&self, note: Note) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.note(note)
    }

    fn prune(&mut self, target: PruneTarget) -> Result<Pruned, StoreError> {
        self.inner.prune(target)
    }

    fn totals(&self) -> Totals {
        self.inner.totals()
    }
}

/// A transaction whose row is damaged.
const DAMAGED: TxId = TxId([0xda; 32]);

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

struct Harness {
    /// Dropped first. Then commits wait for nothing, so that the writer can end.
    gate: Sender<bool>,
    writer: Writer,
    answers: UnboundedReceiver<Answer>,
    begun: Receiver<usize>,
}

impl Harness {
    fn new() -> Self {
        Self::waiting(GROUP_WAIT)
    }

    /// A writer that delays records that nobody waits for by this time.
    fn waiting(wait: Duration) -> Self {
        let (begun_sender, begun) = channel();
        let (gate, gate_receiver) = channel();
        let store = Gated { inner: memory(), begun: begun_sender, gate: gate_receiver };
        let (writer, answers) = Writer::start_with(Box::new(store), wait).expect("a thread");
        Self { gate, writer, answers, begun }
    }

    /// Submits records that a caller waits for.
    fn submit(&self, records: Vec<Record>) -> u64 {
        self.writer.submit(records, Awaited::Yes)
    }

    /// Waits until a commit has begun, and returns how many records it has.
    fn begun(&self) -> usize {
        self.begun.recv().expect("the store is there")
    }

    fn finish_one(&self, well: bool) {
        self.gate.send(well).expect("the store is there");
    }

    async fn committed(&self, number: u64) {
        let mut progress = self.writer.progress();
        progress.wait_for(|progress| progress.committed >= number).await.expect("the thread is there");
    }
}

fn pending(number: u64) -> Record {
    Record::Pending(transaction(number, 10))
}

#[tokio::test]
async fn what_comes_during_a_commit_goes_into_one_group() {
    let harness = Harness::new();
    assert_eq!(harness.submit(vec![pending(0)]), 1);
    assert_eq!(harness.begun(), 1, "an idle store begins at once");
    for number in 1..=10 {
        assert_eq!(harness.submit(vec![pending(number), pending(100 + number)]), number + 1);
    }
    assert_eq!(harness.submit(Vec::new()), 11, "nothing: the last number");
    assert_eq!(harness.writer.progress().borrow().committed, 0, "nothing is told before it is kept");
    harness.finish_one(true);
    assert_eq!(harness.begun(), 20);
    harness.committed(1).await;
    assert_eq!(harness.writer.progress().borrow().committed, 1);
    harness.finish_one(true);
    harness.committed(11).await;
    assert_eq!(harness.writer.progress().borrow().totals.pending, 21);
    assert_eq!(harness.writer.backlog_bytes(), 0);
    harness.writer.close().expect("all kept");
}

#[tokio::test]
async fn what_nobody_waits_for_is_kept_with_what_somebody_does() {
    let harness = Harness::waiting(LONG);
    harness.writer.submit(vec![pending(1)], Awaited::No);
    harness.writer.submit(vec![pending(2), pending(3)], Awaited::No);
    harness.submit(vec![pending(4)]);
    assert_eq!(harness.begun(), 4, "one group of all");
    harness.writer.submit(vec![pending(5)], Awaited::No);
    harness.finish_one(true);
    harness.committed(3).await;
    // Held already, and not kept yet: whoever submits it again waits for the commit of the first.
    assert_eq!(harness.submit(Vec::new()), 4);
    assert_eq!(harness.begun(), 1);
    harness.finish_one(true);
    harness.committed(4).await;
    harness.writer.submit(vec![pending(6)], Awaited::No);
    harness.finish_one(true);
    harness.writer.close().expect("all kept, the last at the end");
}

#[tokio::test]
async fn what_nobody_waits_for_is_kept_in_time() {
    let harness = Harness::waiting(Duration::ZERO);
    harness.writer.submit(vec![pending(1)], Awaited::No);
    assert_eq!(harness.begun(), 1);
    harness.finish_one(true);
    harness.committed(1).await;
    harness.writer.close().expect("all kept");
}

#[tokio::test]
async fn much_waits_for_nobody() {
    let harness = Harness::waiting(LONG);
    let each = 60_000;
    let mut given = 0;
    while harness.writer.backlog_bytes() < GROUP_BYTES_ENOUGH {
        harness.writer.submit(vec![Record::Pending(transaction(given, each))], Awaited::No);
        given += 1;
    }
    assert_eq!(harness.begun() as u64, given, "not before it was enough");
    harness.finish_one(true);
    harness.committed(given).await;
    harness.writer.close().expect("all kept");
}

#[tokio::test]
async fn what_a_block_has_that_is_not_committed_yet_is_told() {
    let mut harness = Harness::waiting(LONG);
    let (mut chain, item) = (Chain::new(), transaction(1, 10));
    harness.writer.submit(vec![chain.grow(std::slice::from_ref(&item), 0)], Awaited::No);
    harness.writer.load(Load::Contents(chain.tip())).expect("taken");
    let loaded = harness.answers.recv().await.expect("the store is there").loaded.expect("readable");
    match loaded {
        Loaded::Contents { transactions, .. } => assert_eq!(transactions.as_deref(), Some([item.id()].as_slice())),
        other => panic!("{other:?}"),
    }
    harness.finish_one(true);
    harness.writer.close().expect("all kept");
}

#[tokio::test]
async fn a_question_waits_for_nobody_either() {
    let harness = Harness::waiting(LONG);
    harness.writer.submit(vec![pending(2)], Awaited::No);
    let asked = harness.writer.transaction(transaction(2, 10).id()).expect("taken");
    assert_eq!(harness.begun(), 1);
    harness.finish_one(true);
    let found = asked.await.expect("an answer").expect("readable").expect("found");
    assert_eq!(found.place, Place::Pending);
}

#[tokio::test]
async fn a_group_is_bounded_and_the_backlog_is_told() {
    let harness = Harness::new();
    harness.submit(vec![pending(0)]);
    harness.begun();
    let before = harness.writer.backlog_bytes();
    assert!(before > 10);
    let each = 60_000;
    let total = 2 * (GROUP_BYTES_MAX / each);
    for number in 0..total as u64 {
        harness.submit(vec![Record::Pending(transaction(number, each))]);
    }
    assert!(harness.writer.backlog_bytes() > total * each);
    harness.finish_one(true);
    let first = harness.begun();
    assert!((first - 1) * each < GROUP_BYTES_MAX && (first + 1) * each > GROUP_BYTES_MAX, "{first}");
    harness.finish_one(true);
    assert_eq!(harness.begun(), total - first, "all that is left");
    harness.finish_one(true);
    harness.writer.close().expect("all kept");
}

#[tokio::test]
async fn a_block_that_waits_is_answered_from_the_queue() {
    let mut harness = Harness::new();
    let mut chain = Chain::new();
    let first = vec![chain.grow(&[], 0), chain.best()];
    harness.submit(first);
    harness.begun();
    let second = vec![chain.grow(&[], 1), chain.best()];
    harness.submit(second);
    // One is being committed, one waits; neither commit ends before the answers.
    for block in &chain.blocks {
        harness.writer.load(Load::Block(block.header.id())).expect("taken");
        match harness.answers.recv().await.expect("an answer").loaded.expect("readable") {
            Loaded::Block { block: Some(found), .. } => assert_eq!(found, *block),
            other => panic!("{other:?}"),
        }
    }
    for _ in 0..2 {
        harness.finish_one(true);
    }
    harness.committed(2).await;
    harness.writer.load(Load::Block(chain.tip())).expect("taken");
    let answer = harness.answers.recv().await.expect("an answer").loaded.expect("readable");
    assert!(matches!(answer, Loaded::Block { block: Some(_), .. }), "from the store now");
}

#[tokio::test]
async fn answers_see_what_was_submitted_before_the_question() {
    let harness = Harness::new();
    let mut chain = Chain::new();
    let confirmed = transaction(1, 10);
    let first = vec![chain.grow(std::slice::from_ref(&confirmed), 0), chain.best()];
    harness.submit(first);
    harness.begun();
    let second = vec![chain.grow(&[], 1), chain.best(), pending(2)];
    harness.submit(second);
    let waiting = harness.writer.transaction(transaction(2, 10).id()).expect("taken");
    let in_block = harness.writer.transaction(confirmed.id()).expect("taken");
    // Submitted after the questions.
    let third = vec![chain.grow(&[], 2), chain.best()];
    harness.submit(third);
    for _ in 0..2 {
        harness.finish_one(true);
    }
    let found = waiting.await.expect("an answer").expect("readable").expect("found");
    assert_eq!(found.place, Place::Pending);
    let found = in_block.await.expect("an answer").expect("readable").expect("found");
    assert_eq!(found.place, Place::Confirmed { block: chain.ids()[0], height: 1 });
}

#[tokio::test]
async fn a_peers_question_has_nothing_committed() {
    let mut harness = Harness::waiting(LONG);
    harness.writer.submit(vec![pending(1)], Awaited::No);
    harness.writer.load(Load::HeadersAfter(vec![BlockId([9; 32])])).expect("taken");
    harness.answers.recv().await.expect("an answer").loaded.expect("readable");
    assert_eq!(harness.writer.progress().borrow().committed, 0);
}

#[tokio::test]
async fn a_damaged_transaction_is_a_failure_of_the_store() {
    let harness = Harness::new();
    let found = harness.writer.transaction(DAMAGED).expect("taken").await.expect("an answer");
    assert!(matches!(found, Err(StoreError::Poisoned)), "{found:?}");
    let failure = harness.writer.progress().borrow().failure.clone();
    assert!(matches!(failure.as_deref(), Some(StoreError::Damaged { .. })), "{failure:?}");
}

#[tokio::test]
async fn a_failure_is_told_and_nothing_waits_for_ever() {
    let mut harness = Harness::new();
    harness.submit(vec![pending(1)]);
    harness.begun();
    harness.finish_one(true);
    harness.committed(1).await;
    harness.submit(vec![pending(2)]);
    harness.begun();
    harness.submit(vec![pending(3)]);
    harness.writer.load(Load::HeadersAfter(Vec::new())).expect("taken");
    harness.finish_one(false);
    let mut progress = harness.writer.progress();
    let failed =
        progress.wait_for(|progress| progress.failure.is_some()).await.expect("the thread is there").clone();
    assert_eq!(failed.committed, 1);
    assert!(matches!(*failed.failure.expect("just seen"), StoreError::OutOfOrder { .. }));
    harness.answers.recv().await.expect("an answer though nothing is kept").loaded.expect("readable");
    assert_eq!(harness.submit(vec![pending(4)]), 4, "numbers go on");
    assert_eq!(harness.writer.backlog_bytes(), 0, "and nothing piles up");
    let found = harness.writer.transaction(transaction(1, 10).id()).expect("taken").await.expect("an answer");
    assert!(found.expect("readable").is_some(), "what was kept is still read");
    assert_eq!(harness.begun.try_iter().count(), 0, "nothing more was tried");
    harness.writer.close().expect_err("not all was kept");
}

#[tokio::test]
async fn questions_are_bounded() {
    let harness = Harness::new();
    harness.submit(vec![pending(1)]);
    harness.begun();
    let load = || harness.writer.load(Load::HeadersAfter(Vec::new()));
    for _ in 0..QUESTIONS_MAX {
        load().expect("taken");
    }
    assert_eq!(load(), Err(WriterBusy));
    harness.finish_one(true);
    let mut answers = harness.answers;
    for _ in 0..QUESTIONS_MAX {
        answers.recv().await.expect("an answer");
    }
    assert!(harness.writer.transaction(TxId::default()).is_ok());
}

#[test]
fn closing_keeps_what_was_submitted() {
    let workload = Workload::new(5, 6);
    let disk = Disk::default();
    let (writer, _answers) = Writer::start(Box::new(open(disk.clone()).expect("a store"))).expect("a thread");
    for group in &workload.groups {
        writer.submit(group.clone(), Awaited::No);
    }
    writer.close().expect("all kept");
    let store = open(disk.clone()).expect("the same store, closed by then");
    assert_eq!(Some(&workload.summary(&store).expect("readable")), workload.states().last());
}

#[tokio::test]
async fn peers_and_pruning_go_through_the_thread() {
    let kept = Arc::new(Mutex::new(Disk::default()));
    let disk = kept.lock().expect("nobody else").clone();
    let (writer, _answers) = Writer::start(Box::new(open(disk.clone()).expect("a store"))).expect("a thread");
    let peers = vec![KnownPeer { peer: vec![1], addresses: Vec::new() }];
    writer.save_peers(peers.clone()).expect("taken").await.expect("an answer").expect("kept");
    let pruned = writer.prune(PruneTarget::BodyBytes(0)).expect("taken").await.expect("an answer").expect("kept");
    assert_eq!(pruned, Pruned::default());
    disk.fail_from(disk.operations(), std::io::ErrorKind::StorageFull, true);
    let failed = writer.save_peers(Vec::new()).expect("taken").await.expect("an answer");
    assert!(matches!(failed, Err(StoreError::Poisoned)));
    let failure = writer.progress().borrow().failure.clone().expect("told to all");
    assert!(matches!(*failure, StoreError::Full { .. }), "{failure}");
    drop(writer);
    assert_eq!(open(disk).expect("the same").peers().expect("readable"), peers);
}
