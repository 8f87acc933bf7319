// Frames (docs/PROTOCOL.md, section 3): a length as an unsigned varint in its shortest form, and a message. The
// splitter takes a stream's bytes as they come, and gives whole messages. It refuses a length before it keeps anything
// for it.

/** The bytes of a message at most, for each lane. */
export const FRAME_BYTES_MAX = { control: 65_536, bulk: 4_194_306 };
const PREFIX_BYTES_MAX = 4;

export class FrameError extends Error {
  constructor(reason) {
    super(`a frame is refused: ${reason}`);
    this.reason = reason;
  }
}

/** The frame of a message. `off` is added to the stated length; it is not 0 only to plant a fault. */
export function frame(message, off = 0) {
  const prefix = [];
  let length = message.length + off;
  for (; length > 0x7f; length >>>= 7) prefix.push((length & 0x7f) | 0x80);
  prefix.push(length);
  return Buffer.concat([Buffer.from(prefix), message]);
}

export class Splitter {
  #rest = Buffer.alloc(0);

  constructor(lane) {
    this.most = FRAME_BYTES_MAX[lane];
  }

  /** Takes bytes of the stream and returns the messages that are whole now. */
  take(bytes) {
    this.#rest = Buffer.concat([this.#rest, bytes]);
    const messages = [];
    for (;;) {
      const head = this.#length();
      if (head === undefined || this.#rest.length < head.prefix + head.length) return messages;
      messages.push(this.#rest.subarray(head.prefix, head.prefix + head.length));
      this.#rest = this.#rest.subarray(head.prefix + head.length);
    }
  }

  /** True between two frames. */
  get empty() {
    return this.#rest.length === 0;
  }

  #length() {
    let length = 0;
    for (let i = 0; i < PREFIX_BYTES_MAX; i++) {
      const byte = this.#rest[i];
      if (byte === undefined) return undefined;
      length += (byte & 0x7f) * 2 ** (7 * i);
      if (byte & 0x80) continue;
      if (i > 0 && byte === 0) throw new FrameError('bad_prefix');
      if (length === 0) throw new FrameError('empty_frame');
      if (length > this.most) throw new FrameError('frame_too_large');
      return { prefix: i + 1, length };
    }
    throw new FrameError('bad_prefix');
  }
}
