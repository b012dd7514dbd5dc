import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { parseHostPort } from '../base/address.ts';
import { RequestRefused } from '../base/errors.ts';
import { withoutMapping } from './client-address.ts';

/** Who calls, for the log. */
export interface Caller {
  /** `token` for the holder of the token, `loopback` for a process of this host, else `anyone`. */
  readonly who: 'token' | 'loopback' | 'anyone';
  /** Address and port of the connection. */
  readonly from: string;
}

/** A proxy sets these: then the connection is from this host, but not the caller. */
const forwardingHeaders = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-real-ip',
] as const;

/**
 * Lets into the admin API whoever bears the token, and processes of this host without one.
 * A web page in a browser on this host is kept out: by the Host header, which after DNS rebinding
 * is the page's own name, and elsewhere by the content type, which a page cannot send unasked.
 */
export class AdminGuard {
  #token: Buffer | undefined;

  constructor(token: string | undefined) {
    this.setToken(token);
  }

  /** Takes another token from now on; undefined: loopback only. */
  setToken(token: string | undefined): void {
    this.#token = token === undefined ? undefined : digest(token);
  }

  /** @throws {RequestRefused} 401 or 403 */
  admit(request: IncomingMessage): Caller {
    const from = callerAddress(request);
    if (this.#token !== undefined && request.headers.authorization !== undefined) {
      this.#checkToken(request.headers.authorization, this.#token);
      return { who: 'token', from };
    }
    if (!isFromThisHost(request)) throw this.#strangerRefused();
    if (!namesThisHost(request.headers.host)) {
      const message = 'without a token the Host header must be an IP address or localhost';
      throw new RequestRefused(403, 'host_not_allowed', message);
    }
    return { who: 'loopback', from };
  }

  /** Digests have one length, so the comparison tells nothing of the token, nor of its length. */
  #checkToken(authorization: string, expected: Buffer): void {
    const presented = /^Bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (presented === undefined || !timingSafeEqual(digest(presented), expected)) {
      throw new RequestRefused(401, 'unauthorized', 'the bearer token is not the configured one');
    }
  }

  #strangerRefused(): RequestRefused {
    if (this.#token !== undefined) {
      return new RequestRefused(401, 'unauthorized', 'this needs a bearer token');
    }
    const message = 'without a configured token the admin API answers loopback only';
    return new RequestRefused(403, 'loopback_only', message);
  }
}

/** Who calls where everybody may. */
export function anyone(request: IncomingMessage): Caller {
  return { who: 'anyone', from: callerAddress(request) };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function callerAddress({ socket }: IncomingMessage): string {
  return `${socket.remoteAddress ?? 'unknown'} port ${String(socket.remotePort ?? 0)}`;
}

function isFromThisHost(request: IncomingMessage): boolean {
  const host = withoutMapping(request.socket.remoteAddress ?? '');
  const isLoopback = host === '::1' || host.startsWith('127.');
  return isLoopback && forwardingHeaders.every((name) => request.headers[name] === undefined);
}

function namesThisHost(header: string | undefined): boolean {
  if (header === undefined) return false;
  try {
    const { host } = parseHostPort(header, 80);
    return isIP(host) !== 0 || host.toLowerCase() === 'localhost';
  } catch {
    return false; // a Host header that cannot be read names nothing
  }
}
