import type { EdnsParts, ReadMessage } from './messages.ts';
import type { ScriptedQuery, ScriptedReply } from './scripted-reply.ts';
import { addressRecord } from './scripted-upstream.ts';

/** Client Subnet (RFC 7871). */
export const subnetCode = 8;

/** The data of the option for an IPv4 prefix: `192.0.2.0/24` is `00011800c00002`. */
export function subnetData(prefix: string): Buffer {
  const [address = '', bits = '0'] = prefix.split('/');
  const octets = Buffer.from(address.split('.').map(Number));
  const head = Buffer.from([0, 1, Number(bits), 0]);
  return Buffer.concat([head, octets.subarray(0, Math.ceil(Number(bits) / 8))]);
}

/** EDNS of a query on behalf of a prefix. */
export function onBehalfOf(prefix: string): EdnsParts {
  return { options: [{ code: subnetCode, data: subnetData(prefix) }] };
}

/** What an upstream was told, in hexadecimal; undefined for nothing. */
export function toldIn({ edns }: ScriptedQuery): string | undefined {
  const option = edns?.options.find(({ code }) => (code as number) === subnetCode);
  return option === undefined || !('data' in option)
    ? undefined
    : Buffer.from(option.data as Buffer).toString('hex');
}

/** What came back to a client, in hexadecimal. */
export function scopeIn({ options }: ReadMessage): string | undefined {
  return options.find(({ code }) => code === subnetCode)?.data.toString('hex');
}

/**
 * An upstream whose answer is 203.0.113.N for a subnet x.x.N.x, and 203.0.113.254 for nobody. The first
 * label says what it tells of the scope: `s0`, `s24`; others nothing.
 */
export function answerBySubnet(query: ScriptedQuery): ScriptedReply {
  const data = Buffer.from(toldIn(query) ?? '', 'hex');
  const last = data.length > 6 ? data.readUInt8(6) : 254;
  const answers = [addressRecord(query.name, `203.0.113.${String(last)}`)];
  const scope = /^s(\d+)/i.exec(query.name)?.[1];
  if (data.length === 0 || scope === undefined) return { answers };
  data[3] = Number(scope);
  return { answers, edns: [{ code: subnetCode, data }] };
}
