/** What is known of the memory of the process. */
export interface ProcessMemory {
  /** Octets of memory that the process takes now. */
  residentBytes(): number;
  /** Octets that the container may take, with all its processes; undefined where nothing limits it. */
  containerBytesMax(): number | undefined;
}

/** The memory of this process. */
export class OwnMemory implements ProcessMemory {
  residentBytes(): number {
    return process.memoryUsage.rss(); // some microseconds: a look into /proc
  }

  /** The least of `memory.max` and `memory.high` of cgroup v2, or the limit of v1. */
  containerBytesMax(): number | undefined {
    const bytes = process.constrainedMemory();
    return bytes === 0 || bytes > Number.MAX_SAFE_INTEGER ? undefined : bytes;
  }
}
