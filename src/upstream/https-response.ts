import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from 'node:http2';
import { putUint32 } from '../base/bytes.ts';
import { recordType } from '../dns/codes.ts';
import { messageLengthMax } from '../dns/message.ts';
import { readRecords } from '../dns/records.ts';

export const dnsMediaType = 'application/dns-message';

/** What becomes of a request; one of the last three, once. */
export interface ResponseHandlers {
  /** Something came. */
  readonly progress: () => void;
  readonly message: (octets: Buffer) => void;
  /** There is a response, and no message in it. */
  readonly refused: (text: string) => void;
  /** The stream ended without a response. */
  readonly broken: (text: string) => void;
}

/**
 * Collects the response of a DoH server: 200, of the type of DNS messages, no longer than a message
 * can be; whatever else it is, is refused (RFC 8484 section 4.2.1).
 */
export function collectResponse(stream: ClientHttp2Stream, handlers: ResponseHandlers): void {
  const chunks: Buffer[] = [];
  let length = 0;
  let ageSeconds = 0;
  let isSettled = false;
  const settle = (tell: () => void): void => {
    if (isSettled) return;
    isSettled = true;
    tell();
  };
  const refuse = (text: string): void => {
    settle(() => handlers.refused(text));
    stream.close();
  };
  stream.on('response', (headers) => {
    handlers.progress();
    const refusal = refusalOf(headers);
    if (refusal !== undefined) refuse(refusal);
    ageSeconds = Number(headers.age ?? 0);
  });
  stream.on('data', (chunk: Buffer) => {
    handlers.progress();
    length += chunk.length;
    if (length > messageLengthMax) refuse('a response longer than any message');
    else chunks.push(chunk);
  });
  stream.on('end', () => {
    // An aborted stream ends as well: what came of it is not all.
    if (stream.aborted || length === 0) return;
    settle(() => handlers.message(aged(Buffer.concat(chunks), ageSeconds)));
  });
  stream.on('error', () => undefined); // "close" follows
  stream.on('close', () => {
    const code = String(stream.rstCode ?? 0);
    settle(() => handlers.broken(`the upstream closed the stream, code ${code}`));
  });
}

function refusalOf(headers: IncomingHttpHeaders & IncomingHttpStatusHeader): string | undefined {
  const status = headers[':status'] ?? 0;
  if (status !== 200) return `HTTP status ${String(status)}`;
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
  return type === dnsMediaType ? undefined : `a response of type "${type ?? ''}"`;
}

/**
 * Counts the time that a response spent in HTTP caches down from its TTLs (RFC 8484 section 5.1);
 * what is malformed is left to whoever reads it.
 */
function aged(message: Buffer, ageSeconds: number): Buffer {
  const records = ageSeconds > 0 ? readRecords(message) : undefined;
  if (records === undefined) return message;
  for (const record of [...records.answer, ...records.authority, ...records.additional]) {
    if (record.type === recordType.OPT) continue;
    putUint32(message, record.typeOffset + 4, Math.max(0, record.ttlSeconds - ageSeconds));
  }
  return message;
}
