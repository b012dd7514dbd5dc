import type { IncomingMessage } from 'node:http';
import { ConfigInvalid, describeProblem, RequestRefused } from '../base/errors.ts';
import { anyone } from './admin-guard.ts';
import type { AdminGuard, Caller } from './admin-guard.ts';
import { readJsonBody } from './http-body.ts';
import { errorReply } from './http-reply.ts';
import type { HttpReply } from './http-reply.ts';
import type { HttpHandler, HttpMethod, HttpRoute } from './http-route.ts';
import type { Log } from './log.ts';

/** A reply, and the path of the route that it is counted under. */
export interface Routed {
  readonly path: string;
  readonly reply: HttpReply;
}

const otherPath = 'other';

/** Finds the route of a request, lets its caller in or not, and turns what is thrown into replies. */
export class HttpRouter {
  readonly #routes: ReadonlyMap<string, HttpRoute>;
  readonly #guard: AdminGuard;
  readonly #log: Log;

  constructor(routes: readonly HttpRoute[], dependencies: { guard: AdminGuard; log: Log }) {
    this.#routes = new Map(routes.map((route) => [route.path, route]));
    this.#guard = dependencies.guard;
    this.#log = dependencies.log;
  }

  /** Never rejects. */
  async answer(request: IncomingMessage): Promise<Routed> {
    const url = readUrl(request.url);
    const route = url === undefined ? undefined : this.#routes.get(url.pathname);
    if (url === undefined || route === undefined) {
      const reply = errorReply(
        404,
        'not_found',
        'there is nothing at this path; docs/http.md lists what is',
      );
      return { path: otherPath, reply };
    }
    try {
      return { path: route.path, reply: await this.#call(request, route, url.searchParams) };
    } catch (error) {
      return { path: route.path, reply: this.#failed(error, route.path) };
    }
  }

  async #call(
    request: IncomingMessage,
    route: HttpRoute,
    parameters: URLSearchParams,
  ): Promise<HttpReply> {
    const caller = route.isAdmin ? this.#guard.admit(request) : anyone(request);
    const method = methodOf(request);
    const handler = method === undefined ? undefined : route.methods[method];
    if (method === undefined || handler === undefined) return notAllowed(route);
    if (method === 'GET') return handler({ parameters, body: undefined, caller });
    const body = await readJsonBody(request);
    return this.#change(`${method} ${route.path}`, { caller, body }, () =>
      handler({ parameters, body, caller }),
    );
  }

  /** Says in the log who changed what from where, and what became of it. */
  async #change(
    action: string,
    { caller, body }: { caller: Caller; body: unknown },
    run: () => ReturnType<HttpHandler>,
  ): Promise<HttpReply> {
    const fields = { action, who: caller.who, from: caller.from, request: body };
    try {
      const reply = await run();
      this.#log.info('admin change', { ...fields, status: reply.status });
      return reply;
    } catch (error) {
      this.#log.warn('admin change failed', { ...fields, error });
      throw error;
    }
  }

  #failed(error: unknown, path: string): HttpReply {
    if (error instanceof RequestRefused) {
      const reply = errorReply(error.status, error.reason, error.message);
      const headers = { 'www-authenticate': 'Bearer realm="heimdall"' };
      return error.status === 401 ? { ...reply, headers } : reply;
    }
    if (error instanceof ConfigInvalid) {
      const problems = error.problems.map(describeProblem);
      return errorReply(422, error.code, 'the configuration is not usable', { problems });
    }
    this.#log.error('an HTTP request failed', { path, error });
    return errorReply(500, 'internal', 'the request failed here; the log tells why');
  }
}

function readUrl(target: string | undefined): URL | undefined {
  try {
    return new URL(target ?? '', 'http://localhost');
  } catch {
    return undefined; // nothing that a path could be read from
  }
}

function methodOf({ method }: IncomingMessage): HttpMethod | undefined {
  if (method === 'HEAD' || method === 'GET') return 'GET';
  return method === 'POST' || method === 'PUT' ? method : undefined;
}

function notAllowed(route: HttpRoute): HttpReply {
  const methods = Object.keys(route.methods).flatMap((method) =>
    method === 'GET' ? ['GET', 'HEAD'] : [method],
  );
  const allow = methods.join(', ');
  const reply = errorReply(405, 'method_not_allowed', `${route.path} allows ${allow}`);
  return { ...reply, headers: { allow } };
}
