//! A few checks are made at once. Many are made by the pool, which answers every job once and returns the jobs
//! that it has no room for.

use std::collections::VecDeque;
use std::sync::Arc;

use node::service::verify::{HERE_SIGNATURES_MAX, QUEUE_JOBS_MAX, VerifyPool};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::Transaction;
use protocol::items::verify::{JobId, SentBy, Verdict, VerifyJob};

fn job(id: u64, good: bool) -> VerifyJob {
    let network: NetworkId = "test".parse().expect("a name");
    let other: NetworkId = "other".parse().expect("a name");
    let key = SecretKey::from_seed(&[id as u8; 32]);
    let transaction =
        Transaction { author: PublicKey::default(), nonce: id, valid_until: 1, payload: vec![1, 2, 3].into() };
    let signed = transaction.sign(&key, if good { &network } else { &other }).expect("small");
    let sent_by = SentBy::Link(id as u32 % 8);
    let transactions = vec![Arc::new(signed)];
    VerifyJob { id: JobId(id), sent_by, network, headers: Vec::new(), transactions, statements: Vec::new() }
}

#[tokio::test]
async fn every_job_is_answered_once_and_rightly() {
    let (pool, mut verdicts) = VerifyPool::start().expect("threads");
    let mut jobs: VecDeque<_> = (0..200).map(|id| job(id, id % 7 != 0)).collect();
    pool.submit(&mut jobs);
    assert!(jobs.is_empty());
    let mut answers = Vec::new();
    while answers.len() < 200 {
        answers.extend(verdicts.recv().await.expect("the pool is there").of);
    }
    answers.sort_unstable_by_key(|(id, _)| *id);
    let wanted: Vec<_> = (0..200)
        .map(|id| (JobId(id), if id % 7 == 0 { Verdict::Invalid { first: 0 } } else { Verdict::Valid }))
        .collect();
    assert_eq!(answers, wanted);
}

#[tokio::test]
async fn a_full_queue_leaves_jobs_with_the_caller() {
    let (pool, mut verdicts) = VerifyPool::start().expect("threads");
    let template = job(1, true);
    let total = QUEUE_JOBS_MAX + 1_000;
    let mut jobs: VecDeque<_> =
        (0..total as u64).map(|id| VerifyJob { id: JobId(id), ..template.clone() }).collect();
    pool.submit(&mut jobs);
    assert_eq!(jobs.len(), total - QUEUE_JOBS_MAX);
    jobs.truncate(10);
    let mut done = 0;
    while done < QUEUE_JOBS_MAX + 10 {
        done += verdicts.recv().await.expect("the pool is there").of.len();
        pool.submit(&mut jobs);
    }
    assert!(jobs.is_empty());
}

#[tokio::test]
async fn a_few_checks_are_made_at_once() {
    let (mut pool, mut verdicts) = VerifyPool::start().expect("threads");
    // Twice, so that the second time the keys are remembered.
    for _ in 0..2 {
        let mut jobs: VecDeque<_> = (0..HERE_SIGNATURES_MAX as u64).map(|id| job(id, id % 7 != 0)).collect();
        let answers = pool.check(&mut jobs);
        let wanted: Vec<_> = (0..HERE_SIGNATURES_MAX as u64)
            .map(|id| (JobId(id), if id % 7 == 0 { Verdict::Invalid { first: 0 } } else { Verdict::Valid }))
            .collect();
        assert_eq!(answers.of, wanted);
        assert!(jobs.is_empty());
    }
    assert!(verdicts.try_recv().is_err(), "the pool had nothing to do");
}

#[tokio::test]
async fn more_signatures_than_a_few_go_to_the_pool() {
    let (mut pool, mut verdicts) = VerifyPool::start().expect("threads");
    // One job of many signatures holds the caller up as much as many jobs do.
    let one = job(1, true);
    let large = VerifyJob { transactions: vec![one.transactions[0].clone(); HERE_SIGNATURES_MAX], ..one.clone() };
    let mut jobs = VecDeque::from([large, VerifyJob { id: JobId(2), ..one }]);
    assert!(pool.check(&mut jobs).of.is_empty());
    assert!(jobs.is_empty(), "the pool has them");
    let mut answers = Vec::new();
    while answers.len() < 2 {
        answers.extend(verdicts.recv().await.expect("the pool is there").of);
    }
    answers.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(answers, [(JobId(1), Verdict::Valid), (JobId(2), Verdict::Valid)]);
}

/// A batch of many senders fails because of one of them. Every verdict is that of a single check, on this thread and
/// on the pool's.
#[tokio::test]
async fn a_bad_signature_in_a_batch_blames_its_sender_alone() {
    let (mut pool, mut verdicts) = VerifyPool::start().expect("threads");
    let jobs: VecDeque<_> = (0..HERE_SIGNATURES_MAX as u64).map(|id| job(id, id != 42)).collect();
    let alone: Vec<_> = jobs.iter().map(|job| (job.id, job.run(PublicKey::decompress))).collect();
    let bad: Vec<_> = alone.iter().filter(|(_, verdict)| *verdict != Verdict::Valid).collect();
    assert_eq!(bad, [&(JobId(42), Verdict::Invalid { first: 0 })]);
    assert_eq!(pool.check(&mut jobs.clone()).of, alone);
    pool.submit(&mut jobs.clone());
    let mut answers = Vec::new();
    while answers.len() < jobs.len() {
        answers.extend(verdicts.recv().await.expect("the pool is there").of);
    }
    answers.sort_unstable_by_key(|(id, _)| *id);
    assert_eq!(answers, alone);
}

/// A block's part is as many signatures as many transactions, so a thread does not take several of them at once.
#[tokio::test]
async fn the_verdict_on_a_large_job_does_not_wait_for_those_behind_it() {
    let (pool, mut verdicts) = VerifyPool::start().expect("threads");
    let one = job(1, true);
    let part =
        |id| VerifyJob { id: JobId(id), transactions: vec![one.transactions[0].clone(); 256], ..one.clone() };
    let mut jobs: VecDeque<_> = (0..16).map(part).collect();
    pool.submit(&mut jobs);
    let mut done = 0;
    while done < 16 {
        let told = verdicts.recv().await.expect("the pool is there");
        assert_eq!(told.of.len(), 1);
        assert_eq!(told.of[0].1, Verdict::Valid);
        done += 1;
    }
}
