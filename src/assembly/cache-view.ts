import type { StoredEntry } from '../cache/stored-entry.ts';
import { formatSubnet } from '../dns/client-subnet.ts';
import { recordTypeName } from '../dns/codes.ts';
import { ageTtls } from '../dns/message.ts';
import { formatName } from '../dns/name.ts';
import { describeMessage, formatRecord } from '../dns/presentation.ts';
import { decodeKey, typeOfNxdomain } from '../dns/question.ts';
import type { CacheEntryView } from '../telemetry/admin-actions.ts';

/** A cached answer as the admin API shows it. */
export function viewOf(entry: StoredEntry, nowMs: number): CacheEntryView {
  const { question, flags } = decodeKey(entry.key);
  const { dnssecOk, checkingDisabled, clientSubnet } = flags;
  const ageSeconds = Math.max(0, Math.floor((nowMs - entry.ttlsRightAtMs) / 1000));
  const wire = Buffer.from(entry.answer.wire);
  ageTtls(wire, 0, wire.length, ageSeconds);
  const { answer, authority } = describeMessage(wire);
  const lifeSeconds = entry.answer.ttlSeconds;
  const remainingSeconds = (entry.expiresAtMs - nowMs) / 1000;
  return {
    name: formatName(question.name),
    type: question.type === typeOfNxdomain ? '*' : recordTypeName(question.type),
    kind: entry.answer.kind,
    dnssecOk,
    checkingDisabled,
    ...(clientSubnet === undefined ? {} : { subnet: formatSubnet(clientSubnet) }),
    ttlSeconds: Math.max(0, Math.ceil(remainingSeconds)),
    ageSeconds: Math.max(0, Math.floor(lifeSeconds - remainingSeconds)),
    hits: entry.hits,
    stale: remainingSeconds <= 0,
    records: [...answer, ...authority].map(formatRecord),
  };
}
