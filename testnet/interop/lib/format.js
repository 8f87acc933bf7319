// Formats: functions that read one value with a Reader, in the words of the document's CDDL. lib/messages.js and
// lib/items.js are written with them. A bound is refused before anything behind it is read.

import { Reader, Refused } from './cbor.js';

export const uint = (bits = 64) => (reader) => reader.uint(bits);
export const upTo = (most, bits = 64) => checked(uint(bits), (value) => value <= most, `a number over ${most}`);
export const bytes = (least, most = least) => (reader) => reader.byteString(least, most);
export const text = (least, most) => (reader) => reader.text(least, most);
export const bool = (reader) => reader.bool();

/** A byte string of several values of `size` bytes, at most `most` bytes long. */
export const packed = (size, most) =>
  checked(bytes(0, most), (value) => value.length % size === 0, 'a value that is cut');

/** A format with one more rule. */
export function checked(format, rule, what, reason = 'bad_value') {
  return (reader) => {
    const start = reader.at;
    const value = format(reader);
    if (!rule(value)) throw new Refused(reason, start, what);
    return value;
  };
}

/** An array of any number of items up to `most`. */
export const list = (most, item) => (reader) => {
  const count = reader.array(most);
  return Array.from({ length: count }, () => item(reader));
};

/** An array without inner arrays: each entry is a group of items. Reads it into arrays, one for each entry. */
export const flat = (most, ...group) => (reader) => {
  const start = reader.at;
  const count = reader.array(most * group.length);
  if (count % group.length) throw new Refused('bad_value', start, 'an entry that is cut');
  return Array.from({ length: count / group.length }, () => group.map((item) => item(reader)));
};

/** An array with these fields, each `[name, format]`. Reads it into an object. */
export const record = (...fields) => (reader) => {
  const start = reader.at;
  const count = reader.array(fields.length);
  if (count !== fields.length) throw new Refused('bad_value', start, `an array of ${count} items`);
  return readFields(reader, fields);
};

/** Reads fields one after the other. A format also gets the fields before it. */
export function readFields(reader, fields) {
  const read = {};
  for (const [name, format] of fields) read[name] = format(reader, read);
  return read;
}

/** Reads bytes that must be one value of a format, and nothing else. */
export function decode(format, encoded) {
  const reader = new Reader(encoded);
  const value = format(reader);
  reader.end();
  return value;
}
