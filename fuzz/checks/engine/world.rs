//! What the peers of the engine's check talk about: transactions and blocks, good and bad. Which of them is said when
//! is the check's.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::TxId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::Tip;

/// Items that are made only once, because signing is slow.
pub(super) struct World {
    pub(super) network: NetworkId,
    pub(super) transactions: Vec<Arc<SignedTransaction>>,
    /// Transactions with bad signatures.
    pub(super) forged: Vec<Arc<SignedTransaction>>,
    /// Two branches from genesis and one beside them, lowest first.
    pub(super) blocks: Vec<Arc<Block>>,
    /// Blocks of a producer that is not allowed, with a wrong body, or not signed.
    pub(super) bad_blocks: Vec<Arc<Block>>,
}

/// The world of all runs.
pub(super) fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(World::make)
}

/// The key with this number.
pub(super) fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

impl World {
    fn make() -> Self {
        let network: NetworkId = "fuzz".parse().expect("a network's name");
        let transaction = |author: u8, nonce: u64, valid_until, len| {
            let author = key(author);
            let payload = Bytes::from(vec![len as u8; len]);
            let unsigned = Transaction { author: author.public(), nonce, valid_until, payload };
            Arc::new(unsigned.sign(&author, &network).expect("short enough"))
        };
        let mut transactions: Vec<_> =
            (0..24).map(|n| transaction(n % 6, u64::from(n) / 8, 900, usize::from(n) * 40)).collect();
        transactions.push(transaction(1, 50, 0, 3));
        transactions.push(transaction(1, 51, 3, 3));
        transactions.push(transaction(2, 52, 500_000, 3));
        transactions.push(transaction(3, 53, 800, 60_000));
        let forged = transactions.iter().take(4).map(|good| Arc::new(spoilt(good))).collect();
        let genesis = Tip { height: 0, id: network.genesis() };
        let mut world = Self { network, transactions, forged, blocks: Vec::new(), bad_blocks: Vec::new() };
        let mut tip = genesis;
        for height in 1..=10 {
            let block = world.block(200, tip, &[height % 24, (height + 7) % 24], 1);
            tip = tip_of(&block);
            world.blocks.push(block);
        }
        let mut tip = tip_of(&world.blocks[3]);
        for height in 5..=12 {
            let block = world.block(201, tip, &[(height * 3) % 24], 2);
            tip = tip_of(&block);
            world.blocks.push(block);
        }
        for salt in 0..4 {
            let block = world.block(200, genesis, &[], 10 + salt);
            world.blocks.push(block);
        }
        let stranger = world.block(99, genesis, &[1], 3);
        let (first, second) = (world.blocks[0].clone(), world.blocks[1].clone());
        let unsigned = Block { header: spoilt_header(&second.header), transactions: second.transactions.clone() };
        let wrong = Block { header: first.header, transactions: second.transactions.clone() };
        world.bad_blocks = vec![stranger, Arc::new(unsigned), Arc::new(wrong)];
        world
    }

    fn block(&self, producer: u8, parent: Tip, items: &[usize], timestamp_ms: u64) -> Arc<Block> {
        let items: Vec<_> = items.iter().filter_map(|at| self.transactions.get(*at)).collect();
        let ids: Vec<TxId> = items.iter().map(|item| item.id()).collect();
        let header = Header {
            height: parent.height + 1,
            parent: parent.id,
            producer: key(producer).public(),
            timestamp_ms,
            transactions_root: transactions_root(&ids),
            count: ids.len() as u32,
        };
        let transactions = items.iter().map(|item| item.encoded().clone()).collect();
        Arc::new(Block { header: header.sign(&key(producer), &self.network), transactions })
    }

    pub(super) fn is_forged(&self, id: &TxId) -> bool {
        self.forged.iter().any(|forged| forged.id() == *id)
    }
}

/// The same bytes, except one of the signature.
fn spoilt(good: &SignedTransaction) -> SignedTransaction {
    let mut bytes = good.encoded().to_vec();
    let at = bytes.len() - 5;
    bytes[at] ^= 0x55;
    SignedTransaction::from_bytes(&Bytes::from(bytes)).expect("well encoded")
}

/// The same header, except one byte of its signature.
pub(super) fn spoilt_header(good: &SignedHeader) -> SignedHeader {
    let mut bytes = good.to_bytes();
    let at = bytes.len() - 5;
    bytes[at] ^= 0x55;
    SignedHeader::from_bytes(&Bytes::from(bytes)).expect("well encoded")
}

fn tip_of(block: &Block) -> Tip {
    Tip { height: block.header.header().height, id: block.header.id() }
}
