//! A tiny chain with rules of its own: accounts with coins, and transfers between them.
//!
//! ```text
//! cargo run -p hearsay-node --example coins
//! ```
//!
//! Two nodes run in this process. One makes blocks and gets the transfers. The other accepts them, because they keep the
//! rules: the author has the coins, and uses each nonce once, in order. The program ends by itself. `docs/EMBEDDING.md`
//! explains it.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use node::protocol::gossip::Refusal;
use node::protocol::items::block::{Header, SignedHeader};
use node::protocol::items::hash::BlockId;
use node::protocol::items::keys::{PublicKey, SecretKey};
use node::protocol::items::network::NetworkId;
use node::protocol::items::transaction::{Height, SignedTransaction, Transaction};
use node::protocol::items::validator::{BlockPlace, Producers, StandardValidator, Validator};
use node::{Event, Node, NodeError};

const NETWORK: &str = "coins";
/// The key of the first node, which makes the blocks.
const MAKER: [u8; 32] = [9; 32];
/// Blocks whose accounts are kept: a block on an older parent is refused.
const KEPT_BLOCKS: u64 = 1_000;

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    coins: u64,
    next_nonce: u64,
}

type Accounts = BTreeMap<PublicKey, Account>;

/// The accounts after each of the newest blocks.
#[derive(Debug)]
struct Ledger {
    after: BTreeMap<BlockId, (Height, Accounts)>,
    best: BlockId,
}

/// The rules. Clones share the ledger, so the program can read it as well.
#[derive(Clone, Debug)]
struct Coins {
    standard: StandardValidator,
    ledger: Arc<Mutex<Ledger>>,
}

impl Coins {
    /// A chain at whose beginning this author has 100 coins.
    fn new(rich: PublicKey) -> Result<Self, Box<dyn Error>> {
        let genesis = NETWORK.parse::<NetworkId>()?.genesis();
        let accounts = Accounts::from([(rich, Account { coins: 100, next_nonce: 0 })]);
        let ledger = Ledger { after: BTreeMap::from([(genesis, (0, accounts))]), best: genesis };
        let makers = [SecretKey::from_seed(&MAKER).public()].into();
        let standard = StandardValidator::new(Producers::Allowed(Arc::new(makers)));
        Ok(Self { standard, ledger: Arc::new(Mutex::new(ledger)) })
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn coins_of(&self, key: PublicKey) -> u64 {
        let ledger = self.ledger();
        let accounts = ledger.after.get(&ledger.best);
        accounts.and_then(|(_, accounts)| accounts.get(&key)).map_or(0, |account| account.coins)
    }

    /// The accounts after a block and then these transfers, if all of them keep the rules.
    fn after(&self, parent: &BlockId, transfers: &[Arc<SignedTransaction>]) -> Result<Accounts, Refusal> {
        let ledger = self.ledger();
        let (_, accounts) = ledger.after.get(parent).ok_or(Refusal::Rule("the parent's accounts are not kept"))?;
        let mut accounts = accounts.clone();
        for transfer in transfers {
            let (to, coins) = read(transfer.payload())?;
            let from = accounts.entry(transfer.author()).or_default();
            if transfer.nonce() != from.next_nonce {
                return Err(Refusal::Rule("the author's nonces must follow each other"));
            }
            from.coins = from.coins.checked_sub(coins).ok_or(TOO_FEW)?;
            from.next_nonce += 1;
            accounts.entry(to).or_default().coins += coins;
        }
        Ok(accounts)
    }
}

const TOO_FEW: Refusal = Refusal::Rule("the author has too few coins");

impl Validator for Coins {
    /// Earlier transfers may still be pending, so a later nonce is good enough for the mempool.
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        self.standard.transaction(transaction, tip)?;
        let (_, coins) = read(transaction.payload())?;
        let ledger = self.ledger();
        let accounts = ledger.after.get(&ledger.best).map(|(_, accounts)| accounts);
        let from = accounts.and_then(|accounts| accounts.get(&transaction.author())).copied().unwrap_or_default();
        match () {
            () if from.coins < coins => Err(TOO_FEW),
            () if transaction.nonce() < from.next_nonce => Err(Refusal::Rule("this nonce was used before")),
            () => Ok(()),
        }
    }

    /// Whether it fits depends on the transfers before it: `block` looks at all of them.
    fn transaction_in_block(&self, transaction: &SignedTransaction, _place: BlockPlace) -> Result<(), Refusal> {
        read(transaction.payload()).map(|_| ())
    }

    fn header(&self, header: &Header) -> Result<(), Refusal> {
        self.standard.header(header)
    }

    fn block(&self, header: &Header, transactions: &[Arc<SignedTransaction>]) -> Result<(), Refusal> {
        self.after(&header.parent, transactions).map(|_| ())
    }

    fn connected(&self, header: &SignedHeader, transactions: &[Arc<SignedTransaction>]) {
        let (id, height) = (header.id(), header.header().height);
        let Ok(accounts) = self.after(&header.header().parent, transactions) else { return };
        let mut ledger = self.ledger();
        ledger.after.insert(id, (height, accounts));
        let best = ledger.after.get(&ledger.best).map_or(0, |(height, _)| *height);
        // The same rule as the node's: the highest block, and of several the one with the lowest id.
        if height > best || (height == best && id < ledger.best) {
            ledger.best = id;
        }
        ledger.after.retain(|_, (kept, _)| *kept + KEPT_BLOCKS > best);
    }

    /// The ledger is in memory only, so with a data dir it is made again from all blocks.
    fn connected_from(&self) -> Option<Height> {
        Some(1)
    }
}

/// A payload: the receiver's key, and the number of coins.
fn read(payload: &[u8]) -> Result<(PublicKey, u64), Refusal> {
    let parts = payload.split_first_chunk::<32>();
    let parts = parts.and_then(|(to, coins)| Some((PublicKey(*to), u64::from_be_bytes(coins.try_into().ok()?))));
    parts.ok_or(Refusal::Rule("the payload is no transfer"))
}

fn transfer(from: &SecretKey, nonce: u64, to: PublicKey, coins: u64) -> Result<SignedTransaction, Box<dyn Error>> {
    let payload = [to.0.as_slice(), &coins.to_be_bytes()].concat().into();
    let transaction = Transaction { author: from.public(), nonce, valid_until: 1_000, payload };
    Ok(transaction.sign(from, &NETWORK.parse()?)?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (anna, boris) = (SecretKey::from_seed(&[1; 32]), SecretKey::from_seed(&[2; 32]).public());
    let (rules, seen) = (Coins::new(anna.public())?, Coins::new(anna.public())?);
    let builder = || Node::builder(NETWORK).listen(["/ip4/127.0.0.1/tcp/0"]).exempt_loopback(true);
    let every = Some(Duration::from_millis(200));
    let first = builder().key_seed(MAKER).validator(rules).produce_every(every).start().await?;
    let second = builder().validator(seen.clone()).bootstrap(first.addresses()).start().await?;
    let mut events = second.events();

    for (nonce, coins) in [(0, 30), (1, 12)] {
        first.submit(transfer(&anna, nonce, boris, coins)?).await?;
        println!("sent: {coins} coins to boris");
    }
    match first.submit(transfer(&anna, 2, boris, 1_000)?).await {
        Err(NodeError::Refused(reason)) => println!("1000 coins are refused: {reason}"),
        other => return Err(format!("1000 coins should be refused, not {other:?}").into()),
    }
    while seen.coins_of(boris) < 42 {
        match events.next().await.ok_or("the second node has ended")? {
            Event::Transaction(transfer) => println!("second node: transfer {}", transfer.id()),
            Event::Block(block) if !block.transactions.is_empty() => {
                let (height, count) = (block.header.header().height, block.transactions.len());
                println!("second node: block {height} with {count} transfers");
            }
            _ => {}
        }
    }
    println!("second node: anna has {} coins, boris has {}", seen.coins_of(anna.public()), seen.coins_of(boris));
    second.stop().await?;
    first.stop().await?;
    Ok(())
}
