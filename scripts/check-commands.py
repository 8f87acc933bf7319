#!/usr/bin/env python3
# Runs every command in the documents, the programs' help texts and the scripts' heads, and checks its exit status.
# A command that known_commands.py doesn't know is a failure. So is an entry that no text names any more.
#
#   scripts/check-commands.py                 the quick part, which the gate runs: debug programs, and flags that
#                                             make runs small
#   scripts/check-commands.py --all           in a fresh clone of the last commit, built for release, exactly as
#                                             written (hours)
#   scripts/check-commands.py --only TEXT     only commands of either part that contain the text; may be repeated;
#                                             none is an error
#   scripts/check-commands.py --list          the known commands, and how each is run
#
# In both parts, the written ports, addresses, keys and directories are replaced. Nothing is written outside a new
# temporary directory, and nodes listen on free ports of the loopback address. Everything that is started is
# stopped, also after a failure or a signal. Then nothing more is started.
#
# In a document, commands are read from blocks marked `sh` and from words in backticks. A command in another block
# is a failure.
#
# Exit status: 0 all is correct, 1 something is not, 2 usage, 130 interrupted.
#
# Not checked: docs/decisions and CHANGELOG.md, because they are about the past.

import argparse
import collections
import concurrent.futures
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

sys.dont_write_bytecode = True
from known_commands import FREE, KNOWN, normal  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# A quick command that takes longer hangs. A long one may search for a capacity or run the gate.
PLAN_S, QUICK_S, LONG_S = 10, 120, 2 * 3600
# Data that nodes tell each other are there after this time, even on a busy machine.
AWAITED_S = 20
# The times to end: after a signal, after a second signal (which means at once), and after being killed.
STOPS_S = (3, 5, 5)
# The number of documents, help texts and heads whose commands run at the same time. They mostly wait.
GROUPS_AT_ONCE = 4
# The exit status of a node whose address is in use.
IN_USE = 4


# --- what is written --------------------------------------------------------------------------------------------------------

# The beginning of a command.
BEGINS = r"(?:\$ |sudo |python3 |[A-Z_]+=\S* )*"
BEGINS += r"(?:\./|target/release/)*(?:(?:node|testnet)(?= [-a-z])|scripts/\S+\.(?:sh|py)|cargo (?:build|run|test)\b|curl )"


def of_block(text):
    """The commands of a block of shell: continued lines are one command, and comments are none."""
    text = re.sub(r"\\\n\s*", " ", text)
    for line in text.splitlines():
        line = re.sub(r"(^|\s)#.*$", "", line).strip()
        if line:
            yield line


def blocks(text):
    """The blocks between fences: the begin of each, its mark, and its content. Also the text with blanks in their places."""
    found, rest, at, fence = [], [], 0, None
    for line in text.splitlines(keepends=True):
        match = re.match(r"[ >]*(```+|~~~+) *([^`\n]*)$", line)
        rest.append(" " * len(line) if match or fence else line)
        if fence is None:
            if match:
                fence, inside = match[1], []
                found.append((at, match[2].strip(), inside))
        elif match and match[1].startswith(fence) and not match[2]:
            fence = None
        else:
            inside.append(line)
        at += len(line)
    return [(at, mark, "".join(inside)) for at, mark, inside in found], "".join(rest)


def document(path):
    return blocks(open(os.path.join(ROOT, path), encoding="utf-8").read())


def of_document(path):
    fenced, prose = document(path)
    found = [(at, line) for at, mark, text in fenced if mark == "sh" for line in of_block(text)]
    for match in re.finditer(r"`([^`]+)`", prose):
        if re.match(BEGINS, match[1]):
            found.append((match.start(), re.sub(r"\s+", " ", match[1])))
    return [line for _, line in sorted(found, key=lambda one: one[0])]


def hidden(path):
    """Commands in blocks that are not read: between fences with another mark or none, and indented ones."""
    fenced, prose = document(path)
    other = [(mark or "nothing", line) for _, mark, text in fenced if mark != "sh" for line in of_block(text)]
    other += [("blanks", match[1]) for match in re.finditer(r"^[ \t]*\n(?: {4}|\t)[ \t]*(\S.*)$", prose, re.M)]
    return [
        f"{path}: {line}: in a block marked with {mark}, whose commands aren't run: mark it sh"
        for mark, line in other
        if re.match(BEGINS, line.lstrip("# "))
    ]


def of_help(text):
    """The examples of a help text: lines that begin with two blanks and the program. A description stands after the example, at
    the same column for all, or below."""
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


def helps(program, children):
    """The help texts of a program and of all its commands, except those of help itself."""
    # The page is wide, so that no example is broken into lines.
    env, todo = {**os.environ, "COLUMNS": "1000"}, [[]]
    while todo:
        words = todo.pop(0)
        text = children.run([program, *words, "--help"], stdout=subprocess.PIPE, timeout=60, env=env).stdout
        yield " ".join([os.path.basename(program), *words, "--help"]), text
        listed = re.search(r"^Commands:\n(.*?)(?:\n\n[A-Z]|\Z)", text, re.M | re.S)
        names = re.findall(r"^  ([a-z][a-z-]*)(?: |$)", listed[1], re.M) if listed else []
        todo.extend([*words, name] for name in names if name != "help")


def documents():
    return ["README.md", *sorted(os.path.relpath(path, ROOT) for path in glob.glob(os.path.join(ROOT, "docs", "*.md")))]


def written(bins, children):
    """The place of a text, and its commands in their order."""
    found = {path: of_document(path) for path in documents()}
    for program in ("node", "testnet"):
        found[f"{program} --help"] = []
        for name, text in helps(os.path.join(bins, program), children):
            found[f"{program} --help"].extend(of_help(text))
    heads = [*glob.glob(os.path.join(ROOT, "scripts", "*")), *glob.glob(os.path.join(ROOT, "testnet", "scenarios", "*.toml"))]
    found["heads of scripts and scenarios"] = [
        line for path in sorted(heads) if os.path.isfile(path) for line in of_head(os.path.relpath(path, ROOT))
    ]
    return found


# --- running it -------------------------------------------------------------------------------------------------------------


class Wrong(Exception):
    pass


class InUse(Wrong):
    """An address at which a node should listen."""


class Stopped(Exception):
    """A signal came."""


class Children:
    """All running processes, each the first of its own session. None is started after the call that stops all."""

    def __init__(self):
        # This is a flag and not an event, because a handler may be called inside another, and an event's lock
        # would wait for itself.
        self.stopping = False
        self.lock, self.alive = threading.Lock(), set()

    def start(self, words, **options):
        with self.lock:
            if self.stopping:
                raise Stopped
            child = subprocess.Popen(words, stdin=subprocess.DEVNULL, text=True, start_new_session=True, **options)
            self.alive.add(child)
        return child

    def run(self, words, timeout=None, check=True, **options):
        """Runs one to its end. Unlike subprocess.run, the main thread sees here that a signal came."""
        child, until = self.start(words, **options), time.monotonic() + (timeout or LONG_S)
        try:
            while True:
                try:
                    out, err = child.communicate(timeout=0.2)
                    break
                except subprocess.TimeoutExpired:
                    if self.stopping:
                        raise Stopped from None
                    if time.monotonic() > until:
                        raise Wrong(f"{' '.join(words)}: didn't end within {timeout or LONG_S} s") from None
        finally:
            self.stop(child)
        if self.stopping:
            raise Stopped
        if check and child.returncode != 0:
            raise Wrong(f"{' '.join(words)}: exit status {child.returncode}\n{err or ''}")
        return subprocess.CompletedProcess(words, child.returncode, out, err)

    def stop(self, *children):
        """Ends processes and everything that they started, and waits for them."""
        left = list(children)
        for sign, limit in zip((signal.SIGTERM, signal.SIGTERM, signal.SIGKILL), STOPS_S):
            left = [child for child in left if goes_on(child)]
            for child in left:
                signalled(child, sign)
            until = time.monotonic() + limit
            while any(goes_on(child) for child in left) and time.monotonic() < until:
                time.sleep(0.02)
        with self.lock:
            self.alive.difference_update(children)

    def stop_all(self):
        self.stopping = True
        with self.lock:
            alive = list(self.alive)
        self.stop(*alive)


def signalled(child, sign):
    """Sends a signal to a process and to everything that it started. Returns whether there are any."""
    try:
        os.killpg(child.pid, sign)
    except ProcessLookupError:
        return False
    return True


def goes_on(child):
    """Whether a process runs, or another one that it started."""
    return child.poll() is None or signalled(child, 0)


class Group:
    """The commands of one place, in their own directory, with the files that they would have in a fresh clone."""

    def __init__(self, name, work, bins, everything, children):
        self.name, self.everything, self.children = name, everything, children
        self.dir = tempfile.mkdtemp(dir=work)
        self.kept, self.default, self.told = [], None, []
        self.ports, self.logs = {}, 0
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
            # Scripts build before they run. This has already been done.
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
        """A free port for a written one. Another program may take it before the node does: see serving."""
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
            # It must not use the default node's directory.
            text = text.replace("64-HEX-DIGITS", key["public_key"]) + f" --data-dir {self.dir}/joins"
        return text

    def default_rpc(self):
        return os.path.join(self.dir, "data", "hearsay", "dev", "rpc.json")

    def output(self, command):
        return self.asked(command, check=True).stdout

    def asked(self, command, check):
        pipe = subprocess.PIPE
        return self.children.run(
            ["bash", "-c", command], timeout=QUICK_S, check=check, cwd=self.walk, env=self.env, stdout=pipe, stderr=pipe
        )

    def start(self, command):
        self.logs += 1
        log = open(os.path.join(self.dir, f"log-{self.logs}"), "w+", encoding="utf-8")
        # A variable that one command sets is there for the next one.
        script = f"set -e; state='{self.dir}/state'; [ ! -e \"$state\" ] || . \"$state\"; {command}\ndeclare -p ID >\"$state\" 2>/dev/null || true"
        if not re.search(r"\bID\b", command):
            script = f"exec {command}"
        child = self.children.start(["bash", "-c", script], cwd=self.walk, env=self.env, stdout=log, stderr=log)
        return child, log

    def said(self, log):
        return "".join("    " + line for line in self.read(log).splitlines(keepends=True)[-15:])

    def read(self, log):
        # The process's own file must not be used here, because both would share one position.
        return open(log.name, encoding="utf-8", errors="replace").read()

    def finish(self, command, child, log, status, limit):
        try:
            found = child.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            raise Wrong(f"didn't end within {limit} s\n{self.said(log)}") from None
        finally:
            self.children.stop(child)
        if self.children.stopping:
            raise Stopped
        if found != status:
            raise Wrong(f"exit status {found} instead of {status}\n{self.said(log)}")

    def serving(self, command, words):
        """Starts a node and waits until it answers. Tries once more, with other ports, if another program took those."""
        try:
            return self.served(self.filled(command, words))
        except InUse:
            self.ports.clear()
            return self.served(self.filled(command, words))

    def served(self, command):
        match = re.search(r"--data-dir (\S+)", command)
        place = f"--data-dir {match[1]}" if match else ""
        child, log = self.start(command)
        until = time.monotonic() + 60
        while self.asked(f"node status {place}", check=False).returncode != 0:
            if child.poll() is not None or time.monotonic() > until:
                ended = child.returncode
                self.children.stop(child)
                kind = InUse if ended == IN_USE else Wrong
                raise kind(f"doesn't run, or answers nobody (exit status {ended})\n{self.said(log)}")
            time.sleep(0.1)
        return child, log

    def started_default(self):
        if self.default is None:
            self.default = self.serving("node", FREE)

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
            child, log = self.serving(command, words)
            if how.keep:
                self.kept.append((command, child, log))
                return True
            child.send_signal(signal.SIGINT)
            self.finish(command, child, log, how.status, QUICK_S)
            return True
        if how.kind == "ask":
            self.started_default()
        if how.kind == "plan" and quick:
            self.ends(command, "--out {dir}/taken", "not empty, and holds no earlier run", 1, PLAN_S)
            return True
        until = time.monotonic() + (AWAITED_S if how.awaits else 0)
        while True:
            try:
                self.ends(command, words, how.says, how.status, QUICK_S if quick else LONG_S)
                return True
            except Wrong:
                if time.monotonic() > until:
                    raise
            time.sleep(0.5)

    def ends(self, command, words, says, status, limit):
        """Runs a command that ends by itself, and checks its exit status and its output."""
        child, log = self.start(self.filled(command, words))
        self.finish(command, child, log, status, limit)
        if not re.search(says, self.read(log), re.M):
            raise Wrong(f"doesn't say {says!r}\n{self.said(log)}")

    def end(self):
        self.ended_default()
        for command, child, log in reversed(self.kept):
            child.send_signal(signal.SIGINT)
            self.finish(command, child, log, 0, QUICK_S)

    def all(self, commands):
        """Runs them, and returns the failures."""
        wrong = []
        try:
            for command in [*commands, None]:
                began = time.monotonic()
                if self.children.stopping:
                    return wrong
                try:
                    ran = self.end() if command is None else self.do(command, KNOWN[normal(command)])
                except Stopped:
                    return wrong
                except (Wrong, OSError, subprocess.SubprocessError, ValueError, KeyError, StopIteration) as error:
                    wrong.append(f"{self.name}: {command or 'stopping the nodes'}: {error}")
                    continue
                if ran and (self.everything or time.monotonic() - began > 10):
                    print(f"{time.monotonic() - began:6.1f} s  {command}", flush=True)
        finally:
            self.children.stop(*[child for _, child, _ in self.kept], *([self.default[0]] if self.default else []))
        return wrong


def differences(found):
    """Commands that the table doesn't know, entries that no text names, and commands in places that are not read."""
    named = {normal(command) for commands in found.values() for command in commands}
    wrong = [
        f"{place}: {command}: scripts/known_commands.py doesn't know it"
        for place, commands in found.items()
        for command in commands
        if normal(command) not in KNOWN
    ]
    wrong += [f"{command}: in scripts/known_commands.py, and nowhere written" for command in KNOWN if command not in named]
    return wrong + [line for path in documents() for line in hidden(path)]


def matches(name, only):
    return not only or any(normal(text) in name for text in only)


def runs_nothing(only, everything):
    """The texts that are in none of the commands that are run."""
    run = [name for name, how in KNOWN.items() if how.kind != "mention" and (everything or how.kind != "long")]
    return [text for text in only or [] if not any(matches(name, [text]) for name in run)]


def once(found, only):
    """Each command at the first place where it is written, and the commands that it needs before it."""
    first, at = {}, {}
    for place, commands in found.items():
        for command in commands:
            at.setdefault(normal(command), (place, command))
    for name, (place, command) in at.items():
        if name not in KNOWN or not matches(name, only):
            continue
        chain = [command]
        while normal(chain[0]) in KNOWN and KNOWN[normal(chain[0])].after in at:
            place, before = at[KNOWN[normal(chain[0])].after]
            chain.insert(0, before)
        for command in chain:
            if command not in first.setdefault(place, []):
                first[place].append(command)
    return first


def built(arguments, work, children):
    """Builds; returns the programs' directory, and for all what a group takes."""
    if arguments.all:
        clone = os.path.join(work, "clone")
        children.run(["git", "clone", "--quiet", ROOT, clone])
        env = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
        children.run(["cargo", "build", "--release", "--workspace"], cwd=clone, env=env)
        target = os.path.join(clone, "target")
        return os.path.join(target, "release"), (clone, target)
    build = ["cargo", "build", "--locked", "--quiet"]
    children.run([*build, "--workspace", "--bins"], cwd=ROOT)
    children.run([*build, "-p", "hearsay-node", "--example", "kill_test"], cwd=ROOT)
    bins = os.path.join(ROOT, os.environ.get("CARGO_TARGET_DIR") or "target", "debug")
    return bins, bins


def results(groups, at_once, children):
    """Runs groups of commands at the same time, until a signal comes. Returns the failures."""
    pool, left, wrong = concurrent.futures.ThreadPoolExecutor(at_once), [], []
    try:
        left = todo = [pool.submit(group.all, commands) for group, commands in groups]
        while left and not children.stopping:
            left = concurrent.futures.wait(left, timeout=0.2).not_done
        for one in todo:
            if one.done():
                wrong.extend(one.result())
        return wrong
    finally:
        if left:
            children.stop_all()
        pool.shutdown(wait=True, cancel_futures=True)


def checked(arguments, work, children):
    """Runs all. Returns the groups with their commands, and the failures."""
    bins, walk = built(arguments, work, children)
    found = written(bins, children)
    wrong = differences(found)
    made = [(Group(place, work, walk, arguments.all, children), commands) for place, commands in once(found, arguments.only).items()]
    # The README's nodes are timed as a reader would see them, so they have the machine for themselves. In the long
    # part, commands run one by one as written, because each takes the whole machine.
    wrong += results([one for one in made if one[0].name == "README.md"], 1, children)
    wrong += results([one for one in made if one[0].name != "README.md"], 1 if arguments.all else GROUPS_AT_ONCE, children)
    return made, wrong


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
    for text in runs_nothing(arguments.only, arguments.all):
        parser.error(f"--only {text!r}: no command that would be run contains it, so nothing was run: --list shows them")
    children = Children()

    def stopping(*_):
        children.stopping = True

    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if sign != signal.SIGHUP or signal.getsignal(sign) != signal.SIG_IGN:
            signal.signal(sign, stopping)
    work = tempfile.mkdtemp(prefix="hearsay-commands-")
    made, wrong = [], []
    try:
        made, wrong = checked(arguments, work, children)
    except Stopped:
        pass
    except Wrong as error:
        wrong = [str(error)]
    finally:
        interrupted = children.stopping
        children.stop_all()
        shutil.rmtree(work, ignore_errors=True)
    for line in [line for group, _ in made for line in group.told]:
        print(line)
    for line in wrong:
        print(f"WRONG {line}", file=sys.stderr)
    if interrupted:
        print("interrupted; nothing is left running", file=sys.stderr)
        return 130
    kinds = collections.Counter(KNOWN[normal(command)].kind for _, commands in made for command in commands)
    print(f"commands: {sum(kinds.values())} known, {len(wrong)} wrong; " + ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
