//! Whichever unsynced writes survive a loss of power, the store opens with everything that was acknowledged, and
//! holds a whole number of groups. The same holds if power fails again while it opens.
//!
//! `HEARSAY_CRASH_IMAGES` sets how many images are tried. The number of each is its seed.

use node::store::Store as _;

use crate::store::disk::Disk;
use crate::store::support::{Workload, open};

/// Images that the gate tries.
const IMAGES: u64 = 1_000;

/// Images of one run of a workload.
const IMAGES_PER_RUN: u64 = 50;

/// A run of a workload on a disk that remembers everything.
struct Run {
    workload: Workload,
    disk: Disk,
    /// The contents of the disk at the start.
    base: Vec<u8>,
    /// How many changes the disk had seen when each group was acknowledged.
    acknowledged: Vec<usize>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let workload = Workload::new(seed, 6);
        // A store that was made before: how a new one appears is the file system's matter.
        let new = Disk::default();
        drop(open(new.clone()).expect("a store"));
        let base = new.bytes();
        let disk = Disk::holding(base.clone());
        let mut store = open(disk.clone()).expect("a store");
        let mut acknowledged = Vec::new();
        for group in &workload.groups {
            store.commit(group).expect("kept");
            acknowledged.push(disk.changes());
        }
        drop(store);
        Self { workload, disk, base, acknowledged }
    }
}

#[test]
fn no_crash_loses_what_was_acknowledged() {
    let images = std::env::var("HEARSAY_CRASH_IMAGES").map_or(IMAGES, |text| text.parse().expect("a number"));
    let (mut tried, mut in_recovery, mut unacknowledged) = (0, 0, 0);
    let mut run = None;
    for seed in 0..images {
        if seed % IMAGES_PER_RUN == 0 {
            let new = Run::new(seed / IMAGES_PER_RUN);
            let states = new.workload.states();
            run = Some((new, states));
        }
        let Some((run, states)) = &run else { unreachable!("the first seed is 0") };
        // Spread over the run, the same for every count of images.
        let changes = (seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % (run.disk.changes() + 1);
        let acknowledged = run.acknowledged.iter().filter(|at| **at <= changes).count();
        let allowed = &states[acknowledged..states.len().min(acknowledged + 2)];
        let image = run.disk.image(&run.base, changes, seed);

        let disk = Disk::holding(image.clone());
        let store =
            open(disk.clone()).unwrap_or_else(|error| panic!("seed {seed}, after {changes} changes: {error}"));
        let found = run.workload.summary(&store).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(allowed.contains(&found), "seed {seed}, after {changes} changes: {found:?}");
        unacknowledged += u64::from(found != allowed[0]);
        tried += 1;

        let opening = disk.changes();
        drop(store);
        if opening == 0 {
            continue;
        }
        // What the first opening left decides between the states; the second must not go back behind it, unless
        // nobody was told.
        let again = disk.image(&image, 1 + seed as usize % opening, seed.wrapping_add(images));
        let store =
            open(Disk::holding(again)).unwrap_or_else(|error| panic!("seed {seed}, opened again: {error}"));
        let found = run.workload.summary(&store).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(allowed.contains(&found), "seed {seed}, opened again: {found:?}");
        in_recovery += 1;
    }
    println!(
        "{tried} images, {in_recovery} crashes while opening, {unacknowledged} groups kept that nobody was told of"
    );
    assert_eq!(tried, images);
    assert!(in_recovery > 0, "no crash fell into an opening");
    assert!(unacknowledged > 0, "every crash fell between commits");
}
