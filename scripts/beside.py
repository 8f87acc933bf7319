#!/usr/bin/env python3
# Runs `testnet run` with a client beside it and without, in turn, and tells what the client costs the network.
#
#   scripts/beside.py flood TESTNET
#       100 clients call one node in a loop, from before the load until its end. Prints the p95 of the latency to all
#       other nodes, with the flood and without.
#   scripts/beside.py scrape TESTNET
#       reads /metrics of every node each second. Prints the processor time of a node, with that and without, and the
#       part that the thread of the RPC takes.
#
#   scripts/beside.py memory TESTNET
#       six nodes with --memory 64MiB and with 1GiB, and more pending transactions than fit into the smaller mempool.
#       Prints what they drop and receive again, what memory they take, and how long a restart takes.
#
# TESTNET is the program. --rounds N says how many rounds, 3 if it is left out; what follows -- are arguments of
# `testnet run` in place of the usual load.
#
# scripts/prove.sh rpc-flood, scrape and memory-cost call it. Deliberately absent: the cookie. A flood comes from strangers.
# Processor time counts from the moment when all nodes answer until the first of them ends.
#
# Exit status: 0 the rounds were measured, whatever they say; 1 a run failed; 2 usage.

import csv
import http.client
import json
import os
import selectors
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 100
CALL = b'{"jsonrpc":"2.0","id":1,"method":"admin_nodeInfo","params":[]}'
HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(CALL)


def answer_end(data):
    """Where the first answer in `data` ends; None if it is not whole."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    for line in data[:head].lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            end = head + 4 + int(line.split(b":")[1])
            return end if len(data) >= end else None
    return head + 4


class Flood(threading.Thread):
    """Clients that call one node in a loop until it is gone."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self.address, self.over = addresses[-1], False
        self.answers = self.refused = 0

    def run(self):
        ready = selectors.DefaultSelector()
        for _ in range(CLIENTS):
            self.connect(ready)
        while ready.get_map() and not self.over:
            for key, _ in ready.select(timeout=1):
                self.hear(ready, key)

    def connect(self, ready):
        try:
            stream = socket.create_connection(self.address, timeout=5)
            stream.sendall(HEAD + CALL)
        except OSError:
            return
        ready.register(stream, selectors.EVENT_READ, bytearray())

    def hear(self, ready, key):
        stream, data = key.fileobj, key.data
        try:
            piece = stream.recv(65536)
            data += piece
            end = answer_end(data)
            if piece and end is None:
                return
            if end is not None:
                self.answers += 1
                self.refused += data.startswith(b"HTTP/1.1 429")
                del data[:end]
                stream.sendall(HEAD + CALL)
                return
        except OSError:
            pass
        # The node closed the connection: a client that floods opens another one.
        ready.unregister(stream)
        stream.close()
        self.connect(ready)

    def says(self, seconds):
        return f"{self.answers / seconds:,.0f} answers a second, {self.refused} of {self.answers} refused"


class Scrape(threading.Thread):
    """Reads the metrics of every node each second."""

    def __init__(self, addresses):
        super().__init__(daemon=True)
        self.addresses, self.over = addresses, False
        self.times, self.bytes = [], 0

    def run(self):
        clients = [http.client.HTTPConnection(host, port, timeout=5) for host, port in self.addresses]
        while not self.over:
            begin = time.monotonic()
            for client in clients:
                asked = time.monotonic()
                try:
                    client.request("GET", "/metrics")
                    self.bytes = len(client.getresponse().read())
                    self.times.append(time.monotonic() - asked)
                except (OSError, http.client.HTTPException):
                    client.close()
            time.sleep(max(0.0, 1 - (time.monotonic() - begin)))

    def says(self, _):
        if not self.times:
            return "no scrape was answered"
        return f"{len(self.times)} scrapes of {self.bytes:,} bytes, {1000 * statistics.median(self.times):.1f} ms each"


class Figures(Scrape):
    """Keeps the last figures of every node, and where it keeps its files."""

    def __init__(self, addresses):
        super().__init__(addresses)
        self.last = {}

    def run(self):
        while not self.over:
            for host, port in self.addresses:
                try:
                    client = http.client.HTTPConnection(host, port, timeout=5)
                    client.request("GET", "/metrics")
                    lines = client.getresponse().read().decode().splitlines()
                    self.last[port] = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[:1] != "#")}
                except (OSError, http.client.HTTPException):
                    pass
            time.sleep(1)

    def median(self, name):
        return statistics.median(figures.get(name, 0) for figures in self.last.values())


class Clocks:
    """The processor time of a run's nodes: of each process, and of the thread that serves the RPC."""

    def __init__(self, runner):
        self.runner, self.first, self.last = runner, None, None

    def look(self):
        seen = {pid: spent(pid) for pid in children(self.runner)}
        seen = {pid: both for pid, both in seen.items() if both}
        now = time.monotonic()
        if self.first is None:
            self.first = (now, seen)
        # Once a node has ended, the run is over.
        if len(seen) >= len(self.first[1]):
            self.last = (now, seen)

    def shares(self):
        """Of a core, in percent: a node's median, and the median of its thread that serves the RPC."""
        (begin, before), (end, after) = self.first, self.last

        def share(which):
            used = [(after[pid][which] - before[pid][which]) / 1e9 for pid in after if pid in before]
            return 100 * statistics.median(used) / (end - begin)

        return share(0), share(1)

    def seconds(self):
        return self.last[0] - self.first[0]


def spent(pid):
    """Nanoseconds that the threads of a process have run, all of them and the one that serves the RPC; None if it is
    gone. The system's ticks of 10 ms would miss work of half a millisecond."""
    whole = rpc = 0
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/schedstat") as file:
                ran = int(file.read().split()[0])
            with open(f"/proc/{pid}/task/{task}/comm") as file:
                rpc += ran if file.read().strip() == "http" else 0
            whole += ran
    except (OSError, IndexError):
        return None
    # A node that stops ends this thread first.
    return (whole, rpc) if rpc else None


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
    except OSError:
        pass
    return found


def addresses(out, nodes):
    """Where the nodes of a run answer; None if one of them does not yet."""
    found = []
    for place in sorted(os.listdir(os.path.join(out, "nodes"))) if os.path.isdir(os.path.join(out, "nodes")) else []:
        try:
            with open(os.path.join(out, "nodes", place, "rpc.json")) as file:
                host, port = json.load(file)["rpc"].rsplit(":", 1)
        except (OSError, ValueError, KeyError):
            return None
        found.append((host, int(port)))
    return found if len(found) == nodes else None


def run(testnet, arguments, nodes, client, after=None):
    """One run. Returns its directory's latencies by node, its clocks, and the client, if there was one."""
    with tempfile.TemporaryDirectory() as out:
        command = [testnet, "run", "--nodes", str(nodes), "--out", os.path.join(out, "run"), *arguments]
        runner = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        clocks, beside = Clocks(runner.pid), None
        while runner.poll() is None:
            where = None if clocks.first else addresses(os.path.join(out, "run"), nodes)
            if where:
                beside = client and client(where)
                if beside:
                    beside.start()
            if where or clocks.first:
                clocks.look()
            time.sleep(0.2)
        if beside:
            beside.over = True
            beside.join()
        if runner.returncode != 0 or clocks.first is None:
            sys.exit(f"`{' '.join(command)}` failed with {runner.returncode}")
        with open(os.path.join(out, "run", "deliveries.csv")) as file:
            rows = [(int(row["node"]), float(row["latency_ms"])) for row in csv.DictReader(file)]
        if after:
            after(os.path.join(out, "run"))
        return rows, clocks, beside


def p95(values):
    values = sorted(values)
    return values[max(0, -(-95 * len(values) // 100) - 1)]


def flood(testnet, rounds, arguments):
    arguments = arguments or ["--tx-rate", "20", "--duration", "30s"]
    kept = {False: [], True: []}
    print(f"20 nodes, testnet run {' '.join(arguments)}; {CLIENTS} clients call admin_nodeInfo of node 19 in a loop, or none do\n")
    for number in range(1, rounds + 1):
        for flooded in (False, True):
            rows, clocks, beside = run(testnet, arguments, 20, Flood if flooded else None)
            latency = p95([ms for node, ms in rows if node != 19])
            kept[flooded].append(latency)
            said = f"; {beside.says(clocks.seconds())}" if beside else ""
            print(f"round {number}  {'flood' if flooded else 'quiet'}  p95 at the 19 others {latency:7.2f} ms{said}", flush=True)
    quiet, busy = (statistics.median(kept[flooded]) for flooded in (False, True))
    print(f"\nmedian of the rounds: {quiet:.2f} ms without, {busy:.2f} ms with the flood: {busy / quiet:.2f} times")


def scrape(testnet, rounds, arguments):
    arguments = arguments or ["--tx-rate", "20", "--duration", "30s"]
    kept = {False: [], True: []}
    print(f"50 nodes, testnet run {' '.join(arguments)}; /metrics of every node is read each second, or not\n")
    for number in range(1, rounds + 1):
        for scraped in (False, True):
            _, clocks, beside = run(testnet, arguments, 50, Scrape if scraped else None)
            node, rpc = clocks.shares()
            kept[scraped].append((node, rpc))
            said = f"; {beside.says(clocks.seconds())}" if beside else ""
            print(f"round {number}  {'scraped' if scraped else 'quiet  '}  a node {node:6.3f} % of a core, its RPC {rpc:6.3f} %{said}", flush=True)
    (quiet, idle), (busy, rpc) = (tuple(map(statistics.median, zip(*kept[scraped]))) for scraped in (False, True))
    print(f"\nmedian of the rounds: a node takes {quiet:.3f} % of a core without and {busy:.3f} % with a scrape a second: "
          f"{busy - quiet:+.3f} %")
    print(f"its RPC, which answers, takes {rpc - idle:+.3f} % of a core more")


def restart(node, data_dir, amount):
    """The seconds from the start of a node until its RPC answers, which is after it has read its store."""
    with open(os.path.join(os.path.dirname(data_dir), os.pardir, "logs", os.path.basename(data_dir) + ".log")) as file:
        network = file.read().split("network ", 1)[1].split()[0]
    ready = os.path.join(data_dir, "rpc.json")
    command = [node, "--data-dir", data_dir, "--network", network, "--memory", amount, "--no-rpc=false",
               "--listen", "/ip4/127.0.0.1/tcp/0", "--rpc-addr", "127.0.0.1:0"]
    begin = time.monotonic()
    started = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not os.path.exists(ready) and started.poll() is None and time.monotonic() - begin < 60:
        time.sleep(0.002)
    took = time.monotonic() - begin
    started.terminate()
    if started.wait(timeout=30) != 0:
        sys.exit(f"`{' '.join(command)}` failed")
    return took


def memory(testnet, rounds, arguments):
    node = os.path.join(os.path.dirname(testnet), "node")
    arguments = arguments or ["--tx-rate", "60", "--tx-bytes", "4096", "--authors", "200", "--duration", "60s"]
    arguments = ["--degree", "5", *arguments]
    print(f"6 nodes, testnet run {' '.join(arguments)} --node-arg=--memory=AMOUNT; the median node at the end\n")
    print("round  memory  accepted  pending  dropped  bodies received again  requests  refused  resident MiB  restart s")
    for number in range(1, rounds + 1):
        for amount in ("64MiB", "1GiB"):
            took = []
            after = lambda out: took.append(restart(node, os.path.join(out, "nodes", "03"), amount))
            figures = run(testnet, [*arguments, f"--node-arg=--memory={amount}"], 6, Figures, after)[2]
            get = figures.median
            accepted, pending = get("hearsay_gossip_transactions_accepted_total"), get("hearsay_mempool_transactions")
            again = get("hearsay_gossip_transaction_duplicates_total")
            row = (accepted, pending, accepted - pending, again, get("hearsay_gossip_requests_total"), get("hearsay_gossip_refused_total"))
            resident = get("hearsay_process_resident_memory_bytes") / (1 << 20)
            print("%5d  %6s  %8d  %7d  %7d  %21d  %8d  %7d" % (number, amount, *row), end="")
            print("  %12.1f  %9.2f" % (resident, took[0]), flush=True)
    print("\ndropped: accepted and not pending any more, because the mempool was full; there are no blocks in this run")


def main():
    words, arguments = sys.argv[1:], []
    if "--" in words:
        at = words.index("--")
        words, arguments = words[:at], words[at + 1 :]
    rounds = 3
    if "--rounds" in words:
        at = words.index("--rounds")
        rounds = int(words[at + 1])
        del words[at : at + 2]
    if len(words) != 2 or words[0] not in ("flood", "scrape", "memory"):
        print(open(__file__).read().split("\n\n")[0].replace("#!/usr/bin/env python3\n", ""), file=sys.stderr)
        sys.exit(2)
    {"flood": flood, "scrape": scrape, "memory": memory}[words[0]](words[1], rounds, arguments)


main()
