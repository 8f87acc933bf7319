// Sending: every way by which a transaction of this client can reach the nodes. Each check ends when all nodes have it.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { hex, short } from '../lib/items.js';
import { saltedBytes, item, symbols } from '../lib/sketch.js';

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

/** A conversation that this client opens: the node learns from a sketch that it lacks a transaction, and takes it. */
export async function reconcile(run) {
  const { link, client } = run;
  const { id } = make(run, Buffer.from('reconciled'));
  link.forget();
  const [number, salt] = [randomBytes(4).readUInt32BE(), randomBytes(16)];
  const ids = client.pending().map((one) => one.id);
  const tip = client.chain.genesis;
  link.send('reconcile', number, 2, ids.length, tip.height, tip.id, salt, symbols(salt, ids, 8));
  link.addEventListener('message', ({ detail }) => {
    if (detail.type !== 'more' || detail.number !== number) return;
    const all = symbols(salt, ids, 8 + detail.count);
    link.send('symbols', number, all.subarray(8 * 11));
  });
  const told = await link.wait('difference', (one) => one.number === number);
  assert.equal(told.outcome, 0);
  const wanted = ids.filter((one) => isAmong(told.wanted, saltedBytes(item(salt, one).salted)));
  assert.ok(wanted.some((one) => one.equals(id)), 'the node did not notice the difference');
  client.offer(link, number, wanted);
  const { places } = await link.wait('take', (one) => one.number === number);
  return `difference, offer, take of ${hex(places)}; all nodes have it after ${await run.network.allHave(hex(id))} ms`;
}

/** A conversation that the node opens finds a transaction that this client never announced. */
export async function reconciled(run) {
  const questions = () => [...run.client.links.values()].reduce((sum, { counts }) => sum + (counts.reconcile ?? 0), 0);
  const before = questions();
  const { id } = make(run, Buffer.from('found by a node'));
  const ms = await run.network.allHave(hex(id), 12_000);
  const asked = questions() - before;
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
