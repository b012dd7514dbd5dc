/**
 * Frame Streams, the container that dnstap goes in (farsightsec.github.io/fstrm): a frame is its
 * length in 32 bits and its octets; a length of 0 announces a control frame:
 *
 *     0  u32  0
 *     4  u32  octets that follow
 *     8  u32  kind of control frame
 *    12       fields: u32 type, u32 length, octets
 *
 * All numbers in network order.
 */
export const controlKind = { accept: 1, start: 2, stop: 3, ready: 4, finish: 5 } as const;

export type ControlKind = (typeof controlKind)[keyof typeof controlKind];

/** What is in the frames of a stream of dnstap. */
const contentType = Buffer.from('protobuf:dnstap.Dnstap');
const contentTypeField = 1;
/** No control frame is longer (`FSTRM_CONTROL_FRAME_LENGTH_MAX`). */
const controlBytesMax = 512;
const wordBytes = 4;

export function dataFrame(octets: Buffer): Buffer {
  return Buffer.concat([word(octets.length), octets]);
}

/** All but `stop` and `finish` say what the stream holds. */
export function controlFrame(kind: ControlKind): Buffer {
  const hasType = kind !== controlKind.stop && kind !== controlKind.finish;
  const fields = hasType ? [word(contentTypeField), word(contentType.length), contentType] : [];
  const body = Buffer.concat([word(kind), ...fields]);
  return Buffer.concat([word(0), word(body.length), body]);
}

/**
 * Reads the control frame at the beginning of what a reader sent.
 * @returns its kind; undefined while it is not whole; 'malformed' when it can be none
 */
export function readControlFrame(octets: Buffer): number | 'malformed' | undefined {
  if (octets.length >= wordBytes && octets.readUInt32BE(0) !== 0) return 'malformed';
  if (octets.length < 2 * wordBytes) return undefined;
  const length = octets.readUInt32BE(wordBytes);
  if (length < wordBytes || length > controlBytesMax) return 'malformed';
  if (octets.length < 2 * wordBytes + length) return undefined;
  return octets.readUInt32BE(2 * wordBytes);
}

function word(value: number): Buffer {
  const octets = Buffer.alloc(wordBytes);
  octets.writeUInt32BE(value);
  return octets;
}
