import { RequestRefused } from '../base/errors.ts';
import type { AdminActions } from './admin-actions.ts';
import {
  readEntriesQuery,
  readFlush,
  readLogChange,
  readLookup,
  readPause,
} from './admin-requests.ts';
import { jsonReply } from './http-reply.ts';
import type { HttpHandler, HttpRoute } from './http-route.ts';

/** The admin API; docs/http.md describes each call. */
export function adminRoutes(actions: AdminActions): HttpRoute[] {
  return [
    readable('/api/v1/version', () => jsonReply(200, actions.version())),
    readable('/api/v1/config', () => jsonReply(200, actions.config())),
    admin('/api/v1/config/reload', { POST: reload(actions) }),
    readable('/api/v1/upstreams', () => jsonReply(200, { upstreams: actions.upstreams() })),
    readable('/api/v1/cluster', async () =>
      jsonReply(200, { ...(await actions.cluster()), workers: actions.workers() }),
    ),
    readable('/api/v1/workers', () => jsonReply(200, { workers: actions.workers() })),
    readable('/api/v1/cache/stats', async () => jsonReply(200, await actions.cacheStats())),
    readable('/api/v1/cache/entries', ({ parameters }) => {
      const { name, type } = readEntriesQuery(parameters);
      return jsonReply(200, { entries: actions.cacheEntries(name, type) });
    }),
    readable('/api/v1/cache/top', async () => jsonReply(200, { names: await actions.topNames() })),
    admin('/api/v1/lookup', {
      POST: async ({ body }) => {
        const { name, type } = readLookup(body);
        return jsonReply(200, await actions.lookup(name, type));
      },
    }),
    admin('/api/v1/cache/flush', {
      POST: async ({ body }) => jsonReply(200, { flushed: await actions.flush(readFlush(body)) }),
    }),
    admin('/api/v1/filter/pauses', {
      GET: () => jsonReply(200, { pauses: actions.filterPauses() }),
      PUT: async ({ body }) => {
        await actions.pauseFilter(readPause(body));
        return jsonReply(200, { pauses: actions.filterPauses() });
      },
    }),
    admin('/api/v1/log', {
      PUT: async ({ body }) => jsonReply(200, await actions.setLog(readLogChange(body))),
    }),
  ];
}

function admin(path: string, methods: HttpRoute['methods']): HttpRoute {
  return { path, isAdmin: true, methods };
}

function readable(path: string, handler: HttpHandler): HttpRoute {
  return admin(path, { GET: handler });
}

function reload(actions: AdminActions): HttpHandler {
  return async ({ body }) => {
    const isEmpty = body === undefined || JSON.stringify(body) === '{}';
    if (!isEmpty) throw new RequestRefused(400, 'bad_request', 'a reload takes no body, or {}');
    return jsonReply(200, await actions.reloadConfig());
  };
}
