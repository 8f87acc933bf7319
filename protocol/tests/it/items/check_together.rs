//! What is waiting is checked in batches, with the verdicts of single checks. A sender's bad signature costs others
//! one more check, and a stranger's costs them nothing.

use std::sync::Arc;

use proptest::prelude::*;
use protocol::items::block::{Header, SignedHeader, transactions_root};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::items::verify::{JobId, SentBy, Tally, Verdict, VerifyJob, check_together};
use protocol::limits::BATCH_SIGNATURES_MAX;

use crate::harness::{genesis, key, network};

const GOOD: Verdict = Verdict::Valid;
const FIRST_IS_BAD: Verdict = Verdict::Invalid { first: 0 };

fn signed(author: &SecretKey, nonce: u64, good: bool) -> Arc<SignedTransaction> {
    let plain = Transaction { author: PublicKey::default(), nonce, valid_until: 9, payload: vec![1; 20].into() };
    // A signature for another network is a bad one here.
    let network = if good { network() } else { "other".parse().unwrap() };
    Arc::new(plain.sign(author, &network).unwrap())
}

fn header(producer: &SecretKey, height: u64, good: bool) -> SignedHeader {
    let plain = Header {
        height,
        parent: genesis().id,
        producer: PublicKey::default(),
        timestamp_ms: 0,
        transactions_root: transactions_root(&[]),
        count: 0,
    };
    plain.sign(producer, &if good { network() } else { "other".parse().unwrap() })
}

/// A job of transactions by one of ten authors each; `good` says which signatures are.
fn job(number: u64, sent_by: SentBy, good: &[bool]) -> VerifyJob {
    let transactions = good.iter().zip(0..).map(|(good, place)| {
        let author = key((number.wrapping_mul(7).wrapping_add(place) % 10) as u8);
        signed(&author, number * 1_000 + place, *good)
    });
    let transactions = transactions.collect();
    VerifyJob {
        id: JobId(number),
        sent_by,
        network: network(),
        headers: Vec::new(),
        transactions,
        statements: Vec::new(),
    }
}

fn check(jobs: &[VerifyJob]) -> Tally {
    let tally = check_together(jobs, &[3; 32], PublicKey::decompress);
    let alone: Vec<Verdict> = jobs.iter().map(|job| job.run(PublicKey::decompress)).collect();
    assert_eq!(tally.verdicts, alone, "each as if it were checked by itself");
    tally
}

/// Batches, and signatures that were checked alone.
fn effort(tally: &Tally) -> (usize, usize) {
    (tally.batches, tally.alone)
}

#[test]
fn one_signature_is_checked_alone_and_two_together() {
    assert_eq!(effort(&check(&[])), (0, 0));
    assert_eq!(effort(&check(&[job(1, SentBy::Link(1), &[true])])), (0, 1));
    assert_eq!(effort(&check(&[job(1, SentBy::Link(1), &[true]), job(2, SentBy::Link(2), &[true])])), (1, 0));
    assert_eq!(effort(&check(&[job(1, SentBy::Ourselves, &[true]), job(2, SentBy::Link(2), &[true])])), (1, 0));
}

#[test]
fn a_batch_has_64_signatures_at_most() {
    let jobs: Vec<_> =
        (0..=BATCH_SIGNATURES_MAX as u64).map(|id| job(id, SentBy::Link(id as u32), &[true])).collect();
    assert_eq!(effort(&check(&jobs[1..])), (1, 0));
    assert_eq!(effort(&check(&jobs)), (1, 1));
    // A job of many is split.
    assert_eq!(effort(&check(&[job(1, SentBy::Link(1), &[true; 3 * BATCH_SIGNATURES_MAX + 2])])), (4, 0));
}

#[test]
fn a_bad_signature_blames_its_sender_alone_and_only_its_senders_are_checked_one_by_one() {
    // Eight links bring eight transactions each. They come in turns.
    let jobs: Vec<_> = (0..64).map(|id| job(id, SentBy::Link(id as u32 % 8), &[id != 42])).collect();
    let tally = check(&jobs);
    let bad: Vec<usize> = (0..64).filter(|place| tally.verdicts[*place] != GOOD).collect();
    assert_eq!(bad, [42]);
    assert_eq!(effort(&tally), (1 + 8, 8));
}

#[test]
fn a_link_on_trial_makes_no_others_check_run_again() {
    let others = (0..30).map(|id| job(id, SentBy::Link(id as u32 % 5), &[true]));
    let ours = (30..34).map(|id| job(id, SentBy::Ourselves, &[true]));
    let strangers = (34..64).map(|id| job(id, SentBy::OnTrial(100 + id as u32 % 3), &[id % 3 == 0]));
    let tally = check(&others.chain(ours).chain(strangers).collect::<Vec<_>>());
    // One for all who are known, one for each stranger, and what the two bad strangers sent, one by one.
    assert_eq!(effort(&tally), (1 + 3, 20));
    assert_eq!(tally.verdicts.iter().filter(|verdict| **verdict == FIRST_IS_BAD).count(), 20);
}

#[test]
fn two_strangers_are_not_checked_together() {
    let jobs = [1, 2, 3].map(|id| job(id, SentBy::OnTrial(id as u32), &[true]));
    assert_eq!(effort(&check(&jobs)), (0, 3));
    let jobs = [1, 2, 3].map(|id| job(id, SentBy::OnTrial(7), &[true]));
    assert_eq!(effort(&check(&jobs)), (1, 0));
    // A number of a link on trial and of one that is not are two links.
    assert_eq!(effort(&check(&[job(1, SentBy::OnTrial(7), &[true]), job(2, SentBy::Link(7), &[true])])), (0, 2));
}

#[test]
fn signatures_behind_a_bad_one_are_not_checked() {
    let mut good = [true; 300];
    (good[10], good[20], good[200]) = (false, false, false);
    let tally = check(&[job(1, SentBy::Link(1), &good)]);
    assert_eq!(tally.verdicts, [Verdict::Invalid { first: 10 }]);
    assert_eq!(effort(&tally), (1, 11));
}

/// A signature that is bad as it stands, because its key is no point, is behind one whose equation does not hold.
#[test]
fn the_first_bad_one_counts_whatever_is_wrong_with_it() {
    let keyless = Transaction { author: PublicKey::default(), nonce: 1, valid_until: 9, payload: vec![1].into() }
        .sign(&key(1), &network())
        .unwrap();
    let mut bytes = keyless.encoded().to_vec();
    bytes[3..35].copy_from_slice(&[&[2][..], &[0; 31]].concat());
    let keyless: Arc<SignedTransaction> =
        Arc::new(protocol::wire::codec::Decode::from_bytes(&bytes.into()).unwrap());
    for (first, second) in [(3, 5), (5, 3)] {
        let mut mixed = job(1, SentBy::Link(1), &[true; 9]);
        mixed.transactions[first] = signed(&key(2), 7, false);
        mixed.transactions[second] = keyless.clone();
        assert_eq!(check(&[mixed]).verdicts, [Verdict::Invalid { first: 3 }]);
    }
}

/// A job's headers, its transactions, who sent it, and how many of its signatures in 64 are bad.
type Plan = (u8, u8, SentBy, u8);

fn plans() -> impl Strategy<Value = Vec<Plan>> {
    let sender = prop_oneof![
        Just(SentBy::Ourselves),
        (0..3_u32).prop_map(SentBy::Link),
        (0..3_u32).prop_map(SentBy::OnTrial),
    ];
    let sizes = prop_oneof![4 => (0..3_u8, 0..3_u8), 1 => (0..3_u8, 0..150_u8)];
    let bad = prop_oneof![4 => Just(0_u8), 1 => 1..8_u8];
    prop::collection::vec((sizes, sender, bad).prop_map(|((h, t), sender, bad)| (h, t, sender, bad)), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn verdicts_are_those_of_single_checks(plans in plans(), chance in any::<u64>()) {
        let mut chance = chance;
        let mut is_good = |bad: u8| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (chance >> 58) as u8 >= bad
        };
        let jobs: Vec<VerifyJob> = plans
            .iter()
            .zip(0..)
            .map(|((headers, transactions, sent_by, bad), number)| {
                let good: Vec<bool> = (0..*transactions).map(|_| is_good(*bad)).collect();
                let mut job = job(number, *sent_by, &good);
                job.headers = (0..*headers).map(|height| header(&key(200), height.into(), is_good(*bad))).collect();
                job
            })
            .collect();
        check(&jobs);
    }
}
