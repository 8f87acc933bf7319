// The test vectors of docs/vectors, checked with this client's own code: each function throws at the first difference,
// and returns what it checked, in words. Deliberately absent: the vectors of aggregates, which this client doesn't
// speak.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { encode, Refused } from './cbor.js';
import { decode } from './format.js';
import { frame, FrameError, Splitter } from './frame.js';
import * as items from './items.js';
import { isSigned, statement } from './members.js';
import { readMessage, TAG } from './messages.js';
import { difference, item, saltedBytes, symbols } from './sketch.js';

const unhex = (text) => Buffer.from(text, 'hex');
const read = (name) => JSON.parse(readFileSync(new URL(`../../../docs/vectors/${name}.json`, import.meta.url)));

/** Items and messages: ids, signatures, roots; every message is read. */
export function wire() {
  const { network, genesis, transactions, header, block, merkle_roots: roots, routes, messages } = read('wire');
  assert.equal(items.hex(items.genesisId(network)), genesis);
  for (const vector of transactions) {
    const opened = items.openTransaction(network, unhex(vector.encoded));
    assert.equal(items.hex(opened.id), vector.id);
    assert.equal(items.hex(opened.author), vector.author);
    assertFlipsNoticed(network, unhex(vector.encoded));
  }
  const [{ author_seed: seed, author, valid_until: validUntil, payload, encoded }] = transactions;
  const signer = new items.Author(network, unhex(seed), transactions[0].nonce);
  assert.equal(items.hex(signer.transaction(validUntil, unhex(payload))), encoded);
  assert.equal(items.hex(items.authorRoute(unhex(author))), routes.transactions);
  const whole = decode(items.blockFormat, unhex(block));
  assert.equal(items.hex(items.openHeader(network, whole.header).id), header.id);
  assert.equal(items.openTransactions(network, whole.header, whole.transactions).length, header.count);
  const turned = [...whole.transactions].reverse();
  assert.ok(thrown(() => items.openTransactions(network, whole.header, turned)), 'another order was not noticed');
  const root = Buffer.from(whole.header.root);
  root[0] ^= 1;
  assert.ok(thrown(() => items.openHeader(network, { ...whole.header, root })), 'another root was not noticed');
  for (const { ids, root: top } of roots) assert.equal(items.hex(items.merkleRoot(ids.map(unhex))), top);
  const spoken = Object.values(messages).map(unhex).filter((bytes) => tagOf(bytes) < Object.keys(TAG).length);
  for (const bytes of spoken) readMessage(bytes);
  return `${transactions.length} transactions, a block, ${roots.length} roots, ${spoken.length} messages`;
}

/** What must be refused, with the reason and the place, and which signatures are good. */
export function negative() {
  const { network, refused, signatures, streams } = read('negative');
  const formats = { transaction: items.transactionFormat, header: items.headerFormat, block: items.blockFormat };
  let count = 0;
  for (const { kind, bytes, reason, at, name } of refused) {
    const encoded = unhex(bytes);
    const error = thrown(() => (kind === 'message' ? readMessage(encoded) : decode(formats[kind], encoded)));
    assert.ok(error instanceof Refused, `${name}: ${error ?? 'it was accepted'}`);
    assert.deepEqual([error.reason, error.at], [reason, at], name);
    count++;
  }
  for (const { good, transaction, name } of signatures) {
    const error = thrown(() => items.openTransaction(network, unhex(transaction)));
    assert.equal(error === undefined, good, `${name}: ${error ?? 'it was accepted'}`);
  }
  for (const { lane, bytes, zeros = 0, reason, name } of streams) {
    const stream = Buffer.concat([unhex(bytes), Buffer.alloc(zeros)]);
    const error = thrown(() => new Splitter(lane).take(stream).map(readMessage));
    const got = error instanceof Refused ? 'no_message' : error instanceof FrameError ? error.reason : null;
    assert.equal(got, reason, name);
  }
  return `${count} refusals, ${signatures.length} signatures, ${streams.length} streams`;
}

/** The frames of a whole session, each read and framed again. */
export function session() {
  const { frames } = read('session');
  for (const { frame: bytes, lane, says } of frames) {
    const [encoded, ...more] = new Splitter(lane).take(unhex(bytes));
    assert.equal(more.length, 0);
    assert.equal(readMessage(encoded).type, says === 'transactions' ? 'transactions' : says);
    assert.equal(items.hex(frame(encoded)), bytes);
  }
  return `${frames.length} frames`;
}

/** Symbols of a set, and the difference of two sets. */
export function reconcile() {
  const vector = read('reconcile');
  const salt = unhex(vector.salt);
  const [here, there] = [vector.here.map(unhex), vector.there.map(({ id }) => unhex(id))];
  for (const { id, salted, hash } of vector.there) {
    const one = item(salt, unhex(id));
    assert.equal(items.hex(saltedBytes(one.salted)), salted);
    assert.equal(one.hash.toString(16).padStart(16, '0'), hash);
  }
  const sent = unhex(vector.symbols);
  assert.equal(items.hex(symbols(salt, there, sent.length / 11)), vector.symbols);
  const found = difference(salt, sent, here);
  const wanted = vector.only_here.map((i) => vector.here[i]).sort();
  assert.deepEqual(found.onlyHere.map(items.hex).sort(), wanted);
  assert.deepEqual(sorted(found.onlyThere), sorted(split(unhex(vector.only_there), 6)));
  const enough = vector.decoded_after * 11;
  assert.ok(difference(salt, sent.subarray(0, enough), here));
  assert.equal(difference(salt, sent.subarray(0, enough - 11), here), undefined);
  return `${sent.length / 11} symbols, ${wanted.length + found.onlyThere.length} differences`;
}

/** What members sign. */
export function members() {
  const { network, records, entries, accusation } = read('members');
  const all = [...records, entries, accusation].map(({ encoded }) => unhex(encoded));
  for (const encoded of all) {
    assert.ok(isSigned(network, decode(statement, encoded)));
    const flipped = Buffer.from(encoded);
    flipped[flipped.length - 20] ^= 1;
    assert.ok(!isSigned(network, decode(statement, flipped)), 'a change of a signature was not noticed');
  }
  return `${all.length} statements`;
}

/** A transaction of which one bit is another must not be good. One bit of each byte is changed, in turn. */
function assertFlipsNoticed(network, encoded) {
  for (let at = 0; at < encoded.length; at++) {
    const flipped = Buffer.from(encoded);
    flipped[at] ^= 1 << at % 8;
    assert.ok(thrown(() => items.openTransaction(network, flipped)), `a change of byte ${at} was not noticed`);
  }
}

function thrown(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
}

function tagOf(message) {
  return message[1] < 24 ? message[1] : message[2];
}

function split(bytes, size) {
  return Array.from({ length: bytes.length / size }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
}

function sorted(value) {
  return value.map(items.hex).sort();
}
