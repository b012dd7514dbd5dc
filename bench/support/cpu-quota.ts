import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Short, so that a process that has used up its part waits for less than a client notices. */
const periodMicroseconds = 10_000;

/** Where the controller of CPU time is, by version of the control groups, and how it is told. */
const versions = [
  {
    root: '/sys/fs/cgroup/cpu',
    marker: 'cpu.cfs_quota_us',
    write: (group: string, quota: number) => {
      writeFileSync(join(group, 'cpu.cfs_period_us'), String(periodMicroseconds));
      writeFileSync(join(group, 'cpu.cfs_quota_us'), String(quota));
    },
  },
  {
    root: '/sys/fs/cgroup',
    marker: 'cgroup.subtree_control',
    write: (group: string, quota: number) => {
      writeFileSync(join(group, 'cpu.max'), `${String(quota)} ${String(periodMicroseconds)}`);
    },
  },
];

/** Gives processes a part of a core each, by control groups of their own. */
export class CpuQuota {
  readonly #groups: string[] = [];

  /** @throws where control groups cannot be made: other rights, or none in this kernel */
  limit(pid: number, share: number): void {
    const version = versions.find(({ root, marker }) => existsSync(join(root, marker)));
    if (version === undefined) throw new Error('there are no control groups for CPU time');
    const group = join(version.root, `heimdall-bench-${String(pid)}`);
    mkdirSync(group);
    this.#groups.push(group);
    version.write(group, Math.round(share * periodMicroseconds));
    writeFileSync(join(group, 'cgroup.procs'), String(pid));
  }

  /** When the processes have ended. */
  remove(): void {
    for (const group of this.#groups.splice(0)) rmdirSync(group);
  }
}
