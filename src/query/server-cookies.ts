import { addressLengthMax, writeAddress } from '../base/address-bytes.ts';
import type { SocketAddress } from '../base/address.ts';
import type { Clock } from '../base/clock.ts';
import { sipHashKey } from '../base/sip-hash.ts';
import { ednsOption } from '../dns/codes.ts';
import type { Edns, EdnsOption } from '../dns/edns.ts';
import { findOption } from '../dns/plain-opt.ts';
import {
  clientCookieLength,
  cookieLength,
  cookieState,
  isCookieLength,
  judgeCookie,
  signCookie,
} from '../dns/server-cookie.ts';
import type { ClientOctets, CookieState } from '../dns/server-cookie.ts';

/** What the cookies of answered queries were: label values of `heimdall_cookies_total`. */
export type CookieResult = 'valid' | 'client_only' | 'invalid';

const results: Readonly<Record<CookieState, CookieResult>> = {
  [cookieState.valid]: 'valid',
  [cookieState.ageing]: 'valid',
  [cookieState.clientOnly]: 'client_only',
  [cookieState.invalid]: 'invalid',
};

/**
 * Server cookies (RFC 7873, RFC 9018): a client that shows one has received an answer of ours before,
 * so its address is no forgery. Without a secret nobody gets one, and the option is passed over.
 */
export class ServerCookies {
  readonly counts: Record<CookieResult, number> = { valid: 0, client_only: 0, invalid: 0 };
  readonly #clock: Clock;
  readonly #octets = new Uint8Array(addressLengthMax);
  #keys: readonly Int32Array[] = [];
  #secrets: readonly string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isOn(): boolean {
    return this.#keys.length > 0;
  }

  /** In hexadecimal digits: the first signs, all are accepted. */
  get secrets(): readonly string[] {
    return this.#secrets;
  }

  setSecrets(secrets: readonly string[]): void {
    this.#secrets = secrets;
    this.#keys = secrets.map((secret) => sipHashKey(Buffer.from(secret, 'hex')));
  }

  /** The option for the answer to a query that had one: what it showed, or a new one. */
  optionFor(edns: Edns | undefined, client: SocketAddress): EdnsOption | undefined {
    const [key] = this.#keys;
    const given = edns?.options.find(({ code }) => code === ednsOption.COOKIE)?.data;
    if (key === undefined || given === undefined || !isCookieLength(given.length)) return undefined;
    const data = Buffer.alloc(cookieLength);
    given.copy(data, 0, 0, cookieLength);
    const octets = this.#octetsOf(client);
    const state = this.#judge(given, 0, given.length, octets);
    this.counts[results[state]]++;
    if (state !== cookieState.valid) signCookie(key, data, 0, octets, this.#nowSeconds());
    return { code: ednsOption.COOKIE, data };
  }

  /** Whether a query has a cookie at all, of whatever worth: its sender would read one of ours. */
  isShownIn(wire: Uint8Array): boolean {
    if (!this.isOn) return false;
    const place = findOption(wire, ednsOption.COOKIE);
    return place !== undefined && place.length >= clientCookieLength;
  }

  /** Whether a query shows a server cookie of ours, so that its address is no forgery. */
  isVerified(wire: Uint8Array, client: SocketAddress): boolean {
    if (!this.isOn) return false;
    const place = findOption(wire, ednsOption.COOKIE);
    if (place === undefined || place.length !== cookieLength) return false;
    const state = this.#judge(wire, place.at, place.length, this.#octetsOf(client));
    return state === cookieState.valid || state === cookieState.ageing;
  }

  // oxlint-disable-next-line max-params -- where the option stands, and whose it is
  #judge(bytes: Uint8Array, at: number, length: number, client: ClientOctets): CookieState {
    return judgeCookie(this.#keys, bytes, at, length, client, this.#nowSeconds());
  }

  #octetsOf({ host }: SocketAddress): ClientOctets {
    return { bytes: this.#octets, at: 0, length: writeAddress(host, this.#octets) };
  }

  #nowSeconds(): number {
    return Math.floor(this.#clock.wallMs() / 1000) % 0x1_0000_0000;
  }
}
