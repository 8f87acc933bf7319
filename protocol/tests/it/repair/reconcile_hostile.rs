//! Reconciliation at its bounds and one past them, and with peers that lie. Their symbols can make it fail, and
//! nothing more.

use proptest::prelude::*;
use protocol::gossip::repair::sketch::{
    Decoder, Encoder, Failure, ITEMS_MAX, Progress, STEPS_PER_SYMBOL, SYMBOLS_MAX, Salt, Symbol, TooManyItems,
    first_batch, ids_from_bytes, indices, symbols_from_bytes,
};
use protocol::items::hash::TxId;

use super::reconcile_model::{converse, encoder, ids};

const SALT: [u8; 16] = *b"a salt of a test";

fn decoder(set: &[TxId]) -> Decoder {
    Decoder::new(encoder(SALT, set))
}

/// Adds symbols in batches of at most `batch` until there is a result.
fn feed(decoder: &mut Decoder, symbols: &[Symbol], batch: usize) -> Progress {
    let mut last = Progress::More;
    for symbols in symbols.chunks(batch) {
        last = decoder.add(symbols);
        if last != Progress::More {
            break;
        }
    }
    last
}

/// It finds no more items than symbols came, in no more steps than the symbols allow.
fn stays_bounded(symbols: &[Symbol], batch: usize) -> Progress {
    let mut decoder = decoder(&ids(0..500));
    let progress = feed(&mut decoder, symbols, batch);
    assert!(decoder.steps() <= STEPS_PER_SYMBOL * decoder.received(), "{} steps", decoder.steps());
    assert!(decoder.found() <= decoder.received() && decoder.received() <= SYMBOLS_MAX);
    progress
}

#[test]
fn the_last_symbol_is_taken_and_one_more_is_not() {
    // 3,600 differences are more than 4,096 symbols can tell.
    let (here, there) = (ids(0..1_800), ids(1_800..3_600));
    let mut remote = encoder(SALT, &there);
    let symbols = remote.symbols(0, SYMBOLS_MAX + 1).to_vec();
    assert_eq!(symbols.len(), SYMBOLS_MAX, "no more are made");
    let (last, rest) = symbols.split_last().unwrap();

    let mut full = decoder(&here);
    assert_eq!(full.add(rest), Progress::More);
    assert_eq!(full.next_batch(), 1);
    let mut over = full.clone();
    assert_eq!(full.add(&[*last]), Progress::Failed(Failure::Exhausted));
    assert_eq!(full.next_batch(), 0);
    assert_eq!(over.add(&[*last, *last]), Progress::Failed(Failure::TooManySymbols));
    assert_eq!(over.received(), SYMBOLS_MAX - 1, "nothing of it is kept");
    assert_eq!(over.add(&[*last]), Progress::Failed(Failure::Over));

    // A difference that just fits is found.
    let (found, received) = converse(SALT, &ids(0..1_300), &ids(1_300..2_600), 2_600);
    assert!(
        matches!(found, Progress::Done { only_here, only_there } if only_here.len() + only_there.len() == 2_600)
    );
    assert!(received < SYMBOLS_MAX);

    assert_eq!(symbols_from_bytes(&vec![0; SYMBOLS_MAX * 11]).map(|all| all.len()), Some(SYMBOLS_MAX));
    assert_eq!(symbols_from_bytes(&vec![0; (SYMBOLS_MAX + 1) * 11]), None);
    assert_eq!(ids_from_bytes(&vec![0; SYMBOLS_MAX * 6]).map(|all| all.len()), Some(SYMBOLS_MAX));
    assert_eq!(ids_from_bytes(&vec![0; (SYMBOLS_MAX + 1) * 6]), None);
}

#[test]
fn the_largest_set_is_taken_and_one_more_is_not() {
    let one = TxId([7; 32]);
    assert_eq!(Encoder::new(SALT, std::iter::repeat_n(&one, ITEMS_MAX)).unwrap().len(), ITEMS_MAX);
    assert_eq!(Encoder::new(SALT, std::iter::repeat_n(&one, ITEMS_MAX + 1)).unwrap_err(), TooManyItems);
    assert_eq!(Encoder::new(SALT, std::iter::repeat(&one)).unwrap_err(), TooManyItems);
}

#[test]
fn batches_grow_within_their_bounds() {
    assert_eq!([0, 1, 10, 100, 1_000].map(first_batch), [2, 5, 21, 159, 1_439]);
    assert_eq!([SYMBOLS_MAX, usize::MAX].map(first_batch), [SYMBOLS_MAX; 2]);
    let (here, there) = (ids(0..1_000), ids(500..1_500));
    let (mut decoder, mut remote) = (decoder(&here), encoder(SALT, &there));
    assert_eq!((decoder.estimate(), decoder.next_batch()), (None, 1));
    while decoder.add(remote.symbols(decoder.received(), decoder.received() + 1)) == Progress::More {
        let (received, next) = (decoder.received(), decoder.next_batch());
        assert!((received / 8 + 1..=2 * received + 1).contains(&next), "{next} after {received}");
        if received >= 1_000 {
            let estimate = decoder.estimate().unwrap();
            assert!((850..1_150).contains(&estimate), "{estimate} of 1,000 after {received}");
        }
    }
}

#[test]
fn a_batch_without_symbols_is_a_failure() {
    let mut decoder = decoder(&ids(0..10));
    assert_eq!(decoder.add(&[]), Progress::Failed(Failure::Empty));
}

#[test]
fn nothing_is_taken_after_the_end() {
    let (mut decoder, mut remote) = (decoder(&ids(0..10)), encoder(SALT, &ids(0..10)));
    assert!(matches!(decoder.add(remote.symbols(0, 2)), Progress::Done { .. }));
    assert_eq!(decoder.add(remote.symbols(2, 4)), Progress::Failed(Failure::Over));
}

/// Symbols of items that a peer made up, each with its side, without a set.
fn forged(items: &[(u64, u8)], count: usize) -> Vec<Symbol> {
    let salt = Salt::new(SALT);
    let mut symbols = vec![Symbol::default(); count];
    for (number, add) in items {
        let bytes: [u8; 8] = number.to_be_bytes();
        let id = ids_from_bytes(&bytes[2..]).unwrap()[0];
        let hash = salt.hash(id);
        for index in indices(hash, count as u32) {
            let symbol = &mut symbols[index as usize];
            symbol.ids ^= id.number();
            symbol.checks ^= hash as u32;
            symbol.count = symbol.count.wrapping_add(*add);
        }
    }
    symbols
}

fn less_local(mut symbols: Vec<Symbol>, set: &[TxId]) -> Vec<Symbol> {
    for (symbol, ours) in symbols.iter_mut().zip(encoder(SALT, set).symbols(0, SYMBOLS_MAX)) {
        symbol.ids ^= ours.ids;
        symbol.checks ^= ours.checks;
        symbol.count = symbol.count.wrapping_add(ours.count);
    }
    symbols
}

#[test]
fn an_item_taken_from_us_that_is_not_ours_is_a_contradiction() {
    let set = ids(0..100);
    let symbols = less_local(forged(&[(42, u8::MAX)], 8), &set);
    assert_eq!(decoder(&set).add(&symbols), Progress::Failed(Failure::Contradiction));
    // With the other sign, the same symbols mean an item that only the peer has.
    let symbols = less_local(forged(&[(42, 1)], 8), &set);
    assert!(
        matches!(decoder(&set).add(&symbols), Progress::Done { only_there, .. } if only_there[0].number() == 42)
    );
}

#[test]
fn an_item_given_to_us_that_is_ours_is_a_contradiction() {
    let set = ids(0..100);
    let ours = encoder(SALT, &set).ids()[5].number();
    let symbols = less_local(forged(&[(ours, 1)], 8), &set);
    assert_eq!(decoder(&set).add(&symbols), Progress::Failed(Failure::Contradiction));
}

#[test]
fn an_item_found_twice_is_a_contradiction() {
    // The first symbol says that there is an item, and no other symbol holds it. When the item is taken out, it
    // becomes the only item in each of the others, on the other side.
    let set = ids(0..100);
    let mut symbols = forged(&[], 64);
    symbols[0] = forged(&[(42, 1)], 1)[0];
    let mut decoder = decoder(&set);
    assert_eq!(decoder.add(&less_local(symbols, &set)), Progress::Failed(Failure::Contradiction));
    assert_eq!(decoder.found(), 1);
}

#[test]
fn what_is_left_beside_an_empty_first_symbol_is_a_contradiction() {
    let set = ids(0..100);
    let mut symbols = encoder(SALT, &set).symbols(0, 8).to_vec();
    symbols[5].count = symbols[5].count.wrapping_add(7);
    assert_eq!(decoder(&set).add(&symbols), Progress::Failed(Failure::Contradiction));
}

#[test]
fn items_that_are_in_many_symbols_stay_within_the_bounds() {
    // Takes, of 60,000 made-up items, those that are part of the most symbols. No real set has so many of them.
    let salt = Salt::new(SALT);
    let held_by = |number: u64| {
        let id = ids_from_bytes(&number.to_be_bytes()[2..]).unwrap()[0];
        indices(salt.hash(id), SYMBOLS_MAX as u32).count()
    };
    let mut dense: Vec<(usize, u64)> = (0..60_000).map(|number| (held_by(number), number)).collect();
    dense.sort_unstable();
    let items: Vec<(u64, u8)> = dense.iter().rev().take(2_000).map(|(_, number)| (*number, 1)).collect();
    stays_bounded(&less_local(forged(&items, SYMBOLS_MAX), &ids(0..500)), SYMBOLS_MAX);
}

#[test]
fn constant_symbols_fail() {
    for byte in [0x01, 0x7f, 0xff] {
        for batch in [1, 100, SYMBOLS_MAX] {
            let symbols = vec![Symbol::from_bytes([byte; 11]); SYMBOLS_MAX];
            let progress = stays_bounded(&symbols, batch);
            assert!(matches!(progress, Progress::Failed(_)), "{byte} by {batch}: {progress:?}");
        }
    }
}

#[test]
fn symbols_of_nothing_are_the_empty_set() {
    let progress = stays_bounded(&vec![Symbol::default(); SYMBOLS_MAX], 512);
    assert_eq!(progress, Progress::Done { only_here: (0..500).collect(), only_there: vec![] });
}

#[test]
fn a_batch_sent_again_fails() {
    let mut remote = encoder(SALT, &ids(400..900));
    let batch = remote.symbols(0, 256).to_vec();
    let replayed: Vec<Symbol> = batch.iter().copied().cycle().take(SYMBOLS_MAX).collect();
    assert!(matches!(stays_bounded(&replayed, 256), Progress::Failed(_)));
}

#[test]
fn another_salt_fails() {
    let symbols = encoder(*b"another salt of ", &ids(0..500)).symbols(0, SYMBOLS_MAX).to_vec();
    assert_eq!(stays_bounded(&symbols, 512), Progress::Failed(Failure::Exhausted));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_symbols_fail(bytes in prop::collection::vec(any::<[u8; 11]>(), 1..600), batch in 1_usize..200) {
        let symbols: Vec<Symbol> =
            bytes.into_iter().map(Symbol::from_bytes).cycle().take(SYMBOLS_MAX).collect();
        prop_assert!(matches!(stays_bounded(&symbols, batch), Progress::Failed(_)));
    }

    /// False counts leave the rest unchanged: most symbols look like single items and aren't.
    #[test]
    fn lies_about_counts_fail(count: u8, every in 1_usize..8) {
        let mut symbols = encoder(SALT, &ids(100..600)).symbols(0, SYMBOLS_MAX).to_vec();
        for symbol in symbols.iter_mut().step_by(every) {
            symbol.count = symbol.count.wrapping_add(count | 1);
        }
        prop_assert!(matches!(stays_bounded(&symbols, 300), Progress::Failed(_)));
    }

    /// Made-up items with any signs: found, refused, or not found, within the bounds.
    #[test]
    fn made_up_items_stay_within_the_bounds(
        items in prop::collection::vec((0_u64..300, prop::sample::select(vec![1_u8, 255, 2])), 0..200),
        batch in 1_usize..400,
    ) {
        stays_bounded(&less_local(forged(&items, 1_024), &ids(0..500)), batch);
    }
}
