import { z } from 'zod';
import { network } from './values.ts';

const proxyNetwork = network('an IP address or a network, such as "10.0.0.0/8" or "2001:db8::/32"');

/** Load balancers that tell whom they speak for. */
export const proxyProtocolSchema = z.strictObject({
  from: z.array(proxyNetwork).prefault([]).meta({
    description:
      'Networks whose connections over TCP, TLS and HTTPS begin with a header of the PROXY protocol, version 2; without a right one they are closed. None by default.',
  }),
});
