#!/usr/bin/env python3
"""Writes the first inputs of each fuzz target from the test vectors: fuzz/corpus/TARGET/NAME.

What a fuzzer finds on its way is merged by scripts/prove.sh fuzz. Run it anywhere; it needs no more than Python.
"""
import hashlib
import json
import pathlib
import random

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "docs" / "vectors"


def put(target, data):
    """Files are named by what they hold, as libFuzzer names them."""
    folder = ROOT / "fuzz" / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def main():
    session = json.loads((VECTORS / "session.json").read_text())
    negative = json.loads((VECTORS / "negative.json").read_text())
    frames = [bytes.fromhex(entry["frame"]) for entry in session["frames"]]
    for frame in frames:
        # A frame of this length has one or two bytes of prefix.
        body = frame[2:] if frame[0] & 0x80 else frame[1:]
        put("message", body)
        if body[1] == 4:
            put("transaction", body[body.index(b"\x85"):])
        if body[1] == 8:
            put("block", body[2:])
    put("frame", b"\x03" + b"".join(frames[:6]))
    for entry in negative["refused"]:
        if entry["kind"] in ("message", "transaction", "block"):
            put(entry["kind"], bytes.fromhex(entry["bytes"]))
    for entry in negative["streams"]:
        put("frame", b"\x07" + bytes.fromhex(entry.get("bytes", "")))
    calls = [
        '{"jsonrpc":"2.0","id":1,"method":"admin_nodeInfo"}',
        '{"jsonrpc":"2.0","id":"a","method":"tx_send","params":["%s"]}' % ("00" * 8),
        '{"jsonrpc":"2.0","id":2,"method":"tx_get","params":["%s"]}' % ("ab" * 32),
        '{"jsonrpc":"2.0","id":3,"method":"block_get","params":{"id":"%s"}}' % ("cd" * 32),
        '{"jsonrpc":"2.0","id":null,"method":"block_publish","params":[5]}',
        '[{"jsonrpc":"2.0","id":4,"method":"admin_peers"}]',
        "{",
    ]
    for call in calls:
        put("rpc", call.encode())
    chance = random.Random(1)
    for length in (3, 40, 400):
        put("sketch", bytes([9, 20, 5, 4]) + bytes(length))
        put("sketch", chance.randbytes(length))
    for length in (16, 200, 2_000):
        for _ in range(4):
            put("tracker", chance.randbytes(length))
            put("engine", chance.randbytes(length))


if __name__ == "__main__":
    main()
