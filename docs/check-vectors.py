#!/usr/bin/env python3
"""Checks docs/vectors/wire.json and reconcile.json against docs/PROTOCOL.md, with none of the node's code.

Everything here is written from PROTOCOL.md: a strict reader for the CBOR that the protocol uses, the ids, the Merkle
root, the genesis id, each message, and the reconciliation sketch. It needs Python 3.8 and the standard library. Signatures are checked too if the
`cryptography` package is installed; otherwise that is said to be skipped.

Usage: docs/check-vectors.py [WIRE [RECONCILE]]. Exit status: 0 all checks passed, 1 one failed, 2 the file can't be read.
"""

import hashlib
import json
import os
import sys

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
except ImportError:
    ed25519 = None

# The bounds of PROTOCOL.md that a decoder needs.
PAYLOAD_BYTES_MAX = 65_536
TRANSACTION_BYTES_MAX = PAYLOAD_BYTES_MAX + 124
BLOCK_BYTES_MAX = 4 * 1024 * 1024
BLOCK_TRANSACTIONS_MAX = 39_568
INV_ENTRIES_MAX = 4_096
GETDATA_ENTRIES_MAX = 256
NOTFOUND_BLOCKS_MAX = 16
LOCATOR_ENTRIES_MAX = 64
HEADERS_ENTRIES_MAX = 256
HAD_ENTRIES_MAX = 256
OFFER_ENTRIES_MAX = 4_096
ROUTES_ENTRIES_MAX = 256
NETWORK_BYTES_MAX = 32
GOODBYE_REASON_BYTES_MAX = 32
U32_MAX = 2**32 - 1


class Refused(Exception):
    """The bytes are not what the format has here."""


class Reader:
    """Reads deterministic CBOR: unsigned integers, byte strings, text strings and arrays, in their one encoding."""

    UINT, BYTES, TEXT, ARRAY = 0, 2, 3, 4

    def __init__(self, data):
        self.data = data
        self.at = 0

    def head(self, wanted):
        first = self.take(1)[0]
        kind, info = first >> 5, first & 31
        if kind != wanted:
            raise Refused(f"major type {kind} where {wanted} was wanted")
        if info < 24:
            return info
        if info > 27:
            raise Refused("an indefinite or reserved length")
        width = 1 << (info - 24)
        value = int.from_bytes(self.take(width), "big")
        least = 24 if width == 1 else 1 << (4 * width)
        if value < least:
            raise Refused("an integer or length that is not in its shortest form")
        return value

    def take(self, count):
        if self.at + count > len(self.data):
            raise Refused("the input ends inside an item")
        self.at += count
        return self.data[self.at - count : self.at]

    def bool(self):
        value = self.take(1)[0]
        if value not in (0xF4, 0xF5):
            raise Refused("something else where true or false was wanted")
        return value == 0xF5

    def uint(self, most=2**64 - 1):
        value = self.head(self.UINT)
        if value > most:
            raise Refused(f"{value} is over {most}")
        return value

    def bytes(self, most):
        count = self.head(self.BYTES)
        if count > most:
            raise Refused(f"a byte string of {count}, over {most}")
        return self.take(count)

    def fixed(self, count):
        value = self.bytes(count)
        if len(value) != count:
            raise Refused(f"a byte string of {len(value)} where {count} bytes were wanted")
        return value

    def text(self, most):
        count = self.head(self.TEXT)
        if count > most:
            raise Refused(f"a text of {count} bytes, over {most}")
        try:
            return self.take(count).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("a text that is not UTF-8") from error

    def array(self, most, exactly=None):
        count = self.head(self.ARRAY)
        if count > most or (exactly is not None and count != exactly):
            raise Refused(f"an array of {count} items")
        return count

    def list(self, most, item):
        return [item(self) for _ in range(self.array(most))]


def whole(data, read):
    """Reads one item that fills `data`."""
    reader = Reader(data)
    item = read(reader)
    if reader.at != len(data):
        raise Refused(f"{len(data) - reader.at} bytes follow the item")
    return item


# Writing, for signed bytes.


def head(kind, value):
    for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
        if value < 24:
            return bytes([kind << 5 | value])
        if value < 1 << (8 * width):
            return bytes([kind << 5 | info]) + value.to_bytes(width, "big")
    raise ValueError(value)


def uint(value):
    return head(0, value)


def bstr(value):
    return head(2, len(value)) + value


def tstr(value):
    return head(3, len(value.encode())) + value.encode()


# Items.


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def read_transaction(reader):
    start = reader.at
    reader.array(5, exactly=5)
    item = {
        "author": reader.fixed(32),
        "nonce": reader.uint(),
        "valid_until": reader.uint(),
        "payload": reader.bytes(PAYLOAD_BYTES_MAX),
        "signature": reader.fixed(64),
    }
    item["id"] = sha256(reader.data[start : reader.at])
    return item


def read_header(reader):
    start = reader.at
    reader.array(7, exactly=7)
    item = {
        "height": reader.uint(),
        "parent": reader.fixed(32),
        "producer": reader.fixed(32),
        "timestamp_ms": reader.uint(),
        "transactions_root": reader.fixed(32),
        "count": reader.uint(U32_MAX),
        "signature": reader.fixed(64),
    }
    item["id"] = sha256(reader.data[start : reader.at])
    return item


def read_block(reader):
    start = reader.at
    reader.array(2, exactly=2)
    header = read_header(reader)
    bodies = reader.list(BLOCK_TRANSACTIONS_MAX, lambda r: r.bytes(TRANSACTION_BYTES_MAX))
    if reader.at - start > BLOCK_BYTES_MAX:
        raise Refused("a block over 4 MiB")
    return {"header": header, "transactions": bodies}


def merkle_root(ids):
    """RFC 6962, section 2.1."""
    if not ids:
        return sha256()
    if len(ids) == 1:
        return sha256(b"\x00", ids[0])
    middle = 1
    while middle * 2 < len(ids):
        middle *= 2
    return sha256(b"\x01", merkle_root(ids[:middle]), merkle_root(ids[middle:]))


def genesis(network):
    return sha256(b"hearsay genesis 1\x00", network.encode())


def transaction_signing_bytes(network, item):
    fields = bstr(item["author"]) + uint(item["nonce"]) + uint(item["valid_until"]) + bstr(item["payload"])
    return tstr("hearsay transaction 1") + tstr(network) + head(4, 4) + fields


def header_signing_bytes(network, item):
    fields = uint(item["height"]) + bstr(item["parent"]) + bstr(item["producer"]) + uint(item["timestamp_ms"])
    fields += bstr(item["transactions_root"]) + uint(item["count"])
    return tstr("hearsay header 1") + tstr(network) + head(4, 6) + fields


# Messages.


def read_ref(reader):
    value = reader.bytes(32)
    if len(value) not in (8, 32):
        raise Refused(f"a transaction reference of {len(value)} bytes")
    return value


def read_inv(reader):
    items = reader.array(2 * INV_ENTRIES_MAX)
    if items % 2:
        raise Refused("an inv with an odd number of items")
    return [(read_ref(reader), reader.uint(U32_MAX)) for _ in range(items // 2)]


def read_short(reader):
    return reader.fixed(8)


def read_id(reader):
    return reader.fixed(32)


def read_via(reader):
    value = reader.bytes(8)
    if len(value) not in (0, 8):
        raise Refused(f"a route of {len(value)} bytes")
    return value


def read_packed(reader, size):
    """At most 4,096 values of one length in one byte string. Symbols may be cut; then the sketch is refused, not the message."""
    value = reader.bytes(OFFER_ENTRIES_MAX * size)
    if size != 11 and len(value) % size:
        raise Refused(f"{len(value)} bytes of values of {size}")
    return [value[at : at + size] for at in range(0, len(value), size)]


def read_word(reader):
    """A goodbye's reason."""
    word = reader.text(GOODBYE_REASON_BYTES_MAX)
    if not word or any(char not in "abcdefghijklmnopqrstuvwxyz0123456789_" for char in word):
        raise Refused(f"the reason {word!r}")
    return word


def route(kind, key):
    """The name of the route of what a key signs; `kind` is 0 for transactions and 1 for blocks."""
    return sha256(b"hearsay route 1", bytes([kind, 0]), key)[:8]


MESSAGES = {
    0: ("hello", 7, lambda r: (r.uint(), r.text(NETWORK_BYTES_MAX), r.uint(), r.uint(), r.fixed(32), r.uint())),
    1: ("inv", 2, read_inv),
    2: ("getdata", 3, lambda r: (r.bool(), r.list(GETDATA_ENTRIES_MAX, read_ref))),
    3: ("notfound", 3, lambda r: (r.list(GETDATA_ENTRIES_MAX, read_ref), r.list(NOTFOUND_BLOCKS_MAX, read_id))),
    4: (
        "transactions",
        3,
        lambda r: (read_via(r), r.list(GETDATA_ENTRIES_MAX, lambda q: q.bytes(TRANSACTION_BYTES_MAX))),
    ),
    5: ("prune", 2, lambda r: r.list(ROUTES_ENTRIES_MAX, read_short)),
    6: ("blockheader", 3, lambda r: (read_header(r), r.bool())),
    7: ("getblock", 3, lambda r: (r.bool(), read_id(r))),
    8: ("block", 2, read_block),
    9: ("getheaders", 2, lambda r: r.list(LOCATOR_ENTRIES_MAX, read_id)),
    10: ("headers", 2, lambda r: r.list(HEADERS_ENTRIES_MAX, read_header)),
    11: ("ack", 2, lambda r: r.uint()),
    12: ("had", 2, lambda r: r.list(HAD_ENTRIES_MAX, read_short)),
    13: ("graft", 2, lambda r: r.list(ROUTES_ENTRIES_MAX, read_short)),
    14: (
        "reconcile",
        8,
        lambda r: (r.uint(U32_MAX), r.uint(2), r.uint(U32_MAX), r.uint(), r.fixed(32), r.fixed(16), read_packed(r, 11)),
    ),
    15: ("more", 3, lambda r: (r.uint(U32_MAX), r.uint(U32_MAX))),
    16: ("symbols", 3, lambda r: (r.uint(U32_MAX), read_packed(r, 11))),
    17: (
        "difference",
        7,
        lambda r: (r.uint(U32_MAX), r.uint(3), r.uint(), r.fixed(32), read_packed(r, 6), read_packed(r, 8)),
    ),
    18: ("offer", 3, lambda r: (r.uint(U32_MAX), read_packed(r, 8))),
    19: ("take", 3, lambda r: (r.uint(U32_MAX), r.bytes(OFFER_ENTRIES_MAX // 8))),
    20: ("list", 3, lambda r: (r.uint(U32_MAX), read_via(r))),
    21: ("goodbye", 2, read_word),
}


def read_message(reader):
    items = reader.array(8)
    tag = reader.uint()
    if tag not in MESSAGES:
        raise Refused(f"the message tag {tag}")
    name, wanted, read = MESSAGES[tag]
    if items != wanted:
        raise Refused(f"a {name} of {items} items")
    return name, read(reader)


# The checks.


class Checks:
    def __init__(self):
        self.done = 0
        self.failed = []

    def equal(self, what, found, wanted):
        self.done += 1
        if found != wanted:
            self.failed.append(f"{what}: found {show(found)}, wanted {show(wanted)}")

    def refused(self, what, data, read):
        self.done += 1
        try:
            whole(data, read)
        except Refused:
            return
        self.failed.append(f"{what}: was read, and must be refused")

    def signature(self, what, key, message, signature):
        if ed25519 is None:
            return
        self.done += 1
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
        except InvalidSignature:
            self.failed.append(f"{what}: the signature does not fit")

    def seed(self, what, seed, public):
        if ed25519 is not None:
            key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)).public_key()
            self.equal(what, key.public_bytes(Encoding.Raw, PublicFormat.Raw), bytes.fromhex(public))


def show(value):
    return value.hex() if isinstance(value, bytes) else repr(value)


def check_transactions(checks, network, vectors):
    for number, vector in enumerate(vectors):
        what = f"transaction {number}"
        item = whole(bytes.fromhex(vector["encoded"]), read_transaction)
        for name in ("author", "payload", "id"):
            checks.equal(f"{what}: {name}", item[name], bytes.fromhex(vector[name]))
        for name in ("nonce", "valid_until"):
            checks.equal(f"{what}: {name}", item[name], vector[name])
        checks.seed(f"{what}: author of the seed", vector["author_seed"], vector["author"])
        message = transaction_signing_bytes(network, item)
        checks.signature(what, item["author"], message, item["signature"])


def check_header(checks, network, vector):
    item = whole(bytes.fromhex(vector["encoded"]), read_header)
    for name in ("parent", "producer", "transactions_root", "id"):
        checks.equal(f"header: {name}", item[name], bytes.fromhex(vector[name]))
    for name in ("height", "timestamp_ms", "count"):
        checks.equal(f"header: {name}", item[name], vector[name])
    checks.seed("header: producer of the seed", vector["producer_seed"], vector["producer"])
    checks.signature("header", item["producer"], header_signing_bytes(network, item), item["signature"])


def check_block(checks, vectors):
    encoded = [bytes.fromhex(item["encoded"]) for item in vectors["transactions"]]
    block = whole(bytes.fromhex(vectors["block"]), read_block)
    header, bodies = block["header"], block["transactions"]
    checks.equal("block: header", header["id"], bytes.fromhex(vectors["header"]["id"]))
    checks.equal("block: transactions", bodies, encoded)
    checks.equal("block: count", header["count"], len(bodies))
    checks.equal("block: root", header["transactions_root"], merkle_root([sha256(body) for body in bodies]))
    checks.equal("block: parent", header["parent"], genesis(vectors["network"]))
    checks.equal("block: height", header["height"], 1)


def expected_messages(vectors):
    """What PROTOCOL.md's examples say."""
    encoded = [bytes.fromhex(item["encoded"]) for item in vectors["transactions"]]
    first, second = (bytes.fromhex(item["id"]) for item in vectors["transactions"])
    block_id, start = bytes.fromhex(vectors["header"]["id"]), genesis(vectors["network"])
    block = whole(bytes.fromhex(vectors["block"]), read_block)
    header = whole(bytes.fromhex(vectors["header"]["encoded"]), read_header)
    author, producer, own = bytes.fromhex(vectors["transactions"][0]["author"]), header["producer"], b"\x07" * 8
    return {
        "hello": (2, vectors["network"], 0, 1, block_id, 1),
        "inv": [(first[:8], 5), (second, 1000)],
        "getdata": (True, [first[:8], second]),
        "notfound": ([first[:8]], [block_id]),
        "transactions": (b"", encoded),
        "transactions_via": (own, encoded[:1]),
        "prune": [route(0, author), own],
        "blockheader": (header, False),
        "getblock": (True, block_id),
        "block": block,
        "getheaders": [block_id, start],
        "headers": [header],
        "ack": 16_384,
        "had": [first[:8], second[:8]],
        "graft": [route(1, producer)],
        "goodbye": "invalid_signature",
        "reconcile": (1_000_000, 2, 20_000, 1, block_id, bytes([7] * 16), [bytes(range(11)), bytes(range(11, 22))]),
        "more": (1_000_000, 40),
        "symbols": (1_000_000, [bytes(range(11)), bytes(range(11, 22))]),
        "difference": (1_000_000, 0, 1, block_id, [bytes(range(1, 7))], [first[:8]]),
        "offer": (1_000_000, [first[:8], second[:8]]),
        "take": (1_000_000, bytes([0b0100_0000])),
        "list": (1_000_000, second[:8]),
    }


def check_messages(checks, vectors):
    expected = expected_messages(vectors)
    names = {name for name, _, _ in MESSAGES.values()} | {"transactions_via"}
    checks.equal("messages: one vector each", sorted(vectors["messages"]), sorted(names))
    for name, text in vectors["messages"].items():
        data = bytes.fromhex(text)
        checks.equal(f"message {name}", whole(data, read_message), (name.split("_")[0], expected.get(name)))
        for length in range(len(data)):
            checks.refused(f"message {name}, cut to {length} bytes", data[:length], read_message)
        checks.refused(f"message {name}, a byte longer", data + b"\x00", read_message)
        # The outer array with its length in two bytes, and of indefinite length.
        checks.refused(f"message {name}, a longer head", b"\x98" + bytes([data[0] & 31]) + data[1:], read_message)
        checks.refused(f"message {name}, indefinite", b"\x9f" + data[1:] + b"\xff", read_message)
    author, producer = vectors["transactions"][0]["author"], vectors["header"]["producer"]
    checks.equal("route of transactions", route(0, bytes.fromhex(author)).hex(), vectors["routes"]["transactions"])
    checks.equal("route of blocks", route(1, bytes.fromhex(producer)).hex(), vectors["routes"]["blocks"])
    for tag in (14, 23):
        checks.refused(f"message tag {tag}", bytes([0x82, tag, 0x80]), read_message)


# The reconciliation sketch.


def sip_hash(key, data):
    """SipHash-2-4 of Aumasson and Bernstein."""
    first, second = (int.from_bytes(key[at : at + 8], "little") for at in (0, 8))
    v = [first ^ 0x736F6D6570736575, second ^ 0x646F72616E646F6D, first ^ 0x6C7967656E657261, second ^ 0x7465646279746573]
    mask = 2**64 - 1

    def rotate(at, by):
        v[at] = (v[at] << by | v[at] >> (64 - by)) & mask

    def half(a, b, c, d, by, other):
        v[a], v[c] = (v[a] + v[b]) & mask, (v[c] + v[d]) & mask
        rotate(b, by)
        rotate(d, other)
        v[b], v[d] = v[b] ^ v[a], v[d] ^ v[c]
        rotate(a, 32)

    def rounds(count):
        for _ in range(count):
            half(0, 1, 2, 3, 13, 16)
            half(2, 1, 0, 3, 17, 21)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for at in range(0, len(padded), 8):
        word = int.from_bytes(padded[at : at + 8], "little")
        v[3] ^= word
        rounds(2)
        v[0] ^= word
    v[2] ^= 255
    rounds(4)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


def next_index(seed, index):
    z = (seed + (index + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ z >> 27) * 0x94D049BB133111EB % 2**64
    z ^= z >> 31
    return min((index + 1) * 2**32 // ((z >> 32) + 1), (index + 2) * 2**32 // (z % 2**32 + 1) - 1)


def indices(seed, end):
    index = 0
    while index < end:
        yield index
        index = next_index(seed, index)


def salted(salt, item):
    return sip_hash(salt, item) % 2**48


def add(salt, symbols, number, sign):
    """Adds an item to the symbols that it is part of."""
    seed = sip_hash(salt, number.to_bytes(6, "big"))
    for index in indices(seed, len(symbols)):
        ids, checks, count = symbols[index]
        symbols[index] = ids ^ number, checks ^ seed % 2**32, (count + sign) % 256


def peel(salt, symbols):
    """Takes all items out that can be found: the receiver's and the sender's."""
    found = {255: set(), 1: set()}
    again = True
    while again:
        again = False
        for ids, checks, count in list(symbols):
            fresh = count in found and ids not in found[count]
            if fresh and sip_hash(salt, ids.to_bytes(6, "big")) % 2**32 == checks:
                found[count].add(ids)
                add(salt, symbols, ids, -count)
                again = True
                break
    return found[255], found[1]


def check_sketch(checks, vectors):
    salt = bytes.fromhex(vectors["salt"])
    checks.equal("SipHash of its paper", sip_hash(bytes(range(16)), bytes(range(15))), 0xA129CA6149BE45E5)
    for number, vector in enumerate(vectors["there"]):
        short = salted(salt, bytes.fromhex(vector["id"])).to_bytes(6, "big")
        checks.equal(f"sketch: salted id {number}", short, bytes.fromhex(vector["salted"]))
        seed = sip_hash(salt, short)
        checks.equal(f"sketch: hash {number}", f"{seed:016x}", vector["hash"])
        checks.equal(f"sketch: indices {number}", list(indices(seed, 4096)), vector["indices"])
    data = bytes.fromhex(vectors["symbols"])
    received = [data[at : at + 11] for at in range(0, len(data), 11)]
    read = [(int.from_bytes(one[:6], "big"), int.from_bytes(one[6:10], "big"), one[10]) for one in received]
    symbols = [(0, 0, 0)] * len(read)
    for vector in vectors["there"]:
        add(salt, symbols, salted(salt, bytes.fromhex(vector["id"])), 1)
    checks.equal("sketch: symbols", symbols, read)
    here = [salted(salt, bytes.fromhex(item)) for item in vectors["here"]]
    for enough in (False, True):
        left = read[: vectors["decoded_after"] - 1 + enough]
        for item in here:
            add(salt, left, item, -1)
        only_here, only_there = peel(salt, left)
        checks.equal(f"sketch: symbol 0 of {len(left)} is empty", left[0] == (0, 0, 0), enough)
    checks.equal("sketch: all are empty", set(left), {(0, 0, 0)})
    checks.equal("sketch: only here", sorted(here.index(item) for item in only_here), vectors["only_here"])
    there = b"".join(item.to_bytes(6, "big") for item in sorted(only_there))
    checks.equal("sketch: only there", there, bytes.fromhex(vectors["only_there"]))


def main(path, sketch_path):
    try:
        with open(path, encoding="utf-8") as file:
            vectors = json.load(file)
        with open(sketch_path, encoding="utf-8") as file:
            sketch = json.load(file)
    except (OSError, ValueError) as error:
        print(f"cannot read the vectors: {error}", file=sys.stderr)
        return 2
    checks = Checks()
    try:
        network = vectors["network"]
        checks.equal("genesis", genesis(network), bytes.fromhex(vectors["genesis"]))
        for vector in vectors["merkle_roots"]:
            ids = [bytes.fromhex(one) for one in vector["ids"]]
            checks.equal(f"Merkle root of {len(ids)}", merkle_root(ids), bytes.fromhex(vector["root"]))
        check_transactions(checks, network, vectors["transactions"])
        check_header(checks, network, vectors["header"])
        check_block(checks, vectors)
        check_messages(checks, vectors)
        check_sketch(checks, sketch)
    except (Refused, KeyError, ValueError) as error:
        checks.failed.append(f"{type(error).__name__}: {error}")
    for failure in checks.failed:
        print(f"FAILED {failure}", file=sys.stderr)
    signatures = "checked" if ed25519 else "skipped (the cryptography package is not installed)"
    print(f"vectors: {checks.done} checks, {len(checks.failed)} failed; signatures {signatures}")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    default = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
    names = ("wire.json", "reconcile.json")
    paths = [os.path.join(default, name) for name in names]
    sys.exit(main(*(sys.argv[1:3] + paths[len(sys.argv[1:3]) :])))
