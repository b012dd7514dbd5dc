import { readFile, readlink } from 'node:fs/promises';
import type { SocketAddress } from '../base/address.ts';
import { ListenFailed } from '../base/errors.ts';

/** What is served on an inherited socket. */
export type InheritedKind = 'udp' | 'tcp' | 'tls' | 'https';

/** A socket that was bound before this process began (`sd_listen_fds(3)`). */
export interface InheritedSocket {
  readonly descriptor: number;
  readonly kind: InheritedKind;
  /** Any of its family: where it is bound it says itself. */
  readonly address: SocketAddress;
}

/** Behind standard input, output and error. */
const firstDescriptor = 3;
/** Columns of the tables of sockets in /proc/net. */
const inodeColumn = 9;
const tables = ['udp', 'udp6', 'tcp', 'tcp6'] as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The sockets that a service manager hands over, by LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES. A stream
 * serves DNS in the clear unless it is named `tls` or `https`.
 * @returns none where nothing is handed over, or to another process
 * @throws {ListenFailed} for a descriptor that is no UDP or TCP socket
 */
export async function inheritedSockets(env: Environment, pid: number): Promise<InheritedSocket[]> {
  const { LISTEN_PID: forPid, LISTEN_FDS: countText = '0', LISTEN_FDNAMES: names = '' } = env;
  const count = Number(countText);
  if (forPid !== String(pid) || !Number.isInteger(count) || count <= 0) return [];
  const inodes = await Promise.all(tables.map(readInodes));
  const descriptors = Array.from({ length: count }, (_, index) => firstDescriptor + index);
  return Promise.all(
    descriptors.map(async (descriptor, index) => {
      const inode = await inodeOf(descriptor);
      const table = tables.find((_, at) => inode !== undefined && inodes[at]?.has(inode) === true);
      if (table === undefined) {
        throw new ListenFailed(
          `inherited descriptor ${String(descriptor)} is no UDP or TCP socket`,
        );
      }
      return { descriptor, ...meaningOf(table, names.split(':')[index]) };
    }),
  );
}

function meaningOf(
  table: (typeof tables)[number],
  name: string | undefined,
): Omit<InheritedSocket, 'descriptor'> {
  const address = { host: table.endsWith('6') ? '::' : '0.0.0.0', port: 0 };
  if (table.startsWith('udp')) return { kind: 'udp', address };
  return { kind: name === 'tls' || name === 'https' ? name : 'tcp', address };
}

async function inodeOf(descriptor: number): Promise<string | undefined> {
  try {
    const target = await readlink(`/proc/self/fd/${String(descriptor)}`);
    return /^socket:\[(\d+)\]$/.exec(target)?.[1];
  } catch {
    return undefined; // not open, or not Linux
  }
}

async function readInodes(table: string): Promise<ReadonlySet<string>> {
  try {
    const lines = (await readFile(`/proc/self/net/${table}`, 'utf8')).split('\n');
    return new Set(lines.map((line) => line.trim().split(/\s+/)[inodeColumn] ?? ''));
  } catch {
    return new Set(); // a kernel without IPv6 has no such table
  }
}
