import { fetchJars } from '../../hazelcast/member-jars.ts';
import { MemberProcess } from '../../hazelcast/member-process.ts';
import type { MemberHealth, Place } from '../../hazelcast/member-process.ts';
import { memberValues } from '../../hazelcast/member-settings.ts';
import type { MemberValues } from '../../hazelcast/member-settings.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { waitFor } from './wait-for.ts';
import { freePorts } from './free-ports.ts';

/** Those of a test on a machine that tests share; a start takes 2 to 4 s, and a minute is the limit. */
export const memberStartMs = 90_000;

export interface MemberOptions {
  readonly version?: '5.7.0' | '5.4.0';
  /** For resolvers; a free one unless given. */
  readonly port?: number;
  /** For other members; a free one unless given. */
  readonly memberPort?: number;
  /** The member addresses of a cluster; itself alone unless given. */
  readonly members?: readonly string[];
  /** The name of the cluster. */
  readonly name?: string;
  /** Serves metrics to Prometheus at `metricsUrl`. */
  readonly jmx?: boolean;
  /** Any setting of hazelcast/member-settings.ts. */
  readonly set?: MemberValues;
  /** Where it runs: in another network, by another clock. */
  readonly place?: Place;
}

/** A member of the grid on 127.0.0.1, in a process of its own, which signals reach by its pid. */
export class TestMember {
  readonly #values: MemberValues;
  readonly #place: Place | undefined;
  #process: MemberProcess;
  #log = '';

  constructor(values: MemberValues, place?: Place) {
    this.#values = values;
    this.#place = place;
    this.#process = this.#start();
  }

  #start(): MemberProcess {
    const onLog = (text: string): void => void (this.#log += text);
    const started = new MemberProcess(this.#values, new SystemClock(), onLog, this.#place);
    // Nothing of a test outlives it, also when the test itself is ended.
    const end = (): void => started.signal('SIGKILL');
    process.once('exit', end);
    void started.ended.then(() => process.off('exit', end));
    return started;
  }

  /** Where resolvers connect to: `127.0.0.1:port`. */
  get address(): string {
    return `127.0.0.1:${this.#values.port ?? ''}`;
  }

  /** Where other members connect to. */
  get memberAddress(): string {
    return `127.0.0.1:${this.#values['member-port'] ?? ''}`;
  }

  get restUrl(): string {
    return `http://127.0.0.1:${this.#values['rest-port'] ?? ''}`;
  }

  get metricsUrl(): string {
    return `http://127.0.0.1:${this.#values['jmx-port'] ?? ''}/metrics`;
  }

  get clusterName(): string {
    return this.#values['cluster-name'] ?? '';
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  /** All that it wrote, since the first start. */
  get log(): string {
    return this.#log;
  }

  /** Waits until it answers resolvers; fails with its log. */
  async ready(): Promise<this> {
    try {
      await this.#process.ready();
    } catch (cause) {
      throw new Error(`no member at ${this.address}; its log:\n${this.#log}`, { cause });
    }
    return this;
  }

  health(): Promise<MemberHealth> {
    return this.#process.health();
  }

  /** SIGTERM: it hands its data over to the others and ends. */
  async stop(): Promise<void> {
    this.thaw();
    await this.#process.stop();
  }

  /** Ends it as a power failure would. */
  async kill9(): Promise<void> {
    this.#process.signal('SIGKILL');
    await this.#process.ended;
  }

  /** Stops it in its tracks: its sockets stay open and say nothing. */
  freeze(): void {
    this.#process.signal('SIGSTOP');
  }

  thaw(): void {
    this.#process.signal('SIGCONT');
  }

  /** Starts it again after `stop` or `kill9`, where it was: empty, unless there are others. */
  async restart(): Promise<this> {
    await this.#process.ended;
    this.#process = this.#start();
    return this.ready();
  }
}

/** A member that is ready. Takes about 3 s: one for a suite, where its tests allow. */
export async function startMember(options: MemberOptions = {}): Promise<TestMember> {
  const values = await valuesOf(options);
  fetchJars(values.version ?? '');
  return readyOrEnded([new TestMember(values, options.place)]).then(
    ([member]) => member as TestMember,
  );
}

/** So many members that have found one another and share out their partitions. */
export async function startCluster(
  size: number,
  options: Omit<MemberOptions, 'port' | 'memberPort' | 'members'> = {},
): Promise<TestMember[]> {
  const ports = await freePorts(size);
  const members = ports.map((port) => `127.0.0.1:${String(port)}`);
  const all: MemberValues[] = [];
  for (const memberPort of ports) all.push(await valuesOf({ ...options, memberPort, members }));
  fetchJars(all[0]?.version ?? '');
  const started = await readyOrEnded(all.map((values) => new TestMember(values)));
  await waitFor(`a cluster of ${String(size)}`, async () => {
    const healths = await Promise.all(started.map((member) => member.health()));
    return healths.every(
      ({ clusterSize, clusterSafe, migrationQueueSize }) =>
        clusterSize === size && clusterSafe && migrationQueueSize === 0,
    );
  });
  return started;
}

/** Ends all when one does not start. */
async function readyOrEnded(members: TestMember[]): Promise<TestMember[]> {
  try {
    return await Promise.all(members.map((member) => member.ready()));
  } catch (error) {
    await Promise.all(members.map((member) => member.kill9()));
    throw error;
  }
}

async function valuesOf(options: MemberOptions): Promise<MemberValues> {
  const [first = 0, second = 0, rest = 0, jmx = 0] = await freePorts(4);
  const memberPort = String(options.memberPort ?? second);
  return memberValues({
    port: String(options.port ?? first),
    'member-port': memberPort,
    'rest-port': String(rest),
    members: (options.members ?? [`127.0.0.1:${memberPort}`]).join(','),
    ...(options.jmx === true ? { 'jmx-port': String(jmx) } : {}),
    ...(options.version === undefined ? {} : { version: options.version }),
    ...(options.name === undefined ? {} : { 'cluster-name': options.name }),
    ...options.set,
  });
}
