import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { memberValues } from '../../hazelcast/member-settings.ts';
import { projectRoot } from '../support/source-files.ts';
import { fetchedMs } from './fetched-programs.ts';
import {
  at,
  find,
  hazelcastCrds,
  manifestsRoot,
  parseManifests,
  readYaml,
  renderOverlay,
} from './manifests.ts';
import type { Manifest } from './manifests.ts';
import { operatorFields, operatorLabels } from './operator-fields.ts';
import { ResourceSchemas } from './resource-schemas.ts';

/** The paths of all fields, lists left out: `Map.eviction.maxSize`. */
function fieldsOf(value: unknown, path: string): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsOf(item, path));
  if (typeof value !== 'object' || value === null) return [path];
  if (path === 'Hazelcast.properties') return [path];
  return Object.entries(value).flatMap(([key, inner]) => fieldsOf(inner, `${path}.${key}`));
}

describe('the resources of the Hazelcast operator', () => {
  let schemas: ResourceSchemas;
  let operator: readonly Manifest[] = [];
  const values = memberValues({});
  const settings = new Map<string, string>([
    ['${heimdall.member.cache.backups}', values['cache-backups'] ?? ''],
    ['${heimdall.member.cache.limit}', values['cache-limit'] ?? ''],
    ['${heimdall.member.cache.size}', values['cache-size'] ?? ''],
  ]);
  const config = at(readYaml(join(projectRoot, 'hazelcast/hazelcast.yaml')), 'hazelcast');
  const maps = at(config, 'map') as Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  const set = (value: unknown): unknown => {
    const found = settings.get(String(value));
    return found === undefined || Number.isNaN(Number(found)) ? (found ?? value) : Number(found);
  };

  beforeAll(() => {
    schemas = new ResourceSchemas();
    operator = parseManifests(renderOverlay('operator'));
  }, fetchedMs);

  afterAll(() => schemas.remove());

  test('are refused when broken, where the definitions of the operator are there', () => {
    const text = renderOverlay('operator');
    const breaks = [
      ['evictionPolicy: LRU', 'evictionPolicy: LRUU'],
      ['timeToLiveSeconds: 60', 'ttlSeconds: 60'],
      ['  licenseKeySecretName: hazelcast-license\n', ''],
    ] as const;
    const broken = breaks.map(([from, to]) => schemas.complaints(text.replace(from, to)));
    const wanted = hazelcastCrds().length > 0 ? /invalid/ : /^$/;
    for (const complaint of broken) expect(complaint).toMatch(wanted);
  });

  test('have fields that it knows, also without its definitions', () => {
    const custom = operator.filter(({ apiVersion }) => apiVersion.startsWith('hazelcast.com'));
    const used = new Set(custom.flatMap((one) => fieldsOf(one['spec'], one.kind)));
    expect([...used].filter((field) => !operatorFields.includes(field))).toEqual([]);
  });

  test('have a Map for each map of hazelcast.yaml, with the same limits', () => {
    const resources = operator.filter(({ kind }) => kind === 'Map');
    const wanted = Object.entries(maps).map(([pattern, map]) => ({
      name: pattern.replace('*', 'heimdall'),
      hazelcastResourceName: 'heimdall-grid',
      inMemoryFormat: map['in-memory-format'],
      backupCount: map['backup-count'],
      asyncBackupCount: set(map['async-backup-count'] ?? 0),
      timeToLiveSeconds: map['time-to-live-seconds'],
      eviction: {
        evictionPolicy: at(map, 'eviction.eviction-policy'),
        maxSizePolicy: set(at(map, 'eviction.max-size-policy')),
        maxSize: set(at(map, 'eviction.size')),
      },
    }));
    expect(resources.map((one) => one['spec'])).toEqual(expect.arrayContaining(wanted));
    expect(resources).toHaveLength(wanted.length);
  });

  test('have in the custom configuration what a Map has no field for, as hazelcast.yaml has it', () => {
    const custom = readYaml(join(manifestsRoot, 'operator/custom-config.yaml'));
    const resolved = Object.fromEntries(
      Object.entries(maps).map(([pattern, { eviction, ...map }]) => [
        pattern,
        {
          ...map,
          ...('async-backup-count' in map
            ? { 'async-backup-count': set(map['async-backup-count']) }
            : {}),
          eviction: Object.fromEntries(
            Object.entries(eviction as object).map(([key, value]) => [key, set(value)]),
          ),
        },
      ]),
    );
    expect(at(custom, 'map')).toEqual(resolved);
    expect(at(custom, 'pn-counter')).toEqual(at(config, 'pn-counter'));
    const properties = at(custom, 'properties') as Readonly<Record<string, string>>;
    for (const [name, value] of Object.entries(properties)) {
      const wanted = (at(config, 'properties') as Readonly<Record<string, unknown>>)[name];
      expect(value).toBe(String(wanted));
    }
  });

  test('say that a licence is needed, at the top', () => {
    expect(
      at(find(operator, 'Hazelcast', 'heimdall-grid'), 'spec.licenseKeySecretName'),
    ).toBeDefined();
  });

  test('are reached by resolvers, Management Center, the operator and one another alone', () => {
    const { spec } = find(operator, 'NetworkPolicy', 'heimdall-grid');
    expect(operatorLabels).toContainEqual(
      expect.objectContaining(at(spec, 'podSelector.matchLabels') as object),
    );
    const from = (at(spec, 'ingress') as readonly unknown[]).flatMap(
      (rule) => at(rule, 'from') as readonly unknown[],
    );
    const names = from.map((one) => at(one, 'podSelector.matchLabels') as Record<string, string>);
    expect(names.map((labels) => labels['app.kubernetes.io/name'])).toEqual([
      ...['heimdall', 'management-center', 'hazelcast', 'hazelcast-platform-operator'],
    ]);
  });
});
