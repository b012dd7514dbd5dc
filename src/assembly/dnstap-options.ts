import { hostname } from 'node:os';
import { parseSocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { readVersion } from '../base/version.ts';
import type { Config } from '../config/schema.ts';
import { Dnstap } from '../telemetry/dnstap.ts';
import { FrameSink } from '../telemetry/frame-sink.ts';
import type { SinkTarget } from '../telemetry/frame-sink.ts';
import type { Log } from '../telemetry/log.ts';

/**
 * Where messages are copied to; undefined where it is off.
 * @param fileSuffix behind the name of a file, where several processes write
 */
export function dnstapOf(
  { dnstap }: Config,
  dependencies: { readonly clock: Clock; readonly log: Log },
  fileSuffix = '',
): Dnstap | undefined {
  const target = targetOf(dnstap.target, fileSuffix);
  if (target === undefined) return undefined;
  const sink = new FrameSink(target, dnstap.queueBytesMax, dependencies);
  return new Dnstap(sink, dnstap.identity ?? hostname(), readVersion());
}

function targetOf(text: string, fileSuffix: string): SinkTarget | undefined {
  const at = text.indexOf(':');
  const place = text.slice(at + 1);
  switch (text.slice(0, Math.max(0, at))) {
    case 'file':
      return { kind: 'file', path: `${place}${fileSuffix}` };
    case 'unix':
      return { kind: 'unix', path: place };
    case 'tcp':
      return { kind: 'tcp', address: parseSocketAddress(place, 0) };
    default:
      return undefined;
  }
}
