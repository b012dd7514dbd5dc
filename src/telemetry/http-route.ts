import type { Caller } from './admin-guard.ts';
import type { HttpReply } from './http-reply.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT';

/** A request that may be handled: its caller is let in, its body is read. */
export interface HttpCall {
  readonly parameters: URLSearchParams;
  /** The parsed JSON of a POST or PUT, undefined without one. */
  readonly body: unknown;
  readonly caller: Caller;
}

/** @throws {RequestRefused} for what the caller did wrong */
export type HttpHandler = (call: HttpCall) => HttpReply | Promise<HttpReply>;

/** A path and what answers there. HEAD is answered wherever GET is. */
export interface HttpRoute {
  readonly path: string;
  /** Only for those whom the admin guard lets in. */
  readonly isAdmin: boolean;
  readonly methods: Readonly<Partial<Record<HttpMethod, HttpHandler>>>;
}
