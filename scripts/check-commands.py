#!/usr/bin/env python3
# Runs every command that the documents, the programs' help texts and the scripts' heads name, each with the exit status that
# it should have. A command that the table below doesn't know is a failure, and so is an entry that nothing names any more.
#
#   scripts/check-commands.py                 the quick part, which the gate runs: debug programs, and flags that make runs small
#   scripts/check-commands.py --all           in a fresh clone of the last commit, built for release, exactly as written (hours)
#   scripts/check-commands.py --only TEXT     of either part, those commands that contain the text; may be repeated
#   scripts/check-commands.py --list          what is known, and how it is run
#
# Ports, addresses, keys and directories are put in for those that are written, in both parts: nothing outside of a new temporary
# directory is written, and nodes listen on free ports of the loopback address. All that is started is stopped, also on a failure.
#
# Exit status: 0 all is as it should be, 1 something isn't, 2 usage, 130 interrupted.
#
# Not looked at: docs/decisions and CHANGELOG.md, which tell of the past.

import argparse
import collections
import concurrent.futures
import dataclasses
import glob
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A quick command that takes longer hangs. A long one may search for a capacity or run the gate.
PLAN_S, QUICK_S, LONG_S = 10, 120, 2 * 3600
# Documents, help texts and heads whose commands run at the same time. They mostly wait.
GROUPS_AT_ONCE = 4


# --- how a command is run ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class How:
    kind: str
    # More words: always; and in the quick part alone, where the later of two flags wins.
    always: str = ""
    quick: str = ""
    status: int = 0
    # Why it isn't run, or not in the quick part.
    why: str = ""
    keep: bool = False
    # What must have been run before, in the same place.
    after: str = ""


def run(quick="", always="", status=0, after=""):
    """It ends by itself."""
    return How("run", always, quick, status, after=after)


def plan():
    """A run of the instrument. In the quick part it is read and planned and then refused, for its directory is taken."""
    return How("plan")


def serve(always="", keep=False):
    """A node: started, looked at, and interrupted. With keep, others ask it, and it is interrupted in the end."""
    return How("serve", always, keep=keep)


def ask(always=""):
    """Asks the node of the default data directory, which is started for it."""
    return How("ask", always)


def long(why):
    """Not in the quick part."""
    return How("long", why=why)


def proof():
    """Takes its time, and keeps its output in the repository: run it by its name. Here it is only asked what it would run."""
    return How("proof", always="--dry-run")


def mention(why):
    """A part of a command, or one to fill in."""
    return How("mention", why=why)


FREE = "--listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0"
FEW = "--nodes 4 --degree 3 --tx-rate 5 --duration 1s --drain 5s --idle 1s"

# Every command, as it is written but for target/release/, ./ and comments. Of one with several forms, each is an entry.
KNOWN = {
    # README: the walk.
    "cargo build --release --workspace": long("the gate builds for debugging"),
    "node --data-dir /tmp/hearsay-a --listen /ip4/127.0.0.1/tcp/30411 --open-producers --produce-every 5s": serve(
        "--rpc-addr 127.0.0.1:30401", keep=True
    ),
    "node --data-dir /tmp/hearsay-b --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0 "
    "--bootstrap /ip4/127.0.0.1/tcp/30411 --open-producers": serve(keep=True),
    "node peers --data-dir /tmp/hearsay-b": run(),
    "ID=$(node tx send --data-dir /tmp/hearsay-a --payload 'hello')": run(),
    "sleep 1": run(),
    'node tx get "$ID" --data-dir /tmp/hearsay-b': run(),
    "node status --data-dir /tmp/hearsay-b": run(),
    "curl -s http://127.0.0.1:30401 -H 'content-type: application/json' "
    '-d \'{"jsonrpc":"2.0","id":1,"method":"admin_nodeInfo","params":[]}\'': run(),
    # The node.
    "node --help": run(),
    "node": serve(FREE),
    "node --bootstrap /ip4/192.0.2.7/tcp/30400/p2p/12D3KooW… --producers 64-HEX-DIGITS": serve(FREE),
    "node --data-dir /tmp/b --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0": serve(keep=True),
    "node --data-dir /tmp/b status": run(),
    "node --produce-every 5s --open-producers": serve(FREE),
    "node --trace FILE": serve(FREE),
    "node status": ask(),
    "node status --json": ask(),
    "node peers": ask(),
    "node tx send --payload 'hello'": ask(),
    "node key show": ask(),
    "node key generate": ask("--out {dir}/new-key"),
    # The instrument: real nodes.
    "testnet run": plan(),
    "testnet run --nodes 20 --degree 4": run(FEW),
    "testnet run --nodes 20 --degree 4 --block-interval 5s --relay flood": plan(),
    "testnet run --nodes 20 --degree 4 --tx-rate 50 --duration 20s --out out/mine": run(FEW),
    "testnet run --txs 500 --author-skew zipf:1.0 --stray 0.2 --kill 5": plan(),
    "testnet run --engine gossipsub": plan(),
    "testnet run --degree 8 --wan uniform:50ms": plan(),
    "testnet run --degree 8 --wan regions --bandwidth 50mbit": run(FEW),
    "testnet run --degree 8 --wan regions --bandwidth 50mbit --block-interval 5s --block-bytes 131072": plan(),
    "testnet run --degree 8 --wan regions --partition 10s,60s --duration 90s --drain 60s": plan(),
    "testnet run --find-capacity": plan(),
    "testnet run --degree 8 --find-capacity": plan(),
    "testnet run --degree 8 --find-capacity --engine gossipsub": plan(),
    "testnet report": mention("it wants a directory: see the entries with one"),
    "testnet report out/mine": run(after="testnet run --nodes 20 --degree 4 --tx-rate 50 --duration 20s --out out/mine"),
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
    "testnet sim --swarm --seeds 1..100": run("--seeds 1..2"),
    "testnet sim --swarm --seeds 1..1000": plan(),
    "testnet sim --swarm --seeds 1..10000": mention("scripts/prove-sim.sh swarm runs it in parts, for hours"),
    "testnet sim --degree 8 --partition 10s,60s --duration 90s --checks converged": run("--nodes 20 --tx-rate 0.5"),
    "testnet sim --interval 1s --sweep nodes=50,100,200,500,1000 --txs 20": plan(),
    # The scripts.
    "scripts/check.sh": long("it runs this"),
    "scripts/check-commands.py": mention("it is this"),
    "scripts/check-commands.py --all": mention("it is this"),
    "scripts/check-commands.py --only TEXT": mention("it is this"),
    "scripts/check-commands.py --list": run(),
    "scripts/kill-test.sh": run("1"),
    "scripts/kill-test.sh [COUNT]": mention("the form without COUNT is run"),
    "scripts/testnet-50.sh": run(FEW),
    "scripts/testnet-50.sh --relay flood": plan(),
    "scripts/testnet-50.sh --relay flood --nodes 20 --out out/flood": plan(),
    "scripts/testnet-50.sh --relay rumor:fanout=3,round=1s --reconcile-interval 0s": plan(),
    "cargo run -p node --example store_cost": long("it writes for minutes"),
    **{
        f"scripts/prove.sh {name}": proof()
        for name in "fifty flood kill bootstrap netns compare links blocks headers capacity kill-nine join reconcile store "
        "partition field commands all".split()
    },
    **{
        f"scripts/prove-sim.sh {name}": proof()
        for name in "large table trees growth withholders repair swarm reality partition-sim spread all".split()
    },
    "scripts/prove-sim.sh NAME": mention("each name is an entry"),
}


# --- what is written --------------------------------------------------------------------------------------------------------

# What begins a command.
BEGINS = r"(?:\./|target/release/)*(?:(?:node|testnet)(?= [-a-z])|scripts/\S+\.(?:sh|py)|cargo (?:build|run|test)\b|curl )"


def normal(text):
    """A command without where its program is, for the table."""
    text = re.sub(r"\s+", " ", text.strip())
    return re.sub(r"(?<![\w/.-])(\./|target/release/)+", "", text)


def of_block(text):
    """The commands of a block of shell: lines that go on are one, and comments are none."""
    text = re.sub(r"\\\n\s*", " ", text)
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if line:
            yield line


def of_document(path):
    text = open(os.path.join(ROOT, path), encoding="utf-8").read()
    fence = re.compile(r"^```(\w*)\n(.*?)^```\n?", re.M | re.S)
    found = [(match.start(), line) for match in fence.finditer(text) if match[1] == "sh" for line in of_block(match[2])]
    # Blanked, so that places stay.
    prose = fence.sub(lambda match: " " * len(match[0]), text)
    for match in re.finditer(r"`([^`]+)`", prose):
        if re.match(BEGINS, match[1]):
            found.append((match.start(), re.sub(r"\s+", " ", match[1])))
    return [line for _, line in sorted(found, key=lambda one: one[0])]


def of_help(text):
    """The examples of a help text: lines that begin with two blanks and the program. What is said of one stands behind it, at the
    same column for all, or below."""
    examples = text.partition("\nExamples:\n")[2].partition("\n\n")[0].splitlines()
    lines = [line for line in examples if re.match(r"  (node|testnet)( |$)", line)]
    columns = collections.Counter(re.match(r"  \S.*?\s{2,}(?=\S)", line).end() for line in lines if re.match(r"  \S.*?\s{2,}\S", line))
    column = columns.most_common(1)[0][0] if columns else None
    for line in lines:
        if column and len(line) > column and line[column - 1] == " ":
            line = line[:column]
        yield re.split(r"\s{2,}", line.strip())[0]


def of_head(path):
    for line in open(os.path.join(ROOT, path), encoding="utf-8"):
        if not line.startswith("#"):
            return
        match = re.match(r"#   (scripts/\S+.*|testnet .*)", line)
        if match:
            yield re.split(r"\s{2,}", match[1].strip())[0]


def helps(program):
    """The help texts of a program and of all its commands, without those that help itself has."""
    # Wide, so that no example is broken into lines.
    env, todo = {**os.environ, "COLUMNS": "1000"}, [[]]
    while todo:
        words = todo.pop(0)
        text = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True, timeout=60, env=env).stdout
        yield " ".join([os.path.basename(program), *words, "--help"]), text
        listed = re.search(r"^Commands:\n(.*?)(?:\n\n[A-Z]|\Z)", text, re.M | re.S)
        names = re.findall(r"^  ([a-z][a-z-]*)(?: |$)", listed[1], re.M) if listed else []
        todo.extend([*words, name] for name in names if name != "help")


def written(bins):
    """Where it is written, and the commands there in their order."""
    documents = ["README.md", *sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md")))]
    found = {path: of_document(path) for path in documents}
    for program in ("node", "testnet"):
        found[f"{program} --help"] = []
        for name, text in helps(os.path.join(bins, program)):
            found[f"{program} --help"].extend(of_help(text))
    heads = [*glob.glob(os.path.join(ROOT, "scripts", "*")), *glob.glob(os.path.join(ROOT, "testnet", "scenarios", "*.toml"))]
    found["heads of scripts and scenarios"] = [
        line for path in sorted(heads) if os.path.isfile(path) for line in of_head(os.path.relpath(path, ROOT))
    ]
    return found


# --- running it -------------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    pass


class Group:
    """The commands of one place, in a directory of their own with what they need to be as in a fresh clone."""

    def __init__(self, name, work, bins, everything, alive):
        self.name, self.everything, self.alive = name, everything, alive
        self.dir = tempfile.mkdtemp(dir=work)
        self.kept, self.default, self.told = [], None, []
        self.ports = {}
        if everything:
            self.walk, target = bins
        else:
            self.walk, target = os.path.join(self.dir, "walk"), os.path.join(self.dir, "walk", "target")
            os.makedirs(target)
            for entry in os.listdir(ROOT):
                if entry not in ("target", "out", ".git"):
                    os.symlink(os.path.join(ROOT, entry), os.path.join(self.walk, entry))
            os.symlink(bins, os.path.join(target, "release"))
        taken = os.path.join(self.dir, "taken")
        os.makedirs(taken)
        open(os.path.join(taken, "something"), "w").close()
        stand_ins = os.path.join(self.dir, "bin")
        os.makedirs(stand_ins)
        if not everything:
            # Scripts build before they run. That is done.
            path = os.path.join(stand_ins, "cargo")
            open(path, "w").write("#!/bin/sh\n")
            os.chmod(path, 0o755)
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("NODE_")}
        self.env.update(
            PATH=f"{stand_ins}:{target}/release:{os.environ['PATH']}",
            XDG_DATA_HOME=os.path.join(self.dir, "data"),
            CARGO_TARGET_DIR=target,
            NO_COLOR="1",
        )

    def port(self, written):
        """A free port for one that is written."""
        if written not in self.ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self.ports[written] = str(free.getsockname()[1])
        return self.ports[written]

    def filled(self, text, words):
        """The command with ports, directories, addresses and keys that exist, and with more words."""
        text = text.replace("/tmp/", f"{self.dir}/").replace("FILE", f"{self.dir}/file")
        text = f"{text} {words.replace('{dir}', self.dir)}"
        for port in ("30411", "30401"):
            if port in text:
                text = re.sub(rf"\b{port}\b", self.port(port), text)
        if "192.0.2.7" in text or "64-HEX-DIGITS" in text:
            self.started_default()
            rpc = json.load(open(self.default_rpc()))
            address = next(one for one in rpc["listen"] if "127.0.0.1" in one)
            key = json.loads(self.output("node key show --json"))
            text = re.sub(r"/ip4/192\.0\.2\.7/\S+", address.split("/p2p/")[0] + "/p2p/" + key["peer_id"], text)
            # It must not have the default node's directory.
            text = text.replace("64-HEX-DIGITS", key["public_key"]) + f" --data-dir {self.dir}/joins"
        return text

    def default_rpc(self):
        return os.path.join(self.dir, "data", "hearsay", "dev", "rpc.json")

    def output(self, command):
        done = subprocess.run(["bash", "-c", command], cwd=self.walk, env=self.env, capture_output=True, text=True, timeout=QUICK_S)
        if done.returncode != 0:
            raise Wrong(f"{command}: exit status {done.returncode}\n{done.stderr}")
        return done.stdout

    def start(self, command):
        log = open(os.path.join(self.dir, f"log-{len(self.told)}-{len(self.kept)}"), "w+", encoding="utf-8")
        # A variable that one command sets is there for the next.
        script = f"set -e; state='{self.dir}/state'; [ ! -e \"$state\" ] || . \"$state\"; {command}\ndeclare -p ID >\"$state\" 2>/dev/null || true"
        if not re.search(r"\bID\b", command):
            script = f"exec {command}"
        child = subprocess.Popen(
            ["bash", "-c", script], cwd=self.walk, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        self.alive.add(child)
        return child, log

    def said(self, log):
        log.seek(0)
        return "".join("    " + line for line in log.read().splitlines(keepends=True)[-15:])

    def finish(self, command, child, log, status, limit):
        try:
            found = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            raise Wrong(f"didn't end within {limit} s\n{self.said(log)}") from None
        finally:
            stop(child)
            self.alive.discard(child)
        if found != status:
            raise Wrong(f"exit status {found} instead of {status}\n{self.said(log)}")

    def serving(self, command):
        """Starts a node and waits until it is asked with success."""
        match = re.search(r"--data-dir (\S+)", command)
        place = f"--data-dir {match[1]}" if match else ""
        child, log = self.start(command)
        until = time.monotonic() + 60
        asked = f"node status {place}"
        while subprocess.run(["bash", "-c", asked], cwd=self.walk, env=self.env, capture_output=True, timeout=QUICK_S).returncode != 0:
            if child.poll() is not None or time.monotonic() > until:
                ended = child.returncode
                stop(child)
                raise Wrong(f"doesn't run, or answers nobody (exit status {ended})\n{self.said(log)}")
            time.sleep(0.1)
        return child, log

    def started_default(self):
        if self.default is None:
            self.default = self.serving(f"node {FREE}")

    def ended_default(self):
        if self.default is not None:
            child, log = self.default
            self.default = None
            child.send_signal(signal.SIGINT)
            self.finish("node", child, log, 0, QUICK_S)

    def do(self, command, how):
        quick = not self.everything
        words = f"{how.always} {how.quick if quick else ''}"
        if how.kind == "mention" or (how.kind == "long" and quick):
            return False
        if shutil.which(command.split()[0]) is None and command.startswith("curl"):
            self.told.append(f"skipped {command.split()[0]}: not installed")
            return False
        if how.kind == "serve":
            place = "--data-dir" in command or "64-HEX" in command
            if not place:
                self.ended_default()
            child, log = self.serving(self.filled(command, words))
            if how.keep:
                self.kept.append((command, child, log))
                return True
            child.send_signal(signal.SIGINT)
            self.finish(command, child, log, how.status, QUICK_S)
            return True
        if how.kind == "ask":
            self.started_default()
        status = how.status
        if how.kind == "plan" and quick:
            words, status = "--out {dir}/taken", 1
        child, log = self.start(self.filled(command, words))
        self.finish(command, child, log, status, PLAN_S if how.kind == "plan" and quick else QUICK_S if quick else LONG_S)
        if how.kind == "plan" and quick and "not empty, and holds no earlier run" not in open(log.name, encoding="utf-8").read():
            raise Wrong(f"wasn't planned\n{self.said(log)}")
        return True

    def end(self):
        self.ended_default()
        for command, child, log in reversed(self.kept):
            child.send_signal(signal.SIGINT)
            self.finish(command, child, log, 0, QUICK_S)

    def all(self, commands):
        """Runs them, and returns what went wrong."""
        wrong = []
        try:
            for command in [*commands, None]:
                began = time.monotonic()
                try:
                    ran = self.end() if command is None else self.do(command, KNOWN[normal(command)])
                except (Wrong, OSError, subprocess.SubprocessError, ValueError, KeyError, StopIteration) as error:
                    wrong.append(f"{self.name}: {command or 'stopping the nodes'}: {error}")
                    continue
                if ran and (self.everything or time.monotonic() - began > 10):
                    print(f"{time.monotonic() - began:6.1f} s  {command}", flush=True)
        finally:
            for child in [child for _, child, _ in self.kept] + ([self.default[0]] if self.default else []):
                stop(child)
        return wrong


def stop(child):
    """Ends a process and all that it started, and waits for it."""
    for sign, limit in ((signal.SIGTERM, 15), (signal.SIGKILL, 15)):
        if child.poll() is not None:
            break
        child.send_signal(sign)
        try:
            child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            continue
    try:
        # Those that its own end left; a group without members is gone.
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def differences(found):
    """Commands that the table doesn't know, and entries that nothing names."""
    named = {normal(command) for commands in found.values() for command in commands}
    wrong = [
        f"{place}: {command}: the table in scripts/check-commands.py doesn't know it"
        for place, commands in found.items()
        for command in commands
        if normal(command) not in KNOWN
    ]
    return wrong + [f"{command}: in the table of scripts/check-commands.py, and nowhere written" for command in KNOWN if command not in named]


def once(found, only):
    """Each command at the first place where it is written, and what it needs before it."""
    first, at = {}, {}
    for place, commands in found.items():
        for command in commands:
            at.setdefault(normal(command), (place, command))
    for name, (place, command) in at.items():
        if name not in KNOWN or not any(text in command for text in only or [""]):
            continue
        before = at.get(KNOWN[name].after)
        for place, command in [before, (before[0], command)] if before else [(place, command)]:
            if command not in first.setdefault(place, []):
                first[place].append(command)
    return first


def built(arguments, work):
    """Builds; returns the programs' directory, and for all what a group takes."""
    if arguments.all:
        clone = os.path.join(work, "clone")
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        env = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
        subprocess.run(["cargo", "build", "--release", "--workspace"], cwd=clone, env=env, check=True)
        target = os.path.join(clone, "target")
        return os.path.join(target, "release"), (clone, target)
    build = ["cargo", "build", "--locked", "--quiet"]
    subprocess.run([*build, "--workspace", "--bins"], cwd=ROOT, check=True)
    subprocess.run([*build, "-p", "node", "--example", "kill_test"], cwd=ROOT, check=True)
    bins = os.path.join(ROOT, os.environ.get("CARGO_TARGET_DIR") or "target", "debug")
    return bins, bins


def main():
    parser = argparse.ArgumentParser(add_help=True)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--only", action="append", metavar="TEXT")
    parser.add_argument("--list", action="store_true")
    arguments = parser.parse_args()
    if arguments.list:
        for command, how in KNOWN.items():
            print(f"{how.kind:8} {command}" + (f"  ({how.why})" if how.why else ""))
        return 0
    for sign in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sign, lambda *_: signal.raise_signal(signal.SIGINT))
    work, alive = tempfile.mkdtemp(prefix="hearsay-commands-"), set()
    try:
        bins, walk = built(arguments, work)
        found = written(bins)
        wrong = differences(found)
        groups = once(found, arguments.only)
        # One by one as written, for they take the whole machine.
        with concurrent.futures.ThreadPoolExecutor(1 if arguments.all else GROUPS_AT_ONCE) as pool:
            made = [(Group(place, work, walk, arguments.all, alive), commands) for place, commands in groups.items()]
            try:
                for result in [pool.submit(group.all, commands) for group, commands in made]:
                    wrong.extend(result.result())
            except KeyboardInterrupt:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
            finally:
                for child in list(alive):
                    stop(child)
        for group, _ in made:
            for line in group.told:
                print(line)
    except KeyboardInterrupt:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130
    finally:
        for child in list(alive):
            stop(child)
        shutil.rmtree(work, ignore_errors=True)
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    kinds = collections.Counter(KNOWN[normal(command)].kind for commands in groups.values() for command in commands)
    print(f"commands: {sum(kinds.values())} known, {len(wrong)} wrong; " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
