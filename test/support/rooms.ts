/** What a room of `src` may import; the linter holds the same table (`.oxlintrc.json`). */
export interface Room {
  /** Rooms, and files of `src` itself; their values and their types. */
  readonly imports: readonly string[];
  /** Rooms of which it may import types alone: the ports that they own. */
  readonly types: readonly string[];
  /** Packages and modules of Node whose door it is. */
  readonly packages: readonly string[];
}

const stageImports = ['base', 'dns', 'query'];
const socketImports = [...stageImports, 'datagram'];
const stageRooms = ['listen', 'admit', 'local', 'filter', 'cache', 'flight', 'upstream'];

function stage(...packages: string[]): Room {
  return { imports: stageImports, types: [], packages };
}

export const rooms: Readonly<Record<string, Room>> = {
  base: { imports: [], types: [], packages: ['node:crypto', 'node:fs', 'node:net'] },
  dns: { imports: ['base'], types: [], packages: ['dns-packet'] },
  query: { imports: ['base', 'dns'], types: [], packages: [] },
  datagram: { imports: ['base'], types: [], packages: ['koffi', 'node:util'] },
  listen: {
    imports: socketImports,
    types: [],
    packages: [
      'node:crypto',
      'node:dgram',
      'node:fs/promises',
      'node:http',
      'node:http2',
      'node:net',
      'node:stream',
      'node:tls',
    ],
  },
  admit: stage(),
  local: stage(),
  filter: stage(
    'node:crypto',
    'node:fs/promises',
    'node:http',
    'node:https',
    'node:path',
    'node:string_decoder',
    'node:url',
  ),
  cache: stage('node:crypto', 'node:fs/promises', 'node:path'),
  flight: stage(),
  upstream: {
    imports: socketImports,
    types: [],
    packages: [
      'node:crypto',
      'node:dgram',
      'node:dns/promises',
      'node:http2',
      'node:net',
      'node:tls',
    ],
  },
  grid: {
    imports: ['base', 'dns'],
    types: ['query', ...stageRooms, 'telemetry'],
    packages: ['hazelcast-client', 'node:crypto', 'node:util', 'node:zlib'],
  },
  pod: {
    imports: stageImports,
    types: [...stageRooms, 'telemetry', 'config'],
    packages: [
      'node:child_process',
      'node:fs',
      'node:module',
      'node:net',
      'node:os',
      'node:stream',
    ],
  },
  telemetry: {
    imports: stageImports,
    types: [...stageRooms, 'grid'],
    packages: [
      'prom-client',
      'winston',
      'node:async_hooks',
      'node:crypto',
      'node:fs',
      'node:http',
      'node:https',
      'node:net',
      'node:stream',
    ],
  },
  config: {
    imports: ['base'],
    types: [],
    packages: ['smol-toml', 'yaml', 'zod', 'node:crypto', 'node:fs', 'node:fs/promises'],
  },
  assembly: {
    imports: [...socketImports, ...stageRooms, 'grid', 'pod', 'telemetry', 'config', 'pipeline.ts'],
    types: [],
    packages: ['node:fs', 'node:fs/promises', 'node:os', 'node:path'],
  },
  cli: {
    imports: [...stageImports, ...stageRooms, 'grid', 'telemetry', 'config', 'assembly', 'app.ts'],
    types: [],
    packages: [
      'yargs',
      'node:dgram',
      'node:dns/promises',
      'node:fs',
      'node:http',
      'node:http2',
      'node:https',
      'node:net',
      'node:tls',
    ],
  },
  'pipeline.ts': { imports: ['query'], types: [], packages: [] },
  'app.ts': {
    imports: [...stageImports, ...stageRooms, 'grid', 'pod', 'telemetry', 'config', 'assembly'],
    types: [],
    packages: [],
  },
  'worker-main.ts': {
    imports: ['base', 'pod', 'telemetry', 'assembly'],
    types: [],
    packages: [],
  },
  'run-main.ts': { imports: ['base', 'cli'], types: [], packages: [] },
  'main.ts': { imports: ['run-main.ts'], types: [], packages: ['node:module'] },
};

/** The room of a file: the folder below `src`, or the name of a file in `src` itself. */
export function roomOf(path: string): string {
  return path.split('/')[1] ?? path;
}

/** The package of an import: `yargs` for `yargs/helpers`. */
export function packageOf(specifier: string): string {
  if (specifier.startsWith('node:')) return specifier;
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
