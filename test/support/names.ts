/** A way to write that is not ours, and what to write instead. */
export interface Banned {
  readonly pattern: RegExp;
  readonly instead: string;
  /** Rooms where it is right. */
  readonly except?: readonly string[];
}

/** Names of files and folders that say nothing about what is in them. */
export const bannedFileNames: Readonly<Record<string, string>> = {
  common: 'the name of what it holds',
  constants: 'the file that uses the constant',
  core: 'the name of what it holds',
  helper: 'the name of what it helps with',
  helpers: 'one file per thing, named after it',
  impl: 'the name of what sets it apart',
  index: 'the file that declares the thing; there are no barrels',
  lib: 'the room that it belongs to',
  manager: 'what it does: a pool, a store, a board',
  misc: 'one file per thing, named after it',
  new: 'the name of what it is; the old one goes',
  old: 'nothing: git remembers',
  shared: 'src/base',
  tools: 'one file per thing, named after it',
  types: 'the file of the code that owns the type',
  util: 'one file per thing, named after it',
  utils: 'one file per thing, named after it',
};

/** Words that must not stand in a file name or in the name of an export. */
export const bannedWords: Readonly<Record<string, string>> = {
  addr: 'address',
  ans: 'answer',
  auth: 'authoritative, or authentication',
  buf: 'buffer, or what is in it',
  cb: 'what it is told, as in onClosed',
  cfg: 'config',
  cnt: 'count',
  conn: 'connection',
  ctx: 'context',
  err: 'error',
  fn: 'what it does',
  hdr: 'header',
  helper: 'what it helps with',
  idx: 'index',
  len: 'length',
  lib: 'the name of the room',
  manager: 'what it does: a pool, a store, a board',
  mgr: 'what it does',
  msg: 'message',
  nameserver: 'upstream (RFC 9499)',
  nx: 'nxdomain, or negative',
  pkt: 'message',
  q: 'question, or query',
  req: 'query, or request',
  res: 'response, or reply',
  resp: 'response',
  srv: 'server, unless the RR type is meant',
  svc: 'service',
  tmp: 'what it holds',
  util: 'what it does',
  utils: 'what it does',
  whitelist: 'access list',
  blacklist: 'blocklist',
};

/** Ways to write in `src` that something else is there for. */
export const bannedCode: readonly Banned[] = [
  { pattern: /\bDate\.now\b/, instead: 'Clock of src/base/clock.ts', except: ['base'] },
  { pattern: /\bnew Date\(\)/, instead: 'Clock of src/base/clock.ts', except: ['base'] },
  { pattern: /\bMath\.random\b/, instead: 'Random of src/base/random.ts', except: ['base'] },
  { pattern: /(?<!\.)\bset(?:Timeout|Interval)\(/, instead: 'Clock.setTimer', except: ['base'] },
  { pattern: /\bperformance\.now\b/, instead: 'Clock of src/base/clock.ts', except: ['base'] },
  { pattern: /\bprocess\.hrtime\b/, instead: 'Clock of src/base/clock.ts', except: ['base'] },
  { pattern: /\brequire\(/, instead: 'import' },
  { pattern: /\bconsole\./, instead: 'an outcome; the outermost layer logs' },
  { pattern: /\bthrow new Error\(/, instead: 'a class of src/base/errors.ts' },
  { pattern: /\bttl\??: number\b/, instead: 'ttlSeconds: the unit stands in the name' },
  {
    pattern: /\b(?:timeout|delay|interval|age|lifetime)\??: number\b/,
    instead: 'the unit: …Ms',
    except: ['cli'],
  },
  { pattern: /@ts-(?:ignore|nocheck|expect-error)\b/, instead: 'a type that is right' },
  { pattern: /\b(?:TODO|FIXME|XXX|HACK)\b/, instead: 'an issue' },
];
