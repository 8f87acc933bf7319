"""The commands of the documents, the help texts and the scripts' heads, and how scripts/check-commands.py runs each.

To a command that is written anew belongs an entry of KNOWN; from one that is written no more the entry goes.
"""

import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class How:
    kind: str
    # More words: always, and in the quick part only. If a flag is given twice, the later one wins.
    always: str = ""
    quick: str = ""
    status: int = 0
    # The reason why it isn't run, or not in the quick part.
    why: str = ""
    keep: bool = False
    # The commands that must have run before, in the same place.
    after: str = ""
    # A pattern of its output. An exit status of 0 says little if an answer may be empty or an error.
    says: str = ""
    # It asks for something that is on its way. It is repeated for a while until the result is correct.
    awaits: bool = False


def run(quick="", always="", status=0, after="", says="", awaits=False):
    """It ends by itself."""
    return How("run", always, quick, status, after=after, says=says, awaits=awaits)


def plan():
    """A run of the instrument. In the quick part it is read, planned and then refused, because its directory is taken."""
    return How("plan")


def serve(always="", keep=False, after=""):
    """A node that is started, checked, and interrupted. With keep, others ask it, and it is interrupted at the end."""
    return How("serve", always, keep=keep, after=after)


def ask(always="", says=""):
    """Asks the node of the default data directory. The node is started for it."""
    return How("ask", always, says=says)


def long(why):
    """Not in the quick part."""
    return How("long", why=why)


def proof():
    """It takes long, and keeps its output in the repository. Run it by its name. Here it only prints what it would run."""
    return How("proof", always="--dry-run")


def mention(why):
    """A part of a command, or a command to fill in."""
    return How("mention", why=why)


FREE = "--listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0"
FEW = "--nodes 4 --degree 3 --tx-rate 5 --duration 1s --drain 5s --idle 1s"

README_A = "node --data-dir /tmp/hearsay-a --listen /ip4/127.0.0.1/tcp/30411 --open-producers --produce-every 5s"
SENT = "ID=$(node tx send --data-dir /tmp/hearsay-a --payload 'hello')"
README_B = (
    "node --data-dir /tmp/hearsay-b --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0 "
    "--bootstrap /ip4/127.0.0.1/tcp/30411 --open-producers"
)

# Every command, as it is written, but without target/release/, ./ and comments. If a command has several forms,
# each is an entry.
KNOWN = {
    # README: the walk.
    "cargo build --release --workspace": long("the gate builds for debugging"),
    README_A: serve("--rpc-addr 127.0.0.1:30401", keep=True),
    README_B: serve(keep=True, after=README_A),
    "node peers --data-dir /tmp/hearsay-b": run(says=r"\b127\.0\.0\.1\b", awaits=True, after=README_B),
    SENT: run(after=README_B),
    "sleep 1": run(),
    'node tx get "$ID" --data-dir /tmp/hearsay-b': run(says="^ *hello$", awaits=True, after=SENT),
    'node trace "$ID" --data-dir /tmp/hearsay-b': run(says="^summary ", awaits=True, after=SENT),
    "node trace --data-dir /tmp/hearsay-b": run(says="^ITEM ", awaits=True, after=SENT),
    'node trace "$ID" --data-dir /tmp/hearsay-b --dot | dot -Tsvg > trace.svg': mention("Graphviz may not be here"),
    "node status --data-dir /tmp/hearsay-b": run(says=r"^peers +1 \(", awaits=True, after=README_B),
    "node members --data-dir /tmp/hearsay-b": run(says=r"^2 alive", awaits=True, after=README_B),
    "node set role archive --data-dir /tmp/hearsay-b": run(after=README_B),
    "node aggregate peers --data-dir /tmp/hearsay-a": run(says=r"^members +\d of 2 tell", awaits=True, after=README_B),
    "curl -s http://127.0.0.1:30401 -H 'content-type: application/json' "
    '-d \'{"jsonrpc":"2.0","id":1,"method":"admin_nodeInfo","params":[]}\'': run(
        after=README_A,
        says=r'"result":\{.*"peer_id":"12D3KooW',
    ),
    # OPERATING: as the owner of the README's node.
    "curl -s http://127.0.0.1:30401 -H 'content-type: application/json' "
    "-H @<(sed 's/^/authorization: Bearer /' /tmp/hearsay-a/cookie) "
    '-d \'{"jsonrpc":"2.0","id":1,"method":"block_publish","params":["00"]}\'': run(
        after=README_A,
        # The cookie was correct, and the block was read.
        says='"error":.*"code":-32602,.*not a block',
    ),
    "node tx get <id>": mention("with an id it is in the README"),
    "node block publish": mention("it wants a block; the gate's tests publish some"),
    # The node.
    "node --help": run(says="^Usage:"),
    "node": serve(FREE),
    "node --bootstrap /ip4/192.0.2.7/tcp/30400/p2p/12D3KooW… --producers 64-HEX-DIGITS": serve(FREE),
    "node --data-dir /tmp/b --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0": serve(keep=True),
    "node --data-dir /tmp/b status": run(
        after="node --data-dir /tmp/b --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0",
        says="^peer id +12D3KooW",
    ),
    "node --produce-every 5s --open-producers": serve(FREE),
    "node --trace FILE": serve(FREE),
    "node status": ask(says="^peer id +12D3KooW"),
    "node status --json": ask(says='"peer_id": *"12D3KooW'),
    # No node has connected to it, or only one that was stopped a moment ago.
    "node peers": ask(says=r"no peers|\b127\.0\.0\.1\b"),
    # MEMBERSHIP: the same, as a user types it.
    "node trace": ask(),
    "node trace --follow": mention("it goes on until it is stopped"),
    "node trace ID": mention("with an id it is in the README"),
    "node members": ask(says=r"^1 alive"),
    "node members --watch": mention("it goes on until it is stopped"),
    "curl -sN http://127.0.0.1:30401/events/members": mention("it goes on until it is stopped"),
    "curl -sN 'http://127.0.0.1:30401/events?topics=blocks,tip'": mention("it goes on until it is stopped"),
    "node members show 12D3KooW…": mention("it wants a peer id"),
    "node set role archive": ask(),
    "node get role": mention("the value is there a moment after it was set"),
    "node get --member 12D3KooW… role": mention("it wants a peer id"),
    "node --aggregates height,size": serve(),
    "node aggregate height": ask(says="^members +"),
    "node leave": mention("the other commands ask this node afterwards"),
    "node set": mention("it wants a key and a value"),
    "node set KEY --remove": mention("it wants a key that was set"),
    "node aggregate NAME": mention("with a name it is above"),
    "node doctor": mention("what it finds depends on the machine; the gate's tests run it"),
    "node doctor --json": mention("the same"),
    "node doctor --bootstrap /dns4/boot.example.org/tcp/30400": mention("the same, and it asks a name server"),
    "node bounds": run(says="^sum "),
    "node bounds --json": run(says='"bytes": *[0-9]+'),
    "node bans": ask(says="no peer and no address is banned|BANNED"),
    "node tx pool": ask(says="pending"),
    "node tx pool --follow": mention("it goes on until it is stopped"),
    "node block list": ask(says="HEIGHT|no block there"),
    "node block list --follow": mention("it goes on until it is stopped"),
    "node status --follow": mention("it goes on until it is stopped"),
    "node peers --follow": mention("it goes on until it is stopped"),
    "node peers add ADDR": mention("it wants an address"),
    "node peers remove PEER-ID": mention("it wants a peer id"),
    "node peers ban": mention("it wants a peer id or an address"),
    "node peers ban WHO --time 2h": mention("it wants a peer id or an address"),
    "node peers unban WHO": mention("it wants a ban"),
    "node log FILTER": mention("it wants a filter"),
    "node init": run(always="--data-dir {dir}/made", says="^peer id +12D3KooW"),
    "node init --network test": run(says="--bootstrap /ip4/"),
    "node config": run(says="^max-peers-in +64 +"),
    "node config check FILE": mention("with a file it is below"),
    "node config check node.toml": mention("the file that was made is in the data dir"),
    "node init --max-peers-in 32": mention("it refuses the file of the one above"),
    "node bounds --memory 64MiB": run(says="^sum "),
    "node completions": mention("with a shell it is below"),
    "node man": mention("with a directory it is below"),
    "node completions bash": run(says="complete -F"),
    "node man --out man1": mention("the pages would lie in the project's root; a test writes them elsewhere"),
    "node --version": run(says="^rustc +rustc 1"),
    "node -V": run(says="^node [0-9]"),
    "node evidence": ask(says="none: no producer"),
    "node tx send --payload 'hello'": ask(says="^[0-9a-f]{64}$"),
    "node key show": ask(says="^public key +[0-9a-f]{64}$"),
    "node key generate": ask("--out {dir}/new-key", says="12D3KooW"),
    # The instrument: real nodes.
    "testnet run": plan(),
    "testnet run --nodes 20 --degree 4": run(FEW),
    "testnet run --nodes 8 --degree 4 --block-interval 5s --block-bytes 131072 --ephemeral --node-arg=--max-upload=1MiB/s --node-arg=--max-download=1MiB/s": plan(),
    "testnet run --nodes 20 --degree 4 --block-interval 5s --relay flood": plan(),
    "testnet run --nodes 20 --degree 4 --tx-rate 50 --duration 20s --out out/mine": run(FEW),
    "testnet run --txs 500 --author-skew zipf:1.0 --stray 0.2 --kill 5": plan(),
    "testnet run --engine gossipsub": plan(),
    "testnet run --degree 8 --wan uniform:50ms": plan(),
    "testnet run --degree 8 --wan regions --bandwidth 50mbit": run(FEW),
    "testnet run --degree 8 --wan regions --bandwidth 50mbit --block-interval 5s --block-bytes 131072": plan(),
    "testnet run --nodes 8 --degree 4 --wan uniform:5ms --slow-node 2 --withhold-node 5 --slow-link 0,7": plan(),
    "testnet run --degree 8 --wan regions --partition 10s,60s --duration 90s --drain 60s": plan(),
    "testnet members": mention("with numbers it is below"),
    "testnet members --nodes 50 --kill 10 --pause 10": plan(),
    "testnet sim --members": mention("with a fault it is in SIMULATION"),
    "testnet sim --members --detector foca": mention("a sweep with it is in SIMULATION"),
    "testnet members --nodes 20 --kill 4 --preset lan": plan(),
    "testnet members --nodes 20 --wan regions --partition 5s,60s": plan(),
    "testnet aggregates": run("--nodes 16,64 --seeds 1 --faulty none --sizes 16 --epochs 20", says="^holds "),
    "testnet aggregates --nodes 64,1024 --seeds 20 --faulty none --sizes none": run("--nodes 64,128 --seeds 2", says="^holds "),
    "testnet aggregates --json FILE": mention("it is run above"),
    "testnet aggregates --faulty 1000 --loss 50% --churn 20%": mention("its goals are missed"),
    "testnet run --plateau 96MiB --nodes 20 --tx-rate 60 --block-interval 5s --duration 1h": plan(),
    "testnet run --find-capacity": plan(),
    "testnet run --degree 8 --find-capacity": plan(),
    "testnet run --degree 8 --find-capacity --engine gossipsub": plan(),
    "testnet run --duration 10m --dashboard": plan(),
    "testnet run --degree 8 --wan regions --duration 10m --dashboard": plan(),
    "testnet replay out/testnet": mention("it serves until it is stopped; scripts/browser-test.sh runs it"),
    "testnet sim --nodes 200 --txs 100 --dashboard": mention("it serves until it is stopped"),
    "testnet report": mention("it wants a directory: see the entries with one"),
    "testnet report out/mine": run(after="testnet run --nodes 20 --degree 4 --tx-rate 50 --duration 20s --out out/mine"),
    "testnet report out/mine --tree": run(
        after="testnet run --nodes 20 --degree 4 --tx-rate 50 --duration 20s --out out/mine", says=r"^node \d+"
    ),
    "testnet report out/testnet --tree": run(after="testnet run --nodes 20 --degree 4", says=r"^node \d+"),
    "testnet report out/testnet --tree 3f2a": mention("every run has other ids"),
    "testnet report out/testnet --ndjson": run(after="testnet run --nodes 20 --degree 4"),
    "testnet report out/testnet": run(after="testnet run --nodes 20 --degree 4"),
    "testnet compare": run(f"{FEW} --engines hearsay --workloads plain --rounds 1"),
    "testnet compare --engines hearsay,gossipsub,gossipsub-signed --relay announce,author-tree --tx-rate 20 --duration 10s "
    "--rounds 3": plan(),
    "testnet compare --engines hearsay,gossipsub,gossipsub-signed --relay announce,flood": plan(),
    "testnet compare --relay announce,flood --workloads plain --rounds 1": plan(),
    "testnet compare --engines hearsay --store both --workloads plain": plan(),
    "testnet compare --tx-rate 0 --block-interval 5s --block-bytes 131072": plan(),
    "testnet compare --wan regions --bandwidth 50mbit --tx-rate 0 --block-interval 5s --block-bytes 131072": plan(),
    "testnet report out/compare": run(after="testnet compare"),
    "testnet worker": mention("the instrument starts its workers itself, and the engine's name belongs to it"),
    # The instrument: simulations.
    "testnet sim": run("--txs 5"),
    "testnet sim --nodes 10000 --degree 8 --txs 200 --seed 7": run("--nodes 50 --txs 5"),
    "testnet sim --scenario testnet/scenarios/classic.toml --sweep fanout=1..6": run(),
    "testnet sim --scenario testnet/scenarios/growth.toml --sweep nodes=16..1024*2": plan(),
    "testnet sim --scenario testnet/scenarios/growth.toml --sweep nodes=16..65536*2": plan(),
    "testnet sim --scenario testnet/scenarios/withholders.toml": run("--nodes 50 --txs 5"),
    "testnet sim --scenario testnet/scenarios/withholders.toml --relay author-tree": run("--nodes 50 --txs 5"),
    "testnet sim --relay rumor --reconcile-interval 0s --sweep nodes=16..4096*4 --txs 20": plan(),
    "testnet sim --nodes 1000 --relay flood --seeds 1..20": run("--nodes 30 --txs 5 --seeds 1..2"),
    "testnet sim --members --nodes 200 --kill 1 --join 1 --set-entry 1 --seeds 10": run("--nodes 20 --seeds 2"),
    "testnet sim --members --nodes 200 --kill 4 --loss 10% --sweep members.detector=swim,phi,foca": run("--nodes 20 --settle 1s --drain 1s"),
    "testnet sim --members --nodes 100 --liars accuse,mute --duration 10m": run("--nodes 20 --duration 20s --drain 20s"),
    "testnet sim --swarm --seeds 1..100": run("--seeds 1..2"),
    "testnet sim --swarm --seeds 1..1000": plan(),
    "testnet sim --swarm --seeds 1..10000": mention("scripts/prove-sim.sh swarm runs it in parts, for hours"),
    "testnet sim --degree 8 --partition 10s,60s --duration 90s --checks converged": run("--nodes 20 --tx-rate 0.5"),
    "testnet sim --interval 1s --sweep nodes=50,100,200,500,1000 --txs 20": plan(),
    # The scripts.
    "scripts/check.sh": long("it runs this"),
    "scripts/browser-test.sh": long("the gate runs it, if there is a browser"),
    "scripts/browser-test.sh node-page": long("the form without a name is all of them"),
    "scripts/browser-test.sh dashboard": long("the form without a name is all of them"),
    "scripts/browser-test.sh --shots DIR": mention("it wants a directory"),
    "scripts/browser-test.sh --can-run": long("it says whether there is a browser"),
    "scripts/check-commands.py": mention("it is this"),
    "scripts/check-commands.py --all": mention("it is this"),
    "scripts/check-commands.py --only TEXT": mention("it is this"),
    "scripts/check-commands.py --list": run(),
    "scripts/check-house.py": run(says="^house: "),
    "scripts/check-house.py --list": run(says="^house: "),
    "scripts/check-house.py --tighten": mention("it changes the numbers that are known"),
    "scripts/check-house.py --self-test": run(says="every planted fault was noticed"),
    "scripts/check-readmes.py": run(says="^readmes: .* 0 differences"),
    "scripts/check-readmes.py --self-test": run(says="every change was noticed"),
    "scripts/check-book.py": run(says="^book: "),
    "scripts/public-api.py": run(says="as listed"),
    "scripts/public-api.py --write": mention("it writes the listings anew"),
    "scripts/public-api.py --self-test": run(says="noticed"),
    "scripts/fuzz.sh": long("it wants cargo-fuzz, a build of its own and 85 minutes"),
    "scripts/fuzz.sh TARGET": mention("the form without TARGET is all of them"),
    "scripts/fuzz.sh --merge": mention("it changes the kept corpora by what a run found"),
    "scripts/kill-test.sh": run("1"),
    "scripts/kill-test.sh [COUNT]": mention("the form without COUNT is run"),
    "testnet report DIR": mention("with a directory it is in the README"),
    "testnet report DIR --tree": mention("with a directory it is in the README"),
    "testnet report DIR --ndjson": mention("it writes two files beside those of a run"),
    "scripts/trace-hash.sh FILE": long("it wants a release build, and a minute or two"),
    "scripts/trace-hash.sh --check FILE": long("it wants a release build, and a minute or two"),
    "scripts/testnet-50.sh": run(FEW),
    "scripts/testnet-50.sh --relay flood": plan(),
    "scripts/testnet-50.sh --relay flood --nodes 20 --out out/flood": plan(),
    "scripts/testnet-50.sh --relay rumor:fanout=3,round=1s --reconcile-interval 0s": plan(),
    "scripts/interop.sh": long("it installs packages of npm"),
    "scripts/interop.sh --python": long("it installs packages of PyPI"),
    "node --ephemeral --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0 --open-producers --exempt-loopback --log node=debug": mention("it has no data dir by which it could be asked"),
    "scripts/interop.sh --node PROGRAM": mention("the form without a program builds it"),
    "scripts/interop.sh --break FAULT": mention("a form to fill in; each fault must make it fail"),
    "cargo run -p hearsay-node --example store_cost": long("it writes for minutes"),
    "cargo run -p hearsay-node --example coins": mention("the gate runs the example itself"),
    "cargo run -p hearsay-node --example chat": mention("the gate runs the example itself"),
    **{
        f"scripts/prove.sh {name}": proof()
        for name in "fifty flood kill bootstrap netns nat compare busy links blocks headers capacity kill-nine join reconcile verify store "
        "partition members-relay tracing eighth rpc-flood scrape memory-cost plateau eclipse field attack fuzz commands all".split()
    },
    **{
        f"scripts/prove-sim.sh {name}": proof()
        for name in "large million table trees growth withholders attackers repair swarm reality partition-sim spread members detectors values fanout aggregates liars all".split()
    },
    "scripts/beside.py flood TESTNET": mention("scripts/prove.sh rpc-flood runs it"),
    "scripts/beside.py scrape TESTNET": mention("scripts/prove.sh scrape runs it"),
    "scripts/beside.py memory TESTNET": mention("scripts/prove.sh memory-cost runs it"),
    "scripts/release.sh": long("it builds for release, with optimisation across crates"),
    "scripts/release.sh --check": mention("it looks at what the other form has made"),
    "scripts/prove-sim.sh NAME": mention("each name is an entry"),
}


def normal(text):
    """A command without the path of its program, for the table."""
    text = re.sub(r"\s+", " ", text.strip())
    return re.sub(r"(?<![\w/.-])(\./|target/release/)+", "", text)
