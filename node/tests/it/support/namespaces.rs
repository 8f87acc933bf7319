//! Nodes as they run in the field: real processes in their own network and mount namespaces.
//!
//! A [`Field`] makes namespaces with names that no other test has, and joins them by links. It removes them when
//! it is dropped, also when the test fails. A [`Process`] is a running node. Its standard error is kept, and it is
//! killed by its id when it is dropped. Root and iproute2 are needed, and python3 for a link with a delay. Tests
//! that need them are `#[ignore]`d, and in the rooms `field` and `attack`. `scripts/prove.sh` runs these by their
//! names.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, setns};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid};
use node::rpc::command::{PeerStatus, Status};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

/// The longest time that a test waits. Only a failure takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks.
const LOOK: Duration = Duration::from_millis(100);

/// Distinguishes the namespaces of several fields in one process.
static FIELDS: AtomicUsize = AtomicUsize::new(0);

/// A link with a delay: packets of one tun device come out of the other after this time. It ends when its standard
/// input ends, which is when the test ends. The kernel's own `netem` is not available everywhere.
const SLOW_LINK: &str = r#"
import ctypes, fcntl, heapq, os, select, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
def tun(space, name):
    entered = os.open("/run/netns/" + space, os.O_RDONLY)
    if libc.setns(entered, 0x40000000): raise OSError(ctypes.get_errno(), "setns")
    os.close(entered)
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, 0x400454ca, struct.pack("16sH22x", name.encode(), 0x1001))
    return device
a, b = (tun(*end.split(":")) for end in sys.argv[1:3])
delay, count, waiting = float(sys.argv[3]) / 1000, 0, []
print("ready", flush=True)
while True:
    rest = max(0, waiting[0][0] - time.monotonic()) if waiting else None
    for ready in select.select([a, b, 0], [], [], rest)[0]:
        if ready == 0: sys.exit()
        count += 1
        heapq.heappush(waiting, (time.monotonic() + delay, count, b if ready == a else a, os.read(ready, 65536)))
    while waiting and waiting[0][0] <= time.monotonic():
        _, _, other, packet = heapq.heappop(waiting)
        try: os.write(other, packet)
        except OSError: pass
"#;

/// Namespaces of one test, and a directory for its nodes.
pub(crate) struct Field {
    prefix: String,
    dir: TempDir,
    spaces: RefCell<Vec<String>>,
    links: RefCell<Vec<Child>>,
}

/// A network namespace. Its loopback device is up.
#[derive(Clone)]
pub(crate) struct Space {
    name: String,
    dir: PathBuf,
}

/// A running node.
pub(crate) struct Process {
    space: Space,
    data_dir: PathBuf,
    child: Child,
    said: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

impl Field {
    /// No namespaces yet.
    pub(crate) fn new() -> Self {
        assert!(Uid::effective().is_root(), "this test makes network namespaces, and needs root for that");
        let prefix = format!("field-{}-{}", std::process::id(), FIELDS.fetch_add(1, Ordering::Relaxed));
        let dir = tempfile::tempdir().expect("a directory");
        Self { prefix, dir, spaces: RefCell::default(), links: RefCell::default() }
    }

    /// Makes a namespace.
    pub(crate) fn space(&self, name: &str) -> Space {
        let dir = self.dir.path().join(name);
        std::fs::create_dir(&dir).expect("one namespace of that name");
        let space = Space { name: format!("{}-{name}", self.prefix), dir };
        run("ip", &["netns", "add", &space.name]);
        self.spaces.borrow_mut().push(space.name.clone());
        space.ip(&["link", "set", "lo", "up"]);
        space
    }

    /// Joins two namespaces. Each end has a device's name and an address, such as `("eth0", "10.83.0.1/24")`.
    pub(crate) fn link(&self, a: (&Space, &str, &str), b: (&Space, &str, &str)) {
        let (here, there) = (&a.0.name, &b.0.name);
        run("ip", &["link", "add", a.1, "netns", here, "type", "veth", "peer", "name", b.1, "netns", there]);
        for (space, device, address) in [a, b] {
            space.up(device, address);
        }
    }

    /// Joins namespaces to one network. Each gets a device `eth0` and its address.
    pub(crate) fn network(&self, members: &[(&Space, &str)]) {
        let switch = self.space("switch");
        switch.ip(&["link", "add", "br0", "type", "bridge"]);
        switch.ip(&["link", "set", "br0", "up"]);
        for (n, (space, address)) in members.iter().enumerate() {
            let port = format!("port{n}");
            let (here, there) = (&switch.name, &space.name);
            run(
                "ip",
                &["link", "add", &port, "netns", here, "type", "veth", "peer", "name", "eth0", "netns", there],
            );
            switch.ip(&["link", "set", &port, "master", "br0", "up"]);
            space.up("eth0", address);
        }
    }

    /// Joins two namespaces by a link with a delay each way.
    pub(crate) fn slow_link(&self, a: (&Space, &str, &str), b: (&Space, &str, &str), delay: Duration) {
        let end = |(space, device, _): (&Space, &str, &str)| format!("{}:{device}", space.name);
        let mut child = Command::new("python3")
            .args(["-c", SLOW_LINK, &end(a), &end(b), &delay.as_millis().to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("piped");
        self.links.borrow_mut().push(child);
        BufReader::new(stdout).read_line(&mut line).expect("text");
        assert_eq!(line, "ready\n", "the slow link did not come up");
        for (space, device, address) in [a, b] {
            space.up(device, address);
        }
    }
}

impl Field {
    /// Stops this process together with the field.
    pub(crate) fn ends_with(&self, child: Child) {
        self.links.borrow_mut().push(child);
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        for mut link in self.links.take() {
            // An error means that it has ended.
            let _ = link.kill();
            let _ = link.wait();
        }
        for space in self.spaces.take() {
            let _ = Command::new("ip").args(["netns", "delete", &space]).status();
        }
    }
}

impl Space {
    /// No namespace, but this machine's own network, for nodes on loopback. Their directories are below `dir`.
    pub(crate) fn of_this_machine(dir: &Path) -> Self {
        Self { name: String::new(), dir: dir.to_owned() }
    }

    /// Its name in the system.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` on the namespace's devices.
    pub(crate) fn ip(&self, args: &[&str]) {
        run("ip", &[&["-n", &self.name], args].concat());
    }

    /// Gives a device an address, and switches it on. An IPv6 address is used at once, without the check that it
    /// is unique.
    pub(crate) fn up(&self, device: &str, address: &str) {
        self.ip(&["addr", "add", address, "dev", device]);
        self.ip(&["link", "set", device, "up"]);
    }

    /// Adds a bridge without members, as a container engine does.
    pub(crate) fn bridge(&self, device: &str, address: &str) {
        self.ip(&["link", "add", device, "type", "bridge"]);
        self.up(device, address);
    }

    /// Does something on a thread that is in the namespace. Sockets that it opens stay in the namespace.
    pub(crate) fn inside<T: Send + 'static>(&self, what: impl FnOnce() -> T + Send + 'static) -> T {
        let entered = File::open(Path::new("/run/netns").join(&self.name)).expect("the namespace");
        let inside = spawn(move || {
            setns(entered, CloneFlags::CLONE_NEWNET).expect("root may enter it");
            what()
        });
        inside.join().expect("no panic")
    }

    /// A file that processes of this namespace see instead of `/etc/NAME`. Writing it again changes it for
    /// processes that already run.
    pub(crate) fn etc(&self, name: &str, text: &str) {
        std::fs::write(self.etc_path(name), text).expect("a writable directory");
    }

    /// The same with a directory.
    pub(crate) fn etc_dir(&self, name: &str) {
        std::fs::create_dir(self.etc_path(name)).expect("a writable directory");
    }

    /// From now on, processes of this namespace see only the files in `/etc` that [`Space::etc`] puts there.
    pub(crate) fn only_etc(&self) {
        std::fs::create_dir(self.dir.join("etc")).expect("a writable directory");
    }

    fn etc_path(&self, name: &str) -> PathBuf {
        let only = self.dir.join("etc");
        if only.exists() { only.join(name) } else { self.dir.join(format!("etc-{name}")) }
    }

    /// A command in the namespace, with its `/etc`, a clean environment and its own home directory.
    pub(crate) fn command(&self, program: &str) -> Command {
        if self.name.is_empty() {
            let mut command = Command::new(program);
            command.env_clear().env("HOME", &self.dir);
            return command;
        }
        let mut command = Command::new("ip");
        let enter = r#"[ ! -d "$0/etc" ] || { mount --bind "$0/etc" /etc && exec "$@"; exit 1; }; for f in "$0"/etc-*; do [ ! -e "$f" ] || mount --bind "$f" "/etc/${f##*/etc-}" || exit 1; done; exec "$@""#;
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(["netns", "exec", &self.name, "sh", "-c", enter]).arg(&self.dir).arg(program);
        command.env_clear().env("PATH", path).env("HOME", &self.dir);
        command
    }

    /// The data directory of a node with this name.
    pub(crate) fn data_dir(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// Starts a node with its own data dir, and waits until it says that it is ready.
    pub(crate) fn node(&self, name: &str, args: &[&str]) -> Process {
        self.node_by(self.command(env!("CARGO_BIN_EXE_node")), name, args)
    }

    /// The same for a node that may have this number of open files, and can't raise that.
    pub(crate) fn node_with_files(&self, files: u32, name: &str, args: &[&str]) -> Process {
        let mut shell = self.command("sh");
        shell.args(["-c", &format!("ulimit -n {files} && exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_node")]);
        self.node_by(shell, name, args)
    }

    fn node_by(&self, mut command: Command, name: &str, args: &[&str]) -> Process {
        let data_dir = self.data_dir(name);
        command.arg("--data-dir").arg(&data_dir).args(["--rpc-addr", "127.0.0.1:0"]).args(args);
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
        let stderr = BufReader::new(child.stderr.take().expect("piped"));
        let said = Arc::new(Mutex::new(String::new()));
        let collected = Arc::clone(&said);
        let reader = spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let mut said = collected.lock().expect("no panic");
                said.push_str(&line);
                said.push('\n');
            }
        });
        let process = Process { space: self.clone(), data_dir, child, said, reader: Some(reader) };
        process.says("ready ");
        process
    }
}

impl Process {
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The address of its HTTP listener, as its banner says.
    pub(crate) fn rpc_address(&self) -> SocketAddr {
        self.says("rpc ").split("http://").nth(1).expect("an address").trim().parse().expect("an address")
    }

    /// Everything that it has written to standard error.
    pub(crate) fn said(&self) -> String {
        self.said.lock().expect("no panic").clone()
    }

    /// How many lines of that contain `text`.
    pub(crate) fn lines_with(&self, text: &str) -> usize {
        self.said().lines().filter(|line| line.contains(text)).count()
    }

    /// Waits until it says `text`, and returns the line.
    pub(crate) fn says(&self, text: &str) -> String {
        let line = || self.said().lines().find(|line| line.contains(text)).map(str::to_owned);
        until(line).unwrap_or_else(|| panic!("it never said {text:?}, but:\n{}", self.said()))
    }

    /// Runs a command of the program about this node, and returns its standard output and error.
    pub(crate) fn run(&self, args: &[&str]) -> (String, String) {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (text(output.stdout), text(output.stderr))
    }

    /// A command that fails and prints nothing. Returns its error message.
    pub(crate) fn refuses(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{args:?}: {output:?}");
        String::from_utf8(output.stderr).expect("text")
    }

    fn output(&self, args: &[&str]) -> Output {
        let mut command = self.space.command(env!("CARGO_BIN_EXE_node"));
        command.args(args).arg("--data-dir").arg(&self.data_dir).output().expect("it runs")
    }

    /// Asks it through its own command line: `node ARGS --json`.
    pub(crate) fn ask<T: DeserializeOwned>(&self, args: &[&str]) -> Option<T> {
        let mut command = self.space.command(env!("CARGO_BIN_EXE_node"));
        let output =
            command.args(args).arg("--json").arg("--data-dir").arg(&self.data_dir).output().expect("it runs");
        serde_json::from_slice(&output.stdout).ok()
    }

    pub(crate) fn status(&self) -> Status {
        self.ask(&["status"]).expect("the node answers")
    }

    pub(crate) fn peers(&self) -> Vec<PeerStatus> {
        self.ask(&["peers"]).expect("the node answers")
    }

    /// Its peer id.
    pub(crate) fn peer_id(&self) -> String {
        self.status().peer_id
    }

    /// Whether the node with this peer id is a gossip peer that has sent Hello.
    pub(crate) fn has_peer(&self, peer_id: &str) -> bool {
        self.peers().iter().any(|peer| peer.ready && peer.peer_id == peer_id)
    }

    /// Waits until it is.
    pub(crate) fn joins(&self, peer_id: &str) {
        assert!(self.joins_within(peer_id, PATIENCE), "{peer_id} is no peer of it; it said:\n{}", self.said());
    }

    /// Whether it becomes one in time.
    pub(crate) fn joins_within(&self, peer_id: &str, patience: Duration) -> bool {
        until_within(patience, || self.has_peer(peer_id).then_some(())).is_some()
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it runs");
    }

    /// Ends it as an operator does, and returns all of its output.
    pub(crate) fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        self.child.wait().expect("it ends");
        if let Some(reader) = self.reader.take() {
            reader.join().expect("no panic");
        }
        self.said()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until there is a value to return, for [`PATIENCE`].
pub(crate) fn until<T>(look: impl FnMut() -> Option<T>) -> Option<T> {
    until_within(PATIENCE, look)
}

/// The same for a given time.
pub(crate) fn until_within<T>(patience: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begin = Instant::now();
    loop {
        let found = look();
        if found.is_some() || begin.elapsed() > patience {
            return found;
        }
        sleep(LOOK);
    }
}

fn run(program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    let mut child = command.args(args).stderr(Stdio::piped()).spawn().expect("iproute2 is installed");
    let mut said = String::new();
    let read = child.stderr.take().expect("piped").read_to_string(&mut said);
    let ended = child.wait().expect("it ends");
    assert!(read.is_ok() && ended.success(), "{program} {args:?}: {said}");
}
