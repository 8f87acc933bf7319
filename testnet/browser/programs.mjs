// Starts the programs whose pages are tested, each with its own directory, on loopback and free ports, and stops all that it
// started. Deliberately absent: the browser (browser.mjs).
//
// HEARSAY_NODE and HEARSAY_TESTNET name the programs. scripts/browser-test.sh sets them.

import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const GIVE_UP_MS = 60_000;
const STOP_MS = 10_000;

/** Programs see no settings of the person who runs the tests. */
const ENVIRONMENT = { PATH: process.env.PATH, HOME: "/nonexistent", LANG: "C.UTF-8" };

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** What `look` finds, as soon as it finds something; an error if that takes too long. */
export async function until(what, look) {
  const end = Date.now() + GIVE_UP_MS;
  for (;;) {
    const found = await look().catch(() => null);
    if (found) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${GIVE_UP_MS / 1000} s`);
    await pause(50);
  }
}

/** A process that was started here. */
export class Program {
  constructor(name, binary, args) {
    this.name = name;
    this.log = "";
    this.child = spawn(binary, args, { env: ENVIRONMENT, stdio: ["ignore", "pipe", "pipe"] });
    const keep = (chunk) => (this.log = (this.log + chunk).slice(-20_000));
    this.child.stdout.on("data", keep);
    this.child.stderr.on("data", keep);
    this.gone = new Promise((done) => this.child.once("close", done));
    this.child.once("error", (error) => keep(String(error)));
  }

  get running() {
    return this.child.exitCode === null && this.child.signalCode === null && this.child.pid !== undefined;
  }

  /** Ends it at once, as a crash would. */
  async kill() {
    if (this.running) this.child.kill("SIGKILL");
    await this.gone;
  }

  /** Asks it to stop, and ends it if it does not. */
  async stop() {
    if (!this.running) return;
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), STOP_MS);
    await this.gone;
    clearTimeout(timer);
  }
}

/** A network of nodes. */
export class Nodes {
  constructor() {
    this.nodes = [];
    this.binary = process.env.HEARSAY_NODE;
    if (!this.binary) throw new Error("HEARSAY_NODE names no program: run scripts/browser-test.sh");
  }

  /** Starts a node that joins the first one, and waits until it answers. It has `url`, `peerId` and `directory`. */
  async start(name, ...more) {
    const directory = await mkdtemp(join(tmpdir(), `hearsay-browser-${name}-`));
    const node = await this.startIn(directory, name, "127.0.0.1:0", ...more);
    this.nodes.push(node);
    return node;
  }

  async startIn(directory, name, rpc, ...more) {
    const first = this.nodes.find((node) => node.running);
    const join = first ? ["--bootstrap", first.address] : [];
    const args = ["--data-dir", directory, "--listen", "/ip4/127.0.0.1/tcp/0", "--rpc-addr", rpc, "--open-producers", "--exempt-loopback"];
    const node = new Program(name, this.binary, [...args, ...join, ...more]);
    const info = await until(`node ${name} listens`, async () => {
      if (!node.running) throw new Error(node.log);
      const found = JSON.parse(await readFile(`${directory}/rpc.json`, "utf8"));
      return found.pid === node.child.pid && found;
    }).catch((error) => {
      throw new Error(`${error.message}\n${node.log}`);
    });
    return Object.assign(node, { directory, peerId: info.peer_id, address: info.listen[0], rpc: info.rpc, url: `http://${info.rpc}` });
  }

  /** Starts a node again that has ended, at the same address. */
  async startAgain(node, ...more) {
    const again = await this.startIn(node.directory, node.name, node.rpc, ...more);
    this.nodes[this.nodes.indexOf(node)] = again;
    return again;
  }

  /** Sends a transaction through a node, and returns its id. */
  async send(node, payload) {
    const { stdout } = await run(this.binary, ["tx", "send", "--data-dir", node.directory, "--payload", payload], { env: ENVIRONMENT });
    return stdout.trim();
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => node.stop()));
    await Promise.all(this.nodes.map((node) => rm(node.directory, { recursive: true, force: true })));
  }
}
