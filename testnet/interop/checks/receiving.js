// Receiving: transactions that enter at another node come to this client, by push and by request, on both lanes; blocks
// are followed and checked.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Author, authorRoute, hex, openTransaction, sha256, short } from '../lib/items.js';
import { setPlaces } from '../lib/messages.js';
import { until } from './network.js';

const TRIES = 3;

/** From its third submission in a row, an author is at home at a node. Then its items come on its own route. */
export async function pushed(run) {
  run.local = new Author(run.client.network, randomBytes(32));
  const came = [];
  for (let i = 0; i < 5; i++) came.push(await submit(run, Buffer.from(`item ${i}`)));
  const last = came.at(-1);
  assert.equal(last.how, 'push');
  assert.equal(last.via.length, 0, 'it did not come on its author\'s route');
  const own = came.filter(({ via }) => via.length).length;
  return `5 came: ${own} on the node's route, ${5 - own} on the author's`;
}

/**
 * After a prune of the author's route, the next item is announced, and comes when it is asked for. The node where it
 * enters may push it in spite of a prune, so it enters at a node that is no peer.
 */
export async function announced(run) {
  for (const link of run.client.links.values()) link.send('prune', [authorRoute(run.local.key)]);
  for (let i = 0; i < TRIES; i++) {
    const { how, ms } = await submit(run, Buffer.from(`announced ${i}`));
    if (how === 'asked') return `inv, getdata and body in ${ms} ms`;
  }
  throw new Error('it was pushed in spite of the prune');
}

/** The largest transaction comes on the bulk lane. Its end comes only when this client has acknowledged the beginning. */
export async function bulk(run) {
  const payload = randomBytes(65_536);
  const { ms, id } = await submit(run, payload);
  const brought = (message) => message.type === 'transactions' && message.bodies.some(isBody(id));
  const came = [...run.client.links.values()].map((link) => link.past(brought)).find(Boolean);
  assert.equal(came.lane, 'bulk');
  return `${payload.length} bytes in ${ms} ms`;
}

/** The node's whole mempool, by list, offer and take. */
export async function list(run) {
  const { link } = run;
  for (let i = 0; i < TRIES; i++) {
    const { id } = await submit(run, Buffer.from(`listed ${i}`));
    const number = randomBytes(4).readUInt32BE();
    link.send('list', number, Buffer.alloc(0));
    const { shortIds } = await link.wait('offer', (one) => one.number === number);
    const ids = Array.from({ length: shortIds.length / 8 }, (_, at) => hex(shortIds.subarray(at * 8, at * 8 + 8)));
    assert.deepEqual(ids, [...ids].sort(), 'an offer is in the order of ids');
    const place = ids.indexOf(hex(short(Buffer.from(id, 'hex'))));
    // It may be in a block by now.
    if (place < 0) continue;
    link.forget();
    const bits = Buffer.alloc(Math.ceil(ids.length / 8));
    bits[place >> 3] |= 0x80 >> (place & 7);
    assert.deepEqual(setPlaces(bits), [place]);
    link.send('take', number, bits);
    await link.wait('transactions', ({ bodies }) => bodies.some(isBody(id)));
    return `an offer of ${ids.length}, and the body of place ${place}`;
  }
  throw new Error('the offers did not have the transaction');
}

/** The chain: the tip is the nodes' tip, and every block down to genesis was checked. */
export async function blocks(run) {
  const { client, link, network } = run;
  link.send('getheaders', client.chain.locator());
  await until('the node\'s tip', async () => {
    const { tip_height: height, tip_id: id } = await network.nodes.at(-1).call('admin_nodeInfo');
    return height >= 3 && id === hex(client.chain.tip.id);
  }, 15_000);
  await until('a block with the first transaction', () => client.chain.confirmed().has(hex(run.sent)), 10_000);
  const count = client.chain.confirmed().size;
  return `height ${client.chain.tip.height}, ${count} transactions; ids, signatures, links and roots are good`;
}

const isBody = (id) => (body) => hex(sha256(body)) === id;

/** Submits a transaction at the node that has no link to this client, and waits until it is here. */
async function submit({ client, far, local }, payload) {
  const { tip_height: tip } = await far.call('admin_nodeInfo');
  const body = local.transaction(tip + 100, payload);
  const start = performance.now();
  const id = hex(openTransaction(client.network, body).id);
  await far.call('tx_send', [hex(body)]);
  const came = await until('a transaction of another node', () => client.received.find((one) => one.id === id));
  return { ...came, ms: Math.round(performance.now() - start) };
}
