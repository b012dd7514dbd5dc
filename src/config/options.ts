import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of JSON Schema (2020-12) that our schema comes out in. */
export interface SchemaNode {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly anyOf?: readonly SchemaNode[];
  readonly items?: SchemaNode;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly 'x-allowed'?: string;
}

/** How the text of a variable or a flag becomes a value. */
export type OptionKind = 'boolean' | 'number' | 'text' | 'size' | 'list' | 'structure';

/** One option, as error messages, environment and reference need it. */
export interface Option {
  /** Dotted, for example `cache.maxBytes`. */
  readonly path: string;
  /** `HEIMDALL_` and the path in upper snake case. */
  readonly variable: string;
  readonly kind: OptionKind;
  readonly description: string;
  readonly allowed: string;
  /** As a file would say it; undefined where leaving it out means something of its own. */
  readonly fallback: unknown;
}

/** The JSON Schema of the configuration file. */
export function configJsonSchema(): SchemaNode & { readonly title: string } {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  return { ...(schema as SchemaNode), title: 'Heimdall configuration' };
}

const root = configJsonSchema();

/** The schema at a path of keys and list indexes. */
export function schemaAt(path: readonly PropertyKey[]): SchemaNode | undefined {
  let node: SchemaNode | undefined = root;
  for (const key of path) {
    node = typeof key === 'number' ? node?.items : node?.properties?.[String(key)];
  }
  return node;
}

function numberAllowed(node: SchemaNode): string {
  const what = node.type === 'integer' ? 'a whole number' : 'a number';
  return `${what} from ${String(node.minimum)} to ${String(node.maximum)}`;
}

/** What may stand there, in words. */
export function allowedAt(node: SchemaNode): string {
  if (node['x-allowed'] !== undefined) return node['x-allowed'];
  if (node.enum !== undefined) return `one of ${node.enum.join(', ')}`;
  if (node.type === 'integer' || node.type === 'number') return numberAllowed(node);
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'array') {
    const size = node.minItems === undefined ? 'a list' : 'a list with at least one';
    return node.items === undefined ? size : `${size}; each ${allowedAt(node.items)}`;
  }
  if (node.properties !== undefined) {
    return `a section with ${Object.keys(node.properties).join(', ')}`;
  }
  return 'text';
}

function kindOf(node: SchemaNode): OptionKind {
  if (node.anyOf !== undefined) return 'size';
  if (node.type === 'boolean') return 'boolean';
  if (node.type === 'integer' || node.type === 'number') return 'number';
  if (node.type !== 'array') return 'text';
  return node.items?.properties === undefined ? 'list' : 'structure';
}

/** `cache.maxBytes` is `HEIMDALL_CACHE_MAX_BYTES`. */
export function variableName(path: string): string {
  const snake = path.replace(/([A-Z])/g, '_$1').replaceAll('.', '_');
  return `HEIMDALL_${snake.toUpperCase()}`;
}

function collect(node: SchemaNode, path: string, found: Option[]): void {
  for (const [key, child] of Object.entries(node.properties ?? {})) {
    const childPath = path === '' ? key : `${path}.${key}`;
    if (child.properties === undefined) found.push(describe(child, childPath));
    else collect(child, childPath, found);
  }
}

function describe(node: SchemaNode, path: string): Option {
  return {
    path,
    variable: variableName(path),
    kind: kindOf(node),
    description: node.description ?? '',
    allowed: allowedAt(node),
    fallback: node.default,
  };
}

function allOptions(): readonly Option[] {
  const found: Option[] = [];
  collect(root, '', found);
  return found;
}

/** Every option, in the order of the schema. */
export const options: readonly Option[] = allOptions();

/** Every option by its path. */
export const optionByPath: ReadonlyMap<string, Option> = new Map(
  options.map((option) => [option.path, option]),
);

/** Paths, or the beginnings of paths, that take effect only when the process starts. */
const restartPrefixes = [
  'workers',
  'listen.',
  'http.address',
  'http.tls',
  'cache.maxBytes',
  'cache.processBytesMax',
  'clients.rateLimit.clientsMax',
  'cache.snapshot.path',
  'grid.',
  'dnstap.',
  'traces.',
];

/** What lies below these and changes while running all the same: the switches of the grid, a limit, cookies. */
const reloadable =
  /^grid\.\w+\.mode$|^listen\.udp\.responseBytesMax$|^listen\.cookies\.|^listen\.queriesInFlightPerClientMax$/;

/** Whether a change of this option waits for a restart. */
export function needsRestart(path: string): boolean {
  if (reloadable.test(path)) return false;
  return restartPrefixes.some((prefix) => path.startsWith(prefix));
}

const secretPaths = ['http.token', 'grid.password', 'grid.entryKeys', 'listen.cookies.secrets'];

/** Options that nothing may print. */
export function isSecret(path: string): boolean {
  // A prefix, because errors name what lies in a list: `grid.entryKeys[0].secret`.
  return secretPaths.some((secret) => path === secret || path.startsWith(`${secret}[`));
}
