// The messages of docs/PROTOCOL.md, section 5, in its order and with its bounds. A message is written as an array,
// `[tag, …]`, and read into an object whose `type` is the name of the message.
// Deliberately absent: aggregates (tags 36 to 38). A client whose Hello has no bit for them gets none.

import { encode, Reader, Refused } from './cbor.js';
import { bool, bytes, checked, flat, list, packed, readFields, text, uint, upTo } from './format.js';
import { blockFormat, headerFormat, TRANSACTION_BYTES_MAX } from './items.js';
import { statement } from './members.js';

const FIELDS_MAX = 8;

const oneOf = (...sizes) => checked(bytes(0, Math.max(...sizes)), (value) => sizes.includes(value.length), 'a length');
const id = bytes(32);
const ref = oneOf(8, 32);
const route = bytes(8);
const number = ['number', uint(32)];
const tip = [['tipHeight', uint()], ['tipId', id]];
const sketch = ['sketch', packed(11, 45_056)];
const places = checked(bytes(0, 512), (value) => setPlaces(value).length <= 256, 'over 256 places', 'over_bound');
const statements = ['statements', list(512, statement)];
const onlyThere = (reader, { more, onlyHere }) => checked(packed(6, 24_576), (value) => {
  const elements = onlyHere.length / 8 + value.length / 6;
  return more <= 4_096 && elements <= 4_096 && (more === 0 || elements === 0);
}, 'more elements than are allowed')(reader);
const reason = checked(text(0, 32), (value) => /^[a-z0-9_]+$/.test(value), 'a reason');

const MESSAGES = [
  ['hello', ['version', uint()], ['network', text(0, 32)], ['features', uint()], ...tip, ['keptFrom', uint()]],
  ['inv', ['entries', flat(4_096, ref, uint(32))]],
  ['getdata', ['graft', bool], ['refs', list(256, ref)]],
  ['notfound', ['refs', list(256, ref)], ['blocks', list(16, id)]],
  ['transactions', ['via', oneOf(0, 8)], ['bodies', list(256, bytes(0, TRANSACTION_BYTES_MAX))]],
  ['prune', ['routes', list(256, route)]],
  ['blockheader', ['header', headerFormat], ['pushed', bool]],
  ['getblock', ['graft', bool], ['id', id]],
  ['block', ['block', blockFormat]],
  ['getheaders', ['locator', list(64, id)]],
  ['headers', ['headers', list(256, headerFormat)]],
  ['ack', ['bytesRead', uint()]],
  ['had', ['shortIds', list(256, bytes(8))]],
  ['graft', ['routes', list(256, route)]],
  ['reconcile', number, ['digest', upTo(2)], ['size', uint(32)], ...tip, ['salt', bytes(16)], sketch],
  ['more', number, ['count', uint(32)]],
  ['symbols', number, sketch],
  ['difference', number, ['outcome', upTo(3)], ...tip, ['wanted', packed(6, 24_576)], ['offered', packed(8, 32_768)]],
  ['offer', number, ['shortIds', packed(8, 32_768)]],
  ['take', number, ['places', places]],
  ['list', number, ['after', oneOf(0, 8)]],
  ['goodbye', ['reason', reason]],
  ['ping', ['nonce', bytes(8)]],
  ['pong', ['nonce', bytes(8)]],
  ['news', statements],
  ['digests', ['mode', upTo(2)], ['from', bytes(8)], ['to', bytes(8)],
    ['digests', flat(1_024, bytes(8), uint(), upTo(3), bytes(8))], ['whole', bool]],
  ['memberDifference', ['until', bytes(8)], statements, ['wanted', list(64, bytes(8))]],
  ['statements', statements],
  ['probeRequest', ['subject', bytes(32)]],
  ['probeAnswer', ['subject', bytes(32)], ['reached', bool]],
  ['memberSketch', ['salt', bytes(16)], ['members', uint(32)], sketch],
  ['sketchDifference', ['more', uint()], ['onlyHere', packed(8, 32_768)], ['onlyThere', onlyThere]],
];

/** The tag of each message, by its name. */
export const TAG = Object.fromEntries(MESSAGES.map(([name], tag) => [name, tag]));

/** Encodes a message. `fields` stand in the order of section 5; a header or block is given as an array too. */
export const message = (name, ...fields) => encode([TAG[name], ...fields]);

/** Decodes a message. Throws Refused if the bytes are none, or if the tag is one that this client doesn't speak. */
export function readMessage(encoded) {
  const reader = new Reader(encoded);
  const count = reader.array(FIELDS_MAX);
  const tagAt = reader.at;
  const tag = reader.uint(64);
  const known = MESSAGES[tag];
  if (!known) throw new Refused('bad_value', tagAt, `the tag ${tag}`);
  const [type, ...fields] = known;
  // A pong may have a place, of which this client makes no use.
  const place = type === 'pong' && count === 3;
  if (!place && count !== fields.length + 1) throw new Refused('bad_value', 0, `a ${type} of ${count} items`);
  const read = readFields(reader, fields);
  if (place) reader.byteString(42, 42);
  reader.end();
  return { type, ...read };
}

/** A header as an array, to be sent. */
export const headerArray = (header) =>
  [header.height, header.parent, header.producer, header.timestampMs, header.root, header.count, header.signature];

/** The places whose bits are set, the most significant bit of the first byte first. */
export function setPlaces(value) {
  const set = [];
  value.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (0x80 >> bit)) set.push(i * 8 + bit);
  });
  return set;
}
