import packet from 'dns-packet';
import type { Outcome } from '../../src/query/outcome.ts';

const name = 'www.bench.example';
const wire = packet.encode({
  type: 'response',
  id: 0,
  questions: [{ name, type: 'A' }],
  answers: [{ name, type: 'A', ttl: 300, data: '192.0.2.1' }],
});
wire[2] = 0x80; // as answers are kept: QR alone, and RA
wire[3] = 0x80;

/** What a primary answers: one address. */
export const answered: Outcome = {
  kind: 'answer',
  answer: { kind: 'positive', wire, ttlSeconds: 300, authenticData: false, extendedErrors: [] },
  ageSeconds: 0,
  extendedErrors: [],
  layer: 'upstream',
  detail: '192.0.2.53:53',
};
