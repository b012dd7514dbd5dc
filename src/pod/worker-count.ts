import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Where a container of cgroup v2 sees its own limit: "quota period" in microseconds, or "max". */
const cpuMaxPath = '/sys/fs/cgroup/cpu.max';

/** How many workers `auto` stands for: one for each core that the process may use. */
export function workersForThisMachine(): number {
  return workersFor(availableParallelism(), readCpuMax());
}

/**
 * @param cores that the process may run on
 * @param cpuMax the content of `cpu.max`: a quota is a part of the time of cores, rounded up
 */
export function workersFor(cores: number, cpuMax: string): number {
  const [quota = NaN, period = NaN] = cpuMax.trim().split(' ').map(Number);
  const limit = Math.ceil(quota / period);
  return Math.max(1, Number.isFinite(limit) ? Math.min(cores, limit) : cores);
}

function readCpuMax(): string {
  try {
    return readFileSync(cpuMaxPath, 'utf8');
  } catch {
    return ''; // no cgroup v2, or not in one of our own
  }
}
