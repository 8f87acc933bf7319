#!/usr/bin/env python3
"""Checks a node with py-libp2p: dial, identify, Hello, ping, a transaction each way, and QUIC.

Usage: interop.py --node PROGRAM [--break signature]. It starts two nodes on the loopback, and ends them by their
process ids. With --break, the client's transaction has a bad signature, and the run must fail. Exit status: 0 all passed, 1 a
check failed, 2 usage.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

import trio
from client import Author, Link, vectors
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.peerinfo import info_from_p2p_addr
from multiaddr import Multiaddr

NETWORK = "dev"
FLAGS = (
    "--ephemeral --listen /ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/udp/0/quic-v1 --rpc-addr 127.0.0.1:0 "
    "--open-producers --exempt-loopback"
).split()
START_S, STOP_S = 15, 5


class Node:
    """A node with a data dir of its own."""

    def __init__(self, program, directory, *flags):
        self.directory = directory
        log = open(f"{directory}.log", "wb")
        command = [program, "--data-dir", directory, *FLAGS, *flags]
        self.process = subprocess.Popen(command, stdout=log, stderr=log)
        end = time.monotonic() + START_S
        while not self._told():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"a node did not start: see {directory}.log")
            time.sleep(0.05)

    def _told(self):
        try:
            with open(os.path.join(self.directory, "rpc.json"), encoding="utf-8") as file:
                told = json.load(file)
        except (OSError, ValueError):
            return False
        self.rpc = told["rpc"]
        self.address, self.quic = sorted(told["listen"], key=lambda address: "/quic-v1" in address)
        return True

    def call(self, method, *params):
        body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()
        request = urllib.request.Request(f"http://{self.rpc}", body, {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as response:
            answer = json.load(response)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


async def until(what, action, seconds=10):
    """Repeats an action until its value is true."""
    end = trio.current_time() + seconds
    while not (value := action()):
        if trio.current_time() > end:
            raise RuntimeError(f"{what}: not in {seconds} s")
        await trio.sleep(0.05)
    return value


async def dial(run):
    run.info = info_from_p2p_addr(Multiaddr(run.nodes[0].address))
    with trio.fail_after(10):
        await run.host.connect(run.info)
        await run.link.open(run.info.peer_id)
    return "TCP, noise, yamux"


async def identify(run):
    store = run.host.get_peerstore()
    names = await until("identify", lambda: store.get_protocols(run.info.peer_id))
    for name in (f"/hearsay/{NETWORK}/control/2", f"/hearsay/{NETWORK}/bulk/2", f"/hearsay/{NETWORK}/kad/1"):
        assert name in names, f"{name} is not named"
    return f"{len(names)} protocols"


async def hello(run):
    version, network, *_ = await run.link.wait("hello")
    assert (version, network) == (2, NETWORK)
    return f"version {version}, network {network}"


async def ping(run):
    start = trio.current_time()
    await run.link.ping(secrets.token_bytes(8))
    return f"{(trio.current_time() - start) * 1000:.1f} ms"


async def send(run):
    body = run.author.transaction(100, b"from python")
    await run.link.push(body)
    name = vectors.sha256(body).hex()
    for node in run.nodes:
        await until("the transaction at a node", lambda node=node: run.link.ended or node.call("tx_get", name))
        assert not run.link.ended, f"the node ended the link: {run.link.ended}"
    return f"both nodes have {name[:16]}…"


async def receive(run):
    body = Author(NETWORK).transaction(100, b"to python")
    run.nodes[1].call("tx_send", body.hex())
    _, bodies = await run.link.wait("transactions", lambda content: body in content[1])
    item = vectors.whole(bodies[bodies.index(body)], vectors.read_transaction)
    message = vectors.transaction_signing_bytes(NETWORK, item)
    assert vectors.is_signed(item["author"], message, item["signature"]), "a bad signature"
    return "pushed by the node that was dialled; its bytes and signature are good"


async def answered(run):
    await run.link.wait("ping")
    await run.link.ping(secrets.token_bytes(8))
    peers = json.dumps(run.nodes[0].call("admin_peers"))
    assert str(run.host.get_id()) in peers, "the node has no such peer"
    return "a ping of the node was answered, and it is still a peer"


async def quic(run):
    """Another client, with a key of its own, over the other transport."""
    host = new_host(key_pair=create_new_key_pair(), enable_quic=True)
    async with host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/udp/0/quic-v1")]):
        info, link = info_from_p2p_addr(Multiaddr(run.nodes[0].quic)), Link(host, NETWORK)
        with trio.fail_after(10):
            await host.connect(info)
            await link.open(info.peer_id)
        await link.wait("hello")
        await link.ping(secrets.token_bytes(8))
    return "Hello, ping and pong over QUIC"


CHECKS = (dial, identify, hello, ping, send, receive, answered, quic)


async def main(run, spoilt):
    failed = 0
    run.host = new_host(key_pair=create_new_key_pair(), muxer_preference="YAMUX")
    async with run.host.run(listen_addrs=[Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        run.link, run.author = Link(run.host, NETWORK), Author(NETWORK, spoilt)
        for check in CHECKS:
            try:
                print(f"passed  python: {check.__name__:28} {await check(run)}", flush=True)
            except Exception as error:
                print(f"FAILED  python: {check.__name__:28} {error!r}", flush=True)
                failed += 1
                break
    return failed


def start():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--node", required=True)
    parser.add_argument("--break", dest="fault", choices=["signature"])
    args = parser.parse_args()
    directory = tempfile.mkdtemp(prefix="hearsay-interop-py-")
    run = argparse.Namespace(nodes=[])
    failed = 1
    try:
        run.nodes.append(Node(args.node, os.path.join(directory, "a")))
        run.nodes.append(Node(args.node, os.path.join(directory, "b"), "--bootstrap", run.nodes[0].address))
        failed = trio.run(main, run, args.fault is not None)
    finally:
        for node in run.nodes:
            node.stop()
        if failed:
            print(f"the nodes' logs are in {directory}")
        else:
            shutil.rmtree(directory, ignore_errors=True)
    print(f"python: {'a check failed' if failed else f'all {len(CHECKS)} passed'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(start())
