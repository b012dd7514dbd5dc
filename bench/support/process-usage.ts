import { readFileSync, readdirSync } from 'node:fs';

/** Linux reports CPU time to user space in hundredths of a second, whatever the kernel's own tick. */
const microsecondsPerTick = 10_000;

/** CPU time of a process, all its threads and descendants so far, user and system, in microseconds. */
export function cpuMicroseconds(pid: number): number {
  const ticks = familyOf(pid).map((member) => {
    // User and system time of the process, then of the children that it has waited for.
    const fields = statFields(member).slice(11, 15).map(Number);
    return fields.reduce((sum, one) => sum + one, 0);
  });
  return ticks.reduce((sum, one) => sum + one, 0) * microsecondsPerTick;
}

/** Resident memory of a process and its descendants in bytes; pages they share count for each. */
export function residentBytes(pid: number): number {
  return familyOf(pid)
    .map((member) => {
      const status = readProcess(member, 'status');
      return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
    })
    .reduce((sum, one) => sum + one, 0);
}

/** A process and its descendants, those that descend from it first. */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (/^\d+$/.test(name)) parents.set(Number(name), Number(statFields(Number(name))[1] ?? 0));
  }
  const family = [pid];
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child);
  }
  return family;
}

/** The fields of `/proc/PID/stat` from the state (field 3) on: the name before may hold anything. */
function statFields(pid: number): string[] {
  const stat = readProcess(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** Empty for a process that has ended meanwhile. */
function readProcess(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${String(pid)}/${file}`, 'utf8');
  } catch {
    return '';
  }
}
