import { readFileSync } from 'node:fs';
import type { HttpReply } from '../http-reply.ts';
import type { HttpRoute } from '../http-route.ts';

/** Nothing from elsewhere, nothing inline: what a name or a server is called never becomes code. */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** The status page: five files that lie beside this one. */
export function pageRoutes(): HttpRoute[] {
  return [
    page('/', 'status.html', 'text/html'),
    page('/status.css', 'status.css', 'text/css'),
    page('/status.js', 'status.js', 'text/javascript'),
    page('/status-drawing.js', 'status-drawing.js', 'text/javascript'),
    page('/status-figures.js', 'status-figures.js', 'text/javascript'),
  ];
}

function page(path: string, file: string, type: string): HttpRoute {
  const body = readFileSync(new URL(file, import.meta.url), 'utf8');
  const headers = { 'content-security-policy': policy, 'x-content-type-options': 'nosniff' };
  const contentType = `${type}; charset=utf-8`;
  const reply: HttpReply = { status: 200, contentType, body, headers };
  return { path, isAdmin: false, methods: { GET: () => reply } };
}
