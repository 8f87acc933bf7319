#!/usr/bin/env node
// Checks whether a client that shares no code with the node can take part in a network of nodes. It was written from
// docs/PROTOCOL.md. scripts/interop.sh installs what it needs, and runs it.
//
//   node testnet/interop/interop.js --node PROGRAM [--break signature|id|length]
//
// --break plants a fault in the client. Then checks must fail, and the exit status must be 1.
// Exit status: 0 all passed, 1 a check failed, 2 usage.

import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import * as meeting from './checks/meeting.js';
import * as receiving from './checks/receiving.js';
import * as sending from './checks/sending.js';
import * as staying from './checks/staying.js';
import { Client } from './lib/client.js';
import { Author } from './lib/items.js';
import { Network } from './checks/network.js';
import * as vectors from './lib/vectors.js';

const FAULTS = [undefined, 'signature', 'id', 'length'];

/** In the order in which they run. A check that others need has `true` as its third part: if it fails, the run ends. */
const CHECKS = [
  ['vectors: items and messages', vectors.wire],
  ['vectors: what must be refused', vectors.negative],
  ['vectors: a session', vectors.session],
  ['vectors: sketches', vectors.reconcile],
  ['vectors: what members sign', vectors.members],
  ['nodes start', start, true],
  ['dial', meeting.dial, true],
  ['identify', meeting.identify],
  ['hello', meeting.hello],
  ['ping and pong', meeting.ping],
  ['found through Kademlia', meeting.found],
  ['send: push', sending.push],
  ['send: bulk lane', sending.bulk],
  ['send: inv and getdata', sending.announce],
  ['send: reconciliation, opened here', sending.reconcile],
  ['send: reconciliation, opened there', sending.reconciled],
  ['ask: notfound', sending.notfound],
  ['receive: push', receiving.pushed],
  ['receive: inv and getdata', receiving.announced],
  ['receive: bulk lane', receiving.bulk],
  ['receive: list, offer, take', receiving.list],
  ['follow blocks', receiving.blocks],
  ['mistakes bring goodbyes', staying.mistakes],
  ['no member, no trouble', staying.noMember],
  ['member: alive, then left', staying.member],
  ['still a peer', staying.alive],
];

async function start(run) {
  run.first = await run.network.add('--produce-every', '2s');
  run.far = await run.network.addFar();
  await run.network.add();
  const { network } = await run.first.call('admin_nodeInfo');
  run.author = new Author(network, randomBytes(32), 0, run.fault);
  run.client = await new Client(network, { fault: run.fault }).start();
  return `${run.network.nodes.length} nodes, network ${network}`;
}

async function main() {
  const values = asked();
  if (!values?.node || !FAULTS.includes(values.break)) {
    console.error('usage: interop.js --node PROGRAM [--break signature|id|length]');
    return 2;
  }
  const run = { network: new Network(values.node), fault: values.break };
  let failed = 0;
  const begin = performance.now();
  try {
    for (const [name, check, needed] of CHECKS) {
      const ok = await one(name, check, run);
      if (!ok) failed++;
      if (!ok && (needed || isLost(run))) break;
    }
  } finally {
    await run.client?.stop();
    await run.network.stop(failed > 0);
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${failed ? `${failed} failed` : `all ${CHECKS.length} passed`}, ${seconds} s`);
  return failed ? 1 : 0;
}

/** The flags, or undefined if they make no sense. */
function asked() {
  try {
    return parseArgs({ options: { node: { type: 'string' }, break: { type: 'string' } } }).values;
  } catch {
    return undefined;
  }
}

/** True if the first node has ended the connection. It says why, so that a check need not guess. */
function isLost({ link }) {
  if (!link || link.connection.status === 'open') return false;
  const goodbye = link.past(({ type }) => type === 'goodbye');
  const why = goodbye ? `goodbye ${goodbye.reason}` : 'no goodbye came';
  console.log(`the first node ended the connection: ${why}; no further checks`);
  return true;
}

async function one(name, check, run) {
  const begin = performance.now();
  let line;
  let ok = true;
  try {
    line = await check(run);
  } catch (error) {
    ok = false;
    line = error.message.split('\n')[0];
  }
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  console.log(`${ok ? 'passed' : 'FAILED'}  ${name.padEnd(36)} ${seconds.padStart(5)} s  ${line}`);
  return ok;
}

process.exit(await main());
