// Meeting: a connection, identify, Hello, pings, and being found by nodes that were never told of this client.

import assert from 'node:assert/strict';
import { until } from './network.js';
import { hex } from '../lib/items.js';
import { protocols } from '../lib/link.js';

/** Noise and yamux over TCP, and the peer id of the node's key. */
export async function dial(run) {
  run.link = await run.client.dial(run.first.address);
  assert.equal(run.link.peer, run.first.peerId);
  const { encryption, multiplexer } = run.link.connection;
  return `TCP, ${encryption}, ${multiplexer}`;
}

/** What the node says in identify. */
export async function identify(run) {
  const { client, link } = run;
  const told = await until('identify', async () => {
    const { protocols: names, metadata } = await client.libp2p.peerStore.get(link.connection.remotePeer);
    if (!metadata.has('AgentVersion')) return undefined;
    return { names, version: text(metadata, 'ProtocolVersion'), agent: text(metadata, 'AgentVersion') };
  });
  assert.equal(told.version, 'hearsay/2');
  const { control, bulk } = protocols(client.network);
  for (const name of [control, bulk, `/hearsay/${client.network}/kad/1`]) assert.ok(told.names.includes(name), name);
  return `${told.version}, ${told.agent}, ${told.names.length} protocols`;
}

/** The node's Hello. */
export async function hello({ client, link }) {
  const { version, network, tipHeight, tipId } = link.theirs;
  assert.deepEqual([version, network], [2, client.network]);
  if (tipHeight === 0) assert.equal(hex(tipId), hex(client.chain.genesis.id));
  return `version ${version}, network ${network}, tip ${tipHeight}`;
}

/** A ping of this side, with the nonce again in the pong. */
export async function ping({ link }) {
  return `${(await link.ping()).toFixed(1)} ms`;
}

/** A node that joins later, and was told of the first node only, dials this client. */
export async function found(run) {
  const node = await run.network.add();
  const dialled = (one) => !one.dialled && one.peer === node.peerId && one.counts.hello;
  const link = await until('a dial by the new node', () => [...run.client.links.values()].find(dialled), 25_000);
  const { version } = await link.wait('hello');
  assert.equal(version, 2);
  return 'the new node dialled, and said Hello';
}

function text(metadata, key) {
  return Buffer.from(metadata.get(key)).toString();
}
