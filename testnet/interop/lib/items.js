// Transactions, headers and blocks (docs/PROTOCOL.md, section 4): how they are encoded, signed, named and checked.
// Deliberately absent: what depends on a node's state, such as whether a transaction is still timely.

import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import { encode } from './cbor.js';
import { bytes, decode, list, record, uint } from './format.js';

export const TRANSACTION_BYTES_MAX = 65_660;
export const BLOCK_BYTES_MAX = 4_194_304;
const BLOCK_TRANSACTIONS_MAX = 39_568;

export const transactionFormat = record(
  ['author', bytes(32)], ['nonce', uint()], ['validUntil', uint()], ['payload', bytes(0, 65_536)],
  ['signature', bytes(64)],
);

export const headerFormat = record(
  ['height', uint()], ['parent', bytes(32)], ['producer', bytes(32)], ['timestampMs', uint()], ['root', bytes(32)],
  ['count', uint(32)], ['signature', bytes(64)],
);

export const blockFormat = record(
  ['header', headerFormat], ['transactions', list(BLOCK_TRANSACTIONS_MAX, bytes(0, TRANSACTION_BYTES_MAX))],
);

export const sha256 = (...parts) => parts.reduce((hash, part) => hash.update(part), createHash('sha256')).digest();
export const hex = (value) => Buffer.from(value).toString('hex');

/** Height 0 has no header, only an id. */
export const genesisId = (network) => sha256('hearsay genesis 1', Buffer.of(0), network);

/** The name of the route on which an author's transactions travel (section 6). */
export const authorRoute = (author) => sha256('hearsay route 1', Buffer.of(0, 0), author).subarray(0, 8);

/** A short id is the first 8 bytes of an id. */
export const short = (id) => id.subarray(0, 8);

/** An author that signs: its nonce rises with each transaction. */
export class Author {
  #seed;
  #nonce;
  #fault;

  /** `fault` is 'signature' to plant a bad one; see scripts/interop.sh. */
  constructor(network, seed, nonce = 0, fault = undefined) {
    this.network = network;
    this.#seed = seed;
    this.#nonce = nonce;
    this.#fault = fault;
    this.key = Buffer.from(ed25519.getPublicKey(seed));
  }

  /** A signed transaction, encoded. */
  transaction(validUntil, payload) {
    const fields = [this.key, this.#nonce++, validUntil, payload];
    const signature = ed25519.sign(signedBytes('hearsay transaction 1', this.network, fields), this.#seed);
    if (this.#fault === 'signature') signature[0] ^= 1;
    return encode([...fields, signature]);
  }
}

/** Decodes a transaction and checks its signature. Throws if either is wrong. */
export function openTransaction(network, encoded) {
  const item = decode(transactionFormat, encoded);
  const fields = [item.author, item.nonce, item.validUntil, item.payload];
  if (!good(item.author, signedBytes('hearsay transaction 1', network, fields), item.signature)) {
    throw new Error('a transaction has a bad signature');
  }
  return { ...item, id: sha256(encoded) };
}

/** Checks a header's signature, and gives its id. Throws if the signature is bad. */
export function openHeader(network, header) {
  const fields = [header.height, header.parent, header.producer, header.timestampMs, header.root, header.count];
  if (!good(header.producer, signedBytes('hearsay header 1', network, fields), header.signature)) {
    throw new Error(`the header of height ${header.height} has a bad signature`);
  }
  return { ...header, id: sha256(encode([...fields, header.signature])) };
}

/** Checks that transactions are those of a header, and each of them. Returns them opened. */
export function openTransactions(network, header, bodies) {
  const opened = bodies.map((body) => openTransaction(network, body));
  const ids = opened.map(({ id }) => id);
  if (header.count !== bodies.length || !merkleRoot(ids).equals(header.root)) {
    throw new Error(`the transactions of height ${header.height} are not those of its header`);
  }
  if (new Set(ids.map(hex)).size !== ids.length) throw new Error('a transaction occurs twice in a block');
  for (const { validUntil } of opened) {
    if (validUntil < header.height || validUntil > header.height - 1 + 10_000) {
      throw new Error(`a transaction of height ${header.height} is not valid there`);
    }
  }
  return opened;
}

/** RFC 6962, section 2.1, over ids. */
export function merkleRoot(ids) {
  if (ids.length === 0) return sha256('');
  if (ids.length === 1) return sha256(Buffer.of(0), ids[0]);
  let left = 1;
  while (left * 2 < ids.length) left *= 2;
  return sha256(Buffer.of(1), merkleRoot(ids.slice(0, left)), merkleRoot(ids.slice(left)));
}

/** A CBOR sequence of the domain, the network and the fields. */
export function signedBytes(domain, network, fields) {
  return Buffer.concat([encode(domain), encode(network), encode(fields)]);
}

/** ZIP 215, and no key of small order: section 4's rule. Node's own Ed25519 has another rule for rare cases. */
export function good(key, message, signature) {
  try {
    return !ed25519.Point.fromBytes(key, true).isSmallOrder() &&
      ed25519.verify(signature, message, key, { zip215: true });
  } catch {
    return false;
  }
}
