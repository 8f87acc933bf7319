// Staying: the node keeps this client as a peer, and a client that breaks a rule is told why it is disconnected.

import assert from 'node:assert/strict';
import { Client } from '../lib/client.js';
import { Author, hex } from '../lib/items.js';
import { message } from '../lib/messages.js';
import { sleep, until } from './network.js';

/** Each mistake is made by a client with a key of its own, because the node bans it. */
const MISTAKES = {
  invalid_signature: ({ author, tip }) => (link) => {
    const body = author.transaction(tip + 100, Buffer.from('forged'));
    body[body.length - 20] ^= 1;
    link.send('transactions', Buffer.alloc(0), [body]);
  },
  malformed_item: () => (link) => link.send('transactions', Buffer.alloc(0), [Buffer.of(0x80)]),
  frame_too_large: () => (link) => link.sendRaw('control', Buffer.of(0), 65_536),
  undecodable: () => (link) => link.sendRaw('control', Buffer.from('82183c00', 'hex')),
  bad_ack: () => (link) => link.send('ack', 1),
  out_of_turn: ({ genesis }) => (link) => link.hello(genesis),
};

/** Nodes ping every 2 s, and give up after 1 s. */
const PROBED_MS = 8_000;

/** Bytes that are wrong bring the goodbye of section 9, and the node counts them under this label. */
export async function mistakes(run) {
  const { tip_height: tip } = await run.first.call('admin_nodeInfo');
  const { network, chain } = run.client;
  const author = new Author(network, Buffer.alloc(32, 9));
  for (const [label, mistake] of Object.entries(MISTAKES)) {
    const liar = await new Client(network).start();
    try {
      const link = await liar.dial(run.first.address);
      mistake({ author, tip, genesis: chain.genesis.id })(link);
      const { reason } = await link.wait('goodbye');
      assert.equal(reason, label);
      await link.closed;
    } finally {
      await liar.stop();
    }
  }
  const labels = Object.keys(MISTAKES);
  const { disconnects } = await run.first.call('admin_nodeInfo');
  for (const label of labels) assert.equal(disconnects[label], 1, `the node's counter of ${label}`);
  return labels.join(', ');
}

/** At the end, every link is still there, pings were answered, and no node has blamed this client. */
export async function alive(run) {
  const { client, link, network } = run;
  await until('a ping of the first node', () => (link.counts.ping ?? 0) >= 2, 25_000);
  assert.equal(link.connection.status, 'open');
  const peers = await run.first.call('admin_peers');
  assert.ok(JSON.stringify(peers).includes(client.peerId), 'the first node has no such peer');
  assert.deepEqual(client.failures, []);
  for (const node of network.nodes.slice(1)) {
    const { disconnects } = await node.call('admin_nodeInfo');
    for (const label of Object.keys(MISTAKES)) assert.equal(disconnects[label] ?? 0, 0, label);
  }
  const questions = client.count('reconcile');
  const { size } = client.links;
  return `${size} links; ${link.counts.ping} pings of the first node and ${questions} reconciliations answered`;
}

/**
 * With the feature bit, a second client is a member: all nodes list it as alive, also after they have probed it for a
 * while, and as gone when it says that it leaves.
 */
export async function member(run) {
  const client = await new Client(run.client.network, { isMember: true }).start();
  try {
    const link = await client.dial(run.first.address);
    await until('all nodes list it as alive', () => isListed(run, client, 'alive'), 10_000);
    await sleep(PROBED_MS);
    assert.ok(await isListed(run, client, 'alive'), 'it was suspected');
    assert.deepEqual(client.failures, []);
    assert.ok(client.member.checked >= run.network.nodes.length, 'the nodes\' records did not come');
    assert.equal(link.connection.status, 'open');
    const { checked, refutations } = client.member;
    client.member.leave();
    await until('all nodes list it as left', () => isListed(run, client, 'left'), 10_000);
    return `alive for ${PROBED_MS / 1000} s, then left; ${checked} statements checked, ${refutations} refuted`;
  } finally {
    await client.stop();
  }
}

async function isListed({ network }, client, state) {
  const lists = await Promise.all(network.nodes.map((node) => node.call('members_list')));
  return lists.every((list) => list.some((one) => one.peer_id === client.peerId && one.state === state));
}

/** Without the feature bit, a client is no member: nodes send it no message of membership, and don't list it. */
export async function noMember(run) {
  const members = await run.first.call('members_list');
  const nodes = new Set(run.network.nodes.map(({ peerId }) => peerId));
  for (const { peer_id: peerId } of members) assert.ok(nodes.has(peerId), `${peerId} is listed as a member`);
  return `${members.length} members, all of them nodes`;
}
