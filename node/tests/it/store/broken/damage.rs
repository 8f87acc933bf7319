//! A file that differs from what was written gives a named error or the right data. It never causes a panic or
//! wrong data.

use node::store::{RedbStore, STORE_FILE, Store as _, StoreError};
use tempfile::tempdir;

use crate::store::disk::Disk;
use crate::store::support::{Summary, Workload, open, options};

/// The size of redb's pages.
const PAGE_BYTES: usize = 4 * 1024;

/// Bits flipped in each page, one at a time.
const FLIPS_PER_PAGE: usize = 64;

/// A small store that was closed, and its contents.
fn small() -> (Workload, Vec<u8>, Summary) {
    let workload = Workload::new(4, 10);
    let disk = Disk::default();
    let mut store = open(disk.clone()).expect("a store");
    for group in &workload.groups {
        store.commit(group).expect("kept");
    }
    let said = workload.summary(&store).expect("readable");
    drop(store);
    (workload, disk.bytes(), said)
}

/// Opens an image. Returns true if it gave the right data, and false if it gave an error that says what is wrong.
fn right_or_named(workload: &Workload, image: Vec<u8>, said: &Summary, what: &str) -> bool {
    let found = open(Disk::holding(image)).and_then(|store| workload.summary(&store));
    match found {
        Ok(found) => {
            assert_eq!(found, *said, "{what}");
            true
        }
        Err(StoreError::Damaged { .. } | StoreError::Foreign { .. }) => false,
        Err(error) => panic!("{what}: {error}"),
    }
}

#[test]
fn a_flipped_bit_in_any_page_is_found_or_does_no_harm() {
    let (workload, bytes, said) = small();
    let (mut harmless, mut found) = (0, 0);
    for page in 0..bytes.len().div_ceil(PAGE_BYTES) {
        for flip in 0..FLIPS_PER_PAGE {
            // Spread over the page, the fields at its head among them.
            let place = if flip < 8 { flip * 3 } else { (flip * 613 + page * 97) % PAGE_BYTES };
            let place = page * PAGE_BYTES + place;
            let mut image = bytes.clone();
            let Some(byte) = image.get_mut(place) else { continue };
            *byte ^= 1 << (flip % 8);
            let right = right_or_named(&workload, image, &said, &format!("bit {flip} of byte {place}"));
            if right { harmless += 1 } else { found += 1 }
        }
    }
    println!("{} pages, {found} flips found, {harmless} without harm", bytes.len() / PAGE_BYTES);
    assert!(found > 50, "{found} found, {harmless} without harm");
}

#[test]
fn a_file_cut_at_any_page_is_damaged() {
    let (workload, bytes, said) = small();
    let pages = bytes.len().div_ceil(PAGE_BYTES);
    assert!(pages > 20, "{pages}");
    let mut found = 0;
    for page in 1..pages {
        for cut in [page * PAGE_BYTES, page * PAGE_BYTES - 1] {
            let right = right_or_named(&workload, bytes[..cut].to_vec(), &said, &format!("cut at {cut}"));
            found += u32::from(!right);
        }
    }
    println!("{found} of {} cuts found", 2 * (pages - 1));
    assert!(found > 0);
}

#[test]
fn an_empty_file_is_no_new_store() {
    let dir = tempdir().expect("a directory");
    std::fs::write(dir.path().join(STORE_FILE), []).expect("written");
    let opened = RedbStore::open(dir.path(), options());
    assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{opened:?}");
}

#[test]
fn a_file_of_another_kind_is_named_and_left_alone() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join(STORE_FILE);
    for content in [b"short".to_vec(), vec![0; 8_192], vec![b'x'; 100_000]] {
        std::fs::write(&path, &content).expect("written");
        let opened = RedbStore::open(dir.path(), options());
        assert!(matches!(opened, Err(StoreError::Foreign { .. } | StoreError::Damaged { .. })), "{opened:?}");
        assert_eq!(std::fs::read(&path).expect("readable"), content);
    }
}

#[test]
fn a_store_half_made_is_made_anew() {
    let dir = tempdir().expect("a directory");
    std::fs::write(dir.path().join("store.redb.new"), b"redb and then the power went").expect("written");
    let store = RedbStore::open(dir.path(), options()).expect("a new store");
    assert_eq!(store.totals(), node::store::Totals::default());
    assert!(!dir.path().join("store.redb.new").exists());
}
