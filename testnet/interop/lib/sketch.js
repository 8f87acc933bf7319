// The reconciliation sketch (docs/PROTOCOL.md, section 6): symbols of a set of ids, and the difference of two sets from
// their symbols. Numbers are BigInts, because the formulas count modulo 2^64.

const M64 = (1n << 64n) - 1n;
const SYMBOL_BYTES = 11;

/** SipHash-2-4 with 64 bits of output. */
export function siphash(key, message) {
  const k0 = key.readBigUInt64LE(0);
  const k1 = key.readBigUInt64LE(8);
  const v = [k0 ^ 0x736f6d6570736575n, k1 ^ 0x646f72616e646f6dn, k0 ^ 0x6c7967656e657261n, k1 ^ 0x7465646279746573n];
  const padded = Buffer.alloc(Math.ceil((message.length + 1) / 8) * 8);
  padded.set(message);
  padded[padded.length - 1] = message.length & 0xff;
  for (let at = 0; at < padded.length; at += 8) {
    const word = padded.readBigUInt64LE(at);
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}

function rounds(v, count) {
  const left = (x, by) => ((x << by) | (x >> (64n - by))) & M64;
  for (let i = 0; i < count; i++) {
    v[0] = (v[0] + v[1]) & M64; v[1] = left(v[1], 13n) ^ v[0]; v[0] = left(v[0], 32n);
    v[2] = (v[2] + v[3]) & M64; v[3] = left(v[3], 16n) ^ v[2];
    v[0] = (v[0] + v[3]) & M64; v[3] = left(v[3], 21n) ^ v[0];
    v[2] = (v[2] + v[1]) & M64; v[1] = left(v[1], 17n) ^ v[2]; v[2] = left(v[2], 32n);
  }
}

/** An id under a conversation's salt: `salted` is its 6 bytes as a number, `hash` places it, `check` proves it. */
export function item(salt, id) {
  return ofSalted(salt, siphash(salt, id) & 0xffffffffffffn);
}

function ofSalted(salt, salted) {
  const hash = siphash(salt, saltedBytes(salted));
  return { salted, hash, check: hash & 0xffffffffn };
}

/** A salted id as it travels. */
export function saltedBytes(salted) {
  const bytes = Buffer.alloc(6);
  bytes.writeUIntBE(Number(salted), 0, 6);
  return bytes;
}

/** The next symbol, after symbol `i`, of which the item is a part. */
function next({ hash }, i) {
  const at = BigInt(i);
  let z = (hash + (at + 1n) * 0x9e3779b97f4a7c15n) & M64;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & M64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & M64;
  z ^= z >> 31n;
  const a = (z >> 32n) + 1n;
  const b = (z & 0xffffffffn) + 1n;
  const one = ((at + 1n) << 32n) / a;
  const other = ((at + 2n) << 32n) / b - 1n;
  return Number(one < other ? one : other);
}

/** The first `count` symbols of a set of ids. */
export function symbols(salt, ids, count) {
  const table = Array.from({ length: count }, () => ({ salted: 0n, check: 0n, count: 0 }));
  for (const id of ids) change(table, item(salt, id), 1);
  return Buffer.concat(table.map(toBytes));
}

/**
 * How the sender's set differs from `ids`: the ids that only we have, and the salted ids of those that only the sender
 * has. `undefined` if the symbols are too few. Throws if no honest sender could have sent them.
 */
export function difference(salt, theirs, ids) {
  const mine = symbols(salt, ids, theirs.length / SYMBOL_BYTES);
  const table = [];
  for (let at = 0; at < theirs.length; at += SYMBOL_BYTES) {
    table.push(subtract(fromBytes(theirs, at), fromBytes(mine, at)));
  }
  const byHash = new Map(ids.map((id) => [item(salt, id).salted, id]));
  const found = { onlyHere: [], onlyThere: [] };
  const seen = new Set();
  for (let i = 0; i < table.length; i++) {
    const { count, salted, check } = table[i];
    if (count !== 1 && count !== 255) continue;
    const one = ofSalted(salt, salted);
    if (one.check !== check) continue;
    if (seen.has(salted) || (count === 255) !== byHash.has(salted)) throw new Error('the symbols make no sense');
    seen.add(salted);
    if (count === 1) found.onlyThere.push(saltedBytes(salted));
    else found.onlyHere.push(byHash.get(salted));
    change(table, one, count === 1 ? 255 : 1);
    i = -1;
  }
  if (table.length === 0 || !isZero(table[0])) return undefined;
  if (!table.every(isZero)) throw new Error('the symbols make no sense');
  return found;
}

function change(table, one, by) {
  for (let i = 0; i < table.length; i = next(one, i)) {
    table[i].salted ^= one.salted;
    table[i].check ^= one.check;
    table[i].count = (table[i].count + by) & 0xff;
  }
}

function subtract(a, b) {
  return { salted: a.salted ^ b.salted, check: a.check ^ b.check, count: (a.count - b.count) & 0xff };
}

function isZero({ salted, check, count }) {
  return salted === 0n && check === 0n && count === 0;
}

function toBytes({ salted, check, count }) {
  const bytes = Buffer.alloc(SYMBOL_BYTES);
  bytes.set(saltedBytes(salted));
  bytes.writeUInt32BE(Number(check), 6);
  bytes[10] = count;
  return bytes;
}

function fromBytes(bytes, at) {
  return { salted: BigInt(bytes.readUIntBE(at, 6)), check: BigInt(bytes.readUInt32BE(at + 6)), count: bytes[at + 10] };
}
