import packet from 'dns-packet';

/** A response with one address, as it is kept: id 0, QR and RA, no additional section. */
export function answerWire(name: string): Buffer {
  const wire = packet.encode({
    type: 'response',
    id: 0,
    questions: [{ name, type: 'A' }],
    answers: [{ name, type: 'A', ttl: 300, data: '192.0.2.1' }],
  });
  wire[2] = 0x80;
  wire[3] = 0x80;
  return wire;
}
