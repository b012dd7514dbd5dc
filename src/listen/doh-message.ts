import { uint16At } from '../base/bytes.ts';
import { responseCode } from '../dns/codes.ts';
import { eachRecord, headerResponseCode, messageLengthMax, readTtl } from '../dns/message.ts';

/** The media type of a DNS message (RFC 8484 section 6). */
export const dnsMediaType = 'application/dns-message';

/** An HTTP request, whichever version carried it. */
export interface DohRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly contentType: string | undefined;
  readonly body: Buffer;
}

/** Why there is no DNS message in a request. */
export interface DohRefusal {
  readonly status: 400 | 404 | 405 | 413 | 415;
  readonly text: string;
}

/**
 * The DNS message of a request by RFC 8484 section 4.1: in the variable `dns` of a GET (or HEAD),
 * in base64url without padding, or as the body of a POST.
 */
export function readDohRequest(request: DohRequest, path: string): Buffer | DohRefusal {
  const questionMark = request.target.indexOf('?');
  const requested = questionMark < 0 ? request.target : request.target.slice(0, questionMark);
  if (requested !== path) return { status: 404, text: `DNS over HTTPS is at ${path}` };
  switch (request.method) {
    case 'GET':
    case 'HEAD':
      return readVariable(questionMark < 0 ? '' : request.target.slice(questionMark + 1));
    case 'POST':
      return readBody(request);
    default:
      return { status: 405, text: 'GET and POST are served' };
  }
}

function readVariable(query: string): Buffer | DohRefusal {
  const text = query
    .split('&')
    .find((part) => part.startsWith('dns='))
    ?.slice('dns='.length);
  if (text === undefined) return { status: 400, text: 'the variable dns is missing' };
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return { status: 400, text: 'dns is not base64url' };
  const message = Buffer.from(text, 'base64url');
  return message.length > messageLengthMax ? tooLong : message;
}

function readBody({ contentType, body }: DohRequest): Buffer | DohRefusal {
  const mediaType = contentType?.split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== dnsMediaType) {
    return { status: 415, text: `the content type must be ${dnsMediaType}` };
  }
  if (body.length === 0) return { status: 400, text: 'the body is empty' };
  return body.length > messageLengthMax ? tooLong : body;
}

const tooLong: DohRefusal = { status: 413, text: 'a DNS message has at most 65535 octets' };

/**
 * Seconds for which a response may be kept by HTTP caches: the smallest TTL of its answer section,
 * or of its authority section where there is no answer (RFC 8484 section 5.1); 0 for a failure.
 */
export function freshSeconds(response: Uint8Array): number {
  const code = headerResponseCode(response);
  if (code !== responseCode.NOERROR && code !== responseCode.NXDOMAIN) return 0;
  const answers = uint16At(response, 6);
  const counted = answers === 0 ? uint16At(response, 8) : answers;
  let least = Number.POSITIVE_INFINITY;
  let index = 0;
  eachRecord(response, (typeOffset) => {
    if (index < counted) least = Math.min(least, readTtl(response, typeOffset + 4));
    index++;
  });
  return Number.isFinite(least) ? least : 0;
}
