// A small network of real nodes on the loopback: each has a data dir of its own in a temporary directory, and free
// ports. What was started is ended by its process id, also if a check throws.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const START_MS = 15_000;
const STOP_MS = 5_000;
/** No store, so that a slow disk delays no check. One wrong byte of a client must not ban all of 127.0.0.1. */
const FLAGS = [
  '--ephemeral', '--listen', '/ip4/127.0.0.1/tcp/0', '--rpc-addr', '127.0.0.1:0',
  '--open-producers', '--exempt-loopback', '--ping-interval', '2s', '--probe-timeout', '1s', '--log', 'warn,node=debug',
];

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Repeats `action` until it gives something else than undefined, null and false. Throws `what` after `ms`. */
export async function until(what, action, ms = 10_000) {
  const end = performance.now() + ms;
  for (;;) {
    const value = await action();
    if (value !== undefined && value !== null && value !== false) return value;
    if (performance.now() > end) throw new Error(`${what}: not in ${ms} ms`);
    await sleep(50);
  }
}

export class Network {
  nodes = [];

  /** `binary` is the program `node` of this repository. */
  constructor(binary) {
    this.binary = binary;
  }

  /** Starts a node that joins the first one and finds others, and waits until it answers. */
  async add(...flags) {
    return this.#start([...flags, ...(this.nodes.length ? ['--bootstrap', this.nodes[0].address] : [])]);
  }

  /** Starts a node that dials the first one alone, so that it never has a link to a client that dials nobody else. */
  async addFar() {
    return this.#start(['--reserved-peer', this.nodes[0].address, '--reserved-only']);
  }

  async #start(flags) {
    this.dir ??= await mkdtemp(join(tmpdir(), 'hearsay-interop-'));
    const node = new Node(this.binary, join(this.dir, `node-${this.nodes.length}`));
    this.nodes.push(node);
    await node.start([...FLAGS, ...flags]);
    return node;
  }

  /** Waits until every node knows a transaction. Returns the milliseconds that it took. */
  async allHave(id, ms = 5_000) {
    const start = performance.now();
    for (const [number, node] of this.nodes.entries()) {
      await until(`the transaction at node ${number}`, () => node.call('tx_get', [id]), ms);
    }
    return Math.round(performance.now() - start);
  }

  /** Ends all nodes. Their logs stay if `keep` is true. */
  async stop(keep) {
    await Promise.all(this.nodes.map((node) => node.stop()));
    if (keep && this.dir) console.log(`the nodes' logs are in ${this.dir}`);
    else if (this.dir) await rm(this.dir, { recursive: true, force: true });
  }
}

class Node {
  constructor(binary, dir) {
    this.binary = binary;
    this.dir = dir;
  }

  async start(flags) {
    this.child = spawn(this.binary, ['--data-dir', this.dir, ...flags], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.ended = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve(code ?? signal)));
    this.ended.then((how) => { this.end = how; });
    this.child.once('error', (error) => { this.end = error.message; });
    this.child.stderr.pipe(createWriteStream(`${this.dir}.log`));
    const file = join(this.dir, 'rpc.json');
    const told = await until('a node that starts', async () => {
      if (this.end !== undefined) throw new Error(`a node ended at its start: ${this.end}; see ${this.dir}.log`);
      return readFile(file, 'utf8').then(JSON.parse).catch(() => undefined);
    }, START_MS);
    this.rpc = `http://${told.rpc}`;
    this.address = told.listen[0];
    this.peerId = told.peer_id;
  }

  /** A call of the node's RPC. */
  async call(method, params = []) {
    const response = await fetch(this.rpc, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  async stop() {
    if (!this.child?.pid || this.end !== undefined) return;
    process.kill(this.child.pid, 'SIGTERM');
    const late = setTimeout(() => process.kill(this.child.pid, 'SIGKILL'), STOP_MS);
    await this.ended;
    clearTimeout(late);
  }
}
