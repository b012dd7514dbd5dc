import { describe, expect } from '@jest/globals';
import { MalformedName } from '../../src/base/errors.ts';
import type { Random } from '../../src/base/random.ts';
import {
  encodeOpt,
  encodeOptions,
  extendedErrorsOf,
  readEdns,
  readOptions,
} from '../../src/dns/edns.ts';
import { frame, FrameReader } from '../../src/dns/frame-reader.ts';
import { headerLength } from '../../src/dns/message.ts';
import {
  expandName,
  formatName,
  isAtOrBelow,
  labelCount,
  nameEnd,
  parentName,
  parseName,
} from '../../src/dns/name.ts';
import { fuzz } from './fuzz-runs.ts';
import { below, mutate, noise, pick } from './message-mutation.ts';

/** A name of any octets, in wire form. */
function randomWireName(random: Random): Buffer {
  const labels: Buffer[] = [];
  let length = 1;
  for (let left = below(random, 10); left > 0; left--) {
    const label = Buffer.alloc(1 + below(random, 63));
    for (let at = 0; at < label.length; at++) label[at] = below(random, 256);
    if (length + label.length + 1 > 255) break;
    length += label.length + 1;
    labels.push(Buffer.from([label.length]), label);
  }
  return Buffer.concat([...labels, Buffer.from([0])]);
}

describe('names', () => {
  fuzz('a name in text is the same name again, whatever its octets', 0.04, (random) => {
    const name = randomWireName(random);
    if (!parseName(formatName(name)).equals(name)) throw new Error(name.toString('hex'));
    const parent = parentName(name);
    if (!isAtOrBelow(name, parent)) throw new Error('a name is not below its parent');
    if (name.length > 1 && labelCount(parent) !== labelCount(name) - 1) throw new Error('labels');
    if (name.length > 1 && isAtOrBelow(parent, name)) throw new Error('a parent below its child');
  });

  fuzz('any text is a name or a malformed name', 0.03, (random) => {
    const text = noise(random, 80).toString(pick(random, ['latin1', 'utf8']));
    try {
      const name = parseName(text);
      if (name.length > 255 || nameEnd(name, 0, name.length) !== name.length) throw new Error(text);
    } catch (error) {
      if (!(error instanceof MalformedName)) throw error;
    }
  });

  fuzz('pointers of any kind end: a name of at most 255 octets, or none', 0.06, (random) => {
    const message = noise(random, 400);
    for (let left = below(random, 60); left > 0 && message.length > 14; left--) {
      const at = headerLength + below(random, message.length - 13);
      message.writeUInt16BE(0xc000 | below(random, message.length), at);
    }
    const out = Buffer.alloc(256, 0xaa);
    const offset = below(random, message.length + 1);
    const length = expandName(message, offset, message.length, out);
    if (length > 255 || length === 0) throw new Error(`a name of ${String(length)} octets`);
    if (length > 0 && nameEnd(out, 0, length) !== length) throw new Error('not a name');
    if (length > 0 && nameEnd(message, offset, message.length) < 0) throw new Error('no end');
  });
});

describe('EDNS', () => {
  fuzz(
    'options are read as they were written, and damaged ones are options or none',
    0.04,
    (random) => {
      const options = Array.from({ length: below(random, 5) }, () => ({
        code: pick(random, [3, 8, 10, 11, 12, 15, 15, 15, random.uint16()]),
        data: noise(random, 40),
      }));
      const rdata = encodeOptions(options);
      const read = readOptions(rdata);
      if (read === undefined || !encodeOptions(read).equals(rdata))
        throw new Error('other options');
      const damaged = readOptions(mutate(rdata.length > 0 ? rdata : Buffer.alloc(1), random));
      for (const { code, text } of extendedErrorsOf(damaged ?? [])) {
        if (code > 0xffff || text.length > 1024) throw new Error('an extended error out of bounds');
      }
    },
  );

  fuzz('a whole OPT record is read as it was written', 0.02, (random) => {
    const edns = {
      udpSize: 512 + below(random, 60_000),
      extendedCode: below(random, 256),
      version: below(random, 256),
      dnssecOk: random.fraction() < 0.5,
      options: [{ code: random.uint16(), data: noise(random, 30) }],
    };
    const read = readEdns(encodeOpt(edns), 1);
    if (JSON.stringify(read) !== JSON.stringify(edns)) throw new Error(JSON.stringify(edns));
  });
});

describe('the frame reader', () => {
  fuzz('gives the same messages whatever the chunks are', 0.02, (random) => {
    const messages = Array.from({ length: 1 + below(random, 6) }, () =>
      noise(random, pick(random, [3, 40, 600, 3000])),
    );
    const stream = Buffer.concat(messages.map(frame));
    const reader = new FrameReader();
    const read: Buffer[] = [];
    const sizeMax = pick(random, [1, 2, 7, 100, 2000, stream.length]);
    for (let at = 0; at < stream.length;) {
      const end = at + 1 + below(random, sizeMax);
      const chunk = Buffer.from(stream.subarray(at, end));
      reader.push(chunk);
      at = end;
      const isBusy = random.fraction() < 0.2;
      for (
        let next = isBusy ? undefined : reader.next();
        next !== undefined;
        next = reader.next()
      ) {
        read.push(Buffer.from(next));
      }
      if (!isBusy) chunk.fill(0xee); // whatever was not given out must have been copied
    }
    for (let next = reader.next(); next !== undefined; next = reader.next()) read.push(next);
    expect([reader.pendingBytes, read.length]).toEqual([0, messages.length]);
    if (!Buffer.concat(read).equals(Buffer.concat(messages))) throw new Error('other messages');
  });
});
