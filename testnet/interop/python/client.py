"""A small client with py-libp2p: the two lanes, Hello, pings, a transaction each way (docs/PROTOCOL.md, First client).

It reads and writes CBOR with docs/check-vectors.py, which was written from that page too, and shares no code with the
node. Deliberately absent: blocks, acks for bulk bodies, reconciliation beyond "busy".
"""

import importlib.util
import os

import trio
from libp2p.custom_types import TProtocol
from nacl.signing import SigningKey

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
_spec = importlib.util.spec_from_file_location("vectors", os.path.join(ROOT, "docs", "check-vectors.py"))
vectors = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(vectors)

HELLO, GETDATA, NOTFOUND, TRANSACTIONS, DIFFERENCE, PING, PONG = 0, 2, 3, 4, 17, 22, 23
READ_BYTES = 16_384


def array(*items):
    """An array of items that are encoded already."""
    return vectors.head(4, len(items)) + b"".join(items)


def frame(message):
    """The length as a varint, and the message."""
    length, prefix = len(message), bytearray()
    while length > 127:
        prefix.append(length & 127 | 128)
        length >>= 7
    return bytes(prefix) + bytes([length]) + message


class Author:
    """Signs transactions. `spoilt` plants a bad signature."""

    def __init__(self, network, spoilt=False):
        self.network, self.key, self.nonce, self.spoilt = network, SigningKey.generate(), 0, spoilt

    def transaction(self, valid_until, payload):
        """A signed transaction, encoded."""
        public = bytes(self.key.verify_key)
        item = {"author": public, "nonce": self.nonce, "valid_until": valid_until, "payload": payload}
        signature = bytearray(self.key.sign(vectors.transaction_signing_bytes(self.network, item)).signature)
        signature[0] ^= self.spoilt
        self.nonce += 1
        fields = (vectors.bstr(public), vectors.uint(item["nonce"]), vectors.uint(valid_until), vectors.bstr(payload))
        return array(*fields, vectors.bstr(bytes(signature)))


class Link:
    """One peer: writes on the streams that this side opened, and reads those that the peer opened."""

    def __init__(self, host, network):
        self.host, self.network, self.messages, self.ended = host, network, [], None
        self.names = {lane: TProtocol(f"/hearsay/{network}/{lane}/2") for lane in ("control", "bulk")}
        for lane, name in self.names.items():
            host.set_stream_handler(name, lambda stream, lane=lane: self._read(lane, stream))

    async def open(self, peer):
        self.control = await self.host.new_stream(peer, [self.names["control"]])
        self.bulk = await self.host.new_stream(peer, [self.names["bulk"]])
        tip = vectors.uint(0) + vectors.bstr(vectors.genesis(self.network))
        hello = (vectors.uint(HELLO), vectors.uint(2), vectors.tstr(self.network), vectors.uint(0))
        await self.send(vectors.head(4, 7) + b"".join(hello) + tip + vectors.uint(1))

    async def send(self, message):
        await self.control.write(frame(message))

    async def push(self, body):
        await self.send(array(vectors.uint(TRANSACTIONS), vectors.bstr(b""), array(vectors.bstr(body))))

    async def ping(self, nonce):
        await self.send(array(vectors.uint(PING), vectors.bstr(nonce)))
        await self.wait("pong", lambda content: content == nonce)

    async def wait(self, name, fits=lambda content: True, seconds=10):
        """The content of the first message of this name that fits."""
        with trio.move_on_after(seconds):
            while True:
                for found, content in self.messages:
                    if found == name and fits(content):
                        return content
                if self.ended:
                    raise RuntimeError(f"the node ended the link: {self.ended}")
                await trio.sleep(0.02)
        raise RuntimeError(f"no {name} in {seconds} s")

    async def _read(self, lane, stream):
        data = b""
        try:
            while chunk := await stream.read(READ_BYTES):
                data = await self._take(lane, data + chunk)
            self.ended = self.ended or "it closed its stream"
        except Exception as error:
            # What the library throws when a stream ends depends on how it ends.
            self.ended = self.ended or repr(error)

    async def _take(self, lane, data):
        """Handles the whole messages, and returns the bytes that are left."""
        at = 0
        while at < len(data):
            try:
                (name, content), at = vectors.read_frame(data, at, lane)
            except vectors.Refused as refused:
                if refused.reason == "truncated":
                    break
                raise
            self.messages.append((name, content))
            await self._answer(name, content)
        return data[at:]

    async def _answer(self, name, content):
        if name == "ping":
            await self.send(array(vectors.uint(PONG), vectors.bstr(content)))
        elif name == "getdata":
            refs = array(*(vectors.bstr(ref) for ref in content[1]))
            await self.send(array(vectors.uint(NOTFOUND), refs, array()))
        elif name == "reconcile":
            # Busy: everybody may be.
            tip = (vectors.uint(0), vectors.bstr(vectors.genesis(self.network)))
            empty = vectors.bstr(b"")
            head = (vectors.uint(DIFFERENCE), vectors.uint(content[0]), vectors.uint(3))
            await self.send(array(*head, *tip, empty, empty))
        elif name == "goodbye":
            self.ended = f"goodbye {content}"
