//! The address book: how much of it one source and one group may fill, and which addresses are tried.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::{Multiaddr, PeerId};
use node::net::discovery::book::{
    BUCKETS_PER_GROUP, BUCKETS_PER_SOURCE, Book, CONTEST_AFTER, Entry, FAILED_FOR_GOOD, Group,
    KNOWN_GROUPS_PER_SLOT, Kept, PEER_ADDRESSES_MAX, PEER_GROUPS_MAX, Pick, REACHED_BUCKET_MAX, REACHED_BUCKETS,
    SOURCE_BURST, SOURCE_INTERVAL, Standing, TOLD_BUCKET_MAX, TOLD_BUCKETS, kept, slot_group,
};
use proptest::prelude::*;
use protocol::time::{Duration, Time};

/// The share of the book's claims that one source may have.
const SOURCE_MAX: usize = BUCKETS_PER_SOURCE as usize * TOLD_BUCKET_MAX;
/// The share of the reached peers that one group may have.
const GROUP_MAX: usize = BUCKETS_PER_GROUP as usize * REACHED_BUCKET_MAX;

fn text(text: &str) -> Multiaddr {
    text.parse().expect("an address")
}

/// The address `host` of the /16 with this number.
fn in_group(group: u16, host: u16) -> Multiaddr {
    text(&format!("/ip4/{}.{}.{}.{}/tcp/30400", 20 + group / 250, group % 250, host / 250, host % 250 + 1))
}

fn group(group: u16) -> Group {
    Group::of(&in_group(group, 0), false)
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn book(seed: u8) -> Book {
    Book::new([seed; 32], false)
}

fn every(_: &PeerId, addresses: &[Multiaddr]) -> Vec<Multiaddr> {
    addresses.to_vec()
}

/// A book with honest peers. Each is in its own group and was told by itself.
fn honest(seed: u8, peers: u16) -> (Book, BTreeSet<PeerId>) {
    let mut book = book(seed);
    let peers: BTreeMap<PeerId, u16> = (0..peers).map(|n| (PeerId::random(), n)).collect();
    for (peer, n) in &peers {
        book.learn(*peer, &[in_group(*n, 0)], true, group(*n), Time::ZERO);
    }
    (book, peers.into_keys().collect())
}

#[test]
fn one_address_that_tells_thousands_of_identities_has_a_few_claims_and_pushes_out_nobody() {
    for seed in 0..10 {
        let (mut book, honest) = honest(seed, 200);
        let (before, _) = book.share(|peer| honest.contains(peer));
        for n in 0..3_466_u64 {
            let now = at(60) + Duration::from_millis(7_000 * n / 3_466);
            book.learn(PeerId::random(), &[in_group(900, (n % 250) as u16)], true, group(900), now);
        }
        let (after, all) = book.share(|peer| honest.contains(peer));
        assert_eq!(after, before, "nobody is pushed out");
        let attackers = all - after;
        assert!(attackers <= TOLD_BUCKET_MAX, "{attackers} of {all}: one source and one group are one bucket");
        assert!(attackers * 10 < all, "{attackers} of {all}");
    }
}

#[test]
fn a_source_has_its_share_whatever_groups_it_names_and_however_long_it_tells() {
    let (mut book, honest) = honest(1, 200);
    let (before, _) = book.share(|peer| honest.contains(peer));
    for n in 0..20_000_u64 {
        book.learn(PeerId::random(), &[in_group((n % 5_000) as u16, 1)], false, group(900), at(n * 5));
    }
    let (after, all) = book.share(|peer| honest.contains(peer));
    assert_eq!(after, before);
    assert!((SOURCE_MAX / 2..=SOURCE_MAX).contains(&(all - after)), "{}", all - after);
}

#[test]
fn a_source_is_rationed() {
    let mut book = book(2);
    let peers: Vec<PeerId> = (0..=SOURCE_BURST).map(|_| PeerId::random()).collect();
    let mut n = 0;
    let mut tell = |book: &mut Book, peer, now| {
        n += 1;
        book.learn(peer, &[in_group(n, 0)], true, group(7), now)
    };
    // All that it told fails for good, so that there is room for more.
    let fail = |book: &mut Book| {
        for peer in &peers {
            (0..FAILED_FOR_GOOD).for_each(|_| book.on_failure(peer, Entry::Told(group(7)), at(0)));
        }
    };
    for peer in &peers {
        tell(&mut book, *peer, at(0));
        fail(&mut book);
    }
    let soon = Time::ZERO + SOURCE_INTERVAL;
    assert!(!tell(&mut book, PeerId::random(), Time::from_micros(soon.as_micros() - 1)));
    assert!(tell(&mut book, PeerId::random(), soon));
    assert!(!tell(&mut book, PeerId::random(), soon));
    assert!(book.learn(PeerId::random(), &[in_group(1, 0)], true, group(8), soon), "another source has its own");
}

#[test]
fn telling_again_is_no_new_claim_and_what_a_peer_tells_itself_replaces_what_it_told() {
    let mut book = book(3);
    let peer = PeerId::random();
    assert!(book.learn(peer, &[in_group(1, 0)], true, group(1), at(0)));
    for n in 0..200 {
        assert!(!book.learn(peer, &[in_group(1, n)], true, group(1), at(0)));
    }
    let pick = book.pick(at(0), every).expect("one");
    assert_eq!((pick.peer, pick.addresses, book.len()), (peer, vec![in_group(1, 199)], 1));
}

#[test]
fn what_one_source_tells_of_a_peer_spoils_nothing_that_another_told() {
    let mut book = book(4);
    let peer = PeerId::random();
    book.learn(peer, &[in_group(1, 0)], false, group(50), at(0));
    book.learn(peer, &[in_group(2, 0)], true, group(2), at(0));
    for n in 0..5 {
        book.learn(peer, &[in_group(3, n)], false, group(50), at(0));
    }
    let both: BTreeSet<Vec<Multiaddr>> =
        (0..100).filter_map(|_| book.pick(at(0), every)).map(|pick| pick.addresses).collect();
    assert_eq!(both, BTreeSet::from([vec![in_group(2, 0)], vec![in_group(3, 4)]]));
    // A dial of the false one fails, and the other is tried at once.
    let wrong = Entry::Told(group(50));
    book.on_failure(&peer, wrong, at(1));
    let next = book.pick(at(1), every).expect("the other");
    assert_eq!((next.addresses, next.entry), (vec![in_group(2, 0)], Entry::Told(group(2))));
}

#[test]
fn a_peer_that_answered_is_reached_where_it_did_and_what_others_say_of_it_is_not_heard() {
    let mut book = book(5);
    let peer = PeerId::random();
    book.learn(peer, &[in_group(1, 0), in_group(2, 0)], true, group(1), at(0));
    book.on_answer(peer, &in_group(2, 0), at(1));
    assert_eq!((book.reached(), book.len()), (1, 1));
    assert!(!book.learn(peer, &[in_group(3, 0)], false, group(3), at(1)));
    let pick = book.pick(at(1), every).expect("it");
    assert_eq!((pick.entry, pick.addresses), (Entry::Reached, vec![in_group(2, 0)]));
    // Once it can't be reached there any more, others may know where it is.
    book.on_failure(&peer, Entry::Reached, at(1));
    assert!(book.learn(peer, &[in_group(3, 0)], false, group(3), at(1)));
    assert_eq!(book.pick(at(1), every).expect("the claim").addresses, [in_group(3, 0)]);
}

#[test]
fn a_full_bucket_takes_a_newcomer_only_for_a_claim_that_failed_for_good() {
    let mut book = book(6);
    let told: Vec<PeerId> = (0..TOLD_BUCKET_MAX).map(|_| PeerId::random()).collect();
    for (n, peer) in (0..).zip(&told) {
        assert!(book.learn(*peer, &[in_group(1, n)], true, group(1), at(0)));
    }
    let newcomer = PeerId::random();
    assert!(!book.learn(newcomer, &[in_group(1, 100)], true, group(1), at(0)));
    (1..FAILED_FOR_GOOD).for_each(|_| book.on_failure(&told[3], Entry::Told(group(1)), at(0)));
    assert!(!book.learn(newcomer, &[in_group(1, 100)], true, group(1), at(1)));
    book.on_failure(&told[3], Entry::Told(group(1)), at(1));
    assert!(book.learn(newcomer, &[in_group(1, 100)], true, group(1), at(1)));
    assert_eq!(book.share(|peer| *peer == told[3]), (0, TOLD_BUCKET_MAX));
}

/// A book in which group 1 has its full share among the reached peers, and one more peer that answers there.
fn contested(seed: u8) -> (Book, PeerId, PeerId) {
    let mut book = book(seed);
    let mut n = 0;
    loop {
        let newcomer = PeerId::random();
        book.learn(newcomer, &[in_group(1, n)], true, group(n), at(0));
        let before = book.reached();
        book.on_answer(newcomer, &in_group(1, n), at(u64::from(n)));
        n += 1;
        if book.reached() == before {
            // Long after, it answers again.
            let now = at(u64::from(n)) + CONTEST_AFTER;
            book.on_answer(newcomer, &in_group(1, n - 1), now);
            let test = book.pick_test(now, every).expect("a test");
            assert_eq!(test.entry, Entry::Reached);
            return (book, newcomer, test.peer);
        }
        assert!(usize::from(n) <= GROUP_MAX, "no more than that of one group");
    }
}

#[test]
fn who_holds_a_place_among_the_reached_keeps_it_if_it_answers_and_loses_it_if_not() {
    let later = at(1_000) + CONTEST_AFTER;
    let (mut book, newcomer, held_by) = contested(7);
    let reached = |book: &mut Book, peer| book.pick_reached(&peer, later + CONTEST_AFTER, every).is_some();
    book.on_answer(held_by, &in_group(1, 0), later);
    assert!(reached(&mut book, held_by) && !reached(&mut book, newcomer));
    assert_ne!(book.pick_test(later, every).map(|pick| pick.entry), Some(Entry::Reached), "the contest is over");
    let (mut book, newcomer, held_by) = contested(8);
    book.on_failure(&held_by, Entry::Reached, later);
    assert!(!reached(&mut book, held_by) && reached(&mut book, newcomer));
}

#[test]
fn a_newcomer_that_found_a_place_elsewhere_takes_no_second_one() {
    for seed in 0..10 {
        let (mut book, newcomer, held_by) = contested(seed);
        let later = at(1_000) + CONTEST_AFTER;
        // It answers in another group, which has room.
        book.on_answer(newcomer, &in_group(2, 1), later);
        book.on_failure(&held_by, Entry::Reached, later);
        assert_eq!(in_the_table(&book).len(), book.reached(), "nobody is there twice");
        assert!(in_the_table(&book).contains(&held_by), "nobody wants its place any more");
    }
}

/// The peer at each place in the table of the reached.
fn in_the_table(book: &Book) -> Vec<PeerId> {
    let kept = book.kept(&[], u32::MAX, usize::MAX);
    kept.into_iter().filter(|kept| kept.standing == Standing::Reached).map(|kept| kept.peer).collect()
}

#[test]
fn each_group_of_the_reached_is_picked_equally_often_whatever_is_in_it() {
    let mut book = book(9);
    for n in 0..20 {
        book.on_answer(PeerId::random(), &in_group(1, n), at(0));
    }
    let lone = PeerId::random();
    book.on_answer(lone, &in_group(2, 0), at(0));
    let picks = (0..1_000).filter(|_| book.pick(at(0), every).expect("one").peer == lone).count();
    assert!((430..=570).contains(&picks), "{picks} of 1,000 picks are of the group with one peer");
}

#[test]
fn a_group_in_which_most_peers_fail_is_picked_as_often_as_one_in_which_none_does() {
    let mut book = book(1);
    let lone = PeerId::random();
    book.on_answer(lone, &in_group(1, 0), at(0));
    for n in 0..8 {
        let peer = PeerId::random();
        book.on_answer(peer, &in_group(2, n), at(0));
        (1..n).take(3).for_each(|_| book.on_failure(&peer, Entry::Reached, at(0)));
    }
    // All waits after failures are over.
    let picks = (0..1_000).filter(|_| book.pick(at(1_000_000), every).expect("one").peer == lone).count();
    assert!((420..=580).contains(&picks), "{picks} of 1,000");
}

#[test]
fn a_book_knows_most_groups_from_four_reached_for_each_slot_and_three_of_four_on() {
    let reached = |groups: u16| {
        let mut book = book(1);
        (0..groups).for_each(|n| book.on_answer(PeerId::random(), &in_group(n, 0), at(0)));
        book
    };
    assert!(!reached(KNOWN_GROUPS_PER_SLOT as u16 * 3 - 1).knows_most_groups(3));
    let mut book = reached(KNOWN_GROUPS_PER_SLOT as u16 * 3);
    assert!(book.knows_most_groups(3));
    // Twelve of sixteen groups are three of four, twelve of seventeen are not.
    for n in 12..16 {
        book.learn(PeerId::random(), &[in_group(n, 0)], true, group(n), at(0));
    }
    assert!(book.knows_most_groups(3));
    book.learn(PeerId::random(), &[in_group(16, 0)], true, group(16), at(0));
    assert!(!book.knows_most_groups(3));
}

#[test]
fn a_book_of_private_addresses_has_no_groups_left_to_know_until_it_has_a_public_one() {
    let mut book = book(1);
    for n in 0..4 {
        book.learn(PeerId::random(), &[text(&format!("/ip4/10.0.0.{n}/tcp/1"))], true, group(2), at(0));
        book.on_answer(PeerId::random(), &text(&format!("/ip4/127.0.0.1/tcp/{}", n + 1)), at(0));
    }
    assert!(book.knows_most_groups(3));
    book.learn(PeerId::random(), &[in_group(1, 0)], true, group(1), at(0));
    assert!(!book.knows_most_groups(3));
}

#[test]
fn who_is_picked_for_a_group_is_dialled_in_no_other() {
    let mut book = book(15);
    let liar = PeerId::random();
    let private = text("/ip4/10.0.0.7/tcp/1");
    book.learn(liar, &[in_group(1, 0), in_group(2, 0), private.clone()], true, group(2), at(0));
    let picks: BTreeSet<_> =
        (0..100).filter_map(|_| book.pick(at(0), every)).map(|pick| (pick.group, pick.addresses)).collect();
    let both = [1, 2].map(|n| (group(n), vec![in_group(n, 0), private.clone()]));
    assert_eq!(picks, BTreeSet::from(both));
    assert_eq!(book.pick_in(group(1), at(0), every).expect("it").addresses, [in_group(1, 0), private]);
    assert_eq!(book.pick_in(group(3), at(0), every), None);
}

#[test]
fn tests_begin_with_groups_in_which_nobody_was_reached() {
    let mut book = book(16);
    book.on_answer(PeerId::random(), &in_group(1, 0), at(0));
    for n in 0..5 {
        book.learn(PeerId::random(), &[in_group(1, n + 1)], true, group(n), at(0));
    }
    let new = PeerId::random();
    book.learn(new, &[in_group(2, 0)], true, group(2), at(0));
    assert!((0..50).all(|_| book.pick_test(at(0), every).expect("one").peer == new));
    book.on_answer(new, &in_group(2, 0), at(0));
    assert_eq!(book.pick_test(at(0), every).expect("another").group, group(1));
}

#[test]
fn each_group_is_picked_equally_often_whether_it_was_reached_or_only_told_of() {
    let mut book = book(10);
    for n in 0..9 {
        book.learn(PeerId::random(), &[in_group(n, 0)], true, group(n), at(0));
    }
    let reached = PeerId::random();
    book.on_answer(reached, &in_group(900, 0), at(0));
    let picks = (0..1_000).filter(|_| book.pick(at(0), every).expect("one").peer == reached).count();
    assert!((60..=140).contains(&picks), "{picks} of 1,000, one group of ten");
}

#[test]
fn a_peers_addresses_are_so_many_in_so_many_groups() {
    let mut book = book(11);
    let many: Vec<Multiaddr> = (0..50).map(|n| in_group(n % 5, n)).collect();
    book.learn(PeerId::random(), &many, true, group(1), at(0));
    let addresses = book.kept(&[], 7, 1).remove(0).addresses;
    let groups: BTreeSet<_> = addresses.iter().filter_map(slot_group).collect();
    assert_eq!((addresses.len(), groups.len()), (PEER_ADDRESSES_MAX, PEER_GROUPS_MAX));
}

#[test]
fn what_is_kept_stands_in_the_next_run_as_it_stood() {
    let (mut book, _) = honest(12, 60);
    let anchor = PeerId::random();
    book.on_answer(anchor, &in_group(900, 0), at(0));
    book.on_answer(PeerId::random(), &in_group(901, 0), at(0));
    let rows = book.kept(&[anchor], 7, 1_000);
    assert_eq!((rows[0].peer, rows[0].standing, rows[1].standing), (anchor, Standing::Anchor, Standing::Reached));
    let standings = kept::decode(kept::encode(&rows)).expect("as it was made");
    let known = rows.iter().map(|row| {
        node::store::KnownPeer::new(row.peer.to_bytes(), row.addresses.iter().map(ToString::to_string))
    });
    let read: Vec<Kept> = kept::of_rows(known.collect(), standings, false);
    assert_eq!(read, rows);
    let mut next = Book::new([13; 32], false);
    read.into_iter().for_each(|row| next.restore(row));
    assert_eq!((next.reached(), next.len()), (2, 62));
    // Rows of a program that knew no standings count as told by each peer itself.
    let bare = vec![node::store::KnownPeer::new(anchor.to_bytes(), [in_group(3, 0).to_string()])];
    assert_eq!(kept::of_rows(bare, kept::Standings::new(), false)[0].standing, Standing::Told(group(3)));
}

#[test]
fn what_is_kept_of_claims_is_as_diverse_as_the_book() {
    let mut book = book(14);
    for n in 0..40 {
        book.learn(PeerId::random(), &[in_group(n, 0)], true, group(n), at(0));
    }
    let flood: BTreeSet<PeerId> = (0..60).map(|_| PeerId::random()).collect();
    for (n, peer) in (0..).zip(&flood) {
        book.learn(*peer, &[in_group(900, n)], true, group(900), at(0));
    }
    let rows = book.kept(&[], 7, 30);
    let attackers = rows.iter().filter(|row| flood.contains(&row.peer)).count();
    assert!(rows.len() == 30 && attackers <= 3, "{attackers} of {}", rows.len());
}

#[test]
fn in_a_private_network_each_machine_is_a_group_and_on_an_exempt_loopback_each_port() {
    let of = |address: &str, exempt| Group::of(&text(address), exempt);
    assert_eq!(of("/ip4/198.51.100.7/tcp/1", false), of("/ip4/198.51.7.100/udp/9/quic-v1", false));
    assert_ne!(of("/ip4/198.51.100.7/tcp/1", false), of("/ip4/198.52.100.7/tcp/1", false));
    assert_eq!(of("/ip6/2001:db8:1::1/tcp/1", false), of("/ip6/2001:db8:2::1/tcp/1", false));
    assert_ne!(of("/ip4/10.0.0.1/tcp/1", false), of("/ip4/10.0.0.2/tcp/1", false));
    assert_eq!(of("/ip4/10.0.0.1/tcp/1", false), of("/ip4/10.0.0.1/tcp/2", false));
    assert_ne!(of("/ip4/127.0.0.1/tcp/1", true), of("/ip4/127.0.0.1/tcp/2", true));
    assert_eq!(of("/ip4/127.0.0.1/tcp/1", false), of("/ip4/127.0.0.2/tcp/2", false));
    for (address, counts) in
        [("/ip4/198.51.100.7/tcp/1", true), ("/ip4/10.0.0.1/tcp/1", false), ("/ip4/127.0.0.1/tcp/1", false)]
    {
        assert_eq!(slot_group(&text(address)).is_some(), counts, "{address}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Learn { peer: u8, group: u16, itself: bool, source: u16 },
    Answer { peer: u8, group: u16 },
    Fail { peer: u8, source: Option<u16> },
    Pick,
    Wait,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (any::<u8>(), 0..40_u16, any::<bool>(), 0..6_u16)
            .prop_map(|(peer, group, itself, source)| Step::Learn { peer, group, itself, source }),
        // Few groups, so that their buckets are full and places in them contested.
        8 => (any::<u8>(), 0..3_u16).prop_map(|(peer, group)| Step::Answer { peer, group }),
        3 => (any::<u8>(), proptest::option::of(0..6_u16)).prop_map(|(peer, source)| Step::Fail { peer, source }),
        2 => Just(Step::Pick),
        1 => Just(Step::Wait),
    ];
    proptest::collection::vec(step, 1..400)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the book is told, its bounds hold, every reached peer has answered, and two books with one seed do
    /// the same.
    #[test]
    fn no_order_of_events_breaks_a_bound(steps in steps(), seed in any::<u8>()) {
        let ids: Vec<PeerId> = (0..=255).map(|n: u8| {
            libp2p::identity::Keypair::ed25519_from_bytes([n; 32]).expect("32 bytes").public().to_peer_id()
        }).collect();
        let (mut one, mut other) = (book(seed), book(seed));
        let mut answered = BTreeSet::new();
        let mut now = Time::ZERO;
        for step in steps {
            match step {
                Step::Learn { peer, group: g, itself, source } => {
                    let told = [in_group(g, u16::from(peer))];
                    let a = one.learn(ids[usize::from(peer)], &told, itself, group(source), now);
                    prop_assert_eq!(a, other.learn(ids[usize::from(peer)], &told, itself, group(source), now));
                }
                Step::Answer { peer, group: g } => {
                    answered.insert(ids[usize::from(peer)]);
                    one.on_answer(ids[usize::from(peer)], &in_group(g, u16::from(peer)), now);
                    other.on_answer(ids[usize::from(peer)], &in_group(g, u16::from(peer)), now);
                }
                Step::Fail { peer, source } => {
                    let entry = source.map_or(Entry::Reached, |source| Entry::Told(group(source)));
                    one.on_failure(&ids[usize::from(peer)], entry, now);
                    other.on_failure(&ids[usize::from(peer)], entry, now);
                }
                Step::Pick => {
                    let pick: Option<Pick> = one.pick(now, every);
                    prop_assert_eq!(&pick, &other.pick(now, every));
                    if let Some(Pick { peer, entry: Entry::Reached, .. }) = pick {
                        prop_assert!(answered.contains(&peer));
                    }
                }
                Step::Wait => now = now + Duration::from_secs(60),
            }
            prop_assert!(one.reached() <= REACHED_BUCKETS * REACHED_BUCKET_MAX);
            let there = in_the_table(&one);
            prop_assert_eq!(there.iter().collect::<BTreeSet<_>>().len(), there.len(), "nobody is there twice");
            prop_assert_eq!(there.len(), one.reached());
            let (_, entries) = one.share(|_| false);
            prop_assert!(entries - one.reached() <= TOLD_BUCKETS * TOLD_BUCKET_MAX);
            prop_assert!(entries - one.reached() <= 6 * SOURCE_MAX, "six sources");
            for (_, count) in one.groups() {
                prop_assert!(count <= GROUP_MAX + 6 * TOLD_BUCKET_MAX);
            }
        }
        prop_assert_eq!(one.kept(&[], 7, 2_000), other.kept(&[], 7, 2_000));
    }
}
