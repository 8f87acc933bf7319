// The best chain as far as this client follows it: every header's signature, id and link to its parent is checked, and
// every body against its header (docs/PROTOCOL.md, section 4). The tip is the highest block with a whole checked chain
// below it, and of equally high ones that with the lowest id.
// Deliberately absent: deleting old blocks, and limits on other branches. This client lives for a minute.

import { genesisId, hex, openHeader, openTransactions } from './items.js';

export class Chain {
  #blocks = new Map();

  constructor(network) {
    this.network = network;
    this.genesis = { height: 0, id: genesisId(network), whole: true };
    this.#blocks.set(hex(this.genesis.id), this.genesis);
    this.tip = this.genesis;
  }

  has(id) {
    return this.#blocks.get(hex(id));
  }

  /** Takes a header. Returns the block as known, or undefined if its parent is unknown. Throws if it is bad. */
  addHeader(header) {
    const opened = openHeader(this.network, header);
    const known = this.has(opened.id);
    if (known) return known;
    const parent = this.has(opened.parent);
    if (!parent) return undefined;
    if (opened.height !== parent.height + 1) {
      throw new Error(`a header of height ${opened.height} is on one of ${parent.height}`);
    }
    this.#blocks.set(hex(opened.id), opened);
    return opened;
  }

  /** Takes a whole block. Returns it, or undefined if its parent is unknown. Throws if it is bad. */
  addBlock({ header, transactions }) {
    const block = this.addHeader(header);
    if (!block || block.transactions) return block;
    block.transactions = openTransactions(this.network, block, transactions);
    this.#connect();
    return block;
  }

  /** The ids of a locator: the tip, the blocks below it in steps that double, and genesis. */
  locator() {
    const ids = [];
    for (let block = this.tip, step = 1; block.height > 0; step *= ids.length > 9 ? 2 : 1) {
      ids.push(block.id);
      for (let i = 0; i < step && block.height > 0; i++) block = this.has(block.parent);
    }
    return [...ids, this.genesis.id];
  }

  /** The headers whose bodies are missing, lowest first. */
  missing() {
    return [...this.#blocks.values()].filter((block) => !block.whole && !block.transactions)
      .sort((a, b) => a.height - b.height);
  }

  /** The ids of the best chain's transactions. */
  confirmed() {
    const ids = new Set();
    for (let block = this.tip; block.height > 0; block = this.has(block.parent)) {
      for (const { id } of block.transactions) ids.add(hex(id));
    }
    return ids;
  }

  #connect() {
    for (const block of [...this.#blocks.values()].sort((a, b) => a.height - b.height)) {
      if (block.transactions && this.has(block.parent).whole) block.whole = true;
      if (!block.whole) continue;
      const lower = block.height === this.tip.height && Buffer.compare(block.id, this.tip.id) < 0;
      if (block.height > this.tip.height || lower) this.tip = block;
    }
  }
}
