// Deterministic CBOR, as far as the protocol uses it (docs/PROTOCOL.md, section 3): unsigned integers, byte strings,
// texts, arrays, false and true. The reader is strict: it accepts one encoding of each value, and says at which byte
// something is wrong, with the words of docs/vectors/negative.json. Integers over 2^53 are BigInts on both sides.
// Deliberately absent: tags, maps, floats, negative numbers, null.

const UINT = 0, BYTES = 2, TEXT = 3, ARRAY = 4, SIMPLE = 7;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes that are not what the format has at this place. */
export class Refused extends Error {
  constructor(reason, at, text) {
    super(`${text} at byte ${at}: ${reason}`);
    this.reason = reason;
    this.at = at;
  }
}

/** Encodes numbers, BigInts, Uint8Arrays, strings, booleans, and arrays of these. */
export function encode(value) {
  if (typeof value === 'boolean') return Buffer.of(value ? 0xf5 : 0xf4);
  if (typeof value === 'number' || typeof value === 'bigint') return head(UINT, BigInt(value));
  if (typeof value === 'string') {
    const text = Buffer.from(value, 'utf8');
    return Buffer.concat([head(TEXT, BigInt(text.length)), text]);
  }
  if (value instanceof Uint8Array) return Buffer.concat([head(BYTES, BigInt(value.length)), value]);
  if (Array.isArray(value)) return Buffer.concat([head(ARRAY, BigInt(value.length)), ...value.map(encode)]);
  throw new TypeError(`a value that the protocol has no encoding for: ${value}`);
}

function head(major, value) {
  const first = major << 5;
  if (value < 24n) return Buffer.of(first | Number(value));
  const bytes = value < 0x100n ? 1 : value < 0x10000n ? 2 : value < 0x100000000n ? 4 : 8;
  const out = Buffer.alloc(1 + bytes);
  out[0] = first | (24 + Math.log2(bytes));
  for (let i = bytes; i > 0; i--, value >>= 8n) out[i] = Number(value & 0xffn);
  return out;
}

/** Reads items one after the other. `at` is the place of the next one. */
export class Reader {
  constructor(bytes) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.at = 0;
  }

  uint(bits) {
    const start = this.at;
    const value = this.#head(UINT, 'an integer');
    if (value >> BigInt(bits)) throw new Refused('bad_value', start, `an integer over ${bits} bits`);
    return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value;
  }

  byteString(least, most) {
    const start = this.at;
    const value = this.#string(BYTES, 'a byte string', most);
    if (value.length < least) throw new Refused('bad_value', start, `a byte string of ${value.length}`);
    return value;
  }

  text(least, most) {
    const start = this.at;
    const value = this.#string(TEXT, 'a text', most);
    if (value.length < least) throw new Refused('bad_value', start, `a text of ${value.length} bytes`);
    try {
      return utf8.decode(value);
    } catch {
      throw new Refused('bad_value', start, 'a text that is not UTF-8');
    }
  }

  bool() {
    const start = this.at;
    const first = this.bytes[start];
    if (first === undefined) throw new Refused('truncated', start, 'false or true');
    if (first === 0xf8) throw new Refused('not_shortest', start, 'false or true');
    if (first !== 0xf4 && first !== 0xf5) throw new Refused('wrong_type', start, 'false or true');
    this.at++;
    return first === 0xf5;
  }

  /** The number of items of an array that begins here. */
  array(most) {
    const start = this.at;
    const count = this.#head(ARRAY, 'an array');
    if (count > BigInt(most)) throw new Refused('over_bound', start, `an array of ${count} items`);
    // Each item has a byte at least.
    const left = BigInt(this.bytes.length - this.at);
    if (count > left) throw new Refused('truncated', start, `an array of ${count} items`);
    return Number(count);
  }

  end() {
    if (this.at < this.bytes.length) throw new Refused('trailing_bytes', this.at, 'the end');
  }

  #string(major, what, most) {
    const start = this.at;
    const count = this.#head(major, what);
    if (count > BigInt(most)) throw new Refused('over_bound', start, `${what} of ${count} bytes`);
    const end = this.at + Number(count);
    if (end > this.bytes.length) throw new Refused('truncated', start, what);
    const value = this.bytes.subarray(this.at, end);
    this.at = end;
    return value;
  }

  #head(major, what) {
    const start = this.at;
    const first = this.bytes[start];
    if (first === undefined) throw new Refused('truncated', start, what);
    if (first >> 5 !== major || first >> 5 === SIMPLE) throw new Refused('wrong_type', start, what);
    const info = first & 31;
    if (info === 31) throw new Refused('indefinite', start, what);
    if (info > 27) throw new Refused('bad_value', start, what);
    if (info < 24) {
      this.at++;
      return BigInt(info);
    }
    const size = 2 ** (info - 24);
    if (start + 1 + size > this.bytes.length) throw new Refused('truncated', start, what);
    let value = 0n;
    for (const byte of this.bytes.subarray(start + 1, start + 1 + size)) value = (value << 8n) | BigInt(byte);
    const least = size === 1 ? 24n : 1n << BigInt(size * 4);
    if (value < least) throw new Refused('not_shortest', start, what);
    this.at += 1 + size;
    return value;
  }
}
