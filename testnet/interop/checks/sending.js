// Sending: every way by which a transaction of this client can reach the nodes. Each check ends when all nodes have it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { hex, short } from '../lib/items.js';
import { item, saltedBytes, symbols } from '../lib/sketch.js';
import { sleep } from './network.js';

const TRIES = 3;
/** A node answers one opening of a peer in 200 ms, and counts more than one in 2 s against it. */
const BUSY_MS = 2_000;
const SYMBOLS = 8;

/** A small body, pushed on the control lane. */
export async function push(run) {
  const { id, body } = make(run, Buffer.from('pushed'));
  run.link.sendItem(body.length, 'transactions', Buffer.alloc(0), [body]);
  run.sent = id;
  return `all nodes have it after ${await run.network.allHave(hex(id))} ms`;
}

/** A large one, on the bulk lane. The node acknowledges what it reads. */
export async function bulk(run) {
  const { id, body } = make(run, randomBytes(60_000));
  run.link.forget();
  run.link.sendItem(body.length, 'transactions', Buffer.alloc(0), [body]);
  let acknowledged = 0;
  await run.link.wait('ack', ({ bytesRead }) => (acknowledged += bytesRead) >= body.length);
  return `all nodes have it after ${await run.network.allHave(hex(id))} ms; ${acknowledged} bytes acknowledged`;
}

/** An inv, and the body only when the node asks for it. */
export async function announce(run) {
  const { id } = make(run, Buffer.from('announced'));
  run.link.forget();
  run.link.send('inv', [short(id), 0]);
  await run.link.wait('getdata', ({ refs }) => refs.some((ref) => ref.equals(short(id))));
  return `the node asked, and all nodes have it after ${await run.network.allHave(hex(id))} ms`;
}

/**
 * A conversation that this client opens: the node learns from a sketch that it lacks a transaction, and takes it. The
 * node may be busy, or a conversation of its own may be faster. Then the client tries again with another transaction.
 */
export async function reconcile(run) {
  for (let i = 0; i < TRIES; i++) {
    const { id } = make(run, Buffer.from(`reconciled ${i}`));
    const places = await open(run, id);
    if (!places) {
      await sleep(BUSY_MS);
      continue;
    }
    const ms = await run.network.allHave(hex(id));
    return `difference, offer, take of ${hex(places)}; all nodes have it after ${ms} ms`;
  }
  throw new Error('no conversation found the difference');
}

/** Returns what the node takes of this client's offer, or undefined if it does not want the transaction. */
async function open({ link, client }, id) {
  link.forget();
  const [number, salt] = [randomBytes(4).readUInt32BE(), randomBytes(16)];
  const ids = client.pending().map((one) => one.id);
  const tip = client.chain.genesis;
  const more = ({ detail }) => {
    if (detail.type !== 'more' || detail.number !== number) return;
    link.send('symbols', number, symbols(salt, ids, SYMBOLS + detail.count).subarray(SYMBOLS * 11));
  };
  link.addEventListener('message', more);
  link.send('reconcile', number, 2, ids.length, tip.height, tip.id, salt, symbols(salt, ids, SYMBOLS));
  const told = await link.wait('difference', (one) => one.number === number);
  link.removeEventListener('message', more);
  const wanted = ids.filter((one) => isAmong(told.wanted, saltedBytes(item(salt, one).salted)));
  if (!wanted.some((one) => one.equals(id))) return undefined;
  client.offer(link, number, wanted);
  return (await link.wait('take', (one) => one.number === number)).places;
}

/** A conversation that the node opens finds a transaction that this client never announced. */
export async function reconciled(run) {
  const before = run.client.count('reconcile');
  const { id } = make(run, Buffer.from('found by a node'));
  const ms = await run.network.allHave(hex(id), 12_000);
  const asked = run.client.count('reconcile') - before;
  assert.ok(asked > 0, 'it came otherwise');
  return `${asked} questions, and all nodes have it after ${ms} ms`;
}

/** A getdata of something that nobody has is answered with notfound, and costs nothing. */
export async function notfound({ link }) {
  const id = randomBytes(32);
  link.send('getdata', false, [id]);
  await link.wait('notfound', ({ refs }) => refs.some((ref) => ref.equals(id)));
  return 'the id came back as it was named';
}

function make({ client, author, link }, payload) {
  const tip = Math.max(client.chain.tip.height, Number(link.theirs.tipHeight));
  const body = author.transaction(tip + 100, payload);
  return { body, id: client.hold(body) };
}

function isAmong(packed, bytes) {
  for (let at = 0; at < packed.length; at += bytes.length) {
    if (packed.subarray(at, at + bytes.length).equals(bytes)) return true;
  }
  return false;
}
