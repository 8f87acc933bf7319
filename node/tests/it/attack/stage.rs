//! The stage for attacks on real nodes: a victim and three honest peers, 10 ms from each other, and an attacker
//! next to the victim. Each is in its own network namespace.
//!
//! Transactions are given to the honest nodes all the time. A defence holds under four conditions. No honest node
//! loses another. The victim's memory stays below [`MEMORY_MAX`]. The 95th percentile of the honest deliveries is
//! at most [`SLOWER_MAX`] times that of the same run before the attack began (of at least [`CLEAN_MIN`]
//! deliveries). And the attack does not reach its own goal. Each attack prints its figures as a table and a line
//! that begins with `attack N:`, which `scripts/prove.sh attack` sums up.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use libp2p::Multiaddr;
use node::clock::monotonic_ns;
use node::config::cookie::Cookie;
use node::config::data_dir::read_cookie;
use node::rpc::ApiClient as _;
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::transaction::{SignedTransaction, Transaction};

use crate::attack::figures::{Row, delays, delays_to, lost, peak, read};
use crate::support::namespaces::{Field, Process, Space, until};
use crate::support::rpc::client;

/// The most memory of the victim's process at its peak, with one attacker.
const MEMORY_MAX: u64 = 64 << 20;
/// How much slower honest deliveries may be.
const SLOWER_MAX: f64 = 1.5;

const SETTLE: Duration = Duration::from_secs(5);
const CLEAN: Duration = Duration::from_secs(15);
/// How long an attack lasts.
pub(crate) const ATTACK: Duration = Duration::from_secs(20);
/// The deliveries before the attack that a verdict needs: half of those that the load makes in that time. Without
/// any, nothing could be slower.
const CLEAN_MIN: f64 = 270.0;
/// The same during the attack: with fewer than 100, a 95th percentile rests on fewer than five deliveries.
const DURING_MIN: f64 = 100.0;
/// The time between two transactions of one honest node.
const EVERY: Duration = Duration::from_millis(250);

/// The seed of the producer's key that the tests have, and that all nodes allow.
const PRODUCER: [u8; 32] = [200; 32];

/// Addresses of the victim. The attacker reaches each of them from an address in a different group.
pub(crate) const DOORS: u8 = 32;

/// Joins tun devices: a packet for a member's address leaves there after a delay. It ends when its standard input
/// ends.
const SLOW_SWITCH: &str = r#"
import ctypes, fcntl, heapq, os, select, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def tun(space, name):
    entered = os.open("/run/netns/" + space, os.O_RDONLY)
    if libc.setns(entered, 0x40000000): raise OSError(ctypes.get_errno(), "setns")
    os.close(entered)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1001))
    return device
ends = {}
for end in sys.argv[2:]:
    space, address = end.split("=")
    ends[socket.inet_aton(address)] = tun(space, "slow0")
delay, count, waiting = float(sys.argv[1]) / 1000, 0, []
print("ready", flush=True)
while True:
    rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for ready in select.select([*ends.values(), 0], [], [], rest)[0]:
        if ready == 0: sys.exit()
        packet = os.read(ready, 65536)
        count += 1
        if packet[16:20] in ends: heapq.heappush(waiting, (time.monotonic() + delay, count, ends[packet[16:20]], packet))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, other, packet = heapq.heappop(waiting)
        try: os.write(other, packet)
        except OSError: pass
"#;

/// The nodes, their network, and the load.
pub(crate) struct Stage {
    field: Field,
    pub(crate) victim: Process,
    pub(crate) honest: Vec<Process>,
    spaces: BTreeMap<&'static str, Space>,
    producers: String,
    load: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    /// When the attack began and ended, in nanoseconds of the monotonic clock.
    attack: (u64, u64),
    clean_from: u64,
    cpu_beyond: f64,
}

/// The names of the honest nodes' namespaces, the victim's first.
const HONEST: [&str; 4] = ["victim", "one", "two", "three"];

/// The victim, as the attacker reaches it: through the n-th of its doors, over `tcp` or `udp`.
pub(crate) fn door(number: u8, transport: &str) -> Multiaddr {
    assert!(number < DOORS);
    format!("/ip4/46.1.0.{}/{transport}", number + 1).parse().expect("an address")
}

/// The first honest node, as the attacker reaches it.
pub(crate) fn source() -> Multiaddr {
    "/ip4/47.1.0.1/tcp/4001".parse().expect("an address")
}

/// The key of the producer that every node allows.
pub(crate) fn producer() -> SecretKey {
    SecretKey::from_seed(&PRODUCER)
}

impl Stage {
    /// Starts everything. If told, the first honest node makes a block each `every`.
    pub(crate) fn new(every: Option<&str>) -> Self {
        let field = Field::new();
        let names = HONEST.into_iter().chain(["newcomer", "attacker"]);
        let spaces: BTreeMap<_, _> = names.map(|name| (name, field.space(name))).collect();
        let (victim, attacker) = (&spaces["victim"], &spaces["attacker"]);
        slow_switch(&field, &spaces);
        field.link((victim, "near0", "46.1.0.1/8"), (attacker, "near0", "46.63.0.1/8"));
        field.link((&spaces["one"], "near0", "47.1.0.1/16"), (attacker, "near1", "47.1.0.2/16"));
        for door in 0..DOORS {
            let (theirs, own) = (format!("46.1.0.{}", door + 1), format!("46.{}.0.1", 64 + door));
            if door > 0 {
                victim.ip(&["addr", "add", &format!("{theirs}/8"), "dev", "near0"]);
            }
            attacker.ip(&["addr", "add", &format!("{own}/32"), "dev", "lo"]);
            attacker.ip(&["route", "add", &format!("{theirs}/32"), "dev", "near0", "src", &own]);
        }
        let keys = ["key", "generate", "--json", "--out"];
        let key_file = spaces["one"].data_dir("one.key");
        let made = Command::new(env!("CARGO_BIN_EXE_node")).args(keys).arg(&key_file).output().expect("it runs");
        let made: serde_json::Value = serde_json::from_slice(&made.stdout).expect("JSON");
        let producers = format!("{},{}", made["public_key"].as_str().expect("a key"), producer().public());
        let mut one = vec!["--key-file".to_owned(), key_file.to_str().expect("text").to_owned()];
        one.extend(every.into_iter().flat_map(|every| ["--produce-every".to_owned(), every.to_owned()]));
        let mut running = BTreeMap::new();
        for (known, name) in [(0, "one"), (1, "two"), (2, "three"), (3, "victim")] {
            let extra = match name {
                "one" => one.clone(),
                // Its outbound slots are full, so that a newcomer depends on the others.
                "victim" => ["--max-peers-out", "3"].map(str::to_owned).into(),
                _ => Vec::new(),
            };
            running.insert(name, start(&spaces[name], name, &producers, known, &extra));
        }
        let victim = running.remove("victim").expect("started");
        let honest: Vec<_> = ["one", "two", "three"].map(|name| running.remove(name).expect("started")).into();
        let mut stage = Self {
            field,
            victim,
            honest,
            spaces,
            producers,
            load: Vec::new(),
            stop: Arc::default(),
            attack: (0, 0),
            clean_from: 0,
            cpu_beyond: 0.0,
        };
        for node in stage.nodes() {
            until(|| (node.peers().iter().filter(|peer| peer.ready).count() >= 3).then_some(()))
                .expect("all meet");
        }
        stage.start_load();
        sleep(SETTLE);
        stage
    }

    fn nodes(&self) -> impl Iterator<Item = &Process> {
        std::iter::once(&self.victim).chain(&self.honest)
    }

    /// Another honest node, which knows only the victim.
    pub(crate) fn newcomer(&self) -> Process {
        start(
            &self.spaces["newcomer"],
            "newcomer",
            &self.producers,
            0,
            &[
                "--bootstrap".to_owned(),
                "/ip4/45.1.0.1/tcp/4001".to_owned(),
                "--max-peers-out".to_owned(),
                "1".to_owned(),
            ],
        )
    }

    /// The namespace with this name.
    pub(crate) fn space(&self, name: &str) -> &Space {
        &self.spaces[name]
    }

    /// The RPC address of the node with this name, and its cookie.
    pub(crate) fn rpc_of(&self, node: &Process, name: &str) -> (std::net::SocketAddr, Cookie) {
        (node.rpc_address(), read_cookie(&self.spaces[name].data_dir(name)).expect("a cookie"))
    }

    /// Gives each honest node a transaction each [`EVERY`], through its RPC.
    fn start_load(&mut self) {
        for (number, (node, name)) in self.honest.iter().zip(&HONEST[1..]).enumerate() {
            let (space, address, stop) = (self.spaces[name].clone(), node.rpc_address(), Arc::clone(&self.stop));
            let key = SecretKey::from_seed(&[210 + number as u8; 32]);
            let load = async move {
                let rpc = client(address, None);
                for nonce in 0.. {
                    let began = Instant::now();
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let item = signed(&key, nonce, vec![7; 200]);
                    // A node that is kept busy may be late, which is what is measured.
                    let _ = rpc.tx_send(hex::encode(item.encoded())).await;
                    tokio::time::sleep(EVERY.saturating_sub(began.elapsed())).await;
                }
            };
            self.load.push(spawn(move || space.inside(move || run(load))));
        }
    }

    /// Attacks, on a thread in the attacker's namespace.
    pub(crate) fn attack<T, F>(&mut self, attack: impl FnOnce(Instant) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        self.attack_in("attacker", attack)
    }

    /// The same from another namespace.
    pub(crate) fn attack_in<T, F>(&mut self, from: &str, attack: impl FnOnce(Instant) -> F + Send + 'static) -> T
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        self.during(|stage| stage.spaces[from].inside(move || run(attack(Instant::now() + ATTACK))))
    }

    /// Runs something that counts as the attack, after a time of peace.
    pub(crate) fn during<T>(&mut self, what: impl FnOnce(&Self) -> T) -> T {
        let share = |from: (u64, f64), to: (u64, f64)| (to.1 - from.1) / ((to.0 - from.0) as f64 / 1e9);
        let now = |stage: &Self| (monotonic_ns(), stage.victim_cpu());
        let clean = now(self);
        sleep(CLEAN);
        let begin = now(self);
        let result = what(self);
        let end = now(self);
        (self.clean_from, self.attack) = (clean.0, (begin.0, end.0));
        self.cpu_beyond = share(begin, end) - share(clean, begin);
        result
    }

    /// How much more of a core the victim used during the attack.
    pub(crate) const fn cpu_beyond(&self) -> f64 {
        self.cpu_beyond
    }

    /// User and system time of the victim so far, in seconds.
    fn victim_cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.victim.pid())).expect("it runs");
        let fields: Vec<_> = stat.rsplit(')').next().expect("a name").split_whitespace().collect();
        let ticks = |at: usize| fields[at].parse::<f64>().expect("a number");
        // Fields 14 and 15 of proc(5), the first behind the name being the third; in hundredths of a second.
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Ends everything, prints the table, and fails if the attack works.
    pub(crate) fn verdict(self, number: u8, what: &str, rows: Vec<Row>) {
        self.verdict_after(number, what, rows, |_| Vec::new());
    }

    /// The same, with figures from the files in the victim's data dir.
    pub(crate) fn verdict_after(
        mut self,
        number: u8,
        what: &str,
        mut rows: Vec<Row>,
        after: impl FnOnce(&Path) -> Vec<Row>,
    ) {
        sleep(Duration::from_secs(2));
        let memory = peak(self.victim.pid());
        self.stop.store(true, Ordering::Relaxed);
        for load in self.load.drain(..) {
            load.join().expect("no panic");
        }
        let end = monotonic_ns();
        let ids: Vec<String> = self.nodes().map(Process::peer_id).collect();
        let traces = HONEST.map(|name| self.spaces[name].data_dir(&format!("{name}.trace")));
        self.victim.stop();
        self.honest.into_iter().for_each(|node| drop(node.stop()));
        rows.extend(after(&self.spaces["victim"].data_dir("victim")));
        let traces = traces.map(|path| read(&path));
        let lost = lost(&traces, &ids, (self.attack.0, end));
        let (clean, clean_count) = delays(&traces, (self.clean_from, self.attack.0));
        let (attacked, count) = delays(&traces, self.attack);
        rows.push(Row::at_most("honest peers lost", lost as f64, 0.0, ""));
        rows.push(Row::at_most("victim's peak memory", memory as f64 / 1e6, MEMORY_MAX as f64 / 1e6, " MB"));
        rows.push(Row::at_least("honest deliveries before it", clean_count as f64, CLEAN_MIN, ""));
        rows.push(Row::at_least("honest deliveries during it", count as f64, DURING_MIN, ""));
        rows.push(Row::at_most("honest p95, times the clean one", attacked / clean, SLOWER_MAX, ""));
        for (n, name) in HONEST.iter().enumerate() {
            let (to, count) = delays_to(&traces, self.attack, |other| other == n);
            println!("  during it, p95 to {name}: {to:.1} ms of {count} deliveries");
        }
        println!(
            "attack {number}, {what}: p95 {clean:.1} ms of {clean_count} deliveries before it, {attacked:.1} ms of {count} during it"
        );
        for row in &rows {
            let verdict = if row.holds { "holds" } else { "BROKEN" };
            println!("  {:<52} {:>14} {:>14}  {verdict}", row.what, row.figure, row.limit);
        }
        let broken: Vec<_> = rows.iter().filter(|row| !row.holds).map(|row| row.what).collect();
        let verdict =
            if broken.is_empty() { "holds".to_owned() } else { format!("works ({})", broken.join(", ")) };
        println!("attack {number}: {verdict}");
        drop(self.field);
        assert!(broken.is_empty(), "attack {number} works: {broken:?}");
    }
}

/// A node of the stage, which knows the first `known` of the others.
fn start(space: &Space, name: &str, producers: &str, known: usize, extra: &[String]) -> Process {
    let trace: PathBuf = space.data_dir(&format!("{name}.trace"));
    let mut args: Vec<String> =
        ["--network", "test", "--listen", "/ip4/0.0.0.0/tcp/4001"].map(str::to_owned).into();
    args.extend(["--listen", "/ip4/0.0.0.0/udp/4001/quic-v1", "--producers", producers].map(str::to_owned));
    args.extend(["--trace".to_owned(), trace.to_str().expect("text").to_owned()]);
    for other in (2..5).take(known) {
        args.extend(["--bootstrap".to_owned(), format!("/ip4/45.{other}.0.1/tcp/4001")]);
    }
    args.extend(extra.iter().cloned());
    space.node(name, &args.iter().map(String::as_str).collect::<Vec<_>>())
}

/// The honest nodes and the newcomer are 10 ms from each other.
fn slow_switch(field: &Field, spaces: &BTreeMap<&'static str, Space>) {
    let members = HONEST.into_iter().chain(["newcomer"]).enumerate();
    let members: Vec<_> = members.map(|(n, name)| (&spaces[name], format!("45.{}.0.1", n + 1))).collect();
    let ends: Vec<_> = members.iter().map(|(space, address)| format!("{}={address}", space.name())).collect();
    let mut child = Command::new("python3")
        .args(["-c", SLOW_SWITCH, "10"])
        .args(ends)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped");
    field.ends_with(child);
    BufReader::new(stdout).read_line(&mut line).expect("text");
    assert_eq!(line, "ready\n", "the slow switch did not come up");
    for (space, address) in members {
        space.up("slow0", &format!("{address}/8"));
    }
}

/// A transaction of the stage's network.
pub(crate) fn signed(key: &SecretKey, nonce: u64, payload: Vec<u8>) -> SignedTransaction {
    let item = Transaction { author: PublicKey::default(), nonce, valid_until: 9_000, payload: payload.into() };
    item.sign(key, &"test".parse().expect("a name")).expect("within the bound")
}

/// Runs something on a runtime that only this thread has, so that its sockets are in the thread's namespace.
pub(crate) fn run<T>(what: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(what)
}
