import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kubeconform, kubernetesSchemas, prometheusCrds } from './fetched-programs.ts';
import { at, hazelcastCrds, readYaml } from './manifests.ts';

type Schema = Readonly<Record<string, unknown>>;

interface Definition {
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly { readonly name: string; readonly schema: unknown }[];
  };
}

const draft = 'http://json-schema.org/draft-07/schema#';

/**
 * One strict JSON schema for each kind: those of Kubernetes itself, of the Prometheus operator, and,
 * where its definitions are there, of the Hazelcast operator. A field that the schema does not know is
 * refused.
 */
export class ResourceSchemas {
  readonly #folder = mkdtempSync(join(tmpdir(), 'heimdall-schemas-'));
  readonly #skipped = hazelcastCrds().length > 0 ? [] : ['-skip', 'Hazelcast,Map,ManagementCenter'];

  constructor() {
    cpSync(kubernetesSchemas(), this.#folder, { recursive: true });
    for (const file of readdirSync(this.#folder)) makeLocal(join(this.#folder, file));
    const crds = prometheusCrds();
    const monitoring = ['servicemonitors', 'podmonitors', 'prometheusrules'].map((name) =>
      join(crds, `monitoring.coreos.com_${name}.yaml`),
    );
    for (const path of [...monitoring, ...hazelcastCrds()]) writeDefinition(this.#folder, path);
  }

  /** What they find wrong with a text of several documents; empty where nothing is. */
  complaints(text: string): string {
    const location = `${this.#folder}/{{.ResourceKind}}{{.KindSuffix}}.json`;
    const { stdout, stderr } = spawnSync(
      kubeconform(),
      ['-strict', '-schema-location', location, ...this.#skipped],
      { encoding: 'utf8', input: text },
    );
    return stdout + stderr;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** Lets a schema find the others beside itself. */
function makeLocal(path: string): void {
  const text = readFileSync(path, 'utf8');
  const local = text.replaceAll('"/api/_definitions.json#', '"_definitions.json#');
  const { $id: _, ...schema } = JSON.parse(local) as Schema;
  writeFileSync(path, JSON.stringify({ ...schema, $schema: draft }));
}

function writeDefinition(folder: string, path: string): void {
  const { group, names, versions } = (readYaml(path) as Definition).spec;
  for (const { name, schema } of versions) {
    const root = closed(at(schema, 'openAPIV3Schema') as Schema);
    const file = `${names.kind}-${group.split('.')[0] ?? ''}-${name}.json`.toLowerCase();
    writeFileSync(
      join(folder, file),
      JSON.stringify({
        ...root,
        properties: {
          ...(root['properties'] as Schema),
          apiVersion: { const: `${group}/${name}` },
          kind: { const: names.kind },
          metadata: { type: 'object' },
        },
        $schema: draft,
      }),
    );
  }
}

/** The same in JSON Schema, where a field that is not named is refused. */
function closed(schema: Schema): Schema {
  const {
    'x-kubernetes-int-or-string': isEither,
    'x-kubernetes-preserve-unknown-fields': isOpen,
    nullable,
    ...rest
  } = schema;
  if (isEither === true) return { type: ['integer', 'string'] };
  const result: Record<string, unknown> = { ...rest };
  if (nullable === true && typeof rest['type'] === 'string')
    result['type'] = [rest['type'], 'null'];
  if (isSchema(rest['properties'])) {
    result['properties'] = mapValues(rest['properties'], closed);
    if (rest['additionalProperties'] === undefined && isOpen !== true) {
      result['additionalProperties'] = false;
    }
  }
  for (const key of ['items', 'additionalProperties']) {
    const inner = rest[key];
    if (isSchema(inner)) result[key] = closed(inner);
  }
  return result;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues(record: Schema, change: (value: Schema) => Schema): Schema {
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [key, isSchema(value) ? change(value) : value]),
  );
}
