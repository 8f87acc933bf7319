// A client of the network: a libp2p node that speaks the two lanes, and what it answers to each message
// (docs/PROTOCOL.md, "First client" and section 6). It takes part in relaying only by sending its own transactions, and
// is a member of the network only if it is told to. It holds what it received, and serves it.
// Deliberately absent: passing on items of others, and opening conversations by itself. A check does that by hand.

import './older-node.js';
import { generateKeyPair, publicKeyFromRaw } from '@libp2p/crypto/keys';
import { identify } from '@libp2p/identify';
import { serviceCapabilities } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import { noise } from '@libp2p/noise';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { Chain } from './chain.js';
import { authorRoute, hex, openTransaction, sha256, short } from './items.js';
import { decode } from './format.js';
import { Link, protocols } from './link.js';
import { Member, statement } from './members.js';
import { headerArray, setPlaces } from './messages.js';
import { difference } from './sketch.js';

const AGENT = 'hearsay-interop-js/0.0.0';
const OFFER_ENTRIES_MAX = 4_096;
const OFFERS_MAX = 4;
const PROBE_MS = 800;
// An accusation has at most 144 bytes, and 2 around it.
const ACCUSATION_BYTES_MAX = 146;
const MEMBERSHIP = 1;

export class Client {
  links = new Map();
  /** Transactions by id in hexadecimal: `{ id, body, author }`. */
  pool = new Map();
  /** What came, and how: `{ id, how, via, peer }`, where `how` is 'push' or 'asked'. */
  received = [];
  failures = [];
  #asked = new Set();

  /** With `isMember`, it takes part in membership. `fault` is a fault to plant, see scripts/interop.sh. */
  constructor(network, { isMember = false, fault } = {}) {
    this.network = network;
    this.isMember = isMember;
    this.fault = fault;
    this.chain = new Chain(network);
  }

  /** Starts the libp2p node. It listens on a free port of the loopback. */
  async start() {
    const privateKey = await generateKeyPair('Ed25519');
    this.libp2p = await createLibp2p({
      privateKey,
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
      transports: [tcp()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      nodeInfo: { userAgent: AGENT },
      // It would ping with libp2p's own ping, which nodes don't speak.
      connectionMonitor: { enabled: false },
      services: { identify: identify(), kad: kademlia(this.network), ping: handshakePing },
    });
    for (const [lane, name] of Object.entries(protocols(this.network))) {
      await this.libp2p.handle(name, (stream, connection) => this.#incoming(lane, stream, connection));
    }
    if (this.isMember) await this.#join(privateKey.raw.subarray(0, 32));
    return this;
  }

  async #join(seed) {
    const addresses = this.libp2p.getMultiaddrs().map((address) => address.decapsulate('/p2p').bytes);
    this.member = new Member(this.network, seed, addresses, {
      tell: (...message) => this.links.forEach((link) => link.theirs && link.send(...message)),
      probe: (key) => this.#reach(peerIdFromPublicKey(publicKeyFromRaw(key))),
    });
    const name = `/hearsay/${this.network}/accuse/1`;
    // A stream that breaks off brings no accusation.
    await this.libp2p.handle(name, (stream, connection) => this.#onAccusation(stream, connection).catch(() => {}));
  }

  /** The handshake of a dial proves the member's key. */
  #reach(peer) {
    return this.libp2p.dial(peer, { signal: AbortSignal.timeout(PROBE_MS) }).then(() => true, () => false);
  }

  async #onAccusation(stream, connection) {
    let encoded = Buffer.alloc(0);
    for await (const chunk of stream) {
      encoded = Buffer.concat([encoded, chunk.subarray()]);
      if (encoded.length > ACCUSATION_BYTES_MAX) return stream.abort(new Error('an accusation is too long'));
    }
    this.#guard({ peer: connection.remotePeer }, () => this.member.hear([decode(statement, encoded)]));
  }

  get peerId() {
    return this.libp2p.peerId.toString();
  }

  /** Dials a node, and asks for a slot. Returns the link when the node's Hello has come. */
  async dial(address) {
    const connection = await this.libp2p.dial(multiaddr(address));
    const link = this.#link(connection);
    await link.opened;
    await link.wait('hello');
    return link;
  }

  async stop() {
    await this.libp2p?.stop();
  }

  /** How many messages of a type came on the links that are there. */
  count(type) {
    return [...this.links.values()].reduce((sum, { counts }) => sum + (counts[type] ?? 0), 0);
  }

  /** Puts a transaction of this client into its pool, so that it serves it. Returns its id. */
  hold(body) {
    const id = sha256(body);
    if (this.fault === 'id') id[0] ^= 1;
    this.pool.set(hex(id), { id, body });
    return id;
  }

  /** Offers transactions in answer to a question, and remembers the offer for a take. */
  offer(link, number, ids) {
    this.#offered(link, number, ids.map(short));
    link.send('offer', number, Buffer.concat(ids.map(short)));
  }

  #incoming(lane, stream, connection) {
    const link = this.#link(connection);
    link.read(lane, stream);
  }

  /** The link of a connection. When it is new, this side's streams are opened and Hello is said. */
  #link(connection) {
    const known = this.links.get(connection.id);
    if (known) return known;
    const link = new Link(connection, this.network, this.fault);
    this.links.set(connection.id, link);
    link.addEventListener('message', ({ detail }) => this.#guard(link, () => this.#answer(link, detail)));
    link.opened = link.open(this.chain.genesis.id, this.isMember ? MEMBERSHIP : 0);
    link.opened.catch(() => {});
    link.closed.then(() => this.links.delete(connection.id));
    return link;
  }

  #guard(link, action) {
    try {
      action();
    } catch (error) {
      this.failures.push(`${error.message} (from ${link.peer})`);
    }
  }

  #answer(link, message) {
    if (message.type === 'hello') this.#greet(link, message);
    this.member?.answer(link, message);
    const answers = {
      inv: () => this.#onInv(link, message),
      transactions: () => message.bodies.forEach((body) => this.#onBody(link, message.via, body)),
      getdata: () => this.#onGetdata(link, message.refs),
      blockheader: () => this.#onHeaders(link, [message.header], message.pushed),
      headers: () => this.#onHeaders(link, message.headers, false),
      block: () => this.#onBlock(link, message.block),
      getblock: () => this.#onGetblock(link, message.id),
      getheaders: () => link.send('headers', []),
      reconcile: () => this.#onReconcile(link, message),
      list: () => this.#onList(link, message),
      take: () => this.#onTake(link, message),
    };
    answers[message.type]?.();
  }

  #greet(link, hello) {
    link.theirs = hello;
    if (this.member && Number(hello.features) & MEMBERSHIP) {
      this.member.greet(link, Buffer.from(link.connection.remotePeer.publicKey.raw));
    }
  }

  #onInv(link, { entries }) {
    const refs = entries.map(([ref]) => ref).filter((ref) => !this.find(ref) && !this.#asked.has(hex(short(ref))));
    if (refs.length === 0) return;
    for (const ref of refs) this.#asked.add(hex(short(ref)));
    for (let at = 0; at < refs.length; at += 256) link.send('getdata', false, refs.slice(at, at + 256));
  }

  #onBody(link, via, body) {
    const { id, author, payload } = openTransaction(this.network, body);
    const how = this.#asked.delete(hex(short(id))) ? 'asked' : 'push';
    if (this.pool.has(hex(id))) {
      // A second copy: the other link is enough.
      if (how === 'push') link.send('prune', [via.length ? via : authorRoute(author)]);
      return;
    }
    this.pool.set(hex(id), { id, body: Buffer.from(body), author });
    this.received.push({ id: hex(id), how, via, peer: link.peer, bytes: payload.length });
  }

  #onGetdata(link, refs) {
    const unknown = refs.filter((ref) => !this.find(ref));
    for (const { body } of refs.map((ref) => this.find(ref)).filter(Boolean)) {
      link.sendItem(body.length, 'transactions', Buffer.alloc(0), [body]);
    }
    if (unknown.length) link.send('notfound', unknown, []);
  }

  #onHeaders(link, headers, pushed) {
    for (const header of headers) {
      const block = this.chain.addHeader(header);
      if (!block) link.send('getheaders', this.chain.locator());
      else if (!block.transactions && !pushed) this.#askBlock(link, block);
    }
  }

  #askBlock(link, { id }) {
    if (this.#asked.has(hex(id))) return;
    this.#asked.add(hex(id));
    link.send('getblock', true, id);
  }

  #onBlock(link, block) {
    const added = this.chain.addBlock(block);
    if (!added) link.send('getheaders', this.chain.locator());
  }

  #onGetblock(link, id) {
    const block = this.chain.has(id);
    const bodies = block?.transactions?.map((one) => this.pool.get(hex(one.id))?.body);
    if (!bodies?.every(Boolean)) return link.send('notfound', [], [id]);
    const size = bodies.reduce((sum, body) => sum + body.length, 0);
    link.sendItem(size + 192, 'block', [headerArray(block), bodies]);
  }

  /** Tells the difference if these symbols are enough. Otherwise it is busy, which every responder may be. */
  #onReconcile(link, { number, salt, sketch, digest }) {
    const ids = this.pending().map(({ id }) => id);
    const found = sketch.length ? difference(salt, sketch, ids) : undefined;
    const { height, id } = this.chain.genesis;
    if (!found) return link.send('difference', number, 3, height, id, Buffer.alloc(0), Buffer.alloc(0));
    const wanted = digest === 1 ? [] : found.onlyThere;
    const offered = digest === 0 ? [] : found.onlyHere.map(short);
    this.#offered(link, number, offered);
    link.send('difference', number, 0, height, id, Buffer.concat(wanted), Buffer.concat(offered));
  }

  #onList(link, { number, after }) {
    const ids = this.pending().map(({ id }) => id).filter((id) => Buffer.compare(short(id), after) > 0);
    this.offer(link, number, ids.slice(0, OFFER_ENTRIES_MAX));
  }

  #offered(link, number, shortIds) {
    link.offers ??= new Map();
    link.offers.set(number, shortIds);
    if (link.offers.size > OFFERS_MAX) link.offers.delete(link.offers.keys().next().value);
  }

  #onTake(link, { number, places }) {
    const offer = link.offers?.get(number) ?? [];
    this.#onGetdata(link, setPlaces(places).map((place) => offer[place]).filter(Boolean));
  }

  /** The transactions that are in no block, in the order of their ids. */
  pending() {
    const confirmed = this.chain.confirmed();
    return [...this.pool.values()].filter(({ id }) => !confirmed.has(hex(id)))
      .sort((a, b) => Buffer.compare(a.id, b.id));
  }

  /** A transaction by its id or short id. */
  find(ref) {
    if (ref.length === 32) return this.pool.get(hex(ref));
    return [...this.pool.values()].find(({ id }) => short(id).equals(ref));
  }
}

/** A server from the start: the library would wait for a public address. Loopback addresses are passed on as well. */
function kademlia(network) {
  return kadDHT({ protocol: `/hearsay/${network}/kad/1`, clientMode: false, peerInfoMapper: passthroughMapper });
}

/** Before the library's Kademlia takes a peer into its table, it pings it. A connection proves as much. */
function handshakePing({ connectionManager }) {
  return {
    [serviceCapabilities]: ['@libp2p/ping'],
    async ping(peer, options) {
      const start = Date.now();
      await connectionManager.openConnection(peer, options);
      return Date.now() - start;
    },
  };
}
