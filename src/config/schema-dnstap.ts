import { z } from 'zod';
import { parseSocketAddress } from '../base/address.ts';
import { MalformedAddress } from '../base/errors.ts';
import { flag, parsedText, size } from './values.ts';

/** A reader of dnstap has no port of its own: fstrm_capture has this one in its examples. */
const portDefault = 5353;
const form = /^(?:off|file:.+|unix:.+|tcp:(.+))$/;

const target = parsedText(
  '"off", "unix:/path/of/socket", "tcp:address:port" or "file:/path"',
  (text) => {
    const [whole, address] = form.exec(text) ?? [];
    if (whole === undefined) throw new MalformedAddress(`"${text}" is no such place`);
    if (address !== undefined) parseSocketAddress(address, portDefault);
    return text;
  },
);

/** A copy of what goes by, for programs that look at it. */
export const dnstapSchema = z.strictObject({
  target: target.prefault('off').meta({
    description:
      'Where messages go in the form of dnstap; workers write files of their own, with their process id behind the name.',
  }),
  clients: flag('Queries of clients and their answers; hits then take the slower way.', true),
  upstreams: flag('Questions to upstreams, and what comes back.', true),
  identity: z.string().min(1).max(255).exactOptional().meta({
    description: 'What a replica calls itself in them; by default the name of its host.',
  }),
  queueBytesMax: size('What may wait for its reader; beyond it messages are dropped.', {
    min: 64 * 1024,
    max: 1024 ** 3,
    fallback: '4MiB',
  }),
});
