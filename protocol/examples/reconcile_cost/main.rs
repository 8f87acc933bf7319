use protocol::hash::TxId;
use protocol::reconcile::{Decoder, Encoder, Progress, SYMBOL_BYTES, Salt, first_batch, next_batch};
use std::time::Instant;

fn id(n: u64, who: u64) -> TxId {
    let mut b = [0; 32];
    let mut x = n.wrapping_mul(0x9e3779b97f4a7c15) ^ (who << 56);
    for c in b.chunks_mut(8) {
        x ^= x >> 29;
        x = x.wrapping_mul(0xbf58476d1ce4e5b9);
        x ^= x >> 32;
        c.copy_from_slice(&x.to_le_bytes());
    }
    TxId(b)
}
fn main() {
    for (size, here, there) in [
        (20_000u64, 50u64, 50u64),
        (20_000, 100, 0),
        (20_000, 0, 100),
        (20_000, 0, 0),
        (20_000, 1, 0),
        (20_000, 2, 2),
        (20_000, 10, 10),
        (20_000, 500, 500),
        (20_000, 1000, 0),
        (100, 5, 5),
        (100_000, 50, 50),
    ] {
        let mut symbols = vec![];
        let mut rounds = vec![];
        let mut enc_us = vec![];
        let mut dec_us = vec![];
        let mut fails = 0;
        for salt in 0..200u64 {
            let mut s = [0; 16];
            s[..8].copy_from_slice(&salt.to_le_bytes());
            let common: Vec<TxId> = (0..size - here.max(there)).map(|n| id(n, 0)).collect();
            let a: Vec<TxId> = common.iter().copied().chain((0..here).map(|n| id(n, 1))).collect();
            let b: Vec<TxId> = common.iter().copied().chain((0..there).map(|n| id(n, 2))).collect();
            let t = Instant::now();
            let mut e = Encoder::new(Salt(s), a);
            let mut te = t.elapsed();
            let t = Instant::now();
            let mut d = Decoder::new(Encoder::new(Salt(s), b));
            let mut td = t.elapsed();
            let mut count = first_batch(0);
            let mut r = 1;
            loop {
                let t = Instant::now();
                let sy = e.symbols(count);
                te += t.elapsed();
                let t = Instant::now();
                let p = d.absorb(&sy);
                td += t.elapsed();
                match p {
                    Progress::More => {
                        count = next_batch(d.received(), d.estimate());
                        r += 1;
                    }
                    Progress::Done(diff) => {
                        assert_eq!((diff.only_here.len() as u64, diff.only_there.len() as u64), (there, here));
                        break;
                    }
                    Progress::Failed => {
                        fails += 1;
                        break;
                    }
                }
            }
            symbols.push(d.received());
            rounds.push(r);
            enc_us.push(te.as_micros());
            dec_us.push(td.as_micros());
        }
        symbols.sort();
        rounds.sort();
        enc_us.sort();
        dec_us.sort();
        println!(
            "{size} {here}/{there}: symbols p50 {} p95 {} max {} ({} B) rounds p50 {} p95 {} enc {} us dec {} us fails {fails}",
            symbols[100],
            symbols[190],
            symbols[199],
            symbols[190] * SYMBOL_BYTES,
            rounds[100],
            rounds[190],
            enc_us[100],
            dec_us[100]
        );
    }
}
