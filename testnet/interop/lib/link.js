// A link: the four streams of a gossip connection (docs/PROTOCOL.md, sections 2, 3 and 7). It frames and splits, says
// Hello, answers pings, acknowledges the bulk stream, and hands every message on. It writes only on the streams that
// this side opened, and leaves the other half of the node's streams open.
// Deliberately absent: credit for what this side sends. Its messages are few and small.

import { randomBytes } from 'node:crypto';
import { frame, Splitter } from './frame.js';
import { message, readMessage } from './messages.js';

/** An item of more bytes than this goes on the bulk lane. */
const CONTROL_ITEM_BYTES_MAX = 4_096;
const ACK_BYTES = 16_384;
const VERSION = 2;

export const protocols = (network) =>
  ({ control: `/hearsay/${network}/control/2`, bulk: `/hearsay/${network}/bulk/2` });

export class Link extends EventTarget {
  #out = {};
  #fault;
  #unacknowledged = 0;
  #seen = [];
  #waiting = new Set();
  counts = {};

  /** `fault` is 'length' to plant a wrong frame length; see scripts/interop.sh. */
  constructor(connection, network, fault) {
    super();
    this.connection = connection;
    this.network = network;
    this.#fault = fault;
    this.peer = connection.remotePeer.toString();
    this.dialled = connection.direction === 'outbound';
    this.closed = new Promise((resolve) => connection.addEventListener('close', resolve, { once: true }));
    this.closed.then(() => this.#end());
  }

  /**
   * Opens this side's streams. Hello goes first, before the bulk stream is open: the node may speak as soon as all four
   * are, and an answer before Hello would be out of turn. It says that nothing is held but genesis, and that no blocks
   * are kept.
   */
  async open(genesis, features) {
    const names = protocols(this.network);
    this.#out.control = await this.connection.newStream(names.control);
    this.hello(genesis, features);
    this.#out.bulk = await this.connection.newStream(names.bulk);
  }

  hello(genesis, features = 0) {
    this.send('hello', VERSION, this.network, features, 0, genesis, 1);
  }

  /** Sends a message on the control lane. */
  send(name, ...fields) {
    this.sendRaw('control', message(name, ...fields));
  }

  /** Sends a message with an item of so many bytes, on the bulk lane if it is over 4,096 bytes. */
  sendItem(size, name, ...fields) {
    this.sendRaw(size > CONTROL_ITEM_BYTES_MAX ? 'bulk' : 'control', message(name, ...fields));
  }

  /** Sends a frame whose stated length is `off` bytes longer than it is. */
  sendRaw(lane, encoded, off = 0) {
    const planted = this.#fault === 'length' ? 1 : 0;
    if (this.#out[lane]?.writeStatus === 'writable') this.#out[lane].send(frame(encoded, off + planted));
  }

  /** Sends a ping and waits for its pong. Returns the milliseconds between them. */
  async ping() {
    const nonce = randomBytes(8);
    const start = performance.now();
    this.send('ping', nonce);
    await this.wait('pong', (pong) => nonce.equals(pong.nonce), 5_000, true);
    return performance.now() - start;
  }

  /** Reads a stream that the node opened, until it ends. */
  async read(lane, stream) {
    const splitter = new Splitter(lane);
    try {
      for await (const chunk of stream) {
        const bytes = Buffer.from(chunk.subarray());
        const messages = splitter.take(bytes);
        if (lane === 'bulk') this.#acknowledge(bytes.length, splitter.empty);
        for (const encoded of messages) this.#receive(lane, encoded);
      }
    } catch (error) {
      if (this.connection.status === 'open') this.#fail(error);
    }
  }

  /** Resolves with the first message, past or to come, of a type that fits. Rejects after `ms`. */
  wait(type, fits = () => true, ms = 10_000, onlyNew = false) {
    const past = onlyNew ? undefined : this.#seen.find((one) => one.type === type && fits(one));
    if (past) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const waiting = { type, fits, resolve, reject };
      const timer = setTimeout(() => this.#settle(waiting, reject, new Error(`no ${type} in ${ms} ms`)), ms);
      waiting.stop = () => clearTimeout(timer);
      this.#waiting.add(waiting);
    });
  }

  /** The first message that came and fits. */
  past(fits) {
    return this.#seen.find(fits);
  }

  /** Forgets the messages that came until now, so that `wait` waits for later ones. */
  forget() {
    this.#seen = [];
  }

  #receive(lane, encoded) {
    const received = { ...readMessage(encoded), lane };
    this.counts[received.type] = (this.counts[received.type] ?? 0) + 1;
    if (received.type === 'ping') this.send('pong', received.nonce);
    // Enough for the checks; an endless client would keep none.
    if (this.#seen.length < 10_000) this.#seen.push(received);
    for (const waiting of this.#waiting) {
      if (waiting.type === received.type && waiting.fits(received)) this.#settle(waiting, waiting.resolve, received);
    }
    this.dispatchEvent(new CustomEvent('message', { detail: received }));
  }

  /** At least every 32 KiB and at the end of each frame; every 16 KiB lets a small window grow. */
  #acknowledge(bytes, frameEnded) {
    this.#unacknowledged += bytes;
    if (this.#unacknowledged < ACK_BYTES && !frameEnded) return;
    this.send('ack', this.#unacknowledged);
    this.#unacknowledged = 0;
  }

  #settle(waiting, settle, value) {
    waiting.stop();
    this.#waiting.delete(waiting);
    settle(value);
  }

  #fail(error) {
    this.failure ??= error;
    this.connection.abort(error);
  }

  #end() {
    for (const waiting of this.#waiting) {
      this.#settle(waiting, waiting.reject, this.failure ?? new Error(`the connection ended before a ${waiting.type}`));
    }
  }
}
