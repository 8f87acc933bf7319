// What members sign (docs/PROTOCOL.md, section 4, Members), and the part of a member that is alive and says so: it
// signs its record, answers comparisons, probes for others, refutes accusations, and leaves.
// Deliberately absent: passing on what others sign, and probing members unasked. It checks every statement that it is
// sent.

import { randomBytes } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { encode } from './cbor.js';
import { bytes, checked, list, record, text, uint, upTo } from './format.js';
import { good, hex, sha256, short, signedBytes } from './items.js';

const VERSION = 2;
const AGENT = 'hearsay-interop-js/0.0.0';
const FIRST = Buffer.alloc(8, 0);
const LAST = Buffer.alloc(8, 0xff);
const REFUTE_MS = 10_000;
const ALIVE = 0, LEFT = 1;
const SUSPECT = 1, DEAD = 2;
const PUSH = 0, PULL = 1, PUSH_PULL = 2;
const WANTED_MAX = 64;

const recordFormat = bounded(1_024, record(
  ['key', bytes(32)], ['instance', bytes(8)], ['incarnation', uint()], ['issuedMs', uint()], ['version', uint(32)],
  ['agent', text(0, 64)], ['addresses', list(8, bytes(0, 272))], ['relays', list(3, bytes(32))], ['presence', upTo(1)],
  ['signature', bytes(64)],
));
const entry = record(['key', text(1, 64)], ['value', bytes(0, 4_096)], ['version', uint()]);
const entriesFormat = record(
  ['owner', bytes(32)], ['version', uint()], ['list', list(64, entry)], ['signature', bytes(64)],
);
const accusationFormat = record(
  ['accuser', bytes(32)], ['subject', bytes(32)], ['incarnation', uint()], ['signature', bytes(64)],
);

const KINDS = [
  { kind: 'record', format: recordFormat, domain: 'hearsay member 1', signer: 'key' },
  { kind: 'entries', format: entriesFormat, domain: 'hearsay entries 1', signer: 'owner' },
  { kind: 'accusation', format: accusationFormat, domain: 'hearsay suspect 1', signer: 'accuser' },
];

/** A statement: its kind, and what it says. */
export function statement(reader) {
  const pair = record(['tag', upTo(2)], ['content', (inner, { tag }) => KINDS[tag].format(inner)]);
  const { tag, content } = pair(reader);
  return { kind: KINDS[tag].kind, ...content };
}

/** True if the member that a statement is of has signed it. */
export function isSigned(network, { kind, signature, ...content }) {
  const { domain, signer } = KINDS.find((one) => one.kind === kind);
  return good(content[signer], signedBytes(domain, network, signed(kind, content)), signature);
}

function signed(kind, content) {
  if (kind !== 'entries') return Object.values(content);
  return [content.owner, content.version, sha256(encode(content.list.map(Object.values)))];
}

export class Member {
  #seed;
  #incarnation = Date.now();
  #refuted = -Infinity;
  #issuedMs;
  #known = new Set();
  #instance = randomBytes(8);
  /** The statements that were checked, and the accusations that were refuted. */
  checked = 0;
  refutations = 0;

  /** `tell` sends a message to all links, `probe` tries to reach the member of a key. */
  constructor(network, seed, addresses, { tell, probe }) {
    Object.assign(this, { network, addresses, tell, probe });
    this.#seed = seed;
    this.key = Buffer.from(ed25519.getPublicKey(seed));
    this.#sign(ALIVE);
  }

  /** What is said to a new link: the record, and of two members the one with the lower key begins a comparison. */
  greet(link, theirKey) {
    link.send('news', [this.statement]);
    if (Buffer.compare(this.key, theirKey) > 0) return;
    const own = [short(this.key), this.#incarnation, ALIVE, sha256(issued(this.#issuedMs)).subarray(0, 8)];
    link.send('digests', PUSH_PULL, FIRST, LAST, own, true);
  }

  /** Tells all that this member leaves. */
  leave() {
    this.#incarnation++;
    this.#sign(LEFT);
    this.tell('news', [this.statement]);
  }

  answer(link, message) {
    const answers = {
      news: () => this.hear(message.statements),
      statements: () => this.hear(message.statements),
      digests: () => this.#onDigests(link, message),
      memberDifference: () => this.#onDifference(link, message),
      memberSketch: () => this.#onSketch(link, message),
      probeRequest: () => this.#onProbeRequest(link, message),
    };
    answers[message.type]?.();
  }

  /** Checks statements, and refutes an accusation of this member. */
  hear(statements) {
    for (const one of statements) {
      if (!isSigned(this.network, one)) throw new Error(`a member's ${one.kind} has a bad signature`);
      this.checked++;
      if (one.kind === 'record') this.#known.add(hex(short(one.key)));
      const isOfMe = one.kind === 'accusation' && this.key.equals(one.subject);
      if (isOfMe && one.incarnation >= this.#incarnation) this.#refute();
    }
  }

  #refute() {
    if (performance.now() - this.#refuted < REFUTE_MS) return;
    this.#refuted = performance.now();
    this.refutations++;
    this.#incarnation++;
    this.#sign(ALIVE);
    this.tell('news', [this.statement]);
  }

  async #onProbeRequest(link, { subject }) {
    link.send('probeAnswer', subject, await this.probe(subject));
  }

  /** This member makes no sense of sketches. The other side goes on with digests. */
  #onSketch(link, { sketch }) {
    if (sketch.length) link.send('sketchDifference', 4_096, Buffer.alloc(0), Buffer.alloc(0));
  }

  /** Gives its own record if the sender lacks it, and wants the records that were not checked here yet. */
  #onDigests(link, { mode, from, to, digests, whole }) {
    const me = short(this.key);
    const listed = digests.find(([id]) => me.equals(id));
    if (listed && (listed[2] === SUSPECT || listed[2] === DEAD)) this.#refute();
    const between = Buffer.compare(me, from) >= 0 && Buffer.compare(me, to) <= 0;
    const lacks = listed ? listed[1] < this.#incarnation : whole && between;
    const wanted = digests.map(([id]) => id).filter((id) => !me.equals(id) && !this.#known.has(hex(id)));
    const given = mode !== PUSH && lacks ? [this.statement] : [];
    link.send('memberDifference', to, given, mode !== PULL ? wanted.slice(0, WANTED_MAX) : []);
  }

  #onDifference(link, { statements, wanted }) {
    this.hear(statements);
    if (wanted.some((id) => short(this.key).equals(id))) link.send('statements', [this.statement]);
  }

  #sign(presence) {
    this.#issuedMs = Date.now();
    const fields = [
      this.key, this.#instance, this.#incarnation, this.#issuedMs, VERSION, AGENT, this.addresses, [], presence,
    ];
    this.statement = [0, [...fields, ed25519.sign(signedBytes('hearsay member 1', this.network, fields), this.#seed)]];
  }
}

function issued(ms) {
  const eight = Buffer.alloc(8);
  eight.writeBigUInt64BE(BigInt(ms));
  return eight;
}

/** A format of at most so many encoded bytes. */
function bounded(most, format) {
  return (reader) => {
    const start = reader.at;
    return checked(format, () => reader.at - start <= most, `more than ${most} bytes`, 'over_bound')(reader);
  };
}
