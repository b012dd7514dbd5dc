import { z } from 'zod';
import { flag, integer, network } from './values.ts';

const clientNetwork = network(
  'an IP address or a network, such as "10.0.0.0/8" or "2001:db8::/32"',
);

/** Loopback; private and shared address space (RFC 1918, RFC 6598, RFC 4193); link-local. */
const privateNetworks = [
  '127.0.0.0/8',
  '::1/128',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
];

const rateLimit = z.strictObject({
  enabled: flag('Limit the queries of a client over UDP; TCP has limits on connections.', true),
  queriesPerSecond: integer('Queries a second that a client may send in the long run.', {
    min: 1,
    max: 10_000_000,
    fallback: 20_000,
  }),
  burst: integer('Queries that a client may send at once after a pause.', {
    min: 1,
    max: 10_000_000,
    fallback: 40_000,
  }),
  slip: integer(
    'Of the queries beyond the limit, every so many is answered truncated, so that a real client comes by TCP; the others are dropped. 0 drops all.',
    { min: 0, max: 100, fallback: 2 },
  ),
  verifiedFactor: integer(
    'Beyond its limit a client that shows a server cookie may send so many times as much: its address is no forgery.',
    { min: 1, max: 1000, fallback: 4 },
  ),
  inCluster: flag(
    'Count what a busy client asks at all replicas of a grid against one budget; without the grid each counts for itself.',
    true,
  ),
  ipv4PrefixLength: integer('Leading bits of an IPv4 address that make one client.', {
    min: 8,
    max: 32,
    fallback: 32,
  }),
  ipv6PrefixLength: integer('Leading bits of an IPv6 address that make one client.', {
    min: 16,
    max: 64,
    fallback: 64,
  }),
  exempt: z.array(clientNetwork).prefault(['127.0.0.0/8', '::1/128']).meta({
    description: 'Networks without a limit.',
  }),
  clientsMax: integer('Clients told apart at a time: 37 bytes each.', {
    min: 1024,
    max: 16_777_216,
    fallback: 65_536,
  }),
});

/** Who may ask, and how much. */
export const clientsSchema = z.strictObject({
  allow: z.array(clientNetwork).prefault(privateNetworks).meta({
    description:
      'Networks whose clients are served, over every transport; all others are refused. "0.0.0.0/0" and "::/0" are everybody.',
  }),
  deny: z.array(clientNetwork).prefault([]).meta({
    description: 'Networks that are refused all the same.',
  }),
  rateLimit: rateLimit.prefault({}),
});
