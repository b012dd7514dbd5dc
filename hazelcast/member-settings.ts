import { UsageInvalid } from '../src/base/errors.ts';

/** What can be set about a member: as an option of `npm run grid`, or by environment. */
export interface MemberSetting {
  /** Undefined where the member goes without. */
  readonly standard: string | undefined;
  /** Its form, and that in words. */
  readonly pattern: RegExp;
  readonly form: string;
  readonly help: string;
}

const port = { pattern: /^[1-9]\d{0,4}$/, form: 'a port' };
const count = { pattern: /^\d{1,9}$/, form: 'a number' };
const truth = { pattern: /^(?:true|false)$/, form: 'true or false' };
const host = { pattern: /^[A-Za-z0-9.:_-]+$/, form: 'an address' };

/** All settings with their defaults; docs/grid-member.md has the same table. */
export const memberSettings = {
  version: {
    standard: '5.7.0',
    pattern: /^\d+\.\d+\.\d+$/,
    form: 'a version',
    help: 'of Hazelcast; 5.4.0 is the last community one with FencedLock',
  },
  'cluster-name': {
    standard: 'heimdall',
    pattern: /^[\w.-]+$/,
    form: 'a name',
    help: 'members and resolvers of one grid share it; it is no secret',
  },
  address: { ...host, standard: '127.0.0.1', help: 'where it listens: nobody is asked who he is' },
  'public-address': { ...host, standard: undefined, help: 'how others reach it, if not there' },
  port: { ...port, standard: '5701', help: 'for resolvers' },
  'member-port': { ...port, standard: '5801', help: 'for other members' },
  'rest-port': { ...port, standard: '5901', help: 'for health probes' },
  'jmx-port': { ...port, standard: undefined, help: 'metrics for Prometheus; off if not given' },
  members: {
    standard: '127.0.0.1:5801',
    pattern: /^[A-Za-z0-9.:_,[\]-]+$/,
    form: 'a list address:port,address:port',
    help: 'the member ports of all members',
  },
  'tcp-ip': {
    ...truth,
    standard: 'true',
    help: 'whether the list finds the other members; this or `--kubernetes`',
  },
  kubernetes: {
    ...truth,
    standard: 'false',
    help: 'whether Kubernetes finds them: by `--service-name` or by `--service-dns`',
  },
  'service-name': {
    ...host,
    standard: undefined,
    help: 'the Service of the members, asked of the API',
  },
  'service-dns': {
    ...host,
    standard: undefined,
    help: 'the name of their headless Service, asked of DNS',
  },
  'kubernetes-api': {
    pattern: /^https?:\/\/[A-Za-z0-9.:[\]-]+$/,
    form: 'a URL',
    standard: undefined,
    help: 'where the API is; `https://kubernetes.default.svc` needs DNS',
  },
  heap: {
    standard: '128m',
    pattern: /^\d+[kmg]$/,
    form: 'a size such as 128m',
    help: 'of the JVM',
  },
  'cache-limit': {
    standard: 'USED_HEAP_PERCENTAGE',
    pattern: /^[A-Z_]+$/,
    form: 'a max-size-policy of Hazelcast',
    help: 'what the size of the shared cache is measured in',
  },
  'cache-size': { ...count, standard: '40', help: 'from where on entries are evicted' },
  'cache-backups': { ...count, standard: '1', help: 'copies of each entry on other members' },
  'zone-aware': {
    ...truth,
    standard: 'false',
    help: 'whether backups lie in another zone of Kubernetes; with one zone there would be none',
  },
  'split-protection': {
    ...truth,
    standard: 'false',
    help: 'whether the smaller half of a split cluster retires no totals',
  },
  majority: {
    pattern: /^(?:[2-9]|[1-9]\d{1,3})$/,
    form: 'a number of at least 2',
    standard: '2',
    help: 'how many members are not the smaller half',
  },
  'cp-members': {
    pattern: /^(?:0|[3-9]|[1-9]\d)$/,
    form: '0 or a number of at least 3',
    standard: '0',
    help: 'of the CP Subsystem (5.4.0); 0 gives locks that a split can hand out twice',
  },
  'leave-seconds': {
    ...count,
    standard: '20',
    help: 'how long handing its data over may take when it is told to stop',
  },
  'management-center': {
    ...truth,
    standard: 'false',
    help: 'whether it keeps metrics for a Management Center',
  },
} as const satisfies Readonly<Record<string, MemberSetting>>;

export type SettingName = keyof typeof memberSettings;
export type MemberValues = Readonly<Partial<Record<SettingName, string>>>;

export const settingNames = Object.keys(memberSettings) as readonly SettingName[];

/** The environment variable of a setting, such as `HEIMDALL_MEMBER_CLUSTER_NAME`. */
export function variableOf(name: SettingName): string {
  return `HEIMDALL_MEMBER_${name.replaceAll('-', '_').toUpperCase()}`;
}

/**
 * The values a member starts with: what is given, else the environment, else the default.
 *
 * @throws UsageInvalid for a value of the wrong form.
 */
export function memberValues(
  given: MemberValues,
  environment: Readonly<Record<string, string | undefined>> = {},
): MemberValues {
  const values: Partial<Record<SettingName, string>> = {};
  for (const name of settingNames) {
    const { standard, pattern, form } = memberSettings[name];
    const value = given[name] ?? environment[variableOf(name)] ?? standard;
    if (value === undefined) continue;
    if (!pattern.test(value)) throw new UsageInvalid(`${name}: '${value}' is not ${form}`);
    values[name] = value;
  }
  return values;
}
