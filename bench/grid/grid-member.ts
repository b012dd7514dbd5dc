import { fetchJars } from '../../hazelcast/member-jars.ts';
import { MemberProcess } from '../../hazelcast/member-process.ts';
import { memberValues } from '../../hazelcast/member-settings.ts';
import { SystemClock } from '../../src/base/clock.ts';
import { freePort } from '../support/free-port.ts';

/** A member of a grid of its own. */
export interface GridMember {
  /** As `grid.members` has it. */
  readonly address: string;
  readonly pid: number;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

/** The last community version with locks. */
export const versionWithLocks = '5.4.0';

/** @param version the newest one unless given */
export async function startMember(version?: string): Promise<GridMember> {
  const [port, memberPort, restPort] = [await freePort(), await freePort(), await freePort()];
  const values = memberValues({
    port: String(port),
    'member-port': String(memberPort),
    'rest-port': String(restPort),
    members: `127.0.0.1:${String(memberPort)}`,
    ...(version === undefined ? {} : { version }),
  });
  fetchJars(values.version ?? '');
  const member = new MemberProcess(values, new SystemClock(), () => undefined);
  const end = (): void => member.signal('SIGKILL');
  process.once('exit', end);
  await member.ready();
  return {
    address: `127.0.0.1:${String(port)}`,
    pid: member.pid ?? 0,
    kill: async () => {
      end();
      await member.ended;
      process.off('exit', end);
    },
  };
}
