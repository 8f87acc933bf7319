#!/usr/bin/env python3
"""Checks docs/vectors/*.json against docs/PROTOCOL.md, with none of the node's code.

Everything here is written from PROTOCOL.md: a strict reader for the CBOR that the protocol uses, frames, the ids, the
Merkle root, the genesis id, Ed25519 by section 4's rule, each message, the reconciliation sketch, what must be refused and
why, and one whole session. It needs Python 3.8 and the standard library.

Usage: docs/check-vectors.py [--flip] [DIRECTORY]. With --flip the checks are checked as well: each string of bytes in
the vectors is changed by one bit, each item of a list left out, each part emptied, each number changed, and each step
of the session said by the other side or twice, one after the other; every change must be noticed. Exit status: 0 all
checks passed, 1 one failed, 2 a file can't be read.
"""

import copy
import functools
import hashlib
import json
import os
import sys

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
SYMBOLS_MAX = 4_096
ROUTES_ENTRIES_MAX = 256
NETWORK_BYTES_MAX = 32
RECORD_BYTES_MAX = 1_024
AGENT_BYTES_MAX = 64
MEMBER_ADDRESSES_MAX, MEMBER_ADDRESS_BYTES_MAX, MEMBER_RELAYS_MAX = 8, 272, 3
ENTRIES_MAX, ENTRY_KEY_BYTES_MAX, ENTRIES_BYTES_MAX = 64, 64, 4_096
STATEMENTS_MAX, DIGESTS_MAX, DIFFERENCE_WANTED_MAX = 512, 1_024, 64
GAUGES_MAX, TICKETS_PER_MESSAGE_MAX = 16, 32
GOODBYE_REASON_BYTES_MAX = 32
U32_MAX = 2**32 - 1


TAKE_PLACES_MAX = GETDATA_ENTRIES_MAX
CONTROL_ITEM_BYTES_MAX = 4_096
FRAME_BYTES_MAX = {"control": 65_536, "bulk": BLOCK_BYTES_MAX + 2}


class Refused(Exception):
    """The bytes are not what the format has here. The reason is one of the words in negative.json."""

    def __init__(self, reason, text):
        super().__init__(text)
        self.reason = reason
        self.at = None


class Reader:
    """Reads deterministic CBOR: unsigned integers, byte strings, text strings and arrays, in their one encoding."""

    UINT, BYTES, TEXT, ARRAY = 0, 2, 3, 4

    def __init__(self, data):
        self.data = data
        self.at = 0
        # Where the item begins that is being read.
        self.item = 0

    def head(self, wanted):
        self.item = self.at
        first = self.take(1)[0]
        kind, info = first >> 5, first & 31
        if kind == 7:
            if info == 24:
                raise Refused("not_shortest", "a simple value in two bytes")
            raise Refused("wrong_type", f"a float or simple value where major type {wanted} was wanted")
        if 28 <= info <= 30:
            raise Refused("bad_value", "a reserved length")
        value = info
        if 24 <= info <= 27:
            width = 1 << (info - 24)
            value = int.from_bytes(self.take(width), "big")
            least = 24 if width == 1 else 1 << (4 * width)
            if value < least:
                raise Refused("not_shortest", "an integer or length that is not in its shortest form")
        if kind != wanted:
            raise Refused("wrong_type", f"major type {kind} where {wanted} was wanted")
        if info == 31:
            raise Refused("indefinite", "an indefinite length")
        return value

    def take(self, count):
        if self.at + count > len(self.data):
            raise Refused("truncated", "the input ends inside an item")
        self.at += count
        return self.data[self.at - count : self.at]

    def bool(self):
        self.item = self.at
        value = self.take(1)[0]
        if value == 0xF8:
            raise Refused("not_shortest", "a simple value in two bytes")
        if value not in (0xF4, 0xF5):
            raise Refused("wrong_type", "something else where true or false was wanted")
        return value == 0xF5

    def uint(self, most=2**64 - 1):
        value = self.head(self.UINT)
        if value > most:
            raise Refused("bad_value", f"{value} is over {most}")
        return value

    def bytes(self, most):
        count = self.head(self.BYTES)
        if count > most:
            raise Refused("over_bound", f"a byte string of {count}, over {most}")
        return self.take(count)

    def fixed(self, count):
        value = self.bytes(count)
        if len(value) != count:
            raise Refused("bad_value", f"a byte string of {len(value)} where {count} bytes were wanted")
        return value

    def text(self, most):
        count = self.head(self.TEXT)
        if count > most:
            raise Refused("over_bound", f"a text of {count} bytes, over {most}")
        try:
            return self.take(count).decode("utf-8")
        except UnicodeDecodeError as error:
            raise Refused("bad_value", "a text that is not UTF-8") from error

    def array(self, most, exactly=None):
        count = self.head(self.ARRAY)
        if count > most:
            raise Refused("over_bound", f"an array of {count} items, over {most}")
        # An item takes a byte at least.
        if count > len(self.data) - self.at:
            raise Refused("truncated", "the input ends inside an array")
        if exactly is not None and count != exactly:
            raise Refused("bad_value", f"an array of {count} items")
        return count

    def list(self, most, item):
        return [item(self) for _ in range(self.array(most))]


def whole(data, read):
    """Reads one item that fills `data`. What is refused tells where its item begins."""
    reader = Reader(data)
    try:
        item = read(reader)
    except Refused as refused:
        refused.at = reader.item if refused.at is None else refused.at
        raise
    if reader.at != len(data):
        refused = Refused("trailing_bytes", f"{len(data) - reader.at} bytes follow the item")
        refused.at = reader.at
        raise refused
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
        raise Refused("over_bound", "a block over 4 MiB")
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


# Statements of members.


def read_record(reader):
    start = reader.at
    reader.array(10, exactly=10)
    content = reader.at
    item = {
        "key": reader.fixed(32),
        "instance": reader.fixed(8),
        "incarnation": reader.uint(),
        "issued_ms": reader.uint(),
        "version": reader.uint(U32_MAX),
        "agent": reader.text(AGENT_BYTES_MAX),
        "addresses": reader.list(MEMBER_ADDRESSES_MAX, lambda r: r.bytes(MEMBER_ADDRESS_BYTES_MAX)),
        "relays": reader.list(MEMBER_RELAYS_MAX, lambda r: r.fixed(32)),
    }
    if item["addresses"] and item["relays"]:
        raise Refused("bad_value", "relays beside addresses")
    item["left"] = reader.uint(1) == 1
    item["signed"] = head(4, 9) + reader.data[content : reader.at]
    item["signature"] = reader.fixed(64)
    if reader.at - start > RECORD_BYTES_MAX:
        raise Refused("over_bound", "a record over 1 KiB")
    return item


def read_entry(reader):
    reader.array(3, exactly=3)
    key, value = reader.text(ENTRY_KEY_BYTES_MAX), reader.bytes(ENTRIES_BYTES_MAX)
    if not key:
        raise Refused("bad_value", "an empty key")
    return {"key": key, "value": value, "version": reader.uint()}


def read_entries(reader):
    reader.array(4, exactly=4)
    item = {"owner": reader.fixed(32), "version": reader.uint()}
    start = reader.at
    item["entries"] = reader.list(ENTRIES_MAX, read_entry)
    item["digest"] = sha256(reader.data[start : reader.at])
    keys = [one["key"].encode() for one in item["entries"]]
    if any(one >= other for one, other in zip(keys, keys[1:])):
        raise Refused("bad_value", "keys out of order")
    if any(one["version"] > item["version"] for one in item["entries"]):
        raise Refused("bad_value", "an entry that is newer than the whole")
    if sum(len(one["key"].encode()) + len(one["value"]) for one in item["entries"]) > ENTRIES_BYTES_MAX:
        raise Refused("over_bound", "entries over 4 KiB")
    item["signed"] = head(4, 3) + bstr(item["owner"]) + uint(item["version"]) + bstr(item["digest"])
    item["signature"] = reader.fixed(64)
    return item


def read_accusation(reader):
    reader.array(4, exactly=4)
    content = reader.at
    item = {"accuser": reader.fixed(32), "subject": reader.fixed(32), "incarnation": reader.uint()}
    item["signed"] = head(4, 3) + reader.data[content : reader.at]
    item["signature"] = reader.fixed(64)
    return item


STATEMENTS = (
    ("record", "hearsay member 1", "key", read_record),
    ("entries", "hearsay entries 1", "owner", read_entries),
    ("accusation", "hearsay suspect 1", "accuser", read_accusation),
)


def read_statement(reader):
    reader.array(2, exactly=2)
    tag = reader.uint()
    if tag >= len(STATEMENTS):
        raise Refused("bad_value", f"a statement of kind {tag}")
    kind, domain, signer, read = STATEMENTS[tag]
    start = reader.at
    item = read(reader)
    item["id"] = sha256(reader.data[start : reader.at])[:8]
    return {**item, "kind": kind, "domain": domain, "signer": item[signer]}


# Messages.


def read_ref(reader):
    value = reader.bytes(32)
    if len(value) not in (8, 32):
        raise Refused("bad_value", f"a transaction reference of {len(value)} bytes")
    return value


def read_inv(reader):
    items = reader.array(2 * INV_ENTRIES_MAX)
    if items % 2:
        raise Refused("bad_value", "an inv with an odd number of items")
    return [(read_ref(reader), reader.uint(U32_MAX)) for _ in range(items // 2)]


def read_short(reader):
    return reader.fixed(8)


def read_id(reader):
    return reader.fixed(32)


def read_via(reader):
    value = reader.bytes(8)
    if len(value) not in (0, 8):
        raise Refused("bad_value", f"a route of {len(value)} bytes")
    return value


def read_packed(reader, size):
    """At most 4,096 values of one length in one byte string."""
    value = reader.bytes(OFFER_ENTRIES_MAX * size)
    if len(value) % size:
        raise Refused("bad_value", f"{len(value)} bytes of values of {size}")
    return [value[at : at + size] for at in range(0, len(value), size)]


def read_places(reader):
    value = reader.bytes(OFFER_ENTRIES_MAX // 8)
    if sum(bin(byte).count("1") for byte in value) > TAKE_PLACES_MAX:
        raise Refused("over_bound", f"a take of more than {TAKE_PLACES_MAX} places")
    return value


def read_statements(reader):
    return reader.list(STATEMENTS_MAX, read_statement)


def read_digests(reader):
    mode, first, last = reader.uint(2), reader.fixed(8), reader.fixed(8)
    items = reader.array(4 * DIGESTS_MAX)
    if items % 4:
        raise Refused("bad_value", "digests of which one is cut")
    one = lambda: (reader.fixed(8), reader.uint(), reader.uint(3), reader.fixed(8))
    return mode, first, last, [one() for _ in range(items // 4)], reader.bool()


def read_sketch_difference(reader):
    more, here, there = reader.uint(U32_MAX), read_packed(reader, 8), read_packed(reader, 6)
    # Each element that is listed took a symbol, and nothing is listed before all is known.
    if more > SYMBOLS_MAX or len(here) + len(there) > (0 if more else SYMBOLS_MAX):
        raise Refused("bad_value", "a difference of more than the symbols tell")
    return more, here, there


def read_extremes(reader):
    items = reader.array(2)
    if items == 1:
        raise Refused("bad_value", "one extreme")
    return [reader.uint() for _ in range(items)]


def read_tickets(reader):
    epoch, fingerprint = reader.fixed(8), reader.fixed(8)
    items = reader.array(2 * TICKETS_PER_MESSAGE_MAX)
    if items % 2:
        raise Refused("bad_value", "tickets of which one is cut")
    return epoch, fingerprint, [(reader.fixed(32), reader.fixed(64)) for _ in range(items // 2)]


def read_word(reader):
    """A goodbye's reason."""
    word = reader.text(GOODBYE_REASON_BYTES_MAX)
    if not word or any(char not in "abcdefghijklmnopqrstuvwxyz0123456789_" for char in word):
        raise Refused("bad_value", f"the reason {word!r}")
    return word


def gauge(name, low, high):
    """The name in messages of a gauge; the ends of its range are in millionths."""
    ends = b"".join(end.to_bytes(8, "big", signed=True) for end in (low, high))
    return sha256(b"hearsay gauge 1", ends, name.encode())[:8]


def epoch(number, block):
    """The name in messages of an epoch."""
    return sha256(b"hearsay epoch 1", number.to_bytes(8, "big"), block)[:8]


def ticket_signing_bytes(network, number, block):
    return tstr("hearsay ticket 1") + tstr(network) + head(4, 2) + uint(number) + bstr(block)


def route(kind, key):
    """The name of the route of what a key signs; `kind` is 0 for transactions and 1 for blocks."""
    return sha256(b"hearsay route 1", bytes([kind, 0]), key)[:8]


# A pong may have one item more: the place of its sender.
PONG, PLACED_PONG_ITEMS, PLACE_BYTES = 23, 3, 42

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
    19: ("take", 3, lambda r: (r.uint(U32_MAX), read_places(r))),
    20: ("list", 3, lambda r: (r.uint(U32_MAX), read_via(r))),
    21: ("goodbye", 2, read_word),
    22: ("ping", 2, lambda r: r.fixed(8)),
    PONG: ("pong", 2, lambda r: r.fixed(8)),
    24: ("news", 2, read_statements),
    25: ("digests", 6, read_digests),
    26: ("memberdifference", 4, lambda r: (r.fixed(8), read_statements(r), r.list(DIFFERENCE_WANTED_MAX, read_short))),
    27: ("statements", 2, read_statements),
    28: ("proberequest", 2, read_id),
    29: ("probeanswer", 3, lambda r: (read_id(r), r.bool())),
    30: ("membersketch", 4, lambda r: (r.fixed(16), r.uint(U32_MAX), read_packed(r, 11))),
    31: ("sketchdifference", 4, read_sketch_difference),
    36: ("aggregates", 3, lambda r: (r.list(GAUGES_MAX, read_short), r.bool())),
    37: ("totals", 6, lambda r: (r.fixed(8), r.fixed(8), r.uint(), r.uint(), read_extremes(r))),
    38: ("tickets", 4, read_tickets),
}


def read_message(reader):
    items = reader.array(8)
    tag = reader.uint()
    if tag not in MESSAGES:
        raise Refused("bad_value", f"the message tag {tag}")
    name, wanted, read = MESSAGES[tag]
    if (tag, items) == (PONG, PLACED_PONG_ITEMS):
        return name, (read(reader), reader.fixed(PLACE_BYTES))
    if items != wanted:
        refused = Refused("bad_value", f"a {name} of {items} items")
        refused.at = 0
        raise refused
    return name, read(reader)


def read_frame(data, at, lane):
    """A frame's message, and where the next frame begins."""
    length = shift = 0
    while True:
        if shift == 28:
            raise Refused("bad_prefix", "a length of more than four bytes")
        if at == len(data):
            raise Refused("truncated", "the stream ends inside a length")
        byte = data[at]
        at += 1
        length |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            break
    if shift > 7 and byte == 0:
        raise Refused("bad_prefix", "a length that is not in its shortest form")
    if length > FRAME_BYTES_MAX[lane]:
        raise Refused("frame_too_large", f"a frame of {length} bytes")
    if length == 0:
        raise Refused("empty_frame", "a frame of nothing")
    if at + length > len(data):
        raise Refused("truncated", "the stream ends inside a frame")
    try:
        return whole(data[at : at + length], read_message), at + length
    except Refused as refused:
        raise Refused("no_message", f"{refused} at byte {refused.at}") from refused


# Ed25519 by the rule of section 4: S below the group's order, the key and R points in whatever encoding, the key not of
# small order, and the equation with cofactor.

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
CURVE_D = -121665 * pow(121666, PRIME - 2, PRIME) % PRIME
ROOT = pow(2, (PRIME - 1) // 4, PRIME)
NEUTRAL = (0, 1, 1, 0)


def decompress(data):
    """The point of 32 bytes, or None. The y need not be reduced."""
    number = int.from_bytes(data, "little")
    y, odd = number % 2**255 % PRIME, number >> 255
    u, v = (y * y - 1) % PRIME, (CURVE_D * y * y + 1) % PRIME
    x = u * pow(v, 3, PRIME) * pow(u * pow(v, 7, PRIME), (PRIME - 5) // 8, PRIME) % PRIME
    if (v * x * x - u) % PRIME:
        x = x * ROOT % PRIME
    if (v * x * x - u) % PRIME:
        return None
    if x % 2:
        x = PRIME - x
    x = (PRIME - x) % PRIME if odd else x
    return (x, y, 1, x * y % PRIME)


def compress(point):
    inverse = pow(point[2], PRIME - 2, PRIME)
    x, y = point[0] * inverse % PRIME, point[1] * inverse % PRIME
    return (y | (x & 1) << 255).to_bytes(32, "little")


def add_points(one, other):
    a = (one[1] - one[0]) * (other[1] - other[0]) % PRIME
    b = (one[1] + one[0]) * (other[1] + other[0]) % PRIME
    c, d = 2 * one[3] * other[3] * CURVE_D % PRIME, 2 * one[2] * other[2] % PRIME
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % PRIME, g * h % PRIME, f * g % PRIME, e * h % PRIME)


def times(number, point):
    total = NEUTRAL
    while number:
        if number & 1:
            total = add_points(total, point)
        point = add_points(point, point)
        number >>= 1
    return total


BASE = decompress((4 * pow(5, PRIME - 2, PRIME) % PRIME).to_bytes(32, "little"))


def minus(point):
    x, y, z, t = point
    return (PRIME - x, y, z, PRIME - t)


def is_small(point):
    return compress(times(8, point)) == compress(NEUTRAL)


def hash_number(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


@functools.lru_cache(maxsize=None)
def public_key(seed):
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return compress(times((secret & ((1 << 254) - 8)) | 1 << 254, BASE))


@functools.lru_cache(maxsize=None)
def is_signed(key, message, signature):
    start, s = signature[:32], int.from_bytes(signature[32:], "little")
    author, commitment = decompress(key), decompress(start)
    if s >= ORDER or author is None or commitment is None or is_small(author):
        return False
    # Over the bytes as they came: another encoding of the same R is another signature.
    challenge = hash_number(start, key, message) % ORDER
    rest = add_points(times(challenge, minus(author)), minus(commitment))
    return is_small(add_points(times(s, BASE), rest))


# The checks.


class Checks:
    def __init__(self):
        self.done = 0
        self.failed = []

    def equal(self, what, found, wanted):
        self.done += 1
        if found != wanted:
            self.failed.append(f"{what}: found {show(found)}, wanted {show(wanted)}")

    def refused(self, what, data, read, wanted=None):
        """With `wanted`, for that reason at that place."""
        self.done += 1
        try:
            whole(data, read)
        except Refused as refused:
            found = (refused.reason, refused.at)
            if wanted is not None and found != wanted:
                self.failed.append(f"{what}: refused for {found}, wanted {wanted}")
            return
        self.failed.append(f"{what}: was read, and must be refused")

    def signature(self, what, key, message, signature, good=True):
        self.equal(f"{what}: the signature is good", is_signed(key, message, signature), good)

    def seed(self, what, seed, public):
        self.equal(what, public_key(bytes.fromhex(seed)), bytes.fromhex(public))


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
    accusation = whole(bytes.fromhex(vectors["accusation"]), read_statement)
    subject, last = accusation["subject"], b"\xff" * 8
    ticket = vectors["ticket"]
    peers, first_epoch = gauge("peers", 0, 2_048_000_000), epoch(ticket["number"], block_id)
    member, signature = bytes.fromhex(ticket["member"]), bytes.fromhex(ticket["signature"])
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
        "ping": bytes.fromhex("1c5a9300fe2177b4"),
        "pong": bytes.fromhex("1c5a9300fe2177b4"),
        "pong_placed": (bytes.fromhex("1c5a9300fe2177b4"), bytes(range(PLACE_BYTES))),
        "reconcile": (1_000_000, 2, 20_000, 1, block_id, bytes([7] * 16), [bytes(range(11)), bytes(range(11, 22))]),
        "more": (1_000_000, 40),
        "symbols": (1_000_000, [bytes(range(11)), bytes(range(11, 22))]),
        "difference": (1_000_000, 0, 1, block_id, [bytes(range(1, 7))], [first[:8]]),
        "offer": (1_000_000, [first[:8], second[:8]]),
        "take": (1_000_000, bytes([0b0100_0000])),
        "list": (1_000_000, second[:8]),
        "news": [accusation],
        "digests": (2, bytes(8), last, [(subject[:8], accusation["incarnation"], 1, b"\x09" * 8)], True),
        "memberdifference": (last, [accusation], [subject[:8]]),
        "statements": [accusation],
        "proberequest": subject,
        "probeanswer": (subject, True),
        "membersketch": (bytes([7] * 16), 1_000, [bytes(range(11)), bytes(range(11, 22))]),
        "sketchdifference": (0, [subject[:8]], [bytes(range(1, 7))]),
        "aggregates": ([peers], True),
        "totals": (peers, first_epoch, 1_000_000_007, 2**40, [0, 2_048_000_000]),
        "tickets": (first_epoch, sha256(b"hearsay minima 1", member)[:8], [(member, signature)]),
    }


def check_messages(checks, vectors):
    expected = expected_messages(vectors)
    names = {name for name, _, _ in MESSAGES.values()} | {"transactions_via", "pong_placed"}
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
    for tag in (32, 35):
        checks.refused(f"message tag {tag}", bytes([0x82, 0x18, tag, 0x80]), read_message, ("bad_value", 1))


# What must be refused.


def check_negative(checks, vectors):
    kinds = {"message": read_message, "transaction": read_transaction, "header": read_header, "block": read_block}
    check_counts(checks, vectors, kinds)
    # What is refused may stay refused with another bit: this tells that the file is the one that was written.
    checks.equal("negative: SHA-256 of all bytes", digest(vectors), bytes.fromhex(vectors["sha256"]))
    for vector in vectors["refused"]:
        kind, data = vector["kind"], bytes.fromhex(vector["bytes"])
        checks.refused(f"{kind}, {vector['name']}", data, kinds[kind], (vector["reason"], vector["at"]))
    for vector in vectors["signatures"]:
        item = whole(bytes.fromhex(vector["transaction"]), read_transaction)
        message = transaction_signing_bytes(vectors["network"], item)
        checks.signature(vector["name"], item["author"], message, item["signature"], vector["good"])
    for vector in vectors["streams"]:
        # Zeros at the end are counted and not written out.
        data, found = bytes.fromhex(vector["bytes"]) + bytes(vector.get("zeros", 0)), None
        try:
            _, end = read_frame(data, 0, vector["lane"])
            checks.equal(f"stream, {vector['name']}: one frame", end, len(data))
        except Refused as refused:
            found = refused.reason
        checks.equal(f"stream, {vector['name']}", found, vector["reason"])


def digest(vectors):
    parts = [one["bytes"] for one in vectors["refused"]] + [one["transaction"] for one in vectors["signatures"]]
    parts += [one["bytes"] for one in vectors["streams"]]
    return sha256(bytes.fromhex("".join(parts)))


def check_counts(checks, vectors, kinds):
    """That no part of the file is empty, and that each reason occurs."""
    for name, least in (("refused", 64), ("signatures", 19), ("streams", 8)):
        checks.equal(f"negative: {least} {name} at least", len(vectors[name]) >= least, True)
    checks.equal("negative: all kinds", {one["kind"] for one in vectors["refused"]}, set(kinds))
    reasons = {"truncated", "trailing_bytes", "indefinite", "not_shortest", "wrong_type", "bad_value", "over_bound"}
    checks.equal("negative: all reasons", {one["reason"] for one in vectors["refused"]}, reasons)
    checks.equal("signatures: good and bad", {one["good"] for one in vectors["signatures"]}, {True, False})
    reasons = {"empty_frame", "bad_prefix", "frame_too_large", "no_message", None}
    checks.equal("streams: all reasons, and none", {one["reason"] for one in vectors["streams"]}, reasons)
    checks.equal("streams: both lanes", {one["lane"] for one in vectors["streams"]}, set(FRAME_BYTES_MAX))


# One whole session: what each side may say follows from what was said before.


SESSION_WORDS = (
    *("hello", "inv", "getdata", "transactions", "ack", "blockheader", "getblock", "block"),
    *("reconcile", "difference", "offer", "take", "list", "ping", "pong", "goodbye"),
)


class Session:
    """Checks each frame by the rules of PROTOCOL.md, and that all that was asked for was answered."""

    def __init__(self, checks, vectors):
        self.checks = checks
        self.network = vectors["network"]
        self.block = bytes.fromhex(vectors["block"])
        self.tip = (0, genesis(self.network))
        self.greeted, self.breached, self.ended = set(), False, False
        # By side: bodies that it holds, ids that it was asked for, and bulk bytes that it was not told of.
        self.bodies = {"client": {}, "node": {}}
        self.asked = {"client": [], "node": []}
        self.unread = {"client": 0, "node": 0}
        # Who offered which block, and who asked for it.
        self.offered, self.asked_for_block = None, None
        # The conversation's number, salt and symbols, who opened it, and whether it was told the difference.
        self.opened, self.opener, self.differed = None, None, False
        # The list's number, and who wants it.
        self.listed, self.lister = None, None
        self.offers, self.announced = {}, []
        # The nonce of each side's ping that has no answer yet.
        self.pinged = {"client": None, "node": None}
        self.words = []

    def frame(self, vector, number):
        side, lane, what = vector["from"], vector["lane"], f"session, frame {number}"
        other = "node" if side == "client" else "client"
        data = bytes.fromhex(vector["frame"])
        (name, content), end = read_frame(data, 0, lane)
        self.checks.equal(f"{what}: one frame", end, len(data))
        self.checks.equal(f"{what}: says", name, vector["says"])
        self.checks.equal(f"{what}: nothing comes after a goodbye", self.ended, False)
        self.checks.equal(f"{what}: hello comes first", name in ("hello", "goodbye") or side in self.greeted, True)
        self.checks.equal(f"{what}: a goodbye answers the breach", self.breached and name != "goodbye", False)
        bodies = content[1] if name == "transactions" else [data] if name == "block" else []
        bulk = any(len(body) > CONTROL_ITEM_BYTES_MAX for body in bodies)
        self.checks.equal(f"{what}: lane", lane, "bulk" if bulk else "control")
        if lane == "bulk":
            self.unread[side] += len(data)
        self.words.append(name)
        getattr(self, f"on_{name}")(what, side, other, content)

    def on_hello(self, what, side, _, content):
        if side in self.greeted:
            self.checks.equal(f"{what}: the breach is the client's", side, "client")
            self.breached = True
        self.greeted.add(side)
        # The node takes part in membership, and the client does not.
        features = 1 if side == "node" else 0
        self.checks.equal(what, content, (2, self.network, features, 0, genesis(self.network), 1))

    def on_inv(self, what, side, other, content):
        self.checks.equal(f"{what}: one entry, accepted this moment", [age for _, age in content], [0])
        self.checks.equal(f"{what}: said once", (side, content[0][0]) in self.announced, False)
        self.announced.append((side, content[0][0]))

    def on_getdata(self, what, side, other, content):
        graft, wanted = content
        self.checks.equal(f"{what}: no graft where nothing is pushed", graft, False)
        for name in wanted:
            self.checks.equal(f"{what}: was announced", (other, name) in self.announced, True)
        self.ask(what, other, wanted)

    def ask(self, what, other, wanted):
        self.checks.equal(f"{what}: said once", set(wanted) & set(self.asked[other]), set())
        self.asked[other] += wanted

    def on_transactions(self, what, side, other, content):
        via, bodies = content
        self.checks.equal(f"{what}: on no route", via, b"")
        for body in bodies:
            item = whole(body, read_transaction)
            message = transaction_signing_bytes(self.network, item)
            self.checks.signature(what, item["author"], message, item["signature"])
            self.checks.equal(f"{what}: was asked for", item["id"][:8] in self.asked[side], True)
            self.asked[side] = [name for name in self.asked[side] if name != item["id"][:8]]
            self.bodies[side][item["id"]] = self.bodies[other][item["id"]] = body

    def on_ack(self, what, side, other, content):
        self.checks.equal(f"{what}: all bulk bytes, lengths included", content, self.unread[other])
        self.unread[other] = 0

    def on_blockheader(self, what, side, other, content):
        header, pushed = content
        self.checks.signature(what, header["producer"], header_signing_bytes(self.network, header), header["signature"])
        self.checks.equal(f"{what}: the tip's child", (header["height"] - 1, header["parent"]), self.tip)
        self.checks.equal(f"{what}: announced, not pushed", (header["id"], pushed), (self.block, False))
        self.checks.equal(f"{what}: said once", self.offered, None)
        self.offered = (side, header["id"])

    def on_getblock(self, what, side, other, content):
        graft, wanted = content
        self.checks.equal(f"{what}: no graft where nothing is pushed", graft, False)
        self.checks.equal(f"{what}: what the other offered", (other, wanted), self.offered)
        self.checks.equal(f"{what}: said once", self.asked_for_block, None)
        self.asked_for_block = side

    def on_block(self, what, side, other, content):
        header, bodies = content["header"], content["transactions"]
        self.checks.equal(f"{what}: the block offered", (side, header["id"]), self.offered)
        self.checks.equal(f"{what}: to who asked", other, self.asked_for_block)
        self.asked_for_block = None
        self.checks.equal(f"{what}: root", header["transactions_root"], merkle_root([sha256(body) for body in bodies]))
        self.checks.equal(f"{what}: count", header["count"], len(bodies))
        for body in bodies:
            self.checks.equal(f"{what}: both have the transaction", sha256(body) in self.bodies["node"], True)
            del self.bodies["node"][sha256(body)]
        self.tip = (header["height"], header["id"])

    def on_reconcile(self, what, side, other, content):
        number, digest, size, *tip, salt, symbols = content
        self.checks.equal(f"{what}: tip", tuple(tip), self.tip)
        self.checks.equal(f"{what}: push, of one", (digest, size), (0, 1))
        read = [(int.from_bytes(one[:6], "big"), int.from_bytes(one[6:10], "big"), one[10]) for one in symbols]
        self.checks.equal(f"{what}: said once", self.opened, None)
        self.opened, self.opener = (number, salt, read), side

    def on_difference(self, what, side, other, content):
        number, outcome, *tip, wanted, offered = content
        self.checks.equal(f"{what}: number, known", (number, outcome), (self.opened[0], 0))
        self.checks.equal(f"{what}: to who opened, once", (other, self.differed), (self.opener, False))
        self.differed = True
        self.checks.equal(f"{what}: tip", tuple(tip), self.tip)
        self.checks.equal(f"{what}: nothing is offered to one that only gives", offered, [])
        # The node's own set: what is neither young nor in the sketch changes nothing of what it lacks.
        only_here, only_there = peel(self.opened[1], list(self.opened[2]))
        self.checks.equal(f"{what}: the sketch's only item", only_here, set())
        self.checks.equal(f"{what}: wanted", [int.from_bytes(one, "big") for one in wanted], sorted(only_there))

    def on_offer(self, what, side, other, content):
        number, ids = content
        self.checks.equal(f"{what}: said once", (side, number) in self.offers, False)
        self.offers[side, number] = ids
        if side == self.opener:
            # Whose short id this is shows when its body comes.
            self.checks.equal(f"{what}: in answer to the difference", (number, self.differed), (self.opened[0], True))
            self.checks.equal(f"{what}: of one", len(ids), 1)
        else:
            self.checks.equal(f"{what}: in answer to the list", (other, number), (self.lister, self.listed))
            held = sorted([item[:8] for item in self.bodies[side]] + self.still_announced(side, other))
            self.checks.equal(f"{what}: all that it holds, in order", ids, held)

    def still_announced(self, side, other):
        """What one side announced and the other has not fetched."""
        known = [item[:8] for item in self.bodies[other]]
        return [name for who, name in self.announced if who == side and name not in known]

    def on_take(self, what, side, other, content):
        number, places = content
        offer = self.offers.get((other, number), [])
        taken = [name for at, name in enumerate(offer) if at // 8 < len(places) and places[at // 8] << at % 8 & 128]
        self.checks.equal(f"{what}: one place", len(taken), 1)
        self.ask(what, other, taken)

    def on_list(self, what, side, other, content):
        self.checks.equal(f"{what}: said once, by who opened", (side, self.listed), (self.opener, None))
        self.listed, self.lister = content[0], side
        self.checks.equal(f"{what}: from the start", content[1], b"")
        self.checks.equal(f"{what}: under a number of its own", self.listed == self.opened[0], False)

    def on_ping(self, what, side, other, content):
        self.checks.equal(f"{what}: one at a time", self.pinged[side], None)
        self.pinged[side] = content

    def on_pong(self, what, side, other, content):
        self.checks.equal(f"{what}: the other's ping", content, self.pinged[other])
        self.pinged[other] = None

    def on_goodbye(self, what, side, other, content):
        wanted = ("node", "out_of_turn", True)
        self.checks.equal(f"{what}: for the second hello", (side, content, self.breached), wanted)
        self.ended = True


def check_session(checks, vectors):
    line = lambda text: bytes([len(text) + 1]) + text.encode() + b"\n"
    openings = [(one["opener"], one["lane"]) for one in vectors["streams"]]
    four = [(who, lane) for who in ("client", "node") for lane in ("bulk", "control")]
    checks.equal("session: four streams", sorted(openings), four)
    for one in vectors["streams"]:
        name = f"/hearsay/{vectors['network']}/{one['lane']}/2"
        words = line("/multistream/1.0.0") + line(name)
        found = (one["protocol"], bytes.fromhex(one["words"]))
        checks.equal(f"session, the {one['opener']}'s {one['lane']} stream", found, (name, words))
    session = Session(checks, vectors)
    for number, vector in enumerate(vectors["frames"]):
        session.frame(vector, number)
    # The second offer's body shows that the first one's id was its.
    offered = session.offers[session.opener, session.opened[0]]
    lost = [item for item in session.bodies["node"] if item[:8] in offered]
    ids = [salted(session.opened[1], item) for item in lost]
    symbols = [(0, 0, 0)] * len(session.opened[2])
    for number in ids:
        add(session.opened[1], symbols, number, 1)
    checks.equal("session: the sketch is of what was lost", symbols, session.opened[2])
    checks.equal("session: both greeted", sorted(session.greeted), ["client", "node"])
    checks.equal("session: a second hello, and the end", (session.breached, session.ended), (True, True))
    checks.equal("session: all was answered", session.asked, {"client": [], "node": []})
    checks.equal("session: the block was sent", session.asked_for_block, None)
    checks.equal("session: each ping was answered", session.pinged, {"client": None, "node": None})
    checks.equal("session: all was acknowledged", session.unread, {"client": 0, "node": 0})
    for name in SESSION_WORDS:
        checks.equal(f"session: has a {name}", name in session.words, True)


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


def check_statement(checks, what, network, vector):
    item = whole(bytes.fromhex(vector["encoded"]), read_statement)
    names = set(vector) - {"seed", "encoded", "entries", "addresses", "relays"}
    for name in sorted(names):
        wanted = vector[name]
        checks.equal(f"{what}: {name}", item[name], bytes.fromhex(wanted) if isinstance(item[name], bytes) else wanted)
    for name in ("addresses", "relays"):
        if name in item:
            checks.equal(f"{what}: {name}", item[name], [bytes.fromhex(one) for one in vector[name]])
    checks.seed(f"{what}: signer of the seed", vector["seed"], item["signer"].hex())
    signed = tstr(item["domain"]) + tstr(network) + item["signed"]
    checks.signature(what, item["signer"], signed, item["signature"])
    return item


def check_members(checks, vectors):
    network = vectors["network"]
    read = []
    for number, vector in enumerate(vectors["records"]):
        read.append(check_statement(checks, f"record {number}", network, vector))
    found = check_statement(checks, "entries", network, vectors["entries"])
    listed = [{**one, "value": bytes.fromhex(one["value"])} for one in vectors["entries"]["entries"]]
    checks.equal("entries: the list", found["entries"], listed)
    accusation = check_statement(checks, "accusation", network, vectors["accusation"])
    kinds = [item["kind"] for item in (*read, found, accusation)]
    checks.equal("members: the kinds", kinds, ["record", "record", "entries", "accusation"])
    checks.equal("members: one alive, one left", [item["left"] for item in read], [False, True])


def check_wire(checks, vectors):
    network = vectors["network"]
    checks.equal("genesis", genesis(network), bytes.fromhex(vectors["genesis"]))
    counts = [len(vector["ids"]) for vector in vectors["merkle_roots"]]
    checks.equal("Merkle roots of none to five", counts, list(range(6)))
    for vector in vectors["merkle_roots"]:
        ids = [bytes.fromhex(one) for one in vector["ids"]]
        checks.equal(f"Merkle root of {len(ids)}", merkle_root(ids), bytes.fromhex(vector["root"]))
    check_transactions(checks, network, vectors["transactions"])
    check_header(checks, network, vectors["header"])
    check_block(checks, vectors)
    check_messages(checks, vectors)
    accusation = whole(bytes.fromhex(vectors["accusation"]), read_statement)
    signed = tstr(accusation["domain"]) + tstr(network) + accusation["signed"]
    checks.signature("accusation", accusation["signer"], signed, accusation["signature"])
    ticket = vectors["ticket"]
    checks.seed("ticket: member of the seed", ticket["seed"], ticket["member"])
    signed = ticket_signing_bytes(network, ticket["number"], bytes.fromhex(vectors["header"]["id"]))
    checks.signature("ticket", bytes.fromhex(ticket["member"]), signed, bytes.fromhex(ticket["signature"]))


FILES = {
    "wire": check_wire,
    "members": check_members,
    "reconcile": check_sketch,
    "negative": check_negative,
    "session": check_session,
}


def run(name, vectors):
    checks = Checks()
    try:
        FILES[name](checks, vectors)
    except (Refused, KeyError, ValueError, IndexError, TypeError) as error:
        checks.failed.append(f"{type(error).__name__}: {error}")
    return checks


def byte_strings(value, path=()):
    """The paths to all strings of hexadecimal digits."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from byte_strings(inner, path + (key,))
    elif isinstance(value, list):
        for key, inner in enumerate(value):
            yield from byte_strings(inner, path + (key,))
    elif isinstance(value, str) and len(value) % 2 == 0 and value and all(char in "0123456789abcdef" for char in value):
        yield path


def changed(vectors, path, change):
    """A copy in which the part at a path is what `change` makes of it."""
    copied = copy.deepcopy(vectors)
    holder = copied
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = change(holder[path[-1]])
    return copied


def flipped(vectors, path, number):
    """A copy in which one bit of one string is another; which bit follows from the number."""

    def change(text):
        data = bytearray.fromhex(text)
        data[number * 7919 % len(data)] ^= 1 << number % 8
        return data.hex()

    return changed(vectors, path, change)


SIDES = {"client": "node", "node": "client"}
LANES = {"control": "bulk", "bulk": "control"}


def resealed(vectors):
    """With the digest of what is in the file now: it must not be what alone notices that much is gone."""
    return {**vectors, "sha256": digest(vectors).hex()}


def parts_of(value, path=()):
    """All that the vectors consist of, with its path."""
    if path:
        yield path, value
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from parts_of(one, path + (key,))


def mutations(name, vectors):
    """Copies that must be noticed, each with what was done to it."""
    for path, part in parts_of(vectors):
        at = ".".join(map(str, path))
        if isinstance(part, (list, dict)) and part:
            emptied = changed(vectors, path, lambda one: type(one)())
            yield f"{at} emptied", resealed(emptied) if name == "negative" and len(path) == 1 else emptied
        if isinstance(part, list):
            for gone in range(len(part)):
                yield f"{at} without {gone}", changed(vectors, path, lambda one: one[:gone] + one[gone + 1 :])
        if isinstance(part, bool):
            yield f"{at} turned round", changed(vectors, path, lambda one: not one)
        elif isinstance(part, int):
            yield f"{at} one higher", changed(vectors, path, lambda one: one + 1)
        if path[-1] in ("from", "opener"):
            yield f"{at} the other side", changed(vectors, path, SIDES.get)
        if path[-1] == "lane" and name == "session":
            yield f"{at} the other lane", changed(vectors, path, LANES.get)
    if name == "negative":
        # Most of the streams are as wrong on the one lane as on the other. All together are not.
        for lane in LANES:
            moved = changed(vectors, ("streams",), lambda all: [{**one, "lane": lane} for one in all])
            yield f"all streams on {lane}", moved
        for good in (True, False):
            kept = changed(vectors, ("signatures",), lambda all: [one for one in all if one["good"] is good])
            yield f"only signatures that are {good}", resealed(kept)
    if name == "session":
        for step in range(len(vectors["frames"])):
            twice = changed(vectors, ("frames",), lambda all: all[: step + 1] + all[step:])
            yield f"step {step} said twice", twice


def flip(files):
    """Every change must be noticed."""
    missed = flips = others = 0
    for name, vectors in files.items():
        for number, path in enumerate(byte_strings(vectors)):
            flips += 1
            if not run(name, flipped(vectors, path, number)).failed:
                missed += 1
                print(f"MISSED a flipped bit: {name} {'.'.join(map(str, path))}", file=sys.stderr)
        for what, mutated in mutations(name, vectors):
            others += 1
            if not run(name, mutated).failed:
                missed += 1
                print(f"MISSED: {name}, {what}", file=sys.stderr)
    print(f"vectors: {flips} flipped bits and {others} other changes, {missed} missed")
    return 1 if missed else 0


def main(arguments):
    flipping = "--flip" in arguments
    rest = [argument for argument in arguments if argument != "--flip"]
    beside = os.path.join(os.path.dirname(os.path.abspath(__file__)), "vectors")
    files = {}
    try:
        for name in FILES:
            with open(os.path.join(rest[0] if rest else beside, f"{name}.json"), encoding="utf-8") as file:
                files[name] = json.load(file)
    except (OSError, ValueError) as error:
        print(f"cannot read the vectors: {error}", file=sys.stderr)
        return 2
    results = [run(name, vectors) for name, vectors in files.items()]
    failed = [failure for checks in results for failure in checks.failed]
    for failure in failed:
        print(f"FAILED {failure}", file=sys.stderr)
    print(f"vectors: {sum(checks.done for checks in results)} checks, {len(failed)} failed")
    if failed:
        return 1
    return flip(files) if flipping else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
